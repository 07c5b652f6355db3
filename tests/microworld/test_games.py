"""The tools of the family `games`, against well-known facts and sums done by hand."""

import asyncio
import itertools
import random
import re
import string
from typing import Any

import pytest

from microworld.test_set.wordings.games import WORDINGS
from microworld.tools.games import TOOLS
from microworld.tools.tables.pebble_league import CLUBS, MEETINGS
from microworld.tools.tables.world_cups import WORLD_CUPS
from ste_core.records import Call, Observation
from ste_core.tools.functions import FunctionToolbox

FAMILY = "games"
BOX = FunctionToolbox(TOOLS)
OPTIONAL_SLOTS = frozenset({"place", "points", "deduction"})


def observe(calls: list[tuple[str, dict[str, Any]]]) -> list[Observation]:
    """Execute calls one after the other in one event loop."""

    async def run() -> list[Observation]:
        return [await BOX.execute(Call(tool=tool, arguments=arguments)) for tool, arguments in calls]

    return asyncio.run(run())


def value(tool: str, **arguments: Any) -> Any:
    """The result of a call that must succeed."""
    (observation,) = observe([(tool, arguments)])
    assert observation.ok, observation.text
    return observation.value


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


def test_a_run_and_its_totals_give_the_same_unless_options_differ() -> None:
    results = ["W", "L", "W", "D", "L"]
    assert value("form_points", results=results) == value("season_points", record="2-1-2")
    assert value("form_points", results=results) != value("season_points", record="2-1-2", deduction=1)
    assert value("form_points", results=results, win_points=2) != value("season_points", record="2-1-2")


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
    ("list_fighters", {"game": "Iron Lantern"}, "unknown argument 'game', arguments are: none"),
]


@pytest.mark.parametrize(("tool", "arguments", "message"), ERRORS)
def test_errors(tool: str, arguments: dict[str, Any], message: str) -> None:
    (observation,) = observe([(tool, arguments)])
    assert (observation.ok, observation.text) == (False, f"Error: {message}")


# The family as a whole


def test_documentation_is_short() -> None:
    for tool in BOX.tools.values():
        assert len(tool.description.split()) <= 12
        assert len(tool.documentation().split()) <= 40
        for schema in tool.parameters["properties"].values():  # type: ignore[union-attr]
            assert len(schema.get("description", "").split()) <= 3  # type: ignore[union-attr]


def test_family_has_what_the_study_asks_for() -> None:
    tools = list(BOX.tools.values())
    shapes = [schema for tool in tools for schema in tool.parameters["properties"].values()]  # type: ignore[union-attr]
    assert len(TOOLS) == 5 and {tool.family for tool in tools} == {FAMILY}
    assert sum(bool(function.properties.convention) for function in TOOLS) >= 4
    assert sum(function.properties.silent for function in TOOLS) <= 1
    assert sum(any("default" in one for one in tool.parameters["properties"].values()) for tool in tools) >= 2  # type: ignore[union-attr]
    assert any(schema.get("type") in ("array", "object") for schema in shapes)  # type: ignore[union-attr]
    assert sum(not tool.parameters["properties"] for tool in tools) == 1
    pairs = {function.__name__: function.properties.near_duplicate for function in TOOLS}
    named = {name: other for name, other in pairs.items() if other}
    assert len(named) == 2 and all(named[other] == name for name, other in named.items())


@pytest.mark.parametrize("function", [one for one in TOOLS if one.properties.convention], ids=lambda one: one.__name__)
def test_breaking_the_convention_fails_and_keeping_it_works(function: Any) -> None:
    broken, kept = observe(
        [(function.__name__, arguments) for arguments in (function.properties.breaks, function.properties.keeps)]
    )
    assert not broken.ok and kept.ok
    assert broken.text.removeprefix("Error: ").split(":")[0] in function.properties.breaks


@pytest.mark.parametrize("tool", list(WORDINGS))
def test_wordings(tool: str) -> None:
    wordings = WORDINGS[tool]
    without_arguments = not BOX.tools[tool].parameters["properties"]
    assert len(wordings.test) >= (15 if without_arguments else 8)
    assert len(wordings.dev) >= (5 if without_arguments else 3)
    every = wordings.test + wordings.dev
    assert len(set(every)) == len(every)
    optional = {
        name
        for name, one in BOX.tools[tool].parameters["properties"].items()
        if "default" in one  # type: ignore[union-attr]
    }
    queries, calls = [], []
    for template in every:
        slots = frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)
        for seed in range(30):
            case = wordings.case(random.Random(seed), slots)
            assert slots <= set(case.slots)
            queries.append(template.format(**case.slots))
            calls.append((tool, case.arguments))
        if optional:
            assert bool(optional & set(case.arguments)) == bool(slots & OPTIONAL_SLOTS)
    for query in queries:
        assert len(query.split()) <= 25, query
        words = " ".join(re.findall("[a-z]+", query.lower()))
        assert not any(name.replace("_", " ") in words for name in BOX.tools), query
    for query, call, observation in zip(queries, calls, observe(calls), strict=True):
        assert observation.ok and len(observation.text) <= 160, (query, call, observation.text)
    if without_arguments:
        assert len(set(queries)) == len(every)
    else:
        rng, seen = random.Random(0), set()
        for _ in range(40):
            template = rng.choice(wordings.test)
            slots = frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)
            seen.add(template.format(**wordings.case(rng, slots).slots))
        assert len(seen) >= 20
    if optional:
        without = sum("{" + slot + "}" in template for template in wordings.test for slot in OPTIONAL_SLOTS)
        assert 0.25 <= 1 - without / len(wordings.test) <= 0.75


def test_every_tool_has_wordings() -> None:
    assert set(WORDINGS) == set(BOX.tools)


def test_no_error_tells_more_than_eighteen_words() -> None:
    for tool, arguments, _ in ERRORS:
        (observation,) = observe([(tool, arguments)])
        assert len(observation.text.removeprefix("Error: ").split()) <= 18


def _nasty(rng: random.Random, depth: int = 0) -> Any:
    """A JSON value of a kind a confused model might write."""
    kinds: list[Any] = [
        *(None, True, False, 0, 1, -1, 2.0, 3, 20, 1966, 1e308, -1e308, 10**30, float("nan"), float("inf")),
        *(
            "",
            " ",
            "x" * 100_000,
            "٣-٢-١",
            "12:61",
            "２３:００",
            "\x00",
            "Zürich 🛫",
            "CDG",
            "W",
            "1-2-3",
            "{}",
            "%s{0}",
        ),
    ]
    if depth < 3 and rng.random() < 0.25:
        if rng.random() < 0.5:
            return [_nasty(rng, depth + 1) for _ in range(rng.choice((0, 1, 3, 50)))]
        return {str(_nasty(rng, 3))[:50]: _nasty(rng, depth + 1) for _ in range(rng.randint(0, 3))}
    return rng.choice(kinds)


def test_thousand_confused_calls() -> None:
    rng, calls = random.Random(7), []
    samples = {function.__name__: function.properties.keeps or {} for function in TOOLS}
    for _ in range(1000):
        tool = rng.choice(list(BOX.tools))
        names = list(BOX.tools[tool].parameters["properties"])  # type: ignore[arg-type]
        arguments = dict(samples[tool])
        for name in rng.sample(names, rng.randint(0, len(names))):
            old = arguments.get(name)
            arguments[name] = _nasty(rng) if not isinstance(old, list) or rng.random() < 0.5 else [*old, _nasty(rng, 3)]
        if rng.random() < 0.1:
            arguments[rng.choice(("nonsense", ""))] = _nasty(rng)
        if arguments and rng.random() < 0.1:
            arguments.pop(rng.choice(list(arguments)))
        calls.append((tool, arguments))
    observations = observe(calls)
    assert any(observation.ok for observation in observations)
    for call, observation in zip(calls, observations, strict=True):
        assert len(observation.text) <= BOX.max_chars
        assert observation.ok or not re.match(r"Error: [A-Z]\w*(Error|Exception|Exit)\b", observation.text), call
