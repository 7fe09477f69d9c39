"""How bytes travel: the one module that knows the HTTP client, httpx, and httpcore below it.

Another client needs what is public here: `Transport` sends one request to its host, `Answer` is
what came of it, `ERRORS` are what goes wrong on the way, and `network_kind` has our words for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

import httpcore
import httpx

from config.failures import Kind
from config.models import FetchSettings
from transforms.web.asking import World
from transforms.web.guard import public_addresses
from transforms.web.warc import Exchange, Headers

KEPT_OPEN = 15.0
"""Seconds for which a connection that does nothing waits for the next request."""
ERRORS = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)
"""What sending and reading raise, AddressRefused apart."""
_KINDS: dict[type[Exception], Kind] = {
    httpx.TimeoutException: Kind.TIMEOUT,
    httpx.ConnectError: Kind.CONNECT_ERROR,
    httpx.RemoteProtocolError: Kind.PROTOCOL_ERROR,
    httpx.NetworkError: Kind.NETWORK_ERROR,
    OSError: Kind.NETWORK_ERROR,  # such as a TLS alert after the handshake
}


def network_kind(error: Exception) -> Kind | None:
    """The kind of one of `ERRORS`; None where it is the address that cannot be asked."""
    return next((kind for raised, kind in _KINDS.items() if isinstance(error, raised)), None)


class Answer:
    """An answer whose headers have come, and whose body comes when it is asked for."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self.status = answer.status_code
        self.headers = dict(answer.headers.items())
        """By name in lower case; what came several times is joined by commas."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes over the wire, packed as it is."""
        return self._answer.aiter_raw()

    async def skip(self) -> None:
        """Come to the end of the body."""
        async for _ in self._answer.stream:  # type: ignore[union-attr]
            pass

    async def close(self) -> None:
        """Give the connection back; where the body was not read to its end, it is closed."""
        await self._answer.aclose()

    def exchange(self, url: str, at: datetime, body: bytes | None) -> Exchange:
        """What was sent and what came, for an archive; `body` is unpacked."""
        answer, sent = self._answer, self._answer.request
        stream = answer.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream else None
        return Exchange(
            url,
            at,
            sent.url.raw_path.decode("ascii", "replace"),
            _texts(sent.headers),
            peer[0] if peer else None,
            answer.http_version,
            f"{answer.status_code} {answer.reason_phrase}",
            _texts(answer.headers),
            body,
        )


def _texts(headers: httpx.Headers) -> Headers:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw]


class Transport:
    """The connections to one host; one client for many hosts would reuse none."""

    def __init__(self, settings: FetchSettings, world: World) -> None:
        """Only public addresses are spoken with, unless the settings allow others."""
        silence = httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=None)
        self._timeouts = {"timeout": silence.as_dict()}
        self._http = _open(settings, world)

    async def send(self, url: str, headers: Headers) -> Answer:
        """One request, without httpx's client, whose cookies and redirects would cost as much.

        Raises:
            AddressRefused: the name leads to no public address. Else one of `ERRORS`.
        """
        sent = httpx.Request("GET", url, headers=headers, extensions=self._timeouts)
        answer = await self._http.handle_async_request(sent)
        answer.request = sent
        return Answer(answer)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()


def _open(settings: FetchSettings, world: World) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_connections=settings.host_concurrency, keepalive_expiry=KEPT_OPEN)
    transport = httpx.AsyncHTTPTransport(verify=world.tls(), limits=limits)
    if not settings.allow_private_hosts:
        # httpx has no option for the network backend; httpcore, below it, does.
        transport._pool = httpcore.AsyncConnectionPool(
            ssl_context=world.tls(),
            max_connections=limits.max_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_GuardedBackend(world),
        )
    return transport


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves, checks, and connects to the very address that was checked.

    So a name cannot answer one address to the check and another to the connection.
    """

    def __init__(self, world: World) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._world = world

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection to the first address that answers, or raise AddressRefused."""
        failure: Exception = httpcore.ConnectError(f"no address for {host}")
        for address in await self._addresses(host, port, timeout):
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """As the interface demands."""
        await self._inner.sleep(seconds)

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        find, allowed = self._world.resolve, self._world.allowed
        try:
            async with asyncio.timeout(timeout):
                return await public_addresses(host, port, find, allowed)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no address for {host} in time") from error
        except OSError as error:
            raise httpcore.ConnectError(f"no address for {host}: {error.strerror}") from error
