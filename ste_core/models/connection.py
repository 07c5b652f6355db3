"""The way to a server: its address, the proxy that the environment names, and certificates.

>>> checked_url("http://127.0.0.1:8000/v1/")
'http://127.0.0.1:8000/v1'

A server on this machine, or one that NO_PROXY names, is asked directly, whatever proxies there are.
"""

import asyncio
import ipaddress
import os
import ssl
import urllib.request
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
import openai
from aiolimiter import AsyncLimiter

from ste_core.core.errors import UserError, one_line

#: schemes of proxies that other programs know by other names
_SCHEMES = {"socks": "socks5", "socks4": "socks5", "socks4a": "socks5h"}


def checked_url(url: str, key_env: str = "OPENAI_API_KEY") -> str:
    """A base URL that can be called and shown: it holds no credentials.

    Raises:
        UserError: it does, or is no URL.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UserError("base URL: must be http://HOST... or https://HOST..., as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc or parts.query:
        raise UserError(f"base URL: must not hold a user, password or query; the key belongs in {key_env}")
    return url.strip().rstrip("/")


def clients(url: str) -> Iterator[httpx2.AsyncClient]:
    """HTTP clients for a server, one after the other; certificates are read once.

    Raises:
        UserError: the proxy or the certificates that the environment names cannot be used.
    """
    try:
        certificates = httpx2.create_ssl_context()
    except (OSError, ssl.SSLError, ValueError) as error:
        named = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
        where = f"{' and '.join(named)} in the environment" if named else "the certificates of this machine"
        raise UserError(f"{where}: cannot be read: {one_line(error)}") from None
    proxy, variable = _proxy(url)
    while True:
        try:
            client = openai.DefaultAsyncHttpxClient(verify=certificates, trust_env=False, proxy=proxy)
        except (ImportError, ValueError, TypeError, httpx2.InvalidURL) as error:
            missing = isinstance(error, ImportError)
            why = "a SOCKS proxy needs the package socksio" if missing else "no such proxy is known"
            fix = "pip install socksio" if missing else "write it as http://HOST:PORT"
            host = urlsplit(url).hostname
            raise UserError(
                f"{variable} in the environment: the proxy cannot be used: {why}; {fix}, or unset it, or add {host} to "
                f"NO_PROXY"
            ) from None
        yield client


@dataclass(slots=True)
class Link:
    """The connections of one event loop to a server, and the requests under way on them."""

    loop: asyncio.AbstractEventLoop
    clients: Iterator[openai.AsyncOpenAI]
    keeper: AsyncGenerator[None, None]
    slots: asyncio.Semaphore
    limiter: AsyncLimiter | None
    under_way: int = 0
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    async def landing(self) -> None:
        """Wait until a request has come back."""
        waits = self.loop.create_future()
        self.waiting.append(waits)
        await waits

    def landed(self) -> None:
        """A request has come back."""
        self.under_way -= 1
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)


async def closed_with_the_loop(clients: Sequence[openai.AsyncOpenAI]) -> AsyncGenerator[None, None]:
    """A generator that waits for the end: `asyncio.run` ends all generators before it closes its loop."""
    try:
        yield
    finally:
        for client in clients:
            await client.close()


def _proxy(url: str) -> tuple[str | None, str]:
    """The proxy of the environment that a request has to take, if any, and the variable that names it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    known = urllib.request.getproxies()
    name = next((one for one in (parts.scheme, "all") if known.get(one)), None)
    if name is None or _here(host) or _bypassed(host, parts.port, known):
        return None, ""
    proxy = known[name].strip()
    scheme, there, rest = proxy.partition("://")
    proxy = f"{_SCHEMES.get(scheme.lower(), scheme)}://{rest}" if there else f"http://{proxy}"
    variables = (f"{name}_proxy", f"{name}_proxy".upper())
    return proxy, next((one for one in variables if os.environ.get(one)), "the system's proxy")


def _here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _bypassed(host: str, port: int | None, known: dict[str, str]) -> bool:
    """Whether NO_PROXY names a host: as a name or its end, an address, or a network."""
    if urllib.request.proxy_bypass(host if port is None else f"{host}:{port}"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for entry in known.get("no", "").split(","):
        try:
            if address in ipaddress.ip_network(entry.strip().strip("[]"), strict=False):
                return True
        except ValueError:
            continue
    return False
