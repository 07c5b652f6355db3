"""750 test and 250 development queries with gold calls, and the script that makes them.

>>> load("test")[0].gold.tool
'current_moment'

Both files come from hand-written wordings (`wordings/`) by `python -m microworld.test_set.make`; test and development
wordings differ, and neither occurs in what the study's language model was trained on.
"""

from pathlib import Path
from typing import Literal

from ste_core.core.records import TestItem
from ste_core.core.store import read_jsonl

FOLDER = Path(__file__).parent


def load(split: Literal["test", "dev"]) -> list[TestItem]:
    """The items of a split, tool by tool."""
    return read_jsonl(FOLDER / f"{split}.jsonl", TestItem)
