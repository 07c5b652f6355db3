"""Judging by execution: run the predicted call and compare what comes back with the gold call's result.

>>> judge = ExecutionJudge(toolbox, {("add_days", 0): {"date": "4 August 2031"}})         # doctest: +SKIP
>>> (await judge.judge(row)).correct                                                      # doctest: +SKIP
True

The paper compares arguments (by string, or by a language model), because its APIs answer differently from day to day.
Where calls run and repeat, results decide: two calls that return the same are equally right, however they are written.
*Task success* goes one step further: a tool declared a near-duplicate of the gold one, and only such a tool, counts if
it returns the same result.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pydantic import JsonValue, ValidationError

from ste_core.core.errors import UserError
from ste_core.core.records import Call, Judgement, Observation, TestItem
from ste_core.tools.base import Toolbox

Results = Mapping[tuple[str, int], JsonValue]


def gold_results(items: list[TestItem]) -> dict[tuple[str, int], JsonValue]:
    """What the gold calls of a test set returned, by tool and item.

    Empty if an item has no result recorded: then nothing is executed, and verdicts rest on the rule (`score.right`).
    """
    if not all(one.recorded for one in items):
        return {}
    return {(one.gold.tool, one.item): one.result for one in items}


class ExecutionJudge:
    """A `score.Judge` that executes.

    Args:
        toolbox: where calls run; `same_result` says how results compare, `near_duplicates` what task success admits.
        results: what the gold calls returned.
    """

    name = "execution"

    def __init__(self, toolbox: Toolbox, results: Results) -> None:
        self._toolbox = toolbox
        self._results = results

    async def judge(self, row: Any) -> Judgement:
        """A judgement as any judge gives it; `raw` is what the call returned."""
        observation = await self.observe(row)
        return Judgement(
            system=row.system, setting=row.setting, tool=row.tool, item=row.item, judge=self.name,
            correct=self.correct(row, observation), raw=observation.text,
        )  # fmt: skip

    def correct(self, row: Any, observation: Observation) -> bool:
        """Whether the gold tool was called and returned what the gold call did."""
        return row.called == row.tool and self._same(row, observation)

    def success(self, row: Any, observation: Observation) -> bool:
        """Whether the gold tool or a near-duplicate of it was called and returned what the gold call did."""
        return row.called in (row.tool, self._toolbox.near_duplicates.get(row.tool)) and self._same(row, observation)

    async def observe(self, row: Any) -> Observation:
        """What the predicted call gives; an error where there is no call."""
        if row.called is None:
            return Observation(ok=False, text="Error: no call")
        try:
            call = Call(tool=row.called, arguments=row.arguments)
        except ValidationError:  # NaN and the like, which the released rule lets through
            return Observation(ok=False, text="Error: the arguments are not JSON")
        return await self._toolbox.for_item(row.tool, row.item).execute(call)

    def _same(self, row: Any, observation: Observation) -> bool:
        if not observation.ok or observation.truncated:  # of what was cut, nobody knows the value
            return False
        return self._toolbox.same_result(row.tool, observation.value, self._results[(row.tool, row.item)])


async def execute_verdicts(
    verdict_rows: pd.DataFrame, toolbox: Toolbox, results: Results, *, concurrency: int = 32
) -> pd.DataFrame:
    """The rows of `score.score_predictions` with `observation` (text), `correct_execution` and `task_success` beside.

    The toolbox is entered for it, and left: nobody else has it connected.

    Raises:
        UserError: the toolbox cannot be entered, or is lost while calls run.
    """
    judge = ExecutionJudge(toolbox, results)
    slots = asyncio.Semaphore(concurrency)

    async def observe(row: Any) -> Observation:
        async with slots:
            seen = await judge.observe(row)
        if toolbox.lost:  # what comes back now says nothing about the call
            raise UserError(f"{toolbox.lost}; nothing was judged: start it and run the same command again")
        return seen

    rows = list(verdict_rows.itertuples())
    async with toolbox:
        observations = await asyncio.gather(*map(observe, rows))
    pairs = list(zip(rows, observations, strict=True))
    return verdict_rows.assign(
        observation=[observation.text for observation in observations],
        correct_execution=[judge.correct(*pair) for pair in pairs],
        task_success=[judge.success(*pair) for pair in pairs],
    )
