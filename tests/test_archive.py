"""What a study leaves on its way, packed and put back."""

import io
import shutil
import tarfile
from collections import Counter

import nbformat
import pytest
from filelock import FileLock
from support import one_line, run_ste

from ste_core.core import config
from ste_core.core.errors import UserError
from ste_core.pipeline import archive, explore_run

LEFT = {
    "exploration/full/seed0/add_days.jsonl": "{}\n" * 300,
    "exploration/full/seed0/.run/part1of1.done": "",
    "distilled/full/seed0/examples.jsonl": '{"query": "été"}\n',
    "predictions/icl/full/seed0.jsonl": "a\n",
    "continual/replay/seed0/round0.done.json": "{}",
    "learners/other/forms/.run/seed0.done": "done",
    "learners/other/predictions/icl/full/seed0.jsonl": "b\n",
}
PASSING = ("exploration/full/seed0/.run/add_days.lock", "predictions/icl/full/.seed0.jsonl.77.tmp")
STAYS = (
    "models/full/seed0/model.safetensors", "learners/other/models/x", "cache/completions.sqlite", "tables/amount.csv",
)  # fmt: skip


@pytest.fixture
def smoke(tmp_path, monkeypatch):
    """The study smoke, with files of every kind where its results stand."""
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    this = config.load("smoke")
    for name in (*LEFT, *PASSING, *STAYS):
        path = this.results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LEFT.get(name, "x"), encoding="utf-8")
    return this


@pytest.fixture
def elsewhere(smoke, tmp_path, monkeypatch):
    """The same study in a fresh clone, which has the packed file and nothing else."""
    packed, _ = archive.pack(smoke)
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "clone"))
    this = config.load("smoke")
    this.results.mkdir(parents=True)
    archive.file_of(this).write_bytes(packed.read_bytes())
    return this


def test_what_was_left_comes_back_and_nothing_else(elsewhere):
    assert archive.unpack(elsewhere) == len(LEFT)
    found = {
        path.relative_to(elsewhere.results).as_posix(): path for path in elsewhere.results.rglob("*") if path.is_file()
    }
    assert found.keys() == {*LEFT, "run.tar.xz"}
    assert {name: found[name].read_text(encoding="utf-8") for name in LEFT} == LEFT
    assert len({found[name].stat().st_mtime_ns for name in LEFT}) == 1, "none is out of date for another's sake"
    assert archive.unpack(elsewhere) == len(LEFT), "the same again does no harm"


def test_the_same_content_gives_the_same_bytes(smoke):
    path, count = archive.pack(smoke)
    before, when = path.read_bytes(), path.stat().st_mtime_ns
    (smoke.results / next(iter(LEFT))).touch()
    assert archive.pack(smoke) == (path, count) and count == len(LEFT)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, when)


def test_another_file_is_never_overwritten(elsewhere):
    own = elsewhere.results / "predictions/icl/full/seed0.jsonl"
    own.parent.mkdir(parents=True)
    own.write_text("mine\n")
    with pytest.raises(UserError, match=r"another file is there already; move .*predictions away"):
        archive.unpack(elsewhere)
    assert own.read_text() == "mine\n" and not (elsewhere.results / "exploration").exists()


@pytest.mark.parametrize(
    "name",
    ["../outside.txt", "/tmp/outside.txt", "exploration/../../outside.txt", "exploration", "exploration/./x",
     "exploration//x", "exploration/\\..\\x", "models/x", "learners/other/models/x",
     "learners/../forms/x", "learners/other/forms", "run.json"],
)  # fmt: skip
def test_a_name_that_has_no_place_there_is_refused(elsewhere, name):
    with tarfile.open(archive.file_of(elsewhere), "w:xz") as packed:
        for one in ("exploration/good", name):
            packed.addfile(tarfile.TarInfo(one), io.BytesIO())
    with pytest.raises(UserError, match="not unpacked") as error:
        archive.unpack(elsewhere)
    one_line(str(error.value))
    assert [path.name for path in elsewhere.results.iterdir()] == ["run.tar.xz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_links_and_the_like_are_refused(elsewhere, kind):
    with tarfile.open(archive.file_of(elsewhere), "w:xz") as packed:
        packed.addfile(tarfile.TarInfo("exploration/target"), io.BytesIO())
        member = tarfile.TarInfo("exploration/link")
        member.type, member.linkname = kind, "exploration/target"
        packed.addfile(member)
    with pytest.raises(UserError, match="not unpacked"):
        archive.unpack(elsewhere)
    assert not (elsewhere.results / "exploration").exists()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_torn_file_is_one_line(elsewhere, share):
    path = archive.file_of(elsewhere)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    done = run_ste("unpack", "smoke", STE_RESULTS=elsewhere.results.parent)
    assert done.returncode == 2 and "damaged" in one_line(done.stderr)


def test_the_commands(elsewhere, tmp_path):
    there = {"STE_RESULTS": tmp_path / "results"}
    done = run_ste("pack", "smoke", **there)
    assert done.returncode == 0 and f"{len(LEFT)} files" in done.stdout and "run.tar.xz" in done.stdout
    with FileLock(tmp_path / "results" / "smoke" / ".lock"):
        busy = run_ste("pack", "smoke", **there)
    assert busy.returncode == 2 and "another run is at work there" in one_line(busy.stderr)
    done = run_ste("unpack", "smoke", STE_RESULTS=elsewhere.results.parent)
    assert done.returncode == 0 and f"{len(LEFT)} files" in done.stdout
    for command, said in (("pack", "nothing to pack"), ("unpack", "not there")):
        done = run_ste(command, "smoke", STE_RESULTS=tmp_path / "nowhere")
        assert done.returncode == 2 and said in one_line(done.stderr)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Results as in a fresh clone without weights, `full` unpacked: where they are, and the variables that say so."""
    folder = tmp_path_factory.mktemp("clone")
    committed = config.project_root() / "results"
    places = {"STE_RESULTS": folder / "results", "STE_FIGURES": folder / "figures", "XDG_CACHE_HOME": folder / "cache"}
    for name in ("audit", "gold"):
        shutil.copytree(committed / name / "tables", folder / "results" / name / "tables")
    (folder / "results" / "full").mkdir()
    shutil.copy(committed / "full" / "run.tar.xz", folder / "results" / "full")
    done = run_ste("unpack", "full", **places)
    assert done.returncode == 0, done.stderr
    return folder / "results" / "full", places


def test_the_committed_study_comes_back_whole(full, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(full[0].parent))
    study = config.load("full")
    plan = study.exploration
    for variant in plan.variants:
        for seed in plan.seeds:
            trials = Counter(one.tool for one in explore_run.iterate(study, variant, seed))
            assert len(trials) == 50 and set(trials.values()) == {plan.episodes * plan.trials}


@pytest.mark.parametrize(
    ("notebook", "tables"),
    [
        ("32_exploration", ["exploration", "exploration_coverage", "exploration_tools", "exploration_verdicts"]),
        ("44_correctness", ["embedded_correctness", "embedded_errors", "embedded_gains", "embedded_tools"]),
        ("47_learners", ["main", "differences", "by_seed"]),
        ("54_which_form", ["forms", "forms_differences", "forms_by_tool", "forms_conventions"]),
        ("62_forgetting", ["continual_matrix", "continual_summary", "continual_differences", "continual_selection"]),
    ],
)
def test_an_analysis_runs_alone_and_says_what_the_committed_tables_say(full, notebook, tables):
    """Each notebook by itself, in any order, from what was kept: no weights, no other notebook's tables."""
    folder, places = full
    output = folder / "notebooks" / f"{notebook}.ipynb"
    done = run_ste("notebook", f"notebooks/{notebook}.ipynb", output, "-p", "study", "full", **places)
    assert done.returncode == 0, done.stderr
    committed = config.project_root() / "results" / "full" / "tables"
    for name in tables:
        again = (folder / "tables" / f"{name}.csv").read_bytes()
        assert again == (committed / f"{name}.csv").read_bytes(), name


@pytest.mark.parametrize("notebook", ["47_learners", "54_which_form"])
def test_a_reader_changes_systems_and_level_and_no_file(full, notebook, tmp_path):
    folder, places = full
    files = [*(folder / "tables").glob("*.csv"), *places["STE_FIGURES"].glob("*.*")]
    before = {path: path.read_bytes() for path in files if path.exists()}
    output = tmp_path / "changed.ipynb"
    asked = ("-p", "study", "full", "-p", "systems", "smollm2-135m", "-p", "level", "0.8")
    done = run_ste("notebook", f"notebooks/{notebook}.ipynb", output, *asked, **places)
    assert done.returncode == 0, done.stderr
    shown = [one for cell in nbformat.read(output, 4).cells for one in cell.get("outputs", [])]
    tables = [one["data"]["text/html"] for one in shown if "text/html" in one.get("data", {})]
    assert "smollm2-135m" in tables[0] and "qwen" not in tables[0]
    assert all(path.read_bytes() == data for path, data in before.items())
