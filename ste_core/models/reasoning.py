"""What a model thinks, separated from what it says.

>>> separate("<think>\\nTwo and two.\\n</think>\\n\\nFour.")
Parts(text='Four.', reasoning='Two and two.', closed=True, calls=())
>>> separate("They want a sum. </think>Four.").text  # the chat template had opened the block in the prompt
'Four.'

Servers without a reasoning parser leave the thinking in the answer, in the form of each family of models: tags (Qwen,
DeepSeek, Magistral, Seed, Kimi, MiniMax, Command A, Gemma, Open WebUI's details), the channels of gpt-oss ("harmony"),
with or without their special tokens, and Granite's headings. A block that is never closed is thinking to the end. A tag
inside the JSON of a call, or quoted as such, is text.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_NAMES = r"think(?:ing)?|thoughts?|reasoning(?:_content)?|reflection|analysis|scratchpad|inner_monologue"
_OPEN = (
    rf"<(?:seed:|mm:|longcat_|antml:)?(?:{_NAMES})(?:\s[^<>]{{0,80}})?>",
    r"\[THINK\]", r"◁think▷", r"<\|begin_of_thought\|>", r"<\|START_THINKING\|>", r"<\|inner_prefix\|>",
    r"<\|think(?:ing)?\|>", r"<\|channel>thought", r"<unused94>thought", r'<details type="reasoning"[^<>]{0,80}>',
)  # fmt: skip
_CLOSE = (
    rf"</(?:seed:|mm:|longcat_|antml:)?(?:{_NAMES})\s*>",
    r"\[/THINK\]", r"◁/think▷", r"<\|end_of_thought\|>", r"<\|END_THINKING\|>", r"<\|inner_suffix\|>",
    r"<\|/think(?:ing)?\|>", r"<channel\|>", r"<unused95>", r"</details>",
)  # fmt: skip
_TAG = re.compile(rf"(?P<open>{'|'.join(_OPEN)})|(?P<close>{'|'.join(_CLOSE)})", re.IGNORECASE)

_OPENED = re.compile(rf"({'|'.join(_OPEN)})\s*\Z", re.IGNORECASE)
_TAIL = 120  # characters: a tag with its attributes, and some line ends

#: what may stand around the answer behind the thinking
_FRAME = re.compile(
    r"\A\s*(?:<(answer|response|output|solution)>|<\|begin_of_solution\|>|<\|START_RESPONSE\|>|<\|begin_of_box\|>)"
    r"(.*?)(?:</\1>|<\|end_of_solution\|>|<\|END_RESPONSE\|>|<\|end_of_box\|>|\Z)\s*\Z",
    re.DOTALL | re.IGNORECASE,
)

#: tokens that end a turn, where a server shows them: what follows is not the answer's
_END = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<\|endoftext\|>|<\|end_of_text\|>|<end_of_turn>|<｜end▁of▁sentence｜>|"
    r"<\|END_OF_TURN_TOKEN\|>|<\|end_of_role\|>|</s>\s*\Z"
)

_CHANNEL = re.compile(
    r"(?:<\|start\|>\s*)?(?P<role>assistant[^<]{0,80})?<\|channel\|>(?P<head>[^<]{0,120}(?:<\|constrain\|>[^<]{0,20})?)"
    r"<\|message\|>(?P<body>.*?)(?P<end><\|end\|>|<\|return\|>|<\|call\|>|(?=<\|start\|>|<\|channel\|>)|\Z)",
    re.DOTALL,
)
_RECIPIENT = re.compile(r"to=(?:functions\.)?([^\s<]+)")

#: the same with the special tokens left out
_BARE = re.compile(
    r"\A\s*analysis(?=[A-Z\"'(])(?P<thought>.*?)(?:assistant(?:final(?P<text>(?:(?!assistantfinal).)*)|"
    r"commentary to=functions\.(?P<name>[\w.-]+) ?(?:json|code)?(?P<arguments>\{.*))|)\Z",
    re.DOTALL,
)

_HEADINGS = re.compile(
    r"\A\s*Here(?: is|'s) my thought process:(?P<thought>.*?)(?:Here(?: is|'s) my response:(?P<text>.*)|\Z)", re.DOTALL
)

_CALL_JSON = re.compile(r"Action Input\W{0,4}:\W{0,8}?(?=\{)|<tool_call>\s*(?=\{)", re.IGNORECASE)
_QUOTES = "`\"'"


class Parts(NamedTuple):
    """A reply taken apart.

    Attributes:
        text: what is said.
        reasoning: what was thought.
        closed: whether the thinking came to an end (there may have been none).
        calls: name and arguments (JSON, as written) of each call that stood in a channel of its own.
    """

    text: str
    reasoning: str
    closed: bool = True
    calls: tuple[tuple[str, str], ...] = ()


def separate(text: str) -> Parts:
    """Take a reply apart; one without thinking stays as it is, but for tokens that end a turn."""
    if "<|channel|>" in text and "<|message|>" in text:
        return _channels(text)
    if found := _BARE.match(text) or _HEADINGS.match(text):
        said = found.groupdict()
        calls = ((said["name"], said["arguments"].strip()),) if said.get("name") else ()
        closed = said["text"] is not None or bool(calls)
        return Parts(_clean(said["text"] or "").strip(), said["thought"].strip(), closed, calls)
    return _tags(text)


def opened(prompt: str) -> str:
    """The tag by which a prompt opens the model's thinking at its very end; "" if it opens none.

    >>> opened("<|im_start|>assistant\\n<think>\\n"), opened("<think>\\n\\n</think>\\n\\n")
    ('<think>', '')
    """
    found = _OPENED.search(prompt[-_TAIL:])
    return found[1] if found else ""


def _tags(text: str) -> Parts:
    said: list[str] = []
    thought: list[str] = []
    inside, last, seen, quoted = "", 0, False, ""
    protected = list(_json_spans(text)) if _TAG.search(text) else []
    for tag in _TAG.finditer(text):
        start, end = tag.span()
        around = (text[start - 1 : start], text[end : end + 1])
        if any(first <= start < stop for first, stop in protected):
            continue
        if tag["open"]:
            if not inside and around[0] and around[0] in _QUOTES:
                quoted = around[0]  # spoken of, not opened
            elif not inside:
                said.append(text[last:start])
                inside, last, seen = tag[0].lower(), end, True
            continue
        if (quoted and around[1] == quoted) or (around[0] and around[0] in _QUOTES and around[0] == around[1]):
            quoted = ""
            continue
        if tag[0].lower() == "</details>" and not inside.startswith("<details"):
            continue
        # a closing tag without an opening one: the prompt had opened the block, or the thinking spoke of its end
        thought += [text[last:start]] if inside else [*said, text[last:start]]
        said = said if inside else []
        inside, last, seen = "", end, True
    if not seen:
        return Parts(_clean(text), "")
    (thought if inside else said).append(text[last:])
    visible = _clean("".join(said)).strip()
    frame = _FRAME.match(visible)
    reasoning = "\n".join(part.strip() for part in thought if part.strip())
    return Parts(frame[2].strip() if frame else visible, reasoning, not inside)


def _json_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the JSON of calls stands."""
    for label in _CALL_JSON.finditer(text):
        try:
            _, end = json.JSONDecoder().raw_decode(text, label.end())
        except (ValueError, RecursionError):
            continue
        yield label.end(), end


def _clean(text: str) -> str:
    """A text up to the token that ends the turn, which some servers show."""
    end = _END.search(text)
    return text if end is None else text[: end.start()].rstrip()


def _channels(text: str) -> Parts:
    """The channels of gpt-oss: `final` is said, `commentary to=functions.NAME` is a call, all else is thought."""
    said, thought, calls, closed, last = [], [], [], True, 0
    for message in _CHANNEL.finditer(text):
        thought.append(re.sub(r"<\|\w+\|>", "", text[last : message.start()]))
        last = message.end()
        head, body = f"{message['role'] or ''} {message['head']}", message["body"].strip()
        channel = message["head"].split()[0] if message["head"].split() else ""
        recipient = _RECIPIENT.search(head)
        if recipient:
            calls.append((recipient[1], body))
        elif channel in ("final", "assistant"):
            said.append(body)
        else:
            thought.append(body)
            closed = bool(message["end"])
    thought.append(re.sub(r"<\|\w+\|>", "", text[last:]))
    reasoning = "\n".join(part.strip() for part in thought if part.strip())
    return Parts("\n".join(said), reasoning, closed or bool(said or calls), tuple(calls))
