"""What the doors' tests share: an HTTP server on loopback that checks and fails, and a bounded `asyncio.run`."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

KEY = "planted-KEY/0123456789+abc"  # with letters that a URL quotes


def run(work: Coroutine[Any, Any, Any], seconds: float = 300) -> Any:
    """Run a coroutine to its end, at most so long."""
    return asyncio.run(asyncio.wait_for(work, seconds))


class ContractServer:
    """An HTTP server that keeps every request and answers by `script`, one entry a request, then by `answer`.

    An entry is a status with headers and body, "cut" (the connection is dropped) or "hang" (ten seconds of silence).
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.script: list[Any] = []
        self.answer: Callable[[dict[str, Any]], tuple[int, dict[str, str], str]] = lambda _: (200, {}, "{}")
        self._ended = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                address = urlsplit(self.path)
                asked = {
                    "method": self.command,
                    "path": address.path,
                    "query": address.query,
                    "headers": dict(self.headers),
                    "body": json.loads(body) if body else None,
                    "time": time.monotonic(),
                }
                outer.requests.append(asked)
                step = outer.script.pop(0) if outer.script else outer.answer(asked)
                if step == "hang":
                    outer._ended.wait(10)
                if step in ("cut", "hang"):
                    self.close_connection = True
                    self.connection.close()
                    return
                status, headers, text = step
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = handle_any

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # the connections we cut

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()


def toolbench_answer(asked: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    """A ToolBench server's contract: the six fields, all texts, and the right key; echoes the input."""
    body = asked["body"]
    fields = {"category", "tool_name", "api_name", "tool_input", "strip", "toolbench_key"}
    if asked["method"] != "POST" or set(body) != fields or not all(isinstance(one, str) for one in body.values()):
        return 422, {}, json.dumps({"detail": "Unprocessable Entity"})
    if body["toolbench_key"] != KEY:
        return 401, {}, json.dumps({"detail": "unknown key"})
    response = {"api": body["api_name"], "input": json.loads(body["tool_input"])}
    return 200, {"Content-Type": "application/json"}, json.dumps({"error": "", "response": response})
