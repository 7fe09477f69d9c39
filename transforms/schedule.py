"""When to ask again. Pure functions from what happened to the next time; no clock, no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

DEFAULT_INTERVAL = 30 * 60
LONGEST_WAIT = 24 * 3600
LONGEST_RETRY_AFTER = 30 * 86400
"""Seconds; what asks for more is a mistake, or mischief, and may fit no calendar."""
MAX_ATTEMPTS = 5
FIRST_PAGE_WAIT = 10 * 60
GONE = 410


class Next(NamedTuple):
    """A state, and when it is worth another request (None: never)."""

    state: str
    at: datetime | None


def next_poll(now: datetime, interval: int, failures: int, http_status: int | None,
              retry_after: float | None) -> Next:  # fmt: skip
    """When a feed is due again, after a poll with so many failures in a row (0: it went well).

    410 retires a feed (RFC 9110, section 15.5.11); other failures double the interval each time,
    up to a day; a Retry-After is the least.
    """
    if http_status == GONE:
        return Next("retired", None)
    wait = min(interval * 2 ** min(failures, 20), max(interval, LONGEST_WAIT))
    return Next("active", now + timedelta(seconds=max(wait, retry_after or 0)))


def next_attempt(now: datetime, attempts: int, temporary: bool, retry_after: float | None) -> Next:
    """What becomes of an entry whose page failed for the `attempts`-th time."""
    if not temporary or attempts >= MAX_ATTEMPTS:
        return Next("failed", None)
    wait = min(FIRST_PAGE_WAIT * 4 ** (attempts - 1), LONGEST_WAIT)
    return Next("pending", now + timedelta(seconds=max(wait, retry_after or 0)))
