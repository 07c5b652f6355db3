"""Intervals, tests and forgetting measures, against hand-computed values and other routes to the same figure."""

import itertools

import numpy as np
import pytest
from scipy import stats as scipy_stats

from ste_core.scoring import stats


def rng(seed=0):
    return np.random.default_rng(seed)


def test_percent_is_the_pooled_share_and_its_interval_holds_it():
    k, n = np.array([15, 9, 12, 3]), np.array([15, 15, 15, 10])
    found = stats.percent(k, n, rng=rng())
    assert found.value == pytest.approx(100 * 39 / 55)
    assert found.low < found.value < found.high


def test_percent_interval_by_another_route():
    """With as many items a tool, the pooled share is the mean of the tools' shares."""
    shares = rng(9).integers(0, 16, size=30)
    found = stats.percent(shares, np.full(30, 15), rng=rng(3))
    theirs = scipy_stats.bootstrap((100 * shares / 15,), np.mean, rng=rng(4), method="BCa").confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.7)  # resampling noise


def test_percent_without_spread_takes_the_exact_binomial_interval_over_tools():
    nothing = stats.percent(np.zeros(12), np.full(12, 15), rng=rng())
    assert nothing.value == nothing.low == 0
    assert nothing.high == pytest.approx(100 * (1 - 0.025 ** (1 / 12)))  # Clopper-Pearson, no success in 12
    everything = stats.percent(np.full(12, 15), np.full(12, 15), rng=rng())
    assert everything.value == everything.high == 100


def test_percent_of_nothing_is_nan_and_tools_without_items_drop_out():
    assert np.isnan(stats.percent([0, 0], [0, 0], rng=rng()).value)
    assert stats.percent([3, 0, 1], [4, 0, 4], rng=rng()).value == 50


def test_percent_refuses_impossible_counts():
    with pytest.raises(ValueError, match="0 <= k <= n"):
        stats.percent([3], [2], rng=rng())


def test_clustering_widens_the_interval():
    clustered = stats.percent([15] * 10 + [0] * 10, [15] * 20, rng=rng())
    spread = stats.percent([8, 7] * 10, [15] * 20, rng=rng())
    assert clustered.high - clustered.low > 3 * (spread.high - spread.low)


def test_coverage_of_the_interval():
    """95 % intervals over 40 simulated samples of 25 tools hold the truth most of the time."""
    generator, hits = rng(1), 0
    for _ in range(40):
        p = generator.beta(2, 1, size=25)  # mean 2/3
        found = stats.percent(generator.binomial(15, p), np.full(25, 15), rng=generator, resamples=499)
        hits += found.low <= 100 * 2 / 3 <= found.high
    assert hits >= 34  # P(fewer than 34 of 40 | 95 %) < 1 %


def test_difference_by_hand():
    tools = np.repeat(["a", "b", "c", "d"], 5)
    a = np.tile([True, True, True, False, True], 4)
    b = np.array([True] * 5 + [False] * 5 + [True, False, False, False, False] + [False] * 5)
    found = stats.difference(a, b, tools, rng=rng())
    assert found.value == pytest.approx(100 * (16 - 6) / 20)
    # exact permutation over the 2^4 exchanges of whole tools, by enumeration
    gaps = np.array([4 - 5, 4 - 0, 4 - 1, 4 - 0])
    sums = [abs((gaps * signs).sum()) for signs in itertools.product([1, -1], repeat=4)]
    assert found.p == pytest.approx(np.mean([one >= abs(gaps.sum()) for one in sums]))
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    assert found.p_mcnemar == pytest.approx(scipy_stats.binomtest(only_a, only_a + only_b).pvalue)
    assert np.isnan(found.relative.value)  # B is right on two tools only


def test_relative_difference():
    tools = np.repeat(list("abcdef"), 4)
    a, b = np.arange(24) % 4 < 3, np.arange(24) % 4 < 1 + (np.arange(24) // 4) % 2
    found = stats.difference(a, b, tools, rng=rng()).relative
    assert found.value == pytest.approx(100 * (18 / 9 - 1)) and found.low < found.value < found.high


def test_difference_of_equals_is_nought():
    same = np.array([True, False, True, True])
    found = stats.difference(same, same, ["a", "a", "b", "b"], rng=rng())
    assert (found.value, found.low, found.high, found.p, found.p_mcnemar) == (0, 0, 0, 1, 1)


def test_difference_refuses_unpaired_input():
    with pytest.raises(ValueError, match="length"):
        stats.difference([True], [True, False], ["a", "b"], rng=rng())


def test_the_generator_decides():
    k, n = [15, 9, 12, 3, 8], [15] * 5
    assert stats.percent(k, n, rng=rng(1)) == stats.percent(k, n, rng=rng(1))
    assert stats.percent(k, n, rng=rng(1), resamples=99) != stats.percent(k, n, rng=rng(2), resamples=99)


def test_holm_by_hand():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([]).size == 0


def test_forgetting_by_hand():
    matrix = [[80, 0, 0], [90, 70, 0], [60, 50, 75]]
    found = stats.forgetting(matrix)
    assert found["final_average"] == pytest.approx((60 + 50 + 75) / 3)
    assert found["backward_transfer"] == pytest.approx(((60 - 80) + (50 - 70)) / 2)
    assert found["drop_from_best"] == pytest.approx(((90 - 60) + (70 - 50)) / 2)
    single = stats.forgetting([[42]])
    assert single["final_average"] == 42 and np.isnan(single["backward_transfer"])


def test_forgetting_intervals_agree_with_the_matrix_and_difference_is_paired():
    generator = rng(5)
    nan = np.nan
    run = []
    for batch in range(3):
        shares = generator.uniform(20, 100, size=(8, 3))
        shares[:, :batch] = nan
        run.append(shares)
    worse = [batch - 10 for batch in run]
    first, second, gap = stats.forgetting_intervals([run, worse], rng=rng(), resamples=499)
    matrix = np.array([[batch[:, number].mean() for batch in run] for number in range(3)])
    for name, value in stats.forgetting(matrix).items():
        assert first[name].value == pytest.approx(value)
        assert first[name].low <= first[name].value <= first[name].high
    # shifting every share moves the average by exactly as much in every resample, and no change since learning
    assert (gap["final_average"].low, gap["final_average"].high) == pytest.approx((10, 10))
    assert (gap["backward_transfer"].low, gap["backward_transfer"].high) == pytest.approx((0, 0))
    assert second["final_average"].value == pytest.approx(first["final_average"].value - 10)
