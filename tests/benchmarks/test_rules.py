"""The rules of the simulated year are those of the planner, row by row."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rules import (
    Turns,
    due_from,
    fair_feeds,
    fair_pages,
    longest_due,
    median_gaps,
    next_polls,
    oldest_pages,
)
from pipeline.run.plan import NEW, Bound, fair, is_due, look_up
from sinks.database.opening import open_database
from transforms.feeds.schedule import Turn, median_gap, next_poll
from transforms.records import FeedTask, Hints

MONDAY = datetime(2026, 1, 5, tzinfo=timezone.utc)
DAY = 86_400
MANY = 10**6

seconds = st.none() | st.integers(1, 40 * DAY)
hints = st.builds(
    Hints,
    ttl=seconds,
    update_seconds=seconds,
    skip_hours=st.lists(st.integers(0, 23), max_size=24).map(tuple),
    skip_days=st.lists(st.integers(0, 6), max_size=7).map(tuple),
)
turns = st.builds(
    Turn,
    interval=st.none() | st.integers(1, 7 * DAY),
    gap=st.none() | st.integers(0, 60 * DAY),
    quiet=st.none() | st.integers(0, 400 * DAY),
    hints=st.just(Hints()) | hints,
    max_age=seconds,
    expires=seconds,
    overflow=st.booleans(),
    cut=st.booleans(),
    failures=st.just(0) | st.integers(0, 40),
    lasting=st.none() | st.integers(0, 30 * DAY),
    gone=st.booleans(),
    retry_after=st.none() | st.floats(0, 30 * DAY),
    jitter=st.floats(0, 1),
)


def columns(rows: list[Turn]) -> Turns:
    def numbers(name: str) -> np.ndarray:
        return np.array([getattr(row, name) for row in rows], np.float64)

    def asked(row: Turn) -> float:
        told = (row.hints.ttl, row.hints.update_seconds, row.max_age, row.expires)
        return float(max(value or 0 for value in told))

    return Turns(
        interval=numbers("interval"),
        gap=numbers("gap"),
        quiet=numbers("quiet"),
        least=np.array([asked(row) for row in rows]),
        skip_hours=np.array([sum(1 << hour for hour in set(r.hints.skip_hours)) for r in rows]),
        skip_days=np.array([sum(1 << day for day in set(r.hints.skip_days)) for r in rows]),
        overflow=np.array([row.overflow for row in rows]),
        cut=np.array([row.cut for row in rows]),
        failures=np.array([row.failures for row in rows]),
        lasting=numbers("lasting"),
        gone=np.array([row.gone for row in rows]),
        retry_after=numbers("retry_after"),
        jitter=numbers("jitter"),
    )


@settings(max_examples=200)
@given(st.lists(st.tuples(turns, st.integers(0, 400 * DAY)), min_size=1, max_size=50))
def test_when_feeds_are_due_again(cases):
    now = np.array([float(at) for _, at in cases])
    found = next_polls(now, columns([turn for turn, _ in cases]))
    for (turn, at), then in zip(cases, found, strict=True):
        due = next_poll(MONDAY + timedelta(seconds=at), turn).at
        wanted = np.inf if due is None else (due - MONDAY).total_seconds()
        assert then == pytest.approx(wanted, abs=1e-3)


@given(st.integers(300, 40 * DAY), st.integers(0, 5))
def test_the_first_moment_at_which_a_feed_is_due(wait, failures):
    polled, due = np.array([0.0]), np.array([float(wait)])
    (first,) = due_from(polled, due, np.array([failures]))
    state = NEW._replace(
        last_polled_at=MONDAY, next_poll_at=MONDAY + timedelta(seconds=wait), failures=failures
    )
    before, then = (MONDAY + timedelta(seconds=first + moment) for moment in (-0.01, 0.01))
    assert (is_due(state, None, before), is_due(state, None, then)) == (False, True)


@given(st.lists(st.integers(1, 10 * DAY), min_size=31, max_size=31), st.integers(1, 50))
def test_the_rhythm_of_what_is_shown(gaps, shown):
    times = 2**30 - np.cumsum(gaps)
    row = times[None, :30].astype(np.int32)
    found = median_gaps(row, np.array([shown]))[0]
    dates = [MONDAY + timedelta(seconds=int(time)) for time in times[: min(shown, 30)]]
    gap = median_gap(dates, dates[0])
    assert found == gap or (gap is None and np.isnan(found))


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 6)), min_size=1), st.integers(0, 120))
def test_which_feeds_go_first(feeds, most):
    due = np.array([float(at) for at, _ in feeds])
    hosts = np.array([host for _, host in feeds])
    tasks = [
        FeedTask(f"https://host{host}.example/{n}", "", None, None, n, None)
        for n, (_, host) in enumerate(feeds)
    ]
    chosen = fair(tasks, (), lambda task: MONDAY + timedelta(seconds=due[task.position]))[:most]
    assert set(fair_feeds(due, hosts, most, MANY)) == {task.position for task in chosen}


def test_which_pages_go_first(tmp_path: Path):
    chance = np.random.default_rng(5)
    feeds, hosts = chance.integers(0, 9, 400), chance.integers(0, 40, 400)
    feeds[:150], hosts[:100] = 1, 2
    database = tmp_path / "news.duckdb"
    with open_database(database, read_only=False, lock_timeout=0) as opened:
        opened.connection.executemany(
            "INSERT INTO entries BY NAME SELECT $id AS entry_id, $id AS url_id, $url AS url, "
            "$feed AS feed_url, 'pending' AS state, 0 AS attempts, 0 AS rechecks, "
            "$at AS listed_at, $at AS next_attempt_at, 'run' AS run_id",
            [
                {"id": f"{n:032x}", "url": f"https://host{host}.example/{n}",
                 "feed": f"https://feed{feed}.example/", "at": MONDAY + timedelta(seconds=n)}
                for n, (feed, host) in enumerate(zip(feeds, hosts, strict=True))
            ],
        )  # fmt: skip
    for most in (1, 50, 200, 400):
        due = look_up(database, [], now=MONDAY + timedelta(days=1), lock_timeout=0,
                      bound=Bound(0, most))  # fmt: skip
        wanted = {int(task.url_id, 16) for task in due.owed}
        assert set(fair_pages(hosts, feeds, most, MANY)) == wanted, most


@pytest.mark.parametrize("choose", [fair_pages, oldest_pages])
def test_no_choice_takes_more_than_there_is_room_for(choose):
    chance = np.random.default_rng(6)
    hosts, feeds = chance.integers(0, 5, 300), chance.integers(0, 20, 300)
    taken = choose(hosts, feeds, 70, 20)
    assert len(set(taken)) == len(taken) == 70
    if choose is not oldest_pages:
        assert np.bincount(hosts[taken]).max() <= 20


@pytest.mark.parametrize("choose", [fair_feeds, longest_due])
def test_no_host_gets_more_polls_than_is_polite(choose):
    chance = np.random.default_rng(7)
    hosts, due = chance.integers(0, 5, 300), chance.random(300)
    taken = choose(due, hosts, 1_000, 20)
    assert np.bincount(hosts[taken]).tolist() == [20] * 5
    for host in range(5):
        mine = taken[hosts[taken] == host]
        assert due[mine].max() <= np.sort(due[hosts == host])[19], "those due for longest"
