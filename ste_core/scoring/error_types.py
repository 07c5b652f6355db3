"""What went wrong: every prediction judged, and one category for each.

>>> rows = outcomes(predictions, toolbox, gold_results(items), rule="strict")                   # doctest: +SKIP
>>> rows.groupby("setting")["category"].value_counts()                                          # doctest: +SKIP
>>> same_form("25/06/2031", "2031-06-25"), same_form(["CDG", "JFK"], ["JFK", "CDG"])
(True, False)

The paper counts what is well-formed, calls the right API and is correct; it has no taxonomy. This one asks the
questions of `CATEGORIES` in their order and stops at the first that applies, so it is exhaustive and exclusive.
"""

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ste_core.core import aio, react
from ste_core.core.errors import UserError
from ste_core.core.records import Prediction, Tool
from ste_core.scoring import execution, score
from ste_core.tools.base import Toolbox

#: category -> when it applies; the first that does
CATEGORIES = {
    "right": "the verdict in question is right",
    "no call": "a final answer, or a reply with neither 'Action:' nor 'Action Input:'",
    "unknown tool": "a call of a tool that does not exist, and was not mapped to one that does",
    "malformed": "another reply that cannot be read as a call",
    "near-duplicate": "a call of the tool declared nearly the same as the gold tool",
    "wrong tool": "a call of another tool",
    "extra argument": "an argument that neither the tool nor the gold call has (it may stand for a missing one), or, "
    "where the gold arguments are all right, an optional one too many",
    "missing argument": "an argument of the gold call is not there",
    "wrong convention": "arguments differ from gold, each only in form: the same words and numbers (`same_form`), or, "
    "in a call that the tool refused with an error that names such an argument, the query's own words for it (for "
    "arguments that the error does not name: unless a number)",
    "wrong value": "arguments differ from gold, one or more of them in what they say",
    "other result": "the gold arguments, and another verdict nevertheless",
}

_VERDICTS = ("wellformed", "api_match", "correct_rule", "correct_call", "correct_execution", "task_success")


def outcomes(
    predictions: Sequence[Prediction],
    toolbox: Toolbox,
    results: execution.Results,
    rule: react.Rule = "strict",
    *,
    string_rule_tools: Iterable[str] | None = None,
    right: str | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """All verdicts on predictions, a row an item, and the category of each.

    Args:
        predictions: of any systems and settings.
        toolbox: where the calls are executed.
        results: what the gold calls returned (`execution.gold_results`); without any, nothing is executed.
        rule: how replies are parsed, see `ste_core.core.react`.
        string_rule_tools: the tools that the string rule judges; default all.
        right: the verdict that the category explains, a column as below; default that of `score.right`.
        seed: of the run, for the column of that name (None where it has none).

    Returns:
        The columns of `execution.execute_verdicts`, so that `score.interval` and the like read it, and `seed`,
        `category`. Verdicts: `wellformed`, `api_match`, `correct_rule` (string rule); where there are results
        `correct_execution` (result), `task_success`; where there are none, and replies are not read by the released
        rule, `correct_call` (`score.same_call`).

    Raises:
        UserError: a prediction whose gold tool or gold result is not known.
    """
    for one in predictions:
        if one.gold.tool not in toolbox.tools or (results and (one.gold.tool, one.item) not in results):
            raise UserError(f"prediction {one.item} of '{one.gold.tool}': not an item of this test set")
    judged = list(toolbox.tools if string_rule_tools is None else string_rule_tools)
    rows = score.score_predictions(predictions, toolbox.tools, string_rule_tools=judged, rule=rule)
    if rows.empty:
        raise UserError("predictions: none, there is nothing to judge")
    if results:
        rows = aio.run(execution.execute_verdicts(rows, toolbox, results))
    elif rule != "released":  # a replica of the paper's figures keeps the paper's rule
        rows = rows.assign(correct_call=[_same_call(row, toolbox.tools) for row in rows.itertuples()])
    right = right or score.right(rows.columns)
    return rows.assign(seed=seed, category=categories(rows, toolbox.tools, toolbox.near_duplicates, right=right))


def _same_call(row: Any, tools: Mapping[str, Tool]) -> bool:
    return bool(row.api_match) and score.same_call(row.gold, row.arguments, tools[row.tool])


def categories(
    rows: pd.DataFrame,
    tools: Mapping[str, Tool],
    near_duplicates: Mapping[str, str] | None = None,
    *,
    right: str = "correct_execution",
) -> list[str]:
    """The category of each row of `score.score_predictions`, or better of `execution.execute_verdicts`.

    Args:
        rows: without the column `observation`, refused calls cannot be told and count as wrong values.
        right: the verdict that the categories explain: a boolean column.

    Raises:
        ValueError: no such verdict.
    """
    if right not in rows or right not in _VERDICTS:
        raise ValueError(f"right: {right!r} is no verdict of these rows")
    return [_category(row, tools, near_duplicates or {}, bool(getattr(row, right))) for row in rows.itertuples()]


def _category(row: Any, tools: Mapping[str, Tool], near_duplicates: Mapping[str, str], right: bool) -> str:
    if right:
        return "right"
    if row.kind != "call":
        written = None if pd.isna(row.output) else row.output
        if row.kind == "final" or (
            written is not None and react.ACTION not in written and react.ACTION_INPUT not in written
        ):
            return "no call"
        return "unknown tool" if str(row.reason).startswith(_NO_TOOL) else "malformed"
    if row.called != row.tool:
        return "near-duplicate" if row.called == near_duplicates.get(row.tool) else "wrong tool"
    given, gold = row.arguments, row.gold
    known = tools[row.tool].arguments
    if any(name not in gold and name not in known for name in given):
        return "extra argument"
    if any(name not in given for name in gold):
        return "missing argument"
    different = [name for name in gold if not score.json_equal(given[name], gold[name])]
    if different:
        blamed = _blamed(different, getattr(row, "observation", None))
        form = all(
            same_form(given[name], gold[name]) or (blamed and _own_words(name, blamed, given, gold, row.query))
            for name in different
        )
        return "wrong convention" if form else "wrong value"
    return "extra argument" if len(given) > len(gold) else "other result"


# the beginning of what `react.parse` says of a call whose name is no tool's
_NO_TOOL = "there is no tool named"


def _blamed(names: Sequence[str], observation: str | None) -> list[str]:
    """The arguments that the tool's error names: often only the first that it does not like."""
    if observation is None or not observation.startswith("Error: "):
        return []
    told = observation.removeprefix("Error: ")
    return [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", told)]


def _own_words(name: str, blamed: Sequence[str], given: Mapping[str, Any], gold: Mapping[str, Any], query: str) -> bool:
    """Whether an argument is what the query calls it, and no other argument's value."""
    if name not in blamed and isinstance(given[name], int | float):
        return False
    if any(same_form(given[name], value) for other, value in gold.items() if other != name):
        return False  # mixed up, not unconverted
    words = _words(given[name])
    return bool(words) and not words - _words(query)


# --- the same in another form -----------------------------------------------------------------------------------------


def same_form(a: Any, b: Any) -> bool:
    """Whether two JSON values say the same in another form.

    They do if they hold the same words and numbers, however often each and in whatever order, once case, accents,
    punctuation, leading zeros, ordinal endings, thousands separators and the names of months are normalised, and
    numbers written as text are numbers. Within lists of one length, and objects of the same keys, this must hold
    element by element. Values without a word or number are never the same in another form.

    >>> same_form("1,250.0", 1250), same_form("June 5th, 2031", "05/06/2031"), same_form(5, 6)
    (True, True, False)
    """
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return bool(a) and all(score.json_equal(x, y) or same_form(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return bool(a) and all(score.json_equal(a[key], b[key]) or same_form(a[key], b[key]) for key in a)
    words = _words(a)
    return bool(words) and words == _words(b)


_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = {name: float(number) for number, one in enumerate(_MONTHS, 1) for name in (one, one[:3])} | {"sept": 9.0}

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def _words(value: Any) -> Counter[str | float]:
    """The words and numbers of a JSON value, keys of objects left out."""
    return Counter(word for leaf in _leaves(value) for word in _split(leaf))


def _leaves(value: Any) -> Iterator[Any]:
    """What stands in a value of any depth, in no particular order."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
        else:
            yield one


def _split(leaf: Any) -> Iterator[str | float]:
    text = leaf if isinstance(leaf, str) else json.dumps(leaf)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()
    number = _number(text.strip())
    if number is not None:
        yield number
        return
    for token in _TOKEN.findall(_ORDINAL.sub("", text)):
        if not token[0].isdigit():
            yield _MONTH.get(token, token)
        elif (number := _number(token)) is not None:
            yield number
        else:  # a date or the like: 25.06.2031
            yield from (float(part) for part in re.split("[.,]", token))


def _number(text: str) -> float | None:
    """The number a text is, None if it is none; so are NaN and infinity."""
    if _THOUSANDS.fullmatch(text.lstrip("+-")):
        text = text.replace(",", "")
    if not re.fullmatch(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None
