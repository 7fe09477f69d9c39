"""How bytes travel: the one module that knows the HTTP clients, with the connections below it.

The requests are aiohttp's (`web.connections`), at a third of the cost of httpx's. httpx says how an
odd address is written, and has the names for what goes wrong. Another client needs what is public
here: `Transport` sends one request to its host, `Answer` is what came of it, `ERRORS` are what goes
wrong on the way, and `network_kind` has our words for them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from string import printable
from urllib.parse import quote

import aiohttp
import httpx
from yarl import URL

from config.failures import Kind
from config.models import FetchSettings
from transforms.headers import by_name
from transforms.web.asking import World
from transforms.web.connections import Connector, Response, Stale, session
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
_OF_AIOHTTP = (aiohttp.ClientError, TimeoutError)
_PLAIN = re.compile(
    r"(https?)://((?![^/]*xn--)[a-z0-9.-]+(?::\d{1,5})?)(/(?!\.|[^?]*/\.)(?:[!$&-;=?-Z_a-z~]|%[0-9A-Fa-f]{2})*+)"
)
"""Scheme, host and target of an address that goes out as it stands."""
LONGEST_WORDS = 200
"""Characters of what aiohttp's parser says."""


def network_kind(error: Exception) -> Kind | None:
    """The kind of one of `ERRORS`; None where it is the address that cannot be asked."""
    return next((kind for raised, kind in _KINDS.items() if isinstance(error, raised)), None)


class Answer:
    """An answer whose headers have come, and whose body comes when it is asked for."""

    def __init__(self, answer: Response, settings: FetchSettings) -> None:
        self._answer, self._settings = answer, settings
        self.status = answer.status
        self.headers = by_name(_field(name, value) for name, value in answer.raw_headers)
        """By name in lower case, read as browsers read them (`transforms.headers`)."""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes over the wire, packed as it is."""
        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except _OF_AIOHTTP as error:
            raise _told(error, self._settings) from error.__cause__ or error

    async def skip(self) -> None:
        """Come to the end of the body."""
        if not self._answer.content.at_eof():
            async for _ in self.chunks():
                pass

    async def close(self) -> None:
        """Give the connection back; where the body was not read to its end, it is closed."""
        self._answer.release()

    def exchange(self, url: str, at: datetime, body: bytes | None) -> Exchange:
        """What was sent and what came, for an archive; `body` is unpacked."""
        answer, sent = self._answer, self._answer.request_info
        version = answer.version or aiohttp.HttpVersion11
        return Exchange(
            url,
            at,
            sent.url.raw_path_qs,
            list(sent.headers.items()),
            answer.peer,
            f"HTTP/{version.major}.{version.minor}",
            f"{answer.status} {_latin((answer.reason or '').encode('utf-8', 'surrogateescape'))}",
            [(_latin(name), _latin(value)) for name, value in answer.raw_headers],
            body,
        )


def _latin(octets: bytes) -> str:
    return octets.decode("latin-1")


def _field(name: bytes, value: bytes) -> tuple[str, str]:
    """A header field as text; an address keeps its bytes, whatever their encoding."""
    told = _latin(name)
    if told.lower() == "location":
        return told, quote(value, safe=printable)
    try:
        return told, value.decode()
    except UnicodeDecodeError:
        return told, _latin(value)


class Transport:
    """The connections to one host; one client for many hosts would reuse none."""

    def __init__(self, settings: FetchSettings, world: World) -> None:
        """Only public addresses are spoken with, unless the settings allow others."""
        self._settings = settings
        self._connector = Connector(
            world.tls(),
            settings.host_concurrency,
            KEPT_OPEN,
            world.resolve,
            None if settings.allow_private_hosts else world.allowed,
            settings.connect_timeout,
        )
        self._http = session(self._connector, settings.connect_timeout, settings.read_timeout)

    async def send(self, url: str, headers: Headers) -> Answer:
        """One request; again where a connection that had served before had ended meanwhile.

        Raises:
            AddressRefused: the name leads to no public address. Else one of `ERRORS`.
        """
        target, again = _as_listed(url), self._settings.host_concurrency
        while True:
            try:
                answer = await self._http.get(target, headers=headers, allow_redirects=False)
            except _OF_AIOHTTP as error:
                if isinstance(error, Stale) and again:
                    again -= 1
                    continue
                raise _told(error, self._settings) from error.__cause__ or error
            assert isinstance(answer, Response)
            return Answer(answer, self._settings)

    async def close(self) -> None:
        """Give the connections back."""
        await self._connector.close(abort_ssl=True)
        await self._http.close()


def _as_listed(url: str) -> URL:
    """An address whose path and query go out as they stand; yarl would quote them anew."""
    if plain := _PLAIN.fullmatch(url):
        scheme, authority, target = plain.groups()
    else:
        parts = httpx.URL(url)
        _ = parts.host  # raises for Punycode that is none
        scheme, authority = parts.scheme, parts.netloc.decode("ascii")
        target = parts.raw_path.decode("ascii")
    return URL.build(scheme=scheme, authority=authority, path=target, encoded=True)


def _told(error: Exception, settings: FetchSettings) -> Exception:
    """An error of aiohttp's in httpx's terms, with words that a row may show."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout(f"no connection within {settings.connect_timeout:g} s")
        case TimeoutError():
            return httpx.ReadTimeout(f"nothing came for {settings.read_timeout:g} s")
        case aiohttp.ClientConnectorDNSError():
            return httpx.ConnectError(f"no address for {error.host}: {error.os_error.strerror}")
        case aiohttp.ClientConnectorError():
            words = error.os_error.strerror or error.os_error
            return httpx.ConnectError(f"no connection to {error.host}: {words}")
        case OSError():
            return httpx.ReadError(error.strerror or str(error))
        case aiohttp.InvalidURL():
            return httpx.InvalidURL(str(error))
        case aiohttp.ServerDisconnectedError():
            return httpx.RemoteProtocolError("the connection ended before an answer had come")
        case aiohttp.ClientResponseError():
            return httpx.RemoteProtocolError(f"no answer of HTTP: {_line(error.message)}")
        case aiohttp.ClientPayloadError():
            return httpx.RemoteProtocolError(f"the body is not whole: {_line(str(error))}")
    return httpx.NetworkError(_line(str(error)))


def _line(words: str) -> str:
    """The parser's words on one line, without its picture of the bytes."""
    return " ".join(words.partition("\n\n")[0].split())[:LONGEST_WORDS]
