"""A small year: the planner is bounded, fair, and cheaper than any fixed interval as good."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.rules import HOUR, fair_pages, longest_due, oldest_pages
from benchmarks.world import TICK, World
from benchmarks.year import FLOOD, OFF_HOURS, Plan, Year, flood, outcome, simulate, squeeze

FEEDS, DAYS, OFF = 2_000, 30, 20
PLAN = Plan(polls=180, pages=240)
OTHERS, NEIGHBOURS = range(2)


@pytest.fixture(scope="module")
def year() -> Year:
    return simulate(FEEDS, DAYS, plan=PLAN, floods=2, off_at=OFF, fixed=(900, HOUR, 6 * HOUR))


def test_each_entry_is_published_once_and_in_order():
    world = World(300, seed=3)
    before = 0
    for number in range(5):
        day = world.day(number)
        for feed in range(300):
            times = day.times[day.starts[feed] : day.starts[feed + 1]]
            assert (np.diff(times) > 0).all()
            assert (times >= day.start).sum() == day.fresh[feed]
        published = day.serials + np.diff(day.starts)
        assert (published - day.fresh).sum() == before, "numbers go on from the day before"
        before = published.sum()


def test_it_is_bounded(year):
    assert max(day.busiest for day in year.days) <= PLAN.polls
    assert max(day.overdue for day in year.days) <= FEEDS
    assert max(day.owed for day in year.days) <= 2 * FLOOD + 100 * FEEDS
    assert year.days[-1].owed < PLAN.pages, "floods and the first day are worked off"
    assert year.peak < 2_000 * FEEDS


def test_nobody_waits_beyond_the_bound(year):
    round_of_all = FEEDS / PLAN.polls * TICK
    calm = [day.longest for number, day in enumerate(year.days) if number not in (0, OFF)]
    assert max(calm) < TICK
    assert year.days[0].longest < 2 * round_of_all
    assert year.days[OFF].longest < OFF_HOURS * HOUR + 2 * round_of_all
    assert (year.planner.polled >= 10).all(), "every feed was polled, again and again"


def test_it_beats_fixed_intervals(year):
    ours = outcome("newsbeam", year.planner, DAYS)
    often, hourly, seldom = (outcome("fixed", other, DAYS) for other in year.fixed)
    assert ours.polls < 0.75 * hourly.polls
    assert ours.polls < 0.2 * often.polls
    assert ours.delays.quantile(0.5) < 0.6 * hourly.delays.quantile(0.5)
    share = [found.missed / (found.missed + found.entries) for found in (ours, hourly, seldom)]
    assert share == sorted(share)


def test_what_it_misses_it_was_asked_to(year):
    asks = year.planner.world.least >= HOUR
    missed = year.planner.missed
    assert missed[~asks].sum() < 0.01 * year.planner.entries
    assert missed[asks].sum() > missed[~asks].sum()


def test_a_flood_starves_nobody():
    calm = flood(FEEDS, 5, fair_pages, 0).waits.quantile(0.99)
    fair, oldest = (
        [flood(FEEDS, 5, choose).waits.quantile(0.99, whose) for whose in (OTHERS, NEIGHBOURS)]
        for choose in (fair_pages, oldest_pages)
    )
    assert max(fair) <= 1.1 * calm, "not on its host either"
    assert max(oldest) > 2 * calm, "as the order in which they came would"


def test_with_too_little_time_nobody_starves_where_the_longest_due_go_first():
    found = squeeze(FEEDS, 8, longest_due)
    assert found.starving < 2 * HOUR
    worst = [found.waits.quantile(1, kind) for kind in range(3)]
    assert max(worst) < 2 * HOUR
    assert max(worst) < 1.5 * min(worst), "whatever their host"
