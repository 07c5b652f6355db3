"""One interface to tools: list them, document them, execute a call.

>>> from ste_core.tools.functions import FunctionToolbox
>>> def double(number: int) -> int:
...     "Twice a number."
...     return 2 * number
>>> toolbox = FunctionToolbox([double])
>>> print(toolbox.documentation())
Twice a number. API: double. Args: number (integer)
>>> asyncio.run(toolbox.execute(Call(tool="double", arguments={"number": 21}))).text
'42'

A call never crashes its caller: an unknown tool, arguments that do not fit the schema, an exception, a hang, ten
megabytes of output all become observations. Where tools come from (Python functions, an MCP server, ToolBench) is the
business of a subclass, which only lists and runs.
"""

import asyncio
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import quote

from pydantic import JsonValue

from ste_core.core import json_schema
from ste_core.core.react import contain, encodable
from ste_core.core.records import Call, Observation, Tool
from ste_core.tools import checking, results


class ToolError(Exception):
    """What a tool tells its caller when a call cannot be served; the message becomes the observation."""


class ConnectionLost(Exception):
    """The way to the tools is gone, so nothing was learnt about the call; the text says what is gone."""


class Toolbox:
    """Tools that can be listed and executed; subclasses fill `_tools` and implement `_run`.

    Args:
        tools: the tools, by which calls are checked.
        timeout: seconds a call may take.
        max_chars: characters of an observation the model gets to see (the paper: 2,048).

    A toolbox is an async context manager: entering connects (a server is started, a session opened), leaving closes.
    Schemas need not be quite JSON Schema: they are mended (`json_schema.mend`), and what of a call cannot be checked
    by them is left to the tool. `notes` says what could not be read, and which tools were left out.
    """

    #: whether calls are checked by the schema before they are made; not where the other side checks them itself, in
    #: words of its own, which are what there is to learn
    _checks = True

    def __init__(self, tools: Iterable[Tool] = (), *, timeout: float = 10.0, max_chars: int = 2048) -> None:
        self.timeout = timeout
        self.max_chars = max_chars
        self._tools: dict[str, Tool] = {}
        self._notes: list[str] = []
        self._lost = ""
        self._set_tools(tools)

    def _set_tools(self, tools: Iterable[Tool], notes: Iterable[str] = ()) -> None:
        """Take these tools, the first of each name, and say what there is to say of their schemas."""
        self._tools, self._notes = {}, list(notes)
        for tool in tools:
            if tool.name in self._tools:
                self._notes.append(f"tool '{tool.name}': listed more than once; the first is taken, the other left out")
                continue
            schema, odd = json_schema.mend(tool.parameters)
            self._notes += json_schema.noted(tool.name, odd)
            self._tools[tool.name] = (
                tool if schema == tool.parameters else tool.model_copy(update={"parameters": schema})
            )

        if self._checks and self._tools:
            checking.get_ready()

    @property
    def notes(self) -> Sequence[str]:
        """What a user has to know of the tools, a line each: left out, or not wholly understood."""
        return tuple(self._notes)

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools by name, in listing order."""
        return self._tools

    def documentation(self, names: Iterable[str] | None = None) -> str:
        """The documentation of the named tools (default: all), one line a tool."""
        chosen = self._tools if names is None else names
        return "\n".join(self._tools[name].documentation() for name in chosen)

    @property
    def near_duplicates(self) -> Mapping[str, str]:
        """Tools that nearly do the same as another, by name; empty where nobody declared any."""
        return {}

    @property
    def lost(self) -> str:
        """What is gone, so that calls cannot be made any more; empty while they can.

        Whoever executes calls asks after each of them: the observations of a lost toolbox mean nothing.
        """
        return self._lost

    def same_result(self, tool: str, a: JsonValue, b: JsonValue) -> bool:
        """Whether two results of a tool are equally good; plain equality unless a subclass knows better."""
        return a == b

    def for_trial(self, tool: str, *label: object) -> "Toolbox":
        """The tools on a state of their own, for one trial of exploring a tool; equal labels begin alike.

        These tools have no state, or keep it for everybody, unless a subclass knows better; so of `for_item`.
        """
        return self

    def for_item(self, tool: str, item: int) -> "Toolbox":
        """The tools on the state that a test item of a tool starts from, for one call."""
        return self

    async def execute(self, call: Call) -> Observation:
        """Execute a call; whatever goes wrong is in the observation, never raised (but see `lost`)."""
        start = time.perf_counter()
        asked_again = 0
        while True:
            limit = asyncio.timeout(self.timeout)
            try:
                problem = self._problem(call)
                if problem:
                    return self._observe(False, f"Error: {problem}", None, start)
                async with limit:
                    value = await self._run(call)
                break
            except ConnectionLost as loss:
                if not await self._recover(loss, asked_again):
                    return self._observe(False, f"Error: {self._lost or loss}", None, start)
                asked_again += 1
            except ToolError as error:
                return self._observe(False, f"Error: {error}", None, start)
            except Exception as error:  # a tool's own bug: the caller goes on
                if limit.expired():
                    return self._observe(False, f"Error: no answer within {self.timeout:g} seconds", None, start)
                return self._observe(False, f"Error: {type(error).__name__}: {error}", None, start)
        try:
            if isinstance(value, str):
                text = encodable(value)
                plain = value if text == value else text
            else:
                text = encodable(results.dumps(value))
                plain = json.loads(text)  # as written: a tuple becomes a list, a key text
            return self._observe(True, text, plain, start)
        except results.NotJson as error:
            return self._observe(False, f"Error: the tool's result is not JSON: {error}", None, start)
        except (ValueError, RecursionError):  # the record's refusal
            return self._observe(False, "Error: the tool's result is not JSON: it nests too deep", None, start)

    async def _recover(self, loss: ConnectionLost, asked_again: int) -> bool:
        """Find the way to the tools again, and say whether a call is to be asked again; if not, `lost` says why.

        Args:
            loss: what is gone.
            asked_again: how often this call has been by now.
        """
        self._lost = str(loss)
        return False

    async def _run(self, call: Call) -> JsonValue:
        """Execute a checked call and return its result.

        Raises:
            ToolError: the tool refuses the call.
            ConnectionLost: it could not be asked, or its answer is lost.
        """
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def _problem(self, call: Call) -> str | None:
        """What is wrong with a call's name or arguments, in words an API would use; None if nothing is."""
        if call.tool not in self._tools:
            return f"unknown tool '{call.tool}'"
        if self._checks:
            return checking.problem(call.arguments, self._tools[call.tool].parameters)
        for name, value in call.arguments.items():
            if not _finite(value):
                return f"{name}: not a number that JSON has; nothing was sent"
            if not _writable([name, value]):
                return f"{encodable(name)}: holds half of a surrogate pair, which is no text; nothing was sent"
        return None

    def _observe(self, ok: bool, text: str, value: JsonValue, start: float) -> Observation:
        shown = contain(encodable(text[: self.max_chars + 1]))
        truncated = len(shown) > self.max_chars
        if truncated:
            mark = f"... [cut, {len(text):,} characters in all]"
            shown = shown[: max(0, self.max_chars - len(mark))] + mark[: self.max_chars]
        return Observation(
            ok=ok,
            text=shown,
            value=None if truncated else value,
            seconds=time.perf_counter() - start,
            truncated=truncated,
        )


def _finite(value: JsonValue) -> bool:
    """Whether a value can be sent: JSON has neither infinity nor NaN."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict | list):
        return all(map(_finite, value.values() if isinstance(value, dict) else value))
    return True


def _writable(value: JsonValue) -> bool:
    """Whether a value can be sent: UTF-8 has no lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def strike(text: str, key: str) -> str:
    """The text with `***` for a key: as it is, as an address quotes it, as JSON writes it."""
    for written in {key, quote(key, safe=""), json.dumps(key)[1:-1]}:
        text = text.replace(written, "***")
    return text
