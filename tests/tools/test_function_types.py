"""Functions get what their signature says, by whatever name, and what they return becomes JSON by its type.

The reports that the shapes are of are named beside them.
"""

import asyncio
import datetime as dt
import decimal
import json
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from ste_core.core.records import Call, Observation
from ste_core.tools.functions import FunctionToolbox


class Unit(Enum):
    C = "celsius"
    F = "fahrenheit"


class Place(BaseModel):
    city: str
    country: str = "NL"


@dataclass
class Box:
    width: int
    tags: list[str] = field(default_factory=list)


class Options(TypedDict, total=False):
    limit: int


def weather(place: Place, unit: Unit = Unit.C) -> str:
    return f"{place.city} {place.country} {unit.name}"


def pack(box: Box, options: Options, size: Literal["s", "l"] = "s") -> str:  # microsoft/autogen#5736
    return f"{box.width} {box.tags} {options} {size}"


# run-llama/llama_index#17427: models in a list, and defaults by Field
def visit(places: list[Place] = Field(description="where to"), days: int = Field(3, ge=1)) -> str:  # noqa: B008
    return f"{[one.country for one in places]} {days}"


def weekday(day: date, /, when: datetime | None = None, *, short: bool = False) -> str:
    return f"{day:%A} {None if when is None else when.hour} {short}"


# openai/openai-agents-python#4107, posit-dev/chatlas#174, PR#4715: names that pydantic has a use for
def named(_x: int, schema: str, copy: str, model_config: str, model_fields: str, self: str, json: Any = None) -> str:
    return f"{_x} {schema} {copy} {model_config} {model_fields} {self} {json}"


def rest(first: int, **more: float) -> str:
    return f"{first} {more}"


def numbers(x: float, xs: list[float], n: int, limit: int = None) -> str:  # type: ignore[assignment]  # noqa: RUF013
    return f"{x!r} {xs} {n!r} {limit}"


CALLS: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (weather, {"place": {"city": "Delft"}, "unit": "fahrenheit"}, "Delft NL F"),
    (weather, {"place": {"city": "Delft"}}, "Delft NL C"),
    (weather, {"place": {"town": "x"}}, "Error: missing argument 'place.city'"),
    (
        weather,
        {"place": {"city": "Delft"}, "unit": "kelvin"},
        "Error: unit: 'kelvin' is not one of ['celsius', 'fahrenheit']",
    ),
    (pack, {"box": {"width": 1}, "options": {"limit": 2}}, "1 [] {'limit': 2} s"),
    (pack, {"box": {"width": "wide"}, "options": {}}, "Error: box.width: 'wide' is not of type 'integer'"),
    (visit, {"places": [{"city": "a"}, {"city": "b", "country": "DE"}]}, "['NL', 'DE'] 3"),
    (visit, {"places": [], "days": 0}, "Error: days: 0 is less than the minimum of 1"),
    (visit, {"days": 2}, "Error: missing argument 'places'"),
    (weekday, {"day": "2026-03-01"}, "Sunday None False"),
    (weekday, {"day": "2026-03-01", "when": "2026-03-01T10:00:00Z", "short": True}, "Sunday 10 True"),
    (weekday, {"day": "1 March"}, "Error: day: Input should be a valid date or datetime, input is too short"),
    (
        named,
        dict.fromkeys(["schema", "copy", "model_config", "model_fields", "self"], "y") | {"_x": 1},
        "1 y y y y y None",
    ),
    (
        named,
        dict.fromkeys(["schema", "copy", "model_fields", "self"], "y") | {"_x": 1},
        "Error: missing argument 'model_config'",
    ),
    (rest, {"first": 1, "a": 2.5}, "1 {'a': 2.5}"),
    (rest, {"first": 1, "a": "x"}, "Error: a: 'x' is not of type 'number'"),
    (numbers, {"x": 2, "xs": [1, 2.5], "n": 5.0}, "2 [1, 2.5] 5 None"),  # whole numbers stay what they are
    (numbers, {"x": 2, "xs": [], "n": 5, "limit": None}, "2 [] 5 None"),
]


def execute(function: Callable[..., Any], arguments: dict[str, Any] | None = None, **options: Any) -> Observation:
    box = FunctionToolbox([function], **options)
    seen = asyncio.run(box.execute(Call(tool=next(iter(box.tools)), arguments=arguments or {})))
    assert Observation.model_validate_json(seen.model_dump_json()) == seen
    return seen


@pytest.mark.parametrize(("function", "arguments", "text"), CALLS)
def test_a_function_gets_what_its_signature_says(function: Any, arguments: dict[str, Any], text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert execute(function, arguments).text == text


def test_what_is_documented_is_what_is_asked_for() -> None:
    told = FunctionToolbox([weather, weekday, named, numbers, visit]).documentation().splitlines()
    assert told[0].endswith("Args: place (object), unit (string, optional)")
    assert told[1].endswith("Args: day (string), when (string, optional), short (boolean, optional)")
    assert "Args: _x (integer), schema (string), copy (string), model_config (string)" in told[2]
    assert told[3].endswith("limit (integer, optional)")
    assert told[4].endswith("Args: places (array) where to, days (integer, optional)")


def test_a_parameter_that_cannot_be_is_named() -> None:
    def lock(a: int, lock: threading.Lock) -> None: ...

    def callback(then: Callable[[int], int]) -> None: ...

    def many(*items: str) -> None: ...

    for function, name in ((lock, "lock"), (callback, "then"), (many, "items")):
        with pytest.raises(TypeError, match=f"parameter '{name}'"):
            FunctionToolbox([function])


def test_a_pattern_of_pydantics_dialect() -> None:
    def greet(name: Annotated[str, Field(pattern=r"^\p{L}+$")]) -> str:
        return name

    assert execute(greet, {"name": "Zoë"}).text == "Zoë"
    assert execute(greet, {"name": "12"}).text.startswith("Error: name: ")


def returning(result: Any) -> Callable[[], Any]:
    def give() -> Any:
        return result

    return give


TABLE = pd.DataFrame({"a": [1.5, np.nan], "t": pd.to_datetime(["2020-01-01", None]), "c": ["x", None]})
ROWS = [{"a": 1.5, "t": "2020-01-01T00:00:00", "c": "x"}, {"a": None, "t": None, "c": None}]

RESULTS: list[tuple[Any, Any]] = [
    (np.int64(3), 3),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    ({"m": np.float32(0.5)}, {"m": 0.5}),
    (np.bool_(True), True),
    (TABLE, ROWS),  # sematic-ai/sematic#63: a table with dates
    (TABLE.set_index("c")["a"], {"x": 1.5, "NaN": None}),
    (TABLE["a"], [1.5, None]),
    (pd.Timestamp("2020-01-01"), "2020-01-01T00:00:00"),
    ([pd.NaT, pd.NA], [None, None]),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), {"columns": ["a", "a"], "rows": [[1, 2]]}),
    (date(2031, 8, 4), "2031-08-04"),
    (dt.time(9, 5), "09:05:00"),
    ({date(2031, 8, 4): Unit.C}, {"2031-08-04": "celsius"}),
    (decimal.Decimal("12.50"), 12.5),
    (decimal.Decimal("1234567890.12345678901234567890"), "1234567890.12345678901234567890"),
    (math.nan, None),
    ([math.inf, -math.inf], ["Infinity", "-Infinity"]),
    (Box(1, ["a"]), {"width": 1, "tags": ["a"]}),
    (Place(city="Delft"), {"city": "Delft", "country": "NL"}),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset("ba"), ["a", "b"]),
    (Path("a/b"), "a/b"),
    (b"hi", "hi"),
    ((n for n in range(3)), [0, 1, 2]),
    ({"b": 2.5, "a": 1}.values(), [2.5, 1]),
    ({"b": 1, "a": 2}.keys(), ["b", "a"]),
    ({("a", 1): 2}, {"a / 1": 2}),
]


@pytest.mark.parametrize(("result", "value"), RESULTS, ids=[type(one).__name__ for one, _ in RESULTS])
def test_a_result_becomes_json_by_its_type(result: Any, value: Any) -> None:
    seen = execute(returning(result))
    assert seen.ok and seen.value == value
    assert seen.text == (value if isinstance(value, str) else json.dumps(value))


def test_a_type_without_json_is_named_and_an_iterator_without_end_is_given_up() -> None:
    assert execute(returning(threading.Lock())).text.endswith("a value of type _thread.lock has no JSON form")
    assert execute(returning({"deep": [1j]})).text.endswith("a value of type complex has no JSON form")

    def forever() -> Iterator[int]:
        while True:
            yield 1

    assert not execute(returning(forever()), timeout=20).ok
