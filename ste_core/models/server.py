"""A model in this process behind the OpenAI protocol, so that other programs, or jobs elsewhere, ask it.

    ste serve microworld/checkpoint --name micro --port 8017

Answers are those of the model in process, byte for byte: the request's `seed` is the seed, and a text depends on the
request alone (see `models.local`); with `tools`, calls that the model writes in its own format are told as
`tool_calls`. That is what other servers do not promise: they sample by generators of their own,
and batch as requests come. Chat completions (`n`, `seed`, `stop`, `temperature`, `max_tokens`), no streaming, no keys:
it listens on this machine unless told otherwise.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ste_core.core.errors import UserError
from ste_core.models import native
from ste_core.models.base import ChatModel, Choice, Completion

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

#: bytes of a request: far more than any context holds
LARGEST = 8_000_000


class _Message(BaseModel):
    role: str
    content: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    def as_asked(self) -> Any:
        """The message as templates take it: with a text, and with arguments as objects."""
        kept = self.model_dump(exclude_none=True) | {"content": self.content or ""}
        for call in kept.get("tool_calls", ()):
            function = call.get("function")
            if isinstance(function, dict) and isinstance(function.get("arguments"), str):
                call["function"] = function | {"arguments": _parsed(function["arguments"])}
        return kept


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


class _Form(BaseModel):
    """What vLLM calls structured outputs, as far as it is known here."""

    model_config = ConfigDict(extra="forbid")

    regex: str


class _Function(BaseModel):
    name: str
    description: str = ""
    parameters: dict[str, Any] = {"type": "object", "properties": {}}


class _Tool(BaseModel):
    type: Literal["function"] = "function"
    function: _Function


class _Request(BaseModel):
    """What a request may ask for; other keys of the protocol would go unheard, so they are refused."""

    model_config = ConfigDict(extra="forbid")

    model: str
    messages: list[_Message] = Field(min_length=1)
    tools: list[_Tool] | None = None
    temperature: float = Field(1.0, ge=0)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    stop: str | list[str] | None = None
    structured_outputs: _Form | None = None
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=1)
    min_p: float | None = Field(None, ge=0, le=1)
    seed: int | None = None
    n: int = Field(1, ge=1, le=128)


class _Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Server:
    """An ASGI application that answers for a model.

    Args:
        model: who answers.
    """

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            status, value = 200, await self._answer(scope["method"], scope["path"].rstrip("/"), receive)
        except _Refused as error:
            status, value = error.status, {"error": {"message": str(error), "type": "invalid_request_error"}}
        data = json.dumps(value).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    async def _answer(self, method: str, path: str, receive: Receive) -> dict[str, Any]:
        if (method, path) == ("GET", "/v1/models"):
            return {"object": "list", "data": [{"id": self._model.name, "object": "model"}]}
        if (method, path) != ("POST", "/v1/chat/completions"):
            raise _Refused(404, f"{method} {path}: there are GET /v1/models and POST /v1/chat/completions")
        try:
            asked = _Request.model_validate(json.loads(await _body(receive)))
        except ValidationError as error:
            first = error.errors()[0]
            raise _Refused(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        except (ValueError, RecursionError) as error:
            raise _Refused(400, f"not JSON: {error}") from None
        if asked.model != self._model.name:
            raise _Refused(404, f"model: no model '{asked.model}' here; there is: {self._model.name}")
        try:
            sampling = {name: getattr(asked, name) for name in ("top_p", "top_k", "min_p")}
            tools = [one.model_dump() for one in asked.tools or ()]
            completion = await self._model.complete(
                [one.as_asked() for one in asked.messages],
                temperature=asked.temperature, max_tokens=asked.max_completion_tokens or asked.max_tokens or 256,
                stop=[asked.stop] if isinstance(asked.stop, str) else asked.stop or (), seed=asked.seed, n=asked.n,
                **({} if asked.structured_outputs is None else {"form": asked.structured_outputs.regex}),
                **{name: value for name, value in sampling.items() if value is not None},
                **({"tools": tools} if tools else {}),
            )  # fmt: skip
        except UserError as error:
            raise _Refused(400, str(error)) from None
        if tools:
            names = [one["function"]["name"] for one in tools]
            completion = replace(completion, choices=tuple(native.read(one, names) for one in completion.choices))
        return _reply(self._model.name, completion)


async def _body(receive: Receive) -> bytes:
    parts, more = b"", True
    while more:
        message = await receive()
        parts += message.get("body", b"")
        more = message.get("more_body", False)
        if len(parts) > LARGEST:
            raise _Refused(413, f"the request is over {LARGEST:,} bytes")
    return parts


def _message(choice: Choice) -> dict[str, Any]:
    """An answer as servers tell it: thinking in a field of its own, calls only where there are any."""
    calls = [
        {"id": str(at), "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
        for at, call in enumerate(choice.tool_calls)
    ]
    told = {"reasoning_content": choice.reasoning, "tool_calls": calls}
    return {"role": "assistant", "content": choice.text} | {key: value for key, value in told.items() if value}


def _reply(name: str, completion: Completion) -> dict[str, Any]:
    choices = [
        {"index": at, "finish_reason": "tool_calls" if one.tool_calls else one.finish_reason, "message": _message(one)}
        for at, one in enumerate(completion.choices)
    ]
    tokens = {"prompt_tokens": completion.prompt_tokens, "completion_tokens": completion.completion_tokens}
    tokens["total_tokens"] = sum(tokens.values())
    return {"id": "chatcmpl", "object": "chat.completion", "created": 0, "model": name, "choices": choices,
            "usage": tokens}  # fmt: skip


def serve_model(model: ChatModel, host: str = "127.0.0.1", port: int = 8017) -> None:
    """Serve a model until interrupted; prints the base URL when it listens.

    Raises:
        UserError: the address is taken, or no address of this machine.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        raise UserError(f"--host {host} --port {port}: cannot listen there: {error}") from None
    shown = f"[{host}]" if ":" in host else host
    print(f"{model.name} at http://{shown}:{listener.getsockname()[1]}/v1", flush=True)
    config = uvicorn.Config(Server(model), log_level="warning", lifespan="off")
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
