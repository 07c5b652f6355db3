"""Judging by execution, and the predictors that understand nothing."""

import asyncio
import json
import random
import sys

import pandas as pd
import pytest
import yaml
from support import ROOT

from microworld import test_set
from microworld.tools import toolbox
from ste_core.analysis import baselines, claims_embedded, compare, headline
from ste_core.core import aio, config, store
from ste_core.core.errors import UserError
from ste_core.core.react import render_call
from ste_core.core.records import Call, Prediction, TestItem
from ste_core.pipeline import stages
from ste_core.report import figures
from ste_core.scoring import execution, score
from ste_core.scoring.score import json_equal


@pytest.fixture(scope="module")
def box():
    return toolbox()


def verdict(box, gold, called, **fields):
    """The verdict row of a call (a Call, or raw text) against a gold call, executed."""
    result = aio.run(box.execute(gold)).value
    item = TestItem(item=0, query="q", gold=gold, result=result)
    text = called if isinstance(called, str) else score.react.render_call(called.tool, called.arguments)
    prediction = Prediction(system="s", setting="x", item=0, query="q", gold=gold, output=text)
    rows = score.score_predictions([prediction], box.tools, string_rule_tools=box.tools, rule="strict")
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
    assert json_equal([{"b": 10, "a": 1}, {"a": 1, "b": 9}], [{"a": 1, "b": 9.0}, {"a": 1.0, "b": 10}], ordered=False)
    assert not json_equal([1, 1, 2], [1, 2, 2], ordered=False) and not json_equal([2, 1], [1, 2])


# --- reference predictors ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def marks():
    return baselines.evaluate(config.load("microworld")).set_index(["system", "metric"])["value"]


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
    one, same, other = (baselines.random_call(items, donors, rng=random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other
    for prediction in one:
        parsed = score.react.parse(prediction.output, box.tools, rule="strict")
        assert aio.run(box.execute(Call(tool=parsed.tool, arguments=parsed.arguments))).ok


# --- a study's verdicts -----------------------------------------------------------------------------------------------

SERVER = [sys.executable, str(ROOT / "tests" / "tools" / "mcp_servers.py"), "ours"]

FUNCTIONS = '''
from pathlib import Path


def look(size: int):
    """Nothing, or so many letters."""
    with Path(__file__).with_name("calls").open("a") as file:
        file.write("x")
    return "x" * size or None
'''


def answered(folder, monkeypatch, world, items, calls, **sections):
    """A study with a test set and predictions: `calls` gives those of the baseline and of ICL, item by item."""
    monkeypatch.setenv("STE_RESULTS", str(folder / "results"))
    monkeypatch.setenv("STE_FIGURES", str(folder / "figures"))
    (folder / "test.jsonl").write_text("".join(json.dumps(one) + "\n" for one in items))
    content = {
        "name": "mine", "world": world | {"test_set": str(folder / "test.jsonl")}, "statistics": {"resamples": 99},
        "models": {"m": {"kind": "openai", "model": "m"}},
        "exploration": {"model": "m"}, "exploitation": {"model": "m"},
    }  # fmt: skip
    (folder / "mine.yaml").write_text(yaml.safe_dump(content | sections))
    made = config.load(folder / "mine.yaml")
    for setting, own in zip(("baseline", "icl"), calls, strict=True):
        path = stages.predictions_file(made, setting, "all" if setting == "baseline" else "full", 0)
        rows = [
            Prediction(
                system="m", setting=stages.label(setting), item=one["item"], query=one["query"], gold=one["gold"],
                output=render_call(said.tool, said.arguments),
            ).model_dump_json()
            for one, said in zip(items, own, strict=True)
        ]  # fmt: skip
        store.write_text(path, "".join(f"{row}\n" for row in rows))
    return made


def item(number, gold, **result):
    return {"item": number, "query": f"query {number}", "gold": gold.model_dump()} | result


def percent(made, metric):
    table = compare.correctness(compare.answer_outcomes(made), made).query("metric == @metric")
    return dict(zip(table["setting"], table["value"], strict=True))


def test_calls_of_an_mcp_server_are_made_for_the_verdicts(tmp_path, monkeypatch):
    golds = [call("add", a=2, b=3), call("say", text="hello"), call("record", city="Oslo"), call("nothing")]
    results = [5.0, "hello", {"result": {"city": "Oslo"}}, None]
    items = [item(0, gold, result=value) for gold, value in zip(golds, results, strict=True)]
    wrong = [call("add", a=2), call("say", text="x" * 5_000), call("refuse", why="no"), call("say", text="null")]
    made = answered(tmp_path, monkeypatch, {"mcp": {"command": SERVER}}, items, (wrong, golds))
    assert percent(made, "correct_execution") == {"baseline": 0, "ICL": 100}
    assert percent(made, "task_success") == {"baseline": 0, "ICL": 100}


def test_a_recorded_null_is_a_result_and_what_was_cut_is_none(tmp_path, monkeypatch):
    (tmp_path / "looking.py").write_text(FUNCTIONS)
    golds = [call("look", size=0), call("look", size=3_000)]
    items = [item(0, golds[0], result=None), item(1, golds[1], result="x" * 3_000)]
    world = {"functions": str(tmp_path / "looking.py")}
    cut = [call("look", size=5_000), call("look", size=5_000)]
    made = answered(tmp_path, monkeypatch, world, items, (cut, golds))
    assert percent(made, "correct_execution") == {"baseline": 0, "ICL": 50}, "3,000 characters are cut, so not known"
    exploring = {"model": "m", "observation_chars": 4_000}
    made = answered(tmp_path, monkeypatch, world, items, (cut, golds), exploration=exploring)
    assert percent(made, "correct_execution") == {"baseline": 0, "ICL": 100}


@pytest.mark.parametrize("recorded", [{}, {"result": "x"}])  # of the first item; of the second none is
def test_without_recorded_results_nothing_is_executed_and_the_rule_decides(tmp_path, monkeypatch, recorded):
    (tmp_path / "looking.py").write_text(FUNCTIONS)
    golds = [call("look", size=1), call("look", size=2)]
    items = [item(0, golds[0], **recorded), item(1, golds[1])]
    world = {"functions": str(tmp_path / "looking.py")}
    made = answered(tmp_path, monkeypatch, world, items, ([golds[0], golds[0]], golds))
    rows = compare.answer_outcomes(made)
    assert not (tmp_path / "calls").exists()
    assert not {"correct_execution", "task_success", "observation"} & set(rows)
    assert rows["category"].tolist() == ["right", "wrong value", "right", "right"]
    table, gains = compare.correctness(rows, made), compare.gains(rows, made)
    assert set(table["metric"]) == {"wellformed", "api_match_all", "correct_rule", "correct_call"}
    assert gains["metric"].tolist() == ["correct_call"] and gains["difference"].tolist() == [50]
    assert compare.expectation(gains)["difference"].iloc[0] == 50
    text = headline.headline(table, claims_embedded.embedded(table, gains))
    assert "call accuracy" in text and "execution accuracy" not in text and "50.0 [" in text
    examples, families = pd.Series({"look": 3.0}), pd.Series({"look": ""})
    tools = compare.tools(rows, examples, families)
    assert not {"correct_execution", "task_success"} & set(tools)
    assert "baseline: most often wrong value" in compare.reasons(compare.errors(rows, made), tools)[0]
    paper = compare.paper_correctness(made)
    for name, one in (("embedded_correctness", table), ("embedded_tools", tools), ("paper_correctness", paper)):
        store.write_table(one, made.tables / f"{name}.csv")
    for name in ("embedded_correctness", "embedded_tools"):
        alt = figures.show(name, made).alt
        drawn = next(made.results.rglob(f"{name}.svg")).read_text()
        assert "xecution accuracy" not in drawn + alt and "call accuracy" in drawn


def test_a_study_chooses_how_replies_are_read(tmp_path, monkeypatch):
    (tmp_path / "looking.py").write_text(FUNCTIONS)
    items, said = [item(0, call("look", size=1))], [call("look_at", size=1)]
    world = {"functions": str(tmp_path / "looking.py")}
    for scoring, value in (({}, 0), ({"rule": "released"}, 100)):  # which takes the closest name
        made = answered(tmp_path, monkeypatch, world, items, (said, said), scoring=scoring)
        assert percent(made, "correct_rule") == {"baseline": value, "ICL": value}
    with pytest.raises(UserError, match=r"scoring\.rule: .*'strict' or 'lenient', not 'loose'$"):
        answered(tmp_path, monkeypatch, world, items, (said, said), scoring={"rule": "loose"})
