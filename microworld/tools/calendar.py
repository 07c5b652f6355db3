"""The family `calendar`: today, dates some days away, public holidays, and the time people have in common.

Dates are Gregorian and between 1900 and 2100; "now" is the frozen `NOW`.
"""

import datetime as dt
import re
from functools import lru_cache
from typing import Annotated, Any

from microworld.tools._base import NOW, Properties, ToolError, study_tool
from microworld.tools.tables.public_holidays import FIRST_YEAR, LAST_YEAR, PUBLIC_HOLIDAYS, Easter, Fixed, Rule

MAX_DAYS = 50_000
MAX_WORKDAYS = 2_000
MAX_RANGES = 20


def _date(year: str, month: str, day: str, form: str) -> dt.date:
    """The date of three strings of digits, or a `ToolError` about the argument `date`."""
    if not 1900 <= int(year) <= 2100:
        raise ToolError("date: use a year from 1900 to 2100")
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        raise ToolError(f"date: there is no such day and month, write {form}") from None


def _shown(date: dt.date) -> dict[str, str]:
    """A date as a result, in a form that is neither tool's input form."""
    return {"date": f"{date.day} {date:%B %Y}", "weekday": f"{date:%A}"}


def _easter(year: int) -> dt.date:
    """Easter Sunday by the anonymous Gregorian algorithm (Meeus, Astronomical Algorithms, chapter 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    shift = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * shift) // 451
    month, day = divmod(h + shift - 7 * m + 114, 31)
    return dt.date(year, month, day + 1)


def _holiday_date(rule: Rule, year: int) -> dt.date:
    if isinstance(rule, Fixed):
        return dt.date(year, rule.month, rule.day)
    if isinstance(rule, Easter):
        return _easter(year) + dt.timedelta(days=rule.days)
    start = dt.date(year, rule.month, rule.day)
    return start + dt.timedelta(days=(rule.weekday - start.weekday()) % 7)


@lru_cache(maxsize=256)
def _holidays(code: str, year: int) -> tuple[tuple[dt.date, str], ...]:
    """The public holidays of a country and year, in order."""
    return tuple(sorted((_holiday_date(rule, year), rule.name) for rule in PUBLIC_HOLIDAYS[code]))


def _country_code(country: str) -> str:
    code = country.strip().upper()
    if not re.fullmatch("[A-Z]{2}", code):
        raise ToolError("country: use a two-letter code, like DE for Germany")
    if code not in PUBLIC_HOLIDAYS:
        raise ToolError(f"country: known codes are {', '.join(PUBLIC_HOLIDAYS)}")
    return code


@study_tool(family="calendar", description="Today's date and weekday, and the time now.")
def current_moment() -> dict[str, Any]:
    """The frozen present: date, weekday, time of day and ISO week number (`NOW`, 18 March 2031 at 14:25).

    It takes no arguments and has no errors of its own.
    """
    return {
        "date": f"{NOW:%Y-%m-%d}",
        "weekday": f"{NOW:%A}",
        "time": f"{NOW:%H:%M}",
        "week": NOW.isocalendar().week,
    }


@study_tool(
    family="calendar",
    description="Date that lies some calendar days from another date.",
    properties=Properties(
        convention="date written day first, DD/MM/YYYY",
        breaks={"date": "2031-06-25", "days": 40},
        keeps={"date": "25/06/2031", "days": 40},
        near_duplicate="add_workdays",
    ),
)
def add_days(date: Annotated[str, "start date"], days: int) -> dict[str, str]:
    """The date `days` calendar days after `date` (before it, if `days` is negative), with its weekday.

    Convention: `date` is written day first, DD/MM/YYYY; 04/05/2031 is the fourth of May. Errors: another form, a date
    that does not exist, more than 50,000 days, a result outside 1900 to 2100. `add_workdays` counts working days only.
    """
    form = "DD/MM/YYYY, like 24/12/2030"
    match = re.fullmatch("([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", date.strip())
    if not match:
        raise ToolError(f"date: write the day first as {form}")
    day, month, year = match.groups()
    start = _date(year, month, day, form)
    if abs(days) > MAX_DAYS:
        raise ToolError("days: use a whole number from -50000 to 50000")
    end = start + dt.timedelta(days=int(days))
    if not 1900 <= end.year <= 2100:
        raise ToolError("days: the result must be in the years 1900 to 2100")
    return _shown(end)


@study_tool(
    family="calendar",
    description="Date that lies some working days from another date, weekends skipped.",
    properties=Properties(
        convention="date written as in ISO 8601, YYYY-MM-DD (add_days wants the day first)",
        breaks={"date": "25/06/2031", "days": 40},
        keeps={"date": "2031-06-25", "days": 40},
        near_duplicate="add_days",
    ),
)
def add_workdays(
    date: Annotated[str, "start date"], days: int, country: Annotated[str, "skips its holidays"] = ""
) -> dict[str, str]:
    """The date `days` working days after `date` (before it, if `days` is negative), with its weekday.

    Working days are Monday to Friday and, if `country` is given, none of its public holidays (as in `list_holidays`).
    The start is never counted; zero days give the start itself. Conventions: `date` is written YYYY-MM-DD, `country`
    as a two-letter ISO 3166-1 code. Errors: another form of date, a date that does not exist, a country's name, a
    country without data, a year without holiday data (2026 to 2040) if a country is given, more than 2,000 days, a
    result outside 1900 to 2100. Within one working week `add_days` gives the same.
    """
    form = "YYYY-MM-DD, like 2030-12-24"
    match = re.fullmatch("([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", date.strip())
    if not match:
        raise ToolError(f"date: write it as {form}")
    end = _date(*match.groups(), form)
    if abs(days) > MAX_WORKDAYS:
        raise ToolError("days: use a whole number from -2000 to 2000")
    code = _country_code(country) if country.strip() else ""
    step, left = dt.timedelta(days=1 if days > 0 else -1), abs(int(days))
    while left:
        end += step
        if not 1900 <= end.year <= 2100:
            raise ToolError("days: the result must be in the years 1900 to 2100")
        if code and not FIRST_YEAR <= end.year <= LAST_YEAR:
            raise ToolError(f"country: holidays are known from {FIRST_YEAR} to {LAST_YEAR} only")
        if end.weekday() < 5 and not (code and any(day == end for day, _ in _holidays(code, end.year))):
            left -= 1
    return _shown(end)


@study_tool(
    family="calendar",
    description="Public holidays of a country in one month.",
    properties=Properties(
        convention="country as a two-letter ISO code; the United Kingdom is GB",
        breaks={"country": "Norway", "month": 5},
        keeps={"country": "NO", "month": 5},
        compare="unordered",
    ),
)
def list_holidays(country: str, month: int, year: int = NOW.year) -> list[str]:
    """The nationwide public holidays of a country in a month, each as date and name; default the present year.

    Substitute days for holidays on a weekend are left out; GB means England. Convention: `country` is a two-letter
    ISO 3166-1 code, in any case. Errors: a country's name, a country without data, a month that is not 1 to 12, a year
    outside 2026 to 2040. Source: `tables/public_holidays.py`.
    """
    code = _country_code(country)
    if not 1 <= month <= 12:
        raise ToolError("month: use a number from 1 to 12")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ToolError(f"year: use a year from {FIRST_YEAR} to {LAST_YEAR}")
    return [f"{date} {name}" for date, name in _holidays(code, int(year)) if date.month == month]


def _minutes(text: str) -> tuple[int, int]:
    """Start and end of one range, in minutes since midnight."""
    match = re.fullmatch(r"([0-9]{1,2}):([0-9]{2}) ?[-–] ?([0-9]{1,2}):([0-9]{2})", text.strip())
    if not match:
        raise ToolError("ranges: write each as HH:MM-HH:MM in 24-hour time, like 08:15-16:45")
    from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
    start, end = 60 * from_hour + from_minute, 60 * to_hour + to_minute
    if from_minute > 59 or to_minute > 59 or end > 24 * 60:
        raise ToolError("ranges: hours go from 00 to 23 and minutes from 00 to 59")
    if start >= end:
        raise ToolError("ranges: each must start before it ends, on the same day")
    return start, end


@study_tool(
    family="calendar",
    description="Stretch of a day that lies in all given time ranges.",
    properties=Properties(
        convention="each range is one string HH:MM-HH:MM in 24-hour time",
        breaks={"ranges": ["9 am to 1 pm", "11 am to 3 pm"]},
        keeps={"ranges": ["09:00-13:00", "11:00-15:00"]},
    ),
)
def shared_time(
    ranges: Annotated[list[str], "free times"], minutes: Annotated[int, "time needed"] = 0
) -> dict[str, str | int | None]:
    """The time of day that all ranges have in common, when people can meet, say: start, end and length in minutes.

    With `minutes`, the first stretch of that length; start and end are null where there is none. Convention: a range
    is one string, HH:MM-HH:MM in 24-hour time, within one day (24:00 may end it). Errors: another form, an impossible
    time, a range that ends before it starts, fewer than 2 or more than 20 ranges, minutes outside 0 to 1440.
    """
    if not 2 <= len(ranges) <= MAX_RANGES:
        raise ToolError(f"ranges: give a list of 2 to {MAX_RANGES} time ranges")
    if not 0 <= minutes <= 24 * 60:
        raise ToolError("minutes: use a number from 0 to 1440")
    starts, ends = zip(*map(_minutes, ranges), strict=True)
    start, end = max(starts), min(ends)
    if start >= end or end - start < minutes:
        return {"start": None, "end": None, "minutes": 0}
    if minutes:
        end = start + int(minutes)
    return {"start": _clock(start), "end": _clock(end), "minutes": end - start}


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


TOOLS: list = [current_moment, add_days, add_workdays, list_holidays, shared_time]
