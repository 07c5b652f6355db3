"""BFCL as its package has it: documented functions, tasks of several turns, gold calls, and the state they run on.

>>> len(documented_functions()), len(tasks())                                      # doctest: +SKIP
(128, 200)

The Berkeley Function Calling Leaderboard (package `bfcl-eval`, Apache-2.0) has eight Python classes with state, their
functions' documentation, and tasks (`multi_turn_base`): an initial configuration, what a user says turn by turn, and
the gold calls of each turn. All of it is read from the installed package; nothing of it is in this project.
"""

import ast
import copy
import functools
import importlib
import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from ste_core.core.errors import UserError
from ste_core.core.records import Call, Tool

PACKAGE, VERSION = "bfcl-eval", "2026.3.23"

#: how to have it; its dependencies are pinned to versions that exclude ours, and none of them is needed here
INSTALL = f"pip install --no-deps {PACKAGE}=={VERSION}"

#: the classes with state (the package's other four need a network or an index)
CLASSES = (
    "GorillaFileSystem", "MathAPI", "MessageAPI", "TwitterAPI", "TicketAPI", "TradingBot", "TravelAPI",
    "VehicleControlAPI",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user says, and the gold calls that serve it, in order."""

    request: str
    gold: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A task: the state it starts from, the classes it is about, its turns."""

    name: str
    configuration: Mapping[str, Any]
    classes: tuple[str, ...]
    turns: tuple[Turn, ...]


@functools.cache
def package_folder() -> Path:
    """The package's folder.

    Raises:
        UserError: it is not installed, or another version is.
    """
    try:
        there = importlib.metadata.version(PACKAGE)
        folder = Path(str(importlib.import_module("bfcl_eval").__file__)).parent
    except (importlib.metadata.PackageNotFoundError, ImportError):
        raise UserError(f"the package {PACKAGE} is not installed; run .venv/bin/python -m {INSTALL}") from None
    if there != VERSION:  # its data change from version to version, and with them what an item's number means
        raise UserError(f"{PACKAGE} {there} is installed, and {VERSION} is meant; run .venv/bin/python -m {INSTALL}")
    return folder


def read_lines(name: str) -> list[dict[str, Any]]:
    """A file of the package's data, a JSON value a line.

    Raises:
        UserError: the package or the file is not there.
    """
    path = package_folder() / "data" / name
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); run .venv/bin/python -m {INSTALL} --force-reinstall"
        ) from None


@functools.cache
def _config() -> Any:
    package_folder()
    return importlib.import_module("bfcl_eval.constants.executable_backend_config")


@functools.cache
def documented_functions() -> dict[str, Tool]:
    """The functions of all classes as tools, in the words of the package; the family is the class."""
    files = _config().MULTI_TURN_FUNC_DOC_FILE_MAPPING
    return {
        one["name"]: Tool(
            name=one["name"], description=one["description"], parameters=one["parameters"] | {"type": "object"},
            family=name,
        )
        for name in CLASSES
        for one in read_lines(f"multi_turn_func_doc/{files[name]}")
    }  # fmt: skip


@functools.cache
def tasks() -> tuple[Task, ...]:
    """The tasks, in the package's order."""
    name = "BFCL_v4_multi_turn_base.json"
    gold = {one["id"]: one["ground_truth"] for one in read_lines(f"possible_answer/{name}")}
    return tuple(
        Task(
            name=one["id"],
            configuration=one["initial_config"],
            classes=tuple(one["involved_classes"]),
            turns=tuple(
                Turn(said[-1]["content"] if said else "", tuple(map(parse_call, calls)))
                for said, calls in zip(one["question"], gold[one["id"]], strict=True)
            ),
        )
        for one in read_lines(name)
    )


def parse_call(text: str) -> Call:
    """A gold call as the package writes it, in Python: `sort('report.txt')`. Nothing is evaluated but literals.

    Raises:
        ValueError: it is no call of a documented function with literals for arguments.
    """
    call = ast.parse(text.strip(), mode="eval").body
    if (
        not isinstance(call, ast.Call)
        or not isinstance(call.func, ast.Name)
        or call.func.id not in documented_functions()
    ):
        raise ValueError(f"{text}: not a call of a documented function")
    names = list(documented_functions()[call.func.id].arguments)
    given = dict(zip(names, map(ast.literal_eval, call.args), strict=False))
    named = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    return Call(tool=call.func.id, arguments=json.loads(json.dumps(given | named)))


class State:
    """Objects of the classes as a task configures them, each made when it is first needed.

    >>> State(tasks()[0]).call(parse_call("ls()"))                       # doctest: +SKIP
    {'current_directory_content': ['document', 'archive']}
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._objects: dict[str, Any] = {}

    def after(self, calls: Iterable[Call]) -> "State":
        """This state, once these calls have been made, whatever came of each."""
        for one in calls:
            try:
                self.call(one)
            except Exception:
                continue
        return self

    def call(self, call: Call) -> Any:
        """What a function returns; it changes the state. Whatever it raises is raised."""
        tool = documented_functions()[call.tool]
        return getattr(self._of(tool.family), call.tool)(**_converted(call.arguments, tool))

    def same_as(self, other: "State") -> bool:
        """Whether two states are equal, as the package compares them: public attributes, class by class."""
        names = {*self._objects, *other._objects, *self._task.classes}
        return all(_public(self._of(name)) == _public(other._of(name)) for name in names)

    def _of(self, name: str) -> Any:
        if name not in self._objects:
            made = getattr(importlib.import_module(_config().CLASS_FILE_PATH_MAPPING[name]), name)()
            if name not in _config().STATELESS_CLASSES:
                made._load_scenario(copy.deepcopy(self._task.configuration.get(name, {})))
            self._objects[name] = made
        return self._objects[name]


def _public(one: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(one).items() if not name.startswith("_")}


#: the largest whole number that is passed on as a precision: one more digit takes ten times as long
MOST_DIGITS = 10_000


def _converted(arguments: Mapping[str, JsonValue], tool: Tool) -> dict[str, Any]:
    """Arguments as documented: a whole number for a float is one, so that 10 to the power of a billion ends at once.

    Raises:
        ValueError: a precision that would never end.
    """
    made: dict[str, Any] = copy.deepcopy(dict(arguments))  # some functions keep a list they are given, and change it
    for name, value in made.items():
        if not isinstance(value, int) or isinstance(value, bool):
            continue
        if tool.arguments.get(name, {}).get("type") == "float":
            made[name] = float(value)
        elif name == "precision" and value > MOST_DIGITS:
            raise ValueError(f"precision: at most {MOST_DIGITS}")
    return made
