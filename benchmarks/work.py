"""What the benchmarks work on: the microworld's development set, and a model that answers by script.

>>> len(items(3)), items(2) == items(2)
(3, True)
"""

import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from ste_core.core import prompting
from ste_core.core.records import Example, Message, TestItem
from ste_core.core.store import read_jsonl
from ste_core.method import retrieve
from ste_core.models.base import Choice, Completion

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))

from faults import chat_server  # noqa: E402  (the server that the tests fault)
from support import free_port, listening  # noqa: E402, F401  (how the tests start servers)

#: the model that is measured; another by STE_BENCH_BASE
BASE = os.environ.get("STE_BENCH_BASE") or str(ROOT / "microworld" / "checkpoint")


def items(count: int) -> list[TestItem]:
    """Development queries, drawn with a fixed seed; numbered anew where more are asked for than there are."""
    there = read_jsonl(ROOT / "microworld" / "test_set" / "dev.jsonl", TestItem)
    order = random.Random(0).sample(there, len(there))
    return [
        order[number % len(order)].model_copy(update={"item": order[number % len(order)].item + 1_000 * turn})
        for number in range(count)
        for turn in [number // len(order)]
    ]


def shown(asked: Sequence[TestItem]) -> list[list[str]]:
    """Four documented tools for each item, the right one among them."""
    from microworld.tools import toolbox

    return retrieve.candidates(asked, toolbox().tools, "oracle", n=4)


def prompts(asked: Sequence[TestItem]) -> list[list[Message]]:
    """The requests of the baseline for items."""
    from microworld.tools import toolbox

    tools = toolbox().tools
    return [
        prompting.ask_call(item.query, [tools[name].documentation() for name in names], [])
        for item, names in zip(asked, shown(asked), strict=True)
    ]


def examples(count: int) -> list[Example]:
    """Examples of the length that exploration makes; every query once."""
    import json

    return [
        Example(
            tool=one.gold.tool, episode=number, trial=0, paraphrase=0,
            query=one.query if number < 250 else f"{one.query} ({number})", call=one.gold,
            observation=json.dumps(one.result)[:200], answer=f"It is {json.dumps(one.result)[:60]}.",
        )
        for number, one in enumerate(items(count))
    ]  # fmt: skip


class Scripted:
    """A model that answers by script, at once; see `tests/faults/chat_server.py`."""

    name = identity = "scripted"

    async def complete(self, messages: Sequence[Message], *, seed: int | None = None, **options: object) -> Completion:
        tokens = sum(4 + len(one["content"]) // 4 for one in messages)
        return Completion((Choice(chat_server.reply(list(messages), seed or 0), "stop"),), tokens, 12)
