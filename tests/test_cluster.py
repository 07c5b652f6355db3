"""A study through an executor and through a server of ours: the same results as in one process on one machine."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import openai
import pytest
import yaml
from faults import chat_server
from support import ROOT, one_line, run_ste
from tiny import conversation, make_model

from ste_core.core import config
from ste_core.core.errors import UserError
from ste_core.models.base import gather
from ste_core.models.local import LocalChat
from ste_core.models.openai import OpenAIChat
from ste_core.pipeline import explore_run, stages

SUBMIT = ROOT / "profiles" / "submit"

#: tools of the microworld that need no argument, some of those that do
TOOLS = ["current_moment", "country_fact"]


def write_study(path, **sections):
    path.write_text(yaml.safe_dump({"name": "trial", "extends": "smoke", **sections}))
    return path


# --- a server of ours -------------------------------------------------------------------------------------------------


@contextmanager
def serving(model, name="micro"):
    """`ste serve` as a process of its own, on any free port; gives its base URL."""
    command = [sys.executable, "-m", "ste_core", "serve", str(model), "--name", name, "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline()
            assert said.startswith(f"{name} at http://127.0.0.1:"), said
            yield said.split(" at ")[1].strip()
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("tiny"), layers=2)


@pytest.fixture(scope="module")
def url(tiny):
    with serving(tiny) as url:
        yield url


def test_a_served_model_says_what_it_says_in_process(tiny, url):
    asked = [(conversation(number), number % 3 / 2, number) for number in range(12)]

    def answers(model):
        async def all_at_once():
            return await gather(
                [
                    model.complete(one, temperature=heat, seed=seed, max_tokens=12, n=1 + seed % 3, stop=["city"])
                    for one, heat, seed in asked
                ]
            )

        return asyncio.run(all_at_once())

    local, served = LocalChat.load(tiny), OpenAIChat("micro", base_url=url, tokenizer=str(tiny), context=1024)
    there, here = answers(served), answers(local)
    assert [[one.text for one in each.choices] for each in there] == [
        [one.text for one in each.choices] for each in here
    ]
    assert [(one.prompt_tokens, one.completion_tokens) for one in there] == [
        (one.prompt_tokens, one.completion_tokens) for one in here
    ]
    assert len({one.text for one in here}) > 6
    assert [served.count(one) for one, _, _ in asked] == [local.count(one) for one, _, _ in asked]
    assert (served.context, local.context) == (1024, 1024)


def test_what_a_server_cannot_answer_is_one_line(tiny, url):
    messages = [{"role": "user", "content": "hi"}]
    for options, says in (
        ({"model": "other"}, r"no model 'other' here; there is: micro"),
        ({"temperature": -1}, r"temperature: .*greater than or equal to 0"),
        ({"messages": []}, r"messages: "),
        ({"max_tokens": 5000}, r"exceed its context of 1024"),
        ({"logprobs": True}, r"logprobs: "),
    ):
        with (
            openai.OpenAI(api_key="none", base_url=url, max_retries=0) as client,
            pytest.raises(openai.APIStatusError, match=says) as caught,
        ):
            client.chat.completions.create(**({"model": "micro", "messages": messages} | options))
        assert caught.value.status_code in (400, 404)
    with openai.OpenAI(api_key="none", base_url=url) as client:
        assert [one.id for one in client.models.list()] == ["micro"]
    with pytest.raises(UserError, match=r"^tokenizer /nowhere: cannot be loaded"):
        OpenAIChat("micro", base_url=url, tokenizer="/nowhere").count(messages)
    port = url.split(":")[2].split("/")[0]
    done = run_ste("serve", tiny, "--port", port)
    assert done.returncode == 2 and f"--port {port}: cannot listen there" in one_line(done.stderr)


def test_a_study_is_the_same_in_process_and_behind_a_server(tiny, url, tmp_path, monkeypatch):
    """Trials and answers, byte for byte: prompts are counted, cut and sampled alike."""
    made = {}
    for way, model in (
        ("local", {"kind": "local", "path": str(tiny), "threads": 1, "prompts": "small"}),
        ("served", {"kind": "openai", "model": "micro", "base_url": url, "tokenizer": str(tiny), "prompts": "small"}),
    ):
        monkeypatch.setenv("STE_RESULTS", str(tmp_path / way))
        part = {"tools": TOOLS, "episodes": 1, "context": 700, "max_tokens": 12, "variants": ["full"]}
        part |= {"model": "micro"}
        this = config.load(
            write_study(
                tmp_path / "trial.yaml", models={"micro": model}, exploration=part,
                exploitation={"candidate_count": 1, "max_tokens": 8, "temperature": 1.0, "context": 1000},
            )
        )  # fmt: skip
        explore_run.explore(this)
        stages.answer_items(this, "baseline")
        files = [*this.explored("full", 0).glob("*.jsonl"), stages.predictions_file(this, "baseline", "all", 0)]
        made[way] = {path.name: path.read_bytes() for path in files}
    assert len(made["local"]) == 3 and made["local"] == made["served"]


# --- an executor ------------------------------------------------------------------------------------------------------


def scripted_study(path, url):
    """Every stage but fine-tuning, small, with a model that answers by script; nothing is judged, so all is learnt."""
    return write_study(
        path,
        statistics={"resamples": 99},
        models={"micro": {"kind": "openai", "model": "m", "base_url": url, "concurrency": 16, "prompts": "small"}},
        exploration={"tools": TOOLS, "episodes": 1, "variants": ["full"]},
        distillation={"judge": False, "max_paraphrases": 0},
        exploitation={"context": None},
        finetuning=None,
        continual=None,
        ablations=None,
    )


def run(path, where, *more, **environment):
    return run_ste("run", path, *more, timeout=1200, STE_RESULTS=where / "results", STE_FIGURES=where / "figures",
                   **environment)  # fmt: skip


def made(where):
    """What a run leaves for readers: tables, notebooks, figures, records."""
    kinds = ("tables", "notebooks", "figures", "exploration", "distilled", "predictions")
    return {
        path.relative_to(where): path.read_bytes()
        for path in sorted(where.rglob("*"))
        if path.is_file() and path.suffix != ".done" and ".run" not in path.parts and set(path.parts) & set(kinds)
    }


def test_jobs_as_separate_processes_make_what_a_local_run_makes(tmp_path):
    pytest.importorskip("snakemake_executor_plugin_cluster_generic")
    with chat_server.running() as url:
        path = scripted_study(tmp_path / "trial.yaml", url)
        local = run(path, tmp_path / "local", "--cores", 2)
        assert local.returncode == 0, local.stderr
        jobs = tmp_path / "jobs"
        done = run(path, tmp_path / "apart", "--profile", "profiles/submit", "--shards", 2, STE_JOBS=jobs)
    assert done.returncode == 0, done.stderr + done.stdout
    ran = sorted(jobs.iterdir())
    assert len(ran) >= 6 and {(one / "code").read_text() for one in ran} == {"0\n"}
    assert len({(one / "pid").read_text() for one in ran}) == len(ran)
    here, there = made(tmp_path / "local"), made(tmp_path / "apart")
    differ = {str(name) for name in here if there.get(name) != here[name]}
    # two shards leave two notebooks of exploring instead of one
    assert all("30_explore" in name for name in differ) and len([one for one in there if one.suffix == ".csv"]) >= 7
    assert here.keys() - there.keys() <= {one for one in here if "30_explore" in str(one)}


def test_submitted_jobs_run_end_fail_and_are_cancelled(tmp_path):
    def script(text):
        path = tmp_path / f"{text.replace(' ', '_')}.sh"  # a job may read its script after the next was submitted
        path.write_text(text)
        said = subprocess.run([SUBMIT / "submit.py", path], env=environment, capture_output=True, text=True, check=True)
        return said.stdout.strip()

    def state(job):
        return subprocess.run([SUBMIT / "status.py", job], capture_output=True, text=True, check=True).stdout.strip()

    def at_the_end(job):
        deadline = time.monotonic() + 300
        while state(job) == "running" and time.monotonic() < deadline:
            time.sleep(0.1)
        return state(job)

    environment = os.environ | {"STE_JOBS": str(tmp_path / "jobs")}
    good, bad = script("echo hello"), script("exit 3")
    assert (at_the_end(good), at_the_end(bad)) == ("success", "failed")
    assert (tmp_path / "jobs" / good / "log").read_text() == "hello\n"
    endless, killed = script("sleep 600"), script("sleep 600")
    assert state(endless) == state(killed) == "running"
    os.killpg(int((tmp_path / killed / "pid").read_text()), signal.SIGKILL)
    subprocess.run([SUBMIT / "cancel.py", endless, "nothing"], check=True)
    assert (at_the_end(endless), at_the_end(killed)) == ("failed", "failed")


def test_profiles_are_what_snakemake_reads():
    """Each key is an option of Snakemake, of a plugin that is there, or a rule's resource."""
    options = subprocess.run([sys.executable, "-m", "snakemake", "--help"], capture_output=True, text=True).stdout
    stages_written = re.findall(r'^    (?:\*\()?Stage\(f?"([a-z_]+)', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    rules = {*stages_written}  # of a study's first learner; `icl_2` and the like are of others
    for path in sorted((ROOT / "profiles").glob("*/config.yaml")):
        profile = yaml.safe_load(path.read_text())
        for key in profile:
            plugin = key.startswith(profile["executor"].split("-")[0])
            assert plugin or f"--{key}" in options, (path, key)
        assert set(profile.get("set-resources", {})) <= rules, path


def test_a_profile_that_is_not_there_is_one_line(tmp_path):
    done = run(write_study(tmp_path / "trial.yaml"), tmp_path, "--profile", tmp_path / "nowhere")
    assert done.returncode == 2 and "no folder with a config.yaml" in one_line(done.stderr)


def test_a_study_uses_the_experience_of_another(tmp_path, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path))
    this = config.load(write_study(tmp_path / "trial.yaml", experience="smoke"))
    assert this.results == tmp_path / "trial" and this.explored("full", 0) == tmp_path / "smoke/exploration/full/seed0"
    assert stages.distilled_folder(this, "full", 0).is_relative_to(tmp_path / "smoke")
    assert stages.predictions_file(this, "icl", "full", 0).is_relative_to(tmp_path / "trial")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: a\nextends: a_study_that_is_not\n", r"a_study_that_is_not\.yaml: no such study"),
        ("name: a\nextends: 3\n", r"extends: must be the name of a study, not 3"),
        ("name: a\nextends: {path}\n", r"extends: .*: in a circle"),
        (
            "name: a\nextends: smoke\nexploration: {{epsiodes: 1}}\n",
            r"exploration\.epsiodes: no such key; did you mean",
        ),
        ("name: a\nextends: smoke\nmodels: {{micro: {{kind: openai, api_key: abc}}}}\n", r"a key does not belong"),
    ],
)
def test_mistakes_of_extending_are_one_line(tmp_path, text, says):
    path = tmp_path / "a.yaml"
    path.write_text(text.format(path=path))
    with pytest.raises(UserError, match=says) as caught:
        config.load(path)
    assert "\n" not in str(caught.value)


def test_sections_are_extended_key_by_key(tmp_path):
    base = config.load("smoke")
    this = config.load(write_study(tmp_path / "a.yaml", exploration={"episodes": 7}, finetuning=None))
    assert this.exploration == base.exploration.model_copy(update={"episodes": 7}) and this.finetuning is None
    assert json.loads(this.model_dump_json())["models"] == json.loads(base.model_dump_json())["models"]
