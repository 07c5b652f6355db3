"""Judging by execution, and the predictors that understand nothing."""

import asyncio
import random

import pytest

from microworld import test_set
from microworld.tools import toolbox
from ste_core import aio, execution, reference, score, study
from ste_core.records import Call, Prediction, TestItem
from ste_core.score import json_equal


@pytest.fixture(scope="module")
def box():
    return toolbox()


def verdict(box, gold, called, **fields):
    """The verdict row of a call (a Call, or raw text) against a gold call, executed."""
    result = aio.run(box.execute(gold)).value
    item = TestItem(item=0, query="q", gold=gold, result=result)
    text = called if isinstance(called, str) else score.react.render(called.tool, called.arguments)
    prediction = Prediction(system="s", setting="x", item=0, query="q", gold=gold, output=text)
    rows = score.verdicts([prediction], box.tools, string_rule_tools=box.tools, rule="strict")
    executed = aio.run(execution.execute_verdicts(rows, box, execution.gold_results([item])))
    return next(executed.itertuples())


def call(tool, **arguments):
    return Call(tool=tool, arguments=arguments)


def test_another_way_to_write_the_same_call_is_right_by_execution_only(box):
    gold = call("world_cup_winner", year=1966)
    row = verdict(box, gold, call("world_cup_winner", year=1966, place=1))
    assert row.correct_rule and row.correct_execution
    gold = call("world_cup_winner", year=1966, place=1)
    row = verdict(box, gold, call("world_cup_winner", year=1966))
    assert not row.correct_rule and row.correct_execution and row.task_success


def test_the_right_tool_with_another_result_is_wrong(box):
    row = verdict(box, call("world_cup_winner", year=1966), call("world_cup_winner", year=1970))
    assert row.api_match and not row.correct_execution and not row.task_success


def test_an_error_is_wrong_and_kept(box):
    row = verdict(box, call("world_cup_winner", year=1966), call("world_cup_winner", year=1967))
    assert not row.correct_execution and row.observation.startswith("Error: year")


def test_a_near_duplicate_with_the_same_result_is_task_success_only(box):
    gold = call("flight_distance", origin="CDG", destination="JFK")
    row = verdict(box, gold, call("route_distance", stops=["CDG", "JFK"]))
    assert not row.api_match and not row.correct_execution and row.task_success
    row = verdict(box, gold, call("route_distance", stops=["CDG", "JFK"], return_home=True))
    assert not row.task_success


def test_another_tool_with_the_same_result_is_no_success(box):
    """Only declared near-duplicates count: a tool that echoes any answer must not."""
    gold = call("pick_word", text="seven hills", position=0)
    row = verdict(box, gold, call("encode_text", text="seven", scheme="rot13"))
    assert row.wellformed and not row.task_success
    row = verdict(box, gold, call("spell_number", number=7, language="en"))
    assert row.observation == "seven" and not row.task_success


def test_random_results_are_judged_by_property(box):
    gold = call("make_password", length=12, kind="letters")
    same = verdict(box, gold, call("make_password", length=12, kind="letters"))
    assert same.correct_execution
    assert not verdict(box, gold, call("make_password", length=13, kind="letters")).correct_execution
    assert not verdict(box, gold, call("make_password", length=12, kind="digits")).correct_execution
    assert box.same_result("make_password", {"password": "abcDEFghiJKL"}, {"password": "zyxWVUtsrQPO"})


@pytest.mark.parametrize("text", ["nonsense", "Final Answer: 3", 'Action: convert_unit\nAction Input: {"value": NaN}'])
def test_no_call_is_executed_where_there_is_none(box, text):
    row = verdict(box, call("current_moment"), text)
    assert not row.correct_execution and not row.task_success and row.observation.startswith("Error: ")


def test_the_judge_interface(box):
    gold = call("world_cup_winner", year=1966)
    row = verdict(box, gold, gold)
    judge = execution.ExecutionJudge(box, {("world_cup_winner", 0): {"team": "England", "host": "England"}})
    judgement = asyncio.run(judge.judge(row))
    assert judgement.correct and judgement.judge == "execution" and "England" in judgement.raw


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1.0000000001, 1, True), (1.01, 1, False), (True, 1, False), ([1, 2], [2, 1], False), ([1], [1, 2], False),
        ({"a": [1.0]}, {"a": [1]}, True), ({"a": 1}, {"b": 1}, False), (None, 0, False), ("1", 1, False),
        (10**400, 10**400, True), (10**400, 1, False),
    ],
)  # fmt: skip
def test_close(a, b, same):
    assert json_equal(a, b, close=True) is same


def test_close_without_order():
    assert json_equal([{"a": 1}, "x"], ["x", {"a": 1}], close=True, ordered=False)
    assert not json_equal([1, 1], [1, 2], close=True, ordered=False)


# --- reference predictors ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def marks():
    return reference.evaluate(study.load("microworld")).set_index(["system", "metric"])["value"]


def test_the_oracle_is_right_everywhere(marks):
    assert (marks["gold oracle"] == 100).all()


def test_luck_and_words_are_far_from_it(marks):
    assert marks["random valid call", "wellformed"] == marks["nearest documentation", "wellformed"] == 100
    assert marks["random valid call", "api_match"] < 6  # 1 in 50, and chance
    assert marks["random valid call", "correct_execution"] < 3
    nearest = marks["nearest documentation"]
    assert 20 < nearest["api_match"] < 80
    without_arguments = 100 * sum(not item.gold.arguments for item in test_set.load("test")) / 750
    assert nearest["correct_execution"] <= without_arguments
    assert nearest["task_success"] >= nearest["correct_execution"]


def test_random_calls_are_valid_and_seeded(box):
    items, donors = test_set.load("test")[:40], test_set.load("dev")
    one, same, other = (reference.random_call(items, donors, rng=random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other
    for prediction in one:
        parsed = score.react.parse(prediction.output, box.tools, rule="strict")
        assert aio.run(box.execute(Call(tool=parsed.tool, arguments=parsed.arguments))).ok
