"""ToolBench and RapidAPI: APIs as in the paper, executed by a ToolBench server or at RapidAPI itself.

>>> tools = load_descriptions("API_descriptions.json")                              # doctest: +SKIP
>>> async with ToolBenchToolbox(tools[:5], url="http://127.0.0.1:8080/virtual") as toolbox:     # doctest: +SKIP
...     observation = await toolbox.execute(call)

Keys come from the environment (`TOOLBENCH_KEY`, `RAPIDAPI_KEY`) and nowhere else. Retries, rate limit and the cache on
disk are those of `ste_core.tools.http`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, JsonValue, ValidationError

from ste_core.core.errors import UserError
from ste_core.core.records import Call, Record, Tool
from ste_core.tools import refusals
from ste_core.tools.base import ToolError
from ste_core.tools.docs import SEPARATOR, load_descriptions
from ste_core.tools.http import ERROR_CHARS, HttpRequest, HttpToolbox, PassingFailure

__all__ = ["Endpoint", "RapidApiToolbox", "ToolBenchToolbox", "load_descriptions"]


class ToolBenchToolbox(HttpToolbox):
    """Tools behind a ToolBench server (or StableToolBench, which simulates one); key from `TOOLBENCH_KEY`.

    A tool's name is `tool%%api` and its family the category, as `load_descriptions` gives them.

    Args:
        tools: the tools.
        url: the server's endpoint, ending in `/rapidapi` or `/virtual`.
        strip: how the server shortens long replies ("filter" in the paper's code; "truncate", "" for not at all).
        options: `rate`, `retries`, `cache` and time-outs, see `HttpToolbox`.

    Raises:
        UserError: no key in the environment, or a tool that ToolBench cannot know.
    """

    def __init__(self, tools: Iterable[Tool], *, url: str, strip: str = "filter", **options: Any) -> None:
        tools = list(tools)
        for tool in tools:
            if SEPARATOR not in tool.name or not tool.family:
                raise UserError(
                    f"tool '{tool.name}': not ToolBench's (its name is tool{SEPARATOR}api, its family a category)"
                )
        super().__init__(tools, key_variable="TOOLBENCH_KEY", **options)
        self._url = url
        self._strip_rule = strip

    def _request(self, call: Call) -> HttpRequest:
        tool, api = call.tool.split(SEPARATOR, 1)
        body: dict[str, JsonValue] = {
            "category": self._tools[call.tool].family,
            "tool_name": tool,
            "api_name": api,
            "tool_input": json.dumps(call.arguments, ensure_ascii=False),
            "strip": self._strip_rule,
        }
        return HttpRequest("POST", self._url, body=body)

    def _sign(self, request: HttpRequest) -> HttpRequest:
        assert isinstance(request.body, dict)
        return replace(request, body={**request.body, "toolbench_key": self._key.get_secret_value()})

    def _answer(self, text: str) -> JsonValue:
        reply = super()._answer(text)
        if not isinstance(reply, dict) or not {"response", "error"} & reply.keys():
            said = refusals.words(reply)[:ERROR_CHARS]
            raise PassingFailure(f"the reply is not a ToolBench answer{': ' if said else ''}{said}")
        if reply.get("error"):
            # the first half is often a kind only ("Message error..."); what the API said stands in the second
            raise ToolError(refusals.both(reply["error"], reply.get("response")))
        return reply.get("response")


class Endpoint(Record):
    """Where a RapidAPI tool lives: host, path with arguments in braces (`/v1/{city}/now`), HTTP method."""

    host: str = Field(pattern=r"^[A-Za-z0-9.-]+$")
    path: str = Field(pattern=r"^/")
    method: Literal["GET", "POST"] = "GET"


class RapidApiToolbox(HttpToolbox):
    """Tools at RapidAPI, called by its headers; key from `RAPIDAPI_KEY`.

    Arguments named in an endpoint's path go there, the others into the query (GET) or a JSON body (POST). A POST is
    tried again after a failure too: set `retries=0` for one that must not happen twice.

    Args:
        tools: the tools.
        endpoints: tool name to `Endpoint`, or to its fields.
        base_url: a server to ask instead of `https://<host>` (a recorder, a test).
        options: `rate`, `retries`, `cache` and time-outs, see `HttpToolbox`.

    Raises:
        UserError: no key in the environment, a tool without an endpoint, or an endpoint that cannot be one.
    """

    def __init__(
        self,
        tools: Iterable[Tool],
        endpoints: Mapping[str, Endpoint | Mapping[str, Any]],
        *,
        base_url: str | None = None,
        **options: Any,
    ) -> None:
        tools = list(tools)
        self._endpoints = {tool.name: _endpoint(tool, endpoints) for tool in tools}
        self._base_url = base_url
        super().__init__(tools, key_variable="RAPIDAPI_KEY", **options)

    def _request(self, call: Call) -> HttpRequest:
        endpoint = self._endpoints[call.tool]
        rest = dict(call.arguments)

        def fill(slot: re.Match[str]) -> str:
            if slot[1] not in rest:
                raise ToolError(f"missing argument '{slot[1]}'")
            return quote(_plain(rest.pop(slot[1])), safe="")

        url = (self._base_url or f"https://{endpoint.host}").rstrip("/") + _SLOT.sub(fill, endpoint.path)
        headers = {"X-RapidAPI-Host": endpoint.host}
        if endpoint.method == "POST":
            return HttpRequest("POST", url, body=rest, headers=headers)
        query = [(name, _plain(one)) for name, value in rest.items() for one in _each(value)]
        return HttpRequest("GET", url, query=tuple(query), headers=headers)

    def _answer(self, text: str) -> JsonValue:
        reply = super()._answer(text)
        if refusals.is_error(reply):  # with status 200, as many of these APIs do
            raise ToolError(refusals.words(reply))
        return reply

    def _sign(self, request: HttpRequest) -> HttpRequest:
        return replace(request, headers={**request.headers, "X-RapidAPI-Key": self._key.get_secret_value()})


_SLOT = re.compile(r"\{([^{}]+)\}")


def _endpoint(tool: Tool, endpoints: Mapping[str, Endpoint | Mapping[str, Any]]) -> Endpoint:
    if tool.name not in endpoints:
        raise UserError(f"endpoints: tool '{tool.name}' has none; give its host and path, or leave the tool out")
    try:
        endpoint = Endpoint.model_validate(endpoints[tool.name])
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"endpoints: '{tool.name}': {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    parameters = tool.parameters.get("properties")
    for slot in _SLOT.findall(endpoint.path):
        if not isinstance(parameters, dict) or slot not in parameters:
            raise UserError(f"endpoints: '{tool.name}': path: the tool has no parameter '{slot}'")
    return endpoint


def _each(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _plain(value: JsonValue) -> str:
    """A value as a URL shows it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
