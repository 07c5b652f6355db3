"""Tidy data of scored items: one row a metric, item, seed, API, setting and system; sums an API; tables for papers.

>>> write_items(scored, Path("results/audit/tables/items.csv.xz"))      # doctest: +SKIP
>>> pd.read_csv("results/audit/tables/items.csv.xz").groupby(["system", "setting", "metric"])["value"].mean()  #
doctest: +SKIP

The rows hold nothing that was averaged or rounded, so any figure of the audit can be made again from them, by any rule
of one's own. `export` writes a table as LaTeX and as Markdown, for a paper or a page.
"""

import io
import lzma
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ste_core.core import store
from ste_core.scoring import score

#: verdicts on an item, by the metric's name; every one is over all items
ITEM_METRICS = {
    name: column for name, (column, among) in (score.METRICS | score.EXECUTION_METRICS).items() if among is None
}


def long_form(scored: pd.DataFrame) -> pd.DataFrame:
    """Scored items in long form.

    Args:
        scored: rows of `score.score_predictions`, with `seed` where there are several runs.

    Returns:
        `system, setting, api, item, seed, metric, value` (1 or 0); what was not judged has no row.
    """
    known = {name: column for name, column in ITEM_METRICS.items() if column in scored}
    wide = scored.assign(api=scored["tool"], seed=scored["seed"] if "seed" in scored else 0)
    keys = ["system", "setting", "api", "item", "seed"]
    wide = wide[keys].assign(**{name: wide[column].astype("boolean") for name, column in known.items()})
    long = wide.melt(keys, var_name="metric", value_name="value").dropna(subset="value")
    return long.astype({"value": int}).reset_index(drop=True)


def write_items(scored: pd.DataFrame, path: Path) -> None:
    """Write `long_form` as compressed CSV, which pandas and R read as it is; the same rows give the same bytes."""
    text = io.StringIO()
    long_form(scored).to_csv(text, index=False, lineterminator="\n")
    store.write_bytes(path, lzma.compress(text.getvalue().encode("utf-8"), preset=6))


def by_api(scored: pd.DataFrame, about: Sequence[str] = ()) -> pd.DataFrame:
    """Counts of every system and setting on every API: `system, setting, api, *about, n, k_<metric>, ...`.

    Args:
        about: columns that describe an API.
    """
    known = {name: column for name, column in ITEM_METRICS.items() if column in scored}
    verdicts = scored.assign(**{f"k_{name}": scored[column].astype("boolean") for name, column in known.items()})
    groups = verdicts.groupby(["system", "setting", "tool"], sort=False)
    table = groups[[f"k_{name}" for name in known]].sum(min_count=1).astype("Int64")
    described = groups[list(about)].first() if about else pd.DataFrame(index=table.index)
    table = pd.concat([described, groups.size().rename("n"), table], axis=1).reset_index()
    return table.rename(columns={"tool": "api"})


# --- for papers and pages ---------------------------------------------------------------------------------------------


def export(frame: pd.DataFrame, stem: Path, *, caption: str, decimals: int = 1) -> None:
    """Write a table as `<stem>.tex` (booktabs) and `<stem>.md`, rounded; intervals beside their figure.

    Args:
        frame: columns `ci_low, ci_high` are put behind the column before them, as "x [low, high]"; p-values are words.
    """
    shown = readable(frame, decimals)
    label = f"tab:{stem.name.replace('_', '-')}"
    escaped = shown.map(_tex).rename(columns=_tex)
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{_tex(caption)}}}", rf"\label{{{label}}}",
        rf"\begin{{tabular}}{{{'l' * len(shown.columns)}}}", r"\toprule",
        " & ".join(escaped.columns) + r" \\", r"\midrule",
        *(" & ".join(row) + r" \\" for row in escaped.itertuples(index=False, name=None)),
        r"\bottomrule", r"\end{tabular}", r"\end{table}",
    ]  # fmt: skip
    store.write_text(stem.with_suffix(".tex"), "\n".join(lines) + "\n")
    rows = [shown.columns, ["---"] * len(shown.columns), *shown.itertuples(index=False, name=None)]
    cells = ("| " + " | ".join(str(cell).replace("|", r"\|") for cell in row) + " |" for row in rows)
    store.write_text(stem.with_suffix(".md"), f"{caption}\n\n" + "\n".join(cells) + "\n")


def readable(frame: pd.DataFrame, decimals: int = 1) -> pd.DataFrame:
    """A table as text: rounded, intervals behind their figure, p-values never zero, nothing where there is nothing."""
    columns: dict[str, list[str]] = {}
    last = ""
    for name in frame:
        if name == "ci_low" and "ci_high" in frame and last:
            pairs = zip(columns[last], frame["ci_low"], frame["ci_high"], strict=True)
            columns[last] = [
                text if pd.isna(low) else f"{text} [{low:.{decimals}f}, {high:.{decimals}f}]"
                for text, low, high in pairs
            ]
        elif name != "ci_high":
            is_p = name == "p" or name.startswith("p_")
            columns[name] = [_cell(value, decimals, is_p) for value in frame[name]]
            last = name
    return pd.DataFrame(columns)


def _cell(value: object, decimals: int, is_p: bool) -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    if not isinstance(value, float):
        return str(value)
    if is_p:
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    return f"{value:.{decimals}f}"


_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    character: f"\\{character}" for character in "&%$#_{}"
}


def _tex(text: object) -> str:
    return "".join(_SPECIAL.get(character, character) for character in str(text)).replace("<", "$<$")
