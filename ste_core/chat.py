"""One async interface to a language model.

>>> model = OpenAIChat("gpt-4o-mini", base_url="http://127.0.0.1:8000/v1")            # doctest: +SKIP
>>> completion = await model.complete([{"role": "user", "content": "Hi"}])            # doctest: +SKIP

Any server that speaks the OpenAI protocol, by base URL. The key is read from the environment (`OPENAI_API_KEY`) and
nowhere else; a local server needs none. Retries with backoff (429 and 5xx, cut connections) and time-outs are the
client library's.
"""

import asyncio
import os
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict, TypeVar

import openai

from ste_core.errors import UserError

T = TypeVar("T")


class Message(TypedDict):
    """One message of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's reply: text, why it ended, and tokens in and out (0 where the server does not say)."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class ChatModel(Protocol):
    """A language model that answers conversations."""

    name: str

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        temperature: float = 1.0,
        max_tokens: int = 256,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> Completion: ...


class OpenAIChat:
    """A model behind an OpenAI-compatible server.

    Args:
        model: the server's name for the model.
        base_url: the server; default the OpenAI API.
        concurrency: requests under way at once, at most.
        timeout: seconds a request may take.
        retries: further tries after a passing failure.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        concurrency: int = 16,
        timeout: float = 120.0,
        retries: int = 6,
    ) -> None:
        self.name = model
        key = os.environ.get("OPENAI_API_KEY")
        if not key and base_url is None:
            raise UserError("OPENAI_API_KEY: not set in the environment; set it, or name a server by its base URL")
        self._client = openai.AsyncOpenAI(
            api_key=key or "none", base_url=base_url, timeout=timeout, max_retries=retries
        )
        self._slots = asyncio.Semaphore(concurrency)

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        temperature: float = 1.0,
        max_tokens: int = 256,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> Completion:
        """Ask for one reply.

        Raises:
            UserError: the server cannot be reached, refuses the key or the request, or answers nonsense, in one line.
        """
        options: dict = {}
        if stop:
            options["stop"] = list(stop)
        if seed is not None:
            options["seed"] = seed
        async with self._slots:
            try:
                reply = await self._client.chat.completions.create(
                    model=self.name,
                    messages=list(messages),
                    temperature=temperature,
                    max_completion_tokens=max_tokens,
                    **options,
                )
            except openai.OpenAIError as error:
                raise UserError(f"model {self.name} at {self._client.base_url}: {_one_line(error)}") from error
            except ValueError as error:  # a body that is not JSON
                raise UserError(f"model {self.name} at {self._client.base_url}: the reply is not JSON") from error
        if not reply.choices or reply.choices[0].message is None:
            raise UserError(f"model {self.name} at {self._client.base_url}: the reply holds no choice")
        usage = reply.usage
        return Completion(
            text=reply.choices[0].message.content or "",
            finish_reason=reply.choices[0].finish_reason or "",
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
        )


async def gather(work: Sequence[Awaitable[T]]) -> list[T]:
    """Run coroutines together and return their results in order; the first failure cancels the rest."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_awaited(one)) for one in work]
    except* UserError as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _awaited(work: Awaitable[T]) -> T:
    return await work


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    key = os.environ.get("OPENAI_API_KEY")
    if key:
        text = text.replace(key, "***")  # some servers repeat the key in their refusal
    return text[:300] or type(error).__name__
