"""The growth curves as a figure, of the points in `results/bench/points/`.

    python -m benchmarks.figure

Logarithmic axes: the slope of a curve is its exponent, fitted over all its points and given in its label.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from benchmarks.harness import BENCH, exponent
from ste_core.report import plots

NAME = "growth"

#: file of points, column of x, column of y, column that names the curves, what axes and panel are called
PANELS = (
    ("explore", "x", "prompt_tokens", "curve", "tools, or trials of each of 5 tools", "prompt tokens", "Exploration"),
    ("explore", "x", "tokens_a_trial", "curve", "trials of each tool", "prompt tokens of a trial", "A trial"),
    ("finetune", "rows", "seconds", None, "rows", "seconds of processor time", "Fine-tuning"),
    ("store", "trials", "seconds", "work", "trials on disk", "seconds", "Trials on disk: time"),
    ("store", "trials", "peak_mb", "work", "trials on disk", "MB resident at most", "Trials on disk: memory"),
)


def draw(folder: Path = BENCH) -> list[Path]:
    """Write the figure as SVG and PNG; panels without points are left out, and no figure is made without any."""
    tables = {name: folder / "points" / f"{name}.csv" for name in {panel[0] for panel in PANELS}}
    panels = [panel for panel in PANELS if tables[panel[0]].is_file()]
    if not panels:
        return []
    with plots.style():
        figure = growth_panels([(pd.read_csv(tables[panel[0]]), *panel[1:]) for panel in panels])
        paths = [folder / f"{NAME}.{kind}" for kind in ("svg", "png")]
        for path in paths:
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {"Software": None})
        plt.close(figure)
    return paths


def growth_panels(panels: list[tuple[pd.DataFrame, str, str, str | None, str, str, str]]) -> Figure:
    """A panel for each table: points, joined, and the fitted exponent of each curve in its label."""
    columns = min(3, len(panels))
    figure, grid = plt.subplots(
        -(-len(panels) // columns), columns, figsize=(4.2 * columns, 3.4 * -(-len(panels) // columns)),
        squeeze=False, layout="constrained",
    )  # fmt: skip
    exponents: list[float] = []
    for axes, (table, x, y, by, xlabel, ylabel, title) in zip(grid.flat, panels, strict=False):
        curves = [(ylabel, table)] if by is None else [(str(key), part) for key, part in table.groupby(by, sort=False)]
        if y == "tokens_a_trial":  # the curve over tools says nothing of trials
            curves = [(name, part) for name, part in curves if name != "tools"]
        exponents += _curves(axes, curves, x, y, fitted=y not in ("tokens_a_trial", "peak_mb"))
        if y == "peak_mb":
            axes.axhline(1024, color=plots.GREY, linestyle=":", linewidth=1)
            axes.annotate("limit: 1 GB", (0.98, 1024), (0, 3), ha="right", xycoords=("axes fraction", "data"),
                          textcoords="offset points", fontsize=8, color=plots.GREY)  # fmt: skip
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.set_title(title, loc="left", fontsize=10)
    for axes in list(grid.flat)[len(panels) :]:
        axes.remove()
    if exponents:
        figure.suptitle(
            f"Costs grow with exponents of {min(exponents):.2f} to {max(exponents):.2f} (1 is linear)",
            x=0.01, ha="left", fontsize=12, fontweight="bold",
        )  # fmt: skip
    return figure


def _curves(axes: Axes, curves: list[tuple[str, pd.DataFrame]], x: str, y: str, *, fitted: bool) -> list[float]:
    """Draw curves on logarithmic axes; returns the exponents of those that are fitted."""
    colours = (plots.BLUE, plots.ORANGE, plots.GREEN, plots.RED)
    exponents = []
    for colour, marker, (name, part) in zip(colours, "os^D", curves, strict=False):
        label = name
        if fitted and len(part) > 1:
            exponents.append(exponent(part[x], part[y]).value)
            label = f"{name}: exponent {exponents[-1]:.2f}"
        axes.plot(part[x], part[y], marker=marker, markersize=4, color=colour, label=label)
    axes.set(xscale="log", yscale="log")
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,), numticks=8))
        axis.set_major_formatter(EngFormatter(sep=""))
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=8)
    axes.margins(y=0.15)
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    return exponents


if __name__ == "__main__":
    for path in draw():
        print(path)
