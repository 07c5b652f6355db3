"""Requests that arrive at any time share the batches of one model.

>>> request = Request([Row(prompt, noise(1, 0, prompt), 1.0)], max_tokens=20, stop=("\\n",))            # doctest: +SKIP
>>> (await worker.answer(request)).text                                                           # doctest: +SKIP

A thread of the model's own takes in what waits, lets finished rows go, and ends when there is nothing to do; event
loops only wait for it, so they stay awake, and may come and go. What a loop asks for at once is all there before the
thread begins: in half precision a text depends on its batch, so which requests share one must not depend on timing.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence, Set
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import torch

from ste_core.core.errors import UserError
from ste_core.models.base import Budget, Choice, Completion, Usage
from ste_core.models.decoding import AnswerRow, Batch, Decoder

#: seconds for requests of several loops that arrive together to find each other
GATHER = 0.002


@dataclass(eq=False, slots=True)
class Request:
    """Answers asked for together: `n` rows of one prompt."""

    rows: list[AnswerRow]
    max_tokens: int
    stop: tuple[str, ...]
    future: Future[Completion] = field(default_factory=Future)
    choices: dict[AnswerRow, Choice] = field(default_factory=dict)
    usage: Usage = field(default_factory=lambda: Usage(0, 0, (0.0, 0.0)))
    held: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        for row in self.rows:
            row.request = self

    def begin(self, decoder: Decoder, budget: Budget) -> None:
        self.usage = self.held.enter_context(budget.hold(len(self.rows[0].prompt), len(self.rows) * self.max_tokens))

    def end(self, row: AnswerRow, text: str, reason: str) -> None:
        """A row is at its end; after the last one the caller gets the completion."""
        self.choices[row] = Choice(text, reason, tuple(row.logprobs))
        if len(self.choices) == len(self.rows):
            self.usage.prompt_tokens = len(row.prompt)
            self.usage.completion_tokens = sum(len(one.tokens) for one in self.rows)
            self.release()
            choices = tuple(self.choices[one] for one in self.rows)
            with suppress(InvalidStateError):  # the caller left just now
                self.future.set_result(Completion(choices, self.usage.prompt_tokens, self.usage.completion_tokens))

    def fail(self, error: Exception) -> None:
        self.release()
        with suppress(InvalidStateError):
            self.future.set_exception(error)

    def release(self) -> None:
        self.held.close()


@dataclass(eq=False, slots=True)
class ScoreRequest:
    """Texts to be scored: no rows, answered when its turn comes."""

    texts: list[list[int]]
    start: int
    rows: tuple[()] = ()
    future: Future[list[float]] = field(default_factory=Future)

    def begin(self, decoder: Decoder, budget: Budget) -> None:
        with budget.hold(sum(map(len, self.texts)), 0) as usage:
            usage.prompt_tokens = sum(map(len, self.texts))
            scores = decoder.score(self.texts, self.start)
        with suppress(InvalidStateError):
            self.future.set_result(scores)

    def fail(self, error: Exception) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class Worker:
    """Answers requests in batches.

    Args:
        decoder: runs the model.
        text: what tokens read.
        ends: tokens that end an answer.
        name: of the model, for messages.
        batch_size: rows generated together, at most.
        batch_tokens: padded prompt tokens read at once, at most.
        budget: what the run may use.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        text: Callable[[Sequence[int]], str],
        ends: Set[int],
        name: str,
        batch_size: int,
        batch_tokens: int,
        budget: Budget,
    ) -> None:
        self._decoder = decoder
        self._text = text
        self._ends = ends
        self._name = name
        self._batch_size = batch_size
        self._batch_tokens = batch_tokens
        self._budget = budget
        self._waiting: deque[Request | ScoreRequest] = deque()
        self._unsorted = False
        self._lock = threading.Lock()
        self._working = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"model {name}")

    async def answer(self, request: Request | ScoreRequest) -> Any:
        """A request's result, in its turn; cancelling the wait frees its place in the batch."""
        with self._lock:
            self._waiting.append(request)
            self._unsorted = True
        asyncio.get_running_loop().call_soon(self._begin)  # after the tasks that are to ask in this round of the loop
        return await asyncio.wrap_future(request.future)

    def _begin(self) -> None:
        """Set the thread to work if it rests."""
        with self._lock:
            if self._waiting and not self._working:
                self._working = True
                self._thread.submit(self._work)

    # What follows runs in the model's thread.

    def _work(self) -> None:
        """Answer all that waits and all that comes meanwhile, then end."""
        time.sleep(GATHER)
        batch: Batch | None = None
        joining: list[AnswerRow] = []
        while True:
            with self._lock:
                if not (self._waiting or joining or batch):
                    self._working = False
                    return
            try:
                with torch.inference_mode():
                    if not joining and self._worth_reading(batch):
                        self._admit(batch, joining)
                    while joining and (batch is None or batch.open):
                        batch = self._read(batch, joining)
                    if batch is not None:
                        batch = self._step(batch)
            except Exception as error:
                if isinstance(error, torch.OutOfMemoryError):
                    error = UserError(f"model {self._name}: out of memory; use a smaller batch_size or batch_tokens")
                for row in [*(batch.here if batch else ()), *joining]:
                    row.request.fail(error)
                batch, joining = None, []

    def _worth_reading(self, batch: Batch | None) -> bool:
        """Whether so many can join that reading them is worth a pass: one row's takes hardly less than eight rows'."""
        if batch is None:
            return True
        here = len(batch.here)
        return 8 * min(len(self._waiting), self._batch_size - here) >= here

    def _admit(self, batch: Batch | None, joining: list[AnswerRow]) -> None:
        """Take in waiting requests while there is room, those of like prompts one after another: what they share is
        then still kept (as SGLang's scheduling by longest prefix)."""
        with self._lock:
            if self._unsorted and len(self._waiting) > self._batch_size:
                self._waiting = deque(sorted(self._waiting, key=lambda one: one.rows[0].prompt if one.rows else []))
            self._unsorted = False
        while self._waiting and (batch is None or batch.open):
            request = self._waiting[0]
            others = len(joining) + (len(batch.here) if batch else 0)
            if others and others + len(request.rows) > self._batch_size:
                break
            self._waiting.popleft()
            if request.future.cancelled():
                continue
            try:
                request.begin(self._decoder, self._budget)
                joining += request.rows
            except Exception as error:
                request.fail(error)

    def _read(self, batch: Batch | None, joining: list[AnswerRow]) -> Batch:
        """Read prompts that wait, and what the form of their answers forces at the beginning; returns the batch with
        their rows."""
        for row in joining:
            if row.constraint is not None and not row.tokens:
                row.tokens += row.constraint.forced
                row.logprobs += [0.0] * len(row.tokens)
        read = self._decoder.read(joining, self._batch_tokens)
        joining[:] = [row for row in joining if row not in read.rows]
        if batch is not None:
            batch.join(read)
        return batch or read

    def _step(self, batch: Batch) -> Batch | None:
        """One more token for each row; returns the batch without the finished ones."""
        tokens, logprobs = self._decoder.choose(batch)
        keep = []
        for number, (row, token, logprob) in enumerate(zip(batch.rows, tokens, logprobs, strict=True)):
            if row is None:
                continue
            if row.request.future.done():
                row.request.release()  # its caller is gone
                continue
            end: tuple[str, str] | None = None
            if token in self._ends:
                end = self._text(row.tokens), "stop"
            else:
                row.tokens.append(token)
                row.logprobs.append(logprob)
                if row.constraint is not None:
                    row.constraint.advance(token)
                if (stopped := self._stopped(row)) is not None:
                    end = stopped, "stop"
                elif len(row.tokens) >= row.request.max_tokens:
                    end = self._text(row.tokens), "length"
            if end is None:
                keep.append(number)
            else:
                self._decoder.keep(batch, number)
                row.request.end(row, *end)
        if not keep:
            return None
        batch.keep(keep)
        self._decoder.advance(batch)
        return batch

    def _stopped(self, row: AnswerRow) -> str | None:
        """The text before the first stop string, if there is one."""
        stop = row.request.stop
        if not stop:
            return None
        # A character takes at most four tokens (its bytes), so the end of the text shows whether a stop string is new.
        tail = self._text(row.tokens[-4 * max(map(len, stop)) - 4 :])
        if not any(one in tail for one in stop):
            return None
        text = self._text(row.tokens)
        ends = [at for one in stop if (at := text.find(one)) >= 0]
        return text[: min(ends)] if ends else None
