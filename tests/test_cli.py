"""The command line as users meet it: mistakes are one line and exit code 2."""

import pytest
from support import ROOT, one_line, run_ste


def test_unknown_study_key(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\naudit: {}\nresample: 3\n")
    done = run_ste("run", path)
    assert done.returncode == 2
    assert one_line(done.stderr).endswith(
        "mine.yaml: resample: no such key; known keys: name, seed, statistics, audit, world, models, exploration, "
        "distillation, exploitation, scoring, finetuning, learners, ablations, forms, gold, exam, continual, "
        "experience, compare_with"
    )


def test_wrong_type(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nstatistics:\n  level: high\n")
    done = run_ste("run", path)
    assert done.returncode == 2 and "statistics.level: input should be a valid number" in one_line(done.stderr)


def test_unknown_notebook_parameter(tmp_path):
    notebook = ROOT / "notebooks" / "10_audit_verdicts.ipynb"
    done = run_ste("notebook", notebook, tmp_path / "out.ipynb", "-p", "stduy", "audit")
    assert done.returncode == 2
    assert "no parameter 'stduy'; parameters: study" in one_line(done.stderr)
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such notebook"), ("{}", "not a notebook"), ("x", "not a n")]
)
def test_not_a_notebook(tmp_path, content, message):
    path = tmp_path / "in.ipynb"
    if content is not None:
        path.write_text(content)
    done = run_ste("notebook", path, tmp_path / "out.ipynb")
    assert done.returncode == 2 and message in one_line(done.stderr)


def test_unknown_prediction_file_to_judge(made_up_release):
    done = run_ste("judge", "--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--files", "nope",
                   STE_RELEASE=made_up_release, STE_ALLOW_ALTERED=1)  # fmt: skip
    assert done.returncode == 2 and "no prediction file 'nope'" in one_line(done.stderr)


def test_judging_without_a_key_is_one_line(made_up_release):
    done = run_ste("judge", "--model", "m", STE_RELEASE=made_up_release, STE_ALLOW_ALTERED=1)
    assert done.returncode == 2 and "OPENAI_API_KEY: not set" in one_line(done.stderr)
