"""What a long study leaves on its way to the tables, in one file that may be committed: `results/<study>/run.tar.xz`.

>>> pack(load("full"))                                                                          # doctest: +SKIP
>>> unpack(load("full"))                                                                        # doctest: +SKIP

Trials, examples, answers and what each of them depends on. In a fresh clone, `unpack` puts them where the study left
them: its stages then read what is there and go on from it, and whoever has doubts scores every answer again. Models and
caches stay out, for their size. Stages check what they find (another model, prompt or setting is refused, or made
anew), so that a file packed long ago is never taken for what would be made now.
"""

import io
import lzma
import os
import re
import tarfile
import time
from pathlib import Path

from ste_core.core import store
from ste_core.core.config import Study
from ste_core.core.errors import UserError, one_line

#: what is packed, of a study's results
FOLDERS = ("exploration", "distilled", "forms", "predictions", "continual")

#: what of it only helps a run on its way
PASSING = re.compile(r"\.lock$|\.tmp$")

#: where the answers of a study's other learners lie, and what of theirs is packed
LEARNERS, OF_LEARNERS = "learners", ("forms", "predictions")

_NAME = re.compile(
    rf"(?:{LEARNERS}/(?!\.\.?/)[^/\\\x00]+/(?:{'|'.join(OF_LEARNERS)})|{'|'.join(FOLDERS)})(?:/(?!\.\.?/)[^/\\\x00]+)+"
)


def file_of(study: Study) -> Path:
    """Where the packed file lies."""
    return study.results / "run.tar.xz"


def hint(study: Study) -> str:
    """What to say after "not there" where the packed file may have it."""
    return f"; `ste unpack {study.name}` puts back what was kept of a run" if file_of(study).is_file() else ""


def pack(study: Study) -> tuple[Path, int]:
    """Pack what the study has left so far; the same content gives the same bytes.

    Returns:
        The file, and the number of files in it.

    Raises:
        UserError: there is nothing yet.
    """
    folders = [study.results / folder for folder in FOLDERS]
    folders += [one for folder in OF_LEARNERS for one in study.results.glob(f"{LEARNERS}/*/{folder}")]
    found = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    found = [path for path in found if not PASSING.search(path.name)]
    if not found:
        raise UserError(f"study '{study.name}': nothing to pack: {study.results} holds none of {', '.join(FOLDERS)}")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in found:
            content = path.read_bytes()
            member = tarfile.TarInfo(path.relative_to(study.results).as_posix())
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    store.write_bytes(file_of(study), lzma.compress(packed.getvalue()))
    return file_of(study), len(found)


def unpack(study: Study) -> int:
    """Put back what `pack` packed; returns the number of files.

    A file that is there already is left alone if it is the same.

    Raises:
        UserError: no packed file, a damaged one, one with a name that has no place there, or another file in its place.
    """
    path = file_of(study)
    if not path.is_file():
        raise UserError(f"{path}: not there; `ste pack {study.name}` makes it where the study has run")
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress(path.read_bytes()))) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() and _NAME.fullmatch(member.name) else None
                if file is None:
                    raise UserError(
                        f"{path}: holds {member.name[:200]!r}, which is no file of {', '.join(FOLDERS)}; not unpacked"
                    )
                contents[member.name] = file.read()
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
        raise UserError(f"{path}: damaged: {one_line(error)}; take it from the repository again") from None
    for name, content in contents.items():
        there = study.results / name
        if there.exists() and there.read_bytes() != content:
            raise UserError(f"{there}: another file is there already; move {study.results / name.split('/')[0]} away")
    now = time.time()
    for name, content in contents.items():
        store.write_bytes(study.results / name, content)
        os.utime(study.results / name, (now, now))  # one time for all: none is out of date for another's sake
    return len(contents)
