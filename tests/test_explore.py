"""Exploration as a method: what is asked, what is shown, what is remembered; any reply, any context."""

import asyncio
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ste_core.core import prompting
from ste_core.core.config import Exploration
from ste_core.core.errors import UserError
from ste_core.core.records import Trial
from ste_core.method.explore import VARIANTS, Past, Tally, by_length, explore_tool, read_query
from ste_core.models.base import Choice, Completion, request_seed
from ste_core.tools.base import ToolError
from ste_core.tools.functions import FunctionToolbox


def double(number: int) -> dict:
    """Twice a number."""
    if number > 99:
        raise ToolError("number: at most 99, write it like 12")
    return {"double": 2 * number, "note": "x" * number}


BOX = FunctionToolbox([double])
TOOL = BOX.tools["double"]

CALL = 'Action: double\nAction Input: {"number": 3}'
BAD_CALL = 'Action: double\nAction Input: {"number": 300}'


def purpose(messages):
    last = messages[-1]["content"]
    if last.endswith("Reply Yes or No.") or "give the reason in one sentence" in last:
        return "reflect"
    if "Imagine a" in last or "comes too close" in last:
        return "imagine"
    return "try"


class Scripted:
    """Answers each purpose from a list of its own, over and over, and keeps what it was asked."""

    name = identity = "scripted"

    def __init__(self, imagine=("Query {n}?",), attempt=(CALL, "Final Answer: 6"), reflect=("Yes",)):
        self.scripts = {"imagine": imagine, "try": attempt, "reflect": reflect}
        self.counts = dict.fromkeys(self.scripts, 0)
        self.asked = []

    async def complete(self, messages, **options):
        what = purpose(messages)
        n = self.counts[what]
        self.counts[what] += 1
        self.asked.append((what, [dict(one) for one in messages], options))
        text = self.scripts[what][n % len(self.scripts[what])].replace("{n}", str(n))
        return Completion((Choice(text, "stop"),), 0, 0)

    def prompts(self, what):
        return [messages for purpose, messages, _ in self.asked if purpose == what]


def plan(**options):
    return Exploration(model="m", **({"episodes": 2, "trials": 3, "max_tokens": 40} | options))


def run(model, options=None, **more):
    async def main():
        return [one async for one in explore_tool(TOOL, model, BOX, options or plan(), **more)]

    return asyncio.run(main())


def text(messages):
    return "\n".join(one["content"] for one in messages)


def test_a_trial_is_imagined_tried_corrected_and_reflected_upon():
    model = Scripted(attempt=(BAD_CALL, CALL, "Final Answer: 6"), reflect=("No.", "Yes."))
    first, second, *_, last = run(model)
    assert (first.tool, first.variant, first.seed, first.episode, first.trial) == ("double", "full", 0, 0, 0)
    assert (last.episode, last.trial) == (1, 2)
    assert first.query == "Query 0?" and first.answer == "6" and first.solved is False and first.reflection == "No."
    assert [step.ok for step in first.steps] == [False, True, None] and second.solved is True
    assert first.steps[0].observation == "Error: number: at most 99, write it like 12"
    assert first.steps[1].observation == '{"double": 6, "note": "xxx"}' and first.steps[2].observation is None
    opening = prompting.imagine(TOOL.documentation())
    assert [what for what, *_ in model.asked[:6]] == ["imagine", "try", "try", "try", "reflect", "imagine"]
    assert model.asked[0][1] == [opening]
    assert model.asked[1][1] == [opening, prompting.assistant("Query 0?"), prompting.attempt("Query 0?")]
    roles = [one["role"] for one in model.prompts("reflect")[0]]
    assert roles == ["user", "assistant"] * 4 + ["user"]
    assert [options["stop"] for _, _, options in model.asked[:5]] == [
        ("Thought:", "Observation:", "Action:"), *[("Observation:",)] * 3, (),
    ]  # fmt: skip
    assert {options["temperature"] for *_, options in model.asked} == {1.0}


def test_memories_hold_the_episode_and_a_line_for_each_trial():
    model = Scripted(reflect=("Yes", "No", "Nothing"))
    trials = run(model, plan(memory_lines=4))
    asked = model.prompts("imagine")
    assert [len(messages) for messages in asked] == [1, 9, 17, 1, 9, 17]  # short-term memory: the episode alone
    lines = [[line for line in messages[-1]["content"].splitlines() if line.startswith("- ")] for messages in asked]
    assert lines[2] == ["- Query 0? (solved)", "- Query 1? (unsolved)"]
    assert lines[5] == [
        "- Query 1? (unsolved)",
        "- Query 2? (unsolved)",
        "- Query 3? (solved)",
        "- Query 4? (unsolved)",
    ]
    assert [(one.memory, one.remembered) for one in trials] == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (4, 5)]
    for messages in model.prompts("try") + model.prompts("reflect"):
        assert "- Query" not in text(messages)  # shown where a query is imagined, not kept
    assert "- Query" not in text(asked[5][:-1])


def test_what_each_variant_removes():
    shown = {}
    for name in VARIANTS:
        model = Scripted(attempt=(BAD_CALL, CALL, "Final Answer: 6"))
        trials = run(model, variant=name)
        assert {one.variant for one in trials} == {name} and len(trials) == 6
        shown[name] = (model, trials)
    lengths = {name: [len(one) for one in model.prompts("imagine")] for name, (model, _) in shown.items()}
    assert lengths["no_short_term"] == [1] * 6
    assert lengths["full"] == lengths["no_long_term"] == [1, 11, 21, 1, 11, 21]
    assert lengths["no_reflection"] == [1, 9, 17, 1, 9, 17]
    assert lengths["no_feedback"] == [1, 5, 9, 1, 5, 9]
    memory = {name: [one.memory for one in trials] for name, (_, trials) in shown.items()}
    assert memory.pop("no_long_term") == [0] * 6 and set(map(tuple, memory.values())) == {(0, 1, 2, 3, 4, 5)}
    assert all("- Query" not in text(one) for _, one, _ in shown["no_long_term"][0].asked)
    model, trials = shown["no_reflection"]
    assert not model.prompts("reflect") and {one.solved for one in trials} == {None}
    assert "- Query 0?\n- Query 1?" in text(model.prompts("imagine")[2]) and trials[0].reflection is None
    model, trials = shown["no_feedback"]
    assert model.counts == {"imagine": 6, "try": 6, "reflect": 0}
    assert all("Observation" not in text(one) and "at most 99" not in text(one) for _, one, _ in model.asked)
    assert [len(one.steps) for one in trials[:2]] == [1, 1] and [one.steps[0].ok for one in trials[:2]] == [False, True]
    assert all(one.answer is None and one.steps[0].observation is None for one in trials[:2])


def test_without_feedback_a_reply_that_cannot_be_read_is_asked_for_again_unsaid():
    model = Scripted(attempt=("I do not know.", "Action: other", CALL))
    (trial,) = run(model, plan(episodes=1, trials=1), variant="no_feedback")
    assert [(step.problem is None, step.observation, step.ok) for step in trial.steps] == [
        (False, None, None), (False, None, None), (True, None, True),
    ]  # fmt: skip
    one, two, three = model.prompts("try")
    assert one == two == three and len({options["seed"] for *_, options in model.asked}) == 4
    model = Scripted(attempt=("I do not know.",))
    trials = run(model, plan(episodes=1, trials=2, calls=2), variant="no_feedback")
    assert [len(one.steps) for one in trials] == [2, 2]
    assert [one["role"] for one in model.prompts("imagine")[1]] == ["user", "assistant", "user"]


def test_the_call_limit_and_replies_that_cannot_be_read():
    model = Scripted(attempt=("hm", CALL, BAD_CALL, "Action: no\nAction Input: {}"), reflect=("Nothing came.",))
    trials = run(model, plan(episodes=1, trials=2))
    assert [step.ok for step in trials[0].steps] == [None, True, False, None] and trials[0].answer is None
    assert trials[0].steps[0].problem == "expected 'Action:' and 'Action Input:', or 'Final Answer:'"
    assert trials[0].steps[3].observation == "Error: there is no tool named 'no'"
    assert trials[0].solved is False and trials[0].reflection == "Nothing came."
    for _, messages, _ in model.asked:  # some chat templates insist on turns
        assert [one["role"] for one in messages] == (["user", "assistant"] * len(messages))[: len(messages)]
    assert model.prompts("reflect")[0][-1]["content"].startswith("Observation: Error")


def test_novelty_asks_again_up_to_a_limit():
    queries = ("What is twice 3?", "What is twice 3 ?", "what is twice 3", "Double the age of my cat, 9.")
    model = Scripted(imagine=queries)
    one, two = run(model, plan(episodes=1, trials=2, novelty=0.9))
    assert (one.asked_again, two.asked_again, two.query) == (0, 2, queries[3])
    assert prompting.imagine_again() in model.prompts("imagine")[3]
    kept = model.prompts("try")[-1]
    assert queries[1] not in text(kept) and queries[2] not in text(kept)  # refused queries are forgotten
    model = Scripted(imagine=queries[:1])
    one, two = run(model, plan(episodes=1, trials=2, novelty=0.9, novelty_tries=4))
    assert (two.asked_again, two.query, len(two.steps)) == (4, queries[0], 2)
    assert run(Scripted(imagine=queries[:1]))[-1].asked_again == 0  # off by default


def test_novelty_with_an_encoder_of_ones_own():
    import numpy as np

    class Same:
        name = "same"

        def fit(self, texts):
            return lambda texts: np.ones((len(texts), 1))

    assert [one.asked_again for one in run(Scripted(), plan(novelty=0.5, novelty_tries=2), encoder=Same())] == [
        0
    ] + 5 * [2]


def test_a_rationale_is_asked_for_kept_and_shortened():
    model = Scripted(reflect=("No. The number was too large.\n\nAnything else?", f"Yes, {'long ' * 90}"))
    trials = run(model, plan(episodes=1, rationale=True))
    assert trials[0].reflection == "No. The number was too large." and trials[0].solved is False
    shown = model.prompts("imagine")[2][-1]["content"]
    assert "- Query 0? (unsolved): The number was too large.\n" in shown and shown.endswith("long l... [cut]")
    assert len(shown) < 600 and "give the reason" in text(model.prompts("reflect")[0])
    plain = Scripted()
    run(plain)
    assert "reason" not in text(plain.prompts("reflect")[0])


@pytest.mark.parametrize(
    ("reply", "query"),
    [
        ("What day is it?", "What day is it?"),
        ('\n User Query: "What day\n is it?"\n\nThat is natural.', "What day is it?"),
        ("request: x", "x"),
        ("", ""), (" \n\n ", ""), ('""', ""), ('"', '"'),
        ('Play "Yesterday"', 'Play "Yesterday"'),
    ],
)  # fmt: skip
def test_reading_a_query(reply, query):
    assert read_query(reply) == query


def test_a_model_that_imagines_nothing_gets_three_chances():
    trials = run(Scripted(imagine=("", " \n", "", "Query")), plan(episodes=1, trials=2))
    assert [(one.query, len(one.steps), one.asked_again, one.solved) for one in trials] == [
        ("", 0, 2, False), ("Query", 2, 0, True),
    ]  # fmt: skip
    assert trials[1].remembered == 0
    nothing = run(Scripted(imagine=("",)), variant="no_reflection")
    assert len(nothing) == 6 and {one.solved for one in nothing} == {None}


def test_every_request_has_its_own_seed_the_same_each_time():
    def seeds(**more):
        model = Scripted()
        run(model, **more)
        return [options["seed"] for *_, options in model.asked]

    first = seeds()
    assert len(set(first)) == len(first) == 24 and first == seeds()
    for more in ({"seed": 1}, {"study_seed": 1}, {"variant": "no_long_term"}):
        assert not set(first) & set(seeds(**more))
    assert request_seed(0, "a/b", "c") != request_seed(0, "a", "b/c") and all(0 <= one < 2**31 for one in first)


def test_a_resumed_exploration_goes_on_as_if_never_interrupted():
    class BySeed(Scripted):  # what it says depends on the request alone
        async def complete(self, messages, *, seed, **options):
            self.counts = dict.fromkeys(self.scripts, (seed + len(text(messages))) % 1000)
            return await super().complete(messages, seed=seed, **options)

    def model():
        return BySeed(attempt=(CALL, BAD_CALL, "Final Answer: 6", "hm"), reflect=("Yes", "No"))

    for variant in VARIANTS:
        options = plan(rationale=True, novelty=0.9 if variant == "no_reflection" else None)
        whole = run(model(), options, variant=variant)
        written = [Trial.model_validate_json(one.model_dump_json()) for one in whole]
        for done in range(len(whole) + 1):
            rest = run(model(), options, variant=variant, past=Past.of(written[:done]))
            assert rest == whole[done:]


# --- context ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [*range(240, 700, 20), 1000, 5000])
def test_no_prompt_exceeds_the_context(context):
    long_call = 'Action: double\nAction Input: {"number": 99}'
    model = Scripted(
        imagine=("Query {n} " + "word " * 10,), attempt=(long_call, BAD_CALL, long_call, "Final Answer: 6")
    )
    tally = Tally()
    trials = run(model, plan(trials=4, context=context), tally=tally)
    assert len(trials) == 8 and all(by_length(messages) + 40 <= context for _, messages, _ in model.asked)
    assert all(text(messages).startswith("Imagine a user") for _, messages, _ in model.asked)
    shortened = (tally.lines_left_out, tally.trials_left_out, tally.results_cut, tally.trials_ended)
    assert (context == 5000) == (shortened == (0, 0, 0, 0))


def test_memory_is_shortened_before_the_conversation_and_the_conversation_before_results():
    def shortened(context):
        tally = Tally()
        attempt = ('Action: double\nAction Input: {"number": 99}', "Final Answer: 6")
        trials = run(Scripted(attempt=attempt), plan(trials=3, context=context), tally=tally)
        return tally, trials

    seen = []
    for context in range(1300, 200, -25):
        tally, trials = shortened(context)
        now = (tally.lines_left_out, tally.trials_left_out, tally.results_cut, tally.trials_ended)
        first = [number for number in range(4) if now[number] and number not in seen]
        seen += first
        assert all(one.memory <= one.remembered for one in trials)
        assert (tally.lines_left_out > 0) == any(one.memory < one.remembered for one in trials)
        assert bool(tally.results_cut) == any("... [cut]" in (one.steps[0].observation or "") for one in trials)
    assert seen[:2] == [0, 1] or seen[:2] == [1, 0]
    assert seen.index(2) > 1


def test_results_are_cut_at_their_limit_whatever_the_context():
    model = Scripted(attempt=('Action: double\nAction Input: {"number": 99}', "Final Answer: 6"))
    (trial,) = run(model, plan(episodes=1, trials=1, observation_chars=80))
    seen = trial.steps[0].observation
    assert len(seen) == 80 and seen.startswith('{"double": 198, "note": "xxx') and seen.endswith("... [cut]")


def test_a_query_too_long_to_be_tried_is_asked_for_again():
    tally = Tally()
    model = Scripted(imagine=("long " * 200, "Short?"))
    (trial,) = run(model, plan(episodes=1, trials=1, max_tokens=40, context=400), tally=tally)
    assert (trial.query, trial.asked_again, tally.queries_too_long) == ("Short?", 1, 1)
    model = Scripted(imagine=("long " * 200,))
    one, two = run(model, plan(episodes=1, trials=2, context=400), tally=tally)
    assert (one.steps, one.solved, two.remembered) == ((), False, 0)


def test_a_context_that_does_not_hold_the_documentation_is_one_line():
    model = Scripted()
    with pytest.raises(UserError, match=r"^tool 'double': .* exceeds the context of 100; .* raise exploration.context"):
        run(model, plan(context=100))
    assert not model.asked


def test_the_models_own_counter_is_used():
    with pytest.raises(UserError, match="exceeds the context of 700"):
        run(Scripted(), plan(), count=lambda messages: 1000, context=700)
    assert len(run(Scripted(), plan(), count=lambda messages: 1, context=700)) == 6


# --- pretrained models ------------------------------------------------------------------------------------------------


class Pretrained(Scripted):
    """The same, asked in the words for pretrained models."""

    async def complete(self, messages, **options):
        last = messages[-1]["content"]
        what = "imagine" if "Think of a" in last or "Write a" in last else "reflect" if "Yes or No" in last else "try"
        n = self.counts[what]
        self.counts[what] += 1
        self.asked.append((what, [dict(one) for one in messages], options))
        return Completion((Choice(self.scripts[what][n % len(self.scripts[what])], "stop"),), 0, 0)


def with_values(number, query):
    return f'Values: {{"number": {number}}}\nRequest: {query}'


def test_values_are_imagined_before_the_query_and_shown_with_it():
    model = Pretrained(imagine=(with_values(3, "Twice 3?"), with_values(4, "Twice 4?")))
    one, two = run(model, plan(episodes=1, trials=2, values_first=True, constrained=True), style="instruct")
    assert (one.query, one.values, two.query, two.values) == ("Twice 3?", {"number": 3}, "Twice 4?", {"number": 4})
    assert (one.asked_again, two.asked_again) == (0, 0)
    second = model.prompts("imagine")[1]
    assert second[-2] == prompting.assistant('Values: {"number": 3}\nRequest: Twice 3?')
    (form,) = {options["form"] for what, _, options in model.asked if what == "imagine"}
    assert re.fullmatch(form, with_values(3, "Twice 3?")) and not re.fullmatch(
        form, 'Values: {"n": 3}\nRequest: Twice 3?'
    )


@pytest.mark.parametrize(
    ("replies", "query", "asked_again"),
    [
        ((with_values(3, "Twice what?"), with_values(5, "Twice 5?")), "Twice 5?", 1),  # the value is missing
        (("Twice 3?", "Values: {\nRequest: Twice 3?", with_values(5, "Twice 5?")), "Twice 5?", 2),  # no values at all
        ((with_values(3, "Twice what?"),), "Twice what?", 2),  # nothing better came
        (('Values: {"number": "\\ud800"}\nRequest: Twice?', with_values(5, "Twice 5?")), "Twice 5?", 1),
    ],
)
def test_a_request_without_its_values_is_asked_for_again(replies, query, asked_again):
    model = Pretrained(imagine=replies)
    (trial,) = run(model, plan(episodes=1, trials=1, values_first=True), style="instruct")
    assert (trial.query, trial.asked_again) == (query, asked_again)
    warmth = [options["temperature"] for what, _, options in model.asked if what == "imagine"]
    assert warmth == sorted(set(warmth))  # warmer each time


def test_a_request_that_repeats_one_in_view_is_asked_for_again_and_one_out_of_view_is_not():
    again = (with_values(3, "Twice 3?"),)
    asked = {}
    for variant in ("full", "no_long_term"):
        trials = run(Pretrained(imagine=again), plan(trials=1, values_first=True), variant=variant, style="instruct")
        asked[variant] = [one.asked_again for one in trials]
        assert [one.query for one in trials] == ["Twice 3?"] * 2
    assert asked == {"full": [0, 2], "no_long_term": [0, 0]}


def test_values_first_needs_the_prompts_of_pretrained_models():
    with pytest.raises(UserError, match=r"exploration.values_first"):
        run(Scripted(), plan(values_first=True))


def test_a_pretrained_model_that_repeats_a_failed_call_is_asked_again():
    model = Pretrained(imagine=("Twice 3?",), attempt=(BAD_CALL, BAD_CALL, CALL, "Final Answer: 6"))
    (trial,) = run(model, plan(episodes=1, trials=1), style="instruct")
    assert [step.ok for step in trial.steps] == [False, True, None]  # the repeated call is no step
    stubborn = Pretrained(imagine=("Twice 3?",), attempt=(BAD_CALL,))
    (trial,) = run(stubborn, plan(episodes=1, trials=1), style="instruct")
    assert [step.ok for step in trial.steps] == [False] * 4 and stubborn.counts["try"] == 1 + 3 * 3
    small = Scripted(attempt=(BAD_CALL, BAD_CALL, CALL, "Final Answer: 6"))
    (trial,) = run(small, plan(episodes=1, trials=1))
    assert [step.ok for step in trial.steps] == [False, False, True, None]


@pytest.mark.parametrize("kept", [True, False])
def test_long_term_memory_may_keep_the_last_error_of_a_trial(kept):
    model = Pretrained(imagine=("Twice 3?", "Twice 4?"), attempt=(BAD_CALL, CALL, "Final Answer: 6"))
    run(model, plan(trials=1, remember_errors=kept), style="instruct")
    (last,) = model.prompts("imagine")[1:]
    assert ("Error: number: at most 99" in last[-1]["content"]) == kept
    without = Pretrained(imagine=("Twice 3?", "Twice 4?"), attempt=(BAD_CALL,))
    run(without, plan(trials=1, remember_errors=True), variant="no_feedback", style="instruct")
    assert "at most 99" not in text([one for _, messages, _ in without.asked for one in messages])


def test_the_imagined_values_may_be_the_first_call_and_memory_shows_those_that_ran():
    """The first trial's values fail and the call is mended; the next request is asked for with the call that ran."""
    imagined = ('Values: {"number": 300}\nRequest: Twice 300?', 'Values: {"number": 4}\nRequest: Twice 4?')
    model = Pretrained(imagine=imagined, attempt=(CALL, "Final Answer: 6", "Final Answer: 8"))
    first, second = run(model, plan(episodes=1, trials=2, values_first=True, call_first=True), style="instruct")
    assert [step.ok for step in first.steps] == [False, True, None]
    assert [step.call.arguments for step in first.steps if step.call] == [{"number": 300}, {"number": 3}]
    assert [step.call and step.call.arguments for step in second.steps] == [{"number": 4}, None]
    assert model.counts["try"] == 3  # no first call is asked for
    (shown,) = [one["content"] for one in model.prompts("imagine")[1] if "Twice 300?" in one["content"]]
    assert shown == 'Values: {"number": 3}\nRequest: Twice 300?'


def test_a_call_that_ran_is_none_to_imagine_again():
    mended = ('Values: {"number": 300}\nRequest: Twice 300?', 'Values: {"number": 3}\nRequest: Twice 3?',
              'Values: {"number": 4}\nRequest: Twice 4?')  # fmt: skip
    model = Pretrained(imagine=mended, attempt=(CALL, "Final Answer: 6"))
    _, second = run(model, plan(episodes=1, trials=2, values_first=True, call_first=True), style="instruct")
    assert second.values == {"number": 4} and second.asked_again == 1
    options = {"episodes": 2, "trials": 1, "values_first": True, "memory_lines": 0, "call_first": True}
    model = Pretrained(imagine=mended, attempt=(CALL, "Final Answer: 6"))
    _, later = run(model, plan(**options), style="instruct")
    assert later.values == {"number": 4}  # nor where memory shows no line of it


def test_a_tool_without_arguments_has_the_same_values_for_every_query():
    def noon() -> str:
        """The hour of noon."""
        return "12:00"

    box = FunctionToolbox([noon])
    model = Pretrained(imagine=("Values: {}\nRequest: When is noon?", "Values: {}\nRequest: Is it noon at 11?"))

    async def explored():
        options = plan(episodes=1, trials=2, values_first=True, call_first=True)
        return [one async for one in explore_tool(box.tools["noon"], model, box, options, style="instruct")]

    trials = asyncio.run(explored())
    assert [(one.query, one.asked_again) for one in trials] == [("When is noon?", 0), ("Is it noon at 11?", 0)]
    assert all(one.steps[0].ok for one in trials)


def test_values_are_called_only_where_they_are_imagined():
    with pytest.raises(ValueError, match="call_first: needs values_first: true"):
        plan(call_first=True)


# --- hostile models ---------------------------------------------------------------------------------------------------

NASTY = [
    'Action: double\nAction Input: {"number": 1e999}',
    'Action: double\nAction Input: {"number": "\\ud800"}',
    'Action: double\nAction Input: {"\\ud800": 1}',
    'Action: double\nAction Input: {"number": ' + "[" * 90 + "]" * 90 + "}",
    'Action: double\nAction Input: {"number": ' + "[" * 250 + "]" * 250 + "}",
    'Action: double\nAction Input: {"number": ' + "[" * 9000 + "]" * 9000 + "}",
    'Action: double\nAction Input: {"number": ' + "9" * 5000 + "}",
    'Action: double\nAction Input: {"number": NaN}',
    "\ud800 Action:", "\x00", "Observation: 3", "", "Final Answer:", "x" * 100_000,
    "Action: double\nAction Input: {}\nObservation: 9\nFinal Answer: made up",
]  # fmt: skip


@pytest.mark.parametrize("reply", NASTY, ids=range(len(NASTY)))
@pytest.mark.parametrize("variant", ["full", "no_feedback"])
def test_hostile_replies_become_trials_that_can_be_written_and_read(reply, variant):
    trials = run(Scripted(imagine=("Query", reply), attempt=(reply,), reflect=(reply,)), variant=variant)
    for one in trials:
        assert Trial.model_validate(json.loads(one.model_dump_json())) == one
        assert len(one.model_dump_json()) < 40_000


TEXTS = st.text(st.characters(codec=None))  # lone surrogates too
CALLS = st.builds(lambda text: f"Action: double\nAction Input: {text}", TEXTS)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS | CALLS, min_size=1), st.sampled_from(list(VARIANTS)), st.sampled_from([None, 300]))
def test_any_text_becomes_a_trial(replies, variant, context):
    model = Scripted(imagine=replies, attempt=replies, reflect=replies)
    trials = run(model, plan(trials=2, context=context, rationale=True), variant=variant)
    assert len(trials) == 4
    assert [Trial.model_validate(json.loads(one.model_dump_json())) for one in trials] == trials
    values = [f"Values: {one}\nRequest: {one}" for one in replies]
    model = Pretrained(imagine=[*replies, *values], attempt=replies, reflect=replies)
    more = plan(
        trials=2, context=None if context is None else 2000, values_first=True, remember_errors=True,
        call_first=context is None,
    )  # fmt: skip
    trials = run(model, more, variant=variant, style="instruct")
    assert [Trial.model_validate(json.loads(one.model_dump_json())) for one in trials] == trials


def test_a_seed_is_the_same_on_every_machine():
    assert request_seed(0, "add_date", "full", 0, 14, 3, "try", 2) == 939630925
