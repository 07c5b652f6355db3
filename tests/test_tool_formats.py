"""Calls in the native formats of model families, as the models really write them.

The shapes are those that the tests of vLLM (`tests/tool_parsers`) and of a public parser for Qwen2.5-Coder, which
writes `<tools>`, pin down; of SGLang's detectors and llama.cpp's `test-chat` only excerpts were at hand. Tools and
values are our own.
"""

import json
import keyword
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ste_core.core import react
from ste_core.models.tool_formats import from_fields, parse_native, read_native

TOOLS = ["wind_force", "add_date", "Token API%%generate", "shop.order_items", "bash"]

WIND = ("wind_force", {"speed": 12.5, "unit": "m/s"})
DATE = ("add_date", {"days": 90})
BARE = ("bash", {})
DEEP = ("bash", {"a": {"b": {"c": {"d": [1, {"e": "}"}]}}}})


def as_json(call, key="arguments", **more):
    return json.dumps({**more, "name": call[0], key: call[1]})


def tag(call):
    return f"<tool_call>\n{as_json(call)}\n</tool_call>"


HERMES = {
    "on lines of its own": (tag(WIND), [WIND], ""),
    "on one line": (f"<tool_call>{as_json(WIND)}</tool_call>", [WIND], ""),
    "text before": ("Let me look.\n<tool_call>\n" + as_json(DATE) + "\n</tool_call>", [DATE], "Let me look."),
    "two": (tag(WIND) + "\n" + tag(DATE), [WIND, DATE], ""),
    "the model stops before the end mark": ("<tool_call>\n" + as_json(WIND), [WIND], ""),
    "two without an end": ("<tool_call>" + as_json(WIND) + "\n<tool_call>" + as_json(DATE), [WIND, DATE], ""),
    "end of turn": (tag(WIND) + "<|im_end|>\n<|im_start|>user", [WIND], ""),
    "a made-up result": (
        tag(WIND) + "\n<tool_response>\n{\"force\": 6}\n</tool_response>\nIt is 6.", [WIND], "",
    ),
    "arguments as text": (as_json(("add_date", '{"days": 90}')).join(["<tool_call>\n", "\n</tool_call>"]), [DATE], ""),
    "no arguments": ('<tool_call>{"name": "bash"}</tool_call>', [BARE], ""),
    "null": ('<tool_call>{"name": "bash", "arguments": null}</tool_call>', [BARE], ""),
    "arguments first": ('<tool_call>{"arguments": {"days": 90}, "name": "add_date"}</tool_call>', [DATE], ""),
    "a list": ("<tool_call>[" + as_json(WIND) + ", " + as_json(DATE) + "]</tool_call>", [WIND, DATE], ""),
    "lines": ("<tools>\n" + as_json(WIND) + "\n" + as_json(DATE) + "\n</tools>", [WIND, DATE], ""),
    "divided by commas": ("<tools>" + as_json(WIND) + ",\n" + as_json(DATE) + ",\n</tools>", [WIND, DATE], ""),
    "Qwen2.5-Coder": ("I will.\n<tools>\n" + as_json(WIND, "parameters") + "\n</tools>", [WIND], "I will."),
    "a brace too many": ("<tool_call>" + as_json(WIND) + "}</tool_call>", [WIND], ""),
    "a Python call within": ("<tool_call>add_date(days=90)</tool_call>", [DATE], ""),
    "a fence within": ("<tool_call>\n```json\n" + as_json(DATE) + "\n```\n</tool_call>", [DATE], ""),
    "thoughts": ("<think>\nThe force, <tool_call> then.\n</think>\n\n" + tag(WIND), [WIND], ""),
    "the tools' wrapping": (
        '<tool_call>{"type": "function", "function": {"name": "add_date", "arguments": {"days": 90}}}', [DATE], "",
    ),
    "text with marks in it": (
        '<tool_call>{"name": "bash", "arguments": {"x": "a </s> {[\\"}]<tool_call>"}}</tool_call>',
        [("bash", {"x": 'a </s> {["}]<tool_call>'})], "",
    ),
}  # fmt: skip

LLAMA3 = {
    "parameters": (as_json(WIND, "parameters"), [WIND], ""),
    "arguments": (as_json(WIND), [WIND], ""),
    "python tag": ("<|python_tag|>" + as_json(WIND, "parameters") + "<|eom_id|>", [WIND], ""),
    "type": (as_json(WIND, "parameters", type="function"), [WIND], ""),
    "several": ("; ".join([as_json(WIND, "parameters"), as_json(BARE), as_json(DATE)]), [WIND, BARE, DATE], ""),
    "several, blanks": (as_json(WIND, "parameters") + " ; " + as_json(DATE), [WIND, DATE], ""),
    "several, lines": (as_json(WIND, "parameters") + "\n" + as_json(DATE), [WIND, DATE], ""),
    "text around": ("Here it is: " + as_json(BARE) + " Anything else?", [BARE], "Here it is:\nAnything else?"),
    "braces behind": (as_json(DATE) + " I used {add_date} for this.", [DATE], "I used {add_date} for this."),
    "its arguments repeated": (as_json(DATE) + ' The arguments: {"days": 90}', [DATE], None),
    "deep": (as_json(DEEP, "parameters"), [DEEP], ""),
    "built in": ('<|python_tag|>bash.call(query="a b")', [("bash", {"query": "a b"})], ""),
    "in a list": ("[" + as_json(DATE) + "]", [DATE], ""),
}  # fmt: skip

MISTRAL = {
    "list": ("[TOOL_CALLS][" + as_json(WIND) + "]", [WIND], ""),
    "list behind a blank": ("[TOOL_CALLS] [" + as_json(WIND) + ", " + as_json(DATE) + "]</s>", [WIND, DATE], ""),
    "arguments first, one called name": (
        '[TOOL_CALLS] [{"arguments":{"name": "John"}, "name": "bash"}]', [("bash", {"name": "John"})], ""
    ),
    "an identity": ('[TOOL_CALLS][{"name": "add_date", "arguments": {"days": 90}, "id": "a1b2c3d4e"}]', [DATE], ""),
    "v11": ('[TOOL_CALLS]add_date{"days": 90}', [DATE], ""),
    "v11, two": ('[TOOL_CALLS]add_date{"days": 90}[TOOL_CALLS]bash{}', [DATE, BARE], ""),
    "v13": ('[TOOL_CALLS]add_date[ARGS]{"days": 90}', [DATE], ""),
    "with its identity": ('[TOOL_CALLS]add_date[CALL_ID]a1b2c3d4e[ARGS]{"days": 90}', [DATE], ""),
    "text before": ('hi{hi[TOOL_CALLS]bash{"command": "print(\\"hi\\")\\nre.compile(r\'{}\')"}',
                    [("bash", {"command": "print(\"hi\")\nre.compile(r'{}')"})], "hi{hi"),
    "a name with blanks": ('[TOOL_CALLS]Token API%%generate{"n": 1}', [("Token API%%generate", {"n": 1})], ""),
}  # fmt: skip


def lfm(text):
    return f"<|tool_call_start|>[{text}]<|tool_call_end|>"


PYTHONIC = {
    "LFM2": (lfm("add_date(days=90)"), [DATE], ""),
    "LFM2, both quotes": (lfm("wind_force(speed=12.5, unit=\"m/s\"), bash(x='y')"), [WIND, ("bash", {"x": "y"})], ""),
    "text behind": (lfm("add_date(days=90)") + "\nChecking the date.", [DATE], "Checking the date."),
    "a blank before the list": ("<|tool_call_start|> [add_date(days=90)]<|tool_call_end|>", [DATE], ""),
    "JSON between the marks": (lfm(as_json(DATE)), [DATE], ""),
    "Llama 4": ("<|python_start|>[add_date(days=90)]<|python_end|><|eot|>", [DATE], ""),
    "bare": ("[add_date(days=90)]", [DATE], ""),
    "bare, two": ("[add_date(days=90), bash()]", [DATE, BARE], ""),
    "no list": ("add_date(days=90)", [DATE], ""),
    "types": (
        "[bash(name='John', age=37, at={'x': [1, -2.5]}, role=None, ok=True, off=false, of=['a', 'b'])]",
        [("bash", {"name": "John", "age": 37, "at": {"x": [1, -2.5]}, "role": None, "ok": True,
                   "off": False, "of": ["a", "b"]})], ""),
    "empty values": ("[bash(a={}, b=[])]", [("bash", {"a": {}, "b": []})], ""),
    "a set": (lfm("bash(tags={'urgent'})"), [("bash", {"tags": ["urgent"]})], ""),
    "escapes": (r"[bash(a='Martha\'s', b='\"cool\"')]", [("bash", {"a": "Martha's", "b": '"cool"'})], ""),
    "a dotted name": (lfm("shop.order_items(to='7 Elm St, X')"), [("shop.order_items", {"to": "7 Elm St, X"})], ""),
    "a name that is none in Python": ("[Token API%%generate(n=1)]", [("Token API%%generate", {"n": 1})], ""),
    "brackets in text": (lfm("bash(command='grep -F \"]\" log)')"), [("bash", {"command": 'grep -F "]" log)'})], ""),
    "lines in text": (lfm("bash(command='a << E\nb\nE')"), [("bash", {"command": "a << E\nb\nE"})], ""),
    "a zero byte": (lfm("bash(command='a\0b')"), [("bash", {"command": "a\0b"})], ""),
    "a comma at the end": ("[add_date(days=90,),]", [DATE], ""),
    "over lines": ("[\n  add_date(\n    days=90,\n  )\n]", [DATE], ""),
    "a damaged one behind": ("[add_date(days=90), bash(x=b'z')]", [DATE], None),
}  # fmt: skip


def gemma(text):
    return f"<start_function_call>call:{text}<end_function_call>"


GEMMA = {
    "text": (gemma("bash{city:<escape>New York<escape>}"), [("bash", {"city": "New York"})], ""),
    "several": (gemma("bash{a:<escape>x, y<escape>,b:<escape>{z}<escape>}"), [("bash", {"a": "x, y", "b": "{z}"})], ""),
    "numbers": (gemma("wind_force{speed:12.5,unit:<escape>m/s<escape>}"), [WIND], ""),
    "none": (gemma("bash{}"), [BARE], ""),
    "lists": (gemma("bash{a:[<escape>x<escape>,2],b:{c:true}}"), [("bash", {"a": ["x", 2], "b": {"c": True}})], ""),
    "text before": ("Checking. " + gemma("add_date{days:90}"), [DATE], "Checking."),
    "two": (gemma("add_date{days:90}") + gemma("bash{}"), [DATE, BARE], ""),
    "a result begun": (gemma("add_date{days:90}") + "<start_function_response>", [DATE], ""),
    "no end mark": ("<start_function_call>call:add_date{days:90}", [DATE], ""),
    "quotes in text": (gemma('bash{a:<escape>"x"\n<escape>}'), [("bash", {"a": '"x"\n'})], ""),
}  # fmt: skip

FENCE = {
    "json": ("```json\n" + as_json(WIND) + "\n```", [WIND], ""),
    "no language": ("```\n" + as_json(WIND) + "\n```", [WIND], ""),
    "text around": ("Here:\n```json\n" + as_json(WIND) + "\n```\nDone.", [WIND], "Here:\nDone."),
    "a list": ("```json\n[\n  " + as_json(WIND) + ",\n  " + as_json(DATE) + "\n]\n```", [WIND, DATE], ""),
    "over lines": ("```json\n" + json.dumps({"name": WIND[0], "arguments": WIND[1]}, indent=2) + "\n```", [WIND], ""),
    "Python": ("```python\nadd_date(days=90)\n```", [DATE], ""),
    "tool_call": ("```tool_call\n" + as_json(DATE) + "\n```", [DATE], ""),
}

FORMATS = {"hermes": HERMES, "llama3": LLAMA3, "mistral": MISTRAL, "pythonic": PYTHONIC, "gemma": GEMMA, "fence": FENCE}
SHAPES = [(f"{family}: {name}", *shape) for family, shapes in FORMATS.items() for name, shape in shapes.items()]


@pytest.mark.parametrize(
    ("text", "calls", "visible"), [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES]
)
def test_shapes_that_models_write(text, calls, visible):
    reply = read_native(text, TOOLS)
    assert list(reply.calls) == calls
    assert visible is None or reply.text == visible
    parsed = parse_native(text, TOOLS)
    assert (parsed.kind, parsed.tool, parsed.named, parsed.arguments) == ("call", calls[0][0], calls[0][0], calls[0][1])
    assert reply.more == len(calls) - 1


@pytest.mark.parametrize(
    "text",
    [
        "The force is 6.",
        "I called add_date(days=90) and it said no.",
        'Lists such as [1, 2] and {"days": 90} are no calls.',
        '{"days": 90}',
        '{"name": "John", "age": 3}',
        "Use `wind_force` (it takes a speed).",
        "[1] is the source.",
        "```python\nprint(1)\n```",
        'Is it "name": you?',
        "if (a < b) and c > d: yes</b>",
    ],
)
def test_answers(text):
    parsed = parse_native(text, TOOLS)
    assert (parsed.kind, parsed.answer) == ("final", text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "neither a call nor an answer"),
        (" \n<|im_end|>The answer", "neither a call nor an answer"),
        ("<think>I must think", "before its thoughts do"),
        ("<tool_call>", "not a JSON object"),
        ("<tool_call></tool_call>", "not a JSON object"),
        ("<tool_call>the weather</tool_call>", "not a JSON object"),
        ('<tool_call>{"name": "add_date", "arguments": {"days": 90}', "cut off"),
        ("<tool_call>{'name': 'add_date', 'arguments': {}}</tool_call>", "not valid JSON"),
        ('<tool_call>{"name": "add_date", "arguments": "soon"}</tool_call>', "not a JSON object"),
        ('<tool_call>{"name": "add_date", "arguments": [90]}</tool_call>', "not a JSON object"),
        ('<tool_call>{"arguments": {"days": 90}}</tool_call>', "no name"),
        ('<tool_call>{"name": 7, "arguments": {}}</tool_call>', "no name"),
        ('<tool_call>{"name": "add_days", "arguments": {}}</tool_call>', "no tool named 'add_days'"),
        ('<tool_call>{"name": "bash", "arguments": {"x": NaN}}</tool_call>', "not valid JSON"),
        ('<tool_call>{"name": "bash", "arguments": {"x": 1e999}}</tool_call>', "cannot hold"),
        ('<tool_call>{"name": "bash", "arguments": {"x": "\\ud800"}}</tool_call>', "cannot hold"),
        ('<tool_call>{"oops": 1}</tool_call><tool_call>{"name": "bash"}</tool_call>', "no name"),
        ('<tools>{"name": "bash", "description": "Run.", "parameters": {"type": "object"}}</tools>', "documentation"),
        ('{"name": "wind_force", "parameters": {"speed": 12', "cut off"),
        ('{"name": "nothing", "parameters": {"speed": 12', "cut off"),
        ('{"name": "nothing", "parameters": {}}', "no tool named 'nothing'"),
        ('So: {"name": "wind_force", "arguments": {', "cut off"),
        ("<|python_tag|>import sys", "not a JSON object"),
        ("[TOOL_CALLS]", "no name"),
        ("[TOOL_CALLS]add_date", "no arguments"),
        ('[TOOL_CALLS]add_date{"days": ', "cut off"),
        ("[TOOL_CALLS]{}", "no name"),
        (lfm("add_date(90)"), "by name"),
        (lfm("add_date(**x)"), "by name"),
        (lfm("add_date(days=today())"), "no plain value"),
        (lfm("add_date(days=b'9')"), "no plain value"),
        (lfm("add_date(days=1e999)"), "cannot hold"),
        (lfm("add_date(days={1: 2})"), "no plain value"),
        (lfm("add_date(days=9 0)"), "not Python values"),
        ("<|tool_call_start|>[add_date(days=9", "cut off"),
        (lfm(""), "neither a call nor an answer"),
        ("[add_date(days=", "cut off"),
        (gemma("add_date"), "no arguments in braces"),
        (gemma("add_date{days:ninety}"), "of the form"),
        ("<start_function_call>call:add_date{days:<escape>9", "cut off"),
        ("<start_function_call>add_date{days:9}", "no name"),
    ],
)  # fmt: skip
def test_attempts_that_fail_say_why(text, reason):
    parsed = parse_native(text, TOOLS)
    assert parsed.kind == "malformed" and parsed.tool is None
    assert parsed.reason is not None and reason in parsed.reason and "\n" not in parsed.reason


def test_the_thought_is_what_stands_before_the_call():
    text = "<think>Which unit?</think>\nI look it up.\n<tool_call>" + as_json(WIND) + "</tool_call>"
    assert parse_native(text, TOOLS).thought == "Which unit?\nI look it up."
    assert parse_native("<think>easy</think>\nIt is 6.", TOOLS) == react.Parsed(
        "final", answer="It is 6.", thought="easy"
    )
    prefilled = "Which unit?\n</think>\n" + as_json(WIND)  # the template wrote the opening mark
    assert parse_native(prefilled, TOOLS).thought == "Which unit?" and parse_native(prefilled, TOOLS).kind == "call"


def test_fields_of_a_server_read_alike():
    fields = [
        {"id": "1", "type": "function", "function": {"name": n, "arguments": json.dumps(a)}} for n, a in (WIND, DATE)
    ]
    reply = from_fields(fields, "Let me look.")
    assert reply.calls == (WIND, DATE) and reply.more == 1
    assert reply.parsed(TOOLS) == react.Parsed(
        "call", tool=WIND[0], named=WIND[0], arguments=WIND[1], thought="Let me look."
    )
    assert from_fields([], "It is 6.").parsed(TOOLS) == react.Parsed("final", answer="It is 6.")
    broken = [{"type": "function", "function": {"name": "add_date", "arguments": '{"days": '}}]
    assert from_fields(broken, None).parsed(TOOLS).kind == "malformed"
    empty = [{"type": "function", "function": {"name": "bash", "arguments": ""}}]
    assert from_fields(empty, None).calls == (BARE,)


# --- hostile texts ----------------------------------------------------------------------------------------------------

FRAGMENTS = [
    "<tool_call>", "</tool_call>", "<tools>", "</tools>", "<|tool_call_start|>", "<|tool_call_end|>", "<|python_tag|>",
    "<|python_start|>", "<|python_end|>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<start_function_call>", "call:",
    "<end_function_call>", "<escape>", "<think>", "</think>", "<|im_end|>", "<tool_response>", "```", "```json\n", "\n",
    '{"name": "add_date", "arguments": {"days": 90}}', '{"name": "', '"arguments": {', "add_date(", "days=", "90", ")",
    "[", "]", "{", "}", "'", '"', "\\", ",", ";", ":", "\0", "\x01", "\ud800", "é", "=", "-", "1e999", "#",
    "**", "lambda:",
]  # fmt: skip


def check(text: str) -> None:
    parsed = parse_native(text, TOOLS)
    assert parsed.kind in ("call", "final", "malformed")
    if parsed.kind == "call":
        assert parsed.tool in TOOLS and isinstance(parsed.arguments, dict)
        assert json.loads(json.dumps(parsed.arguments, allow_nan=False)) == parsed.arguments
        json.dumps(parsed.arguments, ensure_ascii=False).encode("utf-8")
    elif parsed.kind == "final":
        assert parsed.answer
    else:
        assert parsed.reason


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=14).map("".join))
def test_nothing_raises_on_fragments(text):
    check(text)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from([shape[1] for shape in SHAPES]), st.randoms(use_true_random=False))
def test_nothing_raises_on_damaged_calls(text, rng: random.Random):
    for _ in range(rng.randint(1, 4)):
        at, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        text = rng.choice(
            [
                text[:at] + text[end:],
                text[:at],
                text[at:],
                text[:at] + rng.choice(FRAGMENTS) + text[at:],
                text[:end] + text[at:],
            ]
        )
    check(text)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
NAMES = st.from_regex(r"\A[a-z_]{1,8}\Z").filter(lambda name: not keyword.iskeyword(name))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_arguments_come_back_from_json_and_python(arguments):
    text = json.dumps(arguments)
    for reply in (
        f'<tool_call>\n{{"name": "bash", "arguments": {text}}}\n</tool_call>', f"[TOOL_CALLS]bash[ARGS]{text}",
        f'{{"name": "bash", "parameters": {text}}}',
        lfm("bash(" + ", ".join(f"{name}={value!r}" for name, value in arguments.items()) + ")"),
    ):  # fmt: skip
        assert read_native(reply, TOOLS).calls == (("bash", arguments),), reply


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "{" * 50_000,
        '{"name":' * 20_000,
        '[{"name": "add_date", "arguments": ' * 5_000,
        "<tool_call>" * 20_000,
        "<tool_call>" + "[" * 50_000,
        "<tool_call>" + " " * 100_000,
        "[TOOL_CALLS]" + " " * 100_000,
        "[TOOL_CALLS]" * 10_000 + "x",
        lfm("add_date(days=" + "[" * 20_000),
        lfm("add_date(days=" + "-" * 20_000 + "1)"),
        lfm("add_date(days=" + "(" * 5_000 + ")" * 5_000 + ")"),
        lfm("add_date(days=" + "9" * 10_000 + ")"),
        '<tool_call>{"name": "add_date", "arguments": {"days": ' + "9" * 10_000 + "}}",
        "<start_function_call>call:" + " " * 100_000,
        "<start_function_call>" * 5_000,
        gemma("add_date{a:" + "{a:" * 20_000),
        "\n" * 100_000 + "x",
        "`" * 100_000,
        "[add_date" * 20_000,
        as_json(DATE) * 5_000,
    ],
)
def test_long_hostile_texts_take_no_time(text):
    start = time.process_time()
    check(text)
    assert time.process_time() - start < 5
