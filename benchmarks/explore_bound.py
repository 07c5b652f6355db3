"""Exploration by a real model in this process against the time that its forward passes alone would take.

    python -m benchmarks.explore_bound [--profile tiny|quick|full]

Tools are explored at once, a few trials each. Each forward pass that the engine makes is noted by its shape (rows, new
tokens, tokens before them); afterwards bare passes of the same shapes, with caches filled with noise, are timed in the
same process, an even sample of them. Their sum is the bound: sampling, constraints, prefix cache, batches put together
and tools executed come on top of it in the exploration. `full` needs the weights of Qwen2.5-Coder-0.5B (`ste models`).
"""

import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache

from benchmarks.harness import Row, main
from benchmarks.work import BASE
from microworld.tools import toolbox
from ste_core.core import aio
from ste_core.core.config import Exploration, Prompts
from ste_core.method.explore import explore_tool
from ste_core.models.base import gather
from ste_core.models.decoding import Decoder
from ste_core.models.local import LocalChat


@dataclass(frozen=True, slots=True)
class Plan:
    """What is explored, by which model, and how many forward passes are timed again."""

    model: str
    dtype: str
    prompts: Prompts
    tools: int
    trials: int
    passes: int


PLANS = {
    "tiny": Plan(BASE, "float32", "small", 2, 1, 10),
    "quick": Plan(BASE, "float32", "small", 50, 4, 100),
    "full": Plan("qwen2.5-coder-0.5b", "bfloat16", "instruct", 50, 4, 150),
}

#: share of the bound that is asked for
LIMIT = 60

Shape = tuple[int, int, int]  # rows, new tokens, tokens before them


class Noted:
    """A decoder's forward passes: their shapes, and what their rows really lacked (padding not counted)."""

    def __init__(self, decoder: Decoder) -> None:
        self.shapes: list[Shape] = []
        self.seconds = 0.0
        forward = decoder._forward

        def noted(ids: torch.Tensor, mask: torch.Tensor | None = None, cache: Any = None, keep: int = 1) -> Any:
            before = 0 if mask is None else mask.shape[1] - ids.shape[1]
            start = time.perf_counter()
            logits = forward(ids, mask, cache, keep)
            self.seconds += time.perf_counter() - start
            self.shapes.append((ids.shape[0], ids.shape[1], before))
            return logits

        decoder._forward = noted  # type: ignore[method-assign]


@torch.inference_mode()
def bare(decoder: Decoder, shape: Shape) -> float:
    """Seconds of one forward pass of a shape."""
    rows, new, before = shape
    cache = DynamicCache(config=decoder.model.config)
    mask = torch.ones(rows, before + new, dtype=torch.long)
    ids = torch.randint(100, 1_000, (rows, new))
    if before:  # what is kept of the tokens before does not matter for time
        config = decoder.model.config.get_text_config()
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        for layer in cache.layers:
            if hasattr(layer, "keys"):
                states = torch.randn(rows, config.num_key_value_heads, before, size, dtype=decoder.model.dtype)
                layer.lazy_initialization(states, states)
                layer.keys, layer.values = states, states.clone()
    start = time.perf_counter()
    decoder._plain(ids, mask, cache)  # type: ignore[attr-defined]
    return time.perf_counter() - start


def measure(plan: Plan, command: str) -> list[Row]:
    torch.set_num_threads(2)
    box = toolbox()
    model = LocalChat.load(plan.model, dtype=plan.dtype)
    decoder = model._worker._decoder
    decoder._plain = decoder._forward  # type: ignore[attr-defined]
    noted = Noted(decoder)
    settings = Exploration(
        model="model", episodes=1, trials=plan.trials, max_tokens=96, temperature=0.7, constrained=True,
        observation_chars=400, memory_lines=8,
    )  # fmt: skip

    async def explored() -> int:
        async def one(name: str) -> int:
            trials = explore_tool(box.tools[name], model, box, settings, style=plan.prompts)
            return len([trial async for trial in trials])

        async with box:
            return sum(await gather([one(name) for name in list(box.tools)[: plan.tools]]))

    start = time.perf_counter()
    trials = aio.run(explored())
    seconds = time.perf_counter() - start

    kinds = {
        "prompts": [one for one in noted.shapes if one[1] > 1],
        "answers": [one for one in noted.shapes if one[1] == 1],
    }
    bound, tokens = 0.0, Counter[str]()
    for kind, shapes in kinds.items():
        tokens[kind] = sum(rows * new for rows, new, _ in shapes)
        every = max(1, len(shapes) * 2 // plan.passes)
        sampled = sorted(shapes)[::every]
        if not sampled:
            continue
        bare(decoder, sampled[0])  # once to warm up
        timed = sum(bare(decoder, one) for one in sampled)
        bound += timed * sum(rows * new for rows, new, _ in shapes) / sum(rows * new for rows, new, _ in sampled)
    said = f"{plan.tools} tools x {plan.trials} trials, {Path(plan.model).name}, {plan.dtype}, 2 threads"
    computed = f"{tokens['prompts']:,} tokens of prompts and {tokens['answers']:,} of answers computed, with padding"
    return [
        Row("exploration: share of the bound of bare forward passes", 100 * bound / seconds, "%", None, None, 1,
            f">= {LIMIT}", None, f"{said}; {computed}; bound {bound:,.0f} s of {seconds:,.0f} s"),
        Row("exploration: a trial", seconds / trials, "s", None, None, 1, "", None,
            f"{said}; {noted.seconds / seconds:.0%} of the time in forward passes"),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main("explore_bound", PLANS, measure, __doc__))
