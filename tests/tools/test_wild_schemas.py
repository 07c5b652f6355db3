"""Schemas as servers really send them: no tool is lost for another's, and what a server takes reaches it.

The shapes are of public reports, named beside them; the data are ours.
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import regex
from contract_server import run
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ste_core.core import json_schema, react
from ste_core.core.records import Call, Observation, Tool
from ste_core.tools import checking
from ste_core.tools.mcp import McpToolbox

RAW = Path(__file__).with_name("raw_server.py")
TREE = {
    "type": "object",
    "properties": {
        "nodes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "v": {"type": "string"},
                    "kids": {"type": "array", "items": {"$ref": "#/properties/nodes/items"}},
                },
            },
        }
    },
}


def raw(tools: Any, **spec: Any) -> McpToolbox:
    return McpToolbox([sys.executable, str(RAW), json.dumps({"tools": tools, **spec})])


#: name -> (the schema sent, the argument names we show, a call that reaches the server)
WILD: dict[str, tuple[Any, list[str], dict[str, Any]]] = {
    # mastra-ai/mastra#23731: `required` among the properties
    "required_inside": (
        {"type": "object", "properties": {"coin": {"type": "string"}, "required": ["coin"]}},
        ["coin"],
        {"coin": "x"},
    ),
    # modelcontextprotocol/servers#3051, awwaiid/mcp-server-taskwarrior#11: a dialect and nothing else
    "only_dialect": ({"$schema": "http://json-schema.org/draft-07/schema#"}, [], {"id": 1}),
    # anthropics/claude-code#88049: alternatives at the top, without a type
    "arms": (
        {
            "anyOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}},
                {"type": "object", "properties": {"b": {}}},
            ]
        },
        ["a", "b"],
        {"b": 1},
    ),
    # sandialabs/atlas-ui-3#727: a text's schema
    "text": ({"type": "string", "description": "the title"}, [], {"title": "x"}),
    # can1357/oh-my-pi#2652: choices beside a type that none of them has
    "null_choices": ({"type": "object", "properties": {"a": {"enum": ["A", "B"], "type": "null"}}}, ["a"], {"a": "A"}),
    "array_choices": ({"type": "object", "properties": {"a": {"enum": [0, 1], "type": "array"}}}, ["a"], {"a": [1]}),
    # ThinkInAIXYZ/go-mcp#170: boolean `required` deep inside
    "deep_required": (
        {
            "type": "object",
            "properties": {"s": {"type": "object", "properties": {"p": {"type": "string", "required": True}}}},
        },
        ["s"],
        {"s": {"p": "x"}},
    ),
    # PayU/api-schema-builder#86: OpenAPI 3.0's boolean limits and `nullable`
    "openapi": (
        {
            "type": "object",
            "properties": {"rate": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True}},
        },
        ["rate"],
        {"rate": None},
    ),
    # PrefectHQ/fastmcp#3893: references by pointer, in a circle
    "tree": (TREE, ["nodes"], {"nodes": [{"v": "x", "kids": [{"v": "y", "kids": []}]}]}),
    "nothing": (None, [], {}),
    "a list": ([], [], {"x": [None, {"y": 1.5}]}),
    "as text": ('{"type": "object", "properties": {"a": {"type": "integer"}}}', ["a"], {"a": "5"}),
    "parameters": (
        {"type": "object", "properties": [{"name": "city", "type": "str", "required": True}]},
        ["city"],
        {"city": 5},
    ),
}


def test_one_odd_tool_spoils_no_other() -> None:
    tools = [
        {"name": name, "description": f"Does {name}.", "inputSchema": schema} for name, (schema, *_) in WILD.items()
    ]
    tools[0:0] = [
        {
            "name": "good",
            "description": "Good.",
            "inputSchema": {"type": "object"},
            "outputSchema": {"type": "nonsense"},
        },
        {"description": "no name"},
        "no tool",
        {"name": 7, "inputSchema": {}},
        {"name": "no_schema"},  # neither a description
        {
            "name": "titled",
            "description": None,
            "title": "Has a title",
            "annotations": "none",
            "icons": 5,
            "inputSchema": {},
        },
        {"name": "long", "description": "x y " * 2_500, "inputSchema": {"type": "object"}},
        {"name": "good", "description": "Again.", "inputSchema": {"type": "object"}},  # openclaw/mcporter#260
        {"name": "名 a/b%%c: {d}\n<e>", "description": "Lines\n of it.", "inputSchema": {}},
    ]

    async def work() -> tuple[McpToolbox, dict[str, Observation]]:
        async with raw(tools, page={"nextCursor": None}, capabilities={"tools": []}, about={"instructions": []}) as box:
            calls = [Call(tool="good", arguments={}), *(Call(tool=n, arguments=one[2]) for n, one in WILD.items())]
            return box, {call.tool: await box.execute(call) for call in calls}

    box, seen = run(work())
    assert set(box.tools) == {"good", "no_schema", "titled", "long", "名 a/b%%c: {d}\n<e>", *WILD}
    assert box.tools["titled"].description == "Has a title" and box.tools["good"].description == "Good."
    for name, (_, names, given_) in WILD.items():
        assert list(box.tools[name].arguments) == names, name
        Draft202012Validator.check_schema(box.tools[name].parameters)
        assert seen[name].text == f"{name} got {json.dumps(given_)}", "it reached the server"
    notes = "\n".join(box.notes)
    assert "tool number 2: left out, it has no name" in notes and "tool 'good': listed more than once" in notes
    assert "tool 'text': its schema is not quite JSON Schema (its type is \"string\"" in notes
    assert all("\n" not in box.tools[name].documentation().replace(name, "") for name in box.tools)


@pytest.mark.parametrize("name", list(WILD))
def test_a_constrained_reply_has_a_form_by_any_schema(name: str) -> None:
    schema, _, arguments = WILD[name]
    tool = Tool(name="t", description="T.", parameters=json_schema.mend(schema)[0])
    form = react.form([tool])
    assert len(form) < 30_000 and re.compile(form) and regex.compile(form)
    # of the documented types, and as deep as forms go
    fit = arguments | {"tree": {"nodes": [{"v": "x"}]}, "as text": {"a": 5}, "parameters": {"city": "x"}}.get(name, {})
    if tool.arguments:
        assert re.fullmatch(form, f"Action: t\nAction Input: {json.dumps(fit)}")


def test_a_form_stays_small_and_follows_references() -> None:
    deep = {
        f"p{n}": {
            "type": "object",
            "properties": {
                f"q{m}": {
                    "type": "array",
                    "items": {"type": "object", "properties": {f"r{k}": {"type": "string"} for k in range(20)}},
                }
                for m in range(20)
            },
        }
        for n in range(30)
    }
    start = time.monotonic()
    form = react.form([Tool(name="t", parameters={"type": "object", "properties": deep})])
    assert len(form) < 30_000 and re.compile(form) and time.monotonic() - start < 20
    form = react.form(
        [
            Tool(
                name="t",
                parameters={
                    "type": "object",
                    "properties": {"u": {"$ref": "#/$defs/U"}, "n": {"type": ["integer", "null"]}},
                    "$defs": {"U": {"enum": ["c", "f"]}},
                },
            )
        ]
    )
    for text, fits in (
        ('{"u": "c", "n": null}', True),
        ('{"n": 5}', True),
        ('{"u": "k"}', False),
        ('{"n": "x"}', False),
    ):
        assert bool(re.fullmatch(form, f"Action: t\nAction Input: {text}")) is fits


SCHEMA = {
    "type": "object",
    "properties": {
        "day": {"$ref": "#/$defs/Day"},
        "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "unit": {"allOf": [{"$ref": "#/$defs/Unit"}], "description": "in which"},
    },
    "required": ["day"],
    "$defs": {"Day": {"type": "string"}, "Unit": {"enum": ["c", "f"]}},
}


def test_references_and_alternatives_are_documented() -> None:
    told = Tool(name="t", parameters=SCHEMA).documentation()
    assert told == "API: t. Args: day (string), size (integer, optional), unit (string, optional) in which"
    for odd in (
        {"properties": [], "required": True},
        {"properties": {"a": 7}, "required": "a"},
        {"properties": {"a": {"type": 7, "description": 5}}},
    ):
        assert Tool(name="t", parameters=odd).documentation().startswith("API: t. Args: ")


#: a pattern, a text that the other side takes, and one that it refuses (None: we cannot know, and refuse nothing)
PATTERNS = [
    (r"^[\p{L}\p{N} ._\-]+$", "Zoë 2026", "a/b"),  # langfuse/langfuse#14770
    (r"^(?<year>\d{4})-(?<month>\d{2})$", "2026-03", "2026"),  # ECMAScript's named groups
    (r"^\d++[a-z]*+$", "12ab", "ab"),  # possessive, as PCRE and Java have it
    (r"(?<=a+)b", "aab", "b"),  # a lookbehind without a fixed length
    (r"^[\w&&[^\d]]+$", "12", None),  # Java's intersection of sets
    (r"^\Qa.b\E$", "anything", None),
    (r"^[\p{IsGreek}--\p{Lu}]+$", "x", None),
    ("(unclosed", "x", None),
    (r"\u{1F600}", "x", None),
]


@pytest.mark.parametrize(("pattern", "taken", "refused"), PATTERNS)
def test_patterns_of_other_dialects(pattern: str, taken: str, refused: str | None) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}}
    assert checking.problem({"a": taken}, schema) is None
    assert refused is None or "does not match" in str(checking.problem({"a": refused}, schema))


UNSURE = [
    ({"$ref": "#/$defs/none"}, 1),
    ({"$ref": "http://192.0.2.1/x"}, 1),
    ({"$ref": "#/properties/a"}, 1),
    ({"not": {"pattern": "("}}, "x"),
    ({"multipleOf": 0.1}, 0.3),
    ({"oneOf": [{"pattern": "("}, {"type": "string"}]}, "x"),
    ({"type": "object", "patternProperties": {"(": {}}, "additionalProperties": False}, {"x": 1}),
]


@pytest.mark.parametrize(("part", "value"), UNSURE)
def test_what_cannot_be_checked_refuses_nothing(part: dict[str, Any], value: Any) -> None:
    assert checking.problem({"a": value}, {"type": "object", "properties": {"a": part}}) is None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["object", "int", "string", "#", "#/$defs/a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "required",
                    "items",
                    "enum",
                    "anyOf",
                    "allOf",
                    "oneOf",
                    "$ref",
                    "$defs",
                    "a",
                    "minimum",
                    "pattern",
                    "exclusiveMinimum",
                    "nullable",
                    "default",
                    "description",
                    "additionalProperties",
                    "const",
                    "not",
                    "dependencies",
                    "name",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=400, deadline=None)
@given(json_values, st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=3), max_size=2))
def test_any_json_is_read_as_a_schema(value: Any, arguments: dict[str, Any]) -> None:
    schema, _ = json_schema.mend(value)
    assert schema.get("type") == "object" and json_schema.mend(schema) == (schema, [])
    tool = Tool(name="t", parameters=schema)
    tool.documentation()
    re.compile(react.form([tool]))
    checking.problem(arguments, schema)
    if isinstance(value, dict):
        Tool(name="t", parameters=value).documentation()
        react.form([Tool(name="t", parameters=value)])
