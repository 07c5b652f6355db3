"""What the figures of the audit look like, beside those of `plots`: leniency, tool selection, API by API.

>>> with plots.style():                                                  # doctest: +SKIP
...     figure = leniency_bars(data)
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ste_core.report.plots import BLUE, GREEN, GREY, ORANGE, OTHER, RED, SETTING_COLOURS, _rows, _title, points

#: how a name was forgiven, in the order of the bars
LEVEL_COLOURS = {
    "exact": BLUE, "form": GREEN, "encoding": "#56B4E9", "part": ORANGE, "shared part": "#F0E442", "closest": RED,
}  # fmt: skip


def leniency_bars(data: pd.DataFrame) -> Figure:
    """Correctness of every system as a stacked bar: how far the written name was from the API that was counted.

    Args:
        data: `label, level, percent, value, ci_low, ci_high`, in drawing order; `percent` is a level's own share, the
            rest the sum up to it.
    """
    labels = list(dict.fromkeys(data["label"]))
    figure, axes = plt.subplots(figsize=(8.6, 0.36 * len(labels) + 1.9))
    left = np.zeros(len(labels))
    for level, colour in LEVEL_COLOURS.items():
        part = data[data["level"] == level].set_index("label").reindex(labels)
        axes.barh(range(len(labels)), part["percent"].fillna(0), left=left, color=colour, height=0.62, label=level)
        left += part["percent"].fillna(0).to_numpy()
    ends = data.groupby("label", sort=False).last().reindex(labels)
    for position, row in enumerate(ends.itertuples()):
        axes.plot([row.ci_low, row.ci_high], [position, position], color="black", linewidth=1.1)
    _rows(axes, labels, range(len(labels)))
    axes.set_xlim(0, 100)
    axes.set_xlabel(
        "correct calls, % of 750 items, by how far the written name is off (line: 95 % interval of the sum)"
    )
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.17), ncols=6, handlelength=1.2, columnspacing=1.2)
    off = data[data["level"] != "exact"].groupby("label", sort=False)["percent"].sum().sort_values(ascending=False)
    _title(figure, f"Forgiven names give {off.index[0]} {off.iloc[0]:.0f} of {ends['value'][off.index[0]]:.0f} points, "
                   f"no other system more than {off.iloc[1]:.0f}")  # fmt: skip
    figure.tight_layout()
    return figure


def selection_points(data: pd.DataFrame) -> Figure:
    """The right API and the right call, of all items, between the marks that need no language model.

    Args:
        data: `panel, kind` ("system" or "mark"), `label, setting, value, ci_low, ci_high`, in drawing order.
    """
    panels = list(dict.fromkeys(data["panel"]))
    systems = data[data["kind"] == "system"]
    labels = list(dict.fromkeys(systems["label"]))
    figure, shown = plt.subplots(1, len(panels), figsize=(8.6, 0.33 * len(labels) + 1.8), sharey=True, squeeze=False)
    for axes, panel in zip(shown[0], panels, strict=True):
        own = systems[systems["panel"] == panel]
        own = own.assign(position=[float(labels.index(label)) for label in own["label"]])
        colours = [SETTING_COLOURS.get(setting, OTHER) for setting in own["setting"]]
        points(axes, own, colour=colours)
        for row, colour in zip(own.itertuples(), colours, strict=True):
            axes.annotate(f"{row.value:.0f}", (row.ci_high, row.position), (6, 0), textcoords="offset points",
                          va="center", fontsize=8, color=colour, zorder=3,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
        marks = data[(data["kind"] == "mark") & (data["panel"] == panel)]
        for row, style in zip(marks.itertuples(), (":", "--", "-"), strict=False):
            axes.axvline(row.value, color=GREEN if style == "--" else GREY, linestyle=style, linewidth=1.2, zorder=1)
            axes.annotate(f"{row.label} {row.value:.0f}", (row.value, 1.01), xycoords=("data", "axes fraction"),
                          rotation=35, fontsize=7.5, color="#444444", ha="left")  # fmt: skip
        _rows(axes, labels, range(len(labels)))
        axes.set_xlim(0, 112)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel(panel)
    first = data[data["panel"] == panels[0]]
    marks = first[(first["kind"] == "mark") & first["label"].str.startswith("TF-IDF")]["value"]
    bare = first[(first["kind"] == "system") & (first["setting"] == "baseline")]["value"]
    words = "".join(f"Matching words finds the API in {mark:.0f} % of items, " for mark in marks)
    _title(
        figure, f"{words}models without STE{'' if words else ' find the API'} in {bare.min():.0f} to {bare.max():.0f} %"
    )
    figure.tight_layout()
    return figure


def api_heatmap(data: pd.DataFrame, title: str | None = None) -> Figure:
    """A metric of every system (rows) on every API (columns), by who judges the API and how often it is right.

    Args:
        data: `label, api, judged_by, value` (percent); systems in drawing order, APIs in drawing order.
    """
    import seaborn as sns

    labels, apis = list(dict.fromkeys(data["label"])), list(dict.fromkeys(data["api"]))
    values = data.pivot(index="label", columns="api", values="value").reindex(index=labels, columns=apis)
    figure, axes = plt.subplots(figsize=(10.4, 0.27 * len(labels) + 4.4))
    bar = {"label": "% of 15 items", "pad": 0.01}
    sns.heatmap(values, vmin=0, vmax=100, cmap="cividis", linewidths=0.4, cbar_kws=bar, ax=axes)
    names = [api if len(api) <= 38 else f"{api[:36]}…" for api in apis]
    axes.set_xticks(np.arange(len(apis)) + 0.5, [one.replace("%%", ": ") for one in names], rotation=90, fontsize=6.5)
    axes.set_yticks(np.arange(len(labels)) + 0.5, labels, rotation=0, fontsize=8)
    axes.set_xlabel("")
    axes.set_ylabel("")
    axes.tick_params(left=False, bottom=False)
    judges = data.drop_duplicates("api")["judged_by"].tolist()
    border = next((at for at, judge in enumerate(judges) if judge != judges[0]), None)
    if border is not None:
        axes.axvline(border, color="white", linewidth=3)
        for start, end in ((0, border), (border, len(apis))):
            axes.annotate(f"judged by {judges[start]}", ((start + end) / 2, 1.01), xycoords=("data", "axes fraction"),
                          ha="center", fontsize=8.5)  # fmt: skip
    low = int((values.max() < 50).sum())
    _title(figure, title or f"For {low} of {len(apis)} APIs no system is right on half of the items")
    figure.tight_layout()
    return figure
