"""How bytes travel: requests and answers are httpx's, over connections of aiohttp's.

Another client needs what is public here: `Transport` sends one request to its host, `Answer` is
what came of it, `ERRORS` are what goes wrong on the way, and `network_kind` has our words for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from string import printable
from urllib.parse import quote

import httpx

from config.failures import Kind
from config.models import FetchSettings
from transforms.headers import by_name
from transforms.web.asking import World
from transforms.web.connections import AiohttpTransport
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
        return Exchange(
            url,
            at,
            sent.url.raw_path.decode("ascii", "replace"),
            _texts(sent.headers),
            answer.extensions.get("peer"),
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
        self._http = AiohttpTransport(
            world.tls(),
            httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=None),
            settings.host_concurrency,
            KEPT_OPEN,
            world.resolve,
            None if settings.allow_private_hosts else world.allowed,
        )

    async def send(self, url: str, headers: Headers) -> Answer:
        """One request, without httpx's client, whose cookies and redirects would cost as much.

        Raises:
            AddressRefused: the name leads to no public address. Else one of `ERRORS`.
        """
        fields = httpx.Headers(headers, encoding="utf-8")  # cookies go back as they came
        sent = httpx.Request("GET", url, headers=fields)
        answer = await self._http.handle_async_request(sent)
        answer.request = sent
        return Answer(answer)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()
