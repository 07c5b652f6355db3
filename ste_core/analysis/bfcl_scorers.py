"""Our parser and our equality of calls against BFCL's scorer, on its data: where they disagree, and why.

>>> table = disagreements(compared())                                    # doctest: +SKIP
>>> table[table["reason"] == UNEXPLAINED].empty                          # doctest: +SKIP
True

For every item of its simple, multiple and irrelevance sets replies are made: right ones, right ones changed in one way,
and made-up ones. Each is written twice, as ReAct text and as the list of Python calls that the package asks models for,
and read by both sides: ours by the strict rule and `score.same_call`, theirs by `default_decode_ast_prompting` and
`ast_checker`. A disagreement is explained by undoing one difference between the two rules at a time: the first that
makes both agree is the reason.
"""

import copy
import functools
import importlib
import os
import sys
import tempfile
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ste_core.analysis.bfcl_replies import Arguments, Item, Reply, listed, replies, single_turn_items
from ste_core.core import json_schema, react
from ste_core.core.records import Tool
from ste_core.scoring import score
from ste_core.tools import bfcl_data

#: what stands for the reason of a disagreement that has none
UNEXPLAINED = "unexplained"

# --- the two sides ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """What our side may leave out of account, to find what a disagreement is about."""

    texts: bool = False  # case, blanks and , . / - _ * ^
    empty: bool = False  # an empty text stands for an argument that is left out
    types: bool = True  # numbers by value; else 5.0 is no whole number
    defaults: bool = True  # what is left out is the documented default
    names: bool = True  # a name must be a function's; else any call is one
    required: bool = False  # what is documented as required must be there, though gold may do without


OURS = Rules()


def ours(item: Item, reply: Reply, rules: Rules = OURS) -> bool:
    """Whether our side takes a reply for right: where no function serves the query, one that holds no call."""
    names = [one["name"] for one in item.functions]
    if not rules.names:
        names += [name for name, _ in reply.calls]
    parsed = react.parse(reply.react(), names, rule="strict")
    if item.name is None or item.possible is None:
        return parsed.kind != "call"
    if parsed.kind != "call" or parsed.tool != item.name:
        return False
    return _same(item, parsed.arguments, rules)


def _same(item: Item, given: Arguments, rules: Rules) -> bool:
    assert item.name is not None and item.possible is not None
    schema = json_schema.mend(copy.deepcopy(item.parameters))[0]
    if rules.empty:
        given = {name: one for name, one in given.items() if one != "" or "" not in item.possible.get(name, [])}
    plain = functools.partial(_as_compared, rules=rules)
    gold = {}
    for name, values in item.possible.items():
        some = [one for one in values if one != ""]
        if name in given:
            near = [_nearest(one, given[name], plain) for one in some]
            equal = (one for one in near if score.json_equal(plain(one), plain(given[name])))
            if near:
                gold[name] = next(equal, near[0])
        elif "" not in values:
            gold[name] = _nearest(some[0], None, plain)
    if rules.required and any(name not in given for name in item.parameters.get("required", [])):
        return False
    about = item.parameters["properties"]
    if not rules.types and any(_whole_with_a_point(one, about.get(name, {})) for name, one in given.items()):
        return False
    if not rules.defaults:
        schema = {"type": "object"}
    return score.same_call(plain(gold), plain(given), Tool(name=item.name, parameters=schema))


def _whole_with_a_point(value: Any, about: Mapping[str, Any]) -> bool:
    """Whether a number that is documented as whole is written as 5.0, in a list of such, too."""
    if isinstance(value, list):
        return any(_whole_with_a_point(one, about.get("items", {})) for one in value)
    return isinstance(value, float) and about.get("type") == "integer"


def _nearest(value: Any, given: Any, plain: Callable[[Any], Any]) -> Any:
    """Of a value whose objects hold lists of right values, that which is nearest to what was given."""
    if isinstance(value, list):
        others = given if isinstance(given, list) and len(given) == len(value) else [None] * len(value)
        return [_nearest(one, other, plain) for one, other in zip(value, others, strict=True)]
    if not isinstance(value, dict):
        return value
    there = given if isinstance(given, dict) else {}
    made = {}
    for name, values in value.items():
        some = [one for one in listed(values) if one != ""]
        if name not in there and "" in listed(values):
            continue
        equal = (one for one in some if name in there and score.json_equal(plain(one), plain(there[name])))
        made[name] = next(equal, some[0] if some else None)
    return made


def _as_compared(value: Any, rules: Rules) -> Any:
    if isinstance(value, dict):
        return {name: _as_compared(one, rules) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_compared(one, rules) for one in value]
    if isinstance(value, str) and rules.texts:
        return value.translate({ord(one): None for one in " ,./-_*^"}).lower().replace("'", '"')
    return value


@dataclass(frozen=True)
class _Package:
    """The package's scorer and the reader of replies before it."""

    check: Callable[..., dict[str, Any]]
    decode: Callable[..., Any]
    empty: Callable[[Any], bool]
    python: Any


#: how the package calls the model whose replies it scores, and how that one writes names: dots and all
_MODEL, _NAMES = "ours", types.SimpleNamespace(underscore_to_dot=False)

#: modules that the scorer imports and never needs here: handlers of hosted models, parsers of Java and JavaScript
_NOT_NEEDED = {
    "bfcl_eval.constants.model_config": {"MODEL_CONFIG_MAPPING": {_MODEL: _NAMES}},
    "bfcl_eval.model_handler.parser.java_parser": {"parse_java_function_call": None},
    "bfcl_eval.model_handler.parser.js_parser": {"parse_javascript_function_call": None},
}  # fmt: skip


@functools.cache
def package() -> _Package:
    """The package's scorer, imported without its heavy dependencies and without the folders that it would make.

    Raises:
        UserError: the package is not installed.
    """
    bfcl_data.package_folder()
    stubs = {name: types.ModuleType(name) for name in _NOT_NEEDED if name not in sys.modules}
    for name, stub in stubs.items():
        vars(stub).update(_NOT_NEEDED[name])
    before = os.environ.get("BFCL_PROJECT_ROOT")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BFCL_PROJECT_ROOT"] = folder
        sys.modules.update(stubs)
        try:
            checker = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
            handler = importlib.import_module("bfcl_eval.model_handler.utils")
            utils = importlib.import_module("bfcl_eval.utils")
            enums = importlib.import_module("bfcl_eval.constants.enums")
        finally:
            for name in stubs:
                del sys.modules[name]
            os.environ.pop("BFCL_PROJECT_ROOT")
            if before is not None:
                os.environ["BFCL_PROJECT_ROOT"] = before
    return _Package(
        checker.ast_checker, handler.default_decode_ast_prompting, utils.is_empty_output, enums.Language.PYTHON
    )


def theirs(item: Item, reply: Reply) -> bool:
    """Whether the package takes a reply for right, as its runner puts reader and checker together."""
    scorer = package()
    try:
        calls = scorer.decode(reply.python())
    except Exception:
        return item.name is None
    if item.name is None:
        return scorer.empty(calls)
    if scorer.empty(calls):
        return False
    possible = [{item.name: copy.deepcopy(item.possible)}]
    functions = copy.deepcopy(list(item.functions))
    return bool(scorer.check(functions, calls, possible, scorer.python, item.set, _MODEL)["valid"])


def read_alike(item: Item, reply: Reply) -> bool:
    """Whether both sides read the same from a reply: one call of a function with equal arguments, or no such call."""
    names = [one["name"] for one in item.functions]
    parsed = react.parse(reply.react(), names, rule="strict")
    mine = (parsed.tool, parsed.arguments) if parsed.kind == "call" else None
    try:
        calls = package().decode(reply.python())
    except Exception:
        return mine is None
    if package().empty(calls) or len(calls) != 1 or next(iter(calls[0])) not in names:
        return mine is None
    ((name, given),) = calls[0].items()
    return mine is not None and mine[0] == name and score.json_equal(mine[1], given)


# --- what comes of it -------------------------------------------------------------------------------------------------

#: why the two sides disagree, by what undoes it on our side
REASONS: dict[str, Rules] = {
    "theirs leaves case, blanks and , . / - _ * ^ of texts out of account": replace(OURS, texts=True),
    "theirs takes an empty text for an argument that is left out": replace(OURS, empty=True),
    "theirs wants a whole number written without a point; ours compares numbers by value": replace(OURS, types=False),
    "ours takes the documented default for an argument that is left out": replace(OURS, defaults=False),
    "theirs asks for what is documented as required, though its gold may do without": replace(OURS, required=True),
    "theirs counts a call of a function that does not exist as a call": replace(OURS, names=False),
}


def compared() -> pd.DataFrame:
    """Every reply read and judged by both sides: `set, item, kind, read_alike, ours, theirs, reason` ("" where the
    verdicts agree)."""
    rows = []
    for item in single_turn_items():
        for reply in replies(item):
            verdicts = ours(item, reply), theirs(item, reply)
            why = "" if verdicts[0] == verdicts[1] else disagreement_reason(item, reply, verdicts[1])
            rows.append((item.set, item.number, reply.kind, read_alike(item, reply), *verdicts, why))
    return pd.DataFrame(rows, columns=["set", "item", "kind", "read_alike", "ours", "theirs", "reason"])


def disagreement_reason(item: Item, reply: Reply, wanted: bool) -> str:
    """The first difference of rules that, undone, makes our side say what theirs says."""
    return next((why for why, rules in REASONS.items() if ours(item, reply, rules) == wanted), UNEXPLAINED)


def agreement(rows: pd.DataFrame) -> pd.DataFrame:
    """`set, kind, replies, read_alike, both_right, both_wrong, only_ours, only_theirs`."""
    found = []
    for (name, kind), group in rows.groupby(["set", "kind"], sort=False):
        mine, other = group["ours"], group["theirs"]
        found.append(
            {"set": name, "kind": kind, "replies": len(group), "read_alike": group["read_alike"].sum(),
             "both_right": (mine & other).sum(),
             "both_wrong": (~mine & ~other).sum(), "only_ours": (mine & ~other).sum(),
             "only_theirs": (~mine & other).sum()}
        )  # fmt: skip
    return pd.DataFrame(found).sort_values(["set", "kind"], ignore_index=True)


def disagreements(rows: pd.DataFrame) -> pd.DataFrame:
    """Every disagreement by its reason: `reason, right_by, kind, replies, example`, an item's name for example."""
    apart = rows[rows["ours"] != rows["theirs"]]
    apart = apart.assign(right_by=apart["ours"].map({True: "ours", False: "theirs"}))
    by = apart.groupby(["reason", "right_by", "kind"], as_index=False)
    return by.agg(replies=("item", "size"), example=("item", "first"))
