"""Processes that end with the one that started the work, however that ends: no job outlives a killed `ste run`.

>>> subprocess.Popen(command, preexec_fn=processes.ends_with_parent(), env=processes.environment())  # doctest: +SKIP
>>> processes.end_with_run()                                              # in the jobs                # doctest: +SKIP

A child can ask the kernel to be killed with its parent. Between `ste run` and its jobs stand Snakemake and a shell,
which nobody ends when those before them are killed; so jobs, and what they start in turn, watch `ste run` itself. Both
work on Linux only; elsewhere, and where another machine runs the job, this does nothing.
"""

import ctypes
import os
import select
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

#: the environment variable that tells jobs which process is `ste run`, and on which machine
RUN = "STE_RUN"

#: the one that tells Snakemake's jobs where the user's cache is, while Snakemake has another
OWN_CACHE = "STE_OWN_CACHE"

_PR_SET_PDEATHSIG = 1


def environment() -> dict[str, str]:
    """This process's environment, and that it is the one that jobs end with."""
    return os.environ | {RUN: f"{os.getpid()} {_machine()}"}


def _machine() -> str:
    """Where numbers of processes mean the same: this boot of this machine, and of its containers this one."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""  # not Linux, or a container that hides it


def ends_with_parent() -> Callable[[], None] | None:
    """What a new process is to do before all else, so that it is killed with the one that starts it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found here: between fork and exec as little as possible is done
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with_run() -> None:
    """From now on this process ends at once when `ste run` does; if it has ended already, now."""
    number, _, machine = os.environ.get(RUN, "").partition(" ")
    if machine != _machine():
        return  # no run, or not on this machine
    try:
        run = os.pidfd_open(int(number))
    except ProcessLookupError:
        if machine:
            os._exit(1)
        return
    except (AttributeError, ValueError, OSError):  # not Linux, or no run
        return

    def watch() -> None:
        select.select([run], [], [])
        os._exit(1)  # its children notice, as a notebook's kernel does

    threading.Thread(target=watch, name="end with run", daemon=True).start()


@contextmanager
def with_homes(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """An environment in which Snakemake, matplotlib and IPython have folders to write to, while the block lasts.

    Where home or cache cannot be written, as in a container whose disks are read-only, temporary folders take the place
    of theirs; they keep nothing there that cannot be made again.
    """
    home = Path(environment.get("HOME") or os.path.expanduser("~"))
    home = home if home.is_absolute() else Path(os.devnull)  # a user of no name has none
    cache, config = (
        Path(environment.get(name) or home / folder)
        for name, folder in (("XDG_CACHE_HOME", ".cache"), ("XDG_CONFIG_HOME", ".config"))
    )
    plots = environment.get("MPLCONFIGDIR")
    used = {
        "XDG_CACHE_HOME": [cache / "snakemake"],
        "MPLCONFIGDIR": [Path(plots)] if plots else [config / "matplotlib", cache / "matplotlib"],
        "IPYTHONDIR": [Path(environment.get("IPYTHONDIR") or home / ".ipython")],
    }
    lacking = [name for name, folders in used.items() if not all(map(_writable, folders))]
    if not lacking:
        yield dict(environment)
        return
    with tempfile.TemporaryDirectory(prefix="ste-", ignore_cleanup_errors=True) as temporary:
        instead = {name: os.path.join(temporary, name.lower()) for name in lacking}
        for folder in instead.values():
            os.mkdir(folder)
        if "XDG_CACHE_HOME" in instead:
            instead[OWN_CACHE] = environment.get("XDG_CACHE_HOME", "")
        yield {**environment, **instead}


def own_cache() -> None:
    """In Snakemake, which has found its folders by now: jobs look for models and data in the user's own cache."""
    given = os.environ.pop(OWN_CACHE, None)
    if given:
        os.environ["XDG_CACHE_HOME"] = given
    elif given is not None:
        os.environ.pop("XDG_CACHE_HOME", None)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, RuntimeError):
        return False
