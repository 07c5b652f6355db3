"""What every tool of the microworld is made with.

A tool is a typed function marked by `study_tool`. Its `description` is all the documentation a language model gets, and
leaves out on purpose what one learns by use; the docstring tells the reader everything. The clock is frozen: nothing
here reads the time, the network or a file at call time.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from ste_core.tools.base import ToolError
from ste_core.tools.functions import function_tool

__all__ = ["NOW", "Properties", "ToolError", "study_tool"]

#: the microworld's present moment, a Tuesday
NOW = dt.datetime(2031, 3, 18, 14, 25)

Compare = Literal["exact", "close", "unordered", "property"]


@dataclass(frozen=True, slots=True)
class Properties:
    """What is special about a tool; `microworld.tools.properties()` tabulates it and a test checks it by calling.

    Attributes:
        convention: what the documentation leaves out and use reveals, in words; "" if nothing.
        breaks: arguments that ignore the convention; the call fails with an error that tells it, or (with
            `silent`) succeeds with a result that shows it.
        keeps: the same request with the convention kept; the call succeeds and returns something else.
        silent: the convention shows in the result, not in an error.
        near_duplicate: another tool that does nearly the same and, for some requests, returns the same.
        compare: how two results are compared by the execution judge: "exact"; "close", numbers within 1e-6 relative;
            "unordered", lists as sets; "property", by `same_property`.
        same_property: for results that are random by nature: whether two results are equally good.
    """

    convention: str = ""
    breaks: dict[str, Any] | None = None
    keeps: dict[str, Any] | None = None
    silent: bool = False
    near_duplicate: str = ""
    compare: Compare = "close"
    same_property: Callable[[Any, Any], bool] | None = field(default=None, compare=False)


def study_tool(*, family: str, description: str, properties: Properties = Properties()) -> Callable[[Any], Any]:
    """Mark a function as a tool of the microworld: its family, the documentation a model sees, its properties."""

    def mark(function: Any) -> Any:
        function = function_tool(family=family, description=description)(function)
        function.properties = properties
        return function

    return mark
