"""What the other side said when it refused: the words in an error's body, whatever its envelope.

>>> words('{"error": {"code": 400, "message": "dt: a day as yyyy-MM-dd"}}')
'dt: a day as yyyy-MM-dd'
>>> words({"detail": [{"loc": ["body", "city"], "msg": "field required", "type": "missing"}]})
'body.city: field required'
>>> both("Message error...", "{'message': 'no such city'}")
'Message error: no such city'

An error often has two halves: a kind ("Bad Request"), and what the caller did wrong. The second is what an agent can
learn from, and it stands under many names, in JSON, in Python's notation, in HTML or in plain text. Nothing that speaks
is dropped; what only identifies the request (a time, a path, a number) is.
"""

import ast
import html
import json
import re
from collections.abc import Iterable
from typing import Any

#: names under which the words of an error stand, the most telling first, in lower case without punctuation
_SPEAKING = (
    "message", "messages", "msg", "errormessage", "errormessages", "detail", "details", "errordescription",
    "description", "reason", "title", "fault", "faultstring", "error", "errors", "exception",
)  # fmt: skip

#: names of what identifies a request or classifies an error, and says nothing about what was wrong
_SILENT = {
    "status", "statuscode", "httpstatus", "httpcode", "timestamp", "time", "date", "path", "instance", "requestid",
    "traceid", "correlationid", "id", "jsonrpc", "documentationurl", "docs", "helpurl", "url", "success", "ok",
}  # fmt: skip

#: names of what is long and says nothing to a caller
_NOISE = {"stack", "stacktrace", "trace", "input", "ctx"}

#: names of an error's class, which say something only if nothing else does
_KIND = {"type", "code", "errorcode", "errortype", "name", "kind", "level", "errorsdata"}

_DEEPEST = 12
#: characters of a page that are looked at: what finds its tags may take the square of its length
_LONGEST_PAGE = 20_000


def words(body: Any) -> str:
    """What an error's body says, on one line; empty if it says nothing.

    Args:
        body: text (JSON, Python's notation, HTML, XML or plain), or the value it stands for.
    """
    return " ".join(_words(body, _DEEPEST).split())


def both(kind: Any, said: Any) -> str:
    """An error's two halves as one line: its kind, and what the other side said; once, if one holds the other."""
    first, second = words(kind), words(said)
    if not second or second in first:
        return first
    if not first or first.rstrip(".: ") in second:
        return second
    return f"{first.rstrip('.: ')}: {second}"


def is_error(value: Any) -> bool:
    """Whether a JSON value is nothing but an error: it says so, and holds nothing beside that an error does not.

    >>> is_error({"error": "city: required", "status": 400}), is_error({"error": "", "temperature": 21})
    (True, False)
    """
    if not isinstance(value, dict):
        return False
    named = {_plain(key): one for key, one in value.items()}
    says_so = bool(named.get("error") or named.get("errors")) or (
        named.get("success") is False and any(named.get(key) for key in _SPEAKING)
    )
    return says_so and named.keys() <= _SILENT | _NOISE | _KIND | set(_SPEAKING)


def _words(body: Any, depth: int) -> str:
    if body is None or body == "" or depth < 0:
        return ""
    if isinstance(body, str):
        return _text(body, depth)
    if isinstance(body, dict):
        return _object(body, depth)
    if isinstance(body, list | tuple):
        return "; ".join(dict.fromkeys(filter(None, (_words(one, depth - 1) for one in body))))
    return str(body) if not isinstance(body, bool) else ""


def _text(text: str, depth: int) -> str:
    start = text.strip()
    if start[:1] in ("{", "[", '"'):
        for read in (json.loads, ast.literal_eval):
            try:
                value = read(start)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if value != text:
                return _words(value, depth - 1) or start
    if re.match(r"<(!doctype|html|\?xml|[A-Za-z][\w:]*[ />])", start, re.IGNORECASE):
        start = start[:_LONGEST_PAGE]
        bare = re.sub(r"(?is)<(script|style|head)\b.*?</\1\s*>", " ", start)
        bare = html.unescape(re.sub(r"<[^>]*>", " ", bare)).strip()
        title = re.search(r"(?is)<title[^>]*>(.*?)</title>", start)
        return bare or (html.unescape(title[1]) if title else "")
    return start


def _object(body: dict[Any, Any], depth: int) -> str:
    place = next((body[key] for key in ("loc", "path", "field", "property", "param") if key in body), None)
    said = next((body[key] for key in ("msg", "message", "description", "issue") if key in body), None)
    if place and isinstance(said, str) and isinstance(place, list | str) and not str(place).startswith("/"):
        where = place if isinstance(place, str) else ".".join(map(str, place))
        return said if re.search(rf"(?<!\w){re.escape(where)}(?!\w)", said) else f"{where}: {said}"
    named = {_plain(key): (key, one) for key, one in body.items()}
    spoken = [_words(named[name][1], depth - 1) for name in _SPEAKING if name in named]
    others = [
        f"{key}: {text}"
        for name, (key, one) in named.items()
        if not (name in _SPEAKING or name in _NOISE | _KIND or (any(spoken) and name in _SILENT and _mute(one)))
        and (text := _words(one, depth - 1))
    ]
    parts = _once([*spoken, *others])
    if not parts:
        parts = _once(_words(named[name][1], depth - 1) for name in sorted(_KIND) if name in named)
    return "; ".join(parts)


def _mute(value: Any) -> bool:
    """Whether a value under a silent name is one: a number, a time, a path; a sentence or a list may be a field's."""
    return not isinstance(value, str | list | dict) or (isinstance(value, str) and " " not in value.strip())


def _once(parts: Iterable[str]) -> list[str]:
    """The parts that say something, without those that another one holds."""
    said = list(dict.fromkeys(filter(None, parts)))
    return [one for one in said if not any(one != other and one in other for other in said)]


def _plain(key: Any) -> str:
    return re.sub(r"[^a-z]", "", str(key).lower())
