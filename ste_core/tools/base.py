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
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from pydantic import JsonValue
from referencing import Registry

from ste_core.core.react import contain
from ste_core.core.records import Call, Observation, Tool


class ToolError(Exception):
    """What a tool tells its caller when a call cannot be served; the message becomes the observation."""


class Toolbox:
    """Tools that can be listed and executed; subclasses fill `_tools` and implement `_run`.

    Args:
        tools: the tools, by which calls are checked.
        timeout: seconds a call may take.
        max_chars: characters of an observation the model gets to see (the paper: 2,048).

    A toolbox is an async context manager: entering connects (a server is started, a session opened), leaving closes.
    """

    def __init__(self, tools: Iterable[Tool] = (), *, timeout: float = 10.0, max_chars: int = 2048) -> None:
        self.timeout = timeout
        self.max_chars = max_chars
        self._tools: dict[str, Tool] = {}
        self._validators: dict[str, Validator] = {}
        self._set_tools(tools)

    def _set_tools(self, tools: Iterable[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        # an empty registry: a foreign schema must not make us fetch what it refers to
        self._validators = {
            name: validator_for(tool.parameters, Draft202012Validator)(tool.parameters, registry=Registry())
            for name, tool in self._tools.items()
        }

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
        """What is gone for good, so that calls cannot be made any more; empty while they can."""
        return ""

    def same_result(self, tool: str, a: JsonValue, b: JsonValue) -> bool:
        """Whether two results of a tool are equally good; plain equality unless a subclass knows better."""
        return a == b

    async def execute(self, call: Call) -> Observation:
        """Execute a call; whatever goes wrong is in the observation, never raised."""
        start = time.perf_counter()
        limit = asyncio.timeout(self.timeout)
        try:
            problem = self._problem(call)
            if problem:
                return self._observe(False, f"Error: {problem}", None, start)
            async with limit:
                value = await self._run(call)
        except ToolError as error:
            return self._observe(False, f"Error: {error}", None, start)
        except Exception as error:  # a tool's own bug, a lost connection: the caller goes on
            if limit.expired():
                return self._observe(False, f"Error: no answer within {self.timeout:g} seconds", None, start)
            return self._observe(False, f"Error: {type(error).__name__}: {error}", None, start)
        try:
            if isinstance(value, str):
                text = _encodable(value)
                plain = value if text == value else text
            else:
                text = _encodable(json.dumps(value, ensure_ascii=False, allow_nan=False))
                plain = json.loads(text)  # as written: a tuple becomes a list, a key text
            return self._observe(True, text, plain, start)
        except (TypeError, ValueError, RecursionError):  # also the record's refusal of what nests too deep
            return self._observe(False, "Error: the tool's result is not JSON", None, start)

    async def _run(self, call: Call) -> JsonValue:
        """Execute a checked call and return its result.

        Raises:
            ToolError: the tool refuses the call.
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
        properties = self._tools[call.tool].parameters.get("properties") or {}
        # an unknown name is said first: it explains the missing one
        unknown = [name for name in call.arguments if name not in properties]
        if unknown and self._tools[call.tool].parameters.get("additionalProperties") is False:
            known = ", ".join(properties) or "none"
            return f"unknown argument '{unknown[0]}', arguments are: {known}"
        error = _first(self._validators[call.tool].iter_errors(call.arguments), call.arguments)
        if error is not None:
            where = ".".join(map(str, error.absolute_path))
            if error.validator == "required":
                missing = next(name for name in error.validator_value if name not in error.instance)
                return f"missing argument '{'.'.join(filter(None, (where, missing)))}'"
            return f"{where}: {error.message[:200]}" if where else error.message[:200]
        return None

    def _observe(self, ok: bool, text: str, value: JsonValue, start: float) -> Observation:
        shown = contain(_encodable(text[: self.max_chars + 1]))
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


def _first(errors: Iterable[ValidationError], arguments: dict[str, JsonValue]) -> ValidationError | None:
    """The first of several errors: of additional properties, whose order jsonschema takes from a set and so from the
    process's hash seed, that of the one that stands first."""
    first = next(errors := iter(errors), None)
    if first is None or "additionalProperties" not in first.absolute_schema_path:
        return first
    rule = _rule(first)
    return min((one for one in (first, *errors) if _rule(one) == rule), key=lambda one: _place(one, arguments))


def _rule(error: ValidationError) -> list[str | int]:
    """The way to a schema's rule on additional properties."""
    way = [*error.absolute_schema_path]
    return way[: way.index("additionalProperties") + 1] if "additionalProperties" in way else way


def _place(error: ValidationError, arguments: dict[str, JsonValue]) -> tuple[int, ...]:
    """Where in the arguments an error is: the number of each key or item on the way to it."""
    value: Any = arguments
    place = []
    for part in error.absolute_path:
        place.append([*value].index(part) if isinstance(value, dict) else int(part))
        value = value[part]
    return tuple(place)


def _encodable(text: str) -> str:
    """The text with lone surrogates replaced, so that it can be written as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
