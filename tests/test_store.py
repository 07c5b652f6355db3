"""Files that appear whole or not at all, and append-only records that survive a kill."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from ste_core.core import store
from ste_core.core.errors import UserError
from ste_core.core.records import Call


def test_tables_are_the_same_bytes_and_untouched_if_equal(tmp_path):
    path = tmp_path / "deep" / "table.csv"
    frame = pd.DataFrame({"a": [1 / 3, None], "b": ["x\ny", 'q"']})
    first = store.write_table(frame, path)
    before = path.stat().st_mtime_ns
    assert store.write_table(frame, path).equals(first) and path.stat().st_mtime_ns == before
    assert path.read_text().startswith("a,b\n0.333,") and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("old", [None, "", "a\n", "a\nb\n", "a\nX\n", "X\nb\n", "a\nb\nc\n", "a\nb", "a\nb\nc", "a"])
def test_lines_replace_a_file_whole_and_only_if_they_differ(tmp_path, old):
    path = tmp_path / "lines"
    if old is not None:
        path.write_text(old)
        os.utime(path, ns=(1, 1))
    assert store.write_lines(path, iter("ab")) is (old != "a\nb\n")
    assert path.read_text() == "a\nb\n" and (path.stat().st_mtime_ns == 1) is (old == "a\nb\n")
    assert list(tmp_path.iterdir()) == [path]


def test_lines_read_from_the_file_that_they_mend(tmp_path):
    path, calls = tmp_path / "calls.jsonl", [Call(tool=f"t{number}", arguments={}) for number in range(3)]
    store.append_jsonl(path, calls)
    whole = path.read_bytes()
    path.write_bytes(b'{"to\n' + whole + b'{"to')  # as kills leave it
    assert store.write_lines(path, (one.model_dump_json() for one in store.iterate_jsonl(path, Call)))
    assert path.read_bytes() == whole

    def broken():
        yield "other"
        raise UserError("no more")

    with pytest.raises(UserError, match="no more"):
        store.write_lines(path, broken())
    assert path.read_bytes() == whole and list(tmp_path.iterdir()) == [path]


def test_missing_table_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"no such table"):
        store.read_table(tmp_path / "none.csv")


def test_records_round_trip_and_torn_lines_are_not_believed(tmp_path):
    path = tmp_path / "calls.jsonl"
    calls = [Call(tool=f"t{number}", arguments={"text": "línea\n東", "n": number}) for number in range(3)]
    store.append_jsonl(path, calls[:2])
    with path.open("ab") as file:
        file.write(b'{"tool":"torn","argu')
    assert store.read_jsonl(path, Call) == calls[:2]
    store.append_jsonl(path, calls[2:])
    assert store.read_jsonl(path, Call) == calls
    assert store.read_jsonl(tmp_path / "none.jsonl", Call) == []


def test_another_programs_line_is_named(tmp_path):
    path = tmp_path / "calls.jsonl"
    path.write_text('{"tool": "t", "arguments": {}}\n{"tool": 1}\n')
    with pytest.raises(UserError, match=r"calls\.jsonl:2: not a Call: tool"):
        store.read_jsonl(path, Call)


WRITER = """
import sys
from pathlib import Path
from ste_core.core.records import Call
from ste_core.core.store import append_jsonl
number = 0
while True:
    append_jsonl(Path(sys.argv[1]), [Call(tool=str(number), arguments={"pad": "x" * 4000})])
    number += 1
"""


def test_kill_loses_nothing_that_was_appended(tmp_path):
    path = tmp_path / "calls.jsonl"
    for _ in range(3):
        known = len(store.read_jsonl(path, Call))
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        deadline = time.monotonic() + 300
        while (not path.exists() or path.read_bytes().count(b"\n") < known + 5) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        records = store.read_jsonl(path, Call)
        assert len(records) >= known + 5
        assert [int(one.tool) for one in records[known:]] == list(range(len(records) - known))


def test_p_values_keep_three_digits_and_never_become_zero(tmp_path):
    frame = pd.DataFrame({"value": [1.23456, 2.0], "p": [3.2e-9, None], "p_holm": [0.0312345, 1.0]})
    back = store.write_table(frame, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "value,p,p_holm\n1.235,3.2e-09,0.0312\n2.000,,1\n"
    assert back["p"].iloc[0] == 3.2e-9 and pd.isna(back["p"].iloc[1])


def test_a_run_says_how_many_committed_tables_differ(tmp_path, monkeypatch):
    assert store.changes(tmp_path) is None, "of no repository"
    monkeypatch.setattr(store, "__file__", str(tmp_path / "ste_core" / "core" / "store.py"))
    (tmp_path / "tables").mkdir()
    for name in ("a", "b"):
        (tmp_path / "tables" / f"{name}.csv").write_text("1\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert store.changes(tmp_path / "tables") is None, "nothing is committed"
    for command in (["add", "tables"], ["commit", "-q", "-m", "tables"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    (tmp_path / "tables" / "new.csv").write_text("1\n")
    assert store.changes(tmp_path / "tables") == 0
    (tmp_path / "tables" / "b.csv").write_text("2\n")
    assert store.changes(tmp_path / "tables") == 1
