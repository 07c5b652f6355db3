"""Distillation: what exploration found out becomes training examples, and a data card says what was dropped and why.

>>> distilled = await distill(trials, toolbox.tools, judge, paraphraser, Distillation(), journal=path)  # doctest: +SKIP
>>> distilled.card.tail(1)[["tool", "trials", "judged_no", "sources", "paraphrases"]]                   # doctest: +SKIP
    tool  trials  judged_no  sources  paraphrases
50 (all)    3000        212     2405         5121
>>> paraphrases_each(20, Distillation()), paraphrases_each(200, Distillation())
(6, 1)

Follows METHOD, "Distillation" (`STE/postprocessing.py` of the release): a trial that ended in a Final Answer and made a
parsed call; its last parsed call; a judge on three aspects at temperature 1; paraphrases towards a target per tool; a
shuffle. Departures:

- A verdict is read aspect by aspect; the release drops wherever "No." stands. What cannot be read drops too, apart.
- A trial without feedback has no final answer: its last call suffices, and of the judge's aspects only the call's
  ("Appropriate") decides, since there is no result to be informed by; a pretrained judge is asked for no other.
- A call counts as parsed if its arguments are a JSON object and it calls the explored tool.
- Duplicates (same query but for case, space and end marks; same call) are removed before paraphrasing.
- Paraphrases are asked for independently of each other, not in one conversation, and some are dropped: empty, cut off,
  equal to another query of the tool, over three times as long as their source or (`keep_values`) without a value of
  the call that their source has word for word.

Beyond the paper, off by default: *hindsight*. A weak explorer reads errors well and drifts from its query: a call runs
in the end that no longer serves what was imagined, and the judge drops the trial. Then the query is asked for anew, to
fit the call and its result, and kept if every value of the call stands in it. A weak judge says yes to nearly all;
*grounded* drops what it lets pass where the query does not hold every value of the call, so that hindsight mends it.
A query that says a value in other words ("liters" for `l`) holds it no more than one that leaves it out: the rule does
not tell them apart. Without *hindsight_values* the first query is kept that is one, of either kind.

Every request has a seed of its own, from its labels, so results depend neither on order nor on concurrency.
"""

import asyncio
import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from ste_core.core import prompting, react, store
from ste_core.core.config import Distillation, Style
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, Message, Record, Step, Tool, Trial
from ste_core.method.wording import holds_values, mentions, refuses, values_in
from ste_core.models.base import ChatModel, gather, known_as, request_seed
from ste_core.models.replies import Replies, answer_or_refusal

#: the variant whose trials see no results and so have no final answer
NO_FEEDBACK = "no_feedback"

#: the aspects that decide on a trial without a final answer
WITHOUT_ANSWER = ("Appropriate",)

#: a paraphrase may be so many times as long as its source
LONGEST = 3

#: the card's row of totals
TOTAL = "(all)"

#: the card's columns after `tool`, see `Distilled`
STAGES = (
    "trials", "no_query", "no_answer", "no_call", "unsolved", "judged", "judged_no", *(f"not_{one.lower()}" for one in
    prompting.ASPECTS), "unread", "ungrounded", "duplicate", "sources", "asked", "empty", "cut_off", "same", "too_long",
    "value_lost", "paraphrases", "hindsight_asked", "hindsight", "examples",
)  # fmt: skip


Kind = Literal["judge", "paraphrase", "hindsight"]

#: how often a query is written for a call until one holds its values: small models refuse, or leave some out
HINDSIGHT_TRIES = 4


class JournalLine(Record):
    """A line of the journal: what a model answered to one request of distillation.

    `number` is 0 for a judgement and counts an example's paraphrases from 1. `request_sha256` covers all that the reply
    depends on: model, messages, sampling and seed; only a reply to the very same request is used again.
    """

    kind: Kind
    tool: str
    variant: str
    seed: int
    episode: int
    trial: int
    number: int
    model: str
    text: str
    finish_reason: str
    prompt_sha256: str
    request_sha256: str


class TrialVerdict(Record):
    """A judge's verdict on a trial, with all that is needed to question it.

    `aspects` are as read, None where the reply does not say; `deciding` names those that decide; `kept` says how.
    """

    tool: str
    variant: str
    seed: int
    episode: int
    trial: int
    judge: str
    aspects: dict[str, bool | None]
    deciding: tuple[str, ...]
    kept: bool
    raw: str
    prompt_sha256: str


@dataclass(frozen=True, slots=True)
class Distilled:
    """What distillation made of trials.

    Attributes:
        examples: shuffled by the seed.
        verdicts: one a judged trial, in the order of tool, episode and trial.
        card: one row a tool and one of totals (`tool` is `TOTAL`), with a count for each of `STAGES`. A trial is
            dropped for one reason, the first that applies: trials = no_query + no_answer + no_call + unsolved +
            judged_no + unread + ungrounded + duplicate + sources; those that hindsight brings back (`hindsight` of the
            sources) are counted twice. Aspects denied (`not_informative` ...) may overlap within `judged_no`. Likewise
            asked = empty + cut_off + same + too_long + value_lost + paraphrases, and examples = sources + paraphrases.
    """

    examples: list[Example]
    verdicts: list[TrialVerdict]
    card: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write `examples.jsonl`, `verdicts.jsonl` and `card.csv`, each whole."""
        for name, records in (("examples", self.examples), ("verdicts", self.verdicts)):
            store.write_text(folder / f"{name}.jsonl", "".join(one.model_dump_json() + "\n" for one in records))
        store.write_table(self.card, folder / "card.csv")


async def distill(
    trials: Sequence[Trial],
    tools: Mapping[str, Tool],
    judge: ChatModel | None,
    paraphraser: ChatModel | None,
    options: Distillation,
    *,
    journal: Path | None = None,
    done: Callable[[], object] = lambda: None,
    styles: tuple[Style, Style] = ("small", "small"),
) -> Distilled:
    """Distil the trials of one variant and seed.

    Args:
        trials: in any order.
        tools: their tools by name, for the judge to see.
        judge: who judges; may be None if `options.judge` is off.
        paraphraser: who paraphrases; may be None if `options.max_paraphrases` is 0.
        options: see `Distillation`.
        journal: a JSON Lines file of `JournalLine`; replies are on disk before they are used, and those that are there
            are not asked for again, so an interrupted run goes on where it stopped.
        done: called after each reply (a progress bar's `update`).
        styles: of the requests to the judge, and to the paraphraser.

    Raises:
        UserError: trials of several variants or seeds, one trial twice, an unknown tool, a model that is missing, or
            what the models raise (`BudgetSpent` among it).
    """
    _check(trials, tools, judge, paraphraser, options)
    desk = _Desk(options, journal, done, styles)
    by_tool = defaultdict(list)
    for trial in sorted(trials, key=_key):
        by_tool[trial.tool].append(trial)
    try:
        parts = await gather([_one_tool(own, tools[name], judge, paraphraser, desk) for name, own in by_tool.items()])
    finally:
        desk.flush()  # replies that a failure elsewhere overtook
    examples = [example for part in parts for example in part[0]]
    random.Random(request_seed(options.seed, "shuffle")).shuffle(examples)
    verdicts = [verdict for part in parts for verdict in part[1]]
    rows = [{"tool": name, **part[2]} for name, part in zip(by_tool, parts, strict=True)]
    rows.append({"tool": TOTAL, **sum((part[2] for part in parts), Counter())})
    card = pd.DataFrame(rows).reindex(columns=["tool", *STAGES])
    return Distilled(examples, verdicts, card.fillna(0).astype(dict.fromkeys(STAGES, int)))


def training_size(examples: Sequence[Example], per_tool: int, seed: int) -> list[Example]:
    """A random subset of at most `per_tool` examples a tool, in the order given, to compare sets of equal size.

    The choice depends on seed, tool and which examples there are, not on their order; a smaller subset is part of a
    larger one. A tool with fewer examples keeps them all.
    """
    by_tool = defaultdict(list)
    for example in sorted(examples, key=_example_key):
        by_tool[example.tool].append(_example_key(example))
    chosen = set()
    for tool, keys in by_tool.items():
        random.Random(request_seed(seed, "training_size", tool)).shuffle(keys)
        chosen.update(keys[:per_tool])
    return [example for example in examples if _example_key(example) in chosen]


def paraphrases_each(sources: int, options: Distillation) -> int:
    """Paraphrases to ask for of each of a tool's `sources` examples: the release's formula, so at least one."""
    wanted = min(round(options.target / (sources + 0.001)) - 1, options.max_paraphrases)
    return max(wanted, 1) if options.max_paraphrases else 0


def _check(
    trials: Sequence[Trial],
    tools: Mapping[str, Tool],
    judge: ChatModel | None,
    paraphraser: ChatModel | None,
    options: Distillation,
) -> None:
    runs = {(trial.variant, trial.seed) for trial in trials}
    if len(runs) > 1:
        shown = ", ".join(f"{variant}/{seed}" for variant, seed in sorted(runs)[:4])
        raise UserError(f"trials: of several variants or seeds ({shown}): distil each on its own")
    for key, times in Counter(map(_key, trials)).items():
        if times > 1:
            raise UserError(f"trials: tool {key[0]!r}, episode {key[3]}, trial {key[4]}: found {times} times, not once")
        if key[0] not in tools:
            raise UserError(f"trials: tool {key[0]!r}: not among the study's tools")
    if options.judge and judge is None:
        raise UserError("distillation.judge: on, but there is no model to judge; name one or set it to false")
    if options.max_paraphrases and paraphraser is None:
        raise UserError("distillation.max_paraphrases: no model to paraphrase; name one or set it to 0")


def _key(one: Trial) -> tuple[str, str, int, int, int]:
    return one.tool, one.variant, one.seed, one.episode, one.trial


def _example_key(one: Example) -> tuple[str, int, int, int]:
    return one.tool, one.episode, one.trial, one.paraphrase


# --- one tool ---------------------------------------------------------------------------------------------------------


async def _one_tool(
    trials: Sequence[Trial], tool: Tool, judge: ChatModel | None, paraphraser: ChatModel | None, desk: "_Desk"
) -> tuple[list[Example], list[TrialVerdict], Counter[str]]:
    """All stages for the trials of one tool: its examples, verdicts and counts."""
    options, counts = desk.options, Counter(trials=len(trials))
    candidates: list[tuple[Trial, Example]] = []
    for trial in trials:
        found = _candidate(trial, options)
        if isinstance(found, str):
            counts[found] += 1
        else:
            candidates.append((trial, found))
    verdicts: list[TrialVerdict] = []
    if options.judge and judge is not None:
        verdicts = await gather([_verdict(trial, example, tool, judge, desk) for trial, example in candidates])
        counts["judged"] = len(verdicts)
        for verdict in verdicts:
            said = [verdict.aspects[aspect] for aspect in verdict.deciding]
            if False in said:
                counts["judged_no"] += 1
                counts.update(f"not_{one.lower()}" for one in verdict.deciding if verdict.aspects[one] is False)
            elif None in said:
                counts["unread"] += 1
        candidates = [one for one, verdict in zip(candidates, verdicts, strict=True) if verdict.kept]
    if options.grounded:
        held = [one for one in candidates if holds_values(one[1].query, one[1].call.arguments)]
        counts["ungrounded"] += len(candidates) - len(held)
        candidates = held
    if options.hindsight and paraphraser is not None:
        kept = {_key(trial) for trial, _ in candidates}
        lost = [trial for trial in trials if _key(trial) not in kept]
        candidates = sorted([*candidates, *await _hindsight(lost, tool, paraphraser, desk, counts)], key=_first)
    sources: dict[tuple[str, str], tuple[Trial, Example]] = {}
    for trial, example in candidates:
        same = normalise(example.query), json.dumps(example.call.arguments, sort_keys=True)
        counts["duplicate"] += same in sources
        sources.setdefault(same, (trial, example))
    counts["sources"] = len(sources)
    examples = [example for _, example in sources.values()]
    if paraphraser is not None and options.max_paraphrases:
        examples += await _paraphrases(list(sources.values()), paraphraser, desk, counts)
    counts["examples"] = len(examples)
    return sorted(examples, key=_example_key), verdicts, counts


def last_call(trial: Trial) -> Step | None:
    """The step of a trial's last parsed call of its tool."""
    return next((one for one in reversed(trial.steps) if one.call is not None and one.call.tool == trial.tool), None)


def _candidate(trial: Trial, options: Distillation) -> Example | str:
    """The example in a trial, or why there is none (a column of the card)."""
    if not trial.query.strip():
        return "no_query"
    if not (trial.answer or "").strip() and trial.variant != NO_FEEDBACK:
        return "no_answer"
    step = last_call(trial)
    if step is None or step.call is None:
        return "no_call"
    if options.require_solved and trial.solved is False:
        return "unsolved"
    return Example(
        tool=trial.tool,
        episode=trial.episode,
        trial=trial.trial,
        paraphrase=0,
        query=trial.query,
        call=step.call,
        observation=step.observation or "",
        answer=trial.answer or "",
    )


def _first(pair: tuple[Trial, Example]) -> tuple[str, str, int, int, int]:
    return _key(pair[0])


async def _hindsight(
    trials: Sequence[Trial], tool: Tool, writer: ChatModel, desk: "_Desk", counts: Counter[str]
) -> list[tuple[Trial, Example]]:
    """Examples of trials whose last call ran, with a query written for it, if one of a few is to be kept."""

    async def written(trial: Trial, step: Step, call: Call) -> tuple[Trial, Example] | None:
        messages = prompting.hindsight(tool, call, step.observation or "", desk.wording)
        for number in range(HINDSIGHT_TRIES):
            reply = await desk.ask("hindsight", writer, messages, trial, number)
            query = reworded(reply.text)
            named = mentions(query.casefold(), tool.name.casefold())
            wrong = not query or named or refuses(query) or reply.finish_reason == "length"
            if not wrong and (holds_values(query, call.arguments) or not desk.options.hindsight_values):
                return trial, Example(
                    tool=trial.tool, episode=trial.episode, trial=trial.trial, paraphrase=0, query=query, call=call,
                    observation=step.observation or "", answer="", imagined=trial.query,
                )  # fmt: skip
        return None

    last = [(trial, last_call(trial)) for trial in trials]
    ran = [(trial, step, step.call) for trial, step in last if step is not None and step.ok and step.call is not None]
    found = [one for one in await gather([written(*one) for one in ran]) if one is not None]
    counts["hindsight_asked"] += len(ran)
    counts["hindsight"] += len(found)
    return found


async def _verdict(trial: Trial, example: Example, tool: Tool, judge: ChatModel, desk: "_Desk") -> TrialVerdict:
    answered = trial.answer is not None
    result = _shortened(example.observation, desk.options.observation_chars) or "none, the call was not executed"
    asked = prompting.judge(
        tool.documentation(), example.query, example.call, result, example.answer if answered else None, desk.judging
    )
    reply = await desk.ask("judge", judge, asked, trial, 0)
    aspects = prompting.read_judgement(reply.text)
    deciding = prompting.ASPECTS if answered else WITHOUT_ANSWER
    return TrialVerdict(
        tool=trial.tool,
        variant=trial.variant,
        seed=trial.seed,
        episode=trial.episode,
        trial=trial.trial,
        judge=judge.name,
        aspects=aspects,
        deciding=deciding,
        kept=all(aspects[aspect] for aspect in deciding),
        raw=reply.text,
        prompt_sha256=reply.prompt_sha256,
    )


def _shortened(text: str, limit: int | None) -> str:
    """A text cut to `limit` characters, the mark that says so included."""
    if limit is None or len(text) <= limit:
        return text
    mark = f"... [cut, {len(text):,} characters in all]"
    return text[: limit - len(mark)] + mark


# --- paraphrases ------------------------------------------------------------------------------------------------------


async def _paraphrases(
    sources: Sequence[tuple[Trial, Example]], paraphraser: ChatModel, desk: "_Desk", counts: Counter[str]
) -> list[Example]:
    """The paraphrases of a tool's examples that are good enough; `counts` is told of the others."""
    each = paraphrases_each(len(sources), desk.options)
    work = [(trial, example, number) for trial, example in sources for number in range(1, each + 1)]
    replies = await gather(
        [
            desk.ask("paraphrase", paraphraser, prompting.paraphrase(example.query, desk.wording), trial, number)
            for trial, example, number in work
        ]
    )
    taken = {normalise(example.query) for _, example in sources}
    kept = []
    for (_, example, number), reply in zip(work, replies, strict=True):
        query = reworded(reply.text)
        fault = _fault(query, reply, example, taken, desk.options)
        counts[fault or "paraphrases"] += 1
        if fault is None:
            taken.add(normalise(query))
            kept.append(example.model_copy(update={"paraphrase": number, "query": query}))
    counts["asked"] = len(work)
    return kept


def _fault(query: str, reply: JournalLine, source: Example, taken: set[str], options: Distillation) -> str | None:
    """Why a paraphrase is dropped (a column of the card); None if it is not."""
    if not query:
        return "empty"
    if reply.finish_reason == "length":
        return "cut_off"
    if normalise(query) in taken:
        return "same"
    if len(query) > LONGEST * len(source.query):
        return "too_long"
    if options.keep_values and any(
        mentions(source.query, value) and not mentions(query, value) for value in values_in(source.call.arguments)
    ):
        return "value_lost"
    return None


def normalise(query: str) -> str:
    """A query as duplicates are told by: without regard to case, space and end marks.

    >>> normalise("What is  2 + 3?") == normalise(" what is 2 + 3")
    True
    """
    return " ".join(query.casefold().split()).rstrip(" .?!")


_QUOTES = ('""', "''", "“”", "«»")


def reworded(reply: str) -> str:
    """The paraphrase in a reply, on one line, without the label and the quotes that models put around it.

    >>> reworded('User Query: "How much is two and\\n three?" ')
    'How much is two and three?'
    """
    text = " ".join(reply.split()).removeprefix("User Query:").strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] + text[-1] in _QUOTES else text


# --- asking -----------------------------------------------------------------------------------------------------------


class _Desk:
    """Asks models, so many at once, and keeps their replies in the journal."""

    def __init__(
        self, options: Distillation, journal: Path | None, done: Callable[[], object], styles: tuple[Style, Style]
    ) -> None:
        self.options = options
        self.judging, self.wording = styles
        self._done = done
        self._limit = asyncio.Semaphore(options.concurrency)
        self._journal = journal
        self._known = {one.request_sha256: one for one in store.read_jsonl(journal, JournalLine)} if journal else {}
        self._waiting: list[JournalLine] = []
        self._writing = asyncio.Lock()
        self._identities: dict[int, asyncio.Task[str]] = {}
        self._replies = {kind: Replies("distillation.max_tokens") for kind in get_args(Kind)}

    async def ask(
        self, kind: Kind, model: ChatModel, messages: list[Message], trial: Trial, number: int
    ) -> JournalLine:
        """One reply, from the journal if it is there."""
        label = (self.options.seed, kind, trial.tool, trial.variant, trial.seed, trial.episode, trial.trial, number)
        seed = request_seed(*label)
        options: dict[str, Any] = dict(self.options.sampling())
        options["temperature"] = self.options.judge_temperature if kind == "judge" else self.options.temperature
        request: list[Any] = [await self._identity(model), messages, self.options.max_tokens, seed]
        if options != {"temperature": 1.0}:  # as all were asked once
            request.append(options)
        sha = store.digest(request, sort_keys=False)
        if sha not in self._known:
            async with self._limit:
                completion = await answer_or_refusal(
                    model, messages, replies=self._replies[kind], max_tokens=self.options.max_tokens, seed=seed,
                    **options,
                )  # fmt: skip
            reply = JournalLine(
                kind=kind,
                tool=trial.tool,
                variant=trial.variant,
                seed=trial.seed,
                episode=trial.episode,
                trial=trial.trial,
                number=number,
                model=model.name,
                text=react.encodable(completion.text),  # lone surrogates cannot be written
                finish_reason=completion.finish_reason,
                prompt_sha256=hashlib.sha256(messages[-1]["content"].encode("utf-8", "replace")).hexdigest(),
                request_sha256=sha,
            )
            await self._keep(reply)
            self._known[sha] = reply
        self._done()
        return self._known[sha]

    async def _identity(self, model: ChatModel) -> str:
        # a local model reads all its weights for it: once, and in a thread
        if id(model) not in self._identities:
            known = asyncio.to_thread(lambda: known_as(model.name, model.identity))
            self._identities[id(model)] = asyncio.create_task(known)
        return await self._identities[id(model)]

    async def _keep(self, reply: JournalLine) -> None:
        """See a reply onto the disk; those that come meanwhile share the next write."""
        if self._journal is None:
            return
        self._waiting.append(reply)
        async with self._writing:
            batch = list(self._waiting)
            await asyncio.to_thread(self._write, batch)
            del self._waiting[: len(batch)]

    def flush(self) -> None:
        """Write what a failure left waiting (a line that stood there already is no harm)."""
        self._write(self._waiting)

    def _write(self, batch: Sequence[JournalLine]) -> None:
        if not batch or self._journal is None:
            return
        store.append_jsonl(self._journal, batch)
