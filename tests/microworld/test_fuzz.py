"""Calls nobody means: gold calls bent out of shape and values of every kind, 5,000 a family, seeded.

Whatever comes, a call ends in a result or in an error that a tool or its schema means to give.
"""

import asyncio
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from microworld import test_set
from microworld.tools import FAMILIES, MicroworldToolbox
from ste_core.core.records import Call, Observation

CALLS = 5_000  # a family
GOLD = [item.gold for split in ("test", "dev") for item in test_set.load(split)]

NUMBERS: tuple[Any, ...] = (
    *(0, -0.0, -1, 1, 2.0, 3.5, 0.05, 7, 13, 26, 100, 1966, 2031, 10**6, -(10**6), 1e-300, 1e12, -1e12, 1e13, 2**63),
    *(1e300, 1e308, -1e308, 10**30, 10**400, -(10**400), 10**4200, float("nan"), float("inf"), float("-inf")),
)
TEXTS = (
    *("", " ", "\n", "\t a \r\n", "\x00", "a\x00b", "?", "-", "/", "//", ",", ", ", ":", "-5", "+5", "1e5", "0x"),
    *("[]", "{}", "null", "None", "true", "NaN", "Infinity", "%s%n{0}", "{area}", "'; --", "../..", "<b>", "\\"),
    *("١٢/٠٣/٢٠٣١", "１２:３０", "３-２-１", "²", "Ⅷ", "日本", "ﬁ", "ß", "ǅ", "İ", "é", "e\u0301", "Zürich 🛫"),
    *("\ud800", "\udfff\ud800", "half \ud83d", "\u202eabc", "Final Answer: 42", "Action: x\nAction Input: {}"),
    *("x" * 5_000, "9" * 5_000, "a," * 2_500, "a/" * 2_500, "1-" * 2_500, " " * 5_000, "\n" * 500, "é" * 600),
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    *(None, True, False, [], {}, [[]], [None], [{}], [1, "a"], [float("nan")], [10**400], ["x" * 5_000] * 2, {"": ""}),
    *([1.5] * 500, ["a"] * 500, {str(n): n for n in range(300)}, {"\ud800": "\ud800"}, {"x" * 5_000: 1}),
)


def deep(rng: random.Random) -> Any:
    """Lists and objects in each other, to a depth that a record still takes."""
    value: Any = rng.choice(TEXTS)
    for _ in range(rng.choice((2, 5, 200))):
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


def odd(rng: random.Random) -> Any:
    """A value of any kind."""
    pool = rng.choice((NUMBERS, TEXTS, OTHERS, None))
    return deep(rng) if pool is None else rng.choice(pool)


def odd_text(rng: random.Random, text: str) -> str:
    """A text much like another."""
    place = rng.randrange(len(text) + 1)
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    bends: tuple[Callable[[], str], ...] = (
        text.upper,
        text.lower,
        text.swapcase,
        text.title,
        lambda: f" {text}\n",
        lambda: text[:place] + text[place + 1 :],
        lambda: text[:place] + rng.choice(TEXTS) + text[place:],
        lambda: text[:place] + chr(rng.choice((rng.randrange(128), rng.randrange(0x110000)))) + text[place:],
        lambda: text[::-1],
        lambda: text * rng.choice((2, 50, 1000)),
        lambda: text.translate(arabic),
        lambda: re.sub("[0-9]+", lambda _: str(rng.randrange(10 ** rng.randrange(1, 6))), text),
        lambda: rng.choice(TEXTS),
    )
    return rng.choice(bends)()


def odd_number(rng: random.Random, number: float) -> float:
    """A number much like another."""
    bends: tuple[Callable[[], float], ...] = (
        lambda: -number,
        lambda: number + rng.choice((-1, 1, 0.5, 1e-9)),
        lambda: number * 10 ** rng.randrange(1, 300),
        lambda: float(number),
        lambda: rng.choice(NUMBERS),
        lambda: rng.randrange(-50, 3000),
    )
    return rng.choice(bends)()


def bent(rng: random.Random, value: Any) -> Any:
    """A value of the same type as another, or nearly."""
    if isinstance(value, bool):
        return rng.choice((not value, int(value), str(value)))
    if isinstance(value, int | float):
        return odd_number(rng, value)
    if isinstance(value, str):
        return odd_text(rng, value)
    if isinstance(value, list):
        return bent_list(rng, value)
    return bent_object(rng, value)


def bent_list(rng: random.Random, values: list[Any]) -> list[Any]:
    """A list much like another."""
    place = rng.randrange(len(values))
    bends: tuple[Callable[[], list[Any]], ...] = (
        lambda: [*values[:place], bent(rng, values[place]), *values[place + 1 :]],
        lambda: [*values[:place], odd(rng), *values[place + 1 :]],
        lambda: values[:place],
        lambda: [*values, values[place]],
        lambda: values * rng.choice((2, 7, 100)),
        lambda: rng.sample(values, len(values)),
        lambda: [values],
    )
    return rng.choice(bends)()


def bent_object(rng: random.Random, values: dict[str, Any]) -> dict[str, Any]:
    """An object much like another."""
    name = rng.choice(list(values))
    rest = {one: value for one, value in values.items() if one != name}
    bends: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: {**rest, name: bent(rng, values[name])},
        lambda: {**rest, name: odd(rng)},
        lambda: {**rest, odd_text(rng, name): values[name]},
        lambda: {**values, rng.choice(TEXTS): odd(rng)},
        lambda: rest,
    )
    return rng.choice(bends)()


def fuzzed(rng: random.Random, gold: Call, values: dict[str, list[Any]]) -> Call:
    """A gold call with something wrong, mostly one value, sometimes several, a missing or an unknown one.

    `values` are those that gold calls give to each argument.
    """
    arguments = dict(gold.arguments)
    for name in rng.sample(list(values), min(len(values), rng.choice((1, 1, 1, 2, 4)))):
        arguments[name] = odd(rng) if rng.random() < 0.15 else bent(rng, rng.choice(values[name]))
    if arguments and rng.random() < 0.04:
        arguments.pop(rng.choice(list(arguments)))
    if rng.random() < 0.04:
        arguments[rng.choice(("stranger", *TEXTS))] = odd(rng)
    tool = odd_text(rng, gold.tool) if rng.random() < 0.01 else gold.tool
    return Call(tool=tool, arguments=arguments)


class Counting(MicroworldToolbox):
    """The fifty tools, with a count of the calls that get past the schema."""

    def __init__(self) -> None:
        super().__init__()
        self.entered: Counter[str] = Counter()

    async def _run(self, call: Call) -> Any:
        self.entered[call.tool] += 1
        return await super()._run(call)


#: errors that nobody meant to give: an exception's name, or what the executor says of a hang and of a result like NaN
UNMEANT = re.compile(r"Error: (_?[A-Z]\w*:|no answer within|the tool's result)")


def shown(call: Call, observation: Observation) -> str:
    """What to read about a call gone wrong."""
    return f"{call.tool}({str(call.arguments)[:500]}): {observation.text[:300]}"


@pytest.mark.parametrize("family", FAMILIES)
def test_fuzzed_calls_are_answered(family: str) -> None:
    rng, box = random.Random(f"fuzz {family}"), Counting()
    gold = [call for call in GOLD if box.tools[call.tool].family == family]
    values: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for call in gold:
        for name, value in call.arguments.items():
            values[call.tool][name].append(value)
    calls = [fuzzed(rng, call, values[call.tool]) for call in rng.choices(gold, k=CALLS)]

    async def run() -> list[Observation]:
        return [await box.execute(call) for call in calls]

    observations = asyncio.run(run())
    worked: Counter[str] = Counter()
    for call, observation in zip(calls, observations, strict=True):
        assert len(observation.text) <= box.max_chars, shown(call, observation)
        assert observation.seconds < box.timeout, shown(call, observation)
        assert not UNMEANT.match(observation.text), shown(call, observation)
        written = observation.model_dump_json().encode()
        assert json.loads(written) == observation.model_dump(), shown(call, observation)
        worked[call.tool] += observation.ok
    for tool in filter(values.get, values):  # those with arguments
        assert box.entered[tool] > CALLS / 5 / 4, "the tool itself is tested, not its schema alone"
        assert 50 < worked[tool] < box.entered[tool] - 50, "both what it answers and what it refuses"
