"""How one call is spelt: as JSON, as Python, as Mistral and FunctionGemma write it. `tool_formats` finds them.

>>> python_calls("[add_date(days=90)]", 0, ())
([('add_date', {'days': 90})], 19)

Each function reads from a place in a text and returns the calls, and where the text goes on; it raises `Unreadable`,
and nothing else, where the first call cannot be read. What follows that call may be damaged: only the first is made.
"""

import re
from collections.abc import Collection
from typing import Any

from ste_core.core.literals import STRICT, Unreadable, by_name, json_object

RawCall = tuple[str, Any]

OPEN_FENCE = re.compile(r"```[\w-]*\s*")
_GAP = re.compile(r"[\s;,]*")


def gap(text: str, at: int) -> int:
    """Past white space, commas and semicolons."""
    return _GAP.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing as well


# --- JSON -------------------------------------------------------------------------------------------------------------


def json_value(text: str, at: int) -> tuple[Any, int]:
    """Any JSON value."""
    try:
        return STRICT.raw_decode(text, at)
    except (ValueError, RecursionError):
        raise Unreadable("the call is not valid JSON, or is cut off") from None


def json_calls(text: str, at: int, names: Collection[str] = ()) -> tuple[list[RawCall], int]:
    """JSON objects one after the other, or in a list, perhaps in a fence."""
    fence = OPEN_FENCE.match(text, at)
    at = fence.end() if fence else at
    if text[at : at + 1] not in ("{", "["):
        raise Unreadable("the call is not a JSON object")
    calls: list[RawCall] = []
    while text[at : at + 1] in ("{", "[") and not text.startswith("[TOOL_CALLS]", at):
        try:
            value, end = json_value(text, at)
            for one in value if isinstance(value, list) else [value]:
                calls.append(call_of(one))
        except Unreadable:
            if not calls:
                raise
            break
        at = gap(text, end)
    return calls, at + 3 if fence and text.startswith("```", at) else at


def call_of(value: Any) -> RawCall:
    """A call of its JSON: `name` and `arguments` or `parameters`, perhaps within `function`."""
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise Unreadable("the call has no name")
    if "description" in value:
        raise Unreadable("the documentation of a tool is repeated, no tool is called")
    arguments = value.get("arguments", value.get("parameters"))
    if isinstance(arguments, str):  # some models write the object as text
        try:
            arguments = STRICT.decode(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            raise Unreadable("the arguments are not a JSON object") from None
    return value["name"].strip(), json_object({} if arguments is None else arguments)


# --- Mistral and FunctionGemma ----------------------------------------------------------------------------------------

_CALL_ID = re.compile(r"\[CALL_ID\][^\[{]*")


def mistral_calls(text: str, at: int) -> tuple[list[RawCall], int]:
    """A list of calls as JSON, or one call as its name and an object, `[CALL_ID]` and `[ARGS]` between them or not."""
    if text[at : at + 1] in ("[", "{"):
        return json_calls(text, at)
    stop = re.compile(r"[\[{\n]|\Z").search(text, at).start()  # type: ignore[union-attr]  # the end, if nothing else
    name, at = text[at:stop].strip(), stop
    identity = _CALL_ID.match(text, at)
    at = identity.end() if identity else at
    at = gap(text, at + len("[ARGS]") if text.startswith("[ARGS]", at) else at)
    if not name or text[at : at + 1] != "{":
        raise Unreadable("the call has no name, or no arguments in braces")
    value, end = json_value(text, at)
    return [(name, json_object(value))], end


def gemma_calls(text: str, at: int, end: str) -> tuple[list[RawCall], int]:
    """Keys are bare, strings stand between `<escape>`, other values are JSON."""
    from transformers.utils.chat_parsing.content_parsers import parse_content

    left, stop = text.find("{", at), text.find(end, at)
    head = text[at:left].strip()
    if not head.startswith("call:") or not 0 <= left < (stop if stop >= 0 else len(text)):
        raise Unreadable("the call has no name, or no arguments in braces")
    options = {"unquoted_keys": True, "string_delims": [["<escape>", "<escape>"]]}
    try:
        value = parse_content(text[left : stop if stop >= 0 else len(text)].strip(), "json", options)
    except (ValueError, RecursionError):
        raise Unreadable("the arguments are not of the form {key:<escape>text<escape>}, or are cut off") from None
    return [(head.removeprefix("call:").strip(), json_object(value))], stop + len(end) if stop >= 0 else len(text)


# --- Python -----------------------------------------------------------------------------------------------------------

_CALL = re.compile(r"\s*([A-Za-z_][\w.\-]*)\s*\(")


def inside(text: str, at: int) -> int:
    """Past the bracket that opens a list, if there is one."""
    return at + 1 if text[at : at + 1] == "[" else at


def begins_in_python(text: str, at: int, names: Collection[str]) -> bool:
    """Whether a Python call stands there, perhaps in a list."""
    at = inside(text, at)
    return _CALL.match(text, at) is not None or named_call(text, at, names) is not None


def named_call(text: str, at: int, names: Collection[str]) -> tuple[str, int] | None:
    """A tool's name with a bracket behind it, even one that is no name in Python; and where its arguments begin."""
    at = gap(text, at)
    for name in sorted(names, key=len, reverse=True):
        if name and text.startswith(name, at):
            left = gap(text, at + len(name))
            if text[left : left + 1] == "(":
                return name, left + 1
    return None


def python_calls(text: str, at: int, names: Collection[str]) -> tuple[list[RawCall], int]:
    """Calls with arguments by name, one or a list."""
    listed = text[at : at + 1] == "["
    at = inside(text, at)
    calls: list[RawCall] = []
    while True:
        named = named_call(text, at, names)
        if named is None and (head := _CALL.match(text, at)) is not None:
            named = head[1].removesuffix(".call"), head.end()
        if named is None:
            break
        try:
            source, end = _within(text, named[1])
            calls.append((named[0], by_name(source.strip())))
        except Unreadable:
            if not calls:
                raise
            break
        at = gap(text, end)
        if not listed:
            break
    return calls, at + 1 if listed and text[at : at + 1] == "]" else at


def _within(text: str, at: int) -> tuple[str, int]:
    """The source of arguments up to the bracket that closes them, raw line ends in strings escaped."""
    depth, quote, parts = 1, "", []
    while at < len(text):
        character = text[at]
        if quote:
            if character == "\\":
                parts.append(text[at : at + 2])
                at += 2
                continue
            if character == quote:
                quote = ""
            parts.append({"\n": "\\n", "\r": "\\r", "\0": "\\0"}.get(character, character))
        else:
            if character in "'\"":
                quote = character
            depth += (character in "([{") - (character in ")]}")
            if depth == 0:
                return "".join(parts), at + 1
            parts.append(character)
        at += 1
    raise Unreadable("the call is cut off")
