"""Verdicts on predictions, and the three percentages of the paper.

>>> string_rule({"date": "2022-10-14"}, {"date": " 2022-10-14", "days": 90})
True

Per item (METHOD: `STE/evaluation.ipynb` of the release): does the reply parse (*well-formed*), does it call the gold
tool (*API match*), are the arguments right? The release answers the last question by a string rule for 31 of its 50
APIs and by a language model for the other 19. Both are judges here (`Judge`), so a user can put another in their place.
"""

import hashlib
import json
import math
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from ste_core.core import json_schema, prompting, react, store
from ste_core.core.config import Study
from ste_core.core.records import Judgement, Prediction, Tool
from ste_core.models.base import ChatModel, gather
from ste_core.models.replies import Replies, answer_or_refusal
from ste_core.scoring import stats

# --- argument rules ---------------------------------------------------------------------------------------------------


def string_rule(gold: dict[str, Any], arguments: dict[str, Any]) -> bool:
    """The release's string match: every gold argument is there and equal as stripped, lower-cased text.

    Extra arguments are allowed, so empty gold matches anything.
    """
    return all(
        key in arguments and str(arguments[key]).strip().lower() == str(value).strip().lower()
        for key, value in gold.items()
    )


def same_call(gold: dict[str, Any], arguments: dict[str, Any], tool: Tool | None = None) -> bool:
    """Whether two calls of a tool are the same: their arguments equal as JSON, numbers by value, keys in any order.

    An argument besides makes another call, and so does one that is missing, unless it is the documented default, which
    the tool takes anyway.

    >>> days = Tool(name="add", parameters={"properties": {"days": {"type": "integer", "default": 1}}})
    >>> same_call({}, {"days": 1.0}, days), same_call({}, {"days": 2}, days), same_call({"days": 2}, {"days": "2"})
    (True, False, False)
    """
    schema = {} if tool is None else tool.parameters
    return json_equal(_filled(gold, schema, schema, 8), _filled(arguments, schema, schema, 8))


def _filled(value: Any, schema: Any, root: Any, depth: int) -> Any:
    """A value with the documented defaults of its object's members, of the members' members and of items too."""
    if isinstance(value, list) and depth > 0:
        items = next((one["items"] for one in json_schema.alternatives(schema, root) if "items" in one), None)
        return [_filled(one, items, root, depth - 1) for one in value]
    if not isinstance(value, dict) or depth == 0:
        return value
    members = json_schema.members(schema, root)
    made = {name: _filled(one, members.get(name), root, depth - 1) for name, one in value.items()}
    for name, member in members.items():
        about = json_schema.resolve(member, root)
        if name not in made and "default" in about:
            made[name] = _filled(about["default"], member, root, depth - 1)
    return made


def json_equal(a: Any, b: Any, *, close: bool = False, ordered: bool = True) -> bool:
    """Whether two JSON values are the same: order of keys aside, `1` equals `1.0`, but `true` does not equal `1`.

    Args:
        close: numbers may differ by 1e-6 of their size.
        ordered: the order of lists counts.
    """
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if close and isinstance(a, int | float) and isinstance(b, int | float):
        try:
            return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
        except OverflowError:  # an integer beyond all floats
            return a == b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(json_equal(a[key], b[key], close=close, ordered=ordered) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return False
        if not ordered:
            b = list(b)
            for one in a:  # each has its like, whatever its own keys' order and however its numbers are written
                alike = (at for at, other in enumerate(b) if json_equal(one, other, close=close, ordered=False))
                if (at := next(alike, None)) is None:
                    return False
                del b[at]
            return True
        return all(json_equal(one, other, close=close) for one, other in zip(a, b, strict=True))
    return a == b


# --- how a name was forgiven ------------------------------------------------------------------------------------------

#: how far the written name is from the tool it was mapped to, the nearest first
NAME_LEVELS = {
    "exact": "the tool's name",
    "form": "the same but for case, accents, white space or punctuation (a `%` of `%%` among it)",
    "encoding": "the same once `%20`, `%25` and the like are decoded",
    "part": "one half of the name, or its beginning, that no other tool shares",
    "shared part": "one half of the name, or its beginning, that other tools share: which is meant is chance",
    "closest": "anything else; the closest name by difflib",
}


def name_level(named: str, tool: str, tool_names: Iterable[str]) -> str:
    """How far a written name is from the tool it was mapped to, a key of `NAME_LEVELS`.

    >>> names = ["Car database%%Makes", "Car database%%Models", "getImage"]
    >>> [name_level(one, names[0], names) for one in ("car_database%Makes", "Car%20database%25%25Makes", "Car
    database")] ['form', 'encoding', 'shared part']
    """
    if named == tool:
        return "exact"
    if _letters(named) == _letters(tool):
        return "form"
    written = _letters(urllib.parse.unquote(named))
    if written == _letters(tool):
        return "encoding"
    if written and _is_part(written, tool):
        others = any(_is_part(written, other) for other in tool_names if other != tool)
        return "shared part" if others else "part"
    return "closest"


def _letters(name: str) -> str:
    """Letters and digits alone: no case, no accents, no newline spelled out (backslash, n)."""
    plain = unicodedata.normalize("NFKD", name.replace("\\n", " ").casefold())
    return "".join(character for character in plain if character.isalnum())


def _is_part(written: str, tool: str) -> bool:
    return _letters(tool).startswith(written) or written in {_letters(half) for half in tool.split("%%")}


# --- verdicts ---------------------------------------------------------------------------------------------------------


def parsed_reply(prediction: Prediction, tool_names: Iterable[str], *, rule: react.Rule = "released") -> react.Parsed:
    """The prediction's reply, parsed; one that was stored as a parsed call is taken as it is."""
    if prediction.output is not None:
        return react.parse(prediction.output, tool_names, rule=rule)
    if prediction.kind == "call" and prediction.call is not None:
        tool = prediction.call.tool
        return react.Parsed("call", tool=tool, named=tool, arguments=prediction.call.arguments)
    if prediction.kind == "final":
        return react.Parsed("final", answer="")
    return react.Parsed("malformed", reason="stored as not parsed")


def score_predictions(
    predictions: Sequence[Prediction],
    tool_names: Iterable[str],
    *,
    string_rule_tools: Iterable[str],
    rule: react.Rule = "released",
) -> pd.DataFrame:
    """One row an item, with every verdict side by side.

    Args:
        predictions: what systems answered.
        tool_names: the tools that may be called, and to which unknown names are mapped.
        string_rule_tools: tools whose arguments the string rule judges; the others keep their stored verdict.
        rule: how replies are parsed, see `ste_core.core.react`.

    Returns:
        Columns `system, setting, tool` (gold), `item, query, gold, output`; `kind, reason, named, called, grounded,
        arguments` (as parsed); booleans `wellformed, api_match`; `identical` (right tool and arguments equal to gold as
        JSON); `string_rule` (None where no string rule applies or the tool is wrong); `correct_string` (the string rule
        for every tool, also where the release asks a model: no stored verdict is needed); and three readings of
        *correct*: `correct_stored` (None without a stored verdict), `correct_rule` (string rule where it applies, else
        stored) and `correct_rule_identity` (besides, a call identical to gold is right).
    """
    names, by_rule = list(tool_names), frozenset(string_rule_tools)
    return pd.DataFrame([_scored(one, parsed_reply(one, names, rule=rule), by_rule) for one in predictions])


def _scored(prediction: Prediction, parsed: react.Parsed, by_rule: frozenset[str]) -> dict[str, Any]:
    """One row of `score_predictions`."""
    gold, stored = prediction.gold, prediction.stored
    match = parsed.kind == "call" and parsed.tool == gold.tool
    identical = match and json_equal(gold.arguments, parsed.arguments)
    equal = match and string_rule(gold.arguments, parsed.arguments)
    correct_stored = None if stored is None else bool(stored.api_match and stored.args_correct)
    correct_rule = (correct_stored if match else False) if gold.tool not in by_rule else bool(equal)
    return {
        "system": prediction.system, "setting": prediction.setting, "tool": gold.tool, "item": prediction.item,
        "query": prediction.query, "gold": gold.arguments, "output": prediction.output, "kind": parsed.kind,
        "reason": parsed.reason, "named": parsed.named, "called": parsed.tool, "grounded": parsed.grounded,
        "arguments": parsed.arguments, "wellformed": parsed.kind == "call", "api_match": match, "identical": identical,
        "string_rule": equal if match and gold.tool in by_rule else None, "correct_string": equal,
        "correct_stored": correct_stored, "correct_rule": correct_rule,
        "correct_rule_identity": True if identical else correct_rule,
    }  # fmt: skip


#: metric -> (numerator column, denominator column or None for all items)
METRICS = {
    "wellformed": ("wellformed", None),
    "api_match": ("api_match", "wellformed"),
    "api_match_all": ("api_match", None),
    "identical": ("identical", None),
    "correct_string": ("correct_string", None),
    "correct_stored": ("correct_stored", None),
    "correct_rule": ("correct_rule", None),
    "correct_rule_identity": ("correct_rule_identity", None),
}

#: besides, of a study with a test set of its own: whether it is the same call; or, where calls can be executed (see
#: `ste_core.scoring.execution`), whether it gives the same
EXECUTION_METRICS = {
    "correct_call": ("correct_call", None),
    "correct_execution": ("correct_execution", None),
    "task_success": ("task_success", None),
}

#: what counts as right, the better first, and what readers call it: the same result, the same call, or what the
#: release's string rule lets pass
RIGHT = {
    "correct_execution": "execution accuracy",
    "correct_call": "call accuracy",
    "correct_rule": "call accuracy (string rule)",
}


def right(known: Iterable[str]) -> str:
    """The metric that a study's verdicts rest on: results if its calls were executed, else calls, else the string rule.

    Args:
        known: the metrics of a table, or the columns of rows with verdicts.

    >>> right(["correct_rule"]), right(["correct_rule", "correct_call"]), right(["correct_call", "correct_execution"])
    ('correct_rule', 'correct_call', 'correct_execution')
    """
    there = set(known)
    return next((one for one in RIGHT if one in there), "correct_rule")


def counts(verdict_rows: pd.DataFrame, metric: str, by: Sequence[str] = ("tool",)) -> pd.DataFrame:
    """Numerator `k` and denominator `n` of a metric, one row a gold tool: the clusters of every interval and test.

    `api_match` keeps the release's denominator, the well-formed calls; all others are over all items.

    Args:
        by: the columns that a row of the result stands for.
    """
    numerator, denominator = (METRICS | EXECUTION_METRICS)[metric]
    group = verdict_rows.groupby(list(by), sort=True)
    k = group[numerator].agg(lambda column: int(column.astype(bool).sum()))
    n = group.size() if denominator is None else group[denominator].sum().astype(int)
    return pd.DataFrame({"k": k, "n": n})


def interval(verdict_rows: pd.DataFrame, metric: str, study: Study) -> stats.Estimate:
    """A metric in percent with its interval over tools, and over seeds where the rows have several (`seed`)."""
    seeds = verdict_rows["seed"].nunique() if "seed" in verdict_rows else 0
    found = counts(verdict_rows, metric, ("tool", "seed") if seeds > 1 else ("tool",))
    return share(found["k"], found["n"], study)


def share(k: pd.Series, n: pd.Series, study: Study) -> stats.Estimate:
    """`stats.percent` at a study's level; counts a tool, or a tool and seed (the second level of the index)."""
    if k.index.nlevels > 1:
        k, n = (one.unstack(fill_value=0) for one in (k, n))
    return stats.percent(k, n, level=study.statistics.level)


def share_of(rows: pd.DataFrame, column: str, study: Study, cluster: str = "tool") -> stats.Estimate:
    """The share of rows that a boolean column marks, in percent, with its interval over clusters, and over seeds where
    the rows have several."""
    counted = rows.groupby([cluster, "seed"] if rows["seed"].nunique() > 1 else cluster)[column].agg(["sum", "size"])
    return share(counted["sum"], counted["size"], study)


# --- judges -----------------------------------------------------------------------------------------------------------


class Judge(Protocol):
    """Decides whether the arguments of a call to the right tool are right."""

    name: str

    async def judge(self, row: Any) -> Judgement:
        """The judgement on a row of `score_predictions` (of `DataFrame.itertuples`) that calls the gold tool."""
        ...


class ModelJudge:
    """A language model as a judge, at temperature 0, any `ChatModel`.

    Departs from the release in two ways: the template is our own wording and shows the user's query, and the verdict
    is the reply's first word (the release looks for "No." anywhere). A reply that starts with neither Yes nor No is
    kept and counted as unreadable (`correct` None).
    """

    def __init__(self, model: ChatModel, *, seed: int = 0, max_tokens: int = 256) -> None:
        self.model = model
        self.name = model.name
        self._seed = seed
        self._max_tokens = max_tokens
        self._replies = Replies("the judge's max_tokens")

    def prompt(self, row: Any) -> str:
        """The exact prompt for one row of `score_predictions`."""
        return prompting.fill(
            "judge_call",
            query=row.query,
            tool=row.tool,
            gold=json.dumps(row.gold, ensure_ascii=False),
            arguments=json.dumps(row.arguments, ensure_ascii=False),
        )

    async def judge(self, row: Any) -> Judgement:
        prompt = self.prompt(row)
        completion = await answer_or_refusal(
            self.model, [{"role": "user", "content": prompt}], replies=self._replies, temperature=0.0,
            max_tokens=self._max_tokens, seed=self._seed,
        )  # fmt: skip
        raw = react.encodable(completion.text)  # lone surrogates cannot be written
        return _judgement(row, self.name, prompting.read_yes_no(raw), raw=raw, prompt=prompt)


def _judgement(
    row: Any, judge: str, correct: bool | None, raw: str | None = None, prompt: str | None = None
) -> Judgement:
    return Judgement(
        system=row.system,
        setting=row.setting,
        tool=row.tool,
        item=row.item,
        judge=judge,
        correct=correct,
        raw=raw,
        prompt_sha256=None if prompt is None else _sha256(prompt),
    )


def _sha256(prompt: str) -> str:
    return hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()


def to_judge(verdict_rows: pd.DataFrame, string_rule_tools: Iterable[str]) -> pd.DataFrame:
    """The rows that need a judge beyond the string rule: the right tool is called, and no string rule covers it."""
    return verdict_rows[verdict_rows["api_match"] & ~verdict_rows["tool"].isin(frozenset(string_rule_tools))]


async def rejudge(
    verdict_rows: pd.DataFrame, judge: Judge, path: Path, *, done: Callable[[], object] = lambda: None
) -> list[Judgement]:
    """Judge rows concurrently and append each judgement to `path` as it comes; rows already there are not asked again.

    Of a `ModelJudge` a row is there if it was judged by the very prompt: another call or template is asked anew.

    Args:
        verdict_rows: rows of `to_judge`.
        judge: who judges.
        path: a JSON Lines file of `Judgement`; kept across runs, so an interrupted run goes on where it stopped.
        done: called after each judgement (a progress bar's `update`).

    Returns:
        One judgement a row, in order.
    """
    prompt = judge.prompt if isinstance(judge, ModelJudge) else None
    known = {
        (_key(one), one.prompt_sha256 if prompt else None): one
        for one in store.read_jsonl(path, Judgement)
        if one.judge == judge.name
    }

    async def one(row: Any) -> Judgement:
        key = _key(row), _sha256(prompt(row)) if prompt else None
        if key not in known:
            known[key] = await judge.judge(row)
            store.append_jsonl(path, [known[key]])
        done()
        return known[key]

    return await gather([one(row) for row in verdict_rows.itertuples()])


def _key(row: Any) -> tuple[str, str, str, int]:
    return row.system, row.setting, row.tool, row.item
