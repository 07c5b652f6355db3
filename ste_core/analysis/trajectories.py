"""Explored trials as a table, a row a trial, and what they say about each variant.

>>> trials = trial_frame(explore_run.read_trials(study, "full", 0))      # doctest: +SKIP
>>> trial_measures(trials, study)                                               # doctest: +SKIP

A trial has no gold call, so what is measured is what execution and the agent itself say: whether a call ran, whether an
error was overcome, whether the agent called the request fulfilled, and how new each query was.
"""

import json
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from ste_core.core.config import Study
from ste_core.core.records import Call, Tool, Trial
from ste_core.method.distill import NO_FEEDBACK
from ste_core.method.retrieve import Tfidf
from ste_core.method.wording import mentions, values_in
from ste_core.scoring import score, stats
from ste_core.scoring.verdicts import holm

#: cosine (TF-IDF) to an earlier query of the tool from which on a query is a repetition
REPETITION = 0.9

#: what is measured, and of which trials it is a share: all, those told that the first call failed, those that overcame
#: it, that could answer, that were judged, that had a query before them
TRIAL_MEASURES = {
    "first_ran": ("first call runs", "all"),
    "ran": ("a call runs", "all"),
    "corrected": ("first error overcome", "first_failed"),
    "echoed": ("overcome by copying the error", "corrected"),
    "answered": ("ends in a final answer", "may_answer"),
    "solved": ("agent says solved", "judged"),
    "repeats": ("query repeats an earlier one", "later"),
}


def trial_frame(trials: Sequence[Trial]) -> pd.DataFrame:
    """One row a trial: its key, query, `calls`, what came of them (booleans of `TRIAL_MEASURES`) and `nearest`, the
    highest cosine to an earlier query of the same tool (nan for a tool's first)."""
    rows = []
    for one in trials:
        outcomes = [step.ok for step in one.steps if step.call is not None]
        first = bool(outcomes) and bool(outcomes[0]) and one.steps[0].call is not None
        told = one.variant != NO_FEEDBACK
        failed = told and bool(outcomes) and not outcomes[0]  # of what could be read as a call, an error came back
        rows.append(
            {"variant": one.variant, "seed": one.seed, "tool": one.tool, "episode": one.episode, "trial": one.trial,
             "query": one.query, "calls": len(outcomes), "first_ran": first, "ran": any(outcomes),
             "first_failed": failed, "corrected": failed and any(outcomes), "echoed": failed and _echoes(one),
             "answered": one.answer is not None,
             "may_answer": told, "solved": bool(one.solved), "judged": one.solved is not None,
             "memory": one.memory, "remembered": one.remembered}
        )  # fmt: skip
    table = pd.DataFrame(rows)
    nearest = [_nearest(group) for _, group in table.groupby(["variant", "seed", "tool"], sort=False)]
    table["nearest"] = pd.concat(nearest) if nearest else np.nan
    return table.assign(all=True, later=table["nearest"].notna(), repeats=table["nearest"] > REPETITION)


def _echoes(trial: Trial) -> bool:
    """Whether the first call of a trial that ran has a value which an error before it names, as an example or a choice,
    and which neither the query nor the call before has: it serves the error, and perhaps no longer the query."""
    told, before, query = "", set[str](), trial.query.casefold()
    for step in trial.steps:
        if step.call is None:
            continue
        values = set(values_in(step.call.arguments))
        if step.ok:
            return any(mentions(told, one) and not mentions(query, one.casefold()) for one in values - before)
        told, before = f"{told} {step.observation or ''}", values
    return False


def _nearest(group: pd.DataFrame) -> pd.Series:
    texts = group["query"].tolist()
    if len(texts) < 2 or not any(text.strip() for text in texts):
        return pd.Series(np.nan, group.index)
    vectors = Tfidf().fit(texts)(texts)
    cosines = np.asarray((vectors @ vectors.T).todense())
    return pd.Series([np.nan, *(cosines[row, :row].max() for row in range(1, len(texts)))], group.index)


def trial_measures(trials: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every measure that a variant has, with its interval over tools: `variant, measure, n, value, ci_low, ci_high`.

    Without feedback there is nothing to answer or correct, and without reflection no verdict: no row then, rather than
    one that says none.
    """
    rows = []
    for variant, group in trials.groupby("variant", sort=False):
        for name, (label, among) in TRIAL_MEASURES.items():
            if group[among].any():
                rows.append({"variant": variant, "measure": label, **_share(group[group[among]], name, study)})
    return pd.DataFrame(rows)


def by_episode(trials: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The share of trials in which a call ran, over episodes: `variant, episode, n, value, ci_low, ci_high`."""
    rows = [
        {"variant": variant, "episode": episode + 1, **_share(group, "ran", study)}
        for (variant, episode), group in trials.groupby(["variant", "episode"], sort=False)
    ]
    return pd.DataFrame(rows)


def by_tool(trials: pd.DataFrame, variant: str = "full") -> pd.DataFrame:
    """What became of each tool in a variant, percent of its trials: `tool, n, first_ran, ran, solved`."""
    groups = trials[trials["variant"] == variant].groupby("tool", sort=False)
    shares = 100 * groups[["first_ran", "ran", "solved"]].mean()
    return shares.assign(n=groups.size()).reset_index()[["tool", "n", "first_ran", "ran", "solved"]]


def reflection_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Self-reflection against execution: trials by whether a call ran and what the agent said, per variant."""
    asked = trials[~trials["variant"].isin(["no_reflection", "no_feedback"])]
    table = asked.groupby(["variant", "ran", "solved"], sort=False).size().rename("trials")
    return table.reset_index().sort_values(["variant", "ran", "solved"], ascending=[True, False, False])


def _share(group: pd.DataFrame, name: str, study: Study) -> dict[str, float]:
    found = score.share_of(group, name, study)
    return {"n": len(group), "value": found.value, "ci_low": found.low, "ci_high": found.high}


# --- coverage ---------------------------------------------------------------------------------------------------------

#: what exploring covered of a tool, by the calls that ran
COVERAGE = {
    "calls": "different calls that ran",
    "values": "different argument values",
    "optional": "optional arguments used, % of them",
    "convention": "tools whose unstated convention was kept, % of those that have one",
    "similarity": "mean cosine between queries, x 100",
}


def coverage(
    trials: Sequence[Trial], tools: Mapping[str, Tool], conventions: Collection[str] = (), first: int | None = None
) -> pd.DataFrame:
    """How much of each tool was seen, a row a variant, seed and tool: `variant, seed, tool` and the keys of `COVERAGE`.

    Only calls that ran count; a value counts once an argument. `optional` is nan for a tool without optional
    arguments, `convention` for one that is not in `conventions`, `similarity` where there are fewer than two queries.

    Args:
        conventions: the tools of which a call runs only if it keeps a convention that the documentation leaves out.
        first: look at the first so many trials of each tool only.
    """
    groups: dict[tuple[str, int, str], list[Trial]] = {}
    for one in sorted(trials, key=lambda one: (one.episode, one.trial)):
        groups.setdefault((one.variant, one.seed, one.tool), []).append(one)
    rows = []
    for (variant, seed, name), all_of_it in groups.items():
        own = all_of_it[:first]
        ran = {_key(step.call.arguments): step.call for one in own for step in one.steps if step.ok and step.call}
        optional = tools[name].arguments.keys() - tools[name].required
        used = {argument for call in ran.values() for argument in call.arguments}
        rows.append(
            {"variant": variant, "seed": seed, "tool": name, "calls": len(ran), "values": len(_values(ran.values())),
             "optional": 100 * len(used & optional) / len(optional) if optional else np.nan,
             "convention": 100.0 * bool(ran) if name in conventions else np.nan,
             "similarity": _similarity([one.query for one in own])}
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["variant", "seed", "tool", *COVERAGE])


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _values(calls: Collection[Call]) -> set[tuple[str, str]]:
    return {(name, _key(value)) for call in calls for name, value in call.arguments.items()}


def _similarity(queries: Sequence[str]) -> float:
    texts = [text for text in queries if text.strip()]
    if len(texts) < 2:
        return float("nan")
    vectors = Tfidf().fit(texts)(texts)
    cosines = np.asarray((vectors @ vectors.T).todense())
    return float(100 * cosines[np.triu_indices(len(texts), 1)].mean())


def covered(table: pd.DataFrame, study: Study, full: str = "full") -> pd.DataFrame:
    """Coverage of every variant, and its paired difference from the full method; means over tools, seeds together.

    Args:
        table: of `coverage`.

    Returns:
        `variant, measure, tools, value, ci_low, ci_high, difference, difference_low, difference_high, p, detectable,
        p_holm`; the difference is the full method's coverage less the variant's, on the tools that both have; Holm's
        correction within a measure.
    """
    means = table.groupby(["variant", "tool"], sort=False)[list(COVERAGE)].mean()
    rows = []
    for variant in table["variant"].unique():
        for name, label in COVERAGE.items():
            own = means.loc[variant, name].dropna()
            if own.empty:
                continue
            found = _mean(own, study)
            row = {"variant": variant, "measure": label, "tools": len(own), "value": found.value,
                   "ci_low": found.low, "ci_high": found.high}  # fmt: skip
            if variant != full and full in means.index.get_level_values(0):
                apart = (means.loc[full, name] - own).dropna()
                test = _mean(apart, study)
                row |= {"difference": test.value, "difference_low": test.low, "difference_high": test.high,
                        "p": test.p(), "detectable": test.detectable(study.statistics.level)}  # fmt: skip
            rows.append(row)
    columns = ["variant", "measure", "tools", "value", "ci_low", "ci_high", "difference", "difference_low",
               "difference_high", "p", "detectable"]  # fmt: skip
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(p_holm=holm(found["p"], found["measure"]))


def coverage_curve(trials: Sequence[Trial], tools: Mapping[str, Tool], study: Study) -> pd.DataFrame:
    """Different argument values against the number of trials, mean over tools: `variant, trials, value, ci_low,
    ci_high`."""
    longest = pd.Series([(one.variant, one.seed, one.tool) for one in trials]).value_counts().max()
    marks = sorted({1, 2, 3, *np.unique(np.linspace(1, longest, min(12, longest)).round().astype(int))} - {0})
    rows = []
    for mark in (one for one in marks if one <= longest):
        table = coverage(trials, tools, first=int(mark))
        for variant, part in table.groupby("variant", sort=False):
            found = _mean(part.groupby("tool")["values"].mean(), study)
            rows.append({"variant": variant, "trials": int(mark), "value": found.value, "ci_low": found.low,
                         "ci_high": found.high})  # fmt: skip
    return pd.DataFrame(rows).sort_values(["variant", "trials"], kind="stable", ignore_index=True)


def _mean(values: pd.Series, study: Study) -> stats.Estimate:
    return stats.mean(values, level=study.statistics.level)
