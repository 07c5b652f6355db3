"""Thought / Action / Action Input as instruct models write it: the lenient rule of `react`.

>>> read_lenient("**Action:** `add_date`\\n**Action Input:** {'days': 90,}", ["add_date"])
Found(kind='call', tool='add_date', arguments={'days': 90}, answer=None, reason=None, thought='', more=0)

What is forgiven is form: labels in bold, as headings, in lists, in another case or numbered; a name in quotes,
back-ticks or with escaped underscores; arguments in a fence, in Python's notation, with a comma too many, as an object
in a string or in brackets behind the name; prose and made-up results behind the call. Of several calls the first is
read and the others are counted.

What is never done is to guess: the name must be a tool's, letter by letter, the arguments one object that is complete,
and both must stand where the labels say. A call that prose only speaks of is none. A label that begins a line comes
before one within a line, and one outside a fence before one in an example.
"""

import re
from collections.abc import Collection
from typing import Any, Literal, NamedTuple

from ste_core.core.literals import LOOSE, Unreadable, by_name, expression, json_object, literal


class Found(NamedTuple):
    """What a reply holds; the terms are those of `react.Parsed`. `more` counts calls after the first."""

    kind: Literal["final", "call", "malformed"]
    tool: str | None = None
    arguments: Any = None
    answer: str | None = None
    reason: str | None = None
    thought: str = ""
    more: int = 0


class _Label(NamedTuple):
    kind: str  # "action", "input", "final", "observation" or "thought"
    start: int
    end: int
    mark: str  # what makes it bold or code and is not closed yet: it ends behind the text
    own_line: bool


# --- labels -----------------------------------------------------------------------------------------------------------

_NAMES = r"thought|action[ _-]?input|action|observation|final[ _-]?answer"
_LINE = re.compile(
    r"^[ \t]*(?:(?:[>+•\-]|\*(?=[ \t])|\d{1,2}[.)])[ \t]*)*(?P<heading>#{0,6})[ \t]*(?P<open>[*_`]{0,3})"
    rf"(?P<name>{_NAMES})(?:[ \t]?\d{{1,2}})?"
    r"(?:(?P<inner>[*_`]{0,3})[:：](?P<outer>[*_`]{0,3})|(?P<alone>[*_`]{0,3})[ \t]*$)",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(
    r"(?<![\w*_`\"'])(?P<open>[*_]{0,3})(?P<name>Action Input|Action|Final Answer)"
    r"(?P<inner>[*_]{0,3}):(?P<outer>[*_]{0,3})"
)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)


def _labels(text: str) -> list[_Label]:
    """All labels in their order; one alone on its line counts only as a heading or in bold."""
    found = []
    for label in _LINE.finditer(text):
        if label["alone"] is not None and not (label["heading"] or label["open"]):
            continue
        closed = label["inner"] or label["alone"] or label["outer"]
        mark = "" if closed and label["open"] else label["open"] or label["outer"] or ""
        found.append(_Label(_kind(label["name"]), label.start(), label.end(), mark, True))
    taken = {label.end for label in found}
    for label in _INLINE.finditer(text):
        if label.end() not in taken:
            mark = "" if label["inner"] or label["outer"] else label["open"]
            found.append(_Label(_kind(label["name"]), label.start(), label.end(), mark, False))
    return sorted(found, key=lambda label: label.end)


def _kind(name: str) -> str:
    words = re.split(r"[ _-]", name.lower())
    return {"actioninput": "input", "finalanswer": "final"}.get("".join(words), words[0])


def _fences(text: str) -> list[tuple[int, int]]:
    marks = [mark.span() for mark in _FENCE.finditer(text)]
    ends = [*marks[1::2], (len(text), len(text))]
    return [(opening[0], closing[1]) for opening, closing in zip(marks[::2], ends, strict=False)]


def _first(text: str, labels: list[_Label]) -> _Label | None:
    """The label that the reply is read from: see the module's text."""
    fences = _fences(text)
    usable = [label for label in labels if label.kind in ("action", "final", "input")]
    for own_line, outside in ((True, True), (True, False), (False, True)):
        for label in usable:
            inside = any(start <= label.start < end for start, end in fences)
            if label.own_line == own_line and inside != outside:
                return label
    return None


# --- a reply ----------------------------------------------------------------------------------------------------------


def read_lenient(text: str, names: Collection[str]) -> Found:
    """Read a reply; see the module's text. Raises on no text.

    Args:
        names: the tools that may be called.
    """
    labels = _labels(text)
    first = _first(text, labels)
    if first is None:
        return Found("malformed", reason="expected 'Action:' and 'Action Input:', or 'Final Answer:'")
    thought = _FENCE.sub("", text[: first.start]).strip(" \t\r\n*_`")
    if first.kind == "final":
        return Found("final", answer=_answer(text[first.end :], first.mark), thought=thought)
    if first.kind == "input":
        return Found("malformed", reason="expected 'Action:' before 'Action Input:'", thought=thought)
    try:
        tool, arguments, end = _call(text, first, labels, names)
    except Unreadable as error:
        return Found("malformed", reason=str(error), thought=thought)
    more = sum(label.kind == "action" and label.own_line == first.own_line for label in labels if label.start >= end)
    return Found("call", tool, arguments, thought=thought, more=more)


def _answer(text: str, mark: str) -> str:
    """A final answer without the marks that its label opened."""
    fences = _FENCE.findall(text)
    if len(fences) % 2:  # the whole reply stood in a fence
        text = text.rstrip().removesuffix(fences[-1].strip())
    text = text.strip()
    return text[: -len(mark)].rstrip() if mark and text.endswith(mark) else text


def _call(text: str, action: _Label, labels: list[_Label], names: Collection[str]) -> tuple[str, dict[str, Any], int]:
    """The call behind a label, and where the text goes on."""
    after = next((label for label in labels if label.start >= action.end), None)
    written = text[action.end : after.start if after else len(text)]
    if after is None or after.kind != "input":
        return _in_one(text, action, written, names)
    tool = _tool(written, names)
    if tool is None:
        call = _bracketed(written, names)
        shown = " ".join(written.split())[:80]
        if call is None:
            raise Unreadable(f"there is no tool named '{shown.strip(' *_`')}'")
        raise Unreadable(f"'{shown}' has arguments of its own before 'Action Input:'")
    arguments, end = _object(text, after.end)
    _nothing_more(text, end, labels)
    return tool, arguments, end


def _tool(written: str, names: Collection[str]) -> str | None:
    """The tool that the first line behind a label names; None if that is no tool."""
    lines = [line for line in written.splitlines() if line.strip(" \t*_`~")]
    line = lines[0].strip() if lines else ""
    bare = line.strip("*`\"'“”‘’ \t").strip()
    ways = (line, bare, bare.strip("_*` "), bare.removesuffix("()"), bare.removesuffix("."), bare.replace("\\_", "_"))
    tokens = [way.removeprefix("<tool_").removesuffix(">") for way in ways if way.startswith("<tool_")]
    return next((way for way in (*ways, *tokens) if way and way in names), None)


def _in_one(text: str, action: _Label, written: str, names: Collection[str]) -> tuple[str, dict[str, Any], int]:
    """A call whose arguments stand behind its name, or that is an object itself."""
    start = _skip(text, action.end)
    end = action.end + len(written)
    if text[start : start + 1] == "{":
        value, stop = _object(text, start)
        tool, arguments = _named(value)
        if tool in names:
            return tool, arguments, stop
        raise Unreadable(f"there is no tool named '{tool[:80]}'")
    call = _bracketed(written, names)
    if call is not None:
        return *call, end
    for name in sorted(names, key=len, reverse=True):
        if name and text.startswith(name, start):
            left = _skip(text, start + len(name))
            if left < end and text[left] == "{":
                arguments, stop = _object(text, left)
                return name, arguments, stop
    raise Unreadable("expected 'Action Input:' after 'Action:'")


def _named(value: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and arguments of a call that is written as one object."""
    for name, given in (("action", "action_input"), ("name", "arguments"), ("name", "parameters")):
        if set(value) == {name, given} and isinstance(value[name], str) and isinstance(value[given], dict):
            return value[name], value[given]
    raise Unreadable("expected a tool's name after 'Action:'")


def _bracketed(written: str, names: Collection[str]) -> tuple[str, dict[str, Any]] | None:
    """`name({...})`, `name(key=value)` or `name()`; None where this is no such call.

    Raises:
        Unreadable: it is one, and its arguments cannot be read.
    """
    source = _FENCE.sub("", written).strip().strip("*`").strip()
    name, bracket, rest = source.partition("(")
    name = name.strip().strip("*`").replace("\\_", "_")
    if not bracket or name not in names or not rest.endswith(")"):
        return None
    inner = rest[:-1].strip()
    if not inner:
        return name, {}
    if inner.startswith("{"):
        value, end = _object(inner, 0)
        if inner[end:].strip():
            raise Unreadable("the arguments are more than one JSON object")
        return name, value
    return name, by_name(inner, _INVALID, "the arguments must be given by name, as one JSON object", _INVALID)


# --- arguments --------------------------------------------------------------------------------------------------------

_OPENING = re.compile(r"[\s*_]*(?:(?:```|~~~)[\w-]*\s*|`{1,2}\s*)?")
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_INVALID = "the arguments are not valid JSON"


def _skip(text: str, at: int) -> int:
    """Past white space, marks and the opening of a fence."""
    return _OPENING.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing as well


def _object(text: str, at: int) -> tuple[dict[str, Any], int]:
    """The object that begins there, marks and a fence before it or not, and where it ends."""
    at = _skip(text, at)
    if text[at : at + 1] == '"':  # an object in a string
        try:
            held, end = LOOSE.raw_decode(text, at)
            value = LOOSE.decode(held)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return json_object(value), end
    if text[at : at + 1] != "{":
        raise Unreadable("the arguments are not in braces")
    try:
        value, end = LOOSE.raw_decode(text, at)
        return json_object(value), end
    except (ValueError, RecursionError):
        end = _closing(text, at)
    source = text[at:end]
    try:
        return json_object(LOOSE.decode(_PIECES.sub(lambda piece: "" if piece[0] == "," else piece[0], source))), end
    except (ValueError, RecursionError):
        return json_object(literal(expression(source, _INVALID), _INVALID), _INVALID), end


def _closing(text: str, at: int) -> int:
    """Behind the brace that closes the one that stands there; quotes of both kinds hold text."""
    depth, quote = 0, ""
    escaped = False
    for place in range(at, len(text)):
        character = text[place]
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "\"'":
            quote, escaped = character, False
        else:
            depth += (character in "{[(") - (character in "}])")
            if depth == 0:
                return place + 1
    raise Unreadable(_INVALID)


def _nothing_more(text: str, end: int, labels: list[_Label]) -> None:
    """Refuse arguments that go on behind their object."""
    after = next((label.start for label in labels if label.start >= end), len(text))
    if "{" in text[end:after] or "}" in text[end:after]:
        raise Unreadable("the arguments are more than one JSON object")
