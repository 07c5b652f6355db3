"""Explored trials as a table, a row a trial, and what they say about each variant.

>>> trials = frame(exploration.read(study, "full", 0))                   # doctest: +SKIP
>>> summary(trials, study)                                               # doctest: +SKIP

A trial has no gold call, so what is measured is what execution and the agent itself say: whether a call ran, whether an
error was overcome, whether the agent called the request fulfilled, and how new each query was.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ste_core import score
from ste_core.records import Trial
from ste_core.retrieve import Tfidf
from ste_core.study import Study

#: cosine (TF-IDF) to an earlier query of the tool from which on a query is a repetition
REPETITION = 0.9

#: what is measured, and of which trials it is a share; "all" is every trial
MEASURES = {
    "first_ran": ("first call runs", "all"),
    "ran": ("a call runs", "all"),
    "corrected": ("error overcome, where the first call failed", "first_failed"),
    "answered": ("ends in a final answer", "all"),
    "solved": ("agent says solved", "all"),
    "repeats": ("query repeats an earlier one", "later"),
}


def frame(trials: Sequence[Trial]) -> pd.DataFrame:
    """One row a trial: its key, query, `calls`, what came of them (booleans of `MEASURES`) and `nearest`, the highest
    cosine to an earlier query of the same tool (nan for a tool's first)."""
    rows = []
    for one in trials:
        outcomes = [step.ok for step in one.steps if step.call is not None]
        first = bool(outcomes) and bool(outcomes[0]) and one.steps[0].call is not None
        rows.append(
            {"variant": one.variant, "seed": one.seed, "tool": one.tool, "episode": one.episode, "trial": one.trial,
             "query": one.query, "calls": len(outcomes), "first_ran": first, "ran": any(outcomes),
             "first_failed": not first, "corrected": not first and any(outcomes), "answered": one.answer is not None,
             "solved": bool(one.solved), "memory": one.memory, "remembered": one.remembered}
        )  # fmt: skip
    table = pd.DataFrame(rows)
    nearest = [_nearest(group) for _, group in table.groupby(["variant", "seed", "tool"], sort=False)]
    table["nearest"] = pd.concat(nearest) if nearest else np.nan
    return table.assign(all=True, later=table["nearest"].notna(), repeats=table["nearest"] > REPETITION)


def _nearest(group: pd.DataFrame) -> pd.Series:
    texts = group["query"].tolist()
    if len(texts) < 2 or not any(text.strip() for text in texts):
        return pd.Series(np.nan, group.index)
    vectors = Tfidf().fit(texts)(texts)
    cosines = np.asarray((vectors @ vectors.T).todense())
    return pd.Series([np.nan, *(cosines[row, :row].max() for row in range(1, len(texts)))], group.index)


def summary(trials: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every measure of every variant with its interval over tools: `variant, measure, n, value, ci_low, ci_high`."""
    rows = []
    for variant, group in trials.groupby("variant", sort=False):
        for name, (label, among) in MEASURES.items():
            rows.append({"variant": variant, "measure": label, **_share(group[group[among]], name, study, variant)})
    return pd.DataFrame(rows)


def by_episode(trials: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The share of trials in which a call ran, over episodes: `variant, episode, n, value, ci_low, ci_high`."""
    rows = [
        {"variant": variant, "episode": episode + 1, **_share(group, "ran", study, variant, episode)}
        for (variant, episode), group in trials.groupby(["variant", "episode"], sort=False)
    ]
    return pd.DataFrame(rows)


def by_tool(trials: pd.DataFrame, variant: str = "full") -> pd.DataFrame:
    """What became of each tool in a variant, percent of its trials: `tool, n, first_ran, ran, solved`."""
    groups = trials[trials["variant"] == variant].groupby("tool", sort=False)
    shares = 100 * groups[["first_ran", "ran", "solved"]].mean()
    return shares.assign(n=groups.size()).reset_index()[["tool", "n", "first_ran", "ran", "solved"]]


def verdicts(trials: pd.DataFrame) -> pd.DataFrame:
    """Self-reflection against execution: trials by whether a call ran and what the agent said, per variant."""
    asked = trials[~trials["variant"].isin(["no_reflection", "no_feedback"])]
    table = asked.groupby(["variant", "ran", "solved"], sort=False).size().rename("trials")
    return table.reset_index().sort_values(["variant", "ran", "solved"], ascending=[True, False, False])


def _share(group: pd.DataFrame, name: str, study: Study, *label: object) -> dict[str, float]:
    counts = group.groupby("tool")[name].agg(["sum", "size"])
    found = score.share(counts["sum"], counts["size"], study, "exploration", name, *label)
    return {"n": len(group), "value": found.value, "ci_low": found.low, "ci_high": found.high}
