"""What several test files use: the project's folder, the `ste` command as a process, one-line messages."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: of `ste_core`, the lowest first: a room imports only those before it
ROOMS = ("core", "models", "tools", "method", "scoring", "release", "pipeline", "analysis", "report")


def run_ste(*arguments: object, timeout: float = 300, **environment: object) -> subprocess.CompletedProcess[str]:
    """The `ste` command in a process of its own, in the project's folder, with extra environment variables."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STE_", "OPENAI_"))}
    env |= {name: str(value) for name, value in environment.items()}
    command = [sys.executable, "-m", "ste_core", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout, check=False)


def one_line(text: str) -> str:
    """The single line of an error message; fails on a traceback or several lines."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def write_json(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


#: what a model thinks in replies of made-up servers, and never says
WORDS_OF_THINKING = "They want Action: triple with Action Input"
