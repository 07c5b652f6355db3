"""Draws of tokens follow the distribution they are drawn from, at the vocabulary sizes that real models have."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ste_core.models.sampling import TIE, Sampling, draw, gumbel, noise_key

#: Qwen 2.5 and SmolLM2
VOCABULARIES = (151_936, 49_152)


def drawn(logits, sampling, times, prompt=(1, 2)):
    return np.array([draw(logits, sampling, noise_key(seed, 0, prompt), seed % 7)[0] for seed in range(times)])


def zipf(size, sharpness, seed=0):
    """Logits as language has them: a few likely tokens and a long tail, at places of their own."""
    logits = -sharpness * np.log(np.arange(1, size + 1)).astype(np.float32)
    return np.random.default_rng(seed).permutation(logits)


def softmax(logits, temperature=1.0):
    shares = np.exp((logits.astype(np.float64) - logits.max()) / temperature)
    return shares / shares.sum()


@pytest.mark.parametrize("size", VOCABULARIES)
@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_tokens_are_drawn_as_often_as_they_are_likely(size, temperature):
    logits, times = zipf(size, 1.2 if temperature == 1 else 0.4), 1_500
    p = softmax(logits, temperature)
    tokens = drawn(logits, Sampling(temperature), times)
    order = np.argsort(-p)
    bins = np.searchsorted(np.cumsum(p[order]), np.linspace(0, 1, 21)[1:-1])  # of about 5 % each, the tail the last
    place = np.empty(size, dtype=int)
    place[order] = np.searchsorted(bins, np.arange(size), side="left")
    found = np.bincount(place[tokens], minlength=20)
    wanted = np.bincount(place, weights=p, minlength=20) * times
    assert stats.chisquare(found[wanted > 0], wanted[wanted > 0]).pvalue > 1e-4


@pytest.mark.parametrize("size", VOCABULARIES)
def test_no_draw_takes_what_is_next_to_impossible(size):
    """A sharp distribution: all other tokens together have one chance in a billion. With float32 exponentials, a zero
    among them decided 1.5 % of the draws at the larger vocabulary."""
    logits = np.zeros(size, dtype=np.float32)
    logits[17] = math.log(size) + math.log(1e9)
    assert set(drawn(logits, Sampling(1.0), 1_000)) == {17}
    assert set(drawn(logits, Sampling(0.3), 500)) == {17}


def test_the_tail_has_its_share():
    size, times = 151_936, 1_500
    logits = np.zeros(size, dtype=np.float32)
    logits[:10] = math.log(size / 10) + math.log(9)  # nine tenths to ten tokens, one tenth to all others
    tail = int((drawn(logits, Sampling(1.0), times) >= 10).sum())
    assert stats.binomtest(tail, times, (size - 10) / (size - 10 + 9 * size)).pvalue > 1e-4


def test_noise_is_gumbel_repeatable_and_independent():
    tokens = np.arange(1_000_000)
    noise = gumbel((3, 5), 0, tokens)
    assert stats.kstest(noise[:200_000], stats.gumbel_r.cdf).pvalue > 1e-4
    assert np.isfinite(gumbel((0, 0), 0, tokens)).all()
    assert (gumbel((3, 5), 0, tokens[500:600]) == noise[500:600]).all(), "whatever else is asked for"
    for other in (gumbel((3, 6), 0, tokens), gumbel((4, 5), 0, tokens), gumbel((3, 5), 1, tokens), np.roll(noise, 1)):
        assert abs(np.corrcoef(noise, other)[0, 1]) < 5e-3
    assert noise_key(1, 0, [7]) == noise_key(1, 0, [7])
    keys = {noise_key(1, 0, [7]), noise_key(2, 0, [7]), noise_key(1, 1, [7]), noise_key(1, 0, [7, 7])}
    assert len(keys) == 4 and noise_key(None, 0, [7]) != noise_key(None, 0, [7])


@pytest.mark.parametrize(
    "sampling",
    [Sampling(0.7, top_k=5), Sampling(1.0, top_p=0.6), Sampling(1.0, min_p=0.2), Sampling(0.8, 0.9, 40, 0.05),
     Sampling(1.3, top_p=0.999)],
)  # fmt: skip
def test_truncation_keeps_what_transformers_keeps(sampling):
    torch = pytest.importorskip("torch")
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = zipf(49_152, 1.1, seed=3)
    scores = TemperatureLogitsWarper(sampling.temperature)(None, torch.from_numpy(logits)[None])
    for chosen, warper in ((sampling.top_k, TopKLogitsWarper), (sampling.top_p, TopPLogitsWarper),
                           (sampling.min_p, MinPLogitsWarper)):  # fmt: skip
        scores = scores if chosen is None else warper(chosen)(None, scores)
    p = scores[0].double().softmax(-1).numpy()
    tokens = drawn(logits, sampling, 1_000)
    assert (p[tokens] > 0).all()
    likely = np.argsort(-p)[:4]
    for token in likely:
        assert stats.binomtest(int((tokens == token).sum()), 1_000, min(p[token], 1.0)).pvalue > 1e-4
    assert len(set(tokens)) <= (p > 0).sum()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=60),
    st.sampled_from([0.2, 0.7, 1.0, 2.0]),
    st.sampled_from([None, 0.1, 0.5, 0.95, 1.0]),
    st.sampled_from([None, 0, 1, 3, 100]),
    st.sampled_from([None, 0.0, 0.1, 1.0]),
    st.integers(0, 2**31),
)
def test_a_sure_token_stays_whatever_rounding_does(values, temperature, top_p, top_k, min_p, seed):
    logits = np.array(values, dtype=np.float32)
    sampling = Sampling(temperature, top_p, top_k, min_p)
    key = noise_key(seed, 0, [1])
    token, sure = draw(logits, sampling, key, 0)
    assert 0 <= token < len(logits)
    if sure:
        off = np.random.default_rng(seed).uniform(-0.2, 0.2, len(logits)).astype(np.float32) * np.float32(TIE)
        assert draw(logits + off, sampling, key, 0)[0] == token


def test_what_is_not_allowed_is_never_drawn():
    logits = zipf(49_152, 0.5)
    logits[::2] = -np.inf
    for sampling in (Sampling(1.0), Sampling(1.0, top_p=0.9), Sampling(1.0, top_k=10)):
        assert (drawn(logits, sampling, 200) % 2 == 1).all()


@pytest.mark.parametrize("wrong", [{"top_p": 1.5}, {"top_k": -1}, {"min_p": -0.1}, {"temperature": -1}])
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)
