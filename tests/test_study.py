"""Study files: what is wrong with one is said in one line that names the key."""

import pytest

from ste_core import study
from ste_core.errors import UserError


def load(tmp_path, text):
    path = tmp_path / "trial.yaml"
    path.write_text(text)
    return study.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: trial\nstatistics:\n  resample: 10\n",
            r"statistics\.resample: no such key; did you mean 'resamples'\?",
        ),
        ("name: trial\nsede: 1\n", r"sede: no such key; did you mean 'seed'\?"),
        ("name: trial\naudit:\n  qqq: 1\n", r"audit\.qqq: no such key; known keys: allow_altered"),
        (
            "name: trial\nstatistics:\n  resamples: many\n",
            r"statistics\.resamples: input should be a valid integer, not 'many'",
        ),
        ("name: trial\nseed: -1\n", r"seed: .* not -1"),
        ("name: trial\nseed: true\n", r"seed: .* not True"),
        ("seed: 1\n", r"name: missing"),
        ("name: ../up\n", r"name: "),
        ("- a list\n", r"expected keys and values, found list"),
        ("a: [1\n", r"not valid YAML"),
        ("\x00", r"not valid YAML"),
    ],
)
def test_mistakes_are_one_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value) and "trial.yaml" in str(caught.value)


def test_unknown_study_lists_the_known_ones():
    with pytest.raises(UserError, match=r"no such study; there are: .*audit"):
        study.load("nope")


def test_every_committed_study_loads():
    for path in (study.project_root() / "study").glob("*.yaml"):
        assert study.load(path.stem).name == path.stem


def test_generators_depend_on_seed_and_label_alone(tmp_path):
    one, same, other = (load(tmp_path, f"name: trial\nseed: {seed}\n") for seed in (1, 1, 2))
    draw = one.rng("a", 1).random()
    assert one.rng("b").random() != draw and other.rng("a", 1).random() != draw
    assert same.rng("a", 1).random() == draw


def test_results_and_figures_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "r"))
    monkeypatch.setenv("STE_FIGURES", str(tmp_path / "f"))
    audit = study.load("audit")
    assert audit.tables == tmp_path / "r" / "audit" / "tables" and audit.figures == tmp_path / "f"
