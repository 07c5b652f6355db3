"""Every figure of the study: the tables it comes from, the data it shows, how it is drawn, and its three files.

>>> make("audit_correctness", load("audit"))                             # doctest: +SKIP

A figure is made from committed tables alone, so notebooks and `make figures` give the same bytes:
`figures/<name>.csv` (what it shows), `.svg` and `.png`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image
from matplotlib.figure import Figure

from ste_core import plots, store
from ste_core.errors import UserError
from ste_core.study import Study

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class FigureSpec:
    """A figure: the study whose tables it shows, their names, and how they become data and data a drawing."""

    study: str
    tables: tuple[str, ...]
    data: Callable[[Tables], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Figure]
    alt: str


def make(name: str, study: Study) -> Figure:
    """Draw a figure from the study's tables and write its files; returns it, closed to pyplot.

    Raises:
        UserError: no such figure, or a table is missing.
    """
    if name not in FIGURES:
        raise UserError(f"{name}: no such figure; there are: {', '.join(FIGURES)}")
    spec = FIGURES[name]
    data = spec.data({table: store.read_table(study.tables / f"{table}.csv") for table in spec.tables})
    data = store.write_table(data, study.figures / f"{name}.csv")
    with plots.style():
        figure = spec.draw(data)
        save(figure, study.figures / name)
        plt.close(figure)
    return figure


def show(name: str, study: Study) -> Image:
    """Make a figure and return it for a notebook to display, with its alternative text."""
    make(name, study)
    return Image(filename=str(study.figures / f"{name}.png"), width=860, alt=FIGURES[name].alt)


def save(figure: Figure, stem: Path) -> None:
    """Write a figure as SVG and PNG without dates, so that the same figure is the same bytes."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(stem.with_suffix(".png"), metadata={"Software": None})


def of_study(study: Study) -> list[str]:
    """The figures of a study."""
    return [name for name, spec in FIGURES.items() if spec.study == study.name]


# --- the audit --------------------------------------------------------------------------------------------------------


def _correctness(tables: Tables) -> pd.DataFrame:
    table = tables["correctness"]
    main = table[(table["split"] == "all") & table["setting"].isin(list(plots.SETTING_COLOURS))]
    columns = {"correct_reported": "reported", "correct_rule": "value"}
    return main.rename(columns=columns)[["system", "setting", "reported", "value", "ci_low", "ci_high"]]


def _ablations(tables: Tables) -> pd.DataFrame:
    table = tables["comparisons"].query("table == 'ablation' and verdict == 'rule'")
    columns = {"setting_a": "label", "difference": "value"}
    data = table.rename(columns=columns)[["label", "value", "ci_low", "ci_high", "reported", "p_holm"]]
    return data.assign(label=data["label"].str.removeprefix("FT ")).sort_values("value")


def _draw_ablations(data: pd.DataFrame) -> Figure:
    matter = int(((data["p_holm"] < 0.05) & (data["ci_high"] < 0)).sum())
    worst = data.loc[data["value"].idxmin()]
    return plots.difference_forest(
        data,
        title=f"{matter} of {len(data)} parts matter in the released runs; worst is {worst['label']}",
        xlabel="change of correctness against the full method, points (95 % interval over APIs)",
    )


def _forgetting(tables: Tables) -> pd.DataFrame:
    table = tables["forgetting_matrix"].rename(columns={"rule": "value"})
    return table[["strategy", "round", "batch", "value", "ci_low", "ci_high"]]


_DOUBT = {
    "same_call_judged_differently": "same call, other verdict in another file",
    "identical_judged_wrong": "identical to gold, judged wrong by the model",
    "identical_stored_wrong": "identical to gold, stored wrong (string rule)",
}
_LENIENCY = {
    "extra_arguments_correct": "correct with arguments that gold lacks",
    "rescued_correct": "correct only by mapping a made-up name to an API",
}


def _judge(tables: Tables) -> pd.DataFrame:
    table = tables["judge_noise"]
    table = table.rename(columns={"percent": "value"})
    shown = ["panel", "label", "measure", "value", "ci_low", "ci_high"]
    doubt = table[table["measure"].isin(list(_DOUBT)) & (table["system"] == "all")]
    doubt = doubt.assign(panel="doubt", label=doubt["measure"].map(_DOUBT))
    lenient = table[table["setting"].isin(list(plots.SETTING_COLOURS)) & table["measure"].isin(list(_LENIENCY))]
    lenient = lenient.assign(
        panel="leniency", label=lenient["system"] + ", " + lenient["setting"], measure=lenient["measure"].map(_LENIENCY)
    )
    return pd.concat([doubt[shown], lenient[shown]])


# --- the microworld ---------------------------------------------------------------------------------------------------

_REFERENCE = {
    "api_match_all": "right tool",
    "correct_rule": "right call (string rule)",
    "correct_execution": "right result (execution)",
    "task_success": "task success",
}


def _reference(tables: Tables) -> pd.DataFrame:
    table = tables["reference"]
    table = table[table["metric"].isin(list(_REFERENCE))]
    return table.assign(metric=table["metric"].map(_REFERENCE))[["system", "metric", "value", "ci_low", "ci_high"]]


FIGURES: dict[str, FigureSpec] = {
    "audit_correctness": FigureSpec(
        "audit", ("correctness",), _correctness, plots.correctness_points,
        "Correctness of every system and setting, recomputed with intervals, beside the reported figures.",
    ),
    "audit_ablations": FigureSpec(
        "audit", ("comparisons",), _ablations, _draw_ablations,
        "Change of correctness when a part of the method is left out, with intervals, beside the reported changes.",
    ),
    "audit_forgetting": FigureSpec(
        "audit", ("forgetting_matrix",), _forgetting, plots.forgetting_matrices,
        "Correctness on each batch of tools after each round of learning, with replay and without.",
    ),
    "audit_judge": FigureSpec(
        "audit", ("judge_noise",), _judge, plots.judge_panels,
        "How often stored verdicts are doubtful, and how much leniency gives each system.",
    ),
    "microworld_reference": FigureSpec(
        "microworld", ("reference",), _reference, plots.reference_points,
        "What predictors without understanding reach on the microworld's test set, with intervals.",
    ),
}  # fmt: skip
