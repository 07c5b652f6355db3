"""What the world of BFCL holds, whether its gold can be trusted, and what answers to it are worth.

>>> functions_table(gold_table())[["tool", "family", "gold_calls", "ran"]]       # doctest: +SKIP
>>> selection_scores(rows, items, learnt, study)                                           # doctest: +SKIP

Answers are scored with and without items whose gold is in doubt, and intervals are given twice: over functions, as
everywhere in this project, and over tasks, since the turns of one task share its state.
"""

from collections.abc import Collection, Iterator

import pandas as pd

from ste_core.analysis import compare
from ste_core.core import json_schema
from ste_core.core.config import Study
from ste_core.scoring import verdicts
from ste_core.tools import bfcl, checking
from ste_core.tools.bfcl_data import State, documented_functions

#: turns whose gold or wording is questioned in public, by the number of the thread in the package's repository
#: (`ShishirPatil/gorilla`), as far as the installed version still has what the thread is about
THREADS = {
    ("multi_turn_base_4", 2): 1367,  # a text that no call gives
    ("multi_turn_base_39", 1): 1133,  # files made and then written to, where writing makes them
    ("multi_turn_base_184", 3): 1282,  # a message whose end the quotes leave open
    ("multi_turn_base_198", 0): 1267,  # a booking number that stands in no request
}

#: what a small model that was fine-tuned on (adapted) file-system tools of this package reached elsewhere, percent of
#: single calls, on a test set of its authors'; as they report it
PUBLISHED = pd.DataFrame(
    [("Qwen3-0.6B", "as it is", 84.16), ("Qwen3-0.6B", "fine-tuned on synthetic conversations of a teacher", 100.0)],
    columns=["model", "setting", "tool_call_accuracy"],
).assign(source="https://www.distillabs.ai/blog/distil-shellper")


def gold_table() -> pd.DataFrame:
    """Every gold call, made where it stands.

    Returns:
        `task, turn, single` (whether the turn has no other), `tool`; `ran` and `error`; `fits` (its arguments are as
        documented); `standing` (where its values are to be read, of `bfcl.STANDINGS`); `thread` (who doubts it).
    """
    rows = []
    for place in bfcl.gold_places():
        task, tool = place.task, place.gold.tool
        error = bfcl.run_gold(State(task).after(place.before), place.gold).error
        schema = json_schema.mend(documented_functions()[tool].parameters)[0]
        rows.append(
            {"task": task.name, "turn": place.turn, "single": len(task.turns[place.turn].gold) == 1, "tool": tool,
             "ran": error is None, "error": error, "fits": checking.problem(place.gold.arguments, schema) is None,
             "standing": bfcl.standing(place), "thread": THREADS.get((task.name, place.turn))}
        )  # fmt: skip
    return pd.DataFrame(rows).astype({"thread": "Int64"})


def item_table(gold: pd.DataFrame) -> pd.DataFrame:
    """The turns with one gold call, of `gold_table`: `tool, item, task, turn, ran, fits, standing, thread`."""
    single = gold[gold["single"]].reset_index(drop=True)
    single = single.assign(item=single.groupby("tool").cumcount())
    return single[["tool", "item", "task", "turn", "ran", "fits", "standing", "thread"]]


def in_doubt(gold: pd.DataFrame) -> pd.Series:
    """Which gold calls are in doubt: one that fails, is not as documented, is in a thread, or needs what nobody can
    read."""
    unread = gold["standing"].isin(["configuration", "nowhere"])
    return ~gold["ran"] | ~gold["fits"] | gold["thread"].notna() | unread


def functions_table(gold: pd.DataFrame) -> pd.DataFrame:
    """Every function: `tool, family, arguments, required, gold_calls, ran, items, stated`."""
    known = documented_functions()
    table = pd.DataFrame(
        [(name, one.family, len(one.arguments), len(one.required)) for name, one in known.items()],
        columns=["tool", "family", "arguments", "required"],
    ).set_index("tool")
    items = gold[gold["single"]]
    counts = {
        "gold_calls": gold.groupby("tool").size(),
        "ran": gold.groupby("tool")["ran"].sum(),
        "items": items.groupby("tool").size(),
        "stated": items[items["standing"] == "request"].groupby("tool").size(),
    }
    return table.assign(**counts).fillna(0).astype(dict.fromkeys(counts, int)).reset_index()


#: what is scored, of `compare.OUTCOME_METRICS`
METRICS = ("api_match_all", "correct_execution")

#: the items that answers are scored on, by what is left out
SELECTIONS = {
    "all": "every turn with one gold call",
    "gold not in doubt": "without those whose gold fails, is not as documented, is doubted in a public thread, or has "
    "a value that stands where nobody can read it",
    "stated": "of these, the ones whose values all stand in the request: what a learner can be asked that sees no more",
    "with examples": "of all, those of functions of which exploring left an example; selected once the other scores "
    "were known",
}


def selected(items: pd.DataFrame, selection: str, learnt: Collection[str]) -> pd.DataFrame:
    """The items of a selection, of `item_table`; `learnt` are the functions with an example.

    Raises:
        KeyError: there is no such selection.
    """
    sound = ~in_doubt(items)
    kept = {
        "all": sound | True, "gold not in doubt": sound, "stated": sound & (items["standing"] == "request"),
        "with examples": items["tool"].isin(learnt),
    }  # fmt: skip
    return items[kept[selection]]


def _views(
    rows: pd.DataFrame, items: pd.DataFrame, learnt: Collection[str]
) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The answers to each selection of items, with functions and with tasks as what intervals resample (`tool`)."""
    for selection in SELECTIONS:
        chosen = rows.merge(selected(items, selection, learnt)[["tool", "item", "task"]], on=["tool", "item"])
        yield {"items": selection, "clusters": "functions"}, chosen
        by_task = chosen.assign(item=chosen["tool"] + "/" + chosen["item"].astype(str), tool=chosen["task"])
        yield {"items": selection, "clusters": "tasks"}, by_task


def selection_scores(rows: pd.DataFrame, items: pd.DataFrame, learnt: Collection[str], study: Study) -> pd.DataFrame:
    """Tool selection and execution accuracy of every setting on every selection of items.

    Args:
        rows: of `compare.answer_outcomes`.
        items: of `item_table`.
        learnt: the functions with an example.

    Returns:
        `items, clusters` and the columns of `compare.correctness`, percent.
    """
    found = []
    for about, view in _views(rows, items, learnt):
        table = compare.correctness(view, study)
        found.append(table[table["metric"].isin(METRICS)].assign(**about))
    table = pd.concat(found, ignore_index=True)
    return table[["items", "clusters", *table.columns.drop(["items", "clusters"])]]


def selection_gains(rows: pd.DataFrame, items: pd.DataFrame, learnt: Collection[str], study: Study) -> pd.DataFrame:
    """Paired differences of a system's settings in execution accuracy, on every selection of items.

    Returns:
        `system, items, clusters`, the columns of `compare.gains`, `verdict`; points. Holm's correction is within a
        system, selection and kind of cluster.
    """
    found = []
    for about, view in _views(rows, items, learnt):
        for system, own in view.groupby("system", sort=False):
            found.append(compare.gains(own, study, METRICS[-1]).assign(system=system, **about))
    table = pd.concat(found, ignore_index=True)
    table = table[["system", "items", "clusters", *table.columns.drop(["system", "items", "clusters"])]]
    words = [verdicts.contrast(row.difference, row.p_holm, study.statistics.level) for row in table.itertuples()]
    return table.assign(verdict=words)
