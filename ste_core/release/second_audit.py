"""A second audit, as an example of use: a public run of STE by others, its reported successes counted again.

>>> rows = calls(find())                                                 # doctest: +SKIP
>>> model_measures(rows, study)                                                 # doctest: +SKIP

The repository `MatteBelle/STE-model-calling` (MIT licence) ran STE with Llama-3.1-8B on metrics for language output and
compared the model before and after fine-tuning on 167 queries. Its file of results is downloaded from there at a pinned
commit and checked against its git blob id, or named by `STE_SECOND_AUDIT`; none of it stands in this project. A query
counts as a success there if the conversation ended in a final answer; here, if every call of the first turn ran.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ste_core.core import store
from ste_core.core.config import Study
from ste_core.core.errors import DataUnavailable, UserError
from ste_core.release import paper
from ste_core.scoring import score, stats, verdicts

REPOSITORY = "MatteBelle/STE-model-calling"
COMMIT = "d0c35cdab29d63ba96e60bb90c22b1eef2cfa69f"
PATH = "STE/test_compare/outputs/comparison_results_20250308-210702.json"
BLOB = "2867d3807ca3707868cb03c4fe8acc61ed8f7fe6"
URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}/"

#: the file's two models, and what they are
MODELS = {"base_model": "Llama-3.1-8B-Instruct", "finetuned_model": "the same, fine-tuned with STE"}

MODEL_MEASURES = {
    "reported": "reported as solved: the conversation ended in a final answer",
    "first_turn": "every call of the first turn ran, and there was one",
    "last_turn": "every call of the last turn ran, and there was one",
    "any": "some call of the first turn ran",
}

_ASKED = re.compile(r'follow "Action:" are: ([^\n]*)')


def find() -> Path:
    """The file of results: `$STE_SECOND_AUDIT`, else the user's cache, filled by download.

    Raises:
        UserError: the named file is not there, or another.
        DataUnavailable: nothing was named, and the download failed.
    """
    named = os.environ.get("STE_SECOND_AUDIT")
    if named:
        path = Path(named)
        if not path.is_file():
            raise UserError(f"STE_SECOND_AUDIT: {named}: no such file")
        if paper.git_blob(path.read_bytes()) != BLOB:
            raise UserError(f"STE_SECOND_AUDIT: {named}: is not {PATH} at {COMMIT[:12]} (another git blob id)")
        return path
    import pooch  # imported here: most runs never download

    folder = Path(pooch.os_cache("ste-study")) / COMMIT
    path = folder / PATH
    if path.is_file() and paper.git_blob(path.read_bytes()) == BLOB:
        return path
    base = os.environ.get("STE_SECOND_AUDIT_URL", URL)
    pooch.get_logger().setLevel("ERROR")
    path.unlink(missing_ok=True)
    try:
        pooch.create(path=folder, base_url=base, registry={PATH: None}).fetch(PATH)
    except Exception as error:  # pooch passes on whatever requests raises
        raise DataUnavailable(
            f"{PATH}: not here and not to be downloaded from {base} ({type(error).__name__}); "
            "name a copy of it by STE_SECOND_AUDIT"
        ) from error
    if paper.git_blob(path.read_bytes()) != BLOB:
        path.unlink()
        raise DataUnavailable(f"{PATH}: downloaded from {base}, but another file than at {COMMIT[:12]}")
    return path


def calls(path: Path) -> pd.DataFrame:
    """A row a model and query: `model, query` (its number), `asked` (the metrics it may call), `calls, ran` (of the
    first turn), `turns`, and the measures of `MODEL_MEASURES`, 1 or 0.

    Raises:
        UserError: the file does not hold what is expected.
    """
    value = store.read_json(path, shown=PATH)
    rows = []
    try:
        for side, model in MODELS.items():
            for number, item in enumerate(value[side]["queries"]):
                ran = [[bool(call[1]) for call in _calls(turn)] for turn in item["turns"]]
                found = _ASKED.search(item["query"])
                rows.append(
                    {"model": model, "query": number, "asked": found[1].strip() if found else "", "calls": len(ran[0]),
                     "ran": sum(ran[0]), "turns": len(ran), "reported": int(item["success"]),
                     "first_turn": int(bool(ran[0]) and all(ran[0])),
                     "last_turn": int(bool(ran[-1]) and all(ran[-1])), "any": int(any(ran[0]))}
                )  # fmt: skip
    except (KeyError, TypeError, IndexError) as error:
        raise UserError(f"{PATH}: not the results that are expected ({type(error).__name__}: {error})") from None
    return pd.DataFrame(rows)


def _calls(turn: dict[str, Any]) -> Iterator[list[Any]]:
    """The calls of a turn, as (what came back, whether it ran); other lines are the program's own words."""
    return (one for one in turn["evaluation_results"] if isinstance(one, list))


def model_measures(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Each measure of each model: `model, measure, n, k, value, ci_low, ci_high`; queries for the same metrics are a
    cluster."""
    found = []
    for model, own in rows.groupby("model", sort=False):
        for measure in MODEL_MEASURES:
            group = own.groupby("asked")[measure]
            one = score.share(group.sum(), group.size(), study)
            found.append((model, measure, len(own), int(own[measure].sum()), one.value, one.low, one.high))
    return pd.DataFrame(found, columns=["model", "measure", "n", "k", "value", "ci_low", "ci_high"])


def fine_tuned_less_base(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Fine-tuned less base on the same queries: `measure, n, difference, ci_low, ci_high, detectable, p, p_holm,
    verdict`.

    The reported figure has no test: it says nothing about the calls.
    """
    base, tuned = (rows[rows["model"] == model].set_index("query") for model in MODELS.values())
    found = []
    for measure in ("first_turn", "last_turn", "any"):
        one = stats.difference(tuned[measure], base[measure], base["asked"].tolist(), level=study.statistics.level)
        found.append(
            (measure, len(base), one.value, one.low, one.high, one.detectable(study.statistics.level), one.p())
        )
    table = pd.DataFrame(found, columns=["measure", "n", "difference", "ci_low", "ci_high", "detectable", "p"])
    table["p_holm"] = verdicts.holm(table["p"])
    return table.assign(verdict=[verdicts.contrast(row.difference, row.p_holm) for row in table.itertuples()])
