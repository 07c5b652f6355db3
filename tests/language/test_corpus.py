"""The corpus: the same for the same seed, varied, in the study's formats, and without anything of the study's world."""

import itertools
import json
import random
import re
from collections import Counter

import pytest

from microworld.language import corpus, fits, general, synthetic, trials
from microworld.test_set import FOLDER
from microworld.test_set.make import wordings
from microworld.tools import functions
from ste_core.core import prompting, react
from ste_core.core.records import Call

COUNT = 2500


@pytest.fixture(scope="module")
def conversations() -> list[corpus.Conversation]:
    places = [start for start, _ in corpus.CURRICULUM]
    return [
        corpus.example(11, number, places[number % 2 - 1 if number % 4 else number % len(places)])
        for number in range(COUNT)
    ]


@pytest.fixture(scope="module")
def texts(conversations: list[corpus.Conversation]) -> list[str]:
    return [corpus.text(one) for one in conversations]


def test_same_number_same_example_whatever_came_before() -> None:
    first = [corpus.example(3, number, 1e9) for number in range(40)]
    again = {number: corpus.example(3, number, 1e9) for number in reversed(range(40))}
    assert first == [again[number] for number in range(40)]
    assert first != [corpus.example(4, number, 1e9) for number in range(40)]


def test_every_task_comes_and_texts_hardly_repeat(conversations: list[corpus.Conversation], texts: list[str]) -> None:
    tasks = Counter(one.task for one in conversations)
    assert {"zero_shot", "with_examples", "imagine", "episode", "correction", "reflection", "judgement", "paraphrase",
            "final_answer"} <= set(tasks)  # fmt: skip
    assert {corpus.skill(random.Random(number)).task for number in range(300)} == set(general.SKILLS)
    assert len(set(general.SKILLS) & set(tasks)) > len(general.SKILLS) / 2
    assert len(set(texts)) / len(texts) > 0.97


def test_tools_vary() -> None:
    rng = random.Random(5)
    made = [synthetic.tool(rng, "train") for _ in range(1500)]
    assert len({one.record.name for one in made}) > 1400
    arguments = [argument for one in made for argument in one.arguments]
    assert {argument.kind.label for argument in arguments} >= set(synthetic.KIND_WEIGHTS)
    assert {argument.convention.type for argument in arguments} >= {
        "string",
        "integer",
        "number",
        "array",
        "object",
        "boolean",
    }
    assert any(not one.arguments for one in made)
    assert len({argument.convention.hint for argument in arguments}) > 100


def test_splits_share_no_thing_no_verb_and_no_name() -> None:
    rng = random.Random(6)
    made = {split: [synthetic.tool(rng, split) for _ in range(2000)] for split in ("train", "heldout")}
    words = {split: {word for one in tools for word in one.thing} for split, tools in made.items()}
    assert not words["train"] & words["heldout"]
    assert not {one.verb for one in made["train"]} & {one.verb for one in made["heldout"]}
    assert not {one.record.name for one in made["train"]} & {one.record.name for one in made["heldout"]}


def test_right_calls_pass_the_toolbox_and_spoiled_ones_say_why() -> None:
    rng = random.Random(7)
    for _ in range(600):
        made = synthetic.tool(rng, "train")
        drawn = synthetic.draw(rng, made)
        call = Call(tool=made.record.name, arguments=made.call_arguments(drawn))
        assert trials.problem(made, call) is None
        wrong, error = trials.spoil(rng, made, drawn)
        assert wrong.arguments != call.arguments
        assert error.startswith("Error: ") and "None" not in error


def test_calls_in_the_corpus_parse_strictly(conversations: list[corpus.Conversation]) -> None:
    read = 0
    for one in conversations:
        if one.task in ("zero_shot", "with_examples", "correction"):
            reply = one.turns[-1].content
            name = re.search(r"^Action: (.*)$", reply, re.MULTILINE)[1]
            assert react.parse(reply, [name]).kind == "call"
            read += 1
    assert read > 300


def test_what_the_generator_asks_fits_by_the_exams_own_measure() -> None:
    rng = random.Random(8)
    made = [synthetic.tool(rng, "heldout") for _ in range(400)]
    assert sum(fits.fits(one, synthetic.ask(rng, one, synthetic.draw(rng, one))) for one in made) > 0.98 * len(made)
    others = itertools.pairwise(made)
    assert sum(fits.fits(a, synthetic.ask(rng, b, synthetic.draw(rng, b))) for a, b in others) < 0.05 * len(made)


def test_spans_cover_the_reply_and_nothing_wrong(conversations: list[corpus.Conversation]) -> None:
    for one in conversations:
        last = one.turns[-1]
        assert last.role == "assistant" and last.spans[0][0] == 0 and last.spans[-1][1] == len(last.content) + 1
        for call, error, after in zip(one.turns, one.turns[1:], one.turns[2:], strict=False):
            if error.content.startswith("Observation: Error: ") and one.task in ("correction", "episode"):
                assert not call.spans or "Action:" not in after.content  # learned only if nothing better could be said


def test_limited_tools_say_what_they_accept_and_are_asked_for_it_next() -> None:
    rng, lost, told = random.Random(9), 0, 0
    for _ in range(400):
        made = synthetic.tool(rng, "train", limited=1.0)
        limited = next((one for one in made.arguments if one.limit), None)
        if limited is None:
            continue
        assert not made.refused(synthetic.draw(rng, made))
        drawn = synthetic.draw(rng, made, optional=1.0, refused=1.0)
        if made.refused(drawn):
            lost += 1
            replies = list(trials.attempt(rng, made, drawn, knows=True))
            assert not trials.fulfilled(replies[-1][0])
            shown = [limited.convention.json(each) for each in limited.limit.options or (limited.limit.high,)]
            told += any(str(each) in replies[-2][2] for each in shown)
    assert lost > 100 and told > 0.9 * lost


# --- nothing of the study's world -------------------------------------------------------------------------------------


def _items(name: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


@pytest.fixture(scope="module")
def everything(texts: list[str]) -> str:
    """The sample, the tables it is made from, and many more queries, in plain words."""
    rng = random.Random(9)
    queries = []
    for split in ("train", "heldout"):
        for _ in range(2500):
            made = synthetic.tool(rng, split)
            queries += [made.record.documentation(), synthetic.ask(rng, made, synthetic.draw(rng, made))]
    return "\n".join(map(_plain, [*texts, *queries]))


def test_no_study_tool_is_named(texts: list[str], everything: str) -> None:
    raw = "\n".join(texts)
    assert not [name for name in functions() if re.search(rf"\b{name}\b", raw)]
    rng = random.Random(10)
    reserved = synthetic.reserved()
    assert reserved == set(functions())
    made = [synthetic.tool(rng, "train").record.name for _ in range(4000)]
    assert not [one for one in made if any(name in one for name in reserved)]


def test_no_study_documentation(everything: str) -> None:
    for function in functions().values():
        assert _plain(function.tool.description) not in everything
        for name, schema in function.tool.parameters["properties"].items():
            text = _plain(f"{name} {schema.get('type')} {schema.get('description', '')}")
            if len(text.split()) >= 5:
                assert text not in everything


def test_no_test_or_development_query(everything: str) -> None:
    lines = set(everything.split("\n"))
    for file in ("test.jsonl", "dev.jsonl"):
        for item in _items(file):
            query = _plain(item["query"])
            assert query not in lines
            if len(query.split()) >= 5:
                assert query not in everything


def test_no_wording_of_the_test_set(everything: str) -> None:
    """No run of five words of a wording occurs, whatever fills its slots."""
    shared = set()
    for worded in wordings().values():
        for template in (*worded.test, *worded.dev):
            for part in re.split(r"\{[^}]*\}", template):
                words = _plain(part).split()
                for start in range(len(words) - 4):
                    run = " ".join(words[start : start + 5])
                    if f" {run} " in f" {everything} ":
                        shared.add(run)
    assert not shared


def test_no_query_could_come_from_a_wording(everything: str) -> None:
    """No line of the corpus matches a wording with its slots filled at will (wordings of five or more words)."""
    lines = everything.split("\n")
    blob = "\n" + "\n".join(line for line in lines if len(line) < 200) + "\n"
    for worded in wordings().values():
        for template in (*worded.test, *worded.dev):
            parts = [_plain(part) for part in re.split(r"\{[^}]*\}", template)]
            if sum(len(part.split()) for part in parts) >= 5:
                longest = max(parts, key=len)
                if f" {longest} " in f" {blob} ".replace("\n", " "):
                    pattern = "[^\n]{1,40}?".join(map(re.escape, parts))
                    assert not re.search(rf"\n{pattern}\n", blob), template


def test_templates_are_short_and_end_in_their_variable_parts() -> None:
    for name in prompting.names():
        text = prompting.template(name)
        words = re.sub(r"\{[a-z_]+\}", "", text).split()
        assert len(words) <= (100 if name == "judge_call" else 65), name
