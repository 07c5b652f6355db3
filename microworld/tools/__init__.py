"""Fifty tools in ten families that really run: in process, deterministic, with a frozen clock.

>>> import asyncio
>>> from ste_core.core.records import Call
>>> box = toolbox()
>>> asyncio.run(box.execute(Call(tool="convert_base", arguments={"digits": "D3", "target": 2, "source": 16}))).text
'11010011'

As with real APIs, the documentation a model sees leaves things out: formats, codes and ranges are learnt from errors
and results (`terse` and `by_example` are the same tools with other errors). `properties()` tabulates what is special
about each tool, and a test holds that table to behaviour. `python -m microworld.tools --selfcheck` runs every gold call
of the test set; `--mcp` serves the tools to any client.
"""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal

from pydantic import JsonValue

from microworld.tools._base import Properties, ToolError
from ste_core.core.records import Call
from ste_core.tools.functions import FunctionToolbox

FAMILIES = (
    "calendar", "geography", "money", "numbers", "text", "weather", "transport", "games", "knowledge", "administration",
)  # fmt: skip


def functions() -> dict[str, Callable[..., Any]]:
    """The fifty functions by tool name, family by family."""
    found = [function for family in FAMILIES for function in import_module(f"microworld.tools.{family}").TOOLS]
    return {function.tool.name: function for function in found}


def batches() -> list[list[str]]:
    """The four continual-learning batches of 12, 13, 12 and 13 tools; each has a tool of every family or nearly so."""
    order = (1, 3, 0, 2)
    dealt: list[list[str]] = [[], [], [], []]
    for row, family in enumerate(FAMILIES):
        for column, function in enumerate(import_module(f"microworld.tools.{family}").TOOLS):
            dealt[order[(row + column) % 4]].append(function.tool.name)
    return dealt


#: what a refused call is told: what is wrong (as the tools have it), only that it is, or that and a call that runs
Errors = Literal["informative", "terse", "example"]

TERSE = "the call was refused"


class MicroworldToolbox(FunctionToolbox):
    """The fifty tools, which also know how their results compare and which tools nearly do the same.

    Args:
        errors: how a tool's own refusals are worded; what the schema forbids is told in any case.
    """

    def __init__(self, *, errors: Errors = "informative", timeout: float = 5.0, max_chars: int = 2048) -> None:
        self.functions = functions()
        self.errors = errors
        super().__init__(self.functions.values(), timeout=timeout, max_chars=max_chars)

    async def _run(self, call: Call) -> JsonValue:
        try:
            return await super()._run(call)
        except ToolError:
            if self.errors == "informative":
                raise
            right = self.functions[call.tool].properties.keeps if self.errors == "example" else None
            shown = "" if right is None else f"; this one runs: {json.dumps(right, ensure_ascii=False)}"
            raise ToolError(TERSE + shown) from None

    @property
    def near_duplicates(self) -> Mapping[str, str]:
        pairs = {name: function.properties.near_duplicate for name, function in self.functions.items()}
        return {name: other for name, other in pairs.items() if other}

    def same_result(self, tool: str, a: JsonValue, b: JsonValue) -> bool:
        properties: Properties = self.functions[tool].properties
        if properties.compare == "property" and properties.same_property is not None:
            return properties.same_property(a, b)
        if properties.compare == "exact":
            return a == b
        from ste_core.scoring.score import json_equal  # needs pandas, which a server of tools does not

        return json_equal(a, b, close=True, ordered=properties.compare != "unordered")


def toolbox(**options: Any) -> MicroworldToolbox:
    """The microworld as a study names it: `tools: microworld.tools:toolbox`."""
    return MicroworldToolbox(**options)


def terse() -> MicroworldToolbox:
    """The microworld whose refusals do not say what is wrong: `tools: microworld.tools:terse`."""
    return MicroworldToolbox(errors="terse")


def by_example() -> MicroworldToolbox:
    """The microworld whose refusals show a call that runs, and not what is wrong: `tools: microworld.tools:by_example`.

    A tool without a hidden convention has no such call at hand, and is terse.
    """
    return MicroworldToolbox(errors="example")


def properties() -> list[dict[str, Any]]:
    """What is special about each tool, a row a tool: the table that `--selfcheck` prints.

    `tool, family, batch, arguments, optional` (numbers of them), `nested` (takes a list or an object), `convention`
    (what the documentation leaves out), `shown_by` ("error" or "result"), `near_duplicate`, `compare`.
    """
    batch = {name: number for number, names in enumerate(batches()) for name in names}
    rows = []
    for name, function in functions().items():
        schema, special = function.tool.parameters, function.properties
        known = schema["properties"]
        rows.append(
            {
                "tool": name,
                "family": function.tool.family,
                "batch": batch[name],
                "arguments": len(known),
                "optional": len(known) - len(schema.get("required", ())),
                "nested": any(one.get("type") in ("array", "object") for one in known.values()),
                "convention": special.convention,
                "shown_by": ("result" if special.silent else "error") if special.convention else "",
                "near_duplicate": special.near_duplicate,
                "compare": special.compare,
            }
        )
    return rows
