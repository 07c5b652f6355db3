"""BFCL's functions as tools with state, and the test items that its tasks hold.

    world: {tools: "ste_core.tools.bfcl:bfcl_toolbox", test_set: "ste_core.tools.bfcl:stated_items"}

State is made anew: for each test item from the initial configuration of its task, with the gold calls before it
replayed; for each trial of an exploration likewise, at a place where a task calls the tool, drawn by the trial's label
(a ticket can be written only by who is logged in). What an explorer never sees are the tasks' requests and gold calls.

A test item is a turn with exactly one gold call. Its verdict is the package's own, by execution: the call returns what
the gold call returns and leaves the state that it leaves. An item's `result` holds both. The package shows a model the
whole conversation; a learner here is shown the turn's request alone, as the paper's is, so `stated_items` are those
whose gold arguments all stand in the request; `single_call_items` are all of them.
"""

import functools
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from pydantic import JsonValue

from ste_core.core.errors import UserError
from ste_core.core.records import Call, Observation, TestItem
from ste_core.tools import results
from ste_core.tools.base import Toolbox, ToolError
from ste_core.tools.bfcl_data import State, Task, documented_functions, package_folder, tasks
from ste_core.tools.threads import in_thread

#: characters of a result that a verdict may need; what a model sees is cut far sooner
WHOLE = 1_000_000

#: where the values of a gold call stand: the nearest place that has them
Standing = Literal["request", "documentation", "conversation", "results", "configuration", "nowhere"]
STANDINGS: dict[Standing, str] = {
    "request": "all in the turn's own request, or there are none",
    "documentation": "the others among the values that the function's documentation names",
    "conversation": "the others in what the user said before",
    "results": "the others in what the gold calls before it returned",
    "configuration": "the others in the initial configuration, which nobody is shown",
    "nowhere": "at least one in none of these: inferred by a reader, or made up",
}


def bfcl_toolbox() -> "BfclToolbox":
    """The functions of all eight classes.

    Raises:
        UserError: the package is not installed.
    """
    package_folder()
    return BfclToolbox(documented_functions().values())


class BfclToolbox(Toolbox):
    """The functions, each call on a state of its own; with a state in common by `for_trial` and `for_item`."""

    _checks = False  # as in the package: what a function makes of odd arguments is there to be learnt

    async def _run(self, call: Call) -> JsonValue:
        return await _call(State(_tasks_of(documented_functions()[call.tool].family)[0]), call)

    def for_trial(self, tool: str, *label: object) -> Toolbox:
        draw = random.Random("/".join(map(str, (tool, *label)))).choice
        among = _places_of(tool)
        if not among:
            return _Session(self, State(draw(_tasks_of(documented_functions()[tool].family))))
        place = draw(among)
        return _Session(self, State(place.task).after(place.before))

    def for_item(self, tool: str, item: int) -> Toolbox:
        if (tool, item) not in places():
            raise UserError(f"test item {item} of '{tool}': not an item of BFCL")
        return _ItemSession(self, places()[tool, item])


class _Session(BfclToolbox):
    """The tools of a toolbox on a state that goes on from call to call."""

    def __init__(self, parent: Toolbox, state: State) -> None:
        super().__init__((), timeout=parent.timeout, max_chars=parent.max_chars)
        self._tools = dict(parent.tools)
        self._state = state

    async def _run(self, call: Call) -> JsonValue:
        return await _call(self._state, call)


class _ItemSession(_Session):
    """One call on the state before a test item; its value holds what it returned, and whether the state is right."""

    def __init__(self, parent: Toolbox, place: "Place") -> None:
        super().__init__(parent, State(place.task).after(place.before))
        self.max_chars = WHOLE
        self._gold = State(place.task).after((*place.before, place.gold))

    async def execute(self, call: Call) -> Observation:
        seen = await super().execute(call)
        return seen.model_copy(update={"value": compared_value(seen.value, self._state.same_as(self._gold))})


def compared_value(result: JsonValue, same_state: bool) -> JsonValue:
    """What is compared of a test item: the result, and whether the state is that after the gold call."""
    return {"result": result, "same_state": same_state}


async def _call(state: State, call: Call) -> JsonValue:
    """What a call returns, as JSON; the package's functions tell of an error in their result.

    Raises:
        ToolError: they did.
    """

    def work() -> JsonValue:
        value = as_json(state.call(call))
        problem = failure(value)
        if problem is not None:
            raise ToolError(problem)
        return value

    return await in_thread(work, f"tool {call.tool}")


def as_json(value: Any) -> JsonValue:
    """A result as JSON: numbers of arbitrary precision as plain ones, what else JSON does not have as text.

    Raises:
        NotJson: it nests too deep, or holds a number that JSON does not have.
    """
    try:
        return json.loads(results.dumps(value))
    except results.NotJson:
        plain = json.dumps(value, default=lambda one: float(one) if hasattr(one, "__float__") else str(one))
        return json.loads(results.dumps(json.loads(plain)))


def failure(value: JsonValue) -> str | None:
    """The error that a result tells of, if it does."""
    first = value[0] if isinstance(value, list) and len(value) == 1 else value
    return str(first["error"]) if isinstance(first, dict) and "error" in first else None


@functools.cache
def _tasks_of(name: str) -> list[Task]:
    """The tasks that configure a class; all for the class without state."""
    return [one for one in tasks() if name in one.configuration] or list(tasks())


# --- test items -------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """A gold call: its task, the turn, all gold calls before it in order, and itself."""

    task: Task
    turn: int
    before: tuple[Call, ...]
    gold: Call

    @property
    def request(self) -> str:
        return self.task.turns[self.turn].request


@functools.cache
def gold_places() -> tuple[Place, ...]:
    """Every gold call, in the package's order."""
    found = []
    for task in tasks():
        before: tuple[Call, ...] = ()
        for number, turn in enumerate(task.turns):
            for gold in turn.gold:
                found.append(Place(task, number, before, gold))
                before += (gold,)
    return tuple(found)


@functools.cache
def _places_of(tool: str) -> list[Place]:
    """The gold calls of a function."""
    return [one for one in gold_places() if one.gold.tool == tool]


@functools.cache
def places() -> dict[tuple[str, int], Place]:
    """The turns with one gold call, by function and number; numbers count within a function, in the package's order."""
    counts: Counter[str] = Counter()
    found = {}
    for place in gold_places():
        if len(place.task.turns[place.turn].gold) == 1:
            found[place.gold.tool, counts[place.gold.tool]] = place
            counts[place.gold.tool] += 1
    return found


def single_call_items() -> list[TestItem]:
    """Every turn with one gold call, with what that call returns and does."""
    return [_item(*key) for key in places()]


def stated_items() -> list[TestItem]:
    """The turns with one gold call whose arguments all stand in the request."""
    return [_item(*key) for key, place in places().items() if standing(place) == "request"]


@functools.cache
def _item(tool: str, number: int) -> TestItem:
    place = places()[tool, number]
    result = run_gold(State(place.task).after(place.before), place.gold)
    return TestItem(item=number, query=place.request, gold=place.gold, result=compared_value(result.value, True))


class Ran(NamedTuple):
    """What a gold call returned, and the error it told of, None for none."""

    value: JsonValue
    error: str | None


def run_gold(state: State, call: Call) -> Ran:
    """A gold call made on a state, whatever comes of it."""
    try:
        value = as_json(state.call(call))
    except Exception as error:
        return Ran(None, f"{type(error).__name__}: {error}")
    problem = failure(value)
    return Ran(value if problem is None else None, problem)


# --- where values come from -------------------------------------------------------------------------------------------


def _said(place: Place) -> dict[Standing, str]:
    """What there is to find a value in, place by place."""
    state = State(place.task)
    return {
        "request": place.request,
        "documentation": documented_functions()[place.gold.tool].documentation(),
        "conversation": "\n".join(one.request for one in place.task.turns[: place.turn]),
        "results": "\n".join(json.dumps(run_gold(state, call).value) for call in place.before),
        "configuration": json.dumps(place.task.configuration),
    }


def standing(place: Place) -> Standing:
    """Where the values of a gold call stand, the farthest place that one of them needs."""
    texts = _said(place)
    order = list(STANDINGS)
    nearest = [
        next((where for where in order[:-1] if _holds(texts[where], value)), "nowhere")
        for value in _leaves(place.gold.arguments)
    ]
    return max(nearest, key=order.index, default="request")  # type: ignore[return-value]


def _leaves(value: JsonValue) -> Iterator[Any]:
    """The texts and numbers of a value; truth values stand in no text."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _leaves(one)
    elif value is not None and not isinstance(value, bool):
        yield value


_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def _holds(text: str, value: str | float) -> bool:
    """Whether a text holds a value: a number however it is written in digits, a date in any order with its month as a
    number or a word, another text whatever its case and without a leading # or @."""
    if not isinstance(value, str):
        return any(float(one.replace(",", "")) == abs(value) for one in _NUMBER.findall(text))
    if _plain(value).lstrip("#@") in _plain(text):
        return True
    date = _DATE.fullmatch(value)
    if date is None:
        return False
    year, month, day = map(int, date.groups())
    numbers = {int(one) for one in re.findall(r"\d+", text)}
    words = {one[:3].casefold() for one in re.findall(r"[^\W\d_]+", text)}
    return {year, day} <= numbers and (month in numbers or _MONTHS[month - 1] in words)


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("\\n", " ").replace('\\"', '"').split())
