"""What fine-tuning costs as rows grow: processor time of the whole run, one epoch, base read and model written.

python -m benchmarks.growth_finetune [--profile tiny|quick|full]
"""

import statistics
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.harness import Row, growth_row, main, measured, write_points
from benchmarks.work import BASE, examples
from ste_core.method.finetune import Finetuning, finetune

#: numbers of examples (two rows each), rounds
PLANS = {
    "tiny": ((2, 4), 1),
    "quick": ((50, 100, 200, 400), 1),
    "full": ((100, 200, 400, 800, 1_600, 3_200), 3),
}


def measure(plan: tuple[tuple[int, ...], int], command: str) -> list[Row]:
    sizes, rounds = plan
    torch.set_num_threads(1)
    options = Finetuning(base=BASE, epochs=1, batch=32, learning_rate=1e-4, validation=0.0, threads=1)
    points = []
    with tempfile.TemporaryDirectory() as folder:
        finetune(examples(2), options, Path(folder) / "first")  # imports
        for count in sizes:
            found = examples(count)
            taken = [
                measured(lambda: finetune(found, options, Path(folder) / f"{count}-{turn}"))  # noqa: B023
                for turn in range(rounds)
            ]
            record = taken[0][1]
            points.append(
                {"rows": sum(record.rows[kind] for kind in ("call", "answer")), "tokens": record.tokens,
                 "seconds": statistics.median(seconds for seconds, _ in taken)}
            )  # fmt: skip
    write_points("finetune", points)
    counts, seconds = ([one[key] for one in points] for key in ("rows", "seconds"))
    detail = f"processor time, {seconds[0]:.3g} s for {counts[0]:,} rows, {seconds[-1]:.3g} s for {counts[-1]:,}"
    return [growth_row("fine-tuning, seconds over rows", counts, seconds, "<= 1.1", detail)]


if __name__ == "__main__":
    sys.exit(main("growth_finetune", PLANS, measure, __doc__))
