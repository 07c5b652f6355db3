"""Anyone's predictions, scored: under each rule, with intervals, and paired with any system of the audit.

>>> predictions = read_predictions(Path("mine.csv"), test_set)                       # doctest: +SKIP
>>> report = score_table(judged(predictions), study)                           # doctest: +SKIP

Three formats are read: the release's (`{api: [item, ...]}`), ours (JSON Lines of `records.Prediction`), and CSV with
the columns `query`, `gold` and `output`: gold is a call as JSON, `{"name": TOOL, "arguments": {...}}`, output what the
system wrote, `Action: ...` and `Action Input: {...}`. Items are known again in a test set by their query, or else
numbered in the order of the file.

No judge is asked. Correctness is by the string rule for every tool (`correct_string`): where the release asks a model,
it is stricter than the paper's figure, and the same for all who are compared. Stored verdicts are used where a file has
them (`correct_rule`).
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from ste_core.core import react, store
from ste_core.core.config import Study, project_root
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Prediction
from ste_core.release import audit, paper
from ste_core.scoring import score, stats, tidy, verdicts

#: where a file does not say so
SETTING = "own"

#: (tool, item) by query
TestSet = Mapping[str, tuple[str, int]]

FILE_METRICS = {
    "wellformed": "well-formed",
    "api_match_all": "right API, of all items",
    "api_match": "right API, of well-formed calls",
    "identical": "identical to gold",
    "correct_string": "correct, string rule for every API",
    "correct_rule": "correct, with the verdicts stored in the file",
}

#: how replies are read -> what that forgives
RULES: dict[react.Rule, str] = {
    "released": "as released: unknown names are mapped to the closest API",
    "strict": "strictly: one call, one JSON object, an API's very name",
}


# --- reading ----------------------------------------------------------------------------------------------------------


def read_predictions(path: Path, test_set: TestSet | None = None, *, name: str | None = None) -> list[Prediction]:
    """The predictions in a file.

    Args:
        test_set: where items are looked up by their query; see `test_set_of`.
        name: the system's name; default the file's, without its ending (a file of ours has its own).

    Raises:
        UserError: the file is not there, of no known format, or an item lacks something; in one line that names it.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    kind, system = path.suffix.lower(), name or path.stem
    if kind == ".json":
        found = list(paper.parse_predictions(store.read_json(path), system=system, setting=SETTING, shown=str(path)))
    elif kind == ".jsonl":
        found = [one if name is None else one.model_copy(update={"system": name}) for one in _records(path)]
    elif kind == ".csv":
        found = _from_csv(path, system, test_set or {})
    else:
        raise UserError(f"{path}: unknown format; .json (the release's), .jsonl (ours) or .csv (query, gold, output)")
    if not found:
        raise UserError(f"{path}: holds no prediction")
    twice = [key for key, count in Counter((one.system, one.setting, one.gold.tool, one.item) for one in found).items()
             if count > 1]  # fmt: skip
    if twice:
        raise UserError(f"{path}: item {twice[0][3]} of '{twice[0][2]}' stands there twice")
    return found


def _records(path: Path) -> list[Prediction]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # `splitlines` would cut at characters that texts may hold
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save the file as such") from None
    rows = []
    for number, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        try:
            rows.append(Prediction.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "line"
            raise UserError(f"{path}: line {number}: {where}: {first['msg']}") from None
    return rows


def _from_csv(path: Path, system: str, test_set: TestSet) -> list[Prediction]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV file ({' '.join(str(error).split())})") from None
    for column in ("query", "gold", "output"):
        if column not in table:
            raise UserError(f"{path}: no column '{column}' (there are: {', '.join(table.columns)})")
    found: list[Prediction] = []
    numbers: Counter[str] = Counter()
    for line, row in enumerate(table.to_dict("records"), 2):
        call = _gold(row["gold"], f"{path}: line {line}: gold")
        known = test_set.get(row["query"])
        if known is not None and known[0] == call.tool:
            item = known[1]
        else:
            item = int(row["item"]) if row.get("item", "").isdigit() else numbers[call.tool]
            numbers[call.tool] += 1
        found.append(
            Prediction(system=system, setting=SETTING, item=item, query=row["query"], gold=call, output=row["output"])
        )
    return found


def _gold(text: str, where: str) -> Call:
    try:
        value = json.loads(text)
        tool = value.get("name") or value.get("tool") or value["action"]
        arguments = next(value[key] for key in ("arguments", "parameters", "action_input") if key in value)
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
        return Call(tool=tool, arguments=arguments)
    except (ValueError, KeyError, AttributeError, TypeError, StopIteration, RecursionError):
        raise UserError(f'{where}: expected a call as JSON, {{"name": TOOL, "arguments": {{...}}}}') from None


def test_set_of(release: paper.Release) -> dict[str, tuple[str, int]]:
    """The released test set by query; queries that stand there twice are left out."""
    found: dict[str, tuple[str, int]] = {}
    twice = set()
    for one in release.items():
        if one.query in found:
            twice.add(one.query)
        found[one.query] = (one.gold.tool, one.item)
    return {query: place for query, place in found.items() if query not in twice}


def extras(study: Study, release: paper.Release) -> list[list[Prediction]]:
    """The predictions that a study file names under `audit: extra`, a list a file.

    Raises:
        UserError: a file cannot be read, or holds items that the released test set has not.
    """
    if study.audit is None or not study.audit.extra:
        return []
    places, found = test_set_of(release), []
    asked = {(one.gold.tool, one.query) for one in release.items()}
    for name, path in study.audit.extra.items():
        predictions = read_predictions(project_root() / path, places, name=name)
        strangers = [one for one in predictions if (one.gold.tool, one.query) not in asked]
        if strangers:
            raise UserError(f"audit.extra.{name}: '{strangers[0].query[:60]}' is no item of the released test set")
        found.append(predictions)
    return found


# --- scoring ----------------------------------------------------------------------------------------------------------


def judged(predictions: Sequence[Prediction], rule: react.Rule = "released") -> pd.DataFrame:
    """Rows of `score.score_predictions`; the tools are those of the gold calls, as in the release."""
    names = list(dict.fromkeys(one.gold.tool for one in predictions))
    return score.score_predictions(predictions, names, string_rule_tools=paper.STRING_RULE_APIS, rule=rule)


def score_table(predictions: Sequence[Prediction], study: Study) -> pd.DataFrame:
    """Every metric under each rule: `system, setting, rule, metric, n, k, value, ci_low, ci_high`, percent."""
    rows: list[dict[str, Any]] = []
    for rule in RULES:
        scored = judged(predictions, rule)
        for (system, setting), items in scored.groupby(["system", "setting"], sort=False):
            for metric in FILE_METRICS:
                if metric == "correct_rule" and items["correct_stored"].isna().any():
                    continue
                counts, found = score.counts(items, metric), score.interval(items, metric, study)
                rows.append(
                    {"system": system, "setting": setting, "rule": rule, "metric": metric, "n": int(counts["n"].sum()),
                     "k": int(counts["k"].sum()), "value": found.value, "ci_low": found.low, "ci_high": found.high}
                )  # fmt: skip
    return pd.DataFrame(rows)


def against_system(own: pd.DataFrame, other: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Paired differences, own less other, on the items that both have: same tool, number, query and gold.

    Args:
        own, other: rows of `judged`, or of `audit.score_release`; any number of systems each.

    Returns:
        `system_a, setting_a, system_b, setting_b, metric, n, difference, ci_low, ci_high, detectable, p, p_holm,
        verdict` ("higher", "lower", "inconclusive"); Holm's correction is over the table.

    Raises:
        UserError: two systems have no item in common.
    """
    rows: list[dict[str, Any]] = []
    for (system_a, setting_a), a in own.groupby(["system", "setting"], sort=False):
        for (system_b, setting_b), b in other.groupby(["system", "setting"], sort=False):
            both = a.merge(b, on=["tool", "item"], suffixes=("_a", "_b"))
            same = [x == y for x, y in zip(both["gold_a"], both["gold_b"], strict=True)]
            both = both[(both["query_a"] == both["query_b"]).to_numpy() & np.array(same, dtype=bool)]
            if both.empty:
                raise UserError(f"{system_a}: has no item in common with {system_b}, {setting_b}")
            for metric in ("wellformed", "api_match", "correct_string"):
                found = stats.difference(
                    both[f"{metric}_a"], both[f"{metric}_b"], both["tool"].tolist(), level=study.statistics.level
                )
                rows.append(
                    {"system_a": system_a, "setting_a": setting_a, "system_b": system_b, "setting_b": setting_b,
                     "metric": "api_match_all" if metric == "api_match" else metric, "n": len(both),
                     "difference": found.value, "ci_low": found.low, "ci_high": found.high,
                     "detectable": found.detectable(study.statistics.level), "p": found.p()}
                )  # fmt: skip
    made = pd.DataFrame(rows)
    made["p_holm"] = verdicts.holm(made["p"])
    made["verdict"] = [
        verdicts.contrast(row.difference, row.p_holm, study.statistics.level) for row in made.itertuples()
    ]
    return made


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """The scores of some files, and their comparison with systems of the audit (None without any)."""

    scores: pd.DataFrame
    compared: pd.DataFrame | None

    def text(self) -> str:
        """Both as people read them."""
        parts = []
        for (system, setting, rule), own in self.scores.groupby(["system", "setting", "rule"], sort=False):
            shown = tidy.readable(
                own.assign(metric=own["metric"].map(FILE_METRICS))[["metric", "n", "k", "value", "ci_low", "ci_high"]]
            )
            parts.append(f"{system}, {setting}; read {RULES[rule]}\n{_left(shown)}")
        if self.compared is not None:
            own = self.compared
            pairs = own["system_a"] + " - " + own["system_b"] + ", " + own["setting_b"]
            shown = own.assign(comparison=pairs, metric=own["metric"].map(FILE_METRICS).fillna(own["metric"]))
            columns = [
                "comparison",
                "metric",
                "n",
                "difference",
                "ci_low",
                "ci_high",
                "detectable",
                "p_holm",
                "verdict",
            ]
            head = "paired on the same items, points; detectable: the difference found with 80 % power"
            parts.append(f"{head}\n{_left(tidy.readable(shown[columns]))}")
        return "\n\n".join(parts)


def score_report(
    files: Sequence[Path], study: Study, release: paper.Release | None, *, against: Sequence[str] = (),
    name: str | None = None,
) -> ScoreReport:  # fmt: skip
    """What `ste score` says of some files.

    Args:
        release: the authors' release, whose test set knows items by their query; needed for `against`.
        against: systems of the audit, "SYSTEM/SETTING", or "all".

    Raises:
        UserError: a file cannot be read, or a system is not in the audit.
    """
    test_set = None if release is None else test_set_of(release)
    own, seen = [], set()
    for path in files:
        found = read_predictions(path, test_set, name=name)
        systems = {(one.system, one.setting) for one in found}
        if systems & seen:  # two files of one system are distinguished by their names
            found = [one.model_copy(update={"system": f"{one.system} ({path.stem})"}) for one in found]
        seen |= systems
        own += found
    compared = None
    if release is not None and against:
        names = _systems(release, against)
        others = audit.score_release(release, names)
        compared = against_system(judged(own), others, study)
    return ScoreReport(score_table(own, study), compared)


def _systems(release: paper.Release, wanted: Sequence[str]) -> list[str]:
    """The prediction files of systems that are named as "SYSTEM/SETTING"."""
    known = {"/".join(paper.FILES[name]): name for name in release.files()}
    if "all" in wanted:
        return list(known.values())
    for one in wanted:
        if one not in known:
            raise UserError(f"--against {one}: no such system here; there are: {', '.join(known)}")
    return [known[one] for one in wanted]


def _left(frame: pd.DataFrame) -> str:
    """Text in columns, to the left."""
    cells = [list(frame.columns), *frame.itertuples(index=False, name=None)]
    widths = [max(len(str(row[column])) for row in cells) for column in range(len(frame.columns))]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def write_scores(folder: Path, scores: pd.DataFrame, compared: pd.DataFrame | None = None) -> list[Path]:
    """Write the tables as CSV, LaTeX and Markdown; returns the CSV files."""
    written = []
    for name, frame, caption in (
        ("scores", scores, "Scores under each rule, percent (95 % interval over tools)."),
        ("compared", compared, "Paired differences on the same items, points (95 % interval over tools)."),
    ):
        if frame is not None:
            store.write_table(frame, folder / f"{name}.csv", decimals=6)
            tidy.export(frame, folder / name, caption=caption)
            written.append(folder / f"{name}.csv")
    return written
