"""Estimates, intervals, tests, power and forgetting measures, against hand-computed values and other routes."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.proportion import proportion_confint

from ste_core.scoring import stats


def test_percent_is_the_pooled_share_and_its_interval_holds_it():
    found = stats.percent([15, 9, 12, 3], [15, 15, 15, 10])
    assert found.value == pytest.approx(100 * 39 / 55) and found.tools == 4
    assert found.low < found.value < found.high


def test_percent_by_hand():
    """Three tools of equal size and a pseudo-tool of half a tool at each end: t with the moments of these."""
    found = stats.percent([15, 9, 12], [15, 15, 15])
    shares, weights = np.array([100, 60, 80, 0, 100]), np.array([1, 1, 1, 0.5, 0.5])
    centre = np.average(shares, weights=weights)
    variance = (weights * (shares - centre) ** 2).sum() / (weights.sum() - 1) / weights.sum()
    assert (found.centre, found.se, found.df) == pytest.approx((centre, variance**0.5, 3))
    half = scipy.stats.t.ppf(0.975, 3) * variance**0.5
    assert (found.low, found.high) == pytest.approx((centre - half, 100))  # within the scale


def test_percent_with_one_item_a_tool_is_near_the_agresti_coull_interval():
    """With one item a tool clusters are items, and the method comes near the known adjustment (of 1.9 successes)."""
    k = np.array([1] * 12 + [0] * 28)
    found = stats.percent(k, np.ones(40))
    low, high = proportion_confint(12, 40, method="agresti_coull")
    assert (found.low, found.high) == pytest.approx((100 * low, 100 * high), abs=2.5)


def test_percent_without_spread_says_what_so_few_tools_leave_unseen():
    nothing, everything = (stats.percent(np.full(12, k), np.full(12, 15)) for k in (0, 15))
    assert nothing.value == nothing.low == 0 and 5 < nothing.high < 30
    assert everything.value == everything.high == 100
    assert 100 - everything.low == pytest.approx(nothing.high)
    more = stats.percent(np.zeros(50), np.full(50, 15))
    assert 0 < more.high < nothing.high


def test_percent_of_nothing_is_nan_and_tools_without_items_drop_out():
    assert np.isnan(stats.percent([0, 0], [0, 0]).value)
    found = stats.percent([3, 0, 1], [4, 0, 4])
    assert found.value == 50 and found.tools == 2
    assert (stats.percent([5], [15]).low, stats.percent([5], [15]).high) == (0, 100)  # one tool tells nothing of others


def test_unequal_items_are_a_ratio_and_its_variance_is_the_linearised_one():
    k, n = np.array([2, 10, 3, 0, 7, 5]), np.array([4, 20, 3, 5, 10, 9])
    found = stats.estimate([stats._linear(100.0 * k[:, None], 100 * k.sum() / n.sum(), n[:, None])], stats.SHARES, 0.0)
    rest = k - k.sum() / n.sum() * n
    assert found.se == pytest.approx(100 * (rest.var(ddof=1) / 6) ** 0.5 / n.mean())
    assert found.value == pytest.approx(100 * k.sum() / n.sum())


def test_percent_refuses_impossible_counts():
    with pytest.raises(ValueError, match="0 <= k <= n"):
        stats.percent([3], [2])
    with pytest.raises(ValueError, match="shape"):
        stats.percent([3], [4, 4])


def test_clustering_widens_the_interval():
    clustered, spread = stats.percent([15] * 10 + [0] * 10, [15] * 20), stats.percent([8, 7] * 10, [15] * 20)
    assert clustered.high - clustered.low > 3 * (spread.high - spread.low)


def test_coverage_of_the_interval():
    """95 % intervals over 400 simulated samples of 25 tools hold the truth most of the time."""
    generator, hits = np.random.default_rng(1), 0
    for _ in range(400):
        found = stats.percent(generator.binomial(15, generator.beta(2, 1, size=25)), np.full(25, 15))  # mean 2/3
        hits += found.low <= 100 * 2 / 3 <= found.high
    assert hits >= 365  # P(fewer than 365 of 400 | 95 %) < 1 in 1,000


# --- seeds ---


def test_seeds_that_differ_widen_the_interval_and_cost_degrees_of_freedom():
    shares = np.random.default_rng(0).integers(0, 16, size=(30, 1)).astype(float)
    n = np.full((30, 3), 15)
    steady = stats.percent(np.clip(shares + np.array([0, 1, -1]) * (np.arange(30)[:, None] % 3 - 1), 0, 15), n)
    moved = stats.percent(np.clip(shares + np.array([-3, 0, 3]), 0, 15), n)
    assert moved.seeds == steady.seeds == 3
    assert moved.se > 1.2 * steady.se and moved.df < steady.df
    of_seed = np.clip(shares + np.array([-3, 0, 3]), 0, 15).mean(0) / 0.15
    assert moved.se**2 > of_seed.var(ddof=1) / 3


def test_deterministic_repetitions_count_once():
    k = np.array([15, 9, 12, 3, 8])
    once = stats.percent(k, np.full(5, 15))
    assert stats.percent(np.tile(k[:, None], 3), np.full((5, 3), 15)) == once
    a, b = np.array([True, False, True, False] * 3), np.array([False, False, True, False] * 3)
    tools = ["x", "x", "y", "z"] * 3
    one = stats.difference(a[:4], b[:4], tools[:4])
    again = stats.difference(a, b, tools, [0] * 4 + [1] * 4 + [2] * 4)
    assert (again.low, again.high, again.seeds) == pytest.approx((one.low, one.high, 1))


# --- differences ---


def test_difference_by_hand():
    tools = np.repeat(["a", "b", "c", "d"], 5)
    a = np.tile([True, True, True, False, True], 4)
    b = np.array([True] * 5 + [False] * 5 + [True, False, False, False, False] + [False] * 5)
    found = stats.difference(a, b, tools)
    assert found.value == pytest.approx(100 * (16 - 6) / 20)
    gaps, weights = np.array([-20, 80, 60, 80, -100, 100]), np.array([1, 1, 1, 1, 0.1, 0.1])
    centre = np.average(gaps, weights=weights)
    se = ((weights * (gaps - centre) ** 2).sum() / (weights.sum() - 1) / weights.sum()) ** 0.5
    assert (found.centre, found.se) == pytest.approx((centre, se))
    assert found.p() == pytest.approx(2 * scipy.stats.t.sf(centre / se, 3.2))
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    assert found.p_mcnemar == pytest.approx(scipy.stats.binomtest(only_a, only_a + only_b).pvalue)
    assert np.isnan(found.relative.value)  # B is right on two tools only


def test_without_pseudo_tools_it_is_students_t():
    gaps = np.random.default_rng(3).normal(4, 10, 20)
    found = stats.mean(gaps)
    theirs = scipy.stats.ttest_1samp(gaps, 0)
    interval = theirs.confidence_interval(0.95)
    assert (found.low, found.high, found.p()) == pytest.approx((interval.low, interval.high, theirs.pvalue))


def test_interval_and_test_agree():
    generator = np.random.default_rng(4)
    for _ in range(200):
        found = stats.change(generator.normal(generator.normal(0, 8), 20, 12))
        assert (found.p() < 0.05) == (not found.low <= 0 <= found.high)
        assert (found.p(-5) < 0.05) == (not found.low <= -5 <= found.high)


def test_relative_difference():
    tools = np.repeat(list("abcdef"), 4)
    a, b = np.arange(24) % 4 < 3, np.arange(24) % 4 < 1 + (np.arange(24) // 4) % 2
    found = stats.difference(a, b, tools).relative
    assert found.value == pytest.approx(100 * (18 / 9 - 1)) and found.low < found.value < found.high


def test_difference_of_equals_is_nought_and_not_certain():
    same = np.tile([True, False], 20)
    found = stats.difference(same, same, np.repeat(np.arange(20), 2).astype(str))
    assert (found.value, found.p(), found.p_mcnemar) == (0, 1, 1)
    assert -10 < found.low < 0 < found.high < 10


def test_difference_refuses_unpaired_input():
    with pytest.raises(ValueError, match="length"):
        stats.difference([True], [True, False], ["a", "b"])


def test_the_detectable_difference_is_detected_in_four_of_five_samples():
    generator, found = np.random.default_rng(5), []
    gaps = generator.normal(0, 20, 4_000)
    size = stats.change(gaps[:40]).detectable()
    for _ in range(1_000):
        sample = generator.choice(gaps, 40) + size
        found.append(stats.change(sample).p() < 0.05)
    assert 0.7 < np.mean(found) < 0.9


# --- forgetting ---


def run_of(matrix):
    """A matrix, round by batch, as a run with one tool a batch."""
    return [np.array(matrix, dtype=float)[:, batch][None, :] for batch in range(len(matrix))]


def test_forgetting_by_hand():
    parts = stats.forgetting(run_of([[80, 0, 0], [90, 70, 0], [60, 50, 75]]))
    found = {name: np.mean([one.mean() for one in arrays]) for name, arrays in parts.items()}
    assert found["final_average"] == pytest.approx((60 + 50 + 75) / 3)
    assert found["backward_transfer"] == pytest.approx(((60 - 80) + (50 - 70)) / 2)
    assert found["drop_from_best"] == pytest.approx(((90 - 60) + (70 - 50)) / 2)
    single = stats.forgetting_estimates(stats.forgetting(run_of([[42]])))
    assert single["final_average"].value == 42 and "backward_transfer" not in single


def test_a_matrix_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match="as many rounds as batches"):
        stats.forgetting([np.zeros((3, 2))] * 3)


def test_forgetting_intervals_agree_with_the_matrix_and_differences_are_paired():
    generator = np.random.default_rng(5)
    run = [generator.uniform(20, 90, size=(8, 3)) for _ in range(3)]
    worse = [batch - 10 for batch in run]
    first, second = (stats.forgetting(one) for one in (run, worse))
    own = stats.forgetting_estimates(first)
    assert own["final_average"].value == pytest.approx(np.mean([batch[:, 2].mean() for batch in run]))
    assert all(one.low < one.value < one.high for one in own.values())
    gap = stats.forgetting_estimates(
        {name: [a - b for a, b in zip(arrays, second[name], strict=True)] for name, arrays in first.items()}, gap=True
    )
    assert gap["final_average"].value == pytest.approx(10) and gap["backward_transfer"].value == pytest.approx(0)
    assert gap["final_average"].se < 0.8 * own["final_average"].se  # unpaired it would be 1.4 times as large


def test_variances_of_batches_add():
    generator = np.random.default_rng(6)
    batches = [generator.normal(5, spread, 12) for spread in (10, 30)]
    found, alone = stats.change(batches), [stats.change(one) for one in batches]
    assert found.se == pytest.approx((alone[0].se ** 2 + alone[1].se ** 2) ** 0.5 / 2)
    assert found.value == pytest.approx(np.mean([one.value for one in alone]))
