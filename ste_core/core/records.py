"""The nouns of the study, as records with a declared schema.

>>> call = Call(tool="add_date", arguments={"date": "2022-10-14", "days": 90})
>>> call.model_dump_json()
'{"tool":"add_date","arguments":{"date":"2022-10-14","days":90}}'

Records cross stages as JSON Lines on disk (see `ste_core.core.store`) and as data frames in notebooks.
"""

from typing import Any, Literal, NotRequired, TypedDict

from pydantic import BaseModel, ConfigDict, JsonValue, SerializerFunctionWrapHandler, model_serializer

from ste_core.core import json_schema


class Message(TypedDict):
    """One message of a conversation; the optional keys are those of native tool calling."""

    role: str
    content: str
    tool_calls: NotRequired[list[dict[str, Any]]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]


class Record(BaseModel):
    """Base of all records: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(Record):
    """A call of a tool: its name and its arguments, a JSON object."""

    tool: str
    arguments: dict[str, JsonValue]


class TestItem(Record):
    """A query of a test set with its gold call, and what the gold call returned when the set was made.

    `item` counts within the gold tool. A file without `result` records none (gold calls cannot be executed, or were
    not); null there is a result like any other. See `recorded`.
    """

    __test__ = False  # not a test case, whatever pytest makes of the name

    item: int
    query: str
    gold: Call
    result: JsonValue = None

    @property
    def recorded(self) -> bool:
        """Whether it is known what the gold call returned, be it null."""
        return "result" in self.model_fields_set


class StoredVerdict(Record):
    """The verdicts the authors stored beside a prediction (0 or 1; absent where their scorer stopped earlier)."""

    no_call: int
    err: int
    api_match: int | None = None
    args_correct: int | None = None
    chatgpt_args_jud: str | None = None  # the judge's reply, kept in some files


class Prediction(Record):
    """What one system in one setting answered to one test item.

    `item` counts within the gold tool (0-14 in the release). `output` is the raw model text; `call` stands in for it
    where only a parsed call was kept (the released GPT files), then `kind` says how the parse ended.
    """

    system: str
    setting: str
    item: int
    query: str
    gold: Call
    output: str | None = None
    kind: Literal["final", "call", "malformed"] | None = None
    call: Call | None = None
    stored: StoredVerdict | None = None


class Judgement(Record):
    """A judge's verdict on the arguments of one call, with all that is needed to question it.

    `correct` is None where the judge's reply cannot be read as Yes or No. `raw` is the reply, word for word;
    `prompt_sha256` names the exact prompt.
    """

    system: str
    setting: str
    tool: str
    item: int
    judge: str
    correct: bool | None
    raw: str | None = None
    prompt_sha256: str | None = None


class Tool(Record):
    """A tool as a language model may see it.

    `parameters` is a JSON Schema of type object (as MCP and the OpenAI protocol describe tools), so typed, with
    `required` and `default`. It may come from anywhere: what is not quite JSON Schema is read as far as it can be.
    `family` groups related tools; empty where there is no such grouping.
    """

    name: str
    description: str = ""
    parameters: dict[str, JsonValue] = {"type": "object", "properties": {}}
    family: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """The schemas of the documented arguments by name, references not followed."""
        return json_schema.members(self.parameters)

    @property
    def required(self) -> frozenset[str]:
        """The arguments that every call has to have."""
        return json_schema.required(self.parameters)

    def documentation(self) -> str:
        """The tool on one line, as prompts show it: description, name, arguments with type and (optional).

        The description stands before the name, as it does in a reader's mind: a query leads to what a tool does, and
        that to its name. A small causal model, which can only look back, chooses far better so.
        """
        required = self.required
        shown = []
        for name, schema in self.arguments.items():
            kinds = json_schema.kinds(schema, self.parameters)
            about = (" or ".join(kinds) or "any") + ("" if name in required else ", optional")
            text = str(json_schema.resolve(schema, self.parameters).get("description") or "")
            shown.append(f"{name} ({about})" + (f" {text}" if text else ""))
        about = self.description.rstrip(".")
        return f"{about}{'. ' if about else ''}API: {self.name}. Args: {', '.join(shown) if shown else 'none'}"


class Observation(Record):
    """What executing a call gave back.

    `text` is what the model sees, already cut and contained; `value` the structured result, None after an error or
    where the text had to be cut.
    """

    ok: bool
    text: str
    value: JsonValue = None
    seconds: float = 0.0
    truncated: bool = False


class Step(Record):
    """One reply of a model within a trial, and what came back.

    `call` is None where the reply is a final answer or cannot be parsed (`problem` then says why). `observation` is
    what the model was told: a result, an error of the tool, or the problem of parsing; None after a final answer, and
    where a variant withholds it. `ok` says whether a call ran without error; None where none ran.
    """

    output: str
    call: Call | None = None
    problem: str | None = None
    observation: str | None = None
    ok: bool | None = None


class Trial(Record):
    """One trial of exploration: a query imagined, tried, reflected upon.

    Tool, variant, seed, episode and trial are its key; the last two count from 0. `answer` is the final answer, None
    where the call limit came first. `solved` is the verdict of self-reflection, whose reply is `reflection`; None in
    variants without it. `memory` counts the lines of long-term memory that were shown, of `remembered` there were.
    `values` are those that were imagined for the query, where they were asked for first.
    """

    tool: str
    variant: str
    seed: int
    episode: int
    trial: int
    query: str
    steps: tuple[Step, ...]
    answer: str | None = None
    reflection: str | None = None
    solved: bool | None = None
    memory: int = 0
    remembered: int = 0
    asked_again: int = 0
    values: dict[str, JsonValue] | None = None


class Example(Record):
    """One distilled example: a query, the call that served it, its result as the model saw it, and the final answer.

    `paraphrase` is 0 for the query as imagined and counts rewordings of it from 1. `imagined` is the query that was
    tried, where the example's own was written in hindsight to fit the call; None elsewhere.
    """

    tool: str
    episode: int
    trial: int
    paraphrase: int
    query: str
    call: Call
    observation: str
    answer: str
    imagined: str | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        """Without `imagined` where there is none: examples that were written before it are the same text still."""
        written = handler(self)
        if written.get("imagined") is None:
            written.pop("imagined", None)
        return written
