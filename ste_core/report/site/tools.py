"""What is known of each tool of a study, for the page that has them all: documentation, trials, errors, accuracy.

>>> tool_rows(load("full"))[0]["name"]                                   # doctest: +SKIP
'active_warnings'
"""

import json
from collections import Counter, defaultdict
from typing import Any
from urllib.parse import urlencode

from ste_core.core import store
from ste_core.core.config import Study, load
from ste_core.core.errors import UserError
from ste_core.core.records import Trial
from ste_core.pipeline import resources
from ste_core.pipeline.stages import FULL
from ste_core.report.site import browsing
from ste_core.scoring import score

#: so many errors, and calls that ran, of a tool are shown
SHOWN = 3


def tool_rows(study: Study) -> list[dict[str, Any]]:
    """A row a tool that the study has or has explored: `name, documentation, family, convention, accuracy, trials, ran,
    errors, calls, link`; empty where nothing is known. Texts are those of tools and models.

    Raises:
        UserError: a file that is no file of trials.
    """
    first = next(((seed, records) for variant, seed, records in browsing.explorations(study) if variant == FULL), None)
    seed, records = first or (None, [])
    if not records:
        return []
    explored: dict[str, list[Trial]] = defaultdict(list)
    for trial in records:
        explored[trial.tool].append(trial)
    try:
        listed = {name: tool.documentation() for name, tool in resources.listing(study).tools.items()}
    except UserError:  # a server of tools that is not there now
        listed = {}
    conventions, (accuracy, families) = _conventions(), _accuracy(study)
    rows = []
    for name in sorted({*listed, *explored}):
        trials = explored.get(name, [])
        address = {"study": study.name, "variant": FULL, "seed": seed, "tool": name, "show": "all"}
        rows.append(
            {"name": name, "documentation": listed.get(name, ""), "family": families.get(name, ""),
             "convention": conventions.get(name, ""), "accuracy": accuracy.get(name, []), "trials": len(trials),
             "ran": sum(any(step.ok for step in trial.steps) for trial in trials), "errors": _errors(trials),
             "calls": _calls(trials), "link": f"trajectories.html#{urlencode(address)}" if trials else ""}
        )  # fmt: skip
    return rows


def _conventions() -> dict[str, str]:
    """What the documentation of the microworld's tools leaves out, if that study is here."""
    try:
        path = load("microworld").tables / "properties.csv"
    except UserError:
        return {}
    if not path.is_file():
        return {}
    known = store.read_table(path).dropna(subset="convention")
    return dict(zip(known["tool"], known["convention"], strict=True))


def _accuracy(study: Study) -> tuple[dict[str, list[tuple[str, float, float]]], dict[str, str]]:
    """Of each tool its settings with tool selection and what verdicts rest on, percent; and its family."""
    path = study.tables / "embedded_tools.csv"
    if not path.is_file():
        return {}, {}
    table = store.read_table(path)
    right = score.right(table.columns)
    found = defaultdict(list)
    for row in table.itertuples():
        found[row.tool].append((row.setting, row.api_match_all, getattr(row, right)))
    return dict(found), dict(zip(table["tool"], table["family"], strict=True))


def _errors(trials: list[Trial]) -> list[tuple[str, int]]:
    said = Counter(
        (step.observation or "").partition("\n")[0]
        for trial in trials
        for step in trial.steps
        if step.ok is False and step.observation
    )
    return said.most_common(SHOWN)


def _calls(trials: list[Trial]) -> list[tuple[str, str]]:
    """The newest calls that ran, each with the request it was made for; of one call the newest."""
    found: dict[str, str] = {}
    for trial in reversed(trials):
        for step in trial.steps:
            if step.ok and step.call is not None:
                found.setdefault(json.dumps(step.call.arguments, ensure_ascii=False), trial.query)
    return [(query, call) for call, query in found.items()][:SHOWN]
