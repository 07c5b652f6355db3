"""Predictions of others: read, scored, compared with the audit's systems, put into its tables; and what is forgiven."""

import csv
import json

import pandas as pd
import pytest
from support import one_line, run_ste, write_json

from ste_core.core import config, store
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Prediction
from ste_core.release import audit, leniency, marks, paper, score_files
from ste_core.scoring import score, tidy

ROWS = [
    ("Next Monday?", {"name": "add_date", "arguments": {"days": 7}}, 'Action: add_date\nAction Input: {"days": 7}'),
    ("In a week?", {"name": "add_date", "arguments": {"days": 7}}, 'Action: add_dat\nAction Input: {"days": 7}'),
    ("Today?", {"name": "get_today_date", "arguments": {}}, 'Action: get_today_date\nAction Input: {"zone": "UTC"}'),
    ("A fact?", {"name": "Numbers%%Get math fact", "arguments": {"number": "3"}}, "I do not know."),
]


def write_csv(path, rows=ROWS, columns=("query", "gold", "output")):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows((query, json.dumps(gold), output) for query, gold, output in rows)
    return path


def test_a_csv_file_is_scored_under_each_rule(tmp_path):
    report = score_files.score_report([write_csv(tmp_path / "mine.csv")], config.load("audit"), None)
    found = report.scores.set_index(["rule", "metric"])["k"]
    assert found["released", "wellformed"] == 3 and found["strict", "wellformed"] == 2, "a made-up name"
    assert found["released", "api_match_all"] == 3 and found["released", "identical"] == 2
    assert found["released", "correct_string"] == 3 and found["strict", "correct_string"] == 2
    assert "correct_rule" not in found["released"], "nobody has judged them"
    assert "mine, own" in report.text() and report.compared is None


def test_the_three_formats_say_the_same(tmp_path):
    predictions = score_files.read_predictions(write_csv(tmp_path / "mine.csv"))
    lines = tmp_path / "mine.jsonl"
    lines.write_text("".join(one.model_dump_json() + "\n" for one in predictions), encoding="utf-8")
    release: dict = {}
    for one in predictions:
        gold = {"action": one.gold.tool, "action_input": json.dumps(one.gold.arguments)}
        release.setdefault(one.gold.tool, []).append({"query": one.query, "model_output": one.output} | gold)
    as_released = write_json(tmp_path / "mine.json", release)
    assert score_files.read_predictions(lines) == score_files.read_predictions(as_released) == predictions


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        (ROWS, ("query", "gold", "answer"), r"no column 'output' \(there are: query, gold, answer\)"),
        ([("q", {"tool": "a"}, "x")], ("query", "gold", "output"), r"line 2: gold: expected a call as JSON"),
        ([("q", "add_date(7)", "x")], ("query", "gold", "output"), r"line 2: gold: expected a call as JSON"),
        ([], ("query", "gold", "output"), "holds no prediction"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, rows, columns, said):
    with pytest.raises(UserError, match=said) as caught:
        score_files.read_predictions(write_csv(tmp_path / "mine.csv", rows, columns))
    assert "\n" not in str(caught.value)


def test_files_of_no_format_and_items_that_stand_twice(tmp_path):
    with pytest.raises(UserError, match="unknown format"):
        score_files.read_predictions(write_csv(tmp_path / "mine.txt"))
    with pytest.raises(UserError, match="no such file"):
        score_files.read_predictions(tmp_path / "nowhere.csv")
    one = Prediction(system="s", setting="t", item=0, query="q", gold=Call(tool="a", arguments={}), output="x")
    (tmp_path / "twice.jsonl").write_text(f"{one.model_dump_json()}\n" * 2)
    with pytest.raises(UserError, match="item 0 of 'a' stands there twice"):
        score_files.read_predictions(tmp_path / "twice.jsonl")
    (tmp_path / "torn.jsonl").write_text(one.model_dump_json()[:-9])
    with pytest.raises(UserError, match=r"torn\.jsonl: line 1: "):
        score_files.read_predictions(tmp_path / "torn.jsonl")


def test_lines_of_ours_end_where_json_lines_do_and_other_encodings_are_one_line(tmp_path):
    said = "one\u2028two\x85three"
    one = Prediction(system="s", setting="t", item=0, query="q", gold=Call(tool="a", arguments={}), output=said)
    path = tmp_path / "mine.jsonl"
    for end in (b"\n", b"\r\n", b""):
        path.write_bytes(one.model_dump_json().encode() + end)
        assert score_files.read_predictions(path) == [one]
    path.write_bytes(b"")
    with pytest.raises(UserError, match="holds no prediction"):
        score_files.read_predictions(path)
    path.write_bytes(one.model_copy(update={"output": "caf\xe9"}).model_dump_json().encode("latin-1"))
    with pytest.raises(UserError, match=r"mine\.jsonl: not UTF-8 \(byte \d+\); save the file as such$"):
        score_files.read_predictions(path)


def test_systems_are_compared_on_common_items_alone(tmp_path):
    own = score_files.judged(score_files.read_predictions(write_csv(tmp_path / "mine.csv")))
    other = score_files.judged(score_files.read_predictions(write_csv(tmp_path / "other.csv", ROWS[1:])))
    with pytest.raises(UserError, match="no item in common"):
        score_files.against_system(own, other.assign(query="another"), config.load("audit"))
    found = score_files.against_system(
        own, score_files.judged(score_files.read_predictions(tmp_path / "mine.csv", name="same")), config.load("audit")
    )
    assert (found["difference"] == 0).all() and (found["verdict"] == "inconclusive").all() and set(found["n"]) == {4}


@pytest.mark.release
def test_a_stranger_scores_a_file_with_one_command(tmp_path, release_dir):
    """A copy of a released system as CSV: found in the test set by its queries, and no different from itself."""
    rows = [
        (item["query"], {"name": api, "arguments": json.loads(item["action_input"])}, item["model_output"])
        for api, items in store.read_json(release_dir / paper.PREDICTIONS / "mistral.json").items()
        for item in reversed(items)
    ]
    path = write_csv(tmp_path / "copy.csv", rows)
    done = run_ste("score", path, "--against", "Mistral-Instruct-7B/baseline", "--out", tmp_path / "out",
                   STE_RELEASE=release_dir)  # fmt: skip
    assert done.returncode == 0, done.stderr
    compared = pd.read_csv(tmp_path / "out" / "compared.csv")
    assert set(compared["n"]) == {750} and (compared["difference"] == 0).all()
    scores = pd.read_csv(tmp_path / "out" / "scores.csv").set_index(["rule", "metric"])["value"]
    assert scores["released", "wellformed"] == pytest.approx(61.733, abs=1e-3)
    for name in ("scores", "compared"):
        assert (tmp_path / "out" / f"{name}.tex").read_text().startswith(r"\begin{table}")
        assert "| system" in (tmp_path / "out" / f"{name}.md").read_text()
    wrong = run_ste("score", path, "--against", "Nobody/FT", STE_RELEASE=release_dir)
    assert wrong.returncode == 2 and "no such system here" in one_line(wrong.stderr)


@pytest.mark.release
def test_predictions_of_others_stand_in_the_audits_tables(tmp_path, release_dir):
    release = paper.find_release(release_dir)
    path = marks.as_csv(release, tmp_path / "words.csv")
    plan = config.load("audit")
    plan = plan.model_copy(update={"audit": plan.audit.model_copy(update={"extra": {"matching words": str(path)}})})
    scored = audit.score_release(release, ["mistral"], score_files.extras(plan, release))
    row = audit.recomputed(scored, plan).query("system == 'matching words'").iloc[0]
    assert row["n"] == 750 and row["api_match_all"] == pytest.approx(64.4) and pd.isna(row["correct_rule"])
    assert row["ci_low"] < row["correct_string"] < row["ci_high"]
    assert "matching words" in set(leniency.leniency(scored, plan)["system"])
    write_csv(path, ROWS)
    with pytest.raises(UserError, match=r"audit\.extra\.matching words: 'Next Monday\?' is no item"):
        score_files.extras(plan, release)


# --- what is forgiven -------------------------------------------------------------------------------------------------

NAMES = [
    "Marvel Vs Capcom 2%%Show Character",
    "Marvel Vs Capcom 2%%All Characters",
    "MikuAPI%%getRandomImage",
    "add_date",
]


@pytest.mark.parametrize(
    ("named", "tool", "level"),
    [
        ("add_date", "add_date", "exact"),
        ("ADD DATE", "add_date", "form"),
        ("add_date\\n", "add_date", "form"),
        ("MikuAPI%getRandomImage", "MikuAPI%%getRandomImage", "form"),
        ("MikuAPI%20getRandomImage", "MikuAPI%%getRandomImage", "encoding"),
        ("MikuAPI", "MikuAPI%%getRandomImage", "part"),
        ("getRandomImage", "MikuAPI%%getRandomImage", "part"),
        ("Marvel Vs Capcom 2%", "Marvel Vs Capcom 2%%Show Character", "shared part"),
        ("random_picture", "MikuAPI%%getRandomImage", "closest"),
        ("%", "add_date", "closest"),
    ],
)
def test_how_far_a_name_is_off(named, tool, level):
    assert score.name_level(named, tool, NAMES) == level and level in score.NAME_LEVELS


def test_the_committed_leniency_adds_up():
    table = pd.read_csv("results/audit/tables/leniency.csv")
    correctness = pd.read_csv("results/audit/tables/correctness.csv").query("split == 'all'")
    both = table.query("axis == 'name' and level == 'closest'").merge(correctness, on=["system", "setting"])
    assert len(both) == 21 and both["value"].to_numpy() == pytest.approx(both["correct_rule"].to_numpy(), abs=1e-3)
    own = leniency.rescued(table).set_index("system").loc["ToolLLaMA-v2"]
    assert (
        own["form"] == 96 and own["encoding"] == 18 and own["part"] + own["shared part"] == 71 and own["closest"] == 8
    )


def test_judged_items_bound_what_an_error_of_the_judge_can_do():
    table = pd.read_csv("results/audit/tables/judged_bounds.csv")
    order = ["low_all", "low_upper", "low_measured", "value", "high_measured", "high_upper", "high_all"]
    assert (table[order].diff(axis=1).iloc[:, 1:] >= -1e-9).all(axis=None) and (
        table["judged"] * 50 == table["n"] * 19
    ).any()


# --- tidy data --------------------------------------------------------------------------------------------------------


def test_the_committed_items_give_the_committed_figures():
    items = pd.read_csv("results/audit/tables/items.csv.xz")
    assert list(items.columns) == ["system", "setting", "api", "item", "seed", "metric", "value"]
    own = items.groupby(["system", "setting", "metric"])["value"].mean().mul(100)
    table = pd.read_csv("results/audit/tables/correctness.csv").query("split == 'all'").dropna(subset="n")
    for row in table.itertuples():
        assert own[row.system, row.setting, "correct_rule"] == pytest.approx(row.correct_rule, abs=1e-3)
        assert own[row.system, row.setting, "api_match_all"] == pytest.approx(row.api_match_all, abs=1e-3)
    by_api = (
        pd.read_csv("results/audit/tables/by_api.csv").groupby(["system", "setting"])[["n", "k_correct_rule"]].sum()
    )
    assert (100 * by_api["k_correct_rule"] / by_api["n"])["Mistral-Instruct-7B", "FT"] == pytest.approx(78.0)


def test_items_that_nobody_judged_have_no_row(tmp_path):
    scored = score_files.judged(score_files.read_predictions(write_csv(tmp_path / "mine.csv")))
    long = tidy.long_form(scored)
    assert "correct_stored" not in set(long["metric"]) and len(long[long["metric"] == "correct_string"]) == 4
    tidy.write_items(scored, tmp_path / "a.csv.xz")
    tidy.write_items(scored, tmp_path / "b.csv.xz")
    assert (tmp_path / "a.csv.xz").read_bytes() == (tmp_path / "b.csv.xz").read_bytes()


def test_exports_escape_and_never_print_a_zero_p(tmp_path):
    frame = pd.DataFrame(
        {"name": ["a_b & 50 %|"], "value": [12.34], "ci_low": [8.0], "ci_high": [16.55], "p_holm": [1e-9]}
    )
    tidy.export(frame, tmp_path / "one", caption="50 % of A_B")
    tex, markdown = ((tmp_path / f"one.{kind}").read_text() for kind in ("tex", "md"))
    assert r"a\_b \& 50 \%|" in tex and "12.3 [8.0, 16.6]" in tex and r"$<$ 0.001" in tex
    assert r"50 %\|" in markdown and "| < 0.001 |" in markdown and "0.000" not in tex + markdown
