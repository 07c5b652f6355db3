"""What leniency gives each system of the audit, and how far its judged items could move it.

>>> leniency(scored, study).query("system == 'ToolLLaMA-v2' and axis == 'name'")        # doctest: +SKIP
>>> judged_bounds(scored, noise).head()                                                  # doctest: +SKIP

The released rule forgives names (one that is no API's is mapped to the closest) and arguments (case, white space and
extra arguments do not count). Both can be taken back step by step: `leniency` has correctness under each step, so that
a reader sees which systems rest on which. The verdicts of the model judge cannot be recomputed; `judged_bounds` says
how far correctness would move if they were wrong at the rate at which calls identical to gold were judged wrong.
"""

from collections.abc import Iterator

import pandas as pd

from ste_core.core.config import Study
from ste_core.release import paper
from ste_core.scoring import score

#: steps of forgiving arguments, the strictest first
ARGUMENT_LEVELS = {
    "identical": "equal to gold as JSON",
    "no extra": "every gold argument equal but for case and white space, none besides",
    "string rule": "every gold argument equal but for case and white space, others allowed",
}


def with_levels(scored: pd.DataFrame) -> pd.DataFrame:
    """The scored items with `name_level`, a key of `score.NAME_LEVELS`, of the well-formed calls."""
    levels = pd.Series(None, scored.index, dtype=object)
    for _, group in scored.groupby(["system", "setting"], sort=False):
        names = list(dict.fromkeys(group["tool"]))
        calls = group[group["wellformed"].astype(bool)]
        known = {
            pair: score.name_level(*pair, names) for pair in set(zip(calls["named"], calls["called"], strict=True))
        }
        levels[calls.index] = [known[pair] for pair in zip(calls["named"], calls["called"], strict=True)]
    return scored.assign(name_level=levels)


def leniency(scored: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Correctness of every system under each step of leniency.

    Returns:
        Columns `system, setting, axis, level, n, calls, right_api, correct_here, correct` (up to here), `value`
        (percent of all items up to here), interval. Axis "name": all items, correct by the rule; "arguments": the items
        of the 31 APIs that the string rule judges, the name forgiven as released.
    """
    scored = with_levels(scored)
    rows = []
    for (system, setting), items in scored.groupby(["system", "setting"], sort=False):
        for axis, level, group, here, calls, right in _steps(items):
            counts = pd.DataFrame({"tool": group["tool"], "hit": here["up_to"]}).groupby("tool")["hit"]
            found = score.share(counts.sum().astype(int), counts.size(), study)
            rows.append(
                {"system": system, "setting": setting, "axis": axis, "level": level, "n": len(group), "calls": calls,
                 "right_api": right, "correct_here": int(here["here"].sum()), "correct": int(here["up_to"].sum()),
                 "value": found.value, "ci_low": found.low, "ci_high": found.high}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _steps(items: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame, pd.DataFrame, int, int]]:
    """(axis, level, items, correct here and up to here, calls, of them of the right API)."""
    known = items["correct_rule"].astype("boolean").fillna(items["correct_string"].astype("boolean"))
    rule = known.astype(bool)  # where nobody judged: the string rule
    allowed: list[str] = []
    for level in score.NAME_LEVELS:
        at = items["name_level"] == level
        allowed.append(level)
        upto = items["name_level"].isin(allowed)
        marks = pd.DataFrame({"here": rule & at, "up_to": rule & upto})
        yield "name", level, items, marks, int(at.sum()), int((at & items["api_match"].astype(bool)).sum())
    own = items[items["tool"].isin(paper.STRING_RULE_APIS)]
    lenient = rule[own.index]
    beyond = pd.Series([bool(set(row.arguments or ()) - set(row.gold)) for row in own.itertuples()], own.index)
    identical = own["identical"].astype(bool)
    steps = {"identical": identical & lenient, "no extra": lenient & ~beyond, "string rule": lenient}
    before = pd.Series(False, own.index)
    match = own["api_match"].astype(bool)
    for level, upto in steps.items():
        marks = pd.DataFrame({"here": upto & ~before, "up_to": upto | before})
        before = before | upto
        yield "arguments", level, own, marks, int(own["wellformed"].sum()), int(match.sum())


def rescued(table: pd.DataFrame) -> pd.DataFrame:
    """Of each system, the correct calls that are right only because a name was forgiven, by how far it was off.

    Args:
        table: of `leniency`.
    """
    own = table[(table["axis"] == "name") & (table["level"] != "exact")]
    wide = own.pivot(index=["system", "setting"], columns="level", values="correct_here")
    wide = wide.reindex(columns=[level for level in score.NAME_LEVELS if level != "exact"])
    order = own[["system", "setting"]].drop_duplicates()
    wide = wide.reindex(pd.MultiIndex.from_frame(order))
    return wide.assign(all=wide.sum(axis=1)).reset_index()


def judged_bounds(scored: pd.DataFrame, noise: pd.DataFrame) -> pd.DataFrame:
    """How far correctness would move if the model judge's stored verdicts were wrong.

    Args:
        scored: of `audit.score_release`.
        noise: of `audit.judge_noise`: the measured rate is that of calls identical to gold that were judged wrong, over
            all files; its upper limit is the end of the interval.

    Returns:
        Columns `system, setting, n, judged` (items of the 19 APIs), `judged_right, judged_wrong` (calls of the right
        API), `value` (correct, percent of all items), `low_measured, high_measured` (that share of the judge's "right"
        is wrong; that share of right calls was judged wrong), `low_upper, high_upper` (the same at the upper limit),
        `low_all, high_all` (every verdict of the judge is wrong, or every call of the right API is right).
    """
    rate = noise[(noise["measure"] == "identical_judged_wrong") & (noise["system"] == "all")].iloc[0]
    rates = {"measured": rate["percent"] / 100, "upper": rate["ci_high"] / 100}
    rows = []
    for (system, setting), items in scored.groupby(["system", "setting"], sort=False):
        if items["correct_rule"].isna().any():
            continue  # no stored verdicts to question
        n, rule = len(items), items["correct_rule"].astype(bool)
        model = items["judged_by"] == "model"
        right = int((rule & model).sum())
        wrong = int((items["api_match"].astype(bool) & model & ~rule).sum())
        sure = int((rule & ~model).sum())
        row = {"system": system, "setting": setting, "n": n, "judged": int(model.sum()), "judged_right": right,
               "judged_wrong": wrong, "value": 100 * (sure + right) / n}  # fmt: skip
        for name, r in rates.items():
            row[f"low_{name}"] = 100 * (sure + right * (1 - r)) / n
            row[f"high_{name}"] = 100 * (sure + min(right / (1 - r), right + wrong)) / n
        rows.append(row | {"low_all": 100 * sure / n, "high_all": 100 * (sure + right + wrong) / n})
    return pd.DataFrame(rows)
