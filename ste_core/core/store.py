"""Results on disk: tables, append-only records, and the record of a run.

>>> append_jsonl(path, [record]); read_jsonl(path, Judgement)            # doctest: +SKIP

Files appear whole or not at all (written beside, then renamed). Append-only files may end in a torn line after a kill;
the torn line is not believed, and the next append starts on a fresh line.
"""

import codecs
import csv
import hashlib
import importlib.metadata
import itertools
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from ste_core.core.errors import UserError
from ste_core.core.records import Record

if TYPE_CHECKING:  # pandas is imported where it is used: a run with nothing to do stays quick
    import pandas as pd

R = TypeVar("R", bound=Record)

#: packages whose versions can move a result
PACKAGES = ("ste-study", "numpy", "pandas", "scipy", "statsmodels", "matplotlib", "seaborn", "papermill", "snakemake")

#: columns of tables that hold names, which may be all digits
NAMES = ("tool", "called", "named", "model", "system")

#: what `provenance` calls code: a change there since the commit is recorded
CODE = ("Snakefile", "constraints.txt", "microworld", "notebooks", "ste_core", "study")


def write_text(path: Path, text: str) -> bool:
    """Write a file whole, and only if its content changes; True if it was written."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> bool:
    """As `write_text`."""
    if path.exists() and path.read_bytes() == content:
        return False
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    return True


def write_lines(path: Path, lines: Iterable[str]) -> bool:
    """As `write_text`, of lines that need not fit into memory, and that may be read from the file itself.

    If `lines` raises, the file is left as it was.

    Raises:
        UserError: the file cannot be written.
    """
    wanted, same = (f"{line}\n".encode() for line in lines), 0
    changed: list[bytes] = []  # the first line that differs
    if path.exists():
        with path.open("rb") as there:
            for line in wanted:
                if there.readline() != line:
                    changed.append(line)
                    break
                same += len(line)
            else:
                if not there.read(1):
                    return False
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            if same:
                with path.open("rb") as there:
                    while part := there.read(min(same, 1 << 20)):
                        file.write(part)
                        same -= len(part)
            file.writelines(itertools.chain(changed, wanted))
        os.replace(beside, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return True


def write_table(frame: "pd.DataFrame", path: Path, *, decimals: int = 3) -> "pd.DataFrame":
    """Write a table as CSV, floats rounded to `decimals` places; returns what was written.

    p-values (columns `p` and `p_...`) have three significant digits instead: rounded like the rest, small ones would be
    0. The same frame gives the same bytes: fixed number format, `\\n` line ends, no index.
    """
    import pandas as pd

    small = [name for name in frame.select_dtypes("float") if str(name) == "p" or str(name).startswith("p_")]
    frame = frame.assign(**{name: frame[name].map(lambda p: None if pd.isna(p) else f"{p:.3g}") for name in small})
    write_text(path, frame.to_csv(index=False, float_format=f"%.{decimals}f", lineterminator="\n"))
    return read_table(path)


def read_table(path: Path) -> "pd.DataFrame":
    """Read a table that `write_table` wrote: an empty field is missing, and no word is (pandas takes "None", "NA" and
    "nan", which may be tools, for missing); names stay text where they are digits.

    Raises:
        UserError: the file is not there.
    """
    import pandas as pd

    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(NAMES, str))
    except FileNotFoundError:
        raise UserError(f"{path}: no such table; the study that makes it has not run") from None


def append_jsonl(path: Path, records: Iterable[Record]) -> None:
    """Append records, a line each, and see them onto the disk before returning.

    Raises:
        UserError: the file cannot be written.
    """
    data = "".join(record.model_dump_json() + "\n" for record in records).encode("utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell() and not _ends_in_newline(file):
                data = b"\n" + data  # end the line that a kill tore
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; what is there is kept, run again") from None


def _ends_in_newline(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def read_jsonl(path: Path, kind: type[R]) -> list[R]:
    """Read an append-only file whole, as `iterate_jsonl` does one by one."""
    return list(iterate_jsonl(path, kind))


def iterate_jsonl(path: Path, kind: type[R]) -> Iterator[R]:
    """Read an append-only file; a missing file is empty, and lines torn by a kill are passed over.

    Raises:
        UserError: a whole line that is not a record of that kind (another program's file, or another version's), or a
            line that no kill leaves behind (another encoding).
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                value = json.loads(line)
            except ValueError:
                if _torn(line):
                    continue
                raise UserError(
                    f"{path}:{number}: not JSON Lines in UTF-8; save the file as such, or move it away"
                ) from None
            try:
                record = kind.model_validate(value)
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(map(str, first["loc"]))
                raise UserError(f"{path}:{number}: not a {kind.__name__}: {field}: {first['msg']}") from None
            yield record


def _torn(line: bytes) -> bool:
    """Whether a line may be the beginning of a record, cut off by a kill or filled up with zeros by a power cut."""
    rest = line.rstrip(b"\r\n\0")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(rest)  # its last character may be half there
    except UnicodeDecodeError:
        return False
    return not rest.strip() or rest.startswith(b"{")


def read_json(path: Path, *, shown: str | None = None) -> Any:
    """A JSON file.

    Raises:
        UserError: it is not there, not UTF-8 or not JSON.
    """
    name = shown or str(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{name}: no such file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: not UTF-8 (byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise UserError(f"{name}: not valid JSON ({where})") from None
    except OSError as error:
        raise UserError(f"{name}: cannot be read: {error.strerror}") from None


@contextmanager
def alone(lock: Path, busy: str, *, remove: bool = False) -> Iterator[None]:
    """Keep other processes away from what a lock file stands for; the kernel drops it when a process is killed.

    Args:
        busy: what to say where another process is at work.
        remove: take the file away at the end.

    Raises:
        UserError: another process is at work.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        raise UserError(busy) from None
    try:
        yield
    finally:
        if remove:  # before it is released: who waits for it then takes a new one
            lock.unlink(missing_ok=True)
        held.release()


def digest(value: Any, *, sort_keys: bool = True) -> str:
    """The SHA-256 of a JSON value, whatever the order of its keys unless they are left as they are.

    >>> digest(["a", {"b": 1, "c": 2}]) == digest(("a", {"c": 2, "b": 1}))
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=sort_keys).encode("utf-8")).hexdigest()


def provenance(configuration: dict[str, Any]) -> dict[str, Any]:
    """What a run's results depend on: configuration, versions, commit of the code, and the machine's kind."""
    return {
        "configuration": configuration,
        "code": {"commit": _git("rev-parse", "HEAD"), "changed": bool(_git("status", "--porcelain", "--", *CODE))},
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
    }


def changes(folder: Path) -> int | None:
    """How many committed files of a folder are not as they were committed; None if none of it is committed here."""
    inside = str(folder.resolve())
    if not _git("ls-files", "--", inside):
        return None
    return len((_git("status", "--porcelain", "--untracked-files=no", "--", inside) or "").splitlines())


def read_benchmark(path: Path) -> dict[str, float]:
    """Wall-clock seconds and peak memory (MB) of a job, from Snakemake's benchmark file; empty if there is none."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {"seconds": float(rows[-1]["s"]), "peak_mb": float(rows[-1]["max_rss"])} if rows else {}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None  # installed from an archive
    return done.stdout.strip()
