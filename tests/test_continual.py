"""Continual learning: plans, real rounds on a tiny model, killed and resumed; measures against figures made by hand."""

import functools
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT, one_line, run_ste
from tiny import make_model

from ste_core.analysis import forgetting
from ste_core.core import config, react, store
from ste_core.core.config import Arm
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, Prediction
from ste_core.method import finetune
from ste_core.method.training_data import GeneralTask
from ste_core.pipeline import continual_run, curriculum, resources
from ste_core.pipeline.curriculum import schedule, split_evenly
from ste_core.report import plots
from ste_core.scoring import execution

TOOLS = ("current_moment", "add_days", "country_fact", "sort_words")
BATCHES = (TOOLS[:2], TOOLS[2:])


def example(number, tool):
    return Example(
        tool=tool, episode=number, trial=0, paraphrase=0, query=f"song {number} of {tool}?", observation="price",
        call=Call(tool=tool, arguments={"n": number}), answer=f"{number}.",
    )  # fmt: skip


def examples(counts):
    return [example(number, tool) for tool, count in counts.items() for number in range(count)]


EXAMPLES = examples(dict.fromkeys(TOOLS, 3))
TASKS = [GeneralTask(task=f"list {number}", reply="city") for number in range(6)]


# --- the plan ---


def test_fifty_tools_are_cut_as_in_the_paper():
    assert [len(part) for part in split_evenly(range(50), 4)] == [12, 13, 12, 13]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(2, 12), st.integers(0, 3), st.randoms(use_true_random=False))
def test_every_plan_teaches_every_example_once(count, each, seed, rng):
    batches = split_evenly([f"t{number}" for number in range(2 * count)], count)
    found = examples({tool: rng.randint(0, each) for batch in batches for tool in batch})
    tasks = [GeneralTask(task=str(number), reply="x") for number in range(3 * count)]
    order = rng.sample(range(count), count)
    for arm in (Arm(name="a", order=order), Arm(name="b", replay=0.1), Arm(name="c", kind="interleaved"),
                Arm(name="d", kind="joint")):  # fmt: skip
        rounds = schedule(arm, batches, found, tasks, seed=seed)
        assert rounds == schedule(arm, batches, found, tasks, seed=seed)
        assert len(rounds) == (1 if arm.kind == "joint" else count)
        assert [one.number for one in rounds] == list(range(len(rounds)))
        new = [one for each in rounds for one in each.examples[: len(each.examples) - each.replayed]]
        assert sorted(new, key=str) == sorted(found, key=str)
        assert [task for one in rounds for task in one.general] == tasks
    assert [one.tools for one in schedule(Arm(name="a", order=order), batches, found)] == [
        batches[one] for one in order
    ]


def test_a_round_replays_its_share_of_every_earlier_batch_always_the_same():
    found = examples({"a": 20, "b": 20, "c": 30, "d": 0, "e": 10, "f": 10})
    batches = [("a", "b"), ("c", "d"), ("e", "f")]
    first, second, third = schedule(Arm(name="x", replay=0.1), batches, found, seed=3)
    assert (first.replayed, second.replayed, third.replayed) == (0, 4, 7)
    assert second.examples[-4:] == third.examples[20:24]
    assert {one.tool for one in second.examples[-4:]} <= {"a", "b"}
    other = schedule(Arm(name="x", replay=0.1), batches, found, seed=4)[1]
    assert other.examples != second.examples
    assert schedule(Arm(name="x", replay=0.001), batches, found)[2].replayed == 2  # at least one of a batch


def test_a_batch_without_examples_has_an_empty_round_and_is_not_replayed():
    batches = [("a",), ("b",), ("c",)]
    rounds = schedule(Arm(name="x", replay=1.0), batches, examples({"a": 2, "c": 2}), TASKS)
    assert [(len(one.examples), one.replayed, one.tools) for one in rounds] == [
        (2, 0, ("a",)), (0, 0, ("b",)), (4, 2, ("c",)),
    ]  # fmt: skip


def test_an_interleaved_round_has_its_part_of_every_batch():
    rounds = schedule(Arm(name="x", kind="interleaved"), BATCHES, examples(dict.fromkeys(TOOLS, 4)), seed=1)
    for one in rounds:
        assert [sum(example.tool in batch for example in one.examples) for batch in BATCHES] == [4, 4]


# --- studies ---


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("tiny"), hidden=32, layers=2, spare=0)


def make_study(where, base, **continual_changes):
    """A study of four tools on a tiny model, in a file; its results go to `where`."""
    arms = [
        {"name": "replay", "replay": 0.5, "general": 4}, {"name": "no_replay", "general": 4},
        {"name": "joint", "kind": "joint", "general": 4}, {"name": "interleaved", "kind": "interleaved", "general": 4},
    ]  # fmt: skip
    value = {
        "name": "tiny", "statistics": {"resamples": 99},
        "world": {
            "tools": "microworld.tools:toolbox", "test_set": "microworld/test_set/test.jsonl",
            "dev_set": "microworld/test_set/dev.jsonl", "general": "microworld.general_skills:tasks",
        },
        "models": {"micro": {"kind": "local", "path": str(base), "threads": 1}},
        "exploration": {"model": "micro", "tools": list(TOOLS), "seeds": [0, 1]},
        "exploitation": {"model": "micro", "max_tokens": 6},
        "finetuning": {
            "base": str(base), "epochs": 1, "batch": 4, "learning_rate": 1e-3, "threads": 1, "validation": 0,
        },
        "continual": {"batches": 2, "items": 1, "exam_items": 4, "seeds": [0], "arms": arms} | continual_changes,
    }  # fmt: skip
    path = where / "tiny.yaml"
    path.write_text(yaml.safe_dump(value))
    learnt = where / "results" / "tiny" / "distilled" / "full"
    for seed in (0, 1):
        store.write_text(
            learnt / f"seed{seed}" / "examples.jsonl", "".join(one.model_dump_json() + "\n" for one in EXAMPLES)
        )
    return path


@pytest.fixture
def trained(monkeypatch):
    """How often a model is fine-tuned, for real."""
    calls, real = [], finetune.finetune
    monkeypatch.setattr(finetune, "finetune", lambda *args, **more: calls.append(args[2]) or real(*args, **more))
    return calls


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def answered(results):
    """The answers and records of a run; not the beginning of a file that a kill left, which nobody reads or packs."""
    found = files(results / "continual").items()
    return {name: data for name, data in found if "/.run/" not in name and not re.search(r"/\.[^/]+\.tmp$", name)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, base):
    """A run of all arms, never interrupted."""
    where = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STE_RESULTS", str(where / "results"))
        this = config.load(make_study(where, base))
        calls, real = [], finetune.finetune
        patch.setattr(finetune, "finetune", lambda *args, **more: calls.append(args[2]) or real(*args, **more))
        for arm in this.continual.arms:
            continual_run.run_arm(this, arm.name, 0)
    return where, this, calls


def test_rounds_that_arms_share_are_trained_once_and_no_model_stays(whole):
    where, this, calls = whole
    assert len(calls) == len(set(calls)) == 6  # 2 + 2 - the first, shared + 1 + 2
    results = where / "results" / "tiny"
    assert files(results / "models" / "continual" / "seed0").keys() <= {".lock"} | {
        name for name in files(results / "models" / "continual" / "seed0") if name.endswith(".lock")
    }
    first = [results / "continual" / arm / "seed0" / "round1.jsonl" for arm in ("replay", "no_replay", "joint")]
    assert first[0].read_bytes() == first[1].read_bytes()
    for arm, last in (("replay", 2), ("no_replay", 2), ("joint", 1), ("interleaved", 2)):
        for number in range(last + 1):
            place = results / "continual" / arm / "seed0"
            done = json.loads((place / f"round{number}.done.json").read_text())
            assert (done["steps"] > 0) == (number > 0)
            predictions = store.read_jsonl(place / f"round{number}.jsonl", Prediction)
            assert [one.gold.tool for one in predictions] == list(itertools.chain(*curriculum.batches(this)))
            assert len(store.read_jsonl(place / f"exam{number}.jsonl", continual_run.ExamAnswer)) == 4


def test_what_is_done_is_read_and_a_lost_round_comes_back_the_same(whole, trained, monkeypatch):
    where, this, _ = whole
    monkeypatch.setenv("STE_RESULTS", str(where / "results"))
    before = answered(this.results)
    records = [one for arm in this.continual.arms for one in continual_run.run_arm(this, arm.name, 0)]
    assert not trained and answered(this.results) == before and len(records) == 11
    for name in ("round2.done.json", "round2.jsonl", "exam2.jsonl"):  # no other arm has it, and its model is gone
        (this.results / "continual" / "replay" / "seed0" / name).unlink()
    with pytest.raises(UserError, match="arm replay, seed 0: round 2 is not done"):
        continual_run.read_rounds(this, 0)
    continual_run.run_arm(this, "replay", 0)
    assert len(trained) == 2  # its first round, too
    assert answered(this.results) == before


def test_another_setting_is_another_run(whole, base, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    arms = [{"name": "a"}]
    continual_run.run_arm(config.load(make_study(tmp_path, base, arms=arms)), "a", 0)
    assert len(trained) == 2
    again = config.load(make_study(tmp_path, base, arms=arms, exam_items=3))
    with pytest.raises(UserError, match=r"round 0 is not done, or was done with other data or settings"):
        forgetting.round_outcomes(again)
    continual_run.run_arm(again, "a", 0)  # other questions: asked anew, of models made anew
    assert len(trained) == 4
    later = config.load(make_study(tmp_path, base, arms=[{"name": "a"}, {"name": "b", "order": [1, 0]}], exam_items=3))
    continual_run.run_arm(later, "a", 0)
    assert len(trained) == 4
    found = continual_run.run_arm(later, "b", 0)
    assert len(trained) == 6 and [one.tools for one in found[1:]] == curriculum.batches(later)[::-1]


def test_a_batch_without_examples_leaves_the_model_as_it_was(base, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    this = config.load(make_study(tmp_path, base, arms=[{"name": "a", "general": 4}]))
    empty = curriculum.batches(this)[0]
    kept = [one for one in EXAMPLES if one.tool not in empty]
    path = this.results / "distilled" / "full" / "seed0" / "examples.jsonl"
    store.write_text(path, "".join(one.model_dump_json() + "\n" for one in kept))
    first, second, third = continual_run.run_arm(this, "a", 0)
    assert first.model == second.model != third.model and len(trained) == 1
    assert (second.examples, second.general, second.steps) == (0, 0, 0) and third.steps > 0


def test_gold_examples_are_learnt_as_calls_for_as_many_steps_in_turn_as_at_once(base, tmp_path, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    arms = [{"name": "a", "replay": 0.5, "general": 4}, {"name": "joint", "kind": "joint", "general": 4}]
    this = config.load(make_study(tmp_path, base, arms=arms, gold=True, least_steps=7))
    shutil.rmtree(this.results / "distilled")  # nothing that was experienced is looked at
    gold = [one for one in resources.items(this, "dev") if one.gold.tool in TOOLS]
    rounds = curriculum.arms(this, curriculum.batches(this), 0)
    assert [(one.query, one.call) for one in rounds["joint"][0].examples] == [(one.query, one.gold) for one in gold]
    assert {one.tool for one in rounds["a"][0].examples} == set(curriculum.batches(this)[0])
    learnt, real = [], finetune.finetune
    monkeypatch.setattr(
        finetune, "finetune", lambda *args, **more: learnt.append(args[1].answer_rows) or real(*args, **more)
    )
    in_turn, at_once = continual_run.run_arm(this, "a", 0)[1:], continual_run.run_arm(this, "joint", 0)[1:]
    assert [one.steps for one in in_turn] == [7, 7] and [one.steps for one in at_once] == [14]
    assert learnt == [False] * 3
    matrix = forgetting.matrix(forgetting.round_outcomes(this), this)
    assert set(matrix["arm"]) >= {"a", "joint"}


def test_kills_at_any_moment_change_nothing(whole, base, tmp_path):
    where = whole[0]
    path = make_study(tmp_path, base)
    script = (
        "import sys; from ste_core.pipeline import continual_run; from ste_core.core.config import load;"
        "this = load(sys.argv[1]);"
        "[print(len(continual_run.run_arm(this, arm.name, 0)), flush=True) for arm in this.continual.arms]"
    )
    env = os.environ | {"STE_RESULTS": str(tmp_path / "results"), "OMP_NUM_THREADS": "1"}
    results, kills = tmp_path / "results" / "tiny" / "continual", 0
    moments = "replay/seed0/.run/round0.answers.jsonl", "replay/seed0/round1.done.json", "no_replay/seed0/round2.jsonl"
    for wanted in moments:
        process = subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=ROOT, env=env)
        until = time.monotonic() + 240
        while not (results / wanted).exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2
    done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert answered(tmp_path / "results" / "tiny") == answered(where / "results" / "tiny")


def test_two_at_once_are_refused(whole, monkeypatch):
    where, this, _ = whole
    monkeypatch.setenv("STE_RESULTS", str(where / "results"))
    with FileLock(this.results / "models" / "continual" / "seed0" / ".lock"):
        with pytest.raises(UserError, match="another process is at work") as error:
            continual_run.run_arm(this, "replay", 0)
    one_line(str(error.value))


WRONG = [
    ({"arms": [{"name": "a"}, {"name": "a"}]}, "continual: arms: two are called 'a'"),
    ({"arms": [{"name": "a", "order": [0, 2]}]}, "arms: 'a': order: must hold each of 0 to 1 once"),
    ({"arms": [{"name": "a", "kind": "joint", "replay": 0.1}]}, "have no meaning in a joint arm"),
    ({"arms": [{"name": "a", "replay": 10}]}, "continual.arms.0.replay"),
    ({"arms": []}, "continual.arms"),
    ({"seeds": [1, 1]}, "seeds: one stands there twice"),
    ({"exam_item": 3}, "did you mean 'exam_items'?"),
    ({"least_steps": -1}, "continual.least_steps"),
]


@pytest.mark.parametrize(("changes", "said"), WRONG)
def test_a_wrong_setting_is_one_line(changes, said, base, tmp_path, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    path = make_study(tmp_path, base, **changes)
    with pytest.raises(UserError) as error:
        config.load(path)
    assert said in one_line(str(error.value))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batches": 3}, "continual.batches: 3 of 4 tools are too many"),
        ({"tools": ["add_days", "nothing", "a", "b"]}, "the toolbox has no tool 'nothing'"),
        ({"variant": "no_feedback"}, "distil variant no_feedback"),
    ],
)
def test_what_does_not_fit_is_one_line(changes, said, base, tmp_path, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    this = config.load(make_study(tmp_path, base, **changes))
    with pytest.raises(UserError) as error:
        continual_run.run_arm(this, "replay", curriculum.arm_seeds(this)[0])
    assert said in one_line(str(error.value))


def test_general_tasks_need_a_world_that_has_them(base, tmp_path):
    path = make_study(tmp_path, base)
    value = yaml.safe_load(path.read_text())
    del value["world"]["general"]
    path.write_text(yaml.safe_dump(value))
    with pytest.raises(UserError, match=r"world\.general: missing"):
        config.load(path)
    value["world"]["general"] = "microworld.general_skills:nothing"
    path.write_text(yaml.safe_dump(value))
    with pytest.raises(UserError, match=r"world\.general: microworld\.general_skills:nothing") as error:
        resources.general_tasks(config.load(path), 1, 0, "train")
    one_line(str(error.value))


def test_no_exam_item_is_ever_trained_on():
    tasks = functools.partial(resources.general_tasks, config.load("quick"))
    train = {one.task for seed in (0, 1) for one in tasks(600, seed, "train")}
    exam = {one.task for seed in (0, 1) for one in tasks(200, seed, "heldout")}
    assert not train & exam and len(exam) > 350
    assert tasks(30, 0, "train")[:10] == tasks(10, 0, "train") != tasks(10, 1, "train")


# --- measures ---

MATRIX = np.array([[10.0, 0.0, 4.0], [80.0, 6.0, 4.0], [50.0, 70.0, 10.0], [60.0, 40.0, 90.0]])


def measured(matrix, kind, exam=None):
    """The measures of an arm with one tool a batch."""
    batches = tuple(matrix[:, batch][None, :] for batch in range(matrix.shape[1]))
    shares = forgetting.Shares(kind, batches, tuple(range(len(batches))), None if exam is None else np.array([exam]))
    return {name: one.value for name, one in forgetting.estimates([shares]).items()}


def test_measures_as_counted_by_hand():
    found = measured(MATRIX, "sequential", [50.0, 45.0, 60.0, 38.0])
    assert {name: round(value, 6) for name, value in found.items()} == {
        "final_average": round((60 + 40 + 90) / 3, 6),
        "backward_transfer": (60 - 80 + 40 - 70) / 2,
        "drop_from_best": (80 - 60 + 70 - 40) / 2,
        "learning_accuracy": (80 + 70 + 90) / 3,
        "forward_transfer": ((6 - 0) + (10 - 4)) / 2,
        "general_kept": -12.0,
    }
    assert found.keys() == forgetting.ARM_MEASURES.keys()
    interleaved = measured(MATRIX, "interleaved")
    assert interleaved.keys() == {"final_average", "drop_from_best"}
    assert interleaved["drop_from_best"] == pytest.approx(((80 - 60) + (70 - 40) + (10 - 90)) / 3)
    assert measured(MATRIX[:2], "joint") == {"final_average": pytest.approx(30)}


def made_up(arms, correct, seeds=(0, 1), tools=3, items=4, batches=2):
    """Rows as `outcomes` gives them; `correct(arm, round, position, tool, item, seed)` says what is right."""
    rows = []
    for arm in arms:
        for seed in seeds:
            for number in range(2 if arm.kind == "joint" else batches + 1):
                for batch in range(batches):
                    position = arm.order.index(batch) if arm.order else batch
                    rows += [
                        (arm.name, arm.kind, seed, number, batch, position, f"{batch}{tool}", item,
                         bool(correct(arm, number, position, tool, item, seed)))
                        for tool in range(tools) for item in range(items)
                    ]  # fmt: skip
    columns = ["arm", "kind", "seed", "round", "batch", "position", "tool", "item", "correct"]
    return pd.DataFrame(rows, columns=columns)


def made_up_exam(arms, right, items=20, seeds=(0, 1)):
    rows = [
        (arm.name, arm.kind, seed, number, item, bool(right(arm, number, item)))
        for arm in arms for seed in seeds for number in range(2 if arm.kind == "joint" else 3) for item in range(items)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["arm", "kind", "seed", "round", "item", "correct"])


ARMS = [
    Arm(name="replay_10", replay=0.1, general=5), Arm(name="no_replay", general=5), Arm(name="bare"),
    Arm(name="turned", replay=0.1, general=5, order=[1, 0]), Arm(name="joint", kind="joint", general=5),
    Arm(name="mixed", kind="interleaved", general=5),
]  # fmt: skip


def made_up_study(arms=ARMS):
    this = config.load("quick")
    section = this.continual.model_copy(update={"arms": arms, "batches": 2})
    changed = this.model_copy(update={"continual": section, "statistics": config.Statistics(resamples=199)})
    return changed


def test_tables_of_a_known_course(tmp_path):
    """Each batch is learnt wholly in its round, half of it forgotten in the next, but for replay."""

    def correct(arm, number, position, tool, item, seed):
        if arm.kind != "sequential":
            return number > 0
        if number <= position:
            return False
        return item % 2 == 0 or number == position + 1 or arm.replay

    this, rows = made_up_study(), made_up(ARMS, correct)
    exam = made_up_exam(ARMS, lambda arm, number, item: item < 10 - 5 * (number > 0 and not arm.general))
    matrix = forgetting.matrix(rows, this)
    own = matrix[~matrix["arm"].str.startswith("paper")].set_index(["arm", "round", "batch"])["value"]
    assert own["no_replay", 1, 0] == 100 and own["no_replay", 2, 0] == 50 and own["turned", 1, 1] == 100
    assert own["turned", 1, 0] == 0 and matrix["n"].iloc[0] == 24
    summary = forgetting.arm_measures(rows, exam, this).set_index(["arm", "measure"])
    assert summary.loc[("no_replay", "backward_transfer"), "value"] == -50
    assert summary.loc[("replay_10", "backward_transfer"), "value"] == 0
    assert summary.loc[("bare", "general_kept"), ["value", "ci_low"]].tolist()[0] == -25
    assert summary.loc[("bare", "general_kept"), "ci_low"] < -25 < summary.loc[("bare", "general_kept"), "ci_high"] <= 0
    assert summary.loc[("turned", "final_average"), "order"] == "1 0" and (summary["seeds"].iloc[0] == 2)
    table = forgetting.arm_differences(rows, exam, this)
    pairs = dict(zip(table["comparison"], table["contrast"], strict=True))
    assert pairs == {
        "replay_10 - no_replay": "replay", "no_replay - bare": "general", "turned - replay_10": "order",
        "joint - replay_10": "joint", "joint - no_replay": "joint",
        "mixed - replay_10": "interleaved", "mixed - no_replay": "interleaved",
    }  # fmt: skip
    found = table.set_index(["comparison", "measure"])["difference"]
    assert found["replay_10 - no_replay", "final_average"] == 25 and found["turned - replay_10", "final_average"] == 0
    assert not matrix.drop(columns="position").isna().any(axis=None) and not table.isna().any(axis=None)
    again = forgetting.arm_measures(rows.sample(frac=1, random_state=0).sort_values("arm", kind="stable"), exam, this)
    assert again.equals(summary.reset_index()[again.columns])
    draw_all(matrix, summary.reset_index(), table, forgetting.general_ability(exam, this), tmp_path)


def draw_all(matrix, summary, differences, general, folder):
    from ste_core.report import figures

    tables = {"continual_matrix": matrix, "continual_summary": summary, "continual_differences": differences,
              "continual_general": general}  # fmt: skip
    tables = {name: store.write_table(table, folder / f"{name}.csv") for name, table in tables.items()}
    with plots.style():
        for name in ("continual_matrices", "continual_replay", "continual_general"):
            spec = figures.FIGURES[name]
            figures.save(spec.draw(spec.data(tables)), folder / name)
            assert (folder / f"{name}.png").stat().st_size > 5_000


@pytest.mark.parametrize("arms", [ARMS, ARMS[4:5], ARMS[1:2]], ids=["all", "joint", "one"])
def test_a_model_that_gets_nothing_right_has_tables_and_figures_all_the_same(arms, tmp_path):
    this, rows = made_up_study(arms), made_up(arms, lambda *_: False)
    exam = made_up_exam(arms, lambda *_: False)
    summary = forgetting.arm_measures(rows, exam, this)
    own = summary[~summary["arm"].str.startswith("paper")]
    assert (own["value"] == 0).all() and not own.isna().any(axis=None)
    differences = forgetting.arm_differences(rows, exam, this)
    assert (differences["difference"] == 0).all()
    draw_all(forgetting.matrix(rows, this), summary, differences, forgetting.general_ability(exam, this), tmp_path)


def test_intervals_grow_with_the_spread_between_tools_and_pair_arms():
    rng = np.random.default_rng(0)
    even = np.full((12, 3), 50.0)
    wide = np.clip(even + rng.normal(0, 30, (12, 1)), 0, 100) * np.array([0, 1, 1])
    first = forgetting.Shares("sequential", (wide, wide), (0, 1))
    second = forgetting.Shares("sequential", (wide - 5 * np.array([0, 0, 1]), wide), (0, 1))
    alone = forgetting.estimates([first])["final_average"]
    paired = forgetting.estimates([first, second])["final_average"]
    assert alone.low < alone.value < alone.high and alone.high - alone.low > 5
    assert paired.value == pytest.approx(2.5) and paired.se < alone.se


def test_arms_of_another_order_are_paired_batch_by_batch():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0, 100, (6, 3)), rng.uniform(0, 100, (4, 3))
    straight = forgetting.Shares("sequential", (first, second), (0, 1))
    turned = forgetting.Shares("sequential", (first, second), (1, 0))
    found = forgetting.estimates([straight, turned])
    assert found["final_average"].value == pytest.approx(0) and found["final_average"].se < 10
    own, other = (first[:, 2] - first[:, 1]).mean(), (second[:, 2] - second[:, 1]).mean()
    assert found["backward_transfer"].value == pytest.approx(own - other), "each leaves its own last batch out"


def test_seeds_that_differ_widen_what_an_arm_has_kept():
    rng = np.random.default_rng(0)
    steady = np.repeat(rng.uniform(20, 80, (12, 3, 1)), 3, axis=2) + rng.normal(0, 1, (12, 3, 3))
    moved = steady + np.array([-15, 0, 15])
    few, many = (forgetting.estimates([forgetting.Shares("sequential", (one, one), (0, 1))]) for one in (steady, moved))
    assert many["final_average"].se > 1.3 * few["final_average"].se and many["final_average"].seeds == 3


# --- from answers to tables ---


def test_answers_are_judged_by_what_the_calls_return(whole, monkeypatch, tmp_path):
    where, this, _ = whole
    monkeypatch.setenv("STE_RESULTS", str(where / "results"))
    path = this.results / "continual" / "no_replay" / "seed0" / "round2.jsonl"
    before = path.read_bytes()
    right = [
        one.model_copy(update={"output": react.render_call(one.gold.tool, one.gold.arguments)})
        if one.gold.tool != "add_days" else one
        for one in store.read_jsonl(path, Prediction)
    ]  # fmt: skip
    path.write_text("".join(one.model_dump_json() + "\n" for one in right))
    try:
        rows, exam = forgetting.round_outcomes(this), forgetting.examined(this)
        with monkeypatch.context() as patch:  # without recorded results the rule says the same here
            patch.setattr(execution, "gold_results", lambda items: {})
            patch.setattr(execution, "execute_verdicts", None)
            pd.testing.assert_frame_equal(forgetting.round_outcomes(this), rows)
    finally:
        path.write_bytes(before)
    told = rows[rows["correct"]]
    assert set(told["arm"]) == {"no_replay"} and set(told["round"]) == {2}
    assert set(told["tool"]) == set(TOOLS) - {"add_days"}
    assert len(rows) == 11 * len(TOOLS) and len(exam) == 11 * 4
    assert len(forgetting.arm_measures(rows, exam, this)) > 10 and len(forgetting.general_ability(exam, this)) == 11


def test_the_notebooks_run(whole):
    where = whole[0]
    path = where / "tiny.yaml"
    for name, more in (("60_continual", ["-p", "seed", 0]), ("62_forgetting", [])):
        done = run_ste("notebook", ROOT / "notebooks" / f"{name}.ipynb", where / f"{name}.ipynb", "-p", "study", path,
                       *more, STE_RESULTS=where / "results", STE_FIGURES=where / "figures")  # fmt: skip
        assert done.returncode == 0, done.stderr
    tables = where / "results" / "tiny" / "tables"
    assert {path.stem for path in tables.iterdir()} == {
        "continual_matrix",
        "continual_summary",
        "continual_differences",
        "continual_selection",
        "continual_general",
    }
    assert len(list((where / "results" / "tiny" / "figures").glob("continual_*.png"))) == 3
