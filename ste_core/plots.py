"""Data frame in, figure out: what the study's figures look like.

>>> with style():                                                        # doctest: +SKIP
...     figure = correctness_points(data)

Functions here know nothing of files; `ste_core.figures` says which table each figure shows and writes them. Every point
has its interval, every title says what the data show (computed, never typed in), every figure is colour-blind-safe.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import resources

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#777777"
SETTING_COLOURS = {"baseline": GREY, "ICL": ORANGE, "FT": BLUE}


def style() -> AbstractContextManager[None]:
    """The study's style sheet, for a `with` block."""
    return plt.style.context(str(resources.files("ste_core").joinpath("style.mplstyle")))


def points(
    axes: Axes, data: pd.DataFrame, *, colour: str | Sequence[str] = BLUE, label: str | None = None, offset: float = 0.0
) -> Axes:
    """Horizontal points with intervals, one a row: columns `position, value, ci_low, ci_high`."""
    y = data["position"] + offset
    colours = [colour] * len(data) if isinstance(colour, str) else list(colour)
    for row, height, paint in zip(data.itertuples(), y, colours, strict=True):
        axes.plot([row.ci_low, row.ci_high], [height, height], color=paint, solid_capstyle="round", zorder=2)
    axes.scatter(data["value"], y, color=colours, s=36, zorder=3, label=label)
    return axes


def _reported(axes: Axes, x: pd.Series, y: pd.Series) -> None:
    """Reported figures: hollow diamonds, drawn over the points."""
    axes.scatter(
        x, y, marker="D", s=30, facecolors="none", edgecolors="black", linewidths=1.1, zorder=4, label="reported"
    )


def _title(figure: Figure, text: str) -> None:
    """What the figure shows, above all of it and flush left."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=12, fontweight="bold")


def _note(axes: Axes, text: str, x: float, y: float, colour: str) -> None:
    """A direct label to the right of a point."""
    axes.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", fontsize=8, color=colour)


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _rows(axes: Axes, labels: Sequence[str], positions: Sequence[float]) -> None:
    axes.set_yticks(list(positions), list(labels))
    axes.set_ylim(max(positions) + 0.6, min(positions) - 0.6)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)


def correctness_points(data: pd.DataFrame) -> Figure:
    """Correctness by system and setting, recomputed with interval, beside the reported figure.

    Args:
        data: `system, setting, reported, value, ci_low, ci_high` (value and interval nan where only reported), in
            drawing order.
    """
    systems = list(dict.fromkeys(data["system"]))
    position, ticks, y = {}, {}, 0.0
    for system in systems:
        settings = data.loc[data["system"] == system, "setting"].tolist()
        for setting in settings:
            position[system, setting] = y
            y += 1
        ticks[system] = np.mean([position[system, setting] for setting in settings])
        y += 0.6
    data = data.assign(position=[position[row.system, row.setting] for row in data.itertuples()])
    known = data[data["value"].notna()]
    furthest = (known["value"] - known["reported"]).abs().max()
    figure, axes = plt.subplots(figsize=(8.6, 0.36 * y + 1.3))
    for setting, colour in SETTING_COLOURS.items():
        points(axes, known[known["setting"] == setting], colour=colour, label=f"{setting}, recomputed")
    _reported(axes, data["reported"], data["position"])
    for row in data.itertuples():
        if pd.isna(row.value):
            _note(axes, f"  {row.setting}, reported only", row.reported, row.position, GREY)
        else:
            _note(axes, f"{row.setting} {row.value:.1f}", row.ci_high, row.position, SETTING_COLOURS[row.setting])
    _rows(axes, systems, [ticks[system] for system in systems])
    axes.set_ylim(y - 0.6, -0.8)
    axes.set_xlim(0, 100)
    axes.set_xlabel("correct calls, % of 750 items (95 % interval over APIs)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.42, -0.1), ncols=4, handletextpad=0.4, columnspacing=1.6)
    _title(figure, f"Recomputed from raw outputs, no system moves by more than {furthest:.1f} points")
    figure.tight_layout()
    return figure


def difference_forest(data: pd.DataFrame, *, title: str, xlabel: str) -> Figure:
    """Paired differences with intervals around zero, beside the reported ones.

    Args:
        data: `label, value, ci_low, ci_high, reported, p_holm`, in drawing order.
    """
    data = data.assign(position=np.arange(len(data), dtype=float))
    figure, axes = plt.subplots(figsize=(8.6, 0.55 * len(data) + 1.5))
    axes.axvline(0, color="#888888", linewidth=1)
    points(axes, data, label="recomputed")
    _reported(axes, data["reported"], data["position"])
    for row in data.itertuples():
        text = f"{row.value:+.1f}  ({_p(row.p_holm)}, Holm)"
        axes.annotate(
            text, (row.value, row.position), (0, 8), textcoords="offset points", ha="center", fontsize=8, color=BLUE
        )
    _rows(axes, data["label"], data["position"])
    axes.set_xlabel(xlabel)
    axes.legend(loc="upper center", bbox_to_anchor=(0.42, -0.2), ncols=2, handletextpad=0.4)
    _title(figure, title)
    figure.tight_layout()
    return figure


def forgetting_matrices(data: pd.DataFrame) -> Figure:
    """Round x batch matrices of correctness, one panel a strategy, value and interval in every cell.

    Args:
        data: `strategy, round, batch, value, ci_low, ci_high`.
    """
    strategies = list(dict.fromkeys(data["strategy"]))
    last = data["round"].max()
    figure, panels = plt.subplots(1, len(strategies), figsize=(4.9 * len(strategies), 4.5), sharey=True, squeeze=False)
    for axes, strategy in zip(panels[0], strategies, strict=True):
        part = data[data["strategy"] == strategy]
        matrix = part.pivot(index="round", columns="batch", values="value")
        cells = [f"{row.value:.0f}\n[{row.ci_low:.0f}, {row.ci_high:.0f}]" for row in part.itertuples()]
        labels = part.assign(cell=cells).pivot(index="round", columns="batch", values="cell").fillna("")
        sns.heatmap(matrix, annot=labels, fmt="", vmin=0, vmax=100, cmap="cividis", cbar=False, square=True,
                    linewidths=1.5, ax=axes, annot_kws={"fontsize": 9})  # fmt: skip
        axes.set_title(strategy.capitalize())
        axes.set_xlabel("batch of tools")
        axes.set_ylabel("after learning batch" if axes is panels[0][0] else "")
        axes.tick_params(left=False, bottom=False)
        axes.spines[:].set_visible(False)
    first = data[(data["batch"] == 0) & (data["round"] == last)].set_index("strategy")["value"]
    kept = ", ".join(f"{first[strategy]:.0f} % with {strategy}" for strategy in strategies)
    _title(figure, f"Correct on the first batch after the last was learnt: {kept}")
    figure.tight_layout()
    return figure


def judge_panels(data: pd.DataFrame) -> Figure:
    """Two panels: how often verdicts are doubtful (over all files), and what leniency gives each system.

    Args:
        data: `panel` ("doubt", "leniency"), `label, measure, value, ci_low, ci_high`, in drawing order.
    """
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(8.6, 7.2), height_ratios=[1, 2.6])
    doubt = data[data["panel"] == "doubt"]
    doubt = doubt.assign(position=np.arange(len(doubt), dtype=float))
    points(upper, doubt, colour=RED)
    for row in doubt.itertuples():
        _note(upper, f"{row.value:.1f} %", row.ci_high, row.position, RED)
    _rows(upper, doubt["label"], doubt["position"])
    upper.set_xlim(0, max(10, doubt["ci_high"].max() * 1.25))
    upper.set_xlabel("% of such calls, over all files (95 % interval over APIs)")
    lenient = data[data["panel"] == "leniency"]
    labels = list(dict.fromkeys(lenient["label"]))
    lenient = lenient.assign(position=[float(labels.index(label)) for label in lenient["label"]])
    measures = lenient.groupby("measure", sort=False)
    for offset, (measure, part), colour in zip((-0.17, 0.17), measures, (BLUE, ORANGE), strict=True):
        points(lower, part, colour=colour, label=measure, offset=offset)
    _rows(lower, labels, range(len(labels)))
    lower.set_xlim(left=0)
    lower.set_xlabel("% of all items (95 % interval over APIs)")
    lower.legend(loc="upper center", bbox_to_anchor=(0.3, -0.15), ncols=2, handletextpad=0.4)
    most = lenient.loc[lenient["value"].idxmax()]
    _title(figure, f"Leniency matters more than noise: it gives {most['label']} {most['value']:.0f} % of its items"
           if most["value"] > doubt["value"].max()
           else f"Noise matters more than leniency: up to {doubt['value'].max():.0f} % of verdicts")  # fmt: skip
    figure.tight_layout()
    return figure


def reference_points(data: pd.DataFrame) -> Figure:
    """A few metrics of a few systems, points with intervals, systems in rows and metrics in colours.

    Args:
        data: `system, metric, value, ci_low, ci_high`, in drawing order.
    """
    systems, metrics = list(dict.fromkeys(data["system"])), list(dict.fromkeys(data["metric"]))
    figure, axes = plt.subplots(figsize=(8.6, 0.9 * len(systems) + 1.6))
    colours = dict(zip(metrics, (GREY, ORANGE, BLUE, GREEN), strict=False))
    for number, metric in enumerate(metrics):
        part = data[data["metric"] == metric]
        part = part.assign(position=[float(systems.index(system)) for system in part["system"]])
        points(axes, part, colour=colours[metric], label=metric, offset=0.18 * (number - (len(metrics) - 1) / 2))
    _rows(axes, systems, range(len(systems)))
    axes.set_xlim(0, 100.5)
    axes.set_xlabel("% of items (95 % interval over tools)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.42, -0.22), ncols=4, handletextpad=0.3, columnspacing=1.2)
    guess = data[data["system"] != systems[0]].groupby("metric", sort=False)["value"].max()
    _title(figure, f"Without understanding: {guess.iloc[0]:.0f} % {metrics[0]}, but {guess.iloc[2]:.0f} % {metrics[2]}")
    figure.tight_layout()
    return figure
