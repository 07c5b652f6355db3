"""Marks between which the audit's figures lie: what can be had without a language model, and by gold itself.

>>> marks(release, study)                                                # doctest: +SKIP

On the released test set: *chance* names one of the 15 documented candidates at random (the expected share, without
arguments); *TF-IDF* names the candidate whose documentation shares most words with the query, and gives no arguments;
the *oracle* gives the gold call. Candidates are those that open models were shown, the 15 nearest APIs with the right
one among them (`api2neighbors.json`), or all 50 as for GPT. Correct is by the string rule for every API: no judge is
asked.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from ste_core.core.config import Study
from ste_core.core.react import render_call
from ste_core.core.records import Prediction
from ste_core.release import paper
from ste_core.release.paper import Release
from ste_core.scoring import score

SETTING = "reference"


def marks(release: Release, study: Study) -> pd.DataFrame:
    """Of every reference, API match over all items and correctness by the string rule.

    Returns:
        `system, candidates` (15 or 50), `metric` ("api_match_all", "correct_string"), `n, k, value, ci_low, ci_high`; k
        is an expectation for chance, which has no interval. No rows where the copy lacks the documentation.
    """
    columns = ["system", "candidates", "metric", "n", "k", "value", "ci_low", "ci_high"]
    if not (release.has(paper.DOCUMENTATION) and release.has(paper.NEIGHBOURS)):
        return pd.DataFrame(columns=columns)
    rows = []
    for system, candidates, predictions in _references(release):
        scored = score.score_predictions(predictions, release.apis(), string_rule_tools=release.apis())
        for metric in ("api_match_all", "correct_string"):
            counts, found = score.counts(scored, metric), score.interval(scored, metric, study)
            rows.append(
                (system, candidates, metric, len(scored), int(counts["k"].sum()), found.value, found.low, found.high)
            )
    gold = release.items()
    empty = np.mean([not one.gold.arguments for one in gold])
    for candidates in (15, 50):
        for metric, right in (("api_match_all", 1.0), ("correct_string", float(empty))):
            share = right / candidates
            rows.append(
                ("chance, no arguments", candidates, metric, len(gold), share * len(gold), 100 * share, None, None)
            )
    return pd.DataFrame(rows, columns=columns)


def _references(release: Release) -> Iterator[tuple[str, int, list[Prediction]]]:
    gold, apis = release.items(), release.apis()
    described = release.read(paper.DOCUMENTATION) if release.has(paper.DOCUMENTATION) else {}
    neighbours = release.read(paper.NEIGHBOURS) if release.has(paper.NEIGHBOURS) else dict.fromkeys(apis, apis)
    texts = [_words(api, described.get(api, "")) for api in apis]
    vectors = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit(texts)
    nearness = (vectors.transform([one.query for one in gold]) @ vectors.transform(texts).T).toarray()
    near = {api: [apis.index(one) for one in names if one in apis] for api, names in neighbours.items()}
    for candidates in (15, 50):
        answers = []
        for one, row in zip(gold, nearness, strict=True):
            among = near[one.gold.tool] if candidates == 15 else range(len(apis))
            best = max(among, key=lambda number, row=row: (row[number], -number))
            answers.append(one.model_copy(update={"output": render_call(apis[best], {})}))
        yield "TF-IDF, no arguments", candidates, answers
    yield (
        "oracle",
        50,
        [one.model_copy(update={"output": render_call(one.gold.tool, one.gold.arguments)}) for one in gold],
    )


def _words(api: str, description: object) -> str:
    return f"{api} {description}".replace("_", " ").replace("%%", " ")


def as_csv(release: Release, path: Path) -> Path:
    """The answers of TF-IDF among 15 candidates as a file for `ste score`: query, gold and output.

    Where the copy lacks the documentation or the candidates, names and all APIs stand in for them.
    """
    answers = next(predictions for _, candidates, predictions in _references(release) if candidates == 15)
    rows = [
        (
            one.query,
            json.dumps({"name": one.gold.tool, "arguments": one.gold.arguments}, ensure_ascii=False),
            one.output,
        )
        for one in answers
    ]
    pd.DataFrame(rows, columns=["query", "gold", "output"]).to_csv(path, index=False)
    return path
