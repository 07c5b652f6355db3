"""The whole study in short: its tables, the headline, and the order in which to read.

>>> print(headline(of(load("quick"))))                                   # doctest: +SKIP

Everything here is read from tables that other notebooks have written; nothing is measured anew.
"""

from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd

from ste_core.core import store
from ste_core.core.config import Study, project_root
from ste_core.scoring import score

#: the rows of the headline: setting, and how it is called there
SETTINGS = {"baseline": "no experience (baseline)", "ICL": "shown in context (ICL)", "FT": "fine-tuned (FT)",
            "ICL hindsight": "ICL, queries in hindsight", "FT hindsight": "FT, queries in hindsight",
            "ICL retold": "ICL, queries retold", "FT retold": "FT, queries retold",
            "ICL scripted": "ICL, scripted calls", "FT scripted": "FT, scripted calls"}  # fmt: skip


def head_metrics(correctness: pd.DataFrame) -> dict[str, str]:
    """The metrics of the headline, by their names there: tool selection, and what the study's verdicts rest on."""
    right = score.right(correctness["metric"])
    return {"api_match_all": "tool selection", right: score.RIGHT[right]}


@dataclass(frozen=True, slots=True)
class Findings:
    """What an embedded study has found; None where it has no such stage."""

    exploration: pd.DataFrame | None
    correctness: pd.DataFrame | None
    gains: pd.DataFrame | None
    ablations: pd.DataFrame | None
    amount: pd.DataFrame | None
    control: pd.DataFrame | None
    learners: pd.DataFrame | None
    continual: tuple[pd.DataFrame, pd.DataFrame] | None


def of(study: Study) -> Findings:
    """The tables of a study."""

    def read(name: str, results: Path = study.results) -> pd.DataFrame | None:
        path = results / "tables" / f"{name}.csv"
        return store.read_table(path) if path.is_file() else None

    summary, differences = read("continual_summary"), read("continual_differences")
    return Findings(
        exploration=read("exploration"), correctness=read("embedded_correctness"), gains=read("embedded_gains"),
        ablations=read("ablations", study.ablated), amount=read("amount"), control=read("control"),
        learners=read("main"),
        continual=None if summary is None or differences is None else (summary, differences),
    )  # fmt: skip


def shown(value: float, low: float, high: float, *, sign: bool = False) -> str:
    """A figure with its interval, as prose has it.

    >>> shown(12.34, 8.0, 16.55)
    '12.3 [8.0, 16.6]'
    """
    form = "+.1f" if sign else ".1f"
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def headline(correctness: pd.DataFrame, claims: pd.DataFrame, learners: pd.DataFrame | None = None) -> str:
    """The main table and the verdicts in plain text, as a run prints them at its end.

    Args:
        learners: where several models learn, their table; `correctness` is that of the first.
    """
    heads = head_metrics(correctness)
    lines = [f"{'test items, %':<28}" + "".join(f"{name:>24}" for name in heads.values())]
    if learners is None:
        lines += _settings(correctness, list(heads))
    else:
        metrics = ["tool_selection", "execution"]
        for model, own in learners.groupby("model", sort=False):
            if model != "chance":  # known: one in so many candidates
                lines += ["", f"{model}", *_settings(own, metrics)]
    of = "" if learners is None else f", {correctness['system'].iloc[0]}"
    lines += ["", f"{f'the five claims{of}':<28}{'verdict here':>24}"]
    for row in claims[claims["part"] == "as worded"].itertuples():
        lines.append(f"{f'claim {row.claim}':<28}{row.verdict:>24}")
    return "\n".join(lines) + "\n"


def _settings(table: pd.DataFrame, metrics: list[str]) -> list[str]:
    lines = []
    for setting, name in SETTINGS.items():
        own = table[table["setting"] == setting].set_index("metric")
        if not own.empty:
            cells = (shown(*own.loc[metric, ["value", "ci_low", "ci_high"]]) for metric in metrics)
            lines.append(f"{name:<28}" + "".join(f"{cell:>24}" for cell in cells))
    return lines


def notebooks() -> pd.DataFrame:
    """Every notebook of the project in reading order: `notebook, question` (its title)."""
    rows = []
    for path in sorted((project_root() / "notebooks").glob("[0-9]*.ipynb")):
        rows.append({"notebook": path.name, "question": _title(path)})
    return pd.DataFrame(rows)


def _title(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    first = next((cell.source for cell in cells if cell.cell_type == "markdown"), "")
    return first.partition("\n")[0].removeprefix("# ").strip()
