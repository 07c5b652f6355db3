"""Judging anew by a language model, over the real protocol to a server on loopback."""

import asyncio
import hashlib
import http.server
import json
import threading

import pandas as pd
import pytest
from support import one_line, run_ste

from ste_core.core.records import Judgement
from ste_core.core.store import read_jsonl
from ste_core.models.base import Choice, Completion
from ste_core.release import audit, paper
from ste_core.scoring import score

KEY = "sk-planted-0123456789"


class OpenAIServer(http.server.BaseHTTPRequestHandler):
    """Answers chat completions: "Yes." if both calls read the same, else "No."; fails as `plan` says, then works."""

    plan: list = []  # noqa: RUF012 (set by each test)
    bodies: list = []  # noqa: RUF012
    key = KEY

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {self.key}":
            return self.reply(401, {"error": {"message": f"Incorrect API key: {self.headers['Authorization'][7:]}"}})
        if self.plan:
            failure = self.plan.pop()
            if failure == "cut":
                return self.connection.close()
            return self.reply(failure, {"error": {"message": "try later"}})
        self.bodies.append(body)
        prompt = body["messages"][-1]["content"]
        gold, other = (part.split("Arguments: ")[1].splitlines()[0] for part in prompt.split("API: ")[1:])
        text = "Yes. The same." if gold == other else "No. It differs."
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 100, "completion_tokens": 4, "total_tokens": 104}
        return self.reply(200, {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"],
                                "choices": [choice], "usage": usage})  # fmt: skip

    def reply(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    OpenAIServer.plan.clear()
    OpenAIServer.bodies.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OpenAIServer) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/v1"
        httpd.shutdown()


def judge(url, release, results, *more, key=KEY):
    return run_ste("judge", "--model", "judge-1", "--base-url", url, "--files", "mistral_FT", "mistral", *more,
                   STE_RELEASE=release, STE_ALLOW_ALTERED=1, STE_RESULTS=results, OPENAI_API_KEY=key)  # fmt: skip


def test_judging_keeps_everything_survives_faults_and_goes_on(server, made_up_release, tmp_path):
    before = {path: path.read_bytes() for path in made_up_release.rglob("*.json")}
    OpenAIServer.plan[:] = [500, 429, "cut", 503]
    done = judge(server, made_up_release, tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "audit" / "judge" / "judge-1.jsonl"
    judgements = read_jsonl(path, Judgement)
    scored = audit.score_release(paper.find_release(made_up_release, allow_altered=True), ["mistral_FT", "mistral"])
    rows = score.to_judge(scored, paper.STRING_RULE_APIS)
    assert len(judgements) == len(rows) == len(OpenAIServer.bodies) > 10
    identical = {(row.system, row.setting, row.tool, row.item): row.identical for row in rows.itertuples()}
    for one in judgements:
        assert one.correct == identical[one.system, one.setting, one.tool, one.item]
        assert one.raw == ("Yes. The same." if one.correct else "No. It differs.") and one.judge == "judge-1"
    prompts = {hashlib.sha256(body["messages"][-1]["content"].encode()).hexdigest() for body in OpenAIServer.bodies}
    assert {one.prompt_sha256 for one in judgements} == prompts
    assert {body["temperature"] for body in OpenAIServer.bodies} == {0}
    assert "agreement" in done.stdout and f"{len(rows):,} requests" in done.stdout
    # cut the file as a kill would: what is whole is not asked again
    path.write_bytes(path.read_bytes()[:-40])
    again = judge(server, made_up_release, tmp_path)
    assert again.returncode == 0 and len(OpenAIServer.bodies) == len(rows) + 1
    assert sorted(read_jsonl(path, Judgement), key=str) == sorted(judgements, key=str)
    assert before == {path: path.read_bytes() for path in made_up_release.rglob("*.json")}
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_dry_run_asks_nothing(server, made_up_release, tmp_path):
    done = judge(server, made_up_release, tmp_path, "--dry-run")
    assert done.returncode == 0 and "requests, about" in done.stdout and not OpenAIServer.bodies


def test_a_wrong_key_is_one_line_that_does_not_repeat_it(server, made_up_release, tmp_path):
    done = judge(server, made_up_release, tmp_path, key="sk-wrong-9876543210")
    assert done.returncode == 2 and "401" in one_line(done.stderr) and "sk-wrong" not in done.stderr + done.stdout


def test_an_unreachable_server_is_one_line(made_up_release, tmp_path):
    done = judge("http://127.0.0.1:9/v1", made_up_release, tmp_path)
    assert done.returncode == 2 and "127.0.0.1:9" in one_line(done.stderr)


class Scripted:
    """Says the same of each call."""

    name = identity = "judge-1"

    def __init__(self, text="Yes."):
        self.text, self.asked = text, 0

    async def complete(self, messages, **options):
        self.asked += 1
        return Completion((Choice(self.text, "stop"),), 1, 1)


def rejudged(model, path, arguments, query="q"):
    row = {"system": "s", "setting": "FT", "tool": "t", "item": 0, "query": query, "gold": {"a": 1}}
    rows = pd.DataFrame([row | {"arguments": arguments}])
    (found,) = asyncio.run(score.rejudge(rows, score.ModelJudge(model), path))
    return found


def test_a_verdict_on_another_call_or_prompt_is_not_taken(tmp_path):
    yes, no, path = Scripted(), Scripted("No."), tmp_path / "judge-1.jsonl"
    assert rejudged(yes, path, {"a": 1}).correct and not rejudged(no, path, {"a": 2}).correct
    assert not rejudged(no, path, {"a": 1}, "another question").correct
    assert rejudged(no, path, {"a": 1}).correct and not rejudged(yes, path, {"a": 2}).correct
    assert (yes.asked, no.asked) == (1, 2) and len(read_jsonl(path, Judgement)) == 3


def test_half_a_character_in_a_verdict_is_written_as_a_question_mark(tmp_path):
    found = rejudged(Scripted("No. \ud83d"), tmp_path / "judge-1.jsonl", {"a": 2})
    assert found.correct is False and found.raw == "No. ?"
    assert read_jsonl(tmp_path / "judge-1.jsonl", Judgement) == [found]
