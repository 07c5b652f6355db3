"""Exploration, run: all tools at once, every trial on disk before the next, resumed where it stopped.

>>> print(expected_cost(study).text())                                                               # doctest: +SKIP
>>> explore(study, variants=["full"], progress=True)                                            # doctest: +SKIP
>>> trials = read_trials(study, "full", 0)                                                             # doctest: +SKIP

Under `results/<study>/exploration/<variant>/seed<k>/` stands a file of trials for each tool, the same bytes whatever
the concurrency, the sharding and the interruptions (of a model in float32: in bfloat16 a last bit depends on what is
in the batch, and so may a word). Beside them, `.run/` holds what each file depends on
(`<tool>.json`: a run whose settings differ is refused, in a line that names the key), a lock for each, and
`runs.jsonl`, what each run used. More `episodes` may be asked for later; everything else stays as it was.
"""

import asyncio
import difflib
import gzip
import hashlib
import json
import re
import sys
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from pydantic import JsonValue

from ste_core.core import aio, prompting, store
from ste_core.core.config import Exploration, LocalModel, ServedModel, Study
from ste_core.core.errors import UserError, one_line
from ste_core.core.records import Record, Tool, Trial
from ste_core.method.explore import (
    LIMIT,
    NO_ANSWERS,
    VARIANTS,
    Past,
    Tally,
    check_context,
    default_rule,
    explore_tool,
)
from ste_core.models.base import Budget, BudgetSpent, ChatModel, by_length, gather, known_as, measure
from ste_core.models.replies import Replies
from ste_core.pipeline import resources
from ste_core.pipeline.cost import Cost, Usual, most_requests, trial_sizes
from ste_core.tools.base import Toolbox

if TYPE_CHECKING:
    from ste_core.method.retrieve import Encoder

#: goes up when the same settings give other trials
METHOD = 1

#: settings whose change makes other trials; `episodes` only adds some, the rest is about running
SETTINGS = (
    "trials", "calls", "temperature", "max_tokens", "memory_lines", "observation_chars", "novelty", "novelty_tries",
    "rationale", "constrained",
)  # fmt: skip

#: the same of settings that came later: noted where they are on, so that older trials stay what they are
LATER_SETTINGS = ("values_first", "remember_errors", "call_first")

#: templates that exploration fills
TEMPLATES = ("imagine", "imagine_next", "imagine_again", "memory", "try", "observation", "reflect", "reflect_reason")

#: until a trial is measured, it is taken to use so many times the estimated tokens when a budget is divided
CAUTION = 3.0


class RunRecord(Record):
    """What one run used for one variant and seed.

    `requests`, `tokens` and `cost` are what was paid for; `did` is the `Tally`, answers from a cache included.
    `stopped` says why trials are left `to_go`.
    """

    variant: str
    seed: int
    model: str
    tools: int
    trials: int
    to_go: int
    seconds: float
    requests: int
    tokens: int
    cost: float
    did: dict[str, int]
    stopped: str | None = None


# --- what is where ----------------------------------------------------------------------------------------------------


def trials_file(study: Study, variant: str, seed: int, tool: str) -> Path:
    """The file of a tool's trials. A name that is not plain lower case gets a digest, so that no two files are one."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", tool)[:80]
    if name != tool or name != name.lower() or not name or name.startswith("."):
        name = f"{name.lstrip('.')}-{hashlib.sha256(tool.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return study.explored(variant, seed) / f"{name}.jsonl"


def read_trials(study: Study, variant: str, seed: int) -> list[Trial]:
    """The trials of a variant and seed, by file name, each file in order, of the tools that the study names, if any:
    others may lie there from a time when it named more."""
    named = None if study.exploration is None else study.exploration.tools
    return [one for one in iterate(study, variant, seed) if named is None or one.tool in named]


def iterate(study: Study, variant: str, seed: int) -> Iterator[Trial]:
    """All trials that are on disk, of whatever tools, one by one, for more than memory holds."""
    for file in sorted(study.explored(variant, seed).glob("*.jsonl")):
        yield from store.iterate_jsonl(file, Trial)


def keep(study: Study) -> Path:
    """Pack the trials of the study's first seed, all variants, into one small file that may be committed: who has not
    explored can then read them (`make site`). The same trials give the same bytes."""
    section = study.exploration
    assert section is not None  # only studies that explore have trials to keep
    trials = [one for variant in section.variants for one in iterate(study, variant, section.seeds[0])]
    lines = "".join(f"{one.model_dump_json()}\n" for one in trials)
    path = kept_file(study)
    store.write_bytes(path, gzip.compress(lines.encode(), mtime=0))
    return path


def kept_file(study: Study) -> Path:
    """Where `keep` puts the trials."""
    return study.results / "trajectories.jsonl.gz"


def kept(study: Study) -> list[Trial]:
    """The trials that `keep` packed; none where there is no such file.

    Raises:
        UserError: a file that is damaged.
    """
    path = kept_file(study)
    if not path.is_file():
        return []
    try:
        return [Trial.model_validate_json(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(
            f"{path}: damaged: {one_line(error)}; delete it or run the exploration notebook again"
        ) from None


def run_records(study: Study, variant: str, seed: int) -> list[RunRecord]:
    """What earlier runs used; one that was killed left no record."""
    return store.read_jsonl(_runs_file(study, variant, seed), RunRecord)


def note(study: Study, variant: str, seed: int) -> str | None:
    """What a reader of the results has to know of the replies that stand behind them; None if all is well."""
    did: Counter[str] = Counter()
    for run in run_records(study, variant, seed):
        did.update(run.did)
    asked = did["requests"] + did["refused"]
    problem = Replies(LIMIT, asked, *(did[name] for name in NO_ANSWERS), refused=did["refused"]).problem()
    told = f"{did['further_calls']:,} calls after the first of a reply were not made" if did["further_calls"] else None
    return "; ".join(filter(None, (problem, told))) or None


def _runs_file(study: Study, variant: str, seed: int) -> Path:
    return study.explored(variant, seed) / ".run" / "runs.jsonl"


# --- what is to be done -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a study to explore; see `explore`."""

    variants: Sequence[str] | None
    seeds: Sequence[int] | None
    tools: Sequence[str] | None
    shard: tuple[int, int] | None

    def pairs(self, settings: Exploration) -> list[tuple[str, int]]:
        """The variants, each with each seed.

        Raises:
            UserError: there is no such variant, or a seed is below 0.
        """
        for variant in self.variants or ():
            if variant not in VARIANTS:
                raise UserError(f"variant: no variant '{variant}'; {_nearest(variant, VARIANTS)}")
        for seed in self.seeds or ():
            if seed < 0:
                raise UserError(f"seed: must be 0 or greater, not {seed}")
        return [(one, seed) for one in self.variants or settings.variants for seed in self.seeds or settings.seeds]

    def choose(self, settings: Exploration, toolbox: Toolbox) -> list[Tool]:
        """The tools: those that are named, or all that can be explored (`left_out` says which are not).

        Raises:
            UserError: an unknown tool, a named one without description or none that has one, or a shard that is none.
        """
        named = self.tools or settings.tools
        mute = _mute(toolbox)
        wanted = named or [name for name in toolbox.tools if name not in mute] or list(toolbox.tools)
        for name in wanted:
            if name not in toolbox.tools:
                raise UserError(f"tools: no tool '{name}'; {_nearest(name, toolbox.tools)}")
            if name in mute:
                raise UserError(
                    f"tool '{name}': has no description, so nothing can be imagined for it; "
                    f"describe it, or name the tools to explore in exploration.tools"
                )
        number, count = self.shard or (1, 1)
        if not 1 <= number <= count:
            raise UserError(f"shard {number}/{count}: must be one of 1/{count} to {count}/{count}")
        own = set(sorted(set(wanted))[number - 1 :: count])  # a server may list its tools in any order, job by job
        return [toolbox.tools[name] for name in dict.fromkeys(wanted) if name in own]

    def left_out(self, settings: Exploration, toolbox: Toolbox) -> list[str]:
        """What a user has to know of the tools, a line each: left out, or not wholly understood."""
        mute = [] if self.tools or settings.tools else _mute(toolbox)
        return [*toolbox.notes, *(f"tool '{name}': left out, it has no description to imagine by" for name in mute)]


def _mute(toolbox: Toolbox) -> list[str]:
    return [name for name, tool in toolbox.tools.items() if not tool.description.strip()]


def read_shard(text: str) -> tuple[int, int]:
    """A shard as the command line writes it.

    >>> read_shard("2/5")
    (2, 5)

    Raises:
        UserError: it is not written so.
    """
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text.strip())
    if match is None:
        raise UserError(f"shard {text}: must be two numbers, as 2/5")
    return int(match[1]), int(match[2])


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(names)[:300] or 'none'}"


def _settings(study: Study) -> Exploration:
    if study.exploration is None:
        raise UserError(f"study '{study.name}': exploration: missing; say there what to explore, and with which model")
    return study.exploration


def expected_cost(
    study: Study,
    *,
    variants: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    tools: Sequence[str] | None = None,
    shard: tuple[int, int] | None = None,
    toolbox: Toolbox | None = None,
) -> Cost:
    """What exploring will take, found out without a request; arguments as of `explore`.

    Sizes and rate are those of the study's own earlier runs, where there are any.

    Raises:
        UserError: as `explore`, as far as that needs no model.
    """
    settings, part = _settings(study), _Part(variants, seeds, tools, shard)
    pairs = part.pairs(settings)

    async def listed() -> tuple[list[Tool], list[str]]:
        async with toolbox or resources.toolbox(study) as opened:
            return part.choose(settings, opened), part.left_out(settings, opened)

    chosen, notes = aio.run(listed())
    there: Counter[tuple[str, int, str]] = Counter()

    def earlier() -> Iterator[Trial]:
        for pair in pairs:
            for trial in iterate(study, *pair):
                there[*pair, trial.tool] += 1
                yield trial

    usual = Usual.of(earlier())
    done = most = 0
    style = study.style(settings.model)
    sizes: list[tuple[float, float, float]] = []
    for variant, seed in pairs:
        for tool in chosen:
            numbers = range(there[variant, seed, tool.name], settings.episodes * settings.trials)
            done += there[variant, seed, tool.name]
            most += len(numbers) * most_requests(settings, variant, style)
            sizes += (
                trial_sizes(tool, settings, variant, number, usual, settings.context, style) for number in numbers
            )
    requests, shown, written = (round(sum(column)) for column in zip(*sizes, strict=True)) if sizes else (0, 0, 0)
    model = study.models.get(settings.model)
    rate = _rate([one for pair in pairs for one in run_records(study, *pair)], model)
    return Cost(len(sizes), done, requests, most, shown, written, rate, _prices(model), tuple(notes))


def _rate(earlier: Sequence[RunRecord], model: LocalModel | ServedModel | None) -> float | None:
    measured = [one for one in earlier if one.requests and one.seconds]
    if measured:
        return sum(one.requests for one in measured) / sum(one.seconds for one in measured)
    if isinstance(model, ServedModel) and model.requests_per_minute:
        return model.requests_per_minute / 60
    return None


def _prices(model: LocalModel | ServedModel | None) -> tuple[float, float] | None:
    if isinstance(model, LocalModel):
        return 0.0, 0.0
    return (model.prices[0], model.prices[1]) if model is not None and model.prices else None


# --- running ----------------------------------------------------------------------------------------------------------


def explore(
    study: Study,
    *,
    variants: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    tools: Sequence[str] | None = None,
    shard: tuple[int, int] | None = None,
    model: ChatModel | None = None,
    toolbox: Toolbox | None = None,
    budget: Budget | None = None,
    encoder: "Encoder | None" = None,
    progress: bool = False,
) -> list[RunRecord]:
    """Explore, from where an earlier run stopped; in a notebook as well as in a script.

    Args:
        study: with an `exploration` section.
        variants, seeds, tools: default the study's.
        shard: (i, n): of the tools every n-th, from the i-th on, so that n jobs share the work.
        model, toolbox: default the study's.
        budget: what this run may use, and where its use is counted; default the study's limits. A model that is given
            has to have this budget itself.
        encoder: see `explore_tool`.
        progress: show a bar.

    Returns:
        What each variant and seed used.

    Raises:
        UserError: what is on disk was made by other settings, another run is at work there, or the model fails; the
            trials done by then are kept.
        BudgetSpent: the budget does not hold another trial.
    """
    settings, part = _settings(study), _Part(variants, seeds, tools, shard)
    pairs = part.pairs(settings)
    if budget is None:
        budget = Budget(settings.budget.requests, settings.budget.tokens, settings.budget.money)
    opened = toolbox or resources.toolbox(study)
    asked = model or resources.chat(study, settings.model, budget)
    runner = _Runner(study, settings, asked, opened, budget, encoder, *measure(asked, by_length))
    with ExitStack() as locks:  # outside the loop, whose end waits for the last trial to be written
        return aio.run(runner.run(part, pairs, progress, locks))


@dataclass(slots=True)
class _Runner:
    study: Study
    settings: Exploration
    model: ChatModel
    toolbox: Toolbox
    budget: Budget
    encoder: "Encoder | None"
    count: Callable[..., int]
    context: int | None

    def __post_init__(self) -> None:
        self.context = self.settings.context or self.context

    async def run(
        self, part: _Part, pairs: Sequence[tuple[str, int]], progress: bool, locks: ExitStack
    ) -> list[RunRecord]:
        """Everything, one variant and seed after the other; first of all, see that nothing stands against any."""
        from tqdm.auto import tqdm

        identity = await asyncio.to_thread(lambda: self.model.identity)  # a local model reads its weights for it
        async with self.toolbox:
            tools = part.choose(self.settings, self.toolbox)
            tools = self._fitting(tools, named=bool(part.tools or self.settings.tools))
            shelves = [[_Shelf(self.study, self.settings, *pair, tool) for tool in tools] for pair in pairs]
            for shelf in (one for row in shelves for one in row):
                shelf.lock(locks)
                shelf.open(self._depends(shelf, identity))
            done = sum(shelf.done for row in shelves for shelf in row)
            total = len(pairs) * len(tools) * self.settings.episodes * self.settings.trials
            with tqdm(total=total, initial=done, unit="trial", disable=not progress) as bar:
                watch = _Watch(bar, self.budget)
                for shelf in (one for row in shelves for one in row):
                    watch.saw(shelf.past.judged, shelf.past.solved)
                return [await self._pair(*pair, row, watch) for pair, row in zip(pairs, shelves, strict=True)]

    def _fitting(self, tools: Sequence[Tool], named: bool) -> list[Tool]:
        """The tools whose documentation the context holds; of others that were not named it says that they are left.

        Raises:
            UserError: a named one is too long, or all are.
        """
        fitting, refused, style = [], [], self.study.style(self.settings.model)
        for tool in tools:
            try:
                check_context(tool, self.settings, self.count, self.context, style)
                fitting.append(tool)
            except UserError as error:
                refused.append(error)
        if refused and (named or not fitting):
            raise refused[0]
        for error in refused:
            print(f"left out: {error}", file=sys.stderr, flush=True)
        return fitting

    def _depends(self, shelf: "_Shelf", identity: str) -> dict[str, JsonValue]:
        """What a tool's trials depend on."""
        settings, encoder = self.settings, self.encoder
        style = self.study.style(settings.model)
        small = [prompting.template(name) for name in TEMPLATES]  # kept apart, so that old trials stay what they are
        return {
            "method": METHOD,
            "model": known_as(self.model.name, identity),
            "tool": shelf.tool.documentation(),
            "variant": shelf.variant,
            "study_seed": self.study.seed,
            "seed": shelf.seed,
            **{name: getattr(settings, name) for name in SETTINGS},
            "rule": settings.rule or default_rule(style),
            "context": self.context,
            "counted": None if self.context is None else getattr(self.count, "__name__", "given"),
            "encoder": None if settings.novelty is None else "TF-IDF" if encoder is None else encoder.name,
            "prompts": store.digest(small if style == "small" else prompting.texts(style))[:16],
            **settings.sampling(),
            **{name: True for name in LATER_SETTINGS if getattr(settings, name)},
        }

    async def _pair(self, variant: str, seed: int, shelves: Sequence["_Shelf"], watch: "_Watch") -> RunRecord:
        watch.bar.set_description(f"{variant} seed {seed}", refresh=False)
        tally, budget = Tally(), self.budget
        start, there = time.monotonic(), sum(one.done for one in shelves)
        before = (budget.used_requests, budget.used_tokens, budget.cost)
        wanted = len(shelves) * self.settings.episodes * self.settings.trials
        gate = self._gate(variant, shelves)
        stopped: str | None = "interrupted"
        try:
            await gather([self._tool(shelf, gate, tally, watch) for shelf in shelves])
            stopped = None
        except UserError as error:
            stopped = str(error)
            raise
        finally:
            now = sum(one.done for one in shelves)
            record = RunRecord(
                variant=variant, seed=seed, model=self.model.name, tools=len(shelves), trials=now - there,
                to_go=wanted - now, seconds=round(time.monotonic() - start, 3),
                requests=budget.used_requests - before[0], tokens=budget.used_tokens - before[1],
                cost=budget.cost - before[2], did=tally.as_dict(), stopped=stopped,
            )  # fmt: skip
            if there < wanted:
                with suppress(UserError):  # a full disk: the trials' own error says so
                    store.append_jsonl(_runs_file(self.study, variant, seed), [record])
        return record

    async def _tool(self, shelf: "_Shelf", gate: "_Gate", tally: Tally, watch: "_Watch") -> None:
        trials = explore_tool(
            shelf.tool, self.model, self.toolbox, self.settings, variant=shelf.variant, seed=shelf.seed,
            study_seed=self.study.seed, past=shelf.past, count=self.count, context=self.context,
            encoder=self.encoder, tally=tally, style=self.study.style(self.settings.model),
        )  # fmt: skip
        async with aclosing(trials):
            for _ in range(shelf.done, self.settings.episodes * self.settings.trials):
                async with gate.trial():
                    trial = await anext(trials)
                    await shelf.write(trial)
                watch.ended(trial)

    def _gate(self, variant: str, shelves: Sequence["_Shelf"]) -> "_Gate":
        last = self.settings.episodes * self.settings.trials - 1
        style = self.study.style(self.settings.model)
        sizes = [
            trial_sizes(shelf.tool, self.settings, variant, last, Usual(), self.context, style) for shelf in shelves
        ]
        tokens = max((shown + written for _, shown, written in sizes), default=0.0)
        slots = self.settings.concurrency or max(1, len(shelves))
        return _Gate(self.budget, slots, most_requests(self.settings, variant, style), CAUTION * tokens)


@dataclass(slots=True)
class _Shelf:
    """One tool's trials in one variant with one seed: on disk, and what the next one needs of them here."""

    study: Study
    settings: Exploration
    variant: str
    seed: int
    tool: Tool
    past: Past = field(default_factory=Past)
    done: int = 0  # on disk; a trial that just ended is in the past a little earlier

    @property
    def path(self) -> Path:
        return trials_file(self.study, self.variant, self.seed, self.tool.name)

    def lock(self, locks: ExitStack) -> None:
        """Keep other runs away until the stack closes; a kill frees the lock as well."""
        path = self.path.parent / ".run" / f"{self.path.stem}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            locks.enter_context(FileLock(path, timeout=0, thread_local=False))
        except Timeout:
            raise UserError(f"{self.path}: another run is at work there; wait for it, or stop it") from None
        except OSError as error:
            raise UserError(f"{path}: cannot be locked: {error.strerror}") from None

    def open(self, depends: dict[str, JsonValue]) -> None:
        """Read what is there; see that it was made as it would be made now, and mend a line that a kill tore.

        Raises:
            UserError: it was not, or the file is not what a run leaves behind.
        """
        note = self.path.parent / ".run" / f"{self.path.stem}.json"
        if next(store.iterate_jsonl(self.path, Trial), None) is not None:
            self._compare(note, depends)
        if self.path.exists():
            store.write_lines(self.path, (trial.model_dump_json() for trial in self._checked()))
        store.write_text(note, json.dumps(depends, indent=1, ensure_ascii=False) + "\n")

    def _checked(self) -> Iterator[Trial]:
        most = self.settings.episodes * self.settings.trials
        trials = store.iterate_jsonl(self.path, Trial)
        for number, one in enumerate(trials):
            expected = (self.tool.name, self.variant, self.seed, *divmod(number, self.settings.trials))
            if (one.tool, one.variant, one.seed, one.episode, one.trial) != expected:
                raise UserError(f"{self.path}: trials are missing, doubled or not in order; move the file away")
            if number == most:
                raise UserError(
                    f"{self.path}: holds {most + 1 + sum(1 for _ in trials)} trials, more than exploration.episodes "
                    f"{self.settings.episodes} ask for; move the folder away, or ask for as many"
                )
            self.past.add(one)
            self.done += 1
            yield one

    def _compare(self, note: Path, depends: dict[str, JsonValue]) -> None:
        try:
            before: Any = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = None
        if not isinstance(before, dict):
            raise UserError(f"{self.path}: holds trials, but {note.name} beside it does not say how they were made")
        before = {"constrained": depends["constrained"], "rule": "strict"} | before  # earlier versions noted neither
        for key in [*depends, *before]:
            if before.get(key) != depends.get(key):
                raise UserError(
                    f"{self.path}: was explored with {key}: {_short(before.get(key))}, and now it is "
                    f"{_short(depends.get(key))}; set it back, or move the folder away to explore anew"
                )

    async def write(self, trial: Trial) -> None:
        """Append a trial and see it onto the disk; in a thread, which ends its work even if we are cancelled."""
        await asyncio.to_thread(store.append_jsonl, self.path, [trial])
        self.done += 1


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


@dataclass(slots=True)
class _Watch:
    """What the bar shows: share solved, requests a second, tokens and money so far."""

    bar: Any
    budget: Budget
    judged: int = 0
    solved: int = 0
    start: float = field(default_factory=time.monotonic)

    def saw(self, judged: int, solved: int) -> None:
        self.judged += judged
        self.solved += solved

    def ended(self, trial: Trial) -> None:
        """One trial more."""
        self.saw(trial.solved is not None, trial.solved is True)
        parts = [f"{100 * self.solved / self.judged:.0f}% solved"] if self.judged else []
        seconds = max(time.monotonic() - self.start, 1e-9)
        parts += [f"{self.budget.used_requests / seconds:.1f} requests/s", f"{self.budget.used_tokens:,} tokens"]
        if self.budget.cost:
            parts.append(f"{self.budget.cost:,.2f} spent")
        self.bar.set_postfix_str(", ".join(parts), refresh=False)
        self.bar.update()


class _Gate:
    """Lets a trial begin when there is a slot and, beside the trials under way, enough left of the budget.

    Without it a small budget could be spent on the beginnings of many trials and end none, run after run.
    """

    def __init__(self, budget: Budget, slots: int, requests: int, tokens: float) -> None:
        self._budget, self._slots, self._requests, self._tokens = budget, slots, requests, tokens
        self._before = (budget.used_requests, budget.used_tokens, budget.cost)
        self._under_way = self._ended = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[None]:
        async with self._changed:
            while self._under_way >= self._slots or self._problem():
                if self._under_way == 0:
                    raise BudgetSpent(self._problem())
                await self._changed.wait()
            self._under_way += 1
        try:
            yield
            self._ended += 1
        finally:
            self._under_way -= 1
            async with self._changed:
                self._changed.notify_all()

    def _problem(self) -> str:
        """Why another trial may not begin; nothing if it may. The first one always may: the budget itself is exact."""
        budget, others = self._budget, self._under_way + 1
        if self._ended == 0 and self._under_way == 0:
            return ""
        used = (budget.used_requests, budget.used_tokens, budget.cost)
        tokens, cost = self._tokens, 0.0
        if self._ended:  # measured, trials under way included: rather too much than too little
            tokens = (used[1] - self._before[1]) / self._ended
            cost = (used[2] - self._before[2]) / self._ended
        elif budget.money is not None:
            cost = budget.money / CAUTION
        for unit, limit, spent, each in (
            ("requests", budget.requests, used[0], self._requests),
            ("tokens", budget.tokens, used[1], tokens),
            ("of money", budget.money, used[2], cost),
        ):
            if limit is not None and spent + others * each > limit:
                return (
                    f"the budget of {limit:,} {unit} does not hold another trial ({spent:,.6g} used); what is done is "
                    f"kept, run again to go on"
                )
        return ""
