"""Spans and moments: one grammar, wherever time is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.moments import moment, span

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)), ("15m", timedelta(minutes=15)), ("6h", timedelta(hours=6)),
        ("7d", timedelta(days=7)), ("4w", timedelta(weeks=4)), ("15 m", timedelta(minutes=15)),
    ],
)  # fmt: skip
def test_a_span_has_a_unit_and_a_moment_may_be_a_span_ago(text: str, expected: timedelta) -> None:
    assert span(text) == expected
    assert moment(text, NOW) == NOW - expected


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7y", "7M", "1h30m", "٣d", "9999999s"])
def test_what_is_no_span_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no span of time; write a number and s, m, h, d or w"):
        span(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("20260301", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T06:30:00.5Z", datetime(2026, 3, 1, 6, 30, 0, 500_000, UTC)),
        ("2026-03-01T06:30+0200", datetime(2026, 3, 1, 4, 30, tzinfo=UTC)),
    ],
)
def test_every_python_reads_the_same_moments(text: str, at: datetime) -> None:
    assert moment(text, NOW) == at


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "999999w", "0001-01-01T00:00+05:00"])
def test_what_is_no_moment_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment; write 2026-11-20, 2026-11-20T06:30 or 7d"):
        moment(text, NOW)
