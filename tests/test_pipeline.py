"""The audit as users run it: real notebooks through Snakemake and papermill."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import nbformat
import pandas as pd
import psutil
import pytest
from support import ROOT, one_line, run_ste

from ste_core.core.errors import UserError
from ste_core.pipeline import processes
from ste_core.pipeline.notebook import execute
from ste_core.release import paper
from ste_core.report import figures, places

COMMITTED = ROOT / "results" / "audit"
TABLES = sorted(path.name for path in (COMMITTED / "tables").iterdir())
CORRECTNESS = (
    "system,setting,split,n,wellformed,api_match,api_match_all,correct_reported,correct_stored,correct_rule,"
    "correct_rule_identity,ci_low,ci_high,centre,se,df,correct_string"
)


def run_study(name, where, *more, **environment):
    return run_ste("run", name, "--cores", 2, *more, STE_RESULTS=where / "results", STE_FIGURES=where / "figures",
                   **environment)  # fmt: skip


def audit(release, where, *more):
    return run_study("audit", where, *more, STE_RELEASE=release)


def assert_as_committed(where, name):
    """A study's tables, executed notebooks and figures are the committed ones, byte for byte."""
    for kind in ("tables", "notebooks"):
        again, committed = files(where / "results" / name / kind), files(ROOT / "results" / name / kind)
        assert committed and [str(path) for path in committed if again.get(path) != committed[path]] == []
        assert again.keys() == committed.keys()
    pictures = {path.name: path.read_bytes() for path in (ROOT / "figures").glob(f"{name}_*")}
    assert pictures and {path.name: path.read_bytes() for path in (where / "figures").iterdir()} == pictures


def files(where):
    return {path.relative_to(where): path.read_bytes() for path in sorted(where.rglob("*")) if path.is_file()}


def made(where):
    """The tables, figures and notebooks of a run: what must come out the same each time."""
    return {name: data for name, data in files(where).items() if name.parts[-2] in ("tables", "notebooks", "figures")}


@pytest.fixture(scope="module")
def made_up_run(made_up_release, tmp_path_factory):
    where = tmp_path_factory.mktemp("run")
    done = audit(made_up_release, where, "--allow-altered")
    assert done.returncode == 0, done.stdout + done.stderr
    return where, done


def test_the_audit_runs_on_any_release_of_the_shape(made_up_run):
    where, done = made_up_run
    assert "Mistral-Instruct-7B" in done.stdout and "Traceback" not in done.stderr
    assert sorted(path.name for path in (where / "results/audit/tables").iterdir()) == TABLES
    correctness = (where / "results/audit/tables/correctness.csv").read_text().splitlines()
    assert correctness[0] == CORRECTNESS and len(correctness) == 49
    status = pd.read_csv(where / "results/audit/tables/release.csv").set_index("path")["status"]
    assert status[f"{paper.PREDICTIONS}/gpt4.json"] == "reported only"
    assert status[f"{paper.PREDICTIONS}/mistral.json"] == "altered" and set(status.index) == set(paper.manifest())
    for name in [name for name in figures.FIGURES if places.study_of(name) == "audit"]:
        assert {path.suffix for path in (where / "figures").glob(f"{name}.*")} == {".csv", ".svg", ".png"}
    record = json.loads((where / "results/audit/run.json").read_text())
    assert record["configuration"]["seed"] == 0 and record["release"]["commit"] == paper.COMMIT
    own = {path.stem for path in (ROOT / "notebooks").glob("1*.ipynb")} - {"19_second_audit"}  # a study of its own
    assert set(record["notebooks"]) == own


def test_executed_notebooks_hold_nothing_of_this_machine(made_up_run, made_up_release):
    where, _ = made_up_run
    for path in (where / "results/audit/notebooks").iterdir():
        text = path.read_text()
        assert str(made_up_release) not in text and "papermill" not in nbformat.reads(text, 4).metadata
        assert not any(
            output.get("name") == "stderr"
            for cell in nbformat.reads(text, 4).cells
            for output in cell.get("outputs", [])
        )


def test_a_second_run_has_nothing_to_do(made_up_run, made_up_release):
    where, _ = made_up_run
    before = {path: path.stat().st_mtime_ns for path in where.rglob("*") if path.is_file()}
    done = audit(made_up_release, where, "--allow-altered")
    assert done.returncode == 0 and "executing" not in done.stdout
    for name in (".lock", "run.log"):  # a run leaves its own marks
        before.pop(where / "results/audit" / name, None)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_the_same_again_in_another_place_is_the_same_bytes(made_up_run, made_up_release, tmp_path):
    where, _ = made_up_run
    assert audit(made_up_release, tmp_path, "--allow-altered").returncode == 0
    assert made(tmp_path) == made(where)


def test_killed_and_run_again_it_ends_the_same(made_up_run, made_up_release, tmp_path):
    where, _ = made_up_run
    environment = os.environ | {"STE_RELEASE": str(made_up_release), "STE_RESULTS": str(tmp_path / "results"),
                                "STE_FIGURES": str(tmp_path / "figures")}  # fmt: skip
    command = [sys.executable, "-m", "ste_core", "run", "audit", "--cores", "2", "--allow-altered"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    while not (tmp_path / "results/audit/tables/correctness.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = audit(made_up_release, tmp_path, "--allow-altered")
    assert done.returncode == 0, done.stderr
    assert made(tmp_path) == made(where)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_lives_on_when_the_command_alone_is_killed(tmp_path, how):
    environment = os.environ | {"STE_RESULTS": str(tmp_path / "results"), "STE_FIGURES": str(tmp_path / "figures")}
    command = [sys.executable, "-m", "ste_core", "run", "microworld", "--cores", "1"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run, deadline = psutil.Process(process.pid), time.monotonic() + 300
    below: list[psutil.Process] = []
    while not any("ipykernel_launcher" in word for one in below for word in one.cmdline()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.5)
        with suppress(psutil.NoSuchProcess):
            below = [one for one in run.children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]
    assert len(below) >= 3  # Snakemake, the job, its kernel
    process.send_signal(how)
    assert process.wait(timeout=120) == -how
    _, alive = psutil.wait_procs(below, timeout=120)
    assert [one.cmdline() for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_a_job_of_a_run_that_has_ended_does_not_begin_unless_on_another_machine():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = processes.environment()[processes.RUN].partition(" ")[2]
    code = "from ste_core.pipeline import processes; processes.end_with_run(); print('alive')"
    for run, lives in (
        (f"{ended.pid} {here}", False), (f"{os.getpid()} {here}", True), (f"{ended.pid} elsewhere", True), ("", True),
    ):  # fmt: skip
        environment = os.environ | {processes.RUN: run}
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == ((0, "alive\n") if lives else (1, "")), run


def test_two_runs_on_one_folder_do_not_mix(made_up_run, made_up_release):
    from filelock import FileLock

    where, _ = made_up_run
    with FileLock(where / "results/audit/.lock"):
        done = audit(made_up_release, where, "--allow-altered")
    assert done.returncode == 2 and "another run is at work" in done.stderr


def test_a_failed_notebook_is_named_in_a_line_and_kept(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1"), nbformat.v4.new_code_cell("x / 0")])
    nbformat.write(notebook, tmp_path / "in.ipynb")
    done = run_ste("notebook", tmp_path / "in.ipynb", tmp_path / "out.ipynb")
    assert done.returncode == 2 and "ZeroDivisionError: division by zero" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    outputs = nbformat.read(tmp_path / "out.ipynb", 4).cells
    assert any(output.output_type == "error" for cell in outputs for output in cell.get("outputs", []))


def test_a_kernel_has_time_to_start_and_one_that_does_not_is_one_line(tmp_path, monkeypatch):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "in.ipynb")
    given = {}

    def late(*_, **options):
        given.update(options)
        raise RuntimeError("Kernel didn't respond in 600 seconds")

    monkeypatch.setattr("papermill.execute_notebook", late)
    monkeypatch.setenv("STE_EXECUTES", "")  # as it was, after the test
    with pytest.raises(UserError, match=r"in\.ipynb: its kernel did not start \(Kernel didn't respond") as caught:
        execute(tmp_path / "in.ipynb", tmp_path / "out.ipynb", {})
    assert "\n" not in str(caught.value) and given["start_timeout"] == 600


def test_a_run_that_cannot_write_says_why_in_a_line(tmp_path):
    (tmp_path / "figures").write_text("a file where a folder is wanted")
    done = run_study("microworld", tmp_path)
    assert done.returncode == 1 and "Not a directory" in one_line(done.stderr)


@pytest.mark.release
def test_the_real_audit_comes_out_as_committed(release_dir, tmp_path):
    done = audit(release_dir, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_as_committed(tmp_path, "audit")


def test_the_microworld_study_comes_out_as_committed(tmp_path):
    done = run_study("microworld", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_as_committed(tmp_path, "microworld")


def test_figures_come_out_of_committed_tables_byte_for_byte(tmp_path):
    done = run_ste("figures", STE_FIGURES=tmp_path)
    assert done.returncode == 0, done.stderr
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (ROOT / "figures" / path.name).read_bytes(), path.name
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (ROOT / "figures").iterdir()}
