"""Held-out trials: do calls run more often when a model is shown what other trials taught?

>>> learnt, held = hold_out(trials, 1 / 3)                                                         # doctest: +SKIP
>>> await ran(held, model, toolbox, path=path, beside={"add_date": Beside(notes=[...])})        # doctest: +SKIP
[True, False, ...]

What is shown is made of some trials, and judged by the queries of others: of each tool the later ones, which the
earlier could not know. A query that an agent imagined has no gold call, so what is judged is whether the model's first
call *runs*, not whether it is the right one. Calls are real.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ste_core.core import react
from ste_core.core.config import Style
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Prediction, TestItem, Trial
from ste_core.method.explore import default_rule
from ste_core.method.predict import Beside, predict
from ste_core.models.base import ChatModel
from ste_core.tools.base import Toolbox

#: calls under way
CONCURRENCY = 16


def hold_out(trials: Sequence[Trial], share: float) -> tuple[list[Trial], list[Trial]]:
    """The trials to learn from and those held out, both in the order of tool, episode and trial.

    Of each tool the last of its trials are held out, the share of them rounded up, and never the only one. A query that
    was tried before is no held-out one: it is left out there.
    """
    learnt: list[Trial] = []
    held: list[Trial] = []
    for tool in sorted({one.tool for one in trials}):
        own = sorted((one for one in trials if one.tool == tool),
                     key=lambda one: (one.variant, one.seed, one.episode, one.trial))  # fmt: skip
        number = min(math.ceil(share * len(own)), len(own) - 1)
        learnt += own[: len(own) - number]
        seen = {" ".join(one.query.casefold().split()) for one in own[: len(own) - number]}
        for one in own[len(own) - number :]:
            query = " ".join(one.query.casefold().split())
            if query and query not in seen:
                seen.add(query)
                held.append(one)
    return learnt, held


async def ran(
    held: Sequence[Trial],
    model: ChatModel,
    toolbox: Toolbox,
    *,
    path: Path,
    beside: Mapping[str, Beside] | None = None,
    style: Style = "small",
    **options: Any,
) -> list[bool]:
    """Whether the first call that a model makes for each held-out query runs; the prompt documents its tool alone.

    The toolbox is entered for it, and left.

    Args:
        path: where the answers are kept, as `predict` does.
        beside: of some tools, what is shown beside their documentation, or in its place.
        options: of `predict`: seed, max_tokens, context, constrained, sampling.

    Raises:
        UserError: as `predict`; the toolbox cannot be entered, or is lost.
    """
    if not held:
        return []
    numbers: dict[str, int] = {}
    items = []
    for one in held:
        numbers[one.tool] = numbers.get(one.tool, -1) + 1
        gold = Call(tool=one.tool, arguments={})  # not known: whose query it is
        items.append(TestItem(item=numbers[one.tool], query=one.query, gold=gold))
    shown = [(beside or {}).get(one.tool, Beside()) for one in held]
    answers = await predict(
        items, model, toolbox.tools, setting="baseline", path=path, candidates=[[one.tool] for one in held],
        beside=shown, style=style, label="held out", **options,
    )  # fmt: skip
    slots = asyncio.Semaphore(CONCURRENCY)

    async def runs(answer: Prediction) -> bool:
        read = react.parse(answer.output or "", toolbox.tools, rule=default_rule(style))
        if read.kind != "call" or read.tool != answer.gold.tool:
            return False
        async with slots:
            seen = await toolbox.execute(Call(tool=read.tool, arguments=read.arguments or {}))
        if toolbox.lost:
            raise UserError(f"{toolbox.lost}; nothing was judged: start it and run the same command again")
        return seen.ok

    async with toolbox:
        return await asyncio.gather(*map(runs, answers))
