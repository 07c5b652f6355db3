"""What a study's predictions say: every metric with its interval, paired differences, what goes wrong and where.

>>> rows = answer_outcomes(study)                                               # doctest: +SKIP
>>> gains(rows, study)[["comparison", "difference", "ci_low", "ci_high"]]                           # doctest: +SKIP
       comparison  difference  ci_low  ci_high
0  ICL - baseline        18.4     9.6     26.5

Tools are the unit of resampling, seeds are put together, what is compared is paired item by item (`scoring.stats`).
The paper's own figures are read from the audit's tables and kept in tables of their own, never mixed with ours.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from ste_core.core import store
from ste_core.core.config import Study, project_root
from ste_core.core.errors import UserError
from ste_core.core.records import Prediction
from ste_core.method.predict import LABELS, Setting
from ste_core.pipeline import archive, resources, stages
from ste_core.pipeline.stages import ALL, FULL, NO_VARIANT
from ste_core.scoring import error_types, execution, score, stats, verdicts

#: a setting, the variant whose experience it uses, and which part of it
Condition = tuple[Setting, str, str]

#: the paper's main comparison
MAIN: tuple[Condition, ...] = (("baseline", NO_VARIANT, ALL), ("icl", FULL, ALL), ("tuned", FULL, ALL))


def answer_outcomes(study: Study, runs: Iterable[Condition] = MAIN) -> pd.DataFrame:
    """The predictions of some runs judged, a row an item: `taxonomy.outcomes`, with `variant` and `seed`.

    Only what the study names is read, so that leftovers of an earlier study file change nothing. Runs without a
    prediction (nothing to learn from, or not made) have no rows.

    Raises:
        UserError: no predictions at all.
    """
    found = []
    toolbox, items = resources.toolbox(study), resources.items(study, "test")
    results = execution.gold_results(items)
    for setting, variant, part in runs:
        for seed in seeds_of(study, setting, variant, part):
            answers = store.read_jsonl(stages.predictions_file(study, setting, variant, seed, part), Prediction)
            if answers:
                rows = error_types.outcomes(answers, toolbox, results, study.scoring.rule, seed=seed)
                found.append(rows.assign(variant=variant))
    if not found:
        missing = f"study '{study.name}': no predictions yet under {study.results / 'predictions'}"
        raise UserError(missing + archive.hint(study))
    return pd.concat(found, ignore_index=True)


def only(tables: dict[str, pd.DataFrame], systems: str, column: str) -> dict[str, pd.DataFrame]:
    """The rows of some systems in tables that compare systems, and rows without a system of the study.

    Args:
        systems: names separated by commas, or "" for all.
        column: which column has them; a system of the study is one that the last of the tables names.

    Raises:
        UserError: no such system.
    """
    known = list(dict.fromkeys(list(tables.values())[-1][column]))
    wanted = [one.strip() for one in systems.split(",") if one.strip()] or known
    for name in wanted:
        if name not in known:
            raise UserError(f"systems: no '{name}'; there are: {', '.join(known)}")
    others = set(known) - set(wanted)
    return {name: table[~table[column].isin(others)] for name, table in tables.items()}


def seeds_of(study: Study, setting: Setting = "icl", variant: str = FULL, part: str = ALL) -> list[int]:
    """The seeds of a setting: of fine-tuning its own, in context those of the exploration; the baseline has one."""
    if setting == "tuned":
        return study.training_seeds(variant, part)
    return [0] if setting == "baseline" else study.exploration_seeds()


#: verdicts on one item, as `taxonomy.outcomes` has them, and the metrics made of them; the last two only where calls
#: were executed, the same call only where none were
OUTCOME_VERDICTS = ("wellformed", "api_match", "correct_rule", "correct_call", "correct_execution", "task_success")
OUTCOME_METRICS = ("wellformed", "api_match_all", "correct_rule", "correct_call", "correct_execution", "task_success")
VERDICT_OF = dict(zip(OUTCOME_METRICS, OUTCOME_VERDICTS, strict=True))


def metrics(rows: pd.DataFrame) -> list[str]:
    """The metrics that some outcomes have."""
    return [metric for metric, verdict in VERDICT_OF.items() if verdict in rows]


def correctness(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every metric of every setting and variant, over all seeds, with its interval over tools.

    Returns:
        `system, setting, variant, seeds, n, metric, value, ci_low, ci_high`, percent.
    """
    found = []
    for (system, setting, variant), group in rows.groupby(["system", "setting", "variant"], sort=False):
        for metric in metrics(rows):
            interval = score.interval(group, metric, study)
            found.append(
                {"system": system, "setting": setting, "variant": variant, "seeds": group["seed"].nunique(),
                 "n": len(group), "metric": metric, "value": interval.value, "ci_low": interval.low,
                 "ci_high": interval.high}
            )  # fmt: skip
    return pd.DataFrame(found)


def gains(rows: pd.DataFrame, study: Study, metric: str | None = None) -> pd.DataFrame:
    """Paired differences between the settings of the full method: ICL and FT over the baseline, FT over ICL.

    Items are paired by tool, item and seed (the baseline, which has no seed, by tool and item); shares a tool are
    compared, tools resampled.

    Args:
        metric: default that of `score.right`.
    """
    metric = metric or score.right(rows.columns)
    full = rows[rows["variant"].isin([NO_VARIANT, FULL])]
    tables = {label: part for label, part in full.groupby("setting", sort=False)}
    found = []
    for better, worse in (("ICL", "baseline"), ("FT", "baseline"), ("FT", "ICL")):
        if better not in tables or worse not in tables:
            continue
        test = difference_columns(tables[better], tables[worse], study, metric)
        found.append({"comparison": f"{better} - {worse}", "metric": metric} | test)
    table = pd.DataFrame(found, columns=["comparison", "metric", *DIFFERENCE])
    return table.assign(p_holm=verdicts.holm(table["p"]))


#: columns of a paired difference: pairs, points, the t behind interval and p, and what could have been seen
DIFFERENCE = ("n", "difference", "ci_low", "ci_high", "se", "df", "p", "detectable")


def difference_columns(a: pd.DataFrame, b: pd.DataFrame, study: Study, metric: str) -> dict[str, Any]:
    """A paired difference of two tables of outcomes: `DIFFERENCE`, in points.

    Returns:
        `n` counts pairs; it is 0, and all else missing, where there are none (see `paired`).
    """
    found = paired(a, b, study, metric)
    if found is None:
        return dict.fromkeys(DIFFERENCE, float("nan")) | {"n": 0}
    return dict(zip(DIFFERENCE, (found[0], *estimated(found[1], study)), strict=True))


def paired(a: pd.DataFrame, b: pd.DataFrame, study: Study, metric: str) -> tuple[int, stats.Difference] | None:
    """The number of pairs, and the difference of two tables of outcomes.

    Items are paired by tool, item and seed; by tool and item where one table is the baseline, which has no seed, or has
    a single one, as answers in context of one exploration beside several trainings on it. What only one of them has is
    left out. Seeds that give the same verdicts throughout are counted once.
    """
    several = all(part["seed"].nunique() > 1 for part in (a, b))
    by_seed = NO_VARIANT not in {*a["variant"], *b["variant"]} and several
    pairs, test = paired_verdicts(a, b, study, VERDICT_OF[metric], by_seed=by_seed)
    return (pairs, test) if pairs else None


def paired_verdicts(
    a: pd.DataFrame, b: pd.DataFrame, study: Study, verdict: str, *, by_seed: bool
) -> tuple[int, stats.Difference]:
    """The number of pairs, and the difference, of a column of booleans; paired by tool and item, or by seed as well."""
    keys = ["tool", "item", *(["seed"] if by_seed else [])]
    wanted = ["tool", "item", "seed", verdict]
    both = a[wanted].merge(b[wanted], on=keys, suffixes=("_a", "_b")).sort_values(["tool", "item"], kind="stable")
    if both.empty:
        return 0, stats.Difference(*[float("nan")] * 3)
    seed = both["seed"] if by_seed else _seeds(both)
    test = stats.difference(
        both[f"{verdict}_a"], both[f"{verdict}_b"], both["tool"], seed, level=study.statistics.level
    )
    return len(both) // (seed.nunique() if test.seeds == 1 else 1), test


def _seeds(both: pd.DataFrame) -> pd.Series:
    """The seeds of pairs with the baseline, which has none of its own: those of the other side."""
    several = both["seed_a"].nunique() > 1
    return both["seed_a" if several else "seed_b"]


def estimated(found: stats.Estimate, study: Study) -> tuple[float, ...]:
    """The columns of `DIFFERENCE` after `n`."""
    level = study.statistics.level
    return found.value, found.low, found.high, found.se, found.df, found.p(), found.detectable(level)


def errors(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The share of each category of `taxonomy.CATEGORIES` in every setting and variant, with intervals over tools.

    Returns:
        `setting, variant, category, percent, ci_low, ci_high`; a setting's commonest category first.
    """
    found = []
    for (setting, variant), group in rows.groupby(["setting", "variant"], sort=False):
        for category in group["category"].value_counts().index:
            one = score.share_of(group.assign(hit=group["category"] == category), "hit", study)
            found.append((setting, variant, category, one.value, one.low, one.high))
    return pd.DataFrame(found, columns=["setting", "variant", "category", "percent", "ci_low", "ci_high"])


def tools(rows: pd.DataFrame, examples: pd.Series, families: pd.Series) -> pd.DataFrame:
    """Every setting's metrics tool by tool, all seeds together.

    Args:
        rows: of `outcomes`.
        examples: of each tool, the examples that were learnt from (their mean over seeds); the index names tools.
        families: of each tool, its family.

    Returns:
        `tool, family, examples, setting, n, wellformed, ...`, percent; by family and tool.
    """
    shown = {VERDICT_OF[metric]: metric for metric in metrics(rows)}
    groups = rows.groupby(["tool", "setting"], sort=False)
    table = (100 * groups[list(shown)].mean()).rename(columns=shown).assign(n=groups.size()).reset_index()
    table["family"] = table["tool"].map(families).fillna("")
    table["examples"] = table["tool"].map(examples).fillna(0.0)
    table = table.sort_values(["family", "tool"], kind="stable")
    return table[["tool", "family", "examples", "setting", "n", *shown.values()]].reset_index(drop=True)


def examples_by_tool(study: Study, variant: str = FULL) -> pd.Series:
    """The number of examples a tool, its mean over seeds; tools without any are not there."""
    counts = [pd.Series([one.tool for one in stages.examples(study, variant, seed)], dtype=object).value_counts()
              for seed in seeds_of(study)]  # fmt: skip
    return pd.concat(counts, axis=1).fillna(0).mean(axis=1).rename("examples")


# --- the paper's order ------------------------------------------------------------------------------------------------

#: the paper's finding, step by step: each of these differences is positive
EXPECTED = ("ICL - baseline", "FT - ICL")


def expectation(gain_table: pd.DataFrame, metric: str | None = None, level: float = stats.LEVEL) -> pd.DataFrame:
    """Whether the paper's order, baseline < ICL < FT, is found, by the tests of the paired differences.

    Args:
        gain_table: of `gains`.
        metric: default that of `score.right`.
        level: 1 less the Holm-corrected p below which a difference counts.

    Returns:
        `comparison, n, difference, ci_low, ci_high, p_holm, detectable, found`, a row a step; found is "as in the
        paper", "the other way round", "inconclusive", or "not compared".
    """
    metric = metric or score.right(gain_table["metric"])
    table = gain_table[gain_table["metric"] == metric].set_index("comparison").reindex(list(EXPECTED)).reset_index()
    words = {"higher": "as in the paper", "lower": "the other way round"}
    found = [verdicts.contrast(row.difference, row.p_holm, level) for row in table.itertuples()]
    columns = ["comparison", "n", "difference", "ci_low", "ci_high", "p_holm", "detectable", "found"]
    return table.assign(found=[words.get(one, one) for one in found])[columns]


def reading(steps: pd.DataFrame) -> str:
    """`expectation` as a sentence, for people."""
    said = []
    for row in steps.itertuples():
        if row.found == "not compared":
            said.append(f"{row.comparison} cannot be compared, a setting has no predictions")
            continue
        shown = (
            f"{row.comparison} is {row.difference:+.1f} points [{row.ci_low:+.1f}, {row.ci_high:+.1f}], "
            f"{verdicts.show_p(row.p_holm, 'Holm p')}, {row.found}"
        )
        said.append(f"{shown} ({verdicts.seen(row.detectable)})" if row.found == "inconclusive" else shown)
    found = set(steps["found"])
    order = "baseline < ICL < FT"
    if found == {"as in the paper"}:
        whole = f"The order is the paper's, {order}"
    elif "the other way round" in found:
        whole = f"The order is not the paper's, {order}"
    else:
        whole = f"Whether the paper's order, {order}, holds cannot be decided here"
    return f"{whole}: {'; '.join(said)}."


def reasons(error_table: pd.DataFrame, tool_table: pd.DataFrame, metric: str | None = None) -> list[str]:
    """What stands behind an order, a sentence each: the commonest error of each setting, and what examples there were.

    Args:
        error_table: of `errors`.
        tool_table: of `tools`.
        metric: default that of `score.right`.
    """
    metric, said = metric or score.right(tool_table.columns), []
    wrong = error_table[error_table["category"] != "right"]
    for setting, part in wrong.groupby("setting", sort=False):
        first = part.loc[part["percent"].idxmax()]
        said.append(f"{setting}: most often {first['category']} ({first['percent']:.0f} % of its answers).")
    known = tool_table.drop_duplicates("tool").set_index("tool")["examples"]
    without = int((known == 0).sum())
    said.append(f"Experience left {known.sum():,.0f} examples; {without} of {len(known)} tools have none.")
    if 0 < without < len(known):
        for setting, part in tool_table.groupby("setting", sort=False):
            means = [part.loc[one, metric].mean() for one in (part["examples"] > 0, part["examples"] == 0)]
            said.append(f"{setting}: {means[0]:.1f} % right for tools with examples, {means[1]:.1f} % for the others.")
    return said


# --- beside the paper -------------------------------------------------------------------------------------------------


def audited(study: Study, name: str) -> pd.DataFrame | None:
    """A table of the audit, the one beside this study's results or else the committed one; None if there is neither."""
    beside, committed = study.results.with_name("audit"), project_root() / "results" / "audit"
    path: Path
    for folder in (beside, committed):
        path = folder / "tables" / f"{name}.csv"
        if path.is_file():
            return store.read_table(path)
    return None


def paper_correctness(study: Study) -> pd.DataFrame:
    """The paper's main comparison: reported, and recomputed from the released outputs, with interval.

    Returns:
        `system, setting, reported, value, ci_low, ci_high`, percent; no rows without the audit's table.
    """
    columns = {"correct_reported": "reported", "correct_rule": "value"}
    wanted = ["system", "setting", "reported", "value", "ci_low", "ci_high"]
    table = audited(study, "correctness")
    if table is None:
        return pd.DataFrame(columns=wanted)
    main = table[(table["split"] == "all") & table["setting"].isin(list(LABELS.values()))]
    return main.rename(columns=columns)[wanted].reset_index(drop=True)
