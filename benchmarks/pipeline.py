"""What the pipeline itself takes: a run that has nothing to do, and the share of papermill and Snakemake in `quick`.

    python -m benchmarks.pipeline [--profile tiny|quick|full]

A study that is complete is run again, as `make study` would. What papermill takes of a job is the time of an empty
notebook, kernel and all; what Snakemake takes of a run, the time of a run that has nothing to do. The share is that of
all jobs of the last run of `quick` here (`results/quick/benchmarks/`), taken one after the other: on several cores jobs
overlap, and so does what papermill takes of them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from benchmarks.harness import ROOT, Row, main, measured, missing, row
from ste_core.core import config
from ste_core.core.errors import UserError
from ste_core.core.store import read_benchmark

#: rounds
PLANS = {"tiny": 1, "quick": 5, "full": 9}

STUDY = """
name: microworld
statistics: {resamples: 99}
world:
  tools: microworld.tools:toolbox
  test_set: microworld/test_set/test.jsonl
  dev_set: microworld/test_set/dev.jsonl
"""

SHARE = "share of papermill and Snakemake in the run of quick"


def ste(where: Path, *arguments: object) -> str:
    """The `ste` command with results and figures in a folder of its own; returns what it says.

    Raises:
        UserError: it failed.
    """
    environment = os.environ | {"STE_RESULTS": str(where / "results"), "STE_FIGURES": str(where / "figures")}
    command = [sys.executable, "-m", "ste_core", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"ste {arguments[0]}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    return done.stdout


def measure(rounds: int, command: str) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        path = where / "microworld.yaml"
        path.write_text(STUDY)
        ste(where, "run", path)
        idle = []
        for _ in range(rounds):
            seconds, said = measured(lambda: ste(where, "run", path), wall=True)
            assert "executing" not in said
            idle.append(seconds)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
        nbformat.write(notebook, where / "empty.ipynb")
        empty = [
            measured(lambda: ste(where, "notebook", where / "empty.ipynb", where / "out.ipynb"), wall=True)[0]
            for _ in range(rounds)
        ]
    rows = [
        row("a run with nothing to do", idle, "s", "< 3", "wall-clock of ste run on a complete study"),
        row("an empty notebook", empty, "s", "", "wall-clock of ste notebook: papermill, a kernel and one cell"),
    ]
    jobs = [read_benchmark(one) for one in sorted((config.load("quick").results / "benchmarks").glob("*.tsv"))]
    jobs = [one for one in jobs if one]
    if not jobs:
        return [*rows, missing(SHARE, "%", "< 15", "results/quick/benchmarks: not there; run the study quick first")]
    work = sum(one["seconds"] for one in jobs)
    shares = [100 * (len(jobs) * one + nothing) / (work + nothing) for one, nothing in zip(empty, idle, strict=True)]
    detail = f"{len(jobs)} notebooks of {work:,.0f} s in all"
    return [*rows, row(SHARE, shares, "%", "< 15", detail)]


if __name__ == "__main__":
    sys.exit(main("pipeline", PLANS, measure, __doc__))
