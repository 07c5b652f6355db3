"""Distillation: what is dropped and counted, that nothing depends on order or concurrency, that kills lose nothing."""

import asyncio
import hashlib
import http.server
import json
import multiprocessing
import os
import random
import signal
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ste_core.core import prompting
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, Step, Tool, Trial
from ste_core.core.store import append_jsonl, read_jsonl, read_table
from ste_core.method.distill import (
    HINDSIGHT_TRIES,
    STAGES,
    TOTAL,
    Distillation,
    JournalLine,
    TrialVerdict,
    distill,
    paraphrases_each,
    reworded,
    training_size,
)
from ste_core.method.wording import mentions
from ste_core.models.base import Budget, BudgetSpent, Choice, Completion, request_seed
from ste_core.models.openai import OpenAIChat

TOOLS = {name: Tool(name=name, description=f"What {name} does.") for name in ("add", "area", "zip")}
YES = "Informative: Yes\nFaithful: Yes\nAppropriate: Yes"


def trial(tool="add", episode=0, number=0, query="How much is 20 and 35?", *, call=None, **fields):
    """A trial that failed to parse once, called, and answered; `fields` replace what it has."""
    call = Call(tool=tool, arguments={"a": 20, "b": 35} if call is None else call)
    steps = (
        Step(output="Hm.", problem="expected 'Action:'", observation="expected 'Action:'"),
        Step(output="...", call=call, observation="55", ok=True),
        Step(output="Final Answer: It is 55."),
    )
    own = {"variant": "full", "seed": 0, "steps": steps, "answer": "It is 55.", "reflection": "Yes", "solved": True}
    return Trial(tool=tool, episode=episode, trial=number, query=query, **(own | fields))


class Scripted:
    """A model that answers by a function of the prompt and the seed, after a while of its own."""

    def __init__(self, answer, *, name="scripted", identity="scripted/1", pause=0.0, budget=None, finish="stop"):
        self.answer, self.name, self.identity, self.finish = answer, name, identity, finish
        self.pause, self.budget = pause, budget or Budget()
        self.asked = []
        self.busy = self.most = 0

    async def complete(self, messages, *, temperature=1.0, max_tokens=256, stop=(), seed=None, n=1):
        with self.budget.hold(1, 1):
            self.busy += 1
            self.most = max(self.most, self.busy)
            await asyncio.sleep(random.random() * self.pause)
            self.busy -= 1
            self.asked.append((messages[-1]["content"], temperature, seed))
            text = self.answer(messages[-1]["content"], seed)
            finish = self.finish(text) if callable(self.finish) else self.finish
            return Completion((Choice(text, finish),), 1, 1)


def source(prompt):
    return prompt.rsplit("User Query: ", 1)[1]


def reword(prompt, seed):
    return f"Please: {source(prompt)} ({seed % 1000})"


def run(trials, judge=YES, words=reword, *, journal=None, styles=("small", "small"), **options):
    """`distill` with scripted models: a text or function that judges, and one that paraphrases (None: neither)."""
    judging = Scripted(judge if callable(judge) else lambda prompt, seed: judge) if judge is not None else None
    wording = Scripted(words) if words is not None else None
    chosen = Distillation(**{"judge": judge is not None, "max_paraphrases": 6 if words else 0} | options)
    return asyncio.run(distill(trials, TOOLS, judging, wording, chosen, journal=journal, styles=styles))


def row(distilled, tool=TOTAL):
    """A row of the card without what is 0."""
    found = distilled.card.set_index("tool").loc[tool]
    return {stage: int(found[stage]) for stage in STAGES if found[stage]}


def balanced(card):
    for one in card.to_dict("records"):
        reasons = ("no_query", "no_answer", "no_call", "unsolved", "judged_no", "unread", "ungrounded", "duplicate")
        assert one["trials"] == sum(one[reason] for reason in (*reasons, "sources"))
        faults = ("empty", "cut_off", "same", "too_long", "value_lost", "paraphrases")
        assert one["asked"] == sum(one[fault] for fault in faults)
        assert one["examples"] == one["sources"] + one["paraphrases"]


# --- beyond the paper -------------------------------------------------------------------------------------------------


def test_grounded_examples_have_queries_that_hold_the_values_of_their_call():
    astray = trial(number=1, query="What is the sum of 20 and some more?")
    found = run([trial(), astray], words=None, grounded=True)
    assert [one.query for one in found.examples] == ["How much is 20 and 35?"]
    assert row(found)["ungrounded"] == 1
    balanced(found.card)
    assert len(run([trial(), astray], words=None).examples) == 2, "the judge lets it pass"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("What do 20 and 35 make?", True),
        ("What do 20 and 36 make?", False),
        ("Call add with 20 and 35.", False),
        ("", False),
        ("I'm sorry, but I can't assist with 20 and 35.", False),
        ("\ud800", False),
    ],
)
def test_hindsight_writes_the_query_of_a_call_that_went_astray(said, kept):
    failed = trial(number=2, query="And 3?", steps=(Step(output="...", call=Call(tool="add", arguments={}), ok=False),))
    trials = [trial(), trial(number=1, query="What is the sum of 20 and some more?"), failed]
    options = {"grounded": True, "hindsight": True, "max_paraphrases": 0, "styles": ("small", "instruct")}
    found = run(trials, words=lambda prompt, seed: said, **options)
    assert [one.query for one in found.examples if one.trial == 0] == ["How much is 20 and 35?"]
    written = [one for one in found.examples if one.trial == 1]
    assert [(one.query, one.imagined) for one in written] == ([(said, trials[1].query)] if kept else [])
    counted = row(found)
    assert counted["hindsight_asked"] == 1 and counted.get("hindsight", 0) == kept, "a call that failed is none to keep"


def test_hindsight_asks_again_for_a_query_that_leaves_a_value_out():
    astray = trial(number=1, query="What is the sum of 20 and some more?")
    said: dict[int, str] = {}

    def words(prompt, seed):
        return said.setdefault(seed, ["I cannot help with that.", "What do 20 and 35 make?"][len(said) > 0])

    found = run([astray], words=words, grounded=True, hindsight=True, max_paraphrases=0, styles=("small", "instruct"))
    assert [one.query for one in found.examples] == ["What do 20 and 35 make?"] and len(said) == 2
    asked = []
    never = run([astray], words=lambda prompt, seed: asked.append(seed) or "No.", grounded=True, hindsight=True,
                max_paraphrases=0, styles=("small", "instruct"))  # fmt: skip
    assert never.examples == [] and len(set(asked)) == len(asked) == HINDSIGHT_TRIES and set(said) < set(asked)


def test_without_hindsight_values_the_first_query_is_kept_in_whatever_words():
    replies = iter(["I cannot help with that.", "What do twenty and 35 make?", "What do 20 and 35 make?"])
    found = run([trial(number=1, query="Add some.")], words=lambda prompt, seed: next(replies), grounded=True,
                hindsight=True, hindsight_values=False, max_paraphrases=0, styles=("small", "instruct"))  # fmt: skip
    assert [one.query for one in found.examples] == ["What do twenty and 35 make?"]


# --- the stages -------------------------------------------------------------------------------------------------------


def test_the_last_parsed_call_of_the_tool_is_the_example():
    steps = (
        Step(
            output="1", call=Call(tool="add", arguments={"a": 1}), observation="Error: missing argument 'b'", ok=False
        ),
        Step(output="2", call=Call(tool="add", arguments={"a": 20, "b": 35}), observation="55", ok=True),
        Step(output="3", call=Call(tool="area", arguments={}), observation="not this tool", ok=False),
        Step(output="Hm.", problem="?", observation="?"),
        Step(output="Final Answer: It is 55."),
    )
    distilled = run([trial(steps=steps)], judge=None, words=None)
    assert distilled.examples == [
        Example(
            tool="add", episode=0, trial=0, paraphrase=0, query="How much is 20 and 35?", observation="55",
            call=Call(tool="add", arguments={"a": 20, "b": 35}), answer="It is 55.",
        )
    ]  # fmt: skip
    assert distilled.verdicts == [] and row(distilled) == {"trials": 1, "sources": 1, "examples": 1}


def test_trials_without_query_answer_or_call_are_dropped_and_counted():
    trials = [
        trial(number=0, query=" \n"),
        trial(number=1, answer=None),
        trial(number=2, steps=(Step(output="Final Answer: It is 55."),)),
        trial(number=3, solved=False),
        trial(number=4, solved=None, query="And 20 and 35 again?"),
        trial(number=5, query="20 plus 35?"),
    ]
    kept = run(trials, words=None, require_solved=True)
    dropped = {"no_query": 1, "no_answer": 1, "no_call": 1, "unsolved": 1}
    assert row(kept) == {"trials": 6, "judged": 2, "sources": 2, "examples": 2} | dropped
    assert {one.trial for one in kept.examples} == {4, 5}
    assert row(run(trials, words=None))["sources"] == 3  # an unsolved trial stays unless it is asked for


@pytest.mark.parametrize(
    "reply, counted",
    [
        (YES, {"sources": 1, "examples": 1}),
        ("informative - yes. FAITHFUL: yes! Appropriate: **Yes**", {"sources": 1, "examples": 1}),
        (YES.replace("Faithful: Yes", "Faithful: No"), {"judged_no": 1, "not_faithful": 1}),
        ("Informative: No\nAppropriate: No", {"judged_no": 1, "not_informative": 1, "not_appropriate": 1}),
        ("Informative: Yes\nFaithful: Yes", {"unread": 1}),
        ("No. Nothing to say now.", {"unread": 1}),
        ("", {"unread": 1}),
        ("\ud800", {"unread": 1}),
    ],
)
def test_any_aspect_denied_or_unread_drops_a_trial(reply, counted, tmp_path):
    distilled = run([trial()], reply, words=None, journal=tmp_path / "journal.jsonl")
    assert row(distilled) == {"trials": 1, "judged": 1} | counted
    (verdict,) = distilled.verdicts
    prompt = prompting.judge(
        TOOLS["add"].documentation(), "How much is 20 and 35?", Call(tool="add", arguments={"a": 20, "b": 35}), "55",
        "It is 55.",
    )[0]["content"]  # fmt: skip
    assert verdict.raw == reply.replace("\ud800", "?") and verdict.kept == ("sources" in counted)
    assert verdict.aspects == prompting.read_judgement(reply) and verdict.deciding == prompting.ASPECTS
    assert verdict.prompt_sha256 == hashlib.sha256(prompt.encode()).hexdigest()


def test_without_feedback_the_call_suffices_and_only_its_aspect_decides():
    steps = (Step(output="...", call=Call(tool="add", arguments={"a": 20, "b": 35})),)
    blind = trial(steps=steps, answer=None, variant="no_feedback", solved=None, reflection=None)
    seen = []

    def judge(prompt, seed):
        seen.append(prompt)
        return "Informative: No\nFaithful: No\nAppropriate: Yes"

    distilled = run([blind], judge, words=None)
    assert row(distilled) == {"trials": 1, "judged": 1, "sources": 1, "examples": 1}
    assert distilled.examples[0].observation == distilled.examples[0].answer == ""
    assert "Observation: none, the call was not executed\nFinal Answer: none" in seen[0]
    assert distilled.verdicts[0].deciding == ("Appropriate",)
    denied = run([blind], "Informative: Yes\nFaithful: Yes\nAppropriate: No", words=None)
    assert row(denied) == {"trials": 1, "judged": 1, "judged_no": 1, "not_appropriate": 1}


def test_without_feedback_a_pretrained_judge_is_asked_for_the_call_alone():
    """Shown "Final Answer: none", a model of half a billion parameters rejected every one of 240 trials."""
    steps = (Step(output="...", call=Call(tool="add", arguments={"a": 20, "b": 35})),)
    blind = trial(steps=steps, answer=None, variant="no_feedback", solved=None, reflection=None)
    seen = []

    def judge(prompt, seed):
        seen.append(prompt)
        return "Appropriate: Yes"

    distilled = run([blind], judge, words=None, styles=("instruct", "instruct"))
    assert row(distilled) == {"trials": 1, "judged": 1, "sources": 1, "examples": 1}
    assert "Observation" not in seen[0] and "Final Answer" not in seen[0] and "Informative" not in seen[0]
    denied = run([blind], "Appropriate: No", words=None, styles=("instruct", "instruct"))
    assert row(denied) == {"trials": 1, "judged": 1, "judged_no": 1, "not_appropriate": 1}
    asked = prompting.judge("a tool", "a query", steps[0].call, "", None, "instruct")
    worked = [one["content"] for one in asked if one["role"] == "assistant"]
    assert {*worked} == {"Appropriate: Yes", "Appropriate: No"}
    assert asked[-1]["content"].startswith("a tool\nUser Query: a query\nAction: add\n")


def test_a_judge_with_a_short_context_sees_a_part_that_says_so():
    seen = []
    long = trial(steps=(Step(output="", call=Call(tool="add", arguments={}), observation="x" * 5000, ok=True),))
    run([long], lambda prompt, seed: seen.append(prompt) or YES, words=None, observation_chars=100)
    shown = seen[0].split("Observation: ")[1].split("\n")[0]
    assert len(shown) == 100 and shown.endswith("... [cut, 5,000 characters in all]")


def test_duplicates_are_the_same_query_and_the_same_call():
    trials = [
        trial(episode=1, query="how much is 20  and 35"),
        trial(episode=0),
        trial(episode=2, call={"a": 20, "b": 36}),
        trial(episode=3, call={"b": 35, "a": 20}),
        trial(episode=4, query="How much is 35 and 20?"),
        trial("area", episode=0),
    ]
    distilled = run(trials, words=None)
    assert row(distilled, "add") == {"trials": 5, "judged": 5, "duplicate": 2, "sources": 3, "examples": 3}
    assert {(one.tool, one.episode) for one in distilled.examples} == {("add", 0), ("add", 2), ("add", 4), ("area", 0)}


# --- paraphrases ------------------------------------------------------------------------------------------------------


def test_the_number_of_paraphrases_is_the_releases():
    options = Distillation()
    assert [paraphrases_each(n, options) for n in (0, 1, 20, 21, 22, 30, 50, 60, 61, 100, 1000)] == [
        6, 6, 6, 6, 6, 4, 2, 1, 1, 1, 1,
    ]  # fmt: skip
    assert paraphrases_each(10, Distillation(max_paraphrases=0)) == 0
    assert paraphrases_each(10, Distillation(target=40)) == 3


@pytest.mark.parametrize(
    "reply, fault",
    [
        ("What do 20 and 35 make together?", None),
        ('User Query: "What do 20 and 35 make?"', None),
        ("  \n ", "empty"),
        ('""', "empty"),
        ("how much is 20 and 35", "same"),
        ("THE OTHER QUERY, with 20 and 35", "same"),
        ("20 35 " * 12, "too_long"),
        ("What do 20 and 36 make together?", "value_lost"),
        ("What do 120 and 35 make together?", "value_lost"),
        ("What do 20 and 35 make, and", "cut_off"),
    ],
)
def test_a_paraphrase_that_is_no_good_is_dropped_for_a_reason(reply, fault):
    trials = [trial(), trial(number=1, query="The other query, with 20 and 35.", call={})]
    words = Scripted(
        lambda prompt, seed: reply if source(prompt) == "How much is 20 and 35?" else "",
        finish=lambda text: "length" if text.endswith("and") else "stop",
    )
    options = Distillation(judge=False, target=4)
    distilled = asyncio.run(distill(trials, TOOLS, None, words, options))
    counted = row(distilled)
    assert counted["asked"] == 2 and counted["sources"] == 2
    if fault is None:
        assert counted["empty"] == 1 and counted["paraphrases"] == 1
        (kept,) = [one for one in distilled.examples if one.paraphrase]
        first = next(one for one in distilled.examples if (one.trial, one.paraphrase) == (0, 0))
        assert kept.query == reworded(reply)
        assert kept == first.model_copy(update={"paraphrase": 1, "query": kept.query})
    else:
        assert counted[fault] == (2 if fault == "empty" else 1) and "paraphrases" not in counted
    balanced(distilled.card)


def test_values_are_only_kept_where_the_source_has_them_and_the_switch_is_on():
    words = "Sum of the two numbers of my house and of my age?"
    assert row(run([trial()], words=lambda *_: words))["value_lost"] == 6
    assert row(run([trial()], words=lambda *_: words, keep_values=False))["paraphrases"] == 1  # the others are the same
    other = trial(call={"text": "Sé", "deep": [{"n": 7.5, "flag": True}, None, "absent"]}, query="Sé, 7.5 times, true?")
    found = run([other], words=lambda prompt, seed: f"7.5 times Sé? {seed}")
    assert row(found)["paraphrases"] == 6  # neither what the query does not say nor a boolean is missed


@pytest.mark.parametrize(
    "query, value, found",
    [("90 days", "90", True), ("190 days", "90", False), ("in New  York.", "New York", True), ("a (b) c", "(b)", True),
     ("Yorkshire", "York", False), ("x", " ", False), ("x", "", False), ("C++!", "C++", True), ("-5 °C", "-5", True)],
)  # fmt: skip
def test_a_value_is_mentioned_word_for_word(query, value, found):
    assert mentions(query, value) is found


# --- order, seeds, totals ---------------------------------------------------------------------------------------------


def many(count=40):
    rng = random.Random(3)
    return [
        trial(
            tool, episode, number, f"{tool}: how much is {(a := rng.randrange(30))} and {(b := rng.randrange(30))}?",
            call={"a": a, "b": b},
        )
        for tool in TOOLS for episode in range(count // 12 + 1) for number in range(4)
    ]  # fmt: skip


def doubtful(prompt, seed):
    return YES if seed % 3 else YES.replace("Faithful: Yes", "Faithful: No" if seed % 2 else "Faithful:")


def test_the_same_bytes_whatever_the_order_and_the_concurrency(tmp_path):
    trials = many()
    shuffled = random.Random(1).sample(trials, len(trials))
    for name, given_trials, concurrency in (("a", trials, 64), ("b", shuffled, 1), ("c", shuffled, 7)):
        judge, words = Scripted(doubtful, pause=0.01), Scripted(reword, pause=0.01)
        options = Distillation(target=20, concurrency=concurrency, seed=5)
        distilled = asyncio.run(distill(given_trials, TOOLS, judge, words, options, journal=tmp_path / f"{name}.jsonl"))
        distilled.write(tmp_path / name)
        assert max(judge.most, words.most) <= concurrency and (concurrency == 1 or judge.most > 1)
        assert {temperature for _, temperature, _ in judge.asked + words.asked} == {1.0}
    for file in ("examples.jsonl", "verdicts.jsonl", "card.csv"):
        assert len({(tmp_path / name / file).read_bytes() for name in "abc"}) == 1
    assert len({b"".join(sorted((tmp_path / f"{name}.jsonl").read_bytes().splitlines())) for name in "abc"}) == 1
    balanced(distilled.card)
    counted = row(distilled)
    assert counted["judged_no"] and counted["unread"] and counted["paraphrases"] and counted["trials"] == len(trials)
    sums = distilled.card[distilled.card["tool"] != TOTAL][list(STAGES)].sum()
    assert distilled.card.iloc[-1]["tool"] == TOTAL and (distilled.card.iloc[-1][list(STAGES)] == sums).all()
    assert read_jsonl(tmp_path / "a" / "examples.jsonl", Example) == distilled.examples
    assert read_jsonl(tmp_path / "a" / "verdicts.jsonl", TrialVerdict) == distilled.verdicts
    assert read_table(tmp_path / "a" / "card.csv").equals(distilled.card)
    order = [(one.tool, one.episode) for one in distilled.examples]
    assert order != sorted(order)


def test_another_seed_asks_otherwise():
    first, again, other = (run(many(), doubtful, seed=seed) for seed in (0, 0, 1))
    assert first.examples == again.examples != other.examples
    assert {one.raw for one in first.verdicts} <= {doubtful("", seed) for seed in range(6)}
    assert [one.kept for one in first.verdicts] != [one.kept for one in other.verdicts]
    assert request_seed(0, "judge", "add") == 1157380911  # the same in every process


def test_no_trials_no_examples():
    distilled = run([])
    assert distilled.examples == distilled.verdicts == [] and row(distilled) == {}
    assert list(distilled.card["tool"]) == [TOTAL] and set(distilled.card.dtypes[1:].map(str)) == {"int64"}


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_every_trial_and_paraphrase_is_accounted_for(data):
    texts = st.sampled_from(["How much is 20 and 35?", "how much is 20 and 35", "", "x", "20 35", "What is 20, 35?\n"])
    words = st.one_of(texts, st.text(max_size=40))
    arguments = st.sampled_from([{}, {"a": 20}, {"a": 20, "b": 35}, {"q": "x"}])
    trials = [
        trial(
            data.draw(st.sampled_from(list(TOOLS))),
            number=number,
            query=data.draw(words),
            call=data.draw(arguments),
            **data.draw(st.fixed_dictionaries({}, optional={
                "answer": st.none(), "solved": st.sampled_from([None, False]), "steps": st.just(())})),
        )
        for number in range(data.draw(st.integers(0, 8)))
    ]  # fmt: skip
    replies = data.draw(st.lists(st.one_of(st.just(YES), words), min_size=1, max_size=6))
    distilled = run(
        trials,
        lambda prompt, seed: replies[seed % len(replies)],
        lambda prompt, seed: replies[seed % len(replies)],
        require_solved=data.draw(st.booleans()),
        keep_values=data.draw(st.booleans()),
        target=data.draw(st.integers(1, 20)),
    )
    balanced(distilled.card)
    assert row(distilled).get("examples", 0) == len(distilled.examples)
    keys = [(one.tool, one.episode, one.trial, one.paraphrase) for one in distilled.examples]
    assert len(set(keys)) == len(keys) and all(one.query.strip() for one in distilled.examples)


# --- equal training sets ----------------------------------------------------------------------------------------------


def test_training_sets_of_equal_size_are_nested_and_do_not_depend_on_order():
    examples = run(many(), words=reword, target=30).examples
    by_tool = {tool: [one for one in examples if one.tool == tool] for tool in TOOLS}
    small, large = training_size(examples, 5, 0), training_size(examples, 9, 0)
    assert [sum(one.tool == tool for one in small) for tool in TOOLS] == [5, 5, 5]
    assert all(one in large for one in small) and [one for one in examples if one in small] == small
    turned = training_size(examples[::-1], 5, 0)
    assert turned == small[::-1] and training_size(examples, 5, 1) != small
    assert training_size(examples, 10**6, 0) == examples and training_size(examples, 0, 0) == []
    assert min(map(len, by_tool.values())) > 9
    assert any(one.paraphrase for one in small) and any(not one.paraphrase for one in large)


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trials, options, said",
    [
        ([trial(), trial(variant="no_memory", number=1)], {}, "full/0, no_memory/0"),
        ([trial(), trial(seed=1, number=1)], {}, "full/0, full/1"),
        ([trial(), trial()], {}, "tool 'add', episode 0, trial 0: found 2 times"),
        ([trial("no\nsuch")], {}, "tool 'no\\nsuch': not among"),
        ([trial()], {"judge": True}, "distillation.judge"),
        ([trial()], {"max_paraphrases": 2}, "distillation.max_paraphrases"),
    ],
)
def test_mistakes_are_one_line(trials, options, said):
    with pytest.raises(UserError) as error:
        chosen = Distillation(**{"judge": False, "max_paraphrases": 0} | options)
        asyncio.run(distill(trials, TOOLS, None, None, chosen))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_journal_that_is_none_is_one_line(tmp_path):
    other = tmp_path / "other.jsonl"
    append_jsonl(other, [trial()])
    with pytest.raises(UserError, match="not a JournalLine"):
        run([trial()], journal=other)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        run([trial()], journal=tmp_path / "file" / "journal.jsonl")


# --- going on ---------------------------------------------------------------------------------------------------------


def asking(trials, journal, *, answer=reword, identity="one", **options):
    judge, words = Scripted(doubtful, identity=identity), Scripted(answer, identity=identity)
    distilled = asyncio.run(distill(trials, TOOLS, judge, words, Distillation(**options), journal=journal))
    return distilled, len(judge.asked), len(words.asked)


def test_what_is_in_the_journal_is_not_asked_again(tmp_path):
    journal, trials = tmp_path / "journal.jsonl", many()
    first, judged, worded = asking(trials, journal)
    replies = read_jsonl(journal, JournalLine)
    assert (judged, worded) == (len(trials), row(first)["asked"]) and len(replies) == judged + worded
    assert {one.model for one in replies} == {"scripted"} and {one.kind for one in replies} == {"judge", "paraphrase"}
    again, *asked = asking(trials, journal)
    assert asked == [0, 0] and again.examples == first.examples and again.verdicts == first.verdicts
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-30])  # as a kill leaves it
    torn, *asked = asking(trials, journal)
    assert sum(asked) == 1 and torn.examples == first.examples
    assert sorted(read_jsonl(journal, JournalLine), key=str) == sorted(replies, key=str)
    assert asking(trials, journal, identity="http://127.0.0.1:2/v1 scripted")[1:] == (0, 0), (
        "it moved to another address"
    )
    for change in ({"identity": "sha256:2"}, {"max_tokens": 99}, {"seed": 1}):
        assert sum(asking(trials, journal, **change)[1:]) >= judged
    changed = [trials[0].model_copy(update={"answer": "It is 56."}), *trials[1:]]
    assert asking(changed, journal)[1] == 1  # only its judgement is another request


def test_a_spent_budget_keeps_what_was_paid_and_goes_on(tmp_path):
    journal, trials = tmp_path / "journal.jsonl", many()
    whole, *_ = asking(trials, None)
    asked = 0
    for allowed in (17, 40, 25):
        budget = Budget(requests=allowed)
        judge = Scripted(doubtful, budget=budget, identity="one", pause=0.001)
        words = Scripted(reword, budget=budget, identity="one", pause=0.001)
        with pytest.raises(BudgetSpent):
            asyncio.run(distill(trials, TOOLS, judge, words, Distillation(), journal=journal))
        asked += len(judge.asked) + len(words.asked)
        assert asked == len(read_jsonl(journal, JournalLine)) > 0
    rest, judged, worded = asking(trials, journal)
    assert rest.examples == whole.examples and asked + judged + worded == len(read_jsonl(journal, JournalLine))


def test_a_failure_loses_no_reply_that_came(tmp_path):
    journal, came = tmp_path / "journal.jsonl", []

    def judge(prompt, seed):
        if len(came) == 20:
            raise UserError("model: gone")
        came.append(seed)
        return YES

    with pytest.raises(UserError, match="gone"):
        run(many(), judge, journal=journal)
    assert len({one.request_sha256 for one in read_jsonl(journal, JournalLine)}) == 20


class Server(http.server.BaseHTTPRequestHandler):
    """Judges and paraphrases by a function of the request; fails by `plan`; kills `victim` at request `kill_at`."""

    protocol_version = "HTTP/1.1"
    plan: list = []  # noqa: RUF012 (set by each test)
    served = kill_at = 0
    victim = None
    lock = threading.Lock()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            failure = Server.plan.pop(0) if Server.plan else None
            Server.served += 1
            if Server.victim and Server.served == Server.kill_at:
                os.kill(Server.victim.pid, signal.SIGKILL)
        prompt = body["messages"][-1]["content"]
        text = doubtful(prompt, body["seed"]) if prompt.startswith("Judge") else reword(prompt, body["seed"])
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}
        data = b"<html>" if failure == "garbage" else json.dumps(reply).encode()
        try:
            if failure == "cut":
                self.close_connection = True
                return self.connection.close()
            self.send_response(failure if isinstance(failure, int) else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if failure:
                self.send_header("Retry-After", "0.01")
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # the victim is gone

    def log_message(self, *arguments):
        pass


@pytest.fixture
def url(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    Server.plan, Server.served, Server.kill_at, Server.victim = [], 0, 0, None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as httpd:
        httpd.daemon_threads = True
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/v1"
        httpd.shutdown()


def distil_to(folder, url):
    model = OpenAIChat("scripted", base_url=url, concurrency=4)
    work = distill(many(), TOOLS, model, model, Distillation(target=20), journal=folder / "journal.jsonl")
    asyncio.run(work).write(folder)


def test_kills_at_random_moments_change_nothing(url, tmp_path):
    whole = run(many(), doubtful, target=20, journal=tmp_path / "whole" / "journal.jsonl")
    whole.write(tmp_path / "whole")
    total = row(whole)["judged"] + row(whole)["asked"]
    rng, kills = random.Random(), 0
    while True:
        done = len(read_jsonl(tmp_path / "killed" / "journal.jsonl", JournalLine))
        child = multiprocessing.get_context("fork").Process(target=distil_to, args=(tmp_path / "killed", url))
        Server.served, Server.kill_at = 0, rng.randint(2, total // 5) if kills < 4 else 0
        Server.victim = child
        child.start()
        child.join(60)
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
        kills += 1
        assert Server.served <= total - done + 4
    assert kills == 4
    for name in ("examples.jsonl", "verdicts.jsonl", "card.csv"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    whole, killed = (read_jsonl(tmp_path / name / "journal.jsonl", JournalLine) for name in ("whole", "killed"))
    assert sorted(one.text for one in whole) == sorted(one.text for one in killed) and len(killed) == total


def test_a_server_that_often_fails_changes_nothing(url, tmp_path):
    trials = many(12)
    expected = run(trials, doubtful, target=4)
    rng = random.Random(2)
    Server.plan = [rng.choice([429, 500, "cut", "garbage"]) if rng.random() < 0.2 else None for _ in range(40)]
    model = OpenAIChat("m", base_url=url)
    found = asyncio.run(distill(trials, TOOLS, model, model, Distillation(target=4), journal=tmp_path / "j.jsonl"))
    assert found.examples == expected.examples and Server.served > row(found)["asked"] + row(found)["judged"]
    assert len(read_jsonl(tmp_path / "j.jsonl", JournalLine)) == row(found)["asked"] + row(found)["judged"]
