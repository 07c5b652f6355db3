"""The switch of errors: the same tools, refusals that say nothing, or show a call that runs."""

import asyncio
import json

import pytest

from microworld import test_set
from microworld.tools import TERSE, MicroworldToolbox, by_example, functions, terse, toolbox
from ste_core.core.records import Call

BROKEN = {name: one.properties for name, one in functions().items() if one.properties.breaks and not
          one.properties.silent}  # fmt: skip


def told(box: MicroworldToolbox, name: str, arguments: dict) -> tuple[bool, str]:
    seen = asyncio.run(box.execute(Call(tool=name, arguments=arguments)))
    return seen.ok, seen.text


@pytest.mark.parametrize("name", BROKEN)
def test_a_refusal_is_terse_or_shows_a_call_that_runs(name: str) -> None:
    properties = BROKEN[name]
    informative = told(toolbox(), name, properties.breaks)
    assert not informative[0] and TERSE not in informative[1]
    assert told(terse(), name, properties.breaks) == (False, f"Error: {TERSE}")
    ok, text = told(by_example(), name, properties.breaks)
    assert not ok and text.startswith(f"Error: {TERSE}; this one runs: ")
    right = json.loads(text.split("runs: ")[1])
    assert right == properties.keeps and told(by_example(), name, right)[0]


def test_results_and_what_the_schema_forbids_are_the_same() -> None:
    for item in test_set.load("dev")[::25]:
        seen = [told(box, item.gold.tool, item.gold.arguments) for box in (toolbox(), terse(), by_example())]
        assert seen[0][0] and seen == [seen[0]] * 3
    assert told(terse(), "add_days", {"when": "now"}) == told(toolbox(), "add_days", {"when": "now"})
    assert list(terse().tools.values()) == list(toolbox().tools.values())
