"""The ledger of the open questions: estimates, and the statements that they decide.

>>> ledger = Ledger()
>>> ledger.state(1, "memory helps", Estimate(Interval(4.0, 1.0, 7.0), n=100, tools=50, p=0.01))
>>> ledger.closed()["verdict"].tolist()
['supported']

An `Estimator` makes estimates at a study's level; tools are resampled (where batches are learnt, within their batch)
and seeds put together; p-values are of permutations over tools. A `Ledger` keeps rows and closes them: Holm's
correction over all statements that rest on a test, one family, and verdicts by the whole interval and the test together
(`claims.above`). What left nothing to compare is a row as well: undecided, and it says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from ste_core.analysis import claims, compare, forgetting
from ste_core.core.config import Study
from ste_core.scoring import score, stats
from ste_core.scoring.stats import Interval

COLUMNS = ("question", "part", "source", "hypothesis", "tested", "test", "unit", "n", "tools", "effect", "ci_low",
           "ci_high", "p", "p_holm", "verdict", "evidence")  # fmt: skip

#: what a statement rests on
PERMUTED, RESAMPLED = "permutation over tools, Holm", "bootstrap over tools"

NOTHING = "nothing to compare"

#: the verdict that the answers are about; in rows that were not executed the rule's stands there, see `questions`
METRIC = "correct_execution"


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


@dataclass
class Ledger:
    """The rows of the answers; `closed` corrects their p-values and gives their verdicts.

    Attributes:
        beyond: of each question, what no study can tell: its last row.
    """

    beyond: Mapping[int, str] = field(default_factory=dict)
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
        for question, text in self.beyond.items():
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
