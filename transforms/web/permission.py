"""Whether a site's robots.txt allows an address: read at the site's first request."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime

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


class RobotsReader:
    """Reads the robots.txt of each origin once, however many ask at the same time."""

    def __init__(self, book: RobotsBook) -> None:
        self._book = book
        self._asking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

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
