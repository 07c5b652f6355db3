"""MCP servers for the tests, each in a process of its own: `python mcp_servers.py NAME [PORT]`.

`ours` is a function toolbox behind `serve`; `parts` is written on the SDK alone: it lists its tools in pages and
answers with every kind of content; `endless` never runs out of pages; `mute` starts and says nothing.
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import mcp_types
from mcp import stdio_server
from mcp.server import Server

from ste_core.tools.base import ToolError
from ste_core.tools.functions import FunctionToolbox, function_tool
from ste_core.tools.mcp import serve


@function_tool(family="numbers")
def add(a: float, b: float = 0.0) -> float:
    """Add two numbers."""
    print("what a tool prints is no part of the protocol")
    return a + b


@function_tool(family="lists", name="Odd name%%Español")
def turn(items: list[int]) -> list[int]:
    """Turn a list round."""
    return items[::-1]


def say(text: str) -> str:
    return text


def record(city: str) -> dict[str, Any]:
    return {"result": {"city": city}}


def nothing() -> None:
    return None


def refuse(why: str) -> str:
    raise ToolError(why)


def crash() -> str:
    raise ValueError("a bug")


def hang(seconds: float, mark: str = "") -> str:
    if mark:
        Path(mark).touch()  # the call has arrived
    time.sleep(seconds)
    return "late"


def pid() -> int:
    return os.getpid()


def die() -> str:
    os._exit(3)


def ours() -> FunctionToolbox:
    return FunctionToolbox([add, turn, say, record, nothing, refuse, crash, hang, pid, die])


def by_hand(endless: bool) -> Server[Any]:
    names = ["text", "image", "mixed", "structured", "link", "embedded", "empty", "failing"]

    async def list_tools(_: Any, asked: mcp_types.PaginatedRequestParams | None) -> mcp_types.ListToolsResult:
        start = int(asked.cursor or 0) if asked else 0
        schema = {"type": "object", "properties": {}}
        page = [mcp_types.Tool(name=name, input_schema=schema) for name in names[start : start + 3]]
        more = endless or start + 3 < len(names)
        return mcp_types.ListToolsResult(tools=page, next_cursor=str(start + 3) if more else None)

    async def call_tool(_: Any, asked: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        text = mcp_types.TextContent(text="some text")
        image = mcp_types.ImageContent(data="aGk=", mime_type="image/png")
        page = mcp_types.TextResourceContents(uri="demo://page", text="a page")
        blob = mcp_types.BlobResourceContents(uri="demo://blob", blob="aGk=")
        parts: dict[str, list[mcp_types.ContentBlock]] = {
            "text": [text, text],
            "image": [image],
            "mixed": [text, image, mcp_types.AudioContent(data="aGk=", mime_type="audio/wav")],
            "structured": [text],
            "link": [mcp_types.ResourceLink(uri="demo://link", name="link")],
            "embedded": [mcp_types.EmbeddedResource(resource=page), mcp_types.EmbeddedResource(resource=blob)],
            "failing": [mcp_types.TextContent(text="Error: no such thing"), image],
        }
        if asked.name == "structured":
            return mcp_types.CallToolResult(content=parts["structured"], structured_content={"degrees": 21})
        return mcp_types.CallToolResult(content=parts.get(asked.name, []), is_error=asked.name == "failing")

    return Server("by hand", on_list_tools=list_tools, on_call_tool=call_tool)


async def run_by_hand(server: Server[Any]) -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    which = sys.argv[1]
    if which == "ours" and len(sys.argv) > 2:
        serve(ours(), "ours", "http", port=int(sys.argv[2]))
    elif which == "ours":
        serve(ours(), "ours")
    elif which == "mute":
        time.sleep(60)
    else:
        asyncio.run(run_by_hand(by_hand(endless=which == "endless")))
