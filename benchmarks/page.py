"""Write `docs/measured.md`: what was measured (`results/bench/*.csv`), and which faults are survived.

    python -m benchmarks.page

Every number comes from a file; the faults come from `results/bench/faults.csv`, which the command
`python -m benchmarks.faults_table` writes from a run of the tests. Tables that are not there are named as missing.
"""

import math
import os
from pathlib import Path

import pandas as pd

from benchmarks.harness import BENCH, COLUMNS, NAMES, ROOT
from ste_core.core.store import write_text

#: beside the results where they go to a folder of one's own: only what is published changes the documentation
PAGE = BENCH / "measured.md" if os.environ.get("STE_BENCH") else ROOT / "docs" / "measured.md"

HEAD = """# Measured: speed, growth, faults

Made by `make bench` and `python -m benchmarks.faults_table`; do not edit. A ratio says how many times faster ours is
than what it is set against: both sides do the same work in one process, in turn, and the median over the rounds stands
beside the least and the most. An exponent is the slope of log cost over log size, with its 95 % interval: 1 is linear.
"""


def text() -> str:
    """The page."""
    parts = [HEAD, "## Speed and growth\n", speed(), *growth(), "## Faults survived\n", faults()]
    return "\n".join(parts).rstrip() + "\n"


def write() -> Path:
    """Write the page; returns its path."""
    write_text(PAGE, text())
    return PAGE


def speed(folder: Path = BENCH) -> str:
    """The measurements as a table, in the order of the benchmarks."""

    paths = [path for name in NAMES if (path := folder / f"{name}.csv").is_file()]
    if not paths:
        return "Nothing measured yet: run `make bench`.\n"
    table = pd.concat([pd.read_csv(path, keep_default_na=True) for path in paths], ignore_index=True)[list(COLUMNS)]
    lines = ["| what | measured | least to most | limit | verdict | command |", "|---|---|---|---|---|---|"]
    for one in table.itertuples():
        if pd.isna(one.value):
            measured, spread = f"not measured: {one.detail}", ""
        else:
            measured = f"{_number(one.value)} {one.unit}"
            spread = "" if pd.isna(one.low) else f"{_number(one.low)} to {_number(one.high)}"
        verdict = "" if pd.isna(one.met) else "met" if str(one.met) == "True" else "**not met**"
        limit = "" if pd.isna(one.limit) else one.limit
        lines.append(f"| {_cell(one.what)} | {_cell(measured)} | {spread} | {limit} | {verdict} | `{one.command}` |")
    missing = [name for name in NAMES if not (folder / f"{name}.csv").is_file()]
    said = [f"\nNot run here: {', '.join(missing)}."] if missing else []
    loads: dict[str, list[float]] = {}
    for one in table["machine"]:
        machine, _, load = one.partition(", load ")
        loads.setdefault(machine, []).append(float(load.partition(" ")[0]) if load[:1].isdigit() else math.nan)
    machines = "\n".join(
        f"- {one}, load {min(found):.1f} to {max(found):.1f} at the ends" for one, found in loads.items()
    )
    behind = "\n".join(
        f"- {_cell(one.what)}: {_cell(one.detail)}, {one.rounds} rounds" if one.unit != "exponent" else
        f"- {_cell(one.what)}: {_cell(one.detail)}, {one.rounds} sizes"
        for one in table.itertuples() if not pd.isna(one.value)
    )  # fmt: skip
    profiles = ", ".join(table["profile"].unique())
    return "\n".join(
        [*lines, *said, f"\nProfile: {profiles}. Measured on:\n\n{machines}\n\nBehind the figures:\n\n{behind}\n"]
    )


def growth(folder: Path = BENCH) -> list[str]:
    """The figure, where it has been drawn."""
    if not (folder / "growth.png").is_file():
        return []
    return ["![Growth of exploration, fine-tuning and stored trials](../results/bench/growth.png)\n"]


def faults(folder: Path = BENCH) -> str:
    """The faults that tests put the project through, and how that ended."""
    path = folder / "faults.csv"
    if not path.is_file():
        return "Not tested yet: run `python -m benchmarks.faults_table`.\n"
    table = pd.read_csv(path)
    survived = int((table["outcome"] == "survived").sum())
    lines = [f"{survived} of {len(table)} faults survived, each a test (`pytest TEST`).\n"]
    lines += ["| fault | outcome | test |", "|---|---|---|"]
    lines += [f"| {_cell(one.fault)} | {one.outcome} | `{one.test}` |" for one in table.itertuples()]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "?"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    print(write())
