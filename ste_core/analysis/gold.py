"""The answers of a study of gold examples, judged; its tables are made as those of any study's learners.

>>> rows = gold_outcomes(study)                                               # doctest: +SKIP
>>> learners.setting_table(rows, study)                                       # doctest: +SKIP
"""

from collections.abc import Iterator

import pandas as pd

from ste_core.analysis.learners import VERDICT_OF_METRIC, reference_rows
from ste_core.core import aio, store
from ste_core.core.config import Study
from ste_core.core.records import Prediction
from ste_core.pipeline import gold_run, resources
from ste_core.scoring import execution, score


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


def gold_references(study: Study) -> pd.DataFrame:
    """What needs no language model, for few candidates and, if the study asks for it, for many."""
    settings = dict.fromkeys(
        setting for setting, _ in gold_run.conditions(study) if gold_run.FORMS[setting] == "baseline"
    )
    rows = [
        reference_rows(setting, gold_run.gold_items(study, setting), gold_run.shown_tools(study, setting), study)
        for setting in settings
    ]
    return pd.concat(rows, ignore_index=True)
