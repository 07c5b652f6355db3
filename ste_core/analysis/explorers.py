"""What other exploring, or other feedback, is worth: two explorations of the same tools, by trial and by item.

>>> exploring(load("full_call_first"), load("full"))[["measure", "value", "other"]]                  # doctest: +SKIP
>>> experience(load("full_call_first"), load("full"))[["model", "setting", "difference"]]            # doctest: +SKIP
>>> experience_by_form(load("full_terse"), load("full_ablations"))[["form", "difference"]]           # doctest: +SKIP
>>> exploring_variants(load("full_ablations"))[["variant", "measure", "difference"]]                 # doctest: +SKIP

Two studies each explore with the full method and settings of their own; a study's variants lack a part of the method.
Differences are paired, by tool while exploring, by item and tool where learners answer.
"""

from collections.abc import Collection

import pandas as pd

from ste_core.analysis import forms, learners, trajectories
from ste_core.core.config import Study
from ste_core.core.errors import UserError
from ste_core.method.wording import holds_values
from ste_core.pipeline import archive, explore_run, resources, stages
from ste_core.pipeline.stages import FULL
from ste_core.scoring import stats

#: what is compared of the examples that a tool's trials left
EXAMPLES = {
    "examples": "examples to learn from",
    "example_calls": "different calls among them",
    "example_fits": "examples whose query holds every value of the call, % of them",
}


def exploring(study: Study, other: Study, conventions: Collection[str] = ()) -> pd.DataFrame:
    """What happened while exploring, and what was left to learn from: means over the tools that both explored.

    Args:
        conventions: as in `trajectories.coverage`.

    Returns:
        `measure, tools, value, other, difference, ci_low, ci_high, p, p_holm, verdict`: shares of a tool's trials in
        percent, counts a tool; a tool without such trials in either study is left out of a measure. Holm's correction
        over all measures.

    Raises:
        UserError: one of them has no trials.
    """
    rows = _paired(_by_tool(study, FULL, conventions), _by_tool(other, FULL, conventions), study)
    return learners.with_verdicts(rows, study)


def exploring_variants(study: Study, conventions: Collection[str] = ()) -> pd.DataFrame:
    """The same of each variant of a study, beside its full method.

    Returns:
        `variant` and the columns of `exploring`, `other` being the full method; Holm's correction over the variants of
        one measure.

    Raises:
        UserError: a variant has no trials.
    """
    assert study.exploration is not None
    full = _by_tool(study, FULL, conventions)
    found = [
        _paired(_by_tool(study, variant, conventions), full, study).assign(variant=variant)
        for variant in study.exploration.variants
        if variant != FULL
    ]
    rows = pd.concat(found, ignore_index=True)
    return learners.with_verdicts(rows[["variant", *rows.columns.drop("variant")]], study, rows["measure"])


def _paired(own: pd.DataFrame, other: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Of each measure the means and the difference, paired by tool."""
    rows = []
    for measure in own.columns:
        both = pd.DataFrame({"own": own[measure], "other": other[measure]}).dropna()
        if both.empty:
            continue
        test = stats.mean(both["own"] - both["other"], level=study.statistics.level)
        rows.append(
            {"measure": measure, "tools": len(both), "value": both["own"].mean(), "other": both["other"].mean(),
             "difference": test.value, "ci_low": test.low, "ci_high": test.high, "p": test.p()}
        )  # fmt: skip
    return pd.DataFrame(rows)


def _by_tool(study: Study, variant: str, conventions: Collection[str]) -> pd.DataFrame:
    """A row a tool of a variant's trials, a column a measure; nan where a tool has no such trials."""
    seeds = study.exploration_seeds()
    trials = [one for seed in seeds for one in explore_run.read_trials(study, variant, seed)]
    if not trials:
        place = study.explored(variant, seeds[0])
        raise UserError(f"study '{study.name}': no trials yet under {place}{archive.hint(study)}")
    frame = trajectories.trial_frame(trials)
    columns = {
        label: 100 * frame[frame[among]].groupby("tool")[name].mean()
        for name, (label, among) in trajectories.TRIAL_MEASURES.items()
    }
    seen = trajectories.coverage(trials, resources.toolbox(study).tools, conventions)
    means = seen.groupby("tool")[list(trajectories.COVERAGE)].mean()
    columns |= {label: means[name] for name, label in trajectories.COVERAGE.items()}
    left = [one for seed in seeds for one in stages.examples(study, variant, seed)]
    rows = [(one.tool, one.call.model_dump_json(), 100.0 * holds_values(one.query, one.call.arguments)) for one in left]
    groups = pd.DataFrame(rows, columns=["tool", "call", "fits"]).groupby("tool")
    counts = groups["call"].agg(["size", "nunique"]).reindex(means.index, fill_value=0) / len(seeds)
    made = (counts["size"], counts["nunique"], groups["fits"].mean())
    columns |= dict(zip(EXAMPLES.values(), made, strict=True))
    return pd.DataFrame(columns, index=means.index)


def experience(study: Study, other: Study) -> pd.DataFrame:
    """What learners make of one study's experience and of the other's: paired on the same items.

    Returns:
        `model, decoding, setting, metric, n, value, other, difference, ci_low, ci_high, p, detectable, p_holm,
        verdict`, percent and points, for the settings with experience that both have; Holm's correction over all of
        them.

    Raises:
        UserError: one of them has no predictions, or nothing in common.
    """
    own, theirs = (learners.learner_outcomes(one) for one in (study, other))
    keys = ["model", "decoding", "setting"]
    return _worth(own, theirs[theirs["setting"] != "baseline"], keys, study, other)


def experience_by_form(study: Study, other: Study) -> pd.DataFrame:
    """The same of each form that both studies give their experience (demonstrations, notes, documentation, weights).

    Returns:
        `learner, form, budget` in the place of model, decoding and setting.

    Raises:
        UserError: one of them has no answers with forms of experience, or nothing in common.
    """
    own, theirs = (forms.form_outcomes(one) for one in (study, other))
    return _worth(own, theirs[theirs["form"] != forms.NONE], ["learner", "form", "budget"], study, other)


def _worth(own: pd.DataFrame, theirs: pd.DataFrame, keys: list[str], study: Study, other: Study) -> pd.DataFrame:
    """Of each group by `keys` that both have: both values and their difference, paired on the items of both."""
    groups = {key: part for key, part in theirs.groupby(keys, sort=False)}
    rows = []
    for key, part in own.groupby(keys, sort=False):
        if key not in groups:
            continue
        shared = part.merge(groups[key][["tool", "item"]].drop_duplicates(), on=["tool", "item"])
        same = groups[key].merge(part[["tool", "item"]].drop_duplicates(), on=["tool", "item"])
        for metric, verdict in learners.VERDICT_OF_METRIC.items():
            about = dict(zip(keys, key, strict=True)) | {"metric": metric}
            test = learners.paired_difference(shared, same, verdict, study)
            values = {"value": 100 * shared[verdict].mean(), "other": 100 * same[verdict].mean()}
            rows.append(about | {"n": test.pop("n")} | values | test)
    if not rows:
        what = "setting" if "setting" in keys else "form"
        raise UserError(f"studies '{study.name}' and '{other.name}': no learner and {what} with experience in common")
    return learners.with_verdicts(pd.DataFrame(rows), study)
