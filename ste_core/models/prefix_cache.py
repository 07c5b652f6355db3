"""Prompts that a model has read, to go on from: a conversation begins as it began before.

>>> prefixes.keep(Known(prompt, past=0, before=None, layers=layers))                              # doctest: +SKIP
>>> prefixes.longest([*prompt, 17, 4]).prompt == prompt                                           # doctest: +SKIP
True

An exploration asks five times in a trial and goes on in the same conversation; without this, reading prompts is half of
its time. What is kept takes memory, so it is kept only of conversations that hold a reply, and the least recently used
goes first.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

#: of a prompt, so many tokens must be known for what is known to be used: to go on from it costs a pass of its own
SHARED = 64

#: bytes of keys, values and states of earlier prompts that are kept
KEPT = 512 * 2**20


@dataclass(eq=False, slots=True)
class Known:
    """What the model made of a prompt: of each layer keys and values (1, H, L, D), or what a short convolution saw
    (1, C, L), of the tokens from `past` on; of those before, `before` knows."""

    prompt: list[int]
    past: int
    before: "Known | None"
    layers: list[tuple[torch.Tensor, ...]]

    @property
    def nbytes(self) -> int:
        """As if nothing was shared: what is held at most, whatever else is let go."""
        own = sum(state.nbytes for layer in self.layers for state in layer)
        return own * len(self.prompt) // (len(self.prompt) - self.past)

    def copy(self, layer: int, kind: int, start: int, target: torch.Tensor) -> None:
        """Copy a layer's columns from `start` on into a target that is as wide as wanted."""
        one: Known | None = self
        stop = start + target.shape[2]
        while one is not None and stop > start:
            if stop > one.past:
                first = max(start, one.past)
                states = one.layers[layer][kind]
                target[:, :, first - start : stop - start] = states[:, :, first - one.past : stop - one.past]
                stop = first
            one = one.before


class Prefixes:
    """The prompts that are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Known] = OrderedDict()
        self._lengths: Counter[int] = Counter()
        self._bytes = 0

    def keep(self, known: Known) -> None:
        """Keep a prompt, if it is long enough to be of use."""
        key = _key(known.prompt)
        if len(known.prompt) < SHARED or key in self._kept:
            return
        self._kept[key] = known
        self._lengths[len(known.prompt)] += 1
        self._bytes += known.nbytes
        while self._bytes > KEPT:
            _, gone = self._kept.popitem(last=False)
            self._lengths -= Counter([len(gone.prompt)])
            self._bytes -= gone.nbytes

    def longest(self, prompt: Sequence[int]) -> Known | None:
        """The longest kept prompt that this one goes on from, if there is one."""
        for length in sorted(self._lengths, reverse=True):
            if length < len(prompt) and (key := _key(prompt[:length])) in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        return None


def _key(prompt: Sequence[int]) -> bytes:
    return np.asarray(prompt, dtype="<i4").tobytes()
