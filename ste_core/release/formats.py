"""Trajectories and training examples in the formats of others: the release's files, and chat rows with tool calls.

>>> tool = Tool(name="add", description="Sum of two numbers.")
>>> call = Call(tool="add", arguments={"a": 2, "b": 3})
>>> example = Example(tool="add", episode=0, trial=0, paraphrase=0, query="2 and 3?", call=call, observation="5",
...                   answer="It is 5.")
>>> [message["role"] for message in chat_rows([example], {"add": tool})[0]["messages"]]
['user', 'assistant', 'tool', 'assistant']
>>> from_rows(to_rows([example], {"add": tool})).records == [example]
True

- `data_dict.json`, the release's dump of an exploration (METHOD; `STE/main.py`): `to_data_dict`, `from_data_dict`.
- training rows of the release (`STE/postprocessing.py`, `tool_data_train*.json`): `to_rows`, `from_rows`.
- predictions of a test set (`STE/saved_results`): `to_release`, `from_release`.
- chat rows for `datasets`, TRL and chat templates: `chat_rows`.

What is read was written by anybody: keys that we do not know are kept aside, under their JSON Pointer (RFC 6901); keys
that are missing, and values of a wrong type, are named in one line. `write_rows`, `write_json` and `read_values` are
the way to and from files.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, JsonValue, Tag, TypeAdapter, ValidationError

from ste_core.core import prompting, react, store
from ste_core.core.errors import UserError
from ste_core.core.literals import no_constant
from ste_core.core.records import Call, Example, Message, Prediction, Step, TestItem, Tool, Trial
from ste_core.release import paper

R = TypeVar("R")
M = TypeVar("M")

#: closing braces that the release's parser may have cut from nested arguments, see `_arguments`
CUT_BRACES = 8


@dataclass(frozen=True, slots=True)
class Imported(Generic[R]):
    """What was read from a foreign file.

    Attributes:
        records: the trials or examples.
        tools: the tools as far as the file describes them: name, and the documentation as description.
        aside: what the records have no place for, by JSON Pointer.
    """

    records: list[R]
    tools: dict[str, Tool] = field(default_factory=dict)
    aside: dict[str, JsonValue] = field(default_factory=dict)


# --- the release's dump of an exploration -----------------------------------------------------------------------------


def to_data_dict(trials: Iterable[Trial], tools: Mapping[str, Tool]) -> dict[str, Any]:
    """The trials of one variant and seed as the release's `data_dict.json`.

    `messages` is the conversation of an episode, rebuilt from the prompts; the release keeps the conversation itself,
    so ours differs where a context was too short for all of it. The format has no place for variant, seed and the
    counts `memory`, `remembered` and `asked_again`; it numbers episodes and trials by position; whether a call
    succeeded has to be read from its observation, and whether a query was solved from the reflection, so both are not
    known where these are missing. All else comes back from `from_data_dict` as it was.

    Raises:
        UserError: trials of several variants or seeds, or of a tool that is not in `tools`.
    """
    episodes: dict[str, dict[int, list[Trial]]] = defaultdict(lambda: defaultdict(list))
    runs = set()
    for trial in sorted(trials, key=lambda one: (one.episode, one.trial)):
        _tool(trial.tool, tools)
        runs.add((trial.variant, trial.seed))
        episodes[trial.tool][trial.episode].append(trial)
    if len(runs) > 1:
        shown = ", ".join(f"{variant}/{seed}" for variant, seed in sorted(runs)[:4])
        raise UserError(f"trials: of several variants or seeds ({shown}): a dump holds one, write one for each")
    return {
        name: [
            {
                "item_list": [{"query": trial.query, "chains": _chains(trial, tools[name])} for trial in own],
                "messages": _messages(own, tools[name]),
            }
            for own in episodes[name].values()
        ]
        for name in tools
        if name in episodes
    }


def _described(tool: Tool) -> dict[str, Any]:
    text = f"{_NAME}{tool.name}{_DESCRIPTION}{tool.documentation()}"
    return {"API_name_list": [tool.name], "api_descriptions": text}


def _chains(trial: Trial, tool: Tool) -> list[dict[str, Any]]:
    described, chains, steps = _described(tool), [], _steps(trial)
    for number, step in enumerate(steps):
        one: dict[str, Any]
        if step.call is not None:
            written = json.dumps(step.call.arguments, ensure_ascii=False)
            one = {"parse_successful": True, "finish": False, "action": step.call.tool, "action_input": written}
        elif step.problem is None and trial.answer is not None and number == len(steps) - 1:
            one = {"parse_successful": True, "finish": True, "final_ans": trial.answer}
        else:
            one = {"parse_successful": False, "finish": False, "parse_error_msg": step.problem or ""}
        chains.append(described | one | ({} if step.observation is None else {"observation": step.observation}))
    return chains


def _steps(trial: Trial) -> list[Step]:
    """The steps of a trial; a format whose chains end with the answer needs one for it."""
    steps = list(trial.steps)
    if trial.answer is not None and not (steps and steps[-1].call is None and steps[-1].problem is None):
        steps.append(Step(output=f"{react.FINAL} {trial.answer}"))
    return steps


def _messages(trials: Sequence[Trial], tool: Tool) -> list[Message]:
    messages: list[Message] = []
    for number, trial in enumerate(trials):
        messages.append(prompting.imagine_next() if number else prompting.imagine(tool.documentation()))
        messages += [prompting.assistant(trial.query), prompting.attempt(trial.query)]
        for step in _steps(trial):
            messages.append(prompting.assistant(step.output))
            if step.observation is not None:
                messages.append(prompting.observation(step.observation))
        if trial.reflection is not None:
            messages += [prompting.reflect(), prompting.assistant(trial.reflection)]
    return messages


class _Foreign(BaseModel):
    """An object of a foreign file; what is not declared is in `model_extra`."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class _Described(_Foreign):
    API_name_list: list[str] = []
    api_descriptions: str = ""


class _Step(_Described):
    parse_successful: bool
    finish: bool


class _CallStep(_Step):
    action: str
    action_input: str | dict[str, JsonValue]
    observation: JsonValue = None


class _ProblemStep(_Step):
    parse_error_msg: str
    observation: JsonValue = None


class _FinalStep(_Step):
    final_ans: str


def _step_kind(value: Any) -> str:
    if not isinstance(value, dict):
        return "call"
    return "final" if value.get("finish") is True else "problem" if value.get("parse_successful") is False else "call"


class _Item(_Foreign):
    query: str
    chains: list[
        Annotated[
            Annotated[_CallStep, Tag("call")]
            | Annotated[_ProblemStep, Tag("problem")]
            | Annotated[_FinalStep, Tag("final")],
            Discriminator(_step_kind),
        ]
    ]


class _Session(_Foreign):
    item_list: list[_Item]
    messages: list[JsonValue] = []


_DUMP = TypeAdapter(dict[str, list[_Session]])


def from_data_dict(
    value: Any,
    *,
    variant: str = "full",
    seed: int = 0,
    solved: Callable[[str], bool | None] = lambda reply: bool(prompting.read_yes_no(reply)),
    source: str = "data_dict",
) -> Imported[Trial]:
    """The trials in a dump of the release, of ours or of a fork.

    The text of a reply, and self-reflection, are found in `messages` where these fit the trials; else a reply is
    rendered from its call or answer, and there is no reflection. `ok` is False for an observation that begins with
    "Error:" or is a JSON object with a filled "error" (ToolBench's), else True. A call whose arguments are not a JSON
    object becomes a step that cannot be parsed, its `action` and `action_input` kept aside (the release checks braces
    only; nested arguments that its parser damaged are mended).

    Args:
        value: the dump, as `read_values` gives it.
        variant, seed: what the trials are to carry; a dump does not say.
        solved: reads self-reflection: by its first word, or (the release) `lambda reply: "No" not in reply`.
        source: how an error calls the file.

    Raises:
        UserError: not such a dump; missing keys are all named.
    """
    dump = _validated(_DUMP, value, source)
    trials: list[Trial] = []
    tools: dict[str, Tool] = {}
    aside: dict[str, JsonValue] = {}
    for api, sessions in dump.items():
        for episode, session in enumerate(sessions):
            place = (api, episode)
            _keep_aside(aside, session, place)
            replies = _replies(session)
            for number, item in enumerate(session.item_list):
                at = (*place, "item_list", number)
                _keep_aside(aside, item, at)
                outputs, reflection = replies[number] if replies else ([None] * len(item.chains), None)
                steps = []
                for index, (one, output) in enumerate(zip(item.chains, outputs, strict=True)):
                    _keep_aside(aside, one, (*at, "chains", index))
                    _describe(tools, api, one)
                    steps.append(_step(one, output, aside, (*at, "chains", index)))
                answers = [one.final_ans for one in item.chains if isinstance(one, _FinalStep)]
                trials.append(
                    Trial(
                        tool=api,
                        variant=variant,
                        seed=seed,
                        episode=episode,
                        trial=number,
                        query=item.query,
                        steps=tuple(steps),
                        answer=answers[-1] if answers else None,
                        reflection=reflection,
                        solved=None if reflection is None else solved(reflection),
                    )
                )
    return Imported(trials, tools, aside)


def _replies(session: _Session) -> list[tuple[list[str | None], str | None]] | None:
    """Per trial, the model's replies and its reflection, found in the conversation; None where that does not fit."""
    said = [
        one["content"]
        for one in session.messages
        if isinstance(one, dict) and one.get("role") == "assistant" and isinstance(one.get("content"), str)
    ]
    found: list[tuple[list[str | None], str | None]] = []
    following = [*(item.query for item in session.item_list), None][1:]
    for item, after in zip(session.item_list, following, strict=True):
        (query, *outputs), said = said[: len(item.chains) + 1] or [None], said[len(item.chains) + 1 :]
        if query != item.query or len(outputs) != len(item.chains):
            return None
        reflection = said.pop(0) if said and said[0] != after else None
        found.append((outputs, reflection))
    return None if said else found


def _step(one: _Step, output: str | None, aside: dict[str, JsonValue], place: tuple[str | int, ...]) -> Step:
    if isinstance(one, _FinalStep):
        return Step(output=f"{react.FINAL} {one.final_ans}" if output is None else output)
    assert isinstance(one, _CallStep | _ProblemStep)
    told = one.observation if one.observation is None or isinstance(one.observation, str) else _dumps(one.observation)
    if isinstance(one, _ProblemStep):
        return Step(output=output or "", problem=one.parse_error_msg, observation=told)
    if output is None:
        written = one.action_input if isinstance(one.action_input, str) else _dumps(one.action_input)
        output = f"{react.ACTION} {one.action}\n{react.ACTION_INPUT} {written}"
    arguments = _arguments(one.action_input)
    if arguments is None:
        aside |= {_pointer(*place, "action"): one.action, _pointer(*place, "action_input"): one.action_input}
        return Step(output=output, problem="the arguments are not a JSON object", observation=told)
    return Step(
        output=output,
        call=Call(tool=one.action, arguments=arguments),
        observation=told,
        ok=None if told is None else _succeeded(told),
    )


def _succeeded(observation: str) -> bool:
    if observation.startswith("Error:"):
        return False
    try:
        reply = json.loads(observation)
    except (ValueError, RecursionError):
        return True
    return not (isinstance(reply, dict) and reply.get("error"))


# --- the release's training rows --------------------------------------------------------------------------------------


class _CallRow(_Described):
    query: str
    API_name_list: list[str]
    api_descriptions: str
    action: str
    action_input: str | dict[str, JsonValue]
    observation: JsonValue = ""
    final_ans: str = ""


class _Row(_CallRow):
    observation: JsonValue
    final_ans: str


def to_rows(examples: Iterable[Example], tools: Mapping[str, Tool]) -> list[dict[str, Any]]:
    """Examples as training rows of the release; there is no place for `episode`, `trial` and `paraphrase`.

    Raises:
        UserError: an example of a tool that is not in `tools`.
    """
    return [
        {
            "query": one.query,
            **_described(_tool(one.tool, tools)),
            "action": one.call.tool,
            "action_input": json.dumps(one.call.arguments, ensure_ascii=False),
            "observation": one.observation,
            "final_ans": one.answer,
        }
        for one in examples
    ]


def from_rows(value: Any, *, results: bool = True, source: str = "training rows") -> Imported[Example]:
    """The examples in training rows: a list of rows, or lists of them by API or batch.

    Rows with the same call, observation and answer count as rewordings of one query: they share a `trial` number
    (within the tool, by first appearance; `episode` is 0), and `paraphrase` counts them in their order. A row whose
    arguments are not a JSON object is kept aside whole.

    Args:
        value: the rows, as `read_values` gives them.
        results: False reads rows that may end at the call, such as the release's test set.
        source: how an error calls the file.

    Raises:
        UserError: not such rows; missing keys are all named.
    """
    row = _Row if results else _CallRow
    rows: list[tuple[tuple[str | int, ...], _CallRow]] = []
    if isinstance(value, dict):
        by_name = _validated(TypeAdapter(dict[str, list[row]]), value, source)  # type: ignore[valid-type]
        rows = [((name, number), one) for name, own in by_name.items() for number, one in enumerate(own)]
    else:
        rows = [((number,), one) for number, one in enumerate(_validated(TypeAdapter(list[row]), value, source))]  # type: ignore[valid-type]
    examples: list[Example] = []
    tools: dict[str, Tool] = {}
    aside: dict[str, JsonValue] = {}
    trial_of: dict[str, dict[str, int]] = defaultdict(dict)
    wordings: Counter[tuple[str, int]] = Counter()
    for place, one in rows:
        arguments = _arguments(one.action_input)
        if arguments is None:
            aside[_pointer(*place)] = one.model_dump()
            continue
        _keep_aside(aside, one, place)
        _describe(tools, one.action, one)
        told = one.observation if isinstance(one.observation, str) else _dumps(one.observation)
        known = trial_of[one.action]
        trial = known.setdefault(json.dumps([arguments, told, one.final_ans], sort_keys=True), len(known))
        examples.append(
            Example(
                tool=one.action,
                episode=0,
                trial=trial,
                paraphrase=wordings[one.action, trial],
                query=one.query,
                call=Call(tool=one.action, arguments=arguments),
                observation=told,
                answer=one.final_ans,
            )
        )
        wordings[one.action, trial] += 1
    return Imported(examples, tools, aside)


def read_test_set(path: Path) -> list[TestItem]:
    """The items of a test set in the release's form (`tool_test.json`: rows by API, which end at the call).

    Raises:
        UserError: not such a file, or an item whose arguments are not a JSON object.
    """
    found = from_rows(read_values(path), results=False, source=str(path))
    if found.aside:
        raise UserError(f"{path}: {next(iter(found.aside))}: its arguments are not a JSON object")
    counts: Counter[str] = Counter()
    items = []
    for one in found.records:
        items.append(TestItem(item=counts[one.tool], query=one.query, gold=one.call))
        counts[one.tool] += 1
    return items


# --- chat rows --------------------------------------------------------------------------------------------------------


def chat_rows(
    examples: Iterable[Example],
    tools: Mapping[str, Tool],
    *,
    listed: Literal["own", "all"] = "own",
    arguments: Literal["object", "text"] = "object",
    schemas: Literal["list", "text"] = "list",
) -> list[dict[str, Any]]:
    """Examples as conversations with tool calls, `{"messages": [...], "tools": [...]}`, in OpenAI's message format.

    A conversation is query, call, result, answer; one of an example without an answer (no feedback) ends at the call.
    As they stand, rows fit chat templates, TRL and `datasets` from 4.8, which keep objects of differing keys as they
    are. Older `datasets`, Parquet and Arrow give every object the keys of all others: take "text" twice, and decode
    `arguments` before a chat template sees them (TRL decodes `tools` itself). OpenAI's own fine-tuning wants arguments
    as text, tools as a list, and names of letters, digits, `_` and `-`.

    Args:
        listed: the tools a row lists: that of its call, or all (in one order, for a model that has to choose).
        arguments: a call's arguments as a JSON object, or as JSON text.
        schemas: `tools` as a list, or as JSON text.

    Raises:
        UserError: an example of a tool that is not in `tools`.
    """
    every = [_schema(tool) for tool in tools.values()] if listed == "all" else []
    rows = []
    for one in examples:
        shown = every or [_schema(_tool(one.tool, tools))]
        written = one.call.arguments if arguments == "object" else _dumps(one.call.arguments)
        call = {"id": "call_0", "type": "function", "function": {"name": one.call.tool, "arguments": written}}
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": one.query},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        ]
        if one.answer:
            messages += [
                {"role": "tool", "tool_call_id": "call_0", "name": one.call.tool, "content": one.observation},
                {"role": "assistant", "content": one.answer},
            ]
        rows.append({"messages": messages, "tools": shown if schemas == "list" else _dumps(shown)})
    return rows


def _schema(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


# --- the release's predictions ----------------------------------------------------------------------------------------


def from_release(path: Path, *, system: str, setting: str) -> list[Prediction]:
    """The predictions of a file in the release's format (`{api: [item, ...]}`), anyone's.

    Raises:
        UserError: the file is not there, not JSON, or an item lacks what the scorer needs.
    """
    return list(paper.parse_predictions(store.read_json(path), system=system, setting=setting, shown=str(path)))


def to_release(predictions: Sequence[Prediction]) -> dict[str, list[dict[str, Any]]]:
    """Predictions of one system in one setting in the release's format, fit for its `evaluation.ipynb`.

    The documentation that released items carry (`API_name_list`, `api_descriptions`) is left out; no scorer reads it.

    Raises:
        UserError: several systems or settings, or items of a tool that are not numbered 0, 1, 2, ...: the format has
            no place for either.
    """
    if len({(one.system, one.setting) for one in predictions}) > 1:
        raise UserError("predictions: of several systems or settings; the release's format holds one a file")
    found: dict[str, list[dict[str, Any]]] = {}
    for one in sorted(predictions, key=lambda one: one.item):
        items = found.setdefault(one.gold.tool, [])
        if one.item != len(items):
            raise UserError(f"predictions: item {one.item} of '{one.gold.tool}': expected item {len(items)}")
        items.append(_prediction_item(one))
    return {tool: found[tool] for tool in dict.fromkeys(one.gold.tool for one in predictions)}


def _prediction_item(prediction: Prediction) -> dict[str, Any]:
    gold = prediction.gold
    item: dict[str, Any] = {
        "query": prediction.query,
        "action": gold.tool,
        "action_input": json.dumps(gold.arguments, ensure_ascii=False),
    }
    if prediction.output is not None:
        item["model_output"] = prediction.output
    elif prediction.kind == "call" and prediction.call is not None:
        arguments = json.dumps(prediction.call.arguments, ensure_ascii=False)
        item["parsed_result"] = {
            "parse_successful": True, "finish": False, "action": prediction.call.tool, "action_input": arguments,
        }  # fmt: skip
    else:
        item["parsed_result"] = {"parse_successful": False, "finish": prediction.kind == "final"}
    if prediction.stored is not None:
        item |= prediction.stored.model_dump(exclude_none=True)
    return item


# --- files ------------------------------------------------------------------------------------------------------------


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON Lines, whole or not at all."""
    store.write_text(path, "".join(_dumps(row) + "\n" for row in rows))


def write_json(path: Path, value: Any) -> None:
    """Write one JSON value, whole or not at all: a `data_dict.json`, or rows for the release's code, which reads so."""
    store.write_text(path, _dumps(value) + "\n")


def read_values(path: Path) -> Any:
    """The value in a JSON file; the list of values in a JSON Lines file (`.jsonl`).

    Raises:
        UserError: the file cannot be read, or a line of it is not JSON.
    """
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if path.suffix != ".jsonl":
        return _loads(text, str(path))
    return [_loads(line, f"{path}:{number}") for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _loads(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source}: not JSON: {_one_line(error)}") from None


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- reading what others wrote ----------------------------------------------------------------------------------------

_NAME, _DESCRIPTION = "API_name: ", "\nDescription: "


def _tool(name: str, tools: Mapping[str, Tool]) -> Tool:
    if name not in tools:
        raise UserError(f"tool {name!r}: not among the tools given")
    return tools[name]


def _validated(kind: TypeAdapter[M], value: Any, source: str) -> M:
    try:
        # a lone surrogate, NaN, a key that is no text: not JSON, and not to be written again
        clean = json.loads(json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"))
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{source}: not JSON: {_one_line(error)}") from None
    try:
        return kind.validate_python(clean)
    except ValidationError as error:
        problems = [(_place(one["loc"]), one) for one in error.errors(include_url=False, include_input=False)]
    missing: dict[str, list[str]] = defaultdict(list)
    for place, one in problems:
        if one["type"] == "missing":
            missing[str(one["loc"][-1])].append(_pointer(*place[:-1]))
    if missing:
        named = (f"'{key}' ({len(places)} times, first at {places[0] or '/'})" for key, places in missing.items())
        raise UserError(f"{source}: missing keys: {_one_line(', '.join(named))}")
    place, first = problems[0]
    raise UserError(f"{source}: {_one_line(_pointer(*place) or '/')}: {_one_line(first['msg'])}")


def _place(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where a problem is: pydantic's location without the tag of a step's kind and what it says of unions."""
    if len(loc) > 6 and loc[2] == "item_list" and loc[4] == "chains":
        loc = loc[:6] + loc[7:]
    return tuple(one for one in loc if not (isinstance(one, str) and one.startswith("dict[")))


def _pointer(*keys: str | int) -> str:
    """A JSON Pointer.

    >>> _pointer("a/b", 0, "query")
    '/a~1b/0/query'
    """
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def _keep_aside(aside: dict[str, JsonValue], one: _Foreign, place: tuple[str | int, ...]) -> None:
    for key, value in (one.model_extra or {}).items():
        aside[_pointer(*place, key)] = value


def _describe(tools: dict[str, Tool], name: str, one: _Described) -> None:
    """Note the tool that a step or row describes, unless it is known or described among others."""
    if name not in tools and one.API_name_list == [name]:
        description = one.api_descriptions.removeprefix(f"{_NAME}{name}{_DESCRIPTION}")
        tools[name] = Tool(name=name, description=description)


def _arguments(written: str | dict[str, JsonValue]) -> dict[str, JsonValue] | None:
    """A call's arguments; None if they are not a JSON object.

    The release's parser leaves one brace each side, so nested arguments lack closing braces; they are put back.

    >>> _arguments('{"place": {"city": "Paris"}')
    {'place': {'city': 'Paris'}}
    """
    if isinstance(written, dict):
        return written
    for more in range(CUT_BRACES + 1 if written.endswith("}") else 1):
        try:
            value = json.loads(written + "}" * more, parse_constant=no_constant)
            return Call(tool="", arguments=value).arguments
        except (ValueError, RecursionError):  # a ValidationError is a ValueError
            continue
    return None


def _one_line(text: object) -> str:
    short = " ".join(str(text).split())
    return short if len(short) <= 400 else short[:397] + "..."
