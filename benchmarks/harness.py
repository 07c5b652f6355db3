"""What the benchmarks share: pairs measured in turn, growth fitted, rows written with what was measured on.

>>> pair = Pair((1.0, 1.1, 1.0), (4.0, 4.2, 4.4))       # seconds of ours, and of what it is set against
>>> f"{pair.ratio:.1f}, {pair.low:.1f} to {pair.high:.1f}"
'4.0, 3.8 to 4.4'
>>> fit = exponent([1, 10, 100], [2.0, 20.0, 200.0])
>>> f"{fit.value:.2f}, {fit.low:.2f} to {fit.high:.2f}"
'1.00, 1.00 to 1.00'

A benchmark is a module with `PLANS` (sizes for each profile) and `measure(plan, command)`, which gives `Row`s; `main`
makes a command of it. Both sides of a pair do the same work in the same process, one after the other and in changing
order, several times; a ratio is the median over the rounds, `low` and `high` are the least and the most. Work that
keeps a processor busy is timed in processor time, which other processes of a shared machine disturb less than
wall-clock; waiting is timed in wall-clock. Each file says which.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ste_core.core.errors import UserError
from ste_core.core.store import write_text

ROOT = Path(__file__).resolve().parents[1]

#: in the order of the page, quick ones first within a kind
NAMES = (
    "explore_concurrency", "explore_bound", "served", "llama_cpp", "generate", "predict_batching", "finetune_packing",
    "retrieve_batching", "rescore", "pipeline", "growth_explore", "growth_finetune", "growth_store",
)  # fmt: skip

#: where results go; a folder of one's own by STE_BENCH
BENCH = Path(os.environ.get("STE_BENCH") or ROOT / "results" / "bench")

#: how much is measured: what the tests of this project take, what `make bench` takes, what is published
PROFILES = ("tiny", "quick", "full")

COLUMNS = ("what", "value", "unit", "low", "high", "rounds", "limit", "met", "detail", "command", "profile", "machine")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured.

    Attributes:
        what: in words.
        value, low, high: the median over the rounds, and the least and the most; of an exponent, its 95 % interval.
        unit: "x" for a ratio (ours is so many times faster), "s", "MB", ...
        limit: what is asked for, as ">= 8" or "< 3"; "" if nothing is.
        met: whether the value is within the limit; None without one, and where nothing could be measured.
        detail: what stands behind the value.
    """

    what: str
    value: float | None
    unit: str
    low: float | None
    high: float | None
    rounds: int
    limit: str = ""
    met: bool | None = None
    detail: str = ""


def row(what: str, values: Sequence[float], unit: str, limit: str = "", detail: str = "") -> Row:
    """A row of values measured one after the other."""
    middle = statistics.median(values)
    return Row(what, middle, unit, min(values), max(values), len(values), limit, within(middle, limit), detail)


def missing(what: str, unit: str, limit: str, why: str) -> Row:
    """A row for what could not be measured here."""
    return Row(what, None, unit, None, None, 0, limit, None, why)


def within(value: float, limit: str) -> bool | None:
    """Whether a value keeps a limit.

    >>> within(9.5, ">= 8"), within(3.5, "< 3"), within(1.0, "")
    (True, False, None)
    """
    if not limit:
        return None
    sign, bound = limit.split()[:2]
    return {">=": value >= float(bound), "<": value < float(bound), "<=": value <= float(bound)}[sign]


# --- pairs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds that the same work took us and others, a round each."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        return [other / own for own, other in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def low(self) -> float:
        return min(self.ratios)

    @property
    def high(self) -> float:
        return max(self.ratios)

    def row(self, what: str, limit: str, detail: str) -> Row:
        own, other = statistics.median(self.ours), statistics.median(self.theirs)
        detail = f"{own:.3g} s against {other:.3g} s, {detail}"
        return row(what, self.ratios, "x", limit, detail)


def measured(work: Callable[[], Any], *, wall: bool = False) -> tuple[float, Any]:
    """Seconds of processor time of this process (all its threads), or of wall-clock, and what the work returned."""
    clock = time.perf_counter if wall else time.process_time
    start = clock()
    result = work()
    return clock() - start, result


def pair(
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    *,
    rounds: int,
    wall: bool = False,
    same: Callable[[Any, Any], bool] | None = None,
) -> Pair:
    """Measure both in turn, in changing order; `same` says whether both gave the same.

    Raises:
        UserError: they did not, so the ratio would mean nothing.
    """
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(rounds):
        results = {}
        order = [("ours", ours), ("theirs", theirs)]
        for name, work in order if number % 2 == 0 else reversed(order):
            taken, results[name] = measured(work, wall=wall)
            seconds[name].append(taken)
        if same is not None and not same(results["ours"], results["theirs"]):
            raise UserError("both sides of the pair gave different results: no ratio")
    return Pair(tuple(seconds["ours"]), tuple(seconds["theirs"]))


# --- growth -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fit:
    """An exponent with its 95 % interval; NaN with two points."""

    value: float
    low: float
    high: float


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> Fit:
    """The slope of log cost over log size: 1 is linear growth, 2 quadratic."""
    line = stats.linregress(np.log(sizes), np.log(costs))
    margin = stats.t.ppf(0.975, len(sizes) - 2) * line.stderr if len(sizes) > 2 else float("nan")
    return Fit(float(line.slope), float(line.slope - margin), float(line.slope + margin))


def growth_row(what: str, sizes: Sequence[float], costs: Sequence[float], limit: str = "", detail: str = "") -> Row:
    """An exponent as a row."""
    fit = exponent(sizes, costs)
    return Row(what, fit.value, "exponent", fit.low, fit.high, len(sizes), limit, within(fit.value, limit), detail)


def peak_mb() -> float:
    """The most memory that this process has held resident, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(module: str, *arguments: object) -> dict[str, Any]:
    """What a module of the benchmarks prints as JSON, run in a process of its own: memory is that work's alone.

    Raises:
        UserError: it failed, with its last line.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{module}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


# --- what was measured on, and where it goes --------------------------------------------------------------------------


def machine() -> str:
    """The machine on a line: cores, processor, memory, versions; nothing that names it."""
    parts = [f"{os.cpu_count()} cores", _processor(), f"{_memory_gb():.0f} GB", f"{platform.system()}"]
    parts.append(f"Python {platform.python_version()}")
    parts += [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "transformers", "numpy", "pandas")]
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(filter(None, parts))


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def write(name: str, rows: Sequence[Row], *, command: str, profile: str) -> Path:
    """Write what a benchmark found to `results/bench/<name>.csv`."""
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    common = {"command": command, "profile": profile, "machine": f"{machine()}, {load} at the end"}
    table = pd.DataFrame([asdict(one) | common for one in rows], columns=list(COLUMNS))
    path = BENCH / f"{name}.csv"
    write_text(path, table.to_csv(index=False, float_format="%.4g", lineterminator="\n"))
    return path


def write_points(name: str, points: Sequence[Mapping[str, Any]]) -> Path:
    """Write the points of a growth curve to `results/bench/points/<name>.csv`."""
    path = BENCH / "points" / f"{name}.csv"
    write_text(path, pd.DataFrame(points).to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    return path


def judged(rows: Sequence[Row], profile: str) -> list[Row]:
    """The rows, without a verdict where so little was measured that it would mean nothing."""
    return [replace(one, met=None) if profile == "tiny" else one for one in rows]


def shown(one: Row) -> str:
    """A row as the terminal shows it."""
    if one.value is None:
        return f"{one.what:<64} not measured: {one.detail}"
    verdict = {True: "met", False: "NOT MET", None: "not judged"}[one.met]
    spread = f"({one.low:.3g} to {one.high:.3g})" if one.low is not None else ""
    limit = f"limit {one.limit}: {verdict}" if one.limit else ""
    return f"{one.what:<64} {one.value:>8.3g} {one.unit:<9} {spread:<18} {limit:<22} {one.detail}".rstrip()


def main(name: str, plans: Mapping[str, Any], measure: Callable[[Any, str], list[Row]], doc: str | None) -> int:
    """The command of one benchmark; returns its exit code, 0 also where a limit is not met: that is a result."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=(doc or name).splitlines()[0])
    parser.add_argument("--profile", choices=PROFILES, default="quick", help="how much is measured (default: quick)")
    profile = parser.parse_args().profile
    command = f"python -m benchmarks.{name}" + ("" if profile == "quick" else f" --profile {profile}")
    try:
        rows = judged(measure(plans[profile], command), profile)
        for one in rows:
            print(shown(one), flush=True)
        write(name, rows, command=command, profile=profile)
    except UserError as error:
        print(f"benchmarks.{name}: {error}", file=sys.stderr)
        return error.exit_code
    return 0
