"""Forms of experience at equal budgets: what each prompt shows, the stage as a study runs it, and its tables."""

import json

import nbformat
import pandas as pd
import pytest
import yaml
from support import ROOT

import ste_core.analysis.forms
from ste_core.core import config
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, TestItem, Tool
from ste_core.method import forms
from ste_core.method.forms import Material
from ste_core.method.notes import Note
from ste_core.method.predict import Beside
from ste_core.models.base import Budget, Choice, Completion
from ste_core.pipeline import explore_run, forms_run, resources, stages

tables = ste_core.analysis.forms

# --- within a budget --------------------------------------------------------------------------------------------------

TOOLS = {name: Tool(name=name, description=f"The tool {name}.") for name in ("a", "b")}
ITEMS = [TestItem(item=n, query=f"query {n}", gold=Call(tool=name, arguments={})) for n, name in enumerate("ab")]


def note(tool, says):
    call = Call(tool=tool, arguments={"x": 1})
    return Note(tool=tool, arguments=("x",), says=says, error=says, refused=call, accepted=call, result="",
                same_trial=True, calls=1, trials=1)  # fmt: skip


def example(number, tool="a"):
    return Example(tool=tool, episode=0, trial=number, paraphrase=0, query=f"example {number}",
                   call=Call(tool=tool, arguments={"x": number}), observation="", answer="")  # fmt: skip


def size(number, beside, near):
    """A plain prompt has 100 tokens, a note 10, a documentation 25, a demonstration 20."""
    return 100 + 10 * len(beside.notes) + 25 * len(beside.revised) + 20 * len(near)


MATERIAL = Material(
    tools=[["a", "b"], ["b", "a"]],
    notes=[note("a", "one"), note("a", "two"), note("b", "three"), note("c", "of no documented tool")],
    worded=[note("a", "one")],
    revised={"b": TOOLS["b"], "c": TOOLS["a"]},
    near=[[example(n) for n in range(9)], []],
)


@pytest.mark.parametrize("budget", [0, 9, 10, 25, 40, 55, 1000])
@pytest.mark.parametrize("form", [one for one in forms.PIECES if one != "weights"])
def test_no_prompt_is_over_its_budget_and_none_could_hold_more(form, budget):
    for fitted, item in zip(forms.fit(ITEMS, form, budget, MATERIAL, size), ITEMS, strict=True):
        shown = fitted.shown
        assert (shown.before, shown.tool, shown.item) == (100, item.gold.tool, item.item)
        assert shown.tokens == size(0, fitted.beside, fitted.demonstrations) <= 100 + budget
        last = forms.PIECES[form][-1]
        if last == "demonstrations":
            left = len(MATERIAL.near[item.item]) - len(fitted.demonstrations)
            assert not left or shown.tokens + 20 > 100 + budget
        if last == "notes":
            assert len(fitted.beside.notes) == 3 or shown.tokens + 10 > 100 + budget
        assert not any("of no documented tool" in one for one in fitted.beside.notes)
        assert "c" not in fitted.beside.revised


def test_pieces_come_in_their_order_and_two_forms_share():
    (first, second) = forms.fit(ITEMS, "notes", 25, MATERIAL, size)
    assert [one.split()[1] for one in first.beside.notes] == [
        "one",
        "three",
    ]  # a tool's second note comes after all first
    assert [one.split()[1] for one in second.beside.notes] == ["three", "one"]
    (both, _) = forms.fit(ITEMS, "notes_demonstrations", 60, MATERIAL, size)
    assert (len(both.beside.notes), len(both.demonstrations)) == (3, 1)  # 30 of 60, then the rest
    assert [one.query for one in both.demonstrations] == ["example 0"]
    (both, other) = forms.fit(ITEMS, "documentation_demonstrations", 40, MATERIAL, size)
    assert (both.beside.revised, len(both.demonstrations)) == ({}, 2)  # 25 is over the half of 40
    (tight, _) = forms.fit(ITEMS, "demonstrations", 1000, MATERIAL, size, room=145)
    assert len(tight.demonstrations) == 2 and other.demonstrations == []


def test_settings_and_labels_of_forms():
    assert {forms.setting_of(one) for one in ("weights", "weights_notes")} == {"tuned"}
    assert forms.setting_of("notes_demonstrations") == "icl" and forms.setting_of("documentation") == "baseline"
    assert list(forms.LABELS) == list(forms.PIECES) == list(config.Forms().forms)


# --- the stage --------------------------------------------------------------------------------------------------------

SHOP = '''
"""A post office whose documentation hides a format."""
from ste_core.tools.base import ToolError


def stamp(day: str) -> str:
    """Stamps a day."""
    if day[:2] != "D-":
        raise ToolError("day: must begin with the letter D and a hyphen, like D-1")
    return f"stamped {day}"


def weigh(grams: int) -> int:
    """Weighs a letter."""
    return grams
'''


class Explorer:
    """Imagines, calls wrongly, then as the error says; calls all of it solved."""

    name = identity = "explorer"

    def __init__(self):
        self.budget = Budget()

    async def complete(self, messages, *, seed=0, **options):
        said = [one["content"] for one in messages]
        tool = said[0].split("API: ")[-1].split(". Args: ")[0]
        if "Was the request fulfilled" in said[-1]:
            text = "Yes"
        elif said[-1].startswith("Observation: Error"):
            text = 'Action: stamp\nAction Input: {"day": "D-9"}'
        elif said[-1].startswith("Observation:"):
            text = "Final Answer: done."
        elif "Fulfil this request" in said[-1]:
            given = {"day": "9"} if tool == "stamp" else {"grams": 9}
            text = f"Action: {tool}\nAction Input: {json.dumps(given)}"
        else:
            text = f"Please see to number {seed % 9973}."
        return Completion((Choice(text, "stop"),), 10, 5)


class Learner:
    """Words notes, rewrites documentation, and calls with the prefix where the prompt tells of it."""

    name = identity = "learner"

    def __init__(self):
        self.budget, self.asked = Budget(), 0

    async def complete(self, messages, **options):
        said, self.asked = messages[-1]["content"], self.asked + 1
        if "Rewrite the documentation" in said:
            tool = said.split("API: ")[1].split(".")[0]
            text = {"stamp": "Description: Stamps a day.\nday: begins with D-", "weigh": "Description: Weighs it."}[
                tool
            ]
        elif "Say in one sentence" in said:
            text = "Begin the day with D-."
        else:
            number = said.split("number ")[-1].split(".")[0]
            day = f"D-{number}" if "D-" in said else number
            tool, given = (
                ("weigh", {"grams": int(number)})
                if "Weigh" in said.split("User Query")[-1]
                else ("stamp", {"day": day})
            )
            text = f"Action: {tool}\nAction Input: {json.dumps(given)}"
        return Completion((Choice(text, "stop"),), 10, 5)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of the post office, explored and distilled; its models are the two above."""
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    (tmp_path / "shop.py").write_text(SHOP)
    items = [{"item": n, "query": f"Stamp number {n}.", "gold": {"tool": "stamp", "arguments": {"day": f"D-{n}"}},
              "result": f"stamped D-{n}"} for n in range(3)]  # fmt: skip
    items += [{"item": n, "query": f"Weigh number {n}.", "gold": {"tool": "weigh", "arguments": {"grams": n}},
               "result": n} for n in range(3)]  # fmt: skip
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(one) + "\n" for one in items))
    served = {"kind": "openai", "model": "x", "base_url": "http://127.0.0.1:9/v1"}
    content = {
        "name": "post",
        "world": {"functions": str(tmp_path / "shop.py"), "test_set": str(tmp_path / "test.jsonl")},
        "models": {"explorer": served | {"prompts": "small"}, "learner": served},
        "exploration": {"model": "explorer", "episodes": 2, "trials": 2},
        "distillation": {"model": "explorer", "judge": False, "max_paraphrases": 0},
        "exploitation": {"model": "learner", "candidates": "all"},
        "forms": {
            "model": "learner", "budgets": [40, 200],
            "forms": ["demonstrations", "notes", "worded_notes", "documentation", "documentation_demonstrations",
                      "notes_demonstrations"],
        },
    }  # fmt: skip
    path = tmp_path / "post.yaml"
    path.write_text(yaml.safe_dump(content))
    made = {"explorer": Explorer(), "learner": Learner()}
    monkeypatch.setattr(resources, "chat", lambda study, name, budget=None: made[name])
    loaded = config.load(path)
    explore_run.explore(loaded, model=made["explorer"])
    stages.distil(loaded, "full", 0)
    return loaded


def test_notes_and_documentation_are_made_and_judged_by_held_out_trials(study):
    made = forms_run.make_forms(study, 0)
    (drawn,) = made.notes
    assert drawn.tool == "stamp" and drawn.arguments == ("day",) and drawn.calls == 4 and drawn.same_trial
    assert [one.text() for one in made.worded] == ["stamp: Begin the day with D-."]
    stamp, weigh = made.rewrites
    assert (stamp.tool, stamp.queries, stamp.ran_before, stamp.ran, stamp.kept) == ("stamp", 2, 0, 2, True)
    assert weigh.tool == "weigh" and (weigh.ran, weigh.kept) == (0, True)  # as often: the model calls stamp for it
    assert forms_run.read_forms(study, 0) == made == forms_run.make_forms(study, 0)


def test_answers_with_every_form_and_their_tables(study):
    with pytest.raises(UserError, match=r"make the forms of seed 0 first \(notebook 52\)"):
        forms_run.answer(study, "notes", 200, 0)
    forms_run.make_forms(study, 0)
    stages.answer_items(study, "baseline")
    for form in study.forms.forms:
        for budget in forms_run.budgets(study, form):
            assert len(forms_run.answer(study, form, budget, 0)) == 6
    asked = resources.chat(study, "learner").asked
    forms_run.answer(study, "notes", 200, 0)
    assert resources.chat(study, "learner").asked == asked  # what is there is not asked again
    rows = tables.form_outcomes(study)
    table = tables.form_table(rows, study)
    assert list(table) == ["learner", "form", "budget", "tokens", "pieces", "seeds", "n", "metric", "value", "ci_low",
                           "ci_high"]  # fmt: skip
    right = table[table["metric"] == "correct_execution"].set_index(["form", "budget"])["value"]
    assert right["none", 0] == 50.0  # weighing needs nothing
    for form in ("notes", "worded_notes", "documentation", "demonstrations", "notes_demonstrations"):
        assert right[form, 200] == 100.0, form
    used = table.dropna(subset="tokens")
    assert (used["tokens"] <= used["budget"]).all() and set(used["budget"]) == {40, 200}
    differences = tables.form_differences(rows, study)
    pairs = {(one.form, one.budget, one.reference) for one in differences.itertuples()}
    assert len(pairs) == len(differences) == 12 + 10  # each against none; five others against demonstrations, twice
    gained = differences.set_index(["form", "budget", "reference"])["difference"]
    assert gained["notes", 200, "none"] == 50.0 and gained["notes", 200, "demonstrations"] == 0.0
    assert set(differences["verdict"]) <= {"higher", "lower", "inconclusive"}
    told = tables.conventions(study).set_index(["form", "budget"])["told"]
    assert told["notes", 200] == told["demonstrations", 200] == told["worded_notes", 200] == 100.0
    assert told["documentation", 200] == 0.0  # two words of the error's ten
    by_tool = tables.tool_table(rows, study)
    assert by_tool.groupby("tool")["n"].unique().map(list).to_dict() == {"stamp": [3], "weigh": [3]}
    assert tables.describe_differences(differences, 0.95)
    assert isinstance(table, pd.DataFrame)


def test_only_experience_of_the_study_is_shown(study):
    """A note on a tool that was not explored, or another tool's trial, is in no prompt."""
    forms_run.make_forms(study, 0)
    place = forms_run.forms_folder(study, 0) / "notes.jsonl"
    stray = note("weigh_secretly", "stray")
    place.write_text(place.read_text() + stray.model_dump_json() + "\n")
    forms_run.answer(study, "notes", 200, 0)
    shown = forms_run.read_shown(study, "notes", 200, 0)
    assert {text.split(":")[0] for one in shown for text in one.notes} == {"stamp"}
    held = {one.query for one in resources.items(study, "test")}
    assert not [text for one in shown for text in one.notes if any(query in text for query in held)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forms": {"forms": ["notes"], "model": "nobody"}}, r"forms\.model: no model 'nobody'"),
        (
            {"forms": {"forms": ["worded_notes"]}},
            r"forms\.forms: 'worded_notes' needs a model that writes, and 'explorer'",
        ),
        (
            {"forms": {"model": "learner", "forms": ["weights"]}},
            r"forms\.forms: 'weights' needs the section finetuning",
        ),
        ({"forms": {"forms": ["poems"]}}, r"forms\.forms\.0: "),
        ({"forms": {"forms": ["notes"], "budgets": []}}, r"forms\.budgets: "),
        ({"distillation": None, "forms": {"forms": ["notes"]}}, r"forms: needs the sections exploration and dist"),
    ],
)
def test_mistakes_in_the_section_are_one_line(study, tmp_path, changes, message):
    content = yaml.safe_load((tmp_path / "post.yaml").read_text()) | changes
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=message) as caught:
        config.load(tmp_path / "wrong.yaml")
    assert "\n" not in str(caught.value)


def test_a_budget_counts_what_the_learner_counts(study):
    forms_run.make_forms(study, 0)
    forms_run.answer(study, "demonstrations", 200, 0)
    for one in forms_run.read_shown(study, "demonstrations", 200, 0):
        assert 0 < one.tokens - one.before <= 200 and one.demonstrations
    assert Beside() == Beside((), {})


def test_the_notebooks_run_and_leave_their_tables(study, tmp_path):
    """Their cells, one after the other, as papermill gives them their parameters."""
    stages.answer_items(study, "baseline")
    for name in ("52_forms", "54_which_form"):
        known = {}
        for cell in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells:
            if cell.cell_type == "code":
                exec(cell.source, known)
            if "parameters" in cell.metadata.get("tags", []):
                known["study"] = str(tmp_path / "post.yaml")
    left = {path.name for path in study.tables.iterdir()}
    assert left == {f"forms{part}.csv" for part in ("", "_differences", "_by_tool", "_conventions")}
