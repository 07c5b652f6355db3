"""Exploration: imagine a query for a tool, try it, reflect on it, remember it.

>>> async for trial in explore_tool(tool, model, toolbox, settings, variant="full"):                # doctest: +SKIP
...     print(trial.query, trial.solved)

Follows METHOD, "Exploration" (`STE/main.py` of the release). One tool is explored in episodes of trials. *Short-term
memory* is the conversation of the episode, *long-term memory* a line for each earlier trial of the tool, shown only
where the next query is imagined. What each variant removes:

- `no_feedback`: a call runs, but its result is withheld. The first parsed call ends the trial, and the model is asked
  for nothing more: no final answer and, there being nothing to reflect upon, no verdict (`solved` None). A reply that
  cannot be parsed is asked for again, as if it had not been, and no error is told.
- `no_short_term`: each trial is a conversation of its own, so nothing of the episode is in view.
- `no_long_term`: no line of an earlier trial is shown; the first trial of an episode sees nothing of earlier ones.
- `no_reflection`: the verdict is not asked for: memory lines carry none, and nothing can be filtered by it.

Beyond the paper, each off by default: *constrained* (a reply of a trial is held to the form of a call of the tool, by
its documented arguments and their types, or of a final answer: for small models that misspell long names), *novelty*
(a query whose cosine to an earlier one of the tool exceeds the threshold is asked for again, up to `novelty_tries`
times), *values_first* (values for the arguments are imagined before the query: weak models write requests without
values, or copy the last one, where they are asked for the query alone; what holds too few of its values, or repeats a
request that is in view, is asked for again, and of `QUERY_TRIES` replies the best is tried), *rationale* (reflection
gives a reason, which long-term memory keeps), *remember_errors* (long-term memory keeps the last error of a trial) and
*call_first* (the values imagined are the trial's first call, and an earlier query is shown with the values that ran: a
weak model that is asked to mend a call copies the example out of the error, but goes on well from a call that ran).

Context budget (`context` tokens of prompt and answer, of which `max_tokens` are the answer's). A prompt shows at most
the newest `memory_lines` lines, and of a result at most `observation_chars`. Where it does not fit yet, in this order:

1. long-term memory shows fewer lines, the newest;
2. the oldest trials of the episode leave the conversation, which always opens with the documentation (last of all,
   under novelty, the refused queries);
3. a result is cut further, to what the trial alone leaves room for;
4. a trial without room for another reply ends, as at the call limit; a query too long to be tried is asked for again.

`Trial.memory` and `Step.observation` record what was shown; `Tally` counts each of the four.

Departures: the verdict is the reply's first word, and a reply that starts with neither Yes nor No counts as unsolved
(the release: with "No" anywhere, so with "Now" too); calls are read by the strict or the lenient rule; a reply that is
no query is asked for again. Every request has a seed of its own, from its labels, so trials depend neither on order nor
on concurrency, and a resumed exploration goes on as an uninterrupted one would.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Self

from pydantic import JsonValue

from ste_core.core import prompting, react
from ste_core.core.config import Exploration, Style
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Message, Step, Tool, Trial
from ste_core.method.wording import share_held
from ste_core.models import native, tool_formats
from ste_core.models.base import (  # fmt: skip
    REFUSED,
    TOKEN_CHARACTERS,
    ChatModel,
    Choice,
    Count,
    by_length,
    measure,
    request_seed,
)
from ste_core.models.replies import Replies, answer_or_refusal, as_react
from ste_core.tools.base import Toolbox

if TYPE_CHECKING:  # needs scipy
    from ste_core.method.retrieve import Encoder

#: a reply that is no query is asked for again so many times
QUERY_TRIES = 3

#: the share of imagined values that a query has to hold, where they are imagined first
SHARE_HELD = 0.5

#: so much warmer a model is sampled each time it is asked again for what it has said before
WARMER = 0.5

#: characters of a reason that long-term memory keeps
REASON_CHARS = 200

#: characters below which a result is not cut any further
SHORTEST = 80

#: what limits a reply, in the words of the study file
LIMIT = "exploration.max_tokens"

#: what a tally says of replies that hold no answer
NO_ANSWERS = ("no_answer", "cut", "only_reasoning")

#: what stands in the conversation for a reply that says nothing; many servers refuse an empty message
SILENCE = "(no answer)"

#: of a model that cannot count its tokens: characters that hold one, as English text has them; for estimates
CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Variant:
    """What an agent has to explore with; all of it is the paper's method."""

    feedback: bool = True
    short_term_memory: bool = True
    long_term_memory: bool = True
    reflection: bool = True


VARIANTS: Mapping[str, Variant] = {
    "full": Variant(),
    "no_feedback": Variant(feedback=False),
    "no_short_term": Variant(short_term_memory=False),
    "no_long_term": Variant(long_term_memory=False),
    "no_reflection": Variant(reflection=False),
}


@dataclass(slots=True)
class Tally:
    """What an exploration did: requests and their tokens (answers from a cache too), calls executed and calls that
    failed; and, of what did not fit the context, memory lines and earlier trials left out (once per prompt), results
    cut, trials ended early and queries too long; requests that the model's server refused for their text; and calls
    after the first of a reply, which were not made.

    `replies` counts those that hold no answer; see `Replies`."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    failed_calls: int = 0
    lines_left_out: int = 0
    trials_left_out: int = 0
    results_cut: int = 0
    trials_ended: int = 0
    queries_too_long: int = 0
    refused: int = 0
    further_calls: int = 0
    replies: Replies = field(default_factory=lambda: Replies(LIMIT))

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        counts = asdict(self)
        replies = counts.pop("replies")
        return counts | {name: replies[name] for name in NO_ANSWERS}


def default_rule(style: Style) -> react.Rule:
    """How the replies to prompts of a style are read unless a study says: small models write what they were taught."""
    return "strict" if style == "small" else "lenient"


class Remembered(NamedTuple):
    """What long-term memory keeps of a trial."""

    query: str
    solved: bool | None
    reflection: str | None
    values: dict[str, JsonValue] | None = None
    error: str | None = None
    ran: Call | None = None


@dataclass(slots=True)
class Past:
    """What a tool's next trial needs of the trials before it: few bytes of each, and the last episode's whole.

    Attributes:
        trials: how many there were.
        remembered: those that were tried, the oldest first.
        episode: the trials of the last episode.
        judged, solved: how many self-reflection had a verdict of, and how many it called solved.
    """

    trials: int = 0
    remembered: list[Remembered] = field(default_factory=list)
    episode: list[Trial] = field(default_factory=list)
    judged: int = 0
    solved: int = 0

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> Self:
        """Of one tool's trials, from the first on without a gap."""
        past = cls()
        for trial in trials:
            past.add(trial)
        return past

    def add(self, trial: Trial) -> None:
        """The next trial."""
        if self.episode and self.episode[-1].episode != trial.episode:
            self.episode.clear()
        self.episode.append(trial)
        self.trials += 1
        if trial.steps:
            self.remembered.append(
                Remembered(
                    trial.query, trial.solved, trial.reflection, trial.values, last_error(trial), call_that_ran(trial)
                )
            )
        self.judged += trial.solved is not None
        self.solved += trial.solved is True


async def explore_tool(
    tool: Tool,
    model: ChatModel,
    toolbox: Toolbox,
    settings: Exploration,
    *,
    variant: str = "full",
    seed: int = 0,
    study_seed: int = 0,
    past: Past | None = None,
    count: Count | None = None,
    context: int | None = None,
    encoder: "Encoder | None" = None,
    tally: Tally | None = None,
    style: Style = "small",
) -> AsyncGenerator[Trial, None]:
    """Explore one tool, trial by trial; the next trial begins when it is asked for.

    Args:
        tool: what is explored, of the toolbox.
        settings: episodes, trials, calls and all else; of it, `model`, `variants`, `seeds`, `tools`, `concurrency` and
            `budget` are for those who run it.
        variant: a name in `VARIANTS`.
        seed: the repetition's.
        past: of the trials done before, which are not yielded again; each trial is added to it as it is yielded.
        count: tokens of a prompt; default as the model counts, else `by_length`.
        context: tokens of a prompt and its answer, where the settings do not say; default the model's own.
        encoder: what finds queries too close, under novelty; default TF-IDF.
        tally: counts what is done.
        style: of the requests; see `prompting`.

    Raises:
        UserError: the model fails, or the context does not even hold the tool's documentation.
        BudgetSpent: a request could exceed the model's budget; the trials before it are done.
    """
    if settings.values_first and style == "small":
        raise UserError(
            "exploration.values_first: needs the prompts of pretrained models; `prompts` of this model is small"
        )
    own = measure(model, by_length)
    room = settings.context or context or own[1]
    explorer = _Explorer(
        tool, model, toolbox, settings, VARIANTS[variant], (study_seed, tool.name, variant, seed), count or own[0],
        None if room is None else room - settings.max_tokens, encoder, tally or Tally(), style,
    )  # fmt: skip
    explorer.check()
    past = Past() if past is None else past
    for number in range(past.trials, settings.episodes * settings.trials):
        episode, place = divmod(number, settings.trials)
        blank = Trial(tool=tool.name, variant=variant, seed=seed, episode=episode, trial=place, query="", steps=())
        trial = await explorer.trial(blank, past)
        past.add(trial)
        yield trial


def check_context(tool: Tool, settings: Exploration, count: Count, context: int | None, style: Style = "small") -> None:
    """See that the context holds a tool's documentation, a short query and an answer.

    Raises:
        UserError: it does not.
    """
    if context is None:
        return
    short = Trial(tool=tool.name, variant="", seed=0, episode=0, trial=0, query="a request of a few words", steps=())
    needed = count(conversation(tool, [short], style=style))
    if needed + settings.max_tokens > context:
        raise UserError(
            f"tool '{tool.name}': a prompt with its documentation takes {needed:,} tokens, and with "
            f"exploration.max_tokens {settings.max_tokens:,} to answer exceeds the context of {context:,}; lower "
            f"max_tokens, raise exploration.context or leave the tool out"
        )


@dataclass(frozen=True, slots=True)
class _Explorer:
    tool: Tool
    model: ChatModel
    toolbox: Toolbox
    settings: Exploration
    variant: Variant
    label: tuple[str | int, ...]
    count: Count
    room: int | None
    encoder: "Encoder | None"
    tally: Tally
    style: Style

    def check(self) -> None:
        context = None if self.room is None else self.room + self.settings.max_tokens
        check_context(self.tool, self.settings, self.count, context, self.style)

    async def trial(self, blank: Trial, past: Past) -> Trial:
        """The next trial, all of it: imagine, try, reflect."""
        episode = [one for one in past.episode if one.episode == blank.episode and one.steps]
        if not self.variant.short_term_memory:
            episode = []
        trial = await self._imagine(blank, past.remembered, episode)
        if not self._tryable(trial):
            return trial.model_copy(update={"solved": False if self._reflects else None})
        trial = await self._try(trial, episode)
        return await self._reflect(trial, episode) if self._reflects else trial

    @property
    def _reflects(self) -> bool:
        return self.variant.reflection and self.variant.feedback

    # --- imagine ---

    async def _imagine(self, trial: Trial, earlier: Sequence[Remembered], episode: Sequence[Trial]) -> Trial:
        long_term = earlier if self.variant.long_term_memory else ()
        most = len(long_term) if self.settings.memory_lines is None else self.settings.memory_lines
        newest = long_term[max(0, len(long_term) - most) :]
        refused: list[Message] = []
        useless = close = 0
        best: tuple[tuple[bool, float], Trial] | None = None
        while True:
            messages, shown = self._asking(newest, episode, refused)
            again = useless if self.settings.values_first else 0
            reply = await self._ask(messages, trial, "imagine", useless + close, self._stops(), again)
            query, values = self._imagined(reply)
            trial = trial.model_copy(
                update={
                    "query": query, "memory": shown, "remembered": len(long_term), "asked_again": useless + close,
                    "values": values,
                }
            )  # fmt: skip
            if reply is None:
                return trial
            worth = self._worth(trial, (*(long_term if self.settings.call_first else newest), *episode))
            tryable = self._tryable(trial)
            self.tally.queries_too_long += bool(query) and not tryable
            if tryable and (best is None or worth > best[0]):
                best = worth, trial
            if not tryable or worth < (True, SHARE_HELD):
                useless += 1
                if useless == QUERY_TRIES:
                    return trial if best is None else best[1].model_copy(update={"asked_again": trial.asked_again})
            elif close < self.settings.novelty_tries and await self._too_close(query, earlier):
                close += 1
                refused += [prompting.assistant(query), prompting.imagine_again(self.style)]
            else:
                return trial

    def _stops(self) -> tuple[str, ...]:
        """What ends a reply that imagines a query."""
        if self.settings.values_first:
            return ("\n\n", "Observation:", react.ACTION)
        return ("Thought:", "Observation:", react.ACTION, *(("\n",) if self.style != "small" else ()))

    def _imagined(self, reply: Choice | None) -> tuple[str, dict[str, JsonValue] | None]:
        """The query in a reply, and the values before it where these were asked for first."""
        if reply is None:
            return "", None
        if not self.settings.values_first:
            return read_query(reply.text), None
        said, mark, query = reply.text.partition(f"\n{prompting.REQUEST}")
        call = f"{react.ACTION} {self.tool.name}\n{react.ACTION_INPUT} {said.partition(prompting.VALUES)[2]}"
        values = react.parse(call, [self.tool.name], rule="lenient").arguments
        return (read_query(query), values) if mark and isinstance(values, dict) else ("", None)

    def _worth(self, trial: Trial, in_view: Sequence[Remembered | Trial]) -> tuple[bool, float]:
        """How good a query is whose values came first: whether it is new, and the share of its values that it holds."""
        if trial.values is None:
            return True, 1.0
        new = all(trial.query.casefold() != one.query.casefold() for one in in_view)
        if self.tool.arguments:  # else values are always the same, none
            new = new and all(trial.values != one.values for one in in_view)
            if self.settings.call_first:  # a call that ran is none to make again
                new = new and all(trial.values != self._values_shown(one) for one in in_view)
        return new, share_held(trial.query, trial.values)

    def _values_shown(self, one: Remembered | Trial) -> dict[str, JsonValue] | None:
        """The values that an earlier query is shown with: as imagined, or as they ran where those are remembered."""
        ran = one.ran if isinstance(one, Remembered) else call_that_ran(one)
        return one.values if ran is None or not self.settings.call_first else ran.arguments

    def _asking(
        self, memory: Sequence[Remembered], episode: Sequence[Trial], refused: Sequence[Message]
    ) -> tuple[list[Message], int]:
        """The request for a query, as much of it as fits, and how many lines of long-term memory it shows."""
        most_lines, most_trials = len(memory), len(episode)
        while True:
            messages = _joined([*self._opening(memory, episode), *refused])
            if self._fits(messages) or not (memory or episode or refused):
                self.tally.lines_left_out += most_lines - len(memory)
                self.tally.trials_left_out += most_trials - len(episode)
                return messages, len(memory)
            if memory:
                memory = memory[1:]
            elif episode:
                episode = episode[1:]
            else:
                refused = refused[2:]

    def _opening(self, memory: Sequence[Remembered], episode: Sequence[Trial]) -> list[Message]:
        """The request for a query. `instruct` shows both memories as turns, each query with its verdict."""
        rationale = self.settings.rationale
        if self.style == "small":
            lines = [memory_line(one, rationale) for one in memory]
            if episode:
                return [*self._said(episode), prompting.imagine_next(lines)]
            return [prompting.imagine(self.tool.documentation(), lines)]
        before = memory[: max(0, len(memory) - len(episode))]  # of the others, the episode itself tells more
        told = [
            prompting.Imagined(one.query, _came_of(one, self.settings), self._values_shown(one))
            for one in (*before, *episode)
        ]
        return prompting.imagine_in_turns(self.tool, told, self.style, self.settings.values_first)

    def _tryable(self, trial: Trial) -> bool:
        return bool(trial.query) and _writable(trial) and self._fits(self._said([trial]))

    async def _too_close(self, query: str, earlier: Sequence[Remembered]) -> bool:
        if self.settings.novelty is None or not earlier:
            return False
        closest = await asyncio.to_thread(_closest, query, [one.query for one in earlier], self.encoder)
        return closest > self.settings.novelty

    # --- try ---

    async def _try(self, trial: Trial, episode: Sequence[Trial]) -> Trial:
        # tools with state begin each trial anew, and alike in all variants
        toolbox = self.toolbox.for_trial(self.tool.name, trial.seed, trial.episode, trial.trial)
        while len(trial.steps) < self.settings.calls:
            messages = self._going_on(trial, episode)
            if messages is None:
                self.tally.trials_ended += 1
                break
            read = self._imagined_call(trial) or await self._attempt(messages, trial)
            if read is None:
                break
            reply, parsed = read
            output = reply.text
            self.tally.further_calls += parsed.more
            if parsed.kind == "final" and self._calls_first(trial):
                parsed = react.Parsed("malformed", reason=f"call {self.tool.name} before you answer")
            if parsed.kind == "final":
                return _with(trial, Step(output=output)).model_copy(update={"answer": parsed.answer})
            call = _call_of(parsed)
            if call is None or not _writable(_with(trial, Step(output=output, call=call))):
                problem = parsed.reason or "the arguments are not plain JSON"
                if reply.missing:
                    problem = f"the reply {reply.missing}"
                told = self._told(trial, Step(output=output, problem=problem), f"Error: {problem}")
                trial = _with(trial, told)
                continue
            result = await toolbox.execute(call)
            if self.toolbox.lost:  # what comes back now says nothing about the call
                raise UserError(f"{self.toolbox.lost}; nothing is lost: start it and run the same command again")
            self.tally.calls += 1
            self.tally.failed_calls += not result.ok
            trial = _with(trial, self._told(trial, Step(output=output, call=call, ok=result.ok), result.text))
            if not self.variant.feedback:
                break
        return trial

    def _imagined_call(self, trial: Trial) -> tuple[Choice, react.Parsed] | None:
        """The call that was imagined with the query, which is tried as it is; None where there is none to try."""
        if not self.settings.call_first or trial.steps or trial.values is None:
            return None
        written = Choice(react.render_call(self.tool.name, trial.values), "stop")
        return written, self._read(written.text)

    async def _attempt(self, messages: Sequence[Message], trial: Trial) -> tuple[Choice, react.Parsed] | None:
        """The model's next reply in a trial, read. A pretrained model that repeats a call that has failed in this trial
        is asked again, each time at a higher temperature: else it repeats it till the trial ends."""
        failed = [] if self.style == "small" else [step.call for step in trial.steps if step.ok is False]
        for again in range(QUERY_TRIES):
            reply = await self._ask(messages, trial, "try", len(trial.steps), ("Observation:",), again)
            if reply is None:
                return None
            parsed = self._read(reply.text)
            if _call_of(parsed) not in failed:
                break
        return reply, parsed

    def _read(self, output: str) -> react.Parsed:
        """What a reply says. In a model's own format, calls that could be read are ReAct text by now; what is left is
        an answer, or a call that could not be read."""
        names = [self.tool.name]
        if self.style == "native" and react.ACTION not in output:
            return tool_formats.parse_native(output, names)
        return react.parse(output, names, rule=self.settings.rule or default_rule(self.style))

    def _calls_first(self, trial: Trial) -> bool:
        """Whether an answer is out of place: pretrained models often answer before they have called anything."""
        return self.style != "small" and all(step.call is None for step in trial.steps)

    def _told(self, trial: Trial, step: Step, text: str) -> Step:
        """The step with what the model is told after it, cut so that the trial alone fits; nothing without feedback."""
        if not self.variant.feedback:
            return step
        length = min(len(text), self.settings.observation_chars)
        while True:
            told = step.model_copy(update={"observation": _cut(text, length)})
            ahead = [*self._said([_with(trial, told)]), prompting.reflect(self.settings.rationale)]
            if length <= SHORTEST or self._fits(_joined(ahead, self.style)):
                self.tally.results_cut += length < min(len(text), self.settings.observation_chars)
                return told
            length = max(SHORTEST, length * 3 // 4)

    def _going_on(self, trial: Trial, episode: Sequence[Trial], *more: Message) -> list[Message] | None:
        """The conversation up to here, without the oldest trials where all do not fit; None if the trial does not."""
        for left_out in range(len(episode) + 1):
            messages = _joined([*self._said([*episode[left_out:], trial]), *more], self.style)
            if self._fits(messages):
                self.tally.trials_left_out += left_out
                return messages
        return None

    # --- reflect ---

    async def _reflect(self, trial: Trial, episode: Sequence[Trial]) -> Trial:
        messages: list[Message] | None
        if self.style == "small":
            messages = self._going_on(trial, episode, prompting.reflect(self.settings.rationale))
        else:
            last = _last_step(trial)
            call, result = (None, "none") if last is None else (last.call, last.observation or "none")
            messages = prompting.reflect_apart(trial.query, call, result, self.style)
        if messages is None:
            self.tally.trials_ended += 1
            return trial.model_copy(update={"solved": False})
        said = await self._ask(messages, trial, "reflect", 0, ())
        if said is None or said.missing:
            return trial.model_copy(update={"solved": False})
        reply = _paragraph(said.text)
        return trial.model_copy(update={"reflection": reply, "solved": bool(prompting.read_yes_no(reply))})

    # --- requests ---

    def _said(self, trials: Sequence[Trial]) -> list[Message]:
        return conversation(self.tool, trials, self.settings.rationale, self.style)

    def _fits(self, messages: Sequence[Message]) -> bool:
        documented = ([native.described(self.tool)],) if self.style == "native" else ()
        return self.room is None or self.count(messages, *documented) <= self.room

    async def _ask(
        self, messages: Sequence[Message], trial: Trial, purpose: str, step: int, stop: Sequence[str], again: int = 0
    ) -> Choice | None:
        """The model's reply; None if its server refuses the text, as a content filter does, and would again.

        Asked `again` for what it has said before, it is sampled at a higher temperature each time.
        """
        options = self.settings.sampling()
        label: tuple[str | int, ...] = (purpose, step)
        if again:
            label = (*label, "again", again)
        if purpose == "try" and self.settings.constrained:
            answer, thought = not self._calls_first(trial), self.style == "small"
            if isinstance(self.model, native.NativeChat):
                options["form"] = self.model.form([self.tool], answer=answer)
            else:
                options["form"] = react.form([self.tool], answer=answer, thought=thought)
        if purpose == "imagine" and self.settings.values_first and self.settings.constrained:
            options["form"] = f"{prompting.VALUES} {react.arguments_form(self.tool)}\n{prompting.REQUEST} [^\n]+"
        if purpose == "try" and self.style == "native":
            options["tools"] = [native.described(self.tool)]
        completion = await answer_or_refusal(
            self.model, messages, replies=self.tally.replies,
            temperature=self.settings.temperature + WARMER * again, max_tokens=self.settings.max_tokens, stop=stop,
            seed=request_seed(*self.label, trial.episode, trial.trial, *label), **options,
        )  # fmt: skip
        choice = completion.choices[0]
        if choice.finish_reason == REFUSED and choice.refusal is None:  # by the server, not by the model
            self.tally.refused += 1
            return None
        self.tally.requests += 1
        self.tally.prompt_tokens += completion.prompt_tokens or by_length(messages)
        self.tally.completion_tokens += completion.completion_tokens or len(completion.text) // CHARACTERS_A_TOKEN
        text = (as_react(choice) if purpose == "try" else choice.text)[: TOKEN_CHARACTERS * self.settings.max_tokens]
        for one in stop:  # some models ignore it
            text = text.split(one)[0]
        return replace(choice, text=react.encodable(text).strip())


# --- what is shown and read -------------------------------------------------------------------------------------------


def memory_line(trial: Trial | Remembered, rationale: bool = False) -> str:
    """The line that long-term memory keeps of a trial.

    >>> memory_line(Remembered("Is it late?", False, "No. It gave no time."), rationale=True)
    '- Is it late? (unsolved): It gave no time.'
    """
    return prompting.memory_text(trial.query, trial.solved, _reason(trial) if rationale else "")


def _reason(trial: Trial | Remembered) -> str:
    reason = re.sub(r"^\W*(yes|no)\b\W*", "", trial.reflection or "", flags=re.IGNORECASE)
    return _cut(reason, REASON_CHARS)


def read_query(reply: str) -> str:
    """The query in a model's reply: its first paragraph on one line, without label and quotes.

    >>> read_query('User Query: "What day\\n is it?"\\n\\nThat is a natural request.')
    'What day is it?'
    """
    query = re.sub(r"^(User )?(Query|Request):\s*", "", _paragraph(reply), flags=re.IGNORECASE)
    if len(query) > 1 and query[0] + query[-1] in ('""', "''", "“”"):
        query = query[1:-1].strip()
    return query


def _closest(query: str, earlier: list[str], encoder: "Encoder | None") -> float:
    """The largest cosine of a query to an earlier one."""
    if encoder is None:
        from ste_core.method.retrieve import Tfidf

        encoder = Tfidf()
    texts = [*earlier, query]
    vectors = encoder.fit(texts)(texts)
    return float((vectors[:-1] @ vectors[-1:].T).max())


def _paragraph(text: str) -> str:
    return " ".join(re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0].split())


def _cut(text: str, length: int) -> str:
    mark = "... [cut]"
    return text if len(text) <= length else text[: length - len(mark)] + mark


def conversation(tool: Tool, trials: Sequence[Trial], rationale: bool = False, style: Style = "small") -> list[Message]:
    """Short-term memory: the trials as messages, the first one opened by the documentation.

    `instruct` sets worked trials of other APIs before, and leaves out how queries were imagined and reflected upon:
    both are asked apart.
    """
    messages: list[Message] = []
    if style != "small":
        messages.append(prompting.about(tool, style))
        for other, worked in prompting.worked_trials(style):
            messages += _tried(worked, style, other.documentation())
        for number, trial in enumerate(trials):
            messages += _tried(trial, style, None if number else tool.documentation())
        return _joined(messages, style)
    for trial in trials:
        messages.append(prompting.imagine_next() if messages else prompting.imagine(tool.documentation()))
        messages += [prompting.assistant(trial.query), *_tried(trial, style)]
        if trial.reflection is not None:
            messages += [prompting.reflect(rationale), prompting.assistant(trial.reflection)]
    return _joined(messages)


def _tried(trial: Trial, style: Style, documentation: str | None = None) -> list[Message]:
    """How a query was tried, as messages."""
    messages = [prompting.attempt(trial.query, style, documentation)]
    for step in trial.steps:
        if step.problem is not None and step.observation is None:
            continue  # asked for again as if it had not been
        messages.append(prompting.assistant(step.output or SILENCE))
        if step.observation is not None:
            messages.append(prompting.observation(step.observation))
    return messages


def _call_of(parsed: react.Parsed) -> Call | None:
    """The call in a reply, if there is one."""
    return None if parsed.tool is None else Call(tool=parsed.tool, arguments=parsed.arguments)


def _last_step(trial: Trial) -> Step | None:
    """The step of a trial's last call."""
    return next((step for step in reversed(trial.steps) if step.call is not None), None)


def last_error(trial: Trial) -> str | None:
    """What the last call of a trial that failed was told, if it was told anything."""
    return next((one.observation for one in reversed(trial.steps) if one.ok is False and one.observation), None)


def call_that_ran(trial: Trial) -> Call | None:
    """The last call of a trial that ran, if one did."""
    return next((one.call for one in reversed(trial.steps) if one.ok and one.call is not None), None)


def _came_of(trial: Trial | Remembered, settings: Exploration) -> str:
    reasons = [_reason(trial)] if settings.rationale else []
    error = trial.error if isinstance(trial, Remembered) else last_error(trial)
    if settings.remember_errors and error:
        reasons.append(_cut(error, REASON_CHARS))
    return prompting.came_of(trial.solved, " ".join(reasons))


def _joined(messages: Sequence[Message], style: Style = "instruct") -> list[Message]:
    """The messages with neighbours of one role as one: chat templates may insist on turns. In a model's own format an
    observation is of another role."""
    joined: list[Message] = []
    for message in messages:
        observed = style == "native" and joined and joined[-1]["content"].startswith("Observation:")
        if joined and joined[-1]["role"] == message["role"] and not observed:
            joined[-1] = {"role": message["role"], "content": f"{joined[-1]['content']}\n\n{message['content']}"}
        else:
            joined.append(message)
    return joined


def _with(trial: Trial, step: Step) -> Trial:
    return trial.model_copy(update={"steps": (*trial.steps, step)})


def _writable(trial: Trial) -> bool:
    """Whether a trial is the same when it is written and read: NaN, lone surrogates and 250 braces are not."""
    try:
        return Trial.model_validate(json.loads(trial.model_dump_json())) == trial
    except (ValueError, RecursionError):
        return False
