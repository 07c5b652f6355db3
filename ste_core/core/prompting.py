"""The requests the study makes of a language model, as chat messages; the wording stands in `prompts/`.

>>> docs = ["Sum of two numbers. API: add. Args: a (number), b (number)"]
>>> ask_call("What is 2 and 3?", docs)[0]["content"].splitlines()[-1]
'User Query: What is 2 and 3?'

There are three styles. `instruct`, for pretrained instruct models (`prompts/instruct/`): what several requests share
comes first, so that a prefix cache serves it, and formats are shown by worked examples of APIs that no study has, as
turns of the conversation, never by placeholders, which models copy. `small` (`prompts/*.txt`), for the embedded study's
own model, which was trained on these texts: an instruction of at most 60 words with its variable parts at the end.
`native` (`prompts/native/`) is `instruct` without a word on how to write a call, nor the documentation of tools: both
are the chat template's or the server's (`models.native`). Where a style has no wording of its own, that of the one
before it in `native`, `instruct`, `small` holds; what is asked about forms of experience, and of a trial without an
answer (`prompts/later/`), has one wording for all. Exploration is one conversation an episode: `imagine` opens it,
`imagine_next` goes on; what long-term memory adds to either is left out of the conversation that is kept, so call them
once with `memory` to ask and once without to keep.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import JsonValue

from ste_core.core import react
from ste_core.core.config import Style
from ste_core.core.records import Call, Tool, Trial

if TYPE_CHECKING:
    from ste_core.core.records import Message

#: where later requests stand, those of forms of experience and some of distilling: apart from a style's, which trials
#: note as a whole
LATER = "later"

#: what stands before values and request where values are imagined first
VALUES, REQUEST = "Values:", "Request:"

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@functools.cache
def template(name: str, style: Style = "small") -> str:
    """A template's text, without its last line end."""
    return _file(f"{name}.txt", style).read_text(encoding="utf-8").rstrip("\n")


def folders(style: Style) -> tuple[str, ...]:
    """The folders in which a style's wordings are looked for, the first first."""
    return {"native": ("native", "instruct", "."), "instruct": ("instruct", "."), "small": (".",)}[style]


def _file(name: str, style: Style) -> Traversable:
    root = resources.files("ste_core.core").joinpath("prompts")
    places = [root.joinpath(folder, name) for folder in (*folders(style), LATER)]
    return next((place for place in places if place.is_file()), places[-1])


def names() -> list[str]:
    """The names of all templates that both styles have."""
    folder = resources.files("ste_core.core").joinpath("prompts")
    return sorted(file.name.removesuffix(".txt") for file in folder.iterdir() if file.name.endswith(".txt"))


def texts(style: Style) -> list[str]:
    """All that a style's requests are made of: what is made by them depends on these."""
    root = resources.files("ste_core.core").joinpath("prompts")
    files = [file for folder in reversed(folders(style)) for file in root.joinpath(folder).iterdir()]
    return [file.read_text(encoding="utf-8") for file in sorted(files, key=lambda one: one.name) if file.is_file()]


@functools.cache
def _lines(name: str, style: Style) -> list[dict[str, Any]]:
    """The worked examples of a style; `small` has none."""
    file = _file(f"{name}.jsonl", style)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


@functools.cache
def worked_trials(style: Style) -> list[tuple[Tool, Trial]]:
    """Trials of APIs that no study has, by which an explorer is shown what to do."""
    return [(Tool.model_validate(one["tool"]), Trial.model_validate(one["trial"])) for one in _lines("examples", style)]


def fill(template_name: str, template_style: Style = "small", **values: str) -> str:
    """A template with its {placeholders} filled; other braces stand as they are.

    Raises:
        KeyError: a placeholder has no value.
    """
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template(template_name, template_style))


def user(content: str) -> Message:
    """A message to the model."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """A message of the model."""
    return {"role": "assistant", "content": content}


def system(content: str) -> Message:
    """The message that sets the mode."""
    return {"role": "system", "content": content}


# --- exploration ------------------------------------------------------------------------------------------------------


def memory_text(query: str, solved: bool | None, reason: str = "") -> str:
    """One line of long-term memory: an earlier query and whether it was solved (None: not known)."""
    verdict = "" if solved is None else " (solved)" if solved else " (unsolved)"
    return f"- {query}{verdict}" + (f": {reason}" if reason else "")


def imagine(tool: str, memory: Sequence[str] = (), style: Style = "small") -> Message:
    """Asks for a query that the API with this documentation could help with; `memory` holds `memory_text`s."""
    return user(fill("imagine", style, tool=tool) + _memory(memory, style))


def imagine_next(memory: Sequence[str] = (), style: Style = "small") -> Message:
    """Asks for the next query of an episode."""
    return user(template("imagine_next", style) + _memory(memory, style))


def about(tool: Tool, style: Style = "instruct") -> Message:
    """What stands before all that is asked about a tool: its documentation."""
    return system(fill("tool", style, tool=tool.documentation()))


class Imagined(NamedTuple):
    """An earlier request of a tool: the query, what came of it in words (`came_of`), the values imagined for it."""

    query: str
    verdict: str
    values: Mapping[str, JsonValue] | None = None


def imagine_in_turns(
    tool: Tool, earlier: Sequence[Imagined], style: Style = "instruct", values_first: bool = False
) -> list[Message]:
    """Asks for a query as one more turn after the earlier ones: a list of them in the request would be copied from.

    Asked for the values first, a model is shown two requests of each API of the examples, else one: several without
    values teach it to go on with them.
    """
    messages = [about(tool)]  # documented in text: no call is asked for
    for one in _lines("request_examples", style):
        told = [Imagined(each["query"], came_of(each["solved"]), each["values"]) for each in one["requests"]]
        messages += _requests(one["tool"], told[: 2 if values_first else 1], style, values_first)[:-1]
    return messages + _requests(tool.documentation(), earlier, style, values_first)


def _requests(tool: str, earlier: Sequence[Imagined], style: Style, values_first: bool) -> list[Message]:
    messages = [user(fill("imagine_values", style, tool=tool)) if values_first else imagine(tool, style=style)]
    for one in earlier:
        if values_first:
            said, again = with_values(one), fill("imagine_values_next", style, verdict=one.verdict).strip()
        elif one.verdict:
            said, again = one.query, fill("imagine_told", style, verdict=one.verdict)
        else:
            said, again = one.query, template("imagine_next", style)
        messages += [assistant(said), user(again)]
    return messages


def with_values(request: Imagined) -> str:
    """A request as it is asked for where its values come first.

    >>> print(with_values(Imagined("What is 2 squared?", "", {"number": 2})))
    Values: {"number": 2}
    Request: What is 2 squared?
    """
    return f"{VALUES} {json.dumps(dict(request.values or {}), ensure_ascii=False)}\n{REQUEST} {request.query}"


def came_of(solved: bool | None, reason: str = "") -> str:
    """What came of a query, in words. Not its call and result: queries would speak of them."""
    verdict = "" if solved is None else "That was solved." if solved else "That was not solved."
    return f"{verdict} {reason}".strip()


def imagine_again(style: Style = "small") -> Message:
    """Asks for another query where the last one came too close to an earlier one."""
    return user(template("imagine_again", style))


def attempt(query: str, style: Style = "small", tool: str | None = None) -> Message:
    """Asks for the first call that serves the query; `instruct` documents the tool where an episode begins."""
    if style != "small" and tool is None:
        return user(fill("try_next", style, query=query))
    return user(fill("try", style, query=query, tool=tool or ""))


def observation(text: str) -> Message:
    """Tells the result of a call, or its error."""
    return user(fill("observation", observation=text))


def reflect(reason: bool = False) -> Message:
    """Asks whether the query was fulfilled, and why if `reason`."""
    return user(template("reflect_reason" if reason else "reflect"))


def reflect_apart(query: str, call: Call | None, result: str, style: Style = "instruct") -> list[Message]:
    """Asks whether a query was fulfilled by a call and its result, by themselves: a model that looks back on a long
    conversation says Yes to everything."""
    messages: list[Message] = []
    for one in _lines("reflect_examples", style):
        made = Call(tool=one["tool"], arguments=one["arguments"])
        messages += [_reflected(one["query"], made, one["observation"], style), assistant(one["verdict"])]
    return [*messages, _reflected(query, call, result, style)]


def _reflected(query: str, call: Call | None, result: str, style: Style) -> Message:
    called = "none" if call is None else f"{call.tool} {json.dumps(call.arguments, ensure_ascii=False)}"
    return user(fill("reflect", style, query=query, call=called, observation=result))


def _memory(lines: Sequence[str], style: Style) -> str:
    return "\n\n" + fill("memory", style, memory="\n".join(lines)) if lines else ""


def hindsight(tool: Tool, call: Call, result: str, style: Style = "instruct") -> list[Message]:
    """Asks for the query that a call and its result would have served."""
    messages: list[Message] = []
    for other, trial in worked_trials(style):
        last = next(step for step in reversed(trial.steps) if step.call is not None)
        if trial.solved and last.call is not None:
            messages += [_hindsight(other, last.call, last.observation or "", style), assistant(trial.query)]
    return [*messages, _hindsight(tool, call, result, style)]


def _hindsight(tool: Tool, call: Call, result: str, style: Style) -> Message:
    called = react.render_call(call.tool, call.arguments)
    return user(fill("hindsight", style, tool=tool.documentation(), call=called, observation=result))


# --- distillation -----------------------------------------------------------------------------------------------------


def judge(tool: str, query: str, call: Call, result: str, answer: str | None, style: Style = "small") -> list[Message]:
    """Asks for a verdict on a trial in three aspects; `read_judgement` reads the reply.

    Of a trial without an answer pretrained models are asked for the call's aspect alone: shown that nothing came of it,
    they find everything wanting.
    """
    alone = answer is None and style != "small"
    messages: list[Message] = []
    for one in _lines("judge_examples", style):
        other, _ = worked_trials(style)[one["tool"]]
        made, told = Call(tool=other.name, arguments=one["arguments"]), None if alone else one["answer"]
        shown = _judged(other.documentation(), one["query"], made, one["observation"], told, style)
        messages += [shown, assistant(one["verdict"].splitlines()[-1] if alone else one["verdict"])]
    return [*messages, _judged(tool, query, call, result, answer, style)]


def _judged(tool: str, query: str, call: Call, result: str, answer: str | None, style: Style) -> Message:
    called = react.render_call(call.tool, call.arguments)
    if answer is None and style != "small":
        return user(fill("judge_unanswered", style, tool=tool, query=query, call=called))
    told = "none" if answer is None else answer
    return user(fill("judge_trial", style, tool=tool, query=query, call=called, observation=result, answer=told))


ASPECTS = ("Informative", "Faithful", "Appropriate")


def read_judgement(reply: str) -> dict[str, bool | None]:
    """The verdict on each aspect; None where the reply does not say.

    >>> read_judgement("Informative: Yes\\nFaithful: No")
    {'Informative': True, 'Faithful': False, 'Appropriate': None}
    """
    found = {aspect: re.search(rf"\b{aspect}\W+(yes|no)\b", reply, re.IGNORECASE) for aspect in ASPECTS}
    return {aspect: match and match[1].lower() == "yes" for aspect, match in found.items()}


def read_yes_no(reply: str) -> bool | None:
    """Whether a reply begins with Yes or with No; None if with neither."""
    match = re.match(r"\W*(yes|no)\b", reply, re.IGNORECASE)
    return match and match[1].lower() == "yes"


def paraphrase(query: str, style: Style = "small") -> list[Message]:
    """Asks for the query in other words."""
    messages: list[Message] = []
    for one in _lines("paraphrase_examples", style):
        messages += [user(fill("paraphrase", style, query=one["query"])), assistant(one["paraphrase"])]
    return [*messages, user(fill("paraphrase", style, query=query))]


# --- exploitation -----------------------------------------------------------------------------------------------------


def example(query: str, call: Call) -> str:
    """One demonstration: a query and the call that served it."""
    return fill("example", query=query, call=react.render_call(call.tool, call.arguments))


def ask_call(
    query: str,
    tools: Iterable[str],
    examples: Sequence[tuple[str, Call]] = (),
    style: Style = "small",
    notes: Sequence[str] = (),
) -> list[Message]:
    """Asks for the call that serves a query, given documentation of some tools, perhaps demonstrations and notes.

    Documentation comes first: items of one tool share it; notes on the tools follow it. `instruct` shows worked
    examples with other APIs as turns; `native` shows demonstrations as turns, and leaves documentation to the model's
    own format, so that notes open the conversation.
    """
    messages: list[Message] = []
    if style == "native":
        messages += [system(notes_section(notes))] if notes else []
        for asked, call in examples:
            messages += [_predict(asked, (), (), style), assistant(react.render_call(call.tool, call.arguments))]
        return [*messages, _predict(query, (), (), style)]
    for one in _lines("call_examples", style):
        worked = react.render_call(one["tool"], one["arguments"])
        messages += [_predict(one["query"], one["tools"], (), style), assistant(worked)]
    return [*messages, _predict(query, [*tools, *(["", notes_section(notes)] if notes else [])], examples, style)]


def notes_section(notes: Sequence[str]) -> str:
    """Notes on tools, a line each, as prompts show them."""
    return fill("notes", notes="\n".join(f"- {one}" for one in notes))


def _predict(query: str, tools: Iterable[str], examples: Sequence[tuple[str, Call]], style: Style) -> Message:
    docs = "\n".join(tools)
    if not examples:
        return user(fill("predict", style, tools=docs, query=query))
    shown = "\n".join(example(asked, call) for asked, call in examples)
    return user(fill("predict_examples", style, tools=docs, examples=shown, query=query))


def tuned(query: str, notes: Sequence[str] = ()) -> list[Message]:
    """Asks a fine-tuned model for a call: no documentation, only the mode and the query, and notes if there are any."""
    return [system("\n\n".join([template("tuned"), *([notes_section(notes)] if notes else [])])), user(query)]


def tuned_answer(query: str, call: Call, result: str) -> list[Message]:
    """Asks a fine-tuned model for the final answer after its call."""
    reply = assistant(react.render_call(call.tool, call.arguments))
    return [*tuned(query), reply, user(fill("answer", observation=result))]


def general(task: str) -> list[Message]:
    """Asks for something that needs no tool."""
    return [system(template("normal")), user(task)]


# --- forms of experience ----------------------------------------------------------------------------------------------


def word_note(
    tool: Tool, arguments: Sequence[str], refused: tuple[Call, str], accepted: tuple[Call, str],
    style: Style = "instruct",
) -> list[Message]:  # fmt: skip
    """Asks for a sentence on how arguments are written, given a refused call and the mended one with their results."""
    messages: list[Message] = []
    for one in _lines("word_note_examples", style):
        other, trial = worked_trials("instruct")[one["tool"]]
        met, mended = ((step.call, step.observation or "") for step in trial.steps if step.call is not None)
        messages += [_word_note(other, one["arguments"], met, mended, style), assistant(one["wording"])]
    return [*messages, _word_note(tool, arguments, refused, accepted, style)]


def _word_note(
    tool: Tool, arguments: Sequence[str], refused: tuple[Call, str], accepted: tuple[Call, str], style: Style
) -> Message:
    calls = [react.render_call(call.tool, call.arguments) for call, _ in (refused, accepted)]
    return user(
        fill("word_note", style, tool=tool.documentation(), refused=calls[0], error=refused[1], accepted=calls[1],
             result=accepted[1], arguments=", ".join(arguments))
    )  # fmt: skip


def ask_rewrite(tool: Tool, calls: Sequence[tuple[Call, str]], style: Style = "instruct") -> list[Message]:
    """Asks for a tool's documentation anew, given calls with their results; the reply is a line for the description and
    one for each argument."""
    messages: list[Message] = []
    for one in _lines("rewrite_examples", style):
        other, trial = worked_trials("instruct")[one["tool"]]
        made = [(step.call, step.observation or "") for step in trial.steps if step.call is not None]
        lines = {"Description": one["description"]} | one["arguments"]
        reply = "\n".join(f"{name}: {text}" for name, text in lines.items())
        messages += [_rewrite(other, made, style), assistant(reply)]
    return [*messages, _rewrite(tool, calls, style)]


def _rewrite(tool: Tool, calls: Sequence[tuple[Call, str]], style: Style) -> Message:
    shown = "\n".join(f"{json.dumps(call.arguments, ensure_ascii=False)} -> {result}" for call, result in calls)
    return user(fill("rewrite", style, tool=tool.documentation(), calls=shown))
