"""Predictions: the prompts, the same bytes in any order and after a kill, limits, the release's format."""

import asyncio
import functools
import hashlib
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import regex
from support import ROOT, one_line, write_json
from tiny import make_model

from microworld import test_set
from microworld.tools import toolbox
from ste_core.core import prompting, react, store
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, Prediction, StoredVerdict, TestItem
from ste_core.method import predict, retrieve
from ste_core.method.predict import read_summary
from ste_core.models.base import SURELY_A_TOKEN, Budget, BudgetSpent, Choice, Completion
from ste_core.models.cache import CachedChat, CompletionCache
from ste_core.models.local import LocalChat
from ste_core.models.openai import OpenAIChat
from ste_core.release import audit, paper
from ste_core.release.formats import from_release, to_release
from ste_core.scoring import score

TOOLS = toolbox().tools
ITEMS = test_set.load("test")[::19]  # 40 items of 40 tools
EXAMPLES = [
    Example(
        tool=one.gold.tool, episode=0, trial=one.item, paraphrase=0, query=one.query, call=one.gold, observation="",
        answer="",
    )
    for one in test_set.load("dev")
]  # fmt: skip
RETRIEVER = retrieve.Retriever(EXAMPLES)


class Scripted:
    """A model whose answer depends on the request alone, given after a random while."""

    name = "scripted"
    identity = "scripted 1"

    def __init__(self, order=0, limit=None):
        self.random = random.Random(order)
        self.limit = limit
        self.asked = []

    async def complete(self, messages, *, temperature=1.0, max_tokens=256, stop=(), seed=None, n=1):
        if self.limit is not None and len(self.asked) >= self.limit:
            raise BudgetSpent("the budget is spent")
        options = {"temperature": temperature, "max_tokens": max_tokens, "stop": list(stop), "seed": seed, "n": n}
        self.asked.append((list(messages), options))
        await asyncio.sleep(self.random.random() / 100)
        digest = hashlib.sha256(json.dumps([messages, options], sort_keys=True).encode()).hexdigest()
        tool = list(TOOLS)[int(digest, 16) % len(TOOLS)]
        text = react.render_call(tool, {"key": digest[:8]}) + "\nObservation: made up"
        return Completion((Choice(text, "length" if digest < "4" else "stop"),), len(str(messages)), 7)


@functools.cache
def near_to(query):
    return RETRIEVER.nearest([query], 3)[0]


@functools.cache
def shown_by_key():
    items = test_set.load("test")
    rows = retrieve.candidates(items, TOOLS, "oracle", n=4)
    return {(one.gold.tool, one.item): row for one, row in zip(items, rows, strict=True)}


def shown_to(item):
    return shown_by_key()[item.gold.tool, item.item]


def ask(model, path, setting="icl", items=ITEMS, **options):
    if setting != "tuned":
        options.setdefault("candidates", [shown_to(one) for one in items])
    if setting == "icl":
        options.setdefault("demonstrations", [near_to(one.query) for one in items])
    return asyncio.run(predict.predict(items, model, TOOLS, setting=setting, path=path, **options))


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# --- what is asked, what is kept ---


def test_each_setting_has_its_prompt(tmp_path):
    docs = [[TOOLS[name].documentation() for name in shown_to(one)] for one in ITEMS]
    pairs = [[(near.query, near.call) for near in near_to(one.query)] for one in ITEMS]
    queries = [one.query for one in ITEMS]
    expected = {
        "baseline": [prompting.ask_call(*one) for one in zip(queries, docs, strict=True)],
        "icl": [prompting.ask_call(*one) for one in zip(queries, docs, pairs, strict=True)],
        "tuned": [prompting.tuned(one) for one in queries],
    }
    for setting, prompts in expected.items():
        model = Scripted()
        made = ask(model, tmp_path / f"{setting}.jsonl", setting)
        assert [messages for messages, _ in model.asked] == prompts
        assert [(one.item, one.query, one.gold) for one in made] == [(one.item, one.query, one.gold) for one in ITEMS]
        assert {(one.system, one.setting) for one in made} == {("scripted", predict.LABELS[setting])}
        assert store.read_jsonl(tmp_path / f"{setting}.jsonl", Prediction) == made
    assert sorted(files(tmp_path)) == sorted(
        f"{setting}{end}" for setting in expected for end in (".jsonl", ".summary.json")
    )


def test_greedy_at_most_96_tokens_a_seed_an_item(tmp_path):
    model = Scripted()
    ask(model, tmp_path / "a.jsonl")
    options = [options for _, options in model.asked]
    assert {(one["temperature"], one["max_tokens"], *one["stop"]) for one in options} == {(0.0, 96, "Observation:")}
    assert len({one["seed"] for one in options}) == len(ITEMS)
    hot, other = Scripted(), Scripted()
    ask(hot, tmp_path / "b.jsonl", temperature=1.0, max_tokens=256)
    ask(other, tmp_path / "c.jsonl", seed=1)
    assert [one["seed"] for _, one in hot.asked] == [one["seed"] for one in options]
    assert {one["temperature"] for _, one in hot.asked} == {1.0} and {one["max_tokens"] for _, one in hot.asked} == {
        256
    }
    assert not {one["seed"] for _, one in other.asked} & {one["seed"] for one in options}


def test_what_a_model_makes_up_behind_its_call_is_cut_off(tmp_path):
    made = ask(Scripted(), tmp_path / "a.jsonl")
    assert all(one.output.startswith("Action: ") and "Observation" not in one.output for one in made)


def test_the_names_in_results_can_be_given(tmp_path):
    made = ask(Scripted(), tmp_path / "a.jsonl", "tuned", system="micro", label="FT without long-term memory")
    assert {(one.system, one.setting) for one in made} == {("micro", "FT without long-term memory")}


def test_the_summary_counts(tmp_path):
    model = Scripted()
    ask(model, tmp_path / "a.jsonl")
    summary = read_summary(tmp_path / "a.jsonl")
    assert (summary.system, summary.setting, summary.prompt) == ("scripted", "ICL", "icl")
    assert (summary.items, summary.tools, summary.demonstrations, summary.dropped) == (40, 4, 120, 0)
    assert summary.completion_tokens == 7 * 40 and summary.model == "scripted 1"
    assert summary.prompt_tokens == sum(len(str(messages)) for messages, _ in model.asked)
    assert 0 < summary.cut < 40 and summary.context is None


# --- the same bytes ---


def test_the_order_of_answers_does_not_show(tmp_path):
    for order in range(3):
        ask(Scripted(order), tmp_path / str(order) / "a.jsonl")
    assert files(tmp_path / "0") == files(tmp_path / "1") == files(tmp_path / "2")


def test_a_finished_file_is_not_asked_for_again(tmp_path):
    made, again = ask(Scripted(), tmp_path / "a.jsonl"), Scripted()
    before = files(tmp_path)
    assert ask(again, tmp_path / "a.jsonl") == made and not again.asked and files(tmp_path) == before


@pytest.mark.parametrize("change", ["seed", "model", "demonstrations", "gold", "name"])
def test_another_request_is_asked_anew(tmp_path, change):
    first = ask(Scripted(), tmp_path / "a.jsonl")
    model, options, items = Scripted(), {}, ITEMS
    if change == "seed":
        options["seed"] = 1
    elif change == "model":
        model.identity = "sha256:2"
    elif change == "demonstrations":
        options["demonstrations"] = [[] for _ in ITEMS]
    elif change == "gold":
        items = [ITEMS[0].model_copy(update={"gold": Call(tool=ITEMS[0].gold.tool, arguments={"x": 1})}), *ITEMS[1:]]
    elif change == "name":
        options["system"] = "another"
    made = ask(model, tmp_path / "a.jsonl", items=items, **options)
    assert len(model.asked) == (0 if change in ("gold", "name") else 40)  # what was asked before is not asked again
    assert (made == first) == (change == "model")
    assert store.read_jsonl(tmp_path / "a.jsonl", Prediction) == made


def test_a_server_at_another_address_is_not_asked_again(tmp_path):
    made, moved = ask(Scripted(), tmp_path / "a.jsonl"), Scripted()
    moved.identity = "http://127.0.0.1:2/v1 scripted"
    assert ask(moved, tmp_path / "a.jsonl") == made and not moved.asked


def test_a_spent_budget_keeps_what_was_answered(tmp_path):
    whole, half = tmp_path / "whole" / "a.jsonl", tmp_path / "half" / "a.jsonl"
    ask(Scripted(), whole)
    with pytest.raises(BudgetSpent):
        ask(Scripted(limit=15), half)
    assert not half.exists() and len(predict.answers_path(half).read_bytes().splitlines()) == 15
    rest = Scripted(order=1)
    ask(rest, half)
    assert len(rest.asked) == 25 and files(whole.parent) == files(half.parent)


def test_a_part_of_other_requests_is_not_believed(tmp_path):
    with pytest.raises(BudgetSpent):
        ask(Scripted(limit=15), tmp_path / "a" / "a.jsonl", seed=1)
    model = Scripted()
    ask(model, tmp_path / "a" / "a.jsonl")
    ask(Scripted(), tmp_path / "b" / "a.jsonl")
    assert len(model.asked) == 40 and files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize("damage", ["prediction", "summary", "gone", "deleted"])
def test_a_damaged_file_is_made_anew_without_asking(tmp_path, damage):
    path = tmp_path / "a.jsonl"
    ask(Scripted(), path)
    before = files(tmp_path)
    if damage == "prediction":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "summary":
        predict.summary_path(path).write_text('{"system": 1')
    else:
        predict.summary_path(path).unlink()
    if damage == "deleted":  # as Snakemake does before it runs a job again
        path.unlink()
    model = Scripted()
    ask(model, path)
    assert files(tmp_path) == before and not model.asked


WORKER = """
import asyncio, random, resource, sys
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
from pathlib import Path
import test_predict
from test_predict import Scripted, ask
from ste_core.core.errors import UserError

class Slow(Scripted):
    slots = None
    async def complete(self, *messages, **options):
        self.slots = self.slots or asyncio.Semaphore(2)
        async with self.slots:
            await asyncio.sleep(0.05)
            return await super().complete(*messages, **options)

if sys.argv[2] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, resource.RLIM_INFINITY))
model = Slow(order=2)
try:
    ask(model, Path(sys.argv[1]))
except UserError as error:
    sys.exit(str(error))
print(len(model.asked))
""".format(root=str(ROOT))


def work(path, mode="run"):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(path), mode], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_killed_run_ends_in_the_same_bytes(tmp_path):
    path = tmp_path / "killed" / "a.jsonl"
    part = predict.answers_path(path)
    process = work(path)
    deadline = time.monotonic() + 60
    while (not part.exists() or part.read_bytes().count(b"\n") < 8) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = part.read_bytes().count(b"\n")
    assert 8 <= kept < 40 and not path.exists()
    with part.open("ab") as file:
        file.write(b'{"tool":"torn')
    out, errors = (process := work(path)).communicate(timeout=100)
    assert process.returncode == 0, errors
    assert int(out) == 40 - kept
    ask(Scripted(), tmp_path / "whole" / "a.jsonl")
    assert files(path.parent) == files(tmp_path / "whole")


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path):
    path = tmp_path / "a.jsonl"
    out, errors = (process := work(path, "full")).communicate(timeout=100)
    assert process.returncode and "cannot be written" in one_line(errors) and not out
    assert not path.exists() and len(store.read_jsonl(predict.answers_path(tmp_path / "a.jsonl"), predict.Answer)) > 4
    model = Scripted()
    ask(model, path)
    assert 0 < len(model.asked) < 40


# --- a limited context ---


def characters(messages):
    return sum(-(-len(one["content"]) // SURELY_A_TOKEN) for one in messages)


def test_the_farthest_demonstrations_make_room_and_are_counted(tmp_path):
    free, tight = Scripted(), Scripted()
    ask(free, tmp_path / "free.jsonl")
    sizes = sorted(characters(messages) for messages, _ in free.asked)
    context = sizes[20] + 96
    ask(tight, tmp_path / "tight.jsonl", context=context)
    near = [near_to(one.query) for one in ITEMS]
    dropped = []
    for (before, _), (after, _), demonstrations in zip(free.asked, tight.asked, near, strict=True):
        assert characters(after) <= context - 96
        kept = sum(one.query in after[0]["content"] for one in demonstrations)
        assert [one.query in after[0]["content"] for one in demonstrations] == [True] * kept + [False] * (3 - kept)
        assert (before == after) == (kept == 3) == (characters(before) <= context - 96)
        dropped.append(3 - kept)
    summary = read_summary(tmp_path / "tight.jsonl")
    assert summary.dropped == sum(dropped) > 0 and summary.dropped_items == sum(map(bool, dropped))
    assert summary.demonstrations == 120 - sum(dropped) and summary.context == context


def test_a_prompt_that_never_fits_is_one_line_before_anything_is_asked(tmp_path):
    model = Scripted()
    with pytest.raises(UserError, match=r"^test item \d+ of '\w+': its prompt takes \d+ tokens without any") as caught:
        ask(model, tmp_path / "a.jsonl", context=150)
    assert one_line(str(caught.value)) and not model.asked and not list(tmp_path.iterdir())


# --- models in this process and behind a server ---


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield make_model(tmp_path_factory.mktemp("tiny"))
    torch.set_num_threads(before)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_in_this_process_gives_the_same_bytes_in_any_batch(tiny, tmp_path, temperature):
    items = ITEMS[:12]
    for size in (1, 12):
        model = LocalChat.load(tiny, batch_size=size)
        ask(model, tmp_path / str(size) / "a.jsonl", "tuned", items, temperature=temperature, max_tokens=20)
    assert files(tmp_path / "1") == files(tmp_path / "12")
    assert len({one.output for one in store.read_jsonl(tmp_path / "1" / "a.jsonl", Prediction)}) > (
        6 if temperature else 1
    )


@pytest.mark.parametrize("setting", ["baseline", "icl", "tuned"])
def test_answers_can_be_held_to_the_form_of_a_call(tiny, tmp_path, setting):
    """A model of random weights answers noise, or, held, calls of tools that it was told of."""
    model, items = LocalChat.load(tiny), ITEMS[:6]
    tools = [[TOOLS[name] for name in shown_to(one)] for one in items] if setting != "tuned" else [TOOLS.values()] * 6
    options = {"max_tokens": 150, "items": items, "setting": setting}
    free = ask(model, tmp_path / "free.jsonl", **options)
    held = ask(model, tmp_path / "held.jsonl", constrained=True, **options)
    whole = []
    for number, known in enumerate(tools):
        form = regex.compile(react.form(known, arguments=setting != "tuned", answer=False))
        assert not form.fullmatch(free[number].output, partial=True)
        assert form.fullmatch(held[number].output, partial=True)
        if form.fullmatch(held[number].output):
            whole.append(react.parse(held[number].output, [one.name for one in known]).kind)
    assert whole and set(whole) == {"call"}
    assert read_summary(tmp_path / "held.jsonl").constrained and not read_summary(tmp_path / "free.jsonl").constrained


def test_its_own_context_is_kept_behind_a_cache_too(tiny, tmp_path):
    items = [one for one in ITEMS if len(one.query) < 60][:4]
    inner = LocalChat.load(tiny)  # 1,024 tokens of hardly more than a letter each
    model = CachedChat(inner, CompletionCache(tmp_path / "cache.sqlite"))
    near = RETRIEVER.nearest([one.query for one in items], 8)
    shown = [[one.gold.tool] for one in items]
    made = ask(model, tmp_path / "a.jsonl", "icl", items, candidates=shown, demonstrations=near, max_tokens=4)
    summary = read_summary(tmp_path / "a.jsonl")
    assert len(made) == 4 and summary.context == 1024
    assert summary.dropped > 0 and summary.demonstrations + summary.dropped == 32
    assert 900 * 4 < summary.prompt_tokens <= 4 * (1024 - 4)
    with pytest.raises(UserError, match=r"show fewer tools or take a model with a larger context"):
        ask(model, tmp_path / "b.jsonl", "baseline", items, candidates=[list(TOOLS) for _ in items])


class Server(http.server.BaseHTTPRequestHandler):
    """Answers in a random order of time, ignores stop strings, and says what cannot be written."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(random.random() / 50)
        query = body["messages"][-1]["content"].split("User Query: ")[-1]
        text = (
            react.render_call("add_days", {"query": query, "t": body["temperature"]})
            + " \ud800\nObservation: 1\nAction:"
        )
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        data = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


def test_a_hosted_model(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for number in range(2):
            model = OpenAIChat("hosted", base_url=f"http://127.0.0.1:{server.server_address[1]}/v1", concurrency=8)
            made = ask(model, tmp_path / str(number) / "a.jsonl", "baseline", temperature=1.0)
        server.shutdown()
    assert files(tmp_path / "0") == files(tmp_path / "1")
    for item, one in zip(ITEMS, made, strict=True):
        assert one.output == react.render_call("add_days", {"query": item.query, "t": 1.0}) + " ?\n"
    assert store.read_jsonl(tmp_path / "0" / "a.jsonl", Prediction) == made


def test_a_budget_of_the_model_itself(tiny, tmp_path):
    model = LocalChat.load(tiny, budget=Budget(requests=5))
    with pytest.raises(BudgetSpent):
        ask(model, tmp_path / "a.jsonl", "tuned", ITEMS[:9], max_tokens=5)
    again = LocalChat.load(tiny, budget=Budget(requests=4))
    assert len(ask(again, tmp_path / "a.jsonl", "tuned", ITEMS[:9], max_tokens=5)) == 9


# --- mistakes ---


def test_mistakes_are_one_line(tmp_path):
    path = tmp_path / "a.jsonl"
    foreign = TestItem(item=3, query="q", gold=Call(tool="no_such_tool", arguments={}))
    for items, match in (
        ([], r"^test set: empty"),
        ([*ITEMS, ITEMS[4]], rf"^test item {ITEMS[4].item} of '{ITEMS[4].gold.tool}': twice"),
        ([foreign], r"^test item 3 of 'no_such_tool': the toolbox has no tool 'no_such_tool'$"),
    ):
        with pytest.raises(UserError, match=match):
            ask(Scripted(), path, "tuned", items)
    with pytest.raises(UserError, match=r"the toolbox has no tool 'nothing'$"):
        ask(Scripted(), path, "baseline", candidates=[["nothing"]] * 40)
    for setting, options in (
        ("baseline", {"candidates": None}), ("icl", {"demonstrations": None}), ("tuned", {"candidates": [[]] * 40}),
        ("baseline", {"demonstrations": [[]] * 40}), ("baseline", {"candidates": [[]]}), ("FT", {}),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"candidates|demonstrations|setting"):
            ask(Scripted(), path, setting, **options)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"a\.summary\.json: no such file"):
        read_summary(path)
    write_json(predict.summary_path(path), {"system": "s"})
    with pytest.raises(UserError, match=r"a\.summary\.json: not the summary"):
        read_summary(path)


def test_a_failing_model_keeps_the_answers_before(tmp_path):
    class Failing(Scripted):
        async def complete(self, messages, **options):
            if len(self.asked) == 20:
                await asyncio.sleep(0.2)
                raise UserError("model failing: no")
            return await super().complete(messages, **options)

    with pytest.raises(UserError, match=r"^model failing: no$"):
        ask(Failing(), tmp_path / "a.jsonl")
    assert len(store.read_jsonl(predict.answers_path(tmp_path / "a.jsonl"), predict.Answer)) == 20


# --- the release's format ---


def made_up(seed=0):
    """Predictions of every sort: right, of another tool, with a made-up name, without a call, parsed or raw."""
    rng = random.Random(seed)
    tools = [*paper.STRING_RULE_APIS[:6], "judged one", "judged two"]
    found = []
    for tool in tools:
        for item in range(5):
            gold = Call(tool=tool, arguments={"when": f"día {item}", "n": item} if item else {})
            call = Call(tool=rng.choice([tool, tool, rng.choice(tools)]), arguments=rng.choice([gold.arguments, {}]))
            text = react.render_call(f"<tool_{call.tool}>", call.arguments)
            fields = rng.choice(
                [
                    {"output": text}, {"output": text.replace("<tool_", "<tool_the ")}, {"output": "Final Answer: 1"},
                    {"output": "no idea\n東"}, {"kind": "call", "call": call}, {"kind": "final"}, {"kind": "malformed"},
                ]
            )  # fmt: skip
            match = rng.random() < 0.5
            stored = StoredVerdict(no_call=0, err=0, api_match=int(match), args_correct=int(match) if match else None)
            found.append(
                Prediction(
                    system="s", setting="FT", item=item, query=f"q {item}", gold=gold, **fields,
                    stored=rng.choice([None, stored]),
                )
            )  # fmt: skip
    return found


def scored(predictions):
    tools = list(dict.fromkeys(one.gold.tool for one in predictions))
    return score.score_predictions(predictions, tools, string_rule_tools=paper.STRING_RULE_APIS, rule="released")


@pytest.mark.parametrize("seed", range(5))
def test_the_releases_format_keeps_everything_the_scorer_reads(tmp_path, seed):
    predictions = made_up(seed)
    path = write_json(tmp_path / "a.json", to_release(predictions))
    again = from_release(path, system="s", setting="FT")
    assert again == predictions
    assert scored(again).equals(scored(predictions))
    shuffled = random.Random(0).sample(predictions, len(predictions))
    by_tool = {tool: items for tool, items in to_release(shuffled).items()}
    assert by_tool == to_release(predictions)


def test_a_written_file_stands_in_for_a_released_one(made_up_release, tmp_path):
    """Through the whole audit: our copy of a file is scored as the file is."""
    copy = tmp_path / "release"
    shutil.copytree(made_up_release, copy)
    name = f"{paper.PREDICTIONS}/mistral_ICL.json"
    before = audit.score_release(paper.find_release(copy, allow_altered=True), ["mistral_ICL"])
    predictions = paper.find_release(copy, allow_altered=True).predictions("mistral_ICL")
    (copy / name).unlink()
    write_json(copy / name, to_release(predictions))
    after = audit.score_release(paper.find_release(copy, allow_altered=True), ["mistral_ICL"])
    assert after.equals(before) and before["correct_rule"].any() and not before["correct_rule"].all()


def test_our_predictions_go_through_the_released_rule(tmp_path):
    made = ask(Scripted(), tmp_path / "a.jsonl", items=test_set.load("test")[:30])
    path = write_json(tmp_path / "a.json", to_release(made))
    again = from_release(path, system="scripted", setting="ICL")
    assert again == made and scored(again).equals(scored(made))


def test_what_the_format_has_no_place_for_is_one_line():
    predictions = made_up()
    other = predictions[0].model_copy(update={"setting": "ICL"})
    with pytest.raises(UserError, match=r"several systems or settings"):
        to_release([other, *predictions[1:]])
    with pytest.raises(UserError, match=r"^predictions: item 1 of '.*': expected item 0$"):
        to_release(predictions[1:])
