"""The tools of the family `geography`, against well-known facts, the time zone database and the airports' positions."""

import asyncio
import datetime as dt
import random
import re
import string
import zoneinfo
from collections.abc import Iterable
from importlib import resources
from typing import Any

import pytest

from microworld.test_set.wordings.geography import WORDINGS
from microworld.tools._base import NOW
from microworld.tools.geography import TOOLS
from microworld.tools.tables.airports import AIRPORTS
from microworld.tools.tables.cities import CITIES
from microworld.tools.tables.countries import CONTINENTS, COUNTRIES
from ste_core.records import Call, Observation
from ste_core.tools.functions import FunctionToolbox

FAMILY = "geography"
BOX = FunctionToolbox(TOOLS)
OPTIONAL_SLOTS = {
    "country_fact": "fact",
    "cities_in_area": "limit",
    "cities_near_point": "unit",
    "time_in_zone": "time",
}


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


def zoneinfo_file(name: str) -> Any:
    """A file of the package `tzdata`, open for reading: the system's database may be another release."""
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb")


# Right results


@pytest.mark.parametrize(
    ("country", "fact", "result"),
    [  # general knowledge; areas and populations as in any almanac, to the precision of the tool
        ("AU", None, {"capital": "Canberra"}),
        ("ch", None, {"capital": "Bern"}),
        (" NG ", "capital", {"capital": "Abuja"}),
        ("EG", "continent", {"continent": "Africa"}),
        ("MX", "continent", {"continent": "North America"}),
        ("GB", "currency", {"currency": "GBP"}),
        ("SN", "currency", {"currency": "XOF"}),
        ("JP", "population", {"population": 123_300_000}),
        ("DE", "area", {"area_km2": 357_000}),
        ("SG", "area", {"area_km2": 700}),
        ("BE", "languages", {"languages": ["nl", "fr", "de"]}),
        ("IE", "calling", {"calling": "+353"}),
        ("KR", "code3", {"code3": "KOR"}),
    ],
)
def test_country_fact(country: str, fact: str | None, result: dict[str, Any]) -> None:
    optional = {} if fact is None else {"fact": fact}
    assert value("country_fact", country=country, **optional) == result


#: the most populous countries of mid-2023 in order (United Nations, World Population Prospects 2022) and the largest by
#: area, without Bangladesh, Russia and Ethiopia, which the table does not have
MOST_PEOPLE = ["IN", "CN", "US", "ID", "PK", "NG", "BR", "MX"]
LARGEST = ["CA", "US", "CN", "BR", "AU", "IN"]


def test_countries_table_is_sound() -> None:
    rows = COUNTRIES.values()
    assert sorted(COUNTRIES, key=lambda code: -COUNTRIES[code].population)[:8] == MOST_PEOPLE
    assert sorted(COUNTRIES, key=lambda code: -COUNTRIES[code].area)[:6] == LARGEST
    assert len({row.code3 for row in rows}) == len({row.capital for row in rows}) == len(COUNTRIES)
    for code, row in COUNTRIES.items():
        assert re.fullmatch("[A-Z]{2}", code) and re.fullmatch("[A-Z]{3}", row.code3)
        assert re.fullmatch("[A-Z]{3}", row.currency) and re.fullmatch(r"\+[1-9]\d{0,2}", row.calling_code)
        assert all(re.fullmatch("[a-z]{2}", language) for language in row.languages) and 1 <= len(row.languages) <= 5
        assert row.continent in CONTINENTS
        assert 2 < row.population * 1000 / row.area < 9000  # people a square kilometre: Australia, Singapore
    for continent, millions in CONTINENTS.items():
        assert sum(row.population for row in rows if row.continent == continent) <= millions


@pytest.mark.parametrize(
    ("south", "north", "west", "east", "limit", "cities"),
    [  # read off a map
        (34, 37, 135, 140, None, ["Tokyo", "Osaka"]),
        (40, 46, 9, 13, None, ["Rome", "Milan"]),
        (-45, -30, 110, 155, None, ["Melbourne", "Sydney", "Perth"]),
        (-45, -30, 110, 155, 2, ["Melbourne", "Sydney"]),
        (-45, -30, 170, -170, None, ["Auckland"]),  # across the 180th meridian
        (-45, -30, -170, 170, 1, ["Buenos Aires"]),
        (60, 70, -30, 30, 5, ["Helsinki", "Reykjavik"]),
        (-90, 90, -180, 180, None, ["Tokyo", "Delhi", "Shanghai", "Sao Paulo", "Mexico City"]),  # UN, 2020
        (-90, -60, -180, 180, None, []),
    ],
)
def test_cities_in_area(
    south: float, north: float, west: float, east: float, limit: int | None, cities: list[str]
) -> None:
    area = {"south": south, "north": north, "west": west, "east": east}
    assert value("cities_in_area", area=area, **({} if limit is None else {"limit": limit})) == cities


@pytest.mark.parametrize(
    ("point", "radius", "unit", "cities"),
    [  # London to Paris is 344 km, 214 miles, 186 nautical miles, to Brussels 320 km; Sydney to Melbourne 713 km
        ([51.51, -0.13], 340, None, ["London", "Brussels"]),
        ([51.51, -0.13], 348, None, ["Paris", "London", "Brussels"]),
        ([51.51, -0.13], 211, "mi", ["London", "Brussels"]),
        ([51.51, -0.13], 217, "mi", ["Paris", "London", "Brussels"]),
        ([51.51, -0.13], 183, "nmi", ["London", "Brussels"]),
        ([51.51, -0.13], 188, "nmi", ["Paris", "London", "Brussels"]),
        ([-33.87, 151.21], 700, "km", ["Sydney"]),
        ([-33.87, 151.21], 720, "km", ["Melbourne", "Sydney"]),
        ([-36.9, -179.5], 600, "km", ["Auckland"]),  # across the 180th meridian
        ([-80, 0], 1000, "km", []),
    ],
)
def test_cities_near_point(point: list[float], radius: float, unit: str | None, cities: list[str]) -> None:
    found = value("cities_near_point", point=point, radius=radius, **({} if unit is None else {"unit": unit}))
    assert found == cities


def test_near_duplicates_agree_and_differ() -> None:
    area, circle = {"south": 34, "north": 37, "west": 135, "east": 140}, {"point": [35.2, 137.5], "radius": 300}
    assert value("cities_in_area", area=area) == value("cities_near_point", **circle) == ["Tokyo", "Osaka"]
    assert value("cities_in_area", area={**area, "west": 136}) != value("cities_near_point", **circle)


@pytest.mark.parametrize(
    ("zone", "time", "result"),
    [  # well-known offsets; on 18 March summer time has begun in New York, not in London, and still holds in Sydney
        ("Asia/Tokyo", None, {"time": "23:25", "date": "same day", "utc_offset": "+09:00"}),
        ("Asia/Tokyo", "15:00", {"time": "00:00", "date": "next day", "utc_offset": "+09:00"}),
        ("America/New_York", "03:30", {"time": "23:30", "date": "previous day", "utc_offset": "-04:00"}),
        ("europe/london", None, {"time": "14:25", "date": "same day", "utc_offset": "+00:00"}),
        ("Asia/Kolkata", "00:00", {"time": "05:30", "date": "same day", "utc_offset": "+05:30"}),
        ("Australia/Sydney", "13:30", {"time": "00:30", "date": "next day", "utc_offset": "+11:00"}),
        ("America/Argentina/Buenos_Aires", "14:25", {"time": "11:25", "date": "same day", "utc_offset": "-03:00"}),
    ],
)
def test_time_in_zone(zone: str, time: str | None, result: dict[str, str]) -> None:
    assert value("time_in_zone", zone=zone, **({} if time is None else {"time": time})) == result


def test_offsets_are_those_of_the_time_zone_database() -> None:
    tzdata = pytest.importorskip("tzdata")
    if tzdata.IANA_VERSION != "2026f":
        pytest.skip("offsets were taken from release 2026f")
    now = NOW.replace(tzinfo=dt.UTC)
    for city in CITIES.values():
        with zoneinfo_file(city.zone) as file:
            local = now.astimezone(zoneinfo.ZoneInfo.from_file(file, city.zone))
        assert local.utcoffset() == dt.timedelta(hours=city.utc_offset), city


def test_cities_are_where_the_time_zone_database_and_the_airports_have_them() -> None:
    by_airport = {airport.city: (airport.latitude, airport.longitude) for airport in AIRPORTS.values()}
    near = {name for name in CITIES if name in by_airport}
    assert len(near) > 25
    for name in near:
        (latitude, longitude), city = by_airport[name], CITIES[name]
        assert abs(latitude - city.latitude) < 0.6 and abs(longitude - city.longitude) < 0.8, city
    pytest.importorskip("tzdata")
    with zoneinfo_file("zone.tab") as file:
        rows = [line.split("\t") for line in file.read().decode().splitlines() if not line.startswith("#")]
    places = {zone.strip(): (country, position) for country, position, zone, *_ in rows}
    for city in CITIES.values():
        country, position = places[city.zone]
        assert country == city.country
        if city.zone.split("/")[-1].replace("_", " ") == city.name:
            latitude, longitude = (degrees(text) for text in re.findall(r"[+-]\d+", position))
            assert abs(latitude - city.latitude) < 0.2 and abs(longitude - city.longitude) < 0.2, city


def degrees(text: str) -> float:
    """Degrees of ±DDMM, ±DDDMM, ±DDMMSS or ±DDDMMSS."""
    digits = text[1:]
    whole = 2 + len(digits) % 2
    parts = [int(digits[:whole]), int(digits[whole : whole + 2]), int(digits[whole + 2 :] or 0)]
    return (1 if text[0] == "+" else -1) * (parts[0] + parts[1] / 60 + parts[2] / 3600)


def test_cities_table_is_sound() -> None:
    assert len(CITIES) == 63 and len({(city.latitude, city.longitude) for city in CITIES.values()}) == 63
    assert {city.country for city in CITIES.values()} == set(COUNTRIES)
    populations = [city.population for city in CITIES.values()]
    assert populations == sorted(populations, reverse=True)


def test_list_continents() -> None:
    continents = value("list_continents")
    assert list(continents) == ["Asia", "Africa", "Europe", "North America", "South America", "Oceania", "Antarctica"]
    assert sum(continents.values()) == pytest.approx(8045, rel=0.01)  # millions in mid-2023, World Population Prospects
    assert continents["Antarctica"] == 0


# Errors

_AREA = {"south": 35, "north": 45, "west": 0, "east": 20}
_KEYS = 'area: give south, north, west and east, like {"south": 41, "north": 51, "west": -5, "east": 9}'
_RANGES = "area: latitudes go from -90 to 90, longitudes from -180 to 180, south is negative"
_POINT = "point: use [latitude, longitude] in degrees, like [59.3, 18.1]"
_ZONE = "zone: use Area/City with underscores, like Europe/Paris or America/Los_Angeles"
_TIME = "time: use HH:MM from 00:00 to 23:59, like 08:05"

#: tool, arguments, the message
ERRORS: list[tuple[str, dict[str, Any], str]] = [
    ("country_fact", {"country": "Japan"}, "country: use a two-letter code, like FR"),
    ("country_fact", {"country": "JPN"}, "country: use a two-letter code, like FR"),
    ("country_fact", {"country": "ﬁ"}, "country: use a two-letter code, like FR"),
    ("country_fact", {"country": "ZZ"}, "country: no data for the code ZZ"),
    (
        "country_fact",
        {"country": "JP", "fact": "president"},
        "fact: use capital, continent, currency, population, area, languages, calling or code3",
    ),
    ("cities_in_area", {"area": {"lat_min": 35, "lat_max": 45, "lon_min": 0, "lon_max": 20}}, _KEYS),
    ("cities_in_area", {"area": {}}, _KEYS),
    ("cities_in_area", {"area": {**_AREA, "unit": 1}}, _KEYS),
    ("cities_in_area", {"area": {**_AREA, "north": 91}}, _RANGES),
    ("cities_in_area", {"area": {**_AREA, "east": float("nan")}}, _RANGES),
    ("cities_in_area", {"area": {**_AREA, "south": 46}}, "area: south must not be greater than north"),
    ("cities_in_area", {"area": _AREA, "limit": 6}, "limit: use a number from 1 to 5"),
    ("cities_in_area", {"area": _AREA, "limit": 0}, "limit: use a number from 1 to 5"),
    ("cities_near_point", {"point": [139.0, 36.0], "radius": 500}, _POINT),
    ("cities_near_point", {"point": [36.0], "radius": 500}, _POINT),
    ("cities_near_point", {"point": [], "radius": 500}, _POINT),
    ("cities_near_point", {"point": [36.0, 181], "radius": 500}, _POINT),
    ("cities_near_point", {"point": [36.0, 139.0], "radius": 0}, "radius: must be more than 0 and at most 5000"),
    ("cities_near_point", {"point": [36.0, 139.0], "radius": 1e9}, "radius: must be more than 0 and at most 5000"),
    ("cities_near_point", {"point": [36.0, 139.0], "radius": 9, "unit": "miles"}, "unit: use km, mi or nmi"),
    ("time_in_zone", {"zone": "Seoul"}, _ZONE),
    ("time_in_zone", {"zone": "UTC+9"}, _ZONE),
    ("time_in_zone", {"zone": "America/New York"}, _ZONE),
    ("time_in_zone", {"zone": "Asia/Osaka"}, "zone: no data for this time zone, use one like Europe/Paris"),
    ("time_in_zone", {"zone": "Asia/Seoul", "time": "9:30"}, _TIME),
    ("time_in_zone", {"zone": "Asia/Seoul", "time": "24:00"}, _TIME),
    ("time_in_zone", {"zone": "Asia/Seoul", "time": "09:30\n"}, _TIME),
    ("list_continents", {"order": "area"}, "unknown argument 'order', arguments are: none"),
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
    for (query, call), observation in zip(cases, observe(call for _, call in cases), strict=True):
        assert observation.ok and len(observation.text) <= 160, (query, call, observation.text)
        assert observation.value, (query, call)  # there is something to find
    if not schema:
        assert all(not slots_of(template) for template in every)
        return
    share = sum(OPTIONAL_SLOTS[tool] in slots_of(template) for template in wordings.test) / len(wordings.test)
    assert 0.3 <= 1 - share <= 0.7
    rng = random.Random(0)
    templates = [rng.choice(wordings.test) for _ in range(40)]
    assert len({one.format(**wordings.case(rng, slots_of(one)).slots) for one in templates}) >= 20


def test_gold_calls_use_no_example_of_an_error() -> None:
    for tool, wordings in WORDINGS.items():
        for seed in range(300):
            arguments = wordings.case(random.Random(seed), frozenset({OPTIONAL_SLOTS.get(tool, "")})).arguments
            for key in arguments.values():
                assert key not in ("FR", "Europe/Paris", "America/Los_Angeles", "08:05", [59.3, 18.1])


NASTY: list[Any] = [None, True, False, 0, 1, -1, 2.0, 3, 5, 91, 1e308, -1e308, 10**30, 1e-300]
NASTY += [float("nan"), float("inf"), "", " ", "x" * 100_000, "a/" * 50_000, "٣٥", "Zürich 🌍", "\x00", "CH", "km"]
NASTY += ["12:30", "Asia/Seoul", "{}", "%s", [], [[]], [35, 139], [35, "139"], [0.5] * 5000, {}, {"south": None}]
NASTY += [{**_AREA, "east": 10**400}, {"": {"": []}}]


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
            if isinstance(old, dict) and rng.random() < 0.6:
                arguments[name] = {**old, rng.choice([*old, "x"]): rng.choice(NASTY)}
            elif isinstance(old, list) and rng.random() < 0.6:
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
