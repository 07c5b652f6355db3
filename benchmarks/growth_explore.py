"""What exploration costs as tools and trials grow: requests, tokens, and tokens of a trial.

    python -m benchmarks.growth_explore [--profile tiny|quick|full]

A model that answers by script at once; tokens are counted by length, so nothing depends on the machine but the seconds.
Long-term memory is a line for each earlier trial, so prompts grow with the trials of a tool; two settings are compared,
the paper's (every line is shown) and that of the embedded studies (five lines, a context of 640 tokens).
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.harness import Row, growth_row, main, write_points
from benchmarks.work import Scripted
from ste_core.core import config
from ste_core.pipeline import resources
from ste_core.pipeline.explore_run import explore

#: numbers of tools, numbers of episodes (of four trials)
PLANS = {
    "tiny": ((2, 4), (1, 2)),
    "quick": ((5, 10, 20, 50), (1, 2, 4, 8, 15)),
    "full": ((5, 10, 15, 20, 30, 40, 50), (1, 2, 3, 4, 6, 8, 10, 12, 15)),
}

#: of the curve over trials
TOOLS = 5

SETTINGS: dict[str, dict[str, Any]] = {
    "every line of memory": {},
    "5 lines, context 640": {"max_tokens": 64, "context": 640, "memory_lines": 5, "observation_chars": 240},
}


def load(folder: Path, episodes: int, options: dict[str, Any]) -> config.Study:
    os.environ["STE_RESULTS"] = str(folder / "results")
    content = {
        "name": "growth",
        "world": {"tools": "microworld.tools:toolbox", "test_set": "none", "dev_set": "none"},
        "models": {"m": {"kind": "local", "path": "none"}},
        "exploration": {"model": "m", "episodes": episodes, "trials": 4} | options,
    }
    path = folder / "growth.yaml"
    path.write_text(yaml.safe_dump(content))
    return config.load(path)


def measure(plan: tuple[tuple[int, ...], tuple[int, ...]], command: str) -> list[Row]:
    points: list[dict[str, Any]] = []

    def point(curve: str, x: int, folder: Path, tools: int, episodes: int, options: dict[str, Any]) -> dict[str, Any]:
        """Explore on, and add what that took to what was there."""
        at = load(folder, episodes, options)
        start = time.process_time()
        (record,) = explore(at, tools=list(resources.toolbox(at).tools)[:tools], model=Scripted())
        seconds = time.process_time() - start
        before = points[-1] if points and points[-1]["curve"] == curve and curve != "tools" else None
        tokens = record.did["prompt_tokens"]
        return {
            "curve": curve, "x": x, "trials": tools * episodes * 4,
            "requests": record.did["requests"] + (before["requests"] if before else 0),
            "prompt_tokens": tokens + (before["prompt_tokens"] if before else 0),
            "tokens_a_trial": tokens / record.trials, "seconds": seconds + (before["seconds"] if before else 0.0),
        }  # fmt: skip

    tools, episodes = plan
    for count in tools:
        with tempfile.TemporaryDirectory() as folder:
            points.append(point("tools", count, Path(folder), count, 1, {}))
    for name, options in SETTINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            for count in episodes:  # each goes on where the one before ended
                points.append(point(name, 4 * count, Path(folder), TOOLS, count, options))
    write_points("explore", points)

    def curve(name: str, column: str) -> tuple[list[float], list[float]]:
        found = [one for one in points if one["curve"] == name]
        return [one["x"] for one in found], [one[column] for one in found]

    rows = [
        growth_row(
            "exploration, prompt tokens over tools", *curve("tools", "prompt_tokens"), "<= 1.1", "4 trials a tool"
        )
    ]
    for name, limit in zip(SETTINGS, ("<= 2", "<= 1.1"), strict=True):
        counts, tokens = curve(name, "tokens_a_trial")
        detail = (
            f"{name}; {tokens[0]:,.0f} tokens a trial in the first {counts[0]:.0f}, {tokens[-1]:,.0f} at the end of "
            f"{counts[-1]:.0f}"
        )
        rows.append(
            growth_row(f"exploration, prompt tokens over trials, {name}", *curve(name, "prompt_tokens"), limit, detail)
        )
    return rows


if __name__ == "__main__":
    sys.exit(main("growth_explore", PLANS, measure, __doc__))
