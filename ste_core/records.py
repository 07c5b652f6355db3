"""The nouns of the study, as records with a declared schema.

>>> call = Call(tool="add_date", arguments={"date": "2022-10-14", "days": 90})
>>> call.model_dump_json()
'{"tool":"add_date","arguments":{"date":"2022-10-14","days":90}}'

Records cross stages as JSON Lines on disk (see `ste_core.store`) and as data frames in notebooks.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue


class Record(BaseModel):
    """Base of all records: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(Record):
    """A call of a tool: its name and its arguments, a JSON object."""

    tool: str
    arguments: dict[str, JsonValue]


class StoredVerdict(Record):
    """The verdicts the authors stored beside a prediction (0 or 1; absent where their scorer stopped earlier)."""

    no_call: int
    err: int
    api_match: int | None = None
    args_correct: int | None = None


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
