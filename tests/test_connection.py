"""The way to a server: proxies, NO_PROXY and certificates of the environment. The shapes are from public threads, named
beside each."""

import asyncio
import http.server
import json
import socket
import threading

import pytest
from test_chat import KEY, Server, user

from ste_core.core.errors import UserError
from ste_core.models import connection
from ste_core.models.base import Budget
from ste_core.models.openai import OpenAIChat

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
FAR = "http://models.example.org/v1"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def url(monkeypatch):
    Server.reset()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/v1"
        httpd.shutdown()


async def says(url):
    chat = OpenAIChat("m", base_url=url, budget=Budget(), retries=0)
    return (await chat.complete(user("hello"), seed=1)).text


@pytest.mark.parametrize(
    "proxy",
    [
        "socks://127.0.0.1:9",  # what GNOME sets: OpenHands/OpenHands-CLI#632
        "socks5h://127.0.0.1:9",
        "http://127.0.0.1:9",
        "127.0.0.1:9",  # without a scheme
        "not a proxy",
        "gopher://127.0.0.1:9",
    ],
)
def test_a_server_on_this_machine_is_asked_directly(url, monkeypatch, proxy):
    for name in ("ALL_PROXY", "http_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    assert asyncio.run(says(url)) == "hello/1/0"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "0.0.0.0", "[::1]", "model.localhost"])
def test_which_hosts_are_this_machine(monkeypatch, host):
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
    next(connection.clients(f"http://{host}:8000/v1"))


@pytest.mark.parametrize(
    "bypass",
    [
        "models.example.org",
        ".example.org",
        "example.org",
        "*",
        "other.org, models.example.org",
        "models.example.org:80",
    ],
)
def test_no_proxy_names_hosts(monkeypatch, bypass):
    monkeypatch.setenv("http_proxy", "gopher://127.0.0.1:9")
    with pytest.raises(UserError, match="http_proxy in the environment"):
        next(connection.clients("http://models.example.org:80/v1"))
    monkeypatch.setenv("no_proxy", bypass)
    next(connection.clients("http://models.example.org:80/v1"))


@pytest.mark.parametrize(("network", "direct"), [("10.0.0.0/8", True), ("fd00::/8", False), ("10.1.2.3", True)])
def test_no_proxy_names_networks(monkeypatch, network, direct):
    """pydantic/httpx2#1165, NousResearch/hermes-agent#59667: networks in NO_PROXY, which many programs understand."""
    monkeypatch.setenv("http_proxy", "gopher://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", f"localhost,{network}")
    if direct:
        next(connection.clients("http://10.1.2.3:8000/v1"))
    else:
        with pytest.raises(UserError, match="NO_PROXY"):
            next(connection.clients("http://10.1.2.3:8000/v1"))


def test_a_proxy_that_cannot_be_used_is_one_line_that_names_it_and_the_fix(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "gopher://user:hidden-word@127.0.0.1:9")
    with pytest.raises(UserError) as raised:
        next(connection.clients(FAR))
    said = str(raised.value)
    assert "ALL_PROXY" in said and "models.example.org" in said and "\n" not in said and "hidden-word" not in said


def test_a_far_server_is_asked_through_the_proxy(monkeypatch):
    """An HTTP proxy gets the whole address of the request."""
    lines = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            lines.append(self.requestline)
            data = json.dumps({"choices": [{"message": {"content": "by the proxy"}, "finish_reason": "stop"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True).start()
        for proxy in (f"http://127.0.0.1:{httpd.server_address[1]}", f"127.0.0.1:{httpd.server_address[1]}"):
            monkeypatch.setenv("http_proxy", proxy)
            assert asyncio.run(says(FAR)) == "by the proxy"
        httpd.shutdown()
    assert all(FAR in line for line in lines) and len(lines) == 2


@pytest.mark.parametrize("damage", ["missing", "folder", "text"])
def test_certificates_that_cannot_be_read_are_one_line(monkeypatch, tmp_path, damage):
    """A bundle that is not there: Aider-AI/aider#3710, IBM/mcp-context-forge#5868; one that cannot be loaded:
    geier/pycarddav#83."""
    place = tmp_path / "bundle.pem"
    if damage == "folder":
        place.mkdir()
    elif damage == "text":
        place.write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(place))
    with pytest.raises(UserError, match=r"^SSL_CERT_FILE in the environment: cannot be read: [^\n]*$"):
        next(connection.clients("https://models.example.org/v1"))


def test_a_proxy_that_is_not_there_is_said_in_one_line(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(UserError) as raised:
        asyncio.run(says(FAR))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("bad", ["", "models.example.org", "ftp://h/v1", "http://", "http://h:0/v1", "http://[::1/v1"])
def test_what_is_no_base_url(bad):
    with pytest.raises(UserError, match="base URL: must be"):
        connection.checked_url(bad)


def test_a_base_url_with_a_secret_is_not_shown():
    with pytest.raises(UserError) as raised:
        connection.checked_url("http://me:hidden-word@h/v1")
    assert "hidden-word" not in str(raised.value)
