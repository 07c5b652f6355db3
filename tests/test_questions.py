"""The open questions: which contrasts of a study's tables they ask about, and what is concluded from them."""

import nbformat
import pandas as pd
import pytest
from support import ROOT

from ste_core.analysis import open_questions
from ste_core.analysis.open_questions import QUESTIONS
from ste_core.core import config, store
from ste_core.core.config import Study
from ste_core.core.errors import UserError

ARMS = ["contrast", "comparison", "measure", "difference", "ci_low", "ci_high", "detectable", "p_holm"]


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path))
    return Study(name="made_up")


def tabled(study: Study, name: str, rows: list[tuple[object, ...]], columns: list[str]) -> None:
    store.write_table(pd.DataFrame(rows, columns=columns), study.tables / f"{name}.csv")


def arms(study: Study, *rows: tuple[str, str, str, float, float]) -> None:
    """Rows of `continual_differences`: contrast, comparison, measure, difference, corrected p."""
    found = [(*about, value, value - 1, value + 1, 2.5, p) for *about, value, p in rows]
    tabled(study, "continual_differences", found, ARMS)


@pytest.mark.parametrize(
    ("question", "contrast", "measure", "value", "p", "verdict"),
    [
        ("replay", "replay", "backward_transfer", 5, 0.01, "supported"),
        ("replay", "replay", "backward_transfer", -5, 0.01, "not supported"),
        ("replay", "replay", "backward_transfer", 5, 0.06, "inconclusive"),
        ("practice", "interleaved", "final_average", -5, 0.01, "not supported"),
        ("order", "order", "final_average", -5, 0.01, "supported"),
        ("order", "order", "final_average", 5, 0.01, "supported"),
        ("order", "order", "final_average", 0, 0.01, "inconclusive"),
    ],
)
def test_a_statement_follows_the_corrected_test_and_the_side(study, question, contrast, measure, value, p, verdict):
    arms(study, (contrast, "a - b", measure, value, p), ("joint", "c - d", measure, 9, 0.001))
    (row,) = open_questions.statements(study).itertuples()
    assert (row.question, row.contrast, row.difference, row.verdict) == (question, "a - b", value, verdict)
    assert "a - b" in row.statement and ("2.5 points would be found" in row.evidence) == (verdict == "inconclusive")


def test_less_exploration_is_stated_to_be_worse(study):
    columns = ["setting", "episodes", "metric", "difference", "difference_low", "difference_high", "detectable",
               "p_holm"]  # fmt: skip
    rows = [
        ("FT", 0, "correct_execution", -9, -10, -8, 2, 0.001),  # no exploration: another question
        ("FT", 1, "correct_execution", -5, -6, -4, 2, 0.01),
        ("ICL", 1, "correct_execution", 5, 4, 6, 2, 0.01),
        ("FT", 1, "wellformed", 5, 4, 6, 2, 0.01),
        ("FT", 3, "correct_execution", None, None, None, None, None),  # all of it: nothing to compare with
    ]
    tabled(study, "amount", rows, columns)
    found = open_questions.statements(study)
    assert found["contrast"].tolist() == ["FT, 1 of 3 episodes", "ICL, 1 of 3 episodes"]
    assert found["verdict"].tolist() == ["supported", "not supported"]


def test_memory_is_asked_for_what_it_covers(study):
    columns = ["variant", "measure", "difference", "difference_low", "difference_high", "p", "detectable", "p_holm"]
    values, optional = "different argument values", "optional arguments used, % of them"
    rows = [
        ("full", values, None, None, None, None, None, None),
        ("no_long_term", values, 3, 2, 4, 0.01, 1, 0.02),
        ("no_short_term", optional, -3, -4, -2, 0.01, 1, 0.02),
        ("no_feedback", values, 3, 2, 4, 0.01, 1, 0.02),
    ]
    tabled(study, "exploration_coverage", rows, columns)
    found = open_questions.statements(study)
    assert found["contrast"].tolist() == ["full - no_long_term", "full - no_short_term"]
    assert found["verdict"].tolist() == ["supported", "not supported"]
    (row,) = open_questions.overview(found).itertuples(index=False)
    assert tuple(row) == ("coverage", QUESTIONS[0].text, 1, 1, 0)


def test_a_table_without_corrected_tests_answers_nothing(study):
    tabled(study, "continual_differences", [("replay", "a - b", "backward_transfer", 5, 4, 6, 1, 0.01)], ARMS)
    assert len(open_questions.statements(study)) == 1
    tabled(study, "continual_differences", [("replay", "a - b", "backward_transfer", 5, 4, 6)], ARMS[:6])
    with pytest.raises(UserError, match=r"none of the tables.*continual_differences"):
        open_questions.statements(study)


def test_the_full_studys_answers_follow_from_its_committed_tables(tmp_path):
    full = config.load("full")
    made = store.write_table(open_questions.statements(full), tmp_path / "open_questions.csv")
    assert (tmp_path / "open_questions.csv").read_bytes() == (full.tables / "open_questions.csv").read_bytes()
    gains = store.read_table(full.tables / "embedded_gains.csv").set_index("comparison")
    assert made.set_index("question").loc["use", "p_holm"] == gains.loc["FT - ICL", "p_holm"], "no second correction"


def test_notebook_and_page_name_every_question():
    page = (ROOT / "docs" / "open_questions.md").read_text(encoding="utf-8")
    assert all(f"| {question.text} |" in page for question in QUESTIONS)
    cells = nbformat.read(ROOT / "notebooks" / "80_open_questions.ipynb", 4).cells
    assert "open_questions.statements(this)" in "\n".join(cell.source for cell in cells if cell.cell_type == "code")
