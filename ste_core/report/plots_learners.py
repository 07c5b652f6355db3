"""What language models make of experience and of gold examples: figures of learners, beside those of `plots`.

>>> with plots.style():                                                  # doctest: +SKIP
...     figure = learner_points(data)
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ste_core.report.plots import BLUE, ORANGE, SETTING_COLOURS, _rows, _title

#: marks that need no language model, by the line they are drawn with
_LINES = {"TF-IDF": "--", "chance": ":"}

#: the inner colour of points by what stands in the place of experience
_FACES = {"gold": "white", "hindsight": "0.85", "retold": "0.65", "scripted": "0.15"}

#: what stands in the place of experience, in words
_CONTROLS = {"gold": "gold examples",
             "hindsight": "experience, queries written anew to hold the call's values (hindsight)",
             "retold": "experience, queries written anew in any words (retold)",
             "scripted": "right calls, queries written in any words (scripted)"}  # fmt: skip


def gold_points(data: pd.DataFrame) -> Figure:
    """Settings of each learner, a panel a learner and metric; filled marks decode constrained, hollow ones freely.

    Args:
        data: `model, setting, decoding, metric, value, ci_low, ci_high` (percent); models of decoding "none" are
            reference lines.
    """
    lines = data[data["decoding"] == "none"]
    points = data[data["decoding"] != "none"]
    learners, metrics = list(dict.fromkeys(points["model"])), list(dict.fromkeys(points["metric"]))
    settings = [one for one in dict.fromkeys(points["setting"]) if ", " not in one]
    figure, grid = plt.subplots(
        len(metrics), len(learners), figsize=(4.3 * len(learners), 2.9 * len(metrics)), sharey=True, squeeze=False
    )
    for axes_row, metric in zip(grid, metrics, strict=True):
        for axes, learner in zip(axes_row, learners, strict=True):
            for shift, decoding in ((-0.09, "free"), (0.09, "constrained")):
                part = points[(points["model"] == learner) & (points["metric"] == metric)]
                part = part[part["decoding"] == decoding].set_index("setting").reindex(settings)
                places = [number + shift for number in range(len(settings))]
                spread = [part["value"] - part["ci_low"], part["ci_high"] - part["value"]]
                axes.errorbar(
                    places, part["value"], yerr=spread, fmt="o", color=BLUE, capsize=3, label=decoding,
                    markerfacecolor=BLUE if decoding == "constrained" else "white",
                )  # fmt: skip
            own = lines[(lines["metric"] == metric) & (lines["setting"] == "baseline")]
            for line in own.itertuples():
                axes.axhline(line.value, color="0.55", linestyle="--" if line.model == "TF-IDF" else ":", linewidth=1)
                axes.annotate(line.model, (len(settings) - 0.52, line.value + 1), fontsize=8, color="0.35", ha="right")
            axes.set_xticks(range(len(settings)), settings)
            axes.set_xlim(-0.5, len(settings) - 0.5)
            axes.set_ylim(0, 101)
            axes.set_title(learner, fontsize=10)
        axes_row[0].set_ylabel(f"{metric.replace('_', ' ')}, %")
    grid[-1][0].legend(frameon=False, fontsize=8, loc="upper left", title="decoding", title_fontsize=8)
    best = points[(points["metric"] == metrics[-1]) & points["setting"].isin(settings)]
    best = best.groupby(["model", "setting"], sort=False)["value"].max()
    said = [" → ".join(f"{best[one, name]:.0f}" for name in settings) + " %" for one in learners]
    _title(figure, f"Gold examples, {metrics[-1]}, {' → '.join(settings)}: {' and '.join(said)}")
    figure.tight_layout()
    return figure


def learner_points(data: pd.DataFrame) -> Figure:
    """Settings of each learner in columns, execution above tool selection; beside them the paper's systems.

    Args:
        data: `panel` ("here", "paper"), `model, setting, metric, seed, value, ci_low, ci_high` (percent), in drawing
            order; rows with a seed are single runs, rows without one all runs together; models of the lines have the
            setting "reference". The paper has no metric but its own, and no seeds.
    """
    here, paper = data[data["panel"] == "here"], data[data["panel"] == "paper"]
    points = here[here["setting"] != "reference"]
    learners, metrics = list(dict.fromkeys(points["model"])), list(dict.fromkeys(points["metric"]))
    most = [max(4, points[points["model"] == one]["setting"].nunique()) for one in learners]
    widths = [count / 5 for count in most] + ([1.5] if len(paper) else [])
    figure, grid = plt.subplots(
        len(metrics), len(widths), figsize=(3.0 * sum(widths) + 0.6, 2.8 * len(metrics) + 0.5), width_ratios=widths,
        sharey=True, squeeze=False,
    )  # fmt: skip
    for axes_row, metric in zip(grid, metrics, strict=True):
        for axes, learner in zip(axes_row, learners, strict=False):
            own = points[(points["model"] == learner) & (points["metric"] == metric)]
            _setting_columns(axes, own, label_size=7 if max(most) > 5 else None)
            for line in here[(here["setting"] == "reference") & (here["metric"] == metric)].itertuples():
                axes.axhline(line.value, color="0.55", linestyle=_LINES[line.model], linewidth=1, zorder=1)
                axes.annotate(line.model, (0.99, line.value), xycoords=("axes fraction", "data"), fontsize=7,
                              color="0.35", ha="right", va="bottom")  # fmt: skip
            axes.set_title(learner, fontsize=10)
        axes_row[0].set_ylabel(f"{metric.replace('_', ' ')}, %")
        axes_row[0].set_ylim(0, 101)
    if len(paper):
        _paper_columns(grid[0, -1], paper)
        for axes in grid[1:, -1]:
            axes.set_axis_off()
    controls = {one.partition(" ")[2] for one in points["setting"]}
    _what_faces_mean(grid[-1, -1], controls, beside=bool(len(paper)), seeds=points["seed"].nunique() > 1)
    reached = points[points["seed"].isna() & (points["metric"] == metrics[0])]
    best = reached[reached["setting"].isin(list(SETTING_COLOURS))].groupby("model", sort=False)
    said = [f"{name} {' → '.join(f'{value:.0f}' for value in part['value'])} %" for name, part in best]
    _title(figure, f"{metrics[0].capitalize()}, {' → '.join(SETTING_COLOURS)}: {', '.join(said)}")
    figure.tight_layout()
    return figure


def wording_points(data: pd.DataFrame) -> Figure:
    """`learner_points` with kinds of items in the place of metrics; the title has the best of the last kind that came
    from experience, and from gold examples."""
    figure = learner_points(data)
    last = data[data["metric"] == data["metric"].iloc[-1]]
    gold, scripted = (last["setting"].str.endswith(f" {one}") for one in ("gold", "scripted"))
    best = [part.groupby("model", sort=False)["value"].max() for part in (last[~gold & ~scripted], last[gold])]
    said = [
        f"{name} {value:.0f} %" + (f" (gold {best[1][name]:.0f} %)" if name in best[1] else "")
        for name, value in best[0].items()
    ]
    _title(figure, f"{last['metric'].iloc[0].capitalize()}, at best from experience: {', '.join(said)}")
    figure.tight_layout()
    return figure


def _what_faces_mean(axes: Axes, controls: set[str], *, beside: bool, seeds: bool = False) -> None:
    """A legend of the points' inner colours, where there are several: in the free corner beside, else in the panel."""
    shown = [one for one in _FACES if one in controls]
    if shown:
        faces = {"experience": "0.4"} | {_CONTROLS[one]: _FACES[one] for one in shown}
        handles = [
            Line2D([], [], marker="o", linestyle="", color="0.4", markersize=7, markerfacecolor=face, label=name)
            for name, face in faces.items()
        ]
        if seeds:
            dot = Line2D([], [], marker="o", linestyle="", color="0.4", markersize=3, label="one seed of training")
            handles.append(dot)
        where = {"loc": "lower left", "bbox_to_anchor": (0, -0.05)} if beside else {"loc": "upper left"}
        axes.legend(handles=handles, title="learnt from", frameon=False, fontsize=8, title_fontsize=8, **where)


def _setting_columns(axes: Axes, own: pd.DataFrame, label_size: float | None = None) -> None:
    """A learner's settings: points with intervals (the baseline, which learnt from nothing, a square), small dots for
    single seeds; what stands in the place of experience by the inner colour (`_FACES`)."""
    whole = own[own["seed"].isna()]
    settings = list(whole["setting"])
    for place, row in enumerate(whole.itertuples()):
        name, _, control = row.setting.partition(" ")
        colour = SETTING_COLOURS[name]
        axes.errorbar(
            place, row.value, yerr=[[row.value - row.ci_low], [row.ci_high - row.value]], capsize=3, markersize=7,
            fmt="s" if name == "baseline" else "o", color=colour, markerfacecolor=_FACES.get(control, colour), zorder=3,
        )  # fmt: skip
        seeds = own[own["seed"].notna() & (own["setting"] == row.setting)]["value"]
        if len(seeds) > 1:
            axes.scatter(np.full(len(seeds), place - 0.22), seeds, s=10, color=colour, alpha=0.8, zorder=2)
        axes.annotate(f"{row.value:.0f}", (place, row.value), (7, 4), textcoords="offset points", fontsize=8)
    axes.set_xticks(range(len(settings)), [one.replace(" ", "\n") for one in settings], fontsize=label_size)
    axes.set_xlim(-0.6, len(settings) - 0.4)


def _paper_columns(axes: Axes, paper: pd.DataFrame) -> None:
    """The paper's systems, each its settings as a line of points with intervals."""
    settings = list(dict.fromkeys(paper["setting"]))
    systems = list(dict.fromkeys(paper["model"]))
    for number, system in enumerate(systems):
        part = paper[paper["model"] == system].set_index("setting").reindex(settings)
        places = np.arange(len(settings)) + 0.09 * (number - (len(systems) - 1) / 2)
        spread = [part["value"] - part["ci_low"], part["ci_high"] - part["value"]]
        axes.plot(places, part["value"], color="0.75", linewidth=0.8, zorder=1)
        axes.errorbar(places, part["value"], yerr=spread, fmt="o", color=plt.get_cmap("cividis")(number / len(systems)),
                      markersize=4, linewidth=1, label=system, zorder=2)  # fmt: skip
    axes.set_xticks(range(len(settings)), settings)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.15), fontsize=7, frameon=False)
    axes.set_title("the paper's systems, correct by its own rule", fontsize=10)


def form_points(data: pd.DataFrame) -> Figure:
    """What each form of experience adds to the baseline, a panel a learner; a row a form, a mark a budget of tokens.

    Args:
        data: `learner, form, budget, baseline, difference, ci_low, ci_high, verdict`, `form` as it is called, budget 0
            without a place in the prompt, in drawing order; accuracy in percent, differences in points.
    """
    learners, forms = list(dict.fromkeys(data["learner"])), list(dict.fromkeys(data["form"]))
    budgets = sorted({int(one) for one in data["budget"]} - {0})
    paints = plt.get_cmap("cividis")(np.linspace(0.75, 0.05, len(budgets)))
    shapes = ("os^v<>" * len(budgets))[: len(budgets)] + "D"
    marks = [one for one in zip([*budgets, 0], [*paints, ORANGE], shapes, strict=True) if one[0] in set(data["budget"])]
    figure, panels = plt.subplots(
        1, len(learners), figsize=(3.6 * len(learners) + 3.2, 0.6 * len(forms) + 1.4), sharey=True, sharex=True,
        squeeze=False,
    )  # fmt: skip
    for axes, learner in zip(panels[0], learners, strict=True):
        own = data[data["learner"] == learner]
        axes.axvline(0, color="0.4", linewidth=1, zorder=1)
        for budget, paint, mark in marks:
            part = own[own["budget"] == budget]
            shift = 0.0 if budget == 0 else 0.22 * (budgets.index(budget) - (len(budgets) - 1) / 2)
            spread = [part["difference"] - part["ci_low"], part["ci_high"] - part["difference"]]
            rows = [forms.index(one) + shift for one in part["form"]]
            axes.errorbar(
                part["difference"], rows, xerr=spread, fmt=mark, color=paint, capsize=2, markersize=6,
                markerfacecolor="white", linewidth=1.2, zorder=3,
                label=f"at most {budget:,} tokens" if budget else "none (weights)",
            )  # fmt: skip
            known = (part["verdict"] != "inconclusive").to_numpy()
            axes.plot(part["difference"][known], np.array(rows)[known], mark, color=paint, markersize=6, zorder=4)
        axes.set_title(learner, fontsize=10)
        axes.set_xlabel(f"points over its baseline, {own['baseline'].iloc[0]:.1f} %", fontsize=9)
        _rows(axes, forms, range(len(forms)))
    panels[0][-1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8,
                         title="added to the prompt\n(filled: significant)", title_fontsize=8)  # fmt: skip
    known = data[data["verdict"] != "inconclusive"]
    said = [
        f"{row.form}{f' in {row.budget} tokens' if row.budget else ''} ({row.learner}, {row.difference:+.1f} points)"
        for row in known.itertuples()
    ]
    text = (said[0] if said else "no form") + (f", {len(said) - 1} more" if len(said) > 1 else "")
    _title(figure, f"Significantly off the baseline: {text}")
    figure.tight_layout()
    return figure


#: how experience is drawn by its source: mark, inner colour or None for the setting's own, label
_SOURCES = {
    "other": ("o", "white", "the other study"),
    "here": ("o", None, "this study (* significant)"),
    "gold": ("D", "white", "gold examples"),
}


#: a significant difference, in words
_APART = {"higher": "gains", "lower": "loses"}


def explorer_points(data: pd.DataFrame) -> Figure:
    """What each learner makes of the experience of two studies, a panel a learner, a row a setting.

    Args:
        data: `model, setting, source, value, ci_low, ci_high, verdict` in percent; the source is `none` (the baseline),
            `here`, `other` (without interval) or `gold`; the verdict is on `here` less `other`.
    """
    learners = list(dict.fromkeys(data["model"]))
    settings = list(dict.fromkeys(data[data["source"] == "here"]["setting"]))
    figure, panels = plt.subplots(
        1, len(learners), figsize=(4.2 * len(learners) + 1.6, 1.2 * len(settings) + 1.3), sharey=True, sharex=True,
        squeeze=False,
    )  # fmt: skip
    for axes, learner in zip(panels[0], learners, strict=True):
        own = data[data["model"] == learner]
        base = own[own["source"] == "none"].iloc[0]
        axes.axvspan(base["ci_low"], base["ci_high"], color="0.93", zorder=0)
        axes.axvline(base["value"], color="0.4", linewidth=1, zorder=1)
        for place, setting in enumerate(settings):
            row = own[own["setting"] == setting].set_index("source")
            colour = SETTING_COLOURS[setting.partition(" ")[0]]
            for number, source in enumerate(one for one in _SOURCES if one in row.index):
                mark, face, _ = _SOURCES[source]
                one, height = row.loc[source], place + 0.22 * (number - 1)
                spread = [[one["value"] - one["ci_low"]], [one["ci_high"] - one["value"]]]
                axes.errorbar(
                    one["value"], height, xerr=None if pd.isna(one["ci_low"]) else spread, fmt=mark, capsize=2,
                    color=colour, markerfacecolor=face or colour, markersize=6, linewidth=1.2, zorder=3,
                )  # fmt: skip
                star = " *" if source == "here" and one["verdict"] in _APART else ""
                axes.annotate(f"{one['value']:.0f}{star}", (one["value"], height), (0, 5), textcoords="offset points",
                              fontsize=7, ha="center", color="0.25")  # fmt: skip
        axes.set_title(f"{learner}, baseline {base['value']:.1f} %", fontsize=10)
        axes.set_xlabel("execution accuracy, %", fontsize=9)
        _rows(axes, settings, range(len(settings)))
        axes.margins(y=0.15)
    handles = [
        Line2D([], [], marker=mark, linestyle="", color="0.3", markerfacecolor=face or "0.3", markersize=6, label=label)
        for mark, face, label in _SOURCES.values()
    ]
    panels[0][-1].legend(handles=handles, title="learnt from", loc="center left", bbox_to_anchor=(1.02, 0.5),
                         frameon=False, fontsize=8, title_fontsize=8)  # fmt: skip
    known = data[(data["source"] == "here") & data["verdict"].isin(list(_APART))]
    said = [f"{row.model} {row.setting} {_APART[row.verdict]}" for row in known.itertuples()]
    _title(figure, f"Other experience: {', '.join(said) or 'no difference is significant'}")
    figure.tight_layout()
    return figure


def experience_forests(data: pd.DataFrame) -> Figure:
    """How one study's exploration and what is learnt from it differ from another's, a panel a kind of measure.

    Args:
        data: `panel, label, value, other, difference, ci_low, ci_high, verdict`, percent and points; a row a measure or
            form of experience.
    """
    panels = list(dict.fromkeys(data["panel"]))
    most = data.groupby("panel").size().max()
    figure, drawn = plt.subplots(1, len(panels), figsize=(4.1 * len(panels), 0.42 * most + 1.7), squeeze=False)
    said = []
    for axes, panel in zip(drawn[0], panels, strict=True):
        part = data[data["panel"] == panel].reset_index(drop=True)
        clear = part["verdict"].isin(list(_APART))
        axes.axvline(0, color="0.5", linewidth=1)
        for row, known in zip(part.itertuples(), clear, strict=True):
            colour = BLUE if known else "0.5"
            spread = [[row.difference - row.ci_low], [row.ci_high - row.difference]]
            axes.errorbar(row.difference, row.Index, xerr=spread, fmt="o", color=colour, capsize=2, markersize=5)
            axes.annotate(f"{row.other:.0f} → {row.value:.0f}{' *' if known else ''}", (row.difference, row.Index),
                          (0, 5), textcoords="offset points", ha="center", fontsize=7, color="0.25")  # fmt: skip
        _rows(axes, [textwrap.fill(one, 24) for one in part["label"]], range(len(part)))
        axes.tick_params(axis="y", labelsize=8)
        axes.set_title(panel, fontsize=10)
        axes.set_xlabel("points, the other study → this study", fontsize=9)
        said.append(f"{panel} {clear.sum()} of {len(part)}")
    _title(figure, f"Significant differences: {', '.join(said)}")
    figure.tight_layout()
    return figure
