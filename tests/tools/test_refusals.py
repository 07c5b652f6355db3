"""What APIs say when they refuse, in the envelopes that they say it in; the reports are named, the data are ours."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ste_core.tools import refusals

BODIES = [
    # aikts/yandex-tracker-mcp#53: the words stand under `errorMessages`
    ('{"errors":{},"errorsData":{},"errorMessages":["already linked"],"statusCode":422}', "already linked"),
    # RFC 9457, problem details
    (
        '{"type":"https://e.x/p","title":"Bad Request","status":400,"detail":"city is required"}',
        "city is required; Bad Request",
    ),
    # FastAPI's 422
    ('{"detail":[{"loc":["body","dt"],"msg":"field required","type":"missing"}]}', "body.dt: field required"),
    # NestJS: a list of messages
    (
        '{"statusCode":400,"error":"Bad Request","message":["name is empty"],"path":"/api"}',
        "name is empty; Bad Request",
    ),
    # Laravel's and Rails' fields
    (
        '{"message":"Invalid.","errors":{"date":["is not a date"],"id":["is taken"]}}',
        "Invalid.; date: is not a date; id: is taken",
    ),
    # RapidAPI's gateway and its older `messages`
    ('{"messages":"The request is invalid."}', "The request is invalid."),
    ("{'message': 'You are not subscribed to this API.'}", "You are not subscribed to this API."),
    # Google's error details
    (
        '{"error":{"message":"Invalid","details":[{"fieldViolations":[{"field":"dt","description":"a day"}]}]}}',
        "Invalid; fieldViolations: dt: a day",
    ),
    ('{"error":true,"reason":"Latitude must be in range"}', "Latitude must be in range"),  # open-meteo
    ('{"error":"invalid_request","error_description":"Missing scope"}', "Missing scope; invalid_request"),  # RFC 6749
    ('{"message":"Invalid","hint":"use yyyy-MM-dd"}', "Invalid; hint: use yyyy-MM-dd"),
    ("<html><head><title>404</title></head><body><h1>Not Found</h1>\n</body></html>", "Not Found"),
    ("<Error><Code>NoSuchKey</Code><Message>No such key.</Message></Error>", "NoSuchKey No such key."),
    ("plain words", "plain words"),
    ("", ""),
    ('{"code":"E42"}', "E42"),
    ("{broken", "{broken"),
]


@pytest.mark.parametrize(("body", "words"), BODIES)
def test_the_words_of_an_error(body: str, words: str) -> None:
    assert refusals.words(body) == words


@pytest.mark.parametrize(
    ("kind", "said", "words"),
    [
        # OpenBMB/ToolBench#174, #205
        (
            "Message error...",
            "{'error': {'message': 'dt: a day as yyyy-MM-dd'}}",
            "Message error: dt: a day as yyyy-MM-dd",
        ),
        ("Unsubscribed error...", '{"message": "not subscribed"}', "Unsubscribed error: not subscribed"),
        ("city: required", "", "city: required"),
        ("no such city", "Error: no such city", "Error: no such city"),
        ({"message": "a"}, None, "a"),
    ],
)
def test_both_halves(kind: Any, said: Any, words: str) -> None:
    assert refusals.both(kind, said) == words


def test_what_is_nothing_but_an_error() -> None:
    assert refusals.is_error({"error": "no", "status": 404}) and refusals.is_error({"success": False, "message": "no"})
    for good in (
        {"error": None, "x": 1},
        {"message": "Hello"},
        {"errors": [], "data": 1},
        {"error": 0.1, "mean": 2},
        [],
    ):
        assert not refusals.is_error(good)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "message", "loc", "x", "path"]), inner)
    ),
    max_leaves=10,
)


@given(json_values)
def test_any_body_has_words_on_one_line(body: Any) -> None:
    said = refusals.both(body, body)
    assert len(said.splitlines()) <= 1 and isinstance(refusals.is_error(body), bool)


def test_a_page_without_end_takes_no_time() -> None:
    start = time.process_time()
    for tag in ("<script>", "<", "<title>"):
        refusals.words("<html>" + tag * 40_000)
    assert time.process_time() - start < 15  # a minute and more without a bound
