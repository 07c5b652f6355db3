"""Knowledge: chemical elements, the prizes Alfred Nobel founded, events of the second half of the twentieth century.

Facts stand in `tables/elements.py` and `tables/events.py`, which say where they come from.
"""

import re
from typing import Annotated

from microworld.tools._base import Properties, ToolError, study_tool
from microworld.tools.tables.elements import ELEMENTS, Element
from microworld.tools.tables.events import YEARS

_ELEMENTS = {element.symbol: element for element in ELEMENTS}
_YEARS = {row.year: row for row in YEARS}
_FIRST, _LAST = min(_YEARS), max(_YEARS)

#: a temperature in the unit is the one in degrees Celsius times the first number plus the second
_UNITS = {"C": (1, 0), "K": (1, 273.15), "F": (1.8, 32)}


def _element(argument: str, symbol: str) -> Element:
    """The element of a symbol.

    Raises:
        ToolError: not a symbol, or the symbol of an element the table leaves out.
    """
    if symbol in _ELEMENTS:
        return _ELEMENTS[symbol]
    if re.fullmatch("[A-Z][a-z]?", symbol):
        raise ToolError(f"{argument}: nothing on {symbol}; known are common elements")
    raise ToolError(f"{argument}: use the symbol, only its first letter a capital, like Na")


def _known_year(argument: str, year: float) -> int:
    """The year as an integer.

    Raises:
        ToolError: it lies outside the table.
    """
    if not _FIRST <= year <= _LAST:
        raise ToolError(f"{argument}: use years from {_FIRST} to {_LAST}")
    return int(year)


@study_tool(
    family="knowledge",
    description="Give basic facts about one chemical element.",
    properties=Properties(
        convention="an element is its chemical symbol, in which capitals count; the unit of temperature is C, K or F",
        breaks={"element": "iron"},
        keeps={"element": "Fe"},
    ),
)
def look_up_element(element: str, unit: Annotated[str, "for temperature"] = "C") -> dict[str, str | float | None]:
    """Name, atomic number, atomic mass, group in the periodic table and melting point of an element.

    The melting point comes in the unit asked for, degrees Celsius (`C`), kelvin (`K`) or degrees Fahrenheit (`F`),
    rounded to 0.1. Group and melting point are null where there is none (uranium has no group; helium, carbon and
    arsenic do not melt at normal pressure).

    Raises:
        ToolError: `element` is not the symbol of an element in the table ("fe" and "FE" are not); an unknown unit.
    """
    one = _element("element", element)
    if unit not in _UNITS:
        raise ToolError("unit: use C, K or F")
    factor, offset = _UNITS[unit]
    melting = None if one.melting is None else round(one.melting * factor + offset, 1)
    return {
        "name": one.name,
        "number": one.number,
        "mass": one.mass,
        "group": one.group,
        f"melting_{unit}": melting,
    }


@study_tool(
    family="knowledge",
    description="Compare chemical elements by one of their properties.",
    properties=Properties(
        convention="the property is a letter: Z (atomic number), M (mass) or T (melting point)",
        breaks={"elements": ["Fe", "Au"], "by": "melting point"},
        keeps={"elements": ["Fe", "Au"], "by": "T"},
    ),
)
def compare_elements(elements: list[str], by: Annotated[str, "property"] = "M") -> dict[str, float]:
    """One property of two to five elements, the highest value first.

    `by` is `Z` (atomic number), `M` (atomic mass) or `T` (melting point in degrees Celsius). Elements are symbols, as
    in `look_up_element`.

    Raises:
        ToolError: fewer than two or more than five elements; one of them twice; not a symbol in the table; an unknown
            property; an element that does not melt at normal pressure, by `T`.
    """
    if not 2 <= len(elements) <= 5:
        raise ToolError("elements: give 2 to 5 symbols")
    if len(set(elements)) < len(elements):
        raise ToolError("elements: give each symbol once")
    rows = [_element("elements", symbol) for symbol in elements]
    column = {"Z": "number", "M": "mass", "T": "melting"}.get(by)
    if column is None:
        raise ToolError("by: use Z (atomic number), M (mass) or T (melting point)")
    values = {row.symbol: getattr(row, column) for row in rows}
    for symbol, value in values.items():
        if value is None:
            raise ToolError(f"elements: {symbol} does not melt at normal pressure")
    return dict(sorted(values.items(), key=lambda pair: -pair[1]))


@study_tool(family="knowledge", description="List the prize fields named in Alfred Nobel's will.")
def list_nobel_fields() -> list[str]:
    """The five fields of Nobel's will (27 November 1895), in its order.

    Economics is not among them: Sweden's central bank endowed that prize in 1968. "Medicine" is short for physiology or
    medicine. From general knowledge; the will itself was not consulted.
    """
    return ["Physics", "Chemistry", "Medicine", "Literature", "Peace"]


@study_tool(
    family="knowledge",
    description="Tell a notable event of one year.",
    properties=Properties(
        convention="the topic is a code: WLD (world affairs), SCI (science) or FLM (film); years are 1951 to 2000",
        breaks={"year": 1995, "topic": "science"},
        keeps={"year": 1995, "topic": "SCI"},
        near_duplicate="list_events",
    ),
)
def find_event(year: int, topic: Annotated[str, "field"] = "WLD") -> dict[str, str]:
    """The event of a year, under the year.

    `topic` is `WLD` (world affairs), `SCI` (science and technology) or `FLM` (the film of that year that won the
    Academy Award for Best Picture).

    Raises:
        ToolError: a year before 1951 or after 2000; an unknown topic.
    """
    row = _YEARS[_known_year("year", year)]
    texts = {"WLD": row.world, "SCI": row.science, "FLM": row.film}
    if topic not in texts:
        raise ToolError("topic: use WLD (world), SCI (science) or FLM (film)")
    return {str(row.year): texts[topic]}


@study_tool(
    family="knowledge",
    description="List the world events of several years in a row.",
    properties=Properties(
        convention="the period is its first and last year with a slash between (ISO 8601), at most four years",
        breaks={"period": "1960-1962"},
        keeps={"period": "1960/1962"},
        near_duplicate="find_event",
    ),
)
def list_events(period: Annotated[str, "years"]) -> dict[str, str]:
    """The world event of each year of a period: the answers of `find_event` without topic, put together.

    A period is written as ISO 8601 writes intervals, first and last year with a slash between; both count.

    Raises:
        ToolError: another form; a year before 1951 or after 2000; the last year before the first; over four years.
    """
    match = re.fullmatch("([0-9]{4})/([0-9]{4})", period)
    if not match:
        raise ToolError("period: use two years with a slash, like 1971/1973")
    first, last = (_known_year("period", int(year)) for year in match.groups())
    if not 0 <= last - first <= 3:
        raise ToolError("period: use at most four years, the earlier one first")
    return {str(year): _YEARS[year].world for year in range(first, last + 1)}


TOOLS: list = [look_up_element, compare_elements, list_nobel_fields, find_event, list_events]
