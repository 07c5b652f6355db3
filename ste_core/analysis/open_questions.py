"""Questions that the paper leaves open, as far as the tables of a study answer them.

>>> table = statements(study)                                               # doctest: +SKIP
>>> table[["question", "statement", "verdict"]]                          # doctest: +SKIP

A question asks about contrasts that another notebook has computed, tested and corrected within its family; nothing is
estimated here. A statement about a contrast is supported, not supported or inconclusive by the one rule of
`scoring.verdicts`. What the tables of a study do not hold is not asked of it: docs/open_questions.md lists what none
answers, and what would.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ste_core.analysis import trajectories
from ste_core.core import store
from ste_core.core.config import Study
from ste_core.core.errors import UserError
from ste_core.scoring import score, stats, verdicts

COLUMNS = ("question", "statement", "table", "contrast", "difference", "ci_low", "ci_high", "p_holm", "detectable",
           "verdict", "evidence")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the contrasts that it asks about.

    Attributes:
        id: its name in tables.
        text: what is asked.
        statement: what is tested; `{contrast}` stands for a contrast's name in its table.
        table: where the contrasts stand.
        contrasts: the rows that are asked about, with a column `contrast`.
        stated: the side of zero on which the statement puts the difference; "apart" is either.
        reads: the columns of difference and interval in that table.
    """

    id: str
    text: str
    statement: str
    table: str
    contrasts: Callable[[pd.DataFrame], pd.DataFrame]
    stated: Literal["above", "below", "apart"] = "above"
    reads: tuple[str, str, str] = ("difference", "ci_low", "ci_high")


def _memories(measure: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """What the full method covers more of than without short-term, and without long-term memory."""

    def rows(table: pd.DataFrame) -> pd.DataFrame:
        memory = table["variant"].isin(["no_short_term", "no_long_term"])
        return _named(table[memory & (table["measure"] == measure)], lambda row: f"full - {row.variant}")

    return rows


def _arms(contrast: str, measure: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def rows(table: pd.DataFrame) -> pd.DataFrame:
        asked = table[(table["contrast"] == contrast) & (table["measure"] == measure)]
        return asked.assign(contrast=asked["comparison"])

    return rows


def _amounts(table: pd.DataFrame) -> pd.DataFrame:
    asked = (table["metric"] == score.right(table["metric"])) & (table["episodes"] > 0) & table["difference"].notna()
    return _named(table[asked], lambda row: f"{row.setting}, {row.episodes} of {table['episodes'].max()} episodes")


def _uses(table: pd.DataFrame) -> pd.DataFrame:
    return _named(table[table["comparison"] == "FT - ICL"], lambda row: row.comparison)


def _named(rows: pd.DataFrame, name: Callable[..., str]) -> pd.DataFrame:
    return rows.assign(contrast=[name(row) for row in rows.itertuples()])


_COVERAGE = ("difference", "difference_low", "difference_high")

QUESTIONS = (
    Question("coverage", "Does memory buy coverage of what a tool can do?",
             "more different argument values are tried ({contrast})",
             "exploration_coverage", _memories(trajectories.COVERAGE["values"]), reads=_COVERAGE),
    Question("coverage", "Does memory buy coverage of what a tool can do?",
             "more optional arguments are tried ({contrast})",
             "exploration_coverage", _memories(trajectories.COVERAGE["optional"]), reads=_COVERAGE),
    Question("depth", "Does exploring deeper pay?", "less exploration is less often right ({contrast})",
             "amount", _amounts, "below", ("difference", "difference_low", "difference_high")),
    Question("use", "Is experience better learnt than shown?", "fine-tuning is more often right ({contrast})",
             "embedded_gains", _uses),
    Question("replay", "Does replay keep what was learnt, and how much of it is enough?",
             "less is forgotten, by backward transfer ({contrast})",
             "continual_differences", _arms("replay", "backward_transfer")),
    Question("practice", "Does interleaved practice help?", "interleaved practice ends higher ({contrast})",
             "continual_differences", _arms("interleaved", "final_average")),
    Question("order", "Does the order of tools matter?", "another order ends elsewhere ({contrast})",
             "continual_differences", _arms("order", "final_average"), "apart"),
)  # fmt: skip


def statements(study: Study) -> pd.DataFrame:
    """The statements that a study's tables decide: `COLUMNS`, points.

    Raises:
        UserError: the study has none of the tables that the questions are about.
    """
    found = [row for question in QUESTIONS for row in _answers(question, study)]
    if not found:
        tables = ", ".join(sorted({question.table for question in QUESTIONS}))
        raise UserError(f"study '{study.name}': none of the tables that the open questions are about ({tables})")
    return pd.DataFrame(found, columns=list(COLUMNS))


def _answers(question: Question, study: Study) -> Iterator[tuple[object, ...]]:
    for results in dict.fromkeys((study.results, study.ablated)):
        path = results / "tables" / f"{question.table}.csv"
        rows = question.contrasts(store.read_table(path)) if path.is_file() else pd.DataFrame()
        if not rows.empty:
            break
    if "p_holm" not in rows:
        return  # no such table, or one from before its contrasts were tested
    table = question.table if results == study.results else f"{results.name}/{question.table}"
    for row in rows.to_dict("records"):
        value, low, high = (float(row[column]) for column in question.reads)
        side: verdicts.Side = "against" if question.stated == ("below" if value > 0 else "above") else "for"
        verdict = verdicts.word("neither" if value == 0 else side, row["p_holm"], study.statistics.level)
        statement = question.statement.format(contrast=row["contrast"].replace("_", " "))
        evidence = _evidence(stats.Estimate(value, low, high), row, verdict)
        yield (question.id, statement, table, row["contrast"], value, low, high, row["p_holm"],
               row.get("detectable", float("nan")), verdict, evidence)  # fmt: skip


def _evidence(found: stats.Estimate, row: dict[str, float], verdict: verdicts.Verdict) -> str:
    parts = [f"{found:+.1f}", verdicts.show_p(row["p_holm"], "Holm p")]
    if verdict == verdicts.INCONCLUSIVE:
        parts.append(verdicts.seen(row.get("detectable", float("nan"))))
    return ", ".join(part for part in parts if part)


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """A row a question: `question`, its text, and how many statements have which verdict.

    Args:
        table: of `statements`.
    """
    texts = {question.id: question.text for question in QUESTIONS}
    counts = pd.crosstab(table["question"], table["verdict"])
    words = [verdicts.SUPPORTED, verdicts.NOT_SUPPORTED, verdicts.INCONCLUSIVE]
    counts = counts.reindex(index=list(dict.fromkeys(table["question"])), columns=words, fill_value=0)
    return (
        counts.rename_axis(columns=None)
        .assign(asked=counts.index.map(texts))
        .reset_index()[["question", "asked", *words]]
    )
