"""Dates as feeds write them."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from dateutil import parser as dates

# Abbreviations that RFC 822 knows and dateutil does not, in seconds.
ZONES = {"UT": 0, "AST": -14400, "ADT": -10800, "EST": -18000, "EDT": -14400,
         "CST": -21600, "CDT": -18000, "MST": -25200,
         "MDT": -21600, "PST": -28800, "PDT": -25200, "BST": 3600, "CET": 3600, "CEST": 7200,
         "EET": 7200, "EEST": 10800, "MSK": 10800, "JST": 32400, "KST": 32400}  # fmt: skip


def parse_date(text: str | None) -> datetime | None:
    """A date in any form that people write, in UTC (taken as UTC without a zone); or None."""
    if not text or not re.search(r"\d{4}", text):
        return None  # dateutil would fill what is missing from today's date
    try:
        found = dates.parse(text, default=datetime(2000, 1, 1), tzinfos=ZONES)
        if found.tzinfo is None:
            found = found.replace(tzinfo=timezone.utc)
        return found.astimezone(timezone.utc)
    except (ValueError, OverflowError, TypeError):
        return None
