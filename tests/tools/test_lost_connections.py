"""A lost connection is not the tool's answer: sessions that end, servers that are killed, clients too strict."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from contract_server import ContractServer, run
from support import free_port, listening

from ste_core.core import config
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Observation, Tool
from ste_core.models.base import Budget, Choice, Completion
from ste_core.pipeline import explore_run
from ste_core.scoring import execution
from ste_core.tools.mcp import McpToolbox
from ste_core.tools.open import open_toolbox
from ste_core.tools.toolbench import ToolBenchToolbox

RAW = Path(__file__).with_name("raw_server.py")
TOOL = {"name": "double", "description": "Twice a number.", "inputSchema": {"type": "object", "properties": {"n": {}}}}


# --- sessions that end, in the ways that servers say so ---------------------------------------------------------------


class Sessions:
    """An MCP server over HTTP whose session can be ended; `ended` answers whoever still comes with it."""

    def __init__(self, server: ContractServer, ended: Any) -> None:
        self.session, self.ended, self.calls = "", ended, 0
        server.answer = self.answer

    def answer(self, asked: dict[str, Any]) -> Any:
        if asked["method"] != "POST":
            return 405, {}, ""
        body = asked["body"]
        headers = {"Content-Type": "application/json"}
        if body["method"] == "initialize":
            self.session = headers["Mcp-Session-Id"] = uuid.uuid4().hex
            about = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
            return 200, headers, json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": about})
        given = {name.lower(): one for name, one in asked["headers"].items()}.get("mcp-session-id")
        if given is not None and given != self.session:
            if isinstance(self.ended, str):
                return self.ended
            status, kind, text = self.ended
            return status, {"Content-Type": kind}, text.replace("ID", json.dumps(body.get("id")))
        if "id" not in body:
            return 202, {}, ""
        if body["method"] == "tools/list":
            return 200, headers, json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": {"tools": [TOOL]}})
        if body["method"] != "tools/call":
            error = {"code": -32601, "message": "no such method"}
            return 200, headers, json.dumps({"jsonrpc": "2.0", "id": body["id"], "error": error})
        self.calls += 1
        n = body["params"]["arguments"].get("n")
        if isinstance(n, dict):  # the call says what it is answered
            status, reply = n["status"], n["reply"]
            return status, headers, json.dumps({"jsonrpc": "2.0", "id": body["id"]} | reply)
        result = {"content": [{"type": "text", "text": str(2 * n)}]}
        return 200, headers, json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": result})


JSON = "application/json"


def rpc(**reply: Any) -> str:
    """A JSON-RPC message; "ID" is the number of what it answers."""
    return json.dumps({"jsonrpc": "2.0", "id": None} | reply).replace('"ID"', "ID")


GATEWAY = {"isError": True, "content": [{"type": "text", "text": "MCP error -32000: Connection closed"}]}
ENDED = {
    "404, by the protocol": (404, JSON, rpc(error={"code": -32001, "message": "Session not found"})),
    # punkpeye/fastmcp#121, modelcontextprotocol/python-sdk#1004, samanhappy/mcphub#405
    "400": (400, JSON, rpc(error={"code": -32000, "message": "Bad Request: No valid session ID provided"})),
    "401": (401, "text/plain", "Unauthorized: Session not found"),  # modelcontextprotocol/rust-sdk#559
    "503": (503, "text/html", "<html>restarting</html>"),  # markmhendrickson/neotoma#1923
    # samanhappy/mcphub#742: a gateway passes the error on as if it were a message
    "200": (200, JSON, rpc(id="ID", error={"code": -32600, "message": "Invalid Request: Session not found"})),
    "as the tool": (200, JSON, rpc(id="ID", result=GATEWAY)),  # a gateway whose server is gone answers in its place
    "a page": (200, "text/html", "<html>maintenance</html>"),
    "cut": "cut",
}


def call(n: Any) -> Call:
    return Call(tool="double", arguments={"n": n})


@pytest.mark.parametrize("ended", list(ENDED))
def test_a_session_that_ended_is_opened_anew(contract: ContractServer, ended: str) -> None:
    server = Sessions(contract, ENDED[ended])

    async def work() -> list[Observation]:
        async with McpToolbox(url=contract.url) as box:
            seen = [await box.execute(call(1))]
            for n in (2, 3):
                server.session = "of a server that was started anew"
                seen.append(await box.execute(call(n)))
            assert not box.lost
            return seen

    assert [(one.ok, one.text) for one in run(work())] == [(True, "2"), (True, "4"), (True, "6")]


USER = "the session of the user has expired"
ODD = {"content": ["bare", {"type": "video"}], "structuredContent": [1], "isError": None}

#: what a server answers to one call, in a session that is well -> what the agent reads
ANSWERS: list[tuple[int, dict[str, Any], str]] = [
    # a code that the client library uses for a closed connection is many servers' own
    (200, {"error": {"code": -32000, "message": "city unknown"}}, "Error: city unknown"),
    (  # both halves of a JSON-RPC error
        400,
        {"error": {"code": -32602, "message": "Invalid params", "data": {"city": "required"}}},
        "Error: Invalid params: city: required",
    ),
    (500, {"error": {"code": -32603, "message": "division by zero"}}, "Error: division by zero (status 500)"),
    (200, {"error": {"code": -32000, "message": USER}}, f"Error: {USER}"),
    # cristianuibar/bricks-mcp#45, oculairmedia/Letta-MCP-server#102: text where an output schema is declared
    (200, {"result": {"content": [{"type": "text", "text": "plain"}]}}, "plain"),
    # nerding-io/n8n-nodes-mcp#255: another structure than declared; and parts that the protocol does not have
    (200, {"result": ODD}, 'bare\n{"type": "video"}'),
    (200, {"result": {"structuredContent": {"degrees": 21}}}, '{"degrees": 21}'),
]


@pytest.mark.parametrize(("status", "reply", "text"), ANSWERS, ids=[one[2][:25] for one in ANSWERS])
def test_what_a_server_answers_is_its_answer(
    contract: ContractServer, monkeypatch: pytest.MonkeyPatch, status: int, reply: dict[str, Any], text: str
) -> None:
    Sessions(contract, ENDED["400"])
    strict = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    monkeypatch.setitem(TOOL, "outputSchema", strict)

    async def work() -> list[Observation]:
        async with McpToolbox(url=contract.url) as box:
            seen = [await box.execute(call({"status": status, "reply": reply})), await box.execute(call(1))]
            assert not box.lost
            return seen

    answer, after = run(work())
    assert (answer.text, answer.ok) == (text, not text.startswith("Error: ")) and after.text == "2"


def test_an_address_that_holds_a_key_is_struck_out_of_what_comes_back(
    contract: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Sessions(contract, ENDED["400"])
    monkeypatch.setenv("SHOP_URL", f"{contract.url}/mcp?key=planted-123")
    said = ("to $SHOP_URL", "GET /mcp?key=planted-123", "bad key planted-123")
    replies = [{"error": {"code": -32000, "message": os.path.expandvars(text)}} for text in said]

    async def work() -> list[str]:
        world = config.World(mcp=config.McpServer(url_env="SHOP_URL", timeout=60, start_timeout=300))
        async with open_toolbox(world, where="world", root=Path()) as box:
            return [(await box.execute(call({"status": 200, "reply": reply}))).text for reply in replies]

    assert run(work()) == ["Error: to ***", "Error: GET ***", "Error: bad key ***"]


def test_a_server_that_is_gone_for_good_is_said_so(contract: ContractServer) -> None:
    server = Sessions(contract, ENDED["400"])

    async def work() -> str:
        async with McpToolbox(url=contract.url, reconnect_timeout=0.5) as box:
            assert (await box.execute(call(1))).ok
            server.session, contract.answer = "", lambda _: (502, {}, "bad gateway")
            assert not (await box.execute(call(2))).ok
            return box.lost

    assert run(work()).endswith("is gone")


def test_a_toolbench_server_that_cannot_be_reached_is_lost_and_judges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLBENCH_KEY", "planted")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    tool = Tool(name="Numbers%%fact", family="Education")
    box = ToolBenchToolbox([tool], url="http://127.0.0.1:9/virtual", retries=0, rate=1000)

    async def work() -> Observation:
        async with box:
            return await box.execute(Call(tool=tool.name, arguments={}))

    assert not run(work()).ok and "cannot be reached" in box.lost
    import pandas as pd

    row = {"system": "s", "setting": "x", "tool": tool.name, "item": 0, "called": tool.name, "arguments": {}}
    with pytest.raises(UserError, match=r"cannot be reached.*; nothing was judged: start it"):
        run(execution.execute_verdicts(pd.DataFrame([row]), box, {(tool.name, 0): 1}))


# --- an exploration whose server is killed again and again ------------------------------------------------------------


class Scripted:
    """Imagines, makes three calls, answers, reflects; what it says depends on what it reads, so on every result."""

    name = identity = "scripted"

    def __init__(self) -> None:
        self.budget = Budget()

    async def complete(self, messages: Any, *, seed: int, **options: Any) -> Completion:
        return Completion((Choice(self.reply([one["content"] for one in messages], seed), "stop"),), 10, 10)

    def reply(self, said: list[str], seed: int) -> str:
        name = said[0].split("API: ")[-1].split(". Args: ")[0]
        if "Was the request fulfilled" in said[-1]:
            return "Yes"
        start = max((number for number, text in enumerate(said) if "Fulfil this request" in text), default=None)
        if start is None or ("Fulfil this request" not in said[-1] and not said[-1].startswith("Observation:")):
            return f"What about {seed % 997}, if you please?"
        made = (len(said) - 1 - start) // 2
        if made == 3:
            return f"Final Answer: {said[-1]}"
        return f"Action: {name}\nAction Input: {json.dumps({'n': seed % 89, 'step': made})}"


#: limits that a server which is slow because the machine is busy does not meet
PATIENT = {"timeout": 120, "start_timeout": 300}


@pytest.fixture(params=["stdio", "http"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A world with a server, a function that starts it again (over HTTP nobody else does), and its log."""
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    log = tmp_path / "log"
    tools = [{"name": f"tool{n}", "description": f"Tool {n}.", "inputSchema": {"type": "object"}} for n in range(4)]
    command = [sys.executable, str(RAW), json.dumps({"tools": tools, "sleep": 0.02, "log": str(log)})]
    started: list[subprocess.Popen[bytes]] = []
    if request.param == "stdio":
        yield {"mcp": {"command": command} | PATIENT}, lambda: None, log
        return
    port = free_port()

    def start() -> None:
        started.append(subprocess.Popen([*command, str(port)], stderr=subprocess.DEVNULL))
        listening(port, started[-1])

    start()
    yield {"mcp": {"url": f"http://127.0.0.1:{port}/mcp"} | PATIENT}, start, log
    for process in started:
        process.kill()
        process.wait(10)


def explored(world: dict[str, Any], name: str, folder: Path) -> dict[str, bytes]:
    """Explore, as often as it stops with a line that says so; the files of trials."""
    model = {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1", "prompts": "small"}
    content = {
        "name": name, "world": world, "models": {"m": model},
        "exploration": {"model": "m", "episodes": 2, "trials": 3},
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    study = config.load(path)
    stopped = 0
    while True:
        try:
            explore_run.explore(study, model=Scripted())
            break
        except UserError as error:
            clear = ("is gone", "cannot be reached", "ended before it listed its tools")  # the last: at its start
            assert len(str(error).splitlines()) == 1 and any(one in str(error) for one in clear), error
            stopped += 1
            assert stopped < 40
            time.sleep(0.2)
    print(f"{name}: stopped {stopped} times")
    return {one.name: one.read_bytes() for one in study.explored("full", 0).glob("*.jsonl")}


def kill_at(
    moments: list[float], log: Path, start: Callable[[], None], ended: threading.Event, kills: list[int]
) -> None:
    """Kill the newest server at each moment (seconds), and start it again where that is ours to do."""
    begun = time.monotonic()
    for moment in moments:
        if ended.wait(max(0.0, begun + moment - time.monotonic())):
            return
        pid = [int(line.split()[1]) for line in log.read_text().splitlines() if line.startswith("pid ")][-1]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            kills.append(pid)
        time.sleep(0.05)
        start()


def test_the_same_trials_whenever_the_server_is_killed(
    place: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    world, start, log = place
    begun = time.monotonic()
    whole = explored(world, "whole", tmp_path)
    took = time.monotonic() - begun
    assert len(whole) == 4 and all(one.count(b'"ok":true') == 18 for one in whole.values())
    rng, wanted = random.Random(20), request.config.getoption("--kills")
    kills: list[int] = []
    for number in range(10 * wanted):  # as many explorations as it takes: each has room for a few moments
        if len(kills) >= wanted:
            break
        moments = sorted(rng.uniform(0.1, took) for _ in range(min(5, wanted - len(kills))))
        log.write_text(log.read_text() if "url" in world["mcp"] else f"pid {2**22 + 1}\n")
        ended = threading.Event()
        killer = threading.Thread(target=kill_at, args=(moments, log, start, ended, kills))
        killer.start()
        try:
            assert explored(world, f"killed{number}", tmp_path) == whole
        finally:
            ended.set()
            killer.join()
    print(f"{len(kills)} kills in {number} explorations")
    assert len(kills) >= wanted
