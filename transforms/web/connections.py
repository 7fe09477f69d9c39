"""An httpx transport over aiohttp, whose connections and parser in C cost a third.

aiohttp carries one request: no cookies, redirects, retries or unpacking of its own. What is odd
about an answer is mended before its parser sees it, and its errors become httpx's.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from transforms.web import heads
from transforms.web.guard import AddressRefused, Resolve, public_addresses, refusal

MOST_ADDRESSES = 8
"""Of a name, that are tried; all of them are checked."""
LONGEST_WORDS = 200
"""Characters of what the parser says."""

Allowed = Callable[[str], bool]


class AiohttpTransport(httpx.AsyncBaseTransport):
    """The connections to one host: `limit` at once, each kept open for `kept_open` idle seconds.

    Where `allowed` is given, it must hold for each address of a name, and for the one that a
    socket is opened to.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        timeout: httpx.Timeout,
        limit: int,
        kept_open: float,
        find: Resolve,
        allowed: Allowed | None,
    ) -> None:
        self._connector = _Connector(
            context, limit, kept_open, find, allowed, timeout.connect or 0.0
        )
        self._timeout = timeout
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=timeout.connect, sock_read=timeout.read
            ),
            response_class=_Answer,
            max_line_size=heads.LARGEST,
            max_field_size=heads.LARGEST,
            max_headers=heads.LARGEST,
        )
        self._session._retry_connection = False  # `_sent` knows better when
        self._most = limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request without a body; the answer's own comes when it is asked for.

        Raises:
            AddressRefused: the name leads to an address that is not allowed.
            httpx.TransportError, httpx.InvalidURL, OSError, ValueError: what went wrong.
        """
        try:
            answer = await self._sent(request)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._told(error) from error.__cause__ or error
        version = answer.version or aiohttp.HttpVersion11
        return httpx.Response(
            answer.status,
            headers=answer.raw_headers,  # type: ignore[arg-type]
            stream=_Body(answer, self._told),
            extensions={
                "http_version": b"HTTP/%d.%d" % (version.major, version.minor),
                "reason_phrase": (answer.reason or "").encode("utf-8", "surrogateescape"),
                "peer": answer.peer,
            },
        )

    async def _sent(self, request: httpx.Request) -> _Answer:
        """The answer; again where a connection that had served before ended (RFC 9112, 9.3.1)."""
        url = _as_listed(request.url)
        headers = [(name.decode(), value.decode()) for name, value in request.headers.raw]
        for attempt in range(self._most + 1):
            try:
                answer = await self._session.request(
                    request.method, url, headers=headers, allow_redirects=False
                )
            except _Stale as error:
                if attempt == self._most:
                    raise aiohttp.ServerDisconnectedError from error
            else:
                assert isinstance(answer, _Answer)
                return answer
        raise AssertionError("unreachable")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connector.close(abort_ssl=True)
        await self._session.close()

    def _told(self, error: Exception) -> Exception:
        """An error of aiohttp's in httpx's terms, with words that a row may show."""
        match error:
            case aiohttp.ConnectionTimeoutError():
                return httpx.ConnectTimeout(f"no connection within {self._timeout.connect:g} s")
            case TimeoutError():
                return httpx.ReadTimeout(f"nothing came for {self._timeout.read:g} s")
            case aiohttp.ClientConnectorDNSError():
                return httpx.ConnectError(f"no address for {error.host}: {error.strerror}")
            case aiohttp.ClientConnectorError():
                words = error.os_error.strerror or error.os_error
                return httpx.ConnectError(f"no connection to {error.host}: {words}")
            case aiohttp.ClientOSError():
                return httpx.ReadError(error.strerror or str(error))
            case aiohttp.InvalidURL():
                return httpx.InvalidURL(str(error))
            case aiohttp.ServerDisconnectedError():
                return httpx.RemoteProtocolError("the connection ended before the answer's headers")
            case aiohttp.ClientResponseError():
                return httpx.RemoteProtocolError(f"no answer of HTTP: {_line(error.message)}")
            case aiohttp.ClientPayloadError():
                return httpx.RemoteProtocolError(f"the body is not whole: {_line(str(error))}")
        return httpx.NetworkError(_line(str(error)))


def _line(words: str) -> str:
    """The parser's words on one line, without its picture of the bytes."""
    return " ".join(words.partition("\n\n")[0].split())[:LONGEST_WORDS]


def _as_listed(url: httpx.URL) -> URL:
    """An address whose path and query go out as they stand; yarl would quote them anew."""
    return URL.build(
        scheme=url.scheme,
        authority=url.netloc.decode("ascii"),
        path=url.raw_path.decode("ascii"),
        encoded=True,
    )


class _Stale(Exception):
    """A connection that had served before ended without an answer."""


class _Answer(aiohttp.ClientResponse):
    """Remembers who answered, also when the connection serves others."""

    peer: str | None = None

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Wait for the head of the answer."""
        protocol: _Connection = connection.protocol
        self.peer = protocol.peer
        try:
            return await super().start(connection)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if protocol.asked > 1 and protocol.silent:
                raise _Stale from error
            raise


class _Body(httpx.AsyncByteStream):
    """The body of an answer, as it comes over the wire."""

    def __init__(self, answer: _Answer, told: Callable[[Exception], Exception]) -> None:
        self._answer, self._told = answer, told

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._told(error) from error.__cause__ or error

    async def aclose(self) -> None:
        """Give the connection back; it is closed where the body was not read to its end."""
        self._answer.release()


class _Connection(ResponseHandler):
    """A connection whose answers have heads that the parser takes, and end where they say."""

    peer: str | None = None
    asked = 0
    """Requests that it carried."""
    _heads: heads.Reader | None = None
    """What reads the head that is awaited."""
    _idle = 0
    """Bytes that came since the last byte of a body: extensions of a chunk, and trailers."""

    @property
    def silent(self) -> bool:
        """Whether nothing has come of an answer."""
        return self._heads is not None and not self._heads.came

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is spoken with."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else None

    def set_response_params(self, **given: Any) -> None:
        """A request goes out; the head of its answer comes next."""
        self._heads, self._idle = heads.Reader(), 0
        self.asked += 1
        super().set_response_params(**given)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head, once it is whole, or of a body, as they come."""
        if self._heads is not None and data:
            data = self._head(self._heads, data)
        elif not data:
            return super().data_received(data)  # the parser goes on with what it has
        if data:
            self._body(data)

    def _head(self, reader: heads.Reader, data: bytes) -> bytes:
        """What comes after the head.

        The parser gets that apart: it forgets a head where something behind it is wrong.
        """
        try:
            found, rest = reader.take(data)
        except heads.TooLong as error:
            self._left(httpx.RemoteProtocolError(str(error)))
            return b""
        if reader.ended:
            self._heads = None
        if found:
            super().data_received(found)
        else:
            self.start_timeout()
        return rest

    def _body(self, data: bytes) -> None:
        payload = self._payload
        if payload is None or payload.is_eof():  # more than was asked for, or than was announced
            self.force_close()
            if self.transport is not None:
                self.transport.close()
            return
        before = payload.total_bytes
        super().data_received(data)
        self._idle = self._idle + len(data) if payload.total_bytes == before else 0
        if self._idle > heads.LARGEST:
            error = f"more than {heads.LARGEST:,} bytes between two of a body"
            self._left(httpx.RemoteProtocolError(error))

    def _left(self, error: Exception) -> None:
        """Hang up, and tell whoever waits."""
        if self._payload is not None:
            self._payload.set_exception(error)
        self.set_exception(error)
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """A body that goes on to the end of its connection is not whole where that broke off."""
        if exc is not None and self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(httpx.ReadError(str(exc)))
            self._parser = None
        super().connection_lost(exc)


class _Connector(aiohttp.TCPConnector):
    """Resolves, checks, and connects to the very addresses that were checked.

    So a name cannot answer one address to the check and another to the connection.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        limit: int,
        kept_open: float,
        find: Resolve,
        allowed: Allowed | None,
        patience: float,
    ) -> None:
        super().__init__(
            ssl=context,
            limit=limit,
            keepalive_timeout=kept_open,
            use_dns_cache=False,
            happy_eyeballs_delay=None,
            socket_factory=functools.partial(_checked_socket, allowed) if allowed else None,
        )
        self._find, self._allowed, self._patience = find, allowed, patience
        self._factory = functools.partial(_Connection, loop=self._loop)

    async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
        """The addresses to try; aiohttp asks no resolver about names that are addresses."""
        try:
            async with asyncio.timeout(self._patience):
                if self._allowed:
                    found = await public_addresses(host, port, self._find, self._allowed)
                else:
                    found = await self._find(host, port)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no address for {host} in time") from error
        if not found:
            raise httpx.ConnectError(f"no address for {host}")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=0, proto=0, flags=0)
            for address in found[:MOST_ADDRESSES]
        ]


def _checked_socket(allowed: Allowed, address: Any) -> socket.socket:
    """A socket for an address that may be spoken with, whichever way it came here."""
    family, kind, protocol, _, (host, *_) = address
    if not allowed(host):
        raise AddressRefused(refusal(host))
    return socket.socket(family, kind, protocol)
