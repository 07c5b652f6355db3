"""An MCP server on nothing but the standard library, which sends what the SDK would not: `raw_server.py SPEC [PORT]`.

SPEC is JSON: `tools` (the list, word for word), `results` (tool name to result, or to `error`; default an echo),
`sleep` (seconds a call takes), `log` (a file that gets this process's number at the start, and a line a call). Without
a port it talks on stdin and stdout; with one over HTTP, in sessions that end with the process.
"""

import json
import os
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SPEC: dict[str, Any] = json.loads(sys.argv[1])
SESSION = uuid.uuid4().hex


def log(line: str) -> None:
    if "log" in SPEC:
        with open(SPEC["log"], "a") as file:
            file.write(line + "\n")


def answer(message: dict[str, Any]) -> dict[str, Any] | None:
    """The reply to a message; None to a notification."""
    method, number, asked = message.get("method"), message.get("id"), message.get("params") or {}
    if number is None:
        return None
    if method == "initialize":
        about = {"protocolVersion": "2025-06-18", "capabilities": SPEC.get("capabilities", {"tools": {}})}
        return {
            "jsonrpc": "2.0",
            "id": number,
            "result": about | SPEC.get("about", {"serverInfo": {"name": "raw", "version": "1"}}),
        }
    if method == "tools/list":
        return {"jsonrpc": "2.0", "id": number, "result": {"tools": SPEC["tools"]} | SPEC.get("page", {})}
    if method == "tools/call":
        name, given = asked["name"], asked.get("arguments") or {}
        log(f"{name} {json.dumps(given)}")
        time.sleep(SPEC.get("sleep", 0))
        echo = {"content": [{"type": "text", "text": f"{name} got {json.dumps(given)}"}]}
        if "error" in SPEC.get("results", {}).get(name, {}):
            return {"jsonrpc": "2.0", "id": number, "error": SPEC["results"][name]["error"]}
        return {"jsonrpc": "2.0", "id": number, "result": SPEC.get("results", {}).get(name, echo)}
    return {"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "Method not found"}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        first = message.get("method") == "initialize"
        if not first and self.headers.get("Mcp-Session-Id") not in (SESSION, None):
            return self.say(
                404, {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Session not found"}}
            )
        reply = answer(message)
        return self.say(202 if reply is None else 200, reply, {"Mcp-Session-Id": SESSION} if first else {})

    def do_GET(self) -> None:
        self.say(405, None)

    do_DELETE = do_GET

    def say(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    log(f"pid {os.getpid()}")
    if len(sys.argv) > 2:
        ThreadingHTTPServer.allow_reuse_address = True
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
    for line in sys.stdin:
        if (reply := answer(json.loads(line))) is not None:
            print(json.dumps(reply), flush=True)
