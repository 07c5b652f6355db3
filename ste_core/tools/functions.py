"""Python functions as tools.

>>> @function_tool(family="numbers", description="Add two numbers.")
... def add(a: Annotated[float, "first number"], b: float = 0.0) -> float:
...     '''What a reader of the code should know; the model sees `description` instead.'''
...     return a + b
>>> print(FunctionToolbox([add]).documentation())
Add two numbers. API: add. Args: a (number) first number, b (number, optional)

Names, types and defaults come from the signature, parameter descriptions from `Annotated[type, "text"]`, the schema
from pydantic; and by the same pydantic model a call's arguments become what the signature says: a date, a member of an
`Enum`, a model. So does what a function returns become JSON (`ste_core.tools.results`). A function refuses a call by
raising `ToolError`. A plain function needs no decorator: its docstring's first paragraph is the description.
"""

import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from ste_core.core import quick_jsonschema  # noqa: F401, now, not while a first call is waited for
from ste_core.core.errors import one_line
from ste_core.core.records import Call, Tool
from ste_core.tools import results
from ste_core.tools.base import Toolbox, ToolError
from ste_core.tools.threads import in_thread

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
        TypeError: a parameter has no type, one without a schema, or is `*args`; the parameter is named.
    """
    schema = _Signature.of(function).schema()
    text = description if description is not None else (inspect.getdoc(function) or "").split("\n\n")[0]
    return Tool(name=name or _name(function), description=" ".join(text.split()), parameters=schema, family=family)


def _name(function: Function) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


class _Plain(GenerateJsonSchema):
    """No warnings on a terminal about defaults that JSON does not have."""

    ignored_warning_kinds: typing.ClassVar[Any] = {"skipped-choice", "non-serializable-default"}


@dataclass(frozen=True, slots=True)
class _Signature:
    """A function's parameters as a pydantic model, whose fields have names of ours: any name of the user's will do."""

    function: Function
    signature: inspect.Signature
    model: type[BaseModel]
    fields: dict[str, str]  # the model's name of a parameter by the parameter's
    rest: str | None  # the parameter `**rest`, whose values have a type
    about: "TypeAdapter[Any] | None"  # of its values

    @classmethod
    def of(cls, function: Function) -> "_Signature":
        """Read a function's signature.

        Raises:
            TypeError: as `as_tool`.
        """
        signature = inspect.signature(function)
        hints = _hints(function)
        fields: dict[str, Any] = {}
        names: dict[str, str] = {}
        rest, about = None, None
        for number, parameter in enumerate(signature.parameters.values()):
            if parameter.name not in hints or parameter.kind is parameter.VAR_POSITIONAL:
                raise TypeError(
                    f"{_name(function)}: parameter '{parameter.name}' needs a name and a type to be a tool's"
                )
            hint = hints[parameter.name]
            if parameter.default is None and not isinstance(hint, type(None)):
                hint = hint | None if isinstance(hint, type | types.UnionType) else typing.Optional[hint]  # noqa: UP045
            adapter = _checked(function, parameter.name, hint)
            if parameter.kind is parameter.VAR_KEYWORD:
                rest, about = parameter.name, adapter
                continue
            names[parameter.name] = field = f"p{number}"
            fields[field] = (hint, _field(parameter, hint))
        extra = "allow" if rest else "forbid"
        model = create_model(_name(function), __config__=ConfigDict(extra=extra, protected_namespaces=()), **fields)
        return cls(function, signature, model, names, rest, about)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""
        schema = self.model.model_json_schema(schema_generator=_Plain)
        schema.pop("title", None)
        for one in schema.get("properties", {}).values():
            one.pop("title", None)
        schema.setdefault("properties", {})
        if self.about is not None:
            values = self.about.json_schema(schema_generator=_Plain)
            schema.setdefault("$defs", {}).update(values.pop("$defs", {}))
            if not schema["$defs"]:
                del schema["$defs"]
            schema["additionalProperties"] = values or True
        return schema

    def call(self, arguments: dict[str, JsonValue]) -> Any:
        """Call the function with what its signature says these arguments are.

        Raises:
            ToolError: they are not.
        """
        values: dict[str, Any] = {}
        try:
            named = {name: self._whole(name, one) for name, one in arguments.items() if name in self.fields}
            made = self.model.model_validate(named)
            more = {name: one for name, one in arguments.items() if name not in self.fields}
            if self.about is not None and more:
                values[str(self.rest)] = {name: self.about.validate_python(one) for name, one in more.items()}
            elif more:
                raise ToolError(f"unknown argument '{next(iter(more))}', arguments are: {', '.join(self.fields)}")
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ToolError(": ".join(filter(None, (where, one_line(first["msg"]))))) from None
        for name, field in self.fields.items():
            given = name in arguments
            if given or isinstance(self.signature.parameters[name].default, FieldInfo):
                value = getattr(made, field)
                values[name] = _as_given(arguments[name], value) if given else value
        bound = inspect.BoundArguments(self.signature, {})  # type: ignore[arg-type]
        bound.arguments.update({name: values[name] for name in self.signature.parameters if name in values})
        bound.apply_defaults()
        return self.function(*bound.args, **bound.kwargs)

    def _whole(self, name: str, value: JsonValue) -> JsonValue:
        """A whole number for a parameter of type int: pydantic takes 5.0 for 5, and refuses 1e300 for its length."""
        wanted = self.model.model_fields[self.fields[name]].annotation
        whole = isinstance(value, float) and value.is_integer() and wanted in (int, int | None)
        return int(value) if whole and isinstance(value, float) else value


def _hints(function: Function) -> dict[str, Any]:
    """The types of a function's parameters; of an object that is called, those of its `__call__`."""
    while isinstance(function, types.MethodType):
        function = function.__func__
    if not inspect.isroutine(function) and not hasattr(function, "__annotations__"):
        function = getattr(function, "func", None) or type(function).__call__  # a partial, or an object
    return get_type_hints(function, include_extras=True)


def _checked(function: Function, name: str, hint: Any) -> TypeAdapter[Any]:
    """The adapter of a parameter's type.

    Raises:
        TypeError: the type has no JSON Schema.
    """
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint)
        adapter.json_schema(schema_generator=_Plain)
    except Exception as error:  # pydantic's errors have several bases
        said = one_line(str(error).split("\n")[0], 200)
        raise TypeError(f"{_name(function)}: parameter '{name}': its type cannot be a tool's ({said})") from None
    return adapter


def _field(parameter: inspect.Parameter, hint: Any) -> FieldInfo:
    """What the model knows of a parameter beside its type."""
    about = None
    if get_origin(hint) is Annotated:
        about = next((text for text in get_args(hint)[1:] if isinstance(text, str)), None)
    more: dict[str, Any] = {"alias": parameter.name} | ({} if about is None else {"description": about})
    if isinstance(parameter.default, FieldInfo):  # `count: int = Field(3, description=...)`
        return FieldInfo.merge_field_infos(parameter.default, **more, validation_alias=parameter.name)
    return Field(... if parameter.default is parameter.empty else parameter.default, **more)


def _as_given(given: JsonValue, made: Any) -> Any:
    """What validation made of a value; but a whole number stays one where any number will do, as in Python."""
    if isinstance(given, int) and not isinstance(given, bool) and type(made) is float:
        return given
    if isinstance(given, list) and type(made) is list and len(given) == len(made):
        return [_as_given(one, other) for one, other in zip(given, made, strict=True)]
    if isinstance(given, dict) and type(made) is dict and given.keys() == made.keys():
        return {name: _as_given(given[name], one) for name, one in made.items()}
    return made


class FunctionToolbox(Toolbox):
    """Python functions, plain or marked by `function_tool`, run in this process.

    Each call runs in a daemon thread of its own, so that a function that hangs keeps neither its caller nor the
    interpreter's exit waiting, unless it holds the interpreter (see `ste_core.tools.threads`).
    """

    def __init__(self, functions: Iterable[Function], *, timeout: float = 10.0, max_chars: int = 2048) -> None:
        marked = [(getattr(function, "tool", None) or as_tool(function), function) for function in functions]
        super().__init__([tool for tool, _ in marked], timeout=timeout, max_chars=max_chars)
        self._signatures: dict[str, _Signature] = {}
        for tool, function in marked:  # the first of a name, as of the tools
            self._signatures.setdefault(tool.name, _Signature.of(function))

    async def _run(self, call: Call) -> JsonValue:
        signature = self._signatures[call.tool]

        def work() -> Any:
            value = signature.call(call.arguments)
            try:  # as JSON already here: a table may be long, and an iterator without end
                return value if isinstance(value, str) else json.loads(results.dumps(value))
            except results.NotJson as error:
                raise ToolError(f"the tool's result is not JSON: {error}") from None

        return await in_thread(work, f"tool {call.tool}")
