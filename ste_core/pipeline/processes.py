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
import threading
from collections.abc import Callable

#: the environment variable that tells jobs which process is `ste run`
RUN = "STE_RUN"

_PR_SET_PDEATHSIG = 1


def environment() -> dict[str, str]:
    """This process's environment, and that it is the one that jobs end with."""
    return os.environ | {RUN: str(os.getpid())}


def ends_with_parent() -> Callable[[], None] | None:
    """What a new process is to do before all else, so that it is killed with the one that starts it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found here: between fork and exec as little as possible is done
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with_run() -> None:
    """From now on this process ends at once when `ste run` does."""
    try:
        run = os.pidfd_open(int(os.environ[RUN]))
    except (AttributeError, KeyError, ValueError, OSError):  # not Linux, no run, or not on this machine
        return

    def watch() -> None:
        select.select([run], [], [])
        os._exit(1)  # its children notice, as a notebook's kernel does

    threading.Thread(target=watch, name="end with run", daemon=True).start()
