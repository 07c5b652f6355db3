"""What the world of BFCL holds, whether its gold can be trusted, and what answers to it are worth.

>>> functions_table()[["tool", "family", "gold_calls", "ran", "items"]]          # doctest: +SKIP
>>> scores(compare.answer_outcomes(study), study)                                # doctest: +SKIP

Answers are scored with and without items whose gold is in doubt, and intervals are given twice: over functions, as
everywhere in this project, and over tasks, since the turns of one task share its state.
"""

from collections.abc import Iterator

import pandas as pd

from ste_core.analysis import compare
from ste_core.core.config import Study
from ste_core.scoring import verdicts
from ste_core.tools import bfcl
from ste_core.tools.bfcl_data import State, documented, tasks

#: tasks whose gold or wording is questioned in public, by the number of the thread in the package's repository
#: (`ShishirPatil/gorilla`), as far as the installed version still has what the thread is about
THREADS = {
    "multi_turn_base_4": 1367,  # a gold text that no call gives
    "multi_turn_base_39": 1133,  # a file made and then written to, where writing makes it
    "multi_turn_base_184": 1282,  # a message whose end the quotes leave open
    "multi_turn_base_198": 1267,  # a booking number that nobody is told
}

#: what a small model that was fine-tuned on (adapted) file-system tools of this package reached elsewhere, percent of
#: single calls, on a test set of its authors'; as they report it
PUBLISHED = pd.DataFrame(
    [("Qwen3-0.6B", "as it is", 84.16), ("Qwen3-0.6B", "fine-tuned on synthetic conversations of a teacher", 100.0)],
    columns=["model", "setting", "tool_call_accuracy"],
).assign(source="https://www.distillabs.ai/blog/distil-shellper")


def gold_runs() -> pd.DataFrame:
    """Every gold call, run where it stands: `task, turn, call, tool, ran, error`."""
    rows = []
    for task in tasks():
        state = State(task)
        for turn, one in enumerate(task.turns):
            for number, call in enumerate(one.gold):
                error = bfcl.ran(state, call).error
                rows.append((task.name, turn, number, call.tool, error is None, error))
    return pd.DataFrame(rows, columns=["task", "turn", "call", "tool", "ran", "error"])


def item_table() -> pd.DataFrame:
    """Every test item: `tool, item, task, turn, standing, thread`; where its gold values stand, and who doubts it."""
    rows = [
        (tool, number, place.task.name, place.turn, bfcl.standing(place), THREADS.get(place.task.name))
        for (tool, number), place in bfcl.places().items()
    ]
    table = pd.DataFrame(rows, columns=["tool", "item", "task", "turn", "standing", "thread"])
    return table.astype({"thread": "Int64"})


def functions_table(runs: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Every function: `tool, family, arguments, required, gold_calls, ran, items, stated`."""
    known = documented()
    table = pd.DataFrame(
        [(name, one.family, len(one.arguments), len(one.required)) for name, one in known.items()],
        columns=["tool", "family", "arguments", "required"],
    ).set_index("tool")
    counts = {
        "gold_calls": runs.groupby("tool").size(),
        "ran": runs.groupby("tool")["ran"].sum(),
        "items": items.groupby("tool").size(),
        "stated": items[items["standing"] == "request"].groupby("tool").size(),
    }
    return table.assign(**counts).fillna(0).astype(dict.fromkeys(counts, int)).reset_index()


#: what is scored, of `compare.OUTCOME_METRICS`
METRICS = ("api_match_all", "correct_execution")

#: the items that answers are scored on, by what is left out
SELECTIONS = {
    "all": "every turn with one gold call",
    "gold not in doubt": "without those in a thread, and those with a value that stands where nobody can read it",
    "stated": "in no thread, and all values stand in the request: what a learner can be asked that sees nothing else",
}


def selected(items: pd.DataFrame, selection: str) -> pd.DataFrame:
    """The items of a selection, of `item_table`.

    Raises:
        KeyError: there is no such selection.
    """
    doubt = items["thread"].notna()
    kept = {
        "all": items["tool"].notna(),
        "gold not in doubt": ~doubt & ~items["standing"].isin(["configuration", "nowhere"]),
        "stated": ~doubt & (items["standing"] == "request"),
    }
    return items[kept[selection]]


def _views(rows: pd.DataFrame, items: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The answers to each selection of items, with functions and with tasks as what intervals resample (`tool`)."""
    for selection in SELECTIONS:
        chosen = rows.merge(selected(items, selection)[["tool", "item", "task"]], on=["tool", "item"])
        yield {"items": selection, "clusters": "functions"}, chosen
        by_task = chosen.assign(item=chosen["tool"] + "/" + chosen["item"].astype(str), tool=chosen["task"])
        yield {"items": selection, "clusters": "tasks"}, by_task


def scores(rows: pd.DataFrame, items: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Tool selection and execution accuracy of every setting on every selection of items.

    Args:
        rows: of `compare.answer_outcomes`.
        items: of `item_table`.

    Returns:
        `items, clusters` and the columns of `compare.correctness`, percent.
    """
    found = []
    for about, view in _views(rows, items):
        table = compare.correctness(view, study)
        found.append(table[table["metric"].isin(METRICS)].assign(**about))
    table = pd.concat(found, ignore_index=True)
    return table[["items", "clusters", *table.columns.drop(["items", "clusters"])]]


def gains(rows: pd.DataFrame, items: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Paired differences of a system's settings in execution accuracy, on every selection of items.

    Returns:
        `system, items, clusters`, the columns of `compare.gains`, `verdict`; points. Holm's correction is within a
        system, selection and kind of cluster.
    """
    found = []
    for about, view in _views(rows, items):
        for system, own in view.groupby("system", sort=False):
            found.append(compare.gains(own, study, METRICS[-1]).assign(system=system, **about))
    table = pd.concat(found, ignore_index=True)
    table = table[["system", "items", "clusters", *table.columns.drop(["system", "items", "clusters"])]]
    words = [verdicts.contrast(row.difference, row.p_holm, study.statistics.level) for row in table.itertuples()]
    return table.assign(verdict=words)
