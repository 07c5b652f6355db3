"""What a server says when it will not answer, whatever the envelope, and which parameters it names.

>>> reason({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "not permitted"}]})
'body.seed: not permitted'
>>> blamed({"error": {"message": "Unsupported parameter: 'stop'", "param": "stop"}}, ["stop", "seed"])
['stop']
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

#: where servers put their reasons, the most telling first
_REASONS = (
    "error", "errors", "message", "msg", "detail", "details", "error_description", "error_message", "errorMessage",
    "error_msg", "status_msg", "statusMessage", "base_resp", "Message", "fault", "faultstring", "title", "description",
    "reason", "info", "metadata", "raw", "failure", "cause", "fieldViolations", "validation_errors", "data", "body",
)  # fmt: skip
#: where they name a parameter
_NAMES = ("param", "params", "parameter", "parameters", "field", "fields", "loc", "path", "instancePath", "property",
          "argument", "name", "key")  # fmt: skip

_DEEPEST, _LONGEST = 8, 500

_UNKNOWN = re.compile(
    r"unsupported|n[o']t (?:\w+ )?support|not compatible|incompatible|unknown|unrecogni[sz]ed|unexpected|extra|"
    r"not (?:be )?(?:permitted|allowed|accepted|available|implemented|recogni[sz]ed|valid)|forbidden|"
    r"not (?:be )?(?:used|specified|set|enabled)|does(?: not|n't) (?:accept|exist|support|allow)|"
    r"cannot (?:be |both )|no such|deprecated|only the default|at the same time|remove|"
    r"invalid (?:parameter|argument|field)|cannot find field|additional propert|disabled|not .{0,20}model",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"must be|should be|between|less than|greater than|at most|at least|out of range|maximum|minimum|"
    r"too (?:large|small|long|high|low)|exceed|valid range",
    re.IGNORECASE,
)
_DEFAULT_ONLY = re.compile(r"only the default|only .{0,20}\bdefault\b.{0,20}supported|does not support [\d.]+", re.I)
_PLAIN = re.compile(r"unsupported|not supported|unknown|unrecogni[sz]ed|not permitted|at the same time", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context (?:length|window|size)|maximum .{0,20}(?:length|context)|too (?:large|long)|reduce the length|"
    r"exceeds? the",
    re.IGNORECASE,
)


def reason(body: Any) -> str:
    """The server's own words in the body of a refusal (JSON or text), on one line; "" if there are none."""
    found: list[str] = []
    for text in _leaves(_parsed(body), 0):
        text = " ".join(text.split())
        if text and not any(text in other for other in found):
            found = [other for other in found if other not in text] + [text]
    return ": ".join(found)[:_LONGEST]


def _parsed(body: Any) -> Any:
    """JSON in a text, as what it stands for; other text without markup."""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if not isinstance(body, str):
        return body
    text = body.strip()
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    if text[:1] == "<":
        text = re.sub(r"(?is)<(script|style)\b.*?</\1>", " ", text[:20_000])
        return re.sub(r"<[^>]*>", " ", text)
    return text


def _leaves(value: Any, depth: int) -> Iterator[str]:
    """The texts that give a reason."""
    if depth > _DEEPEST or value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        inner = _parsed(value)
        if isinstance(inner, str):
            yield inner
        else:
            yield from _leaves(inner, depth + 1)
    elif isinstance(value, list):
        for one in value[:5]:
            yield from _leaves(one, depth + 1)
    elif isinstance(value, dict):
        place, reason = value.get("loc"), value.get("msg")
        if isinstance(place, list) and isinstance(reason, str):  # of pydantic
            yield f"{'.'.join(map(str, place))}: {reason}"
            return
        any_reason = False
        for key in _REASONS:
            if key in value:
                for text in _leaves(value[key], depth + 1):
                    any_reason = True
                    yield text
        if not any_reason:
            told = [value[key] for key in ("code", "type", "status") if isinstance(value.get(key), str | int)]
            yield from map(str, told or ([json.dumps(value, default=str)[:200]] if value and depth == 0 else []))


def status_of(body: Any) -> int | None:
    """The status that an error's body holds itself, as where it came with another one."""
    for place in (body, *(body.get(key) for key in ("error", "detail") if isinstance(body, dict))):
        if isinstance(place, dict):
            for key in ("code", "status_code", "status", "statusCode", "http_code"):
                value = place.get(key)
                if isinstance(value, str) and value.isdigit() and len(value) == 3:
                    value = int(value)
                if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
                    return value
    return None


def blamed(body: Any, sent: Iterable[str]) -> list[str]:
    """Which of the parameters that were sent a refusal names as such: as unknown or not to be used.

    A value out of range, or a prompt that is too long, blames none: there the request is wrong, not the parameter.
    """
    sent = list(sent)
    body = _parsed(body)
    said = reason(body)
    plain = bool(_DEFAULT_ONLY.search(said) or _PLAIN.search(said))
    if not plain and (_TOO_LONG.search(said) or _RANGE.search(said)):
        return []
    if not plain and not _UNKNOWN.search(" ".join([said, *_kinds(body, 0)])):
        return []
    by_name = [name for name in sent if name in set(_named(body, 0))]
    return by_name or [name for name in sent if _mentioned(name, said)]


def mentioned(body: Any, sent: Iterable[str]) -> list[str]:
    """Which of the parameters a refusal speaks of, for whatever reason."""
    body = _parsed(body)
    structured = set(_named(body, 0))
    return [name for name in sent if name in structured or _mentioned(name, reason(body))]


def _mentioned(name: str, said: str) -> bool:
    """Whether a text names a parameter; of a word or letter of plain English only in quotes, or before a colon."""
    said = re.sub(
        r"did you mean.*", "", said, flags=re.IGNORECASE
    )  # Groq's "property 'store' ..., did you mean 'stop'?"
    if "_" in name or name in ("temperature", "logprobs"):
        return bool(re.search(rf"(?<![\w]){re.escape(name)}(?!\w)", said))
    forms = (
        rf"""["'`«“\[(/.]{name}["'`»”\]):,]""", rf"\b{name}\b\s*[:=]",
        rf"(?:parameters?|arguments?|fields?|option|property|name|inputs?)[:\s]+\W?{name}\b",
        rf"\b{name}\b\s+(?:parameter|argument|field|is (?:not|un))",
    )  # fmt: skip
    return bool(re.search("|".join(forms), said, re.IGNORECASE))


def _named(value: Any, depth: int) -> Iterator[str]:
    """The parameters that an error's fields name."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        value = _parsed(value)
    if isinstance(value, list):
        for one in value[:20]:
            yield from _named(one, depth + 1)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in _NAMES:
                for text in one if isinstance(one, list) else [one]:
                    if isinstance(text, str):
                        parts = [part for part in re.split(r"[./\[\]]", text) if part and part not in ("body", "$")]
                        yield from parts[:1]
            yield from _named(one, depth + 1)


def _kinds(value: Any, depth: int) -> Iterator[str]:
    """An error's types and codes, in words."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for one in value[:20]:
            yield from _kinds(one, depth + 1)
    elif isinstance(value, dict):
        for key in ("type", "code", "status", "error_type"):
            if isinstance(value.get(key), str) and value[key] != "invalid_request_error":
                yield value[key].replace("_", " ")
        for one in value.values():
            yield from _kinds(one, depth + 1)
