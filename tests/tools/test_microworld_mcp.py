"""The microworld behind a real MCP server, over both transports: the same tools, the same results."""

import asyncio
import subprocess
import sys

import pytest
from support import ROOT, free_port, listening

from microworld import test_set
from microworld.tools import toolbox
from ste_core.tools.mcp import McpToolbox

COMMAND = [sys.executable, "-m", "microworld.tools", "--mcp"]


@pytest.fixture
def http_url():
    port = free_port()
    process = subprocess.Popen([*COMMAND, "--http", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL)
    listening(port, process)
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.wait(timeout=60)


async def check(served: McpToolbox) -> None:
    here = toolbox()
    async with served:
        assert list(served.tools) == list(here.tools)
        for name, tool in here.tools.items():
            assert served.tools[name].documentation() == tool.documentation()
        for item in test_set.load("dev")[::5]:
            observation = await served.execute(item.gold)
            assert observation.ok, observation.text
            assert here.same_result(item.gold.tool, observation.value, item.result), item
        for function in list(here.functions.values())[::9]:
            special = function.properties
            if special.convention and not special.silent:
                broken = item.gold.model_copy(update={"tool": function.tool.name, "arguments": special.breaks})
                theirs, ours = await served.execute(broken), await here.execute(broken)
                assert not theirs.ok and theirs.text == ours.text


def test_over_stdio():
    asyncio.run(check(McpToolbox(COMMAND)))


def test_over_http(http_url):
    asyncio.run(check(McpToolbox(url=http_url)))
