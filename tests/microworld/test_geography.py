"""The tools of the family `geography`, against well-known facts, the time zone database and the airports' positions."""

import datetime as dt
import re
import zoneinfo
from importlib import resources
from typing import Any

import pytest
from calls import error, value

from microworld.tools._base import NOW
from microworld.tools.tables.airports import AIRPORTS
from microworld.tools.tables.cities import CITIES
from microworld.tools.tables.countries import CONTINENTS, COUNTRIES


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
]


@pytest.mark.parametrize(("tool", "arguments", "message"), ERRORS)
def test_errors(tool: str, arguments: dict[str, Any], message: str) -> None:
    assert error(tool, **arguments) == message
