"""The prefix cache: what a model has made of the beginnings of prompts, to go on from.

>>> cache.insert(prompt, cache.match(prompt), layers)                                             # doctest: +SKIP
>>> cache.match([*prompt[:300], 17, 4]).length                                                    # doctest: +SKIP
300

Prompts share their beginnings: instructions and example turns with all others, documentation with those of the same
tool, a conversation with its earlier turns. A radix tree (as SGLang's RadixAttention) keeps the keys and values of each
shared part once; any cut of a known prompt will do. The least recently used ends go first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, takewhile

import torch

#: of a prompt, so many tokens must be shared for them to be read once and kept
SHARED = 16

#: bytes of keys, values and states that are kept; fifty tools' conversations with half a billion weights take 2 GiB
KEPT = 3 * 2**30


@dataclass(eq=False, slots=True)
class Node:
    """A part of one or more prompts.

    Attributes:
        tokens: of this part.
        start: how many tokens stand before it.
        parent: the part before; None for the root, which is empty.
        layers: of each layer, keys and values (1, H, L, D), or what a short convolution saw (1, C, L), of these tokens.
        children: the parts that follow, by their first token.
        used: when it was used last, in the cache's own count.
    """

    tokens: list[int]
    start: int
    parent: "Node | None"
    layers: list[tuple[torch.Tensor, ...]]
    children: dict[int, "Node"] = field(default_factory=dict)
    used: int = 0

    @property
    def nbytes(self) -> int:
        return sum(state.nbytes for layer in self.layers for state in layer)


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """The longest known beginning of a prompt: `length` tokens, up to somewhere in `node`."""

    node: Node
    length: int

    def copy(self, layer: int, kind: int, start: int, target: torch.Tensor) -> None:
        """Copy a layer's columns from `start` on into a target (1, ..., L, ...) that is as wide as wanted."""
        node: Node | None = self.node
        stop = start + target.shape[2]
        while node is not None and stop > start:
            if stop > node.start and node.tokens:
                first = max(start, node.start)
                states = node.layers[layer][kind]
                target[:, :, first - start : stop - start] = states[:, :, first - node.start : stop - node.start]
                stop = first
            node = node.parent


class PrefixCache:
    """The tree of what is kept."""

    def __init__(self, kept: int = KEPT) -> None:
        self._root = Node([], 0, None, [])
        self._kept = kept
        self._bytes = 0
        self._clock = count(1)

    def match(self, prompt: Sequence[int]) -> Known:
        """The longest known beginning of a prompt, of length 0 if there is none."""
        now, node, length = next(self._clock), self._root, 0
        while (child := node.children.get(prompt[length]) if length < len(prompt) else None) is not None:
            child.used = now
            shared = common(child.tokens, prompt[length:])
            node, length = child, length + shared
            if shared < len(child.tokens):
                break
        return Known(node, length)

    def insert(self, tokens: Sequence[int], known: Known, layers: list[tuple[torch.Tensor, ...]]) -> None:
        """Keep what follows a known beginning of a text: `layers` are those of `tokens[known.length:]`.

        Nothing is kept where what was known is not kept any more.
        """
        again = self.match(tokens)
        if known.length <= again.length < len(tokens):
            parent = self._cut(again)
            skipped = again.length - known.length
            own = [tuple(state[:, :, skipped:].clone() for state in layer) for layer in layers]
            node = Node(list(tokens[again.length :]), again.length, parent, own, used=next(self._clock))
            parent.children[node.tokens[0]] = node
            self._bytes += node.nbytes
            self._evict(node)

    def _cut(self, known: Known) -> Node:
        """The node that ends where something is known to; one that goes further is parted in two."""
        node, parent = known.node, known.node.parent
        size = known.length - node.start
        if parent is None or size == len(node.tokens):
            return node
        # The lower part stays the node that others may hold.
        upper = Node(node.tokens[:size], node.start, parent, [], {node.tokens[size]: node}, node.used)
        upper.layers = [tuple(state[:, :, :size].clone() for state in layer) for layer in node.layers]
        parent.children[upper.tokens[0]] = upper
        node.layers = [tuple(state[:, :, size:].clone() for state in layer) for layer in node.layers]
        node.tokens, node.start, node.parent = node.tokens[size:], known.length, upper
        return upper

    def _evict(self, new: Node) -> None:
        while self._bytes > self._kept:
            ends = [node for node in self._nodes() if not node.children and node is not new]
            if not ends:
                return
            for node in sorted(ends, key=lambda one: one.used):
                if self._bytes <= 0.9 * self._kept:
                    break
                assert node.parent is not None
                del node.parent.children[node.tokens[0]]
                self._bytes -= node.nbytes

    def _nodes(self) -> Iterator[Node]:
        waiting = list(self._root.children.values())
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children.values()


def shared_beginnings(prompts: Sequence[Sequence[int]], least: int = SHARED) -> list[list[Sequence[int]]]:
    """Beginnings that several prompts have in common and that are worth being read first, the shorter ones before.

    Each list can be read at once; a later list's go on from an earlier list's. Two beginnings that go on from each
    other differ by at least `least` tokens.
    """
    levels: list[list[Sequence[int]]] = []

    def part(group: list[Sequence[int]], read: int, level: int) -> None:
        """Sorted prompts that share at least `read` tokens, which have been read."""
        shared = common(group[0], group[-1])
        if shared - read >= least:
            if len(levels) == level:
                levels.append([])
            levels[level].append(group[0][:shared])
            read, level = shared, level + 1
        rest = [prompt for prompt in group if len(prompt) > shared]
        while rest:
            same = list(takewhile(lambda prompt: prompt[shared] == rest[0][shared], rest))  # noqa: B023
            if len(same) > 1:
                part(same, read, level)
            rest = rest[len(same) :]

    if len(prompts) > 1:
        part(sorted(prompts), 0, 0)
    return levels


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts have in common at their beginning.

    >>> common([1, 2, 3], [1, 2, 4, 5])
    2
    """
    if one[: len(other)] == other[: len(one)]:
        return min(len(one), len(other))
    return next(at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
