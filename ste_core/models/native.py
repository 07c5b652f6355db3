"""Calls in a model's own format: what is asked and answered as ReAct text, told in the model's form and read from it.

>>> messages = [{"role": "user", "content": "Days from 1 to 3 May?"},
...             {"role": "assistant", "content": 'Action: days\\nAction Input: {"from": "1 May"}'},
...             {"role": "user", "content": "Observation: Error: 'to' is missing"}]
>>> [one["role"] for one in as_native(messages)]
['user', 'assistant', 'tool']

The study keeps everything in one form, the text format of ReAct (`core.react`), so that trials, predictions and
training rows mean the same whatever a model speaks. For a model that was trained on another form, calls become
`tool_calls` here, observations become messages of role `tool`, documentation goes to the chat template or the server
as `tools` of the OpenAI protocol, and replies are read by `tool_formats`. What cannot be read stays as it was written,
and counts as malformed.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ste_core.core import react
from ste_core.core.errors import UserError
from ste_core.core.records import Message, Tool
from ste_core.models import tool_formats
from ste_core.models.base import ChatModel, Choice, Completion, ToolCall
from ste_core.models.replies import as_react

_CALL = re.compile(
    rf"(?:Thought: (?P<thought>.*)\n)?{react.ACTION} (?P<name>\S+)\n{react.ACTION_INPUT} (?P<given>.*)", re.S
)
_OBSERVATION = "Observation: "


def described(tool: Tool) -> dict[str, Any]:
    """A tool as the OpenAI protocol and chat templates describe one."""
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
    }


def as_native(messages: Sequence[Message]) -> list[Message]:
    """A conversation with its calls and their results in the fields of the OpenAI protocol.

    Nine letters and digits make an id, as Mistral's template demands.
    """
    found: list[Message] = []
    for message in messages:
        call = _CALL.fullmatch(message["content"]) if message["role"] == "assistant" else None
        answers = found and "tool_calls" in found[-1] and message["content"].startswith(_OBSERVATION)
        if call and (arguments := _object(call["given"])) is not None:
            function = {"name": call["name"], "arguments": arguments}
            made = {"id": f"call{len(found):05d}", "type": "function", "function": function}
            found.append({"role": "assistant", "content": call["thought"] or "", "tool_calls": [made]})
        elif answers and message["role"] == "user":
            (made,) = found[-1]["tool_calls"]
            text = message["content"].removeprefix(_OBSERVATION)
            found.append(
                {"role": "tool", "content": text, "tool_call_id": made["id"], "name": made["function"]["name"]}
            )
        else:
            found.append(message)
    return found


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class NativeChat:
    """A model that is asked in its own format; its calls come back as ReAct text.

    Args:
        model: one that takes `tools`, in this process or behind a server, perhaps with a cache in front.
    """

    def __init__(self, model: ChatModel) -> None:
        self.model = model
        self.name = model.name

    @property
    def identity(self) -> str:
        return self.model.identity

    @property
    def context(self) -> int | None:
        """Tokens a prompt and its answer may take together, where the model tells."""
        return getattr(self._inner, "context", None)

    @property
    def _inner(self) -> Any:
        return getattr(self.model, "model", self.model)

    @property
    def count(self) -> Callable[..., int] | None:
        """How the model counts the tokens of a prompt, where it can."""
        inner = getattr(self._inner, "count", None)
        return None if inner is None else lambda messages, tools=(): inner(as_native(messages), tools)

    def form(self, tools: Sequence[Tool], *, documented: bool = True, answer: bool = False) -> str:
        """A regular expression of a reply that calls one of some tools in the model's own format.

        Raises:
            UserError: a served model, or a template that does not write arguments as JSON.
        """
        frame = getattr(self._inner, "call_frame", lambda: None)()
        if frame is None:
            raise UserError(
                f"model {self.name}: its own tool format cannot be constrained here; set constrained: false, or "
                "tool_format: react"
            )
        return react.form(tools, arguments=documented, answer=answer, frame=frame)

    async def complete(
        self, messages: Sequence[Message], *, tools: Sequence[dict[str, Any]] | None = None, **options: Any
    ) -> Completion:
        """See `ChatModel.complete`.

        Args:
            tools: documented tools; without any (an empty list), calls are read all the same, as fine-tuned models
                write them; None asks for text alone.
        """
        if tools is None:
            return await self.model.complete(messages, **options)
        if "stop" in options:
            options["stop"] = [one for one in options["stop"] if not one.startswith("Observation")]
        documented = {"tools": list(tools)} if tools else {}
        completion = await self.model.complete(as_native(messages), **documented, **options)
        names = [one["function"]["name"] for one in tools]
        return replace(completion, choices=tuple(_as_text(read(choice, names)) for choice in completion.choices))


def _as_text(choice: Choice) -> Choice:
    return replace(choice, text=as_react(choice), tool_calls=()) if choice.tool_calls else choice


def read(choice: Choice, names: Sequence[str]) -> Choice:
    """The choice with the calls of its text as `tool_calls`, as far as they can be read.

    Args:
        names: of the tools that may be called; they tell a call without a mark from prose.
    """
    if choice.tool_calls:
        return choice
    reply = tool_formats.read_native(choice.text, names)
    if not reply.calls or reply.problem is not None:
        return choice
    calls = tuple(ToolCall(name, arguments) for name, arguments in reply.calls)
    return replace(choice, text=reply.before, tool_calls=calls)


def call_frame(render: Callable[[Sequence[Message], bool], str]) -> tuple[str, str, str] | None:
    """What a chat template writes before a call's name, between name and arguments, and behind them.

    Args:
        render: a conversation as text, ready to be answered or not.

    Returns:
        None where the template has no calls, or writes arguments otherwise than as a JSON object.
    """
    name, arguments = "name_of_tool", {"argument": 17}
    asked: list[Message] = [{"role": "user", "content": "Hello"}]
    call = {"role": "assistant", "content": react.render_call(name, arguments)}
    whole, prompt = render(as_native([*asked, call]), False), render(asked, True)  # type: ignore[list-item]
    given = next((text for text in (json.dumps(arguments), '{"argument":17}') if whole.count(text) == 1), None)
    if given is None or not whole.startswith(prompt) or whole.count(name) != 1:
        return None
    before, _, rest = whole[len(prompt) :].partition(name)
    between, found, after = rest.partition(given)
    return (before, between, after) if found else None
