"""Geography: facts about countries, large cities in an area, the time elsewhere, the continents.

>>> country_fact("KE", "currency")
{'currency': 'KES'}

Facts are real (`tables/countries.py`, `tables/cities.py`). The present is the frozen `NOW`, read as coordinated
universal time (UTC).
"""

import math
import re
from collections.abc import Callable
from typing import Annotated, Any

from microworld.tools._base import NOW, Properties, ToolError, study_tool
from microworld.tools.tables.cities import CITIES, City
from microworld.tools.tables.countries import CONTINENTS, COUNTRIES, Country

MAX_CITIES = 5
MAX_RADIUS = 5000

_EARTH_RADIUS_KM = 6371.0088  # mean radius (IUGG)
_KM_IN = {"km": 1.0, "mi": 1.609344, "nmi": 1.852}

#: what `country_fact` can tell, and how
_FACTS: dict[str, Callable[[Country], dict[str, Any]]] = {
    "capital": lambda country: {"capital": country.capital},
    "continent": lambda country: {"continent": country.continent},
    "currency": lambda country: {"currency": country.currency},
    "population": lambda country: {"population": round(country.population * 1_000_000)},
    "area": lambda country: {"area_km2": round(country.area * 1000)},
    "languages": lambda country: {"languages": list(country.languages)},
    "calling": lambda country: {"calling": country.calling_code},
    "code3": lambda country: {"code3": country.code3},
}

_TIME = re.compile("([01][0-9]|2[0-3]):([0-5][0-9])")
_OFFSETS = {city.zone: city.utc_offset for city in CITIES.values()}
_ZONES = {zone.lower(): zone for zone in _OFFSETS}


@study_tool(
    family="geography",
    description="One fact about a country, its capital unless told otherwise.",
    properties=Properties(
        convention="country as a two-letter ISO code; the fact is one of eight fixed words",
        breaks={"country": "Japan"},
        keeps={"country": "JP"},
    ),
)
def country_fact(country: str, fact: str = "capital") -> dict[str, Any]:
    """One fact about a country.

    `country` is an ISO 3166-1 alpha-2 code, in any case; 46 are known (`tables/countries.py`, which names its sources).
    `fact` is "capital", "continent", "currency" (ISO 4217 code), "population" (people in mid-2023, to 100,000), "area"
    (square kilometres, to 1,000), "languages" (ISO 639-1 codes), "calling" (telephone code) or "code3" (ISO 3166-1
    alpha-3 code). Returns an object of that one fact.

    Raises:
        ToolError: a country's name, a code without data, an unknown fact.
    """
    if not re.fullmatch("[A-Za-z]{2}", country.strip()):
        raise ToolError("country: use a two-letter code, like FR")
    code = country.strip().upper()
    if code not in COUNTRIES:
        raise ToolError(f"country: no data for the code {code}")
    if fact not in _FACTS:
        raise ToolError(f"fact: use {', '.join(list(_FACTS)[:-1])} or {list(_FACTS)[-1]}")
    return _FACTS[fact](COUNTRIES[code])


def _in_range(value: float, limit: float) -> bool:
    """Whether a coordinate lies from -limit to limit; NaN does not."""
    return -limit <= value <= limit


@study_tool(
    family="geography",
    description="Large cities between two latitudes and two longitudes, the biggest first.",
    properties=Properties(
        convention="the area is an object with the keys south, north, west and east, in degrees",
        breaks={"area": {"lat_min": 35, "lat_max": 45, "lon_min": 0, "lon_max": 20}},
        keeps={"area": {"south": 35, "north": 45, "west": 0, "east": 20}},
        near_duplicate="cities_near_point",
    ),
)
def cities_in_area(area: dict[str, float], limit: int = MAX_CITIES) -> list[str]:
    """The largest known cities (of `tables/cities.py`) in an area bounded by two parallels and two meridians.

    `area` is {"south": ..., "north": ..., "west": ..., "east": ...} in degrees, north and east positive, the borders
    included; an area whose west is greater than its east crosses the 180th meridian. Names come by population, the
    greatest first, at most `limit` (1 to 5). Where the same cities lie in the area and in the circle asked of
    `cities_near_point`, the results are equal.

    Raises:
        ToolError: other keys, coordinates out of range, south above north, a limit that is not 1 to 5.
    """
    if set(area) != {"south", "north", "west", "east"}:
        raise ToolError(
            'area: give south, north, west and east, like {"south": 41, "north": 51, "west": -5, "east": 9}'
        )
    south, north, west, east = area["south"], area["north"], area["west"], area["east"]
    if not (_in_range(south, 90) and _in_range(north, 90) and _in_range(west, 180) and _in_range(east, 180)):
        raise ToolError("area: latitudes go from -90 to 90, longitudes from -180 to 180, south is negative")
    if south > north:
        raise ToolError("area: south must not be greater than north")
    if not 1 <= limit <= MAX_CITIES:
        raise ToolError(f"limit: use a number from 1 to {MAX_CITIES}")

    def inside(city: City) -> bool:
        if west <= east:
            return south <= city.latitude <= north and west <= city.longitude <= east
        return south <= city.latitude <= north and not east < city.longitude < west

    return [city.name for city in CITIES.values() if inside(city)][: int(limit)]


def _kilometres(latitude: float, longitude: float, city: City) -> float:
    """Great-circle distance to a city on a sphere (haversine formula)."""
    north, east = math.radians(city.latitude - latitude), math.radians(city.longitude - longitude)
    cosines = math.cos(math.radians(latitude)) * math.cos(math.radians(city.latitude))
    half = math.sin(north / 2) ** 2 + cosines * math.sin(east / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))


@study_tool(
    family="geography",
    description="Large cities within some distance of a point, the biggest first.",
    properties=Properties(
        convention="a point is [latitude, longitude]; units of distance are abbreviated: km, mi, nmi",
        breaks={"point": [139.0, 36.0], "radius": 500},
        keeps={"point": [36.0, 139.0], "radius": 500},
        near_duplicate="cities_in_area",
    ),
)
def cities_near_point(point: list[float], radius: float, unit: Annotated[str, "of the radius"] = "km") -> list[str]:
    """The largest known cities (of `tables/cities.py`) within a distance of a point, along great circles.

    `point` is [latitude, longitude] in degrees, north and east positive; the unit is "km", "mi" (statute miles) or
    "nmi" (nautical miles). At most five names come, by population, the greatest first. Where the same cities lie in the
    circle and in the area asked of `cities_in_area`, the results are equal.

    Raises:
        ToolError: not two coordinates in range and in this order, a radius that is not more than 0 and at most 5000, an
            unknown unit.
    """
    if len(point) != 2 or not _in_range(point[0], 90) or not _in_range(point[1], 180):
        raise ToolError("point: use [latitude, longitude] in degrees, like [59.3, 18.1]")
    if not 0 < radius <= MAX_RADIUS:
        raise ToolError(f"radius: must be more than 0 and at most {MAX_RADIUS}")
    if unit not in _KM_IN:
        raise ToolError("unit: use km, mi or nmi")
    reach = radius * _KM_IN[unit]
    near = (city.name for city in CITIES.values() if _kilometres(point[0], point[1], city) <= reach)
    return list(near)[:MAX_CITIES]


@study_tool(
    family="geography",
    description="Clock time in a time zone, now or at a UTC time.",
    properties=Properties(
        convention="the zone has its name in the IANA database, Area/City; a time is HH:MM",
        breaks={"zone": "Seoul"},
        keeps={"zone": "Asia/Seoul"},
    ),
)
def time_in_zone(zone: str, time: str = f"{NOW:%H:%M}") -> dict[str, str]:
    """The time of day in a time zone when it is a time in UTC, default the frozen present, 14:25.

    `zone` is the name in the IANA time zone database, in any case, of one of the zones of `tables/cities.py`, which
    also has their offsets; `time` is HH:MM on the present day, 18 March 2031. Returns the time, whether the date is
    then that of UTC ("same day"), the next or the previous, and the offset from UTC.

    Raises:
        ToolError: a city or an abbreviation instead of a zone's name, a zone without data, another form of time.
    """
    found = _ZONES.get(zone.strip().lower())
    if found is None:
        if not re.fullmatch("[A-Za-z]+(/[A-Za-z_]+)+", zone.strip()):
            raise ToolError("zone: use Area/City with underscores, like Europe/Paris or America/Los_Angeles")
        raise ToolError("zone: no data for this time zone, use one like Europe/Paris")
    clock = _TIME.fullmatch(time)
    if clock is None:
        raise ToolError("time: use HH:MM from 00:00 to 23:59, like 08:05")
    offset = round(_OFFSETS[found] * 60)
    days, minutes = divmod(60 * int(clock[1]) + int(clock[2]) + offset, 24 * 60)
    return {
        "time": f"{minutes // 60:02}:{minutes % 60:02}",
        "date": ("previous day", "same day", "next day")[days + 1],
        "utc_offset": f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}",
    }


@study_tool(family="geography", description="The continents and their populations in millions.")
def list_continents() -> dict[str, int]:
    """The seven continents with the millions of people who live there, the most populous first (`tables/countries.py`).

    It takes no arguments and has no errors of its own.
    """
    return dict(CONTINENTS)


TOOLS: list[Callable[..., Any]] = [country_fact, cities_in_area, cities_near_point, time_in_zone, list_continents]
