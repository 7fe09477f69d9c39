"""How people write spans of time and moments: one grammar for options, parameters and files."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dateutil.parser import isoparse

SPAN = re.compile(r"([0-9]{1,6})\s*([smhdw])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str) -> timedelta:
    """How long ``90s``, ``15m``, ``6h``, ``7d`` or ``4w`` is.

    Raises:
        ValueError: for anything else.
    """
    match = SPAN.fullmatch(text)
    if not match:
        raise ValueError(
            f"{text!r} is no span of time; write a number and s, m, h, d or w, such as 15m"
        )
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def span_text(seconds: int) -> str:
    """Seconds as people write them: ``90s``, ``1d``."""
    sizes = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
    return next(f"{seconds // size}{unit}" for unit, size in sizes if seconds % size == 0)


def moment(text: str, now: datetime) -> datetime:
    """A moment in UTC: ``2026-11-20``, ``2026-11-20T06:30``, or ``7d`` for seven days before now.

    Without a zone it is UTC.

    Raises:
        ValueError: for anything else.
    """
    try:
        if SPAN.fullmatch(text):
            return now - span(text)
        at = isoparse(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        wanted = "write 2026-11-20, 2026-11-20T06:30 or 7d"
        raise ValueError(f"{text!r} is no moment; {wanted}") from None
