"""One category for each prediction: the first that applies, none without, and what counts as another form."""

import json
import random

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from microworld import test_set
from microworld.tools import functions, toolbox
from ste_core.analysis import baselines
from ste_core.core import aio, config
from ste_core.core.errors import UserError
from ste_core.core.react import render_call
from ste_core.core.records import Call, Prediction, TestItem
from ste_core.scoring import score
from ste_core.scoring.error_types import CATEGORIES, categories, outcomes, same_form
from ste_core.scoring.execution import gold_results

BOX = toolbox()


def call(tool, /, **arguments):
    return Call(tool=tool, arguments=arguments)


def judged(gold, said, query="q", rule="strict", **options):
    """The row of a reply (a Call, or raw text) to a gold call."""
    result = aio.run(BOX.execute(gold)).value
    item = TestItem(item=0, query=query, gold=gold, result=result)
    text = said if isinstance(said, str) else render_call(said.tool, said.arguments)
    prediction = Prediction(system="s", setting="x", item=0, query=query, gold=gold, output=text)
    return next(outcomes([prediction], BOX, gold_results([item]), rule, **options).itertuples())


CUP = call("world_cup_winner", year=1966)
FLIGHT = call("flight_distance", origin="CDG", destination="JFK")
HOLIDAYS = call("list_holidays", country="DE", month=5)
DAYS = call("add_days", date="25/06/2031", days=40)


@pytest.mark.parametrize(
    ("gold", "said", "category"),
    [
        (CUP, CUP, "right"),
        (CUP, call("world_cup_winner", year=1966, place=1), "right"),  # the default
        (CUP, "Final Answer: England", "no call"),
        (CUP, "I cannot help with that.", "no call"),
        (CUP, "", "no call"),
        (CUP, "Action: cup_of_the_world\nAction Input: {}", "unknown tool"),
        (CUP, "Action: world_cup_winner\nAction Input: {year: 1966}", "malformed"),
        (CUP, "Action: world_cup_winner", "malformed"),
        (CUP, 'Action Input: {"year": 1966}', "malformed"),
        (CUP, call("country_fact", country="GB", fact="capital"), "wrong tool"),
        (FLIGHT, call("route_distance", stops=["CDG", "JFK"]), "near-duplicate"),
        (FLIGHT, call("route_distance", stops=["CDG"]), "near-duplicate"),
        (CUP, call("world_cup_winner", when=1966), "extra argument"),
        (CUP, call("world_cup_winner", year=1966, sport="football"), "extra argument"),
        (CUP, call("world_cup_winner", year=1966, place=2), "extra argument"),
        (CUP, call("world_cup_winner"), "missing argument"),
        (FLIGHT, call("flight_distance", destination="SFO"), "missing argument"),
        (FLIGHT, call("flight_distance", origin="JFK", destination="CDG", unit="km"), "right"),  # as far back
        (CUP, call("world_cup_winner", year=1970), "wrong value"),
        (CUP, call("world_cup_winner", year="1966"), "wrong convention"),
        (DAYS, call("add_days", date="2031-06-25", days=40), "wrong convention"),
        (DAYS, call("add_days", date="25 June 2031", days=40), "wrong convention"),
        (DAYS, call("add_days", date="25 June 2031", days=41), "wrong value"),
        (DAYS, call("add_days", date="2031-06-26", days=40), "wrong value"),
        (FLIGHT, call("flight_distance", origin="cdg", destination="jfk"), "wrong convention"),
    ],
)
def test_each_category(gold, said, category):
    assert judged(gold, said).category == category


@pytest.mark.parametrize(
    ("gold", "said", "query", "category"),
    [
        (HOLIDAYS, call("list_holidays", country="Germany", month=5), "Holidays in Germany, May?", "wrong convention"),
        (HOLIDAYS, call("list_holidays", country="Germany", month=5), "Holidays there in May?", "wrong value"),
        (HOLIDAYS, call("list_holidays", country="FR", month=5), "Holidays in FR, not Germany?", "wrong value"),
        (HOLIDAYS, call("list_holidays", country="Germany", month=6), "Germany, 5 not 6?", "wrong value"),
        # the tool names the first of two that it does not like
        (FLIGHT, call("flight_distance", origin="Paris", destination="New York"), "From Paris to New York",
         "wrong convention"),
        (FLIGHT, call("flight_distance", origin="Paris", destination="Oslo"), "From Paris to New York", "wrong value"),
        # mixed up, and refused for another reason
        (call("flight_distance", origin="CDG", destination="JFK", unit="km"),
         call("flight_distance", origin="km", destination="JFK", unit="km"), "CDG to JFK in km", "wrong value"),
    ],
)  # fmt: skip
def test_the_querys_own_words_refused_by_the_tool_are_a_convention(gold, said, query, category):
    assert judged(gold, said, query).category == category


def test_most_conventions_of_the_microworld_are_recognised():
    """Each tool's own example of a broken convention, as a query would word it, against the kept one."""
    found = {}
    for name, function in functions().items():
        special = function.properties
        if not special.convention or special.breaks is None:
            continue
        gold, broken = call(name, **special.keeps), call(name, **special.breaks)
        words = "; ".join(json.dumps(value) for value in special.breaks.values())
        found[name] = judged(gold, broken, f"Please: {words}").category
    recognised = [name for name, category in found.items() if category == "wrong convention"]
    assert len(found) > 35 and len(recognised) >= 0.9 * len(found)


def test_the_verdict_in_question_can_be_another():
    said = call("route_distance", stops=["CDG", "JFK"])
    assert judged(FLIGHT, said, right="task_success").category == "right"
    assert judged(FLIGHT, said, right="correct_execution").category == "near-duplicate"
    gold, said = call("world_cup_winner", year=1966, place=1), CUP
    assert judged(gold, said, right="correct_rule").category == "missing argument"
    gold = call("world_cup_winner", year=1966, place=2)
    assert judged(gold, gold, right="correct_rule").category == "right"


def test_a_mapped_name_is_judged_as_the_tool_it_was_mapped_to():
    text = 'Action: world_cup_winners\nAction Input: {"year": 1966}'
    assert judged(CUP, text, rule="strict").category == "unknown tool"
    assert judged(CUP, text, rule="released").category == "right"
    assert judged(CUP, text.replace("66", "70"), rule="released").category == "wrong value"


def test_the_same_call_with_another_result():
    """A gold result that the gold call does not give (any more)."""
    item = TestItem(item=0, query="q", gold=CUP, result={"team": "Nobody", "host": "Nobody"})
    row = outcomes(baselines.oracle([item]), BOX, gold_results([item]))
    assert row["category"].tolist() == ["other result"]


def test_replies_that_were_stored_as_read():
    fields = {"system": "s", "setting": "x", "query": "q", "gold": CUP}
    stored = [
        Prediction(item=0, kind="final", **fields), Prediction(item=1, kind="malformed", **fields),
        Prediction(item=2, kind="call", call=CUP, **fields), Prediction(item=3, output="no", **fields),
    ]  # fmt: skip
    result = aio.run(BOX.execute(CUP)).value
    found = outcomes(stored, BOX, {("world_cup_winner", item): result for item in range(4)})
    assert found["category"].tolist() == ["no call", "malformed", "right", "no call"]
    assert outcomes(stored[:2], BOX, {(CUP.tool, 0): 1, (CUP.tool, 1): 1})["category"].tolist() == [
        "no call", "malformed",
    ]  # fmt: skip


def test_without_execution_a_refused_value_is_a_wrong_one():
    said = call("list_holidays", country="Germany", month=5)
    prediction = Prediction(
        system="s",
        setting="x",
        item=0,
        query="Germany in May",
        gold=HOLIDAYS,
        output=render_call(said.tool, said.arguments),
    )
    rows = score.score_predictions([prediction], BOX.tools, string_rule_tools=BOX.tools, rule="strict")
    assert categories(rows, BOX.tools, right="correct_rule") == ["wrong value"]
    with pytest.raises(ValueError, match="correct_execution"):
        categories(rows, BOX.tools)
    with pytest.raises(ValueError, match="item"):
        categories(rows, BOX.tools, right="item")


# --- exhaustive and exclusive ---


LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["CDG", "june", "25/06"])
)
JSON = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))
NAMES = st.sampled_from([*list(BOX.tools)[:8], "flight_distance", "route_distance", "none_such"])
CALLS = st.builds(
    lambda name, arguments: render_call(name, arguments),
    NAMES, st.dictionaries(st.sampled_from(["origin", "destination", "unit", "date", "x"]), JSON, max_size=4),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.one_of(CALLS, st.text(), CALLS.map(lambda text: text[:-3])), rule=st.sampled_from(["strict", "released"])
)
@example(text=render_call("flight_distance", {"origin": "CDG", "destination": "JFK"}), rule="strict")
@example(text='Action: flight_distance\nAction Input: {"origin": ' + "[" * 900 + "]" * 900 + "}", rule="released")
@example(text='Action: flight_distance\nAction Input: {"origin": NaN, "destination": "JFK"}', rule="released")
@example(text='Action: flight_distance\nAction Input: {"origin": 1e999, "destination": "JFK"}', rule="released")
def test_any_reply_has_one_category(text, rule):
    row = judged(FLIGHT, text, text, rule)
    assert row.category in CATEGORIES
    assert (row.category == "right") == bool(row.correct_execution)
    if row.category in ("no call", "malformed", "unknown tool"):
        assert not row.wellformed
    elif row.category in ("near-duplicate", "wrong tool"):
        assert row.wellformed and not row.api_match
    else:
        assert row.api_match


# --- the table ---


@pytest.fixture(scope="module")
def table():
    items = test_set.load("test")[::5]
    rng = random.Random(0)
    predictions = [
        *baselines.oracle(items),
        *baselines.random_call(items, test_set.load("dev"), rng=rng),
        *baselines.nearest_documentation(items, BOX.tools),
    ]
    return outcomes(predictions, BOX, gold_results(items), seed=3)


def test_the_table_holds_every_verdict(table):
    columns = {"system", "setting", "seed", "tool", "item", "wellformed", "api_match", "correct_rule",
               "correct_execution", "task_success", "category"}  # fmt: skip
    assert columns <= set(table.columns) and len(table) == 450 and (table["seed"] == 3).all()
    assert ((table["category"] == "right") == table["correct_execution"]).all()
    assert (table.loc[table["system"] == "gold oracle", "category"] == "right").all()
    luck = table.loc[table["system"] == "random valid call", "category"].value_counts(normalize=True)
    assert luck["wrong tool"] > 0.85
    words = set(table.loc[table["system"] == "nearest documentation", "category"])
    assert {"right", "wrong tool", "near-duplicate", "missing argument"} <= words <= set(CATEGORIES)


def test_the_table_feeds_the_audits_statistics(table):
    found = score.interval(table[table["system"] == "gold oracle"], "correct_execution", config.load("microworld"))
    assert found.value == 100 and found.low > 90
    parts = pd.crosstab(table["system"], table["category"], normalize="index")
    assert parts.sum(axis=1).tolist() == pytest.approx([1, 1, 1])


def test_a_prediction_of_another_test_set_is_one_line():
    items = test_set.load("test")[:2]
    with pytest.raises(UserError, match=r"^prediction 1 of 'current_moment': not an item of this test set$"):
        outcomes(baselines.oracle(items), BOX, gold_results(items[:1]))
    with pytest.raises(UserError, match="none"):
        outcomes([], BOX, {})


# --- the same in another form ---


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("25/06/2031", "2031-06-25", True), ("25.06.2031", "June 25th, 2031", True), ("25 Jun 2031", "25/6/2031", True),
        ("25/06/2031", "26/06/2031", False), ("cdg", "CDG", True), ("São Paulo", "sao paulo", True),
        ("5", 5, True), (5.0, "5", True), ("5.5", 5.5, True), ("1,250", 1250, True), ("-5", 5, False), (5, 6, False),
        ("12:05", "12.5", False), ("08:05", "8:05", True), (True, "true", True), (True, 1, False), (None, "", False),
        ("", "-", False), ("€", "$", False), ("Germany", "DE", False), (["a", "b"], ["b", "a"], False),
        (["A", "b"], ["a", "B"], True), ("a, b", ["a", "b"], True), ([59.3, 18.1], {"lat": 59.3, "lon": 18.1}, True),
        ({"south": 1, "north": 2}, {"south": 2, "north": 1}, False), ({"a": "X"}, {"a": "x"}, True), ([], [], False),
        ("W,W,L", "W L W", True), ("a a", "a", False), ("9" * 400, "8" * 400, True),  # beyond any float
    ],
)  # fmt: skip
def test_same_form(a, b, same):
    assert same_form(a, b) is same and same_form(b, a) is same


@settings(max_examples=60, deadline=None)
@given(JSON, JSON)
def test_same_form_is_symmetric_and_never_raises(a, b):
    assert same_form(a, b) is same_form(b, a)
