"""Fetching many URLs at once, for one call or for months.

One asyncio loop in a thread of its own works while the caller consumes. The requests to a host wait
in a queue of its own, and so many at once are under way; how each is fetched is `web.fetcher`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import queue
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Generic, NamedTuple, TypeVar

from config.errors import NewsbeamError
from config.models import FetchSettings
from transforms.records import HttpFailure, Response, unforeseen
from transforms.urls import host_of
from transforms.web.asking import Books, Request, World
from transforms.web.fetcher import Fetcher
from transforms.web.hosts import HostBook
from transforms.web.robots import RobotsBook
from transforms.web.warc import ArchiveWriter

T = TypeVar("T")
Answer = Response | HttpFailure
RESULTS_WAITING = 32
STOP_CHECK = 0.2
LOOKUPS = 32
"""Names looked up at once; each takes a thread, and a slow name server must not hold up others."""


def fetch_all(
    requests: Iterable[tuple[T, Request]],
    settings: FetchSettings,
    stopped: Callable[[], bool] = lambda: False,
    robots: RobotsBook | None = None,
    hosts: HostBook | None = None,
    world: World = World(),  # noqa: B008 (it is immutable)
) -> Iterator[tuple[T, Answer]]:
    """Fetch every request; yield its key and its result as they arrive.

    `robots` holds what is known of the sites, `hosts` which of them rest; both are given what is
    found out. Once `stopped` says so, what is under way is dropped and the iterator ends.
    """
    with FetchService(settings, robots, hosts, world) as service:
        yield from service.fetch(requests, stopped)


class _Call(Generic[T]):
    """One call of `fetch`: where its results go, and how many of them are still to come."""

    def __init__(self, stopped: Callable[[], bool], seconds: float | None) -> None:
        self.stopped = stopped
        self.until = monotonic() + seconds if seconds is not None else math.inf
        self.mailbox: queue.Queue[tuple[T, Answer] | NewsbeamError | None] = queue.Queue()
        self.left = 0
        self.open = True
        self.abandoned = False
        self.watch: asyncio.Task[None] | None = None


class _Asked(NamedTuple):
    """A request, the name it goes by, and who asked for it, under which key."""

    name: Hashable
    host: str
    request: Request
    call: _Call[Any]
    key: Any


class _Backlog:
    """Results that wait for their callers: the loop gives, the callers take, in threads of theirs.

    While too many wait, no request begins.
    """

    def __init__(self, tell: Callable[[Callable[[], None]], None]) -> None:
        """`tell` has the loop call a function."""
        self._tell = tell
        self._given = self._took = 0
        self._full = False
        self.room = asyncio.Event()
        self.room.set()

    def give(self) -> None:
        """A result waits."""
        self._given += 1
        self.look()

    def take(self) -> None:
        """A result was taken; the loop is woken only where it waits for that."""
        self._took += 1
        if self._full:
            self._tell(self.look)

    def look(self) -> None:
        """Whether there is room for results; `_full` is said first, lest a taker be missed."""
        self._full = True
        if self._given - self._took < RESULTS_WAITING:
            self._full = False
            self.room.set()
        else:
            self.room.clear()


class FetchService:
    """Fetches for as long as it is open: each host has one pace, whoever asks and however often.

    A call of `fetch` may end before all that it asked for has arrived. What is under way then goes
    on, and the next call that asks for it, by the same name, gets what came of it.

    Once `RESULTS_WAITING` results wait for a caller, no request begins until some are taken. What
    arrives after a call is as much at most as may be in flight.
    """

    def __init__(
        self,
        settings: FetchSettings,
        robots: RobotsBook | None = None,
        hosts: HostBook | None = None,
        world: World = World(),  # noqa: B008 (it is immutable)
    ) -> None:
        self.settings, self.world = settings, world
        self.books = Books(robots or RobotsBook(), hosts or HostBook())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="newsbeam-fetch", daemon=True)
        self._begun: Future[None] = Future()
        self._failure: BaseException | None = None
        self._closing = asyncio.Event()
        self._backlog = _Backlog(self._tell)
        self._waiting: dict[str, deque[_Asked]] = defaultdict(deque)
        self._lines: dict[asyncio.Task[None], str] = {}
        self._under_way: set[Hashable] = set()
        self._ready: dict[Hashable, Answer] = {}

    def __enter__(self) -> FetchService:
        self._thread.start()
        self._begun.result()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._tell(self._closing.set)
        self._thread.join()
        if self._failure and kind is None:
            raise self._failure

    def fetch(
        self,
        requests: Iterable[tuple[T, Request]],
        stopped: Callable[[], bool] = lambda: False,
        seconds: float | None = None,
        name: Callable[[T], Hashable] | None = None,
    ) -> Iterator[tuple[T, Answer]]:
        """Results by key, in the order of their arrival.

        Ends when all are there; early once `stopped` says so, and then drops what is under way;
        and after so many `seconds`, and then drops only what has not begun. What is under
        way already, by its `name`, is not asked for again, and not waited for.
        """
        call: _Call[T] = _Call(stopped, seconds)
        asked = [
            _Asked(name(key) if name else object(), host_of(request.url), request, call, key)
            for key, request in requests
        ]
        self._tell(self._begin, call, asked)
        try:
            while (item := call.mailbox.get()) is not None:
                if isinstance(item, NewsbeamError):
                    raise item
                self._backlog.take()
                yield item
        except BaseException:  # also where the caller leaves
            self._tell(self._abandon, call)
            raise

    def under_way(self) -> set[Any]:
        """The names of what is under way."""
        return self._under_way.copy()

    def arrived(self) -> set[Any]:
        """The names of what has arrived since it was asked for, and waits to be asked for again."""
        return {*self._ready.copy()}

    def forget(self, wanted: Collection[Hashable]) -> None:
        """Drop what has arrived, but for names that will be asked for."""
        for name in self.arrived() - set(wanted):
            self._ready.pop(name, None)

    def _tell(self, function: Callable[..., object], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, *arguments)

    # -- in the loop -----------------------------------------------------------------------------

    def _run(self) -> None:
        """The thread's body."""
        asyncio.set_event_loop(self._loop)
        self._loop.set_default_executor(ThreadPoolExecutor(LOOKUPS, "newsbeam-lookup"))
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # handed to the caller's thread, not swallowed
            self._failure = error
            if not self._begun.done():
                self._begun.set_exception(error)
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _serve(self) -> None:
        with _archive(self.settings) as archive:
            async with Fetcher(
                self.settings, self._backlog.room, self.books, self.world, archive
            ) as self._fetcher:
                self._begun.set_result(None)
                await self._closing.wait()
                await self._drop()

    async def _drop(self) -> None:
        """Drop what is under way, and what waits for it."""
        for waiting in self._waiting.values():
            waiting.clear()
        lines = list(self._lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    def _begin(self, call: _Call[Any], asked: list[_Asked]) -> None:
        self._fetcher.tidy()
        lines = Counter(self._lines.values())
        for host in [host for host in self._waiting if host not in lines]:
            del self._waiting[host]
        for one in asked:
            if one.name in self._ready:
                self._hand_over(one, self._ready.pop(one.name))
            elif one.name not in self._under_way:
                call.left += 1
                self._waiting[one.host].append(one)
        for host, waiting in self._waiting.items():
            for _ in range(min(self.settings.host_concurrency - lines[host], len(waiting))):
                line = self._loop.create_task(self._line(host, waiting))
                self._lines[line] = host
                line.add_done_callback(self._lines.pop)
        call.watch = self._loop.create_task(self._watch(call))
        if not call.left:
            self._end(call)

    def _end(self, call: _Call[Any]) -> None:
        """Nothing more comes to a call: what arrives from now on waits for the next."""
        if call.open:
            call.open = False
            call.mailbox.put(None)
            if call.watch:
                call.watch.cancel()

    def _abandon(self, call: _Call[Any]) -> None:
        """Nobody takes any more what a call has got, or would get."""
        call.abandoned = True
        self._forget_waiting(call)
        self._end(call)
        while not call.mailbox.empty():
            if isinstance(call.mailbox.get_nowait(), tuple):
                self._backlog.take()
        self._backlog.look()

    async def _watch(self, call: _Call[Any]) -> None:
        while not call.stopped():
            rest = min(STOP_CHECK, call.until - monotonic())
            if rest <= 0:
                break
            await asyncio.sleep(rest)
        else:
            await self._drop()
        self._forget_waiting(call)
        call.watch = None
        self._end(call)

    def _forget_waiting(self, call: _Call[Any]) -> None:
        for waiting in self._waiting.values():
            others = [one for one in waiting if one.call is not call]
            waiting.clear()
            waiting.extend(others)

    async def _line(self, host: str, waiting: deque[_Asked]) -> None:
        """One request to a host after the other, whichever call asks for it."""
        async with self._fetcher.lanes.using(host):
            while waiting:
                one = waiting.popleft()
                self._under_way.add(one.name)
                try:
                    answer = await self._fetcher.fetch(one.request)
                except NewsbeamError as error:  # an archive that cannot be written, say
                    one.call.mailbox.put(error)
                    return
                except Exception as error:  # a fault of ours, about this request alone
                    answer = unforeseen(error, datetime.now(UTC))
                finally:
                    self._under_way.discard(one.name)
                    one.call.left -= 1
                self._give(one, answer)
                if not one.call.left:
                    self._end(one.call)

    def _give(self, one: _Asked, answer: Answer) -> None:
        if one.call.open:
            self._hand_over(one, answer)
        elif not one.call.abandoned:
            self._ready[one.name] = answer

    def _hand_over(self, one: _Asked, answer: Answer) -> None:
        one.call.mailbox.put((one.key, answer))
        self._backlog.give()


def _archive(settings: FetchSettings) -> contextlib.AbstractContextManager[ArchiveWriter | None]:
    return ArchiveWriter(settings.archive) if settings.archive else contextlib.nullcontext()
