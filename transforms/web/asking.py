"""What is asked for, of which world, and what is known of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import lru_cache
from time import monotonic
from typing import NamedTuple

import certifi

from transforms.web.guard import (
    Resolve,
    is_public,
    resolve,
)
from transforms.web.hosts import HostBook
from transforms.web.robots import RobotsBook

FEED_TYPES = "application/rss+xml, application/atom+xml, application/feed+json, */*;q=0.5"


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
    spare: bool = False
    """Whether it can be done without: then a slow host is not asked, and nobody asks twice."""


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
