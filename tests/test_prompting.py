"""Requests to a model, and how its verdicts are read."""

import pytest

from ste_core.core import prompting


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Yes.", True), ("yes, because", True), ("**No.** The date", False), ("No", False), ("Not at all", None),
        ("Nothing is missing. Yes.", None), ("", None), ("   ", None), ("I say: Yes.", None),
    ],
)  # fmt: skip
def test_read_yes_no(reply, expected):
    assert prompting.read_yes_no(reply) is expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Informative: Yes\nFaithful: No\nAppropriate: yes.", [True, False, True]),
        ("**Informative**: No", [False, None, None]),
        ("Yes", [None, None, None]),
        ("", [None, None, None]),
    ],
)
def test_read_judgement(reply, expected):
    assert list(prompting.read_judgement(reply).values()) == expected


def test_every_template_is_short_and_ends_in_what_varies():
    for name in prompting.names():
        text = prompting.template(name)
        instruction = text.split("{", 1)[0] if name != "judge_call" else ""
        assert len(instruction.split()) <= 60, name


def test_values_that_look_like_placeholders_stay_as_they_are():
    text = prompting.fill("try", query="what is {tool} {x}?")
    assert text.endswith("User Query: what is {tool} {x}?")
    with pytest.raises(KeyError):
        prompting.fill("try")


def test_memory_is_asked_with_and_kept_without():
    lines = [prompting.memory_text("a", True), prompting.memory_text("b", False, "too vague")]
    asked, kept = prompting.imagine_next(lines)["content"], prompting.imagine_next()["content"]
    assert asked.startswith(kept) and asked.endswith("- a (solved)\n- b (unsolved): too vague")
