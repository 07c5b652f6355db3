"""Data frame in, figure out: what the study's figures look like.

>>> with style():                                                        # doctest: +SKIP
...     figure = correctness_points(data)

Functions here know nothing of files; `report.figures` says which table each figure shows and writes them. Every point
has its interval, every title says what the data show (computed, never typed in), every figure is colour-blind-safe.
seaborn is imported where it is used: it brings half of scipy, and every run of the pipeline reads this module.
"""

import itertools
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import resources
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#777777"
SETTING_COLOURS = {"baseline": GREY, "ICL": ORANGE, "FT": BLUE}
OTHER = "#CC79A7"  # predictions of others, which have no setting of the paper


def style() -> AbstractContextManager[None]:
    """The study's style sheet, for a `with` block."""
    return plt.style.context(str(resources.files("ste_core.report").joinpath("style.mplstyle")))


def light_scale() -> Colormap:
    """A scale from white to a light blue, on which black figures can be read in every cell."""
    return LinearSegmentedColormap.from_list("light", ["#ffffff", "#6fb3dd"])


def points(
    axes: Axes, data: pd.DataFrame, *, colour: str | Sequence[str] = BLUE, label: str | None = None, offset: float = 0.0
) -> Axes:
    """Horizontal points with intervals, one a row: columns `position, value, ci_low, ci_high`."""
    y = data["position"] + offset
    colours = [colour] * len(data) if isinstance(colour, str) else list(colour)
    for row, height, paint in zip(data.itertuples(), y, colours, strict=True):
        axes.plot([row.ci_low, row.ci_high], [height, height], color=paint, solid_capstyle="round", zorder=2)
    axes.scatter(data["value"], y, color=colours, s=36, zorder=3, label=label, clip_on=False)  # whole at 0, too
    return axes


def _reported(axes: Axes, x: pd.Series, y: pd.Series) -> None:
    """Reported figures: short upright lines, which leave the points visible that they cross."""
    axes.scatter(x, y, marker="|", s=150, color="black", linewidths=1.4, zorder=4, label="reported")


#: where titles stand, and how
TITLE: dict[str, Any] = {"x": 0.01, "ha": "left", "fontsize": 12, "fontweight": "bold"}


def _title(figure: Figure, text: str) -> None:
    """What the figure shows, above all of it and flush left."""
    figure.suptitle(text, **TITLE)


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
    known = data[data["value"].notna()]
    furthest = (known["value"] - known["reported"]).abs().max()
    figure, axes = plt.subplots(figsize=(8.6, 0.36 * _height(data) + 1.3))
    _systems(axes, data)
    axes.set_xlabel("correct calls, % of 750 items (95 % interval over APIs)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.42, -0.1), ncols=4, handletextpad=0.4, columnspacing=1.6)
    _title(figure, f"Recomputed where it can be, no system moves by more than {furthest:.1f} points")
    figure.tight_layout()
    return figure


def _height(data: pd.DataFrame) -> float:
    """The height of `_systems` in its own units."""
    return len(data) + 0.6 * data["system"].nunique()


def _systems(axes: Axes, data: pd.DataFrame) -> None:
    """Systems in groups of rows, a row a setting: recomputed points with intervals, reported ones beside."""
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
    for setting, colour in SETTING_COLOURS.items():
        points(axes, known[known["setting"] == setting], colour=colour, label=f"{setting}, recomputed")
    points(axes, known[~known["setting"].isin(list(SETTING_COLOURS))], colour=OTHER)
    _reported(axes, data["reported"], data["position"])
    for row in data.itertuples():
        if pd.isna(row.value):
            _note(axes, f"  {row.setting}, reported only", row.reported, row.position, GREY)
        else:
            _note(axes, f"{row.setting} {row.value:.1f}", row.ci_high, row.position,
                  SETTING_COLOURS.get(row.setting, OTHER))  # fmt: skip
    _rows(axes, systems, [ticks[system] for system in systems])
    axes.set_ylim(y - 0.6, -0.8)
    axes.set_xlim(0, 100)


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
    import seaborn as sns

    strategies = list(dict.fromkeys(data["strategy"]))
    last = data["round"].max()
    figure, panels = plt.subplots(1, len(strategies), figsize=(4.9 * len(strategies), 4.5), sharey=True, squeeze=False)
    for axes, strategy in zip(panels[0], strategies, strict=True):
        part = data[data["strategy"] == strategy]
        matrix = part.pivot(index="round", columns="batch", values="value")
        cells = [f"{row.value:.0f}\n[{row.ci_low:.0f}, {row.ci_high:.0f}]" for row in part.itertuples()]
        labels = part.assign(cell=cells).pivot(index="round", columns="batch", values="cell").fillna("")
        sns.heatmap(matrix, annot=labels, fmt="", vmin=0, vmax=100, cmap=light_scale(), cbar=False, square=True,
                    linewidths=1.5, ax=axes, annot_kws={"fontsize": 9, "color": "black"})  # fmt: skip
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
    most, least = lenient.loc[lenient["value"].idxmax()], lenient.groupby("label")["value"].max().median()
    _title(figure, f"Correct by leniency: {most['value']:.0f} % of the items ({most['label']}), "
           f"at most {least:.0f} % for half of the systems")  # fmt: skip
    figure.tight_layout()
    return figure


def metric_points(data: pd.DataFrame, title: str) -> Figure:
    """A few metrics of a few systems, points with intervals, systems in rows and metrics in colours.

    Args:
        data: `system, metric, value, ci_low, ci_high`, in drawing order.
        title: what they show.
    """
    figure, axes = plt.subplots(figsize=(8.6, 0.9 * data["system"].nunique() + 1.6))
    _metrics(axes, data)
    axes.legend(loc="upper center", bbox_to_anchor=(0.42, -0.22), ncols=4, handletextpad=0.3, columnspacing=1.2)
    _title(figure, title)
    figure.tight_layout()
    return figure


def _metrics(axes: Axes, data: pd.DataFrame) -> None:
    """Systems in rows, metrics in colours: points with intervals."""
    systems, metrics = list(dict.fromkeys(data["system"])), list(dict.fromkeys(data["metric"]))
    colours = dict(zip(metrics, (GREY, ORANGE, BLUE, GREEN), strict=False))
    for number, metric in enumerate(metrics):
        part = data[data["metric"] == metric]
        part = part.assign(position=[float(systems.index(system)) for system in part["system"]])
        points(axes, part, colour=colours[metric], label=metric, offset=0.18 * (number - (len(metrics) - 1) / 2))
    _rows(axes, systems, range(len(systems)))
    axes.set_xlim(0, 100.5)
    axes.set_xlabel("% of items (95 % interval over tools)")


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
    import seaborn as sns

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
    """The settings of the study in one panel, the paper's systems in another: other tools, other models, never mixed.

    Args:
        data: `panel` ("here", "paper"), `system, setting, metric, reported, value, ci_low, ci_high`, in drawing order;
            here the system is the setting, and the paper has no metric but its own.
    """
    here, paper = data[data["panel"] == "here"], data[data["panel"] == "paper"]
    heights = [1.1 * here["system"].nunique() + 0.6, *([0.3 * _height(paper)] if len(paper) else [])]
    figure, panels = plt.subplots(
        len(heights), 1, figsize=(8.6, sum(heights) + 2.2), height_ratios=heights, squeeze=False
    )
    upper = panels[0, 0]
    _settings(upper, here)
    upper.set_title("Here: this study's tools and model" if len(paper) else "", fontsize=10)
    if len(paper):
        lower = panels[1, 0]
        _systems(lower, paper)
        lower.set_title("The paper: its own tools and models, correct by its own rule", fontsize=10)
        lower.set_xlabel("% of 750 items (95 % interval over APIs)")
        lower.legend(loc="upper left", bbox_to_anchor=(0, -0.12), ncols=4, handletextpad=0.3, columnspacing=1.2)
    results = here[here["metric"] == list(dict.fromkeys(here["metric"]))[:3][-1]].set_index("system")["value"]
    _title(figure, "Execution accuracy here: " + ", ".join(f"{name} {value:.0f} %" for name, value in results.items()))
    figure.tight_layout()
    return figure


def _settings(axes: Axes, data: pd.DataFrame) -> None:
    """Settings in groups of rows, each in its colour, a row a metric that is named beside its point."""
    settings, metrics = list(dict.fromkeys(data["system"])), list(dict.fromkeys(data["metric"]))
    apart = len(metrics) + 0.6
    for number, setting in enumerate(settings):
        part = data[data["system"] == setting]
        part = part.assign(position=[apart * number + metrics.index(metric) for metric in part["metric"]])
        colour = SETTING_COLOURS.get(setting, OTHER)
        points(axes, part, colour=colour)
        for row in part.itertuples():
            _note(axes, f"{row.metric} {row.value:.1f}", row.ci_high, row.position, colour)
    middle = (len(metrics) - 1) / 2
    _rows(axes, settings, [apart * number + middle for number in range(len(settings))])
    axes.set_ylim(apart * len(settings) - 0.9, -0.8)
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of items (95 % interval over tools)")


def tool_heatmap(data: pd.DataFrame) -> Figure:
    """Execution accuracy of every tool in every setting: a row a tool, by family, with the examples it had.

    Args:
        data: `tool, family, examples, setting, value` (percent), in drawing order.
    """
    import seaborn as sns

    settings = list(dict.fromkeys(data["setting"]))
    values = data.pivot(index="tool", columns="setting", values="value")[settings]
    about = data.assign(family=data["family"].astype(object).fillna("")).drop_duplicates("tool").set_index("tool")
    # within a family, tools on which experience gained most stand first
    gain = (values[settings[-1]] - values[settings[0]]).rename("gain")
    order = about.assign(gain=gain).sort_values(["family", "gain"], ascending=[True, False], kind="stable").index
    families = list(dict.fromkeys(about.loc[order, "family"]))
    middle = -(-len(families) // 2)
    halves = [families[:middle], families[middle:]]
    columns = [[tool for tool in order if about.at[tool, "family"] in half] for half in halves if half]
    tallest = max(map(len, columns))
    figure, panels = plt.subplots(
        1, len(columns), figsize=(9.6, 0.22 * tallest + 1.7), squeeze=False, gridspec_kw={"wspace": 0.9}
    )
    for axes, tools in zip(panels[0], columns, strict=True):
        part = values.loc[tools]
        sns.heatmap(part, annot=True, fmt=".0f", vmin=0, vmax=100, cmap=light_scale(), cbar=False, linewidths=0.6,
                    ax=axes, annot_kws={"fontsize": 7, "color": "black"})  # fmt: skip
        shown = [f"{tool.replace('_', ' ')}  ({about.at[tool, 'examples']:.0f})" for tool in tools]
        axes.set_yticks(np.arange(len(tools)) + 0.5, shown, fontsize=7.5, rotation=0)
        axes.set(xlabel="", ylabel="", ylim=(tallest, 0))
        axes.xaxis.tick_top()
        axes.tick_params(left=False, top=False, labelsize=8)
        for start, end in itertools.pairwise(_borders([about.at[tool, "family"] for tool in tools])):
            axes.axhline(start, color="black", linewidth=0.6, clip_on=False)
            axes.annotate(about.at[tools[start], "family"], (1.03, (start + end) / 2), fontsize=8, va="center",
                          xycoords=("axes fraction", "data"))  # fmt: skip
    known = values[about.loc[values.index, "examples"] != 0]
    means = ", ".join(f"{setting} {known[setting].mean():.0f}" for setting in settings)
    _title(figure, f"Tools with examples ({len(known)} of {len(values)}), execution accuracy in %: {means}")
    figure.text(0.01, 0.01, "in brackets: examples of the tool, reworded ones included", fontsize=8)
    figure.subplots_adjust(left=0.2, right=0.9, top=1 - 0.75 / figure.get_figheight(), bottom=0.05)
    return figure


def _borders(names: Sequence[str]) -> list[int]:
    """Where runs of equal names begin, and where the last one ends."""
    return [0, *(at for at in range(1, len(names)) if names[at] != names[at - 1]), len(names)]


def ablation_forests(data: pd.DataFrame) -> Figure:
    """Change against the full method when a part is left out: here in one panel, in the paper in another.

    Args:
        data: `panel` ("here", "paper"), `label, series, value, ci_low, ci_high, by_seed, p_holm, tells`, in drawing
            order; `by_seed` has the values of single seeds, one after the other, small dots where there are several.
            Here the series are the sizes of the training sets (value nan where a variant left nothing to learn from)
            and, where there is one, what is shown in context; of the paper "recomputed" and "reported" (which has no
            interval). Where the first series here `tells` nothing of parts, the title says so.
    """
    panels = [name for name in ("here", "paper") if (data["panel"] == name).any()]
    labels = list(dict.fromkeys(data["label"]))
    figure, drawn = plt.subplots(1, len(panels), figsize=(9.4, 0.62 * len(labels) + 2.3), sharey=True, squeeze=False)
    marks: dict[str, list[str]] = {}
    for axes, panel in zip(drawn[0], panels, strict=True):
        axes.axvline(0, color="#888888", linewidth=1)
        part = data[data["panel"] == panel]
        part = part.assign(position=[float(labels.index(label)) for label in part["label"]])
        series = [one for one in dict.fromkeys(part["series"]) if one != "reported"]
        for number, (name, colour) in enumerate(zip(series, (BLUE, ORANGE, GREEN), strict=False)):
            own, offset = part[part["series"] == name], 0.24 * (number - (len(series) - 1) / 2)
            points(axes, own[own["value"].notna()], colour=colour, label=name, offset=offset)
            for row in own.itertuples():
                if pd.isna(row.value):
                    _note(axes, "nothing to learn from", 0, row.position + offset, colour)
                else:
                    _note(axes, f"{row.value:+.1f}{'*' if row.p_holm < 0.05 else ''}", row.ci_high,
                          row.position + offset, colour)  # fmt: skip
                    seeds = str(row.by_seed).split() if panel == "here" else []
                    if len(seeds) > 1:
                        axes.scatter(list(map(float, seeds)), [row.position + offset - 0.09] * len(seeds), s=9,
                                     color=colour, alpha=0.8, zorder=4)  # fmt: skip
        reported = part[part["series"] == "reported"]
        if len(reported):
            _reported(axes, reported["value"], reported["position"])
        _rows(axes, labels, range(len(labels)))
        axes.set_title("Here, execution accuracy" if panel == "here" else "The paper, its own rule", fontsize=10)
        axes.set_xlabel(f"points (95 % interval over {'tools' if panel == 'here' else 'APIs'}; * p < 0.05, Holm)",
                        fontsize=8)  # fmt: skip
        axes.margins(x=0.14)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, handletextpad=0.4)
        first = part[part["series"] == series[0]] if series else part
        marks[panel] = [row.label for row in first.itertuples() if row.p_holm < 0.05 and row.value < 0]
    counted = {panel: f"{len(found)} of {data[data['panel'] == panel]['label'].nunique()}"
               for panel, found in marks.items()}  # fmt: skip
    here = data[(data["panel"] == "here") & (data["series"] == data["series"].iloc[0])]
    said = [f"{counted['here']} here" if here["tells"].astype(bool).all() else "here the learner cannot tell"]
    said += [f"{counted['paper']} in the paper"] if "paper" in counted else []
    _title(figure, f"Parts that matter, fine-tuned: {', '.join(said)}")
    figure.tight_layout()
    return figure


def exploring_forests(data: pd.DataFrame) -> Figure:
    """What exploring without a part of the method changes, a panel a measure, a row a variant.

    Args:
        data: `measure, label, value, ci_low, ci_high, verdict`, in drawing order; values are differences from the full
            method in the measure's own unit.
    """
    measures, labels = list(dict.fromkeys(data["measure"])), list(dict.fromkeys(data["label"]))
    columns = min(4, len(measures))
    lines = -(-len(measures) // columns)
    figure, drawn = plt.subplots(
        lines, columns, figsize=(2.6 * columns + 1.4, lines * (0.36 * len(labels) + 1.2)), sharey=True, squeeze=False
    )
    for axes, measure in zip(drawn.flat, measures, strict=False):
        part = data[data["measure"] == measure]
        part = part.assign(position=[float(labels.index(label)) for label in part["label"]])
        clear = part["verdict"].isin(["higher", "lower"])
        axes.axvline(0, color="#888888", linewidth=1)
        points(axes, part, colour=[BLUE if one else GREY for one in clear])
        for row, one in zip(part.itertuples(), clear, strict=True):
            _note(axes, f"{row.value:+.1f}{'*' if one else ''}", row.ci_high, row.position, BLUE if one else GREY)
        _rows(axes, labels, range(len(labels)))
        axes.margins(x=0.25)
        axes.set_title(textwrap.fill(measure, 30), fontsize=9)
    for axes in drawn.flat[len(measures) :]:
        axes.set_visible(False)
    clear = data["verdict"].isin(["higher", "lower"]).groupby(data["label"], sort=False).sum()
    said = ", ".join(f"{label} differs in {count}" for label, count in clear[clear > 0].items())
    _title(figure, f"Of the {len(measures)} measures of exploring shown, {said or 'none differs significantly'}")
    figure.supxlabel("difference by tool (95 % interval over tools; * p < 0.05, Holm)", fontsize=8)
    figure.tight_layout()
    return figure


def amount_lines(data: pd.DataFrame) -> Figure:
    """A share of right answers against the episodes explored, one line with intervals a setting.

    Args:
        data: `setting, episodes, examples, value, ci_low, ci_high`, by episodes; value nan where nothing was left to
            learn from.
    """
    figure, axes = plt.subplots(figsize=(8.6, 4.4))
    known = data[data["value"].notna()]
    spread = 0.012 * max(1, data["episodes"].max())
    for number, (setting, part) in enumerate(known.groupby("setting", sort=False)):
        colour = SETTING_COLOURS.get(setting, BLUE)
        x = part["episodes"] + spread * (number - 0.5)  # so that intervals do not hide each other
        axes.vlines(x, part["ci_low"], part["ci_high"], color=colour)
        axes.plot(x, part["value"], color=colour, marker="o", markersize=5, label=setting)
        _note(axes, f"{setting} {part['value'].iloc[-1]:.0f}", x.iloc[-1], part["value"].iloc[-1], colour)
    amounts = data.drop_duplicates("episodes")
    axes.set_xticks(
        amounts["episodes"], [f"{row.episodes}\n({row.examples:,.0f})" for row in amounts.itertuples()], fontsize=9
    )
    axes.set_ylim(0, max(10.0, 1.08 * known["ci_high"].max()) if len(known) else 10.0)
    axes.set_xlabel(
        "episodes explored a tool (examples they left); 0 is the baseline, which is shown the documentation"
    )
    axes.set_ylabel("execution accuracy, % of items\n(95 % interval over tools)")
    axes.margins(x=0.07)
    ends = [f"{setting} {part['value'].iloc[0]:.0f} to {part['value'].iloc[-1]:.0f} %"
            for setting, part in known.groupby("setting", sort=False)]  # fmt: skip
    last = data["episodes"].max()
    _title(
        figure, f"With more exploration, up to {last} episode{'s' if last > 1 else ''}: {', '.join(ends) or 'nothing'}"
    )
    figure.tight_layout()
    return figure


def error_points(data: pd.DataFrame) -> Figure:
    """Shares of each category of outcome with intervals, categories in rows, settings in colours.

    Args:
        data: `setting, category, value, ci_low, ci_high`.
    """
    settings = list(dict.fromkeys(data["setting"]))
    wrong = data[data["category"] != "right"]
    order = wrong.groupby("category")["value"].sum().sort_values(ascending=False).index
    categories = [*(["right"] if "right" in set(data["category"]) else []), *order]
    others = iter([GREEN, RED, "black", OTHER] * len(settings))
    figure, axes = plt.subplots(figsize=(8.6, 0.62 * len(categories) + 1.5))
    for number, setting in enumerate(settings):
        part = data[data["setting"] == setting]
        part = part.assign(position=[float(categories.index(category)) for category in part["category"]])
        colour = SETTING_COLOURS.get(setting) or next(others)
        points(axes, part, colour=colour, label=setting, offset=0.6 * ((number + 0.5) / len(settings) - 0.5))
    _rows(axes, categories, range(len(categories)))
    axes.set_xlim(left=0)
    axes.set_xlabel("% of test items (95 % interval over tools)")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.14), ncols=4, handletextpad=0.4, columnspacing=1.2)
    worst = {name: part.loc[part["value"].idxmax(), "category"] for name, part in wrong.groupby("setting", sort=False)}
    _title(figure, "Commonest errors: " + ", ".join(f"{category} ({name})" for name, category in worst.items()))
    figure.tight_layout()
    return figure


VARIANT_COLOURS = {
    "full": BLUE, "no_feedback": RED, "no_short_term": ORANGE, "no_long_term": GREEN, "no_reflection": GREY,
}  # fmt: skip


def variant_panels(data: pd.DataFrame) -> Figure:
    """One panel a measure, one point with interval a variant; of a single variant one panel, its measures in rows.

    Args:
        data: `variant, measure, value, ci_low, ci_high`, in drawing order.
    """
    variants, measures = list(dict.fromkeys(data["variant"])), list(dict.fromkeys(data["measure"]))
    alone = len(variants) == 1
    shown, in_rows = ("variant", "measure") if alone else ("measure", "variant")
    names, labels = (variants, measures) if alone else (measures, variants)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    size = (7.2, 0.42 * len(labels) + 1.1) if alone else (9.2, rows * (0.3 * len(labels) + 1.25))
    figure, panels = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=False):
        part = data[data[shown] == name]
        part = part.assign(position=[float(labels.index(label)) for label in part[in_rows]])
        points(axes, part, colour=[VARIANT_COLOURS.get(variant, BLUE) for variant in part["variant"]])
        for row in part.itertuples():
            axes.annotate(f"{row.value:.0f}", (row.value, row.position), (0, 6), textcoords="offset points",
                          ha="center", fontsize=7)  # fmt: skip
        _rows(axes, [label.replace("_", " ") for label in labels], range(len(labels)))
        axes.set_xlim(-2, 102)
        if not alone:
            axes.set_title(name, fontsize=9)
    for axes in panels.flat[len(names) :]:
        axes.set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel("% (95 % interval over tools)", fontsize=8)
    ran = data[data["measure"] == measures[1]].set_index("variant")["value"]
    shares = " to ".join(dict.fromkeys(f"{value:.0f}" for value in (ran.min(), ran.max())))
    _title(figure, f"While exploring, {measures[1]} in {shares} % of trials")
    figure.tight_layout()
    return figure


def _variant_lines(data: pd.DataFrame, x: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """One line with band a variant."""
    figure, axes = plt.subplots(figsize=(8.6, 4.2))
    for variant, part in data.groupby("variant", sort=False):
        colour, label = VARIANT_COLOURS.get(variant, BLUE), variant.replace("_", " ")
        axes.plot(part[x], part["value"], color=colour, marker="o", markersize=3, label=label)
        axes.fill_between(part[x], part["ci_low"], part["ci_high"], color=colour, alpha=0.1, linewidth=0)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if data["variant"].nunique() > 1:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=5, handletextpad=0.4, columnspacing=1.2)
    return figure, axes


def episode_lines(data: pd.DataFrame) -> Figure:
    """A share over episodes, one line with band a variant.

    Args:
        data: `variant, episode, value, ci_low, ci_high`.
    """
    shown = "trials in which a call ran, %\n(band: 95 % interval over tools)"
    figure, axes = _variant_lines(data, "episode", "episode", shown)
    axes.set_xticks(sorted(data["episode"].unique()))
    axes.set_ylim(0, 100)
    first = next(iter(dict.fromkeys(data["variant"])))
    ends = data[data["variant"] == first].sort_values("episode")["value"]
    whose = f"{first.replace('_', ' ')}, " if data["variant"].nunique() > 1 else ""
    said = f"{whose}trials in which a call ran: {ends.iloc[0]:.0f} % in the first episode, "
    _title(figure, said[:1].upper() + said[1:] + f"{ends.iloc[-1]:.0f} % in the last")
    figure.tight_layout()
    return figure


def coverage_lines(data: pd.DataFrame) -> Figure:
    """Different argument values of a tool against its trials, one line with band a variant.

    Args:
        data: `variant, trials, value, ci_low, ci_high`.
    """
    shown = "argument values in calls that ran\n(mean of tools, band: 95 % interval)"
    figure, axes = _variant_lines(data, "trials", "trials of a tool", shown)
    axes.set_ylim(bottom=0)
    ends = data.sort_values("trials").groupby("variant", sort=False)["value"].last()
    others = ends.drop("full", errors="ignore")
    seen = f"{ends.get('full', ends.iloc[0]):.1f} argument values seen"
    apart = f" ({others.min():.1f} to {others.max():.1f} without a part)" if len(others) else ""
    _title(figure, f"After {data['trials'].max()} trials of a tool: {seen}{apart}")
    figure.tight_layout()
    return figure


def gated_points(data: pd.DataFrame) -> Figure:
    """Measured skills with intervals, beside the thresholds the project set for itself.

    Args:
        data: `skill, value, ci_low, ci_high, gate`, in drawing order.
    """
    data = data.assign(position=np.arange(len(data), dtype=float))
    met = data["value"] >= data["gate"]
    figure, axes = plt.subplots(figsize=(8.6, 0.42 * len(data) + 1.5))
    for kind, colour, label in ((met, BLUE, "measured, threshold met"), (~met, ORANGE, "measured, threshold missed")):
        if kind.any():
            points(axes, data[kind], colour=colour, label=label)
    axes.scatter(
        data["gate"], data["position"], marker="|", s=160, color="black", linewidths=1.4, label="threshold", zorder=4
    )
    for row in data.itertuples():
        axes.annotate(f"{row.value:.1f}", (row.value, row.position), (0, 7), textcoords="offset points", ha="center",
                      fontsize=8)  # fmt: skip
    _rows(axes, data["skill"], data["position"])
    axes.set_xlim(0, 101)
    axes.set_xlabel("% of items, tools never seen (95 % interval)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.3, -0.12), ncols=3, handletextpad=0.3)
    _title(figure, f"The small model meets {met.sum()} of the {len(data)} thresholds set for it")
    figure.tight_layout()
    return figure


def continual_matrices(data: pd.DataFrame) -> Figure:
    """Round x batch matrices of correctness, one small panel an arm, value and interval in every cell.

    Args:
        data: `arm, round, batch, position, value, ci_low, ci_high`; round 0 is the base, batches in columns in the
            order of learning. Arms whose names begin with "paper" are of another world: they are framed.
    """
    import seaborn as sns

    arms = list(dict.fromkeys(data["arm"]))
    rounds = range(data["round"].max() + 1)
    columns = min(4, len(arms))
    rows = -(-len(arms) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(3.1 * columns, 3.3 * rows + 0.5), squeeze=False)
    for axes, arm in zip(panels.flat, arms, strict=False):
        part = data[data["arm"] == arm]
        names = part.drop_duplicates("position").sort_values("position")["batch"]
        numbered = [f"{one + 1}" if isinstance(one, (int, np.integer)) else str(one) for one in names]  # as rounds are
        values = part.pivot(index="round", columns="position", values="value").reindex(rounds)
        cells = [f"{row.value:.0f}\n[{row.ci_low:.0f}, {row.ci_high:.0f}]" for row in part.itertuples()]
        labels = (
            part.assign(cell=cells).pivot(index="round", columns="position", values="cell").reindex(rounds).fillna("")
        )
        sns.heatmap(values, annot=labels, fmt="", vmin=0, vmax=100, cmap=light_scale(), cbar=False, linewidths=1.2,
                    ax=axes, annot_kws={"fontsize": 7, "color": "black"}, xticklabels=numbered,
                    yticklabels=["base", *rounds[1:]])  # fmt: skip
        axes.set_title(arm.replace("_", " "), fontsize=9, color=ORANGE if arm.startswith("paper") else "black")
        axes.set_xlabel("batch" if axes in panels[-1] else "")
        axes.set_ylabel("after round" if axes in panels[:, 0] else "")
        axes.tick_params(left=False, bottom=False, labelsize=8)
        axes.spines[:].set(visible=arm.startswith("paper"), color=ORANGE, linewidth=2)
    for axes in panels.flat[len(arms) :]:
        axes.set_visible(False)
    own = data[~data["arm"].str.startswith("paper")]
    final = own[own["round"] == own.groupby("arm")["round"].transform("max")].groupby("arm", sort=False)["value"].mean()
    ends = dict.fromkeys((final.idxmax(), final.idxmin()))
    said = [f"{arm.replace('_', ' ')} {final[arm]:.0f} %" for arm in ends]
    _title(figure, f"Final average, highest and lowest arm: {', '.join(said)}")
    figure.tight_layout()
    return figure


def replay_curve(data: pd.DataFrame) -> Figure:
    """Final average and backward transfer against the share of old examples that is replayed, the paper's beside.

    Args:
        data: `panel` (a measure), `source` ("here", "paper"), `line` (with or without general tasks), `replay`
            (percent; nan for a ceiling, drawn across), `value, ci_low, ci_high`, `p_holm` of the difference from none.
    """
    shown = list(dict.fromkeys(data["panel"])) or ["final average"]
    sources = list(dict.fromkeys(data["source"])) or ["here"]
    figure, panels = plt.subplots(
        len(shown), len(sources), figsize=(8.6, 2.8 * len(shown) + 0.8), sharex=True, squeeze=False
    )
    lines = list(dict.fromkeys(data["line"]))
    colours = dict(zip(lines, (BLUE, ORANGE, GREEN, RED, GREY), strict=False))
    for axes, (panel, source) in zip(panels.flat, itertools.product(shown, sources), strict=True):
        here = data[(data["panel"] == panel) & (data["source"] == source)]
        for number, line in enumerate(one for one in lines if (here["line"] == one).any()):
            part = here[here["line"] == line]
            for ceiling in part[part["replay"].isna()].itertuples():
                axes.axhspan(ceiling.ci_low, ceiling.ci_high, color=colours[line], alpha=0.12, linewidth=0)
                axes.axhline(ceiling.value, color=colours[line], linestyle="--", label=f"{line} (band: interval)")
            part = part[part["replay"].notna()].sort_values("replay")
            if len(part):
                x = part["replay"] + 0.12 * number  # so that intervals do not hide each other
                axes.vlines(x, part["ci_low"], part["ci_high"], color=colours[line])
                axes.plot(x, part["value"], color=colours[line], marker="o", markersize=5, label=line)
        axes.set_ylabel("% right" if panel == shown[0] else "points")
        axes.set_title(panel if source == "here" else f"{panel}, the paper's", fontsize=10)
    for axes in panels[-1]:
        axes.set_xlabel("% of each earlier batch's examples replayed")
    handles = {text: one for axes in panels.flat for one, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=4, handletextpad=0.4, columnspacing=1.4)
    curve = data[(data["panel"] == shown[0]) & (data["source"] == "here") & data["replay"].notna()]
    curve = curve.sort_values("replay")
    curve = curve[curve["line"] == curve["line"].iloc[-1]] if len(curve) else curve
    if curve["replay"].nunique() > 1:
        first, last = curve.iloc[0], curve.iloc[-1]
        _title(figure, f"Final average: {last['value']:.1f} % with {last['replay']:.0f} % replayed, "
               f"{first['value']:.1f} % with {first['replay']:.0f} %"
               + (f" (Holm {_p(last['p_holm'])})" if pd.notna(last["p_holm"]) else ""))  # fmt: skip
    else:
        _title(figure, "No arms differ in the share that is replayed")
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    return figure


def general_lines(data: pd.DataFrame) -> Figure:
    """General ability over rounds, one labelled line with intervals an arm.

    Args:
        data: `arm, kind, general, round, value, ci_low, ci_high`; `general` (tasks a round) gives the colour, the kind
            the line. An arm that is learnt in one round is drawn across.
    """
    figure, axes = plt.subplots(figsize=(8.6, 5.2))
    last = data["round"].max()
    ends = data.sort_values("round").groupby("arm", sort=False)["value"].last().sort_values(kind="stable")
    low, high = min(0.0, data["ci_low"].min()), max(10.0, data["ci_high"].max())
    step = 0.045 * (high - low)
    height = -np.inf
    for number, (arm, end) in enumerate(ends.items()):
        part = data[data["arm"] == arm].sort_values("round")
        kind, colour = part["kind"].iloc[0], BLUE if part["general"].iloc[0] else ORANGE
        x = part["round"].replace(part["round"].max(), last) + 0.03 * (number - len(ends) / 2)
        axes.vlines(x, part["ci_low"], part["ci_high"], color=colour, linewidth=1, alpha=0.5)
        axes.plot(x, part["value"], color=colour, marker="o", markersize=3, linewidth=1.2,
                  linestyle={"joint": "--", "interleaved": ":"}.get(kind, "-"))  # fmt: skip
        height = min(max(end, height + step), max(height + step, high - step * (len(ends) - number - 1)))
        axes.annotate(f"{arm.replace('_', ' ')} {end:.0f}", (1.01, height), xycoords=("axes fraction", "data"),
                      va="center", fontsize=8, color=colour)  # fmt: skip
    for colour, label in ((BLUE, "with general tasks"), (ORANGE, "without")):
        axes.plot([], [], color=colour, label=label)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, handletextpad=0.4)
    axes.set_xticks(range(last + 1), ["base", *map(str, range(1, last + 1))])
    axes.set_ylim(low, high)
    axes.set_xlabel("after round")
    axes.set_ylabel("general ability, % of exam items right\n(95 % interval over items)")
    base = data.loc[data["round"] == 0, "value"].iloc[0]
    _title(figure, f"General ability: {base:.0f} % before, between {ends.min():.0f} and {ends.max():.0f} % at the end")
    figure.tight_layout()
    return figure
