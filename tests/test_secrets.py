"""Keys: planted in the environment of a run, they are in nothing that the run leaves behind."""

import subprocess
import time
from pathlib import Path

import pytest
import yaml
from faults import chat_server
from support import ROOT, one_line, run_ste

from ste_core.core import config
from ste_core.core.errors import UserError

#: of lower case, as the scripted server wants it
KEY = "sk-planted-7f3a9c51d2e84b60"

#: what else a user may have set, and no run needs
OTHERS = {
    "TOOLBENCH_KEY": "tb-planted-5520113",
    "RAPIDAPI_KEY": "ra-planted-9981247",
    "HF_TOKEN": "hf_planted6633180572",
}


def write_study(path, url, **model):
    """Every stage but fine-tuning on one tool, with a model that answers by script."""
    chosen = {"kind": "openai", "model": "m", "base_url": url, "cache": True, "key_env": "MY_KEY", "timeout": 20.0}
    chosen["prompts"] = "small"
    content = {
        "name": "trial", "extends": "smoke", "statistics": {"resamples": 99}, "models": {"micro": chosen | model},
        "exploration": {"tools": ["current_moment"], "episodes": 1, "variants": ["full"]},
        "distillation": {"judge": False, "max_paraphrases": 0}, "exploitation": {"context": None}, "finetuning": None,
        "continual": None, "ablations": None,
    }  # fmt: skip
    path.write_text(yaml.safe_dump(content))
    return path


def run(path, where, *more, key=KEY):
    return run_ste("run", path, "--cores", 2, *more, timeout=1200, STE_RESULTS=where / "results",
                   STE_FIGURES=where / "figures", MY_KEY=key, STE_JOBS=where / "jobs", **OTHERS)  # fmt: skip


def holding(*texts, places):
    """The files that hold one of the texts, in whatever encoding is likely."""
    wanted = [form for text in texts for form in (text.encode(), text.encode("utf-16-le"), text.encode()[::-1])]
    found = []
    for place in places:
        for file in [place] if place.is_file() else place.rglob("*"):
            if file.is_file() and any(form in file.read_bytes() for form in wanted):
                found.append(file)
    return found


def left_by_snakemake(since):
    """What Snakemake keeps in the project's folder: logs, records of jobs."""
    return [
        file
        for file in (ROOT / ".snakemake").rglob("*")
        if file.is_file() and "conda" not in file.parts and file.stat().st_mtime >= since - 1
    ]


@pytest.mark.parametrize("profile", [None, "profiles/submit"])
def test_a_run_leaves_no_key_behind(tmp_path, profile):
    if profile:
        pytest.importorskip("snakemake_executor_plugin_cluster_generic")
    since = time.time()
    with chat_server.running(key=KEY) as url:
        path = write_study(tmp_path / "trial.yaml", url)
        done = run(path, tmp_path, *(["--profile", profile] if profile else []))
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "results").rglob("completions.sqlite")) and list((tmp_path / "results").rglob("*.ipynb"))
    assert (tmp_path / "results" / "trial" / "run.json").exists() and (tmp_path / "results/trial/run.log").exists()
    assert bool(list(tmp_path.glob("jobs/*/log"))) == bool(profile)
    said = tmp_path / "said.txt"
    said.write_text(done.stdout + done.stderr)
    assert holding(KEY, *OTHERS.values(), places=[tmp_path, *left_by_snakemake(since)]) == []


def test_a_refused_key_is_in_no_message(tmp_path):
    """The server repeats the key in its refusal, as some do."""
    since = time.time()
    wrong = KEY.replace("7f3a", "0000")
    with chat_server.running(key=KEY) as url:
        path = write_study(tmp_path / "trial.yaml", url, retries=0)
        done = run(path, tmp_path, key=wrong)
    assert done.returncode != 0 and "Incorrect API key" in done.stderr and "***" in done.stderr
    assert "Traceback" not in done.stderr
    said = tmp_path / "said.txt"
    said.write_text(done.stdout + done.stderr)
    assert list((tmp_path / "results").rglob("30_explore*.ipynb"))  # the failed notebook is kept
    assert holding(wrong, *OTHERS.values(), places=[tmp_path, *left_by_snakemake(since)]) == []


def test_the_search_finds_what_is_there(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.bin").write_bytes(b"\0\1" + KEY.encode() + b"\2")
    assert holding(KEY, places=[tmp_path]) == [tmp_path / "a" / "b.bin"]


@pytest.mark.parametrize(
    "place",
    [
        "models: {m: {kind: openai, model: m, key_env: KEY}}",
        "models: {m: {kind: openai, model: KEY}}",
        "models: {m: {kind: openai, model: m, base_url: 'http://user:KEY@127.0.0.1/v1'}}",
        "finetuning: {base: x, launch: [accelerate, --token, KEY]}",
        "world: {toolbench: {descriptions: x, url: KEY}}",
        "experience: KEY",
        "api_key: KEY",
    ],
)
def test_a_key_in_a_study_file_is_refused_and_not_repeated(tmp_path, place):
    path = tmp_path / "trial.yaml"
    path.write_text("name: trial\n" + place.replace("KEY", KEY) + "\n")
    with pytest.raises(UserError) as caught:
        config.load(path)
    assert KEY not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("api_key", "abc"), ("variant", KEY), ("study", "http://me:abc@host")])
def test_a_notebook_takes_no_key_as_a_parameter(tmp_path, name, value):
    done = run_ste("notebook", ROOT / "notebooks" / "30_explore.ipynb", tmp_path / "out.ipynb", "-p", name, value)
    assert done.returncode == 2 and f"-p {name}: a key does not belong in a parameter" in one_line(done.stderr)
    assert value not in done.stdout + done.stderr.replace("a key does", "") and not (tmp_path / "out.ipynb").exists()


def test_a_mistaken_study_is_run_without_repeating_the_key(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_text(f"name: trial\napi_key: {KEY}\n")
    done = run_ste("run", path)
    assert done.returncode == 2 and KEY not in one_line(done.stderr) and "api_key" in done.stderr


def test_a_dotenv_file_is_outside_version_control():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    ignored = subprocess.run(["git", "check-ignore", ".env"], cwd=ROOT, capture_output=True, text=True, check=False)
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ignored.stdout.strip() == ".env"
    assert not [name for name in tracked.stdout.split() if Path(name).name.startswith(".env")]
