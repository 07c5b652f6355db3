"""The tools of the family `weather`: the Beaufort scale against its formula, the fiction against itself."""

import random
from typing import Any

import pytest
from calls import error, observe, value

from microworld.test_set.wordings.weather import WORDINGS
from microworld.tools.tables.cities import CITIES

PLACES = [f"{city.name}, {city.country}" for city in CITIES.values()]


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
]


@pytest.mark.parametrize(("tool", "arguments", "message"), ERRORS)
def test_errors(tool: str, arguments: dict[str, Any], message: str) -> None:
    assert error(tool, **arguments) == message


# Wordings


def test_forecast_wordings_never_ask_for_the_present() -> None:
    for seed in range(200):
        assert WORDINGS["weather_forecast"].case(random.Random(seed), frozenset({"city", "when"})).arguments["day"] >= 1
