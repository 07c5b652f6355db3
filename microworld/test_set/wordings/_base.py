"""What hand-written wordings are made with."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """One request: how its values read in a query, and the gold arguments that serve it.

    `slots` maps each slot of the wording to text; `arguments` is what the tool must be called with.
    """

    slots: dict[str, str]
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wordings:
    """The wordings of one tool: templates with {slots}, and what fills them.

    Attributes:
        case: draws a `Case` for a wording, given the generator and the names of the wording's slots. An optional
            argument is in `arguments` only if the wording has its slot.
        test: at least 8 wordings (15 where the tool takes no arguments).
        dev: at least 3 other wordings (5 where the tool takes no arguments).
    """

    case: Callable[[random.Random, frozenset[str]], Case]
    test: tuple[str, ...]
    dev: tuple[str, ...]
