"""Run the `ste explore` command again and again, each time killed (-9) at a random moment.

    python tests/faults/killed.py TIMES MOST explore STUDY ...

A run is killed a little after it has finished a random number of trials, `MOST` at most; on a machine of any speed the
kills so fall into the work. Imports once, with a request to the study's model `m`, and forks for each run. Prints how
many trials are there after each kill.
"""

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path

from ste_core import cli
from ste_core.core import config
from ste_core.pipeline import resources


def finished() -> int:
    files = Path(os.environ["STE_RESULTS"]).rglob("seed*/*.jsonl")
    return sum(path.read_bytes().count(b"\n") for path in files)


if __name__ == "__main__":
    times, most, *arguments = sys.argv[1:]
    cli.main([*arguments, "--dry-run"])
    asyncio.run(
        resources.chat(config.load(arguments[1]), "m").complete([{"role": "user", "content": "hi"}])
    )  # the rest is imported
    rng = random.Random(5)
    for _ in range(int(times)):
        target = finished() + rng.randint(0, int(most))
        child = os.fork()
        if child == 0:
            os._exit(cli.main(arguments))
        while finished() < target and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.2))
        try:
            os.kill(child, signal.SIGKILL)
            killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        except (ProcessLookupError, ChildProcessError):
            killed = False  # it has finished
        print(killed, finished(), flush=True)
