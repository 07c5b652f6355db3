"""What a tool's error says about a call: which arguments it names, and in which words, whatever the call's values.

>>> tool = Tool(name="t", parameters={"type": "object", "properties": {"city": {}}})
>>> told = read_error("Error: no city 'Atlantis' in 7", Call(tool="t", arguments={"city": "Atlantis"}), tool)
>>> told.says, told.arguments
("no city '<city>' in 7", ('city',))

An error *names* an argument, or repeats its value. Two errors about the same arguments that differ only in values,
numbers, what they quote or a few words are one.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from ste_core.core.records import Call, Tool
from ste_core.core.untrusted import LONGEST
from ste_core.method.wording import mentions

#: errors about the same arguments are one from this share of common words on
ALIKE = 0.8

#: an error that repeats a value in so few characters may do so by chance
SHORTEST_VALUE = 3


@dataclass(frozen=True, slots=True)
class ErrorRead:
    """An error as it was read.

    Attributes:
        text: what the call was told, on one line, cut.
        says: the same, the call's values replaced by `<argument>`.
        arguments: those it names or whose values it repeats, in the schema's order.
        words: by which errors are compared.
    """

    text: str
    says: str
    arguments: tuple[str, ...]
    words: tuple[str, ...]

    def same(self, other: "ErrorRead") -> bool:
        """Whether it is the other error once more."""
        return self.arguments == other.arguments and alike(self.words, other.words)


def read_error(observation: str, call: Call, tool: Tool) -> ErrorRead:
    """Read what a call was told."""
    text = cut(" ".join((observation or "(not told)").split()).removeprefix("Error: "))
    says, repeated = masked(text, call)
    known = known_arguments(tool, call)
    named = tuple(name for name in known if name in repeated or _names(text, name))
    named = tuple(name for name in named if name not in tool.arguments) or named  # of one made up, it lists all
    words = re.sub(r"\d+", "#", re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", "'…'", says)).casefold().split()
    return ErrorRead(text, says, named, tuple(words))


def known_arguments(tool: Tool, call: Call) -> list[str]:
    """The arguments a tool declares, in the schema's order, then those that a call made up."""
    return [*tool.arguments, *(name for name in call.arguments if name not in tool.arguments)]


def alike(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether two texts share most of their words, in order; short ones have to be equal."""
    return a == b or difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() >= ALIKE


def masked(text: str, call: Call) -> tuple[str, set[str]]:
    """An error with the call's values replaced by `<argument>`, and the arguments whose values it repeats.

    >>> masked("no city 'Atlantis' in 7", Call(tool="t", arguments={"city": "Atlantis", "zone": 7}))
    ("no city '<city>' in 7", {'city'})
    """
    leaves = [(leaf, name) for name, value in call.arguments.items() for leaf in _leaves(value)]
    repeated = set()
    for leaf, name in sorted(leaves, key=lambda one: -len(one[0])):
        quoted = next((f"{mark}{leaf}{mark}" for mark in "'\"`" if f"{mark}{leaf}{mark}" in text), None)
        if quoted is not None and leaf:
            text = text.replace(quoted, f"{quoted[0]}<{name}>{quoted[0]}")
        elif len(leaf) >= SHORTEST_VALUE and mentions(text, leaf):
            text = re.sub(rf"(?<!\w){re.escape(leaf)}(?!\w)", lambda _, name=name: f"<{name}>", text)
        else:
            continue
        repeated.add(name)
    return text, repeated


def _leaves(value: JsonValue) -> Iterator[str]:
    """The texts and numbers in a JSON value, as an error may repeat them."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _leaves(one)
    elif isinstance(value, str):
        yield " ".join(value.split())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _names(text: str, argument: str) -> bool:
    """Whether an error names an argument; a name as short as "a" or "in" has to be quoted, followed by a colon, or the
    place that a validator ends with ("expected number, received string at a", as Zod's do).

    >>> _names("date: must be YYYY-MM-DD", "date"), _names("a date is needed", "a"), _names("missing argument 'a'", "a")
    (True, False, True)
    """
    if not argument:
        return False
    name = re.escape(argument)
    marked = rf"['\"`]{name}['\"`]|(?<!\w){name}\s*[:=]|\bat {name}[.;,]?$"
    return bool(re.search(marked if len(argument) < SHORTEST_VALUE else rf"{marked}|(?<!\w){name}(?!\w)", text))


def cut(text: str) -> str:
    """A text as far as a report keeps it."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
