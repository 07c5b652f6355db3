"""Shared by all tests: where the project and the authors' release are, and a made-up release of the same shape."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from ste_core import paper

ROOT = Path(__file__).resolve().parents[1]


def run_ste(*arguments: object, timeout: float = 300, **environment: object) -> subprocess.CompletedProcess[str]:
    """The `ste` command in a process of its own, in the project's folder, with extra environment variables."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STE_", "OPENAI_"))}
    env |= {name: str(value) for name, value in environment.items()}
    command = [sys.executable, "-m", "ste_core", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout, check=False)


def one_line(text: str) -> str:
    """The single line of an error message; fails on a traceback or several lines."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


@pytest.fixture(scope="session")
def release_dir() -> Path:
    """The authors' release; tests that ask for it are skipped where it is not at hand."""
    named = os.environ.get("STE_RELEASE")
    if not named:
        pytest.skip("STE_RELEASE is not set: the authors' release is not at hand")
    return Path(named).resolve()


@pytest.fixture(scope="session")
def made_up_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of the authors' shape with made-up answers: 22 files, 50 APIs, 3 items each, seeded."""
    root = tmp_path_factory.mktemp("release")
    rng = random.Random(7)
    apis = [*paper.STRING_RULE_APIS, *(f"Made Up%%api {number}" for number in range(19))]
    rng.shuffle(apis)
    batches = [apis[:12], apis[12:25], apis[25:37], apis[37:]]
    write_json(root / paper.API_LIST, apis)
    write_json(root / paper.BATCHES, batches)
    for number, name in enumerate(paper.FILES):
        if name.startswith("gpt"):
            continue
        learnt = int(name.split("_")[2]) + 1 if name.startswith("CL_round") else 4
        known = [api for batch in batches[:learnt] for api in batch]
        skill = 0.2 + 0.7 * (number % 5) / 4
        write_json(root / f"{paper.PREDICTIONS}/{name}.json", {api: _items(api, known, skill, rng) for api in known})
    return root


def _items(api: str, known: list[str], skill: float, rng: random.Random) -> list[dict]:
    items = []
    for number in range(3):
        gold = {} if api in paper.STRING_RULE_APIS[:12] else {"value": f"v{number}", "count": number}
        good = rng.random() < skill
        arguments = gold if good or rng.random() < 0.3 else {"value": "other"}
        called = api if good or rng.random() < 0.5 else rng.choice(known)
        output = f"Action: <tool_{called}>\nAction Input: {json.dumps(arguments)}"
        item = {"query": f"query {number} of {api}", "action": api, "action_input": json.dumps(gold), "no_call": 0}
        if rng.random() < 0.05:
            items.append(item | {"model_output": "I cannot help with that.", "err": 1})
            continue
        verdict = {"err": 0, "api_match": int(called == api)}
        if called == api:
            verdict["args_correct"] = int(arguments == gold or not gold)
        items.append(item | {"model_output": output} | verdict)
    return items


def write_json(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path
