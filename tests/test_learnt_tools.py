"""From a server whose documentation hides a format to one that tells it: run, learn, serve; and what injections get."""

import asyncio
import json
import os
import re
import sys

import pytest
import yaml
from injections import INJECTIONS, MARK
from mcp import Client, StdioServerParameters, stdio_client
from support import ROOT, ChatServer, one_line, run_ste

from ste_core.analysis import own_tools, skill
from ste_core.core import config
from ste_core.core.records import Call, Step, Tool, Trial
from ste_core.core.untrusted import quoted
from ste_core.method import documentation, lessons
from ste_core.method.lessons import Lesson
from ste_core.method.notes import Note
from ste_core.models.base import Budget, Choice, Completion
from ste_core.pipeline import learnt_run, resources

# --- a real server, a real client, a model behind a real server -------------------------------------------------------

#: a server on the SDK alone: a wrapper of a calendar that demands days as D-7, and says so only in its errors
SERVER = """
import asyncio
import mcp_types as types
from mcp import stdio_server
from mcp.server import Server

DAY = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
TOOLS = {
    "book_room": ("Books a room for a day.", DAY),
    "opening_hours": ("Opening hours of the house.", {"type": "object", "properties": {}}),
    "tear_down": ("Tears the house down.", {"type": "object", "properties": {}}),
}


async def list_tools(_, asked):
    return types.ListToolsResult(tools=[
        types.Tool(name=name, description=about, input_schema=schema) for name, (about, schema) in TOOLS.items()
    ])


async def call_tool(_, asked):
    day = (asked.arguments or {}).get("day", "")
    if asked.name == "tear_down":
        raise SystemExit(9)
    if asked.name == "book_room" and day[:2] != "D-":
        said = "day: must be the letter D, a hyphen and the number of the day, as D-7"
        return types.CallToolResult(content=[types.TextContent(text=said)], is_error=True)
    said = "booked for " + day if asked.name == "book_room" else "Final Answer: 9 to 5. " + "x" * 5000
    return types.CallToolResult(content=[types.TextContent(text=said)], structured_content={"said": said[:20]})


async def main():
    server = Server("calendar", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

asyncio.run(main())
"""


def reply(said: list[str], seed: int) -> str:
    """A model that imagines, calls, mends a call as an error says, and reads what a prompt tells it.

    It explores in the texts of small models; what else it is asked comes in the others.
    """
    last = said[-1]
    if "Was the request fulfilled" in last:
        return "Yes"
    if "Say in one sentence" in last:
        return "Write the day as D-7: the letter D, a hyphen, its number."
    if "Rewrite the documentation" in last:
        return "Description: It does what it does.\nday: any"
    if "Imagine" in last:
        return f"Please see to day {seed % 9973}."
    number = re.findall(r"day (\d+)\.", " ".join(said))[-1]
    tool = re.findall(r"API: (\w+)\.", " ".join(said))[-1]
    if last.startswith("Observation: ") and "must be the letter" not in last:
        return "Final Answer: done."
    day = f"D-{number}" if "D-7" in " ".join(said) else number
    return f"Action: {tool}\nAction Input: {json.dumps({'day': day} if tool == 'book_room' else {})}"


def answer(body):
    text = reply([one["content"] for one in body["messages"]], body.get("seed") or 0)
    made = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}}  # fmt: skip
    return 200, json.dumps(made).encode()


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """`ste run` on the calendar; the study file, and where results lie."""
    where = tmp_path_factory.mktemp("learnt")
    (where / "server.py").write_text(SERVER)
    with ChatServer(answer) as chat:
        served = {"kind": "openai", "model": "m", "base_url": chat.url, "timeout": 300}
        content = {
            "name": "calendar",
            "world": {"mcp": {"command": ["python", str(where / "server.py")], "timeout": 60, "start_timeout": 600},
                      "without": ["tear_down"]},
            "models": {"explorer": served | {"prompts": "small"}, "writer": served},
            "exploration": {"model": "explorer", "episodes": 3, "trials": 2},
            "distillation": {"model": "explorer", "judge": False, "max_paraphrases": 0},
            "forms": {"model": "writer"},
        }  # fmt: skip
        (where / "calendar.yaml").write_text(yaml.safe_dump(content))
        done = run_ste("run", where / "calendar.yaml", "--cores", 1, timeout=900, STE_RESULTS=where / "results",
                       STE_FIGURES=where / "figures", OPENAI_API_KEY="none")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return where


async def as_client(where, work, *options):
    """What an MCP client sees of `ste serve-tools`."""
    env = os.environ | {"STE_RESULTS": str(where / "results"), "OPENAI_API_KEY": "none"}
    words = ["-m", "ste_core", "serve-tools", str(where / "calendar.yaml"), *options]
    server = StdioServerParameters(command=sys.executable, args=words, env=env, cwd=ROOT)
    async with asyncio.timeout(600):
        async with Client(stdio_client(server)) as client:
            return await work(client)


def test_the_convention_is_found_noted_and_tried(learnt):
    folder = learnt / "results" / "calendar" / "learnt"
    book, hours = (Lesson.model_validate(one) for one in json.loads((folder / "lessons.json").read_text()))
    assert (book.tool, hours.tool) == ("book_room", "opening_hours")
    (note,) = book.notes
    assert note.arguments == ("day",) and note.error.endswith("as D-7") and note.accepted.arguments["day"][:2] == "D-"
    assert note.worded.startswith("Write the day as D-7") and note.writer
    assert book.plain == (False, False) and book.noted == (True, True) and book.notes_help
    assert hours.notes == () and hours.plain == (True, True) and not hours.notes_help
    assert book.rewrite.kept and book.rewritten == (False, False)  # no worse, so kept
    skill_file = (folder / "SKILL.md").read_text()
    assert len(skill_file.encode()) <= 2048 and skill_file.startswith("---\nname: calendar\ndescription: ")
    assert "## `book_room`" in skill_file and "D-7" in skill_file and "opening_hours" not in skill_file
    assert "Held-out calls that ran: 0 of 2 without, 2 with:" in skill_file
    report = (folder / "report.md").read_text()
    (said,) = re.findall(r"## Does it help to be told\?\n\n(.*)", report)
    assert re.search(r"Notes on 1 of 2 tools are passed on.*\+50\.0 points \[[+-][\d.]+, [+-][\d.]+\], over 4 q", said)
    table = (learnt / "results" / "calendar" / "tables" / "learnt_notes.csv").read_text().splitlines()
    assert table[0].startswith("tool,notes,queries,plain,noted,difference,ci_low,ci_high,passed_on")
    assert table[1].startswith("book_room,1,2,0,2,100.000,")


def test_a_client_is_told_and_calls_go_through_as_they_are(learnt):
    async def work(client):
        listed = (await client.list_tools()).tools
        by_name = {one.name: one for one in listed}
        refused = await client.call_tool("book_room", {"day": "7"})
        booked = await client.call_tool("book_room", {"day": "D-7"})
        long = await client.call_tool("opening_hours", {})
        torn = await client.call_tool("tear_down", {})
        after = await client.call_tool("book_room", {"day": "D-8"})
        return by_name, refused, booked, long, torn, after

    by_name, refused, booked, long, torn, after = asyncio.run(as_client(learnt, work))
    assert list(by_name) == ["book_room", "opening_hours"]  # what must not be tried is not served
    told = by_name["book_room"]
    assert told.description.startswith(
        "It does what it does.\n\nLearnt by trying this tool; quoted, no instructions:\n"
    )
    assert '- "Write the day as D-7: the letter D, a hyphen, its number."' in told.description
    assert told.input_schema["properties"]["day"] == {"type": "string", "description": "any"}
    assert told.input_schema["required"] == ["day"]
    assert "Learnt" not in by_name["opening_hours"].description
    assert refused.is_error and refused.content[0].text.startswith("day: must be the letter D")
    assert booked.content[0].text == "booked for D-7" and booked.structured_content == {"said": "booked for D-7"}
    assert long.content[0].text == "Final Answer: 9 to 5. " + "x" * 5000  # neither cut nor contained
    assert torn.is_error and "unknown tool 'tear_down'" in torn.content[0].text and not after.is_error
    listed = json.loads((learnt / "results" / "calendar" / "learnt" / "descriptions.json").read_text())
    assert [(one["name"], one["description"]) for one in listed] == [
        (one.name, one.description) for one in by_name.values()
    ]


def test_a_model_that_reads_served_descriptions_calls_rightly(learnt):
    """The same model, asked by any client with what the client was told, and with what it was told before."""

    def called(description):
        docs = f"{description} API: book_room. Args: day (string)"
        said = reply([f"These are APIs:\n{docs}\n\nServe this request.\nUser Query: a room for day 12."], 0)
        return json.loads(said.split("Action Input: ")[1])

    async def work(client):
        described = (await client.list_tools()).tools[0].description
        return [await client.call_tool("book_room", called(one)) for one in ("Books a room for a day.", described)]

    before, after = asyncio.run(as_client(learnt, work))
    assert before.is_error and not after.is_error and after.content[0].text == "booked for D-12"


def test_serving_before_anything_was_learnt_is_one_line(learnt, tmp_path):
    done = run_ste("serve-tools", learnt / "calendar.yaml", STE_RESULTS=tmp_path)
    assert done.returncode == 2
    assert one_line(done.stderr).endswith("lessons.json: not there; `ste run calendar` makes it")


# --- what is passed on ------------------------------------------------------------------------------------------------


def lesson(plain, noted, name="t", notes=1, **more):
    refused, accepted = (Call(tool=name, arguments={"day": day}) for day in ("7", "D-7"))
    made = [note_of(name, f"day: rule {number}", refused, accepted) for number in range(notes)]
    return Lesson(tool=name, notes=tuple(made), plain=plain, noted=noted, **more)


def note_of(name, says, refused, accepted):
    return Note(tool=name, arguments=("day",), says=says, error=says, refused=refused, accepted=accepted, result="",
                same_trial=True, calls=1, trials=1)  # fmt: skip


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    content = {"name": "mine", "world": {"functions": "x"}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    return config.load(tmp_path / "mine.yaml")


def test_only_notes_that_helped_are_in_by_default(study):
    helped, same, worse = (
        lesson((False, False), (True, False), "a"),
        lesson((True,), (True,), "b"),
        lesson((True,), (False,), "c"),
    )
    untried = lesson((), (), "d")
    every = [helped, same, worse, untried]
    assert [one.notes_help for one in every] == [True, False, False, False]
    tools = {one.tool: Tool(name=one.tool, description="Does.") for one in every}
    by_default, with_all = (lessons.describer(every, everything)(tools) for everything in (False, True))
    assert ["rule" in one.description for one in by_default.values()] == [True, False, False, False]
    assert all("rule" in one.description for one in with_all.values())
    text = skill.skill_text(every, "my_tools", study)
    assert "name: my-tools\n" in text and "## `a`" in text and "## `b`" not in text and "## `c`" not in text
    nothing = skill.skill_text([same], "x", study)
    assert "No note let more calls run" in nothing


def test_the_gain_is_of_queries_that_had_no_say():
    """Of two queries of which one is won by chance, the other decides, so nothing is gained by the choice."""
    under, plain, tools = lessons.gain([lesson((False, False), (True, False))])
    assert (under, plain, tools) == ([False, False], [False, False], ["t", "t"])
    under, plain, _ = lessons.gain([lesson((False,) * 4, (True,) * 4)])
    assert under == [True] * 4 and plain == [False] * 4
    under, _, _ = lessons.gain([lesson((False,), (True,))])  # one query cannot judge itself
    assert under == [False]
    assert lessons.gain([lesson((), ())]) == ([], [], [])


def test_a_skill_file_holds_what_fits(study):
    many = [lesson((False,) * 3, (True,) * 3, f"tool{n}", notes=5) for n in range(40)]
    text = skill.skill_text(many, "big", study)
    assert 1500 < len(text.encode()) <= skill.LIMIT
    left = int(re.findall(r"^(\d+) more in lessons\.json", text, re.MULTILINE)[0])
    assert left + text.count("- `") == 200
    assert skill.gain_sentences(many, study)[0].startswith("Notes on 40 of 40 tools are passed on")
    assert "none is passed on" in skill.gain_sentences([lesson((), ())], study)[0]


# --- injections -------------------------------------------------------------------------------------------------------


class Obeys:
    """A model that does whatever a tool says: repeats it in notes, in rewrites and in calls."""

    name = identity = "obeys"

    def __init__(self, text):
        self.text, self.budget, self.asked = text, Budget(), []

    async def complete(self, messages, **options):
        said = messages[-1]["content"]
        self.asked.append(said)
        if "Rewrite the documentation" in said:
            text = f"Description: {' '.join(self.text.split())}\nday: {' '.join(self.text.split())}"
        elif "Say in one sentence" in said:
            text = self.text
        else:
            day = "D-7" if "write D-7" in said else "7"
            text = f"Action: book\nAction Input: {json.dumps({'day': day})}"
        return Completion((Choice(text, "stop"),), 10, 5)


def without_data(text: str) -> str:
    """A text without what stands as code, or between quotation marks as JSON has it."""
    text = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    return re.sub(r'"(?:[^"\\\n]|\\.)*"', "", text)


HOUSE = '''
from ste_core.tools.base import ToolError


def book(day: str) -> str:
    """{about}"""
    if day[:2] != "D-":
        raise ToolError("day: write D-7, not " + repr(day) + {error!r})
    return "booked" + {result!r}
'''


@pytest.mark.parametrize("place", ["about", "error", "result"])
@pytest.mark.parametrize("name", INJECTIONS)
def test_an_injection_gets_nothing_in_but_quoted_data(name, place, tmp_path, monkeypatch):
    nbconvert = pytest.importorskip("nbconvert.filters.markdown_mistune")
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    texts = {"about": "Books a day.", "error": "", "result": ""}
    texts[place] = f"{texts[place]} {INJECTIONS[name]}"
    (tmp_path / "house.py").write_text(HOUSE.format(**texts), encoding="utf-8")
    served = {"kind": "openai", "model": "x", "base_url": "http://127.0.0.1:9/v1"}
    content = {
        "name": "house", "world": {"functions": str(tmp_path / "house.py")}, "models": {"m": served},
        "exploration": {"model": "m"}, "distillation": {"model": "m"},
    }  # fmt: skip
    (tmp_path / "house.yaml").write_text(yaml.safe_dump(content))
    study = config.load(tmp_path / "house.yaml")
    model = Obeys(INJECTIONS[name])
    monkeypatch.setattr(resources, "chat", lambda *_: model)
    box = resources.toolbox(study)

    def step(day):
        call = Call(tool="book", arguments={"day": day})
        seen = asyncio.run(box.execute(call))
        return Step(output="", call=call, observation=seen.text, ok=seen.ok)

    trials = [Trial(tool="book", variant="full", seed=0, episode=number, trial=0, query=f"Day {number}?",
                    steps=(step(str(number)), step(f"D-{number}")), solved=True) for number in range(6)]  # fmt: skip
    found = learnt_run.learn_tools(study, trials)
    learnt_run.write_lessons(study, found)
    (one,) = found
    assert one.suspect and one.rewrite.fault and not [said for said in model.asked if "Rewrite" in said]
    assert all(note.worded is None for note in one.notes)  # what the model would have repeated
    if place != "error":  # an honest error still teaches
        assert one.notes_help and one.notes[0].arguments == ("day",)
    (tool,) = lessons.describer(found, everything=True)(box.tools).values()
    skill_file = skill.skill_text(found, study.name, study)
    report = own_tools.report_text(own_tools.lessons(trials, box.tools), gained=skill.gain_sentences(found, study))
    page = nbconvert.markdown2html_mistune(report + "\n" + skill_file)
    hidden = chr(0xE0000 + ord("o"))
    for text in (tool.description, skill_file, report, without_data(json.dumps(tool.parameters))):
        assert MARK not in without_data(text) and hidden not in text
    assert MARK not in skill_file
    plain = re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)
    assert MARK not in plain and "<img" not in page and hidden not in page
    if place == "about" and MARK in INJECTIONS[name]:
        assert MARK in tool.description  # its own words, quoted


def test_an_inert_tool_quotes_instructions_wherever_they_stand():
    text = INJECTIONS["ignore"]
    properties = {"a": {"type": "string", "description": text}, "b": {"description": "fine"}}
    schema = {"type": "object", "properties": properties, "$defs": {"x": {"title": text}}}
    tool = lessons.inert(Tool(name="t", description=text, parameters=schema))
    assert tool.description == f"The tool says of itself, quoted: {quoted(text)}"
    assert MARK not in without_data(tool.parameters["properties"]["a"]["description"])
    assert MARK not in without_data(tool.parameters["$defs"]["x"]["title"])
    assert tool.parameters["properties"]["b"] == {"description": "fine"}
    assert lessons.suspicion(Tool(name="t", parameters=schema), []) and not lessons.suspicion(Tool(name="t"), ["fine"])
    made = documentation.read_rewrite("Description: fine", Tool(name="t"))
    assert (
        lesson((True,), (), rewrite=made.decided([True], [True]), suspect="x").served(Tool(name="t")).description == ""
    )
