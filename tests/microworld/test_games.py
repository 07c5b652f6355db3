"""The tools of the family `games`, against well-known facts and sums done by hand."""

import itertools
from typing import Any

import pytest
from calls import error, value

from microworld.tools.tables.pebble_league import CLUBS, MEETINGS
from microworld.tools.tables.world_cups import WORLD_CUPS

# Right results


@pytest.mark.parametrize(
    ("year", "place", "team", "host"),
    [  # well known
        (1930, None, "Uruguay", "Uruguay"),
        (1954, None, "West Germany", "Switzerland"),
        (1966, 1, "England", "England"),
        (1966, 3, "Portugal", "England"),
        (1974, 2, "Netherlands", "West Germany"),
        (1986, None, "Argentina", "Mexico"),
        (1998, 3, "Croatia", "France"),
        (2002, 4, "South Korea", "South Korea and Japan"),
        (2010, None, "Spain", "South Africa"),
        (2022.0, 4, "Morocco", "Qatar"),
    ],
)
def test_world_cup_winner(year: int, place: int | None, team: str, host: str) -> None:
    optional = {} if place is None else {"place": place}
    assert value("world_cup_winner", year=year, **optional) == {"team": team, "host": host}


def test_world_cup_table_adds_up() -> None:
    # titles up to 2022, as every almanac has them: Brazil 5, Germany 4 (three as West Germany), Italy 4, ...
    titles: dict[str, int] = {}
    for cup in WORLD_CUPS.values():
        titles[cup.teams[0]] = titles.get(cup.teams[0], 0) + 1
        assert len(set(cup.teams)) == 4
    assert titles == {
        **{"Brazil": 5, "Italy": 4, "West Germany": 3, "Argentina": 3, "Uruguay": 2, "France": 2},
        **{"Germany": 1, "England": 1, "Spain": 1},
    }
    assert list(WORLD_CUPS) == [year for year in range(1930, 2023, 4) if year not in (1942, 1946)]


@pytest.mark.parametrize(
    ("first", "second", "statistic", "result"),
    [  # read off the table
        ("COP", "FAL", "wins", {"COP": 5, "FAL": 0}),
        ("THU", "COP", "goals", {"THU": 13, "COP": 2}),
        ("HAZ", "MEA", "corners", {"HAZ": 42, "MEA": 42}),
        ("WIL", "GRA", "cards", {"WIL": 5, "GRA": 13}),
    ],
)
def test_head_to_head(first: str, second: str, statistic: str, result: dict[str, int]) -> None:
    assert value("head_to_head", first=first, second=second, statistic=statistic) == result
    assert value("head_to_head", first=second, second=first, statistic=statistic) == result


def test_pebble_league_is_complete_and_possible() -> None:
    assert {(meeting.first, meeting.second) for meeting in MEETINGS} == set(itertools.combinations(sorted(CLUBS), 2))
    assert len(MEETINGS) == 28
    assert all(name[:3].upper() == code for code, name in CLUBS.items())
    for meeting in MEETINGS:
        assert sum(meeting.wins) <= 6
        assert all(wins <= goals for wins, goals in zip(meeting.wins, meeting.goals, strict=True))


@pytest.mark.parametrize(
    ("results", "win_points", "points"),
    [  # by hand
        (["W", "D", "L"], None, 4),
        (["W", "D", "L"], 2, 3),
        (["L"], 5, 0),
        (["W"] * 20, None, 60),
        (["D", "D", "W", "W"], 4, 10),
    ],
)
def test_form_points(results: list[str], win_points: int | None, points: int) -> None:
    optional = {} if win_points is None else {"win_points": win_points}
    assert value("form_points", results=results, **optional) == {"points": points, "played": len(results)}


@pytest.mark.parametrize(
    ("record", "deduction", "points", "played"),
    [
        ("26-12-0", None, 90, 38),  # Arsenal, Premier League 2003-04
        ("18-7-13", None, 61, 38),  # by hand: 54 + 7
        ("7-7-24", 9, 19, 38),  # Portsmouth, Premier League 2009-10: nine points deducted
        ("8-14-16", None, 38, 38),  # by hand: 24 + 14
        ("0-0-4", 3, -3, 4),
        ("0-0-0", None, 0, 0),
    ],
)
def test_season_points(record: str, deduction: int | None, points: int, played: int) -> None:
    optional = {} if deduction is None else {"deduction": deduction}
    assert value("season_points", record=record, **optional) == {"points": points, "played": played}


def test_list_fighters() -> None:
    assert sorted(value("list_fighters")) == ["Ada Flint", "Bruno Vale", "Captain Moss", "Lady Ember", "Old Tin Joe"]


# Errors

_MATCH = {"first": "WIL", "second": "HAZ", "statistic": "goals"}
_YEAR = "year: World Cups are every four years, 1930 to 2022, except 1942 and 1946"
_CODE = "use a three-letter club code in capitals, like THU for Thunder"
_RECORD = "record: write wins-draws-losses, like 12-5-3"

#: tool, arguments, and what the message must say
ERRORS: list[tuple[str, dict[str, Any], str]] = [
    ("world_cup_winner", {"year": 2000}, _YEAR),
    ("world_cup_winner", {"year": 1942}, _YEAR),
    ("world_cup_winner", {"year": 2026}, _YEAR),
    ("world_cup_winner", {"year": -(10**30)}, _YEAR),
    ("world_cup_winner", {"year": 1966, "place": 0}, "place: give 1 to 4"),
    ("world_cup_winner", {"year": 1966, "place": 5}, "place: give 1 to 4"),
    ("head_to_head", {**_MATCH, "first": "Willow"}, f"first: {_CODE}"),
    ("head_to_head", {**_MATCH, "second": "haz"}, f"second: {_CODE}"),
    ("head_to_head", {**_MATCH, "second": "WIL"}, "second: must not be the first club"),
    ("head_to_head", {**_MATCH, "statistic": "Goals"}, "statistic: use wins, goals, corners or cards"),
    ("form_points", {"results": []}, "results: give 1 to 20 results"),
    ("form_points", {"results": ["W"] * 21}, "results: give 1 to 20 results"),
    ("form_points", {"results": ["w"]}, "results: use the letters W, D and L"),
    ("form_points", {"results": ["W", "WD"]}, "results: use the letters W, D and L"),
    ("form_points", {"results": ["W"], "win_points": 1}, "win_points: give 2 to 5 points"),
    ("form_points", {"results": ["W"], "win_points": 6}, "win_points: give 2 to 5 points"),
    ("season_points", {"record": "12 5 3"}, _RECORD),
    ("season_points", {"record": "12-5"}, _RECORD),
    ("season_points", {"record": "1-2-3\n"}, _RECORD),
    ("season_points", {"record": "٣-٢-١"}, _RECORD),
    ("season_points", {"record": "1-2-3", "deduction": -1}, "deduction: give 0 to 30 points"),
    ("season_points", {"record": "1-2-3", "deduction": 31}, "deduction: give 0 to 30 points"),
]


@pytest.mark.parametrize(("tool", "arguments", "message"), ERRORS)
def test_errors(tool: str, arguments: dict[str, Any], message: str) -> None:
    assert error(tool, **arguments) == message
