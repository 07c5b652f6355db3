"""Experience in several forms, in as many tokens of a prompt: demonstrations, usage notes, rewritten documentation.

>>> shown = fit(items, "notes", 300, material, request_size)                                    # doctest: +SKIP
>>> shown[0].tokens - shown[0].before <= 300                                                    # doctest: +SKIP
True

The *budget* is what experience may add to a prompt: its tokens, counted by the model that reads it, less those of the
same prompt without experience. Each form fills it with what it has, in an order of its own, as far as whole pieces fit:
demonstrations the nearest to the query first; notes in turn of the documented tools, the most often met first;
documentation in the order of the documented tools. Of two forms together the first gets half, the second what is left.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ste_core.core.config import FormName
from ste_core.core.records import Call, Example, Record, TestItem, Tool
from ste_core.method.notes import Note, in_turn
from ste_core.method.predict import Beside, Setting

#: what a form shows, in the order in which it gets room
PIECES: dict[FormName, tuple[str, ...]] = {
    "demonstrations": ("demonstrations",),
    "notes": ("notes",),
    "worded_notes": ("worded_notes",),
    "documentation": ("documentation",),
    "documentation_demonstrations": ("documentation", "demonstrations"),
    "notes_demonstrations": ("notes", "demonstrations"),
    "weights": (),
    "weights_notes": ("notes",),
}

#: forms that a fine-tuned model answers, whose prompts document nothing
TUNED: tuple[FormName, ...] = ("weights", "weights_notes")

#: what results call a form
LABELS: dict[FormName, str] = {
    "demonstrations": "demonstrations", "notes": "notes by rule", "worded_notes": "notes by a model",
    "documentation": "documentation rewritten",
    "documentation_demonstrations": "documentation and demonstrations",
    "notes_demonstrations": "notes and demonstrations", "weights": "weights (FT)",
    "weights_notes": "weights and notes",
}  # fmt: skip


def pieces_of(wanted: Iterable[FormName]) -> set[str]:
    """What there must be for some forms."""
    return {piece for form in wanted for piece in PIECES[form]}


def setting_of(form: FormName) -> Setting:
    """The prompt's form that an experience's form takes."""
    if form in TUNED:
        return "tuned"
    return "icl" if "demonstrations" in PIECES[form] else "baseline"


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to show.

    Attributes:
        notes, worded: of any tools.
        revised: tools whose rewritten documentation is kept.
        near: of each item, all examples that may be shown, nearest first.
        tools: of each item, the tools that its notes may be about, and that are documented but for a tuned model.
    """

    tools: Sequence[Sequence[str]]
    notes: Sequence[Note] = ()
    worded: Sequence[Note] = ()
    revised: Mapping[str, Tool] = field(default_factory=dict)
    near: Sequence[Sequence[Example]] = ()


class Shown(Record):
    """What one item's prompt shows of experience, and how many tokens it has with it and without."""

    tool: str
    item: int
    before: int
    tokens: int
    notes: tuple[str, ...] = ()
    revised: tuple[str, ...] = ()
    demonstrations: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """What one item's prompt shows, as `predict` takes it, and the record of it."""

    beside: Beside
    demonstrations: Sequence[Example]
    shown: Shown


#: tokens of an item's prompt, by the item's number, with notes and revised documentation, and demonstrations
Size = Callable[[int, Beside, Sequence[Example]], int]


def fit(
    items: Sequence[TestItem], form: FormName, budget: int, material: Material, size: Size, room: int | None = None
) -> list[Fitted]:
    """What each item's prompt shows of experience in one form, within a budget of tokens.

    Args:
        budget: tokens that experience may add to a prompt.
        size: counts a prompt.
        room: tokens that a prompt may have in all.
    """
    return [_fitted(number, item, form, budget, material, size, room) for number, item in enumerate(items)]


def _fitted(
    number: int, item: TestItem, form: FormName, budget: int, material: Material, size: Size, room: int | None
) -> Fitted:
    before = size(number, Beside(), ())
    pieces = PIECES[form]
    notes: Sequence[Note] = ()
    revised: dict[str, Tool] = {}
    near: Sequence[Example] = ()
    for place, piece in enumerate(pieces):
        share = budget // 2 if place + 1 < len(pieces) else budget
        most = before + share if room is None else min(before + share, room)

        def tokens(
            notes: Sequence[Note] = notes, revised: Mapping[str, Tool] = revised, near: Sequence[Example] = near
        ) -> int:
            return size(number, Beside([one.text() for one in notes], revised), near)

        if piece == "demonstrations":
            there = material.near[number]
            near = there[: _longest(len(there), most, lambda kept, there=there: tokens(near=there[:kept]))]
        elif piece == "documentation":
            names = [name for name in material.tools[number] if name in material.revised]
            named = [{name: material.revised[name] for name in names[:kept]} for kept in range(len(names) + 1)]
            revised = named[_longest(len(names), most, lambda kept, named=named: tokens(revised=named[kept]))]
        else:
            told = in_turn(material.worded if piece == "worded_notes" else material.notes, material.tools[number])
            notes = told[: _longest(len(told), most, lambda kept, told=told: tokens(notes=told[:kept]))]
    beside = Beside(tuple(one.text() for one in notes), revised)
    shown = Shown(
        tool=item.gold.tool, item=item.item, before=before, tokens=size(number, beside, near),
        notes=tuple(beside.notes), revised=tuple(revised), demonstrations=tuple(one.call for one in near),
    )  # fmt: skip
    return Fitted(beside, near, shown)


def _longest(pieces: int, most: int, tokens: Callable[[int], int]) -> int:
    """How many pieces stay within so many tokens; more pieces are more tokens."""
    low, high = 0, pieces
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tokens(middle) <= most else (low, middle - 1)
    return low
