"""Replies to BFCL's single-turn items, to compare scorers by: right ones, changed in one way, and made-up ones.

>>> [one.kind for one in replies(single_turn_items()[0])][-3:]                       # doctest: +SKIP
['changed: an optional argument null', 'changed: two calls', 'changed: a name that no function has']

Each can be written in both reply formats: as ReAct text, and as the list of Python calls that the package asks for.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from ste_core.core import react
from ste_core.tools import bfcl_data

#: the sets, by the names of their files
SETS = {"simple": "simple_python", "multiple": "multiple", "irrelevance": "irrelevance"}

Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """A query's functions, and what may be answered: the right function and, by argument, the values that are right.

    `name` is None where no function serves the query. Among the values "" says that the argument may be left out.
    """

    set: str
    number: str
    functions: tuple[dict[str, Any], ...]
    name: str | None = None
    possible: Mapping[str, list[Any]] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The right function's documented parameters; the first one's where none is right."""
        right = next((one for one in self.functions if one["name"] == self.name), self.functions[0])
        return right["parameters"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of some kind: calls, or a text that is the same in both forms."""

    kind: str
    calls: tuple[tuple[str, Arguments], ...] = ()
    text: str | None = None

    def react(self) -> str:
        if self.text is not None:
            return self.text
        return "\n".join(react.render_call(name, arguments) for name, arguments in self.calls)

    def python(self) -> str:
        if self.text is not None:
            return self.text
        written = (
            f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})" for name, given in self.calls
        )
        return f"[{', '.join(written)}]"


def single_turn_items() -> list[Item]:
    """The items of all three sets.

    Raises:
        UserError: the package is not installed.
    """
    found = []
    for name, file in SETS.items():
        lines = bfcl_data.read_lines(f"BFCL_v4_{file}.json")
        right: dict[str, dict[str, Any]] = {}
        if name != "irrelevance":
            answers = bfcl_data.read_lines(f"possible_answer/BFCL_v4_{file}.json")
            right = {one["id"]: one["ground_truth"][0] for one in answers}
        for line in lines:
            item = Item(name, line["id"], tuple(line["function"]))
            for called, possible in right.get(line["id"], {}).items():
                item = replace(item, name=called, possible=possible)
            found.append(item)
    return found


# --- replies ----------------------------------------------------------------------------------------------------------


def replies(item: Item) -> Iterator[Reply]:
    """Replies to an item: what can be made of it of right, changed and made-up ones."""
    yield from _made_up(item)
    if item.name is None or item.possible is None:
        return
    name, first = item.name, _chosen(item, 0)
    for kind, given in (("right: first values", first), ("right: last values", _chosen(item, -1)),
                        ("right: nothing optional", _chosen(item, 0, optional=False)),
                        ("right: keys in reverse", dict(reversed(first.items())))):  # fmt: skip
        yield Reply(kind, ((name, given),))
    for kind, change in CHANGES.items():
        given = change(deepcopy(first), item)
        if given is not None:
            yield Reply(f"changed: {kind}", ((name, given),))
    yield Reply("changed: two calls", ((name, first), (name, first)))
    yield Reply("changed: a name that no function has", ((f"{name}_2", first),))
    for other in item.functions:
        if other["name"] != name:
            yield Reply("changed: another function", ((other["name"], first),))
            break


def _made_up(item: Item) -> Iterator[Reply]:
    function = item.functions[0]
    given = {
        name: _MADE_UP.get(about.get("type"), "something")
        for name, about in function["parameters"]["properties"].items()
    }
    if item.name is None:
        yield Reply("made up: a call", ((function["name"], given),))
        yield Reply("made up: a call without arguments", ((function["name"], {}),))
        yield Reply("made up: a name that no function has", (("no_such_function", given),))
    call = react.render_call(function["name"], given)
    yield Reply("made up: prose", text="I am sorry, none of these functions can do that.")
    yield Reply("made up: an answer", text="Final Answer: none of the functions helps.")
    yield Reply("made up: prose with labels", text="Which Action: would help? I do not know.")
    yield Reply("made up: nothing", text="")
    yield Reply("made up: half a call", text=call[: call.rindex("}")])


_MADE_UP = {"integer": 7, "float": 7.5, "boolean": True, "array": [1, 2], "tuple": [1, 2], "dict": {"key": "value"}}


def _chosen(item: Item, which: int, *, optional: bool = True) -> Arguments:
    """Right arguments: the values at a place of each list, or only those that may not be left out."""
    made = {}
    for name, values in (item.possible or {}).items():
        some = [one for one in values if one != ""]
        if some and (optional or "" not in values):
            made[name] = _concrete(some[which], which)
    return made


def _concrete(value: Any, which: int) -> Any:
    """A value whose objects hold lists of right values, one of each."""
    if isinstance(value, dict):
        chosen = {
            name: [one for one in values if one != ""] for name, values in value.items() if isinstance(values, list)
        }
        rest = {name: one for name, one in value.items() if not isinstance(one, list)}
        return rest | {name: _concrete(some[which], which) for name, some in chosen.items() if some}
    return [_concrete(one, which) for one in value] if isinstance(value, list) else value


def listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


Change = Callable[[Arguments, Item], Arguments | None]


def _of_type(kind: type, change: Callable[[Any], Any], when: Callable[[Any], bool] = lambda _: True) -> Change:
    """A change of the first argument of a type; none where there is none."""

    def apply(given: Arguments, item: Item) -> Arguments | None:
        name = next((name for name, one in given.items() if type(one) is kind and when(one)), None)
        return None if name is None else given | {name: change(given[name])}

    return apply


def _left_out(given: Arguments, item: Item) -> Arguments | None:
    name = next((name for name in item.parameters.get("required", []) if name in given), None)
    return None if name is None else {key: one for key, one in given.items() if key != name}


def _set_optional(value: Callable[[dict[str, Any]], Any], wanted: Callable[[dict[str, Any]], bool]) -> Change:
    """A change that gives the first optional argument of some kind a value."""

    def apply(given: Arguments, item: Item) -> Arguments | None:
        for name, about in item.parameters["properties"].items():
            if name not in item.parameters.get("required", []) and wanted(about):
                return given | {name: value(about)}
        return None

    return apply


def _any(value: Any, kind: type) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return type(value) is kind or any(_any(one, kind) for one in parts)


def _each(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """A value with all in it that is of a type changed."""
    if isinstance(value, dict):
        return {name: _each(one, kind, change) for name, one in value.items()}
    if isinstance(value, list):
        return [_each(one, kind, change) for one in value]
    return change(value) if type(value) is kind else value


#: one change each to right arguments; None where an item has nothing to change so
CHANGES: dict[str, Change] = {
    "a whole number as text": _of_type(int, str),
    "a whole number as a float": _of_type(int, float),
    "a float as a whole number": _of_type(float, int, float.is_integer),
    "a float as text": _of_type(float, str),
    "a number too large by one": _of_type(int, lambda one: one + 1),
    "truth as a number": _of_type(bool, int),
    "truth the other way round": _of_type(bool, lambda one: not one),
    "capitals": _of_type(str, str.upper),
    "a full stop behind": _of_type(str, lambda one: one + "."),
    "blanks around": _of_type(str, lambda one: f" {one} "),
    "other words": _of_type(str, lambda one: one + " and more"),
    "quotes, letters and labels": _of_type(str, lambda one: one + ' "é" Action: {x}'),
    "a text in a list": _of_type(str, lambda one: [one]),
    "capitals in a list": _of_type(list, lambda one: _each(one, str, str.upper), lambda one: _any(one, str)),
    "capitals in an object": _of_type(dict, lambda one: _each(one, str, str.upper), lambda one: _any(one, str)),
    "whole numbers in a list as floats": _of_type(list, lambda one: _each(one, int, float), lambda one: _any(one, int)),
    "whole numbers in an object as floats": _of_type(
        dict, lambda one: _each(one, int, float), lambda one: _any(one, int)
    ),
    "a list in reverse": _of_type(list, lambda one: one[::-1], lambda one: len(one) > 1 and one != one[::-1]),
    "a list without its last": _of_type(list, lambda one: one[:-1]),
    "an object with one key more": _of_type(dict, lambda one: one | {"one_more": 1}),
    "an object without its last key": _of_type(dict, lambda one: dict(list(one.items())[:-1]), bool),
    "an argument that is not documented": lambda given, item: given | {"not_documented": 1},
    "a required argument left out": _left_out,
    "an optional argument as documented by default": _set_optional(
        lambda about: about["default"], lambda about: "default" in about
    ),
    "an optional text left empty": _set_optional(lambda about: "", lambda about: about.get("type") == "string"),
    "an optional argument null": _set_optional(lambda about: None, lambda about: True),
}  # fmt: skip
