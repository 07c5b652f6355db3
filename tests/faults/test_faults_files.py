"""Files that were torn, damaged, written by others or in another encoding; clocks that jump; two runs at once."""

import gc
import random
import signal
import subprocess
import sys
import time

import pytest
from faults import chat_server
from support import ROOT, one_line

from ste_core import cli
from ste_core.core import store
from ste_core.core.errors import UserError
from ste_core.core.records import Call, TestItem
from ste_core.pipeline.explore_run import explore, read_trials, trials_file

RECORDS = [Call(tool=f"t{number}", arguments={"text": "línea\n東 {}" + "x" * number}) for number in range(6)]


def test_a_file_torn_at_any_byte(tmp_path):
    """JSON Lines torn at any byte: every whole row is believed, no half one, and the next append starts afresh."""
    path = tmp_path / "whole.jsonl"
    store.append_jsonl(path, RECORDS)
    whole = path.read_bytes()
    torn = tmp_path / "torn.jsonl"
    for cut in range(len(whole)):
        torn.write_bytes(whole[:cut])
        known = whole[:cut].count(b"\n")
        if cut and whole[cut : cut + 1] == b"\n":
            known += 1  # only the line's end is missing
        assert store.read_jsonl(torn, Call) == RECORDS[:known], cut
    for cut in random.Random(0).sample(range(len(whole)), 20):
        torn.write_bytes(whole[:cut])
        before = store.read_jsonl(torn, Call)
        store.append_jsonl(torn, RECORDS[-1:])
        assert store.read_jsonl(torn, Call) == [*before, RECORDS[-1]], cut


def test_zeros_after_a_power_cut(tmp_path):
    """JSON Lines that end in zeros, as a power cut leaves them: the whole rows are believed, and appending goes on."""
    path = tmp_path / "calls.jsonl"
    store.append_jsonl(path, RECORDS[:3])
    with path.open("ab") as file:
        file.write(b"\0" * 4096)
    assert store.read_jsonl(path, Call) == RECORDS[:3]
    store.append_jsonl(path, RECORDS[3:])
    assert store.read_jsonl(path, Call) == RECORDS


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp037"])
def test_trials_in_another_encoding_are_not_thrown_away(make, scripted, files, encoding):
    """Trials that an editor saved as UTF-16 or worse: refused in a line and left as they are, not taken for torn."""
    at = make()
    explore(at, model=scripted())
    path = trials_file(at, "full", 0, "add_days")
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    before = files(at)
    with pytest.raises(UserError) as raised:
        explore(at, model=scripted())
    one_line(str(raised.value))
    assert files(at) == before


def test_a_byte_order_mark_does_no_harm(make, scripted, files):
    """Trials that an editor saved with a byte order mark: read, and mended to the same bytes."""
    at = make()
    explore(at, model=scripted())
    whole = files(at)
    path = trials_file(at, "full", 0, "add_days")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    model = scripted()
    explore(at, model=model)
    assert files(at) == whole and model.asked == 0


def test_a_test_set_in_latin_1_loses_no_items(tmp_path):
    """A test set in Latin-1: refused in a line, or an item with an accent would be missing without a word."""
    path = tmp_path / "test.jsonl"
    items = [TestItem(item=n, query=q, gold=RECORDS[0]) for n, q in enumerate(["plain", "naïve", "end"])]
    text = "".join(
        f'{{"item":{one.item},"query":"{one.query}","gold":{{"tool":"t","arguments":{{}}}}}}\n' for one in items
    )
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError):
        store.read_jsonl(path, TestItem)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp037"])
def test_a_study_file_in_another_encoding_is_one_line(make, tmp_path, capsys, encoding):
    """A study file in UTF-16, Latin-1 or EBCDIC: one line, or read rightly; never a traceback."""
    make()
    path = tmp_path / "trial.yaml"
    path.write_bytes(("# é\n" + path.read_text()).encode(encoding))
    code = cli.main(["explore", str(path), "--dry-run"])
    said = capsys.readouterr()
    assert said.out if code == 0 else code == 2 and one_line(said.err).startswith("ste: ")


def test_a_corrupt_cache_costs_only_its_answers(make, files, tmp_path, caplog):
    """A completion cache of garbage: set aside with one warning, everything asked anew, the same trials."""
    with chat_server.running() as url:
        at = make(url, model={"cache": True})
        explore(at)
        whole = files(at)
        gc.collect()  # no connection to the file outlives the run, as none outlives a process
        (cache,) = (path for path in at.results.rglob("*.sqlite") if path.is_file())
        cache.write_bytes(random.Random(1).randbytes(50_000))
        for suffix in ("-wal", "-shm"):
            cache.with_name(cache.name + suffix).unlink(missing_ok=True)
        (at.results / "exploration").rename(tmp_path / "before")
        (record,) = explore(at)
        assert record.requests > 10
    assert files(at) == whole and cache.with_name(f"{cache.name}.damaged1").exists()
    assert sum("set aside" in one.message for one in caplog.records) == 1


def test_clocks_that_jump_change_nothing(make, scripted, files, monkeypatch):
    """A clock that jumps by years, forwards and backwards, during an exploration: the same bytes, no negative times."""
    at = make()
    explore(at, model=scripted())
    whole = files(at)
    (at.results / "exploration").rename(at.results / "before")
    rng, real = random.Random(2), time.time
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: real() + rng.uniform(-3e8, 3e8))
        patched.setattr(time, "time_ns", lambda: int(1e9 * (real() + rng.uniform(-3e8, 3e8))))
        with chat_server.running() as url:
            at = make(url, model={"cache": True, "requests_per_minute": 60_000.0})
            (record,) = explore(at)
    assert {name: content.replace(b'"m"', b'"scripted"') for name, content in files(at).items()} == whole
    assert record.seconds > 0


def test_two_explorations_of_one_folder(make, scripted, files, tmp_path, capsys):
    """Two explorations of one folder at once, in real processes: the second ends in a line, the first as if alone."""
    with chat_server.running(delay=0.1) as url:
        at = make(url)
        command = [sys.executable, "-m", "ste_core", "explore", str(tmp_path / "trial.yaml")]
        first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 300
        while not list(at.results.rglob("filing_fee.json")) and time.monotonic() < deadline:
            time.sleep(0.02)
        first.send_signal(signal.SIGSTOP)  # it does not end meanwhile, however slow this process is
        code = cli.main(["explore", str(tmp_path / "trial.yaml")])
        first.send_signal(signal.SIGCONT)
        assert code == 2
        assert "another run is at work there" in one_line(capsys.readouterr().err)
        _, errors = first.communicate(timeout=300)
        assert first.returncode == 0, errors
    together = files(at)
    (at.results / "exploration").rename(tmp_path / "before")
    model = scripted()
    model.name = "m"
    explore(at, model=model)
    assert files(at) == together and len(read_trials(at, "full", 0)) == 6
