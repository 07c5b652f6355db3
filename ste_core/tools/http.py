"""Tools behind HTTP requests that carry a key: retries, a rate limit, a cache on disk, and a key that stays unseen.

`ste_core.tools.toolbench` holds the two toolboxes that build on it; a third kind of API only says how a call becomes a
request and how the reply is read:

>>> class Echo(HttpToolbox):                                            # doctest: +SKIP
...     def _request(self, call):
...         return HttpRequest("GET", f"https://echo.example/{call.tool}", query={"q": str(call.arguments["q"])})
...     def _sign(self, request):
...         return replace(request, headers={"Authorization": f"Bearer {self._key.get_secret_value()}"})

The key is read from the environment. It is added to a request at the last moment, below cache and errors, and is struck
out of whatever the server sends back. Arguments are not checked against the tool's schema: these APIs refuse calls in
their own words, and those words are what trial and error learns from.

The cache holds one JSON file a call, named by the hash of the whole request (body included, key not), and does not
expire. HTTP caches were tried and left: hishel 2 passes POST by, requests-cache counts `[1, 2]` and `[2, 1]` in a query
as one request, diskcache has had no release since 2023.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
from aiolimiter import AsyncLimiter
from pydantic import JsonValue, SecretStr
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ste_core.core.errors import UserError, tell
from ste_core.core.records import Call, Observation, Tool
from ste_core.core.store import write_text
from ste_core.tools import refusals
from ste_core.tools.base import ConnectionLost, Toolbox, ToolError, strike

HEADER_LOGS = ("httpcore2.http11", "httpcore2.http2")  # show a reply's headers, in which a server may repeat the key
ERROR_CHARS = 500  # of a refusal's body: enough for its message, short of an HTML page


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request; `query` keeps order and repeated names, `body` is sent as JSON (None: no body)."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    body: JsonValue = None
    headers: dict[str, str] = field(default_factory=dict)


class PassingFailure(Exception):
    """A failure that may pass: worth another try, after `wait` seconds if the server says so."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


class Unreachable(PassingFailure):
    """The server could not even be asked."""


class HttpToolbox(Toolbox):
    """Base of toolboxes over HTTP APIs; entering the context opens the connections, leaving closes them.

    Args:
        tools: the tools.
        key_variable: the environment variable that holds the key.
        rate: requests a second, at most (tries count, cached answers do not).
        retries: further tries after 429, 5xx, a cut or refused connection, or a reply that is no answer.
        cache: a folder for answers; None keeps none. Refusals and failures are never kept.
        request_timeout: seconds one try may take.
        timeout: seconds a call may take with all its tries and waits.
        max_chars: characters of an observation the model gets to see.

    Raises:
        UserError: the key is not in the environment, or cannot be one; a rate of 0; on entry, a cache out of reach.
    """

    _checks = False  # these APIs refuse calls in their own words

    def __init__(
        self,
        tools: Iterable[Tool],
        *,
        key_variable: str,
        rate: float = 2.0,
        retries: int = 4,
        cache: str | Path | None = None,
        request_timeout: float = 30.0,
        timeout: float = 120.0,
        max_chars: int = 2048,
    ) -> None:
        super().__init__(tools, timeout=timeout, max_chars=max_chars)
        self._key = _read_key(key_variable)
        self._cache = None if cache is None else Path(cache)
        if rate <= 0:
            raise UserError(f"rate: {rate:g} requests a second; it must be above 0")
        self._rate = rate
        self._request_timeout = request_timeout
        self._retrying = AsyncRetrying(
            stop=stop_after_attempt(1 + retries),
            wait=_wait,
            retry=retry_if_exception_type(PassingFailure),
            reraise=True,
        )
        self._open: AsyncExitStack | None = None
        self._told = False  # that the cache cannot be written

    async def __aenter__(self) -> Self:
        if self._cache is not None:
            try:
                self._cache.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"cache {self._cache}: {error.strerror}; name a folder that can be written") from None
        self._client = httpx2.AsyncClient(timeout=self._request_timeout)
        self._limiter = AsyncLimiter(max(1.0, self._rate), max(1.0, self._rate) / self._rate)
        self._open = AsyncExitStack()
        await self._open.enter_async_context(self._client)
        for name in HEADER_LOGS:
            logging.getLogger(name).addFilter(self._strike_record)
            self._open.callback(logging.getLogger(name).removeFilter, self._strike_record)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            await self._open.aclose()
            self._open = None

    def _request(self, call: Call) -> HttpRequest:
        """The request that makes this call, without the key.

        Raises:
            ToolError: the call cannot be made into a request.
        """
        raise NotImplementedError

    def _sign(self, request: HttpRequest) -> HttpRequest:
        """The request with the key in its place."""
        raise NotImplementedError

    def _answer(self, text: str) -> JsonValue:
        """The result in a reply's text; default: the JSON value, or the text where it is none.

        Raises:
            ToolError: the reply is a refusal.
            PassingFailure: the reply is no answer of this API (a proxy's page, say).
        """
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text

    def _observe(self, ok: bool, text: str, value: JsonValue, start: float) -> Observation:
        return super()._observe(ok, self._strike(text), value, start)  # reading a body may have unescaped the key

    async def _run(self, call: Call) -> JsonValue:
        if self._open is None:
            raise ToolError("not connected: use the toolbox in 'async with'")
        request = self._request(call)
        path = self._path(request)
        stored = _cached(path)
        if stored is not None:
            return self._answer(stored)
        try:
            text: str = await self._retrying.copy()(self._try, request)  # a copy: it keeps a call's state
        except Unreachable as failure:
            raise ConnectionLost(f"the server of {call.tool} cannot be reached: {failure}") from None
        except PassingFailure as failure:
            raise ToolError(str(failure)) from None
        if path is not None:
            self._keep(path, json.dumps({"request": asdict(request), "text": text}, ensure_ascii=False, indent=1))
        return self._answer(text)

    def _keep(self, path: Path, content: str) -> None:
        """Write into the cache; where that cannot be, the answer counts all the same, and the user is told once."""
        try:
            write_text(path, content)
        except (UserError, OSError) as error:
            if not self._told:
                tell(f"{error}; answers of tools are not kept, and will be asked for again")
            self._told = True

    async def _try(self, request: HttpRequest) -> str:
        """One try: the text of an answer, the key struck out of it."""
        signed = self._sign(request)
        async with self._limiter:
            try:
                response = await self._client.request(
                    signed.method, signed.url, params=signed.query or None, headers=signed.headers, json=signed.body
                )
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
                raise Unreachable(self._strike(f"no connection ({type(error).__name__}: {error})")) from None
            except httpx2.HTTPError as error:
                raise PassingFailure(self._strike(f"no reply ({type(error).__name__}: {error})")) from None
        text = self._strike(response.text)
        if response.is_success:
            self._answer(text)
            return text
        said = self._strike(f"status {response.status_code}: {refusals.words(text)[:ERROR_CHARS]}")
        if response.status_code == 429 or response.status_code >= 500:
            wait = _retry_after(response.headers.get("Retry-After"))
            if wait is not None and wait > self.timeout:
                raise ToolError(f"{said} (come back in {wait:.0f} seconds)")
            raise PassingFailure(said, wait)
        raise ToolError(said)

    def _strike(self, text: str) -> str:
        return strike(text, self._key.get_secret_value())

    def _strike_record(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._strike(record.getMessage()), ()
        return True

    def _path(self, request: HttpRequest) -> Path | None:
        if self._cache is None:
            return None
        name = hashlib.sha256(json.dumps(asdict(request), sort_keys=True).encode()).hexdigest()
        return self._cache / name[:2] / f"{name}.json"


def _read_key(variable: str) -> SecretStr:
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserError(f"{variable}: not set in the environment; set it to your key for this service")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UserError(f"{variable}: not a key, it holds a space, a line break or a letter outside ASCII")
    return SecretStr(key)


def _cached(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        stored: Any = json.loads(path.read_text(encoding="utf-8"))
        return stored["text"] if isinstance(stored["text"], str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not ours: asked anew


def _retry_after(header: str | None) -> float | None:
    """Seconds named by a Retry-After header, which gives seconds or a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


_backoff = wait_random_exponential(multiplier=0.5, max=20)


def _wait(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    wait = failure.wait if isinstance(failure, PassingFailure) else None
    return _backoff(state) if wait is None else wait
