"""Disks that are full or read-only, as real file systems: one line, nothing lost, and on it goes with room again."""

import os
import sys

import pytest
from support import one_line, run_ste

from ste_core import cli
from ste_core.core import store
from ste_core.core.errors import UserError
from ste_core.core.records import Call
from ste_core.models.base import Choice, Completion
from ste_core.models.cache import CompletionCache
from ste_core.pipeline.explore_run import explore, read_trials


def test_exploration_on_a_full_disk(make, scripted, files, disk):
    """Disk full (a small tmpfs) while exploring: one line, nothing is lost, with room again the same files."""
    at = make(episodes=4)
    explore(at, model=scripted())
    whole = files(at)
    explore(make(results=disk.path), model=scripted())
    disk.fill()
    at = make(results=disk.path, episodes=4)
    with pytest.raises(UserError, match="No space left on device") as raised:
        explore(at, model=scripted())
    one_line(str(raised.value))
    kept = read_trials(at, "full", 0)
    assert 6 <= len(kept) < 24
    disk.empty()
    explore(at, model=scripted())
    assert files(at) == whole


def test_records_and_tables_on_a_full_disk(disk):
    """Disk full while records, tables and completions are written: one line each, what was there is whole."""
    import pandas as pd

    store.append_jsonl(disk.path / "calls.jsonl", [Call(tool="first", arguments={})])
    store.write_text(disk.path / "table.csv", "before\n")
    cache = CompletionCache(disk.path / "cache.sqlite")
    cache.put("key", Completion((Choice("kept", "stop"),), 1, 1))
    disk.fill()
    big = "x" * 100_000
    with pytest.raises(UserError, match="No space left"):
        for _ in range(3):
            store.append_jsonl(disk.path / "calls.jsonl", [Call(tool="second", arguments={"text": big})])
    with pytest.raises(UserError, match="No space left"):
        store.write_table(pd.DataFrame({"a": [big]}), disk.path / "table.csv")
    with pytest.raises(UserError, match=r"cache .*: cannot be used: "):
        for number in range(20):
            cache.put(f"key {number}", Completion((Choice(big, "stop"),), 1, 1))
    assert [one.tool for one in store.read_jsonl(disk.path / "calls.jsonl", Call)] == ["first"]
    assert (disk.path / "table.csv").read_text() == "before\n"
    assert not list(disk.path.glob("*.tmp"))
    disk.empty()
    assert cache.get("key").text == "kept"
    store.append_jsonl(disk.path / "calls.jsonl", [Call(tool="third", arguments={})])
    assert [one.tool for one in store.read_jsonl(disk.path / "calls.jsonl", Call)] == ["first", "third"]


def test_a_study_on_a_full_disk(disk):
    """Disk full when a whole study runs: a line of the job, a line of the run, no traceback."""
    disk.fill()
    done = run_ste(
        "run", "microworld", "--cores", 1, timeout=900, STE_RESULTS=disk.path, STE_FIGURES=disk.path / "figures"
    )
    said = done.stderr.strip().splitlines()
    assert done.returncode in (1, 2) and 1 <= len(said) <= 2 and all(line.startswith("ste: ") for line in said), said
    assert "No space left on device" in said[0]


def test_a_log_on_a_full_disk(disk, capsys):
    """Disk full while Snakemake talks on: all is read (it hangs after a broken pipe), jobs' lines are shown."""
    talk = "import sys; [print('x' * 99, file=sys.stderr) for _ in range(999)]; print('ste: a line', file=sys.stderr)"
    disk.fill()
    log = disk.path / "run.log"
    for exit_code, problem in ((0, ""), (3, f"see the line above ({log} cannot be written: No space left on device)")):
        command = [sys.executable, "-c", f"{talk}; sys.exit({exit_code})"]
        assert cli._snakemake(command, dict(os.environ), log) == problem
        said = capsys.readouterr().err.splitlines()
        assert said[0] == "ste: a line"
        assert said[1:] == ([] if exit_code else [f"ste: {log} cannot be written: No space left on device"])
    disk.empty()
    assert cli._snakemake([sys.executable, "-c", f"{talk}; sys.exit(3)"], dict(os.environ), log).endswith(
        f"(all of it: {log})"
    )
    assert log.read_text().splitlines()[998:] == ["x" * 99, "ste: a line"]


@pytest.mark.parametrize("command", ["explore", "run", "notebook", "record", "figures"])
def test_read_only_results(make, disk, tmp_path, capsys, monkeypatch, command):
    """Results on a read-only disk: each command says so in one line."""
    import nbformat

    make("http://127.0.0.1:9/v1", results=disk.path / "results")
    monkeypatch.setenv("STE_FIGURES", str(disk.path / "figures"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(notebook, tmp_path / "in.ipynb")
    more = {
        "explore": [str(tmp_path / "trial.yaml")],
        "run": ["microworld"],
        "notebook": [str(tmp_path / "in.ipynb"), str(disk.path / "deep" / "out.ipynb")],
        "record": ["microworld"],
        "figures": [],
    }[command]
    if command == "figures":  # the tables are read where they are, the figures are written
        monkeypatch.delenv("STE_RESULTS")
    disk.remount("ro")
    try:
        assert cli.main([command, *more]) in (1, 2)
        assert "ead-only file system" in one_line(capsys.readouterr().err)
    finally:
        disk.remount("rw")
