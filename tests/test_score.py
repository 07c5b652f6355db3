"""Verdicts and percentages."""

import pytest

from ste_core.core.records import Call, Prediction, StoredVerdict, Tool
from ste_core.scoring import score

TOOLS = ["add_date", "judged_api"]


def prediction(output, gold=None, tool="add_date", stored=None, item=0, **more):
    return Prediction(
        system="s", setting="FT", item=item, query="q", output=output, stored=stored, **more,
        gold=Call(tool=tool, arguments={"days": 90} if gold is None else gold),
    )  # fmt: skip


def verdict(*predictions):
    return score.score_predictions(predictions, TOOLS, string_rule_tools=["add_date"]).iloc[0]


@pytest.mark.parametrize(
    ("gold", "arguments", "right"),
    [
        ({}, {}, True),
        ({}, {"anything": 1}, True),
        ({"a": "X "}, {"a": " x"}, True),
        ({"a": 1}, {"a": "1"}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"a": 1}, {"a": 1.0}, False),  # compared as text
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
    ],
)
def test_string_rule(gold, arguments, right):
    assert score.string_rule(gold, arguments) is right


def test_json_equal():
    assert score.json_equal({"a": [1, {"b": None}], "c": "x"}, {"c": "x", "a": [1.0, {"b": None}]})
    assert not score.json_equal({"a": True}, {"a": 1})
    assert not score.json_equal({"a": False}, {"a": 0})
    assert not score.json_equal({"a": 1}, {"a": 1, "b": 1})
    assert not score.json_equal([1, 2], [2, 1])


DEFAULTS = Tool(
    name="t",
    parameters={
        "properties": {
            "base": {"type": "number", "default": 10},
            "where": {"$ref": "#/$defs/Where"},
            "limit": {"type": ["integer", "null"], "default": None},
            "stops": {"type": "array", "items": {"$ref": "#/$defs/Where"}},
        },
        "$defs": {"Where": {"type": "object", "properties": {"city": {}, "zone": {"default": "UTC"}}}},
    },
)


@pytest.mark.parametrize(
    ("gold", "given", "same"),
    [
        # aisa-group/PostTrainBench#63: a documented default may be written or left out
        ({}, {"base": 10.0}, True),
        ({"base": 10}, {}, True),
        ({"base": 2}, {}, False),
        ({}, {"base": 2}, False),
        ({}, {"limit": None}, True),
        ({"where": {"city": "a"}}, {"where": {"zone": "UTC", "city": "a"}}, True),
        ({"stops": [{"city": "a"}]}, {"stops": [{"zone": "UTC", "city": "a"}]}, True),
        ({"stops": [{"city": "a"}]}, {"stops": [{"zone": "CET", "city": "a"}]}, False),
        # thinking-machines-lab/tinker-cookbook#937: an argument that nobody asked for
        ({"base": 2}, {"base": 2, "made_up": 1}, False),
        ({"where": {"city": "a"}}, {"where": {"city": "a", "made_up": 1}}, False),
        # UiPath/uipath-python#1370, ServiceNow/AU-Harness#31: numbers by value at any depth, and values at all
        ({"x": [{"y": [1, 2.5]}]}, {"x": [{"y": [1.0, 2.5]}]}, True),
        ({"base": 999}, {"base": 10}, False),
        ({"x": 10**17 + 1}, {"x": float(10**17)}, False),
        ({"x": "1"}, {"x": 1}, False),
        ({"x": True}, {"x": 1}, False),
        ({"x": [1, 2]}, {"x": [2, 1]}, False),
        ({"x": " a"}, {"x": "a"}, False),
        ({"x": None}, {}, False),
    ],
)
def test_the_same_call(gold, given, same):
    assert score.same_call(gold, given, DEFAULTS) is same and score.same_call(given, gold, DEFAULTS) is same


def test_right_call():
    row = verdict(prediction('Action: add_date\nAction Input: {"days": 90}', stored=StoredVerdict(no_call=0, err=0)))
    assert row.wellformed and row.api_match and row.identical and row.string_rule
    assert not row.correct_stored and row.correct_rule and row.correct_rule_identity


def test_identity_overrules_a_stored_judge():
    stored = StoredVerdict(no_call=0, err=0, api_match=1, args_correct=0)
    text = 'Action: judged_api\nAction Input: {"x": [1, 2]}'
    row = verdict(prediction(text, {"x": [1, 2]}, "judged_api", stored))
    assert row.string_rule is None and not row.correct_rule and row.correct_rule_identity
    other = verdict(prediction(text, {"x": [2, 1]}, "judged_api", stored))
    assert not other.correct_rule_identity


def test_wrong_tool_is_never_correct():
    row = verdict(prediction("Action: judged_api\nAction Input: {}", {}))
    assert row.wellformed and not row.api_match and not row.identical and not row.correct_rule


def test_without_stored_verdicts():
    row = verdict(prediction("Final Answer: x"))
    assert row.kind == "final" and not row.wellformed and row.correct_stored is None and not row.correct_rule


def test_a_stored_call_stands_in_for_raw_text():
    call = Call(tool="add_date", arguments={"days": 90})
    assert verdict(prediction(None, kind="call", call=call)).correct_rule
    assert verdict(prediction(None, kind="final")).kind == "final"
    assert verdict(prediction(None, kind="malformed")).kind == "malformed"


def test_counts_use_the_released_denominators():
    good, wrong = 'Action: add_date\nAction Input: {"days": 90}', "Action: judged_api\nAction Input: {}"
    outputs = [good, good, wrong, "nonsense"]
    predictions = [prediction(text, item=number) for number, text in enumerate(outputs)]
    rows = score.score_predictions(predictions, TOOLS, string_rule_tools=TOOLS)
    found = {metric: tuple(score.counts(rows, metric).loc["add_date"]) for metric in score.METRICS}
    assert found["wellformed"] == (3, 4)
    assert found["api_match"] == (2, 3)
    assert found["api_match_all"] == (2, 4)
    assert found["correct_rule"] == (2, 4)
