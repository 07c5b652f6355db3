"""The open questions: what is counted, how it is estimated, what becomes of it in a study with known answers."""

import re
from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from support import ROOT

from ste_core.analysis import behaviour, compare, forgetting
from ste_core.analysis import open_questions as questions
from ste_core.analysis.ledger import COLUMNS, Estimate, Estimator, Ledger
from ste_core.analysis.open_questions import BEYOND, QUESTIONS, SIDES
from ste_core.core import config as study
from ste_core.core import store
from ste_core.core.config import Arm, Study
from ste_core.core.errors import UserError
from ste_core.core.react import render
from ste_core.core.records import Call, Prediction, Step, TestItem, Tool, Trial
from ste_core.pipeline import explore_run as exploration
from ste_core.pipeline import resources, stages
from ste_core.report import figures
from ste_core.scoring import stats

TOOL = Tool(
    name="price",
    description="Price of a thing in a year after 1950",
    parameters={
        "type": "object",
        "properties": {"thing": {"type": "string"}, "city": {"type": "string"}, "year": {"type": "integer"}},
        "required": ["thing"],
    },
)


def step(arguments, ok=True, told="", tool="price"):
    return Step(output="", call=Call(tool=tool, arguments=arguments), observation=told, ok=ok)


def trial(*steps, variant="full", tool="price", query="What is it?", episode=0, number=0, **more):
    return Trial(tool=tool, variant=variant, seed=0, episode=episode, trial=number, query=query, steps=steps, **more)


# --- what is counted --------------------------------------------------------------------------------------------------


def test_optional_arguments_are_covered_by_calls_that_ran_alone():
    trials = [
        trial(step({"thing": "a", "city": "b"}, ok=False), step({"thing": "a", "year": 3})),
        trial(variant="none"),
    ]
    found = behaviour.arguments_covered(trials, {"price": TOOL}).set_index(["variant", "argument"])["covered"]
    assert found.to_dict() == {("full", "city"): False, ("full", "year"): True, ("none", "city"): False,
                               ("none", "year"): False}  # fmt: skip


def test_a_form_is_covered_by_exactly_its_arguments():
    items = [
        TestItem(item=number, query="", gold=Call(tool="price", arguments=dict.fromkeys(names, "x")))
        for number, names in enumerate((["thing"], ["thing", "year"], ["city", "thing"]))
    ]
    trials = [trial(step({"year": 1, "thing": "a"})), trial(step({"thing": "a"}, ok=False), episode=1)]
    found = behaviour.forms_covered([*trials, trial(variant="none")], items)
    assert found["covered"].tolist() == [False, True, False] + [False] * 3
    assert found["any"].tolist() == [True] * 3 + [False] * 3


def uses(*steps, query="What is it?"):
    return behaviour.uses_earlier(trial(*steps, query=query), TOOL)


def test_a_value_is_used_where_only_an_earlier_observation_told_it():
    first = step({"thing": "all"}, told='["lamp", 1997, "ab"]')
    assert uses(first, step({"thing": "Lamp"})) == "result"
    assert uses(first, step({"thing": "all", "year": 1997})) == "result"
    assert uses(first, step({"thing": "all", "city": {"is": ["lamp"]}})) == "result"
    refused = step({"thing": "x"}, ok=False, told="Error: thing: one of lamp, sofa")
    assert uses(refused, step({"thing": "sofa"})) == "error"
    assert uses(refused, first, step({"thing": "sofa", "year": 1997})) == "result"


@pytest.mark.parametrize(
    "steps",
    [
        [step({"thing": "lamp"}, told='"lamp"')],  # told by its own call
        [step({"thing": "all"}, told='"lamp"'), step({"thing": "lamp"}, ok=False)],  # did not run
        [step({"thing": "lamp"}, told='"lamp"'), step({"thing": "lamp"})],  # an earlier call had it
        [step({"thing": "all"}, told="ab, 7"), step({"thing": "ab", "year": 7})],  # too short to be told from chance
        [step({"thing": "all"}, told="lampshade 19977"), step({"thing": "lamp", "year": 1997})],  # part of another
        [step({"thing": "all"}, told="after 1950"), step({"thing": "all", "year": 1950})],  # documented
        [step({"thing": "all"}, told="true, nan"), step({"thing": "all", "city": True})],
        [Step(output="", problem="no call", observation="Error: say lamp"), step({"thing": "lamp"})],  # no tool told it
    ],
)
def test_a_value_known_otherwise_is_not_used(steps):
    assert uses(*steps) is None
    told = step({"thing": "all"}, told="the sofa")
    assert uses(told, step({"thing": "sofa"}), query="A Sofa?") is None


def test_errors_are_told_apart_by_whether_they_name_an_argument():
    trials = [
        trial(step({}, ok=False, told="Error: year: too early"), step({"year": 1})),
        trial(step({}, ok=False, told="Error: busy"), step({}, ok=False, told="Error: year")),
        trial(step({"thing": "a"}), step({}, ok=False, told="Error: year")),  # the first call ran
        trial(Step(output="", problem="no call")),
    ]
    found = behaviour.errors_met(trials, {"price": TOOL})
    assert found[["group", "right"]].to_numpy().tolist() == [[True, True], [False, False]]


def test_trials_after_an_error_are_those_of_its_own_episode():
    bad, good = step({}, ok=False, told="Error"), step({"thing": "a"})
    trials = [
        trial(good, number=0), trial(bad, good, number=1), trial(good, number=2), trial(bad, number=3),
        trial(good, episode=1), trial(Step(output="", problem="no call"), good, number=4),
        trial(Step(output="", problem="p"), episode=1, number=1), trial(good, episode=1, number=2),
    ]  # fmt: skip
    assert behaviour.after_errors(trials)["first_ran"].tolist() == [True, False, False]


# --- how it is estimated ----------------------------------------------------------------------------------------------

ESTIMATE = Estimator(Study(name="made_up", statistics={"resamples": 999}))  # type: ignore[arg-type]


def by_tool(*values):
    return pd.Series(values, index=[f"tool{number}" for number in range(len(values))], dtype=float)


def test_the_mean_of_tools_has_a_test_that_sees_a_sign_and_no_other():
    one = ESTIMATE.mean(by_tool(*np.linspace(2, 8, 40)))
    assert one.found.value == pytest.approx(5) and one.found.low > 0 and one.found.p() < 0.05 and one.tools == 40
    mixed = ESTIMATE.mean(by_tool(*[5, -5] * 7))
    assert mixed.found.low < 0 < mixed.found.high and mixed.found.p() > 0.5
    assert ESTIMATE.mean(by_tool(3.0, 3.0, 3.0)).found.p() > 0.5, "three tools show little"
    assert ESTIMATE.mean(by_tool(0.0, 0.0)).found.p() == 1 and ESTIMATE.mean(by_tool(np.nan)) is None
    assert ESTIMATE.mean(by_tool(7.0)).found.p() > 0.5, "one tool shows nothing"


def test_groups_of_tools_are_apart_or_not():
    high, low = by_tool(*range(20, 30)), by_tool(*range(10))
    assert ESTIMATE.between(high, low, n=20).found.value == 20
    assert ESTIMATE.between(high, low, n=20).found.p() < 0.01 < 0.2 < ESTIMATE.between(low, low, n=20).found.p()
    assert ESTIMATE.between(high, by_tool(1.0), n=11) is None


def test_a_gap_lives_with_resamples_that_lack_a_group():
    units = pd.DataFrame({"tool": ["a", "b", "c", "c"], "group": [True, False, False, False],
                          "right": [True, False, True, False]})  # fmt: skip
    one = ESTIMATE.gap(units)
    assert one.found.value == pytest.approx(100 - 100 / 3) and not np.isnan([one.found.low, one.found.high]).any()
    assert ESTIMATE.gap(units[units["group"]]) is None


def runs(*levels, tools=12, noise=20.0, seed=0):
    """Arms that end at these levels, over two batches."""
    rng = np.random.default_rng(seed)
    return [
        forgetting.Shares("sequential", tuple(level + rng.normal(0, noise, (tools, 3)) for _ in range(2)), (0, 1))
        for level in levels
    ]


def test_a_spread_is_judged_by_what_chance_deals():
    apart = ESTIMATE.spread(runs(20, 50, 50), "apart")
    assert 20 < apart.found.value < 45 and apart.p < 0.01 and apart.tools == 24
    alike = ESTIMATE.spread(runs(50, 50, 50), "alike")
    assert alike.found.low > 0 and alike.p > 0.05, "extremes always differ"


# --- what becomes of it -----------------------------------------------------------------------------------------------


def figure(value, se):
    """A figure with its t, of nine units of three tools."""
    return Estimate(stats.Estimate(value, value - 2 * se, value + 2 * se, value, se, 49), 9, 3)


@pytest.mark.parametrize(
    ("one", "options", "verdict"),
    [
        (figure(5, 2), {}, "supported"),
        (figure(5, 4), {}, "inconclusive"),
        (figure(5, 2), {"below": True}, "not supported"),
        (figure(-5, 2), {"below": True}, "supported"),
        (figure(-2, 1), {"bound": -5.0}, "supported"),
        (figure(-2, 2), {"bound": -5.0}, "inconclusive"),
        (figure(-9, 1), {"bound": -5.0}, "not supported"),
        (Estimate(stats.Estimate(30, 20, 40), 9, 3, p=0.001), {}, "supported"),
        (Estimate(stats.Estimate(30, 20, 40), 9, 3, p=0.2), {}, "inconclusive"),
        (None, {"missing": "not run"}, "inconclusive"),
    ],
)
def test_a_statement_follows_its_test(one, options, verdict):
    ledger = Ledger(BEYOND)
    ledger.state(1, "it is so", one, **options)
    row = ledger.closed().iloc[0]
    assert row["verdict"] == verdict and (row["evidence"] == "not run") == (one is None)


def test_holm_is_over_the_statements_of_experiments_and_nothing_else():
    ledger = Ledger(BEYOND)
    for question in (1, 2, 3):
        ledger.state(question, "so", replace(figure(5, 2), p=0.02))
    ledger.state(4, "elsewhere", replace(figure(5, 2), p_holm=0.04, family="ablations"))
    ledger.describe(1, "beside", figure(5, 0.01))
    row = pd.Series({"difference": -5.0, "ci_low": -9.0, "ci_high": -1.0, "n": 9, "p_holm": 0.04})
    ledger.audit(1, "the paper's", row)
    table = ledger.closed()
    stated = table[table["tested"] == 1]
    assert stated["p_holm"].tolist() == pytest.approx([0.06] * 3 + [0.04])
    assert stated["verdict"].tolist() == ["inconclusive"] * 3 + ["supported"]
    assert stated["family"].tolist() == ["open questions"] * 3 + ["ablations"]
    audit = table[table["source"] == "audit"].iloc[0]
    assert audit["p_holm"] == 0.04 and audit["verdict"] == "supported"
    assert table.loc[table["hypothesis"] == "beside", "verdict"].item() == ""
    assert list(table.columns) == list(COLUMNS) and set(table["question"]) == set(QUESTIONS)


# --- a study with known answers ---------------------------------------------------------------------------------------

TOOLS = [
    "add_days", "add_workdays", "country_fact", "time_in_zone", "convert_currency", "exchange_cash", "spell_number",
    "convert_base", "sort_words", "shift_letters", "wind_force", "find_trains", "look_up_element", "filing_fee",
    "flight_distance", "check_vat_number", "loan_payment",
]  # fmt: skip
SHOWN = dict.fromkeys(TOOLS[:12], "error") | {"loan_payment": "result"}
VARIANTS = ["full", "no_feedback", "no_short_term", "no_long_term", "no_reflection"]


def plan(**more):
    return {
        "name": "made_up", "statistics": {"resamples": 199},
        "world": {"tools": "microworld.tools:toolbox", "test_set": str(ROOT / "microworld/test_set/test.jsonl")},
        "models": {"micro": {"kind": "local", "path": "nowhere"}},
        "exploration": {"model": "micro", "tools": TOOLS, "episodes": 4, "trials": 2, "variants": VARIANTS},
        "distillation": {"model": "micro"}, "exploitation": {"model": "micro", "items": 4},
        "finetuning": {"base": "nowhere"}, "ablations": {"equal_size": True, "amounts": [1, 2]},
    } | more  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of its own, with one study in it."""
    (tmp_path / "study").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    monkeypatch.delenv("STE_FIGURES", raising=False)
    return tmp_path


def write(project, value):
    (project / "study" / f"{value['name']}.yaml").write_text(yaml.safe_dump(value))
    return study.load(value["name"])


def keep(path, records):
    store.write_text(path, "".join(one.model_dump_json() + "\n" for one in records))


def explore(this, variant, ran, query="query {episode} {number}"):
    """Trials of a variant: `ran(tool, episode, number)` says whether the gold call of an item is made, and runs."""
    gold = {}
    for one in resources.items(this, "test"):
        gold.setdefault(one.gold.tool, []).append(one.gold.arguments)
    for tool in TOOLS:
        trials = []
        for episode in range(this.exploration.episodes):
            for number in range(this.exploration.trials):
                arguments = gold[tool][(episode * this.exploration.trials + number) % len(gold[tool])]
                good = ran(tool, episode, number)
                steps = (step(arguments if good else {}, ok=good, told="1" if good else "Error: busy", tool=tool),)
                asked = query.format(episode=episode, number=number)
                trials.append(trial(*steps, variant=variant, tool=tool, episode=episode, number=number, query=asked,
                                    reflection="Yes" if good else "No", solved=good))  # fmt: skip
        keep(exploration.trials_file(this, variant, 0, tool), trials)


def answer(this, setting, variant, part, right):
    """Predictions of a setting: the gold call where `right(tool, item)`, else nothing."""
    made = [
        Prediction(system="micro", setting=stages.label(setting, part), item=one.item, query=one.query, gold=one.gold,
                   output=render(one.gold.tool, one.gold.arguments) if right(one.gold.tool, one.item) else "No idea.")
        for one in stages.items_of(this)
    ]  # fmt: skip
    keep(stages.predictions_file(this, setting, variant, 0, part), made)


def always(*_):
    return True


def never(*_):
    return False


def fill(this, ft=always, variants=None, icl=never):
    """All that a study leaves: long-term memory makes every call run, feedback makes FT right where errors tell."""
    variants = variants or VARIANTS
    for variant in variants:
        explore(this, variant, never if variant == "no_long_term" else always)
    answer(this, "baseline", "all", "all", never)
    for part in ("all", "1ep", "2ep"):
        answer(this, "icl", "full", part, icl)
        answer(this, "tuned", "full", part, never if part == "1ep" else ft)
    for variant in variants:
        for part in ("all", "equal"):
            right = ft if variant != "no_feedback" else lambda tool, item: ft(tool, item) and SHOWN.get(tool) != "error"
            answer(this, "tuned", variant, part, right)


def stated(table, hypothesis):
    rows = table[table["hypothesis"] == hypothesis]
    assert len(rows) == 1, table["hypothesis"].tolist()
    return rows.iloc[0]


def test_a_study_answers_what_it_can(project):
    this = write(project, plan())
    fill(this)
    table = questions.answers(this, SHOWN)
    assert list(table.columns) == list(COLUMNS) and set(table["question"]) == set(QUESTIONS)
    for hypothesis, verdict, effect in (
        ("long-term memory covers more forms of test queries", "supported", 100),
        ("short-term memory covers more forms of test queries", "inconclusive", 0),
        ("feedback helps FT where an error tells the convention", "supported", 100),
        ("feedback helps FT where only a result tells it", "inconclusive", 0),
        ("FT, 1 episode: worse than all 4", "supported", -100),
        ("FT, 2 episodes: worse than all 4", "inconclusive", 0),
        ("fine-tuning is more often right than demonstrations", "supported", 100),
    ):
        row = stated(table, hypothesis)
        assert (row["verdict"], round(row["effect"])) == (verdict, effect), hypothesis
    covered = stated(table, "long-term memory covers more forms of test queries")["effect"]
    assert (
        covered
        == 100
        * behaviour.forms_covered(exploration.read(this, "full", 0), resources.items(this, "test"))["covered"].mean()
    )
    assert stated(table, "ICL, 1 episode: worse than all 4")["evidence"].startswith("nothing to compare")
    assert (
        "from episode 2 of 3"
        in stated(table, "fine-tuning overtakes demonstrations, its whole interval above zero")["evidence"]
    )
    assert stated(table, "FT right, of what ICL has wrong")["effect"] == 100
    assert stated(table, "baseline loses to a single gold tool")["evidence"] == "nothing to compare"
    for name in ("novelty", "unfiltered", "rationale"):
        assert f"not run: side study {name}" in set(table["evidence"])
    again = questions.answers(study.load("made_up"), SHOWN)
    pd.testing.assert_frame_equal(table, again)
    read(this, table)


def test_without_recorded_results_questions_rest_on_the_rule(project, monkeypatch):
    this = write(project, plan())
    fill(this)
    bare = [TestItem(item=one.item, query=one.query, gold=one.gold) for one in resources.items(this, "test")]
    monkeypatch.setattr(resources, "items", lambda *_: bare)
    table = questions.answers(this, SHOWN)
    for hypothesis, verdict, effect in (
        ("feedback helps FT where an error tells the convention", "supported", 100),
        ("fine-tuning is more often right than demonstrations", "supported", 100),
    ):
        row = stated(table, hypothesis)
        assert (row["verdict"], round(row["effect"])) == (verdict, effect), hypothesis
    assert stated(table, "baseline loses to a single gold tool")["evidence"] == "no call was executed"
    read(this, table)


def read(this, table):
    """A table is read as sentences without holes, and drawn."""
    kept = store.write_table(table, this.tables / "open_questions.csv")
    for number in QUESTIONS:
        lines = questions.reading(kept, number)
        assert lines[-1].startswith("**Verdict.**") and "*Not from here*" in lines[-1]
        assert not re.search(r"\bnan\b|None", " ".join(lines)), lines
    counts = questions.overview(kept).drop(columns="question").sum()
    assert counts["statements"] == counts.drop("statements").sum() == (kept["tested"] == 1).sum()
    figures.make("open_questions", this)
    assert (this.results / "figures" / "open_questions.png").stat().st_size > 20_000


def test_a_model_that_is_never_right_and_never_makes_a_call_leaves_nothing_to_compare(project):
    this = write(project, plan())
    fill(this, ft=never)
    for variant in VARIANTS:
        explore(this, variant, never)
    table = questions.answers(this, SHOWN)
    assert not set(table["verdict"]) & {"supported", "not supported"}
    assert (table.loc[table["tested"] == 1, "effect"].fillna(0) == 0).all()
    read(this, table)


def test_a_study_without_variants_amounts_and_trials_says_so(project):
    bare = plan(ablations=None)
    bare["exploration"] = bare["exploration"] | {"variants": ["full"]}
    this = write(project, bare)
    answer(this, "baseline", "all", "all", never)
    table = questions.answers(this, {})
    own = table[(table["tested"] == 1) & (table["question"] != 9)]
    assert own["effect"].isna().all() and "not part of this study" in set(own["evidence"])
    read(this, table)


def test_a_single_gold_tool_costs_who_calls_the_twin(project, monkeypatch):
    this = write(project, plan())
    fill(this, ft=always, icl=never)
    real = compare.outcomes
    monkeypatch.setattr(compare, "outcomes", lambda *some: (
        lambda rows: rows.assign(task_success=rows["task_success"] | (rows["setting"] == "ICL"))
    )(real(*some)))  # fmt: skip
    table = questions.answers(this, SHOWN)
    row = stated(table, "ICL loses to a single gold tool")
    twins = set(resources.toolbox(this).near_duplicates) & set(TOOLS)
    assert (row["effect"], row["tools"]) == (100, len(twins)) and twins
    assert stated(table, "FT loses to a single gold tool")["effect"] == 0
    assert stated(table, "a single gold tool costs ICL more than FT")["effect"] == 100


# --- side studies -----------------------------------------------------------------------------------------------------


def side(project, name, **more):
    this = write(project, plan(ablations=None, **more) | {"name": f"made_up_{name}"})
    answer(this, "baseline", "all", "all", never)
    return this


def finish(this):
    store.write_text(this.results / "run.json", "{}")


def test_a_side_study_is_read_once_it_has_run_and_is_of_the_same_model(project):
    this = write(project, plan())
    fill(this, ft=never)
    for variant in VARIANTS:
        explore(this, variant, never, query="the same again")
    other = side(project, "novelty")
    explore(other, "full", always, query="query {episode} in words {number} of its own")
    answer(other, "tuned", "full", "all", always)
    assert questions.side(this, "novelty") is None and questions.sides(this)["state"].iloc[0] == "not run"
    finish(other)
    table = questions.answers(this, SHOWN)
    assert stated(table, "asked for novelty, queries repeat less")["verdict"] == "supported"
    assert stated(table, "asked for novelty, FT is more often right")["effect"] == 100
    assert stated(table, "asked for novelty, it covers more forms of test queries")["verdict"] == "supported"
    answer(other, "baseline", "all", "all", always)  # as another model would
    assert questions.side(this, "novelty") is None and "another model" in questions.sides(this)["state"].iloc[0]
    row = stated(questions.answers(this, SHOWN), "asked for novelty, FT is more often right")
    assert row["verdict"] == "inconclusive" and "not run" in row["evidence"]


def test_of_a_side_study_run_elsewhere_the_tables_are_no_evidence(project):
    this = write(project, plan())
    fill(this, ft=never)
    for name in ("novelty", "families"):
        finish(write(project, plan(ablations=None) | {"name": f"made_up_{name}"}))  # as in a fresh clone
    table = questions.answers(this, SHOWN)
    row = stated(table, "asked for novelty, FT is more often right")
    assert row["verdict"] == "inconclusive" and "not run" in row["evidence"]
    states = questions.sides(this).set_index("study")["state"]
    assert all(states[f"made_up_{name}"].startswith("not run here") for name in ("novelty", "families"))


def test_reasons_and_faulty_trials_are_counted_in_their_side_studies(project):
    this = write(project, plan())
    fill(this, ft=never)
    for name in ("unfiltered", "rationale"):
        other = side(project, name)
        explore(other, "full", always)
        answer(other, "tuned", "full", "all", always)
        for one in (this, other):
            keep(stages.distilled_folder(one, "full", 0) / "examples.jsonl", [])
        finish(other)
    path = exploration.trials_file(other, "full", 0, "add_days")
    keep(path, [one.model_copy(update={"reflection": "Yes. It gave a date."}) for one in store.read_jsonl(path, Trial)])
    path = exploration.trials_file(other, "full", 0, "sort_words")  # what a small model may write instead
    keep(
        path,
        [one.model_copy(update={"reflection": "Final Answer: It is so."}) for one in store.read_jsonl(path, Trial)],
    )
    table = questions.answers(this, SHOWN)
    assert stated(table, "FT without the judge's filter is more often right")["verdict"] == "supported"
    reasons = stated(table, "verdicts that come with a reason, when one is asked for")
    assert reasons["effect"] == pytest.approx(100 / len(TOOLS))


# --- batches ----------------------------------------------------------------------------------------------------------

ARMS = [
    Arm(name="none"), Arm(name="r1", replay=0.01), Arm(name="r10", replay=0.1), Arm(name="r50", replay=0.5),
    Arm(name="turned", replay=0.1, order=[1, 0]), Arm(name="joint", kind="joint"),
    Arm(name="mixed", kind="interleaved"), Arm(name="other", replay=0.1, general=5),
]  # fmt: skip


def in_turn(right, arms=ARMS, tools=12):
    """Rows as of `forgetting.outcomes`; `right(arm, round, position, tool)` is how many of ten items are right."""
    rows = []
    for arm in arms:
        for batch in (0, 1):
            position = batch if arm.order is None else arm.order.index(batch)
            for number in range(2 if arm.kind == "joint" else 3):
                for tool in range(tools):
                    count = 0 if number == 0 else right(arm.name, number, position, tool)
                    rows += [
                        (arm.name, arm.kind, 0, number, batch, position, f"{batch}/{tool}", item, item < count)
                        for item in range(10)
                    ]
    columns = ["arm", "kind", "seed", "round", "batch", "position", "tool", "item", "correct"]
    return pd.DataFrame(rows, columns=columns)


KEPT = {"none": 2, "r1": 7, "r10": 8, "r50": 9, "turned": 3, "other": 9, "joint": 9, "mixed": 9}


def learnt(arm, number, position, tool):
    """Eight or nine of ten just after a batch's own round; of earlier ones, what the arm keeps."""
    last = 1 if arm == "joint" else 2
    if arm in ("joint", "mixed") or number - 1 > position:
        return KEPT[arm] if number == last else 5
    return 9 if number - 1 == position else 0


def ask(project, monkeypatch, rows, families=None, arms=ARMS, **sides):
    kinds = [arm.model_dump(exclude_none=True) for arm in arms]
    sections = {"continual": {"batches": 2, "arms": kinds},
                "world": plan()["world"] | {"general": "microworld.general_skills:tasks"}}  # fmt: skip
    this = write(project, plan(**sections))
    fill(this, ft=never)
    if rows is not None:
        store.write_text(this.results / "continual" / "r10" / "seed0" / "round0.jsonl", "")
    tables = {"made_up": rows, "made_up_families": families} | {f"made_up_{one}": own for one, own in sides.items()}
    for name, own in tables.items():
        if name != "made_up" and own is not None:
            other = side(project, name.removeprefix("made_up_"), experience="made_up", **sections)
            store.write_text(other.results / "continual" / "r10" / "seed0" / "round0.jsonl", "")
            finish(other)

    def outcomes(one):
        if isinstance(tables[one.name], str):
            raise UserError(tables[one.name])
        return tables[one.name]

    monkeypatch.setattr(forgetting, "outcomes", outcomes)
    return questions.answers(this, SHOWN)


def test_little_replay_orders_and_mixed_practice(project, monkeypatch):
    table = ask(project, monkeypatch, in_turn(learnt))
    row = stated(table, "a little replay saves over half of what most replay saves")
    assert row["verdict"] == "supported" and row["effect"] == pytest.approx(70 - (20 + 90) / 2)
    assert stated(table, "interleaved practice ends higher than in turn without replay")["verdict"] == "supported"
    assert stated(table, "interleaved practice ends higher than all at once")["effect"] == 0
    assert stated(table, "interleaved practice ends higher than in turn with replay")["effect"] == pytest.approx(5)
    order = stated(table, "the order of batches matters, 10% replayed")
    assert order["effect"] == pytest.approx(25) and order["p"] < 0.05, "turned keeps three of ten, r10 eight"
    missing = table[(table["question"] == 8) & (table["tested"] == 1)]
    assert len(missing) == 4 and missing["evidence"].str.contains("not run: side study families").all()


def test_a_little_replay_that_saves_little_is_no_support(project, monkeypatch):
    monkeypatch.setitem(KEPT, "r1", 3)
    row = stated(
        ask(project, monkeypatch, in_turn(learnt)), "a little replay saves over half of what most replay saves"
    )
    assert row["verdict"] == "not supported" and row["effect"] == pytest.approx(30 - 55)


def test_what_gold_examples_leave_is_asked_as_well(project, monkeypatch):
    little, mixed = "a little replay saves over half of what most replay saves", "interleaved practice ends higher than"
    for gold, said in ((None, "not run: side study gold"), ("other settings", "made_up_gold is of other data")):
        table = ask(project, monkeypatch, in_turn(learnt), gold=gold)
        assert stated(table, little)["verdict"] == "supported"
        for hypothesis in (little, f"{mixed} in turn"):
            row = stated(table, f"{hypothesis}, of gold examples")
            assert row["verdict"] == "inconclusive" and said in row["evidence"]
    table = ask(project, monkeypatch, in_turn(never), gold=in_turn(learnt))
    assert stated(table, little)["verdict"] == "inconclusive" and stated(table, little)["effect"] == 0
    assert stated(table, f"{little}, of gold examples")["effect"] == pytest.approx(70 - (20 + 90) / 2)
    assert stated(table, f"{mixed} in turn without replay, of gold examples")["verdict"] == "supported"


def test_new_kinds_are_compared_item_by_item(project, monkeypatch):
    def worse(arm, number, position, tool):
        return max(0, learnt(arm, number, position, tool) - (2 if number - 1 > position else 0))

    table = ask(project, monkeypatch, in_turn(learnt), in_turn(worse))
    as_well = stated(table, "new kinds are learnt as well as mixed batches, with replay")
    assert as_well["effect"] == 0 and as_well["p"] < 0.05, "against the margin, not against none"
    kept = stated(table, "new kinds are kept worse than mixed batches, with replay")
    assert kept["effect"] == pytest.approx(-10), "two of ten items, in one batch of two"
    assert kept["n"] == 240


def test_a_margin_says_nothing_where_there_is_less_than_it_to_lose(project, monkeypatch):
    rows = in_turn(lambda arm, number, position, tool: int(tool == 0))
    table = ask(project, monkeypatch, rows, in_turn(never))
    row = stated(table, "new kinds are learnt as well as mixed batches, with replay")
    assert row["verdict"] == "inconclusive" and "less than the margin" in row["evidence"]


def test_answers_of_continual_learning_that_are_not_kept_are_said_to_be_so(project, monkeypatch):
    table = ask(project, monkeypatch, None)
    for hypothesis in ("a little replay saves over half of what most replay saves", "the order of batches matters",
                       "interleaved practice ends higher than in turn"):  # fmt: skip
        row = stated(table, hypothesis)
        assert row["verdict"] == "inconclusive" and "tables only are kept" in row["evidence"]


# --- its files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize("main", ["quick", "full"])
def test_a_side_study_changes_one_thing(main, name):
    base, other = study.load(main), study.load(f"{main}_{name}")
    assert (other.seed, other.world, other.models, other.statistics) == (
        base.seed, base.world, base.models, base.statistics,
    )  # fmt: skip
    changed = {
        "novelty": {"novelty": 0.9}, "rationale": {"rationale": True}, "unfiltered": {}, "families": {}, "gold": {},
    }[name]  # fmt: skip
    expected = base.exploration.model_copy(update=changed)
    if name not in ("families", "gold"):
        expected = expected.model_copy(update={"variants": ["full"]})
        assert other.continual is None and other.source == other.results
    assert other.exploration == expected
    if name == "unfiltered":
        assert other.distillation == base.distillation.model_copy(update={"judge": False})
    elif name == "novelty":
        assert (other.distillation, other.finetuning, other.exploitation) == (
            base.distillation, base.finetuning, base.exploitation,
        )  # fmt: skip


@pytest.mark.parametrize("main", ["quick", "full"])
def test_batches_of_kinds_have_the_sizes_and_arms_of_mixed_ones(main):
    from ste_core.pipeline import curriculum

    base, other = study.load(main), study.load(f"{main}_families")
    assert other.source == base.results and other.finetuning == base.finetuning
    mixed, kinds = curriculum.batches(base), curriculum.batches(other)
    assert [len(one) for one in kinds] == [len(one) for one in mixed]
    assert sorted(sum(kinds, ())) == sorted(sum(mixed, ()))
    family = {name: tool.family for name, tool in resources.listing(base).tools.items()}
    where = pd.DataFrame([(family[tool], number) for number, batch in enumerate(kinds) for tool in batch])
    assert (where.groupby(0)[1].nunique() == 1).sum() == 8 and where[0].nunique() == 10
    assert {arm.name: arm for arm in other.continual.arms}.items() <= {
        arm.name: arm for arm in base.continual.arms
    }.items()
    assert {arm.replay for arm in other.continual.arms} == {0.1, 0.0}
    assert (other.continual.items, other.exploration.seeds) == (base.continual.items, base.exploration.seeds)


def test_the_notebook_asks_all_ten_in_order():
    cells = nbformat.read(ROOT / "notebooks" / "80_open_questions.ipynb", 4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    heads = [f"{number}. {words}" for number, words in QUESTIONS.items()]
    assert re.findall(r"^## (\d+\. .+)$", text, re.M) == heads
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert re.findall(r"reading\(answers, (\d+)\)", code) == [str(number) for number in QUESTIONS]
    assert text.count("What would settle the rest") == len(QUESTIONS)
    page = (ROOT / "docs" / "open_questions.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\d+)\. ", page, re.M) == [str(number) for number in QUESTIONS]
