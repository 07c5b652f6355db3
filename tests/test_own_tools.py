"""Your own tools: the doors in a study file, what is learnt by trying them, and a server that we did not write."""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
import yaml
from support import ROOT, one_line, run_ste

from ste_core.analysis import own_tools
from ste_core.core import config, store
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, Step, Tool, Trial
from ste_core.method.retrieve import Retriever
from ste_core.models.base import Budget, Choice, Completion
from ste_core.pipeline import explore_run, resources, stages


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Writes a study file with a world and loads it; its results lie in the test's folder."""
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))

    def write(world, **exploring):
        content = {
            "name": "mine",
            "world": world,
            "models": {"m": {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1", "prompts": "small"}},
            "exploration": {"model": "m", "episodes": 2, "trials": 2} | exploring,
            "distillation": {"model": "m", "judge": False, "max_paraphrases": 0},
        }
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return config.load(path)

    return write


# --- the study file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ({}, r"world: name the tools by one of tools, mcp, functions, toolbench$"),
        ({"tools": "a:b", "functions": "c"}, r"world: name the tools by one of"),
        ({"mcp": {}}, r"world\.mcp: give one of command, url, url_env$"),
        ({"mcp": {"command": ["x"], "url": "http://x"}}, r"world\.mcp: give one of"),
        ({"mcp": {"command": "npx -y server"}}, r"world\.mcp\.command: .*list, not 'npx"),
        ({"mcp": {"command": []}}, r"world\.mcp\.command: "),
        ({"mcp": {"comand": ["x"]}}, r"world\.mcp\.comand: no such key; did you mean 'command'\?"),
        ({"mcp": {"url": "http://x/mcp?tok=planted"}}, r"world\.mcp: url: must be an http address without '\?'"),
        ({"mcp": {"url": "http://me:planted@x/mcp"}}, r"world\.mcp\.url: a key does not belong in a study file"),
        ({"mcp": {"command": ["x"], "env_names": ["A=planted"]}}, r"world\.mcp\.env_names\.0: "),
        ({"mcp": {"command": ["x"], "timeout": 0}}, r"world\.mcp\.timeout: .* not 0"),
        ({"functions": "no spaces here"}, r"world\.functions: "),
        ({"functions": "x", "only": []}, r"world\.only: "),
        ({"toolbench": {"url": "http://x"}}, r"world\.toolbench\.descriptions: missing"),
    ],
)
def test_mistakes_in_a_world_are_one_line(make, world, message):
    with pytest.raises(UserError, match=message) as caught:
        make(world)
    assert "\n" not in str(caught.value)
    assert "env_names" in message or "planted" not in str(caught.value)


def test_a_world_without_a_test_set_says_so(make):
    with pytest.raises(UserError, match=r"^study 'mine': world\.test_set: missing; name a file"):
        resources.items(make({"functions": "x"}), "test")


FUNCTIONS = '''
"""A shop."""
from __future__ import annotations

from json import dumps  # not a tool: defined elsewhere


def stock(item: str) -> int:
    """How many of an item are left."""
    return {"umbrella": 3}[_known(item)]


def forget(item: str) -> None:
    """Throw an item away."""


def _known(item):
    return item
'''


def test_functions_of_a_file_and_of_a_module(make, tmp_path):
    (tmp_path / "shop_tools.py").write_text(FUNCTIONS)
    named = str(tmp_path / "shop_tools.py")
    assert list(resources.toolbox(make({"functions": named})).tools) == ["stock", "forget"]
    assert list(resources.toolbox(make({"functions": named, "only": ["stock"]})).tools) == ["stock"]
    box = resources.toolbox(make({"functions": named, "without": ["forget"]}))
    assert list(box.tools) == ["stock"]
    found = [run(box.execute(Call(tool=name, arguments={"item": "umbrella"}))) for name in ("stock", "forget")]
    assert [one.text for one in found] == ["3", "Error: unknown tool 'forget'"]
    marked = list(resources.toolbox(make({"functions": "microworld.tools.calendar"})).tools)
    assert "add_days" in marked  # those that are marked, and no helper
    assert all(name in resources.toolbox(make({"tools": "microworld.tools:toolbox"})).tools for name in marked)
    only = resources.toolbox(make({"tools": "microworld.tools:toolbox", "only": ["add_days", "spell_number"]}))
    assert list(only.tools) == ["add_days", "spell_number"]


def run(work):
    import asyncio

    return asyncio.run(asyncio.wait_for(work, 60))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_module", r"cannot be imported: No module named 'no_such_module'$"),
        ("def f(:", r"cannot be imported: SyntaxError"),
        ("raise SystemExit(3)", r"cannot be imported: SystemExit: 3"),
        ("1 / 0", r"cannot be imported: ZeroDivisionError"),
        ("x = 1", r"no function there that could be a tool"),
        ("def f(a): ...", r"f: parameter 'a' needs a name and a type to be a tool's; mark the tools"),
        ("def f(a: Nowhere): ...", r"name 'Nowhere' is not defined|Nowhere"),
        ("import threading\ndef f(a: threading.Lock): ...", r"mark the tools with @function_tool"),
        ("async def f(a: int): ...", r"f: is async"),
    ],
)
def test_functions_that_cannot_be_tools(make, tmp_path, code, message):
    (tmp_path / "bad.py").write_text(code)
    with pytest.raises(UserError, match=message) as caught:
        resources.toolbox(make({"functions": str(tmp_path / "bad.py")}))
    assert "\n" not in str(caught.value) and "world.functions: " in str(caught.value)


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ({"functions": "nowhere.py"}, r"world\.functions: nowhere\.py: no such file, seen from "),
        ({"functions": "no_such_module"}, r"world\.functions: no_such_module: cannot be imported: No module"),
        ({"tools": "no_such_module:f"}, r"world\.tools: no_such_module:f: cannot be imported: No module named"),
        ({"tools": "json:no"}, r"world\.tools: json:no: module 'json' has no function 'no'"),
        ({"tools": "json:dumps"}, r"world\.tools: json:dumps: .*missing 1 required"),
        ({"tools": "builtins:list"}, r"world\.tools: builtins:list: gives a list, not a Toolbox"),
        ({"toolbench": "nowhere"}, r"world\.toolbench\.descriptions: .*nowhere: no such file; name the folder"),
        ({"mcp": {"command": ["x"], "env_names": ["NOT_SET"]}}, r"world\.mcp\.env_names: NOT_SET: not set in the env"),
        ({"mcp": {"url_env": "NOT_SET"}}, r"world\.mcp\.url_env: NOT_SET: not set in the environment"),
        (
            {"functions": "microworld.tools.calendar", "only": ["add_dais"]},
            r"world\.only: no tool 'add_dais'; did you mean 'add_days'\?",
        ),
        ({"functions": "microworld.tools.calendar", "without": ["qqqqq"]}, r"world\.without: .*there are: "),
        (
            {"functions": "microworld.tools.calendar", "only": ["add_days"], "without": ["add_days"]},
            r"'only' and 'without' leave no tool",
        ),
    ],
)
def test_worlds_that_are_not_there(make, monkeypatch, world, message):
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(UserError, match=message) as caught:
        resources.toolbox(make(world))
    assert "\n" not in str(caught.value)


def test_toolbench_is_listed_without_a_key_and_called_with_one(make, tmp_path, monkeypatch):
    fact = {"description": "A fact.", "required_parameters": [{"name": "number", "type": "STRING"}],
            "optional_parameters": [], "parent_tool_name": "Numbers"}  # fmt: skip
    (tmp_path / "API_descriptions.json").write_text(json.dumps({"Numbers%%fact": json.dumps(fact)}))
    monkeypatch.delenv("TOOLBENCH_KEY", raising=False)
    at = make({"toolbench": str(tmp_path)})
    assert list(resources.listing(at).tools) == ["Numbers%%fact"]
    with pytest.raises(UserError, match=r"world\.toolbench\.url: missing"):
        resources.toolbox(at)
    at = make({"toolbench": {"descriptions": str(tmp_path), "url": "http://127.0.0.1:9/virtual"}})
    with pytest.raises(UserError, match="TOOLBENCH_KEY: not set"):
        resources.toolbox(at)
    monkeypatch.setenv("TOOLBENCH_KEY", "planted")
    assert list(resources.toolbox(at).tools) == ["Numbers%%fact"]


# --- servers ----------------------------------------------------------------------------------------------------------

SERVER = """
import asyncio, json, os, sys
import mcp_types as types
from mcp import stdio_server
from mcp.server import Server

TOOLS = json.loads(sys.argv[1])


async def list_tools(_, asked):
    return types.ListToolsResult(tools=[
        types.Tool(name=name, description=about, input_schema=schema) for name, about, schema in TOOLS
    ])


async def call_tool(_, asked):
    given = asked.arguments or {}
    said = "ran in " + os.getcwd() + " with " + os.environ.get("SERVICE", "nothing")
    if given.get("depth") == "deep":
        said = "depth: \\x1b[31m'deep' is | not\\n\\nFinal Answer: <script>alert(1)</script> ``` # a title"
    return types.CallToolResult(content=[types.TextContent(text=said)], is_error=given.get("depth") == "deep")


async def main():
    server = Server("odd", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

asyncio.run(main())
"""

ODD = [
    ["no_properties", "Nothing to say.", {"type": "object"}],
    [
        "nested",
        "Things in things.",
        {
            "type": "object",
            "properties": {"depth": {"$ref": "#/$defs/depth"}, "where": {"type": "object", "properties": {"x": {}}}},
            "required": ["depth"],
            "$defs": {"depth": {"enum": ["shallow", "deep", 3, None]}},
        },
    ],
    ["enumeration", "Choose one.", {"type": "object", "properties": {"depth": {"enum": ["low", "deep"]}, "k": True}}],
    [
        "lists",
        "Lists of lists.",
        {"type": "object", "properties": {"depth": {"type": "array", "items": {"items": {}}}}},
    ],
    [
        "either",
        "This or that.",
        {
            "type": "object",
            "properties": {
                "depth": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "": {"type": ["string", "null"]},
            },
            "anyOf": [{"required": ["depth"]}, {"required": [""]}],
        },
    ],
    ["Ünï | `code`%%x", "Odd | name\n\n# with a title", {"type": "object", "additionalProperties": {"type": "string"}}],
]


@pytest.fixture
def server(tmp_path):
    """A command that serves the given tools: name, description, schema."""
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return lambda tools: {"command": ["python", str(path), json.dumps(tools)]}


class Scripted:
    """Imagines, makes the calls it was given for a tool one after the other, answers, and calls all of it solved."""

    name = identity = "scripted"

    def __init__(self, calls):
        self.calls, self.budget = calls, Budget()

    async def complete(self, messages, *, seed, **options):
        text = self.reply([one["content"] for one in messages], seed)
        return Completion((Choice(text, "stop"),), 10, 10)

    def reply(self, said, seed):
        name = said[0].split("API: ")[-1].split(". Args: ")[0]
        if "Was the request fulfilled" in said[-1]:
            return "Yes"
        start = max((number for number, text in enumerate(said) if "Fulfil this request" in text), default=None)
        if start is None or ("Fulfil this request" not in said[-1] and not said[-1].startswith("Observation:")):
            return f"What about {seed % 997}, if you please?"
        made = (len(said) - 1 - start) // 2
        if made == len(self.calls[name]):
            return "Final Answer: here it is."
        return f"Action: {name}\nAction Input: {json.dumps(self.calls[name][made])}"


def test_a_server_is_started_in_the_project_with_its_variables_and_listed_once(make, server, monkeypatch):
    monkeypatch.setenv("SERVICE", "planted")
    at = make({"mcp": server(ODD) | {"env_names": ["SERVICE"]}, "without": ["lists"]})
    box = resources.toolbox(at)
    assert list(box.tools) == [name for name, *_ in ODD if name != "lists"]  # without being entered
    assert "API: nested" in box.documentation()

    async def work():
        async with box:
            assert list(box.tools) == [name for name, *_ in ODD if name != "lists"]
            seen = [await box.execute(Call(tool=name, arguments={})) for name in ("no_properties", "lists")]
            return [one.text for one in seen]

    assert run(work()) == [f"ran in {ROOT} with planted", "Error: unknown tool 'lists'"]


def test_odd_tools_are_explored_and_reported(make, server, tmp_path):
    calls = {
        name: [{"depth": "deep"}, {"depth": [["a"]]}, {"depth": "low", "invented": {"x": [1]}}] for name, *_ in ODD
    }
    at = make({"mcp": server(ODD)})
    explore_run.explore(at, model=Scripted(calls))
    trials = explore_run.read_trials(at, "full", 0)
    tools = resources.toolbox(at).tools
    found = {one.tool: one for one in own_tools.lessons(trials, tools)}
    assert list(found) == [name for name, *_ in ODD] and all(one.trials == 4 and one.calls for one in found.values())
    assert found["no_properties"].ran and found["no_properties"].never_tried == ()
    assert found["nested"].never_tried == ("where",) and found["either"].never_tried == ("",)
    (enumeration,) = (one for one in found["enumeration"].arguments if one.name == "depth")
    assert enumeration.choices_left == () and enumeration.distinct == 3
    assert [one.declared for one in found["Ünï | `code`%%x"].arguments] == [False, False]
    own_tools.write_report(tmp_path / "out", list(found.values()), [], tools)
    text = (tmp_path / "out" / "report.md").read_text()
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert len([line for line in headings if line.startswith("## ")]) == 6 and "\x1b" not in text
    assert not re.search(r"^(# a title|# with a title|<script)", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ([], r"world\.mcp: MCP server '.*': has no tools$"),
        ([["mute", "", {"type": "object"}]], r"tool 'mute': has no description, so nothing can be imagined for it"),
    ],
)
def test_servers_with_nothing_to_explore(make, server, tools, message):
    at = make({"mcp": server(tools)})
    with pytest.raises(UserError, match=message) as caught:
        explore_run.expected_cost(at)
    assert "\n" not in str(caught.value)


def test_tools_with_little_to_go_on_are_left_out_by_name_and_the_others_explored(make, server, capsys):
    tools = [
        ["good", "Good.", {"type": "object"}],
        ["mute", "", {"type": "object"}],
        ["bad", "Bad.", {"type": "object", "required": 7, "properties": "none"}],
        ["good", "Another one of that name.", {"type": "object"}],
    ]
    at = make({"mcp": server(tools)})
    calls = {"good": [{}], "bad": [{"x": 1}]}
    told = explore_run.expected_cost(at).text().splitlines()
    explore_run.explore(at, model=Scripted(calls))
    assert {one.tool: one.steps[0].ok for one in explore_run.read_trials(at, "full", 0)} == {"good": True, "bad": True}
    assert told[1].startswith("tool 'bad': its schema is not quite JSON Schema (required: 7 and 1 more)")
    assert told[2:] == [
        "tool 'good': listed more than once; the first is taken, the other left out",
        "tool 'mute': left out, it has no description to imagine by",
    ]
    assert "- `tool 'mute': left out" in own_tools.report_text([], None, told[1:])


def test_a_server_that_does_not_start_is_one_line(tmp_path):
    words = (ROOT / "study" / "own_tools.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(words.replace("[python, -m, microworld.tools, --mcp]", "[no-such-command, x]"))
    done = run_ste("explore", path, "--dry-run", STE_RESULTS=tmp_path)
    assert done.returncode == 2
    assert one_line(done.stderr) == (
        "ste: study 'own_tools': world.mcp: MCP server 'no-such-command x': cannot be started (No such file or "
        "directory); check the command"
    )


def test_a_server_that_we_did_not_write_is_explored(make, everything):
    calls = {
        "echo": [{"text": "hej"}, {"message": "hej"}],
        "get-sum": [{"a": "two", "b": 3}, {"a": 2, "b": 3}],
        "get-structured-content": [{"location": "Paris"}, {"location": "Chicago"}],
        "get-annotated-message": [{"messageType": "loud"}, {"messageType": "error"}],
    }
    at = make({"mcp": {"command": [*everything, "stdio"], "timeout": 120, "start_timeout": 300}, "only": list(calls)})
    explore_run.explore(at, model=Scripted(calls))
    before = {path: path.read_bytes() for path in at.explored("full", 0).glob("*.jsonl")}
    assert len(before) == 4
    explore_run.explore(at, model=Scripted({}))  # done: nothing is asked again
    assert before == {path: path.read_bytes() for path in before}

    tools = resources.toolbox(at).tools
    found = {one.tool: one for one in own_tools.lessons(explore_run.read_trials(at, "full", 0), tools)}
    assert {name: (one.calls, one.ran, one.solved) for name, one in found.items()} == dict.fromkeys(calls, (8, 4, 4))
    (told,) = found["echo"].conventions
    assert told.arguments == ("message",) and (told.calls, told.overcome) == (4, 4)
    assert told.changes == (own_tools.Change(argument="message", refused=None, accepted='"hej"'),)
    (told,) = found["get-sum"].conventions
    assert told.arguments == ("a",) and told.changes[0].refused == '"two"' and told.changes[0].accepted == "2"
    (told,) = found["get-structured-content"].conventions
    assert "Chicago" in told.text and told.changes[0].accepted == '"Chicago"'
    message = found["get-annotated-message"]
    assert message.never_tried == ("includeImage",) and message.works.arguments == {"messageType": "error"}
    assert '"debug"' in message.arguments[0].choices_left


# --- the report -------------------------------------------------------------------------------------------------------

DATE = Tool(
    name="add",
    description="Adds days.",
    parameters={
        "type": "object",
        "properties": {
            "date": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"enum": ["day", "week"]},
            "a": {"type": "string"},
        },
        "required": ["date"],
    },
)


def step(ok, told, **arguments):
    return Step(output="…", call=Call(tool="add", arguments=arguments), observation=told, ok=ok)


def trial(number, *steps, solved=True, answer="So it is.", tool="add"):
    return Trial(
        tool=tool, variant="full", seed=0, episode=0, trial=number, query=f"query {number}", steps=steps,
        answer=answer, solved=solved,
    )  # fmt: skip


TRIALS = [
    trial(
        0,
        step(False, "Error: date: '14 Oct' is not YYYY-MM-DD, try 2030-12-24", date="14 Oct", days=3),
        step(True, '"2022-10-17"', date="2022-10-14", days=3),
    ),
    trial(
        1,
        step(False, "Error: date: '1 May' is not YYYY-MM-DD, try 2031-01-05", date="1 May"),
        step(False, "Error: the service is down (incident 77)", date="2022-05-01"),
        solved=False,
        answer=None,
    ),
    trial(2, Step(output="Hm.", problem="no call", observation="Error: no call"), step(True, "ok", date="2022-10-14")),
    trial(
        3,
        step(False, "Error: the service is down (incident 78)", date="2022-01-01", unit="day"),
        step(False, "Error: unknown argument 'when', arguments are: date, days, unit, a", when="now"),
        step(False, "Error: nothing on <2022-01-01>", date="2022-01-01"),
        solved=None,
    ),
]


def test_a_report_of_hand_made_trials():
    (made,) = own_tools.lessons(TRIALS, {"add": DATE})
    assert (made.trials, made.judged, made.solved, made.calls, made.ran, made.first_ran, made.unread) == (
        4, 3, 2, 8, 2, 1, 1,
    )  # fmt: skip
    date, when, repeated = made.conventions
    assert date.says == "date: '<date>' is not YYYY-MM-DD, try 2030-12-24" and date.arguments == ("date",)
    assert (date.calls, date.trials, date.overcome) == (2, 2, 1)
    assert date.changes == (own_tools.Change(argument="date", refused='"14 Oct"', accepted='"2022-10-14"'),)
    assert date.example == {"date": "14 Oct", "days": 3} and date.text.startswith("date: '14 Oct'")
    assert when.arguments == ("when",) and repeated.arguments == ("date",) and repeated.says == "nothing on <<date>>"
    (down,) = made.errors
    assert (down.says, down.calls, down.trials, down.overcome) == ("the service is down (incident 77)", 2, 2, 0)
    arguments = {one.name: one for one in made.arguments}
    assert list(arguments) == ["date", "days", "unit", "a", "when"] and made.never_tried == ("a",)
    assert (arguments["date"].calls, arguments["date"].ran, arguments["date"].distinct) == (7, 2, 5)
    assert arguments["date"].values[0] == own_tools.Value(value='"2022-10-14"', calls=2, ran=2)
    assert arguments["unit"].choices_left == ('"week"',) and not arguments["when"].declared
    assert made.works == own_tools.Working(
        query="query 0", arguments={"date": "2022-10-14", "days": 3}, observation='"2022-10-17"', answer="So it is."
    )
    assert own_tools.lessons(reversed(TRIALS), {"add": DATE}) == [made]  # whatever the order


def test_tools_untried_unknown_and_without_a_call():
    other = trial(0, Step(output="?", problem="no call"), tool="other", answer=None, solved=False)
    untried, unknown = own_tools.lessons([other], {"add": DATE})
    assert untried.trials == 0 and untried.never_tried == ("date", "days", "unit", "a") and untried.works is None
    assert (unknown.tool, unknown.trials, unknown.calls, unknown.unread) == ("other", 1, 0, 1)
    text = own_tools.report_text([untried, unknown])
    assert text.count("Nothing was learnt: ") == 2 and "replies that could not be read as a call: 1" in text
    frame = own_tools.tool_frame([untried, unknown])
    assert frame["ran_percent"].isna().all() and list(frame["tool"]) == ["add", "other"]
    assert own_tools.report_text([]).startswith("# What was learnt about 0 tools") and own_tools.tool_frame([]).empty


def test_results_withheld_and_calls_of_other_tools_are_no_evidence():
    withheld = [Step(output="…", call=Call(tool="add", arguments={"date": "x"}), ok=ok) for ok in (False, None)]
    stray = Step(output="…", call=Call(tool="stray", arguments={}), ok=True)
    (made,) = own_tools.lessons([trial(0, *withheld, stray)], {"add": DATE})
    assert (made.calls, made.ran, made.works) == (1, 0, None) and made.errors[0].says == "(not told)"


HOSTILE = "x` | y\n\n# Title\n<script>alert('x')</script> ``` $a$ \x1b[31m \u202e ](javascript:alert(1)) \ud800"


def test_hostile_text_stays_text():
    nbconvert = pytest.importorskip("nbconvert.filters.markdown_mistune")
    tool = Tool(name=HOSTILE, description=HOSTILE, parameters={"type": "object", "properties": {HOSTILE: {}}})
    call = Call(tool=HOSTILE, arguments={HOSTILE: HOSTILE})
    steps = [Step(output="…", call=call, observation=f"Error: {HOSTILE}", ok=False),
             Step(output="…", call=call, observation=HOSTILE, ok=True)]  # fmt: skip
    (made,) = own_tools.lessons([trial(0, *steps, tool=HOSTILE, answer=HOSTILE)], {HOSTILE: tool})
    text = own_tools.report_text([made])
    assert "\x1b" not in text and "\u202e" not in text and text.encode("utf-8")
    assert [line for line in text.splitlines() if "Title" in line and line.startswith("# ")] == []
    page = nbconvert.markdown2html_mistune(text)
    assert "<script" not in page and 'href="javascript' not in page and page.count("<h1") == 1
    rows = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
    assert [len(re.findall("<t[dh]", row)) for row in rows] == [8, 8, 5, 5]  # no cell was broken
    json.loads(json.dumps([made.model_dump()]))


# --- what is left to use ----------------------------------------------------------------------------------------------


def examples():
    calls = [{"date": "2022-10-14", "days": 3}, {"date": "2022-01-01", "unit": "week"}]
    return [
        Example(
            tool="add", episode=0, trial=number, paraphrase=0, query=f"What is {number} days later?",
            call=Call(tool="add", arguments=one), observation="x", answer="It is x.",
        )
        for number, one in enumerate(calls)
    ]  # fmt: skip


def test_what_is_written_can_be_used(tmp_path):
    found = own_tools.lessons(TRIALS, {"add": DATE})
    own_tools.write_report(tmp_path, found, examples()[::-1], {"add": DATE})
    retriever = Retriever(store.read_jsonl(tmp_path / "demonstrations.jsonl", Example))
    assert retriever.nearest(["1 days later, please"], k=1) == [[examples()[1]]]
    assert store.read_jsonl(tmp_path / "tools.jsonl", Tool) == [DATE]
    assert [own_tools.Learnt.model_validate(one) for one in json.loads((tmp_path / "report.json").read_text())] == found
    rows = [json.loads(line) for line in (tmp_path / "chat.jsonl").read_text().splitlines()]
    assert [one["role"] for one in rows[0]["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert rows[0]["tools"][0]["function"]["parameters"] == DATE.parameters
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    own_tools.write_report(tmp_path, found, examples(), {"add": DATE})
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_datasets_loads_the_fine_tuning_set(tmp_path):
    datasets = pytest.importorskip("datasets")
    tools = {name: Tool(name=name, description=about, parameters=schema) for name, about, schema in ODD}
    odd = [one.model_copy(update={"tool": name, "call": Call(tool=name, arguments={"depth": depth})})
           for name, depth in zip(tools, ("x", 1, None, [["a"]], {"k": 1}, True), strict=True)
           for one in examples()[:1]]  # fmt: skip
    own_tools.write_report(tmp_path, [], odd, tools)
    rows = [json.loads(line) for line in (tmp_path / "chat.jsonl").read_text().splitlines()]
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "chat.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [row["messages"] for row in loaded] == [row["messages"] for row in rows]


# --- the whole, as users run it ---------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "bring_your_own_tools.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    """`ste run own_tools` with the small model, on one tool, with the study file as it is otherwise."""
    where = tmp_path_factory.mktemp("own")
    words = (ROOT / "study" / "own_tools.yaml").read_text()
    path = where / "own_tools.yaml"
    words = re.sub(r"only: \[.*\]", "only: [sort_words]", words).replace("episodes: 2 ", "episodes: 1 ")
    path.write_text(words.replace("timeout: 10", "timeout: 60\n    start_timeout: 600"))  # on a machine at its limit
    plan = run_ste("explore", path, "--dry-run", STE_RESULTS=where / "results")
    assert plan.returncode == 0 and plan.stdout.startswith("2 trials to go: "), plan.stderr
    done = run_ste("run", path, "--cores", 1, STE_RESULTS=where / "results", STE_FIGURES=where / "figures", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return where / "results" / "own_tools"


def test_ste_run_leaves_store_set_and_report(explored):
    names = {"report.md", "report.json", "demonstrations.jsonl", "chat.jsonl", "tools.jsonl", "SKILL.md",
             "lessons.json", "descriptions.json"}  # fmt: skip
    assert {path.name for path in (explored / "learnt").iterdir()} == names
    table = pd.read_csv(explored / "tables" / "learnt.csv")
    assert list(table["tool"]) == ["sort_words"] and table["trials"][0] == 2
    assert (explored / "run.json").is_file() and len(list((explored / "notebooks").iterdir())) == 1
    notebook = nbformat.read(explored / "notebooks" / "70_own_tools.ipynb", 4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [one for one in outputs if one.output_type == "error" or one.get("name") == "stderr"]
    assert str(ROOT) not in nbformat.writes(notebook)


def test_the_lines_on_the_page_that_use_the_store(explored, tmp_path):
    (code,) = re.findall(r"^```py\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len([line for line in code.splitlines() if line and not line.startswith(("import", "from"))]) <= 5
    place = tmp_path / "results" / "own_tools"
    place.mkdir(parents=True)
    shutil.copytree(explored / "learnt", place / "learnt")
    known = examples()[0].model_copy(
        update={"query": "Put pear, apple and fig in order."}
    )  # the small model may have none
    store.append_jsonl(place / "learnt" / "demonstrations.jsonl", [known])
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0 and done.stdout.startswith(f'{known.query} {{"tool":"add",'), done.stderr


def test_every_world_on_the_page_loads(tmp_path):
    found = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) >= 4
    for number, text in enumerate(found):
        path = tmp_path / f"s{number}.yaml"
        path.write_text(f"name: s{number}\n{text}")
        assert config.load(path).world is not None


def test_every_command_on_the_page_is_one(capsys):
    from ste_core.cli import _parser

    (block,) = re.findall(r"^```bash\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    commands = [line.split("#")[0].split() for line in block.splitlines() if line.startswith(".venv/bin/ste ")]
    assert [words[1] for words in commands] == ["explore", "run", "serve-tools"]
    for words in commands:
        _parser().parse_args(words[1:])
    assert stages.SETTING_OF_LABEL  # the notebooks that the page names need it
    for name in re.findall(r"notebooks/(\w+)\.ipynb", PAGE):
        assert (ROOT / "notebooks" / f"{name}.ipynb").is_file()
