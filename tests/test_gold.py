"""The study of gold examples, end to end with the small model on five tools: answered, executed, compared, planned."""

import json
import re

import pandas as pd
import pytest
from support import few_items, run_ste

from ste_core.analysis import gold, learners
from ste_core.core import store
from ste_core.core.config import load
from ste_core.pipeline import gold_run

pytest.importorskip("torch")

TOOLS = ["current_moment", "convert_currency", "sort_words", "current_weather", "filing_fee"]


@pytest.fixture(scope="module")
def study(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("gold")
    sets = few_items(folder, TOOLS, 3, 5)
    learner = {"base": "microworld/checkpoint", "epochs": 1, "batch": 8, "learning_rate": 1e-3, "max_length": 256,
               "validation": 0, "threads": 1}  # fmt: skip
    written = {
        "name": "few",
        "world": {"tools": "microworld.tools:toolbox", "only": TOOLS, **sets},
        "models": {"micro": {"kind": "local", "path": "microworld/checkpoint", "threads": 1, "prompts": "small"}},
        "gold": {"learners": {"micro": learner}, "candidate_count": 3, "wide_count": 5, "wide_items": 1,
                 "demonstrations": 2, "items": 2, "max_tokens": 64},
    }  # fmt: skip
    store.write_text(folder / "few.yaml", json.dumps(written))
    patched = pytest.MonkeyPatch()
    patched.setenv("STE_RESULTS", str(folder / "results"))
    request.addfinalizer(patched.undo)
    return load(folder / "few.yaml")


@pytest.fixture(scope="module")
def answered(study):
    untrained = [setting for setting, _ in gold_run.conditions(study) if setting != "FT"]
    made = gold_run.answers(study, "micro", untrained)
    gold_run.tune(study, "micro", 0)
    return made | gold_run.answers(study, "micro", ["FT"])


def test_each_setting_is_answered_in_its_decodings(study, answered):
    assert set(answered) == set(gold_run.conditions(study)) and len(answered) == 8
    for (setting, _), one in answered.items():
        assert len(one) == (5 if setting in gold_run.WIDE else 10)
    summaries = {
        path.parent.name: json.loads(path.read_text())
        for path in (study.results / "predictions").rglob("*.summary.json")
    }
    assert summaries["baseline_free"]["tools"] == 3 and summaries["ICL_wide_free"]["tools"] == 5
    assert summaries["ICL_free"]["demonstrations"] == 20 and summaries["FT_free"]["tools"] == 0
    assert summaries["FT_constrained"]["constrained"] and not summaries["FT_free"]["constrained"]


def test_answering_again_asks_nobody(study, answered, monkeypatch):
    monkeypatch.setattr("ste_core.models.engine.Worker.answer", None)  # whoever asks, fails
    assert gold_run.answers(study, "micro", ["baseline", "ICL"]) == {
        key: one for key, one in answered.items() if key[0] in ("baseline", "ICL")
    }


def test_the_tables_show_settings_reference_lines_and_paired_differences(study, answered):
    rows = gold.gold_outcomes(study)
    table = pd.concat([learners.setting_table(rows, study), gold.gold_references(study)], ignore_index=True)
    assert list(table) == ["model", "setting", "decoding", "metric", "n", "seeds", "value", "ci_low", "ci_high"]
    assert (table["ci_low"] <= table["value"]).all() and (table["value"] <= table["ci_high"]).all()
    one = rows[(rows["setting"] == "ICL") & (rows["decoding"] == "free")]
    found = table[(table["setting"] == "ICL") & (table["decoding"] == "free") & (table["metric"] == "execution")]
    assert found["value"].item() == pytest.approx(100 * one["correct_execution"].mean())
    chance = table[table["model"] == "chance"].set_index("setting")["value"]
    assert chance["baseline"] == pytest.approx(100 / 3) and chance["baseline, wide"] == pytest.approx(20)
    different = learners.setting_differences(rows, study)
    assert {"ICL - baseline", "FT - ICL", "ICL: free - constrained"} <= set(different["contrast"])
    assert (different["p_holm"] >= different["p"] - 1e-12).all()


def test_the_plan_counts_what_is_left(study, answered):
    path = study.results.parents[1] / "few.yaml"
    done = run_ste("run", path, "--dry-run", STE_RESULTS=study.results.parent)
    assert done.returncode == 0 and "no stage asks a model or trains one" in done.stdout
    fresh = run_ste("run", path, "--dry-run", STE_RESULTS=study.results.parent / "elsewhere")
    assert "baseline: 10 items, 3 tools shown x 2 runs (micro)" in fresh.stdout
    assert re.search(r"micro: 7\.\d+ million parameters, 25 examples", fresh.stdout)
