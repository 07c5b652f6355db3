#!/usr/bin/env python3
"""End jobs of submit.py, each with all processes it has started."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

for name in sys.argv[1:]:
    with suppress(OSError, ValueError):
        os.killpg(int((Path(name) / "pid").read_text()), signal.SIGTERM)
