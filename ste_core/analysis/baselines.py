"""Predictors that understand nothing: the marks between which a test set's figures lie.

>>> oracle(items)[0].output                                              # doctest: +SKIP
'Action: current_moment\\nAction Input: {}'

The *gold oracle* must score 100 everywhere, or the scorer is wrong; a *random valid call* shows what luck gives; the
*nearest documentation* names the tool whose documentation shares most words with the query (TF-IDF) and gives no
arguments, which shows what can be had without any language model.
"""

import random
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from ste_core.core import aio
from ste_core.core.config import Study
from ste_core.core.react import Rule, render_call
from ste_core.core.records import Call, Prediction, TestItem, Tool
from ste_core.pipeline import resources
from ste_core.scoring import execution, score

SETTING = "reference"


def oracle(items: Sequence[TestItem]) -> list[Prediction]:
    """The gold call itself."""
    return [_prediction("gold oracle", item, item.gold) for item in items]


def random_call(items: Sequence[TestItem], donors: Sequence[TestItem], *, rng: random.Random) -> list[Prediction]:
    """The gold call of a random item of another set: always valid, hardly ever right."""
    return [_prediction("random valid call", item, rng.choice(donors).gold) for item in items]


def nearest_documentation(items: Sequence[TestItem], tools: Mapping[str, Tool]) -> list[Prediction]:
    """The tool whose documentation is nearest to the query by TF-IDF cosine, without arguments."""
    names = list(tools)
    best = documentation_nearness(items, tools).argmax(axis=1)
    return [
        _prediction("nearest documentation", item, Call(tool=names[number], arguments={}))
        for item, number in zip(items, best, strict=True)
    ]


def documentation_nearness(items: Sequence[TestItem], tools: Mapping[str, Tool]) -> np.ndarray:
    """(items, tools) TF-IDF cosine of each query and each tool's documentation."""
    texts = [tool.documentation().replace("_", " ") for tool in tools.values()]
    vectors = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit(texts)
    return (vectors.transform([item.query for item in items]) @ vectors.transform(texts).T).toarray()


def evaluate(study: Study, rule: Rule = "strict") -> pd.DataFrame:
    """All three on the study's test set: `system, n, metric, value, ci_low, ci_high`, in percent."""
    toolbox, items = resources.toolbox(study), resources.items(study, "test")
    rng = random.Random(int(study.rng("reference").integers(2**32)))
    predictions = [
        *oracle(items),
        *random_call(items, resources.items(study, "dev"), rng=rng),
        *nearest_documentation(items, toolbox.tools),
    ]
    scored = score.score_predictions(predictions, toolbox.tools, string_rule_tools=toolbox.tools, rule=rule)
    scored = aio.run(execution.execute_verdicts(scored, toolbox, execution.gold_results(items)))
    metrics = ("wellformed", "api_match", "api_match_all", "correct_rule", "correct_execution", "task_success")
    rows = []
    for system, group in scored.groupby("system", sort=False):
        for metric in metrics:
            found = score.interval(group, metric, study)
            rows.append(
                {"system": system, "n": len(group), "metric": metric, "value": found.value, "ci_low": found.low,
                 "ci_high": found.high}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _prediction(system: str, item: TestItem, call: Call) -> Prediction:
    return Prediction(
        system=system, setting=SETTING, item=item.item, query=item.query, gold=item.gold,
        output=render_call(call.tool, call.arguments),
    )  # fmt: skip
