"""Python functions as tools.

>>> @function_tool(family="numbers", description="Add two numbers.")
... def add(a: Annotated[float, "first number"], b: float = 0.0) -> float:
...     '''What a reader of the code should know; the model sees `description` instead.'''
...     return a + b
>>> print(FunctionToolbox([add]).documentation())
Add two numbers. API: add. Args: a (number) first number, b (number, optional)

Names, types and defaults come from the signature, parameter descriptions from `Annotated[type, "text"]`, the schema
from pydantic. A function refuses a call by raising `ToolError`. A plain function needs no decorator: its docstring's
first paragraph is the description.
"""

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, JsonValue, create_model

from ste_core.core.records import Call, Tool
from ste_core.tools.base import Toolbox

Function = Callable[..., Any]


def function_tool(
    *, family: str = "", description: str | None = None, name: str | None = None
) -> Callable[[Function], Function]:
    """Mark a function as a tool and say what a language model gets to read about it.

    Args:
        family: a group of related tools.
        description: what the model reads; default the docstring's first paragraph.
        name: default the function's name.
    """

    def mark(function: Function) -> Function:
        function.tool = as_tool(function, family=family, description=description, name=name)  # type: ignore[attr-defined]
        return function

    return mark


def as_tool(function: Function, *, family: str = "", description: str | None = None, name: str | None = None) -> Tool:
    """The `Tool` record of a typed function.

    Raises:
        TypeError: a parameter has no type, or is `*args` or `**kwargs`.
    """
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or parameter.name not in hints:
            raise TypeError(f"{function.__name__}: parameter '{parameter.name}' needs a name and a type to be a tool's")
        hint = hints[parameter.name]
        about = None
        if get_origin(hint) is Annotated:
            about = next((text for text in get_args(hint)[1:] if isinstance(text, str)), None)
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hint, Field(default, description=about))
    schema = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields).model_json_schema()
    schema.pop("title", None)
    for one in schema.get("properties", {}).values():
        one.pop("title", None)
    schema.setdefault("properties", {})
    text = description if description is not None else (inspect.getdoc(function) or "").split("\n\n")[0]
    return Tool(name=name or function.__name__, description=" ".join(text.split()), parameters=schema, family=family)


class FunctionToolbox(Toolbox):
    """Python functions, plain or marked by `function_tool`, run in this process.

    Each call runs in a daemon thread of its own, so that a function that hangs keeps neither its caller nor the
    interpreter's exit waiting.
    """

    def __init__(self, functions: Iterable[Function], *, timeout: float = 10.0, max_chars: int = 2048) -> None:
        marked = [(getattr(function, "tool", None) or as_tool(function), function) for function in functions]
        super().__init__([tool for tool, _ in marked], timeout=timeout, max_chars=max_chars)
        self._functions = {tool.name: function for tool, function in marked}

    async def _run(self, call: Call) -> JsonValue:
        function = self._functions[call.tool]
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Any] = loop.create_future()

        def settle(value: Any, error: BaseException | None) -> None:
            if result.done():
                return  # timed out meanwhile
            if error is None:
                result.set_result(value)
            elif isinstance(error, Exception) and not isinstance(error, StopIteration):
                result.set_exception(error)
            else:  # SystemExit and the like must not end the study
                result.set_exception(RuntimeError(type(error).__name__))

        def work() -> None:
            try:
                outcome = (function(**call.arguments), None)
            except BaseException as error:
                outcome = (None, error)
            try:
                loop.call_soon_threadsafe(settle, *outcome)
            except RuntimeError:
                pass  # the loop is gone: nobody waits any more

        threading.Thread(target=work, name=f"tool {call.tool}", daemon=True).start()
        return await result
