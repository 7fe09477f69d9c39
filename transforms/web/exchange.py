"""One request and its answer: headers, bounds, and our words for what goes wrong."""

from __future__ import annotations

import asyncio
import re
import ssl
from datetime import datetime
from time import monotonic

from config.failures import Kind, http_kind
from config.models import FetchSettings
from transforms.headers import whole_number
from transforms.records import HttpFailure, Response
from transforms.times import LONGEST_RETRY_AFTER, http_date
from transforms.web.asking import Request
from transforms.web.coding import ACCEPTED, TooLarge, Unpacker
from transforms.web.redirects import REDIRECTS
from transforms.web.transport import Answer, Transport, network_kind
from transforms.web.warc import ArchiveWriter, Headers

SHORT = 16_384
"""Bytes of an unwanted body that cost less than a new connection."""
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
WHOLE = frozenset({200, 226})
"""What is taken with an empty body too."""
WITHOUT_BODY = frozenset({204, 205})
WHOLE_RANGE = re.compile(r"bytes 0-(\d{1,18})/(\d{1,18})")


class TooSlow(Exception):
    """A body arrives so slowly that others had better have its place."""


class Exchanges:
    """Sends single requests, and reads their answers within bounds; `archive` keeps each answer."""

    def __init__(self, settings: FetchSettings, archive: ArchiveWriter | None) -> None:
        self.settings, self.archive = settings, archive

    async def send(
        self,
        transport: Transport,
        request: Request,
        url: str,
        at: datetime,
        cookies: str | None = None,
    ) -> Response | HttpFailure:
        """One request and what came of it; what goes wrong on the way is raised."""
        answer = await transport.send(url, self._headers(request, cookies))
        try:
            if _has_body(answer):
                return await self._whole(answer, request, url, at)
            await _leave(answer)
            await self._keep(answer, url, at, None)
            status, headers = answer.status, answer.headers
            if status == 304 and not _conditions(request):
                return HttpFailure(
                    Kind.BAD_NOT_MODIFIED, "304 where nothing was known", at, 0, 304, temporary=True
                )
            if status in REDIRECTS or status == 304:
                return Response(url, status, headers, b"", (), at, 0, 0)
            return _status_failure(status, headers, at)
        finally:
            await answer.close()

    async def _whole(
        self, answer: Answer, request: Request, url: str, at: datetime
    ) -> Response | HttpFailure:
        """An answer with its body; one that says nothing counts where the status is that of one."""
        headers, most = answer.headers, request.limit
        length = whole_number(headers.get("content-length"), most + 1) or 0
        if length > most and not request.cut:
            raise TooLarge(f"more than {most:,} bytes")
        body, received = await _read(answer, request, self.settings)
        await self._keep(answer, url, at, body)
        if not body and answer.status not in WHOLE:
            return _status_failure(answer.status, headers, at)
        return Response(url, answer.status, headers, body, (), at, 0, received)

    def _headers(self, request: Request, cookies: str | None) -> Headers:
        headers = [
            ("User-Agent", self.settings.user_agent),
            ("Accept", request.accept),
            ("Accept-Encoding", ACCEPTED),
        ]
        if request.takes_difference:
            headers.append(("A-IM", "feed"))
        if cookies:
            headers.append(("Cookie", cookies))
        return headers + _conditions(request)

    async def _keep(self, answer: Answer, url: str, at: datetime, body: bytes | None) -> None:
        """Put an answer into the archive, where there is one; a thread packs it."""
        if self.archive:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, self.archive.write, answer.exchange(url, at, body))


def _conditions(request: Request) -> Headers:
    """Validators as they came; what is not ASCII cannot be sent back so."""
    told = [("If-None-Match", request.etag), ("If-Modified-Since", request.last_modified)]
    return [(name, value) for name, value in told if value and value.isascii()]


def _has_body(answer: Answer) -> bool:
    """Whether a status promises what was asked for, all of it: any 2xx (RFC 9110, 15.3)."""
    if answer.status == 206 and (part := answer.headers.get("content-range")):
        whole = WHOLE_RANGE.fullmatch(part)
        return whole is not None and int(whole[1]) + 1 == int(whole[2])
    return 200 <= answer.status < 300 and answer.status not in WITHOUT_BODY


async def _leave(answer: Answer) -> None:
    """Come to the end of an answer whose body nobody wants, where it is near.

    A connection whose answer was not read to its end cannot serve the next request.
    """
    length = whole_number(answer.headers.get("content-length"), SHORT + 1)
    short = length is not None and length <= SHORT
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
    if (seconds := whole_number(value, LONGEST_RETRY_AFTER)) is not None:
        return seconds
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
