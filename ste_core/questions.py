"""The ten questions the paper leaves open: what a study can say to each of them, with interval, test and verdict.

>>> found = answers(study, shown_by)                                     # doctest: +SKIP
>>> for line in reading(found, 1):                                       # doctest: +SKIP
...     print(line)
>>> overcame([False, True, True]), overcame([True, True]), overcame([])
(True, None, None)

A *statement* is a hypothesis that an estimate decides: supported or contradicted if its whole interval says so, and its
test agrees (`claims.above`), else undecided. Beside it stand *descriptions*, which nothing is concluded from, and what
the audit of the paper's own runs says. What is compared is paired on the same item or trial; tools are resampled (where
batches are learnt, within their batch) and seeds put together; p-values are of permutations over tools. Holm's
correction is over all statements here that rest on such a test, one family. What a study does not have, or what left
nothing to compare, is a row as well: undecided, and it says why.

Side studies extend a study by one change (`study/<study>_<side>.yaml`, see `SIDES`) and are read where they have run.

Departures: the paper has none of these experiments but the ablations. docs/open_questions.md says how each was turned
into estimates, and what no study of this project can tell.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import JsonValue
from scipy import stats as scipy_stats

from ste_core import (
    ablations,
    claims,
    compare,
    distill,
    exploration,
    forgetting,
    score,
    stages,
    stats,
    store,
    trajectories,
)
from ste_core import study as studies
from ste_core.ablations import PAPER_VARIANTS
from ste_core.errors import UserError
from ste_core.records import Prediction, TestItem, Tool, Trial
from ste_core.stages import ALL, EQUAL, FULL, NO_VARIANT
from ste_core.stats import Interval
from ste_core.study import Arm, Study

QUESTIONS = {
    1: "Does memory buy coverage of what a tool can do?",
    2: "How far does the biological analogy hold?",
    3: "What feedback beyond error messages helps?",
    4: "Does reflection help more when it gives reasons?",
    5: "What of tools whose calls depend on each other?",
    6: "Does exploring deeper pay, and do faulty trials teach?",
    7: "Are there other ways to use the experience?",
    8: "Are entirely new kinds of tools learnt one after the other?",
    9: "What if several tools would serve?",
    10: "Do other mechanisms of human learning help?",
}

#: what no study of this project can tell
BEYOND = {
    1: "what a tool does behind its arguments, where no schema lists it",
    2: "anything about brains",
    3: "feedback from people, from unit tests, from a critic, or from examples of use in errors",
    4: "what good reasons would be worth: the small model has never learnt to give any",
    5: "chains over several tools: exploration opens one tool at a time, and every test item has one gold call",
    6: "learning from failures as failures: no stage uses a trial without a working call",
    7: "adapters for each tool, trials looked up while acting, reinforcement",
    8: "kinds of tools that need another form of call: all of these are called alike",
    9: "whether the paper's wrong calls would have served: its APIs can no longer be called",
    10: "sleep-like consolidation, curricula by difficulty, social learning, curiosity as an objective",
}

#: side studies: their ending, and the one thing they change
SIDES = {
    "novelty": "a query too close to an earlier one is asked for again",
    "unfiltered": "no judge between trials and examples",
    "families": "batches hold tools of one kind",
    "rationale": "reflection gives a reason, which memory keeps",
}

COLUMNS = ("question", "part", "source", "hypothesis", "tested", "test", "unit", "n", "tools", "effect", "ci_low",
           "ci_high", "p", "p_holm", "verdict", "evidence")  # fmt: skip

#: what a statement rests on
PERMUTED, RESAMPLED = "permutation over tools, Holm", "bootstrap over tools"

#: the verdict that the answers are about; in rows that were not executed the rule's stands there, see `_judged`
METRIC = "correct_execution"
FT, ICL, BASELINE = (stages.label(setting) for setting in ("tuned", "icl", "baseline"))

#: a side study answers the same baseline items as its study, unless it is of another model or of other tools
SAME = 0.9

NO_PART, NOT_RUN, NOTHING = "not part of this study", "not run", "nothing to compare"
TABLES_ONLY = "not run here: of the run elsewhere, tables only are kept"


# --- estimates --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """An interval, in percent or points, of `n` units of so many tools; `p` of a test against zero, if there is one."""

    found: Interval
    n: int
    tools: int
    p: float = np.nan


@dataclass(frozen=True, slots=True)
class Estimator:
    """The estimates that the questions need, at a study's level and with its generators."""

    study: Study

    def paired(self, units: pd.DataFrame, *label: object) -> Estimate | None:
        """Percent right of `a` less `b`, booleans of the same units, in points; None where neither is ever right.

        Args:
            units: `tool, a, b`.
        """
        if not (units["a"].any() or units["b"].any()):
            return None
        units = units.sort_values("tool", kind="stable")
        one = stats.difference(units["a"], units["b"], units["tool"].tolist(), rng=self._rng(label), **self._size)
        return Estimate(Interval(one.value, one.low, one.high), len(units), units["tool"].nunique(), one.p)

    def predicted(self, a: pd.DataFrame, b: pd.DataFrame, *label: object) -> Estimate | None:
        """Paired difference of two tables of `compare.outcomes`; None where neither is ever right.

        A label that another table's difference has gives that table's figures to the digit.
        """
        one = compare.difference(a, b, self.study, METRIC, *label)
        if not one["n"] or not (a[METRIC].any() or b[METRIC].any()):
            return None
        tools = len({*a["tool"]} & {*b["tool"]})
        return Estimate(Interval(one["difference"], one["ci_low"], one["ci_high"]), int(one["n"]), tools, one["p"])

    def mean(self, values: pd.Series, *label: object, n: int | None = None) -> Estimate | None:
        """The mean of a difference that each tool has; its test turns signs round, tool by tool.

        Args:
            values: in points, the index names tools; tools without one are missing.
        """
        values = values.dropna().sort_index()
        if values.empty:
            return None
        rng, x = self._rng(label), values.to_numpy(float)
        found = stats.mean(x, rng=rng, **self._size)
        if np.ptp(x) == 0:
            p = 1.0 if x[0] == 0 else 2.0 ** (1 - x.size)
        else:
            p = float(scipy_stats.permutation_test(
                (x, np.zeros_like(x)), lambda a, b, axis: (a - b).mean(axis), permutation_type="samples",
                vectorized=True, n_resamples=self.study.statistics.resamples, rng=rng,
            ).pvalue)  # fmt: skip
        return Estimate(found, x.size if n is None else n, x.size, p)

    def between(self, a: pd.Series, b: pd.Series, *label: object, n: int) -> Estimate | None:
        """The mean of one group of tools less that of another; resampled within groups, tested by exchanging tools."""
        a, b = a.dropna().sort_index(), b.dropna().sort_index()
        if min(len(a), len(b)) < 2:
            return None
        rng, samples = self._rng(label), (a.to_numpy(float), b.to_numpy(float))

        def apart(x: NDArray[np.float64], y: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
            return x.mean(axis) - y.mean(axis)

        drawn = scipy_stats.bootstrap(
            samples, apart, paired=False, vectorized=True, method="percentile", rng=rng,
            n_resamples=self.study.statistics.resamples, confidence_level=self.study.statistics.level,
        ).confidence_interval  # fmt: skip
        p = scipy_stats.permutation_test(
            samples, apart, permutation_type="independent", vectorized=True, rng=rng,
            n_resamples=self.study.statistics.resamples,
        ).pvalue  # fmt: skip
        value = float(apart(*samples, axis=-1))
        return Estimate(Interval(value, float(drawn.low), float(drawn.high)), n, len(a) + len(b), float(p))

    def share(self, units: pd.DataFrame, *label: object) -> Estimate | None:
        """Percent of units that are `right`.

        Args:
            units: `tool, right`.
        """
        if units.empty:
            return None
        group = units.groupby("tool")["right"]
        found = score.share(group.sum(), group.size(), self.study, "questions", *label)
        return Estimate(found, len(units), group.ngroups)

    def gap(self, units: pd.DataFrame, *label: object) -> Estimate | None:
        """Percent right where `group` is true less where it is false, tools resampled: an association, without a test.

        Args:
            units: `tool, group, right`.
        """
        if units["group"].nunique() < 2:
            return None
        groups = [units[units["group"] == one].groupby("tool")["right"] for one in (True, False)]
        tools = sorted(set(units["tool"]))
        counts = np.stack([one.reindex(tools, fill_value=0).to_numpy(float)
                           for group in groups for one in (group.sum(), group.size())])  # fmt: skip
        picks = self._rng(label).integers(len(tools), size=(self.study.statistics.resamples, len(tools)))
        k_a, n_a, k_b, n_b = counts[:, picks].sum(-1)
        with np.errstate(invalid="ignore", divide="ignore"):  # a resample without one of the groups is passed over
            drawn = 100 * (k_a / n_a - k_b / n_b)
        k_a, n_a, k_b, n_b = counts.sum(-1)
        value = 100 * (k_a / n_a - k_b / n_b)
        tail = (1 - self.study.statistics.level) / 2
        low, high = np.nanquantile(drawn, [tail, 1 - tail])
        return Estimate(Interval(float(value), float(low), float(high)), len(units), len(tools))

    def learnt(self, a: forgetting.Shares, b: forgetting.Shares, measure: str, *label: object) -> Estimate:
        """A measure of continual learning of one arm less another's, tools resampled within their batch; no test."""
        found = forgetting.intervals((replace(a, exam=None), replace(b, exam=None)), rng=self._rng(label), **self._size)
        tools = sum(len(batch) for batch in a.batches)
        return Estimate(found[measure], tools, tools)

    def spread(self, runs: Sequence[forgetting.Shares], *label: object) -> Estimate:
        """How far the final averages of some arms lie apart, the largest less the smallest.

        Tools are resampled within their batch, for all arms at once. The test asks how often a spread as large comes
        about if, within each tool, what the arms got right is dealt to them by chance: a difference of extremes is
        never below zero, so its interval alone says nothing.
        """
        rng, resamples = self._rng(label), self.study.statistics.resamples
        last = [np.stack([run.batches[batch][:, -1] for run in runs]) for batch in range(len(runs[0].batches))]

        def apart(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
            return np.ptp(np.mean([part.mean(-1) for part in parts], axis=0), axis=-1)  # of (..., arms, tools)

        value = float(apart(last))
        drawn, dealt = np.empty(resamples), np.empty(resamples)
        for one in range(resamples):
            drawn[one] = apart([part[:, rng.integers(part.shape[1], size=part.shape[1])] for part in last])
            dealt[one] = apart([rng.permuted(part, axis=0) for part in last])
        tail = (1 - self.study.statistics.level) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail])
        tools = sum(part.shape[1] for part in last)
        p = (1 + np.count_nonzero(dealt >= value - 1e-9)) / (1 + resamples)
        return Estimate(Interval(value, float(low), float(high)), tools, tools, p)

    @property
    def _size(self) -> dict[str, Any]:
        return {"level": self.study.statistics.level, "resamples": self.study.statistics.resamples}

    def _rng(self, label: Sequence[object]) -> np.random.Generator:
        return self.study.rng("questions", *label)


# --- what was explored ------------------------------------------------------------------------------------------------


def arguments_covered(trials: Sequence[Trial], tools: Mapping[str, Tool]) -> pd.DataFrame:
    """Which optional arguments a call that ran has had: `variant, seed, tool, argument, covered`, a row each.

    Required ones are left out: they follow from any call that runs.
    """
    rows = []
    for (variant, seed, name), forms in _forms(trials).items():
        known = tools[name].parameters.get("properties")
        required = tools[name].parameters.get("required") or ()
        used = set().union(*forms)
        for argument in known if isinstance(known, dict) else ():
            if argument not in required:  # type: ignore[operator]
                rows.append((variant, seed, name, argument, argument in used))
    return pd.DataFrame(rows, columns=["variant", "seed", "tool", "argument", "covered"])


def forms_covered(trials: Sequence[Trial], items: Sequence[TestItem]) -> pd.DataFrame:
    """Whether a call that ran has had exactly the arguments (their names) of an item's gold call, for every item of the
    explored tools: `variant, seed, tool, item, covered, any`; `any` says whether any call of the tool ran."""
    rows = []
    for (variant, seed, name), forms in _forms(trials).items():
        for one in items:
            if one.gold.tool == name:
                rows.append((variant, seed, name, one.item, frozenset(one.gold.arguments) in forms, bool(forms)))
    return pd.DataFrame(rows, columns=["variant", "seed", "tool", "item", "covered", "any"])


def _forms(trials: Sequence[Trial]) -> dict[tuple[str, int, str], set[frozenset[str]]]:
    """The sets of argument names of the calls that ran, by variant, seed and tool; empty where none did."""
    found: dict[tuple[str, int, str], set[frozenset[str]]] = {}
    for trial in trials:
        forms = found.setdefault((trial.variant, trial.seed, trial.tool), set())
        forms.update(frozenset(step.call.arguments) for step in trial.steps if step.ok and step.call)
    return found


def overcame(outcomes: Sequence[bool]) -> bool | None:
    """Whether a call ran after a first one that failed; None if the first did not fail, or there is none."""
    return None if not outcomes or outcomes[0] else any(outcomes)


def errors_met(trials: Sequence[Trial], tools: Mapping[str, Tool]) -> pd.DataFrame:
    """Trials whose first call the tool refused, and what it told: `tool, group, right`; `group` says whether the error
    names an argument of the tool, `right` whether a later call ran."""
    rows = []
    for trial in trials:
        calls = [step for step in trial.steps if step.call is not None]
        mended = overcame([bool(step.ok) for step in calls])
        if mended is not None and calls[0].observation is not None:
            known = tools[trial.tool].parameters.get("properties")
            named = any(_stands(name, calls[0].observation) for name in (known if isinstance(known, dict) else ()))
            rows.append((trial.tool, named, mended))
    return pd.DataFrame(rows, columns=["tool", "group", "right"])


def after_errors(trials: Sequence[Trial]) -> pd.DataFrame:
    """The trials that follow one of the same episode in which the tool refused a call: `variant, tool, first_ran`."""
    rows, met = [], set()
    for trial in sorted(trials, key=lambda one: (one.variant, one.seed, one.tool, one.episode, one.trial)):
        episode = (trial.variant, trial.seed, trial.tool, trial.episode)
        outcomes = [step.ok for step in trial.steps if step.call is not None]
        if episode in met:
            rows.append((trial.variant, trial.tool, bool(outcomes and outcomes[0] and trial.steps[0].call)))
        if False in outcomes:
            met.add(episode)
    return pd.DataFrame(rows, columns=["variant", "tool", "first_ran"])


def uses_earlier(trial: Trial, tool: Tool) -> str | None:
    """Where a call that ran has a value from that stands only in what an earlier call of the trial gave back.

    Values are texts of three characters or more and numbers of two digits or more, that stand in neither the query, the
    documentation nor an earlier call.

    Returns:
        "result" or "error", whichever held the value; None if no call does.
    """
    known, told = [trial.query, tool.documentation()], {"result": [], "error": []}
    found = None
    for step in trial.steps:
        values = [] if step.call is None else list(_values(step.call.arguments))
        if step.ok:
            for value in values:
                if not any(_stands(value, text) for text in known):
                    held = next((kind for kind, texts in told.items() if any(_stands(value, one) for one in texts)), "")
                    found = "result" if "result" in (found, held) else held or found
        known += values
        if step.call is not None and step.observation is not None:
            told["result" if step.ok else "error"].append(step.observation)
    return found


def gives_reason(reflection: str) -> bool:
    """Whether a reflection is a verdict, Yes or No, with words after it.

    >>> [gives_reason(one) for one in ("No. It gave no time.", "Yes", "yes!", "Final Answer: It is ten.")]
    [True, False, False, False]
    """
    return bool(re.match(r"\W*(yes|no)\b\W*\w", reflection, re.IGNORECASE))


def _values(value: JsonValue) -> Iterator[str]:
    """The texts and numbers in a value that are long enough to be told from chance."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _values(one)
    elif isinstance(value, str) and len(value.strip()) > 2:
        yield value.strip()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        shown = str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)
        if sum(one.isdigit() for one in shown) > 1:
            yield shown


def _stands(value: str, text: str) -> bool:
    """Whether a value stands in a text as a word or number of its own, whatever its case.

    >>> _stands("17", "17.8 or 217"), _stands("oslo", "Weather of Oslo."), _stands("17", "in 17.")
    (False, True, True)
    """
    return bool(re.search(rf"(?<!\w)(?<!\d\.){re.escape(value)}(?!\w)(?!\.\d)", text, re.IGNORECASE))


# --- the ledger -------------------------------------------------------------------------------------------------------


@dataclass
class Ledger:
    """The rows of the answers; `closed` corrects their p-values and gives their verdicts."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def state(
        self, question: int, hypothesis: str, one: Estimate | None, *, missing: str = NOTHING, below: bool = False,
        bound: float = 0.0, note: str = "",
    ) -> None:  # fmt: skip
        """A statement: the estimate is above the bound, or below it."""
        self._add(question, hypothesis, one, missing, "points", note, tested=1, below=below, bound=bound)

    def describe(
        self, question: int, what: str, one: Estimate | None, *, missing: str = NOTHING, unit: str = "points",
        note: str = "",
    ) -> None:  # fmt: skip
        """A figure that nothing is concluded from."""
        self._add(question, what, one, missing, unit, note, tested=0)

    def audit(self, question: int, hypothesis: str, row: pd.Series | None) -> None:
        """A loss, by the paper's own runs, tested and corrected in the audit's table."""
        one = None if row is None else Estimate(
            Interval(row["difference"], row["ci_low"], row["ci_high"]), int(row["n"]), 0, row["p_holm"]
        )  # fmt: skip
        self._add(question, hypothesis, one, "the audit has not run", "points", "Holm within the audit's table",
                  tested=0, below=True, source="audit")  # fmt: skip

    def _add(
        self, question: int, hypothesis: str, one: Estimate | None, missing: str, unit: str, note: str, *, tested: int,
        below: bool = False, bound: float = 0.0, source: str = "experiment",
    ) -> None:  # fmt: skip
        found = Interval(np.nan, np.nan, np.nan) if one is None else one.found
        p = np.nan if one is None else one.p
        test = "" if not tested or one is None else RESAMPLED if pd.isna(p) else PERMUTED
        self.rows.append(
            {"question": question, "source": source, "hypothesis": hypothesis, "tested": tested, "test": test,
             "unit": unit, "n": 0 if one is None else one.n, "tools": 0 if one is None else one.tools,
             "effect": found.value, "ci_low": found.low, "ci_high": found.high, "p": p, "below": below, "bound": bound,
             "missing": missing if one is None else "", "note": note}
        )  # fmt: skip

    def closed(self) -> pd.DataFrame:
        """The rows by question, experiments first, and a row a question for what no study here can tell."""
        for question, text in BEYOND.items():
            self._add(question, text, None, "", "", "", tested=0, source="not from here")
        order = {"experiment": 0, "audit": 1, "not from here": 2}
        self.rows.sort(key=lambda row: (row["question"], order[row["source"]]))
        table = pd.DataFrame(self.rows)
        table["part"] = [chr(ord("a") + number) for number in table.groupby("question").cumcount()]
        ours = table["source"] == "experiment"
        table["p_holm"] = compare.holm(table["p"].where(ours & (table["tested"] == 1))).where(ours, table["p"])
        table["p"] = table["p"].where(ours)  # the audit's is corrected already
        table["verdict"] = [self._verdict(row) for row in table.itertuples()]
        table["evidence"] = [self._evidence(row) for row in table.itertuples()]
        return table[list(COLUMNS)]

    @staticmethod
    def _verdict(row: Any) -> str:
        if not (row.tested or row.source == "audit"):
            return ""
        if row.missing:
            return "undecided"
        found = Interval(row.effect, row.ci_low, row.ci_high)
        if row.below:
            found = Interval(-row.effect, -row.ci_high, -row.ci_low)
        p = 0.0 if pd.isna(row.p_holm) else row.p_holm
        return claims.above(found, -row.bound if row.below else row.bound, p)

    @staticmethod
    def _evidence(row: Any) -> str:
        if row.source == "not from here":
            return ""
        if row.missing:
            return row.missing
        sign = "+" if row.unit == "points" else ""
        text = f"{Interval(row.effect, row.ci_low, row.ci_high):{sign}.1f} {row.unit}"
        if not pd.isna(row.p_holm):
            text += f", Holm p {'< 0.001' if row.p_holm < 0.001 else f'= {row.p_holm:.3f}'}"
        return text + (f" ({row.tools} tools)" if row.tools else "") + (f"; {row.note}" if row.note else "")


# --- what lies on disk ------------------------------------------------------------------------------------------------


def side(study: Study, name: str) -> Study | None:
    """A side study, if it has run to its end with the study's own model and tools; else None.

    Raises:
        UserError: its file is not valid, or its results are damaged.
    """
    return _looked_up(study, name)[0]


def sides(study: Study) -> pd.DataFrame:
    """The side studies of a study: `study, changes, state`."""
    rows = [(f"{study.name}_{name}", change, _looked_up(study, name)[1]) for name, change in SIDES.items()]
    return pd.DataFrame(rows, columns=["study", "changes", "state"])


def _looked_up(study: Study, name: str) -> tuple[Study | None, str]:
    full = f"{study.name}_{name}"
    if not studies.path_of(full).is_file():
        return None, "there is no such file in study/"
    found = studies.load(full)
    if not (found.results / "run.json").is_file():
        return None, NOT_RUN
    if not _here(found):
        return None, TABLES_ONLY
    return (found, "has run") if _alike(study, found) else (None, "of another model or other tools, run it again")


def _here(study: Study) -> bool:
    """Whether what a study's run leaves on the way to its tables is there; a fresh clone has the tables alone."""
    explores = study.exploration is not None and study.experience is None
    return (
        (not explores or any((study.results / "exploration").glob("*/*/*.jsonl")))
        and (study.exploitation is None or stages.predictions_file(study, "baseline", NO_VARIANT, 0).is_file())
        and (study.continual is None or _learnt_here(study))
    )


def _learnt_here(study: Study) -> bool:
    """Whether the answers of continual learning are there."""
    return study.continual is not None and any((study.results / "continual").glob("*/*/*.jsonl"))


def _alike(study: Study, other: Study) -> bool:
    """Whether two studies' baselines answered the items that both were asked alike; true where there are none."""
    answers = []
    for one in (study, other):
        path = stages.predictions_file(one, "baseline", NO_VARIANT, 0)
        answers.append({(row.gold.tool, row.item): row.output for row in store.read_jsonl(path, Prediction)})
    both = answers[0].keys() & answers[1].keys()
    return sum(answers[0][key] == answers[1][key] for key in both) >= SAME * len(both)


@dataclass
class _Case:
    """A study's evidence, read when it is first asked for, and the ledger to fill."""

    study: Study
    shown_by: Mapping[str, str]
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.estimate = Estimator(self.study)

    def side(self, name: str) -> Study | None:
        if name not in self._sides:
            self._sides[name] = side(self.study, name)
        return self._sides[name]

    @cached_property
    def _sides(self) -> dict[str, Study | None]:
        return {}

    @cached_property
    def tools(self) -> Mapping[str, Tool]:
        return self.study.listing().tools

    @cached_property
    def items(self) -> list[TestItem]:
        return self.study.items("test")

    @cached_property
    def variants(self) -> list[str]:
        return [] if self.study.exploration is None else list(self.study.exploration.variants)

    @property
    def episodes(self) -> int:
        return 0 if self.study.exploration is None else self.study.exploration.episodes

    @cached_property
    def trials(self) -> list[Trial]:
        return self.explored(self.study, self.variants)

    def explored(self, study: Study, variants: Sequence[str] = (FULL,)) -> list[Trial]:
        seeds = compare.seeds_of(self.study)
        return [one for variant in variants for seed in seeds for one in exploration.read(study, variant, seed)]

    @cached_property
    def frame(self) -> pd.DataFrame:
        return trajectories.frame(self.trials) if self.trials else pd.DataFrame()

    @cached_property
    def full(self) -> list[Trial]:
        return [one for one in self.trials if one.variant == FULL]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The outcomes of every setting, variant and part that the study has."""
        wanted = [*compare.MAIN, *ablations.runs(self.study), *ablations.amount_runs(self.study)]
        return _judged(self.study, dict.fromkeys(wanted))

    def of(self, setting: str, variant: str = FULL) -> pd.DataFrame:
        return self.rows[(self.rows["setting"] == setting) & (self.rows["variant"] == variant)]

    def told_by(self, rows: pd.DataFrame, group: str) -> pd.DataFrame:
        """The rows of the tools whose hidden convention an "error" tells, or a "result"; "": of those without any."""
        return rows[rows["tool"].isin([tool for tool in self.tools if self.shown_by.get(tool, "") == group])]

    @cached_property
    def in_turn(self) -> pd.DataFrame | None:
        return forgetting.outcomes(self.study) if _learnt_here(self.study) else None

    @cached_property
    def arms(self) -> dict[float, Arm]:
        """The arms in sequence and in the plain order by their share of replay, with as many general tasks as the one
        whose share is nearest to the paper's has."""
        plain = [one for one in self._arms if one.kind == "sequential" and forgetting.in_order(one)]
        if not plain:
            return {}
        paper = min(plain, key=lambda one: abs(one.replay - claims.PAPER_REPLAY))
        return {one.replay: one for one in plain if one.general == paper.general}

    @property
    def _arms(self) -> list[Arm]:
        found = self.study.continual
        return found.arms if found is not None and _learnt_here(self.study) else []

    @property
    def no_arms(self) -> str:
        """Why there is no arm of some kind, where there is none."""
        return NO_PART if self.study.continual is None or _learnt_here(self.study) else TABLES_ONLY

    @cached_property
    def shares(self) -> dict[str, forgetting.Shares]:
        return {} if self.in_turn is None else forgetting.shares(self.in_turn)


def _against(table: pd.DataFrame, keys: list[str], value: str, a: str, b: str) -> pd.DataFrame:
    """The units that two variants share: the keys, and each one's value as `a` and `b`."""
    own, other = (table.loc[table["variant"] == one, [*keys, value]] for one in (a, b))
    return own.merge(other, on=keys, suffixes=("_a", "_b")).rename(columns={f"{value}_a": "a", f"{value}_b": "b"})


# --- the ten ----------------------------------------------------------------------------------------------------------


def answers(study: Study, shown_by: Mapping[str, str]) -> pd.DataFrame:
    """What a study says to all ten questions.

    Args:
        study: explored, exploited and compared.
        shown_by: of the tools that have a convention which their documentation leaves out, what tells it: "error" or
            "result"; other tools have none.

    Returns:
        The rows of `open_questions.csv`: `question, part, source` (experiment, audit, not from here), `hypothesis`,
        `tested` (1: a statement, 0: a description), `test, unit, n` (units), `tools, effect, ci_low, ci_high, p,
        p_holm, verdict, evidence`. A statement about what is not there has no effect and is undecided.

    Raises:
        UserError: no predictions at all, or an arm of continual learning that is not done.
    """
    case = _Case(study, shown_by)
    for ask in (_coverage, _analogy, _feedback, _reflection, _dependence, _depth, _exploitation, _kinds, _redundancy,
                _mechanisms):  # fmt: skip
        ask(case)
    return case.ledger.closed()


MEMORIES = {"no_long_term": "long-term", "no_short_term": "short-term"}


def _coverage(case: _Case) -> None:
    state, describe, estimate = case.ledger.state, case.ledger.describe, case.estimate
    early = [one for one in case.trials if one.episode < case.episodes // 2]
    optional, forms = arguments_covered(case.trials, case.tools), forms_covered(case.trials, case.items)
    item, argument = ["tool", "item", "seed"], ["tool", "argument", "seed"]
    for variant, memory in MEMORIES.items():
        missing = NOTHING if variant in case.variants else NO_PART

        def gained(table: pd.DataFrame, keys: list[str], what: str, variant: str = variant) -> Estimate | None:
            return estimate.paired(_against(table, keys, "covered", FULL, variant), 1, what, variant)

        state(
            1,
            f"{memory} memory covers more optional arguments",
            gained(optional, argument, "optional"),
            missing=missing,
        )
        state(1, f"{memory} memory covers more forms of test queries", gained(forms, item, "forms"), missing=missing)
        one = gained(forms_covered(early, case.items), item, "early")
        describe(1, f"forms gained by {memory} memory in the first half", one, missing=missing)
        one = gained(forms[forms["any"].astype(bool)], item, "ran")
        describe(1, f"at the end, of tools that ran with and without {memory} memory", one, missing=missing)
    if len(case.frame):
        keys = ["tool", "seed", "episode", "trial"]
        units = _against(case.frame[case.frame["later"]], keys, "repeats", FULL, "no_long_term")
        describe(1, "queries repeated with long-term memory, less without", estimate.paired(units, 1, "repeats"))
    full = forms.loc[forms["variant"] == FULL, [*item, "covered"]]
    worth = case.of(FT).merge(full, on=item).rename(columns={"covered": "group", METRIC: "right"})
    describe(1, "FT right where the form was covered, less where not", estimate.gap(worth, 1, "worth"),
             note="an association: hard tools are covered less and solved less")  # fmt: skip
    for variant, memory in MEMORIES.items():
        case.ledger.audit(1, f"without {memory} memory FT is less often right", _audited(case, variant))


def _audited(case: _Case, variant: str) -> pd.Series | None:
    """The audit's row on what the paper's FT loses without a part."""
    table = compare.audited(case.study, "comparisons")
    if table is None:
        return None
    own = table[(table["table"] == "ablation") & (table["verdict"] == "rule")]
    own = own[own["setting_a"].map(PAPER_VARIANTS) == variant]
    return own.iloc[0] if len(own) else None


def _analogy(case: _Case) -> None:
    hypothesis = "a little replay saves over half of what most replay saves"
    shares = sorted(case.arms)
    if len(shares) < 3 or shares[0]:
        missing = case.no_arms if not shares else f"{NOTHING}: it takes arms with none, little and much replay"
        case.ledger.state(2, hypothesis, None, missing=missing)
        return
    none, little, most = (case.shares[case.arms[one].name] for one in (shares[0], shares[1], shares[-1]))
    # over half: little - none > (most - none) / 2, and the measure is linear in what was right
    half = replace(none, batches=tuple((a + b) / 2 for a, b in zip(none.batches, most.batches, strict=True)))
    one = case.estimate.learnt(little, half, "backward_transfer", 2, "replay")
    note = f"backward transfer: {shares[1]:.0%} of the examples, less the mean of none and {shares[-1]:.0%}"
    case.ledger.state(2, hypothesis, one, note=note)


#: what tells a tool's hidden convention -> in words
GROUPS = {"error": "an error tells the convention", "result": "only a result tells it", "": "there is none to tell"}


def _feedback(case: _Case) -> None:
    variant, describe = "no_feedback", case.ledger.describe
    missing = NOTHING if variant in case.variants else NO_PART
    full, other = case.of(FT), case.of(FT, variant)
    for group, words in GROUPS.items():
        one = case.estimate.predicted(case.told_by(full, group), case.told_by(other, group), "questions", 3, group)
        (case.ledger.state if group else describe)(3, f"feedback helps FT where {words}", one, missing=missing)
    groups = [_by_tool(case.told_by(full, group), case.told_by(other, group)) for group in ("error", "")]
    one = case.estimate.between(*groups, 3, "contrast", n=sum(map(len, groups)))
    case.ledger.state(3, "it helps more where an error tells than where there is none to tell", one, missing=missing)
    if case.study.ablations is not None and case.study.ablations.equal_size:
        label = stages.label("tuned", EQUAL)
        for group, words in GROUPS.items():
            own = (case.told_by(case.of(label, one), group) for one in (FULL, variant))
            one = case.estimate.predicted(*own, "questions", 3, "equal", group)
            describe(3, f"with equally many examples, where {words}", one, missing=missing)
    met = errors_met(case.full, case.tools)
    describe(3, "errors overcome, of first calls refused", case.estimate.share(met, 3, "met"), unit="%")
    describe(3, "errors that name an argument are overcome more often by", case.estimate.gap(met, 3, "named"))
    case.ledger.audit(3, "without feedback FT is less often right", _audited(case, variant))


def _by_tool(a: pd.DataFrame, b: pd.DataFrame) -> pd.Series:
    """The paired difference of each tool, in points."""
    keys = ["tool", "item", "seed"]
    both = a[[*keys, METRIC]].merge(b[[*keys, METRIC]], on=keys, suffixes=("_a", "_b"))
    apart = both[f"{METRIC}_a"].astype(float) - both[f"{METRIC}_b"].astype(float)
    return 100 * apart.groupby(both["tool"]).mean()


def _reflection(case: _Case) -> None:
    variant, estimate = "no_reflection", case.estimate
    describe = case.ledger.describe
    missing = NOTHING if variant in case.variants else NO_PART
    one = estimate.predicted(case.of(FT, variant), case.of(FT), "ablations", FT, variant)
    case.ledger.state(4, "without reflection FT is less often right", one, missing=missing, below=True)
    if len(case.frame):
        told = case.frame[case.frame["variant"] == FULL].rename(columns={"ran": "group", "solved": "right"})
        describe(4, "called solved where a call ran, less where none did", estimate.gap(told, 4, "told"),
                 note="zero: its verdict does not tell them apart")  # fmt: skip
    other, reasons, missing = case.side("rationale"), None, _not_run(case, "rationale")
    if other is not None:
        asked = [one for one in case.explored(other) if one.reflection is not None]
        units = [(one.tool, gives_reason(one.reflection or "")) for one in asked]
        reasons, missing = estimate.share(pd.DataFrame(units, columns=["tool", "right"]), 4, "reasons"), NOTHING
    describe(4, "verdicts that come with a reason, when one is asked for", reasons, unit="%", missing=missing)
    case.ledger.audit(4, "without reflection FT is less often right", _audited(case, variant))


def _not_run(case: _Case, name: str) -> str:
    return f"{NOT_RUN}: side study {name}"


def _dependence(case: _Case) -> None:
    for variant in (FULL, "no_short_term"):
        own = [one for one in case.trials if one.variant == variant]
        found = [(one.tool, uses_earlier(one, case.tools[one.tool])) for one in own]
        for kind in ("result", "error"):
            units = pd.DataFrame([(tool, held == kind) for tool, held in found], columns=["tool", "right"])
            what = f"trials in which a call uses a value that only an earlier {kind} told ({variant.replace('_', ' ')})"
            one = case.estimate.share(units, 5, variant, kind)
            case.ledger.describe(5, what, one, unit="%", missing=NOTHING if variant in case.variants else NO_PART)


def _depth(case: _Case) -> None:
    state, estimate, parts = case.ledger.state, case.estimate, stages.amounts(case.study)
    for setting, label in (("tuned", FT), ("icl", ICL)):
        for part in dict.fromkeys([*parts[:1], *parts[-1:]]):
            name = stages.label(setting, part)
            one = estimate.predicted(case.of(name), case.of(label), "amount", name, setting)
            state(6, f"{name}: worse than all {case.episodes}", one, below=True)
        if not parts:
            state(6, f"{label}: less exploration is worse than all of it", None, missing=NO_PART, below=True)
    state(6, "with long-term memory, trials get better over episodes", _late(case),
          missing=NOTHING if "no_long_term" in case.variants else NO_PART,
          note="a call ran, last third less first third of the episodes, full less no long-term memory")  # fmt: skip
    told = case.told_by(after_errors(case.trials), "error")
    told = told[told["variant"].isin([FULL, "no_short_term"])]
    rates = (100 * told.groupby(["variant", "tool"])["first_ran"].mean()).unstack("variant")
    rates = rates.reindex(columns=[FULL, "no_short_term"])
    state(6, "after an error, remembering the episode makes first calls run",
          estimate.mean(rates[FULL] - rates["no_short_term"], 6, "discovery", n=len(told)),
          missing=NOTHING if "no_short_term" in case.variants else NO_PART,
          note="later trials of the episode, full less no short-term memory, mean over tools")  # fmt: skip
    _faulty(case)


def _late(case: _Case) -> Estimate | None:
    """How much more trials improve over episodes with long-term memory than without, in points."""
    if case.frame.empty or case.episodes < 2:
        return None
    frame, third = case.frame[case.frame["variant"].isin([FULL, "no_long_term"])], max(1, case.episodes // 3)
    ends = frame[frame["episode"] >= case.episodes - third], frame[frame["episode"] < third]
    late, early = (100 * one.groupby(["variant", "tool"])["ran"].mean() for one in ends)
    change = (late - early).unstack("variant").reindex(columns=[FULL, "no_long_term"])
    return case.estimate.mean(change[FULL] - change["no_long_term"], 6, "late", n=sum(map(len, ends)))


def _faulty(case: _Case) -> None:
    """What the judge refuses, and what training on it is worth."""
    hypothesis, other = "FT without the judge's filter is more often right", case.side("unfiltered")
    if other is None:
        case.ledger.state(6, hypothesis, None, missing=_not_run(case, "unfiltered"))
    else:
        one = case.estimate.predicted(_tuned(other), case.of(FT), "questions", 6, "unfiltered")
        counts = [sum(len(stages.examples(study, FULL, seed)) for seed in compare.seeds_of(case.study))
                  for study in (other, case.study)]  # fmt: skip
        case.ledger.state(6, hypothesis, one, note=f"{counts[0]:,} examples instead of {counts[1]:,}")
    cards = [stages.distilled_folder(case.study, FULL, seed) / "card.csv" for seed in compare.seeds_of(case.study)]
    found = [store.read_table(path) for path in cards if path.is_file()]
    refused = None
    if found:
        card = pd.concat(found).groupby("tool")[["judged_no", "judged"]].sum()
        card = card.drop(index=distill.TOTAL, errors="ignore")
        share = score.share(card["judged_no"], card["judged"], case.study, "questions", 6, "card")
        refused = Estimate(share, int(card["judged"].sum()), int((card["judged"] > 0).sum()))
    case.ledger.describe(6, "trials that the judge refuses, of those it is shown",
                         refused if refused and refused.n else None, unit="%")  # fmt: skip


def _judged(study: Study, runs: Iterable[compare.Run]) -> pd.DataFrame:
    """The outcomes of some runs, with what their verdicts rest on as `METRIC`; no task success where none is known."""
    rows = compare.outcomes(study, runs)
    return rows.assign(**{METRIC: rows[score.right(rows.columns)], "task_success": rows.get("task_success")})


def _tuned(study: Study) -> pd.DataFrame:
    """The fine-tuned answers of a side study; without any, an empty table."""
    return _judged(study, compare.MAIN).query("setting == @FT")


def _exploitation(case: _Case) -> None:
    icl, ft = case.of(ICL), case.of(FT)
    case.ledger.state(7, "fine-tuning is more often right than demonstrations",
                      case.estimate.predicted(ft, icl, "gains", FT, ICL))  # fmt: skip
    parts, where = [*stages.amounts(case.study), ALL], "at no amount"
    for part in parts:
        both = (case.of(stages.label(setting, part)) for setting in ("tuned", "icl"))
        one = case.estimate.predicted(*both, "questions", 7, part)
        if one is not None and one.found.low > 0:
            where = f"from episode {stages.episodes_of(part) or case.episodes}"
            break
    case.ledger.describe(7, "fine-tuning overtakes demonstrations, its whole interval above zero", None,
                         missing=f"{where} of {len(parts)} compared")  # fmt: skip
    keys = ["tool", "item", "seed"]
    both = ft[[*keys, METRIC]].merge(icl[[*keys, METRIC]], on=keys, suffixes=("_FT", "_ICL"))
    for wrong, right in ((FT, ICL), (ICL, FT)):
        units = both[~both[f"{METRIC}_{wrong}"].astype(bool)].rename(columns={f"{METRIC}_{right}": "right"})
        one = case.estimate.share(units, 7, wrong)
        case.ledger.describe(7, f"{right} right, of what {wrong} has wrong", one, unit="%")


def _kinds(case: _Case) -> None:
    other, chosen = case.side("families"), _replayed(case)
    missing = case.no_arms if not chosen else NOTHING if other else _not_run(case, "families")
    after = None
    if other is not None and chosen:
        try:
            after = forgetting.outcomes(other)
        except UserError:  # its rounds learnt examples that the study has since made anew
            missing = f"{NOTHING}: side study {other.name} is of other data, run it again"
    as_well, worse = "new kinds are learnt as well as mixed batches", "new kinds are kept worse than mixed batches"
    for words, arm in (chosen or {"with replay": None}).items():
        learnt = kept = None
        floor = missing
        if after is not None and case.in_turn is not None and arm is not None:
            rows = [_when(one, arm.name, "learnt") for one in (after, case.in_turn)]
            learnt, known = _apart(case, *rows, "learnt", arm.name), 100 * rows[1]["correct"].mean()
            if known < claims.MARGIN:  # a margin as wide as all there is to lose
                learnt, floor = None, f"{NOTHING}: mixed batches are {known:.1f} % right, less than the margin"
            kept = _apart(case, *(_when(one, arm.name, "end") for one in (after, case.in_turn)), "end", arm.name)
        # the test is against no difference, this hypothesis is not
        learnt = None if learnt is None else replace(learnt, p=np.nan)
        case.ledger.state(8, f"{as_well}, {words}", learnt, missing=floor, bound=-claims.MARGIN,
                          note=f"within {claims.MARGIN} points, a margin of ours" if learnt else "")  # fmt: skip
        case.ledger.state(8, f"{worse}, {words}", kept, missing=missing, below=True)
    for study, where in ((case.study, "mixed batches"), (other, "batches of one kind")):
        path = None if study is None else study.tables / "continual_summary.csv"
        found = None
        if path is not None and path.is_file() and chosen:
            own = store.read_table(path).query("measure == 'forward_transfer'").set_index("arm")
            row = own.loc[next(iter(chosen.values())).name]
            found = Estimate(Interval(row["value"], row["ci_low"], row["ci_high"]), 0, 0)
        case.ledger.describe(8, f"forward transfer to tools not yet learnt, {where}", found, missing=missing)


def _replayed(case: _Case) -> dict[str, Arm]:
    """Of the arms in sequence, the one with the paper's replay, or nearly, and the one with none."""
    found = {}
    if case.arms:
        paper = min(filter(None, case.arms), key=lambda share: abs(share - claims.PAPER_REPLAY), default=None)
        found = {} if paper is None else {"with replay": case.arms[paper]}
        if 0.0 in case.arms:
            found["without replay"] = case.arms[0.0]
    return found


def _when(rows: pd.DataFrame, arm: str, moment: str) -> pd.DataFrame:
    """An arm's answers at the end, or of each batch just after its own round."""
    own = rows[rows["arm"] == arm]
    return own[own["round"] == (own["round"].max() if moment == "end" else own["position"] + 1)]


def _apart(case: _Case, a: pd.DataFrame, b: pd.DataFrame, *label: object) -> Estimate | None:
    """Paired difference of two arms' answers to the same items."""
    keys = ["tool", "item", "seed", "correct"]
    both = a[keys].merge(b[keys], on=keys[:3]).rename(columns={"correct_x": "a", "correct_y": "b"})
    return case.estimate.paired(both, 8, *label)


def _redundancy(case: _Case) -> None:
    executed = case.rows["task_success"].notna().any()
    twins = case.study.listing().near_duplicates if executed else {}
    none = "no tools are declared near-duplicates" if executed else "no call was executed"
    gains, missing = {}, NOTHING if twins else none
    for setting, variant in ((BASELINE, NO_VARIANT), (ICL, FULL), (FT, FULL)):
        own = case.of(setting, variant)
        own = own[own["tool"].isin(list(twins))].rename(columns={"task_success": "a", METRIC: "b"})
        one = case.estimate.paired(own, 9, setting)
        case.ledger.state(9, f"{setting} loses to a single gold tool", one, missing=missing)
        gains[setting] = 100 * (own["a"].astype(float) - own["b"].astype(float)).groupby(own["tool"]).mean()
        one = case.estimate.share(own.assign(right=own["category"] == "near-duplicate"), 9, "twin", setting)
        case.ledger.describe(9, f"{setting} calls the twin, of these items", one, unit="%", missing=missing)
    apart = gains[ICL] - gains[FT]
    one = case.estimate.mean(apart, 9, "contrast", n=len(case.of(FT))) if apart.any() else None
    case.ledger.state(9, "a single gold tool costs ICL more than FT", one, missing=missing)


def _mechanisms(case: _Case) -> None:
    _interleaving(case)
    _orders(case)
    _curiosity(case)


def _interleaving(case: _Case) -> None:
    mixed = next((one for one in case._arms if one.kind == "interleaved"), None)
    if mixed is None:
        case.ledger.state(10, "interleaved practice ends higher than in turn", None, missing=case.no_arms)
        return
    others = [(f"in turn {words}", arm) for words, arm in _replayed(case).items()]
    others += [("all at once", arm) for arm in case._arms if arm.kind == "joint"]
    for words, arm in others:
        if arm.general != mixed.general:
            continue
        one = case.estimate.learnt(case.shares[mixed.name], case.shares[arm.name], "final_average", 10, arm.name)
        case.ledger.state(10, f"interleaved practice ends higher than {words}", one)


def _orders(case: _Case) -> None:
    alike: dict[tuple[float, int], list[Arm]] = {}
    for arm in case._arms:
        if arm.kind == "sequential":
            alike.setdefault((arm.replay, arm.general), []).append(arm)
    several = {key: arms for key, arms in alike.items() if len(arms) > 1}
    for (replay, general), arms in several.items():
        one = case.estimate.spread([case.shares[arm.name] for arm in arms], 10, "order", replay, general)
        case.ledger.state(10, f"the order of batches matters, {replay:.0%} replayed", one,
                          note=f"spread of {len(arms)} orders, biased upwards: its test decides")  # fmt: skip
    if not several:
        case.ledger.state(10, "the order of batches matters", None, missing=case.no_arms)


def _curiosity(case: _Case) -> None:
    other, state = case.side("novelty"), case.ledger.state
    hypotheses = ("asked for novelty, queries repeat less", "asked for novelty, it covers more forms of test queries",
                  "asked for novelty, FT is more often right")  # fmt: skip
    if other is None or not case.full:
        for number, hypothesis in enumerate(hypotheses):
            state(10, hypothesis, None, missing=_not_run(case, "novelty"), below=not number)
        return
    new = [one.model_copy(update={"variant": "novelty"}) for one in case.explored(other)]
    both = [*case.full, *new]
    frame = trajectories.frame(both).query("later")
    keys = ["tool", "seed", "episode", "trial"]
    counts = [sum(map(trajectories.requests, trials)) for trials in (new, case.full)]
    state(10, hypotheses[0], case.estimate.paired(_against(frame, keys, "repeats", "novelty", FULL), 10, "repeats"),
          below=True, note=f"{counts[0]:,} requests instead of {counts[1]:,}")  # fmt: skip
    units = _against(forms_covered(both, case.items), ["tool", "item", "seed"], "covered", "novelty", FULL)
    state(10, hypotheses[1], case.estimate.paired(units, 10, "forms"))
    state(10, hypotheses[2], case.estimate.predicted(_tuned(other), case.of(FT), "questions", 10, "novelty"))


# --- what is read -----------------------------------------------------------------------------------------------------


#: verdicts as answers to a statement put as a question
WORDS = {"supported": "Yes", "contradicted": "No", "undecided": "Undecided"}


def reading(table: pd.DataFrame, question: int) -> list[str]:
    """A question's rows for people, as lines of Markdown: its statements, what stands beside them, and the verdict."""
    own = table[table["question"] == question]
    stated = own[(own["tested"] == 1) | (own["source"] == "audit")]
    lines = [
        f"- {'The audit: ' if row.source == 'audit' else ''}{row.hypothesis}? **{WORDS[row.verdict]}**: {row.evidence}."
        for row in stated.itertuples()
    ]
    beside = own[(own["tested"] == 0) & (own["source"] == "experiment") & (own["evidence"] != NO_PART)]
    if len(beside):
        lines.append(
            "- Beside it: " + "; ".join(f"*{row.hypothesis}*: {row.evidence}" for row in beside.itertuples()) + "."
        )
    return [*lines, verdict(table, question)]


def verdict(table: pd.DataFrame, question: int) -> str:
    """The verdict line of a question: by experiment, by the audit, and what is not to be had from here."""
    own = table[table["question"] == question]
    said = []
    for source, name, chosen in (
        ("experiment", "Experiment", own[(own["source"] == "experiment") & (own["tested"] == 1)]),
        ("audit", "Audit", own[own["source"] == "audit"]),
    ):
        if len(chosen):
            counts = chosen["verdict"].value_counts()
            shown = ", ".join(
                f"{counts[one]} {one}" for one in ("supported", "contradicted", "undecided") if one in counts
            )
            empty = int(chosen["effect"].isna().sum()) if source == "experiment" else 0
            said.append(f"*{name}*: {shown}" + (f" ({empty} of them without data)" if empty else ""))
        elif source == "experiment":
            described = (own["source"] == "experiment").any()
            said.append("*Experiment*: description only" if described else "*Experiment*: none")
    return f"**Verdict.** {'. '.join(said)}. *Not from here*: {BEYOND[question]}."


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """The answers in short, a row a question: how many statements, and how they came out."""
    tested = table[table["tested"] == 1]
    rows = []
    for number, words in QUESTIONS.items():
        own = tested[tested["question"] == number]
        counts = {one: int((own["verdict"] == one).sum()) for one in ("supported", "contradicted")}
        undecided = own[own["verdict"] == "undecided"]
        rows.append({"question": f"{number}. {words}", "statements": len(own), **counts,
                     "undecided": int(undecided["effect"].notna().sum()),
                     "no data": int(undecided["effect"].isna().sum())})  # fmt: skip
    return pd.DataFrame(rows)
