"""Predictions: what a model answers to a test set, as it is, with demonstrations, or fine-tuned.

>>> shown = retrieve.candidates(items, toolbox.tools, "oracle")                                 # doctest: +SKIP
>>> near = retrieve.Retriever(examples).nearest([item.query for item in items])                 # doctest: +SKIP
>>> await predict(items, model, toolbox.tools, setting="icl", path=path, candidates=shown,      # doctest: +SKIP
...               demonstrations=near)
[Prediction(system='micro', setting='ICL', item=0, ...), ...]

The file is JSON Lines of `Prediction` in the order of the items, as the scorer reads it; a summary stands beside it.
Answers are kept as they come (`answers_path`) and stay there: a killed run goes on where it stopped and ends in the
same bytes, and a file that is lost or out of date is made again without asking what was asked before.
Prompt forms and limits follow the release (`llama-recipes/demo_retrieve.ipynb`, `llama-recipes/inference`): greedy, at
most 96 new tokens; for hosted models it sampled at temperature 1.0. The release's own prediction files are read and
written by `ste_core.release.formats.from_release` and `to_release`.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ste_core.core import prompting, react, store
from ste_core.core.config import Style
from ste_core.core.errors import UserError
from ste_core.core.records import Example, Message, Prediction, Record, TestItem, Tool
from ste_core.models import native
from ste_core.models.base import ChatModel, Count, by_length, gather, known_as, measure
from ste_core.models.replies import Replies, answer_or_refusal, as_react

Setting = Literal["baseline", "icl", "tuned"]

#: what results call a setting, as the paper's tables do
LABELS: dict[Setting, str] = {"baseline": "baseline", "icl": "ICL", "tuned": "FT"}

#: what follows is not the model's to say
STOP = "Observation:"


class Answer(Record):
    """A model's reply to one request, as `answers_path` keeps it; `request` digests all that the reply depends on."""

    tool: str
    item: int
    request: str
    output: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class Summary(Record):
    """What stands behind a prediction file.

    Attributes:
        system, setting: as in the file.
        model: the model's identity.
        prompt: the prompt's form, a `Setting`.
        items: number of predictions.
        tools: documented in a prompt, at most.
        demonstrations: shown over all prompts.
        dropped: demonstrations left out because a prompt did not fit the context, and in how many prompts.
        dropped_items: ... in how many prompts.
        context: tokens a prompt and its answer may take together; None if not limited.
        constrained: whether answers were held to the form of a call.
        cut: answers that ended at `max_tokens`.
        empty: answers that say nothing: refused, filtered, or cut while the model was still reasoning.
        prompt_tokens, completion_tokens: over all requests, as far as the model tells.
        requests: digest of all that the answers depend on; a file with another one is made anew.
    """

    system: str
    setting: str
    model: str
    prompt: str
    items: int
    tools: int
    demonstrations: int
    dropped: int
    dropped_items: int
    context: int | None
    seed: int
    temperature: float
    max_tokens: int
    constrained: bool = False
    cut: int
    empty: int = 0
    prompt_tokens: int
    completion_tokens: int
    requests: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The request for one item, and how many demonstrations it shows and had to leave out."""

    messages: list[Message]
    shown: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Beside:
    """What one item's prompt shows of experience but demonstrations.

    Attributes:
        notes: on the documented tools, a line each.
        revised: tools by name that are documented in other words, under the same names and arguments.
    """

    notes: Sequence[str] = ()
    revised: Mapping[str, Tool] = field(default_factory=dict)


#: nothing
NOTHING = Beside()


async def predict(
    items: Sequence[TestItem],
    model: ChatModel,
    tools: Mapping[str, Tool],
    *,
    setting: Setting,
    path: Path,
    candidates: Sequence[Sequence[str]] | None = None,
    demonstrations: Sequence[Sequence[Example]] | None = None,
    beside: Sequence[Beside] | None = None,
    system: str | None = None,
    label: str | None = None,
    seed: int = 0,
    temperature: float = 0.0,
    max_tokens: int = 96,
    context: int | None = None,
    constrained: bool = False,
    style: Style = "small",
    sampling: Mapping[str, Any] | None = None,
    done: Callable[[], object] = lambda: None,
) -> list[Prediction]:
    """A model's calls for a test set, asked for all at once and kept in `path`.

    A finished file is read, not asked for again, if it answers the same requests to the same model; otherwise it is
    replaced at the end. The whole text of an answer is kept, up to the first "Observation:".

    Args:
        items: the test set.
        model: who answers; an in-process model answers in batches.
        tools: the toolbox's tools by name.
        setting: the prompt's form: documentation only, with demonstrations, or that of fine-tuning (query only).
        path: the prediction file.
        candidates: of each item, the tools to document, in order (`retrieve.candidates`); for "baseline" and "icl".
        demonstrations: of each item, examples to show, nearest first (`retrieve.Retriever.nearest`); for "icl".
        beside: of each item, notes and revised documentation to show; default none. Nothing of them is dropped.
        system: the model's name in results; default its own.
        label: the setting's name in results; default "baseline", "ICL", "FT".
        seed: with the item, it seeds each answer (of no effect at temperature 0).
        temperature: 0 takes the likeliest token each time; the paper sampled hosted models at 1.0.
        context: tokens a prompt and its answer may take together; default an in-process model's own. Demonstrations
            are dropped, the farthest first, until a prompt fits; the summary counts them.
        constrained: hold each answer to the form of a call: of a documented tool by its arguments, and for "tuned",
            whose prompts document nothing, of any tool by its name (`react.form`).
        style: of the requests; see `prompting`.
        sampling: `top_p`, `top_k` and `min_p` where a temperature above 0 is asked for.
        done: called after each item (a progress bar's `update`).

    Returns:
        One prediction an item, in order.

    Raises:
        UserError: no items, two of the same tool and number, a tool that is not in `tools`, a prompt that fits the
            context not even without demonstrations, a file that cannot be read or written, or a failing model.
        BudgetSpent: the model's budget is used up; what was answered is kept.
        ValueError: arguments that do not go together.
    """
    _check(items, tools, setting, candidates, demonstrations, beside)
    system, label = system or model.name, label or LABELS[setting]
    count, own = measure(model, functools.partial(by_length, frame=0))
    context = own if context is None else context
    room = None if context is None else context - max_tokens
    extra = [NOTHING] * len(items) if beside is None else beside
    described = _described(items, tools, candidates, extra) if style == "native" else [None] * len(items)
    prompts = _prompts(items, tools, setting, candidates, demonstrations, extra, room, count, style, described)
    identity = await asyncio.to_thread(lambda: model.identity)  # a local model reads all its weights for it
    name = known_as(model.name, identity)
    options: dict[str, Any] = {
        "temperature": float(temperature),
        "max_tokens": max_tokens,
        "stop": [STOP],
        **(sampling or {}),
    }
    seeds = [_item_seed(seed, item) for item in items]
    held = _forms(items, model, tools, candidates, style) if constrained else [{}] * len(items)
    held = [form | ({} if shown is None else {"tools": shown}) for form, shown in zip(held, described, strict=True)]
    requests = [
        store.digest([name, prompt.messages, options | form, number])
        for prompt, number, form in zip(prompts, seeds, held, strict=True)
    ]
    whole = store.digest([system, label, requests, [item.model_dump(mode="json") for item in items]])
    finished = _finished(path, whole, len(items))
    if finished is not None:
        return finished

    asked = [options | form | {"seed": number} for form, number in zip(held, seeds, strict=True)]
    answers = await _answers(items, model, prompts, requests, asked, answers_path(path), done)
    predictions = [
        Prediction(system=system, setting=label, item=item.item, query=item.query, gold=item.gold, output=answer.output)
        for item, answer in zip(items, answers, strict=True)
    ]
    summary = Summary(
        system=system, setting=label, model=identity, prompt=setting, items=len(items),
        tools=max(map(len, candidates)) if candidates is not None and setting != "tuned" else 0,
        context=context, seed=seed, temperature=float(temperature), max_tokens=max_tokens, constrained=constrained,
        requests=whole, **_counted(prompts, answers),
    )  # fmt: skip
    store.write_text(path, "".join(one.model_dump_json() + "\n" for one in predictions))
    store.write_text(summary_path(path), summary.model_dump_json(indent=1) + "\n")
    return predictions


async def _answers(
    items: Sequence[TestItem],
    model: ChatModel,
    prompts: Sequence[Prompt],
    requests: Sequence[str],
    asked: Sequence[dict[str, Any]],
    kept: Path,
    done: Callable[[], object],
) -> list[Answer]:
    """An answer an item: those that are kept for the same request, and the others, asked for and kept at once."""
    replies = Replies("exploitation.max_tokens")
    known = {(one.tool, one.item, one.request): one for one in store.read_jsonl(kept, Answer)}

    async def ask(number: int) -> Answer:
        item, request = items[number], requests[number]
        answer = known.get((item.gold.tool, item.item, request))
        if answer is None:
            reply = await answer_or_refusal(model, prompts[number].messages, replies=replies, **asked[number])
            answer = Answer(
                tool=item.gold.tool, item=item.item, request=request, output=_output(as_react(reply.choices[0])),
                finish_reason=reply.finish_reason, prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
            )  # fmt: skip
            store.append_jsonl(kept, [answer])
        done()
        return answer

    return await gather([ask(number) for number in range(len(items))])


def _counted(prompts: Sequence[Prompt], answers: Sequence[Answer]) -> dict[str, int]:
    """What a summary counts."""
    return {
        "demonstrations": sum(prompt.shown for prompt in prompts),
        "dropped": sum(prompt.dropped for prompt in prompts),
        "dropped_items": sum(prompt.dropped > 0 for prompt in prompts),
        "cut": sum(answer.finish_reason == "length" for answer in answers),
        "empty": sum(not answer.output.strip() for answer in answers),
        "prompt_tokens": sum(answer.prompt_tokens for answer in answers),
        "completion_tokens": sum(answer.completion_tokens for answer in answers),
    }


def answers_path(path: Path) -> Path:
    """Where the answers to a prediction file's requests stay: apart from it, since Snakemake deletes what a job makes
    before it runs the job again."""
    return path.parent / ".run" / f"{path.stem}.answers.jsonl"


def summary_path(path: Path) -> Path:
    """Where the summary of a prediction file lies."""
    return path.with_name(f"{path.stem}.summary.json")


def read_summary(path: Path) -> Summary:
    """The summary of a prediction file.

    Raises:
        UserError: it is not there, or no summary.
    """
    place = summary_path(path)
    try:
        return Summary.model_validate(store.read_json(place))
    except ValueError:
        raise UserError(f"{place}: not the summary of a prediction file") from None


def _check(
    items: Sequence[TestItem],
    tools: Mapping[str, Tool],
    setting: Setting,
    candidates: Sequence[Sequence[str]] | None,
    demonstrations: Sequence[Sequence[Example]] | None,
    beside: Sequence[Beside] | None,
) -> None:
    if setting not in LABELS:
        raise ValueError(f"setting: {setting!r} is none of {', '.join(map(repr, LABELS))}")
    for name, given, wanted in (
        ("candidates", candidates, setting != "tuned"),
        ("demonstrations", demonstrations, setting == "icl"),
    ):
        if (given is not None) != wanted:
            raise ValueError(f"{name}: setting {setting!r} {'needs' if wanted else 'does not take'} them")
        if given is not None and len(given) != len(items):
            raise ValueError(f"{name}: {len(given)} for {len(items)} items")
    if beside is not None and len(beside) != len(items):
        raise ValueError(f"beside: {len(beside)} for {len(items)} items")
    if not items:
        raise UserError("test set: empty, there is nothing to predict")
    seen: set[tuple[str, int]] = set()
    for number, item in enumerate(items):
        key = (item.gold.tool, item.item)
        if key in seen:
            raise UserError(f"test item {item.item} of '{item.gold.tool}': twice in the test set; number items anew")
        seen.add(key)
        for name in (item.gold.tool, *(candidates[number] if candidates is not None else ())):
            if name not in tools:
                raise UserError(f"test item {item.item} of '{item.gold.tool}': the toolbox has no tool '{name}'")


def request(
    query: str,
    setting: Setting,
    tools: Sequence[Tool],
    near: Sequence[Example] = (),
    notes: Sequence[str] = (),
    style: Style = "small",
) -> list[Message]:
    """The request for one item.

    Args:
        tools: documented ones, in order; of no use to "tuned".
        near: demonstrations, nearest first.
        notes: on tools, a line each.
    """
    if setting == "tuned":
        return prompting.tuned(query, notes)
    docs = [one.documentation() for one in tools] if style != "native" else []
    return prompting.ask_call(query, docs, [(one.query, one.call) for one in near], style, notes)


def _prompts(
    items: Sequence[TestItem],
    tools: Mapping[str, Tool],
    setting: Setting,
    candidates: Sequence[Sequence[str]] | None,
    demonstrations: Sequence[Sequence[Example]] | None,
    beside: Sequence[Beside],
    room: int | None,
    count: Count,
    style: Style,
    described: Sequence[list[dict[str, Any]] | None],
) -> list[Prompt]:
    prompts = []
    for number, (item, extra, more) in enumerate(zip(items, beside, described, strict=True)):
        names = candidates[number] if candidates is not None else ()
        shown = [extra.revised.get(name, tools[name]) for name in names]
        near = demonstrations[number] if demonstrations is not None else []
        build = functools.partial(request, item.query, setting, shown, notes=extra.notes, style=style)

        kept = len(near)
        while room is not None and (tokens := count(build(near[:kept]), *(() if more is None else (more,)))) > room:
            if kept == 0:
                raise UserError(
                    f"test item {item.item} of '{item.gold.tool}': its prompt takes {tokens:,} tokens without any "
                    f"demonstration, and {room:,} fit; show fewer tools or take a model with a larger context"
                )
            kept -= 1
        prompts.append(Prompt(build(near[:kept]), kept, len(near) - kept))
    return prompts


def _described(
    items: Sequence[TestItem],
    tools: Mapping[str, Tool],
    candidates: Sequence[Sequence[str]] | None,
    beside: Sequence[Beside],
) -> list[list[dict[str, Any]]]:
    """The documented tools of each item as a model's own format has them."""
    if candidates is None:
        return [[]] * len(items)
    return [
        [native.described(extra.revised.get(name, tools[name])) for name in names]
        for names, extra in zip(candidates, beside, strict=True)
    ]


def _forms(
    items: Sequence[TestItem], model: ChatModel, tools: Mapping[str, Tool],
    candidates: Sequence[Sequence[str]] | None, style: Style,
) -> list[dict[str, Any]]:  # fmt: skip
    """The form that each reply is held to: a call of a documented tool by its arguments; without documentation, of any
    tool by its name."""
    if isinstance(model, native.NativeChat):
        if candidates is None:
            return [{"form": model.form(list(tools.values()), documented=False)}] * len(items)
        return [{"form": model.form([tools[name] for name in names])} for names in candidates]
    thought = style == "small"
    if candidates is None:
        return [{"form": react.form(tools.values(), arguments=False, answer=False, thought=thought)}] * len(items)
    return [
        {"form": react.form([tools[name] for name in names], answer=False, thought=thought)} for names in candidates
    ]


def _finished(path: Path, whole: str, count: int) -> list[Prediction] | None:
    """The predictions of a finished file that answers the same requests."""
    if not (path.exists() and summary_path(path).exists()):
        return None
    try:
        if read_summary(path).requests != whole:
            return None
        predictions = store.read_jsonl(path, Prediction)
    except UserError:
        return None  # damaged: made anew
    return predictions if len(predictions) == count else None


def _item_seed(seed: int, item: TestItem) -> int:
    return int(store.digest([seed, item.gold.tool, item.item])[:8], 16) & 0x7FFFFFFF


def _output(text: str) -> str:
    """A reply as it is kept: what a server that ignores stop strings says further is cut off, and it can be written."""
    return react.encodable(text.split(STOP)[0])
