"""How much faster fifty tools are explored at once than one after the other, against a server that takes its time.

    python -m benchmarks.explore_concurrency [--profile tiny|quick|full] [--tools 50] [--trials 4] [--delay 0.1]

The server stands on loopback, in a process of its own, and answers each request after `delay` seconds, however many
there are. The same exploration runs all tools at once and one trial at a time; both make the same requests and leave
the same files behind (checked). Requests of one tool follow each other, so the ratio cannot exceed the number of all
requests by those of the tool that makes most; that bound, some 45 for 50 tools, is told beside it. Starting takes its
time once, so with few trials a tool the ratio is smaller, and with the paper's sixty larger.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import PROFILES, Pair, Row, judged, pair, shown, write
from benchmarks.work import chat_server
from ste_core.core import config
from ste_core.core.errors import UserError
from ste_core.core.records import Trial
from ste_core.pipeline import resources
from ste_core.pipeline.explore_run import explore, read_trials

STUDY = """
name: benchmark
world: {{tools: "microworld.tools:toolbox", test_set: none, dev_set: none}}
models: {{m: {{kind: openai, model: scripted, base_url: "{url}", concurrency: {concurrency}}}}}
exploration: {{model: m, episodes: 1, trials: {trials}, concurrency: {concurrency}}}
"""

#: tools, trials of each, seconds before an answer, rounds
PLANS = {"tiny": (4, 1, 0.02, 2), "quick": (50, 4, 0.1, 3), "full": (50, 8, 0.1, 3)}


def run(folder: Path, url: str, concurrency: int, tools: int, trials: int) -> tuple[int, dict[str, bytes]]:
    """Explore into a new folder; returns the number of requests, and the files."""
    at = Path(tempfile.mkdtemp(dir=folder))
    os.environ["STE_RESULTS"] = str(at)
    path = at / "benchmark.yaml"
    path.write_text(STUDY.format(url=url, concurrency=concurrency, trials=trials))
    one = config.load(path)
    (record,) = explore(one, tools=list(resources.toolbox(one).tools)[:tools])
    assert len(read_trials(one, "full", 0)) == tools * trials
    return record.requests, {path.name: path.read_bytes() for path in one.explored("full", 0).glob("*.jsonl")}


def bound(files: dict[str, bytes]) -> float:
    """All requests by those of the tool that makes most: the ratio where nothing but the server takes time."""
    trials = [[Trial.model_validate_json(line) for line in data.splitlines()] for data in files.values()]
    each = [sum(1 + one.asked_again + len(one.steps) + (one.reflection is not None) for one in tool) for tool in trials]
    return sum(each) / max(each)


def measure(plan: tuple[int, int, float, int], command: str) -> list[Row]:
    tools, trials, delay, rounds = plan
    with tempfile.TemporaryDirectory() as folder, chat_server.running(delay=delay) as url:
        where = Path(folder)
        requests, files = run(where, url, tools, tools, trials)  # imports, and the number of requests
        found: Pair = pair(
            lambda: run(where, url, tools, tools, trials),
            lambda: run(where, url, 1, tools, trials),
            rounds=rounds,
            wall=True,
            same=lambda own, other: own == other,
        )
    detail = f"wall-clock, {requests} requests answered after {delay:g} s each, the same requests and files; "
    detail += f"cannot exceed {bound(files):.1f}"
    limit = f">= {0.8 * tools:g}"
    return [found.row(f"exploration, {tools} tools at once, against one by one", limit, detail)]


def main() -> int:
    parser = argparse.ArgumentParser(description="exploration at once against one after the other")
    parser.add_argument("--profile", choices=PROFILES, default="quick")
    parser.add_argument("--tools", type=int)
    parser.add_argument("--trials", type=int, help="for each tool")
    parser.add_argument("--delay", type=float, help="seconds the server takes for an answer")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    own = (options.tools, options.trials, options.delay, options.rounds)
    plan = tuple(usual if one is None else one for one, usual in zip(own, PLANS[options.profile], strict=True))
    command = "python -m benchmarks.explore_concurrency"
    command += "" if options.profile == "quick" else f" --profile {options.profile}"
    try:
        rows = judged(measure(plan, command), options.profile)
    except UserError as error:
        print(f"benchmarks.explore_concurrency: {error}", file=sys.stderr)
        return error.exit_code
    for one in rows:
        print(shown(one), flush=True)
    if own == (None, None, None, None):
        write("explore_concurrency", rows, command=command, profile=options.profile)
    return 0


if __name__ == "__main__":
    sys.exit(main())
