"""A study with several learners of one experience, and more trainings than explorations: from answers to its tables."""

import json

import pandas as pd
import pytest
from support import few_items, run_ste

from ste_core.analysis import compare, learners
from ste_core.core import store
from ste_core.core.config import load
from ste_core.core.errors import UserError
from ste_core.core.records import Prediction
from ste_core.pipeline import archive, plan, resources, stages
from ste_core.report import figures

pytest.importorskip("torch")

TOOLS = ["current_moment", "convert_currency", "sort_words"]


@pytest.fixture(scope="module")
def written(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("learners")
    sets = few_items(folder, TOOLS, 3, 5)
    micro = {"kind": "local", "path": "microworld/checkpoint", "threads": 1, "prompts": "small"}
    patched = pytest.MonkeyPatch()
    patched.setenv("STE_RESULTS", str(folder / "results"))
    patched.setenv("STE_FIGURES", str(folder / "figures"))
    request.addfinalizer(patched.undo)
    return folder / "two.yaml", {
        "name": "two",
        "world": {"tools": "microworld.tools:toolbox", "only": TOOLS, **sets},
        "models": {"micro": micro, "other": micro},
        "exploration": {"model": "micro", "variants": ["full", "no_feedback"]},
        "distillation": {"model": "micro"},
        "exploitation": {"model": "micro", "candidate_count": 3, "demonstrations": 2, "max_tokens": 48,
                         "constrained": True},
        "finetuning": {"base": "microworld/checkpoint", "epochs": 1, "batch": 8, "learning_rate": 1e-3,
                       "max_length": 256, "validation": 0, "threads": 1, "seeds": [0, 1],
                       "answer_rows": False},
        "ablations": {"gold": True, "equal_size": True},
        "learners": {"other": {"exploitation": {"constrained": False}, "finetuning": {"learning_rate": 1e-4}}},
    }  # fmt: skip


def loaded(written, **changes):
    path, study = written
    store.write_text(path, json.dumps(study | changes))
    return load(path)


@pytest.fixture(scope="module")
def study(written):
    """The study, with gold examples where its experience would lie, all questions answered by both learners."""
    this = loaded(written)
    made = resources.gold_examples(resources.items(this, "dev"))
    path = stages.distilled_folder(this, "full", 0) / "examples.jsonl"
    store.write_text(path, "".join(one.model_dump_json() + "\n" for one in made))
    for one in this.of_learners():
        for part in ("all", "gold"):
            stages.answer_items(one, "icl", "full", 0, part=part)
            for seed in one.training_seeds():
                stages.learn(one, "full", seed, part)
        stages.answer_items(one, "baseline")
    return this


def test_a_learner_is_the_study_with_other_keys(written):
    this = loaded(written)
    other = this.as_learner("other")
    assert this.as_learner("") is this and this.as_learner("micro") is this
    assert other.exploitation.model == "other" and not other.exploitation.constrained
    assert other.exploitation.demonstrations == 2
    assert other.finetuning.learning_rate == 1e-4 and other.finetuning.batch == 8
    assert other.exploration.variants == ["full"] and not other.ablations.equal_size and other.ablations.gold
    assert other.learnt == this.results / "learners" / "other" and other.source == this.source
    assert other.tables == this.tables and this.learnt == this.results
    written[1]["learners"]["other"]["ablates"] = True
    assert loaded(written).as_learner("other").exploration.variants == ["full", "no_feedback"]
    del written[1]["learners"]["other"]["ablates"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learners": {"third": {}}}, "learners: no model 'third'"),
        ({"learners": {"micro": {}}}, "learners.micro: must be others than exploitation.model"),
        ({"learners": {"other": {"exploitation": {"demonstration": 3}}}},
         "learners.other.exploitation.demonstration: no such key; did you mean 'demonstrations'?"),
        ({"learners": {"other": {"finetuning": {"epochs": 0}}}}, "learners.other.finetuning.epochs: "),
        ({"learners": {"other": {"ablations": {"golden": True}}}},
         "learners.other.ablations.golden: no such key; did you mean 'gold'?"),
        ({"learners": {"other": {"finetune": {}}}}, "learners.other.finetune: no such key"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_key(written, changes, said):
    with pytest.raises(UserError, match=r"two\.yaml") as raised:
        loaded(written, **changes)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_no_such_learner_is_one_line(written):
    with pytest.raises(UserError, match=r"learners: no 'third'; there are: micro, other$"):
        loaded(written).as_learner("third")


def test_a_training_seed_that_was_not_explored_learns_from_the_first(written):
    this = loaded(written)
    assert this.training_seeds() == [0, 1] and [this.experience_seed(one) for one in (0, 1)] == [0, 0]
    several = loaded(written, exploration=written[1]["exploration"] | {"seeds": [3, 4]})
    assert [several.experience_seed(one) for one in (3, 4, 0)] == [3, 4, 3]


def test_a_learner_and_its_ablations_have_seeds_of_their_own(written):
    """Jobs are those of each learner's seeds: three of the main setting, one of the control."""
    other = {"finetuning": {"seeds": [0, 1, 2]}, "ablations": {"seeds": [0]}}
    this = loaded(written, learners={"other": other})
    learner = this.as_learner("other")
    assert learner.training_seeds() == [0, 1, 2] and learner.training_seeds(part="gold") == [0]
    assert learner.training_seeds("no_feedback") == [0] and learner.experience_seed(2) == 0
    assert this.training_seeds("no_feedback") == this.training_seeds(part="gold") == [0, 1]
    counted = [row.what for row in plan.plan(this).rows if row.stage == "finetune"]
    assert len(counted) == 2 + 2 + 1 + 2  # two variants at two sizes and the control, then of the other learner two
    done = run_ste("run", str(written[0]), "--dry-run")
    assert done.returncode == 0, done.stderr
    said = done.stdout.replace(" ", "")
    assert "finetune_23" in said and "amounts_2_0_gold1" in said and "amounts_1_gold1" in said
    assert "amounts_2_1" not in said
    assert "explore2" in said, "two variants of one seed: the others learn from its experience"
    with pytest.raises(UserError, match=r"learners\.other\.ablations\.seeds: one stands there twice"):
        loaded(written, learners={"other": {"ablations": {"seeds": [1, 1]}}})


def test_answers_lie_apart_and_are_told_apart(study):
    places = [path.relative_to(study.results).as_posix() for path in study.results.rglob("seed*.jsonl")]
    for learner in ("", "learners/other/"):
        wanted = {"baseline/all/seed0", "icl/full/seed0", "icl_gold/full/seed0",
                  *(f"tuned{part}/full/seed{seed}" for part in ("", "_gold") for seed in (0, 1))}  # fmt: skip
        assert {f"{learner}predictions/{one}.jsonl" for one in wanted} <= set(places)
    for one in study.of_learners():
        answers = store.read_jsonl(stages.predictions_file(one, "icl", "full", 0), Prediction)
        assert {answer.system for answer in answers} == {one.learner} and len(answers) == 9


def test_the_tables_hold_both_learners_and_the_references(study):
    rows = learners.learner_outcomes(study)
    table = learners.setting_table(rows, study)
    assert list(dict.fromkeys(table["setting"])) == ["baseline", "ICL", "FT", "ICL gold", "FT gold"]
    assert set(zip(table["model"], table["decoding"], strict=True)) == {("micro", "constrained"), ("other", "free")}
    counts = table.set_index(["model", "setting", "metric"])[["n", "seeds"]]
    assert list(counts.loc["micro", "FT", "execution"]) == [18, 2]
    assert list(counts.loc["micro", "ICL", "execution"]) == [9, 1]
    marks = learners.references(study)
    assert set(marks["model"]) == {"TF-IDF", "chance"} and (marks["decoding"] == "none").all()
    assert marks[marks["model"] == "chance"]["value"].tolist() == pytest.approx([100 / 3])
    different = learners.setting_differences(rows, study)
    assert {"ICL - baseline", "FT - ICL", "FT gold - FT"} <= set(different["contrast"])
    # ICL gold has the same examples as ICL here: no difference, and as many pairs as items
    same = different[(different["contrast"] == "ICL gold - ICL") & (different["metric"] == "execution")]
    assert (same["difference"] == 0).all() and (same["n"] == 9).all()
    # two trainings beside one answer in context: every training is paired with it
    crossed = different[(different["contrast"] == "FT - ICL") & (different["metric"] == "execution")]
    own = table[table["metric"] == "execution"].set_index(["model", "setting"])["value"]
    for row in crossed.itertuples():
        assert row.n in (9, 18)  # trainings with the same verdicts throughout count once
        assert row.difference == pytest.approx(own[row.model, "FT"] - own[row.model, "ICL"])
    said = learners.sensitivity(pd.concat([table, marks]), different)
    assert len(said) == 2 and said[0].startswith("micro: its baseline selects the tool in ")


def test_the_figure_shows_each_seed(study):
    rows = learners.learner_outcomes(study)
    main = pd.concat([learners.setting_table(rows, study), learners.references(study)])
    store.write_table(main, study.tables / "main.csv")
    seeds = store.write_table(learners.by_seed(rows), study.tables / "by_seed.csv")
    store.write_table(compare.paper_correctness(study), study.tables / "paper_correctness.csv")
    assert set(seeds[(seeds["setting"] == "FT")]["seed"]) == {0, 1}
    figure = figures.make("embedded_learners", study)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:2] == ["micro", "other"] and "paper" in titles[2]


def test_a_reader_sees_some_learners_at_another_level_and_no_file_changes(study):
    rows = learners.learner_outcomes(study)
    for name, table in learners.learner_tables(rows, study).items():
        store.write_table(table, study.tables / f"{name}.csv")
    store.write_table(compare.paper_correctness(study), study.tables / "paper_correctness.csv")
    figures.make("embedded_learners", study)
    before = {path: path.read_bytes() for path in study.results.rglob("*.*") if path.suffix in (".csv", ".png", ".svg")}
    asked = study.at_level("0.8")
    tables = compare.only(learners.learner_tables(rows, asked), "other", "model")
    main, whole = tables["main"], store.read_table(study.tables / "main.csv")
    assert set(main["model"]) == {"other", "TF-IDF", "chance"} and set(tables["by_seed"]["model"]) == {"other"}
    row, wide = (one[(one["model"] == "TF-IDF") & (one["metric"] == "tool_selection")].iloc[0] for one in (main, whole))
    assert row["ci_high"] - row["ci_low"] < wide["ci_high"] - wide["ci_low"]
    picture = figures.show("embedded_learners", study, tables)
    assert picture.data.startswith(b"\x89PNG") and picture.data != before.get(
        figures.where("embedded_learners", study) / "embedded_learners.png"
    )
    assert before == {path: path.read_bytes() for path in before}
    assert study.at_level(0) is study
    for level in ("0.3", "high", 1):
        with pytest.raises(UserError, match=r"^level: must be between 0\.5 and 1"):
            study.at_level(level)
    with pytest.raises(UserError, match=r"^systems: no 'nobody'; there are: micro, other$"):
        compare.only(learners.learner_tables(rows, study), "nobody", "model")


def test_the_plan_counts_each_learner_and_what_is_done_no_more(study, written):
    before = plan.plan(study)
    assert not [row for row in before.rows if row.stage == "predict" and "baseline" in row.what]
    more = loaded(written, models={name: written[1]["models"]["micro"] for name in ("micro", "other", "third")},
                  learners={"other": {}, "third": {}})  # fmt: skip
    rows = [row.what for row in plan.plan(more).rows]
    assert any("(third)" in row and "baseline" in row for row in rows)
    loaded(written)


def test_packed_are_the_answers_of_all_learners_and_no_model(study, tmp_path, monkeypatch):
    path, count = archive.pack(study)
    names = archive_names(path)
    assert count == len(names) and any(one.startswith("learners/other/predictions/icl/") for one in names)
    assert not any("/models/" in one or one.startswith("models/") for one in names)
    there = tmp_path / "two"
    there.mkdir()
    (there / "run.tar.xz").write_bytes(path.read_bytes())
    monkeypatch.setenv("STE_RESULTS", str(tmp_path))
    assert archive.unpack(study) == count
    assert (there / "learners/other/predictions/icl/full/seed0.jsonl").is_file()


def archive_names(path):
    import tarfile

    with tarfile.open(path) as file:
        return file.getnames()


def test_a_learner_has_ablations_of_its_own(written):
    this = loaded(written, ablations={"gold": True}, learners={"other": {"ablations": {"gold": False, "amounts": [0]}}})
    assert this.parts == ["gold"] and this.as_learner("other").parts == []
    this = loaded(written, ablations=None, learners={"other": {"ablations": {"hindsight": True, "scripted": True}}},
                  models={name: {"kind": "local", "path": "x"} for name in ("micro", "other")})  # fmt: skip
    assert this.parts == [] and this.as_learner("other").parts == ["hindsight", "scripted"]
    done = run_ste("run", str(written[0]), "--dry-run")
    assert done.returncode == 0, done.stderr
    said = done.stdout.replace(" ", "")
    assert "hindsight1" in said and "scripted1" in said and "amounts_0" not in said
    assert "amounts_2_0_hindsight1" in said and "amounts_2_0_scripted1" in said
    assert "hindsight:" in said and "scripted:" in said and said.count("querieswrittenanew") == 2


def test_seeds_of_continual_learning_learn_from_what_was_explored(written):
    this = loaded(written, continual={"batches": 2, "seeds": [0, 7], "arms": [{"name": "a"}]})
    assert 7 not in this.exploration.seeds and this.experience_seed(7) == this.exploration.seeds[0]
    done = run_ste("run", str(written[0]), "--dry-run")
    assert done.returncode == 0, done.stderr
    jobs = {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines() if len(line.split()) == 2
            and line.split()[1].isdigit()}  # fmt: skip
    explored = len(this.exploration.seeds) * len(this.exploration.variants)
    assert jobs["continual"] == 2 and jobs["explore"] == jobs["distill"] == explored


def test_one_of_the_learners_may_learn_the_batches(written):
    this = loaded(written, continual={"learner": "other", "batches": 2, "arms": [{"name": "a"}]})
    assert this.as_learner("other").continual and loaded(written).as_learner("other").continual is None
    counted = [row.what for row in plan.plan(this).rows if row.stage == "continual"]
    assert len(counted) == 1 and counted[0].startswith("a: 7.51 million")
    with pytest.raises(UserError, match=r"continual\.learner: no learner 'third'; there are: micro, other"):
        loaded(written, continual={"learner": "third", "arms": [{"name": "a"}]})


def test_the_command_line_names_jobs_of_each_learner(written):
    loaded(written)
    done = run_ste("run", str(written[0]), "--dry-run")
    assert done.returncode == 0, done.stderr


def test_variants_may_lie_in_a_side_study(written):
    this = loaded(written)
    assert this.ablated == this.results
    this = loaded(written, exploration={"model": "micro"})
    assert this.ablated == this.results.with_name("two_ablations")


def test_a_study_leaves_out_what_it_extends(tmp_path):
    path = tmp_path / "alone.yaml"
    store.write_text(path, "name: alone\nextends: full\nlearners: null\ncontinual: null\nforms: null\n")
    this = load(path)
    assert this.learners == {} and this.continual is None and this.forms is None
    assert this.learner_names == ["qwen2.5-coder-0.5b"] and this.models.keys() == load("full").models.keys()
    store.write_text(path, "name: null\nextends: full\n")
    with pytest.raises(UserError, match=r"name: missing"):
        load(path)
    store.write_text(path, "name: alone\nextends: full\nlearner: null\n")
    with pytest.raises(UserError, match=r"learner: no such key"):
        load(path)
