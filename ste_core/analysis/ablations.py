"""What each part of the method, and each episode of exploration, is worth.

>>> rows = compare.answer_outcomes(study, ablation_runs(study))                          # doctest: +SKIP
>>> ablation_table(rows, sizes(study), study)[["size", "variant", "examples", "difference"]]         # doctest: +SKIP

An ablation explores with a part of the method left out; what its experience is worth is compared with that of the full
method, item by item. It may leave fewer examples, or worse ones: a second comparison gives every variant as many as the
one with the fewest has (of each tool as equally many as can be), so that amount and quality are separated. Equal in
number is not equal by tool: a variant keeps examples of the tools it has any of, which are not the same ones (`sizes`).

The amount of exploration is varied without exploring again: the first k episodes are what a shorter exploration would
have left (`stages.examples`). None is the baseline, all is the run that the main comparison has.

Departures: the paper has neither comparison; its ablations are of Llama-2-Chat-7B with what each variant happened to
leave. With equal sizes only calls are learnt, since a variant without feedback has no answers to learn.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ste_core.analysis import compare, learners
from ste_core.analysis.compare import DIFFERENCE, Condition
from ste_core.core.config import Study
from ste_core.method import distill
from ste_core.pipeline import explore_run, stages
from ste_core.pipeline.stages import ALL, EQUAL, FULL, NO_VARIANT
from ste_core.scoring import score, verdicts
from ste_core.scoring.stats import LEVEL

#: what is compared: the right tool, the paper's correctness (by its string rule), and the right result if calls ran,
#: else the right call
COMPARED = ("api_match_all", "correct_rule", "correct_call", "correct_execution")

#: how the tables call the parts of an experience that ablations are compared on
SIZES = {ALL: "all", EQUAL: "equal"}

#: the paper's names of what it left out, as the audit has them, and our variants
PAPER_VARIANTS = {
    "FT without execution feedback": "no_feedback",
    "FT without short-term memory": "no_short_term",
    "FT without long-term memory": "no_long_term",
    "FT without self-reflection": "no_reflection",
}


def variants(study: Study) -> list[str]:
    """The variants of a study that leave something out."""
    return [] if study.exploration is None else [one for one in study.exploration.variants if one != FULL]


def ablation_runs(study: Study) -> list[Condition]:
    """What the ablations compare: every variant fine-tuned; if the study says so, at equal size and in context too."""
    found: list[Condition] = []
    options = study.ablations
    for variant in [FULL, *variants(study)]:
        found.append(("tuned", variant, ALL))
        if options is not None and options.equal_size:
            found.append(("tuned", variant, EQUAL))
        if options is not None and options.icl:
            found.append(("icl", variant, ALL))
    return found


def amount_runs(study: Study) -> list[Condition]:
    """What the amount of exploration is judged by: nothing, the study's amounts, all; in context and fine-tuned."""
    found: list[Condition] = [("baseline", NO_VARIANT, ALL)]
    for part in [*stages.amounts(study), ALL]:
        found.append(("icl", FULL, part))
        if study.finetuning is not None:
            found.append(("tuned", FULL, part))
    return found


def control_runs(study: Study) -> list[Condition]:
    """What examples with less fault are judged by: the experience of the full method; in context and fine-tuned."""
    found: list[Condition] = []
    controls = stages.controls(study)
    for part in (ALL, *controls) if controls else ():
        found.append(("icl", FULL, part))
        if study.finetuning is not None:
            found.append(("tuned", FULL, part))
    return found


def sizes(study: Study) -> pd.DataFrame:
    """How many examples there are to learn from, over every variant and part that the study compares.

    Returns:
        `variant, part, seed, examples, queries, tools`: all examples, those that are no rewording of another, and the
        tools that have any.
    """
    options = study.ablations
    parts = [(one, ALL) for one in [FULL, *variants(study)]] + [(FULL, part) for part in study.parts]
    if options is not None and options.equal_size:
        parts += [(one, EQUAL) for one in [FULL, *variants(study)]]
    rows = []
    for variant, part in parts:
        for seed in compare.seeds_of(study):
            found = stages.examples(study, variant, seed, part)
            rows.append(
                {"variant": variant, "part": part, "seed": seed, "examples": len(found),
                 "queries": sum(one.paraphrase == 0 for one in found), "tools": len({one.tool for one in found})}
            )  # fmt: skip
    return pd.DataFrame(rows)


def examples_that_ran(study: Study) -> dict[str, float]:
    """Of each variant's examples, the percentage whose call had run while exploring, over all seeds.

    Without feedback nobody is told that a call failed, so that its examples may be of such calls. Variants without
    examples are left out.
    """
    found = {}
    for variant in [FULL, *variants(study)]:
        ran: list[bool] = []
        for seed in compare.seeds_of(study):
            calls = {(one.tool, one.episode, one.trial): distill.last_call(one)
                     for one in explore_run.read_trials(study, variant, seed)}  # fmt: skip
            steps = (calls[one.tool, one.episode, one.trial] for one in stages.examples(study, variant, seed))
            ran += [step is not None and step.ok for step in steps]
        if ran:
            found[variant] = 100 * sum(ran) / len(ran)
    return found


def cannot_tell(correctness: pd.DataFrame, gains: pd.DataFrame, study: Study) -> dict[str, str]:
    """Of each setting with experience, what stands against judging parts of the method by it; "" where nothing does.

    A learner that selects tools no better by their documentation than TF-IDF does among the same candidates, or that is
    not shown to gain from the full method, would not show what a part of it is worth.

    Args:
        correctness, gains: of `compare`, the learner's.
    """
    own = correctness[(correctness["metric"] == "api_match_all") & (correctness["setting"] == stages.label("baseline"))]
    chosen, tfidf = float(own["value"].iloc[0]), learners.nearest_selected(study)
    unread = f"its baseline selects the tool in {chosen:.1f} % of items, TF-IDF in {tfidf:.1f} %"
    found = {}
    for row in gains[gains["comparison"].astype(str).str.endswith(" - baseline")].itertuples():
        setting = row.comparison.removesuffix(" - baseline")
        gained = verdicts.contrast(row.difference, row.p_holm, study.statistics.level) == "higher"
        against = [
            *([unread] if chosen <= tfidf else []),
            *([] if gained else [f"{setting} is not shown to gain over it"]),
        ]
        found[setting] = ", and ".join(against)
    return found


def ablation_table(
    rows: pd.DataFrame, counts: pd.DataFrame, study: Study, against: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Paired differences of each variant from the full method, metric by metric.

    Args:
        rows: `compare.answer_outcomes` of `ablation_runs`.
        counts: `sizes`.
        against: of `cannot_tell`.

    Returns:
        `comparison, setting, size, variant, examples, examples_full, seeds, metric, value, full, by_seed, n,
        difference, ci_low, ci_high, se, df, p, detectable, p_holm, tells`: examples are means over seeds; `value` and
        `full` are the percentages of the variant and of the full method over the `n` pairs' items, differences are in
        points, `by_seed` those of single seeds, one after the other.
        Holm's correction is over the variants of one setting, size and metric. `tells` is whether parts of the method
        can be judged by the setting. A variant that left nothing to learn from has a row with n = 0.
    """
    examples = counts.groupby(["variant", "part"])["examples"].mean()
    found = []
    for setting, part in dict.fromkeys((setting, part) for setting, _, part in ablation_runs(study)):
        label = stages.label(setting, part)
        own = rows[rows["setting"] == label]
        full = own[own["variant"] == FULL]
        for variant in variants(study):
            other = own[own["variant"] == variant]
            about = {
                "comparison": f"{variant} - {FULL}", "setting": label, "size": SIZES[part], "variant": variant,
                "examples": examples[variant, part], "examples_full": examples[FULL, part],
                "seeds": len({*other["seed"]} & {*full["seed"]}),
            }  # fmt: skip
            for metric in (one for one in COMPARED if one in compare.metrics(rows)):
                verdict = compare.VERDICT_OF[metric]
                test = compare.difference_columns(other, full, study, metric)
                shares = {"value": 100 * other[verdict].mean(), "full": 100 * full[verdict].mean()}
                single = 100 * (other.groupby("seed")[verdict].mean() - full.groupby("seed")[verdict].mean()).dropna()
                shares["by_seed"] = " ".join(f"{one:.3f}" for one in single)
                found.append(about | {"metric": metric} | shares | test)
    columns = [
        "comparison", "setting", "size", "variant", "examples", "examples_full", "seeds", "metric", "value", "full",
        "by_seed", *DIFFERENCE,
    ]  # fmt: skip
    made = pd.DataFrame(found, columns=columns)
    tells = [not (against or {}).get(setting.partition(",")[0]) for setting in made["setting"]]
    return made.assign(p_holm=verdicts.holm(made["p"], made["setting"] + "/" + made["metric"]), tells=tells)


def paper(study: Study) -> pd.DataFrame:
    """The paper's ablations: reported, and recomputed from the released outputs, with interval and Holm's p.

    Returns:
        `variant, reported, difference, ci_low, ci_high, p_holm`, points; no rows without the audit's table.
    """
    wanted = ["variant", "reported", "difference", "ci_low", "ci_high", "p_holm"]
    audited = compare.audited(study, "comparisons")
    if audited is None:
        return pd.DataFrame(columns=wanted)
    own = audited[(audited["table"] == "ablation") & (audited["verdict"] == "rule")]
    return own.assign(variant=own["setting_a"].map(PAPER_VARIANTS)).dropna(subset="variant")[wanted]


def amount(rows: pd.DataFrame, counts: pd.DataFrame, study: Study) -> pd.DataFrame:
    """What is compared, against the number of episodes explored, in context and fine-tuned.

    Args:
        rows: `compare.answer_outcomes` of `amount_runs`.
        counts: `sizes`.

    Returns:
        `setting, episodes, examples, seeds, n, metric, value, ci_low, ci_high`, percent, and `difference,
        difference_low, difference_high, p, detectable, p_holm`: paired, against all episodes, in points. No episode is
        the baseline, in context; fine-tuning starts at what the model reaches untuned and without documentation, which
        is not asked. An amount that left nothing to learn from has n = 0.
    """
    examples = counts.groupby(["variant", "part"])["examples"].mean()
    assert study.exploration is not None
    found = []
    for setting in dict.fromkeys(setting for setting, _, _ in amount_runs(study) if setting != "baseline"):
        whole = rows[rows["setting"] == stages.label(setting)]
        nothing = [None] if setting == "icl" else []  # a tuned model is shown no documentation, the baseline is
        for part in [*nothing, *stages.amounts(study), ALL]:
            name = stages.label("baseline") if part is None else stages.label(setting, part)
            own = rows[rows["setting"] == name]
            if part is None:
                about = {"setting": stages.label(setting), "episodes": 0, "examples": 0.0}
            else:
                episodes = stages.episodes_of(part) or study.exploration.episodes
                about = {"setting": stages.label(setting), "episodes": episodes, "examples": examples[FULL, part]}
            about |= {"seeds": own["seed"].nunique(), "n": len(own)}
            for metric in (one for one in COMPARED if one in compare.metrics(rows)):
                share = score.interval(own, metric, study)
                shown = about | {"metric": metric, "value": share.value, "ci_low": share.low, "ci_high": share.high}
                if part != ALL:
                    test = compare.difference_columns(own, whole, study, metric)
                    shown |= {
                        "difference": test["difference"], "difference_low": test["ci_low"],
                        "difference_high": test["ci_high"], "p": test["p"], "detectable": test["detectable"],
                    }  # fmt: skip
                found.append(shown)
    columns = [
        "setting", "episodes", "examples", "seeds", "n", "metric", "value", "ci_low", "ci_high", "difference",
        "difference_low", "difference_high", "p", "detectable",
    ]  # fmt: skip
    made = pd.DataFrame(found, columns=columns)
    return made.assign(p_holm=verdicts.holm(made["p"], made["setting"] + "/" + made["metric"]))


def control(rows: pd.DataFrame, counts: pd.DataFrame, study: Study) -> pd.DataFrame:
    """What examples with less fault would give (`stages.CONTROLS`), beside what experience gives.

    Args:
        rows: `compare.answer_outcomes` of `control_runs`.
        counts: `sizes`.

    Returns:
        `setting, examples, examples_full, seeds, metric, value, full, *DIFFERENCE, p_holm`: as `ablation_table`, the
        control in the variant's place. Holm's correction is over the settings of one metric.
    """
    examples = counts.groupby(["variant", "part"])["examples"].mean()
    found = []
    for setting, _, part in control_runs(study):
        if part == ALL:
            continue
        own, whole = (rows[rows["setting"] == stages.label(setting, one)] for one in (part, ALL))
        about = {
            "setting": stages.label(setting, part), "examples": examples[FULL, part],
            "examples_full": examples[FULL, ALL], "seeds": own["seed"].nunique(),
        }  # fmt: skip
        for metric in (one for one in COMPARED if one in compare.metrics(rows)):
            verdict = compare.VERDICT_OF[metric]
            shares = {"value": 100 * own[verdict].mean(), "full": 100 * whole[verdict].mean()}
            test = compare.difference_columns(own, whole, study, metric)
            found.append(about | {"metric": metric} | shares | test)
    columns = ["setting", "examples", "examples_full", "seeds", "metric", "value", "full", *DIFFERENCE]
    made = pd.DataFrame(found, columns=columns)
    return made.assign(p_holm=verdicts.holm(made["p"], made["metric"]))


def _said(row: Any, level: float) -> str:
    """The word on a difference; beside "inconclusive" what could have been seen."""
    word = verdicts.contrast(row.difference, row.p_holm, level)
    return f"{word} ({verdicts.seen(row.detectable)})" if word == verdicts.INCONCLUSIVE else word


def describe_control(made: pd.DataFrame, metric: str | None = None, level: float = LEVEL) -> list[str]:
    """What examples with less fault give beside experience, a sentence a setting.

    Args:
        made: of `control`.
        metric: default that of `score.right`.
        level: 1 less the Holm-corrected p below which a difference counts.
    """
    metric = metric or score.right(made["metric"])
    return [
        f"{row.setting}: {row.value:.1f} % right, of {row.examples:,.0f} examples; by experience {row.full:.1f} %, of "
        f"{row.examples_full:,.0f}: {row.difference:+.1f} points [{row.ci_low:+.1f}, {row.ci_high:+.1f}], "
        f"{verdicts.show_p(row.p_holm, 'Holm p')}: {_said(row, level)}."
        for row in made[(made["metric"] == metric) & (made["n"] > 0)].itertuples()
    ]


def explain_losses(made: pd.DataFrame, metric: str | None = None, level: float = LEVEL) -> str:
    """Of the variants that fall behind the full method, whether fewer or worse examples explain it, as a sentence.

    Args:
        made: of `ablation_table`; what fine-tuning made of the examples counts.
        metric: default that of `score.right`.
        level: 1 less the Holm-corrected p below which a difference counts.
    """
    metric = metric or score.right(made["metric"])
    own = made[(made["metric"] == metric) & made["setting"].str.startswith("FT") & (made["n"] > 0)]
    if own.empty:
        return "No variant can be compared: none left anything to learn from."
    if "tells" in own and not own["tells"].any():
        return "No conclusion on parts of the method: the learner, fine-tuned, cannot tell them apart."
    own = own.assign(found=[verdicts.contrast(row.difference, row.p_holm, level) for row in own.itertuples()])
    worse = {size: list(part.loc[part["found"] == "lower", "variant"]) for size, part in own.groupby("size")}
    if not worse.get("all"):
        return (
            "No variant falls behind the full method by more than chance explains "
            f"({verdicts.seen(float(own['detectable'].max()))} in the widest comparison): inconclusive."
        )
    if "equal" not in worse:
        return f"Behind the full method: {', '.join(worse['all'])}. Sizes were not made equal, so the reason is open."
    still = [one for one in worse["all"] if one in worse["equal"]]
    gone = [one for one in worse["all"] if one not in worse["equal"]]
    groups = {
        "also with equally many examples, so these are worse ones, or otherwise spread over tools": still,
        "no longer with equally many examples, so amount may explain it": gone,
    }
    said = [f"{', '.join(names)} ({why})" for why, names in groups.items() if names]
    return f"Behind the full method: {'; '.join(said)}."
