"""Dates as servers write them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER = 30 * 86400
"""Seconds; what asks for more is a mistake, or mischief, and may fit no calendar."""


def http_date(value: str | None) -> datetime | None:
    """A date as HTTP writes it (RFC 9110, section 5.6.7), in UTC; None for anything else."""
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
