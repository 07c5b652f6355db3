"""The same weights in this process and behind `transformers serve`: are the calls the same, and how long do they take?

    python -m benchmarks.served [--profile tiny|quick|full]

Development queries with four documented tools, greedy, decoded freely, asked through `predict` as a study asks, in each
format of a call that the model knows. The server is that of the library transformers, started here on a port of this
machine with the same weights in the same precision, but without the sampling settings that their makers recommend: a
server applies a penalty on repetition among them to every request, and none can be told otherwise. Calls are compared
as the scorer reads them; what differs by rounding alone is counted with the rest. `quick` needs the weights of
SmolLM2-135M, `full` those of Qwen2.5-Coder-0.5B.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.harness import Row, main
from benchmarks.work import BASE, ROOT, free_port, items, listening, shown
from microworld.tools import toolbox
from ste_core.core import aio, react, store
from ste_core.core.config import Prompts, ToolFormat, load
from ste_core.core.errors import UserError
from ste_core.core.records import Call
from ste_core.method import predict
from ste_core.models import weights
from ste_core.pipeline import resources


@dataclass(frozen=True, slots=True)
class Plan:
    """Which model is asked how many queries, in which formats."""

    model: str
    prompts: Prompts
    formats: Sequence[ToolFormat]
    items: int


PLANS = {
    "tiny": Plan(BASE, "small", ("react",), 3),
    "quick": Plan("smollm2-135m", "instruct", ("react", "native"), 50),
    "full": Plan("qwen2.5-coder-0.5b", "instruct", ("react", "native"), 50),
}


@contextmanager
def serving(folder: str) -> Iterator[str]:
    """The address of a server of transformers with the weights of a folder.

    Raises:
        UserError: it does not start.
    """
    port = free_port()
    command = [Path(sys.executable).with_name("transformers"), "serve", folder, "--host", "127.0.0.1", "--port", port]
    command += ["--device", "cpu", "--dtype", "float32", "--model-timeout", 3_600]
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT, text=True)
        try:
            try:
                listening(port, server)
            except AssertionError:
                log.seek(0)
                last = (log.read().strip() or "no reason given").splitlines()[-1]
                raise UserError(f"transformers serve: did not start: {last}") from None
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait(30)


def without_settings(source: str, there: Path) -> str:
    """The same model in another folder, without recommended sampling."""
    folder = there / "model"
    folder.mkdir()
    for path in Path(source).iterdir():
        if path.name != "generation_config.json":
            (folder / path.name).symlink_to(path.resolve())
    known = store.read_json(Path(source) / "generation_config.json")
    ids = {name: known[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id") if name in known}
    store.write_text(folder / "generation_config.json", json.dumps(ids))
    return str(folder)


def calls(model: dict[str, Any], plan: Plan, folder: Path) -> tuple[list[Call | None], float]:
    """What a model of a study file answers to the plan's queries, and the seconds it takes."""
    file = folder / f"{model['kind']}_{model['tool_format']}.yaml"
    smoke = yaml.safe_load((ROOT / "study" / "smoke.yaml").read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump({"name": "served", "world": smoke["world"], "models": {"model": model}}))
    study = load(file)
    chat, tools, asked = resources.chat(study, "model"), toolbox().tools, items(plan.items)
    start = time.perf_counter()
    made = aio.run(
        predict.predict(
            asked, chat, tools, setting="baseline", path=file.with_suffix(".jsonl"), candidates=shown(asked),
            style=study.style("model"),
        )
    )  # fmt: skip
    seconds = time.perf_counter() - start
    read = [react.parse(one.output, tools) for one in made]
    return [one.tool and Call(tool=one.tool, arguments=one.arguments) for one in read], seconds


def measure(plan: Plan, command: str) -> list[Row]:
    torch.set_num_threads(2)
    name, rows = Path(plan.model).name, []
    source = str(weights.folder(plan.model))
    with tempfile.TemporaryDirectory() as there, serving(plain := without_settings(source, Path(there))) as address:
        for tool_format in plan.formats:
            common = {"tool_format": tool_format, "prompts": plan.prompts}
            here, ours = calls({"kind": "local", "path": source} | common, plan, Path(there))
            other = {"kind": "openai", "model": plain, "base_url": address, "tokenizer": source, "timeout": 600.0}
            served, theirs = calls(other | common, plan, Path(there))
            same = sum(one == two for one, two in zip(here, served, strict=True))
            made = [sum(one is not None for one in answers) for answers in (here, served)]
            said = f"{name}, {plan.items} queries, float32, greedy; calls in {made[0]} answers here, {made[1]} served"
            rows += [
                Row(f"the same calls behind transformers serve, {tool_format}", 100 * same / plan.items, "%",
                    None, None, 1, "", None, said),
                Row(f"in process, {tool_format}, against transformers serve", theirs / ours, "x",
                    None, None, 1, ">= 1", theirs >= ours, f"{said}; {ours:.0f} s and {theirs:.0f} s"),
            ]  # fmt: skip
    return rows


if __name__ == "__main__":
    sys.exit(main("served", PLANS, measure, __doc__))
