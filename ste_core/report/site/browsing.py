"""What the two browsing pages read: explored trials and changed verdicts, as scripts that a page loads when needed.

A page opened from disk may not fetch files, but may load scripts; so each tool's trials are one script that hands a
plain value to the page (`STE.take(...)`). The text of models and tools is data in it, and the page shows it as text.
"""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from ste_core.core.config import Study
from ste_core.core.records import Trial
from ste_core.method import explore
from ste_core.pipeline import explore_run


def script(function: str, value: object) -> str:
    """A script that calls a function of the page with a value; ASCII, so that no reader can mistake its encoding.

    >>> script("take", "</script>é")
    'STE.take("\\\\u003c/script>\\\\u00e9");\\n'
    """
    return f"STE.{function}({json.dumps(value, separators=(',', ':')).replace('<', chr(92) + 'u003c')});\n"


def explorations(study: Study) -> Iterator[tuple[str, int, list[Trial]]]:
    """Variant, seed and trials of every exploration of a study, in the order of the method's variants.

    What the study kept for readers (its first seed), or where it kept nothing, what lies in its exploration folders.

    Raises:
        UserError: a file that is no file of trials.
    """
    order = list(explore.VARIANTS)
    if trials := explore_run.kept(study):
        found = [(one.variant, one.seed) for one in trials]
        for variant, seed in sorted(set(found), key=lambda one: (order.index(one[0]), one[1])):
            yield variant, seed, [one for one in trials if (one.variant, one.seed) == (variant, seed)]
        return
    folders = (study.results / "exploration").glob("*/seed*")
    named = [(path.parent.name, int(path.name[4:])) for path in folders if re.fullmatch(r"seed\d+", path.name)]
    for variant, seed in sorted(
        (one for one in named if one[0] in order), key=lambda one: (order.index(one[0]), one[1])
    ):
        yield variant, seed, list(explore_run.iterate(study, variant, seed))


def trials(records: Sequence[Trial], *, rationale: bool, at: dict[str, object]) -> dict[str, Any]:
    """One tool's trials as the page reads them.

    `lines` has the long-term memory line of each trial, `shown` of a trial the numbers of those that the request for
    its query showed (the newest `memory` of the trials before it that had been tried, see `explore`).
    """
    rows = []
    tried: list[int] = []
    for number, one in enumerate(records):
        row = one.model_dump(mode="json", exclude={"tool", "variant", "seed", "memory"}, exclude_none=True)
        rows.append(row | {"shown": tried[len(tried) - min(one.memory, len(tried)) :]})
        if one.steps:
            tried.append(number)
    return {**at, "lines": [explore.memory_line(one, rationale) for one in records], "trials": rows}


def write_trials(studies: Sequence[tuple[Study, str]], files: dict[str, str]) -> list[dict[str, Any]]:
    """Add a script for each explored tool to `files` (by path in the site); returns the catalogue of them.

    Args:
        studies: each with its title.

    Raises:
        UserError: a file that is no file of trials.
    """
    catalogue = []
    for study, title in studies:
        rationale = study.exploration is not None and study.exploration.rationale
        parts = []
        for variant, seed, records in explorations(study):
            tools = []
            for tool, group in itertools.groupby(sorted(records, key=lambda one: one.tool), key=lambda one: one.tool):
                own = list(group)
                stem = explore_run.trials_file(study, variant, seed, tool).stem
                name = f"data/{study.name}/{variant}/seed{seed}/{stem}.js"
                at: dict[str, object] = {"file": name, "tool": tool}
                files[name] = script("take", trials(own, rationale=rationale, at=at))
                judged = any(one.solved is not None for one in own)
                solved = sum(one.solved is True for one in own) if judged else None
                tools.append({"tool": tool, "file": name, "trials": len(own), "solved": solved})
            if tools:
                parts.append({"variant": variant, "seed": seed, "tools": tools})
        if parts:
            catalogue.append({"study": study.name, "title": title, "parts": parts})
    return catalogue


def changed_verdicts(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The audit's changed verdicts, a row each."""
    columns = ["system", "setting", "api", "judged_by", "query", "gold", "prediction", "identical", "stored", "rule"]
    rows: list[dict[str, Any]] = json.loads(table[columns].to_json(orient="records"))
    return rows
