"""Exploration as it runs: every trial on disk, whatever is interrupted, fails, runs at once or is asked for wrongly."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest
import yaml
from faults import chat_server
from filelock import FileLock
from support import ROOT, one_line, run_ste

from ste_core import cli
from ste_core.core import config
from ste_core.core.errors import RequestRefused, UserError
from ste_core.core.records import Tool
from ste_core.models.base import Budget, BudgetSpent, Choice, Completion
from ste_core.pipeline import explore_run, resources
from ste_core.pipeline.explore_run import expected_cost, explore, read_trials, run_records, trials_file
from ste_core.tools.functions import FunctionToolbox


def known_tools():
    """Five tools of the microworld, by whatever names they have."""
    from microworld.tools import functions

    return list(functions())[::11][:5]


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Writes a study file with an exploration section and loads it; its results lie in the test's folder."""
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    def write(url="http://127.0.0.1:9/v1", model=None, **options):
        content = {
            "name": "trial",
            "world": {"tools": "microworld.tools:toolbox", "test_set": "none", "dev_set": "none"},
            "models": {"m": {"kind": "openai", "model": "m", "base_url": url, "concurrency": 64} | (model or {})},
            "exploration": {"model": "m", "episodes": 2, "trials": 2, "tools": known_tools()} | options,
        }
        path = tmp_path / "trial.yaml"
        path.write_text(yaml.safe_dump(content))
        return config.load(path)

    return write


class Scripted:
    """Answers as the scripted server does, after a while that changes with each request; counts in its budget."""

    name = identity = "scripted"

    def __init__(self, budget=None, jitter=0.0, tokens=100):
        self.budget, self.jitter, self.tokens = budget or Budget(), jitter, tokens
        self.busy = self.most = self.asked = 0

    async def complete(self, messages, *, seed, **options):
        with self.budget.hold(self.tokens, 0, (1e4, 0.0)) as usage:
            self.asked += 1
            self.busy += 1
            self.most = max(self.most, self.busy)
            await asyncio.sleep(self.jitter * (hashlib.sha256(f"{seed} {self.asked}".encode()).digest()[0] / 256))
            self.busy -= 1
            usage.prompt_tokens = self.tokens
            return Completion((Choice(chat_server.reply(messages, seed), "stop"),), self.tokens, 0)


def files(at, variant="full", seed=0):
    return {path.name: path.read_bytes() for path in sorted(at.explored(variant, seed).glob("*.jsonl"))}


def fresh(at):
    shutil.rmtree(at.results, ignore_errors=True)


# --- the same bytes ---------------------------------------------------------------------------------------------------


def test_the_same_bytes_whatever_the_concurrency_and_sharding(make):
    at = make(variants=["full", "no_short_term"], seeds=[0, 3])
    (first, *_) = records = explore(at, model=Scripted())
    whole = {pair: files(at, *pair) for pair in (("full", 0), ("full", 3), ("no_short_term", 0), ("no_short_term", 3))}
    assert len(whole["full", 0]) == 5 and len({str(one) for one in whole.values()}) == 4 and len(records) == 4
    assert (first.variant, first.seed, first.tools, first.trials, first.to_go, first.stopped) == (
        "full", 0, 5, 20, 0, None,
    )  # fmt: skip
    assert first.did["requests"] >= 80 and first.did["calls"] > 20
    fresh(at)
    model = Scripted(jitter=0.01)
    explore(make(variants=["full", "no_short_term"], seeds=[0, 3], concurrency=2), model=model)
    assert {pair: files(at, *pair) for pair in whole} == whole and model.most == 2
    fresh(at)
    for number in (3, 1, 2):
        explore(at, shard=(number, 3), model=Scripted(jitter=0.003))
    assert {pair: files(at, *pair) for pair in whole} == whole
    fresh(at)
    for name in reversed(known_tools()):
        explore(at, variants=["full"], seeds=[3], tools=[name], model=Scripted())
    assert files(at, "full", 3) == whole["full", 3]
    assert [one.tool for one in read_trials(at, "full", 3)] == sorted(known_tools() * 4)


def test_shards_share_the_tools_in_whatever_order_a_server_lists_them(make):
    settings, shares = make(tools=None).exploration, []
    for number, listed in enumerate(("abcde", "edcba", "badce"), 1):
        box = FunctionToolbox([])
        box._set_tools([Tool(name=name, description="A tool.") for name in listed])
        shares.append([one.name for one in explore_run._Part(None, None, None, (number, 3)).choose(settings, box)])
    assert [sorted(one) for one in shares] == [["a", "d"], ["b", "e"], ["c"]] and shares[1] == ["e", "b"]


def test_all_tools_are_explored_at_once(make):
    model = Scripted(jitter=0.01)
    explore(make(), model=model)
    assert model.most == 5


def test_a_finished_exploration_asks_nothing(make):
    at = make()
    explore(at, model=Scripted())
    before, model = files(at), Scripted()
    (record,) = explore(at, model=model)
    assert model.asked == 0 and files(at) == before and record.trials == record.to_go == 0
    assert len(run_records(at, "full", 0)) == 1


def test_a_model_in_process(make, tmp_path):
    pytest.importorskip("torch")
    from tiny import make_model

    path = make_model(tmp_path / "model")
    model = {"kind": "local", "path": str(path), "batch": 8, "threads": 1, "prompts": "small"}
    content = yaml.safe_load((make().results.parent.parent / "trial.yaml").read_text())
    content["models"] = {"m": model}
    content["exploration"] |= {"max_tokens": 8, "calls": 1, "tools": known_tools()[:2], "episodes": 1}
    (tmp_path / "trial.yaml").write_text(yaml.safe_dump(content))
    at = config.load(tmp_path / "trial.yaml")
    explore(at)
    whole = files(at)
    note = json.loads((at.explored("full", 0) / ".run" / f"{known_tools()[0]}.json").read_text())
    assert note["model"].startswith("sha256:") and (note["context"], note["counted"]) == (1024, "count")
    fresh(at)
    for name in known_tools()[:2]:
        explore(at, tools=[name])
    assert files(at) == whole and len(whole) == 2


def test_names_of_tools_never_meet_in_one_file_and_stay_inside(make):
    at = make()
    names = ["add_date", "Add_date", "JAK_API%%Ben 10", "JAK_API__Ben 10", "../up", "/etc/passwd", ".", "..", ".run",
             "", "é", "x" * 300, "x" * 301, "con/aux", "a\x00b", "\udc80"]  # fmt: skip
    paths = [trials_file(at, "full", 0, name) for name in names]
    assert len({str(path).lower() for path in paths}) == len(names)
    for path in paths:
        assert path.parent == at.explored("full", 0) and len(path.name.encode()) < 128 and path.name[0] != "."
    assert paths[0].name == "add_date.jsonl"


# --- interrupted ------------------------------------------------------------------------------------------------------


def lines(folder):
    return {path.name: sorted(path.read_bytes().splitlines()) for path in sorted(folder.glob("*.jsonl"))}


def test_killed_twenty_times_the_files_are_those_of_an_uninterrupted_run(make, tmp_path):
    with chat_server.running(delay=0.03) as url:
        at = make(url, episodes=5, trials=4)
        explore(at)
        whole, folder = files(at), at.explored("full", 0)
        fresh(at)
        arguments = ["20", "8", "explore", str(tmp_path / "trial.yaml")]
        command = [sys.executable, "tests/faults/killed.py", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        there = [line.split() for line in done.stdout.splitlines() if line.startswith(("True", "False"))]
        counts = [int(count) for _, count in there]
        assert len(there) == 20 and sum(killed == "True" for killed, _ in there) >= 10, done.stdout + done.stderr
        assert counts == sorted(counts) and counts[0] < 100 and sum(0 < count < 100 for count in counts) >= 5, counts
        ended = run_ste("explore", tmp_path / "trial.yaml", STE_RESULTS=tmp_path / "results")
        assert ended.returncode == 0, ended.stderr
    assert files(at) == whole and all(len(one) == 20 for one in lines(folder).values())


def test_a_torn_line_is_mended(make):
    at = make()
    explore(at, model=Scripted())
    whole = files(at)
    for cut in (1, 30, 700):
        path = trials_file(at, "full", 0, known_tools()[1])
        path.write_bytes(whole[path.name][:-cut])
        (record,) = explore(at, model=Scripted())
        assert files(at) == whole and record.trials == (0 if cut == 1 else 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"calls": 3}, "was explored with calls: 4, and now it is 3; set it back, or move the folder away"),
        ({"temperature": 0.5}, "explored with temperature: 1.0, and now it is 0.5"),
        ({"context": 5000}, "explored with context: null, and now it is 5000"),
        ({"trials": 3}, "explored with trials: 2, and now it is 3"),
        ({"novelty": 0.9}, "explored with novelty: null, and now it is 0.9"),
        ({"rule": "strict"}, 'explored with rule: "lenient", and now it is "strict"'),
        ({"episodes": 1}, "holds 4 trials, more than exploration.episodes 1 ask for"),
    ],
)
def test_other_settings_do_not_mix_with_what_is_there(make, change, said):
    at = make()
    explore(at, model=Scripted())
    before, model = files(at), Scripted()
    with pytest.raises(UserError, match=re.escape(said)) as raised:
        explore(make(**change), model=model)
    assert "\n" not in str(raised.value) and model.asked == 0 and files(at) == before


def test_another_model_tool_or_study_seed_does_not_mix_either(make, monkeypatch):
    at = make()
    explore(at, model=Scripted())
    model = Scripted()
    model.name = "another"
    with pytest.raises(UserError, match='explored with model: "scripted", and now it is "another"'):
        explore(at, model=model)
    other = Scripted()
    other.identity = "sha256:1234"
    with pytest.raises(UserError, match="explored with model: "):
        explore(at, model=other)
    with pytest.raises(UserError, match="explored with study_seed: 0, and now it is 7"):
        explore(at.model_copy(update={"seed": 7}), model=Scripted())
    box = resources.toolbox(at)
    name = known_tools()[2]
    changed = {name: box.tools[name].model_copy(update={"description": "Something else."})}
    box._set_tools((dict(box.tools) | changed).values())
    with pytest.raises(UserError, match=f'{name}.jsonl: was explored with tool: ".*Something else'):
        explore(at, model=Scripted(), toolbox=box)
    (at.explored("full", 0) / ".run" / f"{name}.json").write_text("{")
    with pytest.raises(UserError, match=r"holds trials, but .* does not say how they were made"):
        explore(at, model=Scripted())


def test_more_episodes_go_on_where_the_first_ended(make):
    explore(make(episodes=1), model=Scripted())
    at = make(episodes=3)
    (record,) = explore(at, model=Scripted())
    grown = files(at)
    assert record.trials == 20
    fresh(at)
    explore(at, model=Scripted())
    assert files(at) == grown


def test_a_file_that_is_not_ours_is_refused(make):
    at = make()
    explore(at, model=Scripted())
    path = trials_file(at, "full", 0, known_tools()[0])
    content = path.read_bytes()
    rows = content.splitlines(keepends=True)
    for bad, said in ((content + rows[-1], "doubled"), (b"".join(rows[1:]), "missing"), (b"{}\n", "not a Trial")):
        path.write_bytes(bad)
        with pytest.raises(UserError, match=said):
            explore(at, model=Scripted())
        assert path.read_bytes() == bad


def test_two_runs_do_not_write_one_file(make):
    at = make()
    explore(at, tools=known_tools()[:1], model=Scripted())
    with FileLock(at.explored("full", 0) / ".run" / f"{known_tools()[0]}.lock"):
        with pytest.raises(UserError, match=r"another run is at work there; wait for it, or stop it$"):
            explore(at, model=Scripted())
        explore(at, tools=known_tools()[1:], model=Scripted())
    explore(at, model=Scripted())
    assert len(read_trials(at, "full", 0)) == 20


def test_trials_of_tools_that_the_study_names_no_more_are_not_read(make):
    first, *others = known_tools()
    explore(make(), model=Scripted())
    assert {one.tool for one in read_trials(make(tools=[first]), "full", 0)} == {first}
    assert {one.tool for one in read_trials(make(tools=None), "full", 0)} == {first, *others}


def test_a_failing_model_loses_nothing(make):
    at = make()
    explore(at, model=Scripted())
    whole = files(at)
    fresh(at)

    class Breaks(Scripted):
        async def complete(self, messages, **options):
            if self.asked >= 45:
                raise UserError("model m: gone")
            return await super().complete(messages, **options)

    with pytest.raises(UserError, match=r"^model m: gone$"):
        explore(at, model=Breaks())
    kept = files(at)
    assert kept and all(whole[name].startswith(content) for name, content in kept.items())
    (left,) = run_records(at, "full", 0)
    assert left.stopped == "model m: gone" and left.to_go == 20 - left.trials and 0 < left.trials < 20
    explore(at, model=Scripted())
    assert files(at) == whole


def test_tools_that_are_lost_stop_it_and_lose_nothing(make, monkeypatch):
    at = make()
    explore(at, model=Scripted())
    whole = files(at)
    fresh(at)
    box, made = type(resources.toolbox(at)), []
    execute = box.execute

    async def until_it_dies(self, call):
        made.append(call)
        return await execute(self, call)

    with monkeypatch.context() as patched:
        patched.setattr(box, "execute", until_it_dies)
        patched.setattr(box, "lost", property(lambda _: "the server is gone" if len(made) > 16 else ""))
        with pytest.raises(UserError, match=r"^the server is gone; nothing is lost: start it and run the same command"):
            explore(at, model=Scripted())
    kept = files(at)
    assert kept and kept != whole and all(whole[name].startswith(content) for name, content in kept.items())
    explore(at, model=Scripted())
    assert files(at) == whole


def test_a_text_that_is_refused_costs_its_trial_and_not_the_run(make):
    at = make()

    class Prudish(Scripted):
        def __init__(self, share):
            super().__init__()
            self.share = share

        async def complete(self, messages, **options):
            text = "".join(one["content"] for one in messages)
            if (text != "Hello" and zlib.crc32(text.encode()) % 100 < self.share) or self.share > 100:
                raise RequestRefused("model m: 400 content policy")
            return await super().complete(messages, **options)

    explore(at, model=Prudish(15))
    (record,) = run_records(at, "full", 0)
    assert record.stopped is None and record.did["refused"] > 0 and len(read_trials(at, "full", 0)) == 20
    assert any(one.solved is False and not one.reflection for one in read_trials(at, "full", 0))
    fresh(at)
    with pytest.raises(UserError, match=r"^model m: 400 content policy$"):
        explore(at, model=Prudish(101))
    assert not any(files(at).values()), "an option was to blame: no trial is spoilt"


def test_replies_held_to_a_form_are_not_mixed_with_free_ones(make):
    explore(make(), model=Scripted())
    with pytest.raises(UserError, match=r"was explored with constrained: false, and now it is true"):
        explore(make(constrained=True, episodes=3), model=Scripted())
    at = make(episodes=3)
    for note in (at.explored("full", 0) / ".run").glob("*.json"):
        said = json.loads(note.read_text())
        if said.pop("constrained", None) is not None:  # as before it was noted
            note.write_text(json.dumps(said))
    explore(at, model=Scripted())
    assert len(read_trials(at, "full", 0)) == 30


class Bold(Scripted):
    """Writes labels in bold, and each call twice."""

    async def complete(self, messages, **options):
        told = await super().complete(messages, **options)
        text = told.text.replace("Action:", "**Action:**").replace("Action Input:", "**Action Input:**")
        text = f"{text}\n{text}" if "Action" in text else text
        return replace(told, choices=(replace(told.choices[0], text=text),))


def test_how_replies_are_read_is_a_setting_that_the_results_name(make):
    at = make()
    explore(at, model=Bold())
    (run,) = run_records(at, "full", 0)
    assert run.did["calls"] > 0 and run.did["further_calls"] == run.did["calls"]
    assert "calls after the first of a reply were not made" in explore_run.note(at, "full", 0)
    notes = list((at.explored("full", 0) / ".run").glob("*.json"))
    assert notes and all(json.loads(note.read_text())["rule"] == "lenient" for note in notes)


def test_read_strictly_such_replies_are_refused_for_their_form(make):
    at = make(rule="strict")
    explore(at, model=Bold())
    assert run_records(at, "full", 0)[0].did["calls"] == 0
    problems = {step.problem for trial in read_trials(at, "full", 0) for step in trial.steps if step.problem}
    assert problems and not any("no tool" in problem for problem in problems)


def test_trials_from_before_the_rule_was_noted_were_read_strictly(make):
    at = make(rule="strict")
    explore(at, model=Scripted())
    for note in (at.explored("full", 0) / ".run").glob("*.json"):
        said = json.loads(note.read_text())
        if said.pop("rule", None) is not None:
            note.write_text(json.dumps(said))
    explore(make(rule="strict", episodes=3), model=Scripted())
    assert len(read_trials(make(rule="strict", episodes=3), "full", 0)) == 30


def test_a_full_disk_is_one_line(make, monkeypatch):
    at = make()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="cannot be written: No space left on device"):
            explore(at, model=Scripted())
    explore(at, model=Scripted())
    assert len(read_trials(at, "full", 0)) == 20


# --- failing servers --------------------------------------------------------------------------------------------------


def test_a_fifth_of_requests_failing_loses_nothing(make):
    with chat_server.running() as url:
        at = make(url, episodes=2)
        explore(at)
    whole = files(at)
    fresh(at)
    with chat_server.running(fail=0.2, seed=4) as url:
        at = make(url, model={"timeout": 2.0, "retries": 8}, episodes=2)
        (record,) = explore(at)
    assert files(at) == whole and len(read_trials(at, "full", 0)) == 20 and record.stopped is None
    assert record.requests >= record.did["requests"]  # garbage is paid for


def test_kept_completions_are_not_asked_for_again(make):
    with chat_server.running() as url:
        at = make(url, model={"cache": True})
        (first,) = explore(at)
        whole = files(at)
        shutil.rmtree(at.results / "exploration")
        (second,) = explore(at)
    assert files(at) == whole and first.requests > 80 and second.requests == 0
    assert second.did == first.did


# --- budget -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [{"requests": 25}, {"tokens": 2_500}, {"money": 25.0}], ids=str)
def test_a_budget_stops_after_whole_trials_and_each_run_goes_on(make, limit):
    at = make()
    explore(at, model=Scripted())
    whole = files(at)
    fresh(at)
    done = []
    for _ in range(30):
        budget = Budget(**limit)
        model = Scripted(budget, jitter=0.002)
        try:
            explore(at, model=model, budget=budget)
            break
        except BudgetSpent as error:
            assert "\n" not in str(error) and "what is done is kept" in str(error)
        assert budget.used_requests <= 25 and budget.used_tokens <= 2_500 and not budget._held
        done.append(len(read_trials(at, "full", 0)))
    assert files(at) == whole
    assert done == sorted(set(done)) and len(done) < 12  # each run gets further, and most of what it pays for is kept


def test_the_study_names_the_budget_and_the_command_says_it_is_spent(make, tmp_path, capsys):
    with chat_server.running() as url:
        make(url, budget={"requests": 12})
        path = str(tmp_path / "trial.yaml")
        assert cli.main(["explore", path]) == 2
        assert one_line(capsys.readouterr().err).startswith("ste: the budget of 12 requests")
        at = make(url)
        assert 0 < len(read_trials(at, "full", 0)) < 20
        assert cli.main(["explore", path]) == 0
    assert len(read_trials(at, "full", 0)) == 20
    assert re.search(r"^\d+ trials, \d+ requests, [\d,]+ tokens, \d+ s: ", capsys.readouterr().out, re.MULTILINE)


# --- estimate ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_it_takes_and_asks_nothing(make, tmp_path, capsys):
    at = make(model={"prices": [1.0, 4.0], "requests_per_minute": 120.0}, variants=["full", "no_feedback"])
    assert cli.main(["explore", str(tmp_path / "trial.yaml"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("40 trials to go: about 140 requests (at most 620), ") and "at 2.0 requests a second" in said
    assert not at.results.exists()
    likely = expected_cost(at)
    assert likely.cost == pytest.approx((likely.prompt_tokens + 4 * likely.completion_tokens) / 1e6)
    assert expected_cost(at, variants=["full"], tools=known_tools()[:2]).trials == 8
    pretrained = expected_cost(make(model={"prompts": "instruct"}, values_first=True, novelty=0.9))
    assert pretrained.most_requests == 20 * (3 + 3 + 4 * 3 + 1)  # asked again for queries, close ones and calls
    unknown = expected_cost(make(), shard=(1, 5)).text()
    assert unknown.endswith(", time unknown before the first requests, no prices in the study file")


def test_the_estimate_comes_true_once_trials_are_measured(make):
    at = make(episodes=12)
    budget = Budget()
    explore(make(episodes=2), model=Scripted(budget, jitter=0.001), budget=budget)
    before = expected_cost(at)
    assert (before.done, before.trials) == (20, 100) and before.rate
    (record,) = explore(at, model=Scripted(budget, jitter=0.001), budget=budget)
    assert before.requests == pytest.approx(record.requests, rel=0.15) and record.requests <= before.most_requests
    after = expected_cost(at)
    assert (after.trials, after.text()) == (0, "nothing to do: all 120 trials are done")


def test_estimated_tokens_are_those_a_server_counts(make):
    with chat_server.running() as url:
        explore(make(url, episodes=2))
        likely = expected_cost(make(url, episodes=8))
        (record,) = explore(make(url, episodes=8))
    assert likely.prompt_tokens == pytest.approx(record.did["prompt_tokens"], rel=0.2)


# --- mistakes ---------------------------------------------------------------------------------------------------------


def command(capsys, *arguments):
    code = cli.main(["explore", *map(str, arguments)])
    assert code == 2
    return one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tools", "add_dyas"], "tools: no tool 'add_dyas'; did you mean "),
        (["--tools", ""], "tools: no tool ''; there are: "),
        (["--variant", "no_feedbak"], "variant: no variant 'no_feedbak'; did you mean 'no_feedback'?"),
        (["--shard", "3/2"], "shard 3/2: must be one of 1/2 to 2/2"),
        (["--shard", "0/0"], "shard 0/0: must be one of"),
        (["--shard", "half"], "shard half: must be two numbers, as 2/5"),
        (["--seed", "-1"], "seed: must be 0 or greater, not -1"),
    ],
)
def test_wrong_arguments_are_one_line(make, tmp_path, capsys, arguments, said):
    make()
    assert said in command(capsys, tmp_path / "trial.yaml", *arguments)


def test_an_unreachable_model_is_one_line_and_loses_nothing(make, tmp_path, capsys):
    with chat_server.running() as url:
        at = make(url, episodes=1)
        explore(at)
    before = files(at)
    make(url, model={"retries": 0}, episodes=2)
    assert f"model m at {url}: Connection error" in command(capsys, tmp_path / "trial.yaml")
    assert files(at) == before


def test_a_wrong_or_missing_key_is_one_line(make, tmp_path, capsys, monkeypatch):
    make(model={"base_url": None})
    assert "OPENAI_API_KEY: not set" in command(capsys, tmp_path / "trial.yaml")
    make(model={"key_env": "OTHER_KEY"})
    assert "OTHER_KEY: not set in the environment" in command(capsys, tmp_path / "trial.yaml")
    monkeypatch.setenv("OTHER_KEY", "sk-wrong-1234567890")
    with chat_server.running(key="sk-right") as url:
        make(url, model={"key_env": "OTHER_KEY"})
        said = command(capsys, tmp_path / "trial.yaml")
        assert "Error code: 401" in said and "***" in said and "sk-wrong" not in said
        monkeypatch.setenv("OTHER_KEY", "sk-right")
        at = make(url, model={"key_env": "OTHER_KEY"}, episodes=1)
        explore(at, tools=known_tools()[:1])
    assert "OPENAI_API_KEY" not in os.environ and len(read_trials(at, "full", 0)) == 2


def test_a_context_too_short_is_one_line(make, tmp_path, capsys):
    make(context=400)
    said = command(capsys, tmp_path / "trial.yaml")
    assert "exploration.max_tokens 360 to answer exceeds the context of 400" in said


def test_a_tool_without_description_is_one_line(make):
    box = FunctionToolbox([])
    box._set_tools([Tool(name="silent")])
    with pytest.raises(UserError, match=r"^tool 'silent': has no description, so nothing can be imagined for it"):
        explore(make(tools=None), model=Scripted(), toolbox=box)


def test_a_study_without_exploration_or_world_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    path = tmp_path / "other.yaml"
    path.write_text("name: other\n")
    assert "study 'other': exploration: missing" in command(capsys, path)
    path.write_text("name: other\nmodels: {m: {kind: local, path: x}}\nexploration: {model: m}\n")
    assert "study 'other': world: missing" in command(capsys, path)
    path.write_text("name: other\nmodels: {m: {kind: local, path: no/such/model}}\nexploration: {model: m}\n"
                    "world: {tools: 'microworld.tools:toolbox', test_set: x, dev_set: y}\n")  # fmt: skip
    assert "cannot be loaded: no such folder" in command(capsys, path)


def test_misspelt_keys_are_one_line_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nmodels: {m: {kind: local, path: x}}\nexploration: {model: m, epsiodes: 3}\n")
    done = run_ste("explore", path)
    assert done.returncode == 2 and one_line(done.stderr).endswith("exploration.epsiodes: no such key; did you mean "
                                                                   "'episodes'?")  # fmt: skip


def test_in_a_notebook_with_a_running_loop(make):
    async def cell():
        return explore(make(), shard=(1, 5), model=Scripted(), progress=True)

    (record,) = asyncio.run(cell())
    assert record.trials == 4


def test_the_bar_tells_rate_and_share_solved(make, capsys):
    explore(make(), model=Scripted(tokens=1000), progress=True)
    assert capsys.readouterr().err.count("trial") > 0
    bar = explore_run._Watch(_Bar(), Budget(used_requests=5, used_tokens=1234, cost=2.5))
    trial = read_trials(make(), "full", 0)[0]
    bar.saw(judged=1, solved=1)
    bar.ended(trial.model_copy(update={"solved": False}))
    assert re.fullmatch(r"50% solved, [\d.]+ requests/s, 1,234 tokens, 2.50 spent", bar.bar.said)
    assert replace(bar) == bar


class _Bar:
    said = ""

    def set_postfix_str(self, text, refresh):
        self.said = text

    def update(self):
        pass
