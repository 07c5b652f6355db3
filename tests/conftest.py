"""Shared by all tests: where the project and the authors' release are, and a made-up release of the same shape."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock
from support import write_json

from ste_core.release import paper


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kills 20`: at how many random moments of an exploration its tools' server is killed."""
    parser.addoption("--kills", type=int, default=3, help="moments at which an MCP server is killed (default 3)")
    parser.addoption("--mutants", type=int, default=300, help="mutated server replies to try (all of them: 20000)")


#: pinned: a new one may rename its tools
EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"


@pytest.fixture(scope="session")
def everything() -> list[str]:
    """The command of MCP's own reference server, without the transport; installed from npm once a machine."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = Path.home() / ".cache/ste-study/npm" / EVERYTHING.rpartition("@")[2]
    program = folder / "node_modules/.bin/mcp-server-everything"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # tests may run in several processes
        if not program.exists():
            install = [npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", EVERYTHING]
            try:
                done = subprocess.run(install, capture_output=True, text=True, timeout=300)
            except subprocess.TimeoutExpired:
                pytest.skip("npm install took more than 300 s")
            if done.returncode:
                pytest.skip(f"npm cannot install {EVERYTHING}: {done.stderr.strip()[-200:]}")
    return [str(program)]


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
        if rng.random() < 0.05:
            output = output.replace("<tool_", "<tool_the ")  # a made-up name, mapped to the closest
        item = {"query": f"query {number} of {api}", "action": api, "action_input": json.dumps(gold), "no_call": 0}
        if rng.random() < 0.05:
            items.append(item | {"model_output": "I cannot help with that.", "err": 1})
            continue
        verdict = {"err": 0, "api_match": int(called == api)}
        if called == api:
            right = arguments == gold or not gold
            if (api, number) == (paper.STRING_RULE_APIS[20], 1):
                right = arguments == {"value": "other"}  # scored against another gold than the released one
            verdict["args_correct"] = int(right)
        items.append(item | {"model_output": output} | verdict)
    return items
