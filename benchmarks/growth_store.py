"""What trials on disk cost as they grow to a million: reading them back, resuming over them, appending one more.

    python -m benchmarks.growth_store [--profile tiny|quick|full]

Fifty tools, a file each, of trials that differ in their numbers and queries only, made of one that was explored. Each
size is measured in a process of its own, so that its memory is that of the work alone. Resuming is the whole of
`explore` over a finished exploration; it asks the model nothing.
"""

import itertools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.growth_explore import load
from benchmarks.harness import Row, apart, growth_row, main, measured, peak_mb, row, write_points
from benchmarks.work import Scripted
from ste_core.core import store
from ste_core.core.records import Trial
from ste_core.pipeline import resources
from ste_core.pipeline.explore_run import explore, iterate, trials_file

#: numbers of trials over all tools; the full profile writes 0.7 GB into the folder for temporary files
PLANS = {
    "tiny": (200, 1_000),
    "quick": (1_000, 10_000, 100_000),
    "full": (1_000, 10_000, 100_000, 300_000, 1_000_000),
}

#: appended one by one, to see whether the length of a file matters
APPENDED = 50


def fill(folder: Path, trials: int) -> int:
    """A finished exploration of about so many trials; returns the number of episodes of a tool."""
    at = load(folder, 1, {})
    tools = list(resources.toolbox(at).tools)
    explore(at, model=Scripted())
    episodes = max(1, trials // (4 * len(tools)))
    for tool in tools:
        path = trials_file(at, "full", 0, tool)
        first = store.read_jsonl(path, Trial)
        with path.open("a", encoding="utf-8") as file:
            for episode, one in itertools.product(range(1, episodes), first):
                changed = {"episode": episode, "query": f"{one.query} ({episode})"}
                file.write(one.model_copy(update=changed).model_dump_json() + "\n")
    return episodes


def one(what: str, folder: Path, episodes: int) -> dict[str, Any]:
    """Seconds of processor time, and the most memory, of one piece of work; run in a process of its own."""
    at = load(folder, episodes, {})
    before = peak_mb()
    if what == "read":
        seconds, count = measured(lambda: sum(1 for _ in iterate(at, "full", 0)))
    elif what == "resume":
        seconds, (record,) = measured(lambda: explore(at, model=Scripted()))
        assert record.trials == record.to_go == 0
        count = record.tools * episodes * 4
    else:
        path = trials_file(at, "full", 0, next(iter(resources.toolbox(at).tools)))
        trial = store.read_jsonl(path, Trial)[0]
        took = []
        for _ in range(APPENDED):
            start = time.perf_counter()
            store.append_jsonl(path, [trial])
            took.append(time.perf_counter() - start)
        return {"seconds": statistics.median(took), "peak_mb": peak_mb(), "trials": 0}  # a busy disk has its moments
    return {"seconds": seconds, "peak_mb": peak_mb(), "before_mb": before, "trials": count}


def measure(sizes: tuple[int, ...], command: str) -> list[Row]:
    points = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            episodes = fill(Path(folder), size)
            for what in ("read", "resume", "append"):  # the last one changes a file
                found = apart("benchmarks.growth_store", what, folder, episodes)
                points.append({"work": what, "trials": episodes * 200} | {k: found[k] for k in ("seconds", "peak_mb")})
    write_points("store", points)
    rows = []
    for what, name, limit in (
        ("read", "reading trials back, seconds over trials", "<= 1.1"),
        ("resume", "resuming, seconds over trials", "<= 1.1"),
        ("append", "appending a trial, seconds over trials there", "<= 0.1"),
    ):
        curve = [one for one in points if one["work"] == what]
        counts, seconds = ([one[key] for one in curve] for key in ("trials", "seconds"))
        clock = "wall-clock, onto the disk" if what == "append" else "processor time"
        detail = f"{clock}, {seconds[0]:.3g} s at {counts[0]:,}, {seconds[-1]:.3g} s at {counts[-1]:,}"
        rows.append(growth_row(name, counts, seconds, limit, detail))
        if what != "append":
            rows.append(
                row(
                    f"{name.split(',')[0]}, most memory",
                    [curve[-1]["peak_mb"]],
                    "MB",
                    "< 1024",
                    f"{counts[-1]:,} trials",
                )
            )
    return rows


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(one(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        sys.exit(main("growth_store", PLANS, measure, __doc__))
