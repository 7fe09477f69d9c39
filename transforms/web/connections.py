"""Connections of aiohttp's, made safe: addresses are checked, odd answers mended or refused.

aiohttp carries one request: no cookies, redirects, retries or unpacking of its own. What is odd
about the head of an answer is mended before its parser, which is in C, sees it.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler

from transforms.web import heads
from transforms.web.guard import AddressRefused, Resolve, public_addresses, refusal

MOST_ADDRESSES = 8
"""Of a name, that are tried; all of them are checked."""
BUFFER = 2**16
"""Bytes of a body that wait to be read before the sender is held up; twice as many at most."""

Allowed = Callable[[str], bool]


def session(connector: Connector, connect: float, silence: float) -> aiohttp.ClientSession:
    """A session over connections of ours, with seconds for connecting and for the next byte."""
    made = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=silence),
        response_class=Response,
        read_bufsize=BUFFER,
        max_line_size=heads.LARGEST,
        max_field_size=heads.LARGEST,
        max_headers=heads.LARGEST,
    )
    made._retry_connection = False  # it asks again on new connections too; see `Stale`
    return made


class Stale(aiohttp.ServerDisconnectedError):
    """A connection that had served before ended without an answer (RFC 9112, section 9.3.1)."""


class Response(aiohttp.ClientResponse):
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
                raise Stale from error
            raise


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
        payload = self._payload
        super().connection_lost(exc)
        # aiohttp tells no one who reads a body of what its parser refused behind the last chunk.
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(httpx.RemoteProtocolError("the answer broke off"))


class Connector(aiohttp.TCPConnector):
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
        """`limit` connections, each kept open for `kept_open` idle seconds.

        Names are looked up for so many seconds. Where `allowed` is given, it must hold for each
        address of a name, and for the one that a socket is opened to.
        """
        super().__init__(
            ssl=context,
            limit=limit,
            keepalive_timeout=kept_open,
            use_dns_cache=False,
            happy_eyeballs_delay=None,
            socket_factory=functools.partial(_checked_socket, allowed) if allowed else None,
        )
        self._find, self._allowed, self._patience = find, allowed, patience
        made: type[ResponseHandler] = _Connection
        self._factory = functools.partial(made, loop=self._loop)

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
