"""What several test files use: the project's folder, the `ste` command as a process, servers, one-line messages."""

import http.server
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]

#: of `ste_core`, the lowest first: a room imports only those before it
ROOMS = ("core", "models", "tools", "method", "scoring", "release", "pipeline", "analysis", "report")


def run_ste(*arguments: object, timeout: float = 300, **environment: object) -> subprocess.CompletedProcess[str]:
    """The `ste` command in a process of its own, in the project's folder; extra variables, None for not set."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STE_", "OPENAI_"))}
    env |= {name: str(value) for name, value in environment.items()}
    env = {name: value for name, value in env.items() if environment.get(name, "") is not None}
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


def free_port() -> int:
    """A free port on loopback, below those that the system gives out by itself: no connection takes it meanwhile."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(12_000, 30_000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def listening(port: int, process: subprocess.Popen[Any], seconds: float = 300) -> None:
    """Wait until a process that was started listens on a port of loopback; fails if it ends before."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)


class ChatServer:
    """A chat server on loopback; `answer(body)` says the status and the bytes that are sent.

    Attributes:
        sent: the bodies that were sent.
        url: its base URL.
    """

    def __init__(self, answer: Callable[[dict[str, Any]], tuple[int, bytes]]) -> None:
        self.sent: list[bytes] = []
        lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(handler) -> None:
                asked = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                with lock:
                    status, data = answer(asked)
                    self.sent.append(data)
                handler.send_response(status)
                for name, value in (("Content-Length", str(len(data))), ("Retry-After-Ms", "1")):
                    handler.send_header(name, value)
                handler.end_headers()
                handler.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def few_items(folder: Path, tools: Sequence[str], test: int, dev: int) -> dict[str, str]:
    """The keys of a world whose sets have the first items of some tools, written into a folder."""
    from ste_core.core import store
    from ste_core.core.records import TestItem

    for name, most in (("test", test), ("dev", dev)):
        found = store.read_jsonl(ROOT / f"microworld/test_set/{name}.jsonl", TestItem)
        kept = [one for one in found if one.gold.tool in tools and one.item < most]
        store.write_text(folder / f"{name}.jsonl", "".join(one.model_dump_json() + "\n" for one in kept))
    return {f"{name}_set": str(folder / f"{name}.jsonl") for name in ("test", "dev")}
