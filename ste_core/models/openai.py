"""Models behind a server of the OpenAI protocol: the OpenAI API, vLLM, Ollama, llama.cpp, `transformers serve`.

>>> budget = Budget(requests=10_000, money=5.0)
>>> model = OpenAIChat("gpt-4o-mini", budget=budget, prices=(0.15, 0.60))                       # doctest: +SKIP
>>> completion = await model.complete([{"role": "user", "content": "Hi"}], seed=1)              # doctest: +SKIP
>>> completion.text, budget.cost                                                                # doctest: +SKIP

The key is read from the environment and nowhere else, and stays out of every message; a local server needs none.
"""

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from aiolimiter import AsyncLimiter

from ste_core.core.errors import RequestRefused, UserError, one_line
from ste_core.core.records import Message
from ste_core.models.base import Budget, Choice, Completion

#: the environment variable that holds the key, unless another is named
KEY_ENV = "OPENAI_API_KEY"

#: connections that one client keeps, about, and clients that share them out, at most
CONNECTIONS, MOST_CLIENTS = 8, 16


class OpenAIChat:
    """A model behind an OpenAI-compatible server.

    The client library retries what passes (429, 5xx, time-outs, cut connections) with backoff and heeds Retry-After;
    replies that are not JSON or hold no choice are asked again here. A server that ignores `n` is asked again, with
    the next seeds, until there are `n` choices.

    Args:
        model: the server's name for the model.
        base_url: the server; default `OPENAI_BASE_URL` of the environment, else the OpenAI API.
        key_env: the environment variable that holds the key; one that is not the default must be set.
        concurrency: requests under way at once, at most.
        requests_per_minute: requests begun, at most; no limit by default.
        timeout: seconds a try may take.
        retries: further tries after a passing failure.
        logprobs: ask for log-probabilities (some servers refuse, some ignore it).
        budget: what the run may use.
        prices: money for a million tokens in, and out.
        tokenizer: the model's own, by path or hub name: prompts are then counted as the model reads them.
        context: tokens a prompt and its answer may take together, as the server was started with.

    Attributes:
        count: tokens of a conversation; None without a tokenizer.

    Raises:
        UserError: no key, an unusable key or base URL, or a money budget without prices.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key_env: str = KEY_ENV,
        concurrency: int = 16,
        requests_per_minute: float | None = None,
        timeout: float = 120.0,
        retries: int = 6,
        logprobs: bool = False,
        budget: Budget | None = None,
        prices: tuple[float, float] | None = None,
        tokenizer: str | None = None,
        context: int | None = None,
    ) -> None:
        self.name = model
        self._key = os.environ.get(key_env, "").strip()
        base_url = base_url or os.environ.get("OPENAI_BASE_URL")
        if not self._key and key_env != KEY_ENV:
            raise UserError(f"{key_env}: not set in the environment; it is to hold the key of the model")
        if not self._key and not base_url:
            raise UserError(f"{key_env}: not set in the environment; set it, or name a server by its base URL")
        if not (self._key.isascii() and self._key.isprintable()):
            raise UserError(f"{key_env}: holds characters that no key has")
        if budget is not None and budget.money is not None and prices is None:
            raise UserError(f"model {model}: a budget in money needs the model's prices")
        self._where = _checked(base_url or "https://api.openai.com/v1")
        self._concurrency = concurrency
        self._per_minute = requests_per_minute
        self._timeout = openai.Timeout(timeout, connect=min(timeout, 10.0))
        self._retries = retries
        self._logprobs = logprobs
        self._budget = budget or Budget()
        self._prices = prices or (0.0, 0.0)
        self.count = None if tokenizer is None else _counter(tokenizer)
        self.context = context
        self._limit_name = "max_completion_tokens"
        self._link: _Link | None = None

    @property
    def identity(self) -> str:
        return f"{self._where} {self.name}" + (" logprobs" if self._logprobs else "")

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        temperature: float = 1.0,
        max_tokens: int = 256,
        stop: Sequence[str] = (),
        seed: int | None = None,
        n: int = 1,
        form: str | None = None,
    ) -> Completion:
        """See `ChatModel.complete`. A `form` is asked for as vLLM and `ste serve` know it; other servers may refuse."""
        request: dict[str, Any] = {"model": self.name, "messages": list(messages), "temperature": temperature}
        if stop:
            request["stop"] = list(stop)
        if self._logprobs:
            request["logprobs"] = True
        if form is not None:
            request["structured_outputs"] = {"regex": form}
        choices: tuple[Choice, ...] = ()
        prompt_tokens = completion_tokens = 0
        while len(choices) < n:
            missing = n - len(choices)
            if missing > 1:
                request["n"] = missing
            else:
                request.pop("n", None)
            if seed is not None:
                request["seed"] = seed + len(choices)
            part = await self._ask(request, max_tokens)
            choices += part.choices[:missing]
            prompt_tokens += part.prompt_tokens
            completion_tokens += part.completion_tokens
        return Completion(choices, prompt_tokens, completion_tokens)

    async def _ask(self, request: dict[str, Any], max_tokens: int) -> Completion:
        link = await self._linked()
        async with link.slots:
            try:
                return await self._sensible(link, request, max_tokens)
            except (openai.OpenAIError, _Garbled) as error:
                refused = isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError)
                kind = RequestRefused if refused else UserError
                raise kind(f"model {self.name} at {self._where}: {self._one_line(error)}") from None

    async def _sensible(self, link: "_Link", request: dict[str, Any], max_tokens: int) -> Completion:
        # A loop of our own: with tenacity, which makes an object for each request, requests take an eighth longer.
        for tried in range(self._retries):
            try:
                return await self._try(link, request, max_tokens)
            except _Garbled:
                await asyncio.sleep(random.uniform(0, min(0.5 * 2**tried, 8)))
        return await self._try(link, request, max_tokens)

    async def _try(self, link: "_Link", request: dict[str, Any], max_tokens: int) -> Completion:
        if link.limiter is not None:
            await link.limiter.acquire()
        n = request.get("n", 1)
        length = sum(len(message["content"]) for message in request["messages"]) // 4
        with self._budget.hold(length, n * max_tokens, self._prices) as usage:
            completion = await self._post(link, request, max_tokens)
            usage.prompt_tokens = completion.prompt_tokens or length
            written = sum(len(choice.text) for choice in completion.choices) // 4
            usage.completion_tokens = completion.completion_tokens or written
            return completion

    async def _post(self, link: "_Link", request: dict[str, Any], max_tokens: int) -> Completion:
        name = self._limit_name
        try:
            # Not `chat.completions.create`: a third of a request's time goes into its conversions and unchecked types.
            reply = await next(link.clients).post(
                "/chat/completions", cast_to=httpx2.Response, body=request | {name: max_tokens}
            )
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            if name == "max_tokens" or name not in str(error):
                raise
            self._limit_name = "max_tokens"  # what servers knew before `max_completion_tokens`
            return await self._post(link, request, max_tokens)
        try:
            return _completion(reply.json())
        except ValueError:
            raise _Garbled("the reply is not JSON") from None

    async def _linked(self) -> "_Link":
        """The connections of the running event loop: none may be used from another loop."""
        loop = asyncio.get_running_loop()
        if self._link is None or self._link.loop is not loop:
            clients = self._clients()
            limiter = None
            if self._per_minute:
                limiter = AsyncLimiter(max(self._per_minute / 60, 1), max(60 / self._per_minute, 1))
            keeper = _closed_with_the_loop(clients)
            self._link = _Link(loop, cycle(clients), keeper, asyncio.Semaphore(self._concurrency), limiter)
            await anext(keeper)
        return self._link

    def _clients(self) -> list[openai.AsyncOpenAI]:
        """Clients that take turns: one looks through all of its connections, twice, for each request."""
        certificates = httpx2.create_ssl_context()  # read once
        return [
            openai.AsyncOpenAI(
                api_key=self._key or "none", base_url=self._where, timeout=self._timeout, max_retries=self._retries,
                http_client=openai.DefaultAsyncHttpxClient(verify=certificates),
            )
            for _ in range(min(-(-self._concurrency // CONNECTIONS), MOST_CLIENTS))
        ]  # fmt: skip

    def _one_line(self, error: Exception) -> str:
        text = str(error)
        if isinstance(error, openai.APIConnectionError) and error.__cause__ and str(error.__cause__):
            text += f" ({error.__cause__})"
        if self._key:
            text = text.replace(self._key, "***")  # some servers repeat the key in their refusal
        return one_line(text) or type(error).__name__


@dataclass(frozen=True, slots=True)
class _Link:
    loop: asyncio.AbstractEventLoop
    clients: Iterator[openai.AsyncOpenAI]
    keeper: AsyncGenerator[None, None]
    slots: asyncio.Semaphore
    limiter: AsyncLimiter | None


async def _closed_with_the_loop(clients: Sequence[openai.AsyncOpenAI]) -> AsyncGenerator[None, None]:
    """A generator that waits for the end: `asyncio.run` ends all generators before it closes its loop."""
    try:
        yield
    finally:
        for client in clients:
            await client.close()


def _counter(tokenizer: str) -> Callable[[Sequence[Message]], int]:
    """Counts the tokens of a conversation by a tokenizer, which is loaded when it is first needed."""

    @cache
    def loaded() -> Any:
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(tokenizer)
        except Exception as error:  # each layer below has errors of its own
            raise UserError(f"tokenizer {tokenizer}: cannot be loaded: {one_line(error)}") from None

    def count(messages: Sequence[Message]) -> int:
        text = loaded().apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return len(loaded()(text, add_special_tokens=False)["input_ids"])

    return count


class _Garbled(Exception):
    """A reply that arrived and makes no sense."""


def _completion(reply: Any) -> Completion:
    try:
        choices = tuple(
            Choice(_text(choice["message"]["content"]), _text(choice.get("finish_reason")), _logprobs(choice))
            for choice in reply["choices"]
        )
        usage = reply.get("usage") or {}
        tokens = [int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    except (AttributeError, KeyError, TypeError):
        raise _Garbled("the reply is not a chat completion") from None
    if not choices:
        raise _Garbled("the reply holds no choice")
    return Completion(choices, *tokens)


def _text(value: str | None) -> str:
    if not isinstance(value, str | None):
        raise TypeError
    return value or ""


def _logprobs(choice: dict[str, Any]) -> tuple[float, ...] | None:
    told = (choice.get("logprobs") or {}).get("content")
    return None if told is None else tuple(float(token["logprob"]) for token in told)


def _checked(url: str) -> str:
    """A base URL that can be called and shown: it holds no credentials."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UserError("base URL: must be http://HOST... or https://HOST..., as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc or parts.query:
        raise UserError(f"base URL: must not hold a user, password or query; the key belongs in {KEY_ENV}")
    return url.rstrip("/")
