"""When a page that could not be had is asked for again. Pure; times in seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

PAGE_WAITS = (1_800, 4 * 3600, 70_200, 48 * 3600)
"""Seconds between the attempts at a page: three days in all."""
MAX_ATTEMPTS = len(PAGE_WAITS) + 1


class Next(NamedTuple):
    """A state, and when it is worth another request (None: never)."""

    state: str
    at: datetime | None


def next_attempt(now: datetime, attempts: int, temporary: bool, retry_after: float | None) -> Next:
    """What becomes of an entry whose page failed for the `attempts`-th time."""
    if not temporary or attempts >= MAX_ATTEMPTS:
        return Next("failed", None)
    wait = max(PAGE_WAITS[attempts - 1], retry_after or 0)
    return Next("pending", now + timedelta(seconds=wait))
