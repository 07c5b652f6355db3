"""What models write when they call tools in a format of their own, read as `react.parse` reads the text format.

>>> reply = read_native('<tool_call>{"name": "add_date", "arguments": {"days": 90}}</tool_call>')
>>> reply.calls
(('add_date', {'days': 90}),)
>>> reply.parsed(["add_date"]).kind
'call'

Which format it is, the text itself says:

| format | shape |
|---|---|
| Hermes, Qwen | `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`; Qwen2.5-Coder also writes `<tools>` |
| Llama 3 | `{"name": ..., "parameters": {...}}`, several divided by `;`, perhaps after `<|python_tag|>` |
| Mistral | `[TOOL_CALLS][{"name": ..., "arguments": {...}}]`, since v11 `[TOOL_CALLS]name{...}` or `name[ARGS]{...}` |
| Llama 4, LFM2 | `[name(key=value), ...]`, bare or between `<|python_start|>` or `<|tool_call_start|>` and their ends |
| FunctionGemma | `<start_function_call>call:name{key:<escape>text<escape>}<end_function_call>` |
| any | the JSON of one of these in a fence |

A mark, or a call that begins the reply, is an attempt to call: what cannot be read behind it is malformed. A reply
without either is an answer. JSON is read strictly, as the strict rule of `react` does, Python values as literals; a
call may lack its end mark (models stop there), but not its last brace. What a model makes up behind the end of its
turn, or as a result (`<tool_response>`), is cut.

`transformers` reads replies too (`tokenizer.parse_response`), by a template that the tokenizer declares: those made
from GGUF files declare none, and it raises at the first call that is not valid JSON, where a reply must count as
malformed and say why. Its reader of lax JSON is used here for FunctionGemma. Nothing here raises on any text.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ste_core.core.literals import Unreadable
from ste_core.core.react import Parsed
from ste_core.models.call_syntax import (
    RawCall,
    begins_in_python,
    call_of,
    gap,
    gemma_calls,
    inside,
    json_calls,
    json_value,
    mistral_calls,
    named_call,
    python_calls,
)


@dataclass(frozen=True, slots=True)
class NativeReply:
    """A model's reply, read.

    Attributes:
        calls: names as the model wrote them, and arguments: JSON objects, unless `problem` speaks of them.
        text: what is left for a person to read.
        before: the part of it before the first call.
        thought: what stood in `<think>`.
        problem: why the first call cannot be read, in words fit for the model to see.
    """

    calls: tuple[RawCall, ...] = ()
    text: str = ""
    before: str = ""
    thought: str = ""
    problem: str | None = None

    @property
    def more(self) -> int:
        """Calls after the first, which are not made."""
        return max(0, len(self.calls) - 1)

    def parsed(self, tool_names: Collection[str]) -> Parsed:
        """The reply in the terms of `react`: the first call, or an answer, or why it is neither."""
        thought = "\n".join(part for part in (self.thought, self.before) if part)
        if self.problem is not None:
            return Parsed("malformed", reason=self.problem, thought=thought)
        if not self.calls:
            if not self.text:
                return Parsed("malformed", reason="the reply holds neither a call nor an answer", thought=thought)
            return Parsed("final", answer=self.text, thought=self.thought)
        name, arguments = self.calls[0]
        if name not in tool_names:
            return Parsed("malformed", reason=f"there is no tool named '{name}'", thought=thought)
        return Parsed("call", tool=name, named=name, arguments=arguments, thought=thought)


def parse_native(text: str, tool_names: Collection[str]) -> Parsed:
    """A reply in a native format, in the terms of `react.parse`. Never raises."""
    return read_native(text, tool_names).parsed(tool_names)


def read_native(text: str, tool_names: Collection[str] = ()) -> NativeReply:
    """Read a reply.

    Args:
        text: the reply as generated, its special tokens included as far as they are shown.
        tool_names: the tools that may be called; they tell a call without a mark from prose.
    """
    thought, text = _thoughts(text)
    if text is None:
        return NativeReply(thought=thought, problem="the reply ends before its thoughts do")
    calls: list[RawCall] = []
    pieces: list[str] = []
    problem, at, mark = None, 0, _next_mark(text, 0)
    if mark is None:
        try:
            calls, pieces = _unmarked(text, tool_names)
        except Unreadable as error:
            problem = str(error)
    while mark is not None:
        pieces.append(text[at : mark.start()])
        try:
            found, at = _marked(text, mark, tool_names)
        except Unreadable as error:  # of the first call, or of one after it, which is not made anyway
            problem, at = None if calls else str(error), len(text)
        else:
            calls += found
        mark = _next_mark(text, at)
        if mark is None:
            pieces.append(_cut(text[at:]))
    if calls:
        pieces = [_FENCE.sub("", piece) for piece in pieces]
    visible = "\n".join(piece.strip() for piece in pieces if piece.strip())
    before = pieces[0].strip() if pieces and (calls or problem) else ""
    return NativeReply(tuple(calls), visible, before, thought, problem)


def from_fields(tool_calls: Iterable[Mapping[str, Any]], content: str | None) -> NativeReply:
    """A reply that a server has read already: `tool_calls` and `content` of the OpenAI protocol."""
    calls: list[RawCall] = []
    problem = None
    for value in tool_calls:
        try:
            calls.append(call_of(value))
        except Unreadable as error:
            problem = None if calls else str(error)
            break
    text = (content or "").strip()
    return NativeReply(tuple(calls), text, text if calls or problem else "", "", problem)


# --- marks ------------------------------------------------------------------------------------------------------------

#: what stands behind a reply: the end of the turn, or a made-up result
_END = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<\|eot\|>|<\|endoftext\|>|</s>|<end_of_turn>|<eos>"
    r"|<tool_response>|<start_function_response>|\[TOOL_RESULTS\]"
)

#: what begins a call: its kind, and what ends it
_MARKS = {
    "<tool_call>": ("mixed", "</tool_call>"),
    "<tools>": ("mixed", "</tools>"),
    "<|tool_call_start|>": ("mixed", "<|tool_call_end|>"),
    "<|python_start|>": ("mixed", "<|python_end|>"),
    "<|python_tag|>": ("mixed", "<|python_end|>"),
    "[TOOL_CALLS]": ("mistral", ""),
    "<start_function_call>": ("gemma", "<end_function_call>"),
}
_MARK = re.compile("|".join(map(re.escape, _MARKS)))
_MARK_OR_END = re.compile(f"{_MARK.pattern}|{_END.pattern}")
_FENCE = re.compile(r"^[ \t]*```[\w-]*[ \t]*$", re.MULTILINE)


def _thoughts(text: str) -> tuple[str, str | None]:
    """What stands in `<think>` at the beginning, and the rest; None where the thoughts have no end."""
    head, end, rest = text.partition("</think>")
    opened = head.lstrip().startswith("<think>")
    begun = _MARK.search(head) or head.lstrip().startswith(("{", "[", "`"))
    if end and (opened or not begun):  # the prompt may have opened it; within a call it is a value
        return head.replace("<think>", "", 1).strip(), rest
    return (head.replace("<think>", "", 1).strip(), None) if opened else ("", text)


def _cut(text: str) -> str:
    """A text up to the end of the turn."""
    return _END.split(text, maxsplit=1)[0]


def _next_mark(text: str, at: int) -> re.Match[str] | None:
    """The next mark of a call before the end of the turn, which is not looked for within calls."""
    found = _MARK_OR_END.search(text, at)
    return found if found is not None and found[0] in _MARKS else None


def _marked(text: str, mark: re.Match[str], names: Collection[str]) -> tuple[list[RawCall], int]:
    """The calls behind a mark, and where the text goes on."""
    kind, end = _MARKS[mark[0]]
    start = gap(text, mark.end())
    if kind == "gemma":
        return gemma_calls(text, start, end)
    if kind == "mistral":
        calls, at = mistral_calls(text, start)
    else:
        calls, at = (python_calls if begins_in_python(text, start, names) else json_calls)(text, start, names)
    if not calls and not _EMPTY.fullmatch(text[start:at].strip()):
        raise Unreadable("a call was begun, but there is none")
    if end:
        after, following = text.find(end, at), _MARK.search(text, at)
        if after >= 0 and (following is None or after < following.start()):
            at = after + len(end)  # what stands between is ignored, as it is behind `Action Input`
    return calls, at


_EMPTY = re.compile(r"\[\s*\]")


# --- without a mark ---------------------------------------------------------------------------------------------------

_OBJECT = re.compile(r'(?:\[\s*)?\{\s*"(?:name|arguments|parameters|type|function)"\s*:')


def _unmarked(text: str, names: Collection[str]) -> tuple[list[RawCall], list[str]]:
    """Calls in a reply without marks, and the text around them.

    JSON with a name and arguments is a call wherever it stands; a Python call only where the reply begins with it, by a
    tool's name. What begins like a call and cannot be read is an attempt.
    """
    opening = re.compile(r"\s*(?:```[\w-]*\s*)?").match(text).end()  # type: ignore[union-attr]
    limit = len(_cut(text))
    for begin in (found.start() for found in _OBJECT.finditer(text, 0, limit)):
        try:
            value, _ = json_value(text, begin)
        except Unreadable:
            if begin == opening or _names_a_tool(text, begin, names):
                raise
            continue
        if value and all(map(_looks_like_a_call, value if isinstance(value, list) else [value])):
            calls, end = json_calls(text, begin)
            return calls, [text[:begin], _cut(text[end:])]
    if named_call(text, inside(text, opening), names) is not None:
        calls, end = python_calls(text, opening, names)
        return calls, [text[:opening], _cut(text[end:])]
    return [], [text[:limit]]


def _looks_like_a_call(value: Any) -> bool:
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and bool({"arguments", "parameters"} & set(value))
    )


def _names_a_tool(text: str, at: int, names: Collection[str]) -> bool:
    named = re.compile(r'\[?\s*\{\s*"name"\s*:\s*"([^"\\\n]*)"').match(text, at)
    return named is not None and named[1] in names
