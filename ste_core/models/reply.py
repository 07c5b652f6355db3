"""One place that turns any server's reply into a `Completion`: what is said, thought, called and refused.

>>> body = b'{"choices": [{"message": {"content": null, "reasoning": "Hm."}, "finish_reason": "length"}]}'
>>> read_completion(body).choices
(Choice(text='', finish_reason='length', logprobs=None, reasoning='Hm.', tool_calls=(), refusal=None),)

`content` may be a text, null, a list of parts or one part; thinking may stand in a field of its own (`reasoning`,
`reasoning_content`, ...), in a part, or in the text (see `reasoning`); a call in `tool_calls`, in the older
`function_call`, in a part, or in the text as models write it whose server has no parser for it. The body may be JSON,
or a stream of events although none was asked for. Nothing is guessed: what has no known form is not an answer.
"""

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ste_core.models import reasoning, refusals
from ste_core.models.base import FILTERED, REFUSED, Choice, Completion, ToolCall

#: what servers call the end at the limit, an end for what was said, and one for a fault of their own
_CUT = {"length", "max_tokens", "max_output_tokens", "max_completion_tokens", "model_length", "token_limit",
        "incomplete", "model_context_window_exceeded", "max_length", "too_long"}  # fmt: skip
_FILTERED = {"content_filter", "content_filtered", "safety", "sensitive", "blocked", "blocklist", "recitation", "spii",
             "prohibited_content", "guardrail_intervened", "image_safety", "image_prohibited_content",
             "image_recitation"}  # fmt: skip
_FAULTS = {"error", "abort", "aborted", "cancelled", "insufficient_system_resource", "network_error", "timeout", "fail",
           "failed", "malformed_function_call"}  # fmt: skip
#: what other servers call these
_SAME = {"eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop", "stop_token": "stop",
         "complete": "stop", "completed": "stop", "done": "stop", "function_call": "tool_calls",
         "tool_use": "tool_calls", "refusal": REFUSED}  # fmt: skip

_THINKING = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "reasoning_details", "thinking_blocks",
             "thought")  # fmt: skip
_THINKING_PARTS = {"thinking", "reasoning", "reasoning_content", "redacted_thinking", "thought", "reasoning.text",
                   "reasoning.summary", "summary_text", "reasoning_text"}  # fmt: skip

#: counts of tokens beyond these are nonsense, and are counted here instead
_MOST_TOKENS = 4_000_000

#: calls in the text: of Hermes and Qwen, and of Mistral
_TAGGED = re.compile(r"<tool_call>\s*(?=\{)|\[TOOL_CALLS\]\s*(?=\[)")
_UNTAGGED = re.compile(r"\s*</tool_call>")

#: what reading a value raises that has another shape than a completion
_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError, RecursionError)


class NoReply(Exception):
    """What arrived is no answer: what the server says of it, if anything.

    Attributes:
        body: what arrived, as far as it was read.
        status: the HTTP status, or the one that the body holds; None where there is none.
        tokens: tokens in and out that the server counts all the same.
    """

    def __init__(
        self, said: str, body: Any = None, status: int | None = None, tokens: tuple[int, int] = (0, 0)
    ) -> None:
        super().__init__(said)
        self.body, self.status, self.tokens = body, status, tokens


def read_completion(body: bytes) -> Completion:
    """The completion in a reply's body.

    Raises:
        NoReply: it is none.
    """
    try:
        value = _value(body)
    except _MISSHAPEN:
        raise NoReply("the reply is not a chat completion") from None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    value = _unwrapped(value)
    usage = _usage(value.get("usage")) if isinstance(value, dict) else (0, 0)
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list) or not value["choices"]:
        empty = isinstance(value, dict) and value.get("choices") == [] and not value.get("error")
        told = isinstance(value, dict) and _tells(value)
        said = "the reply holds no choice" if empty else "the reply is not a chat completion"
        if told:
            said = refusals.reason(value) or said
        elif value and not empty:  # of another protocol, say: what it is helps more than what it is not
            with suppress(RecursionError):
                said += f": {json.dumps(value)[:200]}"
        raise NoReply(said, value if told else None, refusals.status_of(value) if told else None, usage)
    try:
        choices = tuple(_choice(one) for one in value["choices"])
    except _MISSHAPEN:
        raise NoReply("the reply is not a chat completion", tokens=usage) from None
    except NoReply as fault:
        fault.tokens = usage
        raise
    if value.get("error") and all(choice.missing for choice in choices):  # it failed when the answer had begun
        said = refusals.reason(value["error"]) or "the reply holds an error"
        raise NoReply(said, value, refusals.status_of(value), usage)
    return Completion(choices, *usage)


def _value(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise NoReply("the reply is not JSON: its bytes are no text") from None
    text = re.sub(r"\A(?::[^\n]*\s*)+", "", text)  # comments that keep a connection alive
    if re.match(r"(?:event|data|id|retry):", text):
        return _streamed(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    lines = text.splitlines()
    if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines if line.strip()):
        return _streamed("\n".join(f"data: {line}" for line in lines))  # Ollama's own form
    said = refusals.reason(text[:20_000]) if text[:1] not in ("{", "[") else ""
    raise NoReply(f"the reply is not JSON{f': {said[:200]}' if said else ''}")


def _tells(value: dict[str, Any]) -> bool:
    """Whether what is no completion gives a reason."""
    keys = ("error", "errors", "detail", "message", "msg", "error_msg", "error_message", "base_resp", "fault", "title",
            "Message", "status_msg", "reason", "info")  # fmt: skip
    places = [one for one in (value, value.get("data")) if isinstance(one, dict)]
    return any(place.get(key) for place in places for key in keys)


def _unwrapped(value: Any) -> Any:
    """A completion that stands in a frame, and Ollama's own form."""
    if isinstance(value, dict) and not value.get("choices"):
        for key in ("data", "result", "response", "body", "output"):
            inner = value.get(key)
            if isinstance(inner, dict) and isinstance(inner.get("choices"), list):
                return inner
        if isinstance(value.get("message"), dict) and "done" in value:
            counts = {"prompt_tokens": value.get("prompt_eval_count"), "completion_tokens": value.get("eval_count")}
            choice = {"message": value["message"], "finish_reason": value.get("done_reason")}
            return {"choices": [choice], "usage": counts}
    return value


# --- a choice ---------------------------------------------------------------------------------------------------------


def _choice(value: Any) -> Choice:
    if not isinstance(value, dict):
        raise TypeError
    reason = value.get("finish_reason")
    reason = str(reason).partition(":")[0].strip().lower() if isinstance(reason, str | int) else ""
    if value.get("error") or reason in _FAULTS:  # the provider behind the server failed on the way
        said = refusals.reason(value.get("error")) or f"the answer ended by a fault of the server ({reason})"
        raise NoReply(said, {"error": value.get("error") or reason}, refusals.status_of({"error": value.get("error")}))
    message = next((value[key] for key in ("message", "delta") if value.get(key) is not None), None)
    if message is None and isinstance(value.get("text"), str):
        message = {"content": value["text"]}
    if isinstance(message, str):
        message = {"content": message}
    if not message and (reason in _CUT or reason in _FILTERED):
        message = {"content": None}  # it ended before it had begun
    if not isinstance(message, dict) or not message:
        raise TypeError
    said, thought, calls, declined = _content(message.get("content"))
    for name in _THINKING:
        one = _told(message.get(name), thought=True)
        if one and one not in thought:
            thought.append(one)
    parts = reasoning.separate("".join(said))
    text, calls = parts.text, [*_calls(message), *calls, *(_call(*one) for one in parts.calls)]
    if not calls:
        text, calls = _written_calls(text)
    if parts.reasoning:
        thought.append(parts.reasoning)
    refusal = message.get("refusal")
    declined += [refusal] if isinstance(refusal, str) and refusal.strip() else []
    reason = "length" if reason in _CUT else FILTERED if reason in _FILTERED else _SAME.get(reason, reason)
    if declined and not text.strip() and not calls:
        text, reason = "", REFUSED
    return Choice(text, reason, _logprobs(value), "\n".join(thought), tuple(calls), "\n".join(declined) or None)


def _content(value: Any) -> tuple[list[str], list[str], list[ToolCall], list[str]]:
    """What is said, thought, called and refused in the content of a message."""
    said: list[str] = []
    thought: list[str] = []
    calls: list[ToolCall] = []
    declined: list[str] = []
    if value is not None and not isinstance(value, str | list | dict):
        raise TypeError
    for part in value if isinstance(value, list) else [] if value is None else [value]:
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, dict):
            kind = str(part.get("type") or "")
            if kind in _THINKING_PARTS or part.get("thought") is True:
                thought.append(_told(part, thought=True))
            elif kind in ("tool_use", "tool_call", "function"):
                calls += _calls({"tool_calls": [part]})
            elif kind == "refusal":
                declined.append(_told(part.get("refusal") or part.get("text")))
            elif kind in ("", "text", "output_text", "message"):
                said.append(_told(part.get("text") if "text" in part else part.get("content")))
        elif part is not None:
            raise TypeError
    if isinstance(value, dict) and not (said or thought or calls or declined):
        raise TypeError
    return said, [one for one in thought if one], calls, [one for one in declined if one]


def _told(value: Any, depth: int = 0, *, thought: bool = False) -> str:
    """The text in a part, whatever holds it; what is thought only if it is asked for."""
    if isinstance(value, str):
        return value
    if depth < 6 and isinstance(value, list):
        return "".join(_told(one, depth + 1, thought=thought) for one in value)
    if depth < 6 and isinstance(value, dict):
        if not thought and (str(value.get("type")) in _THINKING_PARTS or value.get("thought") is True):
            return ""
        keys = (
            ("text", "thinking", "reasoning", "summary", "content", "value")
            if thought
            else ("text", "content", "value")
        )
        return next((text for key in keys if (text := _told(value.get(key), depth + 1, thought=thought))), "")
    return ""


def _calls(message: dict[str, Any]) -> Iterator[ToolCall]:
    called = message.get("tool_calls")
    one = message.get("function_call")
    for value in [*(called if isinstance(called, list) else [called]), {"function": one}]:
        if not isinstance(value, dict):
            continue
        inner = next((value[key] for key in ("function", "custom") if isinstance(value.get(key), dict)), value)
        name = inner.get("name")
        given = next((inner[key] for key in ("arguments", "input", "parameters") if inner.get(key) is not None), None)
        if isinstance(name, str) and name.strip():
            yield _call(name, given, value.get("id"))


def _call(name: str, given: Any, number: Any = None) -> ToolCall:
    """A call as a server tells it: arguments are JSON in a text, or an object; none at all are an empty object."""
    name = re.split(r"<\|", name.strip())[0].removeprefix("functions.").strip()  # gpt-oss leaves its marks
    arguments: Any = {} if given is None or given == "" else given
    for _ in range(2):  # some encode it twice
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments)
            except (ValueError, RecursionError):
                break
    if not isinstance(arguments, dict):
        arguments = given if isinstance(given, str) else json.dumps(given)
    return ToolCall(name, arguments, number if isinstance(number, str) else "")


def split_thinking(choice: Choice, opened: str = "") -> Choice:
    """What a model in this process generated, thinking apart.

    Args:
        opened: the tag by which the prompt opened the thinking; see `reasoning.opened`.
    """
    parts = reasoning.separate(opened + choice.text)
    if not parts.reasoning and parts.closed and not parts.calls and not opened:
        return choice  # as it was generated
    calls = tuple(_call(*one) for one in parts.calls)
    return replace(choice, text=parts.text, reasoning=parts.reasoning, tool_calls=calls)


def _written_calls(text: str) -> tuple[str, list[ToolCall]]:
    """Calls in the text, in the tagged forms, and the text without them."""
    calls: list[ToolCall] = []
    rest: list[str] = []
    last = 0
    for tag in _TAGGED.finditer(text):
        if tag.start() < last:
            continue
        try:
            value, end = json.JSONDecoder().raw_decode(text, tag.end())
        except (ValueError, RecursionError):
            continue
        found = list(_calls({"tool_calls": value}))
        if found:
            closing = _UNTAGGED.match(text, end)
            calls += found
            rest.append(text[last : tag.start()])
            last = closing.end() if closing else end
    return ("".join([*rest, text[last:]]).strip(), calls) if calls else (text, [])


def _logprobs(choice: dict[str, Any]) -> tuple[float, ...] | None:
    told = choice.get("logprobs")
    told = told.get("content") if isinstance(told, dict) else None
    if not isinstance(told, list):
        return None
    found = [one.get("logprob") if isinstance(one, dict) else None for one in told]
    return tuple(map(float, found)) if all(isinstance(one, int | float) for one in found) else None


# --- counts and streams -----------------------------------------------------------------------------------------------


def _usage(value: Any) -> tuple[int, int]:
    """Tokens in and out. Where the total is more than both, the rest was thought: Gemini and Grok leave it out."""
    value = value if isinstance(value, dict) else {}
    shown = _count(value.get("prompt_tokens")) or _count(value.get("input_tokens"))
    written = _count(value.get("completion_tokens")) or _count(value.get("output_tokens"))
    total = _count(value.get("total_tokens"))
    return shown, max(written, total - shown) if shown else written


def _count(value: Any) -> int:
    if isinstance(value, str) and value.strip().isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return int(value) if 0 < value <= _MOST_TOKENS else 0


def _streamed(text: str) -> dict[str, Any]:
    """The completion in a stream of events.

    Raises:
        NoReply: the stream holds an error, or breaks off.
    """
    messages: dict[Any, dict[str, Any]] = {}
    usage, ended = None, False
    for line in text.splitlines():
        label, _, data = line.partition(":")
        data = data.strip()
        if label.strip() != "data" or not data or data.startswith(":"):  # a comment, handed on as if it were data
            continue
        if data == "[DONE]":
            ended = True
            continue
        try:
            event = _unwrapped(json.loads(data))
        except (ValueError, RecursionError):
            raise NoReply("the reply is a stream of events that are not JSON") from None
        if not isinstance(event, dict):
            continue
        usage = event.get("usage") or usage
        if not isinstance(event.get("choices"), list):
            if _tells(event):
                raise NoReply(refusals.reason(event), event, refusals.status_of(event))
            continue
        for choice in event["choices"]:
            if isinstance(choice, dict):
                at = choice.get("index")
                _add(messages.setdefault(at if isinstance(at, int) else 0, {}), choice)
    if not ended and not all(one.get("finish_reason") for one in messages.values()):
        raise NoReply("the reply is a stream that breaks off")
    return {"choices": [messages[at] for at in sorted(messages)], "usage": usage}


def _add(so_far: dict[str, Any], choice: dict[str, Any]) -> None:
    """Add an event's part of a choice to what came before."""
    message = so_far.setdefault("message", {"content": []})
    so_far["finish_reason"] = choice.get("finish_reason") or so_far.get("finish_reason")
    so_far["error"] = choice.get("error") or so_far.get("error")
    part = choice.get("delta") or choice.get("message") or {}
    if not isinstance(part, dict):
        return
    content = part.get("content")
    message["content"] += content if isinstance(content, list) else [] if content is None else [content]
    for name in (*_THINKING, "refusal"):
        if _told(part.get(name), thought=True):
            message[name] = message.get(name, "") + _told(part[name], thought=True)
    for call in part.get("tool_calls") or []:
        if not isinstance(call, dict):
            continue
        calls = message.setdefault("tool_calls", [])
        at = call.get("index")
        known = next((one for one in calls if at is not None and one.get("index") == at), None)
        if known is None:
            calls.append({**call, "function": dict(call.get("function") or {})})
        else:
            more = (call.get("function") or {}).get("arguments")
            if isinstance(more, str):
                known["function"]["arguments"] = str(known["function"].get("arguments") or "") + more
