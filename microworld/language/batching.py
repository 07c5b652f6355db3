"""Batches of training examples: by number from the endless corpus, of like length, padded on the right.

>>> ids, weights = collate([([5, 6, 7], [0.0, 1.0, 1.0])], "cpu")
>>> ids.shape
torch.Size([1, 9])
"""

import random

import torch
from transformers import PreTrainedTokenizerFast

from microworld.language import corpus, model

POOL = 384  # examples sorted by length together
LONGEST = 640  # tokens; longer examples are left out

Example = tuple[list[int], list[float]]


def batches(made: PreTrainedTokenizerFast, seed: int, pool: int, seen: float, limit: int) -> list[list[Example]]:
    """The batches of a pool, in random order.

    Args:
        made: the tokenizer.
        seed: the corpus's.
        pool: the pool's number.
        seen: tokens seen so far, the place in the curriculum.
        limit: tokens in a batch, padding counted.
    """
    numbers = range(pool * POOL, (pool + 1) * POOL)
    encoded = [model.encode(made, corpus.example(seed, number, seen)) for number in numbers]
    rng = random.Random(f"{seed}/{pool}")
    kept = sorted((one for one in encoded if len(one[0]) <= LONGEST), key=lambda one: len(one[0]) + 10 * rng.random())
    found: list[list[Example]] = [[]]
    for one in kept:
        if found[-1] and (len(found[-1]) + 1) * max(len(one[0]), len(found[-1][-1][0])) > limit:
            found.append([])
        found[-1].append(one)
    rng.shuffle(found)
    return found


def collate(examples: list[Example], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and weights, padded on the right; causal layers need no mask for that."""
    width = (max(len(ids) for ids, _ in examples) + 7) // 8 * 8 + 1
    ids = torch.zeros(len(examples), width, dtype=torch.long)
    weights = torch.zeros(len(examples), width)
    for row, (one, counts) in enumerate(examples):
        ids[row, : len(one)] = torch.tensor(one)
        weights[row, : len(one)] = torch.tensor(counts)
    return ids.to(device), weights.to(device)
