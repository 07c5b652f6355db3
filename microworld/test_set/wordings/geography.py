"""Wordings for the family `geography`.

Countries read as a name or as a code, time zones as the city that names them or as the zone's name, coordinates as
numbers with a compass direction or with a sign. Areas and circles are drawn around known cities, so that there is
something to find.
"""

import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.geography import cities_in_area, cities_near_point
from microworld.tools.tables.cities import CITIES
from microworld.tools.tables.countries import COUNTRIES

_WITH_ARTICLE = {"Netherlands", "United Kingdom", "United States"}

#: without the example of the tool's error
_COUNTRIES = tuple(code for code in COUNTRIES if code != "FR")

_FACTS = {
    "continent": ("continent",),
    "currency": ("currency", "money in use", "national currency"),
    "population": ("population", "number of people", "number of inhabitants"),
    "area": ("area", "size in square kilometres", "land area"),
    "languages": ("languages", "official languages"),
    "calling": ("calling code", "phone prefix", "international dialling code"),
    "code3": ("three-letter code", "three-letter country code"),
}

_UNITS = {
    "km": ("kilometres", "km"),
    "mi": ("miles", "mi"),
    "nmi": ("nautical miles", "nmi"),
}
_NUMBERS = {2: "two", 3: "three", 4: "four"}

#: zones named after a city of the table, by that city; without the examples of the tool's errors
_ZONES = {
    city.name: city.zone
    for city in CITIES.values()
    if city.zone.split("/")[-1].replace("_", " ") == city.name and city.name not in ("Paris", "Los Angeles")
}
_EXAMPLE = [59.3, 18.1]
_HOURS = ("twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")


def _country(rng: random.Random) -> tuple[str, str]:
    """A country: how it reads and its code."""
    code = rng.choice(_COUNTRIES)
    if rng.random() < 0.4:
        return f"country {code}", code
    name = COUNTRIES[code].name
    return f"the {name}" if name in _WITH_ARTICLE else name, code


def _country_fact(rng: random.Random, slots: frozenset[str]) -> Case:
    text, code = _country(rng)
    texts, arguments = {"country": text}, {"country": code}
    if "fact" in slots:
        arguments["fact"] = rng.choice(list(_FACTS))
        texts["fact"] = rng.choice(_FACTS[arguments["fact"]])
    return Case(texts, arguments)


def _coordinate(value: float, positive: str, negative: str, signed: bool) -> str:
    """A coordinate as it reads: "-12.5", or "12.5 south"."""
    if signed:
        return f"{value:g}"
    return f"{abs(value):g} {positive if value >= 0 else negative}"


def _area(rng: random.Random, slots: frozenset[str]) -> Case:
    limit = rng.choice(list(_NUMBERS)) if "limit" in slots else 5
    wanted = limit + 1 if "limit" in slots else 1  # so that a limit changes the result
    while True:
        city = rng.choice(list(CITIES.values()))
        height, width = rng.choice((5, 10, 15, 20)), rng.choice((10, 15, 20, 30, 40))
        south = 5 * int(city.latitude // 5) - rng.choice((0, 5))
        west = 5 * int(city.longitude // 5) - rng.choice((0, 5, 10))
        area = {"south": south, "north": south + height, "west": west, "east": west + width}
        if area["west"] < -180 or area["east"] > 180:
            continue
        if len(cities_in_area(area)) >= wanted:
            break
    signed = rng.random() < 0.5
    texts = {side: _coordinate(area[side], "north", "south", signed) for side in ("south", "north")}
    texts |= {side: _coordinate(area[side], "east", "west", signed) for side in ("west", "east")}
    arguments: dict[str, object] = {"area": area}
    if "limit" in slots:
        arguments["limit"] = limit
        texts["limit"] = rng.choice((_NUMBERS[limit], str(limit)))
    return Case(texts, arguments)


def _circle(rng: random.Random, slots: frozenset[str]) -> Case:
    unit = rng.choice(("mi", "mi", "nmi", "nmi", "km")) if "unit" in slots else "km"
    while True:
        city = rng.choice(list(CITIES.values()))
        point = [round(at + rng.uniform(-1.5, 1.5), 1) for at in (city.latitude, city.longitude)]
        radius = rng.choice((150, 200, 250, 300, 400, 500, 600, 750, 800, 900, 1200))
        if point != _EXAMPLE and cities_near_point(point, radius, unit):
            break
    signed = rng.random() < 0.5
    texts = {
        "latitude": _coordinate(point[0], "north", "south", signed),
        "longitude": _coordinate(point[1], "east", "west", signed),
        "radius": str(radius),
    }
    arguments: dict[str, object] = {"point": point, "radius": radius}
    if "unit" in slots:
        arguments["unit"] = unit
        texts["unit"] = rng.choice(_UNITS[unit])
    return Case(texts, arguments)


def _time(rng: random.Random) -> tuple[str, str]:
    """A time of day, as it reads and as HH:MM."""
    hour, minute = rng.randint(0, 23), rng.choice((0, 0, 10, 15, 20, 30, 40, 45, 50))
    if rng.random() < 0.5:
        return f"{hour:02}:{minute:02}", f"{hour:02}:{minute:02}"
    half = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    if hour not in (0, 12) and minute in (0, 15, 30):
        before = {0: "", 15: "quarter past ", 30: "half past "}[minute]
        return f"{before}{_HOURS[hour % 12]} {half}", f"{hour:02}:{minute:02}"
    return f"{hour % 12 or 12}:{minute:02} {'am' if hour < 12 else 'pm'}", f"{hour:02}:{minute:02}"


def _zone_time(rng: random.Random, slots: frozenset[str]) -> Case:
    name = rng.choice(list(_ZONES))
    texts = {"place": name if rng.random() < 0.6 else _ZONES[name]}
    arguments = {"zone": _ZONES[name]}
    if "time" in slots:
        texts["time"], arguments["time"] = _time(rng)
    return Case(texts, arguments)


def _nothing(rng: random.Random, slots: frozenset[str]) -> Case:
    return Case({}, {})


WORDINGS: dict[str, Wordings] = {
    "country_fact": Wordings(
        case=_country_fact,
        test=(
            "What is the {fact} of {country}?",
            "Please look up the {fact} for {country}.",
            "I am filling in a quiz sheet and need this for {country}: {fact}.",
            "For {country}, tell me the {fact}.",
            "My daughter asks about {country}. What should I say about its {fact}?",
            "{country}: {fact}, please.",
            "I would like to know the {fact} that goes with {country}.",
            "What is the capital of {country}?",
            "Which city does {country} have as its capital?",
            "Name the capital city of {country}.",
        ),
        dev=(
            "Could you find out the {fact} of {country} for my report?",
            "Travelling soon to {country}, so give me its {fact}.",
            "Do you know the capital of {country}?",
        ),
    ),
    "cities_in_area": Wordings(
        case=_area,
        test=(
            "Which big cities lie between latitudes {south} and {north} and between longitudes {west} and {east}?",
            "Name the large cities from latitude {south} to {north} and from longitude {west} to {east}.",
            "My map goes from {south} to {north} in latitude, {west} to {east} in longitude. Which big cities has it?",
            "Large cities on a map whose latitude runs from {south} to {north} and longitude from {west} to {east}?",
            "What are the {limit} biggest cities with latitude {south} to {north} and longitude {west} to {east}?",
            "List the top {limit} cities by size between latitudes {south} and {north}, longitudes {west} and {east}.",
            "Give me the {limit} largest cities on a map from latitude {south} to {north}, longitude {west} to {east}.",
            "I need just {limit} big cities, latitude from {south} up to {north}, longitude from {west} to {east}.",
            "Latitude {south} to {north}, longitude {west} to {east}: what large cities are in this rectangle?",
            "In the rectangle of latitude {south} to {north}, longitude {west} to {east}, show the {limit} top cities.",
        ),
        dev=(
            "Show me major cities in the rectangle with latitude {south} to {north} and longitude {west} to {east}.",
            "The {limit} most populous cities with longitude {west} to {east} and latitude {south} to {north}, please.",
            "A photo from space shows latitude {south} to {north}, longitude {west} to {east}. What big cities has it?",
        ),
    ),
    "cities_near_point": Wordings(
        case=_circle,
        test=(
            "Which big cities are at most {radius} kilometres from latitude {latitude}, longitude {longitude}?",
            "Our ship is at latitude {latitude}, longitude {longitude}. What large cities are within {radius} {unit}?",
            "Large cities within {radius} {unit} of latitude {latitude} and longitude {longitude}, please.",
            "Find me big cities no more than {radius} {unit} away from latitude {latitude}, longitude {longitude}.",
            "What major cities are in a circle of {radius} km around latitude {latitude}, longitude {longitude}?",
            "A quake hit latitude {latitude}, longitude {longitude}. List big cities within {radius} {unit} of it.",
            "A drone at latitude {latitude}, longitude {longitude} flies {radius} km. Which big cities can it reach?",
            "Name large cities around latitude {latitude}, longitude {longitude}, at most {radius} {unit} off.",
            "Take latitude {latitude} and longitude {longitude}. Which great cities are within {radius} {unit}?",
            "From latitude {latitude}, longitude {longitude}, which big cities are {radius} kilometres off or less?",
        ),
        dev=(
            "Tell me the large cities inside {radius} {unit} of my camp at latitude {latitude}, longitude {longitude}.",
            "I stand at latitude {latitude}, longitude {longitude}. Any big city within {radius} kilometres?",
            "Big cities up to {radius} {unit} from the spot at latitude {latitude}, longitude {longitude}?",
        ),
    ),
    "time_in_zone": Wordings(
        case=_zone_time,
        test=(
            "What time is it in {place} right now?",
            "How late is it now in {place}?",
            "I want to call a friend in {place}. What do the clocks there show at this moment?",
            "When it is {time} UTC, what time is it in {place}?",
            "The launch is at {time} UTC. When is that in {place}?",
            "Convert {time} UTC to the time in {place}, please.",
            "Our meeting is set for {time} UTC. Which hour is that for people in {place}?",
            "What does a clock in {place} say at {time} UTC?",
            "A broadcast starts at {time} UTC. At what time should viewers in {place} tune in?",
            "Tell me the present time in {place}.",
        ),
        dev=(
            "Is it day or night in {place} now? Give me the time.",
            "{time} UTC is what time in {place}?",
            "The server restarts at {time} UTC. What time do users in {place} see then?",
        ),
    ),
    "list_continents": Wordings(
        case=_nothing,
        test=(
            "How many people live on each continent?",
            "What continents are there, and how many people does each have?",
            "Which continent has the most inhabitants?",
            "Name all the continents of the world.",
            "I need the population of every continent for a school poster.",
            "Which is the least populated continent?",
            "Compare the continents by number of people.",
            "How many continents are there?",
            "Do more people live in Africa or in Europe?",
            "Please give me a table of continents with their inhabitants.",
            "Roughly how many people live in Asia as a whole?",
            "Rank the continents from most to fewest people.",
            "What is the population of South America, the whole continent?",
            "Does anybody live on Antarctica, compared with the other continents?",
            "My son must learn the names of the continents. What are they?",
            "How do the world's people spread over its continents?",
        ),
        dev=(
            "Tell me the continents with their populations.",
            "Which continent is home to the second largest number of people?",
            "How many millions of people live in Oceania?",
            "Show the number of people for all continents at once.",
            "I forgot what the seven continents are called. Can you help?",
            "Is the population of North America larger than that of South America?",
        ),
    ),
}
