"""When to ask again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.feeds.schedule import (
    LONGEST_WAIT,
    NextPoll,
    Turn,
    explained,
    freshness,
    median_gap,
    must_not_store,
    next_poll,
)
from transforms.records import Hints
from transforms.times import http_date
from transforms.web.attempts import MAX_ATTEMPTS, Next, next_attempt

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday
HOUR, DAY = 3_600, 86_400


def seconds(due: Next | NextPoll) -> float:
    assert due.at is not None
    return (due.at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("turn", "rule", "wait"),
    [
        pytest.param(Turn(), "default", 1_800, id="nothing is known"),
        pytest.param(Turn(gap=1_200), "rhythm", 1_200, id="its own rhythm"),
        pytest.param(Turn(gap=60), "shortest", 300, id="five minutes at least"),
        pytest.param(Turn(gap=30 * DAY), "longest", DAY, id="a day at most"),
        pytest.param(Turn(gap=600, quiet=DAY), "rhythm", HOUR, id="quiet for a day"),
        pytest.param(Turn(gap=600, quiet=300), "rhythm", 600, id="not quiet"),
        pytest.param(Turn(quiet=10 * DAY), "default", 10 * HOUR, id="no rhythm, quiet for long"),
        pytest.param(Turn(quiet=HOUR), "default", 1_800, id="no rhythm, not quiet"),
        pytest.param(Turn(gap=600, hints=Hints(ttl=HOUR)), "ttl", HOUR, id="ttl"),
        pytest.param(Turn(gap=2 * HOUR, hints=Hints(ttl=HOUR)), "rhythm", 2 * HOUR, id="slower"),
        pytest.param(Turn(gap=600, hints=Hints(update_seconds=900)), "sy:update", 900, id="sy"),
        pytest.param(Turn(gap=600, max_age=900), "max-age", 900, id="max-age"),
        pytest.param(Turn(gap=600, expires=700), "expires", 700, id="Expires"),
        pytest.param(Turn(gap=600, max_age=30 * DAY), "longest", DAY, id="max-age of a month"),
        pytest.param(Turn(interval=1, gap=HOUR, max_age=HOUR), "interval", 1, id="the user's"),
        pytest.param(Turn(interval=3 * DAY), "interval", 3 * DAY, id="the user's, days"),
        pytest.param(Turn(gap=3_000, max_age=60, overflow=True), "overflow", 1_500,
                     id="every entry was new"),
        pytest.param(Turn(overflow=True), "overflow", 900, id="every entry, without a rhythm"),
        pytest.param(Turn(gap=400, overflow=True), "shortest", 300, id="no sooner than that"),
        pytest.param(Turn(gap=3_000, max_age=1_600, overflow=True), "max-age", 1_600,
                     id="every entry, and max-age"),
        pytest.param(Turn(gap=3_000, expires=1_600, overflow=True), "expires", 1_600,
                     id="every entry, and Expires"),
        pytest.param(Turn(gap=3_000, hints=Hints(ttl=HOUR), overflow=True), "ttl", HOUR,
                     id="every entry, and ttl"),
        pytest.param(Turn(gap=3_000, hints=Hints(update_seconds=HOUR), overflow=True), "sy:update",
                     HOUR, id="every entry, and sy"),
        pytest.param(Turn(gap=10 * DAY, overflow=True), "longest", DAY, id="every entry, slow"),
        pytest.param(Turn(gap=HOUR, cut=True, overflow=True), "cut", 300, id="cut"),
        pytest.param(Turn(gap=HOUR, cut=True, max_age=600), "max-age", 600, id="cut, and max-age"),
        pytest.param(Turn(interval=DAY, cut=True), "cut", 300, id="cut, and the user's"),
        pytest.param(Turn(interval=60, cut=True), "interval", 60, id="cut, and the user's is less"),
        pytest.param(Turn(gap=600, jitter=0.5), "rhythm", 630, id="jitter"),
        pytest.param(Turn(interval=60, jitter=0.5), "interval", 60, id="the user's has none"),
    ],
)  # fmt: skip
def test_feeds_that_are_well(turn, rule, wait):
    due = next_poll(NOW, turn)
    assert (due.state, due.rule, seconds(due)) == ("active", rule, wait)


@pytest.mark.parametrize(
    ("turn", "rule", "wait"),
    [
        pytest.param(Turn(900, failures=1), "back-off", 1_800, id="one failure doubles"),
        pytest.param(Turn(900, failures=3, lasting=HOUR), "back-off", 7_200, id="three"),
        pytest.param(Turn(900, failures=50), "back-off", DAY, id="at most a day"),
        pytest.param(Turn(3 * DAY, failures=9), "back-off", 3 * DAY, id="never sooner"),
        pytest.param(Turn(failures=1), "back-off", HOUR, id="without an interval"),
        pytest.param(Turn(gap=1_200, failures=1), "back-off", 2_400, id="from its rhythm"),
        pytest.param(Turn(900, failures=1, jitter=1.0), "back-off", 1_980, id="jitter"),
        pytest.param(Turn(900, failures=1, retry_after=60.0), "back-off", 1_800,
                     id="Retry-After below the wait"),
        pytest.param(Turn(900, failures=1, retry_after=9e3), "retry-after", 9e3,
                     id="Retry-After above the wait"),
        pytest.param(Turn(900, failures=9, retry_after=2.0 * DAY), "retry-after", 2 * DAY,
                     id="Retry-After past a day"),
        pytest.param(Turn(900, failures=60), "back-off", DAY,
                     id="a network down for long"),
    ],
)  # fmt: skip
def test_feeds_that_fail(turn, rule, wait):
    due = next_poll(NOW, turn)
    assert (due.state, due.rule, seconds(due)) == ("active", rule, wait)


@pytest.mark.parametrize(("days", "state"), [(9.9, "active"), (10, "broken"), (400, "broken")])
def test_ten_days_of_no_feed_break_it(days, state):
    due = next_poll(NOW, Turn(failures=12, lasting=round(days * DAY)))
    assert (due.state, seconds(due)) == (state, DAY), "it is asked once a day still"


def test_a_feed_that_is_gone_retires():
    assert next_poll(NOW, Turn(failures=1, gone=True, retry_after=60.0)) == NextPoll(
        "retired", None, "gone"
    )


@pytest.mark.parametrize(
    ("hints", "hours"),
    [
        pytest.param(Hints(skip_hours=(13,)), 2, id="an hour"),
        pytest.param(Hints(skip_hours=(13, 14, 15)), 4, id="hours"),
        pytest.param(Hints(skip_days=(0,)), 12, id="a day"),
        pytest.param(Hints(skip_days=(0, 1), skip_hours=(0, 1)), 38, id="days and hours"),
        pytest.param(Hints(skip_days=tuple(range(7))), 1, id="every day is not obeyed"),
        pytest.param(Hints(skip_hours=(12,)), 1, id="the hour of now"),
    ],
)
def test_hours_and_days_that_a_feed_wants_skipped(hints, hours):
    due = next_poll(NOW, Turn(gap=HOUR, hints=hints))
    assert seconds(due) == hours * HOUR
    assert (due.rule == "skip") == (hours > 1)
    assert seconds(next_poll(NOW, Turn(interval=HOUR, hints=hints))) == HOUR, "the user decides"


@given(st.integers(1, 7 * DAY), st.integers(0, 10_000))
def test_more_failures_never_mean_more_requests(interval, failures):
    once, again = (
        seconds(next_poll(NOW, Turn(interval, failures=n))) for n in (failures, failures + 1)
    )
    assert interval <= once <= again <= max(interval, LONGEST_WAIT)


@given(
    st.builds(
        Turn,
        gap=st.none() | st.integers(0, 10**9),
        quiet=st.none() | st.integers(0, 10**9),
        interval=st.none(),
        hints=st.just(Hints()),
        max_age=st.none() | st.integers(1, 30 * DAY),
        expires=st.none() | st.integers(1, 30 * DAY),
        overflow=st.booleans(),
        cut=st.booleans(),
        failures=st.integers(0, 10**6),
        gone=st.just(False),
        retry_after=st.none(),
        jitter=st.floats(0, 1),
    )
)
def test_a_wait_lies_between_five_minutes_and_a_day(turn):
    assert 300 <= seconds(next_poll(NOW, turn)) <= 1.1 * DAY + 1


def test_a_turn_explains_itself():
    turn = Turn(gap=600, quiet=30, hints=Hints(ttl=HOUR, skip_hours=(3,)), jitter=0.25)
    assert json.loads(explained(turn, next_poll(NOW, turn))) == {
        "rule": "ttl", "gap": 600, "quiet": 30, "ttl": HOUR, "skip_hours": [3], "jitter": 0.25,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ages", "gap"),
    [
        ([], None),
        ([60, 120], None),
        ([60, 120, 180], 60),
        ([0, 60, 600, 660, 720], 60),
        ([60, 60, 60], None),  # one moment
        ([-HOUR, None, 60, 120, 180], 60),  # the future and the undated say nothing
        ([*range(0, 3_000, 100), 10**6, 2 * 10**6], 100),  # old entries neither
    ],
)
def test_the_rhythm_of_entries(ages, gap):
    times = [None if age is None else NOW - timedelta(seconds=age) for age in ages]
    assert median_gap(times, NOW) == gap


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, (None, None)),
        ({"cache-control": "public, Max-Age=600"}, (600, None)),
        ({"cache-control": 'max-age="60", must-revalidate'}, (60, None)),
        ({"cache-control": "max-age=soon"}, (None, None)),
        ({"cache-control": "max-age=0"}, (None, None)),
        ({"cache-control": f"max-age={10**15}"}, (30 * DAY, None)),
        ({"cache-control": "max-age=" + "9" * 5_000}, (30 * DAY, None)),
        ({"cache-control": "max-age=\u00b2"}, (None, None)),
        ({"expires": "Mon, 05 Jan 2026 13:00:00 GMT"}, (None, HOUR)),
        ({"expires": "Mon, 01 Jan 0001 00:00:00 +1400"}, (None, None)),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 -1200"}, (None, 30 * DAY)),
        ({"expires": "Fri, 31 Dec 99999 23:59:59 GMT"}, (None, None)),
        ({"expires": "Mon, 05 Jan 2026 11:00:00 GMT"}, (None, None)),
        ({"expires": "0"}, (None, None)),
        ({"expires": "never"}, (None, None)),
    ],
)
def test_how_long_an_answer_is_fresh(headers, found):
    assert freshness(headers, NOW) == found


VALUES = st.text() | st.from_regex(r"\A\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ [+-]?\w+\Z")


@given(VALUES, VALUES)
def test_no_header_is_too_much(cache_control, expires):
    headers = {"cache-control": f"max-age={cache_control}", "expires": expires}
    must_not_store(headers)
    for told in freshness(headers, NOW):
        assert told is None or 0 < told <= 30 * DAY


@pytest.mark.parametrize(
    ("headers", "forbidden"),
    [
        ({}, False),
        ({"cache-control": "no-cache"}, False),
        ({"cache-control": "private, No-Store"}, True),
        ({"expires": "0"}, True),
        ({"expires": "Mon, 05 Jan 2026 11:00:00 GMT"}, False),
    ],
)
def test_validators_that_are_not_to_be_kept(headers, forbidden):
    assert must_not_store(headers) is forbidden


@pytest.mark.parametrize("text", [None, "", "soon", "Mon, 99 Jan 2026 13:00:00 GMT"])
def test_no_date_of_http(text):
    assert http_date(text) is None


def test_dates_of_http_have_a_zone():
    for text in ("Mon, 05 Jan 2026 12:00:00 GMT", "Mon, 05 Jan 2026 12:00:00 -0000"):
        assert http_date(text) == NOW


@pytest.mark.parametrize(
    ("attempts", "retry_after", "wait"),
    [
        pytest.param(1, None, 1_800, id="first"),
        pytest.param(2, None, 14_400, id="second"),
        pytest.param(MAX_ATTEMPTS - 1, None, 172_800, id="last but one"),
        pytest.param(1, 3_600.0, 3_600, id="Retry-After"),
        pytest.param(1, 60.0, 1_800, id="short Retry-After"),
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


def test_five_attempts_at_a_page_lie_over_three_days():
    waits = [next_attempt(NOW, n, True, None).at - NOW for n in range(1, MAX_ATTEMPTS)]
    assert (len(waits) + 1, sum(waits, timedelta())) == (5, timedelta(days=3))
