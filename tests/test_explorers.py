"""Two studies that explore otherwise, held against each other by trials and answers written by hand."""

import json

import pytest
from support import few_items, run_ste

from ste_core.analysis import explorers, learners
from ste_core.core import store
from ste_core.core.config import load
from ste_core.core.errors import UserError
from ste_core.core.react import render_call
from ste_core.core.records import Call, Example, Prediction, Step, Trial
from ste_core.pipeline import forms_run, resources, stages
from ste_core.report import figures

TOOLS = ["convert_currency", "list_continents", "sort_words"]


def step(tool: str, ok: bool, **arguments: object) -> Step:
    return Step(output="", call=Call(tool=tool, arguments=arguments), observation="as usd", ok=ok)


def trial(tool: str, number: int, *steps: Step) -> Trial:
    return Trial(tool=tool, variant="full", seed=0, episode=0, trial=number, query=f"query {number}", steps=steps)


def example(tool: str, number: int, **arguments: object) -> Example:
    return Example(tool=tool, episode=0, trial=number, paraphrase=0, query=f"query {number}",
                   call=Call(tool=tool, arguments=arguments), observation="", answer="")  # fmt: skip


def written(folder, name, right, **keys):
    """A study with two learners, and answers of which those to the first `right` items of a tool are right."""
    model = {"kind": "local", "path": "microworld/checkpoint", "prompts": "small"}
    store.write_text(folder / f"{name}.yaml", json.dumps({
        "name": name,
        "world": {"tools": "microworld.tools:toolbox", "only": TOOLS, **few_items(folder, TOOLS, 4, 1)},
        "models": {"a": model, "b": model},
        "exploration": {"model": "a"}, "distillation": {"model": "a"},
        "exploitation": {"model": "a", "candidate_count": 3}, "finetuning": {"base": "microworld/checkpoint"},
        "learners": {"b": {}},
        **keys,
    }))  # fmt: skip
    study = load(folder / f"{name}.yaml")
    items = resources.items(study, "test")
    for learner in study.of_learners():
        for setting in ("baseline", "icl", "tuned"):
            best = {"baseline": 0, "icl": right, "tuned": right if learner.learner == "a" else 0}[setting]
            about = {"system": learner.learner, "setting": stages.label(setting)}
            answers = [
                Prediction(item=one.item, query=one.query, gold=one.gold, **about,
                           output=render_call(one.gold.tool, one.gold.arguments) if one.item < best else "no")
                for one in items
            ]  # fmt: skip
            variant = "all" if setting == "baseline" else "full"
            path = stages.predictions_file(learner, setting, variant, 0)
            lines(path, answers)
    return study


def lines(path, records):
    store.write_text(path, "".join(one.model_dump_json() + "\n" for one in records))


def explored(study, trials, examples):
    for tool in {one.tool for one in trials}:
        lines(study.explored("full", 0) / f"{tool}.jsonl", [one for one in trials if one.tool == tool])
    lines(stages.distilled_folder(study, "full", 0) / "examples.jsonl", examples)


@pytest.fixture
def studies(tmp_path, monkeypatch):
    """The first tries other words each time, the second copies out of an error; of the continents nothing is learnt."""
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("STE_FIGURES", str(tmp_path / "figures"))
    here = written(tmp_path, "here", 3, compare_with="there")
    there = written(tmp_path, "there", 1)
    continents = [trial("list_continents", 0, step("list_continents", True))]
    money = {"amount": 1, "from": "usd"}
    copied = (step("convert_currency", False, amount=0), step("convert_currency", True, **money))
    explored(
        here,
        [*continents, *(trial("sort_words", n, step("sort_words", True, words=str(n))) for n in range(2)),
         *(trial("convert_currency", n, step("convert_currency", True, amount=n)) for n in range(2))],
        [example("sort_words", n, words=str(n)) for n in range(2)],
    )  # fmt: skip
    explored(
        there,
        [*continents, *(trial("sort_words", n, step("sort_words", n == 0, words="x")) for n in range(2)),
         *(trial("convert_currency", n, *copied) for n in range(2))],
        [example("sort_words", 0, words="x"), example("convert_currency", 0, **money),
         example("convert_currency", 1, **money)],
    )  # fmt: skip
    return here, there


def test_exploring_is_compared_tool_by_tool(studies):
    table = explorers.exploring(*studies).set_index("measure")
    ran = table.loc["first call runs"]
    assert ran["tools"] == 3 and ran["value"] == 100 and ran["other"] == pytest.approx(100 * (1 + 0.5 + 0) / 3)
    assert ran["difference"] == pytest.approx(ran["value"] - ran["other"])
    assert ran["ci_low"] < ran["difference"] < ran["ci_high"] and ran["verdict"] == "inconclusive"
    calls = table.loc["different calls that ran"]
    assert (calls["value"], calls["other"]) == (pytest.approx(5 / 3), pytest.approx(1))
    # here no first call failed, so there is nothing to compare with what was overcome there
    assert "overcome by copying the error" not in table.index
    left = table.loc[list(explorers.EXAMPLES.values()), ["value", "other"]]
    # "query 0" holds the "0" of its call, and not the "x" of the other
    assert left.to_numpy().tolist() == [
        [pytest.approx(2 / 3), 1], [pytest.approx(2 / 3), pytest.approx(2 / 3)], [100, 0]
    ]  # fmt: skip
    assert table.loc["examples whose query holds every value of the call, % of them", "tools"] == 1


def test_experience_is_compared_item_by_item(studies):
    table = explorers.experience(*studies)
    assert set(table["setting"]) == {"ICL", "FT"} and set(table["model"]) == {"a", "b"}
    shown = table[table["metric"] == "execution"].set_index(["model", "setting"])
    first = shown.loc[("a", "ICL")]
    assert first["n"] == 12 and (first["value"], first["other"], first["difference"]) == (75, 25, 50)
    assert first["ci_low"] <= 50 <= first["ci_high"] and first["p_holm"] >= first["p"]
    assert shown.loc[("b", "FT")]["difference"] == 0


def test_forms_are_compared_item_by_item(tmp_path, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    section = {"forms": ["notes", "weights"], "budgets": [100], "items": 2}
    here, there = (written(tmp_path, name, right, forms=section) for name, right in (("here", 1), ("there", 3)))
    for study, best in ((here, 2), (there, 0)):  # all items of the comparison with notes here, none there
        for learner in study.of_learners():
            answers = store.read_jsonl(stages.predictions_file(learner, "baseline", "all", 0), Prediction)
            right = [
                one.model_copy(update={"output": render_call(one.gold.tool, one.gold.arguments) if best else "no"})
                for one in answers
            ]
            lines(forms_run.answers_file(learner, "notes", 100, 0), right)
    table = explorers.experience_by_form(here, there)
    assert set(table["form"]) == {"notes", "weights"} and set(table["learner"]) == {"a", "b"}
    shown = table[table["metric"] == "execution"].set_index(["learner", "form", "budget"])
    first = shown.loc[("a", "notes", 100)]
    assert (first["n"], first["value"], first["other"], first["difference"]) == (6, 100, 0, 100)
    taught = {(one.gold.tool, one.item) for one in forms_run.form_items(here)}
    values = [100 * sum(item < right for _, item in taught) / len(taught) for right in (1, 3)]
    assert shown.loc[("a", "weights", 0), ["value", "other"]].tolist() == [pytest.approx(one) for one in values]
    assert shown.loc[("b", "weights", 0), "difference"] == 0
    for study, tried in ((here, 1), (there, 2)):
        own = [trial("sort_words", n, step("sort_words", n == 0, words=str(n))) for n in range(tried)]
        explored(study, own, [example("sort_words", 0, words="0")])
    for name, shown in (("explorers", explorers.exploring(here, there)), ("explorers_forms", table)):
        store.write_table(shown, here.tables / f"{name}.csv")
    figure = figures.make("experience_forms", here)
    apart = table[table["verdict"].isin(["higher", "lower"])]["metric"]
    known = [int((apart == one).sum()) for one in ("execution", "tool_selection")]
    assert figure.get_suptitle().endswith(f"execution accuracy {known[0]} of 4, tool selection {known[1]} of 4")
    said = [text.get_text() for text in figure.axes[1].texts]
    assert said[0].startswith("0 → 100"), "notes, of the first learner"
    section["forms"] = ["weights"]
    alone = written(tmp_path, "alone", 1, exploitation={"model": "b", "candidate_count": 3}, learners={}, forms=section)
    apart = written(tmp_path, "apart", 1, learners={}, forms=section)
    with pytest.raises(UserError, match=r"^studies 'alone' and 'apart': no learner and form with experience in common"):
        explorers.experience_by_form(alone, apart)


def test_what_is_missing_is_one_line(studies, tmp_path):
    here, there = studies
    (there.explored("full", 0) / "sort_words.jsonl").unlink()
    assert explorers.exploring(here, there).set_index("measure").loc["a call runs", "tools"] == 2
    for path in there.explored("full", 0).glob("*.jsonl"):
        path.unlink()
    with pytest.raises(UserError, match=r"^study 'there': no trials yet under "):
        explorers.exploring(here, there)
    alone = written(tmp_path, "alone", 1, exploitation={"model": "b", "candidate_count": 3}, learners={})
    apart = written(tmp_path, "apart", 1, learners={})
    with pytest.raises(UserError, match=r"^studies 'alone' and 'apart': no learner and setting with experience in"):
        explorers.experience(alone, apart)


def test_a_study_says_what_it_is_compared_with(tmp_path):
    path = tmp_path / "side.yaml"
    store.write_text(path, "name: side\nextends: full_call_first\ncompare_with: ''\n")
    with pytest.raises(UserError, match="compare_with"):
        load(path)
    planned = run_ste("run", "full_call_first", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    jobs = {line.split()[0] for line in planned.stdout.partition("jobs")[2].splitlines() if line.strip()}
    assert "explorers" in jobs and "continual" not in jobs and "open_questions" not in jobs
    without = run_ste("notebook", "notebooks/36_explorers.ipynb", tmp_path / "out.ipynb", "-p", "study", "quick")
    assert without.returncode != 0 and "study 'quick': compare_with: missing" in without.stderr
    assert "Traceback" not in without.stderr


def test_settings_are_shown_where_there_was_experience(studies):
    here, there = studies
    for study, tools, right in ((here, 1, 75), (there, 2, 25)):  # sort_words; and convert_currency
        tables = learners.learnt_tables(learners.learner_outcomes(study), study)
        shown = tables["learnt_tools"].query("metric == 'execution'").set_index(["model", "setting"])
        assert set(shown["n"]) == {4 * tools} and shown.loc[("a", "FT"), "value"] == right
        assert {"ICL - baseline", "FT - baseline", "FT - ICL"} == set(tables["learnt_differences"]["contrast"])
    explored(here, [], [])
    tables = learners.learnt_tables(learners.learner_outcomes(here), here)
    assert all(table.empty and len(table.columns) for table in tables.values())


def test_settings_are_scored_apart_where_a_value_is_to_be_converted(studies):
    study = studies[0]
    items = resources.items(study, "test")
    kinds = {(one.gold.tool, one.item): learners.item_kind(one) for one in items}
    assert set(kinds.values()) == set(learners.WORDINGS) and kinds["list_continents", 0] == learners.NO_ARGUMENTS
    rows = learners.learner_outcomes(study)
    tables = learners.wording_tables(rows, study)
    shown = tables["wording"].query("metric == 'execution' and model == 'a' and setting == 'ICL'").set_index("items")
    for name in learners.WORDINGS:
        right = [item < 3 for (_, item), own in kinds.items() if own == name]
        assert shown.loc[name, "n"] == len(right)
        assert shown.loc[name, "value"] == pytest.approx(100 * sum(right) / len(right))
    assert shown["n"].sum() == len(items)
    assert set(tables["wording_differences"]["items"]) == set(learners.WORDINGS)


def test_the_figures_say_what_differs(studies):
    here, there = studies
    rows = learners.learner_outcomes(here)
    tables = learners.learner_tables(rows, here) | learners.wording_tables(rows, here)
    worth = explorers.experience(here, there)
    for name, table in (tables | {"explorers_experience": worth}).items():
        store.write_table(table, here.tables / f"{name}.csv")
    figure = figures.make("explorers_experience", here)
    known = worth[(worth["metric"] == "execution") & (worth["verdict"] == "higher")]
    said = [f"{row.model} {row.setting} gains" for row in known.itertuples()] or ["no difference is significant"]
    assert figure.get_suptitle() == f"Other experience: {', '.join(said)}"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a, baseline 0.0 %", "b, baseline 0.0 %"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"execution accuracy, %"}  # calls were executed
    shown = tables["wording"].query("metric == 'execution' and items == 'a value is to be converted'")
    best = shown.groupby("model", sort=False)["value"].max()
    said = ", ".join(f"{name} {value:.0f} %" for name, value in best.items())
    assert figures.make("embedded_wording", here).get_suptitle() == (
        f"A value is to be converted, at best from experience: {said}"
    )
