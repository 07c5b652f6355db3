"""The authors' release: finding, checking, downloading and reading it."""

import http.server
import json
import shutil
import subprocess
import threading
from functools import partial

import pytest
from support import one_line, run_ste, write_json

from ste_core.core import store
from ste_core.core.errors import DataUnavailable, UserError
from ste_core.release import paper


def test_blob_id_is_gits(tmp_path):
    file = tmp_path / "file"
    file.write_bytes("héllo\n".encode())
    git = subprocess.run(["git", "hash-object", file], capture_output=True, text=True, check=True).stdout.strip()
    assert paper.git_blob(file.read_bytes()) == git


def test_facts_hang_together():
    assert len(paper.STRING_RULE_APIS) == len(set(paper.STRING_RULE_APIS)) == 31
    assert {f"{paper.PREDICTIONS}/{name}.json" for name in paper.FILES} <= set(paper.manifest())
    rows = paper.reported()
    assert len(rows) == 48 and set(zip(rows["system"], rows["setting"], strict=True)) == set(paper.FILES.values())


ITEM = {"query": "q", "action": "api", "action_input": "{}", "model_output": "x"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "expected an object that maps each API"),
        ({"api": 1}, "expected a list"),
        ({"api": ["x"]}, "api, item 0: expected an object"),
        ({"api": [ITEM, {**ITEM, "action": None}]}, r"api, item 1: no gold call \(field 'action'"),
        ({"api": [{"query": "q", "model_output": "x"}]}, r"no gold call \(field 'action'"),
        ({"api": [{**ITEM, "query": 3}]}, r"no query \(field 'query'"),
        ({"api": [{**ITEM, "action": "other"}]}, "gold call names 'other'"),
        ({"api": [{**ITEM, "action_input": "{"}]}, "gold arguments: not valid JSON"),
        ({"api": [{**ITEM, "action_input": "[1]"}]}, "gold arguments: expected a JSON object"),
        ({"api": [{**ITEM, "model_output": None}]}, r"no prediction \(field 'model_output'"),
        ({"api": [{**ITEM, "no_call": 0, "err": 0, "args_correct": "yes"}]}, r"args_correct: .*integer"),
    ],
)
def test_bad_prediction_files_are_one_line(value, message):
    with pytest.raises(UserError, match=message) as caught:
        list(paper.parse_predictions(value, system="s", setting="x", shown="file.json"))
    assert "\n" not in str(caught.value) and str(caught.value).startswith("file.json: ")


def test_the_gpt_files_keep_a_parsed_call_instead_of_text():
    base = {"query": "q", "action": "api", "action_input": '{"a": 1}', "no_call": 0, "err": 0}
    parsed = [
        {"finish": False, "parse_successful": True, "action": "api", "action_input": '{"a": 1}'},
        {"finish": False, "parse_successful": True, "action": "api", "action_input": "{broken"},
        {"finish": False, "parse_successful": False},
        {"finish": True, "final_ans": "x"},
    ]
    value = {"api": [base | {"parsed_result": one} for one in parsed]}
    kinds = [one.kind for one in paper.parse_predictions(value, system="s", setting="x", shown="f")]
    assert kinds == ["call", "malformed", "malformed", "final"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_not_json_is_one_line(tmp_path, content):
    path = tmp_path / "f.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"f\.json: not (valid JSON|UTF-8)"):
        store.read_json(path, shown="f.json")


# --- a copy with something wrong --------------------------------------------------------------------------------------

MISTRAL = f"{paper.PREDICTIONS}/mistral.json"


@pytest.fixture
def copy(release_dir, tmp_path):
    """A copy of what the audit reads of the release, free to damage."""
    for path in paper.needed():
        if (release_dir / path).exists():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(release_dir / path, tmp_path / path)
    return tmp_path


def test_no_such_directory():
    done = run_ste("run", "audit", "--release", "/nowhere/at/all")
    assert done.returncode == 2 and "no such directory" in one_line(done.stderr)


def test_an_empty_directory(tmp_path):
    done = run_ste("run", "audit", STE_RELEASE=tmp_path)
    assert done.returncode == 2 and "holds no file of the release" in one_line(done.stderr)


@pytest.mark.release
def test_missing_metadata_is_named(copy):
    (copy / paper.BATCHES).unlink()
    with pytest.raises(UserError, match=r"CL_batches\.json: missing"):
        paper.find_release(copy)


@pytest.mark.release
def test_a_missing_prediction_file_is_reported_only(copy):
    (copy / MISTRAL).unlink()
    release = paper.find_release(copy)
    assert release.status[MISTRAL] == "absent" and "mistral" not in release.files()


@pytest.mark.release
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:1000], "truncated to 1,000 of 894,045 bytes.*not valid JSON"),
        (lambda data: b"not json" + data, "altered .*not valid JSON"),
        (lambda data: data.replace(b'"action_input"', b'"axtion_input"', 1), "altered .*item 0: no gold call"),
        (lambda data: data + b"\n", r"altered \(git blob [0-9a-f]{12}, released 81794d7a158a\);"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(copy, damage, message):
    (copy / MISTRAL).write_bytes(damage((copy / MISTRAL).read_bytes()))
    with pytest.raises(UserError, match=f"{MISTRAL}: {message}"):
        paper.find_release(copy)
    done = run_ste("run", "audit", "--release", copy)
    assert done.returncode == 2 and MISTRAL in one_line(done.stderr)


@pytest.mark.release
def test_altered_files_are_scored_on_request_and_marked(copy):
    (copy / MISTRAL).write_bytes((copy / MISTRAL).read_bytes() + b"\n")
    release = paper.find_release(copy, allow_altered=True)
    assert release.status[MISTRAL] == "altered" and len(release.predictions("mistral")) == 750


# --- download ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(release_dir):
    """The release on loopback, as the public repository would serve it; counts requests."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        asked: list = []  # noqa: RUF012 (one list a test)

        def do_GET(self):
            self.asked.append(self.path)
            super().do_GET()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(release_dir))) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/", Handler.asked
        httpd.shutdown()


@pytest.mark.release
def test_download_checks_every_file_and_takes_none_twice(server, monkeypatch, tmp_path, release_dir, capfd):
    url, asked = server
    asked.clear()
    wanted = [path for path in paper.needed() if (release_dir / path).exists()]
    monkeypatch.setattr(paper, "needed", lambda: wanted)  # this copy lacks the largest files
    monkeypatch.setenv("STE_RELEASE_URL", url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("STE_RELEASE", raising=False)
    release = paper.find_release()
    assert {release.status[path] for path in wanted} == {"released"} and len(asked) == len(wanted)
    assert f"downloading 1 of {len(wanted)}" in capfd.readouterr().out
    (release.directory / MISTRAL).write_text("torn")
    assert paper.find_release().status[MISTRAL] == "released"
    assert asked[len(wanted) :] == [f"/{MISTRAL}"]


@pytest.mark.release
def test_a_download_that_is_not_the_release_is_refused(monkeypatch, tmp_path):
    wrong = tmp_path / "wrong"
    write_json(wrong / MISTRAL, {"api": []})
    monkeypatch.setattr(paper, "needed", lambda: [MISTRAL])
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(wrong))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        monkeypatch.setenv("STE_RELEASE_URL", f"http://127.0.0.1:{httpd.server_address[1]}/")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        with pytest.raises(DataUnavailable, match=r"mistral\.json: downloaded .* truncated"):
            paper.fetch()
        httpd.shutdown()
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_no_data_and_no_network_is_exit_code_1(tmp_path):
    done = run_ste("run", "audit", STE_RELEASE_URL="http://127.0.0.1:9/", XDG_CACHE_HOME=tmp_path)
    assert done.returncode == 1
    assert "not here and not to be downloaded" in one_line(done.stderr)


# --- the released figures ---------------------------------------------------------------------------------------------


@pytest.mark.release
def test_every_reported_row_with_a_file_follows_from_raw_outputs(release_dir):
    """Well-formed and API match recomputed, stored correctness summed: all to the printed digit."""
    from ste_core.release import audit
    from ste_core.scoring import score

    scored = audit.score_release(paper.find_release(release_dir))
    absent = {paper.FILES[name] for name in ("gpt35", "gpt35_ICL", "gpt4", "gpt4_ICL")}
    reproduced = 0
    for row in paper.reported().itertuples():
        items = audit.items_of_row(scored, row.system, row.setting, row.split)
        if items.empty:
            assert (row.system, row.setting) in absent
            continue
        for metric, printed in (
            ("wellformed", row.wellformed),
            ("api_match", row.api_match),
            ("correct_stored", row.correct),
        ):
            counts = score.counts(items, metric)
            assert round(100 * counts["k"].sum() / counts["n"].sum(), 3) == printed, (row, metric)
        reproduced += 1
    assert reproduced == 44


@pytest.mark.release
def test_every_single_stored_parse_is_reproduced(release_dir):
    """Not only sums: no_call, err and api_match of each of the released answers."""
    from ste_core.core import react

    release = paper.find_release(release_dir)
    answers = 0
    for name in release.files():
        predictions = release.predictions(name)
        apis = list(dict.fromkeys(one.gold.tool for one in predictions))
        for one in predictions:
            parsed = react.parse(one.output, apis, rule="released")
            assert (parsed.kind == "final", parsed.kind == "malformed") == (
                bool(one.stored.no_call),
                bool(one.stored.err),
            )
            if parsed.kind == "call":
                assert (parsed.tool == one.gold.tool) == bool(one.stored.api_match)
            answers += 1
    assert answers == 14_790


@pytest.mark.release
def test_gold_is_the_test_sets_in_every_file(release_dir):
    release = paper.find_release(release_dir)
    test_set = release.read(paper.TEST_SET)
    gold = {
        (api, number): json.loads(item["action_input"])
        for api, items in test_set.items()
        for number, item in enumerate(items)
    }
    for name in release.files():
        assert all(gold[one.gold.tool, one.item] == one.gold.arguments for one in release.predictions(name))
