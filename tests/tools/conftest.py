"""Fixtures of the doors' tests."""

from collections.abc import Iterator

import pytest
from contract_server import ContractServer

from ste_core.tools import http
from ste_core.tools.mcp import McpToolbox


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test names no limits, none is met by a server that is slow because the machine is busy."""
    defaults = McpToolbox.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "timeout", 120.0)
    monkeypatch.setitem(defaults, "start_timeout", 300.0)


@pytest.fixture
def contract(monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractServer]:
    """A contract server, loopback kept off proxies, and short backoff."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(http, "_backoff", lambda _: 0.01)
    server = ContractServer()
    yield server
    server.close()
