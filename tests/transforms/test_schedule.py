"""When to ask again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.schedule import LONGEST_WAIT, MAX_ATTEMPTS, Next, next_attempt, next_poll

NOW = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
DAY = 86_400


def seconds(due: Next) -> float:
    assert due.at is not None
    return (due.at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("interval", "failures", "status", "retry_after", "wait"),
    [
        pytest.param(900, 0, 200, None, 900, id="all went well"),
        pytest.param(900, 0, 304, None, 900, id="unchanged"),
        pytest.param(900, 1, 500, None, 1_800, id="one failure doubles"),
        pytest.param(900, 3, 404, None, 7_200, id="three failures"),
        pytest.param(900, 50, None, None, DAY, id="at most a day"),
        pytest.param(3 * DAY, 0, 200, None, 3 * DAY, id="longer when asked for"),
        pytest.param(3 * DAY, 9, 500, None, 3 * DAY, id="and no longer than that"),
        pytest.param(900, 1, 429, 60.0, 1_800, id="Retry-After below the wait"),
        pytest.param(900, 1, 503, 9_000.0, 9_000, id="Retry-After above the wait"),
        pytest.param(900, 9, 503, 2.0 * DAY, 2 * DAY, id="Retry-After past a day"),
    ],
)
def test_feeds(interval, failures, status, retry_after, wait):
    due = next_poll(NOW, interval, failures, status, retry_after)
    assert (due.state, seconds(due)) == ("active", wait)


def test_a_feed_that_is_gone_retires():
    assert next_poll(NOW, 900, 1, 410, 60.0) == Next("retired", None)


@given(st.integers(1, 7 * DAY), st.integers(0, 10_000))
def test_more_failures_never_mean_more_requests(interval, failures):
    once, again = (
        seconds(next_poll(NOW, interval, n, None, None)) for n in (failures, failures + 1)
    )
    assert interval <= once <= again <= max(interval, LONGEST_WAIT)


@pytest.mark.parametrize(
    ("attempts", "retry_after", "wait"),
    [
        pytest.param(1, None, 600, id="first"),
        pytest.param(2, None, 2_400, id="second"),
        pytest.param(MAX_ATTEMPTS - 1, None, 38_400, id="last but one"),
        pytest.param(1, 3_600.0, 3_600, id="Retry-After"),
        pytest.param(1, 60.0, 600, id="short Retry-After"),
    ],
)
def test_pages_that_may_come_back(attempts, retry_after, wait):
    due = next_attempt(NOW, attempts, True, retry_after)
    assert (due.state, seconds(due)) == ("pending", wait)


@pytest.mark.parametrize(
    ("attempts", "temporary"), [(1, False), (MAX_ATTEMPTS, True), (MAX_ATTEMPTS + 3, True)]
)
def test_pages_that_are_given_up(attempts, temporary):
    assert next_attempt(NOW, attempts, temporary, None) == Next("failed", None)


def test_all_attempts_at_a_page_fit_into_a_few_days():
    waits = (next_attempt(NOW, n, True, None).at - NOW for n in range(1, MAX_ATTEMPTS))
    assert sum(waits, timedelta()) < timedelta(days=3)
