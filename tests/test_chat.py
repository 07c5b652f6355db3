"""Models behind servers that work and servers that fail; the budget; the completion cache."""

import asyncio
import gc
import http.server
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from support import ROOT

from ste_core.core.errors import UserError
from ste_core.models.base import Budget, BudgetSpent, Choice, Completion, gather
from ste_core.models.cache import CachedChat, CompletionCache
from ste_core.models.openai import OpenAIChat

KEY = "sk-planted-4711-abcdef"

#: seconds of a client that does not wait long, and of an answer that it does not wait for
IMPATIENT, SLOW = 2.5, 4.0


class Server(http.server.BaseHTTPRequestHandler):
    """Answers chat completions with the number of the request; fails as `plan` says first."""

    protocol_version = "HTTP/1.1"  # keeps connections
    plan: list = []  # noqa: RUF012 (set by each test)
    bodies: list = []  # noqa: RUF012
    headers_seen: list = []  # noqa: RUF012
    busy = most = 0
    delay = 0.0
    only_max_tokens = ignores_n = no_usage = False
    lock = threading.Lock()

    @classmethod
    def reset(cls):
        cls.plan, cls.bodies, cls.headers_seen = [], [], []
        cls.busy = cls.most = 0
        cls.delay = 0.0
        cls.only_max_tokens = cls.ignores_n = cls.no_usage = False

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            failure = Server.plan.pop(0) if Server.plan else None
            Server.bodies.append(body)
            Server.headers_seen.append(dict(self.headers))
            Server.busy += 1
            Server.most = max(Server.most, Server.busy)
        try:
            time.sleep(Server.delay)
            self.answer(body, failure)
        except BrokenPipeError:
            pass
        finally:
            with self.lock:
                Server.busy -= 1

    def answer(self, body, failure):
        if self.headers["Authorization"] not in (f"Bearer {KEY}", "Bearer none"):
            return self.reply(401, {"error": {"message": f"Incorrect API key: {self.headers['Authorization'][7:]}"}})
        if failure == "cut":
            self.close_connection = True
            return self.connection.close()
        if failure == "cut in the reply":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"id": "1", "choi')
            self.close_connection = True
            return self.connection.close()
        if failure == "slow":
            time.sleep(SLOW)
        if isinstance(failure, int):
            return self.reply(failure, {"error": {"message": "try later"}}, {"Retry-After": "1"})
        if isinstance(failure, bytes):
            return self.reply(200, failure)
        if failure == "html":
            return self.reply(200, b"<html>busy</html>", {"Content-Type": "text/html"})
        if failure is not None and failure != "slow":
            return self.reply(200, failure)
        if Server.only_max_tokens and "max_completion_tokens" in body:
            return self.reply(400, {"error": {"message": "Unrecognized request argument: max_completion_tokens"}})
        n = 1 if Server.ignores_n else body.get("n", 1)
        choices = [
            {"index": k, "finish_reason": "stop", "message": {"role": "assistant", "content": self.text(body, k)}}
            for k in range(n)
        ]
        if body.get("logprobs"):
            for choice in choices:
                choice["logprobs"] = {"content": [{"token": "a", "logprob": -0.5, "bytes": [], "top_logprobs": []}]}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"], "choices": choices}
        if not Server.no_usage:
            reply["usage"] = {"prompt_tokens": 10, "completion_tokens": 4 * n, "total_tokens": 10 + 4 * n}
        return self.reply(200, reply)

    def text(self, body, k):
        return f"{body['messages'][-1]['content']}/{body.get('seed')}/{k}"

    def reply(self, status, value, headers=()):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in ({"Content-Type": "application/json", "Content-Length": len(data)} | dict(headers)).items():
            self.send_header(name, str(text))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def url(monkeypatch):
    Server.reset()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/v1"
        httpd.shutdown()


def user(text):
    return [{"role": "user", "content": text}]


def ask(model, text="hi", **options):
    return asyncio.run(model.complete(user(text), **options))


def failure_of(model, **options):
    with pytest.raises(UserError) as raised:
        ask(model, **options)
    text = str(raised.value)
    assert "\n" not in text and KEY not in text and raised.value.__cause__ is None
    return text


# --- servers ---


def test_a_request_and_its_reply(url):
    model = OpenAIChat("m", base_url=url, logprobs=True)
    done = ask(model, "hi", temperature=0.3, max_tokens=7, stop=["\n"], seed=5)
    assert done == Completion((Choice("hi/5/0", "stop", (-0.5,)),), 10, 4) and done.text == "hi/5/0"
    (body,) = Server.bodies
    assert body == {"model": "m", "messages": user("hi"), "temperature": 0.3, "max_completion_tokens": 7,
                    "max_tokens": 7, "stop": ["\n"], "seed": 5, "logprobs": True}  # fmt: skip
    assert ask(OpenAIChat("m", base_url=url)).choices[0].logprobs is None
    assert "stop" not in Server.bodies[1] and "seed" not in Server.bodies[1] and "n" not in Server.bodies[1]


GARBAGE = [b"{oops", b"", b"[]", b"null", b"7", {}, {"choices": []}, {"choices": None}, {"choices": "abc"}, "html",
           {"choices": [{}]}, {"choices": [{"message": None}]}, {"choices": [None]}]  # fmt: skip


@pytest.mark.parametrize("failure", [500, 503, "cut", "cut in the reply", "slow", *GARBAGE], ids=repr)
def test_passing_failures_are_tried_again(url, failure):
    Server.plan = [failure]
    patience = IMPATIENT if failure == "slow" else 120.0
    assert ask(OpenAIChat("m", base_url=url, timeout=patience), "hi", seed=1).text == "hi/1/0"
    assert len(Server.bodies) == 2


@pytest.mark.parametrize(
    ("failure", "said"),
    [(500, "500"), (429, "429"), ("cut", "Connection error"), ("slow", "timed out"), (b"{oops", "not JSON"),
     ("html", "not JSON"), ({"choices": []}, "holds no choice"), ({"choices": [None]}, "not a chat completion")],
    ids=repr,
)  # fmt: skip
def test_lasting_failures_are_one_line(url, failure, said):
    Server.plan = [failure] * 2
    patience = IMPATIENT if failure == "slow" else 120.0
    text = failure_of(OpenAIChat("m", base_url=url, timeout=patience, retries=1))
    assert text.startswith(f"model m at {url}: ") and said in text and len(Server.bodies) == 2


def test_retry_after_is_heeded(url):
    Server.plan = [429, 429]
    start = time.monotonic()
    ask(OpenAIChat("m", base_url=url))
    assert 1.9 < time.monotonic() - start < 30


def test_a_fifth_of_requests_failing_loses_nothing(url):
    rng = random.Random(1)
    kinds = [500, "cut", b"{oops", {"choices": []}, "slow"]
    Server.plan = [rng.choice(kinds) if rng.random() < 0.2 else None for _ in range(150)]
    model = OpenAIChat("m", base_url=url, concurrency=16, timeout=IMPATIENT)

    async def main():
        return await gather([model.complete(user(str(k)), seed=k) for k in range(100)])

    assert [one.text for one in asyncio.run(main())] == [f"{k}/{k}/0" for k in range(100)]


def test_a_wrong_key_is_one_line_without_it(url, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-123456")
    text = failure_of(OpenAIChat("m", base_url=url))
    assert "401" in text and "***" in text and "sk-wrong" not in text and len(Server.bodies) == 1


def test_keys_and_addresses_that_cannot_be(url, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")  # as `$(cat key)` in quotes gives it
    assert ask(OpenAIChat("m", base_url=url)).text
    for key in ("sk-ключ", "sk-a\nb"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with pytest.raises(UserError, match=r"^OPENAI_API_KEY: holds characters that no key has$"):
            OpenAIChat("m", base_url=url)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UserError, match=r"^OPENAI_API_KEY: not set"):
        OpenAIChat("m")
    assert ask(OpenAIChat("m", base_url=url)).text  # a local server needs none
    for address in ("http://user:secret@127.0.0.1/v1", "http://127.0.0.1/v1?key=secret"):
        with pytest.raises(UserError, match=r"^base URL: must not hold .* the key belongs in OPENAI_API_KEY$"):
            OpenAIChat("m", base_url=address)
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    assert ask(OpenAIChat("m")).text
    for address in ("localhost:8000", "ftp://x/v1", "http://", "http://[::1", "http://h:x/v1"):
        with pytest.raises(UserError, match=r"^base URL: must be http"):
            OpenAIChat("m", base_url=address)


def test_an_unreachable_server_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        text = failure_of(OpenAIChat("m", base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1", retries=1))
    assert text.startswith("model m at http://127.0.0.1:") and "Connection error" in text


def test_old_servers_that_know_only_max_tokens(url):
    Server.only_max_tokens = True
    model = OpenAIChat("m", base_url=url)
    for _ in range(2):
        ask(model, max_tokens=7)
    assert [("max_tokens" in body, "max_completion_tokens" in body) for body in Server.bodies] == [
        (True, True), (True, False), (True, False),
    ]  # fmt: skip


def test_several_choices_also_where_the_server_ignores_n(url):
    model = OpenAIChat("m", base_url=url)
    assert [choice.text for choice in ask(model, n=3, seed=5).choices] == ["hi/5/0", "hi/5/1", "hi/5/2"]
    Server.ignores_n = True
    done = ask(model, n=3, seed=5)
    assert [choice.text for choice in done.choices] == ["hi/5/0", "hi/6/0", "hi/7/0"]
    assert (done.prompt_tokens, done.completion_tokens) == (30, 12)


def test_a_model_outlives_event_loops_and_leaves_nothing_behind(url, recwarn, caplog):
    model = OpenAIChat("m", base_url=url)
    unhandled = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: unhandled.append(context))
        done = await gather([model.complete(user(str(k)), seed=1) for k in range(5)])
        gc.collect()
        await asyncio.sleep(0.01)
        return done

    assert asyncio.run(main()) == asyncio.run(main()) == asyncio.run(main())
    model = None
    gc.collect()
    asyncio.run(asyncio.sleep(0.01))
    assert not unhandled and not caplog.records and not list(recwarn)


def test_concurrency_and_rate_are_limited(url):
    Server.delay = 0.05
    model = OpenAIChat("m", base_url=url, concurrency=5)

    async def main(model, count):
        return await gather([model.complete(user("hi")) for _ in range(count)])

    asyncio.run(main(model, 30))
    assert Server.most == 5
    Server.delay = 0.0
    slow = OpenAIChat("m", base_url=url, requests_per_minute=300)
    start = time.monotonic()
    asyncio.run(main(slow, 12))  # 5 at once, then 5 a second
    assert 1.2 < time.monotonic() - start < 5


# --- budget ---


@pytest.mark.parametrize(
    ("limit", "fits"), [({"requests": 20}, 20), ({"tokens": 300}, 18), ({"money": 0.003}, 11)], ids=str
)
def test_a_budget_stops_a_run_cleanly_and_is_never_exceeded(url, limit, fits):
    budget = Budget(**limit)
    model = OpenAIChat("m", base_url=url, concurrency=4, budget=budget, prices=(10.0, 25.0))
    done = []

    async def one(number):
        done.append(await model.complete(user("x" * 40), max_tokens=12))

    with pytest.raises(BudgetSpent, match=r"^the budget of .* is spent \(.* used\); what is done is kept, run again"):
        asyncio.run(gather_all(one, 100))
    # 14 tokens and 0.0002 a request; the worst case set aside for each is 22 tokens and 0.0004
    assert len(done) == budget.used_requests == len(Server.bodies)
    assert fits <= len(done) <= {"requests": 20, "tokens": 21, "money": 15}[next(iter(limit))]
    assert budget.used_tokens == 14 * len(done) and budget.cost == pytest.approx(0.0002 * len(done))
    assert not budget._held


async def gather_all(one, count):
    return await gather([one(number) for number in range(count)])


def test_failed_requests_count_as_requests_only_and_uncounted_tokens_are_estimated(url):
    budget = Budget()
    model = OpenAIChat("m", base_url=url, budget=budget, retries=0)
    Server.plan = [500]
    failure_of(model)
    assert (budget.used_requests, budget.used_tokens) == (1, 0)
    Server.no_usage = True
    done = ask(model, "x" * 400)
    assert (done.prompt_tokens, done.completion_tokens) == (0, 0) and 190 < budget.used_tokens < 210
    with pytest.raises(UserError, match="needs the model's prices"):
        OpenAIChat("m", base_url=url, budget=Budget(money=1.0))


def test_gather_keeps_order_and_lets_paid_requests_end():
    ended = []

    async def one(number):
        if number == 1:
            raise BudgetSpent("spent")
        await asyncio.sleep(0.05)
        ended.append(number)
        return number

    with pytest.raises(BudgetSpent):
        asyncio.run(gather_all(one, 3))
    assert ended == [0, 2]
    assert asyncio.run(gather_all(lambda number: asyncio.sleep(0.01 * (3 - number), number), 3)) == [0, 1, 2]


# --- cache ---


class Counting:
    """A model that counts its answers."""

    name = identity = "counting"

    def __init__(self):
        self.asked = 0

    async def complete(self, messages, **options):
        self.asked += 1
        return Completion((Choice(f"{messages[-1]['content']} {self.asked} ✓\udc80", "stop", (-1.5, -0.25)),), 3, 2)


def test_the_same_request_is_answered_once(tmp_path):
    path = tmp_path / "deep" / "cache.sqlite"
    model = Counting()
    first = ask(CachedChat(model, CompletionCache(path)), seed=1)
    cached = CachedChat(model, CompletionCache(path))
    assert ask(cached, seed=1) == first and model.asked == 1 and (cached.hits, cached.misses) == (1, 0)
    assert ask(cached, seed=1, temperature=1) == first  # 1 is 1.0
    differing = [{"seed": 2}, {"seed": 1, "temperature": 0.5}, {"seed": 1, "max_tokens": 3}, {"seed": 1, "n": 2},
                 {"seed": 1, "stop": ["a"]}, {"seed": 1, "text": "ho"}]  # fmt: skip
    for options in differing:
        ask(cached, **options)
    assert model.asked == 1 + len(differing) == len(cached.cache)
    model.identity = "other"
    ask(CachedChat(model, cached.cache), seed=1)
    assert model.asked == 2 + len(differing)
    ask(cached), ask(cached)  # sampled without a seed: always new
    assert model.asked == 4 + len(differing)
    assert ask(cached, temperature=0) == ask(cached, temperature=0)


def test_the_first_answer_kept_is_the_answer(tmp_path):
    """Two identical requests under way at once: both callers get the one that is kept."""
    cache = CompletionCache(tmp_path / "cache.sqlite")

    class Slow(Counting):
        async def complete(self, messages, **options):
            done = await super().complete(messages, **options)
            await asyncio.sleep(0.05)
            return done

    model = CachedChat(Slow(), cache)
    found = asyncio.run(gather_all(lambda number: model.complete(user("hi"), seed=1), 8))
    assert len(set(found)) == 1 and len(cache) == 1


WRITER = """
import random, sys, time
from pathlib import Path
from ste_core.models.cache import CompletionCache
from ste_core.models.base import Choice, Completion
cache, rng = CompletionCache(Path(sys.argv[1])), random.Random(sys.argv[2])
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    key = f"key {rng.randrange(400)}"
    kept = cache.put(key, Completion((Choice(f"{key} by {sys.argv[2]} " + "x" * rng.randrange(5000), "stop"),), 1, 2))
    assert kept.text.startswith(key + " by ") and cache.get(key) == kept
"""


def writer(path, name, seconds):
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(seconds)], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip


def test_the_cache_bears_concurrent_writers_and_kills(tmp_path):
    path = tmp_path / "cache.sqlite"
    lasting = [writer(path, f"lasting{k}", 6) for k in range(3)]
    rng = random.Random(3)
    for k in range(6):
        doomed = writer(path, f"doomed{k}", 60)
        assert doomed.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.3))
        os.kill(doomed.pid, signal.SIGKILL)
        doomed.communicate()
    for process in lasting:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0 and not errors, errors
    cache = CompletionCache(path)
    for key in (f"key {k}" for k in range(400)):
        kept = cache.get(key)
        assert kept is None or kept.text.startswith(f"{key} by ")
    assert len(cache) > 100
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not list(tmp_path.glob("*damaged*"))


@pytest.mark.parametrize("how", ["garbage", "middle", "cut", "empty"])
def test_a_damaged_cache_is_set_aside_with_one_line(tmp_path, how, caplog):
    path = tmp_path / "cache.sqlite"
    cache = CompletionCache(path)
    for number in range(200):
        cache.put(f"key {number}", Completion((Choice("x" * 500, "stop"),), 1, 2))
    cache.close()
    data = path.read_bytes()
    half = len(data) // 2
    damaged = {
        "garbage": b"not a database at all" * 500,
        "middle": data[:4096] + os.urandom(len(data) - 4096),
        "cut": data[:half],
        "empty": b"",
    }[how]
    path.write_bytes(damaged)
    cache = CompletionCache(path)
    for number in range(200):
        completion = Completion((Choice(f"new {number}", "stop"),), 1, 2)
        if cache.get(f"key {number}") is None:
            assert cache.put(f"key {number}", completion) == completion
    assert len(cache) == 200
    assert len(caplog.records) == (0 if how == "empty" else 1)
    if how != "empty":
        assert "damaged; set aside as cache.sqlite.damaged1, and begun anew" in caplog.text
        assert (tmp_path / "cache.sqlite.damaged1").exists()


def test_a_cache_that_is_set_aside_or_deleted_under_way_goes_on(tmp_path, caplog):
    path = tmp_path / "cache.sqlite"
    mine, other = CompletionCache(path), CompletionCache(path)
    completion = Completion((Choice("a", "stop"),), 1, 2)
    for number in range(2):
        mine.put("key", completion)
        assert mine.get("key") == other.get("key") == completion
        if number:
            path.unlink()
        else:
            other.close()
            path.write_bytes(b"garbage" * 9_999)
            (tmp_path / "cache.sqlite-wal").unlink()
        assert other.get("key") is None
        mine.put("key", completion)
        assert other.get("key") == mine.get("key") == completion
    assert len(caplog.records) == 1


def test_a_value_that_is_no_completion_is_replaced(tmp_path):
    cache = CompletionCache(tmp_path / "cache.sqlite")
    completion = Completion((Choice("a", "stop"),), 1, 2)
    cache.put("key", completion)
    with sqlite3.connect(tmp_path / "cache.sqlite") as db:
        db.execute("UPDATE completions SET value = '{\"choices\": 3}'")
    db.close()
    assert cache.get("key") is None and cache.put("key", completion) == completion == cache.get("key")


def test_a_cache_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "cache.sqlite", tmp_path / "folder"):
        with pytest.raises(UserError, match=r"^cache .*: cannot be used: .+$"):
            CompletionCache(path).get("key")


def test_a_planted_key_is_nowhere_on_disk(url, tmp_path):
    model = CachedChat(OpenAIChat("m", base_url=url), CompletionCache(tmp_path / "c"))
    assert ask(model, seed=1) == ask(model, seed=1) and len(Server.bodies) == 1
    assert f"Bearer {KEY}" in Server.headers_seen[0].values()
    Server.plan = [{"choices": []}] * 9
    failure_of(OpenAIChat("m", base_url=url, retries=1))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not any(KEY.encode() in path.read_bytes() for path in files)
    assert KEY not in repr(model.model) and KEY not in model.identity


# --- a real server ---


@pytest.fixture(scope="module")
def transformers_server(tmp_path_factory):
    """`transformers serve` on loopback with a tiny model; skipped where its extra packages are not installed."""
    for package in ("torch", "fastapi", "uvicorn"):
        pytest.importorskip(package, reason="transformers[serving] is not installed")
    from tiny import make_model

    folder = tmp_path_factory.mktemp("served")
    model = make_model(folder / "model", spare=0)
    (folder / "hub").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"HF_HOME": str(folder), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "import sys; from transformers.cli.transformers import main; sys.exit(main())"]
    command += ["serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                pytest.fail((folder / "log").read_text()[-2000:])
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1", str(model)
    finally:
        process.kill()
        process.wait()


def test_a_real_server_answers_as_the_model_in_process(transformers_server):
    from tiny import conversation

    from ste_core.models.local import LocalChat

    url, path = transformers_server
    served, local = OpenAIChat(path, base_url=url, concurrency=4), LocalChat.load(path)

    async def both(model):
        return await gather([model.complete(conversation(k), temperature=0.0, max_tokens=12, seed=1) for k in range(8)])

    theirs, ours = asyncio.run(both(served)), asyncio.run(both(local))
    same = sum(one.text.strip() == other.text.strip() for one, other in zip(theirs, ours, strict=True))
    assert same == 8, [(one.text, other.text) for one, other in zip(theirs, ours, strict=True)]
    assert all(one.completion_tokens <= 12 for one in theirs)


def test_a_study_file_says_what_requests_leave_out_and_what_they_add(url, tmp_path):
    """As the requests show it; `extra` of vLLM and SGLang (chat_template_kwargs), and of OpenAI (reasoning_effort)."""
    from ste_core.core import config
    from ste_core.pipeline import resources

    def chat(more):
        path = tmp_path / "t.yaml"
        path.write_text(f"name: t\nmodels: {{m: {{kind: openai, model: x, base_url: '{url}'{more}}}}}\n")
        return resources.chat(config.load(path), "m", Budget())

    plain = chat("")
    other = chat(", leave_out: [stop, seed], extra: {reasoning_effort: low, chat_template_kwargs: {thinking: false}}")
    for one in (plain, other):
        asyncio.run(one.complete(user("hello"), seed=1, stop=("x",), temperature=0.5))
    before, after = Server.bodies
    assert {"stop", "seed"} <= before.keys() and not {"stop", "seed", "leave_out", "extra"} & after.keys()
    assert after["reasoning_effort"] == "low" and after["chat_template_kwargs"] == {"thinking": False}
    assert after["temperature"] == 0.5 and plain.identity != other.identity
