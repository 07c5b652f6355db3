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


def metric_points(data: pd.DataFrame, title: str) -> Figure:
    """A few metrics of a few systems, points with intervals, systems in rows and metrics in colours.

    Args:
        data: `system, metric, value, ci_low, ci_high`, in drawing order.
        title: what they show.
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
    _title(figure, title)
    figure.tight_layout()
    return figure


def reference_points(data: pd.DataFrame) -> Figure:
    """`metric_points` of predictors without understanding, the gold oracle first."""
    oracle, metrics = data["system"].iloc[0], list(dict.fromkeys(data["metric"]))
    guess = data[data["system"] != oracle].groupby("metric", sort=False)["value"].max()
    return metric_points(
        data, f"Without understanding: {guess.iloc[0]:.0f} % {metrics[0]}, but {guess.iloc[2]:.0f} % {metrics[2]}"
    )


def learning_curves(data: pd.DataFrame) -> Figure:
    """Skills of a model over the tokens it has seen, one labelled line each.

    Args:
        data: `tokens, skill, value` (percent), by tokens.
    """
    figure, axes = plt.subplots(figsize=(8.6, 4.6))
    ends = data.groupby("skill", sort=False)["value"].last().sort_values()
    colours = dict(zip(ends.index, sns.color_palette("colorblind", len(ends)), strict=True))
    height = -10.0
    for skill, last in ends.items():
        part = data[data["skill"] == skill]
        axes.plot(part["tokens"] / 1e6, part["value"], color=colours[skill], linewidth=1.6)
        height = max(last, height + 4.5)  # labels keep apart
        axes.annotate(f"{skill} {last:.0f}", (1.01, height), xycoords=("axes fraction", "data"), va="center",
                      fontsize=8, color=colours[skill])  # fmt: skip
    axes.set_xlim(0, data["tokens"].max() / 1e6)
    axes.set_ylim(0, 101)
    axes.set_xlabel("tokens seen, millions")
    axes.set_ylabel("whole replies exact, % of 48 held-out items")
    first, final = data["tokens"].min() / 1e6, data["tokens"].max() / 1e6
    _title(figure, f"Copying comes first, all else is built on it: {first:.0f} to {final:.0f} million tokens")
    figure.tight_layout()
    return figure


def setting_points(data: pd.DataFrame) -> Figure:
    """`metric_points` of the settings of the study."""
    results = data[data["metric"] == list(dict.fromkeys(data["metric"]))[2]].set_index("system")["value"]
    return metric_points(
        data, "Right results: " + ", ".join(f"{name} {value:.0f} %" for name, value in results.items())
    )


def error_bars(data: pd.DataFrame) -> Figure:
    """Shares of each category of outcome, one stacked bar a setting.

    Args:
        data: `setting, category, percent`.
    """
    settings = list(dict.fromkeys(data["setting"]))
    order = data[data["category"] != "right"].groupby("category")["percent"].sum().sort_values(ascending=False).index
    categories = [*(["right"] if "right" in set(data["category"]) else []), *order]
    colours = dict(zip(categories, [GREEN, *sns.color_palette("colorblind", 12)[3:], *sns.color_palette("pastel")],
                       strict=False))  # fmt: skip
    figure, axes = plt.subplots(figsize=(8.6, 0.7 * len(settings) + 2.0))
    left = np.zeros(len(settings))
    for category in categories:
        part = data[data["category"] == category].set_index("setting")["percent"].reindex(settings).fillna(0).to_numpy()
        axes.barh(settings, part, left=left, color=colours[category], label=category, height=0.62)
        for row, (width, start) in enumerate(zip(part, left, strict=True)):
            if width >= 4:
                axes.annotate(f"{width:.0f}", (start + width / 2, row), ha="center", va="center", fontsize=8)
        left = left + part
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of test items")
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.28), ncols=4, handletextpad=0.4, columnspacing=1.2)
    wrong = data[data["category"] != "right"]
    worst = {name: part.loc[part["percent"].idxmax()] for name, part in wrong.groupby("setting", sort=False)}
    shown = ", ".join(f"{name}: {row['category']} ({row['percent']:.0f} %)" for name, row in worst.items())
    _title(figure, f"The commonest error of {shown}")
    figure.tight_layout()
    return figure


VARIANT_COLOURS = {
    "full": BLUE, "no_feedback": RED, "no_short_term": ORANGE, "no_long_term": GREEN, "no_reflection": GREY,
}  # fmt: skip


def variant_panels(data: pd.DataFrame) -> Figure:
    """One panel a measure, one point with interval a variant.

    Args:
        data: `variant, measure, value, ci_low, ci_high`, in drawing order.
    """
    variants, measures = list(dict.fromkeys(data["variant"])), list(dict.fromkeys(data["measure"]))
    columns = 3
    rows = -(-len(measures) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(9.2, rows * (0.3 * len(variants) + 1.25)), sharey=True, squeeze=False
    )
    for axes, measure in zip(panels.flat, measures, strict=False):
        part = data[data["measure"] == measure]
        part = part.assign(position=[float(variants.index(variant)) for variant in part["variant"]])
        points(axes, part, colour=[VARIANT_COLOURS.get(variant, BLUE) for variant in part["variant"]])
        for row in part.itertuples():
            axes.annotate(f"{row.value:.0f}", (row.value, row.position), (0, 6), textcoords="offset points",
                          ha="center", fontsize=7)  # fmt: skip
        _rows(axes, [variant.replace("_", " ") for variant in variants], range(len(variants)))
        axes.set_xlim(-2, 102)
        axes.set_title(measure, fontsize=9)
    for axes in panels.flat[len(measures) :]:
        axes.set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel("% of trials (95 % interval over tools)", fontsize=8)
    ran = data[data["measure"] == measures[1]].set_index("variant")["value"]
    _title(figure, f"While exploring, {measures[1]} in {ran.min():.0f} to {ran.max():.0f} % of trials, by variant")
    figure.tight_layout()
    return figure


def episode_lines(data: pd.DataFrame) -> Figure:
    """A share over episodes, one line with band a variant.

    Args:
        data: `variant, episode, value, ci_low, ci_high`.
    """
    figure, axes = plt.subplots(figsize=(8.6, 4.2))
    for variant, part in data.groupby("variant", sort=False):
        colour = VARIANT_COLOURS.get(variant, BLUE)
        axes.plot(
            part["episode"], part["value"], color=colour, marker="o", markersize=3, label=variant.replace("_", " ")
        )
        axes.fill_between(part["episode"], part["ci_low"], part["ci_high"], color=colour, alpha=0.1, linewidth=0)
    axes.set_xticks(sorted(data["episode"].unique()))
    axes.set_ylim(0, 100)
    axes.set_xlabel("episode")
    axes.set_ylabel("trials in which a call ran, %\n(band: 95 % interval over tools)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=5, handletextpad=0.4, columnspacing=1.2)
    first = next(iter(dict.fromkeys(data["variant"])))
    ends = data[data["variant"] == first].sort_values("episode")["value"]
    _title(figure, f"From the first to the last episode, {first} goes from {ends.iloc[0]:.0f} to {ends.iloc[-1]:.0f} %")
    figure.tight_layout()
    return figure


def gated_points(data: pd.DataFrame) -> Figure:
    """Measured skills with intervals, beside the gates the project set for itself.

    Args:
        data: `skill, value, ci_low, ci_high, gate`, in drawing order.
    """
    data = data.assign(position=np.arange(len(data), dtype=float))
    met = data["value"] >= data["gate"]
    figure, axes = plt.subplots(figsize=(8.6, 0.42 * len(data) + 1.5))
    for kind, colour, label in ((met, BLUE, "measured, gate met"), (~met, ORANGE, "measured, gate missed")):
        if kind.any():
            points(axes, data[kind], colour=colour, label=label)
    axes.scatter(
        data["gate"], data["position"], marker="|", s=160, color="black", linewidths=1.4, label="gate", zorder=4
    )
    for row in data.itertuples():
        axes.annotate(f"{row.value:.1f}", (row.value, row.position), (0, 7), textcoords="offset points", ha="center",
                      fontsize=8)  # fmt: skip
    _rows(axes, data["skill"], data["position"])
    axes.set_xlim(0, 101)
    axes.set_xlabel("% of items, tools never seen (95 % interval)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.3, -0.12), ncols=3, handletextpad=0.3)
    _title(figure, f"The small model meets {met.sum()} of the {len(data)} gates set for it")
    figure.tight_layout()
    return figure
