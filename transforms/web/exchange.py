"""One request and its answer: headers, bounds, and our words for what goes wrong."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from time import monotonic

from config.failures import Kind, http_kind
from config.models import FetchSettings
from transforms.records import HttpFailure, Response
from transforms.times import LONGEST_RETRY_AFTER, http_date
from transforms.web.asking import Request
from transforms.web.coding import ACCEPTED, TooLarge, Unpacker
from transforms.web.transport import Answer, Transport, network_kind
from transforms.web.warc import ArchiveWriter, Headers

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

    async def send(
        self, transport: Transport, request: Request, url: str, at: datetime
    ) -> Response | HttpFailure:
        """One request and what came of it; what goes wrong on the way is raised."""
        answer = await transport.send(url, self._headers(request))
        try:
            status, headers = answer.status, answer.headers
            if status not in WITH_BODY:
                await _leave(answer)
                await self._keep(answer, url, at, None)
            if status in REDIRECTS or status == 304:
                return Response(url, status, headers, b"", (), at, 0, 0)
            if status not in WITH_BODY:
                return _status_failure(status, headers, at)
            if int(headers.get("content-length") or 0) > request.limit and not request.cut:
                raise TooLarge(f"more than {request.limit:,} bytes")
            body, received = await _read(answer, request, self.settings)
            await self._keep(answer, url, at, body)
            return Response(url, status, headers, body, (), at, 0, received)
        finally:
            await answer.close()

    def _headers(self, request: Request) -> Headers:
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

    async def _keep(self, answer: Answer, url: str, at: datetime, body: bytes | None) -> None:
        """Put an answer into the archive, where there is one; a thread packs it."""
        if self.archive:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, self.archive.write, answer.exchange(url, at, body))


async def _leave(answer: Answer) -> None:
    """Come to the end of an answer whose body nobody wants, where it is near.

    A connection whose answer was not read to its end cannot serve the next request.
    """
    length = answer.headers.get("content-length", "")
    short = length.isascii() and length.isdigit() and int(length) <= SHORT
    if short or answer.status == 304:
        await answer.skip()


async def _read(answer: Answer, request: Request, settings: FetchSettings) -> tuple[bytes, int]:
    """The unpacked body, and how many bytes came over the wire."""
    parts: list[bytes] = []
    unpack = Unpacker(answer.headers.get("content-encoding", ""), request.limit, request.cut)
    started = monotonic()
    async for chunk in answer.chunks():
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
    """Our words for what a transport raises; all but a bad URL may pass."""
    if isinstance(error, TimeoutError):
        return HttpFailure(
            Kind.TIMEOUT, f"took longer than {settings.total_timeout:g} s", at, 0, temporary=True
        )
    if (refused := _refused_certificate(error)) is not None:
        text = f"the certificate is not to be trusted: {refused.verify_message}"
        return HttpFailure(Kind.BAD_CERTIFICATE, text, at, 0, temporary=True)
    kind = network_kind(error)
    if kind is None:
        return HttpFailure(Kind.BAD_URL, f"{url}: {error}", at, 0)
    text = str(error) or type(error).__name__
    return HttpFailure(kind, text, at, 0, temporary=True)


def _refused_certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """What TLS said of a certificate, below the exceptions of the transport."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error
