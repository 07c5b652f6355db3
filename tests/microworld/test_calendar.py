"""The family `calendar`: results against independent sources, errors, and what its wordings leave out."""

import datetime as dt
import random

import numpy as np
import pytest
from calls import error
from dateutil.easter import easter

from microworld.test_set.wordings.calendar import COUNTRIES
from microworld.tools import calendar
from microworld.tools._base import NOW
from microworld.tools.calendar import add_days, add_workdays, current_moment, list_holidays, shared_time
from microworld.tools.tables.public_holidays import FIRST_YEAR, LAST_YEAR, PUBLIC_HOLIDAYS

# Results


def test_current_moment_is_the_frozen_clock() -> None:
    # by hand: 1 January 2031 is a Wednesday, so ISO week 1 begins on 30 December 2030 and 18 March is in week 12
    assert current_moment() == {"date": "2031-03-18", "weekday": "Tuesday", "time": "14:25", "week": 12}


@pytest.mark.parametrize(
    ("date", "days", "expected"),
    [
        ("01/01/2000", 0, {"date": "1 January 2000", "weekday": "Saturday"}),  # the first day of 2000 was a Saturday
        ("16/07/1969", 4, {"date": "20 July 1969", "weekday": "Sunday"}),  # Apollo 11: launch and landing
        ("14/10/2022", 90, {"date": "12 January 2023", "weekday": "Thursday"}),  # 17 + 30 + 31 days to the new year
        ("1/3/2024", -1, {"date": "29 February 2024", "weekday": "Thursday"}),  # a leap year
        ("01/03/2100", -1, {"date": "28 February 2100", "weekday": "Sunday"}),  # not a leap year
        ("04/05/2031", 0, {"date": "4 May 2031", "weekday": "Sunday"}),  # the day comes first
    ],
)
def test_add_days(date: str, days: int, expected: dict) -> None:
    assert add_days(date, days) == expected


def test_add_workdays_agrees_with_numpy() -> None:
    rng = random.Random(0)
    for _ in range(300):
        date = dt.date(2027, 1, 1) + dt.timedelta(days=rng.randrange(4000))
        days = rng.choice((-1, 1)) * rng.randint(1, 120)
        roll = "backward" if days > 0 else "forward"  # a start on a weekend is not counted
        expected = np.busday_offset(date.isoformat(), days, roll=roll).item()
        assert add_workdays(date.isoformat(), days) == calendar._shown(expected)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # 24 December 2031 is a Wednesday; the 25th is free everywhere, the 26th in Britain and not in the States
        ({"date": "2031-12-24", "days": 1}, {"date": "25 December 2031", "weekday": "Thursday"}),
        ({"date": "2031-12-24", "days": 1, "country": "US"}, {"date": "26 December 2031", "weekday": "Friday"}),
        ({"date": "2031-12-24", "days": 1, "country": "gb"}, {"date": "29 December 2031", "weekday": "Monday"}),
        ({"date": "2031-12-29", "days": -1, "country": "GB"}, {"date": "24 December 2031", "weekday": "Wednesday"}),
        ({"date": "2031-03-15", "days": 0}, {"date": "15 March 2031", "weekday": "Saturday"}),
    ],
)
def test_add_workdays_with_holidays(arguments: dict, expected: dict) -> None:
    assert add_workdays(**arguments) == expected


def test_easter_agrees_with_dateutil() -> None:
    assert all(calendar._easter(year) == easter(year) for year in range(1900, 2101))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"country": "FR", "month": 7}, ["2031-07-14 National Day"]),  # Bastille Day
        ({"country": "us", "month": 11, "year": 2026}, ["2026-11-11 Veterans Day", "2026-11-26 Thanksgiving Day"]),
        ({"country": "GB", "month": 4}, ["2031-04-11 Good Friday", "2031-04-14 Easter Monday"]),  # Easter: 13 April
        ({"country": "GB", "month": 4, "year": 2032}, []),  # Easter: 28 March
        ({"country": "PL", "month": 11}, ["2031-11-01 All Saints' Day", "2031-11-11 Independence Day"]),
    ],
)
def test_list_holidays(arguments: dict, expected: list[str]) -> None:
    assert list_holidays(**arguments) == expected


@pytest.mark.parametrize("code", PUBLIC_HOLIDAYS)
def test_the_table_agrees_with_the_holidays_package(code: str) -> None:
    holidays = pytest.importorskip("holidays")
    theirs = holidays.country_holidays(
        code, subdiv="ENG" if code == "GB" else None, years=range(FIRST_YEAR, LAST_YEAR + 1), observed=False
    )
    ours = {date for year in range(FIRST_YEAR, LAST_YEAR + 1) for date, _ in calendar._holidays(code, year)}
    assert ours == set(theirs)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [  # all by hand
        ({"ranges": ["09:00-12:30", "10:15-14:00"]}, {"start": "10:15", "end": "12:30", "minutes": 135}),
        (
            {"ranges": ["10:15-14:00", "9:00-12:30", "00:00 - 24:00"]},
            {"start": "10:15", "end": "12:30", "minutes": 135},
        ),
        ({"ranges": ["09:00-12:30", "10:15-14:00"], "minutes": 20}, {"start": "10:15", "end": "10:35", "minutes": 20}),
        ({"ranges": ["09:00-12:30", "10:15-14:00"], "minutes": 136}, {"start": None, "end": None, "minutes": 0}),
        ({"ranges": ["09:00-10:00", "10:00-11:00"]}, {"start": None, "end": None, "minutes": 0}),
    ],
)
def test_shared_time(arguments: dict, expected: dict) -> None:
    assert shared_time(**arguments) == expected


# Errors


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("add_days", {"date": "2031-06-25", "days": 1}, "date: write the day first as DD/MM/YYYY, like 24/12/2030"),
        ("add_days", {"date": "25 June 2031", "days": 1}, "date: write the day first"),
        ("add_days", {"date": "06/25/2031", "days": 1}, "date: there is no such day and month"),
        ("add_days", {"date": "25/06/2131", "days": 1}, "date: use a year from 1900 to 2100"),
        ("add_days", {"date": "25/06/2031", "days": 50_001}, "days: use a whole number"),
        ("add_days", {"date": "25/06/2031", "days": 1e308}, "days: use a whole number"),
        ("add_days", {"date": "25/06/2099", "days": 700}, "days: the result must be in the years 1900 to 2100"),
        ("add_days", {"date": "25/06/1900", "days": -700}, "days: the result must be in the years 1900 to 2100"),
        ("add_workdays", {"date": "25/06/2031", "days": 1}, "date: write it as YYYY-MM-DD, like 2030-12-24"),
        ("add_workdays", {"date": "2031-02-30", "days": 1}, "date: there is no such day and month"),
        ("add_workdays", {"date": "1899-12-31", "days": 1}, "date: use a year from 1900 to 2100"),
        ("add_workdays", {"date": "2031-06-25", "days": -2001}, "days: use a whole number"),
        ("add_workdays", {"date": "2100-12-30", "days": 5}, "days: the result must be in the years 1900 to 2100"),
        ("add_workdays", {"date": "2031-06-25", "days": 1, "country": "Norway"}, "country: use a two-letter code"),
        ("add_workdays", {"date": "2031-06-25", "days": 1, "country": "ZZ"}, "country: known codes are AT, BE, BR"),
        ("add_workdays", {"date": "2040-12-30", "days": 9, "country": "NO"}, "country: holidays are known from 2026"),
        ("list_holidays", {"country": "Norway", "month": 5}, "country: use a two-letter code, like DE for Germany"),
        ("list_holidays", {"country": "UK", "month": 5}, "country: known codes are AT, BE, BR"),
        ("list_holidays", {"country": "NO", "month": 13}, "month: use a number from 1 to 12"),
        ("list_holidays", {"country": "NO", "month": 5, "year": 1999}, "year: use a year from 2026 to 2040"),
        ("shared_time", {"ranges": ["9 am to 1 pm", "11:00-12:00"]}, "ranges: write each as HH:MM-HH:MM in 24-hour"),
        ("shared_time", {"ranges": ["09:00-25:00", "11:00-12:00"]}, "ranges: hours go from 00 to 23"),
        ("shared_time", {"ranges": ["09:60-10:00", "11:00-12:00"]}, "ranges: hours go from 00 to 23"),
        ("shared_time", {"ranges": ["22:00-06:00", "11:00-12:00"]}, "ranges: each must start before it ends"),
        ("shared_time", {"ranges": ["09:00-10:00"]}, "ranges: give a list of 2 to 20 time ranges"),
        ("shared_time", {"ranges": ["09:00-10:00"] * 21}, "ranges: give a list of 2 to 20 time ranges"),
        ("shared_time", {"ranges": ["09:00-10:00"] * 2, "minutes": -5}, "minutes: use a number from 0 to 1440"),
    ],
)
def test_errors(name: str, arguments: dict, message: str) -> None:
    assert error(name, **arguments).startswith(message)


# Wordings


def test_wordings_name_countries_with_data_and_default_to_the_frozen_year() -> None:
    assert set(COUNTRIES) == set(PUBLIC_HOLIDAYS) - {"DE"}  # Germany is the example of the error message
    assert list_holidays("FR", 5) == list_holidays("FR", 5, NOW.year)
