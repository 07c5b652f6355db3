"""Weather: now and on the coming days, cities compared, wind forces, warnings.

>>> wind_force(12)
{'force': 6, 'name': 'strong breeze'}

The weather is fiction. The cities are real (`tables/cities.py`), but what the weather is like there follows from a
formula: a climate by latitude and season, and chance derived from the city's name and the date, so that it is always
the same. It is frozen at the present day `NOW`, 18 March 2031. Only the Beaufort scale of `wind_force` is a fact.
"""

import bisect
import datetime as dt
import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from microworld.tools._base import NOW, Properties, ToolError, study_tool
from microworld.tools.tables.cities import CITIES, City

LAST_DAY = 7
MAX_COMPARED = 5
MAX_SPEED = 1000

_PLACES = {f"{city.name}, {city.country}".lower(): city for city in CITIES.values()}


@dataclass(frozen=True, slots=True)
class _Weather:
    """A day's weather: degrees Celsius, metres per second, millimetres, percent."""

    sky: str
    temperature: int
    wind: int
    rain: int
    humidity: int


@lru_cache(maxsize=1024)
def _weather(city: City, day: int) -> _Weather:
    """The invented weather of a city `day` days after `NOW`."""
    date = NOW.date() + dt.timedelta(days=day)
    digest = hashlib.sha256(f"{city.name} {date}".encode()).digest()
    warmth, wetness, windiness, clouds = (byte / 256 for byte in digest[:4])
    # warmest about 23 July in the north and 21 January in the south; tropics nearly without seasons
    summer = math.cos(2 * math.pi * (date.timetuple().tm_yday - (204 if city.latitude > 0 else 21)) / 365)
    climate = 28 - 0.0063 * city.latitude**2 + 0.21 * abs(city.latitude) * summer
    temperature = round(climate + 8 * (warmth - 0.5))
    rain = round(35 * max(0.0, (wetness - 0.55) / 0.45) ** 2)
    wind = round(1 + 21 * windiness**2)
    if rain:
        sky = "snow" if temperature <= 0 else "storm" if wind >= 14 else "rain"
    else:
        sky = "sunny" if clouds < 0.4 else "cloudy" if clouds < 0.9 or wind > 4 else "fog"
    return _Weather(sky, temperature, wind, rain, min(100, round(35 + 40 * clouds + 25 * bool(rain))))


def _city(argument: str, text: str) -> City:
    """A city given as "Name, CC"."""
    parts = [part.strip() for part in text.split(",")] if len(text) <= 100 else []
    if len(parts) != 2 or not re.fullmatch("[A-Za-z]{2}", parts[1]):
        raise ToolError(f"{argument}: write city, two-letter country code, like Lyon, FR")
    city = _PLACES.get(", ".join(parts).lower())
    if city is None:
        raise ToolError(f"{argument}: no weather station there, check city and country code")
    return city


def _report(weather: _Weather, units: str) -> dict[str, str]:
    """What both `current_weather` and `weather_forecast` return."""
    if units == "metric":
        temperature, wind = f"{weather.temperature} C", f"{weather.wind} m/s"
    elif units == "imperial":
        temperature, wind = f"{round(weather.temperature * 1.8 + 32)} F", f"{round(weather.wind / 0.44704)} mph"
    else:
        raise ToolError("units: use metric or imperial")
    return {"sky": weather.sky, "temperature": temperature, "wind": wind}


@study_tool(
    family="weather",
    description="Weather in a city at this moment.",
    properties=Properties(
        convention="a city is written with its two-letter country code, City, CC; units are metric or imperial",
        breaks={"city": "Lisbon"},
        keeps={"city": "Lisbon, PT"},
        near_duplicate="weather_forecast",
    ),
)
def current_weather(city: str, units: str = "metric") -> dict[str, str]:
    """The present (fictional) weather of a city: sky, temperature, wind.

    `city` is "City, CC", a name of `tables/cities.py` and the ISO 3166-1 alpha-2 code of its country, in any case.
    `units` is "metric" (degrees Celsius, metres per second) or "imperial" (degrees Fahrenheit, miles per hour). The
    result is that of `weather_forecast` for day 0.

    Raises:
        ToolError: a city without code, a city without station, other units.
    """
    return _report(_weather(_city("city", city), 0), units)


@study_tool(
    family="weather",
    description="Weather expected in a city on one of the next days.",
    properties=Properties(
        convention="the day is a number of days from today, 0 to 7, not a date; a city is City, CC",
        breaks={"city": "Cairo, EG", "day": 21},
        keeps={"city": "Cairo, EG", "day": 3},
        near_duplicate="current_weather",
    ),
)
def weather_forecast(city: str, day: int, units: str = "metric") -> dict[str, str]:
    """The (fictional) weather of a city on a day from today to a week ahead: sky, temperature, wind.

    `city` and `units` are those of `current_weather`; `day` counts from today, 0, to 7.

    Raises:
        ToolError: a city without code, a city without station, a day out of range, other units.
    """
    place = _city("city", city)
    if not 0 <= day <= LAST_DAY:
        raise ToolError(f"day: count days from today, from 0 to {LAST_DAY}")
    return _report(_weather(place, int(day)), units)


#: a measure's name to the attribute of `_Weather`
_MEASURES = {"temp": "temperature", "wind": "wind", "rain": "rain", "hum": "humidity"}


@study_tool(
    family="weather",
    description="Compare the weather in several cities now, by temperature or another measure.",
    properties=Properties(
        convention="the measure is one of temp, wind, rain, hum; cities are City, CC",
        breaks={"cities": ["Oslo, NO", "Rome, IT"], "measure": "humidity"},
        keeps={"cities": ["Oslo, NO", "Rome, IT"], "measure": "hum"},
    ),
)
def compare_weather(cities: list[str], measure: str = "temp") -> dict[str, Any]:
    """The present (fictional) value of one measure in each of two to five cities, and where it is highest.

    Cities are written as in `current_weather`. `measure` is "temp" (degrees Celsius), "wind" (metres per second),
    "rain" (millimetres today) or "hum" (relative humidity in percent). Of equal highest values the first city's counts.

    Raises:
        ToolError: fewer than two or more than five cities, one twice, one without code or station, an unknown measure.
    """
    if not 2 <= len(cities) <= MAX_COMPARED:
        raise ToolError(f"cities: give 2 to {MAX_COMPARED} cities")
    places = [_city("cities", text) for text in cities]
    if len(set(places)) < len(places):
        raise ToolError("cities: the same city twice")
    if measure not in _MEASURES:
        raise ToolError("measure: use temp, wind, rain or hum")
    values = {place.name: getattr(_weather(place, 0), _MEASURES[measure]) for place in places}
    return {"highest": max(values, key=lambda name: values[name]), measure: values}


#: lowest speed of each Beaufort force from 1 on, as the scale is published in each unit (Met Office; WMO-No. 306)
_BEAUFORT = {
    "ms": (0.3, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2, 20.8, 24.5, 28.5, 32.7),
    "kmh": (1, 6, 12, 20, 29, 39, 50, 62, 75, 89, 103, 118),
    "mph": (1, 4, 8, 13, 19, 25, 32, 39, 47, 55, 64, 73),
    "kn": (1, 4, 7, 11, 17, 22, 28, 34, 41, 48, 56, 64),
}
_FORCES = (
    "calm",
    "light air",
    "light breeze",
    "gentle breeze",
    "moderate breeze",
    "fresh breeze",
    "strong breeze",
    "near gale",
    "gale",
    "strong gale",
    "storm",
    "violent storm",
    "hurricane",
)


@study_tool(
    family="weather",
    description="Beaufort number and name of a wind of some speed.",
    properties=Properties(
        convention="units of speed are ms, kmh, mph, kn, without a stroke; metres per second unless given",
        breaks={"speed": 45, "unit": "km/h"},
        keeps={"speed": 45, "unit": "kmh"},
    ),
)
def wind_force(speed: float, unit: Annotated[str, "of speed"] = "ms") -> dict[str, int | str]:
    """Force (0 to 12) and name of a wind on the Beaufort scale.

    `unit` is "ms" (metres per second), "kmh", "mph" or "kn" (knots). The limits are those published for each unit,
    which are rounded: at a limit, two units may differ by one force.

    Raises:
        ToolError: a speed that is not 0 to 1000, another unit.
    """
    if not 0 <= speed <= MAX_SPEED:
        raise ToolError(f"speed: must be from 0 to {MAX_SPEED}")
    if unit not in _BEAUFORT:
        raise ToolError("unit: use ms, kmh, mph or kn")
    force = bisect.bisect_right(_BEAUFORT[unit], speed)
    return {"force": force, "name": _FORCES[force]}


def _warning(weather: _Weather) -> str:
    """The kind of warning that a day's weather calls for, "" for none."""
    if weather.wind >= 21:
        return "strong gale"
    if weather.rain >= 33:
        return "heavy rain"
    if weather.temperature <= -5:
        return "frost"
    return "heat" if weather.temperature >= 33 else ""


@study_tool(family="weather", description="Severe weather warnings in force worldwide now.")
def active_warnings() -> dict[str, str]:
    """The (fictional) weather warnings of today: city and kind, in alphabetical order.

    Kinds are "strong gale" (wind from 21 m/s), "heavy rain" (from 33 mm), "frost" (down to -5 degrees Celsius or less)
    and "heat" (from 33 degrees); they agree with what `current_weather` and `compare_weather` say. It takes no
    arguments and has no errors of its own.
    """
    found = {name: _warning(_weather(CITIES[name], 0)) for name in sorted(CITIES)}
    return {name: warning for name, warning in found.items() if warning}


TOOLS: list[Callable[..., Any]] = [current_weather, weather_forecast, compare_weather, wind_force, active_warnings]
