"""When to ask again. Pure functions from what happened to the next time; no clock, no I/O."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from transforms.headers import whole_number
from transforms.records import Hints
from transforms.times import LONGEST_RETRY_AFTER, http_date

DEFAULT_INTERVAL = 30 * 60
SHORTEST_WAIT = 5 * 60
LONGEST_WAIT = 24 * 3600
JITTER = 0.1
"""Share of a wait that is drawn on top of it, so that many feeds do not fire together."""
RHYTHM_ENTRIES = 30
QUIET_SHARE = 24
"""A feed that has been quiet for so many times its wait is asked less often: hourly after a day."""
LONGEST_GAP = 10 * 366 * 24 * 3600
"""Seconds; a feed whose entries are further apart has dates that are wrong."""
BROKEN_AFTER = timedelta(days=10)
GONE = 410


class Turn(NamedTuple):
    """All that decides when a feed is polled again; times in seconds."""

    interval: int | None = None
    """As the user's feeds file says."""
    gap: int | None = None
    """Median time between its entries."""
    quiet: int | None = None
    """Time since its newest entry."""
    hints: Hints = Hints()
    max_age: int | None = None
    expires: int | None = None
    overflow: bool = False
    cut: bool = False
    """Whether it held more entries than a poll may bring."""
    failures: int = 0
    """Polls that failed in a row, this one included."""
    lasting: int | None = None
    """Time since failures have been of the kind that does not pass by itself; None where the last
    one may."""
    gone: bool = False
    """410 (RFC 9110, section 15.5.11)."""
    retry_after: float | None = None
    jitter: float = 0.0
    """0 to 1."""


SAYS_NOTHING: dict[str, Any] = {**Turn()._asdict(), **Hints()._asdict()}


class NextPoll(NamedTuple):
    """A feed's state, when it is due again (None: never), and the rule that decided."""

    state: str
    at: datetime | None
    rule: str


def next_poll(now: datetime, turn: Turn) -> NextPoll:
    """When a feed is due again.

    Its own rhythm decides, and what it asks for: not before ttl, sy:update*, max-age and Expires
    have passed, within 5 minutes and 24 hours, not in skipHours and skipDays. A page that ran over
    halves the rhythm. The user's interval stands above all these; but the rest of a feed that was
    cut is not waited for. Failures double the wait, up to 24 hours; a Retry-After is the least.
    """
    if turn.gone:
        return NextPoll("retired", None, "gone")
    rule, wait = _wait(turn)
    state = "active"
    if turn.failures:
        longest = max(wait, LONGEST_WAIT)
        rule, wait = "back-off", min(wait * 2 ** min(turn.failures, 20), longest)
        if turn.lasting is not None and turn.lasting >= BROKEN_AFTER.total_seconds():
            state, rule, wait = "broken", "broken", longest
    if rule != "interval":
        wait *= 1 + JITTER * turn.jitter
    if (turn.retry_after or 0) > wait:
        rule, wait = "retry-after", turn.retry_after or 0
    at = now + timedelta(seconds=wait)
    if turn.interval is None and not turn.failures:
        later = _not_skipped(at, turn.hints)
        rule, at = rule if later == at else "skip", later
    return NextPoll(state, at, rule)


def _wait(turn: Turn) -> tuple[str, float]:
    """The rule for a feed that is well, and its seconds."""
    if turn.interval is not None:
        rest = turn.cut and turn.interval > SHORTEST_WAIT
        return ("cut", SHORTEST_WAIT) if rest else ("interval", turn.interval)
    if turn.cut:
        rule, wait = "cut", float(SHORTEST_WAIT)
    else:
        rule, gap = ("rhythm", turn.gap) if turn.gap is not None else ("default", DEFAULT_INTERVAL)
        wait = max(gap, (turn.quiet or 0) / QUIET_SHARE)
    if turn.overflow and not turn.cut:
        rule, wait = "overflow", wait / 2
    asked = {
        "ttl": turn.hints.ttl,
        "sy:update": turn.hints.update_seconds,
        "max-age": turn.max_age,
        "expires": turn.expires,
        "shortest": SHORTEST_WAIT,
    }
    for name, least in asked.items():
        if least is not None and least > wait:
            rule, wait = name, least
    return (rule, wait) if wait <= LONGEST_WAIT else ("longest", LONGEST_WAIT)


def _not_skipped(at: datetime, hints: Hints) -> datetime:
    """The first moment from `at` on that lies in no hour and no day to be skipped."""
    later = at
    for _ in range(7 * 24 + 1):
        if later.hour not in hints.skip_hours and later.weekday() not in hints.skip_days:
            return later
        later = later.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return at  # there is no such moment: nonsense is not obeyed


def explained(turn: Turn, due: NextPoll) -> str:
    """The rule and its inputs as a JSON object, without those that say nothing."""
    inputs: dict[str, Any] = {
        **turn._asdict(),
        **turn.hints._asdict(),
        "jitter": round(turn.jitter, 3),
    }
    del inputs["hints"]
    kept = {name: value for name, value in inputs.items() if value != SAYS_NOTHING[name]}
    return json.dumps({"rule": due.rule, **kept})


def median_gap(times: Iterable[datetime | None], now: datetime) -> int | None:
    """Seconds between a feed's newest entries, in the median; None where too few have a date."""
    past = sorted({at for at in times if at is not None and at <= now}, reverse=True)
    newest = past[:RHYTHM_ENTRIES]
    if len(newest) < 3:
        return None
    gaps = [(a - b).total_seconds() for a, b in pairwise(newest)]
    return min(round(statistics.median(gaps)), LONGEST_GAP)


def freshness(headers: dict[str, str], now: datetime) -> tuple[int | None, int | None]:
    """Seconds of max-age and until Expires, where an answer has them (RFC 9111, section 5)."""
    max_age = _cache_control(headers).get("max-age", "")
    expires = http_date(headers.get("expires"))
    return (
        _bounded(whole_number(max_age, LONGEST_RETRY_AFTER) or 0),
        _bounded(round((expires - now).total_seconds()) if expires else 0),
    )


def must_not_store(headers: dict[str, str]) -> bool:
    """Whether an answer's validators are not to be kept: no-store, or an Expires of 0."""
    return "no-store" in _cache_control(headers) or headers.get("expires", "").strip() == "0"


def _cache_control(headers: dict[str, str]) -> dict[str, str]:
    directives = (part.partition("=") for part in headers.get("cache-control", "").split(","))
    return {name.strip().lower(): value.strip('" ') for name, _, value in directives}


def _bounded(seconds: int) -> int | None:
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else None
