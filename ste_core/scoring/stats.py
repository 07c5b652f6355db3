"""Estimates with interval, test and power, all clustered by tool; seeds are a source of variance of their own.

>>> share = percent([15, 9, 12], [15, 15, 15])
>>> f"{share:.1f}", share.tools
('80.0 [14.6, 100.0]', 3)

Items of one tool share its documentation, its training data and often their wording, so tools (the paper: APIs), not
items, are the unit everywhere. One method serves all figures, chosen by simulation on this project's own results
(`benchmarks/coverage.py`, `results/bench/tables/coverage.csv`: nominal 95 % intervals by bootstrap covered as little as
79 % there, these cover at least 93 %):

- the mean over tools with Student's t, after adding *pseudo-tools* at the two ends of the scale, one of each, with a
  small weight: half a tool for shares, a tenth for differences. It is the adjustment of Agresti & Coull (1998) for
  proportions and of Agresti & Min (2005) for matched pairs, with tools in the place of items. It stands in for rare
  tools that a sample happened to miss, and gives an interval where all tools are alike (none right, or all). A share
  over batches has half a tool in all, a difference over batches a tenth in each;
- where there are several seeds, the variance between their figures is added, with Satterthwaite's degrees of freedom:
  tools and seeds both count as random. Seeds whose verdicts are all the same count once;
- a figure over batches is the mean of the batches' means, the variances of which add (tools within batches).

Interval and p-value are of the same t: an interval excludes a value exactly if the test rejects it. Nothing is drawn at
random.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats import contingency_tables

LEVEL = 0.95
POWER = 0.8

#: pseudo-tools at each end of the scale, in tools
SHARE_WEIGHT, DIFFERENCE_WEIGHT = 0.5, 0.1

SHARES, DIFFERENCES, UNBOUNDED = (0.0, 100.0), (-100.0, 100.0), (-np.inf, np.inf)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, in percent or points, with its interval and what tests and power need.

    Attributes:
        value: the figure itself; no adjustment moves it.
        low, high: the interval, within the scale and around the value.
        centre, se, df: of the t behind interval and tests: `centre` is the figure with the pseudo-tools.
        tools, seeds: how many there were.
    """

    value: float
    low: float
    high: float
    centre: float = np.nan
    se: float = np.nan
    df: float = np.nan
    tools: int = 0
    seeds: int = 1

    def __format__(self, spec: str) -> str:
        spec = spec or ".1f"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def p(self, bound: float = 0.0) -> float:
        """p-value, two-sided, of the hypothesis that the quantity is the bound."""
        if np.isnan(self.centre) or np.isnan(self.se):
            return np.nan
        if self.se == 0:
            return 1.0 if self.centre == bound else 0.0
        return float(2 * stats.t.sf(abs(self.centre - bound) / self.se, self.df))

    def detectable(self, level: float = LEVEL, power: float = POWER) -> float:
        """The difference from the bound that a two-sided test at this level finds with this power."""
        return float((stats.t.ppf(0.5 + level / 2, self.df) + stats.t.ppf(power, self.df)) * self.se)


NOTHING = Estimate(np.nan, np.nan, np.nan)


def estimate(
    strata: Sequence[ArrayLike],
    scale: tuple[float, float],
    weight: float,
    *,
    level: float = LEVEL,
    value: float | None = None,
) -> Estimate:
    """The mean of the strata's means, with tools and seeds at random.

    Args:
        strata: one array a batch of tools (most figures have one), shape (tools,) or (tools, seeds), the same seeds in
            all; nan where a tool has nothing for a seed.
        scale: the least and the largest value of a tool; infinite for a quantity without bounds, which has no
            pseudo-tools.
        weight: pseudo-tools at each end of the scale, of every stratum.
        value: the figure to show, where it is not the mean (the ratio of sums with unequal items).
    """
    arrays = [_by_seed(one) for one in strata]
    arrays = [one for one in arrays if one.size]
    if not arrays:
        return NOTHING
    if all(_same_in_all_seeds(one) for one in arrays):  # deterministic repetitions count once
        arrays = [one[:, :1] for one in arrays]
    weight = weight if np.isfinite(scale).all() else 0.0
    seeds, batches = arrays[0].shape[1], len(arrays)
    centre, parts = 0.0, []
    for array in arrays:
        tools = np.nanmean(array, axis=1)
        size = tools.size + 2 * weight
        middle = (tools.sum() + weight * sum(scale)) / size if weight else tools.mean()
        squares = ((tools - middle) ** 2).sum()
        if weight:
            squares += weight * sum((end - middle) ** 2 for end in scale)
        centre += middle / batches
        if size > 1:
            parts.append((squares / (size - 1) / size / batches**2, size - 1))
        else:
            parts.append((np.nan, np.nan))
    if seeds > 1:
        parts.append((_of_seeds(arrays), seeds - 1))
    variance = float(sum(part for part, _ in parts))
    spent = sum(part**2 / df for part, df in parts)
    df = variance**2 / spent if spent > 0 else max(1.0, sum(one.shape[0] - 1 for one in arrays))
    se = float(np.sqrt(variance))
    shown = float(np.mean([np.nanmean(one, axis=1).mean() for one in arrays])) if value is None else value
    half = stats.t.ppf(0.5 + level / 2, df) * se
    low, high = scale if np.isnan(half) else (centre - half, centre + half)
    low, high = max(min(low, shown), scale[0]), min(max(high, shown), scale[1])
    return Estimate(shown, float(low), float(high), float(centre), se, float(df), sum(map(len, arrays)), seeds)


def percent(k: ArrayLike, n: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """Percentage `100 * sum(k) / sum(n)` with its interval over tools, and seeds where there are several.

    Args:
        k: successes a tool, shape (tools,) or (tools, seeds).
        n: items a tool, of the same shape; tools without an item drop out.

    Raises:
        ValueError: shapes differ, or not 0 <= k <= n.
    """
    k, n = _by_seed(k), _by_seed(n)
    if k.shape != n.shape:
        raise ValueError(f"k and n differ in shape: {k.shape}, {n.shape}")
    if (n < k).any() or (k < 0).any():
        raise ValueError("expected 0 <= k <= n for every tool")
    used = n.sum(axis=1) > 0
    if not used.any():
        return NOTHING
    k, n = k[used], n[used]
    value = 100 * k.sum() / n.sum()
    return estimate([_linear(100 * k, value, n)], SHARES, SHARE_WEIGHT, level=level, value=value)


def mean(values: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """The mean over tools of a quantity without bounds, shape (tools,) or (tools, seeds)."""
    return estimate([values], UNBOUNDED, 0.0, level=level)


def change(values: ArrayLike | Sequence[ArrayLike], *, level: float = LEVEL) -> Estimate:
    """The mean over tools of differences between percentages, in points; a list of arrays is one a batch."""
    strata = values if isinstance(values, list | tuple) and np.ndim(values[0]) else [values]
    return estimate(strata, DIFFERENCES, DIFFERENCE_WEIGHT, level=level)


@dataclass(frozen=True, slots=True)
class Difference(Estimate):
    """A paired difference A - B in points.

    `relative` is the same gain in percent of B (nan where B is hardly ever right). `p_mcnemar` is McNemar's exact test
    on items, a second opinion that takes items for independent, and is too sure where they are not.
    """

    p_mcnemar: float = np.nan
    relative: Estimate = NOTHING


def difference(
    a: ArrayLike, b: ArrayLike, tools: Sequence[str], seeds: Sequence[int] | None = None, *, level: float = LEVEL
) -> Difference:
    """Paired difference in percent right between A and B on the same items.

    Args:
        a, b: verdicts of the two systems on the same items in the same order, booleans, shape (items,).
        tools: each item's tool, shape (items,).
        seeds: each item's seed, shape (items,); None for one run.

    Raises:
        ValueError: lengths differ.
    """
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    seeds = [0] * len(tools) if seeds is None else seeds
    if not a.shape == b.shape == (len(tools),) == (len(seeds),):
        raise ValueError(f"a, b, tools and seeds differ in length: {a.shape}, {b.shape}, {len(tools)}, {len(seeds)}")
    names, row = np.unique(np.asarray(tools), return_inverse=True)
    runs, column = np.unique(np.asarray(seeds), return_inverse=True)
    shape = (names.size, runs.size)
    right_a, right_b, n = (
        np.bincount(row * runs.size + column, weights=w, minlength=names.size * runs.size).reshape(shape)
        for w in (a, b, np.ones(a.size))
    )
    value = 100 * (right_a.sum() - right_b.sum()) / n.sum()
    made = estimate(
        [_linear(100 * (right_a - right_b), value, n)], DIFFERENCES, DIFFERENCE_WEIGHT, level=level, value=value
    )
    shown = {name: getattr(made, name) for name in Estimate.__dataclass_fields__}
    return Difference(**shown, p_mcnemar=mcnemar(a, b), relative=_relative(right_a, right_b, level))


def mcnemar(a: ArrayLike, b: ArrayLike) -> float:
    """p-value of McNemar's exact test on paired booleans."""
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    table = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    return float(contingency_tables.mcnemar(table, exact=True).pvalue)


# --- forgetting -------------------------------------------------------------------------------------------------------

FORGETTING = {
    "final_average": "mean correctness over all batches after the last round",
    "backward_transfer": "mean change of earlier batches since they were learnt (Lopez-Paz & Ranzato 2017)",
    "drop_from_best": "mean drop of earlier batches from their best round to the last (Chaudhry et al. 2018)",
}


def forgetting(run: Sequence[Floats]) -> dict[str, list[Floats]]:
    """What each tool adds to the three measures: a measure is the mean over batches of the mean over tools.

    Args:
        run: one array a batch in the order of learning, shape (tools, rounds) or (tools, rounds, seeds), percent right
            of each tool after each round; read only from the round in which the batch was learnt.

    Returns:
        By the names of `FORGETTING`, one array a batch, shape (tools,) or (tools, seeds); of the last two measures the
        earlier batches only (none, where there is one batch). The best round is that of the batch's mean.
    """
    last = len(run) - 1
    if any(batch.shape[1] != len(run) for batch in run):
        raise ValueError(f"expected as many rounds as batches, got {run[0].shape[1]} x {len(run)}")
    found: dict[str, list[Floats]] = {name: [] for name in FORGETTING}
    for number, batch in enumerate(run):
        final = batch[:, last]
        found["final_average"].append(final)
        if number < last:
            found["backward_transfer"].append(final - batch[:, number])
            found["drop_from_best"].append(batch[:, best_round(batch, number, last)] - final)
    return found


def best_round(batch: Floats, first: int, last: int) -> int:
    """The round, from the first to before the last, after which a batch stood best."""
    means = batch[:, first:last].mean(axis=tuple(axis for axis in range(batch.ndim) if axis != 1))
    return first + int(np.argmax(means))


def forgetting_estimates(
    parts: Mapping[str, Sequence[Floats]], *, gap: bool = False, level: float = LEVEL
) -> dict[str, Estimate]:
    """The measures of `forgetting` with their intervals; those without a batch are left out.

    Args:
        parts: of one run, or one run's less another's.
        gap: whether it is the latter, so that the final average, too, is a difference.
    """
    shares = set() if gap else {"final_average", "learning_accuracy"}
    found = {}
    for name, arrays in parts.items():
        if len(arrays) and name in shares:
            found[name] = estimate(arrays, SHARES, SHARE_WEIGHT / len(arrays), level=level)
        elif len(arrays):
            found[name] = change(list(arrays), level=level)
    return found


# --- helpers ----------------------------------------------------------------------------------------------------------


def _by_seed(values: ArrayLike) -> Floats:
    """Shape (tools, seeds)."""
    found = np.asarray(values, dtype=float)
    return found[:, None] if found.ndim == 1 else found


def _same_in_all_seeds(array: Floats) -> bool:
    return array.shape[1] > 1 and bool(np.array_equal(array, array[:, :1].repeat(array.shape[1], 1), equal_nan=True))


def _linear(total: Floats, value: float, n: Floats) -> Floats:
    """Each tool's part of a ratio of sums, so that their mean is the ratio; of equal items simply its share."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = value + (total - value * n) / n.mean()
        return np.where(n > 0, found, np.nan) if n.shape[1] > 1 else found


def _of_seeds(arrays: Sequence[Floats]) -> float:
    """The variance of the figure that comes from seeds: that between the seeds' own figures.

    What tools and items add to it by chance is not taken off again, so that it errs on the wide side.
    """
    of_seed = np.mean([np.nanmean(one, axis=0) for one in arrays], axis=0)
    return float(of_seed.var(ddof=1)) / of_seed.size


def _relative(right_a: Floats, right_b: Floats, level: float) -> Estimate:
    """A gain in percent of B, by Student's t on the logarithm of the ratio."""
    if np.count_nonzero(right_b.sum(1)) < 3 or not right_a.any():
        return NOTHING
    ratio = right_a.sum() / right_b.sum()
    log = estimate([np.log(ratio) + right_a / right_a.mean() - right_b / right_b.mean()], UNBOUNDED, 0.0, level=level)
    value, low, high = (100 * (np.exp(one) - 1) for one in (np.log(ratio), log.low, log.high))
    return Estimate(float(value), float(low), float(high), tools=log.tools, seeds=log.seeds)
