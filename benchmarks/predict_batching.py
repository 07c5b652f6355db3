"""Predicting a test set in batches against one item at a time, as the release does.

    python -m benchmarks.predict_batching [--profile tiny|quick|full]

One model, the same prompts, the same thread; the prediction files are the same bytes (checked).
"""

import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.harness import Row, main, pair
from benchmarks.work import BASE, items, shown
from ste_core.core import aio
from ste_core.method.finetune import _quiet
from ste_core.method.predict import predict
from ste_core.models.local import LocalChat

#: items, new tokens at most, batch, rounds
PLANS = {"tiny": (4, 8, 4, 2), "quick": (96, 96, 64, 5), "full": (250, 96, 64, 7)}


def measure(plan: tuple[int, int, int, int], command: str) -> list[Row]:
    from microworld.tools import toolbox

    count, tokens, batch, rounds = plan
    torch.set_num_threads(1)
    asked = items(count)
    documented, tools = shown(asked), toolbox().tools
    with _quiet(1), tempfile.TemporaryDirectory() as folder:
        models = {size: LocalChat.load(BASE, batch_size=size) for size in (1, batch)}
        number = 0

        def run(size: int, some: int = count) -> bytes:
            nonlocal number
            number += 1
            path = Path(folder) / f"{number}.jsonl"
            work = predict(
                asked[:some], models[size], tools, setting="baseline", path=path, candidates=documented[:some],
                max_tokens=tokens, system="model",
            )  # fmt: skip
            aio.run(work)
            return path.read_bytes()

        for size in models:
            run(size, 2)  # what the first one alone takes
        found = pair(lambda: run(batch), lambda: run(1), rounds=rounds, same=lambda own, other: own == other)
    detail = f"processor time, {count} items, at most {tokens} tokens, the same bytes"
    return [found.row(f"prediction, batch {batch}, against batch 1", ">= 8", detail)]


if __name__ == "__main__":
    sys.exit(main("predict_batching", PLANS, measure, __doc__))
