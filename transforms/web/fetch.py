"""Fetching single URLs, polite to each host, bounded in all else.

Every host has a lane with so many requests at once and a pause between them; every lane has an
HTTP client of its own, because one client for many hosts reuses no connection; few clients are
kept open that have nothing to do, because sockets are counted. What fails in an expected way comes
out as an HttpFailure. `transforms.web.service` fetches many at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from time import monotonic
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import certifi
import httpcore
import httpx

from config.models import FetchSettings
from transforms.records import LONGEST_ERROR, HostRest, HttpFailure, Response
from transforms.times import LONGEST_RETRY_AFTER, http_date
from transforms.urls import absolute, host_of
from transforms.web.coding import ACCEPTED, BadCoding, TooLarge, Unpacker
from transforms.web.guard import (
    AddressRefused,
    GuardedBackend,
    Resolve,
    check_url,
    is_public,
    resolve,
)
from transforms.web.hosts import HostBook
from transforms.web.pace import BUSY, LONGEST_REST, REST, Pace
from transforms.web.robots import ROBOTS_BYTES, RobotsBook, origin_of, robots_address, robots_file
from transforms.web.warc import ArchiveWriter, Exchange

R = TypeVar("R")
FEED_TYPES = "application/rss+xml, application/atom+xml, application/feed+json, */*;q=0.5"
SHORT = 16_384
"""Bytes of an unwanted body that cost less than a new connection."""
FORGOTTEN = 3600.0
"""Seconds after which a host that is not asked is forgotten; that it rests is noted elsewhere."""
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})
WITH_BODY = frozenset({200, 226})
NOT_THE_HOSTS = frozenset({"HostResting", "RobotsLost", "RobotsRefused", "AddressRefused"})
"""Failures for which no host is to blame: it was not asked, or gave what it was asked for."""


class Request(NamedTuple):
    """What to ask for: `limit` bounds the body in bytes, packed and unpacked."""

    url: str
    limit: int
    accept: str
    etag: str | None = None
    last_modified: str | None = None
    probe: bool = False
    """Whether a 304 is put to the test by a request without validators."""
    takes_difference: bool = False
    """Whether the entries since the validators will do (RFC 3229, and A-IM: feed)."""
    obeys_robots: bool = False
    """Whether robots.txt must allow it, and each address that it is led to."""
    cut: bool = False
    """Whether a body is cut at its limit, rather than refused."""


class _TooSlow(Exception):
    """A body arrives so slowly that others had better have its place."""


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One context for all clients: to load the certificates costs 20 ms."""
    return ssl.create_default_context(cafile=certifi.where())


class World(NamedTuple):
    """Clock, names, and whom to trust: the seam where tests put a world of their own."""

    monotonic: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    resolve: Resolve = resolve
    allowed: Callable[[str], bool] = is_public
    """Whether an address may be spoken with, where private ones may not."""
    tls: Callable[[], ssl.SSLContext] = _tls


class Books(NamedTuple):
    """What is known of sites and hosts, and what was found out since."""

    robots: RobotsBook
    hosts: HostBook

    @classmethod
    def empty(cls) -> Books:
        """Nothing is known."""
        return cls(RobotsBook(), HostBook())


class _Place:
    """Where so many requests are under way at once, with a pause between their starts."""

    def __init__(self, settings: FetchSettings, world: World) -> None:
        self.world = world
        self.slots = asyncio.Semaphore(settings.host_concurrency)
        self.turn = asyncio.Lock()
        self.free_at = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next start."""
        return self.free_at - self.world.monotonic()

    async def rest(self) -> None:
        """Wait for the next start; a pause asked for meanwhile counts too."""
        while (wait := self.wait) > 0:
            await self.world.sleep(wait)

    def pause(self, seconds: float) -> None:
        """No request starts before so many seconds have passed."""
        self.free_at = max(self.free_at, self.world.monotonic() + seconds)


P = TypeVar("P", bound=_Place)


class _Lane(_Place):
    """The way to one host: a client, and how fast the host may be asked."""

    def __init__(self, host: str, settings: FetchSettings, world: World) -> None:
        super().__init__(settings, world)
        self.host, self.settings = host, settings
        self.pace = Pace(settings.host_delay)
        self.users = 0
        self.busy = 0
        self.transport: httpx.AsyncHTTPTransport | None = None

    def open(self) -> httpx.AsyncHTTPTransport:
        """The transport, made at its first use."""
        if self.transport is None:
            self.transport = _transport(self.settings, self.world)
        return self.transport

    async def close(self) -> None:
        """Give the connections back; the next request opens new ones."""
        if self.transport is not None:
            transport, self.transport = self.transport, None
            await transport.aclose()


def _forget(places: dict[str, P]) -> None:
    for name, place in list(places.items()):
        if place.wait < -FORGOTTEN and not place.turn.locked():
            del places[name]


class _Resting(Exception):
    """A host began to rest while a request waited for its turn."""

    def __init__(self, failure: HttpFailure) -> None:
        self.failure = failure


class _Outcome(NamedTuple):
    """What came of a request, and of which host: redirects lead elsewhere."""

    answer: Response | HttpFailure
    host: str
    passed: frozenset[str] = frozenset()
    """Hosts that led there."""


class Fetcher:
    """Fetches single requests, with retries and redirects, through the lanes of their hosts."""

    def __init__(
        self,
        settings: FetchSettings,
        taking: asyncio.Event,
        books: Books,
        world: World,
        archive: ArchiveWriter | None = None,
    ) -> None:
        """While `taking` is not set, no request begins; `archive` keeps each answer."""
        self.settings, self.taking, self.world = settings, taking, world
        self.robots, self.hosts = books
        self.archive = archive
        silence = httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=None)
        self.timeouts = {"timeout": silence.as_dict()}
        self.asking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.lanes: dict[str, _Lane] = {}
        self.idle: dict[_Lane, None] = {}  # in the order in which they fell idle
        self.in_flight = asyncio.Semaphore(settings.in_flight)
        self.addresses: dict[str, str] = {}
        self.machines: dict[str, _Place] = defaultdict(lambda: _Place(settings, world))
        self.tidied = world.monotonic()

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        for lane in self.lanes.values():
            await lane.close()

    def tidy(self) -> None:
        """Forget what was not asked for long, lest a life of months add it all up.

        No request takes as long, so that nothing is forgotten that is under way.
        """
        if self.world.monotonic() - self.tidied < FORGOTTEN:
            return
        self.tidied = self.world.monotonic()
        self.addresses.clear()  # names move
        _forget(self.lanes)
        _forget(self.machines)
        for origin in [origin for origin, lock in self.asking.items() if not lock.locked()]:
            del self.asking[origin]
        self.robots.forget(datetime.now(UTC))
        self.hosts.forget(datetime.now(UTC))

    async def fetch(self, request: Request) -> Response | HttpFailure:
        """The answer to a request; of a probe, the second one where the first says 304."""
        answer = await self._tries(request)
        if request.probe and isinstance(answer, Response) and answer.status == 304:
            whole = await self._tries(request._replace(etag=None, last_modified=None))
            if isinstance(whole, Response) and whole.status == 200:
                return whole._replace(after_304=True)
        return answer

    async def _tries(self, request: Request) -> Response | HttpFailure:
        """The answer after retries of temporary failures; it speaks for the host that gave it."""
        answer, host, passed = await self._retried(request)
        failure = answer if isinstance(answer, HttpFailure) else None
        if failure is None or failure.error_type not in NOT_THE_HOSTS:
            self._ended(host, failure)
        for other in passed - {host}:
            self._ended(other, None)
        return answer

    def _ended(self, host: str, failure: HttpFailure | None) -> None:
        """Note how a request to a host went; one that fails again and again is left alone."""
        well = failure is None or not failure.temporary
        alone = self._lane(host).pace.ended(well, self.world.monotonic())
        if failure is not None and alone:
            self._rest(host, REST, f"{failure.error_type}: {failure.message}")

    def _rest(self, host: str, seconds: float, reason: str) -> None:
        """Leave a host alone, here and wherever its rest is known."""
        pace = self._lane(host).pace
        pace.rest(seconds, self.world.monotonic())
        now = datetime.now(UTC)
        until = now + timedelta(seconds=min(seconds, LONGEST_REST))
        self.hosts.keep(HostRest(host, now, until, pace.failures, reason[:LONGEST_ERROR]))

    def _resting(self, host: str) -> HttpFailure | None:
        """Why a host is not asked for now."""
        seconds = self._lane(host).pace.rests(self.world.monotonic())
        now = datetime.now(UTC)
        if not seconds or (rest := self.hosts.rest(host, now)) is None:
            return None
        failed = f"{rest.failures} failures in a row, the last " if rest.failures > 1 else ""
        until = f"{rest.resting_until:%Y-%m-%d %H:%M} UTC"
        text = f"{host} is left alone until {until}: {failed}{rest.last_error}"
        return HttpFailure(
            "HostResting", text, now, 0, temporary=True, retry_after=seconds, asked=False
        )

    async def _retried(self, request: Request) -> _Outcome:
        before: _Outcome | None = None
        for attempt in range(self.settings.retries + 1):
            outcome = await self._attempt(request)
            result = outcome.answer
            if isinstance(result, Response) or not result.temporary:
                return outcome
            if not result.asked:  # others have made the host rest meanwhile
                return before or outcome
            before = outcome
            wait = self.settings.retry_wait * 2**attempt
            if result.retry_after is not None:
                wait = max(wait, result.retry_after)
            if attempt == self.settings.retries or wait > self.settings.retry_after_max:
                return outcome
            self._lane(outcome.host).pause(wait)
        raise AssertionError("unreachable")

    @contextlib.asynccontextmanager
    async def using(self, host: str) -> AsyncIterator[_Lane]:
        """The lane of a host; its connections are closed when nobody uses it any more."""
        lane = self._lane(host)
        lane.users += 1
        try:
            yield lane
        finally:
            lane.users -= 1
            if not lane.users:
                self.idle.pop(lane, None)
                await lane.close()

    @contextlib.asynccontextmanager
    async def _request(self, lane: _Lane, url: str) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """A host's transport for one request, once host, machine, network and caller have room.

        The pause after a start begins with the start itself: whoever reserved a time and then
        waited for room would meet the next one.
        """
        async with lane.slots, contextlib.AsyncExitStack() as held:
            async with lane.turn:
                await self._take_room(lane, await self._machine(url), held)
                lane.pause(lane.pace.delay)
            lane.busy += 1
            self.idle.pop(lane, None)
            try:
                yield lane.open()
            finally:
                lane.busy -= 1
                if not lane.busy:
                    await self._fell_idle(lane)

    async def _take_room(
        self, lane: _Lane, machine: _Place, held: contextlib.AsyncExitStack
    ) -> None:
        """Wait until a request may start; what was asked of the host meanwhile counts."""
        while True:
            await lane.rest()
            async with contextlib.AsyncExitStack() as room:
                await room.enter_async_context(machine.slots)
                async with machine.turn:
                    await machine.rest()
                    await room.enter_async_context(self.in_flight)
                    await self.taking.wait()
                    if refusal := self._resting(lane.host):
                        raise _Resting(refusal)
                    if lane.wait <= 0:
                        machine.pause(self.settings.host_delay)
                        await held.enter_async_context(room.pop_all())
                        return

    async def _machine(self, url: str) -> _Place:
        """The address behind a name: sites that share one do not add up on it."""
        name = urlsplit(url).hostname or ""
        if name not in self.addresses:
            lookup = self.world.resolve(name, 0)
            try:
                found = await asyncio.wait_for(lookup, self.settings.connect_timeout)
                self.addresses[name] = found[0] if found else name
            except (TimeoutError, OSError, UnicodeError):  # the connection will tell
                self.addresses[name] = name
        return self.machines[self.addresses[name]]

    async def _fell_idle(self, lane: _Lane) -> None:
        self.idle[lane] = None
        if len(self.idle) > self.settings.idle_hosts:
            longest = next(iter(self.idle))
            del self.idle[longest]
            await longest.close()

    def _lane(self, host: str) -> _Lane:
        if host not in self.lanes:
            lane = self.lanes[host] = _Lane(host, self.settings, self.world)
            now = datetime.now(UTC)
            if rest := self.hosts.rest(host, now):
                lane.pace.rest((rest.resting_until - now).total_seconds(), self.world.monotonic())
        return self.lanes[host]

    async def _attempt(self, request: Request) -> _Outcome:
        started, at = monotonic(), datetime.now(UTC)
        url = request.url
        chain: list[str] = []
        permanent = True
        while True:
            answer = await self._hop(request, url, at)
            milliseconds = round((monotonic() - started) * 1000)
            passed = frozenset(map(host_of, chain))
            if isinstance(answer, HttpFailure):
                return _Outcome(answer._replace(milliseconds=milliseconds), host_of(url), passed)
            if answer.status not in REDIRECTS:
                moved_to = url if chain and permanent else None
                answer = answer._replace(
                    redirects=tuple(chain), milliseconds=milliseconds, moved_to=moved_to
                )
                return _Outcome(answer, host_of(url), passed)
            chain.append(url)
            permanent = permanent and answer.status in PERMANENT
            target = absolute(answer.headers.get("location"), url)
            if problem := self._bad_redirect(answer, target, chain):
                failure = HttpFailure(*problem, at, milliseconds, answer.status)
                return _Outcome(failure, host_of(url), passed)
            url = target or ""

    def _bad_redirect(
        self, answer: Response, target: str | None, chain: list[str]
    ) -> tuple[str, str] | None:
        """Kind and words, where a redirect is not followed."""
        if target is None:
            return "BadRedirect", f"redirect to {answer.headers.get('location')!r}"
        if target in chain:
            return "RedirectLoop", f"{target} redirects to itself"
        if len(chain) > self.settings.redirects:
            return "TooManyRedirects", f"more than {self.settings.redirects} redirects"
        return None

    async def _refusal(self, url: str, at: datetime) -> HttpFailure | None:
        """Why a site's robots.txt keeps us from an address; read at the site's first request."""
        origin = origin_of(url)
        async with self.asking[origin]:
            rules = self.robots.rules(origin, at)
            if rules is None:
                request = Request(
                    robots_address(url), ROBOTS_BYTES + 1, "text/plain, */*", cut=True
                )
                answer = await self._tries(request)
                if isinstance(answer, HttpFailure) and not answer.asked:
                    return answer
                rules = self.robots.keep(robots_file(origin, answer))
        self._lane(host_of(url)).pace.ask_for(rules.delay)
        return rules.refusal(url, at)

    async def _hop(self, request: Request, url: str, at: datetime) -> Response | HttpFailure:
        try:
            check_url(url)
            host = host_of(url)
            if refusal := self._resting(host):
                return refusal
            if request.obeys_robots and (refusal := await self._refusal(url, at)):
                return refusal
            async with self.using(host) as lane, self._request(lane, url) as transport:
                started = self.world.monotonic()
                async with asyncio.timeout(self.settings.total_timeout):
                    answer = await self._send(transport, request, url, at)
                lane.pace.answered(self.world.monotonic() - started, answer.status or 0)
                self._obey(lane, answer)
                return answer
        except _Resting as resting:
            return resting.failure
        except (
            TimeoutError,
            httpx.HTTPError,
            httpx.InvalidURL,
            OSError,
            ValueError,
        ) as error:
            return _network_failure(error, url, at, self.settings)
        except AddressRefused as error:
            return HttpFailure("AddressRefused", str(error), at, 0)
        except TooLarge as error:
            return HttpFailure("TooLarge", str(error), at, 0, received=request.limit)
        except _TooSlow as error:
            return HttpFailure("TooSlow", str(error), at, 0, temporary=True)
        except BadCoding as error:
            return HttpFailure("BadEncoding", str(error), at, 0, temporary=True)

    def _obey(self, lane: _Lane, answer: Response | HttpFailure) -> None:
        """A host that is busy says how long (RFC 9110, 10.2.3): that holds for all requests."""
        if isinstance(answer, Response) or answer.status not in BUSY or not answer.retry_after:
            return
        if answer.retry_after <= self.settings.retry_after_max:
            lane.pause(answer.retry_after)
        else:
            self._rest(lane.host, answer.retry_after, f"{answer.message}, with Retry-After")

    async def _send(
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
            raise _TooSlow(f"{unpack.received:,} bytes in {seconds:.0f} s")
    unpack.finish()
    return b"".join(parts), unpack.received


def _status_failure(status: int, headers: dict[str, str], at: datetime) -> HttpFailure:
    return HttpFailure(
        f"Http{status}",
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


def _network_failure(
    error: Exception, url: str, at: datetime, settings: FetchSettings
) -> HttpFailure:
    """Our words for the exceptions of httpx; all but a bad URL may pass."""
    if isinstance(error, TimeoutError):
        return HttpFailure(
            "Timeout", f"took longer than {settings.total_timeout:g} s", at, 0, temporary=True
        )
    names: dict[type[Exception], str] = {
        httpx.TimeoutException: "Timeout",
        httpx.ConnectError: "ConnectError",
        httpx.RemoteProtocolError: "ProtocolError",
        httpx.NetworkError: "NetworkError",
        OSError: "NetworkError",  # such as a TLS alert after the handshake, which httpx lets pass
    }
    if (refused := _refused_certificate(error)) is not None:
        text = f"the certificate is not to be trusted: {refused.verify_message}"
        return HttpFailure("BadCertificate", text, at, 0, temporary=True)
    name = next((name for kind, name in names.items() if isinstance(error, kind)), None)
    if name is None:
        return HttpFailure("BadUrl", f"{url}: {error}", at, 0)
    text = str(error) or type(error).__name__
    return HttpFailure(name, text, at, 0, temporary=True)


def _refused_certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """What TLS said of a certificate, below the exceptions of httpx and httpcore."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _transport(settings: FetchSettings, world: World) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_connections=settings.host_concurrency, keepalive_expiry=15)
    transport = httpx.AsyncHTTPTransport(verify=world.tls(), limits=limits)
    if not settings.allow_private_hosts:
        # httpx has no option for the network backend; httpcore, below it, does.
        transport._pool = httpcore.AsyncConnectionPool(
            ssl_context=world.tls(),
            max_connections=limits.max_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedBackend(world.resolve, world.allowed),
        )
    return transport
