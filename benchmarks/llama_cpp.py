"""Sampled answers held to the form of a call: the engine of this project, and llama.cpp with the same weights.

    python -m pip install xllamacpp        # llama.cpp and its server, built for any processor of the kind
    python -m benchmarks.llama_cpp [--profile tiny|quick|full]

Development queries with four documented tools, all asked at once, each with a seed of its own, at the sampling that the
model's makers recommend. Here a reply is held to a documented tool's own arguments; there to a documented tool's name
and any JSON object, by a grammar of llama.cpp. The weights there are the quantised file itself, here what it is
converted to. Both use two threads and keep what prompts have in common. `quick` needs the weights of SmolLM2-135M,
`full` those of Qwen2.5-Coder-0.5B (`ste models`).
"""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import torch
from openai import AsyncOpenAI

from benchmarks.harness import Row, main, measured, missing, within
from benchmarks.work import ROOT, free_port, items, listening, shown
from microworld.tools import toolbox
from ste_core.core import aio, react
from ste_core.core.records import Message
from ste_core.method import predict
from ste_core.models import weights
from ste_core.models.base import gather
from ste_core.models.local import LocalChat


@dataclass(frozen=True, slots=True)
class Plan:
    """Which model is asked how many queries; so many at once by llama.cpp, which shares its context among them."""

    model: str
    dtype: str
    items: int
    slots: int = 16


PLANS = {
    "tiny": None,
    "quick": Plan("smollm2-135m", "float32", 50),
    "full": Plan("qwen2.5-coder-0.5b", "bfloat16", 50),
}

WHAT = "sampled calls in process, against llama.cpp"
#: another engine has to be more than 1.5 times faster to take the place of ours
LIMIT = ">= 0.67"
#: tokens of a prompt and its answer
ROOM = 2_048
#: tokens of an answer
MOST = 96

#: JSON without blank lines, as llama.cpp writes grammars
OBJECT = r"""
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}" ws
value ::= object | "[" ws (value ("," ws value)*)? "]" ws | string | number | ("true" | "false" | "null") ws
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" ["\\bfnrt/])* "\"" ws
number ::= "-"? [0-9]+ ("." [0-9]+)? ws
ws ::= " "?
"""


def grammar(names: list[str]) -> str:
    """The form of a call of one of these tools, for llama.cpp."""
    named = " | ".join(f'"{name}"' for name in names)
    return f'root ::= "Action: " ({named}) "\\nAction Input: " object{OBJECT}'


def _serve(file: str, port: int, slots: int) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.hostnames, params.port = file, ["127.0.0.1"], port
    params.n_parallel, params.n_ctx = slots, slots * ROOM
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    server = xllamacpp.Server(params)
    while server:
        time.sleep(60)


@contextmanager
def serving(file: str, slots: int) -> Iterator[str]:
    """The address of llama.cpp's server with a GGUF file."""
    port = free_port()
    code = f"from benchmarks.llama_cpp import _serve; _serve({file!r}, {port}, {slots})"
    server = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        listening(port, server)
        for _ in range(600):  # it listens before it has read the weights
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=60).is_success:
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


def measure(plan: Plan | None, command: str) -> list[Row]:
    if plan is None or importlib.util.find_spec("xllamacpp") is None:
        return [missing(WHAT, "x", LIMIT, "needs xllamacpp and pretrained weights")]
    torch.set_num_threads(2)
    tools, asked = toolbox().tools, items(plan.items)
    documented = [[tools[name] for name in names] for names in shown(asked)]
    requests = [
        predict.request(item.query, "baseline", there, style="instruct")
        for item, there in zip(asked, documented, strict=True)
    ]
    model = LocalChat.load(plan.model, dtype=plan.dtype)
    sampling = {"temperature": 0.7, "top_p": 0.8, "top_k": 20}

    async def here() -> list[tuple[str, int]]:
        forms = [react.form(there, answer=False, thought=False) for there in documented]
        made = await gather(
            [
                model.complete(messages, form=form, seed=number, max_tokens=MOST, **sampling)
                for number, (messages, form) in enumerate(zip(requests, forms, strict=True))
            ]
        )
        return [(one.choices[0].text, one.completion_tokens) for one in made]

    seconds, ours = measured(lambda: aio.run(here()), wall=True)
    file = weights.store_folder() / weights.TABLE[plan.model].file
    with serving(str(file), plan.slots) as address:
        client = AsyncOpenAI(base_url=address, api_key="none", timeout=3_600, max_retries=0)

        async def there(number: int, messages: list[Message]) -> tuple[str, int]:
            own = {
                "top_k": sampling["top_k"], "min_p": 0.0, "samplers": ["temperature", "top_k", "top_p"],
                "grammar": grammar([one.name for one in documented[number]]),
            }  # fmt: skip
            made = await client.chat.completions.create(
                model="model", messages=messages, temperature=sampling["temperature"], top_p=sampling["top_p"],
                seed=number, max_tokens=MOST, extra_body=own,
            )  # fmt: skip
            return made.choices[0].message.content, made.usage.completion_tokens

        async def all_there() -> list[tuple[str, int]]:
            return await gather([there(*one) for one in enumerate(requests)])

        others, theirs = measured(lambda: aio.run(all_there()), wall=True)
    ratio = others / seconds
    said = f"{plan.model}, {plan.dtype}, {plan.items} queries, 2 threads"
    for name, made, taken in (("here", ours, seconds), ("llama.cpp", theirs, others)):
        calls = sum(react.parse(text, tools).tool is not None for text, _ in made)
        said += f"; {name} {taken:.0f} s, {sum(tokens for _, tokens in made):,} tokens of answers, {calls} calls"
    return [Row(WHAT, ratio, "x", None, None, 1, LIMIT, within(ratio, LIMIT), said)]


if __name__ == "__main__":
    sys.exit(main("llama_cpp", PLANS, measure, __doc__))
