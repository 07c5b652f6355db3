"""The embedded study as users run it: every stage, on a few tools, through Snakemake and papermill."""

import nbformat
import pandas as pd
import pytest
import yaml
from support import ROOT, run_ste

from ste_core.core import config
from ste_core.pipeline import explore_run

TABLES = (
    "exploration", "exploration_episodes", "exploration_tools", "exploration_verdicts", "exploration_coverage",
    "exploration_curve", "embedded_correctness", "embedded_gains", "embedded_errors", "embedded_tools",
    "paper_correctness", "amount", "control", "ablations", "ablations_exploring", "paper_ablations", "continual_matrix",
    "continual_summary", "continual_differences", "continual_selection", "continual_general", "embedded_claims",
    "open_questions",
)  # fmt: skip


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    where = tmp_path_factory.mktemp("smoke")
    done = run_smoke(where)
    assert done.returncode == 0, done.stdout + done.stderr
    return where / "results" / "smoke"


def run_smoke(where):
    return run_ste(
        "run", "smoke", "--cores", 2, timeout=1_200,
        STE_RESULTS=where / "results", STE_FIGURES=where / "figures",
    )  # fmt: skip


def test_every_stage_leaves_its_tables(smoke):
    plan = config.load("smoke")
    assert {f"{name}.csv" for name in TABLES} <= {path.name for path in (smoke / "tables").iterdir()}
    correctness = pd.read_csv(smoke / "tables" / "embedded_correctness.csv")
    assert set(correctness["setting"]) == {"baseline", "ICL", "FT"}
    assert (correctness["n"] == plan.exploitation.items * len(plan.exploration.tools)).all()
    assert (correctness["ci_low"] <= correctness["value"]).all() and (
        correctness["value"] <= correctness["ci_high"]
    ).all()
    errors = pd.read_csv(smoke / "tables" / "embedded_errors.csv").groupby("setting")["percent"].sum()
    assert (errors - 100).abs().max() < 0.05  # shares are rounded


def test_every_trial_is_there_once(smoke, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(smoke.parent))
    plan = config.load("smoke")
    for variant in plan.exploration.variants:
        trials = explore_run.read_trials(plan, variant, 0)
        keys = [(one.tool, one.episode, one.trial) for one in trials]
        wanted = plan.exploration.episodes * plan.exploration.trials * len(plan.exploration.tools)
        assert len(set(keys)) == len(keys) == wanted


def test_a_second_run_has_nothing_to_do(smoke):
    before = {path: path.stat().st_mtime_ns for path in (smoke / "tables").iterdir()}
    done = run_smoke(smoke.parents[1])
    assert done.returncode == 0 and "executing" not in done.stdout
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_another_seed_finds_something_else_and_starts_from_the_same_baseline(smoke, tmp_path):
    path = tmp_path / "other.yaml"
    left_out = dict.fromkeys(("finetuning", "ablations", "continual"))
    changed = {"name": "other", "extends": "smoke", "exploration": {"seeds": [1], "variants": ["full"]}, **left_out}
    path.write_text(yaml.safe_dump(changed))
    done = run_ste("run", path, STE_RESULTS=tmp_path / "results", STE_FIGURES=tmp_path / "figures")
    assert done.returncode == 0, done.stdout + done.stderr

    def rows(folder, table, **row):
        found = pd.read_csv(folder / "tables" / f"{table}.csv")
        for name, value in row.items():
            found = found[found[name] == value]
        assert len(found)
        return found["value"].tolist()

    other = tmp_path / "results" / "other"
    same = rows(other, "embedded_correctness", setting="baseline")
    assert same == rows(smoke, "embedded_correctness", setting="baseline")
    assert rows(other, "exploration", variant="full") != rows(smoke, "exploration", variant="full")


def test_the_headline_is_printed_and_kept(smoke):
    text = (smoke / "headline.txt").read_text()
    assert text in run_smoke(smoke.parents[1]).stdout
    assert "fine-tuned (FT)" in text and text.count("claim ") == 5


def test_executed_notebooks_have_no_errors_and_no_progress_bars(smoke):
    notebooks = [nbformat.read(path, 4) for path in (smoke / "notebooks").iterdir()]
    assert len(notebooks) == 17
    for one in notebooks:
        outputs = [output for cell in one.cells for output in cell.get("outputs", [])]
        assert not [output for output in outputs if output.get("name") == "stderr" or output.output_type == "error"]
        assert str(ROOT) not in nbformat.writes(one)


def test_the_notebook_on_the_small_model_runs_on_the_committed_exam(tmp_path):
    tables = tmp_path / "results" / "micro" / "tables"
    tables.mkdir(parents=True)
    (tables / "skills.csv").write_bytes((ROOT / "results" / "micro" / "tables" / "skills.csv").read_bytes())
    done = run_ste("notebook", ROOT / "notebooks" / "22_micro_lm.ipynb", tmp_path / "out.ipynb",
                   STE_RESULTS=tmp_path / "results", STE_FIGURES=tmp_path / "figures")  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in ("micro_learning.svg", "micro_skills.svg"):
        assert (tmp_path / "figures" / name).read_bytes() == (ROOT / "figures" / name).read_bytes()
