"""The tools of the family `weather`: the Beaufort scale against its formula, the fiction against itself."""

import asyncio
import random
import re
import string
from collections.abc import Iterable
from typing import Any

import pytest

from microworld.test_set.wordings.weather import WORDINGS
from microworld.tools.tables.cities import CITIES
from microworld.tools.weather import TOOLS
from ste_core.records import Call, Observation
from ste_core.tools.functions import FunctionToolbox

FAMILY = "weather"
BOX = FunctionToolbox(TOOLS)
OPTIONAL_SLOTS = {
    "current_weather": "units",
    "weather_forecast": "units",
    "compare_weather": "measure",
    "wind_force": "unit",
}
PLACES = [f"{city.name}, {city.country}" for city in CITIES.values()]


def observe(calls: Iterable[tuple[str, dict[str, Any]]]) -> list[Observation]:
    """Execute calls one after the other in one event loop."""

    async def run() -> list[Observation]:
        return [await BOX.execute(Call(tool=tool, arguments=arguments)) for tool, arguments in calls]

    return asyncio.run(run())


def value(tool: str, **arguments: Any) -> Any:
    """The result of a call that must succeed."""
    (observation,) = observe([(tool, arguments)])
    assert observation.ok, observation.text
    return observation.value


def number(text: str) -> float:
    """The number of "-3 C"."""
    return float(text.split()[0])


# Right results: the weather is invented, so it is held to what was frozen, to itself and to plausibility


def test_the_fiction_stays_as_it_was_frozen() -> None:
    assert value("current_weather", city="Lisbon, PT") == {"sky": "rain", "temperature": "11 C", "wind": "1 m/s"}
    assert value("current_weather", city="Oslo, NO") == {"sky": "sunny", "temperature": "-5 C", "wind": "17 m/s"}
    assert value("current_weather", city="Osaka, JP") == {"sky": "fog", "temperature": "14 C", "wind": "2 m/s"}


def test_imperial_units() -> None:
    # by hand: 11 * 9 / 5 + 32 = 51.8 and -5 * 9 / 5 + 32 = 23; 1 m/s = 2.24 mph and 17 m/s = 38.03 mph
    lisbon = {"sky": "rain", "temperature": "52 F", "wind": "2 mph"}
    assert value("current_weather", city="Lisbon, PT", units="imperial") == lisbon
    oslo = {"sky": "sunny", "temperature": "23 F", "wind": "38 mph"}
    assert value("weather_forecast", city="Oslo, NO", day=0, units="imperial") == oslo
    metric = value("current_weather", city="Oslo, NO", units="metric")
    assert metric == value("current_weather", city="oslo,no") == value("current_weather", city=" Oslo ,  NO ")


def test_near_duplicates_agree_on_day_zero_and_differ_later() -> None:
    now = observe([("current_weather", {"city": place}) for place in PLACES])
    today = observe([("weather_forecast", {"city": place, "day": 0}) for place in PLACES])
    tomorrow = observe([("weather_forecast", {"city": place, "day": 1}) for place in PLACES])
    assert [one.value for one in now] == [one.value for one in today]
    assert sum(one.value == other.value for one, other in zip(now, tomorrow, strict=True)) < 5


def test_forecasts_are_plausible() -> None:
    calls = [("weather_forecast", {"city": place, "day": day}) for place in PLACES for day in range(8)]
    reports = [observation.value for observation in observe(calls)]
    assert {report["sky"] for report in reports} == {"sunny", "cloudy", "fog", "rain", "storm", "snow"}
    for report in reports:
        assert -20 <= number(report["temperature"]) <= 40 and 1 <= number(report["wind"]) <= 22
        assert report["sky"] != "snow" or number(report["temperature"]) <= 0
        assert report["sky"] != "storm" or number(report["wind"]) >= 13.9  # Beaufort 7
    means = {}
    for index, place in enumerate(PLACES):
        means[place] = sum(number(report["temperature"]) for report in reports[8 * index : 8 * index + 8]) / 8
    # March: cold in the north, hot at the equator, mild at the end of the southern summer
    assert means["Reykjavik, IS"] < 5 < means["Rome, IT"] < means["Melbourne, AU"] < means["Singapore, SG"]


def test_a_day_may_be_written_as_a_float() -> None:
    call = {"city": "Lima, PE"}
    assert value("weather_forecast", **call, day=4.0) == value("weather_forecast", **call, day=4)


def test_compare_weather_agrees_with_the_single_reports() -> None:
    cities = ["Oslo, NO", "Cairo, EG", "Lima, PE"]
    temperatures = {city[:-4]: number(value("current_weather", city=city)["temperature"]) for city in cities}
    winds = {city[:-4]: number(value("current_weather", city=city)["wind"]) for city in cities}
    assert value("compare_weather", cities=cities) == {"highest": "Lima", "temp": temperatures}
    assert value("compare_weather", cities=cities, measure="temp") == {"highest": "Lima", "temp": temperatures}
    assert value("compare_weather", cities=cities, measure="wind") == {"highest": "Cairo", "wind": winds}
    assert value("compare_weather", cities=["Rome, IT", "Oslo, NO"], measure="rain")["highest"] == "Rome"


def test_compare_weather_counts_the_first_of_equal_cities() -> None:
    # both dry on the day
    dry = ["Perth, AU", "Tokyo, JP"]
    assert value("compare_weather", cities=dry, measure="rain") == {
        "highest": "Perth",
        "rain": {"Perth": 0, "Tokyo": 0},
    }
    assert value("compare_weather", cities=dry[::-1], measure="rain")["highest"] == "Tokyo"


def test_compare_weather_measures_agree_with_the_sky() -> None:
    for start in range(0, len(PLACES), 3):
        cities = PLACES[start : start + 3]
        rain = value("compare_weather", cities=cities, measure="rain")["rain"]
        humidity = value("compare_weather", cities=cities, measure="hum")["hum"]
        for city in cities:
            wet = value("current_weather", city=city)["sky"] in ("rain", "storm", "snow")
            assert (rain[city[:-4]] > 0) == wet
            assert 0 <= humidity[city[:-4]] <= 100


@pytest.mark.parametrize(
    ("speed", "unit", "force", "name"),
    [  # the scale as the Met Office publishes it
        (0, None, 0, "calm"),
        (0.3, None, 1, "light air"),
        (3.3, None, 2, "light breeze"),
        (12, None, 6, "strong breeze"),
        (13.9, "ms", 7, "near gale"),
        (32.7, "ms", 12, "hurricane"),
        (45, "kmh", 6, "strong breeze"),
        (28, "kmh", 4, "moderate breeze"),
        (117, "kmh", 11, "violent storm"),
        (24, "mph", 5, "fresh breeze"),
        (47, "mph", 9, "strong gale"),
        (10, "kn", 3, "gentle breeze"),
        (34, "kn", 8, "gale"),
        (48, "kn", 10, "storm"),
        (1000, "kn", 12, "hurricane"),
    ],
)
def test_wind_force(speed: float, unit: str | None, force: int, name: str) -> None:
    assert value("wind_force", speed=speed, **({} if unit is None else {"unit": unit})) == {
        "force": force,
        "name": name,
    }


@pytest.mark.parametrize(("unit", "metres"), [("ms", 1.0), ("kmh", 1 / 3.6), ("mph", 0.44704), ("kn", 1852 / 3600)])
def test_beaufort_limits_follow_the_scale_s_formula(unit: str, metres: float) -> None:
    # v = 0.836 m/s * B ^ 1.5 (WMO); the published limits are rounded, those in knots by up to 1.5 knots
    for force in range(12):
        limit = 0.836 * (force + 0.5) ** 1.5 / metres
        margin = 0.8 / metres
        below, above = max(0.0, limit - margin), limit + margin
        assert value("wind_force", speed=below, unit=unit)["force"] <= force
        assert value("wind_force", speed=above, unit=unit)["force"] >= force + 1


def test_active_warnings_agree_with_the_weather() -> None:
    warnings = value("active_warnings")
    assert 1 <= len(warnings) <= 5 and list(warnings) == sorted(warnings)
    for name, warning in warnings.items():
        report = value("current_weather", city=f"{name}, {CITIES[name].country}")
        if warning == "strong gale":
            assert number(report["wind"]) >= 20.8  # Beaufort 9
        elif warning == "frost":
            assert number(report["temperature"]) <= -5
        else:
            assert warning == "heavy rain" and report["sky"] in ("rain", "storm")
    assert set(warnings.values()) == {"strong gale", "frost", "heavy rain"}
    for place in PLACES:
        if place[:-4] not in warnings:
            report = value("current_weather", city=place)
            assert number(report["wind"]) < 21 and -5 < number(report["temperature"]) < 33


# Errors

_CITY = "write city, two-letter country code, like Lyon, FR"
_STATION = "no weather station there, check city and country code"

#: tool, arguments, the message
ERRORS: list[tuple[str, dict[str, Any], str]] = [
    ("current_weather", {"city": "Lisbon"}, f"city: {_CITY}"),
    ("current_weather", {"city": "Lisbon, Portugal"}, f"city: {_CITY}"),
    ("current_weather", {"city": "Lisbon PT"}, f"city: {_CITY}"),
    ("current_weather", {"city": "Lisbon, Lisboa, PT"}, f"city: {_CITY}"),
    ("current_weather", {"city": "Lisbon, ﬁ"}, f"city: {_CITY}"),
    ("current_weather", {"city": "Lisbon, ES"}, f"city: {_STATION}"),
    ("current_weather", {"city": ", PT"}, f"city: {_STATION}"),
    ("current_weather", {"city": "Lisbon, PT", "units": "Celsius"}, "units: use metric or imperial"),
    ("weather_forecast", {"city": "Cairo", "day": 1}, f"city: {_CITY}"),
    ("weather_forecast", {"city": "Cairo, XX", "day": 1}, f"city: {_STATION}"),
    ("weather_forecast", {"city": "Cairo, EG", "day": 8}, "day: count days from today, from 0 to 7"),
    ("weather_forecast", {"city": "Cairo, EG", "day": -1}, "day: count days from today, from 0 to 7"),
    ("weather_forecast", {"city": "Cairo, EG", "day": 1, "units": "F"}, "units: use metric or imperial"),
    ("compare_weather", {"cities": []}, "cities: give 2 to 5 cities"),
    ("compare_weather", {"cities": ["Oslo, NO"]}, "cities: give 2 to 5 cities"),
    ("compare_weather", {"cities": PLACES[:6]}, "cities: give 2 to 5 cities"),
    ("compare_weather", {"cities": ["Oslo, NO", "Rome"]}, f"cities: {_CITY}"),
    ("compare_weather", {"cities": ["Oslo, NO", "Rome, FR"]}, f"cities: {_STATION}"),
    ("compare_weather", {"cities": ["Oslo, NO", "oslo,no"]}, "cities: the same city twice"),
    (
        "compare_weather",
        {"cities": ["Oslo, NO", "Rome, IT"], "measure": "humidity"},
        "measure: use temp, wind, rain or hum",
    ),
    ("wind_force", {"speed": -0.1}, "speed: must be from 0 to 1000"),
    ("wind_force", {"speed": 1000.5}, "speed: must be from 0 to 1000"),
    ("wind_force", {"speed": float("nan")}, "speed: must be from 0 to 1000"),
    ("wind_force", {"speed": 45, "unit": "km/h"}, "unit: use ms, kmh, mph or kn"),
    ("active_warnings", {"city": "Oslo, NO"}, "unknown argument 'city', arguments are: none"),
]


@pytest.mark.parametrize(("tool", "arguments", "message"), ERRORS)
def test_errors(tool: str, arguments: dict[str, Any], message: str) -> None:
    (observation,) = observe([(tool, arguments)])
    assert (observation.ok, observation.text) == (False, f"Error: {message}")
    assert len(message.split()) <= 18


# The family as a whole


def parameters(tool: str) -> dict[str, dict[str, Any]]:
    """The JSON Schema of each parameter of a tool."""
    return BOX.tools[tool].parameters["properties"]  # type: ignore[return-value]


def test_documentation_is_short() -> None:
    for name, tool in BOX.tools.items():
        assert len(tool.description.split()) <= 12
        assert len(tool.documentation().split()) <= 40
        assert all(len(schema.get("description", "").split()) <= 3 for schema in parameters(name).values())


def test_family_has_what_the_study_asks_for() -> None:
    schemas = {name: parameters(name).values() for name in BOX.tools}
    assert len(TOOLS) == 5 and {tool.family for tool in BOX.tools.values()} == {FAMILY}
    assert sum(bool(function.properties.convention) for function in TOOLS) >= 4
    assert sum(function.properties.silent for function in TOOLS) <= 1
    assert sum(any("default" in one for one in every) for every in schemas.values()) >= 2
    assert any(one.get("type") in ("array", "object") for every in schemas.values() for one in every)
    assert sum(not every for every in schemas.values()) == 1
    named = {function.__name__: function.properties.near_duplicate for function in TOOLS}
    named = {name: other for name, other in named.items() if other}
    assert len(named) == 2 and all(named[other] == name for name, other in named.items())


@pytest.mark.parametrize("function", [one for one in TOOLS if one.properties.convention], ids=lambda one: one.__name__)
def test_breaking_the_convention_fails_and_keeping_it_works(function: Any) -> None:
    cases = (function.properties.breaks, function.properties.keeps)
    broken, kept = observe([(function.__name__, arguments) for arguments in cases])
    assert not broken.ok and kept.ok
    assert broken.text.removeprefix("Error: ").split(":")[0] in function.properties.breaks


def slots_of(template: str) -> frozenset[str]:
    """The names of a template's slots."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def test_every_tool_has_wordings() -> None:
    assert set(WORDINGS) == set(BOX.tools)


@pytest.mark.parametrize("tool", list(WORDINGS))
def test_wordings(tool: str) -> None:
    wordings, schema = WORDINGS[tool], parameters(tool)
    assert len(wordings.test) >= (10 if schema else 15) and len(wordings.dev) >= (3 if schema else 5)
    every = wordings.test + wordings.dev
    assert len({template.lower() for template in every}) == len(every)
    optional = {name for name, one in schema.items() if "default" in one}
    cases = []
    for template in every:
        slots = slots_of(template)
        for seed in range(30):
            case = wordings.case(random.Random(seed), slots)
            cases.append((template.format(**case.slots), (tool, case.arguments)))
            assert slots <= set(case.slots)
            assert optional & set(case.arguments) == ({OPTIONAL_SLOTS[tool]} & slots if optional else set())
    for query, _ in cases:
        assert len(query.split()) <= 25, query
        words = " ".join(re.findall("[a-z]+", query.lower()))
        assert not any(name.replace("_", " ") in words or name in query.lower() for name in BOX.tools), query
        assert "lyon" not in words  # the example of the tools' errors
    for (query, call), observation in zip(cases, observe(call for _, call in cases), strict=True):
        assert observation.ok and len(observation.text) <= 160, (query, call, observation.text)
    if not schema:
        assert all(not slots_of(template) for template in every)
        return
    share = sum(OPTIONAL_SLOTS[tool] in slots_of(template) for template in wordings.test) / len(wordings.test)
    assert 0.3 <= 1 - share <= 0.7
    rng = random.Random(0)
    templates = [rng.choice(wordings.test) for _ in range(40)]
    assert len({one.format(**wordings.case(rng, slots_of(one)).slots) for one in templates}) >= 20


def test_forecast_wordings_never_ask_for_the_present() -> None:
    for seed in range(200):
        assert WORDINGS["weather_forecast"].case(random.Random(seed), frozenset({"city", "when"})).arguments["day"] >= 1


NASTY: list[Any] = [None, True, False, 0, 1, -1, 2.0, 3, 7, 7.5, 1e308, -1e308, 10**400, 1e-300, float("nan")]
NASTY += [
    float("inf"),
    "",
    " ",
    ",",
    ", ",
    "x" * 100_000,
    "a," * 50_000,
    "٣",
    "Zürich, CH 🌦",
    "\x00",
    "Rome, IT",
    "kmh",
]
NASTY += ["imperial", "hum", "{}", "%s", [], [[]], ["Rome, IT", None], ["Rome, IT"] * 5000, {}, {"": {"": []}}]


def test_thousand_confused_calls() -> None:
    rng = random.Random(7)
    samples = {function.__name__: function.properties.keeps or {} for function in TOOLS}
    calls: list[tuple[str, dict[str, Any]]] = []
    for _ in range(1000):
        tool = rng.choice(list(BOX.tools))
        arguments = dict(samples[tool])
        for name in rng.sample(list(parameters(tool)), rng.randint(0, len(parameters(tool)))):
            old = arguments.get(name)
            arguments[name] = rng.choice(NASTY)
            if isinstance(old, list) and rng.random() < 0.6:
                arguments[name] = [rng.choice([*old, rng.choice(NASTY)]) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.1:
            arguments[rng.choice(("nonsense", ""))] = rng.choice(NASTY)
        if arguments and rng.random() < 0.1:
            arguments.pop(rng.choice(list(arguments)))
        calls.append((tool, arguments))
    observations = observe(calls)
    assert 100 < sum(observation.ok for observation in observations) < 900
    for call, observation in zip(calls, observations, strict=True):
        assert len(observation.text) <= BOX.max_chars and observation.seconds < 1
        assert not re.match(r"Error: [A-Z]\w*(Error|Exception|Exit)\b", observation.text), call
