"""What feeds say about when to ask again: ttl, sy:update*, skipHours, skipDays."""

from __future__ import annotations

import re
from typing import Any

from transforms.records import Hints

LONGEST = 30 * 86_400
HEAD = 50_000
"""Bytes in which a channel's elements are looked for: its entries come after them."""
PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 7 * 86_400, "monthly": 30 * 86_400,
           "yearly": 365 * 86_400}  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SKIP_HOURS = re.compile(rb"<skipHours\s*>(.*?)</skipHours\s*>", re.IGNORECASE | re.DOTALL)
SKIP_DAYS = re.compile(rb"<skipDays\s*>(.*?)</skipDays\s*>", re.IGNORECASE | re.DOTALL)
HOUR = re.compile(rb"<hour\s*>\s*(\d{1,2})\s*</hour", re.IGNORECASE)
DAY = re.compile(rb"<day\s*>\s*([a-z]+)\s*</day", re.IGNORECASE)


def hints_in(body: bytes, channel: Any) -> Hints:
    """Hints of a feed that feedparser has read; nonsense is left out.

    Skipped hours and days are read from the bytes, because feedparser keeps the last of each.
    """
    head = body[:HEAD]
    hours = {int(hour) % 24 for hour in _listed(SKIP_HOURS, HOUR, head) if int(hour) <= 24}
    days = {day.decode().lower() for day in _listed(SKIP_DAYS, DAY, head)}
    return Hints(
        _bounded(_number(channel.get("ttl")) * 60),
        _update_seconds(channel),
        tuple(sorted(hours)),
        tuple(number for number, day in enumerate(DAYS) if day in days),
    )


def _listed(outer: re.Pattern[bytes], inner: re.Pattern[bytes], head: bytes) -> list[bytes]:
    found = outer.search(head)
    return inner.findall(found[1]) if found else []


def _update_seconds(channel: Any) -> int | None:
    """RSS 1.0 module Syndication: so many updates in a period."""
    period = PERIODS.get(str(channel.get("sy_updateperiod", "")).strip().lower())
    frequency = _number(channel.get("sy_updatefrequency")) or 1
    return _bounded(period // frequency) if period else None


def _number(text: object) -> int:
    value = str(text).strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _bounded(seconds: int) -> int | None:
    return min(seconds, LONGEST) if seconds > 0 else None
