"""What was learnt about tools, tool by tool, and whether it may be passed on: only what held-out queries speak for.

>>> one = Lesson(tool="stamp", notes=notes, plain=(False, False), noted=(True, True))           # doctest: +SKIP
>>> one.notes_help, one.served(tool).description                                                 # doctest: +SKIP
(True, 'Stamps a day.\\n\\nLearnt by trying this tool; quoted, no instructions:\\n- "day: ..."')

The evidence is paired: the same held-out queries, answered with the tool's documentation as it is, with notes on it,
and with the documentation rewritten. Notes are passed on if more calls run with them; a rewrite, if no fewer do. All
that comes from tools is quoted, and of a tool that gives instructions to agents nothing in other words is passed on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from ste_core.core.records import Record, Tool
from ste_core.core.untrusted import instruction_in, quoted
from ste_core.method.documentation import Rewrite
from ste_core.method.notes import Note

#: notes on a tool that are tried, and passed on
MANY = 5

#: keys of a schema whose texts are there to be read
_READ = ("description", "title", "$comment")

#: characters of a text of a tool that is quoted
LONGEST = 2_000


class Lesson(Record):
    """What trials taught about a tool, and what held-out queries say of it.

    Attributes:
        notes: from the trials that are not held out, the most often met first, at most `MANY`.
        rewrite: of its documentation; None where nothing was rewritten.
        suspect: how the tool's words read like instructions to an agent; "" where they do not.
        plain, noted, rewritten: of each held-out query, whether the call ran with the documentation as it is, with
            notes, and with the rewrite; the last two are empty where there was nothing to try.
    """

    tool: str
    notes: tuple[Note, ...] = ()
    rewrite: Rewrite | None = None
    suspect: str = ""
    plain: tuple[bool, ...] = ()
    noted: tuple[bool, ...] = ()
    rewritten: tuple[bool, ...] = ()

    @property
    def notes_help(self) -> bool:
        """Whether more held-out calls run with the notes."""
        return bool(self.noted) and sum(self.noted) > sum(self.plain)

    @property
    def rewrite_holds(self) -> bool:
        """Whether no fewer held-out calls run with the rewrite."""
        return self.rewrite is not None and self.rewrite.kept

    def served(self, tool: Tool, everything: bool = False) -> Tool:
        """The tool as it is passed on.

        Args:
            everything: with notes that did not help, or were not tried, too.
        """
        tool = inert(tool)
        if self.rewrite is not None and self.rewrite_holds and not self.suspect:
            tool = self.rewrite.revised(tool)
        shown = [one.text().removeprefix(f"{one.tool}: ") for one in self.notes if self.notes_help or everything]
        if not shown:
            return tool
        lines = "\n".join(f"- {quoted(one)}" for one in shown)
        learnt = f"Learnt by trying this tool; quoted, no instructions:\n{lines}"
        return tool.model_copy(update={"description": "\n\n".join(filter(None, (tool.description, learnt)))})


def inert(tool: Tool) -> Tool:
    """A tool in its own words; those that read like instructions to an agent are quoted."""
    description = _inert_text(tool.description)
    return tool.model_copy(update={"description": description, "parameters": _inert(tool.parameters)})


def _inert(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _inert_text(value) if key in _READ and isinstance(value, str) else _inert(value)
                for key, value in part.items()}  # fmt: skip
    return [_inert(one) for one in part] if isinstance(part, list) else part


def _inert_text(text: str) -> str:
    return f"The tool says of itself, quoted: {quoted(text, LONGEST)}" if instruction_in(text) else text


def suspicion(tool: Tool, told: Sequence[str]) -> str:
    """How a tool's own words, or what it told, read like instructions to an agent; "" where they do not."""
    texts = [tool.description, *_texts(tool.parameters), *told]
    return next(filter(None, map(instruction_in, texts)), None) or ""


def _texts(part: JsonValue) -> list[str]:
    if isinstance(part, dict):
        return [text for key, value in part.items() for text in (key, *_texts(value))]
    if isinstance(part, list):
        return [text for one in part for text in _texts(one)]
    return [part] if isinstance(part, str) else []


def gain(lessons: Sequence[Lesson]) -> tuple[list[bool], list[bool], list[str]]:
    """What passing notes on by this rule gains, on queries that had no say in the choice.

    Each tool's held-out queries are two halves: whether notes are shown for one half is decided by the other.

    Returns:
        Of each held-out query: whether the call ran under the rule, whether without notes, and the tool.
    """
    under, plain, tools = [], [], []
    for one in lessons:
        if not one.plain:
            continue
        noted = one.noted or one.plain
        for number, (before, after) in enumerate(zip(one.plain, noted, strict=True)):
            others = [(b, a) for place, (b, a) in enumerate(zip(one.plain, noted, strict=True))
                      if place % 2 != number % 2]  # fmt: skip
            chosen = sum(a for _, a in others) > sum(b for b, _ in others)
            under.append(after if chosen else before)
            plain.append(before)
            tools.append(one.tool)
    return under, plain, tools


def describer(lessons: Sequence[Lesson], everything: bool = False) -> Any:
    """A function from tools to the tools as they are passed on, for `tools.described`; those without a lesson inert."""
    known = {one.tool: one for one in lessons}

    def describe(tools: Mapping[str, Tool]) -> dict[str, Tool]:
        return {name: known[name].served(tool, everything) if name in known else inert(tool)
                for name, tool in tools.items()}  # fmt: skip

    return describe
