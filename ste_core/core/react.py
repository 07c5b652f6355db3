"""Thought / Action / Action Input: rendered, parsed, and as a form for constrained decoding.

>>> parse('Thought: easy\\nAction: add_date\\nAction Input: {"days": 90}', ["add_date"]).arguments
{'days': 90}

Three rules:

- ``rule="released"`` follows the authors' parser (``STE/utils.py`` and ``STE/evaluation.ipynb`` at the pinned commit),
  its quirks included: labels are counted anywhere in the text, arguments are cut from the first ``{`` to the last
  ``}`` and reduced to one brace on each side (which damages nested objects), Python's JSON reader accepts ``NaN``, and
  a name that is no tool's is replaced by the closest one (open models only; ``ground=False`` turns this off).
- ``rule="strict"`` reads JSON: one `Action:`, one `Action Input:` and one JSON object, which may nest and whose strings
  may hold anything, labels included. Prose around it is ignored; what a model makes up behind its call is cut off at
  `Observation:` or `Final Answer:`, as the stop sequence does at run time. The name must be a tool's. Labels and names
  in markdown are refused for their form.
- ``rule="lenient"`` forgives the form that instruct models give a call, and never guesses one; see `react_lenient`. Of
  several calls the first is read.

None raises on any text.
"""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from ste_core.core import json_schema, literals, react_lenient
from ste_core.core.records import Call, Tool

Rule = Literal["released", "strict", "lenient"]

ACTION, ACTION_INPUT, FINAL = "Action:", "Action Input:", "Final Answer:"
GROUNDING_CUTOFF = 0.001  # of difflib similarity; the authors' value: nearly everything finds a match


@dataclass(frozen=True, slots=True)
class Parsed:
    """How a model's reply reads.

    Attributes:
        kind: "final" (an answer, no call), "call", or "malformed".
        tool: the called tool, after grounding; None unless a call.
        named: the name as the model wrote it (token brackets removed); None unless a call.
        arguments: the call's arguments, a JSON object; None unless a call.
        answer: the final answer; None unless final.
        reason: why the reply cannot be read, in words fit for the model to see; None unless malformed.
        thought: what stands before the call or the answer.
        more: calls after the first, which are not made; only the lenient rule takes the first of several.
    """

    kind: Literal["final", "call", "malformed"]
    tool: str | None = None
    named: str | None = None
    arguments: Any = None
    answer: str | None = None
    reason: str | None = None
    thought: str = ""
    more: int = 0

    @property
    def grounded(self) -> bool:
        """Whether the called tool is a closest match, not the name the model wrote."""
        return self.kind == "call" and self.tool != self.named


def render_call(tool: str, arguments: dict[str, Any], thought: str = "") -> str:
    """The text of a call, as prompts and training rows show it."""
    head = f"Thought: {thought}\n" if thought else ""
    return f"{head}{ACTION} {tool}\n{ACTION_INPUT} {json.dumps(arguments, ensure_ascii=False)}"


# --- the form of a reply ----------------------------------------------------------------------------------------------

_STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*"'
_INTEGER = r"-?(?:0|[1-9][0-9]{0,14})"
_NUMBER = rf"{_INTEGER}(?:\.[0-9]{{1,9}})?"
_SCALAR = rf"(?:{_STRING}|{_NUMBER}|true|false|null)"
_VALUES = {"string": _STRING, "integer": _INTEGER, "number": _NUMBER, "boolean": "(?:true|false)", "null": "null"}
_FLAT_LIST = rf"\[(?:{_SCALAR}(?:, ?{_SCALAR})*)?\]"
_FLAT_OBJECT = rf"\{{(?:{_STRING}: ?{_SCALAR}(?:, ?{_STRING}: ?{_SCALAR})*)?\}}"
_ANY = rf"(?:{_SCALAR}|{_FLAT_LIST}|{_FLAT_OBJECT})"
_OBJECT = rf"\{{(?:{_STRING}: ?{_ANY}(?:, ?{_STRING}: ?{_ANY})*)?\}}"
_DEPTH = 3  # of schemas that are followed; what lies deeper may be any flat value
_LONGEST = 20_000  # characters of one tool's arguments; a larger schema is followed less deep


def form(
    tools: Iterable[Tool], *, arguments: bool = True, answer: bool = True, thought: bool = True,
    frame: tuple[str, str, str] | None = None,
) -> str:  # fmt: skip
    """A regular expression of a reply that calls one of some tools by its documented arguments, or answers.

    It knows the tools' names, the names of their arguments in their order, which of them are required, and their JSON
    types; nothing of what values mean. Python's `re` reads it, and so do servers that hold a reply to a form.

    Args:
        tools: at least one.
        arguments: whether it knows the documented arguments; else any flat object will do.
        answer: whether a final answer will do as well.
        thought: whether a thought may stand first. Without one, what all replies begin with need not be generated.
        frame: what stands before, between and behind name and arguments in another format (`models.native`); an answer
            is then any text that does not begin as a call does.

    >>> record = Tool(name="wait", description="", parameters={
    ...     "type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]})
    >>> bool(re.fullmatch(form([record]), 'Action: wait\\nAction Input: {"days": 3}'))
    True
    """
    if frame is not None:
        return _framed(tools, frame, arguments, answer)
    calls = []
    for tool in tools:
        name = re.escape(tool.name)
        given = _arguments(tool.parameters) if arguments else _OBJECT
        calls.append(rf"(?:{name}|<tool_{name}>)\n{ACTION_INPUT} {given}")
    ways = [rf"{ACTION} (?:{'|'.join(calls)})", *([rf"{FINAL} [^\n]+"] if answer else [])]
    before = r"(?:Thought: [^\n]+\n)?" if thought else ""
    return f"{before}(?:{'|'.join(ways)})"


def arguments_form(tool: Tool) -> str:
    """A regular expression of the arguments of a call of a tool; see `form`."""
    return _arguments(tool.parameters)


def _framed(tools: Iterable[Tool], frame: tuple[str, str, str], arguments: bool, answer: bool) -> str:
    before, between, after = map(re.escape, frame)
    calls = [
        rf"{re.escape(tool.name)}{between}{_arguments(tool.parameters) if arguments else _OBJECT}" for tool in tools
    ]
    call = rf"{before}(?:{'|'.join(calls)}){after}"
    return rf"(?:{call}|[^{re.escape(frame[0].lstrip()[0])}\s][^\x00]*)" if answer else call


def _arguments(schema: dict[str, Any]) -> str:
    """A call's arguments, followed as deep as their form stays of a size that compiles at once."""
    forms = (_object(schema, schema, depth) for depth in range(_DEPTH, 0, -1))
    return next((one for one in forms if len(one) <= _LONGEST), _OBJECT)


def _object(schema: Any, root: dict[str, Any], depth: int) -> str:
    """An object with the schema's members in their order; without a list of members, any flat ones. A function whose
    list of arguments is there and empty takes none.

    References are followed within `root`, to the same depth, so a schema that contains itself has a form as well.
    """
    members = json_schema.members(schema, root)
    if not members:
        there = json_schema.resolve(schema, root)
        others = there.get("additionalProperties", schema is not root or there.get("properties") != {})
        return r"\{\}" if others is False else _OBJECT
    required = json_schema.required(schema, root)
    pairs = [(name in required, rf"{_key(name)}: ?{_value(each, root, depth - 1)}") for name, each in members.items()]
    ways = []
    for first, (needed, pair) in enumerate(pairs):
        rest = (rf", ?{other}" if must else rf"(?:, ?{other})?" for must, other in pairs[first + 1 :])
        ways.append(pair + "".join(rest))
        if len(ways[-1]) * len(pairs) > 2 * _LONGEST:  # every order of so many would be too long: any order, then
            any_of_them = f"(?:{'|'.join(pair for _, pair in pairs)})"
            return rf"\{{(?:{any_of_them}(?:, ?{any_of_them})*)?\}}"
        if needed:  # none of the later ones can come first
            break
    else:
        ways.append("")
    return rf"\{{(?:{'|'.join(ways)})\}}"


def _key(name: str) -> str:
    return re.escape(json.dumps(name, ensure_ascii=False))


def _value(schema: Any, root: dict[str, Any], depth: int) -> str:
    ways = [_simple(one, root, depth) for one in json_schema.alternatives(schema, root)]
    if _ANY in ways:
        return _ANY
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(dict.fromkeys(ways))})"


def _simple(schema: dict[str, Any], root: dict[str, Any], depth: int) -> str:
    options, kind = json_schema.choices(schema), schema.get("type")
    if options:
        return f"(?:{'|'.join(re.escape(json.dumps(one, ensure_ascii=False)) for one in options)})"
    if isinstance(kind, list) and kind:
        ways = [_simple({**schema, "type": one}, root, depth) for one in kind if isinstance(one, str)]
        return f"(?:{'|'.join(dict.fromkeys(ways))})" if ways and _ANY not in ways else _ANY
    if isinstance(kind, str) and kind in _VALUES:
        return _VALUES[kind]
    if kind == "array":
        items = schema.get("items")
        item = _value(items, root, depth - 1) if depth > 0 and items and isinstance(items, dict) else _SCALAR
        return rf"\[(?:{item}(?:, ?{item})*)?\]"
    if kind == "object":
        return _object(schema, root, depth) if depth > 0 else _FLAT_OBJECT
    return _ANY


# --- what comes back --------------------------------------------------------------------------------------------------


def encodable(text: str) -> str:
    """The text with lone surrogates replaced, so that it can be written as UTF-8.

    >>> encodable("cut \\ud83d here")
    'cut ? here'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


_PROMPT_LABEL = re.compile(r"\b(Thought|Action Input|Action|Observation|Final Answer|User Query):")


def contain(text: str) -> str:
    """Text from a tool, made unable to pass for the model's or the user's: prompt labels get a space before the colon.

    >>> contain("Final Answer: 42")
    'Final Answer : 42'
    """
    return _PROMPT_LABEL.sub(r"\1 :", text)


def parse(text: str, tool_names: Iterable[str], *, rule: Rule = "strict", ground: bool = True) -> Parsed:
    """Read a model's reply.

    Args:
        text: the reply, any text.
        tool_names: the tools that may be called.
        rule: "released", "strict" or "lenient", see the module's text.
        ground: under "released", map an unknown name to the closest tool, as the authors do for open models.

    Returns:
        A `Parsed`; never raises on any text.

    Raises:
        ValueError: an unknown `rule`.
    """
    names = list(tool_names)
    if rule == "released":
        return _parse_released(text, names, ground)
    if rule == "strict":
        return _parse_strict(text, names)
    if rule == "lenient":
        return _parse_lenient(text, names)
    raise ValueError(f"rule: {rule!r} is none of 'released', 'strict' and 'lenient'")


def _malformed(reason: str, thought: str = "") -> Parsed:
    return Parsed("malformed", reason=reason, thought=thought)


# --- the released rule ------------------------------------------------------------------------------------------------


def _parse_released(text: str, names: list[str], ground: bool) -> Parsed:
    text = text.strip()
    if FINAL in text:
        head, answer = text.split(FINAL)[:2]
        if ACTION_INPUT not in head:
            return Parsed("final", answer=answer.strip(), thought=head.strip())
        text = head.strip()
    if text.count(ACTION_INPUT) != 1:
        return _malformed(f"expected one '{ACTION_INPUT}', found {text.count(ACTION_INPUT)}")
    before, after = map(_strip, text.split(ACTION_INPUT))
    if before.count(ACTION) != 1:
        return _malformed(f"expected one '{ACTION}' before '{ACTION_INPUT}', found {before.count(ACTION)}")
    thought, named = map(_strip, before.split(ACTION))
    tool = named = _tool_name(named)
    if named not in names:
        close = difflib.get_close_matches(named, names, n=1, cutoff=GROUNDING_CUTOFF) if ground else []
        if not close:  # the authors' code fails here with an IndexError when grounding; no released output does
            return _malformed(f"there is no tool named '{named}'", thought)
        tool = close[0]
    left, right = after.find("{"), after.rfind("}")
    if not 0 <= left < right:
        return _malformed("the arguments are not in braces", thought)
    try:
        arguments = json.loads("{" + after[left : right + 1].strip("{}") + "}")
    except (ValueError, RecursionError):
        return _malformed("the arguments are not valid JSON", thought)
    return Parsed("call", tool=tool, named=named, arguments=arguments, thought=thought)


def _tool_name(text: str) -> str:
    """The name as written, without the brackets of a tool token (`<tool_NAME>`)."""
    return _strip(text).replace("<tool_", "").strip("<>")


def _strip(text: str) -> str:
    """Strip white space, and `\\n` spelled out (backslash, n) at the end, as the authors do."""
    text = text.strip()
    while text.endswith("\\n"):
        text = text[:-2]
    return text.strip()


# --- the strict rule --------------------------------------------------------------------------------------------------

_LABEL = re.compile(r"(Action Input|Action|Observation|Final Answer):")
_MARKS = ("*", "_", "`")  # of markdown, in which some models write labels


def _parse_strict(text: str, names: list[str]) -> Parsed:
    first = next((label for label in _LABEL.finditer(text) if label[1] != "Observation"), None)
    if first is None:
        return _malformed(f"expected '{ACTION}' and '{ACTION_INPUT}', or '{FINAL}'")
    thought = text[: first.start()].strip()
    if text[first.start() - 1 : first.start()] in _MARKS:
        return _malformed(f"the label '{first[0]}' must stand without marks before it", thought)
    if first[1] == "Final Answer":
        return Parsed("final", answer=text[first.end() :].strip(), thought=thought)
    if first[1] != "Action":
        return _malformed(f"expected '{ACTION}' before '{ACTION_INPUT}'", thought)
    second = _LABEL.search(text, first.end())
    if second is None or second[1] != "Action Input":
        return _malformed(f"expected '{ACTION_INPUT}' after '{ACTION}'", thought)
    named = _tool_name(text[first.end() : second.start()])
    left = text.find("{", second.end())
    between = _LABEL.search(text, second.end())
    if left < 0 or (between and between.start() < left):
        return _malformed("the arguments are not in braces", thought)
    try:
        arguments, end = literals.STRICT.raw_decode(text, left)
    except (ValueError, RecursionError):
        return _malformed("the arguments are not valid JSON", thought)
    after = _LABEL.search(text, end)
    rest = text[end : after.start()] if after else text[end:]
    if "{" in rest or "}" in rest:
        return _malformed("the arguments are more than one JSON object", thought)
    final = text.find(FINAL, end)
    if any(label[1].startswith("Action") for label in _LABEL.finditer(text, end, final if final >= 0 else len(text))):
        return _malformed("more than one call", thought)
    if named not in names:
        if named.strip("*`\"' ") in names:
            return _malformed("the tool's name must stand without marks or quotes", thought)
        return _malformed(f"there is no tool named '{named}'", thought)
    return _checked(named, arguments, thought)


def _checked(tool: str, arguments: dict[str, Any], thought: str, more: int = 0) -> Parsed:
    try:
        call = Call(tool=tool, arguments=arguments)
    except ValidationError:  # the only JSON object that is no call's arguments
        return _malformed("the arguments nest too deep", thought)
    return Parsed("call", tool=tool, named=tool, arguments=call.arguments, thought=thought, more=more)


# --- the lenient rule -------------------------------------------------------------------------------------------------


def _parse_lenient(text: str, names: list[str]) -> Parsed:
    strict = _parse_strict(text, names)
    if strict.kind == "call":
        return strict
    found = react_lenient.read_lenient(text, names)
    if found.kind == "call" and found.tool is not None:
        return _checked(found.tool, found.arguments, found.thought, found.more)
    return Parsed(found.kind, answer=found.answer, reason=found.reason, thought=found.thought)
