"""ToolBench and RapidAPI: descriptions as tools, and calls against a contract server on loopback."""

import asyncio
import errno
import json
import logging
import os
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from contract_server import KEY, ContractServer, run, toolbench_answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ste_core.core import store
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Observation, Tool
from ste_core.tools import http
from ste_core.tools.toolbench import RapidApiToolbox, ToolBenchToolbox, load_descriptions

# --- descriptions -----------------------------------------------------------------------------------------------------

JSON_ENTRY = {
    "description": "Facts about\na number.",
    "required_parameters": [{"name": "number", "type": "NUMBER", "description": " The number ", "default": "1729"}],
    "optional_parameters": [
        {"name": "json", "type": "STRING", "description": "", "default": True},
        {"name": "day", "type": "DATE (YYYY-MM-DD)", "description": "", "default": ""},
        {"name": "long", "type": "BOOLEAN", "description": "", "default": "TRUE"},
        {"name": "odd", "type": "GEOPOINT (latitude, longitude)", "description": "", "default": ""},
        {"name": "list", "type": "ARRAY", "description": "", "default": "2"},
    ],
    "parent_tool_name": "Numbers",
    "parent_tool_description": "All about numbers",
}
PROSE = (
    "Add days to a date.. Your input should be a json (args json schema): "
    '{{"date" : string(as yyyy-mm-dd), "days" : integer, }} The Action to trigger this API should be add_date and '
    "the input parameters should be a json dict string. Pay attention to the type of parameters."
)


def written(folder: Path, content: Any) -> Path:
    path = folder / "API_descriptions.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_both_kinds_of_entry(tmp_path: Path) -> None:
    path = written(tmp_path, {"Numbers%%Fact": json.dumps(JSON_ENTRY), "add_date": PROSE})
    fact, date = load_descriptions(path)
    assert fact == Tool(
        name="Numbers%%Fact",
        description="Facts about a number.",
        parameters={
            "type": "object",
            "properties": {
                "number": {"type": "number", "description": "The number", "default": 1729},
                "json": {"type": "string", "default": "true"},
                "day": {"type": "string", "format": "date"},
                "long": {"type": "boolean", "default": True},
                "odd": {},
                "list": {"type": "array"},
            },
            "required": ["number"],
        },
        family="Numbers",
    )
    expected = "Add days to a date. API: add_date. Args: date (string) as yyyy-mm-dd, days (integer)"
    assert date.documentation() == expected
    (tmp_path / "tool2cate.json").write_text('{"Numbers": "Education"}')
    assert [tool.family for tool in load_descriptions(path)] == ["Education", ""]
    (tmp_path / "other.json").write_text('{"Numbers": "Other"}')
    assert load_descriptions(path, tmp_path / "other.json")[0].family == "Other"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ({"a": 1}, "entry 'a': expected a text"),
        ({"ok": "Prose.", "b": '{"description": "x"}'}, "entry 'b': required_parameters: Field required"),
        ({"c": "{broken"}, "entry 'c': Invalid JSON"),
        ({"d": json.dumps({**JSON_ENTRY, "optional_parameters": [{"type": "STRING"}]})}, "entry 'd': optional_para"),
        ({"e": "X. Your input should be a json (args json schema): {{oops}}"}, "entry 'e': cannot read the arguments"),
        ({"f": "X. Your input should be a json (args json schema): "}, "entry 'f': cannot read the arguments"),
    ],
)
def test_a_bad_file_is_named_in_one_line(tmp_path: Path, content: Any, says: str) -> None:
    with pytest.raises(UserError) as raised:
        load_descriptions(written(tmp_path, content))
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_a_missing_file() -> None:
    with pytest.raises(UserError, match=r"nowhere\.json: cannot be read: No such file"):
        load_descriptions("nowhere.json")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["STRING", "NUMBER", "integer", "BOOLEAN", "ENUM", "ARRAY", "OBJECT", "FILE", ""]),
    default=st.none() | st.booleans() | st.integers() | st.text() | st.just("[1]") | st.just('{"a": 1}') | st.just("5"),
    prose=st.text() | st.text().map(lambda text: f"x. Your input should be a json (args json schema): {text}"),
)
def test_any_entry_becomes_a_valid_schema_or_one_line(tmp_path: Path, kind: str, default: Any, prose: str) -> None:
    parameter = {"name": "p", "type": kind, "description": None, "default": default}
    entry = {**JSON_ENTRY, "optional_parameters": [parameter]}
    tool = load_descriptions(written(tmp_path, {"t": json.dumps(entry)}))[0]
    schema = tool.parameters["properties"]["p"]
    Draft202012Validator.check_schema(tool.parameters)
    if "default" in schema:
        Draft202012Validator(schema).validate(schema["default"])
    try:
        assert len(load_descriptions(written(tmp_path, {"t": prose}))) == 1
    except UserError as error:
        assert len(str(error).splitlines()) == 1


def release() -> Path:
    if "STE_RELEASE" not in os.environ:
        pytest.skip("STE_RELEASE is not set")
    return Path(os.environ["STE_RELEASE"])


@pytest.mark.release
def test_all_of_the_release() -> None:
    path = release() / "STE/tool_metadata/API_descriptions.json"
    tools = load_descriptions(path)
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert [tool.name for tool in tools] == list(raw) and len(tools) == 817
    assert len({tool.family for tool in tools}) == 36 + 1  # categories, and none for the ten BMTools tools
    assert sum(not tool.family for tool in tools) == 10
    assert sum(not tool.description for tool in tools) == 10  # neither they nor their parents have one
    properties = [one for tool in tools for one in tool.parameters["properties"].values()]
    assert len(properties) == 1421 - 1 + 11  # ToolBench's, one of them named twice, and BMTools'
    assert all("type" in one for one in properties)
    for tool in tools:
        Draft202012Validator.check_schema(tool.parameters)
        entry = json.loads(raw[tool.name]) if tool.family else {}
        for one in entry.get("required_parameters", []):
            assert one["name"] in tool.parameters["required"]
        for one in tool.parameters["properties"].values():
            if "default" in one:
                Draft202012Validator(one).validate(one["default"])


@pytest.mark.release
def test_the_gold_calls_of_the_release_fit() -> None:
    tools = {tool.name: tool for tool in load_descriptions(release() / "STE/tool_metadata/API_descriptions.json")}
    gold = json.loads((release() / "llama-recipes/ft_datasets/tool_test.json").read_text(encoding="utf-8"))
    odd = []
    for item in (item for items in gold.values() for item in items):
        call = json.loads(item["action_input"])
        if not Draft202012Validator(tools[item["action"]].parameters).is_valid(call):
            odd.append((item["action"], call))
    # two leave out what is required, one gives a boolean for a text
    assert len(odd) == 3 and sum(call == {} for _, call in odd) == 2


# --- execution --------------------------------------------------------------------------------------------------------

FACT = Tool(
    name="Numbers%%Get fact",
    parameters={"type": "object", "properties": {"number": {"type": "number"}, "city": {"type": "string"}}},
    family="Education",
)
CALL = Call(tool=FACT.name, arguments={"number": 7})


@pytest.fixture
def bench(contract: ContractServer, monkeypatch: pytest.MonkeyPatch) -> ContractServer:
    contract.answer = toolbench_answer
    monkeypatch.setenv("TOOLBENCH_KEY", f" {KEY}\n")
    return contract


def ask(toolbox: http.HttpToolbox, *calls: Call) -> Any:
    """Observations of calls made together; a single one for a single call."""

    async def work() -> list[Observation]:
        async with toolbox:
            return await asyncio.gather(*(toolbox.execute(call) for call in calls))

    observations = run(work())
    return observations if len(calls) > 1 else observations[0]


def toolbench(server: ContractServer, **options: Any) -> ToolBenchToolbox:
    return ToolBenchToolbox([FACT], url=f"{server.url}/virtual", **{"rate": 1000, **options})


def test_toolbench_body_and_answer(bench: ContractServer) -> None:
    seen = ask(toolbench(bench), CALL)
    assert seen.ok and seen.value == {"api": "Get fact", "input": {"number": 7}}
    (asked,) = bench.requests
    assert asked["path"] == "/virtual" and asked["headers"]["Content-Type"] == "application/json"
    assert asked["body"] == {
        "category": "Education",
        "tool_name": "Numbers",
        "api_name": "Get fact",
        "tool_input": '{"number": 7}',
        "strip": "filter",
        "toolbench_key": KEY,
    }


def test_arguments_are_the_apis_business(bench: ContractServer) -> None:
    seen = ask(toolbench(bench), Call(tool=FACT.name, arguments={"number": "7", "extra": None}))
    assert seen.value["input"] == {"number": "7", "extra": None}
    assert ask(toolbench(bench), Call(tool="nope", arguments={})).text == "Error: unknown tool 'nope'"


def test_failures_that_pass_are_tried_again(bench: ContractServer) -> None:
    bench.script = [
        (429, {"Retry-After": "1"}, "slow down"),
        (500, {}, "oops"),
        "cut",
        (200, {}, "<html>not JSON</html>"),
    ]
    seen = ask(toolbench(bench, retries=4), CALL)
    assert seen.ok and len(bench.requests) == 5
    waits = [after["time"] - before["time"] for before, after in zip(bench.requests, bench.requests[1:], strict=False)]
    assert waits[0] >= 1.0 > min(waits[1:])


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        ((503, {}, "down"), "status 503: down"),
        ("cut", "no reply (RemoteProtocolError"),
        ((200, {}, "[]"), "not a ToolBench answer"),
    ],
)
def test_failures_that_stay_are_observed(bench: ContractServer, tmp_path: Path, failure: Any, says: str) -> None:
    bench.script = [failure] * 3
    seen = ask(toolbench(bench, retries=2, cache=tmp_path), CALL)
    assert not seen.ok and says in seen.text and len(bench.requests) == 3
    assert ask(toolbench(bench, cache=tmp_path), CALL).ok  # nothing of it was kept


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ((200, {}, '{"error": "Message error: no such city", "response": ""}'), "Error: Message error: no such city"),
        ((404, {}, "no such API"), "Error: status 404: no such API"),
        ((302, {"Location": "http://127.0.0.1:1/"}, ""), "Error: status 302"),
        ((429, {"Retry-After": "3600"}, "quota"), "Error: status 429: quota (come back in 3600 seconds)"),
    ],
)
def test_refusals_are_neither_tried_again_nor_kept(
    bench: ContractServer, tmp_path: Path, refusal: Any, says: str
) -> None:
    bench.script = [refusal]
    seen = ask(toolbench(bench, cache=tmp_path), CALL)
    assert not seen.ok and seen.text.startswith(says) and len(bench.requests) == 1
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        # OpenBMB/ToolBench#174 and #205: the kind in one half, what the API said in the other
        ({"error": "Message error...", "response": "{'message': 'dt: a day'}"}, "Error: Message error: dt: a day"),
        (
            {"error": "Unauthorized error...", "response": {"messages": "no such key"}},
            "Error: Unauthorized error: no such key",
        ),
        ({"error": {"message": "city: required"}}, "Error: city: required"),
        (
            {"error": "API not working error...", "response": "<h1>Bad Gateway</h1>"},
            "Error: API not working error: Bad Gateway",
        ),
    ],
)
def test_both_halves_of_a_failure_are_observed(bench: ContractServer, reply: Any, says: str) -> None:
    bench.script = [(200, {}, json.dumps(reply))]
    seen = ask(toolbench(bench), CALL)
    assert (seen.ok, seen.text) == (False, says) and len(bench.requests) == 1


def test_what_is_no_answer_is_observed_in_its_words(bench: ContractServer) -> None:
    bench.script = [(200, {}, '{"detail": "no such tool in this category"}')]
    assert ask(toolbench(bench, retries=0), CALL).text.endswith("answer: no such tool in this category")
    bench.script = [(422, {}, '{"detail": [{"loc": ["body", "tool_input"], "msg": "must be a text"}]}')]
    assert ask(toolbench(bench), CALL).text == "Error: status 422: body.tool_input: must be a text"


def test_only_failures_are_searched_for_words(bench: ContractServer, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Any] = []
    monkeypatch.setattr(http.refusals, "words", lambda body: searched.append(body) or "said")
    assert ask(toolbench(bench), CALL).ok and not searched
    bench.script = [(404, {}, "no such API")]
    assert ask(toolbench(bench), CALL).text == "Error: status 404: said" and searched == ["no such API"]


def test_a_server_that_is_not_there_or_hangs(bench: ContractServer) -> None:
    bench.script = ["hang"] * 2
    seen = ask(toolbench(bench, retries=1, request_timeout=0.2), CALL)
    assert not seen.ok and "ReadTimeout" in seen.text and seen.seconds < 15
    bench.script = ["hang"]
    assert ask(toolbench(bench, timeout=0.3), CALL).text == "Error: no answer within 0.3 seconds"
    away = ToolBenchToolbox([FACT], url="http://127.0.0.1:9/virtual", retries=1, rate=1000)
    assert "ConnectError" in ask(away, CALL).text


def test_the_cache_answers_the_second_time(
    bench: ContractServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(toolbench(bench, cache=tmp_path / "deep"), CALL)
    monkeypatch.setenv("TOOLBENCH_KEY", "another-key")
    second = ask(toolbench(bench, cache=tmp_path / "deep"), CALL)
    assert (second.ok, second.text, second.value) == (True, first.text, first.value) and len(bench.requests) == 1
    monkeypatch.setenv("TOOLBENCH_KEY", KEY)
    other = ask(toolbench(bench, cache=tmp_path / "deep"), Call(tool=FACT.name, arguments={"number": 8}))
    assert other.value["input"] == {"number": 8} and len(bench.requests) == 2  # the body is part of the cache's key
    for file in tmp_path.rglob("*.json"):
        file.write_text('{"torn')
    assert ask(toolbench(bench, cache=tmp_path / "deep"), CALL).ok and len(bench.requests) == 3


def test_a_cache_out_of_reach(bench: ContractServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="name a folder that can be written"):
        ask(toolbench(bench, cache=tmp_path / "file" / "cache"), CALL)


def test_a_cache_that_cannot_be_written_costs_no_answer(
    bench: ContractServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store.os, "replace", full)
    calls = [Call(tool=FACT.name, arguments={"number": number}) for number in range(3)]
    seen = ask(toolbench(bench, cache=tmp_path), *calls)
    assert [one.value["input"]["number"] for one in seen] == [0, 1, 2] and not list(tmp_path.rglob("*.json*"))
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "No space left on device; answers of tools are not kept" in told


def test_the_rate_holds_for_every_try_and_not_for_the_cache(bench: ContractServer, tmp_path: Path) -> None:
    bench.script = [(500, {}, "")]
    calls = [Call(tool=FACT.name, arguments={"number": number}) for number in range(4)]
    seen = ask(toolbench(bench, rate=4, cache=tmp_path), *calls)
    assert all(one.ok for one in seen) and len(bench.requests) == 5
    assert [one.value["input"]["number"] for one in seen] == [0, 1, 2, 3]
    start = time.monotonic()
    calls = [Call(tool=FACT.name, arguments={"number": number}) for number in range(10, 17)]
    ask(toolbench(bench, rate=4), *calls)
    assert time.monotonic() - start >= 0.7  # four at once, three more at four a second
    start = time.monotonic()
    ask(toolbench(bench, rate=0.1, cache=tmp_path), *[Call(tool=FACT.name, arguments={"number": n}) for n in range(4)])
    assert time.monotonic() - start < 15  # the rate alone would take 30


def test_the_key_is_seen_nowhere(
    bench: ContractServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    quoted = quote(KEY, safe="")
    echo = json.dumps({"error": "", "response": f"you sent {KEY} or {quoted}"})
    bench.script = [
        (200, {"X-Echo": KEY, "Set-Cookie": f"key={KEY}"}, echo),
        (200, {}, json.dumps({"error": f"bad key {KEY}", "response": ""})),
        (401, {}, f"bad key {KEY}"),
        (500, {}, f"bad key {KEY}"),
        (200, {}, f"<html>{KEY}</html>"),
    ]
    toolbox = toolbench(bench, cache=tmp_path, retries=0)
    calls = [Call(tool=FACT.name, arguments={"number": number}) for number in range(5)]
    seen = [ask(toolbox, call) for call in calls]
    assert seen[0].ok and seen[0].text == "you sent *** or ***" and not any(one.ok for one in seen[1:])
    monkeypatch.setenv("RAPIDAPI_KEY", KEY)
    rapid = RapidApiToolbox(
        [FACT], {FACT.name: {"host": "h.example", "path": "/x"}}, base_url=bench.url, cache=tmp_path
    )
    bench.answer = lambda asked: (200, {}, json.dumps(asked["headers"]))
    echoed = ask(rapid, CALL)
    assert echoed.ok and echoed.value["X-RapidAPI-Key"] == "***"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    places = [path.read_text(encoding="utf-8") + str(path) for path in files]
    places += [one.model_dump_json() for one in [*seen, echoed]]
    places += [caplog.text, repr(toolbox), repr(vars(toolbox)), repr(vars(rapid))]
    assert not any(KEY in place or quoted in place for place in places)


def test_a_key_missing_or_unfit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOOLBENCH_KEY", raising=False)
    monkeypatch.delenv("RAPIDAPI_KEY", raising=False)
    with pytest.raises(UserError, match=r"^TOOLBENCH_KEY: not set in the environment; set it"):
        ToolBenchToolbox([FACT], url="http://127.0.0.1:9/virtual")
    with pytest.raises(UserError, match=r"^RAPIDAPI_KEY: not set in the environment; set it"):
        RapidApiToolbox([FACT], {FACT.name: {"host": "h.example", "path": "/x"}})
    monkeypatch.setenv("TOOLBENCH_KEY", "planted\nkey")
    with pytest.raises(UserError, match="a line break") as raised:
        ToolBenchToolbox([FACT], url="http://127.0.0.1:9/virtual")
    assert "planted" not in str(raised.value)


def test_what_toolbench_cannot_know(bench: ContractServer) -> None:
    with pytest.raises(UserError, match="tool 'search': not ToolBench's"):
        ToolBenchToolbox([Tool(name="search", family="x")], url=bench.url)
    with pytest.raises(UserError, match="rate: 0"):
        toolbench(bench, rate=0)


def test_outside_its_context_a_toolbox_says_so(bench: ContractServer) -> None:
    assert "use the toolbox in 'async with'" in run(toolbench(bench).execute(CALL)).text


WEATHER = Tool(
    name="Weather%%Now",
    parameters={"type": "object", "properties": {"city": {"type": "string"}, "days": {}, "on": {}, "where": {}}},
    family="Weather",
)


@pytest.fixture
def rapid(contract: ContractServer, monkeypatch: pytest.MonkeyPatch) -> ContractServer:
    monkeypatch.setenv("RAPIDAPI_KEY", KEY)
    contract.answer = lambda asked: (
        (200, {}, '{"ok": true}') if asked["headers"].get("X-RapidAPI-Key") == KEY else (401, {}, "no key")
    )
    return contract


def rapidapi(server: ContractServer, **endpoint: Any) -> RapidApiToolbox:
    endpoints = {WEATHER.name: {"host": "weather.example", **endpoint}}
    return RapidApiToolbox([WEATHER], endpoints, base_url=server.url, rate=1000)


def test_rapidapi_headers_path_and_query(rapid: ContractServer) -> None:
    arguments = {"city": "São Paulo/SP", "days": [3, 1], "on": True, "where": {"lat": 1.5}}
    seen = ask(rapidapi(rapid, path="/v1/{city}/now"), Call(tool=WEATHER.name, arguments=arguments))
    assert seen.ok and seen.value == {"ok": True}
    (asked,) = rapid.requests
    assert asked["method"] == "GET" and asked["headers"]["X-RapidAPI-Host"] == "weather.example"
    assert asked["path"] == "/v1/S%C3%A3o%20Paulo%2FSP/now"
    assert asked["query"].split("&")[:3] == ["days=3", "days=1", "on=true"] and KEY not in asked["query"]
    assert json.loads(http.httpx2.QueryParams(asked["query"])["where"]) == {"lat": 1.5}


def test_rapidapi_post_text_and_failures(rapid: ContractServer) -> None:
    post = rapidapi(rapid, path="/v1/{city}", method="POST")
    call = Call(tool=WEATHER.name, arguments={"city": "Oslo", "days": 2})
    rapid.script = [(429, {"Retry-After": "0"}, ""), "cut", (200, {}, "sunny")]
    assert ask(post, call).value == "sunny"
    assert [asked["body"] for asked in rapid.requests] == [{"days": 2}] * 3
    assert ask(post, Call(tool=WEATHER.name, arguments={})).text == "Error: missing argument 'city'"
    assert len(rapid.requests) == 3


def test_rapidapi_errors_with_a_good_status_are_errors(rapid: ContractServer) -> None:
    get = rapidapi(rapid, path="/now")
    call = Call(tool=WEATHER.name, arguments={"city": "Oslo"})
    rapid.script = [
        (200, {}, '{"error": {"code": 1006, "message": "no matching location"}}'),
        (200, {}, '{"error": 0.1, "mean": 2}'),
    ]
    assert ask(get, call).text == "Error: no matching location"
    assert ask(get, call).ok, "an error that is a number beside others is a value"
    rapid.script = [(403, {}, '{"message": "You are not subscribed to this API."}')]
    assert ask(get, call).text == "Error: status 403: You are not subscribed to this API."


@pytest.mark.parametrize(
    ("endpoints", "says"),
    [
        ({}, "tool 'Weather%%Now' has none"),
        ({WEATHER.name: {"host": "h", "path": "no-slash"}}, "'Weather%%Now': path"),
        ({WEATHER.name: {"host": "user@evil/x", "path": "/"}}, "'Weather%%Now': host"),
        ({WEATHER.name: {"host": "h", "path": "/{town}"}}, "the tool has no parameter 'town'"),
        ({WEATHER.name: {"host": "h", "path": "/", "key": "x"}}, "'Weather%%Now': key"),
    ],
)
def test_rapidapi_endpoints_are_checked(rapid: ContractServer, endpoints: Any, says: str) -> None:
    with pytest.raises(UserError) as raised:
        RapidApiToolbox([WEATHER], endpoints)
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_retry_after_in_seconds_or_as_a_date() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < http._retry_after(in_a_minute) <= 60
    assert http._retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert [http._retry_after(text) for text in ("2.5", "-1", "soon", None)] == [2.5, 0.0, None, None]
