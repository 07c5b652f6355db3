"""The audit's tables: from the authors' predictions to what can be said about the paper's figures.

>>> scored = score_release(find_release("../paper_release"))             # doctest: +SKIP
>>> recomputed(scored, study).head()                                    # doctest: +SKIP

Every function takes the scored items (one row an item of a prediction file) and returns a tidy table; notebooks write
and show them. Three readings of *correct* run through all of them: as the authors stored it, recomputed by their string
rule (`rule`), and besides with every call identical to gold counted right (`rule_identity`).
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ste_core.core import prompting
from ste_core.core.config import Study
from ste_core.core.records import Judgement, Prediction
from ste_core.release import paper
from ste_core.release.paper import Release
from ste_core.scoring import score, stats, verdicts

ALL = "all"


def score_release(
    release: Release, files: Iterable[str] | None = None, extra: Sequence[Sequence[Prediction]] = ()
) -> pd.DataFrame:
    """Every item of a release's prediction files (default: all it has), scored under the released rule.

    As in the release, unknown tool names are mapped to the closest API *of the file* (a continual-learning file knows
    only the APIs learnt so far).

    Args:
        extra: predictions of others on the same test set, a list a file (see `score_files.extras`). What a model would
            have to judge has no `correct_rule` there, unless the file has stored verdicts.

    Returns:
        Columns of `score.score_predictions`, and `batch` (0-3), `judged_by` ("string rule" or "model"), `judge_reply`.
    """
    batch = {api: number for number, apis in enumerate(release.batches()) for api in apis}
    frames = []
    for predictions in (*map(release.predictions, files or release.files()), *extra):
        apis = list(dict.fromkeys(prediction.gold.tool for prediction in predictions))
        frame = score.score_predictions(predictions, apis, string_rule_tools=paper.STRING_RULE_APIS)
        frame["judge_reply"] = [p.stored.chatgpt_args_jud if p.stored else None for p in predictions]
        frames.append(frame)
    scored = pd.concat(frames, ignore_index=True)
    scored["batch"] = scored["tool"].map(batch)
    scored["judged_by"] = np.where(scored["tool"].isin(paper.STRING_RULE_APIS), "string rule", "model")
    return scored


def items_of_row(scored: pd.DataFrame, system: str, setting: str, split: str = ALL) -> pd.DataFrame:
    """The items of one row of the paper's tables; empty where the file is absent."""
    rows = scored[(scored["system"] == system) & (scored["setting"] == setting)]
    return rows if split == ALL else rows[rows["batch"] == int(split.removeprefix("batch "))]


def release_table(release: Release) -> pd.DataFrame:
    """What this copy of the release holds, every data file of upstream: `path, git_blob, status`.

    Status is "released" or "altered"; of what the copy lacks "reported only" (predictions: their figures stand as the
    paper reports them), "absent" (other files the audit reads) or "not needed".
    """
    needed = set(paper.needed())
    rows = []
    for path, file in paper.manifest().items():
        status = release.status[path]
        if status == "absent" and path not in needed:
            status = "not needed"
        elif status == "absent" and path.startswith(paper.PREDICTIONS):
            status = "reported only"
        rows.append({"path": path, "git_blob": file.git_blob, "status": status})
    return pd.DataFrame(rows)


# --- do the stored verdicts follow? -----------------------------------------------------------------------------------


def recomputed(scored: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The paper's rows, reported, stored and recomputed, with the interval of the recomputed figure."""
    rows = []
    for row in paper.reported().itertuples():
        items = items_of_row(scored, row.system, row.setting, row.split)
        out = {"system": row.system, "setting": row.setting, "split": row.split}
        if len(items):
            out["n"] = len(items)
            for metric in score.METRICS:
                counts = score.counts(items, metric)
                out[metric] = 100 * counts["k"].sum() / counts["n"].sum() if counts["n"].sum() else np.nan
            found = score.interval(items, "correct_rule", study)
            out |= {"ci_low": found.low, "ci_high": found.high, "centre": found.centre, "se": found.se, "df": found.df}
        rows.append(out | {"correct_reported": row.correct})
    rows += [_unreported(items, study) for items in _of_others(scored)]
    columns = [
        "system", "setting", "split", "n", "wellformed", "api_match", "api_match_all", "correct_reported",
        "correct_stored", "correct_rule", "correct_rule_identity", "ci_low", "ci_high", "centre", "se", "df",
        "correct_string",
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=columns).astype({"n": "Int64"})


def _of_others(scored: pd.DataFrame) -> list[pd.DataFrame]:
    """The items of each system that the paper does not report."""
    reported = set(zip(paper.reported()["system"], paper.reported()["setting"], strict=True))
    return [items for key, items in scored.groupby(["system", "setting"], sort=False) if key not in reported]


def _unreported(items: pd.DataFrame, study: Study) -> dict[str, Any]:
    """A row of `recomputed` for predictions of others; interval of the string rule where no verdicts are stored."""
    first, judged = items.iloc[0], not items["correct_rule"].isna().any()
    out: dict[str, Any] = {"system": first["system"], "setting": first["setting"], "split": ALL, "n": len(items)}
    for metric in score.METRICS:
        if judged or ("stored" not in metric and "rule" not in metric):
            counts = score.counts(items, metric)
            out[metric] = 100 * counts["k"].sum() / counts["n"].sum() if counts["n"].sum() else np.nan
    found = score.interval(items, "correct_rule" if judged else "correct_string", study)
    return out | {"ci_low": found.low, "ci_high": found.high, "centre": found.centre, "se": found.se, "df": found.df}


def main_table(correctness: pd.DataFrame) -> str:
    """The main table in plain text, as a run prints it at its end."""
    main = correctness[(correctness["split"] == ALL) & correctness["setting"].isin(("baseline", "ICL", "FT"))]
    lines = [f"{'correct calls, %':<24}{'':>10}{'reported':>10}{'recomputed':>12}   95 % interval"]
    for row in main.itertuples():
        found = "" if pd.isna(row.correct_rule) else f"{row.correct_rule:12.1f}   [{row.ci_low:.1f}, {row.ci_high:.1f}]"
        lines.append(f"{row.system:<24}{row.setting:>10}{row.correct_reported:10.1f}{found or '   reported only'}")
    return "\n".join(lines) + "\n"


def intervals(scored: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every metric of every row in long form: its row, `metric, tools, n, k, value`, interval, `centre, se, df`."""
    rows = []
    chosen = [(row.system, row.setting, row.split) for row in paper.reported().itertuples()]
    chosen += [(items["system"].iloc[0], items["setting"].iloc[0], ALL) for items in _of_others(scored)]
    for key in chosen:
        items = items_of_row(scored, *key)
        for metric in score.METRICS if len(items) else ():
            if items[score.METRICS[metric][0]].isna().any():
                continue  # nobody has judged it
            counts, found = score.counts(items, metric), score.interval(items, metric, study)
            rows.append(
                {"system": key[0], "setting": key[1], "split": key[2], "metric": metric, "tools": found.tools,
                 "n": int(counts["n"].sum()), "k": int(counts["k"].sum()), "value": found.value, "ci_low": found.low,
                 "ci_high": found.high, "centre": found.centre, "se": found.se, "df": found.df}
            )  # fmt: skip
    return pd.DataFrame(rows)


def verdict_changes(scored: pd.DataFrame) -> pd.DataFrame:
    """Every item whose stored verdict differs from a recomputed one, with what one needs to judge for oneself."""
    stored = scored["correct_stored"].astype("boolean")
    known = scored[stored.notna()]
    changed = known[
        (known["correct_stored"] != known["correct_rule"]) | (known["correct_stored"] != known["correct_rule_identity"])
    ]
    return pd.DataFrame(
        {
            "system": changed["system"],
            "setting": changed["setting"],
            "api": changed["tool"],
            "item": changed["item"],
            "judged_by": changed["judged_by"],
            "query": changed["query"],
            "gold": changed["gold"].map(_json),
            "prediction": changed["arguments"].map(_json),
            "identical": changed["identical"].astype(int),
            "stored": changed["correct_stored"].astype(int),
            "rule": changed["correct_rule"].astype(int),
            "rule_identity": changed["correct_rule_identity"].astype(int),
        }
    ).reset_index(drop=True)


def gold_changes(scored: pd.DataFrame) -> pd.DataFrame:
    """Items whose released gold cannot be the one they were scored with.

    The string rule never calls an identical call wrong. Where a stored verdict does, in every file with an identical
    call, the gold was another when the verdict was made. What it was is inferred where it can be: the arguments that
    all calls stored as right share; `explained` says how many of the stored verdicts that gold gives by the rule.

    Returns:
        Columns `api, item, query, gold` (released), `identical_calls, identical_stored_wrong` (numbers of files),
        `earlier_gold` (inferred; empty where no call was stored as right), `explained`, `calls` (of the right API).
    """
    rows = []
    calls = scored[scored["api_match"] & (scored["judged_by"] == "string rule") & scored["correct_stored"].notna()]
    for (api, item), group in calls.groupby(["tool", "item"], sort=True):
        identical = group[group["identical"]]
        wrong = int((~identical["correct_stored"].astype(bool)).sum())
        if not wrong:
            continue
        right = group[group["correct_stored"].astype(bool)]
        earlier = _shared(right["arguments"]) if len(right) else None
        explained = 0 if earlier is None else sum(
            score.string_rule(earlier, row.arguments) == bool(row.correct_stored) for row in group.itertuples()
        )  # fmt: skip
        rows.append(
            {
                "api": api,
                "item": item,
                "query": group["query"].iloc[0],
                "gold": _json(group["gold"].iloc[0]),
                "identical_calls": len(identical),
                "identical_stored_wrong": wrong,
                "earlier_gold": "" if earlier is None else _json(earlier),
                "explained": explained,
                "calls": len(group),
            }
        )
    columns = ("api", "item", "query", "gold", "identical_calls", "identical_stored_wrong", "earlier_gold", "explained")
    return pd.DataFrame(rows, columns=[*columns, "calls"])


def _shared(arguments: Iterable[dict]) -> dict:
    """The arguments that all calls have in common, as the string rule compares them."""
    first, *rest = arguments
    return {key: value for key, value in first.items() if all(score.string_rule({key: value}, other) for other in rest)}


def _json(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


# --- how noisy is the judge, how lenient the metric? ------------------------------------------------------------------

JUDGE_MEASURES = {
    "same_call_judged_differently": "calls judged by a model in two files or more: verdicts differ",
    "identical_judged_wrong": "calls identical to gold, judged by a model: judged wrong",
    "identical_stored_wrong": "calls identical to gold, judged by string rule: stored as wrong",
    "reply_contradicts_verdict": "kept replies of the judge: first word contradicts the stored verdict",
    "empty_gold": "items of the test set: gold has no arguments",
    "correct_on_empty_gold": "correct calls (rule): gold has no arguments",
    "extra_arguments_correct": "all items: correct by string rule with arguments beyond gold",
    "named_no_tool": "well-formed calls: the name is no API's and was mapped to the closest",
    "rescued_tool": "calls mapped to the closest name: the right API",
    "rescued_correct": "all items: correct (rule) only thanks to the mapping",
}


def judge_noise(scored: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How far verdicts depend on the judge and on the metric's leniency, by system and over all files.

    Returns:
        Columns `measure` (see `JUDGE_MEASURES`), `system, setting` ("all" over files), `n, k, percent`, interval.
        A measure without a case for a file (n = 0) has no row there.
    """
    scored = scored.assign(call=[f"{row.tool}\t{row.item}\t{_json(row.arguments)}" for row in scored.itertuples()])
    groups = [((ALL, ALL), scored)] + [
        (name, group) for name, group in scored.groupby(["system", "setting"], sort=False)
    ]
    rows = []
    for (system, setting), group in groups:
        for measure, cases, hits in _judge_cases(group, over_files=system == ALL):
            if cases.empty:
                continue
            by_tool = pd.DataFrame({"tool": cases["tool"], "hit": hits}).groupby("tool")["hit"]
            k, n = by_tool.sum().astype(int), by_tool.size()
            found = score.share(k, n, study)
            rows.append(
                {"measure": measure, "system": system, "setting": setting, "n": int(n.sum()), "k": int(k.sum()),
                 "percent": found.value, "ci_low": found.low, "ci_high": found.high}
            )  # fmt: skip
    table = pd.DataFrame(rows)
    order = {measure: number for number, measure in enumerate(JUDGE_MEASURES)}
    return table.sort_values("measure", key=lambda column: column.map(order), kind="stable").reset_index(drop=True)


def _judge_cases(items: pd.DataFrame, *, over_files: bool):
    """(measure, cases, which of them are hits) for one file, or for all."""
    stored = items["correct_stored"].astype("boolean").fillna(False).astype(bool)
    rule = items["correct_rule"].astype("boolean").fillna(False).astype(bool)
    by_model = items["judged_by"] == "model"
    judged = items[by_model & items["api_match"]]
    if over_files:
        verdicts = judged.groupby("call")["correct_stored"].agg(["size", "nunique"])
        repeated = verdicts[verdicts["size"] > 1]
        calls = judged.drop_duplicates("call").set_index("call").loc[repeated.index].reset_index()
        yield "same_call_judged_differently", calls, (repeated["nunique"] > 1).to_numpy()
    same = items["identical"]
    yield "identical_judged_wrong", items[same & by_model], ~stored[same & by_model]
    yield "identical_stored_wrong", items[same & ~by_model], ~stored[same & ~by_model]
    replies = judged[judged["judge_reply"].notna()]
    read = replies["judge_reply"].map(prompting.read_yes_no)
    yield "reply_contradicts_verdict", replies, read.map(lambda x: x is not None) & (read != stored[replies.index])
    empty = items["gold"].map(len) == 0
    if over_files:
        unique = ~items.duplicated(["tool", "item"])
        yield "empty_gold", items[unique], empty[unique]
    yield "correct_on_empty_gold", items[rule], empty[rule]
    beyond = pd.Series([bool(set(row.arguments or ()) - set(row.gold)) for row in items.itertuples()], items.index)
    yield "extra_arguments_correct", items, rule & ~by_model & beyond
    grounded = items["grounded"].astype(bool)
    yield "named_no_tool", items[items["wellformed"]], grounded[items["wellformed"]]
    yield "rescued_tool", items[grounded], items["api_match"][grounded]
    yield "rescued_correct", items, grounded & rule


def judge_agreement(rows: pd.DataFrame, judgements: Sequence[Judgement]) -> pd.DataFrame:
    """A new judge beside the stored verdicts, by system: `n`, unreadable replies, agreement, both shares of right."""
    table = rows[["system", "setting", "correct_stored"]].assign(judged=[one.correct for one in judgements])
    out = []
    for (system, setting), group in table.groupby(["system", "setting"], sort=False):
        readable = group[group["judged"].notna()]
        stored, judged = readable["correct_stored"].astype(bool), readable["judged"].astype(bool)
        out.append(
            {"system": system, "setting": setting, "n": len(group), "unreadable": len(group) - len(readable),
             "agreement": 100 * (stored == judged).mean(), "right_stored": 100 * stored.mean(),
             "right_judged": 100 * judged.mean()}
        )  # fmt: skip
    return pd.DataFrame(out).round(1)


# --- paired comparisons -----------------------------------------------------------------------------------------------

_LLAMA, _LLAMA13, _MISTRAL = "Llama-2-Chat-7B", "Llama-2-Chat-13B", "Mistral-Instruct-7B"

#: table -> pairs ((system, setting) A, (system, setting) B); Holm's correction is within a table
COMPARISONS = {
    "exploitation": [
        ((system, a), (system, b))
        for system in (_LLAMA, _LLAMA13, _MISTRAL)
        for a, b in (("ICL", "baseline"), ("FT", "baseline"), ("FT", "ICL"))
    ],
    "ablation": [
        ((_LLAMA, f"FT without {part}"), (_LLAMA, "FT"))
        for part in ("execution feedback", "short-term memory", "long-term memory", "self-reflection")
    ],
    "best": [
        ((_MISTRAL, "FT"), (_LLAMA13, "FT")),
        ((_MISTRAL, "FT"), (_LLAMA, "FT")),
        ((_LLAMA13, "FT"), (_LLAMA, "FT")),
    ],
    "continual": [
        ((_LLAMA, "replay round 3"), (_LLAMA, "no replay round 3")),
        ((_LLAMA, "replay round 3"), (_LLAMA, "joint FT with general data")),
    ],
}


def comparisons(scored: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Paired differences A - B on the same items, in points, under both the recomputed and the stored verdicts.

    Returns:
        Columns `table` (the family of tests), `system_a, setting_a, system_b, setting_b, verdict` ("rule", "stored"),
        `n`; `difference` and `relative` (the gain in percent of B), each with its interval; `centre, se, df` of the t
        behind it, `detectable`; `p, p_holm, p_mcnemar, p_mcnemar_holm`; and `reported`, the difference of the reported
        figures. Pairs with an absent file are left out (their reported figures stand in `correctness.csv`).
    """
    reported = paper.reported().query("split == 'all'").set_index(["system", "setting"])["correct"]
    rows, level = [], study.statistics.level
    for table, pairs in COMPARISONS.items():
        for a, b in pairs:
            left, right = items_of_row(scored, *a), items_of_row(scored, *b)
            if left.empty or right.empty:
                continue
            both = left.merge(right, on=["tool", "item"], suffixes=("_a", "_b"), validate="one_to_one")
            for verdict in ("rule", "stored"):
                found = stats.difference(
                    both[f"correct_{verdict}_a"].astype(bool), both[f"correct_{verdict}_b"].astype(bool), both["tool"],
                    level=level,
                )  # fmt: skip
                rows.append(
                    {"table": table, "system_a": a[0], "setting_a": a[1], "system_b": b[0], "setting_b": b[1],
                     "verdict": verdict, "n": len(both), "difference": found.value, "ci_low": found.low,
                     "ci_high": found.high, "centre": found.centre, "se": found.se, "df": found.df,
                     "relative": found.relative.value, "relative_low": found.relative.low,
                     "relative_high": found.relative.high, "detectable": found.detectable(level), "p": found.p(),
                     "p_mcnemar": found.p_mcnemar,
                     "reported": reported.get(a, np.nan) - reported.get(b, np.nan)}
                )  # fmt: skip
    found = pd.DataFrame(rows)
    family = found["table"] + "/" + found["verdict"]
    found["p_holm"] = verdicts.holm(found["p"], family)
    found["p_mcnemar_holm"] = verdicts.holm(found["p_mcnemar"], family)
    last = ["p", "p_holm", "p_mcnemar", "p_mcnemar_holm", "reported"]
    return found[[column for column in found if column not in last] + last]


# --- how much is forgotten? -------------------------------------------------------------------------------------------

STRATEGIES = ("replay", "no replay")


def _round(strategy: str, number: int) -> tuple[str, str]:
    """The row of the paper's table for a round; the first round has nothing to replay and is shared."""
    return _LLAMA, f"{strategy if number else 'replay'} round {number}"


def forgetting_matrix(scored: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Correctness on every batch after every round: `strategy, round, batch, n, reported, stored, rule`, interval."""
    reported = paper.reported().set_index(["system", "setting", "split"])["correct"]
    rows = []
    for strategy in STRATEGIES:
        for number in range(scored["batch"].nunique()):
            for batch in range(number + 1):
                key = (*_round(strategy, number), f"batch {batch}")
                items = items_of_row(scored, *key)
                found = score.interval(items, "correct_rule", study)
                rows.append(
                    {"strategy": strategy, "round": number, "batch": batch, "n": len(items),
                     "reported": reported[key], "stored": 100 * items["correct_stored"].astype(bool).mean(),
                     "rule": found.value, "ci_low": found.low, "ci_high": found.high}
                )  # fmt: skip
    return pd.DataFrame(rows)


def forgetting_table(scored: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Forgetting measures (see `stats.FORGETTING`) with and without replay, and their difference.

    Returns:
        Columns `strategy` ("replay", "no replay", "replay - no replay"), `measure, verdict` ("rule", "stored"),
        `value, ci_low, ci_high, centre, se, df`, in percent or points; of the differences, `detectable, p, p_holm` too
        (a family a verdict).
    """
    rows, level = [], study.statistics.level
    for verdict in ("rule", "stored"):
        runs = [stats.forgetting(_by_round(scored, strategy, f"correct_{verdict}")) for strategy in STRATEGIES]
        gap = {name: [a - b for a, b in zip(arrays, runs[1][name], strict=True)] for name, arrays in runs[0].items()}
        for strategy, parts in zip((*STRATEGIES, " - ".join(STRATEGIES)), (*runs, gap), strict=True):
            tested = parts is gap
            for measure, one in stats.forgetting_estimates(parts, gap=tested, level=level).items():
                row = {"strategy": strategy, "measure": measure, "verdict": verdict, "value": one.value,
                       "ci_low": one.low, "ci_high": one.high, "centre": one.centre, "se": one.se,
                       "df": one.df}  # fmt: skip
                rows.append(row | ({"detectable": one.detectable(level), "p": one.p()} if tested else {}))
    table = pd.DataFrame(rows)
    return table.assign(p_holm=verdicts.holm(table["p"], table["verdict"]))


def _by_round(scored: pd.DataFrame, strategy: str, column: str) -> list[np.ndarray]:
    """One array a batch, shape (tools, rounds): percent right of each tool after each round, nan before."""
    rounds = scored["batch"].nunique()
    arrays = []
    for batch in range(rounds):
        columns = []
        for number in range(rounds):
            items = items_of_row(scored, *_round(strategy, number), f"batch {batch}")
            tools = scored.loc[scored["batch"] == batch, "tool"].drop_duplicates().sort_values()
            share = 100 * items[column].astype(bool).groupby(items["tool"]).mean() if number >= batch else pd.Series()
            columns.append(share.reindex(tools).to_numpy(dtype=float))
        arrays.append(np.stack(columns, axis=1))
    return arrays
