"""How the next token is drawn: temperature, top-k, top-p, min-p, and noise that depends on the request alone.

>>> sampling = Sampling(temperature=0.7, top_p=0.8, top_k=20)
>>> key = noise_key(seed=1, choice=0, prompt=[17, 4])
>>> token, sure = draw(np.array([0.0, 2.0, 1.0]), sampling, key, position=0)

A token's noise is a function of the request's key, the position and the token, hashed: no generator has a state, so a
choice can be repeated alone, and noise is drawn only for the tokens that may be chosen. The largest of `logit +
temperature x Gumbel noise` is then a sample of the softmax (Gumbel-max). Uniform numbers have 52 bits and are never 0
or 1: with float32 exponentials a zero turned up once in ten million draws, and at 152,000 tokens in 1.5 % of the steps.

Truncation follows `transformers` (`TopKLogitsWarper`, `TopPLogitsWarper`, `MinPLogitsWarper`): temperature first, then
top-k, top-p and min-p, each on what the one before it left.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: logits closer than this may change places by rounding: batches of one model differ by about 1e-5 in float32
TIE = 1e-3

#: where the number of tokens is not limited by top-k, so many of the likeliest are looked at first
FIRST = 1_024

#: logits whose largest is looked at first
BLOCK = 64

_GOLDEN, _MIX_1, _MIX_2 = (np.uint64(one) for one in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; temperature 0 takes the likeliest. None, or 1 for `top_p`, does not truncate."""

    temperature: float = 1.0
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("temperature", self.temperature, 0, None), ("top_p", self.top_p, 0, 1),
            ("top_k", self.top_k, 0, None), ("min_p", self.min_p, 0, 1),
        ):  # fmt: skip
            if value is not None and not (value >= least and (most is None or value <= most)):
                raise ValueError(
                    f"{name}: must be at least {least}{f' and at most {most}' if most else ''}, not {value}"
                )

    @property
    def truncates(self) -> bool:
        """Whether some tokens are never drawn."""
        return bool(self.top_k) or bool(self.min_p) or (self.top_p is not None and self.top_p < 1)


def noise_key(seed: int | None, choice: int, prompt: Sequence[int]) -> tuple[int, int]:
    """What the noise of an answer comes from: 128 bits of seed, choice and prompt, so that one seed for many prompts
    draws independently; without a seed, of the system's randomness."""
    if seed is None:
        digest = os.urandom(16)
    else:
        head = f"{seed % 2**64} {choice} ".encode("ascii")
        digest = hashlib.sha256(head + np.asarray(prompt, dtype="<i8").tobytes()).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")


def gumbel(key: tuple[int, int], position: int, tokens: np.ndarray) -> np.ndarray:
    """(T,) standard Gumbel noise of tokens at a position of an answer, the same whatever other tokens are asked for."""
    return -np.log(-np.log(_uniform(key, position, tokens)))


def _uniform(key: tuple[int, int], position: int, tokens: np.ndarray) -> np.ndarray:
    """(T,) uniform numbers of (0, 1), both ends excluded."""
    with np.errstate(over="ignore"):
        first = np.uint64(key[0]) + _GOLDEN * np.uint64(position)
        x = tokens.astype(np.uint64)
        x *= _GOLDEN
        x += first
        x = _mixed(x)
        x ^= np.uint64(key[1])
        x = _mixed(x)
    x >>= np.uint64(12)
    uniform = x.astype(np.float64)
    uniform += 0.5
    uniform *= 2.0**-52
    return uniform


def _mixed(x: np.ndarray) -> np.ndarray:
    """splitmix64's finalizer."""
    x ^= x >> np.uint64(30)
    x *= _MIX_1
    x ^= x >> np.uint64(27)
    x *= _MIX_2
    x ^= x >> np.uint64(31)
    return x


def draw(logits: np.ndarray, sampling: Sampling, key: tuple[int, int], position: int) -> tuple[int, bool]:
    """A token, and whether rounding of the logits could not have changed it.

    Args:
        logits: (V,) of the next token; -inf where a token is not allowed.
    """
    if not sampling.truncates:
        tokens = _contenders(logits, sampling.temperature, key, position)
        kept = surely = maybe = np.ones(len(tokens), dtype=bool)
    else:
        tokens, kept, surely, maybe = _candidates(logits, sampling)
    scores = logits[tokens].astype(np.float64) + sampling.temperature * gumbel(key, position, tokens)
    best = int(np.where(kept, scores, -np.inf).argmax())
    rivals = np.where(maybe, scores, -np.inf)
    rivals[best] = -np.inf
    return int(tokens[best]), bool(surely[best] and scores[best] - rivals.max(initial=-np.inf) > TIE)


def _contenders(logits: np.ndarray, temperature: float, key: tuple[int, int], position: int) -> np.ndarray:
    """The tokens whose noise is large enough to win, or nearly, against the likeliest one's: a few of all.

    A token beats a score s if its exponential, -log(uniform), is below exp((logit - s) / temperature); 1 - uniform is
    smaller still. So two logarithms a token are saved, which were most of the time at large vocabularies.
    """
    likeliest = logits.argmax(keepdims=True)
    least = logits[likeliest[0]] + temperature * gumbel(key, position, likeliest)[0] - 2 * TIE
    weights = (logits - np.float32(least)) / np.float32(temperature)
    np.exp(np.minimum(weights, 1, out=weights), out=weights)
    rest = 1 - _uniform(key, position, np.arange(len(logits)))
    chosen = (rest <= weights * np.float32(1.001)) & np.isfinite(logits)
    chosen[likeliest] = True
    return chosen.nonzero()[0]


def _candidates(logits: np.ndarray, sampling: Sampling) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tokens that may be drawn, and which of them are kept by truncation, surely and perhaps kept if logits are a
    little off."""
    size = min(len(logits), (sampling.top_k or FIRST) + 16)
    while True:
        tokens = _largest(logits, size)
        tokens = tokens[np.lexsort((tokens, -logits[tokens]))]  # the likeliest first; of equal ones the lower number
        values = logits[tokens].astype(np.float64)
        kept, surely, maybe = (_kept(logits, values, sampling, slack) for slack in (0.0, -1.0, 1.0))
        if size == len(logits) or not maybe[-1]:
            return tokens, kept, surely, maybe
        size = min(len(logits), size * 8)


def _largest(logits: np.ndarray, size: int) -> np.ndarray:
    """The places of the `size` largest, in any order; only the blocks with the largest maxima are looked into."""
    whole = len(logits) // BLOCK * BLOCK
    if size * BLOCK * 2 < whole:
        maxima = logits[:whole].reshape(-1, BLOCK).max(axis=1)
        blocks = np.argpartition(maxima, len(maxima) - size)[len(maxima) - size :]
        places = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        places = np.concatenate([places, np.arange(whole, len(logits))])
    else:
        places = np.arange(len(logits))
    if size == len(places):
        return places
    return places[np.argpartition(logits[places], len(places) - size)[len(places) - size :]]


def _kept(logits: np.ndarray, values: np.ndarray, sampling: Sampling, slack: float) -> np.ndarray:
    """Which of the likeliest tokens truncation keeps; more of them with slack 1, fewer with -1, as rounding might."""
    kept = np.isfinite(values)
    scaled = np.exp((values - values[0]) / sampling.temperature)
    total = None
    if sampling.top_k:
        last = values[min(sampling.top_k, len(values)) - 1]
        limit = last - slack * TIE
        kept &= (
            values >= limit if slack > 0 else values > limit if slack < 0 else np.arange(len(values)) < sampling.top_k
        )
        total = scaled[: sampling.top_k].sum()
    if sampling.top_p is not None and sampling.top_p < 1:
        if total is None:
            shares = (logits - np.float32(values[0])) / np.float32(sampling.temperature)
            total = np.exp(shares, out=shares).sum(dtype=np.float64)
        # Of the tokens that almost tie with one, any may come before it: all of them, or none, in the extreme.
        shares = np.concatenate([[0.0], np.cumsum(scaled)]) / total
        before = shares[:-1]
        if slack:
            before = shares[np.searchsorted(-values, -values - slack * TIE)] - (scaled / total if slack < 0 else 0)
        kept &= before < sampling.top_p + slack * TIE
    if sampling.min_p:
        kept &= scaled >= sampling.min_p * (1 - slack * TIE / sampling.temperature)
    kept[0] |= slack >= 0
    return kept
