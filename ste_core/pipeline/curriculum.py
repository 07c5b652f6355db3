"""What is to be learnt in which order: the batches of a study's tools, and what each round of an arm trains on.

>>> split_evenly(["a", "b", "c", "d", "e"], 2)
[('a', 'b'), ('c', 'd', 'e')]
>>> schedule(Arm(name="replay", replay=0.1), batches, examples, seed=0)[1].replayed               # doctest: +SKIP
34

An *arm* is one way to learn all batches: in sequence, with a share of the earlier batches replayed and with general
tasks mixed in, or not; *joint*, everything at once (the ceiling); *interleaved*, a part of every batch in each round.

Follows METHOD, "Continual learning". Departures: batches are drawn, not the authors' (`continual.tools` gives others);
a replayed share is drawn by the run's seed beside the batch's number; each round has general tasks of its own, and a
joint arm has those of all rounds. A batch that left no examples has a round without any.
"""

import dataclasses
import itertools
import random
from collections.abc import Sequence
from typing import TypeVar

from ste_core.core.config import Arm, Continual, Study
from ste_core.core.errors import UserError
from ste_core.core.records import Example, TestItem
from ste_core.method.training_data import GeneralTask, Round, rounds
from ste_core.pipeline import resources, stages

T = TypeVar("T")


def split_evenly(items: Sequence[T], parts: int) -> list[tuple[T, ...]]:
    """A sequence in parts of nearly equal size; of fifty in four, as in the paper, 12, 13, 12, 13."""
    ends = [len(items) * part // parts for part in range(parts + 1)]
    return [tuple(items[start:end]) for start, end in itertools.pairwise(ends)]


def schedule(
    arm: Arm,
    batches: Sequence[Sequence[str]],
    examples: Sequence[Example],
    general: Sequence[GeneralTask] = (),
    *,
    seed: int = 0,
) -> list[Round]:
    """What each round of an arm trains on; round i (from 0) starts from the model of round i - 1.

    Args:
        batches: the tools of each batch, in their own order (`arm.order` is applied here).
        examples: of these tools only.
        general: `arm.general` tasks for each batch; a round gets those of its number, a joint one all.
        seed: draws what is replayed, and the parts of an interleaved arm.

    Raises:
        UserError: a tool in two batches, an example of a tool in none.
    """
    tools = tuple(tool for batch in batches for tool in batch)
    if arm.kind == "joint":
        return [Round(0, tools, tuple(examples), 0, tuple(general))]
    tasks = split_evenly(general, len(batches))
    own = [[one for one in examples if one.tool in batch] for batch in batches]
    if arm.kind == "interleaved":
        parts = [split_evenly(_shuffled(batch, f"{seed}/{number}"), len(batches)) for number, batch in enumerate(own)]
        return [
            Round(number, tools, tuple(one for part in parts for one in part[number]), 0, tasks[number])
            for number in range(len(batches))
        ]
    order = arm.order if arm.order is not None else range(len(batches))
    learnt = iter(rounds([batches[one] for one in order if own[one]], examples, replay=arm.replay, seed=seed))
    found = []
    for number, batch in enumerate(order):
        one = next(learnt) if own[batch] else Round(number, tuple(batches[batch]), (), 0, ())
        found.append(dataclasses.replace(one, number=number, general=tasks[number]))
    return found


def _shuffled(items: Sequence[T], label: str) -> list[T]:
    return random.Random(label).sample(items, len(items))


# --- of a study -------------------------------------------------------------------------------------------------------


def continual_section(study: Study) -> Continual:
    """The study's settings.

    Raises:
        UserError: it has none.
    """
    section: Continual = resources.needed_section(study, "continual")
    return section


def arm_seeds(study: Study) -> list[int]:
    """The seeds of the arms: their own, or those of exploration.

    Raises:
        UserError: neither is there.
    """
    own = continual_section(study).seeds
    if own is not None:
        return own
    if study.exploration is None:
        raise UserError(f"study '{study.name}': continual.seeds: missing; there are none of exploration either")
    return study.exploration.seeds


def batches(study: Study) -> list[tuple[str, ...]]:
    """The batches of the study's tools, the same for every seed and arm.

    Raises:
        UserError: a tool that is not there, or too few tools for intervals over them.
    """
    chosen, known = continual_section(study), resources.listing(study).tools
    tools = chosen.tools
    if tools is None:
        explored = None if study.exploration is None else study.exploration.tools
        tools = _shuffled(explored or list(known), f"{study.seed}/batches")
    missing = [tool for tool in tools if tool not in known]
    if missing:
        raise UserError(f"study '{study.name}': continual.tools: the toolbox has no tool '{missing[0]}'")
    if len(tools) < 2 * chosen.batches:
        raise UserError(
            f"study '{study.name}': continual.batches: {chosen.batches} of {len(tools)} tools are too many; a batch "
            f"needs two tools, or there are no intervals"
        )
    return split_evenly(tools, chosen.batches)


def round_items(study: Study, tools: Sequence[str]) -> list[TestItem]:
    """The test items that are asked after each round: of each tool all, or a seeded sample.

    Raises:
        UserError: a tool has none.
    """
    every, found = resources.items(study, "test"), []
    for tool in tools:
        own = [one for one in every if one.gold.tool == tool]
        if not own:
            raise UserError(f"study '{study.name}': continual: '{tool}' has no test items; leave it out of tools")
        found += sorted(
            _shuffled(own, f"{study.seed}/{tool}")[: continual_section(study).items], key=lambda one: one.item
        )
    return found


def exam(study: Study) -> list[GeneralTask]:
    """The exam of general ability, the same for every seed and arm; empty if the study wants none, or its world has no
    general tasks."""
    count = study.exam_items
    return resources.general_tasks(study, count, study.seed, "heldout") if count else []


def arms(study: Study, learnt: Sequence[Sequence[str]], seed: int) -> dict[str, list[Round]]:
    """The rounds of every arm, by its name, on the experience of a seed, or on gold examples if the study says so.

    Args:
        learnt: the batches.

    Raises:
        UserError: nothing is distilled yet.
    """
    wanted = {tool for batch in learnt for tool in batch}
    part = stages.GOLD if continual_section(study).gold else stages.ALL
    found = [one for one in stages.examples(study, continual_section(study).variant, seed, part) if one.tool in wanted]
    return {
        arm.name: schedule(
            arm, learnt, found,
            resources.general_tasks(study, arm.general * len(learnt), seed, "train") if arm.general else (),
            seed=seed,
        )
        for arm in continual_section(study).arms
    }  # fmt: skip
