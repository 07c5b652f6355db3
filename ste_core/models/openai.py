"""Models behind a server of the OpenAI protocol: the OpenAI API, vLLM, Ollama, llama.cpp, `transformers serve`.

>>> budget = Budget(requests=10_000, money=5.0)
>>> model = OpenAIChat("gpt-4o-mini", budget=budget, prices=(0.15, 0.60))                       # doctest: +SKIP
>>> completion = await model.complete([{"role": "user", "content": "Hi"}], seed=1)              # doctest: +SKIP
>>> completion.text, budget.cost                                                                # doctest: +SKIP

The key is read from the environment and nowhere else, and stays out of every message; a local server needs none.
`reply` reads what comes back, `refusals` what is refused, `connection` finds the way there, all in this room.
"""

import asyncio
import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import cycle
from typing import Any

import httpx2
import openai
from aiolimiter import AsyncLimiter

from ste_core.core.errors import RequestRefused, UserError, one_line, tell
from ste_core.core.records import Message
from ste_core.models import chat_template, connection, refusals, reply, weights
from ste_core.models.base import TOKEN_CHARACTERS, Budget, Choice, Completion
from ste_core.models.parameters import Parameters
from ste_core.models.reply import NoReply

#: the environment variable that holds the key, unless another is named
KEY_ENV = "OPENAI_API_KEY"

#: connections that one client keeps, about, and clients that share them out, at most
CONNECTIONS, MOST_CLIENTS = 8, 16

#: a reply that holds nothing at all is asked for again so many times, and one with an error that has no status
EMPTY_TRIES = 2

#: tokens that an answer may take, at most, of a server that is not known to heed its limit: what models write today
UNLIMITED = 131_072

#: statuses of what no other text would change; 429 has been waited for by then
_NOT_THE_TEXT = (401, 402, 403, 404, 405, 429)
#: statuses below 500 that pass
_PASSING = (408, 409, 425, 429)


class OpenAIChat:
    """A model behind an OpenAI-compatible server.

    The client library retries what passes (429, 5xx, time-outs, cut connections) with backoff and heeds Retry-After;
    replies that are no completion, or hold nothing at all, are asked for again here. A server that ignores `n` is asked
    again, with the next seeds, until there are `n` choices. What a server refuses by name and a request can do without
    (`OPTIONAL`) is left out from then on, with one line. Stop strings hold where a server ignores them, and an answer
    longer than any of `max_tokens` tokens is cut.

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
        leave_out: parameters, of `OPTIONAL`, that no request holds.
        extra: further keys of each request, as the server knows them (`{"reasoning_effort": "low"}`).

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
        leave_out: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
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
        self._where = connection.checked_url(base_url or "https://api.openai.com/v1", KEY_ENV)
        self._concurrency = concurrency
        self._per_minute = requests_per_minute
        self._timeout = openai.Timeout(timeout, connect=min(timeout, 10.0))
        self._retries = retries
        self._logprobs = logprobs
        self._budget = budget or Budget()
        self._prices = prices or (0.0, 0.0)
        self.count = None if tokenizer is None else _counter(tokenizer)
        self.context = context
        self._parameters = Parameters(model, leave_out, extra or {})
        self._heeds = False  # whether an answer was cut at its limit
        self._largest = 0  # tokens of the longest answer, where the limit was not heeded
        self._stops_thoughts: bool | None = None  # whether stop strings end the thinking
        self._link: connection.Link | None = None

    @property
    def identity(self) -> str:
        return f"{self._where} {self.name}" + (" logprobs" if self._logprobs else "") + self._parameters.identity

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
        top_p: float | None = None,
        top_k: int | None = None,
        min_p: float | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
    ) -> Completion:
        """See `ChatModel.complete`. A `form` is asked for as vLLM and `ste serve` know it; other servers may refuse."""
        request: dict[str, Any] = {
            "model": self.name,
            "messages": list(map(_told, messages)),
            "temperature": temperature,
        }
        if stop:
            request["stop"] = list(stop)
        if self._logprobs:
            request["logprobs"] = True
        if form is not None:
            request["structured_outputs"] = {"regex": form}
        request |= {
            name: value for name, value in (("top_p", top_p), ("top_k", top_k), ("min_p", min_p)) if value is not None
        }
        if tools:
            request["tools"] = list(tools)
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
            choices += tuple(_cut(choice, stop, max_tokens) for choice in part.choices[:missing])
            prompt_tokens += part.prompt_tokens
            completion_tokens += part.completion_tokens
        return Completion(choices, prompt_tokens, completion_tokens)

    async def _ask(self, request: dict[str, Any], max_tokens: int) -> Completion:
        link = await self._linked()
        async with link.slots:
            try:
                return await self._answered(link, request, max_tokens)
            except (openai.OpenAIError, NoReply) as error:
                status = error.status if isinstance(error, NoReply) else getattr(error, "status_code", None)
                late, unreachable = (
                    isinstance(error, one) for one in (openai.APITimeoutError, openai.APIConnectionError)
                )
                kind = UserError if (unreachable and not late) or status in _NOT_THE_TEXT else RequestRefused
                raise kind(f"model {self.name} at {self._where}: {self._explained(error, request)}") from None

    async def _answered(self, link: connection.Link, request: dict[str, Any], max_tokens: int) -> Completion:
        # A loop of our own: with tenacity, which makes an object for each request, requests take an eighth longer.
        tried = empty = 0
        while True:
            try:
                completion = await self._try(link, request, max_tokens)
            except NoReply as fault:
                lasting = fault.status is not None and fault.status < 500 and fault.status not in _PASSING
                most = EMPTY_TRIES if fault.body is not None and fault.status is None else self._retries
                if lasting or tried >= min(most, self._retries):
                    raise
                await asyncio.sleep(random.uniform(0, min(0.5 * 2**tried, 8)))
                tried += 1
                continue
            if all(choice.missing for choice in completion.choices) and empty < min(EMPTY_TRIES, self._retries):
                if self._stop_ended_thinking(completion, request):
                    request = {key: value for key, value in request.items() if key != "stop"}
                    empty += 1
                    completion = await self._try(link, request, max_tokens)
                    self._learn_of_stop(completion)
                elif all(choice.missing == "is empty" for choice in completion.choices):
                    empty += 1
                    continue
            return completion

    def _stop_ended_thinking(self, completion: Completion, request: dict[str, Any]) -> bool:
        """Whether a stop string may have ended the thinking, which some servers look through as well."""
        ended = all(choice.reasoning and choice.finish_reason == "stop" for choice in completion.choices)
        return (
            ended
            and "stop" in request
            and "stop" not in self._parameters.left_out
            and self._stops_thoughts is not False
        )

    def _learn_of_stop(self, completion: Completion) -> None:
        """Leave stop strings to us from now on, if the same request without them has an answer."""
        self._stops_thoughts = not all(choice.missing for choice in completion.choices)
        if self._stops_thoughts:
            self._parameters.leave_out("stop", "its server ends the reasoning at stop strings")

    async def _try(self, link: connection.Link, request: dict[str, Any], max_tokens: int) -> Completion:
        if link.limiter is not None:
            await link.limiter.acquire()
        n = 1 if "n" in self._parameters.left_out else request.get("n", 1)
        length = sum(map(_size, request["messages"])) // 4
        while link.under_way and not self._certain(link, length):
            await link.landing()
        link.under_way += 1
        try:
            with self._budget.hold(length, n * max(max_tokens, self._largest), self._prices) as usage:
                try:
                    completion = await self._post(link, request, max_tokens)
                except NoReply as fault:
                    usage.prompt_tokens, usage.completion_tokens = fault.tokens  # paid for all the same
                    raise
                usage.prompt_tokens = completion.prompt_tokens or length
                usage.completion_tokens = completion.completion_tokens or sum(map(_length, completion.choices)) // 4
                self._watch_limit(completion, usage.completion_tokens, n * max_tokens)
                return completion
        finally:
            link.landed()

    def _certain(self, link: connection.Link, length: int) -> bool:
        """Whether the budget holds, whatever those under way take and one more: else they go one after the other, so
        that a server that ignores limits exceeds it by one answer at most."""
        if self._heeds:
            return True
        most = max(UNLIMITED, self._largest)
        return self._budget.leaves((link.under_way + 1) * length, (link.under_way + 1) * most, self._prices)

    def _watch_limit(self, completion: Completion, written: int, limit: int) -> None:
        """See whether the server heeds the limit; say so, once, if it does not."""
        if written <= limit:
            self._heeds = self._heeds or any(choice.finish_reason == "length" for choice in completion.choices)
        elif written > limit + limit // 8 + 8:
            if not self._largest:
                tell(
                    f"model {self.name}: its server does not heed max_tokens: an answer of at most {limit:,} tokens "
                    f"took {written:,}; the budget counts what was used, and longer texts are cut here"
                )
            self._largest, self._heeds = max(self._largest, written), False

    async def _post(self, link: connection.Link, request: dict[str, Any], max_tokens: int) -> Completion:
        while True:
            body = self._parameters.body(request, max_tokens)
            try:
                # Not `chat.completions.create`: a third of a request's time goes into its conversions and unchecked
                # types.
                answer = await next(link.clients).post("/chat/completions", cast_to=httpx2.Response, body=body)
                return reply.read_completion(answer.content)
            except openai.APIStatusError as error:
                if error.status_code in _NOT_THE_TEXT or not self._parameters.give_way(error.response.content, body):
                    raise
            except NoReply as fault:
                if fault.body is None or not self._parameters.give_way(fault.body, body):
                    raise

    async def _linked(self) -> connection.Link:
        """The connections of the running event loop: none may be used from another loop."""
        loop = asyncio.get_running_loop()
        if self._link is None or self._link.loop is not loop:
            clients = self._clients()
            limiter = None
            if self._per_minute:
                limiter = AsyncLimiter(max(self._per_minute / 60, 1), max(60 / self._per_minute, 1))
            keeper = connection.closed_with_the_loop(clients)
            self._link = connection.Link(loop, cycle(clients), keeper, asyncio.Semaphore(self._concurrency), limiter)
            await anext(keeper)
        return self._link

    def _clients(self) -> list[openai.AsyncOpenAI]:
        """Clients that take turns: one looks through all of its connections, twice, for each request."""
        count = min(-(-self._concurrency // CONNECTIONS), MOST_CLIENTS)
        return [
            openai.AsyncOpenAI(
                api_key=self._key or "none", base_url=self._where, timeout=self._timeout, max_retries=self._retries,
                http_client=http,
            )
            for http, _ in zip(connection.clients(self._where), range(count), strict=False)
        ]  # fmt: skip

    def _explained(self, error: Exception, request: dict[str, Any]) -> str:
        """What went wrong, in the server's own words, and what may help."""
        status, said, text = getattr(error, "status_code", None), None, str(error)
        if isinstance(error, openai.APIStatusError):
            said = error.response.content
            words = refusals.reason(said)
            text = f"Error code: {status}" + (f" - {words}" if words else "")
        elif isinstance(error, NoReply):
            said = error.body
            text += f" (code {error.status})" if error.status and str(error.status) not in text else ""
        elif isinstance(error, openai.APIConnectionError) and error.__cause__ and str(error.__cause__):
            text += f" ({error.__cause__})"
            if "CERTIFICATE" in text:
                text += "; name the file of your certificate authority by SSL_CERT_FILE"
        text = one_line(text, 400)
        named = [] if said is None or status in _NOT_THE_TEXT else self._parameters.named(said, request)
        if named:
            text += f"; to leave a parameter out, say so with the model, as leave_out: [{', '.join(named)}]"
        if not self._where.partition("://")[2].partition("/")[2] and not isinstance(error, openai.APIConnectionError):
            text += "; does the base URL lack a path, as /v1?"
        if self._key:
            text = text.replace(self._key, "***")  # some servers repeat the key in their refusal
        return one_line(text, 600) or type(error).__name__


def _cut(choice: Choice, stop: Sequence[str], max_tokens: int) -> Choice:
    """A choice that ends before the first stop string and at the limit, where the server heeds neither."""
    text, reason = choice.text, choice.finish_reason
    if len(text) > TOKEN_CHARACTERS * max_tokens:
        text, reason = text[: TOKEN_CHARACTERS * max_tokens], "length"
    ends = [at for one in stop if one and (at := text.find(one)) >= 0]
    if ends:
        text, reason = text[: min(ends)], "stop"
    return choice if text == choice.text else replace(choice, text=text, finish_reason=reason)


def _told(message: Message) -> dict[str, Any]:
    """A message as the protocol has it: arguments of a call as text, where chat templates take objects."""
    told: dict[str, Any] = dict(message)
    if "tool_calls" in told:
        told["tool_calls"] = [
            one | {"function": one["function"] | {"arguments": json.dumps(one["function"]["arguments"])}}
            for one in told["tool_calls"]
        ]
    return told


def _size(message: Message) -> int:
    """Characters of a message."""
    calls = message.get("tool_calls")
    return len(message.get("content") or "") + (len(json.dumps(calls)) if calls else 0)


def _length(choice: Choice) -> int:
    """Characters that a model wrote for a choice."""
    calls = sum(len(call.name) + len(str(call.arguments)) for call in choice.tool_calls)
    return len(choice.text) + len(choice.reasoning) + len(choice.refusal or "") + calls


def _counter(tokenizer: str) -> Callable[[Sequence[Message]], int]:
    """Counts the tokens of a conversation by a tokenizer, which is loaded when it is first needed."""

    @cache
    def loaded() -> Any:
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(weights.folder(tokenizer))
        except UserError:
            raise
        except Exception as error:  # each layer below has errors of its own
            raise UserError(f"tokenizer {tokenizer}: cannot be loaded: {one_line(error)}") from None

    def count(messages: Sequence[Message]) -> int:
        text = chat_template.render(loaded(), messages)
        return len(loaded()(text, add_special_tokens=False)["input_ids"])

    return count
