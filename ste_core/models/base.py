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
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ste_core.core.errors import RequestRefused, UserError
from ste_core.core.records import Message

T = TypeVar("T")

#: of a model that cannot count its tokens, where a prompt has to fit: characters that surely hold one (English text has
#: about 4, dense JSON fewer)
SURELY_A_TOKEN = 3

#: why an answer ended that never began: the server would not take the text
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: its text (without the stop string), why it ended ("stop", "length", ...) and, where the model tells
    them, the log-probabilities of its tokens at temperature 1."""

    text: str
    finish_reason: str
    logprobs: tuple[float, ...] | None = None


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

    The address of a server may change from job to job.

    >>> known_as("mistral", "http://127.0.0.1:8000/v1 mistral"), known_as("micro", "sha256:12ab")
    ('mistral', 'sha256:12ab')
    """
    return identity if identity.startswith("sha256:") else name


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
    ) -> Completion:
        """Ask for `n` answers, each of at most `max_tokens` tokens, cut before the first of the `stop` strings.

        Args:
            temperature: 0 takes the likeliest token each time.
            seed: the same request with the same seed has the same answer, as far as the model keeps that promise;
                without one, each call samples anew.
            form: a regular expression that the answer must match as a whole: each token is chosen among those that can
                still lead there. An answer cut at `max_tokens` is only the beginning of one.

        Raises:
            BudgetSpent: the request could exceed the budget; it was not made.
            UserError: the model cannot be reached, or refuses the request, in one line.
        """
        ...


async def answer_or_refusal(model: ChatModel, messages: Sequence[Message], **options: Any) -> Completion:
    """The model's answer; an empty one that ended "refused" if its server will not take this text, and never will.

    A content filter, or a text longer than the server allows, should cost one answer and not the run. Whether it is the
    text is asked by a greeting with the same options.

    Raises:
        UserError: as `ChatModel.complete`; also if the greeting is refused, since an option is to blame then.
    """
    try:
        return await model.complete(messages, **options)
    except RequestRefused:
        await model.complete([{"role": "user", "content": "Hello"}], **options)
        return Completion((Choice("", REFUSED),), 0, 0)


Count = Callable[[Sequence[Message]], int]


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
