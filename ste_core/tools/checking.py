"""Arguments checked by a tool's schema, as far as that can be done here; the rest is left to the tool.

>>> schema = {"type": "object", "properties": {"day": {"type": "string", "pattern": r"^\\p{Nd}{1,2}$"}}}
>>> print(problem({"day": "first"}, schema), problem({"day": "12"}, schema), sep="; ")
day: 'first' does not match '^\\\\p{Nd}{1,2}$'; None

A schema may use another dialect of regular expressions, refer to what is not here, or go round in circles. A keyword
that cannot be applied refuses nothing.
"""

import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import regex
from pydantic import JsonValue

from ste_core.core import json_schema

if TYPE_CHECKING:  # takes seconds to import, and who only asks a server needs none of it
    from jsonschema import ValidationError

#: seconds a pattern may take: one that backtracks without end refuses nothing
PATTERN_SECONDS = 0.2

#: keywords that ask whether a part holds: where it cannot be told, they say nothing
_ASKING = ("not", "oneOf", "if", "contains", "unevaluatedProperties", "unevaluatedItems", "additionalProperties")

_unsure = itertools.count(1)  # how often a keyword could not be applied
_last = 0


def problem(arguments: dict[str, JsonValue], schema: dict[str, Any]) -> str | None:
    """What is wrong with a call's arguments, in words an API would use; None if nothing is, or nothing is sure.

    Args:
        arguments: of the call.
        schema: of the tool, as `json_schema.mend` leaves it.
    """
    properties = json_schema.members(schema)
    # an unknown name is said first: it explains the missing one
    unknown = [name for name in arguments if name not in properties]
    if unknown and schema.get("additionalProperties") is False and not schema.get("patternProperties"):
        known = ", ".join(properties) or "none"
        return f"unknown argument '{unknown[0]}', arguments are: {known}"
    try:
        error = _first(_validator(_Same(schema)).iter_errors(arguments), arguments)
    except Exception:  # a schema that goes round in circles, or that no validator was made for
        return None
    if error is None:
        return None
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"missing argument '{'.'.join(filter(None, (where, missing)))}'"
    return f"{where}: {error.message[:200]}" if where else error.message[:200]


def get_ready() -> None:
    """Import what checking takes: a second or two, which must not count as the first call's."""
    _lenient()


class _Same:
    """A schema as a key: the same object is the same schema, for records do not change."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.schema is other.schema


@lru_cache(maxsize=4096)
def _validator(key: _Same) -> Any:
    from referencing import Registry

    # an empty registry: a foreign schema must not make us fetch what it refers to
    return _lenient()(key.schema, registry=Registry())


@cache
def _lenient() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    rules = {name: _passing(name, rule) for name, rule in Draft202012Validator.VALIDATORS.items()}
    rules |= {"pattern": _passing("pattern", _pattern), "multipleOf": _passing("multipleOf", _multiple)}
    return extend(Draft202012Validator, rules)


def _passing(name: str, rule: Callable[..., Any]) -> Callable[..., Iterator["ValidationError"]]:
    """A keyword's rule that finds nothing wrong where it cannot be applied."""

    def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator["ValidationError"]:
        global _last
        before = _last
        try:
            if name not in _ASKING:
                yield from rule(validator, value, instance, schema) or ()
                return
            errors = list(rule(validator, value, instance, schema) or ())
        except RecursionError:
            raise
        except Exception:  # a reference that leads nowhere, a pattern, a value of another type than expected
            _last = next(_unsure)
            return
        if _last == before:
            yield from errors

    return apply


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator["ValidationError"]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and not _compiled(pattern).search(instance, timeout=PATTERN_SECONDS):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _multiple(validator: Any, step: Any, instance: Any, schema: Any) -> Iterator["ValidationError"]:
    """As decimal numbers: 0.3 is a multiple of 0.1."""
    from jsonschema import ValidationError

    if isinstance(instance, int | float) and not isinstance(instance, bool):
        if Decimal(str(instance)) % Decimal(str(step)):
            yield ValidationError(f"{instance!r} is not a multiple of {step!r}")


#: set operations, which dialects write alike and mean differently
_SETS = re.compile(r"\[[^\]]*(?:&&|--|~~|\|\||\[(?!:))")


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    """A pattern, compiled; one that dialects read differently is an error, as one that ours does not know."""
    if _SETS.search(pattern):
        raise ValueError("a set of sets")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return regex.compile(pattern)


def _first(errors: Iterable["ValidationError"], arguments: dict[str, JsonValue]) -> "ValidationError | None":
    """The first of several errors: of additional properties, whose order jsonschema takes from a set and so from the
    process's hash seed, that of the one that stands first."""
    first = next(errors := iter(errors), None)
    if first is None or "additionalProperties" not in first.absolute_schema_path:
        return first
    rule = _rule(first)
    return min((one for one in (first, *errors) if _rule(one) == rule), key=lambda one: _place(one, arguments))


def _rule(error: "ValidationError") -> list[str | int]:
    """The way to a schema's rule on additional properties."""
    way = [*error.absolute_schema_path]
    return way[: way.index("additionalProperties") + 1] if "additionalProperties" in way else way


def _place(error: "ValidationError", arguments: dict[str, JsonValue]) -> tuple[int, ...]:
    """Where in the arguments an error is: the number of each key or item on the way to it."""
    value: Any = arguments
    place = []
    for part in error.absolute_path:
        place.append([*value].index(part) if isinstance(value, dict) else int(part))
        value = value[part]
    return tuple(place)
