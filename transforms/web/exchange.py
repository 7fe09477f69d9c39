"""One request and its answer: headers, bounds, and our words for what goes wrong."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from time import monotonic

import httpx

from config.failures import Kind, http_kind
from config.models import FetchSettings
from transforms.records import HttpFailure, Response
from transforms.times import LONGEST_RETRY_AFTER, http_date
from transforms.web.asking import Request
from transforms.web.coding import ACCEPTED, TooLarge, Unpacker
from transforms.web.warc import ArchiveWriter, Exchange

SHORT = 16_384
"""Bytes of an unwanted body that cost less than a new connection."""
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WITH_BODY = frozenset({200, 226})


class TooSlow(Exception):
    """A body arrives so slowly that others had better have its place."""


class Exchanges:
    """Sends single requests, and reads their answers within bounds; `archive` keeps each answer."""

    def __init__(self, settings: FetchSettings, archive: ArchiveWriter | None) -> None:
        self.settings, self.archive = settings, archive
        silence = httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=None)
        self.timeouts = {"timeout": silence.as_dict()}

    async def send(
        self, transport: httpx.AsyncHTTPTransport, request: Request, url: str, at: datetime
    ) -> Response | HttpFailure:
        """One request, without httpx's client, whose cookies and redirects would cost as much."""
        sent = httpx.Request("GET", url, headers=self._headers(request), extensions=self.timeouts)
        answer = await transport.handle_async_request(sent)
        answer.request = sent
        try:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            status = answer.status_code
            if status not in WITH_BODY:
                await _leave(answer)
                await self._keep(answer, url, at, None)
            if status in REDIRECTS or status == 304:
                return Response(url, status, headers, b"", (), at, 0, 0)
            if status not in WITH_BODY:
                return _status_failure(status, headers, at)
            if int(headers.get("content-length") or 0) > request.limit and not request.cut:
                raise TooLarge(f"more than {request.limit:,} bytes")
            body, received = await _read(answer, headers, request, self.settings)
            await self._keep(answer, url, at, body)
            return Response(url, status, headers, body, (), at, 0, received)
        finally:
            await answer.aclose()

    def _headers(self, request: Request) -> list[tuple[str, str]]:
        headers = [
            ("User-Agent", self.settings.user_agent),
            ("Accept", request.accept),
            ("Accept-Encoding", ACCEPTED),
        ]
        if request.takes_difference:
            headers.append(("A-IM", "feed"))
        if request.etag and request.etag.isascii():  # others cannot be sent back as they came
            headers.append(("If-None-Match", request.etag))
        if request.last_modified and request.last_modified.isascii():
            headers.append(("If-Modified-Since", request.last_modified))
        return headers

    async def _keep(
        self, answer: httpx.Response, url: str, at: datetime, body: bytes | None
    ) -> None:
        """Put an answer into the archive, where there is one; a thread packs it."""
        if self.archive:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, self.archive.write, _exchange(answer, url, at, body))


def _exchange(answer: httpx.Response, url: str, at: datetime, body: bytes | None) -> Exchange:
    stream = answer.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream else None
    return Exchange(
        url,
        at,
        answer.request.url.raw_path.decode("ascii", "replace"),
        _texts(answer.request.headers),
        peer[0] if peer else None,
        answer.http_version,
        f"{answer.status_code} {answer.reason_phrase}",
        _texts(answer.headers),
        body,
    )


def _texts(headers: httpx.Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw]


async def _leave(answer: httpx.Response) -> None:
    """Come to the end of an answer whose body nobody wants, where it is near.

    A connection whose answer was not read to its end cannot serve the next request.
    """
    length = answer.headers.get("content-length", "")
    short = length.isascii() and length.isdigit() and int(length) <= SHORT
    if short or answer.status_code == 304:
        async for _ in answer.stream:  # type: ignore[union-attr]
            pass


async def _read(
    answer: httpx.Response, headers: dict[str, str], request: Request, settings: FetchSettings
) -> tuple[bytes, int]:
    """The unpacked body, and how many bytes came over the wire."""
    parts: list[bytes] = []
    unpack = Unpacker(headers.get("content-encoding", ""), request.limit, request.cut)
    started = monotonic()
    async for chunk in answer.aiter_raw():
        parts.append(unpack(chunk))
        if unpack.full:
            break
        seconds = monotonic() - started
        if seconds > settings.slow_grace and unpack.received < settings.least_speed * seconds:
            raise TooSlow(f"{unpack.received:,} bytes in {seconds:.0f} s")
    unpack.finish()
    return b"".join(parts), unpack.received


def _status_failure(status: int, headers: dict[str, str], at: datetime) -> HttpFailure:
    return HttpFailure(
        http_kind(status),
        f"the server answered {status}",
        at,
        0,
        status,
        temporary=status in TEMPORARY,
        retry_after=retry_after(headers.get("retry-after"), at),
    )


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.isascii() and value.strip().isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    date = http_date(value)
    if date is None:
        return None
    return min(max(0.0, (date - now).total_seconds()), LONGEST_RETRY_AFTER)


def network_failure(
    error: Exception, url: str, at: datetime, settings: FetchSettings
) -> HttpFailure:
    """Our words for the exceptions of httpx; all but a bad URL may pass."""
    if isinstance(error, TimeoutError):
        return HttpFailure(
            Kind.TIMEOUT, f"took longer than {settings.total_timeout:g} s", at, 0, temporary=True
        )
    names: dict[type[Exception], str] = {
        httpx.TimeoutException: Kind.TIMEOUT,
        httpx.ConnectError: Kind.CONNECT_ERROR,
        httpx.RemoteProtocolError: Kind.PROTOCOL_ERROR,
        httpx.NetworkError: Kind.NETWORK_ERROR,
        OSError: Kind.NETWORK_ERROR,  # such as a TLS alert after the handshake
    }
    if (refused := _refused_certificate(error)) is not None:
        text = f"the certificate is not to be trusted: {refused.verify_message}"
        return HttpFailure(Kind.BAD_CERTIFICATE, text, at, 0, temporary=True)
    name = next((name for kind, name in names.items() if isinstance(error, kind)), None)
    if name is None:
        return HttpFailure(Kind.BAD_URL, f"{url}: {error}", at, 0)
    text = str(error) or type(error).__name__
    return HttpFailure(name, text, at, 0, temporary=True)


def _refused_certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """What TLS said of a certificate, below the exceptions of httpx and httpcore."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error
