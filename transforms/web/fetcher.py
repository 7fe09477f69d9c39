"""Fetching single URLs, polite to each host, bounded in all else.

What fails in an expected way comes out as an HttpFailure. `web.service` fetches many at once.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple

from config.failures import NOT_THE_HOSTS, Kind
from config.models import FetchSettings
from transforms.records import HttpFailure, Response
from transforms.urls import host_of
from transforms.web.asking import Books, Request, World
from transforms.web.coding import BadCoding, TooLarge
from transforms.web.exchange import Exchanges, TooSlow, network_failure
from transforms.web.guard import AddressRefused, check_url
from transforms.web.lanes import FORGOTTEN, Lanes, Resting
from transforms.web.permission import RobotsReader
from transforms.web.redirects import Chain
from transforms.web.transport import ERRORS
from transforms.web.warc import ArchiveWriter


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
        self.settings, self.world = settings, world
        self.lanes = Lanes(settings, taking, books.hosts, world)
        self.exchanges = Exchanges(settings, archive)
        self.robots = RobotsReader(books.robots)
        self.tidied = world.monotonic()

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.lanes.close()

    def tidy(self) -> None:
        """Forget what was not asked for long, lest a life of months add it all up."""
        if self.world.monotonic() - self.tidied < FORGOTTEN:
            return
        self.tidied = self.world.monotonic()
        self.lanes.forget()
        self.robots.forget(datetime.now(UTC))

    async def fetch(self, request: Request) -> Response | HttpFailure:
        """The answer to a request; of a probe, the second one where the first says 304."""
        answer = await self._tries(request)
        if request.probe and isinstance(answer, Response) and answer.status == 304:
            whole = await self._tries(request._replace(etag=None, last_modified=None))
            if isinstance(whole, Response):
                return whole._replace(after_304=True)
        return answer

    async def _tries(self, request: Request) -> Response | HttpFailure:
        """The answer after retries of temporary failures; it speaks for the host that gave it."""
        answer, host, passed = await self._retried(request)
        failure = answer if isinstance(answer, HttpFailure) else None
        if failure is None or failure.error_type not in NOT_THE_HOSTS:
            self.lanes.ended(host, failure)
        for other in passed - {host}:
            self.lanes.ended(other, None)
        return answer

    async def _retried(self, request: Request) -> _Outcome:
        before: _Outcome | None = None
        for attempt in range(self.settings.retries + 1):
            outcome = await self._attempt(request)
            result = outcome.answer
            if isinstance(result, Response) or not result.temporary or request.spare:
                return outcome
            if not result.asked:  # others have made the host rest meanwhile
                return before or outcome
            before = outcome
            wait = self.settings.retry_wait * 2**attempt
            if result.retry_after is not None:
                wait = max(wait, result.retry_after)
            if attempt == self.settings.retries or wait > self.settings.retry_after_max:
                return outcome
            self.lanes.lane(outcome.host).pause(wait)
        raise AssertionError("unreachable")

    async def _attempt(self, request: Request) -> _Outcome:
        started, at = monotonic(), datetime.now(UTC)
        chain = Chain(request.url, self.settings.redirects)
        while True:
            answer = await self._hop(request, chain.url, at, chain.cookies)
            ended = chain.follow(answer, at) if isinstance(answer, Response) else answer
            if ended is not None:
                milliseconds = round((monotonic() - started) * 1000)
                passed = frozenset(map(host_of, chain.redirects))
                ended = ended._replace(milliseconds=milliseconds)
                return _Outcome(ended, host_of(chain.url), passed)

    async def _hop(
        self, request: Request, url: str, at: datetime, cookies: str | None
    ) -> Response | HttpFailure:
        try:
            check_url(url)
            host = host_of(url)
            if refusal := self.lanes.resting(host):
                return refusal
            if request.spare and (refusal := self.lanes.slow(host)):
                return refusal
            if request.obeys_robots and (refusal := await self._refusal(url, at)):
                return refusal
            async with self.lanes.using(host) as lane, self.lanes.request(lane, url) as transport:
                started = self.world.monotonic()
                async with asyncio.timeout(self.settings.total_timeout):
                    answer = await self.exchanges.send(transport, request, url, at, cookies)
                lane.pace.answered(self.world.monotonic() - started, answer.status or 0)
                self.lanes.obey(lane, answer)
                return answer
        except Resting as resting:
            return resting.failure
        except ERRORS as error:
            return network_failure(error, url, at, self.settings)
        except AddressRefused as error:
            return HttpFailure(Kind.ADDRESS_REFUSED, str(error), at, 0)
        except TooLarge as error:
            return HttpFailure(Kind.TOO_LARGE, str(error), at, 0, received=request.limit)
        except TooSlow as error:
            return HttpFailure(Kind.TOO_SLOW, str(error), at, 0, temporary=True)
        except BadCoding as error:
            return HttpFailure(Kind.BAD_ENCODING, str(error), at, 0, temporary=True)

    async def _refusal(self, url: str, at: datetime) -> HttpFailure | None:
        """Why a site's robots.txt keeps us from an address, at the pace that it asks for."""
        rules = await self.robots.rules(url, at, self._tries)
        if isinstance(rules, HttpFailure):
            return rules
        verdict = await self.robots.judge(rules, url, at)
        self.lanes.lane(host_of(url)).pace.ask_for(verdict.delay)
        return verdict.refusal
