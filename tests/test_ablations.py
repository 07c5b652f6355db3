"""Parts of an experience, comparisons of settings, variants and amounts: by hand, and through a study's own files."""

import os
import random

import pandas as pd
import pytest
from tiny import make_model

from microworld.tools import toolbox
from ste_core.analysis import ablations, compare, explorers, learners
from ste_core.core import aio, config, store
from ste_core.core.config import Ablations
from ste_core.core.errors import UserError
from ste_core.core.react import render_call
from ste_core.core.records import Call, Example, Prediction, Step, TestItem, Trial
from ste_core.method import distill
from ste_core.models.base import Choice, Completion
from ste_core.pipeline import dependencies, resources, stages
from ste_core.report import figures

TOOLS = ("current_moment", "convert_currency", "country_fact", "sort_words")
MORE = (*TOOLS, "current_weather", "filing_fee", "add_days", "spell_number")  # enough for a test to tell apart


def example(tool="sort_words", episode=0, trial=0, paraphrase=0, answer="b, a", **arguments):
    query = f"{tool} {episode} {trial} {paraphrase}"
    call = Call(tool=tool, arguments=arguments or {"words": ["a", "b"]})
    return Example(tool=tool, episode=episode, trial=trial, paraphrase=paraphrase, query=query, call=call,
                   observation='["a"]', answer=answer)  # fmt: skip


def experience(counts, episodes=3):
    """So many examples a tool, dealt to episodes in turn."""
    return [example(tool, number % episodes, number // episodes) for tool, n in counts.items() for number in range(n)]


# --- parts of an experience -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "size", "kept"),
    [
        ({"a": 9, "b": 2, "c": 4}, 8, {"a": 3, "b": 2, "c": 3}),
        ({"a": 9, "b": 2, "c": 4}, 6, {"a": 2, "b": 2, "c": 2}),
        ({"a": 9, "b": 2, "c": 4}, 0, {}),
        ({"a": 9, "b": 2, "c": 4}, 15, {"a": 9, "b": 2, "c": 4}),
        ({"a": 9, "b": 2, "c": 4}, 99, {"a": 9, "b": 2, "c": 4}),
        ({}, 3, {}),
    ],
)
def test_a_cut_takes_equally_many_of_each_tool(counts, size, kept):
    found = experience(counts)
    left = stages.even_sample(found, size, seed=0)
    assert pd.Series([one.tool for one in left], dtype=object).value_counts().to_dict() == kept
    assert [one for one in found if one in left] == left, "in the order given"


@pytest.mark.parametrize("size", range(1, 16))
def test_a_cut_has_the_size_asked_for_and_does_not_depend_on_order(size):
    found = experience({"a": 9, "b": 2, "c": 4})
    left = stages.even_sample(found, size, seed=3)
    counts = pd.Series([one.tool for one in left]).value_counts()
    assert len(left) == size and counts.max() - counts.min() <= max(1, counts.max() - 2)
    mixed = random.Random(0).sample(found, len(found))
    assert {one.query for one in stages.even_sample(mixed, size, seed=3)} == {one.query for one in left}


def test_another_seed_cuts_otherwise():
    found = experience({"a": 40, "b": 40})
    assert stages.even_sample(found, 20, seed=0) != stages.even_sample(found, 20, seed=1)


@pytest.mark.parametrize("part", ["", "0ep", "ep", "-1ep", "half", "1.5ep"])
def test_an_unknown_part_is_named(part):
    known = "'all', 'equal', 'hindsight', 'retold', 'scripted', 'gold'"
    with pytest.raises(UserError, match=f"part: '{part}': must be {known} or"):
        stages.episodes_of(part)


def test_amounts_are_some_episodes_but_not_all():
    assert Ablations(amounts=[5, 0, 1, 1, 3, 15]).parts(5) == ["1ep", "3ep"]
    assert Ablations(amounts=[2], gold=True).parts(2) == ["gold"]


# --- a study with made-up answers -------------------------------------------------------------------------------------


def make(where, monkeypatch, *, seeds=(0,), variants=("full", "no_feedback", "no_reflection"), experiences=None,
         right=None, items=4, tools=TOOLS):  # fmt: skip
    """A study of four tools with its own results folder, examples and predictions; `right` has shares of right calls.

    Predictions of a variant without examples are empty, as `stages.learn` leaves them.
    """
    monkeypatch.setenv("STE_RESULTS", str(where))
    plan = config.load("smoke")
    exploration = plan.exploration.model_copy(
        update={"tools": list(tools), "episodes": 3, "seeds": list(seeds), "variants": list(variants)}
    )
    made = plan.model_copy(
        update={
            "exploration": exploration,
            "ablations": Ablations(equal_size=True, amounts=[0, 1, 2, 3, 5], gold=True),
            "exploitation": plan.exploitation.model_copy(update={"items": items}),
        }
    )
    made._root = plan._root
    experiences = experiences or {"full": 6, "no_feedback": 2, "no_reflection": 4}
    for seed in seeds:
        for variant in variants:
            found = experience(dict.fromkeys(tools[1:], experiences[variant]))
            folder = stages.distilled_folder(made, variant, seed)
            store.write_text(folder / "examples.jsonl", "".join(one.model_dump_json() + "\n" for one in found))
    runs = {*compare.MAIN, *ablations.ablation_runs(made), *ablations.amount_runs(made), *ablations.control_runs(made)}
    for setting, variant, part in runs:
        for seed in [0] if setting == "baseline" else seeds:
            share = (right or {}).get((setting, variant, part), 0.5)
            empty = variant in experiences and not experiences[variant]
            answers = [] if empty else answered(made, stages.label(setting, part), share, f"{variant}{seed}")
            text = "".join(one.model_dump_json() + "\n" for one in answers)
            store.write_text(stages.predictions_file(made, setting, variant, seed, part), text)
    return made


def answered(made, label, share, salt):
    """An answer to each item: the gold call for that share of the items, "I do not know" for the others."""
    items = stages.items_of(made)
    rng = random.Random(f"{label}{salt}")
    good = set(rng.sample(range(len(items)), round(share * len(items))))
    return [
        Prediction(system="micro", setting=label, item=one.item, query=one.query, gold=one.gold,
                   output=render_call(one.gold.tool, one.gold.arguments) if number in good else "I do not know.")
        for number, one in enumerate(items)
    ]  # fmt: skip


def draw(made, tables, names):
    """Write tables and draw the figures that need them."""
    for name, frame in tables.items():
        store.write_table(frame, made.tables / f"{name}.csv")
    for name in names:
        figures.make(name, made)
        assert (made.results / "figures" / f"{name}.png").stat().st_size > 5_000


def main_tables(made):
    rows = compare.answer_outcomes(made)
    families = pd.Series({name: tool.family for name, tool in toolbox().tools.items()})
    return {
        "embedded_correctness": compare.correctness(rows, made),
        "embedded_gains": compare.gains(rows, made),
        "embedded_errors": compare.errors(rows, made),
        "embedded_tools": compare.tools(rows, compare.examples_by_tool(made), families),
        "paper_correctness": compare.paper_correctness(made),
    }


def ablation_tables(made):
    rows, counts = compare.answer_outcomes(made, ablations.ablation_runs(made)), ablations.sizes(made)
    return {"ablations": ablations.ablation_table(rows, counts, made), "paper_ablations": ablations.paper(made)}


def test_a_learner_that_reads_or_gains_nothing_decides_nothing(tmp_path, monkeypatch):
    shares = {("tuned", "full", "all"): 1.0, ("baseline", "all", "all"): 0.0}
    made = make(tmp_path, monkeypatch, right=shares)
    found = {name: main_tables(made)[f"embedded_{name}"] for name in ("correctness", "gains")}
    tfidf = learners.nearest_selected(made)
    assert 25 < tfidf <= 100
    against = ablations.cannot_tell(**found, study=made)
    unread = f"its baseline selects the tool in 0.0 % of items, TF-IDF in {tfidf:.1f} %"
    assert against == {"FT": unread, "ICL": f"{unread}, and ICL is not shown to gain over it"}
    right = found["correctness"].eval("metric == 'api_match_all' and setting == 'baseline'")
    found["correctness"].loc[right, "value"] = 100.0
    against = ablations.cannot_tell(**found, study=made)
    assert against == {"FT": "", "ICL": "ICL is not shown to gain over it"}
    rows, counts = compare.answer_outcomes(made, ablations.ablation_runs(made)), ablations.sizes(made)
    assert ablations.ablation_table(rows, counts, made, against)["tells"].all()
    table = ablations.ablation_table(rows, counts, made, {"FT": unread})
    assert not table["tells"].any() and ablations.explain_losses(table).startswith("No conclusion")


def test_exploring_without_a_part_is_compared_tool_by_tool(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch, variants=("full", "no_feedback"))
    for variant, ran in (("full", True), ("no_feedback", False)):
        for number, tool in enumerate(TOOLS):
            call = Call(tool=tool, arguments={"value": number})
            trials = [
                Trial(tool=tool, variant=variant, seed=0, episode=0, trial=one, query=f"Do {tool} with {one}.",
                      steps=[Step(output="", call=call, observation="", ok=ran or one == number)], solved=None)
                for one in range(4)
            ]  # fmt: skip
            store.write_text(made.explored(variant, 0) / f"{tool}.jsonl",
                             "".join(one.model_dump_json() + "\n" for one in trials))  # fmt: skip
    table = explorers.exploring_variants(made).set_index("measure")
    assert set(table["variant"]) == {"no_feedback"}
    ran = table.loc["a call runs"]
    assert (ran["value"], ran["other"], ran["difference"], ran["tools"]) == (25, 100, -75, 4)
    assert ran["verdict"] == "lower" and table.loc["examples to learn from", "difference"] == -3
    draw(made, {"ablations_exploring": table.reset_index()}, ["ablations_exploring"])


def amount_tables(made):
    rows = compare.answer_outcomes(made, ablations.amount_runs(made))
    return {"amount": ablations.amount(rows, ablations.sizes(made), made)}


def test_parts_of_examples_on_disk(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch)
    assert len(stages.examples(made, "full", 0)) == 18
    assert {one.episode for one in stages.examples(made, "full", 0, "2ep")} == {0, 1}
    assert stages.equal_size(made, 0) == 6
    for variant in made.exploration.variants:
        assert len(stages.examples(made, variant, 0, "equal")) == 6
    with pytest.raises(UserError, match="distil variant no_long_term, seed 0 first"):
        stages.examples(made, "no_long_term", 0)


def test_the_control_is_the_development_set_and_no_test_item(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch)
    gold = stages.examples(made, "full", 0, "gold")
    assert len(gold) == 5 * len(TOOLS) and {one.tool for one in gold} == {one.call.tool for one in gold} == set(TOOLS)
    assert stages.amounts(made) == ["1ep", "2ep"] and made.parts == ["1ep", "2ep", "gold"]
    tested = {one.query for one in resources.items(made, "test")}
    assert not tested & {one.query for one in gold}


def test_examples_of_hindsight_stand_beside_the_others(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch)
    asked = made.ablations.model_copy(update={"hindsight": True})
    made = made.model_copy(update={"ablations": asked})
    assert made.parts == ["1ep", "2ep", "hindsight", "gold"] and stages.amounts(made) == ["1ep", "2ep"]
    with pytest.raises(UserError, match=r"hindsight/examples\.jsonl: not there; distil variant full"):
        stages.examples(made, "full", 0, "hindsight")
    own = stages.distilled_folder(made, "full", 0)
    (own / "hindsight").mkdir()
    (own / "hindsight" / "examples.jsonl").write_text((own / "examples.jsonl").read_text().partition("\n")[0] + "\n")
    assert len(stages.examples(made, "full", 0, "hindsight")) == 1 < len(stages.examples(made, "full", 0))
    assert stages.label("tuned", "hindsight") == "FT, hindsight" and stages.episodes_of("hindsight") is None
    runs = ablations.control_runs(made)
    assert [part for setting, _, part in runs if setting == "icl"] == ["all", "hindsight", "gold"]


class Writer:
    """A model that has a request hold the values of the call it is shown, but for those of one tool; judges nothing."""

    name = identity = "writer"

    async def complete(self, messages, **_):
        shown = messages[-1]["content"]
        assert "This call was made:" in shown, "right calls are not judged"
        values = shown.partition("Action Input:")[2].partition("Observation:")[0].strip()
        text = "Sort them." if "sort_words" in shown else f"I want {values}."
        return Completion((Choice(text, "stop"),), 1, 1)


def test_scripted_calls_are_the_development_sets_under_queries_of_a_model(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch)
    section = made.distillation.model_copy(update={"max_paraphrases": 0, "target": 1})
    asked = made.ablations.model_copy(update={"scripted": True})
    made = made.model_copy(update={"ablations": asked, "distillation": section})
    made.models[section.model] = made.models[section.model].model_copy(update={"prompts": "instruct"})
    assert made.parts == ["1ep", "2ep", "scripted", "gold"] and stages.label("icl", "scripted") == "ICL, scripted calls"
    with pytest.raises(UserError, match="not explored yet"):
        stages.distil(made, "full", 0, "scripted")
    for tool in TOOLS:
        tried = Trial(tool=tool, variant="full", seed=0, episode=0, trial=0, query="a", steps=())
        store.write_text(made.explored("full", 0) / f"{tool}.jsonl", tried.model_dump_json() + "\n")
    monkeypatch.setattr(resources, "chat", lambda *_: Writer())
    stages.distil(made, "full", 0, "scripted")
    found, gold = stages.examples(made, "full", 0, "scripted"), stages.examples(made, "full", 0, "gold")
    assert {one.call.model_dump_json() for one in found if one.tool != "sort_words"} == {
        one.call.model_dump_json() for one in gold if one.tool != "sort_words"
    }
    assert {one.query for one in found if one.tool == "sort_words"} == {"Sort them."}, "any words will do"
    assert all(one.observation for one in found)
    assert not {one.query for one in found} & {one.query for one in gold}
    own = stages.distilled_folder(made, "full", 0, "scripted")
    assert own.name == "scripted" and (own / "journal.jsonl").is_file(), "replies of other parts are not read for these"


def test_scripted_calls_of_a_lost_toolbox_are_none(tmp_path, monkeypatch):
    class Lost:
        lost = ""

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

        async def execute(self, call):
            self.lost = "the server is gone"

    monkeypatch.setattr(resources, "toolbox", lambda _: Lost())
    with pytest.raises(UserError, match="the server is gone"):
        aio.run(resources.scripted_trials(make(tmp_path, monkeypatch), TOOLS))


def test_what_learns_from_the_development_set_depends_on_it(tmp_path):
    path = tmp_path / "side.yaml"
    path.write_text("name: side\nextends: full\n", encoding="utf-8")
    notebook, own = config.project_root() / "notebooks" / "45_amounts.ipynb", config.load(path)
    assert own.of_dev_set() == ["learners.smollm2-135m.ablations.scripted"]
    sources = dependencies.Sources(own.root)
    for study, there in ((own, True), (own.model_copy(update={"learners": {}}), False)):
        found = {one.name for one in dependencies.of_notebook(sources, notebook, study)}
        assert "test.jsonl" in found and ("dev.jsonl" in found) == there


@pytest.mark.parametrize("key", ["gold", "scripted"])
def test_a_control_needs_development_queries(tmp_path, key):
    path = tmp_path / "bare.yaml"
    path.write_text(f"name: bare\nextends: smoke\nworld: {{dev_set: null}}\nablations: {{gold: false, {key}: true}}\n"
                    "models: {micro: {kind: local, path: smollm2-135m}}\n")  # fmt: skip
    with pytest.raises(UserError, match=rf"bare\.yaml: world\.dev_set: missing; ablations\.{key} learns"):
        config.load(path)


def test_the_control_is_compared_with_experience(tmp_path, monkeypatch):
    right = {("icl", "full", "gold"): 1.0, ("icl", "full", "all"): 0.0, ("tuned", "full", "gold"): 0.5,
             ("tuned", "full", "all"): 0.5}  # fmt: skip
    made = make(tmp_path, monkeypatch, right=right, seeds=(0, 1), items=8, tools=MORE)
    rows = compare.answer_outcomes(made, ablations.control_runs(made))
    table = ablations.control(rows, ablations.sizes(made), made).query("metric == 'correct_execution'")
    table = table.set_index("setting")
    assert table["difference"].to_dict() == {"ICL, gold examples": 100, "FT, gold examples": 0}
    assert table["examples"].tolist() == [5 * len(MORE)] * 2 and table["n"]["FT, gold examples"] == 2 * 8 * len(MORE)
    assert table["n"]["ICL, gold examples"] == 8 * len(MORE), "seeds with the same verdicts count once"
    assert table["p_holm"]["ICL, gold examples"] < 0.05 < table["p_holm"]["FT, gold examples"]
    more, same = ablations.describe_control(table.reset_index())
    assert more.startswith("ICL, gold examples: 100.0 % right") and more.endswith("higher.")
    assert "inconclusive (a difference of" in same


def test_variants_without_examples_do_not_make_the_others_empty(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch, experiences={"full": 6, "no_feedback": 0, "no_reflection": 4})
    assert stages.equal_size(made, 0) == 12
    none = make(tmp_path / "none", monkeypatch, experiences=dict.fromkeys(made.exploration.variants, 0))
    assert stages.equal_size(none, 0) == 0 and stages.examples(none, "full", 0, "equal") == []


def test_test_items_are_the_same_few_of_each_tool(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch, items=4)
    items = stages.items_of(made)
    assert pd.Series([one.gold.tool for one in items]).value_counts().to_dict() == dict.fromkeys(TOOLS, 4)
    assert items == stages.items_of(made)
    other = made.model_copy(update={"seed": 1})
    other._root = made._root
    assert stages.items_of(other) != items
    every = made.model_copy(update={"exploitation": made.exploitation.model_copy(update={"items": None})})
    every._root = made._root
    assert len(stages.items_of(every)) == 15 * len(TOOLS)


def test_the_order_of_settings_is_read_from_paired_differences(tmp_path, monkeypatch):
    shares = {("baseline", "all", "all"): 0.0, ("icl", "full", "all"): 0.5, ("tuned", "full", "all"): 1.0}
    tables = main_tables(made := make(tmp_path, monkeypatch, right=shares, seeds=(0, 1), items=8, tools=MORE))
    gains = tables["embedded_gains"].set_index("comparison")
    assert gains["difference"].to_dict() == {"ICL - baseline": 50, "FT - baseline": 100, "FT - ICL": 50}
    pairs = gains["n"].to_dict()  # the baseline stands against both seeds; those of FT, all right, count once
    assert pairs == {"ICL - baseline": 128, "FT - baseline": 64, "FT - ICL": 128}
    steps = compare.expectation(tables["embedded_gains"])
    assert set(steps["found"]) == {"as in the paper"}
    assert compare.reading(steps).startswith("The order is the paper's, baseline < ICL < FT: ICL - baseline is +50.0")
    said = compare.reasons(tables["embedded_errors"], tables["embedded_tools"])
    assert said[0] == "baseline: most often no call (100 % of its answers)."
    assert "Experience left 42 examples; 1 of 8 tools have none." in said
    draw(made, tables, ["embedded_correctness", "embedded_errors", "embedded_tools"])


@pytest.mark.parametrize(
    ("steps", "found", "said"),
    [
        ({"ICL - baseline": (5, 1, 9), "FT - ICL": (-5, -9, -1)}, "the other way round", "order is not the paper's"),
        ({"ICL - baseline": (5, -1, 11), "FT - ICL": (5, 1, 9)}, "inconclusive", "a difference of 8.4 points"),
        ({"ICL - baseline": (5, 1, 9)}, "not compared", "FT - ICL cannot be compared"),
    ],
)  # fmt: skip
def test_other_orders_are_said(steps, found, said):
    rows = [
        {"comparison": name, "metric": "correct_execution", "n": 40, "difference": value, "ci_low": low,
         "ci_high": high, "p": 0.5, "detectable": 8.4, "p_holm": 0.01 if low * high > 0 else 0.5}
        for name, (value, low, high) in steps.items()
    ]  # fmt: skip
    table = compare.expectation(pd.DataFrame(rows))
    assert found in set(table["found"]) and said in compare.reading(table)


def test_differences_pair_items_by_seed():
    frame = pd.DataFrame({"tool": ["a", "a", "b", "b"], "item": [0, 1, 0, 1], "seed": [0, 0, 0, 0]})
    full = pd.concat([frame.assign(seed=seed, variant="full", correct_execution=True) for seed in (0, 1)])
    other = frame.assign(variant="no_feedback", correct_execution=[True, False, False, True])
    plan = config.load("smoke")
    found = compare.difference_columns(other, full, plan, "correct_execution")
    assert found["n"] == 4 and found["difference"] == -50, "seed 1 has no partner"
    assert compare.difference_columns(other[:0], full, plan, "correct_execution")["n"] == 0
    alone = full[full["seed"] == 1]
    assert compare.difference_columns(other, alone, plan, "correct_execution")["n"] == 4, "one run beside one run"
    baseline = frame.assign(variant="all", correct_execution=False)
    again = compare.difference_columns(full, baseline, plan, "correct_execution")
    assert again["n"] == 4, "two seeds with the same verdicts count once"
    full.loc[full["seed"] == 1, "correct_execution"] = [True, True, True, False]
    assert compare.difference_columns(full, baseline, plan, "correct_execution")["n"] == 8


# --- ablations and amounts --------------------------------------------------------------------------------------------


def test_ablations_compare_every_variant_at_both_sizes(tmp_path, monkeypatch):
    shares = {
        ("tuned", "full", "all"): 1.0,
        ("tuned", "no_feedback", "all"): 0.25,
        ("tuned", "no_feedback", "equal"): 0.5,
    }
    made = make(tmp_path, monkeypatch, right=shares)
    tables = ablation_tables(made)
    table = tables["ablations"].query("metric == 'correct_execution'").set_index(["size", "variant"])
    assert table["examples"].to_dict() == {
        ("all", "no_feedback"): 6, ("all", "no_reflection"): 12,
        ("equal", "no_feedback"): 6, ("equal", "no_reflection"): 6,
    }  # fmt: skip
    assert set(table.loc["all", "examples_full"]) == {18} and set(table.loc["equal", "examples_full"]) == {6}
    assert table.loc[("all", "no_feedback"), "difference"] == -75
    assert table.loc[("equal", "no_feedback"), "difference"] == 0
    assert (table["p_holm"] >= table["p"]).all() and set(table["n"]) == {16}
    assert list(tables["paper_ablations"]["variant"]) == list(ablations.PAPER_VARIANTS.values())
    draw(made, tables, ["ablations_accuracy"])


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_model_that_is_never_right_and_a_variant_without_examples_give_valid_tables(tmp_path, monkeypatch, seeds):
    made = make(tmp_path, monkeypatch, seeds=seeds, experiences={"full": 6, "no_feedback": 0, "no_reflection": 4},
                right={run: 0.0 for variant in ("all", "full", "no_feedback", "no_reflection")
                       for run in ((setting, variant, part) for setting in ("baseline", "icl", "tuned")
                                   for part in ("all", "equal", "1ep", "2ep"))})  # fmt: skip
    tables = main_tables(made) | ablation_tables(made) | amount_tables(made)
    none = tables["ablations"].query("variant == 'no_feedback'")
    assert (none["n"] == 0).all() and none["difference"].isna().all() and (none["examples"] == 0).all()
    others = tables["ablations"].query("variant == 'no_reflection'")
    assert (others["difference"] == 0).all() and (others["p_holm"] == 1).all()
    assert (tables["amount"]["value"] == 0).all() and tables["amount"]["ci_high"].notna().all()
    assert set(compare.expectation(tables["embedded_gains"])["found"]) == {"inconclusive"}
    draw(made, tables, ["embedded_correctness", "embedded_errors", "embedded_tools", "embedded_amount",
                        "ablations_accuracy"])  # fmt: skip


def test_nothing_at_all_left_by_exploration(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch, experiences=dict.fromkeys(("full", "no_feedback", "no_reflection"), 0))
    tables = amount_tables(made) | main_tables(made)
    assert set(tables["amount"]["n"]) == {0, 16}
    assert set(compare.expectation(tables["embedded_gains"])["found"]) == {"not compared"}
    draw(made, tables, ["embedded_amount", "embedded_correctness", "embedded_tools"])
    with pytest.raises(UserError, match="no predictions yet"):
        compare.answer_outcomes(made, ablations.ablation_runs(made))


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({}, "No variant can be compared"),
        ({("all", "a"): 1, ("equal", "a"): -1}, "No variant falls behind"),
        ({("all", "a"): -1}, "Behind the full method: a. Sizes were not made equal"),
        ({("all", "a"): -1, ("equal", "a"): -1, ("all", "b"): -1, ("equal", "b"): 1},
         "these are worse ones, or otherwise spread over tools); b (no longer with equally many"),
    ],
)  # fmt: skip
def test_fewer_and_worse_examples_are_told_apart(bounds, said):
    rows = [
        {
            "metric": "correct_execution",
            "setting": "FT",
            "size": size,
            "variant": variant,
            "n": 9,
            "difference": value,
            "detectable": 5.0,
            "p_holm": 0.01,
        }
        for (size, variant), value in bounds.items()
    ]
    columns = ["metric", "setting", "size", "variant", "n", "difference", "detectable", "p_holm"]
    assert said in ablations.explain_losses(pd.DataFrame(rows, columns=columns).astype({"setting": str}))


def test_amounts_start_from_the_baseline_and_end_with_all(tmp_path, monkeypatch):
    shares = {("baseline", "all", "all"): 0.25, ("icl", "full", "1ep"): 0.5, ("icl", "full", "all"): 1.0}
    table = amount_tables(made := make(tmp_path, monkeypatch, right=shares))["amount"]
    icl = table.query("metric == 'correct_execution' and setting == 'ICL'").set_index("episodes")
    assert icl["value"].to_dict() == {0: 25, 1: 50, 2: 50, 3: 100}
    assert icl["examples"].to_dict() == {0: 0, 1: 6, 2: 12, 3: 18}
    assert icl["difference"].drop(3).to_dict() == {0: -75, 1: -50, 2: -50} and pd.isna(icl.loc[3, "difference"])
    assert set(table["setting"]) == {"ICL", "FT"}
    draw(made, {"amount": table}, ["embedded_amount"])


def test_without_the_audits_tables_the_papers_panel_is_left_out(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch)
    monkeypatch.setattr(compare, "audited", lambda *_: None)
    draw(made, main_tables(made) | ablation_tables(made), ["embedded_correctness", "ablations_accuracy"])


# --- fine-tuning on parts ---------------------------------------------------------------------------------------------


def test_learning_from_parts_and_from_nothing(tmp_path, monkeypatch):
    made = make(tmp_path / "results", monkeypatch, items=1, variants=("full", "no_feedback"),
                experiences={"full": 3, "no_feedback": 0})  # fmt: skip
    base = str(make_model(tmp_path / "base", hidden=16, layers=2))
    models = {"micro": made.models["micro"].model_copy(update={"path": base})}
    made = made.model_copy(
        update={
            "models": models,
            "finetuning": made.finetuning.model_copy(update={"base": base, "epochs": 1, "max_length": 512}),
            "exploitation": made.exploitation.model_copy(update={"max_tokens": 4, "context": None}),
        }
    )
    made._root = config.project_root()
    record, answers = stages.learn(made, "full", 0, "1ep")
    assert record is not None and record.rows["call"] + record.rows["held_out"] // 2 == 3
    assert len(answers) == len(TOOLS) and {one.setting for one in answers} == {"FT, 1 episode"}
    equal = stages.finetune_variant(made, "full", 0, part="equal")
    assert equal is not None and equal.rows["answer"] == 0, "calls only"
    assert stages.model_folder(made, "full", 0, "equal").is_dir()
    control = stages.finetune_variant(made, "full", 0, part="gold")
    assert control is not None and control.rows["answer"] == 0
    assert control.rows["call"] + control.rows["held_out"] == 5 * len(TOOLS)
    assert stages.learn(made, "no_feedback", 0) == (None, [])
    assert stages.predictions_file(made, "tuned", "no_feedback", 0).read_bytes() == b""
    tight = made.model_copy(update={"finetuning": made.finetuning.model_copy(update={"max_length": 8})})
    tight._root = made._root
    assert stages.learn(tight, "full", 0, "2ep") == (None, []), "every row is too long"
    assert distill.NO_FEEDBACK == "no_feedback" and os.environ["STE_RESULTS"] == str(tmp_path / "results")


def test_without_recorded_results_all_rests_on_the_rule(tmp_path, monkeypatch):
    made = make(tmp_path, monkeypatch, right={("tuned", "full", "all"): 1.0, ("tuned", "no_feedback", "all"): 0.25})
    bare = [TestItem(item=one.item, query=one.query, gold=one.gold) for one in resources.items(made, "test")]
    monkeypatch.setattr(resources, "items", lambda *_: bare)
    tables = ablation_tables(made)
    table = tables["ablations"]
    assert set(table["metric"]) == {"api_match_all", "correct_rule", "correct_call"}
    right = table.query("metric == 'correct_call' and size == 'all'").set_index("variant")
    assert right.loc["no_feedback", "difference"] == -75
    assert ablations.explain_losses(table, level=0.1).startswith("Behind the full method: no_feedback")
    draw(made, tables, ["ablations_accuracy"])
