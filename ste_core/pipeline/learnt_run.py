"""What was learnt about tools of one's own, tried on held-out queries, and passed on by a server.

>>> found = learn_tools(study, trials)                                             # doctest: +SKIP
>>> [one.tool for one in found if one.notes_help]                            # doctest: +SKIP
['convert_currency']
>>> serve_learnt(study)                                                             # doctest: +SKIP

Notes are drawn, and documentation rewritten, from the earlier trials of each tool; the queries of the later ones decide
what is passed on (`method.lessons`). The model that tries them is the study's writer (`forms.model`, else
distillation's); one that is asked in the texts of small models words and rewrites nothing. Answers are kept under
`results/<study>/forms/`, so that an interrupted run goes on. Held-out calls are real, as those of exploring are.
"""

import json
from pathlib import Path
from typing import Literal

from ste_core.core import store
from ste_core.core.config import Forms, Study
from ste_core.core.errors import UserError
from ste_core.core.records import Tool, Trial
from ste_core.method import heldout, notes, predict
from ste_core.method.lessons import MANY, Lesson, describer, suspicion
from ste_core.method.notes import Note
from ste_core.method.predict import Beside
from ste_core.models import native
from ste_core.models.base import by_length, measure
from ste_core.pipeline import forms_run, resources
from ste_core.pipeline.forms_run import Writer
from ste_core.tools.described import Described

#: where it stands what was learnt, in a study's results
FOLDER, FILE = "learnt", "lessons.json"


def learn_tools(study: Study, trials: list[Trial]) -> list[Lesson]:
    """A lesson a tool that was tried, in the tools' order.

    Raises:
        UserError: no model to try with, or it or the tools fail.
    """
    options = study.forms or Forms()
    tools = resources.toolbox(study).tools
    place = study.results / "forms" / "own_tools"
    learnt, held = heldout.hold_out(trials, options.held_out)
    drawn = notes.draw_notes(learnt, tools)
    can_write, by = forms_run.writes(study), forms_run.writer(study)
    told = {name: [step.observation or "" for one in trials if one.tool == name for step in one.steps]
            for name in tools}  # fmt: skip
    suspects = {name: suspicion(tool, told[name]) for name, tool in tools.items()}
    if can_write:
        trusted = [one for one in drawn if not suspects[one.tool]]
        worded = {_key(one): one for one in forms_run.in_words(study, trusted, by)}
        drawn = [worded.get(_key(one), one) for one in drawn]
    tried = {one.tool for one in trials}
    few = {name: _that_fit(study, by, tools[name], [one for one in drawn if one.tool == name][:MANY], held)
           for name in tools if name in tried}  # fmt: skip
    rewrites = {one.tool: one for one in forms_run.rewritten(study, learnt, by)} if can_write else {}
    found = []
    plain = _tried(study, by, held, place / "plain.jsonl", {})
    beside = {name: Beside([one.text() for one in some]) for name, some in few.items() if some}
    noted = _tried(study, by, [one for one in held if one.tool in beside], place / "notes.jsonl", beside)
    revised = {
        name: Beside(revised={name: one.revised(tools[name])}) for name, one in rewrites.items() if not one.fault
    }
    again = _tried(study, by, [one for one in held if one.tool in revised], place / "documentation.jsonl", revised)
    for name in few:
        before, after = plain.get(name, ()), again.get(name, ())
        rewrite = rewrites.get(name)
        if rewrite is not None and after:
            rewrite = rewrite.decided(before, after)
        found.append(Lesson(tool=name, notes=tuple(few[name]), rewrite=rewrite, suspect=suspects[name], plain=before,
                            noted=noted.get(name, ()), rewritten=after))  # fmt: skip
    return found


def _key(one: Note) -> tuple[str, tuple[str, ...], str]:
    return one.tool, one.arguments, one.says


def _tried(
    study: Study, by: Writer, held: list[Trial], path: Path, beside: dict[str, Beside]
) -> dict[str, tuple[bool, ...]]:
    """Of each tool, whether the calls for its held-out queries ran."""
    ran = forms_run.try_held_out(study, held, path, by, beside)
    return {name: tuple(one for one, trial in zip(ran, held, strict=True) if trial.tool == name)
            for name in dict.fromkeys(trial.tool for trial in held)}  # fmt: skip


def _that_fit(study: Study, by: Writer, tool: Tool, some: list[Note], held: list[Trial]) -> list[Note]:
    """The first notes with which every held-out query's prompt fits the context of the model that tries them."""
    if not some:
        return []
    count, own = measure(by.model, by_length)
    explored = study.exploration
    context = own if explored is None or explored.context is None else explored.context
    if context is None or explored is None:
        return some
    more = ([native.described(tool)],) if isinstance(by.model, native.NativeChat) else ()
    for number in range(len(some), 0, -1):
        texts = [one.text() for one in some[:number]]
        prompts = [predict.request(one.query, "baseline", [tool], (), texts, by.style)
                   for one in held if one.tool == tool.name]  # fmt: skip
        if all(count(one, *more) <= context - explored.max_tokens for one in prompts):
            return some[:number]
    return []


# --- passed on --------------------------------------------------------------------------------------------------------


def read_lessons(study: Study) -> list[Lesson]:
    """What was learnt, as a run left it.

    Raises:
        UserError: nothing was learnt yet, or the file is damaged.
    """
    path = study.results / FOLDER / FILE
    if not path.is_file():
        raise UserError(f"{path}: not there; `ste run {study.name}` makes it")
    try:
        return [Lesson.model_validate(one) for one in store.read_json(path)]
    except (ValueError, TypeError):
        raise UserError(f"{path}: damaged; delete it and run `ste run {study.name}`") from None


def write_lessons(study: Study, found: list[Lesson]) -> None:
    """Write the lessons, and `descriptions.json`: the tools as they are passed on, as MCP lists tools."""
    dumped = [one.model_dump(mode="json") for one in found]
    folder = study.results / FOLDER
    store.write_text(folder / FILE, json.dumps(dumped, ensure_ascii=False, indent=1) + "\n")
    served = describer(found)(resources.toolbox(study).tools)
    listed = [{"name": one.name, "description": one.description, "inputSchema": one.parameters}
              for one in served.values()]  # fmt: skip
    store.write_text(folder / "descriptions.json", json.dumps(listed, ensure_ascii=False, indent=1) + "\n")


def improved(study: Study, everything: bool = False) -> Described:
    """The study's tools, with what was learnt in their descriptions.

    Args:
        everything: notes that did not help, or could not be tried, too.
    """
    return Described(resources.toolbox(study), describer(read_lessons(study), everything))


def serve_learnt(
    study: Study, *, everything: bool = False, transport: Literal["stdio", "http"] = "stdio", port: int = 8000
) -> None:
    """Serve the study's tools to any MCP client, with what was learnt in their descriptions; see `tools.mcp.serve`.

    Raises:
        UserError: nothing was learnt yet, the tools are not there, or the port cannot be had.
    """
    from ste_core.tools import mcp

    mcp.serve(improved(study, everything), study.name, transport, port=port)
