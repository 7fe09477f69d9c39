"""Fetching many URLs at once: polite to each host, bounded in all else.

One asyncio loop in a thread of its own works while the caller consumes. Every host has a lane
with so many requests at once and a pause between them; every lane has an HTTP client of its own,
because one client for many hosts reuses no connection; few clients are kept open that have nothing
to do, because sockets are counted. What fails in an expected way comes out as an HttpFailure; the
order is that of arrival.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import ssl
import sys
import threading
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import lru_cache
from time import monotonic
from typing import Any, Generic, NamedTuple, TypeVar, Union
from urllib.parse import urlsplit

import certifi
import httpcore
import httpx

from config.models import FetchSettings
from transforms.coding import ACCEPTED, BadCoding, TooLarge, Unpacker
from transforms.guard import AddressRefused, GuardedBackend, check_url
from transforms.pace import Pace
from transforms.records import HttpFailure, Response
from transforms.robots import RobotsBook, origin_of, robots_address, robots_file
from transforms.schedule import LONGEST_RETRY_AFTER, http_date
from transforms.urls import absolute, host_of
from transforms.warc import ArchiveWriter, Exchange

T = TypeVar("T")
R = TypeVar("R")
_Mailbox = queue.Queue[Union[tuple[T, Response | HttpFailure], BaseException, None]]
FEED_TYPES = "application/rss+xml, application/atom+xml, application/feed+json, */*;q=0.5"
RESULTS_WAITING = 32
STOP_CHECK = 0.2
SHORT = 16_384
"""Bytes of an unwanted body that cost less than a new connection."""
LOOKUPS = 32
"""Names looked up at once; each takes a thread, and a slow name server must not hold up others."""
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})
WITH_BODY = frozenset({200, 226})


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


class _TooSlow(Exception):
    """A body arrives so slowly that others had better have its place."""


def fetch_all(
    requests: Iterable[tuple[T, Request]],
    settings: FetchSettings,
    stopped: Callable[[], bool] = lambda: False,
    robots: RobotsBook | None = None,
) -> Iterator[tuple[T, Response | HttpFailure]]:
    """Fetch every request; yield its key and its result as they arrive.

    `robots` holds what is known of the sites, and is given what is read of them.

    Once `RESULTS_WAITING` results wait for the caller, no request begins until it takes some. Once
    `stopped` says so, what is under way is dropped and the iterator ends.
    """
    mailbox: _Mailbox[T] = queue.Queue()
    work = _Work(list(requests), settings, stopped, robots or RobotsBook(), mailbox)
    thread = threading.Thread(target=work.run, name="newsbeam-fetch", daemon=True)
    thread.start()
    try:
        while (item := mailbox.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            work.taken()
            yield item
    finally:
        work.cancel()
        thread.join()


class _Work(Generic[T]):
    """One call of fetch_all, on its own loop."""

    def __init__(
        self,
        requests: list[tuple[T, Request]],
        settings: FetchSettings,
        stopped: Callable[[], bool],
        robots: RobotsBook,
        mailbox: _Mailbox[T],
    ) -> None:
        self.settings, self.stopped, self.mailbox = settings, stopped, mailbox
        self.robots = robots
        self.loop = asyncio.new_event_loop()
        self.given = self.took = 0
        self.full = False
        self.taking = asyncio.Event()
        self.taking.set()
        self.by_host: dict[str, deque[tuple[T, Request]]] = defaultdict(deque)
        for key, request in requests:
            self.by_host[host_of(request.url)].append((key, request))
        self.task: asyncio.Task[None] | None = None

    def run(self) -> None:
        """The thread's body: always leaves a None or an exception in the mailbox."""
        asyncio.set_event_loop(self.loop)
        self.loop.set_default_executor(ThreadPoolExecutor(LOOKUPS, "newsbeam-lookup"))
        end: BaseException | None = None
        try:
            self.task = self.loop.create_task(self._fetch_by_host())
            self.loop.run_until_complete(self.task)
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # handed to the caller's thread, not swallowed
            end = error
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            self.mailbox.put(end)

    def taken(self) -> None:
        """The caller took a result; the loop is woken only where it waits for that."""
        self.took += 1
        if self.full:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self.loop.call_soon_threadsafe(self._look)

    def _give(self, key: T, result: Response | HttpFailure) -> None:
        self.given += 1
        self.mailbox.put((key, result))
        self._look()

    def _look(self) -> None:
        """Whether there is room for results; `full` is said first, lest a caller be missed."""
        self.full = True
        if self.given - self.took < RESULTS_WAITING:
            self.full = False
            self.taking.set()
        else:
            self.taking.clear()

    def cancel(self) -> None:
        """Drop what is under way."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def _fetch_by_host(self) -> None:
        with _archive(self.settings) as archive:
            async with Fetcher(self.settings, self.taking, self.robots, archive) as fetcher:
                await self._fetch_all(fetcher)

    async def _fetch_all(self, fetcher: Fetcher) -> None:
        hosts = [
            asyncio.create_task(self._empty(fetcher, host, waiting))
            for host, waiting in self.by_host.items()
        ]
        watch = asyncio.create_task(self._watch())
        try:
            await asyncio.gather(*hosts)
        finally:
            for task in (watch, *hosts):
                task.cancel()
            await asyncio.gather(watch, *hosts, return_exceptions=True)

    async def _empty(self, fetcher: Fetcher, host: str, waiting: deque[tuple[T, Request]]) -> None:
        """Everything of one host, so many at once; then its connections are given back."""
        lines = min(self.settings.host_concurrency, len(waiting))
        async with fetcher.using(host):
            await asyncio.gather(*(self._line(fetcher, waiting) for _ in range(lines)))

    async def _line(self, fetcher: Fetcher, waiting: deque[tuple[T, Request]]) -> None:
        while waiting:
            key, request = waiting.popleft()
            self._give(key, await fetcher.fetch(request))

    async def _watch(self) -> None:
        while not self.stopped():
            await asyncio.sleep(STOP_CHECK)
        self._cancel()


if sys.version_info >= (3, 11):

    async def within(seconds: float, work: Coroutine[Any, Any, R]) -> R:
        """The result of work; TimeoutError after so many seconds."""
        async with asyncio.timeout(seconds):
            return await work

else:

    async def within(seconds: float, work: Coroutine[Any, Any, R]) -> R:
        """The result of work; TimeoutError after so many seconds."""
        return await asyncio.wait_for(work, seconds)


def _archive(settings: FetchSettings) -> contextlib.AbstractContextManager[ArchiveWriter | None]:
    return ArchiveWriter(settings.archive) if settings.archive else contextlib.nullcontext()


class _Lane:
    """The way to one host: a client, so many requests at once, and a pause between starts."""

    def __init__(self, settings: FetchSettings) -> None:
        self.settings = settings
        self.slots = asyncio.Semaphore(settings.host_concurrency)
        self.turn = asyncio.Lock()
        self.free_at = 0.0
        self.pace = Pace(settings.host_delay)
        self.users = 0
        self.busy = 0
        self.transport: httpx.AsyncHTTPTransport | None = None

    def open(self) -> httpx.AsyncHTTPTransport:
        """The transport, made at its first use."""
        if self.transport is None:
            self.transport = _transport(self.settings)
        return self.transport

    async def close(self) -> None:
        """Give the connections back; the next request opens new ones."""
        if self.transport is not None:
            transport, self.transport = self.transport, None
            await transport.aclose()

    async def rest(self) -> None:
        """Wait for this host's next start; a pause asked for meanwhile counts too."""
        while (wait := self.free_at - monotonic()) > 0:
            await asyncio.sleep(wait)

    def pause(self, seconds: float) -> None:
        """No request starts before so many seconds have passed."""
        self.free_at = max(self.free_at, monotonic() + seconds)


class Fetcher:
    """Fetches single requests, with retries and redirects, through the lanes of their hosts."""

    def __init__(
        self,
        settings: FetchSettings,
        taking: asyncio.Event,
        robots: RobotsBook,
        archive: ArchiveWriter | None = None,
    ) -> None:
        """While `taking` is not set, no request begins; `archive` keeps each answer."""
        self.settings, self.taking, self.robots = settings, taking, robots
        self.archive = archive
        silence = httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=None)
        self.timeouts = {"timeout": silence.as_dict()}
        self.asking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.lanes: dict[str, _Lane] = {}
        self.idle: dict[_Lane, None] = {}  # in the order in which they fell idle
        self.in_flight = asyncio.Semaphore(settings.in_flight)
        self.addresses: dict[str, str] = {}
        self.machines: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(settings.host_concurrency)
        )

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        for lane in self.lanes.values():
            await lane.close()

    async def fetch(self, request: Request) -> Response | HttpFailure:
        """The answer to a request; of a probe, the second one where the first says 304."""
        answer = await self._tries(request)
        if request.probe and isinstance(answer, Response) and answer.status == 304:
            whole = await self._tries(request._replace(etag=None, last_modified=None))
            if isinstance(whole, Response) and whole.status == 200:
                return whole._replace(after_304=True)
        return answer

    async def _tries(self, request: Request) -> Response | HttpFailure:
        """The answer after retries of temporary failures; none where the host is left alone."""
        host = host_of(request.url)
        pace = self._lane(host).pace
        if rests := pace.rests(monotonic()):
            text = f"{host} failed {pace.failures} times in a row and is left alone for a while"
            now = datetime.now(timezone.utc)
            return HttpFailure(
                "HostResting", text, now, 0, temporary=True, retry_after=rests, asked=False
            )
        result = await self._retried(request)
        well = isinstance(result, Response) or not result.temporary
        pace.ended(well, monotonic())
        return result

    async def _retried(self, request: Request) -> Response | HttpFailure:
        for attempt in range(self.settings.retries + 1):
            result = await self._attempt(request)
            if isinstance(result, Response) or not result.temporary:
                return result
            wait = self.settings.retry_wait * 2**attempt
            if result.retry_after is not None:
                wait = max(wait, result.retry_after)
            if attempt == self.settings.retries or wait > self.settings.retry_after_max:
                return result
            self._lane(host_of(request.url)).pause(wait)
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
                await lane.rest()
                await held.enter_async_context(await self._machine(url))
                await held.enter_async_context(self.in_flight)
                await self.taking.wait()
                lane.pause(lane.pace.delay)
            lane.busy += 1
            self.idle.pop(lane, None)
            try:
                yield lane.open()
            finally:
                lane.busy -= 1
                if not lane.busy:
                    await self._fell_idle(lane)

    async def _machine(self, url: str) -> asyncio.Semaphore:
        """Room at the address behind a name: sites that share one do not add up on it."""
        name = urlsplit(url).hostname or ""
        if name not in self.addresses:
            loop = asyncio.get_running_loop()
            lookup = loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            try:
                found = await asyncio.wait_for(lookup, self.settings.connect_timeout)
                self.addresses[name] = str(found[0][4][0])
            except (asyncio.TimeoutError, OSError, UnicodeError):  # the connection will tell
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
            self.lanes[host] = _Lane(self.settings)
        return self.lanes[host]

    async def _attempt(self, request: Request) -> Response | HttpFailure:
        started, at = monotonic(), datetime.now(timezone.utc)
        url = request.url
        chain: list[str] = []
        permanent = True
        while True:
            answer = await self._hop(request, url, at)
            milliseconds = round((monotonic() - started) * 1000)
            if isinstance(answer, HttpFailure):
                return answer._replace(milliseconds=milliseconds)
            if answer.status not in REDIRECTS:
                moved_to = url if chain and permanent else None
                return answer._replace(
                    redirects=tuple(chain), milliseconds=milliseconds, moved_to=moved_to
                )
            chain.append(url)
            permanent = permanent and answer.status in PERMANENT
            target = absolute(answer.headers.get("location"), url)
            failure = HttpFailure("", "", at, milliseconds, answer.status)
            if target is None:
                return failure._replace(
                    error_type="BadRedirect",
                    message=f"redirect to {answer.headers.get('location')!r}",
                )
            if target in chain:
                return failure._replace(
                    error_type="RedirectLoop", message=f"{target} redirects to itself"
                )
            if len(chain) > self.settings.redirects:
                return failure._replace(
                    error_type="TooManyRedirects",
                    message=f"more than {self.settings.redirects} redirects",
                )
            url = target

    async def _refusal(self, url: str, at: datetime) -> HttpFailure | None:
        """Why a site's robots.txt keeps us from an address; read at the site's first request."""
        origin = origin_of(url)
        async with self.asking[origin]:
            rules = self.robots.rules(origin)
            if rules is None:
                request = Request(robots_address(url), self.settings.page_bytes, "text/plain, */*")
                rules = self.robots.keep(robots_file(origin, await self._tries(request)))
        self._lane(host_of(url)).pace.ask_for(rules.delay)
        return rules.refusal(url, at)

    async def _hop(self, request: Request, url: str, at: datetime) -> Response | HttpFailure:
        try:
            check_url(url)
            if request.obeys_robots and (refusal := await self._refusal(url, at)):
                return refusal
            async with self.using(host_of(url)) as lane, self._request(lane, url) as transport:
                started = monotonic()
                answer = await within(
                    self.settings.total_timeout, self._send(transport, request, url, at)
                )
                lane.pace.answered(monotonic() - started, answer.status or 0)
                return answer
        except (
            asyncio.TimeoutError,
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
            if int(headers.get("content-length") or 0) > request.limit:
                raise TooLarge(f"more than {request.limit:,} bytes")
            body, received = await _read(answer, headers, request.limit, self.settings)
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
        async for _ in answer.aiter_raw():
            pass


async def _read(
    answer: httpx.Response, headers: dict[str, str], limit: int, settings: FetchSettings
) -> tuple[bytes, int]:
    """The unpacked body, and how many bytes came over the wire."""
    parts: list[bytes] = []
    unpack = Unpacker(headers.get("content-encoding", ""), limit)
    started = monotonic()
    async for chunk in answer.aiter_raw():
        parts.append(unpack(chunk))
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
    if isinstance(error, asyncio.TimeoutError):
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
    name = next((name for kind, name in names.items() if isinstance(error, kind)), None)
    if name is None:
        return HttpFailure("BadUrl", f"{url}: {error}", at, 0)
    text = str(error) or type(error).__name__
    return HttpFailure(name, text, at, 0, temporary=True)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One context for all clients: to load the certificates costs 20 ms."""
    return ssl.create_default_context(cafile=certifi.where())


def _transport(settings: FetchSettings) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_connections=settings.host_concurrency, keepalive_expiry=15)
    transport = httpx.AsyncHTTPTransport(verify=_tls(), limits=limits)
    if not settings.allow_private_hosts:
        # httpx has no option for the network backend; httpcore, below it, does.
        transport._pool = httpcore.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=limits.max_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedBackend(),
        )
    return transport
