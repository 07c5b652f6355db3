"""One connection to an MCP server: opened, mended as messages pass, and known to be lost when it is.

>>> link = McpLink(stdio(["python", "server.py"]), "'python server.py'")                                # doctest: +SKIP
>>> await link.open(60, lambda client: client.list_tools())                                          # doctest: +SKIP

The client library checks each message by the protocol's letter, a whole list of tools at once, and results by a tool's
output schema; servers do not keep to the letter. So results are mended on their way in (`_listed`, `_called`,
`_initialized`): what can be read is rewritten as the protocol has it, what cannot is left out and noted.

A *lost* connection is told from a tool's refusal by where an error comes from: what the library says itself, an HTTP
status, a message about a session. Where that is not sure (`Doubtful`), a new session decides.
"""

import asyncio
import json
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TextIO

import httpx2
import mcp_types
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from ste_core.core import json_schema
from ste_core.tools import refusals
from ste_core.tools.base import ConnectionLost, ToolError

LEAVE_SECONDS = 10.0  # the SDK asks a server to end, then kills it: about 6 seconds
HTTP_TIMEOUT = httpx2.Timeout(30.0, read=300.0)  # a server may hold a response open

# the SDK logs what servers do wrong, tracebacks included; who wants to read that can still add a handler
logging.getLogger("mcp").addHandler(logging.NullHandler())
logging.getLogger("client").addHandler(logging.NullHandler())

#: an error about the session, not about the call: "Session not found", "No valid session ID provided"
_SESSION = re.compile(r"\bsession\b|before initiali[sz]ation|not (yet )?initiali[sz]ed", re.I)

#: a result in which a gateway says that the server behind it is gone
_GATEWAY = re.compile(
    r"session (id )?(was |is )?(not found|terminated|expired|closed|invalid)|no valid session|connection closed|"
    r"^(error:? )?not connected|mcp error -32000|server not initiali[sz]ed", re.I,
)  # fmt: skip

#: HTTP statuses by which a server, or what stands before it, says that it cannot be asked just now
_AWAY = (408, 425, 429, 502, 503, 504)


class Doubtful(ConnectionLost):
    """What may be about the session or about the call: if it comes again in a new session, it is the call's answer."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What stands in the data of an error that came over the wire: the HTTP status, and the data themselves."""

    status: int | None
    data: Any


Transport = Callable[[TextIO, dict[str, int]], AbstractAsyncContextManager[Any]]


def stdio(command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Transport:
    """A server that a command starts, on its stdin and stdout."""
    server = StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(env or {}), cwd=cwd)
    return lambda errlog, _: stdio_client(server, errlog=errlog)


def http(url: str) -> Transport:
    """A streamable-HTTP server at an address."""

    @asynccontextmanager
    async def connect(_: TextIO, statuses: dict[str, int]) -> AsyncIterator[Any]:
        async def note(response: httpx2.Response) -> None:
            with suppress(Exception):  # a request without a body, or one that is no message
                statuses[str(json.loads(response.request.content)["id"])] = response.status_code

        async with (
            httpx2.AsyncClient(timeout=HTTP_TIMEOUT, event_hooks={"response": [note]}) as client,
            streamable_http_client(url, http_client=client) as streams,
        ):
            yield streams

    return connect


class McpLink:
    """A connection; it is opened once, and closed, or lost, once.

    Args:
        transport: how the server is reached.
        name: how errors call it.

    Attributes:
        client: None before it is open, and when it is lost or closed.
        notes: what was left out of the server's list of tools, a line each.
        stderr: a started server's last words, once it could not be opened.
    """

    def __init__(self, transport: Transport, name: str) -> None:
        self.client: Client | None = None
        self.notes: list[str] = []
        self.stderr = ""
        self._transport, self._name = transport, name
        self._leaving = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None

    async def open(self, seconds: float, first: Callable[[Client], Awaitable[None]]) -> None:
        """Connect and do the first thing with the client; whatever goes wrong is raised.

        One task of our own enters and leaves the session: anyio wants both in the same task, callers may enter and
        leave in different ones, and a connection that breaks cancels the task that owns it, which must not be theirs.
        """
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own(ready, seconds, first), name=f"MCP server {self._name}")
        try:
            await ready
        except asyncio.CancelledError:
            await self._stop()
            raise

    async def close(self) -> None:
        """Leave; a server that was started ends."""
        if self._owner is None:
            return
        self._leaving.set()
        _, late = await asyncio.wait({self._owner}, timeout=LEAVE_SECONDS)
        if late:
            await self._stop()

    async def _stop(self) -> None:
        assert self._owner is not None
        self._owner.cancel()
        await asyncio.wait({self._owner}, timeout=LEAVE_SECONDS)

    async def _own(
        self, ready: asyncio.Future[None], seconds: float, first: Callable[[Client], Awaitable[None]]
    ) -> None:
        """Connect, do the first thing, stay until `_leaving`; the outcome of the first two is `ready`'s."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr:
            try:
                async with AsyncExitStack() as stack:
                    async with asyncio.timeout(seconds):
                        wire = _Wire(self._transport(stderr, statuses := {}), statuses, self.notes)
                        client = await stack.enter_async_context(Client(wire))  # type: ignore[arg-type]
                        await first(client)
                    self.client = client
                    if not ready.done():
                        ready.set_result(None)
                    await self._leaving.wait()
            except Exception as error:  # after the start: a broken connection, which calls report
                if not ready.done():
                    stderr.seek(0)
                    self.stderr = stderr.read()[-20_000:]
                    ready.set_exception(error)
            finally:
                self.client = None

    async def call(self, tool: str, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        """Call a tool.

        Raises:
            ToolError: the server refuses.
            ConnectionLost: it is gone, or may be (`Doubtful`).
        """
        if self.client is None:
            raise ConnectionLost(f"the MCP server {self._name} is gone")
        try:
            result = await self.client.call_tool(tool, arguments)
        except MCPError as error:
            raise self._refused(error) from None
        except (OSError, httpx2.TransportError) as error:
            raise ConnectionLost(f"the MCP server {self._name} is gone ({type(error).__name__})") from None
        if result.is_error and len(said := _joined(result)) < 500 and _GATEWAY.search(said):
            raise Doubtful(said)
        return result

    def _refused(self, error: MCPError) -> ToolError | ConnectionLost:
        told = error.data if isinstance(error.data, _Told) else None
        if told is None:  # the library's own
            lost = error.code == mcp_types.CONNECTION_CLOSED
            return ConnectionLost(f"the MCP server {self._name} is gone") if lost else ToolError(error.message)
        said = refusals.both(error.message, told.data)
        status = told.status or 200
        if status in _AWAY or (status < 300 and re.match(r"SSE stream|Unexpected content type|Failed to parse", said)):
            return ConnectionLost(f"the MCP server {self._name} gives no answer ({said}, status {status})")
        about_the_call = error.code in (mcp_types.INVALID_PARAMS, mcp_types.METHOD_NOT_FOUND) and status < 500
        if _SESSION.search(said) or (status >= 400 and not about_the_call):
            return Doubtful(said if status < 400 else f"{said} (status {status})")
        return ToolError(said)


def _joined(result: mcp_types.CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, mcp_types.TextContent))


# --- messages, mended as they pass ------------------------------------------------------------------------------------


class _Wire:
    """A transport that mends what comes in: the library checks it only then."""

    def __init__(
        self, transport: AbstractAsyncContextManager[Any], statuses: Mapping[str, int], notes: list[str]
    ) -> None:
        self._transport, self._statuses, self._notes = transport, statuses, notes
        self._asked: dict[str, str] = {}  # what was asked, by the request's number

    async def __aenter__(self) -> tuple["_Reader", "_Writer"]:
        read, write = await self._transport.__aenter__()
        return _Reader(read, self._mended), _Writer(write, self._noted)

    async def __aexit__(self, *about: Any) -> bool | None:
        return await self._transport.__aexit__(*about)

    def _noted(self, item: Any) -> None:
        message = getattr(item, "message", None)
        if isinstance(message, mcp_types.JSONRPCRequest):
            self._asked[str(message.id)] = message.method

    def _mended(self, item: Any) -> Any:
        item = _read(item)
        message = getattr(item, "message", None)
        if not isinstance(message, mcp_types.JSONRPCResponse | mcp_types.JSONRPCError) or message.id is None:
            return item
        asked = self._asked.pop(str(message.id), None)
        status = self._statuses.get(str(message.id))
        if isinstance(message, mcp_types.JSONRPCError):
            if asked != "tools/call" or message.error.code == mcp_types.HEADER_MISMATCH:
                return item
            data = _Told(status, message.error.data)
            error = mcp_types.ErrorData(code=message.error.code, message=message.error.message, data=data)
            return SessionMessage(mcp_types.JSONRPCError(jsonrpc="2.0", id=message.id, error=error), item.metadata)
        mend = {"initialize": _initialized, "tools/call": _called}.get(asked or "")
        result = _listed(message.result, self._notes) if asked == "tools/list" else None
        if mend is not None:
            result = mend(message.result)
        if result is None:
            return item
        return SessionMessage(mcp_types.JSONRPCResponse(jsonrpc="2.0", id=message.id, result=result), item.metadata)


def _read(item: Any) -> Any:
    """A line that the library could not read, as a message with lone surrogates replaced; anything else as it is.

    Servers on Node send half of a pair where they cut a text inside an emoji.
    """
    if isinstance(item, ValidationError):
        with suppress(Exception):  # no message for other reasons
            line = json.dumps(json.loads(item.errors()[0]["input"]), ensure_ascii=False).encode("utf-8", "replace")
            return SessionMessage(mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    return item


@dataclass(slots=True)
class _Reader:
    """A stream of messages, each mended when it is read."""

    inner: Any
    mend: Callable[[Any], Any]

    @property
    def last_context(self) -> Any:
        return getattr(self.inner, "last_context", None)

    async def receive(self) -> Any:
        return self.mend(await self.inner.receive())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self.mend(await self.inner.__anext__())

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def __aenter__(self) -> Self:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *about: Any) -> bool | None:
        return await self.inner.__aexit__(*about)


@dataclass(slots=True)
class _Writer:
    """A stream of messages, each noted when it is sent."""

    inner: Any
    note: Callable[[Any], None]
    _: Any = field(default=None, repr=False)

    async def send(self, item: Any) -> None:
        self.note(item)
        await self.inner.send(item)

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def __aenter__(self) -> Self:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *about: Any) -> bool | None:
        return await self.inner.__aexit__(*about)


def _initialized(result: dict[str, Any]) -> dict[str, Any]:
    """A server's introduction: empty lists for empty objects, a name or version that is missing."""
    can = result.get("capabilities")
    about = result.get("serverInfo")
    about = about if isinstance(about, dict) else {}
    capabilities = {key: one if isinstance(one, dict) else {} for key, one in can.items() if one not in (None, False)} \
        if isinstance(can, dict) else {"tools": {}}  # fmt: skip
    made = {key: one for key, one in result.items() if key != "instructions" or isinstance(one, str)}
    return made | {
        "capabilities": capabilities,
        "serverInfo": {key: str(about.get(key) or "unknown") for key in ("name", "version")},
    }


def _listed(result: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """A page of tools, each as the protocol has it; without those that cannot be one."""
    listed = result.get("tools")
    if isinstance(listed, dict):  # by name
        listed = [{"name": name} | one if isinstance(one, dict) else one for name, one in listed.items()]
    tools = []
    for number, one in enumerate(listed if isinstance(listed, list) else [], 1):
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or not name.strip():
            notes.append(f"tool number {number}: left out, it has no name")
            continue
        given = next((one[key] for key in ("inputSchema", "input_schema", "parameters") if key in one), None)
        schema, odd = json_schema.mend(given)
        notes += json_schema.noted(name, odd)
        about, meta = _about(one), one.get("_meta")
        tools.append(
            {"name": name, "description": about, "inputSchema": _lettered(schema)}
            | ({"_meta": meta} if isinstance(meta, dict) else {})
        )
    made = {key: one for key, one in result.items() if key not in ("tools", "nextCursor", "_meta")}
    more = result.get("nextCursor")
    return made | {"tools": tools} | ({"nextCursor": more} if isinstance(more, str) and more else {})


def _about(tool: dict[str, Any]) -> str:
    """What a tool does, on one line: its description, else its title."""
    notes = tool.get("annotations")
    said = (tool.get("description"), tool.get("title"), notes.get("title") if isinstance(notes, dict) else None)
    texts = (one if isinstance(one, str) else refusals.words(one) for one in said)
    return next((" ".join(one.split()) for one in texts if one.strip()), "")


def _lettered(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what JSON Schema allows and the protocol's letter does not: members that are no objects."""
    members = schema.get("properties")
    if isinstance(members, dict) and not all(isinstance(one, dict | bool) for one in members.values()):
        return schema | {"properties": {name: one for name, one in members.items() if isinstance(one, dict | bool)}}
    return schema


def _called(result: dict[str, Any]) -> dict[str, Any]:
    """A call's result: every part of its content as text, and a value of whatever kind."""
    if result.get("resultType", "complete") != "complete" or "inputRequests" in result:
        return result
    parts = result.get("content", result.get("toolResult", []))
    parts = parts if isinstance(parts, list) else [parts]
    made: dict[str, Any] = {
        "content": [{"type": "text", "text": _shown(one)} for one in parts if one is not None],
        "isError": result.get("isError") in (True, "true", 1),
    }
    if (value := result.get("structuredContent")) is not None:
        made["structuredContent"] = value if isinstance(value, dict) else {"result": value}
    kept = ("resultType", "ttlMs", "cacheScope")
    return {key: result[key] for key in kept if key in result} | made


def _shown(part: Any) -> str:
    """A part of a result as text: texts as they are, resources by address, the rest by its type."""
    if not isinstance(part, dict):
        return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
    kind, held = part.get("type"), part.get("resource")
    if isinstance(part.get("text"), str) and kind in (None, "text"):
        return str(part["text"])
    if isinstance(held, dict):
        return held["text"] if isinstance(held.get("text"), str) else f"[resource {held.get('uri', '')}]"
    if kind == "resource_link":
        return f"[resource {part.get('uri', '')}]"
    if kind in ("image", "audio"):
        return f"[{kind}]"
    return json.dumps(part, ensure_ascii=False)
