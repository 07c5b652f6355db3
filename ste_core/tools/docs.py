"""The release's API descriptions as tools.

>>> tools = load_descriptions("API_descriptions.json")                  # doctest: +SKIP
>>> print(tools[2].documentation())                                     # doctest: +SKIP

An entry is JSON in a string (ToolBench's APIs) or prose that ends in an "args json schema" fragment (BMTools).
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from ste_core.core.errors import UserError
from ste_core.core.records import Tool

SEPARATOR = "%%"  # between tool and API in the release's names

#: ToolBench's type words (before any parenthesis, lower case) -> JSON Schema; other words leave the type open
_TYPES: dict[str, dict[str, JsonValue]] = {
    "string": {"type": "string"},
    "enum": {"type": "string"},  # which values are allowed is at best in the description
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "array": {"type": "array"},
    "object": {"type": "object"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string"},
}


class _Parameter(BaseModel):
    name: str
    type: str = ""
    description: str | None = None
    default: JsonValue = ""


class _Entry(BaseModel):
    description: str | None = None
    required_parameters: list[_Parameter]
    optional_parameters: list[_Parameter]
    parent_tool_name: str = ""
    parent_tool_description: str | None = None


def load_descriptions(path: str | Path, categories: str | Path | None = None) -> list[Tool]:
    """Read the release's `API_descriptions.json` (names to descriptions) as tools, in the file's order.

    A tool's family is its ToolBench category, or its parent tool where the category is not known.

    Args:
        path: the file.
        categories: a JSON file of parent tool to category; default `tool2cate.json` beside `path`, if there.

    Raises:
        UserError: a file that cannot be read, or an entry that is neither, named in one line.
    """
    path = Path(path)
    beside = path.with_name("tool2cate.json")
    category_file = Path(categories) if categories is not None else beside if beside.exists() else None
    category = {} if category_file is None else _read_texts(category_file)
    tools = []
    for name, text in _read_texts(path).items():
        try:
            tools.append(_from_json(name, text, category) if text.lstrip().startswith("{") else _from_prose(name, text))
        except ValidationError as error:
            first = error.errors()[0]
            field = "".join(f"{part}: " for part in [".".join(map(str, first["loc"]))] if part)
            raise UserError(f"{path}: entry '{name}': {field}{first['msg']}") from None
        except ValueError as error:
            raise UserError(f"{path}: entry '{name}': {error}") from None
    return tools


def _read_texts(path: Path) -> dict[str, str]:
    """A JSON object whose values are strings."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object of names to texts, found a {type(value).__name__}")
    for name, text in value.items():
        if not isinstance(text, str):
            raise UserError(f"{path}: entry '{name}': expected a text, found a {type(text).__name__}")
    return value


def _from_json(name: str, text: str, category: Mapping[str, str]) -> Tool:
    entry = _Entry.model_validate_json(text)
    properties: dict[str, JsonValue] = {}
    for parameter in entry.required_parameters + entry.optional_parameters:
        properties.setdefault(parameter.name, _schema(parameter))  # the release names one parameter twice
    parent = entry.parent_tool_name or name.split(SEPARATOR)[0]
    return Tool(
        name=name,
        description=_one_line(entry.description or entry.parent_tool_description),
        parameters=_object(properties, [one.name for one in entry.required_parameters]),
        family=category.get(parent, parent),
    )


def _schema(parameter: _Parameter) -> dict[str, JsonValue]:
    schema = dict(_TYPES.get(parameter.type.split("(")[0].strip().lower(), {}))
    if parameter.description:
        schema["description"] = _one_line(parameter.description)
    default = _default(parameter.default, schema.get("type"))
    return schema if default is None else {**schema, "default": default}


def _default(default: JsonValue, kind: JsonValue) -> JsonValue:
    """A default, which the release writes as text, in its parameter's type; None if empty or not of that type."""
    if default is None or default == "":
        return None
    if kind in ("number", "integer", "boolean", "array", "object") and isinstance(default, str):
        try:
            default = json.loads(default.lower() if kind == "boolean" else default)
        except ValueError:
            return None
    if kind == "string":
        return default if isinstance(default, str) else json.dumps(default)
    fits: dict[Any, Any] = {"number": (int, float), "integer": int, "boolean": bool, "array": list, "object": dict}
    if kind in fits and (not isinstance(default, fits[kind]) or isinstance(default, bool) != (kind == "boolean")):
        return None
    return default


_CALLING = re.compile(r"\s*The Action to trigger this API should be\b.*\Z", re.DOTALL)
_FRAGMENT = re.compile(r"\s*Your input should be a json \(args json schema\):\s*(.*)\Z", re.DOTALL)
_ARGUMENT = re.compile(r'\s*"([^"]+)"\s*:\s*(\w+)\s*(?:\(([^)]*)\))?\s*(?:,|(?=\}))')


def _from_prose(name: str, text: str) -> Tool:
    text = _CALLING.sub("", text)
    fragment = _FRAGMENT.search(text)
    properties: dict[str, JsonValue] = {}
    if fragment:
        inside = fragment[1].strip()
        place = inside.find("{{") + 2
        while argument := _ARGUMENT.match(inside, place):
            properties[argument[1]] = _schema(_Parameter(name=argument[1], type=argument[2], description=argument[3]))
            place = argument.end()
        if inside[:2] != "{{" or inside[place:].strip() != "}}":
            raise ValueError(f"cannot read the arguments after 'args json schema': {inside[:80]!r}")
        text = text[: fragment.start()]
    # every argument counts as required: the fragment has no word for optional ones
    return Tool(
        name=name,
        description=_one_line(text).removesuffix("."),
        parameters=_object(properties, list(properties)),
    )


def _object(properties: dict[str, JsonValue], required: list[str]) -> dict[str, JsonValue]:
    schema: dict[str, JsonValue] = {"type": "object", "properties": properties}
    return {**schema, "required": list(dict.fromkeys(required))} if required else schema


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
