"""Usage notes: what errors taught about a tool's arguments, each with the evidence behind it.

>>> notes = draw_notes(trials, toolbox.tools)                                                   # doctest: +SKIP
>>> notes[0].text()                                                                             # doctest: +SKIP
'convert_currency: source: use a three-letter currency code, like EUR (ran with source="EUR", not "euros")'

*By rule*: an error that names an argument (`tool_errors`), and the mended call that then ran, with another value of
that argument: a later call of the same trial, else the first in a later trial of the same tool; one that merely leaves
an optional argument out is taken where no call ran with it. Errors that are one make one note, which counts how often
they were met, and about the same arguments the most often met are kept. *Worded*: a model puts the same evidence into
a sentence; where that is no good (empty, long, cut, or reading like an instruction to an agent), the note keeps its
wording by rule.

What a note says comes from a tool, so it is data: no note is drawn from what reads like an instruction to an agent
(`core.untrusted`), prompts say that notes are quoted, and what other programs load quotes them. Usage notes as an
alternative to demonstrations are ReMe's, ExpG's and ACE's; drawing them by rule, with evidence, is this project's.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from ste_core.core import prompting, react
from ste_core.core.config import Style
from ste_core.core.records import Call, Record, Tool, Trial
from ste_core.core.untrusted import instruction_in, one_line_of
from ste_core.method import tool_errors
from ste_core.method.distill import normalise, reworded
from ste_core.method.tool_errors import ErrorRead, cut
from ste_core.models.base import ChatModel, Completion, gather, request_seed
from ste_core.models.replies import Replies, answer_or_refusal

#: characters of a worded note
LONGEST_WORDING = 240

#: notes about the same arguments, however many errors there are
MOST_OF_AN_ARGUMENT = 3

#: characters of a value, and of an error, that a note shows
LONGEST_VALUE, LONGEST_ERROR = 80, 200


class Note(Record):
    """A convention of a tool, and its evidence.

    Attributes:
        arguments: what it is about.
        says: the error, the call's values replaced by `<argument>`.
        error, refused: the first such error as told, and the call that met it.
        accepted, result: the mended call that ran, and what it gave.
        same_trial: whether that was in the trial of the error.
        calls, trials: how often such an error was met, and in how many trials.
        worded: a model's words; None where it has none. `writer` is that model's name.
    """

    tool: str
    arguments: tuple[str, ...]
    says: str
    error: str
    refused: Call
    accepted: Call
    result: str
    same_trial: bool
    calls: int
    trials: int
    worded: str | None = None
    writer: str | None = None

    @property
    def changes(self) -> list[tuple[str, JsonValue, JsonValue]]:
        """The arguments it is about that changed: name, refused and accepted value; `ABSENT` where it was not there."""
        return [
            (name, self.refused.arguments.get(name, ABSENT), self.accepted.arguments.get(name, ABSENT))
            for name in self.arguments
            if _differs(self.refused, self.accepted, name)
        ]

    def text(self) -> str:
        """The note on one line, in the model's words if there are any."""
        shown = [
            f"{name}={_value(accepted)}, not {_value(refused)}" if ABSENT not in (refused, accepted)
            else f"{name}={_value(accepted)}" if accepted != ABSENT else f"no {name}"
            for name, refused, accepted in self.changes
        ]  # fmt: skip
        said = self.worded or f"{one_line_of(self.says, LONGEST_ERROR)} (ran with {', '.join(shown)})"
        return f"{self.tool}: {one_line_of(said)}"


#: what stands for an argument that a call does not have
ABSENT = "\0absent"


def draw_notes(trials: Iterable[Trial], tools: Mapping[str, Tool]) -> list[Note]:
    """The notes that trials give by rule: tools in their order, of each tool the most often met first.

    Args:
        trials: in any order, of any variants and seeds; those of other tools count for nothing.
    """
    by_tool: dict[str, list[Trial]] = {name: [] for name in tools}
    for trial in sorted(trials, key=lambda one: (one.variant, one.seed, one.episode, one.trial)):
        by_tool.get(trial.tool, []).append(trial)
    return [note for name, own in by_tool.items() for note in _of_tool(tools[name], own)]


#: a call as it was made: the trial's number, the call, whether it ran, what came back
_Made = tuple[int, Call, bool, str]


def _of_tool(tool: Tool, trials: Sequence[Trial]) -> list[Note]:
    found: list[tuple[ErrorRead, Note]] = []
    met: list[tuple[ErrorRead, int]] = []
    made = [
        (number, step.call, step.ok, step.observation or "")
        for number, trial in enumerate(trials)
        for step in trial.steps
        if step.call is not None and step.call.tool == tool.name and step.ok is not None
    ]
    for place, (trial, refused, ok, said) in enumerate(made):
        if ok:
            continue
        read = tool_errors.read_error(said, refused, tool)
        met.append((read, trial))
        mended = _mended(trial, refused, read, made[place + 1 :], tool)
        if mended is None:
            continue
        at, accepted, _, result = mended
        note = Note(
            tool=tool.name, arguments=read.arguments, says=read.says, error=read.text, refused=refused,
            accepted=accepted, result=cut(result), same_trial=at == trial, calls=1, trials=1,
        )  # fmt: skip
        if instruction_in(note.text()) or instruction_in(said):
            continue
        known = next((number for number, (other, _) in enumerate(found) if other.same(read)), None)
        if known is None:
            found.append((read, note))
        elif _evidence(note, tool) < _evidence(found[known][1], tool):
            found[known] = (read, note)
    counted = []
    for read, note in found:
        same = [trial for other, trial in met if other.same(read)]
        counted.append(note.model_copy(update={"calls": len(same), "trials": len(set(same))}))
    counted.sort(key=lambda one: -one.calls)  # stable: then as met
    places = [sum(other.arguments == one.arguments for other in counted[:place]) for place, one in enumerate(counted)]
    return [one for one, place in zip(counted, places, strict=True) if place < MOST_OF_AN_ARGUMENT]


def _mended(trial: int, refused: Call, read: ErrorRead, later: Sequence[_Made], tool: Tool) -> _Made | None:
    """The first later call that ran and has another value of an argument that the error names: rather one of the same
    trial, and rather with a value than without the argument, unless the tool does not know it."""
    ran = [one for one in later if one[2] and any(_differs(refused, one[1], name) for name in read.arguments)]
    return min(ran, key=lambda one: (_left_out(one[1], read.arguments, tool), one[0] != trial), default=None)


def _left_out(call: Call, names: Sequence[str], tool: Tool) -> bool:
    """Whether a call has none of these arguments, though the tool knows some."""
    return any(name in tool.arguments for name in names) and not any(name in call.arguments for name in names)


def _evidence(note: Note, tool: Tool) -> tuple[bool, bool]:
    """How good a note's evidence is, the best first."""
    return _left_out(note.accepted, note.arguments, tool), not note.same_trial


def _differs(a: Call, b: Call, name: str) -> bool:
    """Whether two calls have different values of an argument, or one has none. The same as JSON: 1 is not true."""
    if (name in a.arguments) != (name in b.arguments):
        return True
    return name in a.arguments and _json(a.arguments[name]) != _json(b.arguments[name])


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _value(value: JsonValue) -> str:
    shown = "none" if value == ABSENT else _json(value)
    return shown if len(shown) <= LONGEST_VALUE else shown[: LONGEST_VALUE - 1] + "…"


# --- worded by a model ------------------------------------------------------------------------------------------------


async def word_notes(
    notes: Sequence[Note], tools: Mapping[str, Tool], model: ChatModel, *, style: Style = "instruct", seed: int = 0,
    max_tokens: int = 96,
) -> list[Note]:  # fmt: skip
    """The notes in a model's words, asked for greedily; of a tool's notes that come out the same the first is kept.

    Raises:
        UserError: a failing model.
        BudgetSpent: the model's budget is used up.
    """
    counted = Replies("forms.max_tokens")

    async def ask(note: Note) -> Note:
        calls = (note.refused, f"Error: {note.error}"), (note.accepted, note.result)
        messages = prompting.word_note(tools[note.tool], note.arguments, *calls, style)
        number = request_seed(seed, "note", note.tool, *note.arguments, note.says)
        reply = await answer_or_refusal(
            model, messages, replies=counted, temperature=0.0, max_tokens=max_tokens, seed=number
        )
        worded = wording(reply)
        return note if worded is None else note.model_copy(update={"worded": worded, "writer": model.name})

    found: dict[tuple[str, str], Note] = {}
    for note in await gather([ask(one) for one in notes]):
        found.setdefault((note.tool, normalise(note.text())), note)
    return list(found.values())


def wording(reply: Completion) -> str | None:
    """What a reply says, if it can stand in a note."""
    said = reworded(react.encodable(reply.text))  # lone surrogates cannot be written
    cut_off = reply.finish_reason == "length"
    return None if not said or cut_off or len(said) > LONGEST_WORDING or instruction_in(reply.text) else said


# --- to be shown ------------------------------------------------------------------------------------------------------


def in_turn(notes: Sequence[Note], tools: Sequence[str]) -> list[Note]:
    """The notes of some tools as they are shown while there is room: each tool's first, then each tool's second, ...

    >>> in_turn([], ["add"])
    []
    """
    own = [[note for note in notes if note.tool == name] for name in tools]
    longest = max(map(len, own), default=0)
    return [some[number] for number in range(longest) for some in own if number < len(some)]
