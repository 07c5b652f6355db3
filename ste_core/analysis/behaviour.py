"""What an agent did in its trials: which arguments it tried, how it met errors, what of earlier results it used.

>>> overcame([False, True, True]), overcame([True, True]), overcame([])
(True, None, None)

Counted on explored trials, for the open questions (`analysis.open_questions`); shares and intervals are made elsewhere.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from pydantic import JsonValue

from ste_core.core.records import TestItem, Tool, Trial


def arguments_covered(trials: Sequence[Trial], tools: Mapping[str, Tool]) -> pd.DataFrame:
    """Which optional arguments a call that ran has had: `variant, seed, tool, argument, covered`, a row each.

    Required ones are left out: they follow from any call that runs.
    """
    rows = []
    for (variant, seed, name), forms in _forms(trials).items():
        known, required = tools[name].arguments, tools[name].required
        used = set().union(*forms)
        for argument in known:
            if argument not in required:
                rows.append((variant, seed, name, argument, argument in used))
    return pd.DataFrame(rows, columns=["variant", "seed", "tool", "argument", "covered"])


def forms_covered(trials: Sequence[Trial], items: Sequence[TestItem]) -> pd.DataFrame:
    """Whether a call that ran has had exactly the arguments (their names) of an item's gold call, for every item of the
    explored tools: `variant, seed, tool, item, covered, any`; `any` says whether any call of the tool ran."""
    rows = []
    for (variant, seed, name), forms in _forms(trials).items():
        for one in items:
            if one.gold.tool == name:
                rows.append((variant, seed, name, one.item, frozenset(one.gold.arguments) in forms, bool(forms)))
    return pd.DataFrame(rows, columns=["variant", "seed", "tool", "item", "covered", "any"])


def _forms(trials: Sequence[Trial]) -> dict[tuple[str, int, str], set[frozenset[str]]]:
    """The sets of argument names of the calls that ran, by variant, seed and tool; empty where none did."""
    found: dict[tuple[str, int, str], set[frozenset[str]]] = {}
    for trial in trials:
        forms = found.setdefault((trial.variant, trial.seed, trial.tool), set())
        forms.update(frozenset(step.call.arguments) for step in trial.steps if step.ok and step.call)
    return found


def overcame(outcomes: Sequence[bool]) -> bool | None:
    """Whether a call ran after a first one that failed; None if the first did not fail, or there is none."""
    return None if not outcomes or outcomes[0] else any(outcomes)


def errors_met(trials: Sequence[Trial], tools: Mapping[str, Tool]) -> pd.DataFrame:
    """Trials whose first call the tool refused, and what it told: `tool, group, right`; `group` says whether the error
    names an argument of the tool, `right` whether a later call ran."""
    rows = []
    for trial in trials:
        calls = [step for step in trial.steps if step.call is not None]
        mended = overcame([bool(step.ok) for step in calls])
        if mended is not None and calls[0].observation is not None:
            named = any(_stands(name, calls[0].observation) for name in tools[trial.tool].arguments)
            rows.append((trial.tool, named, mended))
    return pd.DataFrame(rows, columns=["tool", "group", "right"])


def after_errors(trials: Sequence[Trial]) -> pd.DataFrame:
    """The trials that follow one of the same episode in which the tool refused a call: `variant, tool, first_ran`."""
    rows, met = [], set()
    for trial in sorted(trials, key=lambda one: (one.variant, one.seed, one.tool, one.episode, one.trial)):
        episode = (trial.variant, trial.seed, trial.tool, trial.episode)
        outcomes = [step.ok for step in trial.steps if step.call is not None]
        if episode in met:
            rows.append((trial.variant, trial.tool, bool(outcomes and outcomes[0] and trial.steps[0].call)))
        if False in outcomes:
            met.add(episode)
    return pd.DataFrame(rows, columns=["variant", "tool", "first_ran"])


def uses_earlier(trial: Trial, tool: Tool) -> str | None:
    """Where a call that ran has a value from that stands only in what an earlier call of the trial gave back.

    Values are texts of three characters or more and numbers of two digits or more, that stand in neither the query, the
    documentation nor an earlier call.

    Returns:
        "result" or "error", whichever held the value; None if no call does.
    """
    known, told = [trial.query, tool.documentation()], {"result": [], "error": []}
    found = None
    for step in trial.steps:
        values = [] if step.call is None else list(_values(step.call.arguments))
        if step.ok:
            for value in values:
                if not any(_stands(value, text) for text in known):
                    held = next((kind for kind, texts in told.items() if any(_stands(value, one) for one in texts)), "")
                    found = "result" if "result" in (found, held) else held or found
        known += values
        if step.call is not None and step.observation is not None:
            told["result" if step.ok else "error"].append(step.observation)
    return found


def gives_reason(reflection: str) -> bool:
    """Whether a reflection is a verdict, Yes or No, with words after it.

    >>> [gives_reason(one) for one in ("No. It gave no time.", "Yes", "yes!", "Final Answer: It is ten.")]
    [True, False, False, False]
    """
    return bool(re.match(r"\W*(yes|no)\b\W*\w", reflection, re.IGNORECASE))


def _values(value: JsonValue) -> Iterator[str]:
    """The texts and numbers in a value that are long enough to be told from chance."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _values(one)
    elif isinstance(value, str) and len(value.strip()) > 2:
        yield value.strip()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        shown = str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)
        if sum(one.isdigit() for one in shown) > 1:
            yield shown


def _stands(value: str, text: str) -> bool:
    """Whether a value stands in a text as a word or number of its own, whatever its case.

    >>> _stands("17", "17.8 or 217"), _stands("oslo", "Weather of Oslo."), _stands("17", "in 17.")
    (False, True, True)
    """
    return bool(re.search(rf"(?<!\w)(?<!\d\.){re.escape(value)}(?!\w)(?!\.\d)", text, re.IGNORECASE))
