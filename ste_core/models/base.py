"""One async interface to a language model, whatever runs it; what a run may use; many requests at once.

>>> completion = await model.complete([{"role": "user", "content": "Hi"}], temperature=0)       # doctest: +SKIP
>>> completion.text, completion.finish_reason, completion.completion_tokens                     # doctest: +SKIP
('Hello!', 'stop', 3)

Models behind a server are in `models.openai`, models in this process in `models.local`; `models.cache` puts a
cache on disk in front of either.
"""

import asyncio
import hashlib
import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ste_core.core.errors import UserError, one_line
from ste_core.core.records import Message

T = TypeVar("T")

#: of a model that cannot count its tokens, where a prompt has to fit: characters that surely hold one (English text has
#: about 4, dense JSON fewer)
SURELY_A_TOKEN = 3

#: characters of an answer that one token may stand for; a server that ignores `max_tokens` is cut there
TOKEN_CHARACTERS = 32

#: why an answer ended that never began: the server would not take the text, or the model will not answer it
REFUSED = "refused"

#: why an answer ended that a filter stopped
FILTERED = "content_filter"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call in a server's own form. `arguments` is a JSON object, or the text that was to be one."""

    name: str
    arguments: dict[str, Any] | str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer.

    Attributes:
        text: what is said, without the stop string; "" where nothing is.
        finish_reason: why it ended: "stop", "length", `FILTERED`, `REFUSED`, ...
        logprobs: of its tokens at temperature 1, where the model tells them.
        reasoning: what was thought, where the model tells it; never a part of the answer.
        tool_calls: calls in the server's own form.
        refusal: in which words the model declined.
    """

    text: str
    finish_reason: str
    logprobs: tuple[float, ...] | None = None
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None

    @property
    def missing(self) -> str | None:
        """Why nothing is said, in words; None where something is."""
        if self.text.strip() or self.tool_calls:
            return None
        if self.finish_reason == REFUSED:
            return "refused" + (f": {one_line(self.refusal, 120)}" if self.refusal else "")
        if self.finish_reason == FILTERED:
            return "stopped by the server's content filter"
        cut = " and was cut at max_tokens" if self.finish_reason == "length" else ""
        return f"holds only reasoning{cut}" if self.reasoning else f"is empty{cut}"


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's reply: `n` choices, and tokens in and out over all of them (0 where a server does not say)."""

    choices: tuple[Choice, ...]
    prompt_tokens: int
    completion_tokens: int

    @property
    def text(self) -> str:
        """The text of the first choice."""
        return self.choices[0].text

    @property
    def finish_reason(self) -> str:
        """Why the first choice ended."""
        return self.choices[0].finish_reason


def known_as(name: str, identity: str) -> str:
    """What answers already paid for are kept under: a local model's weights, a served model's name.

    The address of a server may change from job to job; what a request of it is told to hold or leave out counts.

    >>> known_as("mistral", "http://127.0.0.1:8000/v1 mistral"), known_as("micro", "sha256:12ab")
    ('mistral', 'sha256:12ab')
    >>> known_as("gpt-5", 'https://api.openai.com/v1 gpt-5 without ["temperature"]')
    'gpt-5 without ["temperature"]'
    """
    if identity.startswith("sha256:"):
        return identity
    changed = re.search(r" (?:without \[|with \{).*", identity)
    return name + (changed[0] if changed else "")


class ChatModel(Protocol):
    """A language model that answers conversations.

    Attributes:
        name: what people call it; it goes into results.
        identity: what its answers depend on beside the request; the cache's key holds it.
    """

    name: str

    @property
    def identity(self) -> str: ...

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
        """Ask for `n` answers, each of at most `max_tokens` tokens, cut before the first of the `stop` strings.

        Args:
            temperature: 0 takes the likeliest token each time.
            seed: the same request with the same seed has the same answer, as far as the model keeps that promise;
                without one, each call samples anew.
            form: a regular expression that the answer must match as a whole: each token is chosen among those that can
                still lead there. An answer cut at `max_tokens` is only the beginning of one.
            top_p: sample among the likeliest tokens that together have this probability.
            top_k: sample among so many of the likeliest tokens.
            min_p: sample among tokens of at least this share of the likeliest one's probability.
            tools: tools that may be called in the server's own form, as the OpenAI protocol describes them; the calls
                are in `Choice.tool_calls`.

        Raises:
            BudgetSpent: the request could exceed the budget; it was not made.
            UserError: the model cannot be reached, or refuses the request, in one line.
        """
        ...


Count = Callable[..., int]  # of messages, and of tools documented beside them


def by_length(messages: Sequence[Message], tools: Sequence[dict[str, Any]] = (), *, frame: int = 4) -> int:
    """At most so many tokens a conversation has, by its length: of texts and documented tools, and each message's
    frame."""
    texts = [*(json.dumps(one) for one in tools), *(one["content"] for one in messages)]
    return frame * len(messages) + sum(-(-len(text) // SURELY_A_TOKEN) for text in texts)


def measure(model: ChatModel, otherwise: Count) -> tuple[Count, int | None]:
    """How a model counts the tokens of a prompt (where its tokenizer is known, else `otherwise`), and its context.

    The context is None where the model does not tell.
    """
    inner = getattr(model, "model", model)  # behind a cache
    return getattr(inner, "count", None) or otherwise, getattr(inner, "context", None)


def request_seed(*label: str | int) -> int:
    """A seed of 31 bits for each label, the same on every machine.

    >>> request_seed(0, "add_date", "full", 0, 14, 3, "try", 2)
    939630925
    """
    digest = hashlib.sha256(json.dumps(label).encode("ascii")).digest()
    return int.from_bytes(digest[:4], "big") >> 1


# --- budget -----------------------------------------------------------------------------------------------------------


class BudgetSpent(UserError):
    """The run has used what it was given: one line; what is done is kept, and a larger budget goes on from there."""


@dataclass(slots=True)
class Budget:
    """Limits on requests, tokens and money, and what has been used; several models may share one.

    A request is let through only if its worst case (all of `max_tokens` used) stays within the limits, given all
    requests under way: the limits hold whatever the concurrency, and a run may end a few requests early. Where a server
    does not count tokens, four characters count as one.

    >>> budget = Budget(requests=1)
    >>> with budget.hold(10, 5) as usage:
    ...     usage.prompt_tokens, usage.completion_tokens = 9, 2
    >>> budget.used_requests, budget.used_tokens
    (1, 11)
    >>> with budget.hold(10, 5): pass
    Traceback (most recent call last):
    ste_core.models.base.BudgetSpent: the budget of 1 requests is spent (1 used); ...
    """

    requests: int | None = None
    tokens: int | None = None
    money: float | None = None
    used_requests: int = 0
    used_tokens: int = 0
    cost: float = 0.0
    _held: list["Usage"] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def hold(
        self, prompt_tokens: int, completion_tokens: int, prices: tuple[float, float] = (0.0, 0.0)
    ) -> Iterator["Usage"]:
        """Set the worst case of a request aside; on leaving, count what the caller put into the usage.

        Args:
            prices: money for a million tokens in, and out.

        Raises:
            BudgetSpent: the worst case does not fit.
        """
        held = Usage(prompt_tokens, completion_tokens, prices)
        with self._lock:
            tokens = sum(one.tokens for one in self._held) + held.tokens
            money = sum(one.cost for one in self._held) + held.cost
            for unit, limit, used, more in (
                ("requests", self.requests, self.used_requests, len(self._held) + 1),
                ("tokens", self.tokens, self.used_tokens, tokens),
                ("of money", self.money, self.cost, money),
            ):
                if limit is not None and used + more > limit:
                    raise BudgetSpent(
                        f"the budget of {limit:,} {unit} is spent ({used:,} used); what is done is kept, "
                        f"run again with a larger budget to go on"
                    )
            self._held.append(held)
        usage = Usage(0, 0, prices)
        try:
            yield usage
        finally:
            with self._lock:
                self._held[:] = [one for one in self._held if one is not held]
                self.used_requests += 1
                self.used_tokens += usage.tokens
                self.cost += usage.cost

    def leaves(self, prompt_tokens: int, completion_tokens: int, prices: tuple[float, float] = (0.0, 0.0)) -> bool:
        """Whether so much would fit beside what is used so far, without regard to requests under way."""
        more = Usage(prompt_tokens, completion_tokens, prices)
        enough = self.tokens is None or self.used_tokens + more.tokens <= self.tokens
        return enough and (self.money is None or self.cost + more.cost <= self.money)


@dataclass(slots=True)
class Usage:
    """Tokens of one request, and their price."""

    prompt_tokens: int
    completion_tokens: int
    prices: tuple[float, float]

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def cost(self) -> float:
        return (self.prompt_tokens * self.prices[0] + self.completion_tokens * self.prices[1]) / 1e6


# --- many at once -----------------------------------------------------------------------------------------------------


async def gather(work: Sequence[Awaitable[T]]) -> list[T]:
    """Run coroutines together and return their results in order; the first failure cancels the rest.

    A spent budget is no failure of the others: they run to their end first, so no paid reply is lost.
    """
    results: dict[int, T] = {}
    spent: list[BudgetSpent] = []
    failed: Exception | None = None

    async def one(number: int, work: Awaitable[T]) -> None:
        try:
            results[number] = await work
        except BudgetSpent as error:
            spent.append(error)

    try:
        async with asyncio.TaskGroup() as group:
            for number, awaitable in enumerate(work):
                group.create_task(one(number, awaitable))
    except ExceptionGroup as several:
        failed = several.exceptions[0]
    if failed:  # raised here, without the group in its context: IPython shows groups in a way papermill cannot read
        failed.__context__ = None
        raise failed
    if spent:
        raise spent[0]
    return [results[number] for number in range(len(work))]
