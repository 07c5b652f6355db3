"""What runs again when something changes: exactly the jobs that depend on it. The graph is the real one, in a copy."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from support import ROOT

from ste_core.core import config
from ste_core.pipeline import dependencies

#: jobs of the study below that follow from a stage, itself included
AFTER_PREDICTION = {"correctness", "story", "open_questions", "record", "all"}
AFTER_EXPERIENCE = {"icl", "finetune", *AFTER_PREDICTION}
AFTER_EXPLORATION = {"exploration", "distill", *AFTER_EXPERIENCE}

#: an edit of each kind, and what it makes run again
EDITS = {
    "nothing": (None, set()),
    "a prompt of exploration": ("ste_core/core/prompts/imagine_next.txt", {"explore", *AFTER_EXPLORATION}),
    "a prompt of distillation": ("ste_core/core/prompts/judge_trial.txt", {"distill", *AFTER_EXPERIENCE}),
    "a prompt of prediction": ("ste_core/core/prompts/predict_examples.txt", {"icl", *AFTER_PREDICTION}),
    "a prompt of fine-tuning": ("ste_core/core/prompts/tuned.txt", {"finetune", *AFTER_PREDICTION}),
    "a prompt of no stage": ("ste_core/core/prompts/normal.txt", set()),
    "a line of the trainer": ("ste_core/method/trainer.py", {"finetune", *AFTER_PREDICTION}),
    "a table of the tools": ("microworld/tools/tables/cities.py", {"explore", *AFTER_EXPLORATION}),
    "a query of the test set": ("microworld/test_set/test.jsonl", AFTER_EXPERIENCE),
    "another kind of model": ("ste_core/models/openai.py", set()),
    "a way of drawing": ("ste_core/report/style.mplstyle", {"exploration", *AFTER_PREDICTION}),
    "weights": ("microworld/checkpoint/model.safetensors", {"explore", *AFTER_EXPLORATION}),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, in a folder with an odd name, whose jobs only touch what they are to make; all is made."""
    root = tmp_path_factory.mktemp("with a space") / "user's {Ördner}"
    for name in ("ste_core", "microworld", "notebooks"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    rules = re.sub(r'"\{PYTHON:q\} -m [^\n]+"', '"touch {output:q}"', (ROOT / "Snakefile").read_text(encoding="utf-8"))
    (root / "Snakefile").write_text(rules, encoding="utf-8")
    settings = yaml.safe_load((ROOT / "study" / "smoke.yaml").read_text(encoding="utf-8"))
    settings |= {"name": "trial", "continual": None, "ablations": None}
    settings["exploration"] |= {"variants": ["full"]}
    (root / "study").mkdir()
    (root / "study" / "trial.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    run(root)
    return root


def run(root: Path, *more: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--config", "study=trial", "--cores", "1", "--nolock", *more]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STE_")}
    environment |= {"PYTHONPATH": str(root), "STE_RESULTS": str(root / "res {ults}")}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize("edit", EDITS)
def test_a_change_runs_again_exactly_what_depends_on_it(project: Path, edit: str) -> None:
    name, expected = EDITS[edit]
    before = None if name is None else (project / name).read_bytes()
    if name is not None and before is not None:
        (project / name).write_bytes(before + b"\n")
    try:
        said = run(project, "--dry-run")
    finally:
        if name is not None and before is not None:
            (project / name).write_bytes(before)
    stats = said.partition("Job stats:")[2].partition("\n\n")[0]
    assert set(re.findall(r"^(\w+) +\d+$", stats, re.MULTILINE)) - {"total"} == expected, said[-3000:]


def test_weights_are_told_by_content_not_by_time(tmp_path: Path) -> None:
    study = config.load("smoke").model_copy()
    study._root = tmp_path
    (tmp_path / "model").mkdir()
    file, noted = tmp_path / "model" / "model.safetensors", tmp_path / "noted.json"
    file.write_bytes(b"1")
    first, stat = dependencies.weights(study, ["model", "org/hub-name"], noted), file.stat()
    assert first[1] == "org/hub-name"
    os.utime(file, (1, 1))
    assert dependencies.weights(study, ["model", "org/hub-name"], noted) == first
    file.write_bytes(b"2")  # of the same size, and as old as the first
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert dependencies.weights(study, ["model", "org/hub-name"], noted) != first


def test_weights_may_lie_outside_the_repository(tmp_path: Path) -> None:
    study = config.load("smoke").model_copy()
    study._root = tmp_path / "repository"
    outside, noted = tmp_path / "models" / "mine", tmp_path / "noted.json"
    outside.mkdir(parents=True)
    (outside / "model.safetensors").write_bytes(b"1")
    (first,) = dependencies.weights(study, [str(outside)], noted)
    (outside / "model.safetensors").write_bytes(b"23")
    (second,) = dependencies.weights(study, [str(outside)], noted)
    assert first.startswith(f"{outside} ") and second.startswith(f"{outside} ") and first != second


def test_names_are_followed(tmp_path: Path) -> None:
    """Through packages that pass a name on, imports in functions and classes; not through annotations."""
    for name, text in {
        "p/__init__.py": "from p.a import f\n",
        "p/a.py": "from p import b, c\nfrom p.d import K\n\n\ndef f(x: c.C) -> K:\n    return b.g(x)\n\n\nh = c.C\n",
        "p/b.py": "T = 't.csv'\n\n\ndef g(x):\n    from . import e\n\n    return e.z, T\n\n\ndef h():\n    p.c\n",
        "p/c.py": "class C: ...\n",
        "p/d.py": "class K: ...\n",
        "p/e.py": "z = 1\n",
        "p/t.csv": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def reached(name: str, *without: str) -> list[str]:
        return [path.name for path in dependencies.Sources(tmp_path).reached(names=[name], without=without).files]

    assert reached("p.f") == ["__init__.py", "a.py", "b.py", "e.py", "t.csv"]
    assert reached("p.f", "p.e") == ["__init__.py", "a.py", "b.py", "t.csv"]
    assert reached("p.a.h") == ["a.py", "c.py"]


def test_the_prompts_of_a_style_are_looked_for_where_they_are_read():
    """A native model is asked in words of its own, else in those for instruct models, else in the common ones."""
    names = {"try", "judge_trial", "judge_examples", "tuned"}
    asked = SimpleNamespace(models={"m": SimpleNamespace(style="native")})
    reached = SimpleNamespace(prompts=names, uses=lambda *_: False)
    found = dependencies.prompt_files(SimpleNamespace(root=ROOT), reached, asked)
    assert [str(path.relative_to(ROOT / dependencies.PROMPTS)) for path in found] == [
        "instruct/judge_examples.jsonl", "instruct/judge_trial.txt", "native/try.txt", "tuned.txt",
    ]  # fmt: skip
