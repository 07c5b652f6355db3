"""MCP servers as toolboxes, and any toolbox as an MCP server.

>>> async with McpToolbox(["npx", "-y", "@modelcontextprotocol/server-everything"]) as toolbox:     # doctest: +SKIP
...     observation = await toolbox.execute(Call(tool="echo", arguments={"message": "hi"}))
>>> serve(FunctionToolbox([add]), "calculator")                                                     # doctest: +SKIP

Both sides are the official SDK's (`mcp` 2.x): stdio and streamable HTTP, protocol versions old and new.
"""

import asyncio
import json
import shlex
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

import mcp_types
import uvicorn
from mcp import Client, stdio_server
from mcp.server import Server
from pydantic import JsonValue

from ste_core.core.errors import UserError
from ste_core.core.react import contain
from ste_core.core.records import Call, Observation, Tool
from ste_core.tools import mcp_link
from ste_core.tools.base import ConnectionLost, Toolbox, ToolError, strike

FAMILY = "ste-study/family"  # where a served tool's family stands in its MCP metadata
MAX_PAGES = 1000  # of a tool list: a server whose pages never end must not keep us
ASKED_AGAIN = 2  # times a call is, whose answer was lost with its connection
KEY_CHARS = 8  # of a value that may be a key; shorter ones stand in texts for other reasons


class McpToolbox(Toolbox):
    """The tools of an MCP server; entering the context connects and lists them, leaving closes.

    Arguments are not checked here: the server does that, and its words are what there is to learn. A connection that is
    lost (the server ended, was deployed anew, forgot the session) is made again, a command started again, and the call
    asked again, so a call may run twice; what cannot be reached any more is `lost`, and says nothing about a tool.

    Args:
        command: the words of a command that starts a server on its stdin and stdout; or
        url: the address of a streamable-HTTP server.
        env: environment variables for the command, beside the few that are safe to inherit (PATH, HOME and the like):
            a server's key goes here, from this process's environment; what comes back has `***` for a value of 8
            characters or more.
        cwd: where the command starts; default here.
        timeout: seconds a call may take.
        start_timeout: seconds connecting and listing may take (`npx` may have to download).
        reconnect_timeout: seconds a server that is gone is waited for.
        max_chars: characters of an observation the model gets to see.
        secret_url: whether the address holds a key; what comes back has `***` for it, too.

    Raises:
        UserError: neither or both of `command` and `url`; on entry, a server that is not there, ends or hangs.
    """

    _checks = False

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        url: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 10.0,
        start_timeout: float = 60.0,
        reconnect_timeout: float = 30.0,
        max_chars: int = 2048,
        secret_url: bool = False,
    ) -> None:
        super().__init__(timeout=timeout, max_chars=max_chars)
        if bool(command) == bool(url) or isinstance(command, str):
            raise UserError("MCP server: give either a command, as a list of words, or a URL")
        self.start_timeout = start_timeout
        self.reconnect_timeout = reconnect_timeout
        self._command = list(command or ())
        self._url = url
        env = dict(env or {})
        keys = [*env.values(), *(_keys(url) if url and secret_url else ())]
        # the longest first: one may hold another
        self._keys = sorted({key for key in keys if len(key) >= KEY_CHARS}, key=lambda key: (-len(key), key))
        self._transport = mcp_link.http(url) if url else mcp_link.stdio(self._command, env, cwd)
        self._link: mcp_link.McpLink | None = None
        self._left = False

    async def __aenter__(self) -> Self:
        self._lost, self._left = "", False
        self._mending = asyncio.Lock()
        listed: list[Tool] = []

        async def first(client: Client) -> None:
            listed.extend(await _list_tools(client))

        self._link = await self._connected(first)
        self._set_tools(listed, self._link.notes)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        if self._link is not None:
            await self._link.close()

    async def _connected(self, first: Any) -> mcp_link.McpLink:
        link = mcp_link.McpLink(self._transport, self._name)
        try:
            await link.open(self.start_timeout, first)
        except Exception as error:
            raise UserError(f"MCP server {self._name}: {self._why(error, link.stderr)}") from None
        return link

    @property
    def _name(self) -> str:
        if not self._url:
            return f"'{shlex.join(self._command)}'"
        parts = urlsplit(self._url)  # user, path and query may hold a key
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    @property
    def lost(self) -> str:
        if self._left and self._link is not None:
            return f"the MCP server {self._name} is gone"
        return self._lost

    async def _recover(self, loss: ConnectionLost, asked_again: int) -> bool:
        """Connect again, once for all calls that lost the same connection."""
        if isinstance(loss, mcp_link.Doubtful) and asked_again:
            return False  # in a new session as well: it is the call's answer
        if self._left or self._link is None:
            return False
        if asked_again >= ASKED_AGAIN:
            self._lost = self._strike(f"{loss}: {1 + asked_again} times, whenever one tool was called")
            return False
        broken = self._link
        async with self._mending:
            if self._link is not broken and self._link.client is not None:
                return True  # another call has
            await self._link.close()
            end = asyncio.get_running_loop().time() + self.reconnect_timeout
            wait = 0.1
            while not self._left:
                try:
                    self._link = await self._connected(_nothing)
                    return True
                except UserError:
                    if asyncio.get_running_loop().time() + wait > end:
                        break
                await asyncio.sleep(wait)
                wait = min(2 * wait, 2.0)
        self._lost = f"the MCP server {self._name} is gone"
        return False

    def _why(self, error: BaseException, stderr: str) -> str:
        """What went wrong at the start, and what to do about it, in one line."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, TimeoutError):
            return f"no answer within {self.start_timeout:g} seconds; check that it is an MCP server"
        said = " ".join(str(error).split())
        said = self._strike(said.replace(self._url, self._name) if self._url else said)[:200] or type(error).__name__
        if self._url:
            return f"cannot be reached ({said}); check the URL and that the server runs"
        if isinstance(error, OSError):
            return f"cannot be started ({error.strerror or said}); check the command"
        last = self._strike(next((line for line in reversed(stderr.splitlines()) if line.strip()), ""))
        said += f"; its last words: {' '.join(last.split())[:200]}" if last else ""
        return f"ended before it listed its tools ({said}); run the command in a terminal to see why"

    async def _run(self, call: Call) -> JsonValue:
        if self._link is None:
            raise ToolError(f"the MCP server {self._name} is not connected")
        result = await self._ask(self._link, call)
        shown = "\n".join(part.text for part in result.content if isinstance(part, mcp_types.TextContent))
        value = result.structured_content
        if result.is_error:
            raise ToolError(shown.removeprefix("Error: ") or _text(value))
        if value is None:
            return shown
        # servers wrap what is no object as {"result": ...} and show the bare value
        if isinstance(value, dict) and list(value) == ["result"] and shown == contain(_text(value["result"])):
            value = value["result"]
        return _Reply(shown if result.content else _text(value), value)

    async def relay(self, call: Call) -> mcp_types.CallToolResult:
        """A call's result for whoever passes it on: neither cut nor made fit for a prompt; errors are results."""
        asked_again = 0
        while True:
            try:
                problem = self._problem(call)
                if problem or self._link is None:
                    return _refusal(problem or f"the MCP server {self._name} is not connected")
                async with asyncio.timeout(self.timeout):
                    return await self._ask(self._link, call)
            except ConnectionLost as loss:
                if not await self._recover(loss, asked_again):
                    return _refusal(self._strike(self._lost or str(loss)))
                asked_again += 1
            except ToolError as error:
                return _refusal(self._strike(str(error)))
            except TimeoutError:
                return _refusal(f"no answer within {self.timeout:g} seconds")

    def _observe(self, ok: bool, text: str, value: JsonValue, start: float) -> Observation:
        if isinstance(value, _Reply):
            text, value = str(value), value.value
        return super()._observe(ok, self._strike(text), value, start)

    async def _ask(self, link: mcp_link.McpLink, call: Call) -> mcp_types.CallToolResult:
        """A call's result, the server's keys struck out of it."""
        result = await link.call(call.tool, call.arguments)
        for part in result.content:
            if isinstance(part, mcp_types.TextContent):
                part.text = self._strike(part.text)
        if self._keys and result.structured_content is not None:
            result.structured_content = self._struck(result.structured_content)
        return result

    def _strike(self, text: str) -> str:
        for key in self._keys:
            text = strike(text, key)
        return text

    def _struck(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._strike(name): self._struck(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._struck(one) for one in value]
        return self._strike(value) if isinstance(value, str) else value


def _refusal(text: str) -> mcp_types.CallToolResult:
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(text=f"Error: {text}")], is_error=True)


def _keys(url: str) -> list[str]:
    """An address with a key in it, and its parts that may be the key or hold it."""
    parts = urlsplit(url)
    asked = url.partition(parts.netloc)[2]  # all that a server sees of it
    return [url, asked, parts.username or "", parts.password or "", *(value for _, value in parse_qsl(parts.query))]


async def _nothing(_: Client) -> None:
    """The tools are known already."""


class _Reply(str):
    """What a server shows, with the structured value beside it (a plain result is shown as its own JSON)."""

    value: JsonValue

    def __new__(cls, shown: str, value: JsonValue) -> Self:
        reply = super().__new__(cls, shown)
        reply.value = value
        return reply


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


async def _list_tools(client: Client) -> list[Tool]:
    tools: list[Tool] = []
    cursor = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            family = (tool.meta or {}).get(FAMILY)
            tools.append(
                Tool(
                    name=tool.name,
                    description=tool.description or "",
                    parameters=tool.input_schema,
                    family=family if isinstance(family, str) else "",
                )
            )
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


def serve(
    toolbox: Toolbox,
    name: str,
    transport: Literal["stdio", "http"] = "stdio",
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
) -> None:
    """Serve a toolbox as an MCP server, until stdin closes (stdio) or an interrupt (http, at `http://host:port/mcp`).

    A call that fails is a result with `isError`; a result is shown as text, with the value beside it as structured
    content (an object as it is, anything else as `{"result": ...}`, as the SDK's own servers do).

    A toolbox with a method `relay` (an MCP server's tools passed on) gives results of the protocol itself.

    Raises:
        UserError: the port cannot be had.
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(toolbox, name, transport, host, port))


async def _serve(toolbox: Toolbox, name: str, transport: Literal["stdio", "http"], host: str, port: int) -> None:
    async with toolbox:
        server = _server(toolbox, name)
        if transport == "stdio":
            async with stdio_server() as (read, write):
                # what a tool prints would wait in the buffer of `sys.stdout` until the protocol has its stream back
                with redirect_stdout(sys.stderr):
                    await server.run(read, write, server.create_initialization_options())
            return
        try:
            listener = socket.create_server((host, port))
        except OSError as error:
            raise UserError(f"port {port} on {host}: cannot be had ({error.strerror}); choose another") from None
        with listener:
            # asyncio leaves this off for sockets made elsewhere; without it every answer waits 40 ms
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            config = uvicorn.Config(server.streamable_http_app(host=host), log_level="warning")
            await uvicorn.Server(config).serve(sockets=[listener])


def _server(toolbox: Toolbox, name: str) -> Server[Any]:
    listed = [
        mcp_types.Tool(
            name=tool.name,
            description=tool.description,
            input_schema=tool.parameters,
            _meta={FAMILY: tool.family} if tool.family else None,
        )
        for tool in toolbox.tools.values()
    ]

    async def list_tools(_: Any, __: mcp_types.PaginatedRequestParams | None) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=listed)

    async def call_tool(_: Any, asked: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        call = Call(tool=asked.name, arguments=asked.arguments or {})
        relay = getattr(toolbox, "relay", None)
        if relay is not None:
            return await relay(call)
        seen = await toolbox.execute(call)
        shown = mcp_types.TextContent(text=seen.text)
        if not seen.ok:
            return mcp_types.CallToolResult(content=[shown], is_error=True)
        if seen.truncated or seen.value == seen.text:
            return mcp_types.CallToolResult(content=[shown])
        value = seen.value if isinstance(seen.value, dict) else {"result": seen.value}
        return mcp_types.CallToolResult(content=[shown], structured_content=value)

    return Server(name, on_list_tools=list_tools, on_call_tool=call_tool)
