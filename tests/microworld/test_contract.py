"""What holds for all fifty tools, their wordings and the test set; the families' own files test what is particular."""

import inspect
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from calls import BOX, MAX_ERROR_WORDS, observe
from support import ROOT

from microworld import test_set
from microworld.test_set.make import PER_TOOL, slots, wordings
from microworld.tools import FAMILIES, batches, functions, properties
from ste_core.core.records import Observation, TestItem

FUNCTIONS = functions()
WORDINGS = wordings()
ROWS = {row["tool"]: row for row in properties()}
ITEMS = {split: test_set.load(split) for split in PER_TOOL}
CONVENTIONAL = [name for name, row in ROWS.items() if row["convention"]]
SEEDS = 30  # draws a wording

by_tool = pytest.mark.parametrize("tool", FUNCTIONS)
by_family = pytest.mark.parametrize("family", FAMILIES)


@dataclass(frozen=True)
class Drawn:
    """A wording filled by one draw, and what its gold call returned."""

    split: str
    template: str
    query: str
    arguments: dict[str, Any]
    observation: Observation


@cache
def drawn(tool: str) -> tuple[Drawn, ...]:
    """Every wording of a tool, test and dev, filled by 30 seeds; the gold calls executed."""
    filled = []
    for split in PER_TOOL:
        for template in getattr(WORDINGS[tool], split):
            for seed in range(SEEDS):
                case = WORDINGS[tool].case(random.Random(f"{template} {seed}"), slots(template))
                assert case == WORDINGS[tool].case(random.Random(f"{template} {seed}"), slots(template))
                assert set(case.slots) == slots(template)
                filled.append((split, template, template.format(**case.slots), case.arguments))
    calls = {json.dumps(arguments): (tool, arguments) for *_, arguments in filled}
    observations = dict(zip(calls, observe(calls.values()), strict=True))
    return tuple(Drawn(*one, observations[json.dumps(one[-1])]) for one in filled)


def items_of(tool: str) -> list[TestItem]:
    """The tool's items in the committed test and development sets."""
    return [item for split in ITEMS.values() for item in split if item.gold.tool == tool]


def schemas(tool: str) -> dict[str, dict[str, Any]]:
    """The JSON Schema of each argument of a tool."""
    return FUNCTIONS[tool].tool.parameters["properties"]


def optional(tool: str) -> set[str]:
    """The arguments that a call may leave out."""
    return set(schemas(tool)) - set(FUNCTIONS[tool].tool.parameters.get("required", ()))


# The tools


@by_tool
def test_the_documentation_is_short(tool: str) -> None:
    record = FUNCTIONS[tool].tool
    assert 3 <= len(record.description.split()) <= 12
    assert len(record.documentation().split()) <= 40 and "\n" not in record.documentation()
    assert all(len(schema.get("description", "").split()) <= 3 for schema in schemas(tool).values())
    assert (inspect.getdoc(FUNCTIONS[tool]) or "").split("\n\n")[0] != record.description, "readers are told more"


@by_tool
def test_names_and_types(tool: str) -> None:
    function = FUNCTIONS[tool]
    assert re.fullmatch("[a-z]+(_[a-z]+){1,2}", tool) and function.__name__ == tool == function.tool.name
    assert function.__module__ == f"microworld.tools.{function.tool.family}"
    hints = get_type_hints(function)
    assert hints.pop("return", None) is not None
    assert len(hints) <= 4 and list(hints) == list(schemas(tool))
    for hint in hints.values():
        plain = hint in (str, int, float, bool, list[str], list[int], list[float])
        assert plain or (get_origin(hint) is dict and get_args(hint)[0] is str), hint


@by_family
def test_a_family_has_what_the_study_asks_for(family: str) -> None:
    rows = [row for row in ROWS.values() if row["family"] == family]
    assert len(rows) == 5
    assert sum(bool(row["convention"]) for row in rows) >= 4
    assert sum(row["shown_by"] == "result" for row in rows) <= 1
    assert sum(row["optional"] > 0 for row in rows) >= 2
    assert any(row["nested"] for row in rows)
    pair = {row["tool"]: row["near_duplicate"] for row in rows if row["near_duplicate"]}
    assert len(pair) == 2 and all(pair[other] == name for name, other in pair.items())


def test_the_microworld_has_what_the_study_asks_for() -> None:
    rows = list(ROWS.values())
    assert len(rows) == 50 and {row["family"] for row in rows} == set(FAMILIES) and len(FAMILIES) == 10
    assert sum(row["arguments"] == 0 for row in rows) >= 6
    assert sum(row["optional"] > 0 for row in rows) >= 10
    assert sum(row["nested"] for row in rows) >= 5
    assert sum(bool(row["near_duplicate"]) for row in rows) >= 2 * 6
    assert sum(bool(row["convention"]) for row in rows) >= 30


def test_batches_deal_every_tool_once_and_spread_the_families() -> None:
    dealt = batches()
    assert [len(batch) for batch in dealt] == [12, 13, 12, 13]
    assert sorted(name for batch in dealt for name in batch) == sorted(FUNCTIONS)
    for number, batch in enumerate(dealt):
        assert len({ROWS[name]["family"] for name in batch}) >= 8
        assert all(ROWS[name]["batch"] == number for name in batch)


# The table of properties against behaviour


@by_tool
def test_arguments_are_those_of_the_table(tool: str) -> None:
    row, full = ROWS[tool], max((item.gold.arguments for item in items_of(tool)), key=len)
    assert row["arguments"] == len(inspect.signature(FUNCTIONS[tool]).parameters) == len(full)
    assert row["nested"] == any(isinstance(one, list | dict) for one in full.values())
    (stranger,) = observe([(tool, {**full, "stranger": 1})])
    assert stranger.text == f"Error: unknown argument 'stranger', arguments are: {', '.join(schemas(tool)) or 'none'}"
    required = 0
    for name in full:
        (less,) = observe([(tool, {one: full[one] for one in full if one != name})])
        required += less.text == f"Error: missing argument '{name}'"
    assert row["optional"] == row["arguments"] - required


@by_tool
def test_results_depend_on_every_argument(tool: str) -> None:
    """In some request, giving an argument another value, or leaving an optional one out, changes the outcome."""
    golds = [item.gold.arguments for item in items_of(tool)]
    for name in schemas(tool):
        values = [gold[name] for gold in golds if name in gold][:10]
        for gold in golds:
            rest = {one: gold[one] for one in gold if one != name}
            variants = [{**rest, name: value} for value in values] + [rest] * (name in optional(tool))
            if len({observation.text for observation in observe((tool, variant) for variant in variants)}) > 1:
                break
        else:
            pytest.fail(f"{name} changes nothing")


@by_tool
def test_the_test_set_needs_every_optional_argument(tool: str) -> None:
    """Leaving it out of some gold call fails or changes the result: the execution judge notices."""
    for name in optional(tool):
        items = [item for item in items_of(tool) if name in item.gold.arguments]
        left_out = [
            (tool, {one: item.gold.arguments[one] for one in item.gold.arguments if one != name}) for item in items
        ]
        assert any(
            not observation.ok or not BOX.same_result(tool, observation.value, item.result)
            for item, observation in zip(items, observe(left_out), strict=True)
        ), name


@pytest.mark.parametrize("tool", CONVENTIONAL)
def test_breaking_the_convention_shows_and_keeping_it_works(tool: str) -> None:
    special = FUNCTIONS[tool].properties
    broken, kept = observe([(tool, special.breaks), (tool, special.keeps)])
    assert kept.ok and len(kept.text) <= 160
    assert ROWS[tool]["shown_by"] == ("result" if broken.ok else "error")
    assert broken.value != kept.value
    if not broken.ok:
        assert broken.text.removeprefix("Error: ").split(":")[0] in special.breaks, "the error names the argument"
        assert len(broken.text.removeprefix("Error: ").split()) <= MAX_ERROR_WORDS


def test_only_conventions_have_examples_of_breaking_them() -> None:
    for name, function in FUNCTIONS.items():
        special = function.properties
        assert (special.breaks is None) == (special.keeps is None) == (not special.convention), name


_AREA = {"south": 34, "north": 37, "west": 135, "east": 140}
_CIRCLE = {"point": [35.2, 137.5], "radius": 300}
_MARKS = {"numbers": [72, 81, 95, 60]}

#: a request that both near-duplicates answer alike, then one of the second tool that the first answers otherwise
NEAR: list[tuple[str, dict[str, Any], str, dict[str, Any], dict[str, Any]]] = [
    # 16 June 2031 is a Monday
    (
        *("add_days", {"date": "16/06/2031", "days": 3}),
        *("add_workdays", {"date": "2031-06-16", "days": 3}, {"date": "2031-06-16", "days": 7}),
    ),
    ("cities_near_point", _CIRCLE, "cities_in_area", {"area": _AREA}, {"area": {**_AREA, "west": 136}}),
    (
        *("convert_currency", {"amount": 300, "source": "USD", "target": "GBP"}),
        *("exchange_cash", {"amount": 300, "pair": "USD/GBP", "fee": 0}, {"amount": 300, "pair": "USD/GBP"}),
    ),
    (
        *("compute_statistic", {**_MARKS, "statistic": "avg"}),
        *("weighted_mean", {**_MARKS, "weights": [25] * 4}, {**_MARKS, "weights": [10, 20, 30, 40]}),
    ),
    (
        *("encode_text", {"text": "Plum 5", "scheme": "rot13"}),
        *("shift_letters", {"text": "Plum 5", "places": 13}, {"text": "Plum 5", "places": 12}),
    ),
    (
        *("current_weather", {"city": "Rome, IT"}),
        *("weather_forecast", {"city": "Rome, IT", "day": 0}, {"city": "Rome, IT", "day": 1}),
    ),
    (
        *("flight_distance", {"origin": "LHR", "destination": "JFK"}),
        *("route_distance", {"stops": ["LHR", "JFK"]}, {"stops": ["LHR", "ZRH", "JFK"]}),
    ),
    (
        *("form_points", {"results": ["W", "L", "W", "D", "L"]}),
        *("season_points", {"record": "2-1-2"}, {"record": "2-1-2", "deduction": 1}),
    ),
    ("find_event", {"year": 1974}, "list_events", {"period": "1974/1974"}, {"period": "1974/1975"}),
    ("filing_fee", {"category": "DOG"}, "total_fees", {"copies": {"DOG": 1}}, {"copies": {"DOG": 2}}),
]


def test_near_duplicates_name_each_other_and_no_other() -> None:
    named = {name: row["near_duplicate"] for name, row in ROWS.items() if row["near_duplicate"]}
    assert named == {name: other for one, _, two, *_ in NEAR for name, other in ((one, two), (two, one))}
    assert BOX.near_duplicates == named


@pytest.mark.parametrize(
    ("one", "arguments", "two", "same", "different"), NEAR, ids=[f"{one[0]}-{one[2]}" for one in NEAR]
)
def test_near_duplicates_meet_and_part(
    one: str, arguments: dict[str, Any], two: str, same: dict[str, Any], different: dict[str, Any]
) -> None:
    first, second, third = observe([(one, arguments), (two, same), (two, different)])
    assert first.ok and second.ok and third.ok
    assert first.value == second.value != third.value


@by_tool
def test_results_are_compared_as_the_table_says(tool: str) -> None:
    compare, results = ROWS[tool]["compare"], [item.result for item in items_of(tool)]
    assert all(BOX.same_result(tool, result, result) for result in results)
    if compare == "unordered":
        assert all(isinstance(result, list) for result in results)
        assert all(BOX.same_result(tool, result, result[::-1]) for result in results)
    elif compare == "close":
        assert not any(BOX.same_result(tool, result, result[::-1]) for result in results if _directed(result))
    assert (compare == "property") == (FUNCTIONS[tool].properties.same_property is not None)
    assert not any(BOX.same_result(tool, result, None) for result in results)


def _directed(result: Any) -> bool:
    """Whether a result is a list that reads otherwise from behind."""
    return isinstance(result, list) and result != result[::-1]


# The wordings


def test_every_tool_has_wordings() -> None:
    assert list(WORDINGS) == list(FUNCTIONS)


@by_tool
def test_there_are_enough_wordings(tool: str) -> None:
    least = {"test": 8, "dev": 3} if schemas(tool) else {"test": 15, "dev": 5}
    for split, number in least.items():
        templates = getattr(WORDINGS[tool], split)
        assert len({_bare(template) for template in templates}) == len(templates) >= number
        assert schemas(tool) or not any(map(slots, templates)), "no arguments, no slots"


def test_no_wording_is_of_two_tools_or_of_both_splits() -> None:
    split_of: dict[str, str] = {}
    templates: list[str] = []
    for worded in WORDINGS.values():
        for split in PER_TOOL:
            templates += getattr(worded, split)
            for template in getattr(worded, split):
                assert split_of.setdefault(_bare(template), split) == split, template
    assert len({template.lower() for template in templates}) == len(templates)


def _bare(template: str) -> str:
    """A wording's words in small letters, its slots all alike."""
    return " ".join(re.findall(r"\w+", re.sub(r"\{\w+\}", "slot", template.lower())))


@by_tool
def test_queries_are_short_and_plain_and_name_no_tool(tool: str) -> None:
    for one in drawn(tool):
        assert one.query.isascii() and not set("{}<>*`#\n") & set(one.query), one.query
        assert 2 <= len(one.query.split()) <= 25, one.query
        words = f" {' '.join(re.findall('[a-z0-9]+', one.query.lower()))} "  # an underscore separates, too
        assert not any(f" {name.replace('_', ' ')} " in words for name in FUNCTIONS), one.query


@by_tool
def test_gold_calls_succeed_and_are_short(tool: str) -> None:
    for one in drawn(tool):
        assert one.observation.ok, (one.query, one.arguments, one.observation.text)
        assert len(one.observation.text) <= 160, one.observation.text
        assert one.observation.value not in ([], {}, "", None), "there is something to find"
        assert not isinstance(one.observation.value, list) or len(one.observation.value) <= 5


@by_tool
def test_queries_vary(tool: str) -> None:
    if schemas(tool):
        templates, rng = WORDINGS[tool].test, random.Random(0)
        draws = [templates[number % len(templates)] for number in range(40)]
        queries = {template.format(**WORDINGS[tool].case(rng, slots(template)).slots) for template in draws}
        assert len(queries) >= 20


def test_a_query_has_one_gold_call() -> None:
    """What is asked says which tool with which arguments, whatever was drawn."""
    gold: dict[str, tuple[str, dict[str, Any]]] = {}
    for tool in FUNCTIONS:
        for one in drawn(tool):
            call = (tool, one.arguments)
            assert gold.setdefault(one.query.lower(), call) == call, one.query


@by_tool
def test_some_wordings_leave_optional_arguments_out(tool: str) -> None:
    used: dict[str, set[str]] = {}
    for one in drawn(tool):
        given = optional(tool) & set(one.arguments)
        assert used.setdefault(one.template, given) == given, "a wording settles which arguments it gives"
    for split in PER_TOOL:
        given = [bool(used[template]) for template in getattr(WORDINGS[tool], split)]
        assert not optional(tool) or len(given) / 4 <= sum(given) <= len(given) * 3 / 4
    assert set().union(*used.values()) == optional(tool)


#: values that no argument of the type accepts, if it has a convention at all
NONSENSE: dict[str, tuple[Any, ...]] = {
    "string": ("?",),
    "integer": (-(10**7),),
    "number": (-1e11,),
    "array": (["?", "??"], [-1e11, 0.5]),
    "object": ({"?": 1},),
    "boolean": (),
}


def examples() -> Iterator[tuple[str, str, Any]]:
    """Tool, argument and value of the examples that errors give ("..., like FR")."""
    for tool, function in FUNCTIONS.items():
        full = max((item.gold.arguments for item in items_of(tool)), key=len)
        for name, schema in function.tool.parameters["properties"].items():
            calls = [(tool, {**full, name: nonsense}) for nonsense in NONSENSE[schema["type"]]]
            for observation in observe(calls):
                given = re.search(r"\blike (.+)", "" if observation.ok else observation.text)
                for text in re.split(" or ", given[1].split(" for ")[0]) if given else ():
                    try:
                        yield tool, name, json.loads(text)
                    except ValueError:
                        yield tool, name, text


def inside(value: Any) -> Iterator[Any]:
    """A value, and what it consists of."""
    yield value
    if isinstance(value, list | dict):
        for one in value:
            yield from inside(one)


def test_gold_calls_use_no_example_of_an_error() -> None:
    found = list(examples())
    assert ("add_days", "date", "24/12/2030") in found and ("cities_near_point", "point", [59.3, 18.1]) in found
    assert len(found) >= 30
    for tool, name, example in found:
        for arguments in [one.arguments for one in drawn(tool)] + [item.gold.arguments for item in items_of(tool)]:
            assert name not in arguments or example not in list(inside(arguments[name])), (tool, example)


# The test set


def run(*module: str) -> subprocess.CompletedProcess[str]:
    """A module of the package as a command."""
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_committed_sets_come_out_of_the_script() -> None:
    done = run("microworld.test_set.make", "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_selfcheck() -> None:
    done = run("microworld.tools", "--selfcheck")
    assert done.returncode == 0, done.stderr
    said = re.search(r"750 gold calls, 750 as recorded, 0 not, in (\d+\.\d) s", done.stdout)
    assert said and float(said[1]) < 10
    assert all(name in done.stdout for name in FUNCTIONS)


@pytest.mark.parametrize(("split", "number"), [("test", 750), ("dev", 250)])
def test_a_split_has_as_many_items_of_each_tool(split: str, number: int) -> None:
    items = ITEMS[split]
    assert len(items) == len({item.query.lower() for item in items}) == number
    expected = [(name, item) for name in FUNCTIONS for item in range(PER_TOOL[split])]
    assert [(item.gold.tool, item.item) for item in items] == expected


def test_no_query_is_in_both_splits() -> None:
    assert not {item.query.lower() for item in ITEMS["test"]} & {item.query.lower() for item in ITEMS["dev"]}
