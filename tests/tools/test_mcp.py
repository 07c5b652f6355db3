"""MCP: our own server over both transports, servers that fail in every way, and one that we did not write."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mcp_servers
import pytest
from contract_server import ContractServer, run
from support import free_port, listening

from ste_core.core.errors import UserError
from ste_core.core.records import Call, Observation
from ste_core.tools import mcp
from ste_core.tools.functions import FunctionToolbox
from ste_core.tools.mcp import McpToolbox, serve

SERVERS = Path(__file__).with_name("mcp_servers.py")
ROOT = SERVERS.parents[2]
ENV = {"PYTHONPATH": str(ROOT)}


def command(which: str) -> list[str]:
    return [sys.executable, str(SERVERS), which]


def call(tool: str, **arguments: Any) -> Call:
    return Call(tool=tool, arguments=arguments)


def running(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(params=["stdio", "http"])
def ours(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., McpToolbox]]:
    """Makes toolboxes over our own server, by either transport."""
    if request.param == "stdio":
        yield lambda **options: McpToolbox(command("ours"), env=ENV, **options)
        return
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    port = free_port()
    process = subprocess.Popen([*command("ours"), str(port)], env={**os.environ, **ENV})
    try:
        listening(port, process)
        yield lambda **options: McpToolbox(url=f"http://127.0.0.1:{port}/mcp", **options)
    finally:
        process.kill()
        process.wait(10)


CALLS = [
    call("add", a=2, b=3),
    call("add", a=2.5),
    call("Odd name%%Español", items=[1, 2]),
    call("say", text="Observation: ünï\n5"),
    call("say", text="12"),
    call("say", text=""),
    call("record", city="Łódź"),
    call("nothing"),
    call("refuse", why="the city is not known"),
    call("crash"),
    call("add", a="x"),
    call("add"),
    call("add", a=1, c=1),
    call("unknown"),
]


def test_the_same_tools_and_observations_as_in_process(ours: Callable[..., McpToolbox]) -> None:
    async def work() -> None:
        here = mcp_servers.ours()
        async with ours() as there:
            assert dict(there.tools) == dict(here.tools)
            assert there.documentation() == here.documentation()
            for one in CALLS:
                expected, seen = await here.execute(one), await there.execute(one)
                assert seen.model_copy(update={"seconds": 0}) == expected.model_copy(update={"seconds": 0})

    run(work())


def test_the_servers_own_refusal_is_an_error(ours: Callable[..., McpToolbox]) -> None:
    async def work() -> list[Observation]:
        async with ours() as there:
            return [await there.execute(one) for one in (call("add", a="x"), call("unknown"))]

    wrong, unknown = run(work())
    assert (wrong.ok, wrong.text) == (False, "Error: a: 'x' is not of type 'number'")
    assert (unknown.ok, unknown.text) == (False, "Error: unknown tool 'unknown'")


def test_calls_together_and_a_hang(ours: Callable[..., McpToolbox]) -> None:
    async def work() -> None:
        async with ours(timeout=6) as there:  # time enough for the others, on a busy machine too
            hung = asyncio.create_task(there.execute(call("hang", seconds=60)))
            sums = await asyncio.gather(*(there.execute(call("add", a=n, b=n)) for n in range(20)))
            assert [one.value for one in sums] == [2 * n for n in range(20)]
            assert (await hung).text == "Error: no answer within 6 seconds"
            assert (await there.execute(call("add", a=1))).ok

    run(work())


def test_a_server_killed_in_mid_call(ours: Callable[..., McpToolbox], tmp_path: Path) -> None:
    """A command is started again and the call asked again; a server that stays away is lost, and soon said so."""

    async def work() -> None:
        async with ours(reconnect_timeout=1) as there:
            pid = (await there.execute(call("pid"))).value
            hung = asyncio.create_task(there.execute(call("hang", seconds=2, mark=str(tmp_path / "arrived"))))
            while not (tmp_path / "arrived").exists():
                await asyncio.sleep(0.02)
            os.kill(pid, signal.SIGKILL)
            start = time.monotonic()
            seen = [await hung, await there.execute(call("add", a=1)), await there.execute(call("add", a=1))]
            assert time.monotonic() - start < 120
            if there._command:
                assert [one.text for one in seen] == ["late", "1.0", "1.0"] and not there.lost
                assert (await there.execute(call("pid"))).value != pid
                return
            assert there.lost.endswith("is gone")
            for one in seen:
                assert not one.ok and one.text.startswith("Error: ") and "\n" not in one.text
            assert one.text.endswith("is gone")

    run(work())


def test_entered_and_left_in_different_tasks(ours: Callable[..., McpToolbox]) -> None:
    async def work() -> int:
        there = ours()
        await asyncio.create_task(there.__aenter__())
        pid = (await asyncio.create_task(there.execute(call("pid")))).value
        await asyncio.create_task(there.__aexit__(None, None, None))
        seen = await there.execute(call("add", a=1))
        assert not seen.ok and seen.text.endswith("is gone")
        async with there:  # and entered again
            assert (await there.execute(call("add", a=1))).value == 1
        return pid

    run(work())


def test_leaving_ends_the_server() -> None:
    async def work() -> int:
        async with McpToolbox(command("ours"), env=ENV) as there:
            with contextlib.suppress(ZeroDivisionError):
                async with McpToolbox(command("ours"), env=ENV) as other:
                    assert (await other.execute(call("pid"))).ok
                    raise ZeroDivisionError  # the caller's own error passes through
            return (await there.execute(call("pid"))).value

    assert not running(run(work()))


def test_a_tool_that_ends_the_server_every_time(tmp_path: Path) -> None:
    """That says more about the server than about the tool: it is lost, in a line that helps."""

    async def work() -> tuple[Observation, str]:
        async with McpToolbox(command("ours"), env=ENV) as there:
            return await there.execute(call("die")), there.lost

    seen, lost = run(work())
    assert not seen.ok and seen.text == f"Error: {lost}" and "is gone: 3 times, whenever" in lost


def test_pages_and_every_kind_of_content() -> None:
    async def work() -> dict[str, Observation]:
        async with McpToolbox(command("parts"), env=ENV) as there:
            return {name: await there.execute(call(name)) for name in there.tools}

    seen = run(work())
    assert {name: one.text for name, one in seen.items()} == {
        "text": "some text\nsome text",
        "image": "[image]",
        "mixed": "some text\n[image]\n[audio]",
        "structured": "some text",
        "link": "[resource demo://link]",
        "embedded": "a page\n[resource demo://blob]",
        "empty": "",
        "failing": "Error: no such thing\n[image]",
    }
    assert seen["structured"].value == {"degrees": 21}
    assert [name for name, one in seen.items() if not one.ok] == ["failing"]


def test_pages_that_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "MAX_PAGES", 5)

    async def work() -> int:
        async with McpToolbox(command("endless"), env=ENV) as there:
            return len(there.tools)

    assert run(work()) == 8


def entering(**options: Any) -> str:
    """What entering says, which must be one line."""

    async def work() -> None:
        async with McpToolbox(**options):
            pass

    with pytest.raises(UserError) as raised:
        run(work())
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


def test_servers_that_cannot_be_had(contract: ContractServer) -> None:
    assert entering(command=["no-such-command", "x y"]) == (
        "MCP server 'no-such-command 'x y'': cannot be started (No such file or directory); check the command"
    )
    ended = entering(command=[sys.executable, "-c", "import no_such_module"])
    assert "ended before it listed its tools" in ended and "No module named 'no_such_module'" in ended
    said = entering(command=command("mute"), env=ENV, start_timeout=0.5)
    assert said.endswith("mcp_servers.py mute': no answer within 0.5 seconds; check that it is an MCP server")
    away = entering(url=f"http://user:secret@127.0.0.1:{free_port()}/key/mcp?key=secret")
    assert (
        "MCP server http://127.0.0.1:" in away
        and "cannot be reached" in away
        and not {"secret", "/key"} & {*away.split()}
    )
    contract.answer = lambda _: (401, {}, "no")
    assert "/key" not in entering(url=f"{contract.url}/key/mcp")
    contract.answer = lambda _: (200, {"Content-Type": "text/html"}, "<html>")
    assert contract.url in entering(url=contract.url)
    contract.answer = lambda _: (500, {}, "oops")
    assert contract.url in entering(url=contract.url)
    contract.script = ["hang"] * 3
    assert "no answer within 0.5 seconds" in entering(url=contract.url, start_timeout=0.5)


def test_a_key_in_a_servers_last_words_is_struck_out() -> None:
    words = "import os, sys; sys.exit('bad key ' + os.environ['SERVICE_KEY'])"
    said = entering(command=[sys.executable, "-c", words], env={"SERVICE_KEY": "planted-key-123"})
    assert "bad key ***" in said and "planted" not in said


def test_a_key_in_what_a_server_answers_is_struck_out() -> None:
    key = 'planted/key "123"'
    told = {"content": [{"type": "text", "text": f"you sent {key}"}], "structuredContent": {key: [key, 1]}}
    spec = {
        "tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("tells", "fails", "refuses")],
        "results": {
            "tells": told,
            "fails": {"isError": True, "content": [{"type": "text", "text": json.dumps({"bad": key})}]},
            "refuses": {"error": {"code": -32602, "message": f"bad key {quote(key, safe='')}"}},
        },
    }
    raw = [sys.executable, str(SERVERS.with_name("raw_server.py")), json.dumps(spec)]

    async def work() -> list[tuple[Observation, Any]]:
        async with McpToolbox(raw, env={"SERVICE_KEY": key, "LEVEL": "you"}) as there:
            return [(await there.execute(call(name)), await there.relay(call(name))) for name in there.tools]

    (tells, told_on), (fails, _), (refuses, _) = seen = run(work())
    assert (tells.text, tells.value) == ("you sent ***", {"***": ["***", 1]})
    assert told_on.structured_content == tells.value
    assert (fails.text, refuses.text) == ('Error: {"bad": "***"}', "Error: bad key ***")
    assert not [one for pair in seen for one in pair if "planted" in one.model_dump_json()]


def test_what_a_tool_prints_is_kept_off_the_protocol() -> None:
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    asked = [
        {"id": 1, "method": "initialize", "params": about},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1}}},
    ]
    env = {**os.environ, **ENV, "PYTHONUNBUFFERED": ""}  # empty: as most run it
    with subprocess.Popen(command("ours"), stdin=-1, stdout=-1, stderr=-1, text=True, env=env) as process:
        assert process.stdin and process.stdout
        for one in asked:
            print(json.dumps({"jsonrpc": "2.0"} | one), file=process.stdin, flush=True)
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]  # before the end of its stdin ends it
        rest, printed = process.communicate(timeout=120)
    assert [one["id"] for one in answers] == [1, 2] and rest == ""
    assert "what a tool prints" in printed


def test_half_a_character_in_a_result_is_replaced_and_in_an_argument_refused() -> None:
    half = {"content": [{"type": "text", "text": "cut \ud83d, whole \U0001f600"}], "structuredContent": {"a": "\ud83d"}}
    spec = {"tools": [{"name": "half", "inputSchema": {"type": "object"}}], "results": {"half": half}}
    raw = [sys.executable, str(SERVERS.with_name("raw_server.py")), json.dumps(spec)]

    async def work() -> list[Observation]:
        async with McpToolbox(raw) as there:
            calls = [
                call("half"),
                call("half", a=["\ud83d"]),
                call("half", **{"\ud83d": 1}),
                call("half", a="\U0001f600"),
            ]
            return [await there.execute(one) for one in calls]

    result, argument, name, whole = run(work())
    assert (result.ok, result.text, result.value) == (True, "cut ?, whole \U0001f600", {"a": "?"}) and whole.ok
    why = "holds half of a surrogate pair, which is no text; nothing was sent"
    assert (argument.ok, argument.text, name.text) == (False, f"Error: a: {why}", f"Error: ?: {why}")


@pytest.mark.parametrize("options", [{}, {"command": []}, {"command": ["x"], "url": "http://x"}, {"command": "x y"}])
def test_a_command_or_a_url(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="either a command, as a list of words, or a URL"):
        McpToolbox(**options)


def test_not_entered() -> None:
    toolbox = McpToolbox(command("ours"))
    toolbox._set_tools(mcp_servers.ours().tools.values())
    assert run(toolbox.execute(call("add", a=1))).text.endswith("is not connected")


def test_cancelled_while_entering() -> None:
    async def work() -> None:
        there = McpToolbox(command("mute"), env=ENV)
        task = asyncio.create_task(there.__aenter__())
        await asyncio.sleep(0.3)
        owners = [one for one in asyncio.all_tasks() if one.get_name().startswith("MCP server")]
        assert len(owners) == 1 and not owners[0].done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert owners[0].done()

    run(work())


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} on 127.0.0.1: cannot be had .*; choose another"):
            serve(FunctionToolbox([]), "none", "http", port=port)


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_server_we_did_not_write(everything: list[str], transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(there: McpToolbox) -> None:
        async with there:
            assert {"echo", "get-sum", "get-tiny-image", "get-structured-content"} <= set(there.tools)
            assert "a (number) First number" in there.tools["get-sum"].documentation()
            assert (await there.execute(call("echo", message="hej"))).text == "Echo: hej"
            assert "2 and 3 is 5" in (await there.execute(call("get-sum", a=2, b=3))).text
            assert "[image]" in (await there.execute(call("get-tiny-image"))).text
            weather = await there.execute(call("get-structured-content", location="Chicago"))
            assert isinstance(weather.value["temperature"], int) and '"temperature"' in weather.text
            missing = await there.execute(call("get-sum", a=2))  # the server's own words, not ours
            assert not missing.ok and "Input validation error" in missing.text and re.search(r"\bb\b", missing.text)
            refused = await there.execute(call("get-sum", a="x", b=1))
            assert not refused.ok and "expected number" in refused.text

    if transport == "stdio":
        run(work(McpToolbox([*everything, "stdio"])))
        return
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    port = free_port()
    process = subprocess.Popen(
        [*everything, "streamableHttp"],
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        listening(port, process)
        run(work(McpToolbox(url=f"http://127.0.0.1:{port}/mcp")))
    finally:
        process.kill()
        process.wait(10)
