"""Arguments as models write them, in JSON or in Python's notation, made values that JSON can hold.

>>> by_name("days=90, back=-1, exact=true")
{'days': 90, 'back': -1, 'exact': True}
"""

import ast
import json
import warnings
from typing import Any, NoReturn


class Unreadable(Exception):
    """Why a call cannot be read, in words fit for the model to see."""


def no_constant(name: str) -> NoReturn:
    """For `parse_constant`: JSON has no NaN and no infinity."""
    raise ValueError(f"{name} is not JSON")


#: reads JSON as its standard has it; the second takes line ends in strings as they are
STRICT = json.JSONDecoder(parse_constant=no_constant)
LOOSE = json.JSONDecoder(parse_constant=no_constant, strict=False)


def json_object(value: Any, otherwise: str = "the arguments are not a JSON object") -> dict[str, Any]:
    """An object that can be written down: no infinity (1e999), no half of a surrogate pair.

    Raises:
        Unreadable: it is none; `otherwise` says so.
    """
    if not isinstance(value, dict):
        raise Unreadable(otherwise)
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Unreadable("the arguments hold a value that JSON cannot hold") from None
    return value


def expression(source: str, otherwise: str) -> ast.AST:
    """A Python expression, parsed; nothing of it is run.

    Raises:
        Unreadable: it is none; `otherwise` says so.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes that mean nothing
            return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unreadable(otherwise) from None


def literal(node: ast.AST, otherwise: str = "an argument is no plain value") -> Any:
    """A Python value as JSON has it; `true`, `false` and `null` will do as well.

    Raises:
        Unreadable: it is none (`otherwise` says so), or nests too deep.
    """
    try:
        return _value(node, otherwise)
    except RecursionError:
        raise Unreadable("the arguments nest too deep") from None


_NAMES = {"true": True, "false": False, "null": None}


def _value(node: ast.AST, otherwise: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float, type(None))):
        return node.value
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return [_value(one, otherwise) for one in node.elts]
    if isinstance(node, ast.Dict):
        keys = [None if key is None else _value(key, otherwise) for key in node.keys]
        if all(isinstance(key, str) for key in keys):
            return {key: _value(one, otherwise) for key, one in zip(keys, node.values, strict=True)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _value(node.operand, otherwise)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if isinstance(node.op, ast.USub) else value
    raise Unreadable(otherwise)


def by_name(
    source: str,
    unparsed: str = "the arguments are not Python values given by name",
    unnamed: str = "the arguments must be given by name",
    unplain: str = "an argument is no plain value",
) -> dict[str, Any]:
    """The arguments between the brackets of a Python call.

    Raises:
        Unreadable: they are none (`unparsed`), not all given by name (`unnamed`), or no plain values (`unplain`).
    """
    call = expression(f"_({source}\n)", unparsed)
    if not isinstance(call, ast.Call) or call.args or any(one.arg is None for one in call.keywords):
        raise Unreadable(unnamed)
    return json_object({str(one.arg): literal(one.value, unplain) for one in call.keywords})
