"""What was learnt about tools by trying them: a report made of trials, beside demonstrations and training rows.

>>> made = lessons(explore_run.read_trials(study, "full", 0), resources.toolbox(study).tools)       # doctest: +SKIP
>>> print(report_text(made))                                                                           # doctest: +SKIP
>>> write_report(study.results / "learnt", made, examples, resources.toolbox(study).tools)         # doctest: +SKIP

The folder then holds `report.md` and `report.json`; `demonstrations.jsonl`, the examples, among which a
`retrieve.Retriever` finds those nearest to a query; `chat.jsonl`, the same as conversations with `tools`
(`formats.chat_rows`); `tools.jsonl`, the tools they call.

A *convention* is what an error says about an argument: it names the argument, or repeats its value. Errors that differ
only in the values of the call, in numbers, in what they quote or in a few words are one. An error is *overcome* in a
trial where a later call of the tool runs; the arguments that changed between the two calls are shown as refused and
accepted.

What tools said is data: in Markdown it stands as code, on one line, cut, its control characters spelled out.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from pydantic import JsonValue

from ste_core.core import json_schema, store
from ste_core.core.records import Call, Example, Record, Step, Tool, Trial
from ste_core.core.untrusted import code
from ste_core.method import tool_errors
from ste_core.method.tool_errors import cut
from ste_core.release import formats

#: values, changes and examples that a report keeps of each
MANY = 5


class Change(Record):
    """An argument's value that an error met, and the one with which a later call of the trial ran, as JSON.

    None where the call did not have the argument.
    """

    argument: str
    refused: str | None
    accepted: str | None


class ErrorMet(Record):
    """An error of a tool: what it says, values of the call replaced by `<argument>`; how often it was met and overcome.

    `arguments` are those it names or whose values it repeats, in the schema's order; `example` is the first call that
    met it, and `text` what that call was told.
    """

    says: str
    arguments: tuple[str, ...]
    calls: int
    trials: int
    overcome: int
    changes: tuple[Change, ...]
    example: dict[str, JsonValue]
    text: str


class Value(Record):
    """A value of an argument, as JSON, the calls that had it and how many of them ran."""

    value: str
    calls: int
    ran: int


class Argument(Record):
    """How an argument was tried. `declared` is False for one that the schema does not know; `distinct` counts values,
    of which `values` has the most frequent; `choices_left` are values of its enumeration that were not tried."""

    name: str
    declared: bool
    required: bool
    calls: int
    ran: int
    distinct: int
    values: tuple[Value, ...]
    choices_left: tuple[str, ...]


class Working(Record):
    """A call that ran, the query it was to serve, and what it gave."""

    query: str
    arguments: dict[str, JsonValue]
    observation: str
    answer: str | None


class Learnt(Record):
    """What was learnt about one tool.

    `solved` counts trials that self-reflection called solved, of `judged`; `unread` replies that could not be read as a
    call; `first_ran` trials whose first call ran. `conventions` are the errors that name an argument, `errors` the
    others.
    """

    tool: str
    documentation: str
    trials: int
    judged: int
    solved: int
    calls: int
    ran: int
    first_ran: int
    unread: int
    conventions: tuple[ErrorMet, ...]
    errors: tuple[ErrorMet, ...]
    arguments: tuple[Argument, ...]
    never_tried: tuple[str, ...]
    works: Working | None


def lessons(trials: Iterable[Trial], tools: Mapping[str, Tool]) -> list[Learnt]:
    """What trials say about tools, a record a tool: first those of `tools` in its order, tried or not, then others.

    Args:
        trials: in any order, of any variants and seeds.
        tools: by name; of a tool that is not among them, no argument is known.
    """
    by_tool: dict[str, list[Trial]] = {name: [] for name in tools}
    for trial in sorted(trials, key=lambda one: (one.tool, one.variant, one.seed, one.episode, one.trial)):
        by_tool.setdefault(trial.tool, []).append(trial)
    return [_learnt(tools.get(name) or Tool(name=name), own) for name, own in by_tool.items()]


def tool_frame(learnt: Iterable[Learnt]) -> pd.DataFrame:
    """A row a tool: `tool, trials, calls, ran, ran_percent, first_ran, solved, conventions, errors, arguments,
    never_tried`; `ran_percent` is of calls, nan where there were none."""
    rows = [
        {"tool": one.tool, "trials": one.trials, "calls": one.calls, "ran": one.ran,
         "ran_percent": 100 * one.ran / one.calls if one.calls else float("nan"), "first_ran": one.first_ran,
         "solved": one.solved, "conventions": len(one.conventions), "errors": len(one.errors),
         "arguments": sum(argument.declared for argument in one.arguments), "never_tried": len(one.never_tried)}
        for one in learnt
    ]  # fmt: skip
    return pd.DataFrame(rows)


def write_report(
    folder: Path,
    learnt: Sequence[Learnt],
    examples: Sequence[Example],
    tools: Mapping[str, Tool],
    note: str | None = None,
    notes: Sequence[str] = (),
    gained: Sequence[str] = (),
) -> None:
    """Write all that others can use, each file whole; see the module's text.

    `note` stands at the head of the report, then `notes` on the tools; `gained` says by how much what is passed on
    helped (`skill.gain_sentences`).

    Raises:
        UserError: an example of a tool that is not in `tools`, or a folder that cannot be written.
    """
    ordered = sorted(examples, key=lambda one: (one.tool, one.episode, one.trial, one.paraphrase))
    rows = formats.chat_rows(ordered, tools)
    known = [tools[one.tool] for one in learnt if one.tool in tools]
    store.write_text(folder / "report.md", report_text(learnt, note, notes, gained))
    dumped = [one.model_dump(mode="json") for one in learnt]
    store.write_text(folder / "report.json", json.dumps(dumped, ensure_ascii=False, indent=1) + "\n")
    for name, records in (("demonstrations", ordered), ("tools", known)):
        store.write_text(folder / f"{name}.jsonl", "".join(one.model_dump_json() + "\n" for one in records))
    formats.write_rows(folder / "chat.jsonl", rows)


# --- one tool ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Met:
    """An error while trials are read: its wordings, and who met it."""

    call: Call
    told: tool_errors.ErrorRead
    says: Counter[str] = field(default_factory=Counter)
    trials: set[int] = field(default_factory=set)
    overcome: set[int] = field(default_factory=set)
    changes: Counter[Change] = field(default_factory=Counter)


def _learnt(tool: Tool, trials: Sequence[Trial]) -> Learnt:
    met: list[_Met] = []
    for number, trial in enumerate(trials):
        steps = [step for step in trial.steps if step.call is not None and step.call.tool == tool.name]
        for place, step in enumerate(steps):
            if step.ok is False and step.call is not None:
                later = next((one.call for one in steps[place + 1 :] if one.ok), None)
                _meet(met, tool, step, step.call, later, number)
    errors = sorted((_error(one) for one in met), key=lambda one: -one.calls)  # stable: then as met
    steps = [step for trial in trials for step in trial.steps]
    calls = [step for step in steps if step.call is not None and step.call.tool == tool.name and step.ok is not None]
    arguments = _arguments(tool, calls)
    return Learnt(
        tool=tool.name, documentation=tool.documentation(), trials=len(trials),
        judged=sum(one.solved is not None for one in trials), solved=sum(one.solved is True for one in trials),
        calls=len(calls), ran=sum(step.ok is True for step in calls),
        first_ran=sum(_first_ran(trial) for trial in trials), unread=sum(step.problem is not None for step in steps),
        conventions=tuple(one for one in errors if one.arguments), errors=tuple(e for e in errors if not e.arguments),
        arguments=arguments, never_tried=tuple(one.name for one in arguments if not one.calls),
        works=_works(tool.name, trials),
    )  # fmt: skip


def _first_ran(trial: Trial) -> bool:
    first = next((step for step in trial.steps if step.call is not None), None)
    return first is not None and first.ok is True


def _works(tool: str, trials: Sequence[Trial]) -> Working | None:
    """A call that ran: rather of a trial that was solved, rather of one with an answer, the last call of the first."""
    found = [
        (not trial.solved, trial.answer is None, number, trial, step)
        for number, trial in enumerate(trials)
        for step in reversed(trial.steps)
        if step.ok and step.call is not None and step.call.tool == tool
    ]
    if not found:
        return None
    *_, trial, step = min(found, key=lambda one: one[:3])
    return Working(
        query=trial.query, arguments=step.call.arguments, observation=cut(step.observation or ""), answer=trial.answer
    )


# --- arguments --------------------------------------------------------------------------------------------------------


def _arguments(tool: Tool, calls: Sequence[Step]) -> tuple[Argument, ...]:
    """Every argument the tool declares, in the schema's order, then those that were made up."""
    properties, required = tool.arguments, tool.required
    seen: dict[str, dict[str, list[bool]]] = {name: {} for name in properties}
    for step in calls:
        for name, value in step.call.arguments.items() if step.call is not None else ():
            seen.setdefault(name, {}).setdefault(_json(value), []).append(step.ok is True)
    rows = []
    for name, values in seen.items():
        frequent = sorted(values.items(), key=lambda one: -len(one[1]))[:MANY]
        rows.append(
            Argument(
                name=name,
                declared=name in properties,
                required=name in required,
                calls=sum(map(len, values.values())),
                ran=sum(map(sum, values.values())),
                distinct=len(values),
                values=tuple(Value(value=cut(one), calls=len(ran), ran=sum(ran)) for one, ran in frequent),
                choices_left=tuple(one for one in _choices(properties.get(name), tool) if one not in values),
            )
        )
    return tuple(rows)


def _choices(schema: JsonValue, tool: Tool) -> list[str]:
    """The values of an enumeration, as JSON; none where a schema has none, or leaves others open."""
    parts = json_schema.alternatives(schema, tool.parameters)
    listed = [json_schema.choices(one) for one in parts if one.get("type") != "null" or "enum" in one]
    return [_json(one) for values in listed for one in values or ()] if all(listed) else []


# --- errors -----------------------------------------------------------------------------------------------------------


def _meet(met: list[_Met], tool: Tool, step: Step, call: Call, later: Call | None, trial: int) -> None:
    """Note an error, and what changed until a later call ran."""
    told = tool_errors.read_error(step.observation or "", call, tool)
    one = next((one for one in met if one.told.same(told)), None)
    if one is None:
        met.append(one := _Met(call, told))
    one.says[told.says] += 1
    one.trials.add(trial)
    if later is None:
        return
    one.overcome.add(trial)
    known = dict.fromkeys([*tool_errors.known_arguments(tool, call), *later.arguments])
    changed = [name for name in known if _value(call, name) != _value(later, name)]
    # an error that names none of what changed says nothing of which change mattered
    for name in [name for name in changed if name in told.arguments] or changed:
        one.changes[Change(argument=name, refused=_value(call, name), accepted=_value(later, name))] += 1


def _error(one: _Met) -> ErrorMet:
    return ErrorMet(
        says=one.says.most_common(1)[0][0], arguments=one.told.arguments, calls=one.says.total(),
        trials=len(one.trials), overcome=len(one.overcome),
        changes=tuple(change for change, _ in one.changes.most_common(MANY)),
        example=one.call.arguments, text=one.told.text,
    )  # fmt: skip


def _value(call: Call, name: str) -> str | None:
    return cut(_json(call.arguments[name])) if name in call.arguments else None


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# --- to be read -------------------------------------------------------------------------------------------------------


def report_text(
    learnt: Sequence[Learnt], note: str | None = None, notes: Sequence[str] = (), gained: Sequence[str] = ()
) -> str:
    """The report, to be read; a note on the replies that stand behind it comes first, then what there is to know of the
    tools (`Toolbox.notes`), such as those left out, and by how much it helps to be told (sentences of our own)."""
    trials, calls, ran = (sum(getattr(one, name) for one in learnt) for name in ("trials", "calls", "ran"))
    lines = [
        f"# What was learnt about {_count(len(learnt), 'tool')} by trying", "",
        *([f"**Most replies of the model were of no use**: {note}.", ""] if note else []),
        f"{_count(trials, 'trial')}, {_count(calls, 'call')}; calls that ran: {ran:,}. A trial counts as "
        "solved where the agent said so; whether a result was the right one, nobody checked.", "",
        "| tool | trials | calls | ran | solved | conventions | other errors | arguments never tried |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]  # fmt: skip
    lines += [
        f"| {code(one.tool, 80, cell=True)} | {one.trials:,} | {one.calls:,} | {_share(one.ran, one.calls)} | "
        f"{_share(one.solved, one.judged)} | {len(one.conventions)} | {len(one.errors)} | "
        f"{', '.join(code(name, 40, cell=True) for name in one.never_tried)} |"
        for one in learnt
    ]
    if notes:
        lines += ["", "Of the tools:", "", *(f"- {code(one)}" for one in notes)]
    if gained:
        lines += ["", "## Does it help to be told?", "", *gained]
    for one in learnt:
        lines += ["", *_section(one)]
    return "\n".join(lines) + "\n"


def _section(one: Learnt) -> list[str]:
    lines = [f"## {code(one.tool, 80)}", "", code(one.documentation), ""]
    if not one.calls:
        said = f"replies that could not be read as a call: {one.unread:,}" if one.unread else "no call was made"
        lines.append(f"Nothing was learnt: {_count(one.trials, 'trial')}, {said}.")
        return lines
    lines.append(
        f"{_count(one.calls, 'call')} in {_count(one.trials, 'trial')}, {_share(one.ran, one.calls)} ran; the first "
        f"call ran in {_count(one.first_ran, 'trial')}; replies that could not be read as a call: {one.unread:,}."
    )
    for title, errors in (("Conventions that errors revealed", one.conventions), ("Other errors", one.errors)):
        if errors:
            lines += ["", f"### {title}", ""]
        for error in errors:
            names = f"{', '.join(code(name, 40) for name in error.arguments)}: " if error.arguments else ""
            met = f"{_count(error.calls, 'call')} in {_count(error.trials, 'trial')}, overcome in {error.overcome:,}"
            lines.append(f"- {names}{code(error.says)} ({met}), as for {code(_json(error.example), 200)}")
            lines += [
                f"  - {code(change.argument, 40)}: refused {_written(change.refused)}, accepted "
                f"{_written(change.accepted)}"
                for change in error.changes
            ]
    if one.arguments:
        lines += ["", "### Arguments", "", "| argument | calls | ran | values seen (calls) | never tried |",
                  "|---|---:|---:|---|---|"]  # fmt: skip
    for argument in one.arguments:
        kind = " (required)" if argument.required else "" if argument.declared else " (made up)"
        values = ", ".join(f"{code(value.value, 60, cell=True)} ({value.calls:,})" for value in argument.values)
        more = f" and {argument.distinct - len(argument.values):,} more" if argument.distinct > MANY else ""
        left = (
            ", ".join(code(choice, 40, cell=True) for choice in argument.choices_left[:20])
            if argument.calls
            else "all of it"
        )
        lines.append(
            f"| {code(argument.name, 40, cell=True)}{kind} | {argument.calls:,} | {argument.ran:,} | {values}{more} | "
            f"{left} |"
        )
    lines += ["", "### A call that works", ""]
    if one.works is None:
        return [*lines, "None ran."]
    return [
        *lines,
        f"- query: {code(one.works.query)}",
        f"- arguments: {code(_json(one.works.arguments))}",
        f"- result: {code(one.works.observation)}",
        *([f"- answer: {code(one.works.answer)}"] if one.works.answer is not None else []),
    ]


def _written(value: str | None) -> str:
    return "(absent)" if value is None else code(value, 80)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""
