"""How bytes travel: the one module that knows the HTTP client, httpx, and httpcore below it.

Another client needs what is public here: `Transport` sends one request to its host, `Answer` is
what came of it, `ERRORS` are what goes wrong on the way, and `network_kind` has our words for them.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from string import printable
from typing import Any
from urllib.parse import quote

import httpcore
import httpx

from config.failures import Kind
from config.models import FetchSettings
from transforms.headers import by_name
from transforms.web import heads
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
        self.headers = by_name(_field(name, value) for name, value in answer.headers.raw)
        """By name in lower case, read as browsers read them (`transforms.headers`)."""

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


def _field(name: bytes, value: bytes) -> tuple[str, str]:
    """A header field as text; an address keeps its bytes, whatever their encoding."""
    told = name.decode("latin-1")
    if told.lower() == "location":
        return told, quote(value, safe=printable)
    try:
        return told, value.decode()
    except UnicodeDecodeError:
        return told, value.decode("latin-1")


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
        fields = httpx.Headers(headers, encoding="utf-8")  # cookies go back as they came
        sent = httpx.Request("GET", url, headers=fields, extensions=self._timeouts)
        answer = await self._http.handle_async_request(sent)
        answer.request = sent
        return Answer(answer)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()


def _open(settings: FetchSettings, world: World) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_connections=settings.host_concurrency, keepalive_expiry=KEPT_OPEN)
    transport = httpx.AsyncHTTPTransport(verify=world.tls(), limits=limits)
    # httpx has no option for the network backend; httpcore, below it, does.
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=world.tls(),
        max_connections=limits.max_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=_Backend() if settings.allow_private_hosts else _GuardedBackend(world),
    )
    return transport


class _Stream(httpcore.AsyncNetworkStream):
    """A connection whose answers have heads that h11 takes (`heads.repaired`)."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._head: bytearray | None = None
        """What has come of a head; None where none is expected."""
        self._came = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes of a body as they come, a head once it is whole."""
        while self._head is not None:
            data = await self._inner.read(max_bytes, timeout)
            if not data:
                return b""
            if whole := self._taken(data):
                return whole
        return await self._inner.read(max_bytes, timeout)

    def _taken(self, data: bytes) -> bytes:
        """Heads that are whole now, and what comes after the last; blank lines before one go."""
        assert self._head is not None
        found, searched = b"", max(0, len(self._head) - 3)
        self._head += data if self._head else data.lstrip(b"\r\n")
        self._came += len(data)
        while end := heads.END.search(self._head, searched):
            head, rest = bytes(self._head[: end.end()]), self._head[end.end() :]
            found, searched = found + heads.repaired(head), 0
            if not heads.is_informational(head):
                self._head = None
                return found + rest
            self._head = rest.lstrip(b"\r\n")
        if self._came > heads.LARGEST:
            raise httpcore.RemoteProtocolError(f"headers of more than {heads.LARGEST:,} bytes")
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send a request, or a part of it; the head of its answer comes next."""
        self._head, self._came = bytearray(), 0
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The same over TLS."""
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection."""
        return self._inner.get_extra_info(info)


class _Backend(httpcore.AsyncNetworkBackend):
    """Connects to any host."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection to the first address that answers."""
        failure: Exception = httpcore.ConnectError(f"no address for {host}")
        for address in await self._addresses(host, port, timeout):
            try:
                return _Stream(
                    await self._inner.connect_tcp(
                        address, port, timeout, local_address, socket_options=socket_options
                    )
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        return [host]

    async def sleep(self, seconds: float) -> None:
        """As the interface demands."""
        await self._inner.sleep(seconds)


class _GuardedBackend(_Backend):
    """Resolves, checks, and connects to the very address that was checked.

    So a name cannot answer one address to the check and another to the connection.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        """All of them are public; else AddressRefused is raised."""
        find, allowed = self._world.resolve, self._world.allowed
        try:
            async with asyncio.timeout(timeout):
                return await public_addresses(host, port, find, allowed)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no address for {host} in time") from error
        except OSError as error:
            raise httpcore.ConnectError(f"no address for {host}: {error.strerror}") from error
