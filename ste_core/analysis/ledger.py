"""The ledger of the open questions: estimates, and the statements that they decide.

>>> ledger = Ledger()
>>> found = stats.Estimate(4.0, 1.0, 7.0, centre=4.0, se=1.5, df=49)
>>> ledger.state(1, "memory helps", Estimate(found, n=100, tools=50))
>>> ledger.closed()["verdict"].tolist()
['supported']

An `Estimator` makes estimates at a study's level (`scoring.stats`). A `Ledger` keeps rows and closes them by the one
rule of `scoring.verdicts`: the statements on this page are one family, but for contrasts that another table has, which
keep the p-value of their own family there. What left nothing to compare is a row as well: inconclusive, and it says
why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ste_core.analysis import compare, forgetting
from ste_core.core.config import Study
from ste_core.scoring import score, stats, verdicts

COLUMNS = ("question", "part", "source", "hypothesis", "tested", "test", "unit", "n", "tools", "effect", "ci_low",
           "ci_high", "p", "family", "p_holm", "detectable", "verdict", "evidence")  # fmt: skip

#: what a statement rests on, and the family of those that no other table has
TESTED, FAMILY = "tools and seeds at random, Holm", "open questions"

NOTHING = "nothing to compare"

#: the verdict that the answers are about; in rows that were not executed the rule's stands there, see `questions`
METRIC = "correct_execution"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, in percent or points, of `n` units.

    Attributes:
        found: the figure; its test against a bound is its own (`stats.Estimate.p`).
        tested: whether there is a test, or the figure only describes.
        p: of a test of its own, where it is not that of the figure.
        p_holm: corrected in the family of another table, if it belongs to one.
    """

    found: stats.Estimate
    n: int
    tools: int
    tested: bool = True
    p: float | None = None
    p_holm: float = np.nan
    family: str = ""


@dataclass(frozen=True, slots=True)
class Estimator:
    """The estimates that the questions need, at a study's level."""

    study: Study

    def paired(self, units: pd.DataFrame) -> Estimate | None:
        """Percent right of `a` less `b`, booleans of the same units, in points; None where neither is ever right.

        Args:
            units: `tool, a, b`, and `seed` where there are several.
        """
        if not (units["a"].any() or units["b"].any()):
            return None
        seeds = units["seed"] if "seed" in units else None
        one = stats.difference(units["a"], units["b"], units["tool"].tolist(), seeds, level=self._level)
        return Estimate(one, len(units), units["tool"].nunique())

    def predicted(
        self, a: pd.DataFrame, b: pd.DataFrame, *, p_holm: float = np.nan, family: str = ""
    ) -> Estimate | None:
        """Paired difference of two tables of `compare.outcomes`; None where neither is ever right."""
        one = compare.paired(a, b, self.study, METRIC)
        if one is None or not (a[METRIC].any() or b[METRIC].any()):
            return None
        tools = len({*a["tool"]} & {*b["tool"]})
        return Estimate(one[1], one[0], tools, p_holm=p_holm, family=family)

    def mean(self, values: pd.Series, n: int | None = None) -> Estimate | None:
        """The mean of a difference that each tool has.

        Args:
            values: in points, the index names tools; tools without one are missing.
        """
        values = values.dropna()
        if values.empty:
            return None
        return Estimate(stats.change(values.to_numpy(float), level=self._level), n or len(values), len(values))

    def between(self, a: pd.Series, b: pd.Series, n: int) -> Estimate | None:
        """The mean of one group of tools less that of another."""
        a, b = a.dropna(), b.dropna()
        if min(len(a), len(b)) < 2:
            return None
        return Estimate(stats.apart(a, b, level=self._level), n, len(a) + len(b))

    def share(self, units: pd.DataFrame) -> Estimate | None:
        """Percent of units that are `right`.

        Args:
            units: `tool, right`.
        """
        if units.empty:
            return None
        group = units.groupby("tool")["right"]
        return Estimate(score.share(group.sum(), group.size(), self.study), len(units), group.ngroups, tested=False)

    def gap(self, units: pd.DataFrame) -> Estimate | None:
        """Percent right where `group` is true less where it is false: an association, without a test.

        Args:
            units: `tool, group, right`.
        """
        if units["group"].nunique() < 2:
            return None
        groups = [units[units["group"] == one].groupby("tool")["right"] for one in (True, False)]
        tools = sorted(set(units["tool"]))
        counts = [one.reindex(tools, fill_value=0).to_numpy(float)
                  for group in groups for one in (group.sum(), group.size())]  # fmt: skip
        return Estimate(stats.gap(*counts, level=self._level), len(units), len(tools), tested=False)

    def learnt(self, a: forgetting.Shares, b: forgetting.Shares, measure: str) -> Estimate:
        """A measure of continual learning of one arm less another's."""
        found = forgetting.estimates((replace(a, exam=None), replace(b, exam=None)), level=self._level)
        tools = sum(len(batch) for batch in a.batches)
        return Estimate(found[measure], tools, tools)

    def spread(self, runs: Sequence[forgetting.Shares], *label: object) -> Estimate:
        """How far the final averages of some arms lie apart, the largest less the smallest.

        Tools are resampled within their batch, for all arms at once. The test asks how often a spread as large comes
        about if, within each tool, what the arms got right is dealt to them by chance: a difference of extremes is
        never below zero, so its interval alone says nothing.
        """
        rng, resamples = self.study.rng("questions", *label), self.study.statistics.resamples
        last = [
            np.stack([run.batches[batch][:, -1].reshape(len(run.batches[batch]), -1).mean(1) for run in runs])
            for batch in range(len(runs[0].batches))
        ]

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
        return Estimate(stats.Estimate(value, float(low), float(high)), tools, tools, p=p)

    @property
    def _level(self) -> float:
        return self.study.statistics.level


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
        """A loss, by the paper's own runs, tested and corrected in the audit's family."""
        one = None if row is None else Estimate(
            stats.Estimate(row["difference"], row["ci_low"], row["ci_high"]), int(row["n"]), 0, p_holm=row["p_holm"],
            family="ablation",
        )  # fmt: skip
        self._add(question, hypothesis, one, "the audit has not run", "points", "", tested=0, below=True,
                  source="audit")  # fmt: skip

    def _add(
        self, question: int, hypothesis: str, one: Estimate | None, missing: str, unit: str, note: str, *, tested: int,
        below: bool = False, bound: float = 0.0, source: str = "experiment",
    ) -> None:  # fmt: skip
        found = stats.NOTHING if one is None else one.found
        decision, p = verdicts.Decision(np.nan, "neither"), np.nan
        if one is not None and (tested or source == "audit"):
            decision = verdicts.decide(found, "below" if below else "above", bound)
            if pd.isna(found.centre):  # a figure without a test of its own: its side is the estimate's
                stated = found.value < bound if below else found.value > bound
                decision = verdicts.Decision(np.nan if one.p is None else one.p, "for" if stated else "against")
            p = decision.p if one.p is None else one.p
        self.rows.append(
            {"question": question, "source": source, "hypothesis": hypothesis, "tested": tested,
             "test": TESTED if tested and one is not None else "", "unit": unit, "n": 0 if one is None else one.n,
             "tools": 0 if one is None else one.tools, "effect": found.value, "ci_low": found.low,
             "ci_high": found.high, "p": p, "side": decision.side, "detectable": found.detectable(),
             "family": "" if one is None else one.family, "own_p_holm": np.nan if one is None else one.p_holm,
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
        own = (table["tested"] == 1) & (table["family"] == "") & table["p"].notna()
        table.loc[own, "family"] = FAMILY
        table["p_holm"] = verdicts.holm(table["p"].where(own)).where(own, table["own_p_holm"])
        table["verdict"] = [self._verdict(row) for row in table.itertuples()]
        table["evidence"] = [self._evidence(row) for row in table.itertuples()]
        return table[list(COLUMNS)]

    @staticmethod
    def _verdict(row: Any) -> str:
        if not (row.tested or row.source == "audit"):
            return ""
        return verdicts.INCONCLUSIVE if row.missing else verdicts.word(row.side, row.p_holm)

    @staticmethod
    def _evidence(row: Any) -> str:
        if row.source == "not from here":
            return ""
        if row.missing:
            return row.missing
        sign = "+" if row.unit == "points" else ""
        text = f"{stats.Estimate(row.effect, row.ci_low, row.ci_high):{sign}.1f} {row.unit}"
        if not pd.isna(row.p_holm):
            text += f", {verdicts.show_p(row.p_holm, 'Holm p')}"
        if row.verdict == verdicts.INCONCLUSIVE and not pd.isna(row.detectable):
            text += f", {verdicts.seen(row.detectable)}"
        return text + (f" ({row.tools} tools)" if row.tools else "") + (f"; {row.note}" if row.note else "")
