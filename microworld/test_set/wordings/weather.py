"""Wordings for the family `weather`.

A city reads with its country's name or with the country's code; units as "Fahrenheit" or "imperial units"; days as
"tomorrow" or "in four days". What asks for the present says "now" in some way and never "today", which a forecast could
be for as well.
"""

import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.tables.cities import CITIES
from microworld.tools.tables.countries import COUNTRIES

_WITH_ARTICLE = {"Netherlands", "United Kingdom", "United States"}

_UNITS = {
    "metric": ("Celsius", "metric units", "degrees Celsius"),
    "imperial": ("Fahrenheit", "imperial units", "degrees Fahrenheit"),
}
_DAYS = {
    1: ("tomorrow", "one day from now"),
    2: ("the day after tomorrow", "in two days", "2 days from now"),
    3: ("in three days", "three days from now", "in 3 days"),
    4: ("in four days", "four days from now", "in 4 days"),
    5: ("in five days", "five days from now", "in 5 days"),
    6: ("in six days", "six days from now", "in 6 days"),
    7: ("in seven days", "a week from now", "in a week"),
}
_MEASURES = {
    "wind": ("wind speed", "wind strength"),
    "rain": ("rainfall", "rain"),
    "hum": ("humidity", "relative humidity", "air moisture"),
}
_SPEEDS = {
    "ms": ("metres per second", "m/s"),
    "kmh": ("kilometres per hour", "km/h"),
    "mph": ("miles per hour", "mph"),
    "kn": ("knots", "kn"),
}
_FASTEST = {"ms": 38, "kmh": 135, "mph": 85, "kn": 75}


def _cities(rng: random.Random, count: int) -> tuple[list[str], list[str]]:
    """Different cities: how they read, all in the same way, and as "City, CC".

    Three read with codes, to keep queries short.
    """
    cities = [CITIES[name] for name in rng.sample(list(CITIES), count)]
    arguments = [f"{city.name}, {city.country}" for city in cities]
    if count > 2 or rng.random() < 0.5:
        return [f"{city.name} ({city.country})" for city in cities], arguments
    countries = [COUNTRIES[city.country].name for city in cities]
    articles = ["the " if country in _WITH_ARTICLE else "" for country in countries]
    texts = [
        f"{city.name} in {article}{country}" for city, article, country in zip(cities, articles, countries, strict=True)
    ]
    return texts, arguments


def _units(rng: random.Random) -> tuple[str, str]:
    """A system of units: how it reads and its name."""
    units = rng.choice(("imperial", "imperial", "metric"))
    return rng.choice(_UNITS[units]), units


def _current(rng: random.Random, slots: frozenset[str]) -> Case:
    (text,), (city,) = _cities(rng, 1)
    texts, arguments = {"city": text}, {"city": city}
    if "units" in slots:
        texts["units"], arguments["units"] = _units(rng)
    return Case(texts, arguments)


def _forecast(rng: random.Random, slots: frozenset[str]) -> Case:
    now = _current(rng, slots)
    day = rng.choice(list(_DAYS))
    return Case({**now.slots, "when": rng.choice(_DAYS[day])}, {**now.arguments, "day": day})


def _compare(rng: random.Random, slots: frozenset[str]) -> Case:
    texts, cities = _cities(rng, rng.choice((2, 2, 3)))
    arguments: dict[str, object] = {"cities": cities}
    read = {"cities": f"{', '.join(texts[:-1])} and {texts[-1]}"}
    if "measure" in slots:
        measure = rng.choice(list(_MEASURES))
        arguments["measure"] = measure
        read["measure"] = rng.choice(_MEASURES[measure])
    return Case(read, arguments)


def _wind(rng: random.Random, slots: frozenset[str]) -> Case:
    unit = rng.choice(("kmh", "kmh", "mph", "mph", "kn", "kn", "ms")) if "unit" in slots else "ms"
    speed = rng.randint(1, _FASTEST[unit]) + (rng.choice((0, 0.5)) if unit == "ms" else 0)
    texts, arguments = {"speed": f"{speed:g}"}, {"speed": speed}
    if "unit" in slots:
        texts["unit"], arguments["unit"] = rng.choice(_SPEEDS[unit]), unit
    return Case(texts, arguments)


def _nothing(rng: random.Random, slots: frozenset[str]) -> Case:
    return Case({}, {})


WORDINGS: dict[str, Wordings] = {
    "current_weather": Wordings(
        case=_current,
        test=(
            "What is the weather like in {city} right now?",
            "Is it raining at this moment in {city}?",
            "How cold or warm is it now in {city}?",
            "I am about to step out in {city}. What is it like outside at the moment?",
            "Tell me how the weather in {city} is as we speak, in {units}.",
            "In {units} please: how warm is it in {city} just now?",
            "My sister is in {city}. What weather does she have at this very moment? Use {units}.",
            "Weather in {city}, now, {units}.",
            "Please check the sky, temperature and wind in {city} this minute, in {units}.",
            "Do I need a coat in {city} now? Temperature in {units}, please.",
        ),
        dev=(
            "Could you tell me what the weather is doing in {city} at present?",
            "Right now, how windy and how warm is it in {city}? I prefer {units}.",
            "We just landed in {city}. How is the weather outside now?",
        ),
    ),
    "weather_forecast": Wordings(
        case=_forecast,
        test=(
            "What will the weather be in {city} {when}?",
            "I fly to {city} and land {when}. What weather should I expect?",
            "Will it rain {when} in {city}?",
            "We plan a picnic {when} in {city}. How does the weather look for it?",
            "How warm will it be {when} in {city}? Answer in {units}.",
            "Weather outlook for {city}, {when}, in {units}, please.",
            "Should I pack an umbrella for {city}? I will be there {when}.",
            "Please predict the temperature and wind {when} in {city} in {units}.",
            "There is a match in {city} {when}. What sky and temperature, in {units}, can the players expect?",
            "Using {units}, say what kind of weather {city} gets {when}.",
        ),
        dev=(
            "Is sunshine likely in {city} {when}?",
            "Give me the expected temperature for {city} {when}, in {units}.",
            "My train gets to {city} {when}. What will it be like outside then?",
        ),
    ),
    "compare_weather": Wordings(
        case=_compare,
        test=(
            "Where is it warmest now: {cities}?",
            "Which of these places is the hottest at the moment: {cities}?",
            "Put the present temperatures of {cities} side by side.",
            "How do {cities} differ in temperature right now?",
            "Which has the highest {measure} now, of {cities}?",
            "Compare {cities} by present {measure}.",
            "Of {cities}, where is {measure} greatest at the moment?",
            "Show the {measure} right now for {cities} and who is ahead.",
            "{cities}: which one leads in {measure} now?",
            "For my chart I need the current {measure} of {cities} together.",
        ),
        dev=(
            "Between {cities}, which place is warmer right now?",
            "Set {cities} against each other by {measure} at this moment.",
            "Who has the most {measure} now? The candidates are {cities}.",
        ),
    ),
    "wind_force": Wordings(
        case=_wind,
        test=(
            "What Beaufort number has a wind of {speed} metres per second?",
            "The anemometer shows {speed} m/s. What is such a wind called on the Beaufort scale?",
            "How strong is a wind of {speed} metres per second, in Beaufort?",
            "Turn {speed} {unit} of wind into a Beaufort number.",
            "A wind blows at {speed} {unit}. Is that a breeze, a gale or a storm?",
            "Gusts reach {speed} {unit}. Which Beaufort number is that?",
            "On the Beaufort scale, where does {speed} {unit} of wind belong?",
            "What do sailors call a wind of {speed} {unit}?",
            "I measured {speed} {unit} of wind on my balcony. Give me the Beaufort value.",
            "Name the kind of wind that blows with {speed} {unit}, please.",
        ),
        dev=(
            "Beaufort number for {speed} {unit} of wind?",
            "The radio says wind of {speed} {unit}. What is the seaman's name for it?",
            "If air moves at {speed} metres per second, what is that on the Beaufort scale?",
        ),
    ),
    "active_warnings": Wordings(
        case=_nothing,
        test=(
            "Are there any severe weather warnings now?",
            "Which cities of the world have a weather alert at the moment?",
            "List all places that are being warned of bad weather right now.",
            "Is there a gale alert anywhere?",
            "Where in the world should people watch out for dangerous weather now?",
            "Show me the weather alerts that are in effect.",
            "Has a frost alert been issued for any city?",
            "Tell me about severe weather around the globe at this moment.",
            "For the news page I need every weather warning that holds now.",
            "Does any city have a heavy rain alert?",
            "What dangerous weather is being warned about?",
            "How many cities are under a weather warning?",
            "Give me the worldwide list of storm and frost alerts.",
            "Have the weather services raised an alarm for anywhere?",
            "I travel a lot. In which cities is there an official weather alarm now?",
            "Any hazardous weather in the world I should know of?",
        ),
        dev=(
            "Which weather alerts are out?",
            "Please name the cities where severe weather is threatening now.",
            "What places have a strong wind alert?",
            "Did they put out warnings for bad weather in any city?",
            "Show the global overview of weather dangers.",
            "I heard of frost alerts. For which cities?",
        ),
    ),
}
