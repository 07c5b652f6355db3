"""General tasks of the microworld: what a language model should still be able to do after it has learnt tools.

>>> [one.task.split(":")[0] for one in tasks(5, 0, "heldout")][-1]
'Sort by letter'

The small model's drills (`microworld.language.general`), as "normal mode" examples of continual learning and as the
exam of general ability. A study names this function as `world.general`. In the paper this was Flan v2, and public
benchmarks as the exam.
"""

import random
import zlib
from typing import Literal

from microworld.language.general import SKILLS
from ste_core.method.training_data import GeneralTask

#: one task in so many is kept for the exam
EXAM_SHARE = 4


def tasks(count: int, seed: int, split: Literal["train", "heldout"]) -> list[GeneralTask]:
    """The first `count` tasks of a seed, all skills in turn; fewer of them are the beginning of more.

    A task is in one split by its own text, so whatever the seeds, no exam item is in training data.
    """
    names = list(SKILLS)
    return [_task(names[number % len(names)], f"{split}/{seed}/{number}", split) for number in range(count)]


def _task(skill: str, label: str, split: str) -> GeneralTask:
    rng = random.Random(f"general/{label}")
    while True:
        asked, reply = SKILLS[skill](rng)
        if (zlib.crc32(asked.encode("utf-8")) % EXAM_SHARE == 0) == (split == "heldout"):
            return GeneralTask(task=asked, reply=reply)
