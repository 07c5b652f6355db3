"""`CONTRIBUTING.md`: every block of code goes where its first line says, in a copy of the project, and works."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import yaml
from faults import chat_server
from support import ROOMS, ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(?:python|yaml)\n# (\S+), ([^\n]*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
COPIED = ("ste_core", "microworld", "study", "notebooks", "Snakefile", "results/microworld/tables")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with every block of the page in its place."""
    root = tmp_path_factory.mktemp("project")
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    for path, where, code in BLOCKS:
        put(root / path, where, code)
    return root


def put(path: Path, where: str, code: str) -> None:
    """Put code where a reader would: at the end, after a line, instead of a text, in a new file."""
    if where == "a new file":
        assert not path.exists(), path
        path.write_text(code, encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    how, _, place = where.partition(": ")
    if where == "at the end":
        text += "\n\n" + code
    elif how == "after":
        assert text.count(place + "\n") == 1, f"{path}: {place}"
        text = text.replace(place + "\n", place + "\n" + code)
    elif how == "instead of":
        assert text.count(place) == 1, f"{path}: {place}"
        text = text.replace(place, code.removesuffix("\n"))
    else:
        assert how == "wherever there is" and place in text, where
        text = text.replace(place, code.removesuffix("\n"))
    path.write_text(text, encoding="utf-8")


def run(project: Path, *command: str, **environment: str) -> str:
    """What a command in the copy prints; it imports the copy's modules, not the project's."""
    done = subprocess.run(
        [sys.executable, *command], cwd=project, capture_output=True, text=True, timeout=600, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith(("STE_", "OPENAI_", "PYTHON"))}
        | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(project: Path, code: str, **environment: str) -> str:
    return run(project, "-c", code, **environment)


def test_every_block_says_where_it_goes() -> None:
    assert len(BLOCKS) == len(re.findall(r"^```\w", PAGE, re.MULTILINE)) == 12


def test_the_picture_is_true() -> None:
    """It shows the rooms in the order that import-linter holds, and the table below it names each module."""
    rooms = re.findall(r"^ {7}\+-> ([a-z]+)  ", PAGE, re.MULTILINE)
    assert rooms[0] == "cli" and rooms[1:] == [*reversed(ROOMS)]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert contracts[0]["layers"] == ["__main__", *rooms]
    assert re.findall(r"^\| `([a-z]+)/` \|", PAGE, re.MULTILINE) == list(ROOMS)
    for room in ROOMS:
        (told,) = re.findall(rf"^\| `{room}/` \|(.*)$", PAGE, re.MULTILINE)
        modules = {path.stem for path in (ROOT / "ste_core" / room).iterdir() if not path.stem.startswith("_")}
        assert {name for name in modules if f"`{name}`" not in told and f"`{name}/`" not in told} <= {
            "aio", "errors", "paper_reported", "release_manifest", "style",
        }, room  # fmt: skip


def test_the_blocks_are_in_the_house_style(project: Path) -> None:
    changed = sorted({path for path, _, _ in BLOCKS if path.endswith(".py")})
    shutil.copy(ROOT / "pyproject.toml", project / "pyproject.toml")
    run(project, "-m", "ruff", "check", *changed)


def test_add_a_tool(project: Path) -> None:
    told = run(project, "-m", "microworld.test_set.make")
    assert told.splitlines() == ["wrote test.jsonl: 765 items", "wrote dev.jsonl: 255 items"]
    for split, number in (("test", 15), ("dev", 5)):
        before, after = (
            (where / "microworld" / "test_set" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
            for where in (ROOT, project)
        )
        new = [json.loads(line) for line in after if line not in set(before)]
        assert [line for line in after if line in set(before)] == before, "the other tools' items have changed"
        assert [one["gold"]["tool"] for one in new] == ["count_vowels"] * number
        for one in new:
            text = one["gold"]["arguments"]["text"]
            assert text in one["query"] and one["result"] == sum(text.count(vowel) for vowel in "aeiou")


def test_add_a_model_behind_a_server(project: Path) -> None:
    name, key = "my_server", "a-key-of-mine"
    with chat_server.running(key=key) as url:
        path = project / "study" / f"{name}.yaml"
        given = path.read_text(encoding="utf-8")
        path.write_text(given.replace("http://127.0.0.1:8000/v1", url), encoding="utf-8")
        assert url in path.read_text(encoding="utf-8")
        told = run(project, "-m", "ste_core", "explore", name, MY_KEY=key)
    trials = (project / "results" / name / "exploration" / "full" / "seed0" / "convert_base.jsonl").read_text()
    assert "2 trials" in told and len(trials.splitlines()) == 2 and key not in trials + told


EXPLORE = """
import asyncio
from ste_core.method import explore
from ste_core.core.config import Exploration
from ste_core.tools.functions import FunctionToolbox

def double(number: int) -> int:
    "Twice a number."
    return 2 * number

async def trials(model, variant):
    toolbox = FunctionToolbox([double])
    settings = Exploration(model="m", episodes=2, trials=2, variants=[variant])
    tool = toolbox.tools["double"]
    return [one async for one in explore.explore_tool(tool, model, toolbox, settings, variant=variant)]
"""


def test_add_a_model_of_another_kind(project: Path) -> None:
    code = EXPLORE + "from my_model import Parrot\nprint(len(asyncio.run(trials(Parrot(), 'full'))))"
    assert python(project, code).split() == ["4"]


def test_add_a_call_format(project: Path) -> None:
    code = (
        "from ste_core.models.tool_formats import read_native\n"
        """print(read_native('<function_call>{"name": "add", "arguments": {"a": 1}}</function_call>').calls)\n"""
        "print(read_native('<function_call>[add(a=1)]</function_call> Done.').calls)"
    )
    assert python(project, code).splitlines() == ["(('add', {'a': 1}),)"] * 2
    before = python(ROOT, "from ste_core.models.tool_formats import read_native\n"
                    "print(read_native('<function_call>[add(a=1)]</function_call>').calls)")  # fmt: skip
    assert before.split() == ["()"]


def test_add_a_variant(project: Path) -> None:
    code = (
        EXPLORE
        + """
from my_model import Parrot
asked = []

class Listening(Parrot):
    async def complete(self, messages, **options):
        asked.append(" ".join(one["content"] for one in messages))
        return await super().complete(messages, **options)

for variant in ("full", "no_memory"):
    asked.clear()
    made = asyncio.run(trials(Listening(), variant))
    imagining = [text for text in asked if "Fulfil" not in text]
    print(variant, len(made), {one.memory for one in made}, max(map(len, imagining)) > min(map(len, imagining)))
"""
    )
    assert python(project, code).splitlines() == ["full 4 {0, 1, 2, 3} True", "no_memory 4 {0} False"]
    path = project / "study" / "forgetful.yaml"
    settings = yaml.safe_load((project / "study" / "mine.yaml").read_text(encoding="utf-8"))
    settings |= {"name": "forgetful", "exploration": {"variants": ["full", "no_memory"]}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert "no_memory" in python(project, "from ste_core.core.config import load; print(load('forgetful').exploration)")


def test_add_a_figure(project: Path) -> None:
    told = run(project, "-m", "ste_core", "figures", "microworld_conventions")
    assert told.split() == ["made", "microworld_conventions"]
    figures = project / "figures"
    made = {path.name for path in figures.iterdir()}
    assert made == {f"microworld_conventions.{kind}" for kind in ("csv", "svg", "png")}
    shown = pd.read_csv(figures / "microworld_conventions.csv").set_index("shown_by")["tools"]
    tools = pd.read_csv(ROOT / "results" / "microworld" / "tables" / "properties.csv")
    assert shown["no convention"] == tools["convention"].isna().sum() and shown.sum() == len(tools)
    assert (project / "Snakefile").read_text(encoding="utf-8").count('"microworld_conventions"') == 1


def test_add_a_study(project: Path) -> None:
    told = run(project, "-m", "ste_core", "run", "mine", "--dry-run")
    assert "explore" in told and "2 seeds" in told
    learner = [line for line in told.splitlines() if "smollm2-135m" in line and "predict" in line]
    assert any("baseline" in line for line in learner) and any("icl, full" in line for line in learner)
    code = "from ste_core.core.config import load; plan = load('mine').exploration; print(plan.episodes, plan.seeds)"
    assert python(project, code).split(maxsplit=1) == ["5", "[1, 2]\n"]
