"""Killed (-9) at random moments: the model's server, a notebook's kernel, Snakemake, `ste` itself."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from faults import chat_server
from support import ROOT, free_port, one_line, run_ste

from ste_core import cli
from ste_core.pipeline.explore_run import explore, read_trials


@pytest.mark.parametrize("seed", range(2))
def test_the_models_server_is_killed(make, scripted, files, capsys, tmp_path, seed):
    """The model's server killed (-9) at a random moment and started again: the exploration goes on to the same files,
    or ends in one line with every trial kept."""
    model = scripted()
    model.name = "m"
    at = make(episodes=3)
    explore(at, model=model)
    whole = files(at)
    (at.results / "exploration").rename(at.results / "before")
    rng = random.Random(seed)
    port = free_port()
    server, url = chat_server.start(delay=0.02, port=port)
    servers = [server]

    def trouble() -> None:
        for _ in range(2):
            target = len(read_trials(at, "full", 0)) + rng.randint(1, 4)
            deadline = time.monotonic() + 120
            while len(read_trials(at, "full", 0)) < min(target, 17) and time.monotonic() < deadline:
                time.sleep(0.01)
            servers[-1].kill()
            servers[-1].wait()
            time.sleep(rng.uniform(0.0, 0.3))
            servers.append(chat_server.start(delay=0.02, port=port)[0])

    at = make(url, episodes=3, model={"retries": 8, "timeout": 60.0})
    killer = threading.Thread(target=trouble)
    killer.start()
    code = cli.main(["explore", str(tmp_path / "trial.yaml")])
    killer.join()
    if code:
        assert code == 2
        one_line(capsys.readouterr().err)
        kept = files(at)
        assert all(whole[name].startswith(content) for name, content in kept.items())
        assert cli.main(["explore", str(tmp_path / "trial.yaml")]) == 0
    servers[-1].kill()
    for one in servers:
        one.communicate()
    assert files(at) == whole


def test_a_kernel_is_killed(tmp_path, capsys):
    """A notebook's kernel killed (-9) in the middle of a cell: one line that names the notebook, no traceback."""
    cells = ["x = 1", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "x = 2"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, tmp_path / "in.ipynb")
    assert cli.main(["notebook", str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb")]) == 2
    said = one_line(capsys.readouterr().err)
    assert "in.ipynb" in said and "ernel died" in said


# --- a whole study ----------------------------------------------------------------------------------------------------

STUDY = """
name: microworld
statistics: {resamples: 99}
world:
  tools: microworld.tools:toolbox
  test_set: microworld/test_set/test.jsonl
  dev_set: microworld/test_set/dev.jsonl
"""

#: what a process of a run is known by, in its command line
VICTIMS = {
    "ste": ("-m\0ste_core\0run",),
    "Snakemake": ("-m\0snakemake",),
    "notebook": ("ste_core\0notebook", "ste\0notebook"),
    "kernel": ("ipykernel_launcher",),
}


def processes(parent: int) -> dict[int, str]:
    """The processes that come from one, itself included, with their command lines (parts end in a zero)."""
    parents, lines = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            lines[int(path.name)] = (path / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue  # it has ended
    found = {parent}
    while more := {pid for pid, above in parents.items() if above in found} - found:
        found |= more
    return {pid: lines[pid] for pid in found if pid in lines}


def made(where: Path) -> dict[str, bytes]:
    kinds = ("tables", "notebooks", "figures")
    paths = [path for path in sorted(where.rglob("*")) if path.is_file() and path.parent.name in kinds]
    return {str(path.relative_to(where)): path.read_bytes() for path in paths}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
def test_each_process_of_a_study_is_killed(tmp_path):
    """A study's run, its Snakemake, its notebook and its kernel, each killed (-9) alone at a random moment: run again
    at once, it ends in the same bytes; a run that outlives its part says so in one line."""
    path = tmp_path / "microworld.yaml"
    path.write_text(STUDY)
    where = {name: {"STE_RESULTS": tmp_path / name / "results", "STE_FIGURES": tmp_path / name / "figures"}
             for name in ("whole", "killed")}  # fmt: skip
    assert run_ste("run", path, "--cores", 1, timeout=900, **where["whole"]).returncode == 0
    rng = random.Random(3)
    command = [sys.executable, "-m", "ste_core", "run", str(path), "--cores", "1"]
    environment = os.environ | {name: str(value) for name, value in where["killed"].items()}
    killed = []
    for name, marks in rng.sample(sorted(VICTIMS.items()), len(VICTIMS)):
        run = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )  # fmt: skip
        deadline = time.monotonic() + 900
        victim = None
        while victim is None and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
            there = processes(run.pid)
            victim = next((pid for pid, line in there.items() if any(mark in line for mark in marks)), None)
        time.sleep(rng.uniform(0.0, 1.0))
        if victim is not None:
            try:
                os.kill(victim, signal.SIGKILL)
                killed.append(name)
            except ProcessLookupError:
                pass  # it has ended
        _, errors = run.communicate(timeout=900)
        if name != "ste" and run.returncode:
            assert "Traceback" not in errors and one_line(errors.strip().splitlines()[-1]).startswith("ste: "), errors
    assert len(killed) >= 3, killed
    done = run_ste("run", path, "--cores", 1, timeout=900, **where["killed"])
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "killed") == made(tmp_path / "whole")
    jump = {path: moment for path in (tmp_path / "killed").rglob("*") for moment in [rng.choice([1e9, 4e9])]}
    for one, moment in jump.items():  # clocks that jumped while it ran
        os.utime(one, (moment, moment))
    done = run_ste("run", path, "--cores", 1, timeout=900, **where["killed"])
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "killed") == made(tmp_path / "whole")
