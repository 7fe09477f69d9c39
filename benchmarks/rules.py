"""The planner's rules over whole columns, for `make bench-year`.

Each function says the same as one of transforms/feeds/schedule.py or pipeline/run/plan.py, which
tests/benchmarks/test_rules.py holds against it row by row. Times are seconds since a Monday at
midnight, in UTC.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.run.plan import EARLY
from transforms.feeds.schedule import (
    BROKEN_AFTER,
    DEFAULT_INTERVAL,
    JITTER,
    LONGEST_WAIT,
    QUIET_SHARE,
    RHYTHM_ENTRIES,
    SHORTEST_WAIT,
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
HOUR, DAY = 3600, 86400
NEVER = np.inf


class Turns(NamedTuple):
    """`transforms.feeds.schedule.Turn` in columns; NaN for None, 0 for a hint that says nothing."""

    interval: Floats
    gap: Floats
    quiet: Floats
    least: Floats
    """The greatest of ttl, sy:update*, max-age and Expires."""
    skip_hours: Integers
    """A bit for each hour."""
    skip_days: Integers
    overflow: Flags
    cut: Flags
    failures: Integers
    lasting: Floats
    gone: Flags
    retry_after: Floats
    jitter: Floats


def next_polls(now: Floats, turns: Turns) -> Floats:
    """As `next_poll`: when each feed is due again; infinity for never."""
    free = np.isnan(turns.interval)
    wait = np.where(free, _rhythm(turns), _users(turns))
    fixed = ~free & ~(turns.cut & (turns.interval > SHORTEST_WAIT))
    failing = turns.failures > 0
    longest = np.maximum(wait, LONGEST_WAIT)
    doubled = np.minimum(wait * 2.0 ** np.minimum(turns.failures, 20), longest)
    broken = failing & (turns.lasting >= BROKEN_AFTER.total_seconds())
    wait = np.where(failing, np.where(broken, longest, doubled), wait)
    wait = np.where(fixed & ~failing, wait, wait * (1 + JITTER * turns.jitter))
    at = now + np.fmax(wait, turns.retry_after)
    skips = free & ~failing & ((turns.skip_hours > 0) | (turns.skip_days > 0))
    if skips.any():
        at[skips] = _not_skipped(at[skips], turns.skip_hours[skips], turns.skip_days[skips])
    return np.where(turns.gone, NEVER, at)


def _users(turns: Turns) -> Floats:
    return np.where(turns.cut, np.minimum(turns.interval, SHORTEST_WAIT), turns.interval)


def _rhythm(turns: Turns) -> Floats:
    gap = np.where(np.isnan(turns.gap), DEFAULT_INTERVAL, turns.gap)
    wait = np.maximum(gap, np.nan_to_num(turns.quiet) / QUIET_SHARE)
    wait = np.where(turns.overflow, wait / 2, wait)
    wait = np.where(turns.cut, SHORTEST_WAIT, wait)
    wait = np.maximum(wait, np.maximum(turns.least, SHORTEST_WAIT))
    return np.minimum(wait, LONGEST_WAIT)


def _not_skipped(at: Floats, hours: Integers, days: Integers) -> Floats:
    later, open_ = at.copy(), np.zeros(len(at), bool)
    for _ in range(7 * 24 + 1):
        hour = (later // HOUR % 24).astype(np.int64)
        day = (later // DAY % 7).astype(np.int64)
        open_ = ((hours >> hour) & 1 | (days >> day) & 1) == 0
        if open_.all():
            return later
        later = np.where(open_, later, (later // HOUR + 1) * HOUR)
    return np.where(open_, later, at)


def due_from(polled: Floats, next_at: Floats, failures: Integers) -> Floats:
    """As `is_due`, for feeds without an interval of the user's: the first moment it is true."""
    early = np.minimum(EARLY, np.where(failures > 0, 0.0, next_at - polled) / 10)
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(next_at), NEVER, next_at - early)


def median_gaps(newest: npt.NDArray[np.int32], shown: Integers) -> Floats:
    """As `median_gap`: of each row's first `shown` times, newest first and all different."""
    gaps = newest[:, :-1] - newest[:, 1:]
    count = np.minimum(shown, RHYTHM_ENTRIES) - 1
    gaps[np.arange(gaps.shape[1]) >= count[:, None]] = np.iinfo(np.int32).max
    gaps.sort(axis=1)
    rows, count = np.arange(len(gaps)), np.maximum(count, 1)
    low, high = gaps[rows, (count - 1) // 2], gaps[rows, count // 2]
    median = np.rint((low.astype(np.float64) + high) / 2)
    return np.where(count >= 2, median, np.nan)


def row_numbers(keys: npt.NDArray[Any]) -> Integers:
    """Of each row among those of its key, from 0, in the order in which they stand."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(keys) else order
    numbers = np.empty(len(keys), np.int64)
    lengths = np.diff(np.r_[starts, len(keys)])
    numbers[order] = np.arange(len(keys)) - np.repeat(starts, lengths)
    return numbers


def fair_feeds(due: Floats, hosts: Integers, most: int, most_of_host: int) -> Integers:
    """As `fair`: which feeds a run takes, in turn for each host, of a host those due for longest.

    Beyond that, no more of a host than politeness lets through in the time.
    """
    if np.bincount(hosts).max(initial=0) <= most_of_host and len(due) <= most:
        return np.arange(len(due))
    order = np.argsort(due, kind="stable")
    turn = row_numbers(hosts[order])
    order, turn = order[turn < most_of_host], turn[turn < most_of_host]
    return np.sort(order[np.argsort(turn, kind="stable")][:most])


def longest_due(due: Floats, hosts: Integers, most: int, most_of_host: int) -> Integers:
    """What `fair_feeds` is held against: those due for longest, whatever their host."""
    order = np.argsort(due, kind="stable")
    return np.sort(order[row_numbers(hosts[order]) < most_of_host][:most])


def fair_pages(hosts: Integers, feeds: Integers, most: int, most_of_host: int) -> Integers:
    """As the order of `OWED`: one page of each host and feed, then a second, and so on; within a
    host, too, one of each feed, then a second."""
    of_feed = row_numbers(feeds)
    by_turn = np.argsort(of_feed, kind="stable")
    of_host = np.empty_like(of_feed)
    of_host[by_turn] = row_numbers(hosts[by_turn])
    order = np.argsort(np.maximum(of_host, of_feed), kind="stable")
    return np.sort(order[of_host[order] < most_of_host][:most])


def oldest_pages(hosts: Integers, feeds: Integers, most: int, most_of_host: int) -> Integers:
    """What `fair_pages` is held against: first come, first served."""
    return np.arange(min(most, len(hosts)))
