"""Completions kept on disk: the same request to the same model is answered once.

>>> model = CachedChat(model, CompletionCache(path))                                            # doctest: +SKIP
>>> await model.complete(messages, temperature=1.0, seed=3)             # asked                   # doctest: +SKIP
>>> await model.complete(messages, temperature=1.0, seed=3)             # read                    # doctest: +SKIP

The standard library's SQLite with a write-ahead log: many processes may read and write one file, and a kill leaves it
whole. It needs locks that work, which network file systems often lack: give each machine of a cluster its own file.
"""

import asyncio
import itertools
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from ste_core.core.errors import UserError
from ste_core.core.records import Message
from ste_core.core.store import digest
from ste_core.models.base import ChatModel, Choice, Completion, ToolCall

T = TypeVar("T")

log = logging.getLogger(__name__)

#: seconds to wait for another process's write
PATIENCE = 60.0

_SELECT = "SELECT value FROM completions WHERE key = ?"

_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class CompletionCache:
    """A file of completions by key. A file that SQLite cannot read is set aside with one warning, and a new one begun.

    Any thread may use it. Reading does not wait for writers, in this process or others.

    Raises:
        UserError: the file cannot be made, read or written, in one line.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._reader = _Handle(self.path)
        self._writer = _Handle(self.path)

    def get(self, key: str) -> Completion | None:
        """The completion kept under a key, if there is one."""
        row = self._reader.run(lambda db: db.execute(_SELECT, (key,)).fetchone())
        return None if row is None else _load(row[0])

    def put(self, key: str, completion: Completion) -> Completion:
        """Keep a completion; returns the one that is kept, which is another caller's if that came first."""
        value = _dump(completion)

        def write(db: sqlite3.Connection) -> Completion:
            if db.execute("INSERT INTO completions VALUES (?, ?) ON CONFLICT DO NOTHING", (key, value)).rowcount:
                return completion
            kept = _load(db.execute(_SELECT, (key,)).fetchone()[0])
            if kept is None:
                db.execute("UPDATE completions SET value = ? WHERE key = ?", (value, key))
            return kept or completion

        return self._writer.run(write)

    def __len__(self) -> int:
        return self._reader.run(lambda db: db.execute("SELECT count(*) FROM completions").fetchone()[0])

    def close(self) -> None:
        """Close the file; it opens again at the next use."""
        self._reader.close()
        self._writer.close()


class _Handle:
    """One connection to the file, for one thread at a time; it opens itself, and anew where the file was damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                try:
                    return work(self._opened())
                except sqlite3.DatabaseError as error:
                    if not _broken(error):
                        raise
                    self._set_aside()
                    return work(self._opened())
            except (sqlite3.Error, OSError) as error:
                raise UserError(f"cache {self.path}: cannot be used: {error}") from None

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != _file(self.path):
            self._close()  # set aside by another handle, or deleted
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._exclusive():
                self._connection = self._connect()
                self._file = _file(self.path)
        return self._connection

    def _exclusive(self) -> FileLock:
        # Changing to a write-ahead log and moving a file are not covered by SQLite's own locks.
        return FileLock(f"{self.path}.lock", timeout=PATIENCE)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("CREATE TABLE IF NOT EXISTS completions (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
            db.execute("SELECT key, value FROM completions LIMIT 1").fetchone()
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _set_aside(self) -> None:
        self._close()
        with self._exclusive():
            try:
                with closing(self._connect()) as db:
                    (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
                if state == "ok":
                    return  # another handle was quicker
            except sqlite3.DatabaseError as error:
                if not _broken(error):
                    raise
            paths = (Path(f"{self.path}.damaged{number}") for number in itertools.count(1))
            aside = next(path for path in paths if not path.exists())
            os.replace(self.path, aside)
            for suffix in ("-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        log.warning("cache %s: damaged; set aside as %s, and begun anew", self.path, aside.name)


class CachedChat:
    """A model with a cache in front. Identical requests are answered alike, now and after a restart.

    A request that samples (temperature above 0) without a seed asks for something new each time, so it passes by.
    """

    def __init__(self, model: ChatModel, cache: CompletionCache) -> None:
        self.model = model
        self.cache = cache
        self.name = model.name
        self._identity: str | None = None
        self.hits = 0
        self.misses = 0

    @property
    def identity(self) -> str:
        return self.model.identity

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        temperature: float = 1.0,
        max_tokens: int = 256,
        stop: Sequence[str] = (),
        seed: int | None = None,
        n: int = 1,
        form: str | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        min_p: float | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
    ) -> Completion:
        """See `ChatModel.complete`; besides, a `UserError` where the cache cannot be used."""
        options: dict[str, Any] = {
            "temperature": temperature, "max_tokens": max_tokens, "stop": list(stop), "seed": seed, "n": n,
        }  # fmt: skip
        later = {"form": form, "top_p": top_p, "top_k": top_k, "min_p": min_p, "tools": tools and list(tools)}
        options |= {name: value for name, value in later.items() if value is not None}  # keys without them stay
        if temperature > 0 and seed is None:
            return await self.model.complete(messages, **options)
        if self._identity is None:  # a local model reads all its weights for it
            self._identity = await asyncio.to_thread(lambda: self.model.identity)
        key = _key(self._identity, messages, options)
        kept = self.cache.get(key)
        if kept is not None:
            self.hits += 1
            return kept
        self.misses += 1
        completion = await self.model.complete(messages, **options)
        return await asyncio.to_thread(self.cache.put, key, completion)


def _key(identity: str, messages: Sequence[Message], options: dict[str, Any]) -> str:
    request = {"model": identity, "messages": list(messages)} | options
    request["temperature"] = float(request["temperature"])
    return digest(request)


def _file(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _broken(error: sqlite3.DatabaseError) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BROKEN


def _dump(completion: Completion) -> str:
    """A completion as text; what a choice does not have is left out, but for what it always had."""
    fields = asdict(completion)
    fields["choices"] = [
        {name: value for name, value in one.items() if value or name in ("text", "finish_reason", "logprobs")}
        for one in fields["choices"]
    ]
    return json.dumps(fields)


def _load(value: str) -> Completion | None:
    """A completion from its text; None if it is none."""
    try:
        fields = json.loads(value)
        return Completion(tuple(map(_choice, fields["choices"])), fields["prompt_tokens"], fields["completion_tokens"])
    except (ValueError, TypeError, KeyError):
        return None


def _choice(one: dict[str, Any]) -> Choice:
    return Choice(
        one["text"], one["finish_reason"], None if one["logprobs"] is None else tuple(one["logprobs"]),
        one.get("reasoning", ""), tuple(ToolCall(**call) for call in one.get("tool_calls", ())), one.get("refusal"),
    )  # fmt: skip
