"""Whether a site's robots.txt allows an address: read at the site's first request.

What a stranger wrote is never read or held against addresses on the loop that serves all hosts.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from transforms.records import HttpFailure, Response
from transforms.web.asking import Request
from transforms.web.robots import (
    ROBOTS_BYTES,
    RobotsBook,
    Rules,
    origin_of,
    robots_address,
    robots_file,
)


class Verdict(NamedTuple):
    """What a robots.txt says of an address."""

    delay: float
    """Seconds between two requests that it asks for."""
    refusal: HttpFailure | None
    """Why the address may not be asked for."""


class RobotsReader:
    """Reads the robots.txt of each origin once, however many ask at the same time."""

    def __init__(self, book: RobotsBook) -> None:
        self._book = book
        self._asking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._reading = asyncio.Lock()

    def forget(self, now: datetime) -> None:
        """Drop what has expired, and origins that nobody asks for now."""
        for origin in [origin for origin, lock in self._asking.items() if not lock.locked()]:
            del self._asking[origin]
        self._book.forget(now)

    async def rules(
        self,
        url: str,
        at: datetime,
        ask: Callable[[Request], Awaitable[Response | HttpFailure]],
    ) -> Rules | HttpFailure:
        """The rules of an address's site, asked for if they are not known; why nobody was asked."""
        origin = origin_of(url)
        async with self._asking[origin]:
            rules = self._book.rules(origin, at)
            if rules is None:
                request = Request(
                    robots_address(url), ROBOTS_BYTES + 1, "text/plain, */*", cut=True
                )
                answer = await ask(request)
                if isinstance(answer, HttpFailure) and not answer.asked:
                    return answer
                rules = self._book.keep(robots_file(origin, answer))
        return rules

    async def judge(self, rules: Rules, url: str, at: datetime) -> Verdict:
        """What rules say of an address; in a thread, one at a time, lest many outweigh the loop."""
        async with self._reading:
            return await asyncio.to_thread(_judged, rules, url, at)


def _judged(rules: Rules, url: str, at: datetime) -> Verdict:
    return Verdict(rules.delay, rules.refusal(url, at))
