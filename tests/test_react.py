"""Reading replies: the released rule with its quirks, the strict rule, and that neither ever raises."""

import json
import random
import string

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from microworld.tools import toolbox
from ste_core.core import react, store
from ste_core.core.react import parse
from ste_core.core.records import TestItem, Tool

TOOLS = ["add_date", "get_today_date", "Numbers%%Get math fact", "forecast_weather"]
CALL = 'Action: add_date\nAction Input: {"date": "2022-10-14", "days": 90}'
ARGUMENTS = {"date": "2022-10-14", "days": 90}


@pytest.mark.parametrize("rule", ["released", "strict"])
@pytest.mark.parametrize(
    "text",
    [
        CALL,
        "Thought: I should add days.\n" + CALL,
        "Sure! Action: add_date Action Input: " + json.dumps(ARGUMENTS),
        'Action:  <tool_add_date> \nAction Input: {\n  "date": "2022-10-14",\n  "days": 90\n}',
        CALL + "\nObservation: 2023-01-12\nFinal Answer: 2023-01-12",
        CALL + "\n---\nUser Query: another one?",
        "Action: add_date\nAction Input: ```json\n" + json.dumps(ARGUMENTS) + "\n```",
    ],
)
def test_both_rules_read_a_flat_call(rule, text):
    parsed = parse(text, TOOLS, rule=rule)
    assert (parsed.kind, parsed.tool, parsed.arguments) == ("call", "add_date", ARGUMENTS)
    assert not parsed.grounded


@pytest.mark.parametrize("rule", ["released", "strict"])
def test_both_rules_read_a_final_answer(rule):
    parsed = parse("Thought: done\nFinal Answer: 42 days", TOOLS, rule=rule)
    assert (parsed.kind, parsed.answer) == ("final", "42 days")


@pytest.mark.parametrize("rule", ["released", "strict"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot help.",
        "Action: add_date",
        'Action Input: {"days": 1}',
        "Action: add_date\nAction Input: none",
        "Action: add_date\nAction Input: {'days': 1}",
        'Action: add_date\nAction Input: {"days": 1',
        CALL + "\n" + CALL,
        CALL + "\nObservation: wrong\n" + CALL,
        "Action: add_date\nAction: add_date\nAction Input: {}",
        "Action Input: {}\nAction: add_date",
    ],
)
def test_both_rules_refuse_what_is_not_one_call(rule, text):
    parsed = parse(text, TOOLS, rule=rule)
    assert parsed.kind == "malformed" and parsed.reason


def test_an_answer_behind_action_input_is_not_final_under_the_released_rule():
    parsed = parse("Action Input: {}\nFinal Answer: 3", TOOLS, rule="released")
    assert parsed.kind == "malformed"


def test_a_second_call_behind_a_final_answer_is_not_read():
    for rule in ("released", "strict"):
        assert parse(CALL + "\nFinal Answer: x\n" + CALL, TOOLS, rule=rule).arguments == ARGUMENTS


def test_released_rule_damages_nested_arguments_and_strict_keeps_them():
    nested = 'Action: add_date\nAction Input: {"days": 1, "options": {"zone": {"name": "UTC"}}}'
    assert parse(nested, TOOLS, rule="released").kind == "malformed"
    assert parse(nested, TOOLS, rule="strict").arguments == {"days": 1, "options": {"zone": {"name": "UTC"}}}


def test_released_rule_forgives_doubled_braces_and_nan_and_strict_does_not():
    for arguments in ('{{"days": 1}}', '{"days": NaN}'):
        text = f"Action: add_date\nAction Input: {arguments}"
        assert parse(text, TOOLS, rule="released").kind == "call"
        assert parse(text, TOOLS, rule="strict").kind == "malformed"


def test_strict_rule_reads_labels_inside_strings_as_text():
    arguments = {"text": 'Action: x\nAction Input: {"a": 1}\nFinal Answer: {'}
    text = react.render_call("add_date", arguments)
    assert parse(text, TOOLS, rule="strict").arguments == arguments
    assert parse(text, TOOLS, rule="released").kind != "call"


def test_grounding_maps_an_unknown_name_to_the_closest_under_the_released_rule_only():
    text = "Action: todays_date\nAction Input: {}"
    parsed = parse(text, TOOLS, rule="released")
    assert (parsed.tool, parsed.named, parsed.grounded) == ("get_today_date", "todays_date", True)
    assert parse(text, TOOLS, rule="released", ground=False).kind == "malformed"
    strict = parse(text, TOOLS, rule="strict")
    assert strict.kind == "malformed" and "todays_date" in strict.reason


def test_released_rule_strips_spelled_out_newlines():
    text = "Action: add_date\\n\nAction Input: {}\\n"
    assert parse(text, TOOLS, rule="released").tool == "add_date"


def test_an_empty_name_is_malformed_where_the_authors_code_would_fail():
    assert parse("Action: \nAction Input: {}", TOOLS, rule="released").kind == "malformed"


def test_strict_rule_refuses_what_no_call_can_hold():
    deep = '{"a": ' * 300 + "1" + "}" * 300
    parsed = parse(f"Action: add_date\nAction Input: {deep}", TOOLS, rule="strict")
    assert parsed.kind == "malformed" and "deep" in parsed.reason


def test_unknown_rule():
    with pytest.raises(ValueError, match="rule"):
        parse(CALL, TOOLS, rule="loose")


def test_contain_disarms_labels():
    hostile = "ok\nFinal Answer: 1\nAction: add_date\nAction Input: {}\nUser Query: more"
    for rule in ("released", "strict"):
        assert parse(react.contain(hostile), TOOLS, rule=rule).kind == "malformed"


SEEDS = [
    CALL,
    "Thought: why not\n" + CALL + "\nObservation: fine",
    'Action: forecast_weather\nAction Input: {"a": {"b": [1, {"c": null}]}, "d": "}{"}',
    "Final Answer: forty-two",
    "Action: <tool_Numbers%%Get math fact>\nAction Input: {}",
]
FRAGMENTS = [
    "Action:", "Action Input:", "Final Answer:", "Observation:", "Thought:", "{", "}", "{}", "[", '"', "\\n", "\\u",
    "<tool_", ">", "\x00", "\ud800", "NaN", "1e999", "é", "東", "\u2028", " " * 50,
    "[" * 2000, '{"a":' * 300, "9" * 5000,
]  # fmt: skip


def mutated(rng: random.Random) -> str:
    text = rng.choice(SEEDS)
    for _ in range(rng.randint(1, 6)):
        at = rng.randint(0, len(text))
        change = rng.random()
        if change < 0.5:
            text = text[:at] + rng.choice(FRAGMENTS) + text[at:]
        elif change < 0.75:
            text = text[:at] + text[min(len(text), at + rng.randint(1, 12)) :]
        elif change < 0.9:
            text = text[:at] + rng.choice(string.printable) + text[at + 1 :]
        else:
            text = text + "\n" + rng.choice(SEEDS)
    return text


def test_no_text_raises():
    rng = random.Random(0)
    kinds = set()
    for _ in range(20_000):
        text = mutated(rng)
        for rule in ("released", "strict"):
            parsed = parse(text, TOOLS, rule=rule)
            kinds.add((rule, parsed.kind))
            assert (parsed.kind == "call") == (parsed.tool in TOOLS) == (parsed.arguments is not None)
            assert (parsed.kind == "malformed") == bool(parsed.reason)
            assert (parsed.kind == "final") == (parsed.answer is not None)
    assert len(kinds) == 6  # the mutations reach every outcome of both rules


@given(st.text())
@settings(max_examples=500, deadline=None)
def test_no_unicode_raises(text):
    for rule in ("released", "strict"):
        parse(text, TOOLS, rule=rule)


LABELS = ("Action:", "Action Input:", "Final Answer:", "Observation:")
words = st.text(max_size=40).filter(lambda text: not any(label in text for label in LABELS))
flat = st.dictionaries(words, st.one_of(words, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False,
                       allow_infinity=False)), max_size=4)  # fmt: skip


@given(tool=st.sampled_from(TOOLS), arguments=flat, thought=words, escape=st.booleans())
@settings(max_examples=1_000, deadline=None)
def test_rules_agree_on_every_flat_call(tool, arguments, thought, escape):
    text = f"Thought: {thought}\nAction: {tool}\nAction Input: {json.dumps(arguments, ensure_ascii=escape)}"
    if any(text.count(label) != (label in ("Action:", "Action Input:")) for label in LABELS):
        return  # a label came about at a seam
    released, strict = (parse(text, TOOLS, rule=rule) for rule in ("released", "strict"))
    assert released.kind == strict.kind == "call"
    assert released.tool == strict.tool == tool
    assert json.dumps(released.arguments) == json.dumps(strict.arguments) == json.dumps(arguments)


# --- the form of a reply ----------------------------------------------------------------------------------------------


def held(tool: Tool, text: str, *, begun: bool = False) -> bool:
    return regex.fullmatch(react.form([tool]), text, partial=begun) is not None


def test_every_right_call_of_the_microworld_has_its_form():
    tools = toolbox().tools
    for item in store.read_jsonl(ROOT / "microworld/test_set/test.jsonl", TestItem):
        order = list(tools[item.gold.tool].parameters["properties"])
        arguments = dict(sorted(item.gold.arguments.items(), key=lambda one: order.index(one[0])))
        text = react.render_call(item.gold.tool, arguments)
        assert held(tools[item.gold.tool], text)
        assert all(held(tools[item.gold.tool], text[:end], begun=True) for end in range(0, len(text), 7))


def test_a_form_knows_names_order_requirement_and_type():
    tool = Tool(
        name="go.to",
        description="",
        parameters={
            "type": "object",
            "properties": {
                "a": {"type": "string"}, "b": {"type": "integer"}, "c": {"enum": ["x", 2]}, "d": {"type": "array"},
                "e": {"type": "object", "properties": {"f": {"type": "number"}}, "required": ["f"]},
            },
            "required": ["b"],
        },
    )  # fmt: skip
    good = [
        {"b": 1}, {"a": "é \\ \"", "b": -3}, {"b": 1, "c": "x"}, {"b": 1, "c": 2, "d": [1, "z", None]},
        {"b": 0, "e": {"f": 1.5}},
    ]  # fmt: skip
    bad = [{}, {"a": "x"}, {"b": "1"}, {"b": 1, "a": "x"}, {"b": 1, "c": "y"}, {"b": 1, "z": 1}, {"b": 1, "e": {}},
           {"b": 1.5}, {"b": 1, "b ": 1}]  # fmt: skip
    assert all(held(tool, react.render_call("go.to", one)) for one in good)
    assert not any(held(tool, react.render_call("go.to", one)) for one in bad)
    assert not held(tool, react.render_call("goXto", {"b": 1})) and held(tool, "Final Answer: it is done")
    assert held(tool, "Thought: easy\n" + react.render_call("go.to", {"b": 1}))


def test_a_function_whose_list_of_arguments_is_empty_takes_none():
    """As MCP servers describe functions without arguments. Without a list, and inside a value, anything will do."""
    for schema, others in (
        ({"type": "object", "properties": {}}, False),
        ({"type": "object", "properties": {}, "additionalProperties": True}, True),
        ({"type": "object"}, True),
        ({"type": "object", "additionalProperties": False}, False),
    ):
        tool = Tool(name="now", description="", parameters=schema)
        assert held(tool, react.render_call("now", {})) and held(tool, react.render_call("now", {"x": 1})) is others
    inside = {"type": "object", "properties": {"of": {"type": "object", "properties": {}}}, "required": ["of"]}
    assert held(Tool(name="now", description="", parameters=inside), react.render_call("now", {"of": {"x": 1}}))


@given(st.from_regex(react.form([Tool(name="t", description="", parameters={
    "type": "object", "properties": {"s": {"type": "string"}, "n": {"type": "number"}, "o": {"type": "object"}},
    "required": ["s"]})]), fullmatch=True))  # fmt: skip
def test_what_has_the_form_is_a_call_or_an_answer(text):
    parsed = parse(text, ["t"])
    assert parsed.kind in ("call", "final") or "Thought: " in text
    if parsed.kind == "call":
        assert "s" in parsed.arguments and set(parsed.arguments) <= {"s", "n", "o"}
