"""What a Python function returns, as JSON by its type: dates, numpy, pandas, decimals, models.

>>> import datetime, decimal
>>> dumps({"day": datetime.date(2031, 8, 4), "price": decimal.Decimal("12.50"), "odd": {3, 1}})
'{"day": "2031-08-04", "price": 12.5, "odd": [1, 3]}'

JSON has no NaN: what is missing (NaN, NaT, NA) is null, and infinity its name. A decimal is a number where a number is
exactly it, else text. A table is a list of its rows. What has no JSON form is refused by the name of its type.
"""

import dataclasses
import datetime
import decimal
import enum
import json
import math
import os
import sys
import uuid
from collections.abc import Iterator, Mapping, MappingView, Sequence, Set
from typing import Any

from pydantic import BaseModel, JsonValue

#: items of an iterator that are taken; one that goes on is refused
MOST_ITEMS = 100_000


class NotJson(TypeError):
    """A value whose type has no JSON form, named."""


def dumps(value: Any) -> str:
    """A value as JSON text.

    Raises:
        NotJson: a value that has no JSON form, nests too deep, or is too long a number.
    """
    try:
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):  # a type that JSON does not know, or NaN
            return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError, MemoryError):
        raise NotJson("it nests too deep, holds itself, or has too long a number") from None


def plain(value: Any) -> JsonValue:
    """A value made of what JSON has.

    Raises:
        NotJson, RecursionError: as `dumps`.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _no_number(float(value))
    for rule in (_of_pandas, _of_numpy, _of_library):
        if (made := rule(value)) is not _NOTHING:
            return made
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, MappingView):  # of a mapping's keys, values or items, in its order
        return [plain(one) for one in value]
    if isinstance(value, Set):
        return _sorted([plain(one) for one in value])
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(one) for one in value]
    if isinstance(value, Iterator):
        taken = [plain(one) for one, _ in zip(value, range(MOST_ITEMS), strict=False)]
        if len(taken) < MOST_ITEMS:
            return taken
    raise NotJson(f"a value of type {_name(value)} has no JSON form")


_NOTHING: Any = object()


def _no_number(value: float) -> str | None:
    return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _of_library(value: Any) -> Any:
    """Of the standard library's types, and of pydantic's models."""
    if isinstance(value, BaseModel):
        return _object({field.serialization_alias or name: getattr(value, name)
                        for name, field in type(value).model_fields.items() if not field.exclude}
                       | (value.model_extra or {}))  # fmt: skip
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _object({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, datetime.date | datetime.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return _decimal(value)
    if isinstance(value, datetime.timedelta | uuid.UUID | os.PathLike):
        return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    if isinstance(value, bytes | bytearray):
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            raise NotJson(f"{len(value):,} bytes that are no text have no JSON form") from None
    return _NOTHING


def _decimal(value: decimal.Decimal) -> JsonValue:
    if not value.is_finite():
        return _no_number(float(value)) if not value.is_snan() else None
    if value == value.to_integral_value():
        return int(value) if value.adjusted() < 100 else str(value)
    return float(value) if decimal.Decimal(repr(float(value))) == value else str(value)


def _of_numpy(value: Any) -> Any:
    """Of numpy's types; also of others whose values become lists the same way (tensors, arrays)."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        if isinstance(value, numpy.datetime64 | numpy.timedelta64):
            return None if numpy.isnat(value) else str(value)
        item = value.item()
        if type(item) is type(value):
            raise NotJson(f"a value of type {_name(value)} has no JSON form")
        return plain(item)
    if numpy is not None and isinstance(value, numpy.ndarray) and value.dtype.kind in "mM":
        return plain(list(value))
    to_list = getattr(value, "tolist", None)
    return plain(to_list()) if callable(to_list) and not isinstance(value, type | memoryview) else _NOTHING


def _of_pandas(value: Any) -> Any:
    """Of pandas' types: a table as its rows, a series as an object by its index, or as a list if that only counts."""
    pandas = sys.modules.get("pandas")
    if pandas is None or type(value).__module__.split(".")[0] != "pandas":
        return _NOTHING
    if value is pandas.NaT or value is pandas.NA:
        return None
    if isinstance(value, pandas.DataFrame):
        if not isinstance(value.index, pandas.RangeIndex):
            names = [name if name is not None else f"index{n or ''}" for n, name in enumerate(value.index.names)]
            if set(names) & set(value.columns):
                return {"index": plain(list(value.index)), "rows": _of_pandas(value.reset_index(drop=True))}
            value = value.reset_index(names=names)
        names = [" / ".join(map(str, name)) if isinstance(name, tuple) else name for name in value.columns]
        columns = [plain(list(value.iloc[:, number])) for number in range(value.shape[1])]
        if len(set(map(_key, names))) < len(names):  # columns of one name: no object could hold both
            return {"columns": plain(names), "rows": [list(row) for row in zip(*columns, strict=True)]}
        return [dict(zip(map(_key, names), row, strict=True)) for row in zip(*columns, strict=True)]
    if isinstance(value, pandas.Series):
        if isinstance(value.index, pandas.RangeIndex):
            return plain(list(value))
        if value.index.is_unique and value.index.nlevels == 1:
            return _object(dict(zip(value.index, value, strict=True)))
        return _of_pandas(value.to_frame(value.name if value.name is not None else "value"))
    if isinstance(value, pandas.Index) or hasattr(value, "__array__"):
        return plain(list(value))
    if isinstance(value, pandas.Period | pandas.Interval):
        return str(value)
    return _NOTHING  # a Timestamp is a datetime


def _object(value: Mapping[Any, Any]) -> JsonValue:
    made = {_key(key): plain(one) for key, one in value.items()}
    if len(made) < len(value):
        raise NotJson(f"keys of a {_name(value)} that are the same as text have no JSON form")
    return made


def _key(key: Any) -> str:
    """A key as text, as json writes those it knows."""
    if key is None or (isinstance(key, bool | int | float) and not isinstance(key, enum.Enum)):
        return next(iter(json.loads(json.dumps({key: 0}))))
    made = plain(key)
    if isinstance(made, str):
        return made
    if isinstance(made, list):
        return " / ".join(map(_key, made))
    if isinstance(made, dict):
        raise NotJson(f"a key of type {_name(key)} has no JSON form")
    return _key(made)


def _sorted(values: list[JsonValue]) -> list[JsonValue]:
    """A set's values in an order that does not depend on the process."""
    return sorted(values, key=lambda one: (str(type(one)), json.dumps(one, sort_keys=True) if not _number(one) else "",
                                           one if _number(one) else 0))  # fmt: skip


def _number(value: JsonValue) -> bool:
    return isinstance(value, int | float)


def _name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
