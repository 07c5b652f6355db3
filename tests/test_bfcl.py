"""BFCL as a world: its functions as tools with state, its tasks as test items, its scorer against ours.

What needs the package is skipped where it is not installed; the line that installs it is tested everywhere.
"""

import asyncio
import importlib.metadata
import io
import sys
from collections.abc import Iterator

import pandas as pd
import pytest
from support import ROOT, one_line, run_ste

from ste_core.analysis import bfcl_findings, bfcl_scorers
from ste_core.core import aio, config, store
from ste_core.core.config import Exploration
from ste_core.core.errors import UserError
from ste_core.core.react import render_call
from ste_core.core.records import Call, Observation, Prediction
from ste_core.method.explore import explore_tool
from ste_core.models.base import Choice, Completion
from ste_core.pipeline import resources
from ste_core.scoring import execution, score
from ste_core.tools import bfcl, bfcl_data
from ste_core.tools.base import Toolbox
from ste_core.tools.functions import FunctionToolbox

try:
    THERE = importlib.metadata.version(bfcl_data.PACKAGE)
except importlib.metadata.PackageNotFoundError:
    THERE = None
needs_package = pytest.mark.skipif(
    THERE != bfcl_data.VERSION, reason=f"needs {bfcl_data.PACKAGE} {bfcl_data.VERSION} ({bfcl_data.INSTALL})"
)
TABLES = ROOT / "results" / "bfcl" / "tables"


def call(tool: str, **arguments: object) -> Call:
    return Call(tool=tool, arguments=arguments)


def execute(box: Toolbox, *calls: Call) -> list[Observation]:
    async def run() -> list[Observation]:
        return [await box.execute(one) for one in calls]

    return asyncio.run(run())


# --- the package, there or not ----------------------------------------------------------------------------------------


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Nothing remembered of the package, before and after."""
    for one in (bfcl_data.package_folder, bfcl_data._config):
        one.cache_clear()
    yield
    for one in (bfcl_data.package_folder, bfcl_data._config):
        one.cache_clear()


def test_without_the_package_one_line_says_how_to_have_it(forgetful, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(UserError) as error:
        bfcl.bfcl_toolbox()
    assert one_line(str(error.value)).endswith(
        "is not installed; run .venv/bin/python -m pip install --no-deps bfcl-eval==2026.3.23"
    )


def other_version(tmp_path):
    (tmp_path / "bfcl_eval").mkdir()
    (tmp_path / "bfcl_eval" / "__init__.py").write_text("")
    about = tmp_path / "bfcl_eval-0.0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bfcl-eval\nVersion: 0.0.1\n")
    return tmp_path


@pytest.mark.parametrize("words", [["run", "bfcl"], ["explore", "bfcl"]])
def test_the_command_says_so_before_anything_is_fetched(tmp_path, words):
    done = run_ste(*words, PYTHONPATH=other_version(tmp_path), STE_RESULTS=tmp_path / "results", timeout=1200)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    line = one_line(done.stderr)
    assert "bfcl-eval 0.0.1 is installed, and 2026.3.23 is meant" in line and bfcl_data.INSTALL in line
    assert not (tmp_path / "results" / "bfcl" / "exploration").exists()


def test_a_dry_run_plans_without_it(tmp_path):
    done = run_ste("explore", "bfcl", "--dry-run", PYTHONPATH=other_version(tmp_path), timeout=1200)
    assert "Traceback" not in done.stderr and bfcl_data.INSTALL in done.stderr + done.stdout


# --- tools with state -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def box():
    return bfcl.bfcl_toolbox()


@needs_package
def test_all_functions_are_tools_in_the_words_of_the_package(box):
    assert len(box.tools) == 128 and not box.notes
    assert tuple(dict.fromkeys(tool.family for tool in box.tools.values())) == bfcl_data.CLASSES
    written = {one["name"]: one for one in bfcl_data.read_lines("multi_turn_func_doc/trading_bot.json")}
    for name, tool in box.tools.items():
        if name in written:
            assert tool.description == written[name]["description"] and tool.family == "TradingBot"
            assert list(tool.arguments) == list(written[name]["parameters"]["properties"])
            assert tool.required == frozenset(written[name]["parameters"]["required"])
    assert box.tools["mean"].parameters["properties"]["numbers"]["items"] == {"type": "number"}  # theirs: float


@needs_package
def test_a_trial_has_a_state_of_its_own_that_goes_on(box):
    first, again, other = (box.for_trial("mkdir", 0, 0, number) for number in (0, 0, 1))
    (made,) = execute(first, call("mkdir", dir_name="mine"))
    assert made.ok
    seen, refused = execute(first, call("ls"), call("mkdir", dir_name="mine"))
    assert "mine" in seen.text and not refused.ok and "File exists" in refused.text
    for one in (again, other, box):
        (seen,) = execute(one, call("ls"))
        assert "mine" not in seen.text
    begun = [execute(box.for_trial("ls", 0, 0, number), call("ls"))[0].text for number in range(20)]
    assert len(set(begun)) > 5, "states are drawn among the tasks'"
    assert begun[0] == execute(box.for_trial("ls", 0, 0, 0), call("ls"))[0].text


class Maker:
    """Imagines, makes a directory, answers."""

    name = identity = "maker"

    async def complete(self, messages, **options):
        last = messages[-1]["content"]
        said = 'Action: mkdir\nAction Input: {"dir_name": "mine"}'
        if "Imagine a" in last:
            said = "Make a directory called mine."
        elif last.startswith("Observation:"):
            said = "Final Answer: done"
        elif "Yes or No" in last:
            said = "Yes"
        return Completion((Choice(said, "stop"),), 0, 0)


@needs_package
def test_exploring_begins_each_trial_anew(box):
    async def run():
        settings = Exploration(model="m", episodes=2, trials=2, max_tokens=40)
        return [one async for one in explore_tool(box.tools["mkdir"], Maker(), box, settings)]

    trials = asyncio.run(run())
    assert [one.steps[0].ok for one in trials] == [True] * 4, "no directory of the trial before is in the way"


@needs_package
@pytest.mark.parametrize(
    ("made", "told"),
    [
        (call("cat", file_name="no_such_file"), "Error: cat: 'no_such_file': No such file or directory"),
        (call("cat", name="x"), "Error: TypeError: GorillaFileSystem.cat() got an unexpected keyword argument 'name'"),
        (call("divide", a=1, b=0), "Error: Cannot divide by zero"),
        (call("power", base=10, exponent=10**9), "Error: OverflowError"),
        (call("square_root", number=2, precision=10**12), "Error: ValueError: precision: at most 10000"),
        (call("get_ticket", ticket_id=-1), "Error: Ticket with ID -1 not found."),
        (call("no_such_function"), "unknown tool 'no_such_function'"),
    ],
)
def test_what_a_function_refuses_is_an_error(box, made, told):
    (seen,) = execute(box, made)
    assert not seen.ok and told in seen.text


@needs_package
def test_a_number_of_any_precision_is_a_number(box):
    (seen,) = execute(box, call("logarithm", value=8, base=2, precision=5))
    assert seen.ok and seen.value == {"result": 3.0}


def test_other_tools_have_no_state_to_begin_anew():
    def double(number: int) -> int:
        """Twice a number."""
        return 2 * number

    plain = FunctionToolbox([double])
    assert plain.for_trial("double", 0, 1) is plain and plain.for_item("double", 3) is plain


# --- gold calls and test items ----------------------------------------------------------------------------------------


@needs_package
def test_gold_calls_are_read_and_nothing_of_them_is_evaluated():
    assert bfcl_data.parse_call("sort('report.txt')") == call("sort", file_name="report.txt")
    assert bfcl_data.parse_call("mean(numbers=(1, -2.5))") == call("mean", numbers=[1, -2.5])
    for text in ("cat(open('x'))", "__import__('os').getcwd()", "no_such(1)", "ls", "cat(file_name=name)"):
        with pytest.raises(ValueError):
            bfcl_data.parse_call(text)


@needs_package
def test_every_gold_call_runs():
    gold = bfcl_findings.gold_table()
    assert len(gold) == 1142 and gold["ran"].all()
    (odd,) = gold[~gold["fits"]].itertuples()
    assert (odd.task, odd.tool) == ("multi_turn_base_173", "close_ticket"), "a text for a whole number"


@needs_package
def test_a_gold_call_that_fails_is_named(monkeypatch):
    task = bfcl_data.tasks()[0]
    bad = bfcl_data.Task(task.name, task.configuration, task.classes,
                         (bfcl_data.Turn("Show it.", (call("cat", file_name="nowhere"), call("ls"))),))  # fmt: skip
    monkeypatch.setattr(bfcl, "tasks", lambda: (bad,))
    bfcl.gold_places.cache_clear()
    try:
        gold = bfcl_findings.gold_table()
    finally:
        bfcl.gold_places.cache_clear()
    assert list(gold["ran"]) == [False, True] and "No such file" in gold["error"][0]
    assert list(bfcl_findings.in_doubt(gold)) == [True, False]


@needs_package
def test_a_call_keeps_its_arguments_whatever_a_function_does_to_them():
    """`mention` appends to the list that `post_tweet` was given."""
    posted = call("post_tweet", content="Hello", tags=[], mentions=["@one"])
    task = next(one for one in bfcl_data.tasks() if "TwitterAPI" in one.configuration)
    about, state = task.configuration["TwitterAPI"], bfcl_data.State(task)
    state.call(call("authenticate_twitter", username=about["username"], password=about["password"]))
    number = state.call(posted)["id"]
    state.call(call("mention", tweet_id=number, mentioned_usernames=["@two"]))
    assert posted.arguments["mentions"] == ["@one"]


def judged(box, item, called):
    prediction = Prediction(
        system="s", setting="x", item=item.item, query=item.query, gold=item.gold,
        output=render_call(called.tool, called.arguments),
    )  # fmt: skip
    rows = score.score_predictions([prediction], box.tools, string_rule_tools=box.tools, rule="strict")
    return next(aio.run(execution.execute_verdicts(rows, box, execution.gold_results([item]))).itertuples())


@needs_package
def test_items_are_the_turns_with_one_gold_call_and_each_is_right(box):
    items = bfcl.single_call_items()
    assert len(items) == 474 and len({(one.gold.tool, one.item) for one in items}) == 474
    predictions = [
        Prediction(system="gold", setting="x", item=one.item, query=one.query, gold=one.gold,
                   output=render_call(one.gold.tool, one.gold.arguments))
        for one in items
    ]  # fmt: skip
    rows = score.score_predictions(predictions, box.tools, string_rule_tools=box.tools, rule="strict")
    rows = aio.run(execution.execute_verdicts(rows, box, execution.gold_results(items)))
    wrong = rows[~rows["correct_execution"]]
    assert wrong.empty, wrong[["tool", "item", "observation"]]


@needs_package
def test_the_verdict_is_on_the_state_too(box):
    item = next(one for one in bfcl.single_call_items() if one.gold.tool == "touch")
    right = judged(box, item, item.gold)
    other = judged(box, item, call("touch", file_name="another_name.txt"))
    assert right.correct_execution and right.observation == other.observation == "null"
    assert not other.correct_execution, "it returns the same, and leaves another file"


@needs_package
def test_the_verdict_is_on_the_result_too(box):
    item = next(one for one in bfcl.single_call_items() if one.gold.tool == "get_stock_info")
    assert judged(box, item, item.gold).correct_execution
    other = "TSLA" if item.gold.arguments["symbol"] != "TSLA" else "AAPL"
    assert not judged(box, item, call("get_stock_info", symbol=other)).correct_execution
    assert not judged(box, item, call("get_account_info")).correct_execution


@needs_package
def test_gold_calls_before_an_item_are_replayed_for_it_alone(box):
    place = bfcl.places()["cat", 0]
    assert {one.tool for one in place.before} & {"cd", "touch", "echo", "mv", "cp"}
    fresh = bfcl_data.State(place.task)
    before = bfcl_data.State(place.task).after(place.before)
    assert not fresh.same_as(before) and before.same_as(bfcl_data.State(place.task).after(place.before))
    session = box.for_item("cat", 0)
    (seen,) = execute(session, place.gold)
    assert seen.value == {"result": bfcl.run_gold(before, place.gold).value, "same_state": True}


@needs_package
def test_an_item_that_is_none_is_one_line(box):
    with pytest.raises(UserError, match="test item 999 of 'cat': not an item of BFCL"):
        box.for_item("cat", 999)


@pytest.mark.parametrize(
    ("text", "value", "there"),
    [
        ("Send 1,250 dollars", 1250.0, True),
        ("Send 1,250 dollars", 125, False),
        ("cool it by 3.5 degrees", -3.5, True),
        ("on December 15th, 2026", "2026-12-15", True),
        ("on 12/15/2026", "2026-12-15", True),
        ("on December 15th, 2026", "2026-12-16", False),
        ("on November 15th, 2026", "2026-12-15", False),
        ("tag 'CurrentTech'", "#currenttech", True),
        ("two  words", "Two words", True),
        ("two words", "two more words", False),
    ],
)
def test_where_a_value_stands(text, value, there):
    assert bfcl._holds(text, value) is there


@needs_package
def test_the_faults_of_public_threads_are_found_without_knowing_them():
    gold = bfcl_findings.gold_table()
    (tweet,) = gold[gold["thread"] == 1367].itertuples()
    assert tweet.tool == "post_tweet" and tweet.standing == "nowhere", "a text that sorting does not give"
    booking = gold[(gold["thread"] == 1267) & (gold["tool"] == "cancel_booking")]
    assert list(booking["standing"]) == ["results"], "in no request, as the thread says, but returned before"
    assert set(gold["standing"]) == set(bfcl.STANDINGS)


@needs_package
def test_the_study_explores_what_its_items_ask_for():
    this = config.load("bfcl")
    items = resources.items(this, "test")
    assert set(this.exploration.tools) == {one.gold.tool for one in items} and len(items) == 474
    assert [one.learner for one in this.of_learners()] == ["qwen2.5-coder-0.5b", "smollm2-135m"]


def test_a_test_set_that_cannot_be_made_is_one_line(tmp_path):
    study = tmp_path / "mine.yaml"
    study.write_text("name: mine\nworld: {tools: 'microworld.tools:toolbox', test_set: 'microworld.tools:no_such'}\n")
    with pytest.raises(UserError, match=r"study 'mine': world.test_set: microworld.tools:no_such: .*no_such"):
        resources.items(config.load(study), "test")


# --- tables -----------------------------------------------------------------------------------------------------------


def as_written(table: pd.DataFrame, tmp_path) -> str:
    return store.write_table(table, tmp_path / "table.csv") is not None and (tmp_path / "table.csv").read_text()


@needs_package
def test_committed_tables_come_out_again(tmp_path):
    gold = bfcl_findings.gold_table()
    made = {
        "bfcl_items": bfcl_findings.item_table(gold),
        "bfcl_functions": bfcl_findings.functions_table(gold),
        "bfcl_gold_doubted": gold[bfcl_findings.in_doubt(gold)],
    }
    for name, table in made.items():
        assert as_written(table, tmp_path) == (TABLES / f"{name}.csv").read_text(), name


@needs_package
def test_committed_tables_hold_nothing_of_the_package():
    held = "\n".join(path.read_text() for path in TABLES.glob("*.csv"))
    texts = [turn.request for task in bfcl_data.tasks() for turn in task.turns]
    texts += [one.description.split("Tool description: ")[-1] for one in bfcl_data.documented_functions().values()]
    assert len(texts) > 800 and not [one for one in texts if len(one) > 20 and one[:60] in held]


def outcomes(items: pd.DataFrame) -> pd.DataFrame:
    """Made-up answers: the baseline right on nothing, ICL on a third, FT on all."""
    found = []
    for setting, variant, right in (("baseline", "all", 0), ("ICL", "full", 1), ("FT", "full", 3)):
        verdict = [number % 3 < right for number in range(len(items))]
        found.append(items[["tool", "item"]].assign(
            system="s", setting=setting, variant=variant, seed=0, wellformed=True, api_match=True, correct_rule=True,
            correct_execution=verdict, task_success=verdict,
        ))  # fmt: skip
    return pd.concat(found, ignore_index=True)


def test_scores_are_given_with_and_without_gold_in_doubt():
    items = pd.DataFrame(
        [(f"t{number % 6}", number // 6, f"task{number // 4}", 0, standing, thread)
         for number, (standing, thread) in enumerate(
             [("request", None), ("request", 1367), ("nowhere", None), ("results", None)] * 9)],
        columns=["tool", "item", "task", "turn", "standing", "thread"],
    ).assign(ran=True, fits=True).astype({"thread": "Int64"})  # fmt: skip
    this = config.load("bfcl")
    scored = bfcl_findings.selection_scores(outcomes(items), items, ["t0", "t3"], this)
    counts = scored[scored["setting"] == "FT"].groupby(["items", "clusters"])["n"].first()
    assert counts.loc["all"].tolist() == [36, 36]
    assert counts.loc["gold not in doubt"].tolist() == [18, 18] and counts.loc["stated"].tolist() == [9, 9]
    assert counts.loc["with examples"].tolist() == [12, 12]
    values = scored[scored["metric"] == "correct_execution"].set_index(["items", "clusters", "setting"])["value"]
    assert values["all", "functions", "ICL"] == values["all", "tasks", "ICL"] == pytest.approx(100 / 3)
    gains = bfcl_findings.selection_gains(outcomes(items), items, ["t0", "t3"], this).set_index(
        ["items", "clusters", "comparison"]
    )
    assert gains.loc[("all", "tasks", "FT - baseline"), "verdict"] == "higher"
    assert len(gains) == 4 * 2 * 3


# --- our scorer and theirs --------------------------------------------------------------------------------------------


@pytest.fixture
def some_items(monkeypatch):
    """Of the items one in eleven."""
    chosen = bfcl_scorers.single_turn_items()[::11]
    monkeypatch.setattr(bfcl_scorers, "single_turn_items", lambda: chosen)


@needs_package
def test_the_sets_are_those_of_the_package():
    sizes = pd.Series([one.set for one in bfcl_scorers.single_turn_items()]).value_counts()
    assert sizes.to_dict() == {"simple": 400, "multiple": 200, "irrelevance": 240}


@needs_package
def test_no_disagreement_is_without_a_reason(some_items):
    rows = bfcl_scorers.compared()
    assert len(rows) > 1000 and rows["read_alike"].all()
    assert not (rows["reason"] == bfcl_scorers.UNEXPLAINED).any()
    assert (rows.loc[rows["kind"] == "right: first values", ["ours", "theirs"]]).all(axis=None)


@needs_package
def test_a_fault_of_ours_would_be_found(some_items, monkeypatch):
    monkeypatch.setattr(score, "json_equal", lambda a, b, **_: str(a) == str(b))
    rows = bfcl_scorers.compared()
    assert (rows["reason"] == bfcl_scorers.UNEXPLAINED).any(), "numbers as text are not numbers"


@needs_package
def test_the_committed_table_covers_every_disagreement():
    apart = pd.read_csv(TABLES / "bfcl_disagreements.csv")
    assert set(apart["reason"]) <= set(bfcl_scorers.REASONS)
    agreed = pd.read_csv(TABLES / "bfcl_agreement.csv")
    assert apart["replies"].sum() == agreed["only_ours"].sum() + agreed["only_theirs"].sum()
    by_side = apart.groupby("right_by")["replies"].sum()
    assert (by_side["ours"], by_side["theirs"]) == (agreed["only_ours"].sum(), agreed["only_theirs"].sum())


@needs_package
def test_the_scorer_is_imported_without_its_dependencies_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bfcl_scorers.package()
    assert not [name for name in bfcl_scorers._NOT_NEEDED if name in sys.modules]
    assert not list(tmp_path.iterdir()) and isinstance(sys.stdout, io.TextIOBase)
