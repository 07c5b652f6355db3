"""What exploring covered, against trials made by hand."""

import math

import pandas as pd
import pytest
from scipy import stats

from ste_core.analysis import trajectories
from ste_core.core.config import Study
from ste_core.core.records import Call, Step, Tool, Trial

TOOL = Tool(
    name="price",
    description="Price of a thing",
    parameters={
        "type": "object",
        "properties": {"thing": {"type": "string"}, "city": {"type": "string"}, "year": {"type": "integer"}},
        "required": ["thing"],
    },
)
PLAIN = Tool(name="now", description="The time now")
TOOLS = {one.name: one for one in (TOOL, PLAIN)}


def trial(number: int, *calls: tuple[dict, bool], variant: str = "full", tool: str = "price", query: str = "") -> Trial:
    steps = tuple(
        Step(output="", call=Call(tool=tool, arguments=arguments), observation="", ok=ok) for arguments, ok in calls
    )
    return Trial(
        tool=tool, variant=variant, seed=0, episode=0, trial=number, query=query or f"query {number}", steps=steps
    )


def one(trials: list[Trial], **options: object) -> pd.Series:
    table = trajectories.coverage(trials, TOOLS, **options)  # type: ignore[arg-type]
    assert len(table) == 1
    return table.iloc[0]


def test_only_calls_that_ran_count_and_each_once():
    lamp, oslo = {"thing": "lamp"}, {"thing": "lamp", "city": "Oslo"}
    row = one([trial(0, ({"thing": "sofa"}, False), (lamp, True)), trial(1, (lamp, True), (oslo, True))])
    assert (row["calls"], row["values"], row["optional"]) == (2, 2, 50.0)


def test_a_value_counts_once_an_argument_whatever_its_type():
    row = one([trial(0, ({"thing": "1", "city": "1"}, True), ({"thing": 1}, True), ({"thing": True}, True))])
    assert row["values"] == 4  # "1" twice, under two names; 1 and true are other values


def test_what_a_tool_does_not_have_is_missing_not_zero():
    row = one([trial(0, ({}, True), tool="now")])
    assert math.isnan(row["optional"]) and math.isnan(row["convention"]) and math.isnan(row["similarity"])
    assert one([trial(0, ({}, True), tool="now")], conventions={"now"})["convention"] == 100
    assert one([trial(0, ({}, False), tool="now")], conventions={"now"})["convention"] == 0


@pytest.mark.parametrize(
    ("query", "calls", "echoes"),
    [
        ("What is iron?", [("iron", "use the symbol, like Na"), ("Na", None)], True),
        ("What is iron?", [("iron", "use the symbol, like Na"), ("Fe", None)], False),
        ("Is na a metal?", [("na", "use the symbol, like Na"), ("Na", None)], False),  # it is what the query says
        ("What is iron?", [("Na", "too hot; use Na or K"), ("Na", None)], False),  # it was there before
        ("What is iron?", [("iron", "like Na"), ("Xx", "unknown"), ("Na", None)], True),  # an earlier error counts
        ("What is iron?", [("iron", "like Nano"), ("Na", None)], False),  # not word for word
        ("What is iron?", [("iron", "like Na"), ("Na", "unknown")], False),  # it never ran
        ("What is iron?", [("Na", None)], False),
    ],
)
def test_a_mended_call_may_only_copy_the_error(query, calls, echoes):
    steps = tuple(
        Step(output="", call=Call(tool="price", arguments={"thing": thing}), observation=error or "5", ok=error is None)
        for thing, error in calls
    )
    frame = trajectories.trial_frame([trial(0, query=query).model_copy(update={"steps": steps})])
    assert bool(frame["echoed"].iloc[0]) == echoes


def test_only_a_call_that_was_refused_can_be_corrected():
    unread = Step(output="?", call=None, observation="Error", ok=False)
    refused = trial(0, ({"thing": "x"}, False), ({"thing": "lamp"}, True))
    made = [
        refused, trial(1, ({"thing": "lamp"}, True)), trial(2, ({"thing": "x"}, False)),
        trial(3).model_copy(update={"steps": (unread,)}),
        trial(4).model_copy(update={"steps": (unread, refused.steps[1])}),
    ]  # fmt: skip
    frame = trajectories.trial_frame(made)
    assert frame["first_failed"].tolist() == [True, False, True, False, False]
    assert frame["corrected"].tolist() == [True, False, False, False, False]
    assert frame["first_ran"].tolist() == [False, True, False, False, False]


def test_the_first_trials_are_those_of_the_first_episodes():
    later, earlier = trial(1, ({"thing": "b"}, True)), trial(0, ({"thing": "a"}, True), ({"thing": "c"}, True))
    assert one([later, earlier], first=1)["values"] == 2
    assert one([later, earlier])["values"] == 3


def test_equal_queries_are_as_similar_as_can_be_and_other_ones_not_at_all():
    same = [trial(number, query="price of a lamp") for number in range(3)]
    assert one(same)["similarity"] == pytest.approx(100)
    assert one([trial(0, query="lamp"), trial(1, query="sofa")])["similarity"] == 0


def test_differences_are_paired_by_tool():
    study = Study(name="made_up")
    trials = []
    for variant, more in (("full", 2), ("no_long_term", 1)):
        for tool, base in (("price", 1), ("now", 4)):
            calls = [({"thing": f"{number}"}, True) for number in range(base * more)]
            trials.append(trial(0, *calls, variant=variant, tool=tool))
    table = trajectories.covered(trajectories.coverage(trials, TOOLS), study).set_index(["variant", "measure"])
    row = table.loc["no_long_term", trajectories.COVERAGE["values"]]
    assert row["value"] == 2.5 and row["difference"] == 2.5
    low, high = stats.ttest_1samp([1, 4], 0).confidence_interval()  # more values by tool, with the full method
    assert row["difference_low"] == pytest.approx(low) and row["difference_high"] == pytest.approx(high)
    assert math.isnan(table.loc["full", trajectories.COVERAGE["values"]]["difference"])
    assert 0 < row["p"] == row["p_holm"] < 1, "one variant, so a family of one"
    assert math.isnan(table.loc["full", trajectories.COVERAGE["values"]]["p_holm"])


def test_the_curve_rises_with_trials():
    trials = [trial(number, ({"thing": f"{number}"}, True)) for number in range(5)]
    curve = trajectories.coverage_curve(trials, TOOLS, Study(name="made_up"))
    assert curve["value"].tolist() == [1, 2, 3, 4, 5] and curve["trials"].tolist() == [1, 2, 3, 4, 5]
