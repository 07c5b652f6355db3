"""What form experience should take: execution accuracy by form, budget and learner, and what each form conveys.

>>> rows = form_outcomes(study)                                              # doctest: +SKIP
>>> form_table(rows, study)                                                  # doctest: +SKIP
>>> form_differences(rows, study)                                            # doctest: +SKIP

All forms answer the same items; in-context forms may add equally many tokens to a prompt. Differences are paired item
by item, each form against the baseline (no experience) and against demonstrations at the same budget, the paper's form.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from ste_core.analysis import compare
from ste_core.analysis.compare import DIFFERENCE
from ste_core.core import store
from ste_core.core.config import FormName, Study
from ste_core.core.errors import UserError
from ste_core.core.records import Prediction, Tool
from ste_core.method import forms
from ste_core.method.forms import Shown
from ste_core.method.notes import Note
from ste_core.pipeline import archive, forms_run, resources, stages
from ste_core.pipeline.stages import FULL, NO_VARIANT
from ste_core.scoring import error_types, execution, score, verdicts

#: no experience in the prompt, and none in the weights
NONE = "none"

#: what each form is compared with
REFERENCES = (NONE, "demonstrations")

#: a documentation says what an error said from this share of the error's new words on
SAID = 0.5


def form_outcomes(study: Study) -> pd.DataFrame:
    """A row an answer, of each learner: `compare.answer_outcomes`' columns with `learner, form, budget`.

    The baseline is the form "none" at budget 0, weights alone have budget 0 too; only items of the comparison count.

    Raises:
        UserError: answers are missing.
    """
    return pd.concat(list(_outcomes(study)), ignore_index=True)


def _outcomes(study: Study) -> Iterator[pd.DataFrame]:
    toolbox, items = resources.toolbox(study), resources.items(study, "test")
    results = execution.gold_results(items)
    wanted = {(one.gold.tool, one.item) for one in forms_run.form_items(study)}
    for learner in study.of_learners():
        for form, budget, seed, path in _files(learner):
            if not path.is_file():
                missing = f"{path}: not there; answer with the forms of experience first (notebook 52)"
                raise UserError(missing + archive.hint(study))
            answers = [one for one in store.read_jsonl(path, Prediction) if (one.gold.tool, one.item) in wanted]
            if answers:
                rows = error_types.outcomes(answers, toolbox, results, study.scoring.rule, seed=seed)
                variant = NO_VARIANT if form == NONE else FULL
                yield rows.assign(learner=learner.learner, form=form, budget=budget, variant=variant)


def _files(learner: Study) -> Iterator[tuple[str, int, int, Any]]:
    """The answers of a learner: form, budget, seed, file."""
    yield NONE, 0, 0, stages.predictions_file(learner, "baseline", NO_VARIANT, 0)
    for form in forms_run.forms_section(learner).forms:
        for budget in forms_run.budgets(learner, form):
            for seed in forms_run.form_seeds(learner, form):
                yield form, budget, seed, forms_run.answers_file(learner, form, budget, seed)


def form_table(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every metric of every form, budget and learner.

    Returns:
        `learner, form, budget, tokens, pieces, seeds, n, metric, value, ci_low, ci_high`, percent; `tokens` is what a
        prompt of the form has beyond the plain one, on average, `pieces` the notes, documentations and demonstrations
        it shows (missing where the form has no place in the prompt).
    """
    shown = _sizes(study)
    found = []
    for (learner, form, budget), group in rows.groupby(["learner", "form", "budget"], sort=False):
        tokens, pieces = shown.get((learner, form, budget), (float("nan"), float("nan")))
        about = {"learner": learner, "form": form, "budget": budget, "tokens": tokens, "pieces": pieces,
                 "seeds": group["seed"].nunique(), "n": len(group)}  # fmt: skip
        for metric in compare.metrics(rows):
            interval = score.interval(group, metric, study)
            estimate = {"value": interval.value, "ci_low": interval.low, "ci_high": interval.high}
            found.append(about | {"metric": metric} | estimate)
    return pd.DataFrame(found)


def budget_tables(rows: pd.DataFrame, study: Study) -> dict[str, pd.DataFrame]:
    """What compares the forms, by the tables' names: `forms` and `forms_differences`."""
    return {"forms": form_table(rows, study), "forms_differences": form_differences(rows, study)}


def _sizes(study: Study) -> dict[tuple[str | None, str, int], tuple[float, float]]:
    """Of each learner, form and budget, the tokens that experience adds to a prompt and the pieces it shows."""
    found = {}
    for learner, form, budget, shown in shown_prompts(study):
        if shown:
            tokens = sum(one.tokens - one.before for one in shown) / len(shown)
            pieces = sum(len(one.notes) + len(one.revised) + len(one.demonstrations) for one in shown) / len(shown)
            found[learner, form, budget] = (tokens, pieces)
    return found


def shown_prompts(study: Study) -> Iterator[tuple[str | None, FormName, int, list[Shown]]]:
    """What prompts showed: learner, form, budget, a record an item and seed."""
    for learner in study.of_learners():
        for form in forms_run.forms_section(learner).forms:
            for budget in forms_run.budgets(learner, form):
                yield (
                    learner.learner,
                    form,
                    budget,
                    [
                        one
                        for seed in forms_run.form_seeds(learner, form)
                        for one in forms_run.read_shown(learner, form, budget, seed)
                    ],
                )


def form_differences(rows: pd.DataFrame, study: Study, metric: str | None = None) -> pd.DataFrame:
    """Paired differences of each form at each budget: from no experience, and from demonstrations of the same budget.

    Weights, which take no room in a prompt, are compared with demonstrations of every budget.

    Args:
        metric: default that of `score.right`.

    Returns:
        `learner, form, budget, reference, metric, *DIFFERENCE, p_holm, verdict`, points. Holm's correction is within a
        learner and a reference.
    """
    metric = metric or score.right(rows.columns)
    found = []
    for learner, own in rows.groupby("learner", sort=False):
        parts = {key: part for key, part in own.groupby(["form", "budget"], sort=False)}
        for (form, budget), part in parts.items():
            for reference, of in _references(form, budget, list(parts)):
                test = compare.difference_columns(part, parts[reference], study, metric)
                found.append({"learner": learner, "form": form, "budget": of, "reference": reference[0],
                              "metric": metric} | test)  # fmt: skip
    columns = ["learner", "form", "budget", "reference", "metric", *DIFFERENCE]
    table = pd.DataFrame(found, columns=columns)
    table = table.assign(p_holm=verdicts.holm(table["p"], table["learner"] + "/" + table["reference"]))
    words = [verdicts.contrast(row.difference, row.p_holm, study.statistics.level) for row in table.itertuples()]
    return table.assign(verdict=words)


def _references(form: str, budget: int, there: Sequence[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], int]]:
    """What a form is compared with, and the budget of the comparison."""
    for name, size in there:
        if name == NONE != form:
            yield (name, size), budget
        elif name == "demonstrations" and form not in (NONE, name) and budget in (size, 0):
            yield (name, size), size


def tool_table(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every form tool by tool, all seeds together: `learner, form, budget, tool, n, value`, percent right."""
    right = score.right(rows.columns)
    groups = rows.groupby(["learner", "form", "budget", "tool"], sort=False)[right]
    table = (100 * groups.mean()).rename("value").to_frame().assign(n=groups.size()).reset_index()
    return table[["learner", "form", "budget", "tool", "n", "value"]]


# --- what is conveyed -------------------------------------------------------------------------------------------------


def conventions(study: Study) -> pd.DataFrame:
    """Which conventions each form conveys: of each note by rule, in how many of its tool's prompts the form tells it.

    A note tells its own convention; a demonstration, one about an argument that it has in a call of the tool; rewritten
    documentation, one of whose error it repeats half of the words that the tool's own documentation lacks.

    Returns:
        `tool, arguments, error, met, learner, form, budget, prompts, told`, `told` in percent of the `prompts`; a row a
        note, form and budget. Notes of several seeds that say the same are one.
    """
    tools, drawn, texts, revised = resources.listing(study).tools, {}, {}, {}
    for seed in compare.seeds_of(study):
        made = forms_run.read_forms(study, seed)
        revised[seed] = {one.tool: one.revised(tools[one.tool]) for one in made.rewrites if one.kept}
        for note in (*made.notes, *made.worded):
            drawn.setdefault((note.tool, note.says), note)
            texts.setdefault((note.tool, note.says), set()).add(note.text())
    found = []
    for learner in study.of_learners():
        for form in forms_run.forms_section(learner).forms:
            for budget in forms_run.budgets(learner, form):
                prompts = [(one, revised[learner.experience_seed(seed)]) for seed in forms_run.form_seeds(learner, form)
                           for one in forms_run.read_shown(learner, form, budget, seed)]  # fmt: skip
                for key, note in drawn.items():
                    own = [
                        not texts[key].isdisjoint(one.notes) or told(note, one, tools[note.tool], by_name)
                        for one, by_name in prompts
                        if one.tool == note.tool
                    ]
                    found.append(
                        {"tool": note.tool, "arguments": ", ".join(note.arguments), "error": note.says,
                         "met": note.calls, "learner": learner.learner, "form": form, "budget": budget,
                         "prompts": len(own), "told": 100 * sum(own) / len(own) if own else float("nan")}
                    )  # fmt: skip
    columns = ["tool", "arguments", "error", "met", "learner", "form", "budget", "prompts", "told"]
    return pd.DataFrame(found, columns=columns)


def told(note: Note, shown: Shown, tool: Tool, revised: dict[str, Tool]) -> bool:
    """Whether a prompt's demonstrations or rewritten documentation tell a convention; see `conventions`."""
    if any(call.tool == note.tool and set(note.arguments) <= set(call.arguments) for call in shown.demonstrations):
        return True
    if note.tool not in shown.revised or note.tool not in revised:
        return False
    new = _words(note.says) - _words(tool.documentation())
    return bool(new) and len(new & _words(revised[note.tool].documentation())) >= SAID * len(new)


def _words(text: str) -> set[str]:
    plain = "".join(one if one.isalnum() else " " for one in text.casefold())
    return {word for word in plain.split() if len(word) > 2}


# --- to be read -------------------------------------------------------------------------------------------------------


def describe_differences(table: pd.DataFrame, level: float) -> list[str]:
    """The differences as sentences: of each learner and reference those that are told apart from zero, or that none is.

    Args:
        table: of `form_differences`.
    """
    said = []
    for (learner, reference), part in table.groupby(["learner", "reference"], sort=False):
        against = "no experience" if reference == NONE else "demonstrations of the same budget"
        known = part[part["verdict"].isin(["higher", "lower"])]
        for row in known.itertuples():
            said.append(
                f"{learner}: {forms.LABELS[row.form]} at {row.budget} tokens against {against}: {row.difference:+.1f} "
                f"points [{row.ci_low:+.1f}, {row.ci_high:+.1f}], {verdicts.show_p(row.p_holm, 'Holm p')}: "
                f"{row.verdict}."
            )  # fmt: skip
        if known.empty:
            widest = verdicts.seen(float(part["detectable"].max()))
            said.append(f"{learner}: no form differs significantly from {against} ({widest}): inconclusive.")
    return said
