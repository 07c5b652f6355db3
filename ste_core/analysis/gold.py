"""The tables of a study of gold examples: what each learner gets right, and what separates settings and decodings.

>>> rows = gold_outcomes(study)                                               # doctest: +SKIP
>>> setting_table(rows, study)                                                    # doctest: +SKIP
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from ste_core.analysis import compare
from ste_core.core import aio, store
from ste_core.core.config import Study
from ste_core.core.records import Prediction
from ste_core.pipeline import gold_run, resources
from ste_core.scoring import execution, score, verdicts

#: what tables show, by the verdict it is made of
VERDICT_OF_METRIC = {"tool_selection": "api_match", "execution": "correct_execution"}

#: contrasts of settings, in the same decoding
CONTRASTS = (("ICL", "baseline"), ("FT", "baseline"), ("FT", "ICL"))


def gold_outcomes(study: Study) -> pd.DataFrame:
    """A row an answer: `model, setting, decoding, seed, tool, item`, and a column of booleans for each verdict."""
    return pd.concat(list(_outcomes(study)), ignore_index=True)


def _outcomes(study: Study) -> Iterator[pd.DataFrame]:
    toolbox = resources.toolbox(study)
    for learner in gold_run.section(study).learners:
        for setting, decoding in gold_run.conditions(study):
            results = execution.gold_results(gold_run.gold_items(study, setting))
            for seed in gold_run.seeds(study, setting):
                path = gold_run.place(study, learner, setting, decoding, seed)
                predictions = store.read_jsonl(path, Prediction)
                rows = score.score_predictions(
                    predictions, toolbox.tools, string_rule_tools=toolbox.tools, rule="strict"
                )
                rows = aio.run(execution.execute_verdicts(rows, toolbox, results))
                about = {"model": learner, "setting": setting, "decoding": decoding, "seed": seed}
                kept = rows[["tool", "item", "wellformed", *VERDICT_OF_METRIC.values()]].astype(
                    {verdict: bool for verdict in ("wellformed", *VERDICT_OF_METRIC.values())}
                )
                yield kept.assign(**about)


def setting_table(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """`model, setting, decoding, metric, n, seeds, value, ci_low, ci_high`, percent; and the reference lines."""
    found: list[dict[str, Any]] = []
    for (model, setting, decoding), group in rows.groupby(["model", "setting", "decoding"], sort=False):
        for metric, verdict in VERDICT_OF_METRIC.items():
            by = ["tool", "seed"] if group["seed"].nunique() > 1 else "tool"
            counts = group.groupby(by)[verdict].agg(["sum", "size"])
            interval = score.share(counts["sum"], counts["size"], study)
            found.append(
                {"model": model, "setting": setting, "decoding": decoding, "metric": metric, "n": len(group),
                 "seeds": group["seed"].nunique(), "value": interval.value, "ci_low": interval.low,
                 "ci_high": interval.high}
            )  # fmt: skip
    return pd.concat([pd.DataFrame(found), references(study)], ignore_index=True)


def references(study: Study) -> pd.DataFrame:
    """Tool selection without a language model, among the same candidates: by TF-IDF, and by chance."""
    found = []
    settings = dict.fromkeys(
        setting for setting, _ in gold_run.conditions(study) if gold_run.FORMS[setting] == "baseline"
    )
    for setting in settings:
        items, shown = gold_run.gold_items(study, setting), gold_run.shown_tools(study, setting)
        right = nearest(study, setting)
        counts = pd.DataFrame({"tool": [one.gold.tool for one in items], "right": right}).groupby("tool")["right"]
        interval = score.share(counts.sum(), counts.size(), study)
        chance = 100 * float(np.mean([1 / len(names) for names in shown]))
        for model, value, low, high in (
            ("TF-IDF", interval.value, interval.low, interval.high), ("chance", chance, chance, chance),
        ):  # fmt: skip
            found.append(
                {"model": model, "setting": setting, "decoding": "none", "metric": "tool_selection", "n": len(items),
                 "seeds": 1, "value": value, "ci_low": low, "ci_high": high}
            )  # fmt: skip
    return pd.DataFrame(found)


def nearest(study: Study, setting: gold_run.GoldSetting) -> list[bool]:
    """Whether the candidate whose documentation shares most words with the query is the right one, of each item."""
    tools = resources.listing(study).tools
    names = list(tools)
    texts = [tools[name].documentation().replace("_", " ") for name in names]
    items = gold_run.gold_items(study, setting)
    vectors = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit(texts)
    nearness = (vectors.transform([one.query for one in items]) @ vectors.transform(texts).T).toarray()
    return [
        max(shown, key=lambda name: row[names.index(name)]) == item.gold.tool
        for item, shown, row in zip(items, gold_run.shown_tools(study, setting), nearness, strict=True)
    ]


def setting_differences(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Paired differences on the same items: of settings in one decoding, and of decodings in one setting.

    Returns:
        `model, decoding, contrast, metric, n, difference, ci_low, ci_high, p, detectable, p_holm, verdict`, points;
        Holm's correction over the whole table, the verdict by `scoring.verdicts`.
    """
    found = []
    for model, own in rows.groupby("model", sort=False):
        parts = {key: part for key, part in own.groupby(["setting", "decoding"], sort=False)}
        pairs = [
            ((a, decoding), (b, decoding), f"{a} - {b}", decoding)
            for (a, b), decoding in itertools.product(CONTRASTS, gold_run.section(study).decodings)
        ]
        pairs += [
            ((setting, "free"), (setting, "constrained"), f"{setting}: free - constrained", "both")
            for setting in dict.fromkeys(setting for setting, _ in parts)
        ]
        for first, second, contrast, decoding in pairs:
            if first not in parts or second not in parts:
                continue
            for metric, verdict in VERDICT_OF_METRIC.items():
                about = {"model": model, "decoding": decoding, "contrast": contrast, "metric": metric}
                found.append(about | _difference(parts[first], parts[second], verdict, study))
    table = pd.DataFrame(found)
    table = table.assign(p_holm=verdicts.holm(table["p"]))
    words = [verdicts.contrast(row.difference, row.p_holm, study.statistics.level) for row in table.itertuples()]
    return table.assign(verdict=words)


def _difference(a: pd.DataFrame, b: pd.DataFrame, verdict: str, study: Study) -> dict[str, Any]:
    """Paired by tool and item, and by seed where both sides have several."""
    several = all(part["seed"].nunique() > 1 for part in (a, b))
    pairs, test = compare.paired_verdicts(a, b, study, verdict, by_seed=several)
    return {"n": pairs, "difference": test.value, "ci_low": test.low, "ci_high": test.high, "p": test.p(),
            "detectable": test.detectable(study.statistics.level)}  # fmt: skip
