"""The ways to hosts: how many requests at once, with which pauses, and who is left alone.

Every host has a lane with so many requests at once and a pause between them; every lane has an
HTTP client of its own, because one client for many hosts reuses no connection; few clients are
kept open that have nothing to do, because sockets are counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from config.failures import Kind
from config.models import FetchSettings
from transforms.records import LONGEST_ERROR, HostRest, HttpFailure, Response
from transforms.urls import name_of
from transforms.web.asking import World
from transforms.web.hosts import HostBook
from transforms.web.pace import BUSY, LONGEST_REST, REST, Pace
from transforms.web.transport import Transport

FORGOTTEN = 3600.0
"""Seconds after which a host that is not asked is forgotten; that it rests is noted elsewhere."""


class Place:
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


P = TypeVar("P", bound=Place)


class Lane(Place):
    """The way to one host: a client, and how fast the host may be asked."""

    def __init__(self, host: str, settings: FetchSettings, world: World) -> None:
        super().__init__(settings, world)
        self.host, self.settings = host, settings
        self.pace = Pace(settings.host_delay)
        self.users = 0
        self.busy = 0
        self.transport: Transport | None = None

    def open(self) -> Transport:
        """The transport, made at its first use."""
        if self.transport is None:
            self.transport = Transport(self.settings, self.world)
        return self.transport

    async def close(self) -> None:
        """Give the connections back; the next request opens new ones."""
        if self.transport is not None:
            transport, self.transport = self.transport, None
            await transport.close()


def _forget(places: dict[str, P]) -> None:
    for name, place in list(places.items()):
        if place.wait < -FORGOTTEN and not place.turn.locked():
            del places[name]


class Resting(Exception):
    """A host began to rest while a request waited for its turn."""

    def __init__(self, failure: HttpFailure) -> None:
        self.failure = failure


class Lanes:
    """The ways to all hosts: who may start a request now, and which host is left alone.

    Host, machine, network and caller each have room for so many requests at once; host and machine
    want a pause between the starts of two.
    """

    def __init__(
        self, settings: FetchSettings, taking: asyncio.Event, hosts: HostBook, world: World
    ) -> None:
        """While `taking` is not set, no request begins."""
        self.settings, self.taking, self.hosts, self.world = settings, taking, hosts, world
        self._lanes: dict[str, Lane] = {}
        self._idle: dict[Lane, None] = {}  # in the order in which they fell idle
        self._in_flight = asyncio.Semaphore(settings.in_flight)
        self._addresses: dict[str, str] = {}
        self._machines: dict[str, Place] = defaultdict(lambda: Place(settings, world))

    async def close(self) -> None:
        """Give all connections back."""
        for lane in self._lanes.values():
            await lane.close()

    def forget(self) -> None:
        """Forget what was not asked for long.

        No request takes as long, so that nothing is forgotten that is under way.
        """
        self._addresses.clear()  # names move
        _forget(self._lanes)
        _forget(self._machines)
        self.hosts.forget(datetime.now(UTC))

    @contextlib.asynccontextmanager
    async def using(self, host: str) -> AsyncIterator[Lane]:
        """The lane of a host; its connections are closed when nobody uses it any more."""
        lane = self.lane(host)
        lane.users += 1
        try:
            yield lane
        finally:
            lane.users -= 1
            if not lane.users:
                self._idle.pop(lane, None)
                await lane.close()

    @contextlib.asynccontextmanager
    async def request(self, lane: Lane, url: str) -> AsyncIterator[Transport]:
        """A host's transport for one request, once host, machine, network and caller have room.

        The pause after a start begins with the start itself: whoever reserved a time and then
        waited for room would meet the next one.
        """
        async with lane.slots, contextlib.AsyncExitStack() as held:
            async with lane.turn:
                await self._take_room(lane, await self._machine(url), held)
                lane.pause(lane.pace.delay)
            lane.busy += 1
            self._idle.pop(lane, None)
            try:
                yield lane.open()
            finally:
                lane.busy -= 1
                if not lane.busy:
                    await self._fell_idle(lane)

    def lane(self, host: str) -> Lane:
        """The lane of a host, made at its first use."""
        if host not in self._lanes:
            lane = self._lanes[host] = Lane(host, self.settings, self.world)
            now = datetime.now(UTC)
            if rest := self.hosts.rest(host, now):
                lane.pace.rest((rest.resting_until - now).total_seconds(), self.world.monotonic())
        return self._lanes[host]

    def ended(self, host: str, failure: HttpFailure | None) -> None:
        """Note how a request to a host went; one that fails again and again is left alone."""
        well = failure is None or not failure.temporary
        alone = self.lane(host).pace.ended(well, self.world.monotonic())
        if failure is not None and alone:
            self._rest(host, REST, f"{failure.error_type}: {failure.message}")

    def obey(self, lane: Lane, answer: Response | HttpFailure) -> None:
        """A host that is busy says how long (RFC 9110, 10.2.3): that holds for all requests."""
        if isinstance(answer, Response) or answer.status not in BUSY or not answer.retry_after:
            return
        if answer.retry_after <= self.settings.retry_after_max:
            lane.pause(answer.retry_after)
        else:
            self._rest(lane.host, answer.retry_after, f"{answer.message}, with Retry-After")

    def resting(self, host: str) -> HttpFailure | None:
        """Why a host is not asked for now."""
        seconds = self.lane(host).pace.rests(self.world.monotonic())
        now = datetime.now(UTC)
        if not seconds or (rest := self.hosts.rest(host, now)) is None:
            return None
        failed = f"{rest.failures} failures in a row, the last " if rest.failures > 1 else ""
        until = f"{rest.resting_until:%Y-%m-%d %H:%M} UTC"
        text = f"{host} is left alone until {until}: {failed}{rest.last_error}"
        return HttpFailure(
            Kind.HOST_RESTING, text, now, 0, temporary=True, retry_after=seconds, asked=False
        )

    def slow(self, host: str) -> HttpFailure | None:
        """Why a host is not asked for what can be done without."""
        if not self.lane(host).pace.strained:
            return None
        text = f"{host} is slow, busy or failing"
        return HttpFailure(Kind.HOST_SLOW, text, datetime.now(UTC), 0, temporary=True, asked=False)

    def _rest(self, host: str, seconds: float, reason: str) -> None:
        """Leave a host alone, here and wherever its rest is known."""
        pace = self.lane(host).pace
        pace.rest(seconds, self.world.monotonic())
        now = datetime.now(UTC)
        until = now + timedelta(seconds=min(seconds, LONGEST_REST))
        self.hosts.keep(HostRest(host, now, until, pace.failures, reason[:LONGEST_ERROR]))

    async def _take_room(self, lane: Lane, machine: Place, held: contextlib.AsyncExitStack) -> None:
        """Wait until a request may start; what was asked of the host meanwhile counts."""
        while True:
            await lane.rest()
            async with contextlib.AsyncExitStack() as room:
                await room.enter_async_context(machine.slots)
                async with machine.turn:
                    await machine.rest()
                    await room.enter_async_context(self._in_flight)
                    await self.taking.wait()
                    if refusal := self.resting(lane.host):
                        raise Resting(refusal)
                    if lane.wait <= 0:
                        machine.pause(self.settings.host_delay)
                        await held.enter_async_context(room.pop_all())
                        return

    async def _machine(self, url: str) -> Place:
        """The address behind a name: sites that share one do not add up on it."""
        name = name_of(url)
        if name not in self._addresses:
            lookup = self.world.resolve(name, 0)
            try:
                found = await asyncio.wait_for(lookup, self.settings.connect_timeout)
                self._addresses[name] = found[0] if found else name
            except (TimeoutError, OSError, UnicodeError):  # the connection will tell
                self._addresses[name] = name
        return self._machines[self._addresses[name]]

    async def _fell_idle(self, lane: Lane) -> None:
        self._idle[lane] = None
        if len(self._idle) > self.settings.idle_hosts:
            longest = next(iter(self._idle))
            del self._idle[longest]
            await longest.close()
