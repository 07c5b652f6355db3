"""The paper's own scale, as far as it shows without its keys, GPUs and APIs: studies, plans, commands, formats."""

import json
import os
import re
import resource
import subprocess
import sys

import pytest
import yaml
from support import ROOT, one_line, run_ste, write_json
from tiny import make_model

from ste_core.core import config, prompting
from ste_core.core.config import Finetuning
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, Prediction, Tool
from ste_core.method import finetune, retrieve
from ste_core.pipeline import finetune_job, plan, resources
from ste_core.pipeline.cost import tokens
from ste_core.pipeline.plan import Assumptions, StageCost, assume
from ste_core.release import paper
from ste_core.release.formats import from_data_dict, from_release, read_test_set, read_values, to_data_dict, to_release
from ste_core.scoring import score

STUDIES = sorted(path.stem for path in (ROOT / "study").glob("*.yaml"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Results of a test's own; no key; no copy of the release."""
    for name in [name for name in os.environ if name.endswith("_KEY") or name.startswith(("STE_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))


# --- plans ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_a_plan(name):
    made = plan.plan(config.load(name))
    loaded = config.load(name)
    assert bool(made.rows) == bool(loaded.exploration or loaded.exploitation or loaded.gold)
    for row in made.rows:
        assert min(row.requests, row.prompt_tokens, row.completion_tokens, row.disk) >= 0
        assert row.requests == 0 or (row.prompt_tokens and row.completion_tokens), row
    assert made.text().count("\n") >= len(made.rows)


def test_a_dry_run_of_paper_needs_no_key_no_gpu_and_no_torch(tmp_path):
    program = (
        "import builtins, sys; real = builtins.__import__\n"
        "def guarded(name, *rest):\n"
        "    assert name.split('.')[0] not in ('torch', 'transformers', 'openai'), name\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = guarded\n"
        "import socket; socket.socket.connect = None\n"  # whoever calls anybody fails
        "from ste_core import cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STE_")}
    environment |= {"STE_RESULTS": str(tmp_path / "r"), "HOME": str(tmp_path)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "paper", "--dry-run"], cwd=ROOT, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 20
    lines = done.stdout.splitlines()
    stages = {line.split()[0] for line in lines if line}
    assert {"explore", "judge", "paraphrase", "predict", "finetune", "continual", "total", "jobs"} <= stages
    total = next(line for line in lines if line.startswith("total"))
    requests, shown, written, money, gpu = (float(one.replace(",", "")) for one in total.split()[1:6])
    assert requests > 50_000 and shown > 1e7 and written > 1e6 and 50 < money < 5_000 and 0.1 < gpu < 1_000
    assert "note: the tools cannot be listed here" in done.stdout
    assert not list((tmp_path / "r").rglob("*.jsonl"))


def test_a_plan_counts_what_the_study_asks_for(tmp_path):
    def made(**sections):
        path = tmp_path / "trial.yaml"
        path.write_text(
            yaml.safe_dump({"name": "trial", "extends": "smoke", "continual": None, "ablations": None, **sections})
        )
        return {(row.stage, row.what.split(":")[0].split(",")[0]): row for row in plan.plan(config.load(path)).rows}

    base = made()
    assert base["explore", "full"].requests == 5 * 6 * 4  # imagine, three replies, reflect
    assert base["explore", "no_feedback"].requests == 2 * 6 * 4
    assert base["predict", "baseline"].requests == base["predict", "icl"].requests == 6 * 5
    assert base["predict", "baseline"].prompt_tokens < base["predict", "icl"].prompt_tokens
    assert base["finetune", "full"].cpu_hours > 0 and base["finetune", "full"].gpu_hours == 0
    twice = made(exploration={"seeds": [0, 1]})
    assert twice["explore", "full"].requests == 2 * base["explore", "full"].requests
    assert twice["finetune", "full"].prompt_tokens == pytest.approx(2 * base["finetune", "full"].prompt_tokens, abs=2)
    served = {"kind": "openai", "model": "m", "prices": [1.0, 10.0]}
    priced = made(models={"micro": served})["explore", "full"]
    assert priced.money == pytest.approx((priced.prompt_tokens + 10 * priced.completion_tokens) / 1e6, rel=1e-6)
    assert priced.cpu_hours == priced.gpu_hours == 0
    assert made(models={"micro": served | {"prices": None}})["explore", "full"].money is None
    hub = made(finetuning={"base": "org/model-7b"})["finetune", "full"]
    assert hub.gpu_hours > 0 and hub.disk == 7e9 * 4
    adapted = made(finetuning={"base": "org/model-7b", "method": "lora"})["finetune", "full"]
    assert adapted.disk < hub.disk / 10 and adapted.gpu_hours < hub.gpu_hours


@pytest.mark.parametrize("style", ["small", "instruct", "native"])
def test_a_plan_measures_prompts_as_their_model_is_asked(style, tmp_path):
    """Worked examples are most of what a pretrained judge or paraphraser reads."""
    asked, pretrained = {"kind": "openai", "model": "m", "prompts": "small"}, style != "small"
    if pretrained:
        asked |= {"prompts": "instruct", "tool_format": "native" if style == "native" else "react"}
    path, written = tmp_path / "trial.yaml", ["worded_notes", "documentation"] if pretrained else []
    forms = {"forms": ["notes", *written], "budgets": [100]}
    changes = {"models": {"micro": asked}, "exploitation": {"context": None}, "ablations": {"hindsight": pretrained}}
    path.write_text(yaml.safe_dump({"name": "trial", "extends": "smoke", "forms": forms} | changes))
    study = config.load(path)
    rows = plan.plan(study).rows
    each = {(row.stage, row.what.split(":")[0]): row.prompt_tokens / row.requests for row in rows if row.requests}
    tools = [resources.listing(study).tools[name] for name in study.exploration.tools]
    tool = Tool(name="t", description="x" * (sum(len(one.documentation()) for one in tools) // len(tools)))
    query, result, answer, shown = "x" * 120, "x" * 240, "x" * 160, tool.description
    call = Call(tool="t", arguments={"argument": "x" * 140})

    def near(messages, more=0, within=0.08):
        return pytest.approx(tokens(messages) + more, rel=within)

    assert each["judge", "full"] == near(prompting.judge(shown, query, call, result, answer, style))
    assert each["judge", "no_feedback"] == near(prompting.judge(shown, query, call, "none", None, style))
    assert each["paraphrase", "full"] == near(prompting.paraphrase(query, style))
    added = len(shown) if style == "native" else 0  # four tools, by the chat template or the server
    plain = prompting.ask_call("x" * 60, [shown] * 4, (), style)
    assert each["predict", "baseline"] == near(plain, added)
    assert each["predict", "notes by rule"] == near(plain, added + 100)
    tuned = next(value for (_, what), value in each.items() if what == "tuned, full")
    assert tuned == near(prompting.tuned("x" * 60))
    if pretrained:
        anew = tokens(prompting.hindsight(tool, call, result, style))
        assert tokens(prompting.paraphrase(query, style)) < each["paraphrase", "hindsight"] < 1.08 * anew
        worded = prompting.word_note(tool, ["argument"], (call, result), (call, result), style)
        assert each["forms", "notes and documentation of 6 tools (micro)"] == near(worded, within=0.5)


def test_what_is_done_is_not_planned_again(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_text(yaml.safe_dump({"name": "trial", "extends": "smoke", "ablations": None, "continual": None}))
    whole = plan.plan(config.load(path)).total.requests
    folder = tmp_path / "results" / "trial"
    for name in ("predictions/baseline/all/seed0.jsonl", "predictions/icl/full/seed0.jsonl"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
    assert plan.plan(config.load(path)).total.requests == whole - 2 * 30
    examples = folder / "distilled" / "full" / "seed0" / "examples.jsonl"
    examples.parent.mkdir(parents=True)
    examples.write_text("{}\n" * 1_000)
    rows = plan.plan(config.load(path)).rows
    assert not {"judge", "paraphrase"} & {row.stage for row in rows}
    assert any("1,000 examples" in row.what for row in rows)


def test_forms_of_experience_have_a_plan(tmp_path):
    forms = {"forms": ["demonstrations", "notes", "worded_notes", "weights"], "budgets": [100, 300], "items": 2}
    path = tmp_path / "trial.yaml"
    changes = {"ablations": None, "continual": None, "forms": forms}
    path.write_text(yaml.safe_dump({"name": "trial", "extends": "full"} | changes))

    def asked():
        rows = plan.plan(config.load(path)).rows
        rows = [row for row in rows if "qwen" in row.what and ("notes" in row.what or "demonst" in row.what)]
        return {row.what.split(":")[0]: row.requests for row in rows}

    notes, with_words = "notes by rule", "notes by a model"
    whole = {"demonstrations": 200, notes: 200, with_words: 200}  # 50 tools, 2 items, 2 budgets; weights: as fine-tuned
    written = "notes and documentation of 50 tools (qwen2.5-coder-0.5b)"
    assert asked() == whole | {written: 50}
    folder = tmp_path / "results" / "trial"
    for name in ("predictions/baseline_notes_100/full/seed0.jsonl", "forms/full/seed0/documentation.jsonl"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
    assert asked() == whole | {notes: 100}


def test_assumptions_are_set_and_mistakes_one_line():
    slow, fast = (
        plan.plan(config.load("paper"), assume([f"gpu_tflops={speed}", "documentation=300"])) for speed in (50, 500)
    )
    assert slow.total.gpu_hours > 2 * fast.total.gpu_hours and "gpu_tflops=500" in fast.text()
    assert slow.total.prompt_tokens > plan.plan(config.load("paper")).total.prompt_tokens
    for text, says in (
        ("speed=3", r"^--assume speed: nothing of that name is assumed; there are: tools, "),
        ("kept", r"^--assume kept: must be a number above 0, as kept=0\.8$"),
        ("kept=-1", r"must be a number above 0"),
        ("kept=nan", r"must be a number above 0"),
    ):
        with pytest.raises(UserError, match=says):
            assume([text])
    assert assume([]) == Assumptions()
    done = run_ste("run", "paper", "--dry-run", "--assume", "speed=3")
    assert done.returncode == 2 and "nothing of that name" in one_line(done.stderr)


def test_a_row_without_prices_says_so():
    assert "no prices" in StageCost("explore", "x", 1, 1, 1, money=None).cells()
    assert StageCost("explore", "x", disk=2_500_000_000).cells()[-1] == "2.5 GB"


# --- the paper's studies ----------------------------------------------------------------------------------------------


def test_the_studies_of_the_paper_are_as_the_paper():
    main = config.load("paper")
    assert (main.exploration.episodes, main.exploration.trials, main.exploration.calls) == (15, 4, 4)
    assert (main.exploration.temperature, main.exploration.max_tokens) == (1.0, 360)
    assert main.world.only == main.exploration.tools and len(main.exploration.tools) == 40
    assert set(main.continual.tools) == set(main.exploration.tools)
    tuned = main.finetuning
    assert (tuned.epochs, tuned.batch, tuned.learning_rate, tuned.warmup) == (2, 64, 2e-5, 0.03)
    for name in ("paper_llama13b", "paper_mistral", "paper_gpt35", "paper_gpt4"):
        other = config.load(name)
        assert other.experience == "paper" and other.exploration.variants == ["full"]
        assert other.source == main.results and other.results.name == name
        assert other.scoring.rule == main.scoring.rule == "released"
        hosted = name.startswith("paper_gpt")
        assert (other.finetuning is None, other.exploitation.candidates == "all") == (hosted, hosted)


@pytest.mark.release
def test_every_tool_and_test_item_of_the_paper_study_is_the_releases(release_dir, monkeypatch):
    monkeypatch.setenv("STE_RELEASE", str(release_dir))
    main = config.load("paper")
    release = paper.find_release(release_dir)
    assert main.exploration.tools == [name for name in release.apis() if "%%" in name]
    assert set(main.exploration.tools) == set(resources.listing(main).tools)
    assert main.continual.tools == [name for batch in release.batches() for name in batch if "%%" in name]
    whole = main.model_copy(update={"world": main.world.model_copy(update={"only": None})})
    items = resources.items(whole, "test")
    assert [one for one in items if one.gold.tool in main.exploration.tools] == resources.items(main, "test")
    assert len(items) == 750 and {one.item for one in items} == set(range(15))
    gold = {name: [row["query"] for row in rows] for name, rows in release.read(paper.TEST_SET).items()}
    assert {name: [one.query for one in items if one.gold.tool == name] for name in gold} == gold
    made = plan.plan(main)
    assert all("needs the package sentence-transformers" in note for note in made.notes)
    assert next(row for row in made.rows if row.what.startswith("baseline")).requests == 600
    wanted = {arm.general * main.continual.batches for arm in main.continual.arms}
    assert wanted == {1_768}, "as many as there are, in four rounds"
    train, held = (
        resources.general_tasks(main, 1_768, 1, "train"),
        resources.general_tasks(main, main.continual.exam_items, 1, "heldout"),
    )
    assert len({one.task for one in train}) == 1_768 and not {one.task for one in train} & {one.task for one in held}
    assert resources.general_tasks(main, 1_768, 1, "train") == train != resources.general_tasks(main, 1_768, 2, "train")
    with pytest.raises(UserError, match=r"has 200 tasks to heldout, 201 are asked for"):
        resources.general_tasks(main, 201, 0, "heldout")


@pytest.mark.release
def test_too_few_general_tasks_are_noticed_before_anything_is_spent(release_dir, tmp_path):
    arms = [{"name": "all", "general": 443}]
    path = tmp_path / "short.yaml"
    sections = {"continual": {"arms": arms}, "exploitation": {"encoder": None}}
    path.write_text(yaml.safe_dump({"name": "short", "extends": "paper", **sections}))
    says = r"study 'short': continual: .*flan_v2_2k\.json: has 1,770 tasks to train, 1,772 are asked for$"
    environment = {"STE_RELEASE": release_dir, "STE_RESULTS": tmp_path / "results"}
    done = run_ste("run", path, **environment)
    assert done.returncode == 2 and re.search(says, one_line(done.stderr))
    assert not (tmp_path / "results").exists()
    dry = run_ste("run", path, "--dry-run", **environment)
    assert dry.returncode == 0 and re.search(says, dry.stdout, re.MULTILINE)


def test_a_missing_package_is_noticed_before_anything_is_spent(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    for name in ("paper", "paper_mistral", "paper_gpt4"):
        assert config.load(name).exploitation.encoder == retrieve.PAPER_ENCODER
        says = f"study '{name}': exploitation.encoder: needs the package sentence-transformers: "
        assert any(line.startswith(says) for line in resources.lacking(config.load(name)))
    assert resources.lacking(config.load("smoke")) == []


@pytest.mark.release
def test_all_817_descriptions_load_as_tools_that_a_study_lists(release_dir, tmp_path):
    path = tmp_path / "all.yaml"
    folder = release_dir / "STE" / "tool_metadata"
    path.write_text(yaml.safe_dump({"name": "all", "world": {"toolbench": {"descriptions": str(folder)}}}))
    tools = resources.listing(config.load(path)).tools
    assert len(tools) == 817 and all(tool.documentation() for tool in tools.values())


@pytest.mark.release
def test_our_predictions_score_under_the_released_rule(release_dir, tmp_path):
    """The gold calls as a prediction file in the release's form: everything is right but the nested and the judged."""
    items = read_test_set(release_dir / paper.TEST_SET)
    made = [
        Prediction(
            system="s", setting="FT", item=one.item, query=one.query, gold=one.gold,
            output=f"Action: <tool_{one.gold.tool}>\nAction Input: {json.dumps(one.gold.arguments)}",
        )
        for one in items
    ]  # fmt: skip
    path = write_json(tmp_path / "predictions.json", to_release(made))
    again = from_release(path, system="s", setting="FT")
    rows = score.score_predictions(
        again, paper.find_release(release_dir).apis(), string_rule_tools=paper.STRING_RULE_APIS
    )
    assert len(rows) == 750 and rows["api_match"].eq(1).all()
    by_rule = rows[rows["tool"].isin(paper.STRING_RULE_APIS)]
    assert len(by_rule) == 31 * 15 and by_rule["correct_rule"].eq(1).all()


def test_a_dump_in_the_official_form_is_read(tmp_path):
    """As METHOD describes it; the release itself holds no such file."""
    call = {
        "parse_successful": True, "finish": False, "action": "add_date", "observation": '{"date": "2022-10-15"}',
        "action_input": '{"date": "2022-10-14", "days": 1}',
    }  # fmt: skip
    final = {"parse_successful": True, "finish": True, "final_ans": "October 15th."}
    wrong = {
        "parse_successful": False,
        "finish": False,
        "parse_error_msg": "no action",
        "observation": "Error: no action",
    }
    items = [{"query": "The day after?", "chains": [wrong, call, final]}, {"query": "Again?", "chains": [final]}]
    path = write_json(tmp_path / "data_dict.json", {"add_date": [{"item_list": items, "messages": []}] * 15})
    found = from_data_dict(read_values(path)).records
    assert len(found) == 30 and {one.episode for one in found} == set(range(15))
    assert found[0].steps[1].call == Call(tool="add_date", arguments={"date": "2022-10-14", "days": 1})
    assert found[0].answer == "October 15th." and found[0].steps[1].ok is True
    tools = from_data_dict(read_values(path)).tools | {
        "add_date": resources.listing(config.load("smoke")).tools["sort_words"]
    }
    assert len(to_data_dict(found, tools)["add_date"]) == 15


def test_a_test_set_whose_arguments_are_none_is_one_line(tmp_path):
    row = {"query": "q", "API_name_list": ["t"], "api_descriptions": "", "action": "t", "action_input": "[1]"}
    with pytest.raises(UserError, match=r"tool_test\.json: /t/0: its arguments are not a JSON object$"):
        read_test_set(write_json(tmp_path / "tool_test.json", {"t": [row]}))


# --- fine-tuning by a command -----------------------------------------------------------------------------------------

EXAMPLES = [
    Example(
        tool=f"tool_{number % 2}", episode=0, trial=number, paraphrase=0, query=f"weather of city {number}",
        call=Call(tool=f"tool_{number % 2}", arguments={"city": number}), observation="fine", answer="It is fine.",
    )
    for number in range(6)
]  # fmt: skip


def options(base, **more):
    return Finetuning(base=str(base), epochs=1, batch=4, learning_rate=1e-3, validation=0, max_length=512, device="cpu",
                      threads=1, dtype="fp32", **more)  # fmt: skip


def test_a_launched_run_is_the_run_in_process(tmp_path):
    base = make_model(tmp_path / "base", layers=2, hidden=32)
    torchrun = [sys.executable.rpartition("/")[2], "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    launched, plain = options(base, launch=torchrun), options(base)
    finetune_job.launch(EXAMPLES, launched, tmp_path / "out", tools=["tool_0", "tool_1"])
    made = finetune.finetune(EXAMPLES, launched, tmp_path / "out", tools=["tool_0", "tool_1"])
    assert made.processes == 2 and not list(tmp_path.glob(".out.job"))
    alone = finetune.finetune(EXAMPLES, plain, tmp_path / "alone", tools=["tool_0", "tool_1"])
    assert made.fingerprint == alone.fingerprint and made.loss == pytest.approx(alone.loss, rel=1e-4)


def test_a_launch_that_fails_is_one_line(tmp_path):
    base = make_model(tmp_path / "base", layers=2, hidden=32)
    for command, says in (
        (["no-such-command"], r"^finetuning\.launch: no-such-command: No such file"),
        (
            [sys.executable, "-c", "print('it broke'); raise SystemExit(3)"],
            r"^finetuning\.launch: .*: it broke \(all of",
        ),
    ):
        with pytest.raises(UserError, match=says) as caught:
            finetune_job.launch(EXAMPLES, options(base, launch=command), tmp_path / "out")
        assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_the_fsdp_file_is_accelerates(tmp_path):
    from accelerate.commands.config.config_args import load_config_from_file

    loaded = load_config_from_file(str(ROOT / "profiles" / "fsdp.yaml"))
    assert str(loaded.distributed_type).endswith("FSDP") and loaded.num_processes == 4
    known = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert [key for key in loaded.fsdp_config if f"--{key}" not in known] == []


def test_quantised_weights_without_what_they_need_are_one_line(tmp_path):
    base = make_model(tmp_path / "base", layers=2, hidden=32)
    path = tmp_path / "trial.yaml"
    path.write_text(
        yaml.safe_dump({"name": "trial", "models": {"m": {"kind": "local", "path": str(base), "load_in": "8bit"}}})
    )
    with pytest.raises(UserError, match=r"^model .*: (cannot be loaded|needs)") as caught:
        resources.chat(config.load(path), "m")
    assert "\n" not in str(caught.value)


# --- documentation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["cluster", "paper_scale"])
def test_commands_and_keys_of_the_pages_exist(page):
    """Every `ste` command is one, every study and profile is there, every YAML block is part of a study file."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    from ste_core.cli import _parser

    commands = re.findall(r"^(?:\.venv/bin/)?ste (.+?)(?:\s+#.*)?$", text, re.MULTILINE)
    for command in commands:
        _parser().parse_args(command.split())
    for name in re.findall(r"STUDY=(\w+)", text):
        assert name in STUDIES or name == "name", name
    for path in re.findall(r"profiles/[\w./]+", text):
        assert (ROOT / path.rstrip(".")).exists(), path
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
        value = yaml.safe_load(block)
        if "kind: Pod" in block or "executor" in value or "apiVersion" in value:
            continue
        path = ROOT / "build" / f"{page}{number}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({"name": "page", "extends": "paper", **value}))
        try:
            config.load(path)
        finally:
            path.unlink()
    assert commands
