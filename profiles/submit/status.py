#!/usr/bin/env python3
"""Say how a job of submit.py is: running, success or failed (killed without an exit code counts as failed)."""

import os
import sys
from pathlib import Path

folder = Path(sys.argv[1])


def ended() -> str | None:
    """How the job ended; None if it left no exit code."""
    try:
        return "success" if (folder / "code").read_text().strip() == "0" else "failed"
    except OSError:
        return None


state = ended()
if state is None:
    try:
        pid = int((folder / "pid").read_text())
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")  # where nobody collects orphans, a dead one stays as a zombie
        alive = not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, ValueError):
        alive = False
    state = "running" if alive else ended() or "failed"  # it may have ended between the two looks
print(state)
