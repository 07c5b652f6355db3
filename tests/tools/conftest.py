"""Fixtures of the doors' tests."""

from collections.abc import Iterator

import pytest
from contract_server import ContractServer

from ste_core.tools import http


@pytest.fixture
def contract(monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractServer]:
    """A contract server, loopback kept off proxies, and short backoff."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(http, "_backoff", lambda _: 0.01)
    server = ContractServer()
    yield server
    server.close()
