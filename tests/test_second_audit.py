"""The second audit: its file found and checked, its rows counted."""

import http.server
import threading
from functools import partial

import pytest
from support import ROOT, write_json

from ste_core.core import config
from ste_core.core.errors import DataUnavailable, UserError
from ste_core.release import paper, second_audit


def query(asked, *turns, success=True):
    text = f'1) The only values that should follow "Action:" are: {asked}\n2) more'
    results = [
        {"turn": number, "evaluation_results": [*turn, "Final answer reached"]} for number, turn in enumerate(turns)
    ]
    return {"query": text, "turns": results, "success": success}


RAN, REFUSED = ["{}", True], ["The Action is incorrect", False]
VALUE = {
    "base_model": {"queries": [query("rouge", [RAN, REFUSED], [RAN, RAN]), query("bleu", [RAN]), query("f1", [])]},
    "finetuned_model": {
        "queries": [query("rouge", [RAN, RAN]), query("bleu", [REFUSED], success=False), query("f1", [RAN])]
    },
}


def test_calls_are_counted_turn_by_turn(tmp_path):
    rows = second_audit.calls(write_json(tmp_path / "results.json", VALUE))
    base = rows[rows["model"] == "Llama-3.1-8B-Instruct"]
    assert base[["reported", "first_turn", "last_turn", "any"]].to_numpy().tolist() == [
        [1, 0, 1, 1],
        [1, 1, 1, 1],
        [1, 0, 0, 0],
    ]
    assert base["asked"].tolist() == ["rouge", "bleu", "f1"] and base["calls"].tolist() == [2, 1, 0]
    plan = config.load("second_audit")
    summary = second_audit.model_measures(rows, plan).set_index(["model", "measure"])
    assert summary.loc[("Llama-3.1-8B-Instruct", "first_turn"), "k"] == 1
    found = second_audit.fine_tuned_less_base(rows, plan).set_index("measure")
    assert found.loc["first_turn", "difference"] == pytest.approx(100 / 3) and set(found["verdict"]) == {"inconclusive"}


def test_another_file_is_refused_in_a_line(tmp_path, monkeypatch):
    path = write_json(tmp_path / "results.json", VALUE)
    monkeypatch.setenv("STE_SECOND_AUDIT", str(path))
    with pytest.raises(UserError, match="another git blob id"):
        second_audit.find()
    monkeypatch.setattr(second_audit, "BLOB", paper.git_blob(path.read_bytes()))
    assert second_audit.find() == path
    with pytest.raises(UserError, match="not the results that are expected"):
        second_audit.calls(write_json(tmp_path / "other.json", {"base_model": {}}))


def test_it_is_downloaded_once_and_checked(tmp_path, monkeypatch):
    served = write_json(tmp_path / "served" / second_audit.PATH, VALUE)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("STE_SECOND_AUDIT", raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        monkeypatch.setenv("STE_SECOND_AUDIT_URL", f"http://127.0.0.1:{httpd.server_address[1]}/")
        with pytest.raises(DataUnavailable, match="another file than at"):
            second_audit.find()
        monkeypatch.setattr(second_audit, "BLOB", paper.git_blob(served.read_bytes()))
        assert second_audit.find().read_bytes() == served.read_bytes()
        httpd.shutdown()
    assert second_audit.find().is_file(), "from the cache, with nobody serving"


def test_without_network_it_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("STE_SECOND_AUDIT_URL", "http://127.0.0.1:9/")
    monkeypatch.delenv("STE_SECOND_AUDIT", raising=False)
    with pytest.raises(DataUnavailable, match="name a copy of it by STE_SECOND_AUDIT"):
        second_audit.find()


def test_the_committed_counts():
    import pandas as pd

    table = pd.read_csv(ROOT / "results" / "second_audit" / "tables" / "second_audit.csv")
    found = table.set_index(["model", "measure"])["k"]
    base, tuned = second_audit.MODELS.values()
    assert (found[base, "reported"], found[base, "first_turn"]) == (167, 105)
    assert (found[tuned, "reported"], found[tuned, "first_turn"]) == (166, 99)
