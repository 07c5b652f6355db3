"""Intervals, paired tests and forgetting measures, all clustered by tool.

>>> k, n = np.array([15, 9, 12]), np.array([15, 15, 15])
>>> percent(k, n, rng=np.random.default_rng(0)).value
80.0

Items of one tool share its documentation, its training data and often their wording, so tools (the paper: APIs), not
items, are the unit of resampling everywhere. scipy and statsmodels do the work; randomness is an explicit generator.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as _mcnemar
from statsmodels.stats.multitest import multipletests

LEVEL = 0.95
RESAMPLES = 9_999


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval, in percent or percentage points."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        spec = spec or ".1f"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference A - B in percentage points, with two tests of "no difference".

    `relative` is the same gain in percent of B (nan where B is hardly ever right). `p` is a permutation test that
    exchanges A and B tool by tool; `p_mcnemar` McNemar's exact test on items, a second opinion that takes items for
    independent (and is too sure where they are not).
    """

    value: float
    low: float
    high: float
    p: float
    p_mcnemar: float
    relative: Interval


def percent(
    k: ArrayLike, n: ArrayLike, *, rng: np.random.Generator, level: float = LEVEL, resamples: int = RESAMPLES
) -> Interval:
    """Percentage `100 * sum(k) / sum(n)` with a bootstrap interval (BCa) over tools.

    Where every tool has the same share (all right, or none), resampling shows no spread; then the exact binomial
    (Clopper-Pearson) interval with one draw a tool stands in, the widest that clustering can make it.

    Args:
        k: successes a tool, shape (tools,).
        n: items a tool, shape (tools,); tools without an item drop out.
        rng: generator of the resampling.
    """
    k, n = _used(k, n)
    if n.size == 0:
        return Interval(np.nan, np.nan, np.nan)
    value = 100 * k.sum() / n.sum()
    if np.ptp(k / n) == 0:
        exact = stats.binomtest(round(value / 100 * n.size), n.size).proportion_ci(level, method="exact")
        return Interval(value, min(value, 100 * exact.low), max(value, 100 * exact.high))
    low, high = _bootstrap((k, n), lambda k, n, axis: 100 * k.sum(axis) / n.sum(axis), True, rng, level, resamples)
    return Interval(value, low, high)


def mean(values: ArrayLike, *, rng: np.random.Generator, level: float = LEVEL, resamples: int = RESAMPLES) -> Interval:
    """The mean of a quantity that each tool has, shape (tools,), with a bootstrap interval (BCa) over tools.

    Where every tool has the same, resampling shows no spread, and the interval is the value alone.
    """
    found = np.asarray(values, dtype=float)
    if found.size == 0:
        return Interval(np.nan, np.nan, np.nan)
    value = float(found.mean())
    if np.ptp(found) == 0:
        return Interval(value, value, value)
    low, high = _bootstrap((found,), lambda x, axis: x.mean(axis), False, rng, level, resamples)
    return Interval(value, low, high)


def difference(
    a: ArrayLike,
    b: ArrayLike,
    tools: Sequence[str],
    *,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Difference:
    """Paired difference in percent right between A and B on the same items.

    Args:
        a, b: verdicts of the two systems on the same items in the same order, booleans, shape (items,).
        tools: each item's tool, shape (items,).
        rng: generator of resampling and permutation.
    """
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if not a.shape == b.shape == (len(tools),):
        raise ValueError(f"a, b and tools differ in length: {a.shape}, {b.shape}, {len(tools)}")
    _, cluster = np.unique(np.asarray(tools), return_inverse=True)
    right_a, right_b, n = (np.bincount(cluster, weights=w) for w in (a, b, np.ones(a.size)))
    value = 100 * (right_a.sum() - right_b.sum()) / n.sum()
    p_mcnemar = mcnemar(a, b)
    ratio = 100 * (right_a.sum() / right_b.sum() - 1) if right_b.any() else np.nan
    if np.ptp((right_a - right_b) / n) == 0:  # every tool alike: no spread to resample
        p = 1.0 if value == 0 else 2.0 ** (1 - n.size)
        return Difference(value, value, value, p, p_mcnemar, Interval(ratio, ratio, ratio))
    low, high = _bootstrap(
        (right_a, right_b, n), lambda a, b, n, axis: 100 * (a - b).sum(axis) / n.sum(axis), True, rng, level, resamples
    )
    p = stats.permutation_test(
        (right_a, right_b), lambda a, b, axis: (a - b).sum(axis), permutation_type="samples", vectorized=True,
        n_resamples=resamples, rng=rng,
    ).pvalue  # fmt: skip
    relative = Interval(np.nan, np.nan, np.nan)
    if np.count_nonzero(right_b) > 2:  # else resamples without a right answer of B are common
        pair = (right_a, right_b)
        bounds = _bootstrap(pair, lambda a, b, axis: 100 * (a.sum(axis) / b.sum(axis) - 1), True, rng, level, resamples)
        relative = Interval(ratio, *bounds)
    return Difference(value, low, high, float(p), p_mcnemar, relative)


def mcnemar(a: ArrayLike, b: ArrayLike) -> float:
    """p-value of McNemar's exact test on paired booleans."""
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    table = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    return float(_mcnemar(table, exact=True).pvalue)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm-corrected p-values of one table's tests, shape (tests,)."""
    p = np.asarray(p, dtype=float)
    return multipletests(p, method="holm")[1] if p.size else p


# --- forgetting -------------------------------------------------------------------------------------------------------

FORGETTING = {
    "final_average": "mean correctness over all batches after the last round",
    "backward_transfer": "mean change of earlier batches since they were learnt (Lopez-Paz & Ranzato 2017)",
    "drop_from_best": "mean drop of earlier batches from their best round to the last (Chaudhry et al. 2018)",
}


def forgetting(matrix: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """The three measures of a round x batch matrix of percentages.

    Args:
        matrix: shape (..., rounds, batches), rounds == batches; entry (i, j) is batch j after round i and is read only
            where j <= i. Leading axes (resamples) are kept.

    Returns:
        `final_average`, `backward_transfer`, `drop_from_best` (see `FORGETTING`), each of the leading shape. With one
        round there is nothing earlier to forget: the last two are nan.
    """
    m = np.asarray(matrix, dtype=float)
    last = m.shape[-1] - 1
    if m.shape[-2] != m.shape[-1]:
        raise ValueError(f"expected as many rounds as batches, got {m.shape[-2]} x {m.shape[-1]}")
    final = m[..., last, :]
    if last == 0:
        nothing = np.full(m.shape[:-2], np.nan)
        return {"final_average": final.mean(-1), "backward_transfer": nothing, "drop_from_best": nothing}
    learnt = np.stack([m[..., j, j] for j in range(last)], -1)
    best = np.stack([m[..., j:last, j].max(-1) for j in range(last)], -1)
    return {
        "final_average": final.mean(-1),
        "backward_transfer": (final[..., :last] - learnt).mean(-1),
        "drop_from_best": (best - final[..., :last]).mean(-1),
    }


def forgetting_intervals(
    runs: Sequence[Sequence[NDArray[np.float64]]],
    *,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> list[dict[str, Interval]]:
    """Forgetting measures with bootstrap intervals (percentile), tools resampled within their batch.

    Args:
        runs: one or two runs over the same batches and tools. A run is one array a batch, shape (tools, rounds):
            percent right of each tool after each round (nan before it was learnt).

    Returns:
        One dict of measures a run; with two runs a third, the difference first - second on the same resamples.
    """

    def measures(*picks: NDArray[np.intp], axis: int) -> NDArray[np.float64]:
        rows = []
        for run in runs:
            # (..., tools, rounds) -> (..., rounds) a batch -> (..., rounds, batches)
            pairs = zip(run, picks, strict=True)
            matrix = np.stack([batch[np.moveaxis(pick, axis, -1)].mean(-2) for batch, pick in pairs], -1)
            rows.append(np.stack(list(forgetting(matrix).values()), 0))
        if len(rows) == 2:
            rows.append(rows[0] - rows[1])
        return np.concatenate(rows, 0)

    picks = tuple(np.arange(len(batch)) for batch in runs[0])
    values = measures(*picks, axis=-1)
    draw = stats.bootstrap(
        picks, measures, vectorized=True, paired=False, method="percentile", n_resamples=resamples,
        confidence_level=level, rng=rng, batch=1_000,
    ).confidence_interval  # fmt: skip
    flat = [Interval(float(v), float(a), float(b)) for v, a, b in zip(values, draw.low, draw.high, strict=True)]
    size = len(FORGETTING)
    return [dict(zip(FORGETTING, flat[i : i + size], strict=True)) for i in range(0, len(flat), size)]


# --- helpers ----------------------------------------------------------------------------------------------------------


def _used(k: ArrayLike, n: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    k, n = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    if k.shape != n.shape:
        raise ValueError(f"k and n differ in shape: {k.shape}, {n.shape}")
    if (n < k).any() or (k < 0).any():
        raise ValueError("expected 0 <= k <= n for every tool")
    return k[n > 0], n[n > 0]


def _bootstrap(samples, statistic, paired, rng, level, resamples) -> tuple[float, float]:
    def interval(method: str) -> tuple[float, float]:
        # a few tools: a resample may hold none that is right, or no spread at all
        with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = stats.bootstrap(
                samples, statistic, paired=paired, vectorized=True, n_resamples=resamples, confidence_level=level,
                method=method, rng=rng,
            ).confidence_interval  # fmt: skip
        return float(found.low), float(found.high)

    if len(samples[0]) > 2:
        low, high = interval("BCa")
        if not (np.isnan(low) or np.isnan(high)):
            return low, high
    return interval("percentile")  # where BCa has no answer
