"""Sport and games: World Cups, a fictional league, points of a season, a fictional fighting game.

>>> world_cup_winner(1966)
{'team': 'England', 'host': 'England'}
"""

import re
from typing import Annotated, Any

from microworld.tools._base import Properties, ToolError, study_tool
from microworld.tools.tables.pebble_league import CLUBS, MEETINGS, STATISTICS
from microworld.tools.tables.world_cups import WORLD_CUPS

_RECORD = re.compile(r"([0-9]{1,3})-([0-9]{1,3})-([0-9]{1,3})")

#: the five characters of Iron Lantern, a game that does not exist
_FIGHTERS = ("Ada Flint", "Bruno Vale", "Captain Moss", "Lady Ember", "Old Tin Joe")


@study_tool(
    family="games",
    description="Winner and host of a men's football World Cup.",
    properties=Properties(
        convention="only years of a tournament: every four years, 1930 to 2022, except 1942 and 1946",
        breaks={"year": 2000},
        keeps={"year": 2002},
    ),
)
def world_cup_winner(year: int, place: Annotated[int, "final place"] = 1) -> dict[str, str]:
    """The national team in a place, 1 to 4, of a men's football World Cup, and the country that held it.

    Years 1930 to 2022 (`tables/world_cups.py`), names as of then.

    Raises:
        ToolError: a year without a tournament, a place outside 1 to 4.
    """
    cup = WORLD_CUPS.get(int(year))
    if cup is None:
        raise ToolError("year: World Cups are every four years, 1930 to 2022, except 1942 and 1946")
    if not 1 <= place <= 4:
        raise ToolError("place: give 1 to 4")
    return {"team": cup.teams[int(place) - 1], "host": cup.host}


@study_tool(
    family="games",
    description="Compare two Pebble League clubs over the matches they played each other.",
    properties=Properties(
        convention="the statistic is one of wins, goals, corners, cards; clubs by three-letter code",
        breaks={"first": "WIL", "second": "HAZ", "statistic": "victories"},
        keeps={"first": "WIL", "second": "HAZ", "statistic": "wins"},
    ),
)
def head_to_head(
    first: Annotated[str, "club"], second: Annotated[str, "club"], statistic: Annotated[str, "what to compare"]
) -> dict[str, int]:
    """One statistic of two clubs of the fictional Pebble League, summed over their six matches, by club code.

    Clubs go by three-letter code in capitals, which are the first letters of the name (`tables/pebble_league.py`);
    statistics are "wins", "goals", "corners" and "cards".

    Raises:
        ToolError: an unknown code, twice the same club, an unknown statistic.
    """
    for name, code in (("first", first), ("second", second)):
        if code not in CLUBS:
            raise ToolError(f"{name}: use a three-letter club code in capitals, like THU for Thunder")
    if first == second:
        raise ToolError("second: must not be the first club")
    if statistic not in STATISTICS:
        raise ToolError(f"statistic: use {', '.join(STATISTICS[:-1])} or {STATISTICS[-1]}")
    meeting = next(meeting for meeting in MEETINGS if {meeting.first, meeting.second} == {first, second})
    values = dict(zip((meeting.first, meeting.second), getattr(meeting, statistic), strict=True))
    return {first: values[first], second: values[second]}


@study_tool(
    family="games",
    description="League points from a list of single match results.",
    properties=Properties(
        convention="a result is one of the letters W, D, L",
        breaks={"results": ["win", "win", "loss"]},
        keeps={"results": ["W", "W", "L"]},
        near_duplicate="season_points",
    ),
)
def form_points(results: Annotated[list[str], "match results"], win_points: int = 3) -> dict[str, int]:
    """Points and matches of a run of football results: 3 (or `win_points`) for a win, 1 for a draw, 0 for a loss.

    A result is "W", "D" or "L"; 1 to 20 of them. `win_points` is 2 to 5 (leagues gave 2 until about 1990).

    Raises:
        ToolError: another letter or word, no results or too many, points for a win out of range.
    """
    if not 1 <= len(results) <= 20:
        raise ToolError("results: give 1 to 20 results")
    if any(result not in ("W", "D", "L") for result in results):
        raise ToolError("results: use the letters W, D and L")
    if not 2 <= win_points <= 5:
        raise ToolError("win_points: give 2 to 5 points")
    return {"points": int(win_points) * results.count("W") + results.count("D"), "played": len(results)}


@study_tool(
    family="games",
    description="League points from season totals, less any points deducted.",
    properties=Properties(
        convention="totals as one text, wins-draws-losses",
        breaks={"record": "9 wins, 4 draws, 7 losses"},
        keeps={"record": "9-4-7"},
        near_duplicate="form_points",
    ),
)
def season_points(record: Annotated[str, "season totals"], deduction: int = 0) -> dict[str, int]:
    """Points and matches of a football season: 3 for a win, 1 for a draw, less a deduction of 0 to 30 points.

    The record is written wins-draws-losses, each 0 to 999. Without a deduction this is what `form_points` returns for
    the same matches one by one.

    Raises:
        ToolError: another form of record, a deduction out of range.
    """
    totals = _RECORD.fullmatch(record)
    if totals is None:
        raise ToolError("record: write wins-draws-losses, like 12-5-3")
    if not 0 <= deduction <= 30:
        raise ToolError("deduction: give 0 to 30 points")
    wins, draws, losses = map(int, totals.groups())
    return {"points": 3 * wins + draws - int(deduction), "played": wins + draws + losses}


@study_tool(
    family="games",
    description="All playable characters of the fighting game Iron Lantern.",
    properties=Properties(compare="unordered"),
)
def list_fighters() -> list[str]:
    """The five characters of Iron Lantern, a fictional game."""
    return list(_FIGHTERS)


TOOLS: list[Any] = [world_cup_winner, head_to_head, form_points, season_points, list_fighters]
