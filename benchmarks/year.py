"""`make bench-year`: a year of 100,000 feeds on a virtual clock, without a network.

The planner's own rules (benchmarks/rules.py, held against feeds/schedule.py by tests) poll
feeds that publish, fall silent, die, break down and flood (benchmarks/world.py), under a limit of
polls and pages. The same entries are then met by planners with fixed intervals. CPU seconds are
those of one core; all that is random has a seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.rules import (
    DAY,
    HOUR,
    Flags,
    Floats,
    Integers,
    Turns,
    due_from,
    fair_feeds,
    fair_pages,
    longest_due,
    median_gaps,
    next_polls,
    oldest_pages,
)
from benchmarks.world import FLAKY, FLOOD, TICK, TICKS, Day, World, ranges
from transforms.feeds.polls import MOST_LISTED
from transforms.feeds.schedule import LONGEST_WAIT, RHYTHM_ENTRIES, Turn, next_poll

POLLS, PAGES = 30, 40
"""Polls and pages a second that 100,000 feeds may take; what is due beyond that waits."""
OF_HOST = 150
"""Polls of one host in a tick, and as many pages: one request a second."""
OFF_AT, OFF_HOURS = 200, 12
"""The machine itself is off on this day, for so long; then nearly every feed is overdue."""
FIXED = (900, HOUR, 100 * 60, 6 * HOUR)
"""Seconds. The third costs about what the planner does."""
LOOK_EACH = 3
"""Each third day shows what fixed intervals miss."""
SMALL, VARIANT_DAYS = 10_000, 28
"""Feeds and days of what is only held against each other."""
BUCKETS = np.r_[0.0, np.geomspace(1, 30 * DAY, 400)]
HOSTS_OF = ("alone on its host", "2 to 99 feeds", "100 feeds and more")
PAGES_OF = ("other hosts", "other feeds of a flooded host", "a feed that floods")
CLASSES = ("all", "more than 24 a day", "1 to 24 a day", "less than 1 a day")


class Spread:
    """How often each length of time was seen, in buckets of 4 %, by class."""

    def __init__(self, classes: int = 1) -> None:
        self.counts = np.zeros((classes, len(BUCKETS)), np.int64)

    def add(self, seconds: Floats, classes: Integers | int = 0, weight: int = 1) -> None:
        """Count these; in other classes than the first, where told."""
        place = np.zeros(len(seconds), np.int64)
        some = seconds >= 1
        place[some] = np.log(seconds[some]) * ((len(BUCKETS) - 2) / np.log(30 * DAY)) + 1
        np.minimum(place, len(BUCKETS) - 1, out=place)
        size = self.counts.size
        found = np.bincount(classes * len(BUCKETS) + place, minlength=size)
        self.counts += weight * found.reshape(self.counts.shape)

    def quantile(self, share: float, kind: int | None = None) -> float:
        """Seconds that such a share does not exceed; NaN where nothing was counted."""
        counts = self.counts.sum(axis=0) if kind is None else self.counts[kind]
        if not counts.sum():
            return float("nan")
        place = np.searchsorted(np.cumsum(counts), share * counts.sum())
        return float(BUCKETS[min(place + 1, len(BUCKETS) - 1)] if place else 0.0)

    @property
    def shares(self) -> Floats:
        """Of all, how many lie below each bucket's end."""
        counts = self.counts.sum(axis=0)
        return np.cumsum(counts) / max(1, counts.sum())


Choice = Callable[[Floats, Integers, int, int], Integers]


class Plan(NamedTuple):
    """What one tick may take, how it is chosen, and what the rules could say otherwise."""

    polls: int
    pages: int
    of_host: int = OF_HOST
    feeds_by: Choice = fair_feeds
    pages_by: Choice = fair_pages
    longest_gap: float = LONGEST_WAIT
    """What the rhythm of a feed counts for, at most."""
    trust: float = np.inf
    """A hint is not heard where a feed would fill this share of its document in that time."""


class Owed:
    """Pages that are listed and not yet fetched."""

    def __init__(self, world: World, plan: Plan, chance: np.random.Generator) -> None:
        self._world, self._plan, self._chance = world, plan, chance
        self.feeds, self.hosts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.listed = np.zeros(0)
        self.waits = Spread(len(PAGES_OF))

    def add(self, feeds: Integers, counts: Integers, at: Floats) -> None:
        """So many pages more of each feed, listed at a time."""
        feed = np.repeat(feeds, counts)
        host = self._world.host[feed]
        abroad = self._world.elsewhere[feed]
        host[abroad] = self._world.host[self._chance.integers(0, self._world.feeds, abroad.sum())]
        self.feeds, self.hosts = np.r_[self.feeds, feed], np.r_[self.hosts, host]
        self.listed = np.r_[self.listed, np.repeat(at, counts)]

    def fetch(self, end: float, flooded: Flags) -> None:
        """Take what a tick may; what is left waits."""
        taken = self._taken()
        near = np.zeros(self._world.hosts, bool)
        near[self._world.host[flooded]] = True
        kinds = np.where(flooded[self.feeds], 2, near[self.hosts])[taken]
        self.waits.add(end - self.listed[taken], kinds)
        left = np.ones(len(self.feeds), bool)
        left[taken] = False
        self.feeds, self.hosts = self.feeds[left], self.hosts[left]
        self.listed = self.listed[left]

    def _taken(self) -> Integers:
        most, of_host, choose = self._plan.pages, self._plan.of_host, self._plan.pages_by
        if len(self.feeds) > most:
            return choose(self.hosts, self.feeds, most, of_host)
        # All may go, but for hosts with too many.
        many = np.bincount(self.hosts, minlength=1)[self.hosts] > of_host
        some = np.flatnonzero(many)
        taken = some[choose(self.hosts[some], self.feeds[some], most, of_host)]
        return np.r_[np.flatnonzero(~many), taken]


class Told(NamedTuple):
    """What happened on one day."""

    polls: int
    busiest: int
    """Polls of the busiest tick."""
    overdue: int
    """Feeds that were due and not polled, at most."""
    owed: int
    """Pages, at most."""
    longest: float
    """Seconds that the feed which waited for longest was past due."""


class Planner:
    """What the database remembers of feeds, in columns, and what happens to them."""

    def __init__(self, world: World, plan: Plan, seed: int = 1) -> None:
        n = world.feeds
        self.world, self.plan = world, plan
        self.chance = np.random.default_rng([seed, 2**21])
        self.due = np.zeros(n)
        self.gap, self.newest = np.full(n, np.nan), np.full(n, np.nan)
        self.failures, self.lasting = np.zeros(n, np.int64), np.full(n, np.nan)
        self.seen = np.full(n, -(10**9))
        """Serial behind the last entry that was seen."""
        self.backlog = np.zeros(n, np.int64)
        """Entries of a flood that are still to be read."""
        self.flooded = np.zeros(n, bool)
        self.owed = Owed(world, plan, self.chance)
        self.kind = np.digitize(-world.rate, (-24.0, -1.0)) + 1
        self.delays, self.waits = Spread(len(CLASSES)), Spread(len(HOSTS_OF))
        self.crowd = np.digitize(np.bincount(world.host)[world.host], (2, 100))
        self.worst = np.zeros(n)
        self.polled, self.missed = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.polls = self.empty = self.failed = self.entries = self.bodies = 0
        self.planning = 0.0
        """CPU seconds of choosing and deciding, without those of the world."""
        self.floods = list(world.floods)

    @property
    def bytes(self) -> int:
        """Of what the planner remembers, without what the bench measures."""
        owed = (self.owed.feeds, self.owed.hosts, self.owed.listed)
        kept = (self.due, self.gap, self.newest, self.failures, self.lasting, self.seen)
        return sum(column.nbytes for column in (*kept, *owed))

    def live(self, day: Day, off_until: float = 0.0) -> Told:
        """One day; until `off_until` nobody is there to poll."""
        counts, overdue, owed, longest = [], [], [], [0.0]
        for tick in range(TICKS):
            start = day.start + tick * TICK
            while self.floods and self.floods[0][0] < start + TICK:
                _, feed = self.floods.pop(0)
                self.backlog[feed] += FLOOD
                self.flooded[feed] = True
            if start < off_until:
                continue
            with self._timed():
                waiting, feeds = self._choose(start + TICK)
            at = np.maximum(self.due[feeds], start)
            waited = at - self.due[feeds]
            self.waits.add(waited, self.crowd[feeds])
            self.worst[feeds] = np.maximum(self.worst[feeds], waited)
            longest.append(float(waited.max(initial=0.0)))
            self._poll(day, tick, feeds, at)
            with self._timed():
                self.owed.fetch(start + TICK, self.flooded)
            counts.append(len(feeds))
            overdue.append(waiting - len(feeds))
            owed.append(len(self.owed.feeds))
        return Told(sum(counts), max(counts, default=0), max(overdue, default=0),
                    max(owed, default=0), max(longest))  # fmt: skip

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.process_time()
        yield
        self.planning += time.process_time() - started

    def _choose(self, end: float) -> tuple[int, Integers]:
        feeds = np.flatnonzero(self.due < end)
        hosts = self.world.host[feeds]
        taken = self.plan.feeds_by(self.due[feeds], hosts, self.plan.polls, self.plan.of_host)
        return len(feeds), feeds[taken]

    def _poll(self, day: Day, tick: int, feeds: Integers, at: Floats) -> None:
        world = self.world
        gone = world.ends_at[feeds] <= at
        dead = (world.dies_at[feeds] <= at) | gone
        passing = world.is_down(feeds, at) | (self.chance.random(len(feeds)) < FLAKY)
        well = ~dead & ~passing
        until = day.shown_until(feeds, at, tick)
        serial = day.serials[feeds] + until - day.starts[feeds]
        before = self.seen[feeds]
        new = np.where(well, serial - before, 0)
        shown = np.minimum(new, world.window[feeds])
        first = before < -(10**8)
        self._count(day, feeds, at, well, until, new, shown, first)
        backlog = np.where(well, self.backlog[feeds], 0)
        read = np.minimum(backlog, MOST_LISTED - np.minimum(shown, MOST_LISTED))
        self.backlog[feeds] -= read
        self.seen[feeds] = np.where(well, serial, before)
        with self._timed():
            self._decide(
                day, feeds, at, until, well, gone, dead, passing,
                changed=well & (new > 0), overflow=well & ~first & (new >= world.window[feeds])
                & (backlog == 0), cut=backlog > read,
            )  # fmt: skip
        some = np.flatnonzero(shown + read)
        self.owed.add(feeds[some], (shown + read)[some], at[some])

    def _decide(self, day: Day, feeds: Integers, at: Floats, until: Integers, well: Flags,
                gone: Flags, dead: Flags, passing: Flags, changed: Flags, overflow: Flags,
                cut: Flags) -> None:  # fmt: skip
        """What transforms/feeds/polls.py does with an answer: the feed's next state."""
        dated = changed & self.world.dated[feeds]
        rows, ends = feeds[dated], until[dated]
        places = ends[:, None] - 1 - np.arange(RHYTHM_ENTRIES)
        gaps = median_gaps(day.times[np.maximum(places, 0)], self.world.window[rows])
        self.gap[rows] = np.where(np.isnan(gaps), self.gap[rows], gaps)
        self.newest[rows] = day.times[ends - 1]
        failures = np.where(well, 0, self.failures[feeds] + 1)
        lasting = np.where(dead & ~passing, np.fmin(self.lasting[feeds], at), np.nan)
        nothing = np.full(len(feeds), np.nan)
        none = np.zeros(len(feeds), np.int64)
        gap = self.gap[feeds]
        filled = np.fmin(np.inf, self.plan.trust * self.world.window[feeds] * gap)
        turns = Turns(
            interval=nothing, gap=np.minimum(gap, self.plan.longest_gap),
            quiet=np.rint(at - self.newest[feeds]),
            least=np.minimum(self.world.least[feeds], filled),
            skip_hours=none, skip_days=none, overflow=overflow,
            cut=cut, failures=failures, lasting=at - lasting, gone=gone & ~passing,
            retry_after=nothing, jitter=self.chance.random(len(feeds)),
        )  # fmt: skip
        self.failures[feeds], self.lasting[feeds] = failures, lasting
        self.due[feeds] = due_from(at, next_polls(at, turns), failures)

    def _count(self, day: Day, feeds: Integers, at: Floats, well: Flags, until: Integers,
               new: Integers, shown: Integers, first: Flags) -> None:  # fmt: skip
        self.polls += len(feeds)
        self.polled[feeds] += 1
        self.failed += int((~well).sum())
        self.empty += int((well & (new == 0)).sum())
        self.bodies += int((well & ((new > 0) | ~self.world.knows_304[feeds])).sum())
        ours = np.where(first, 0, shown)
        self.entries += int(ours.sum())
        self.missed[feeds] += np.where(first, 0, new - shown)
        times = day.times[ranges(until - ours, ours)]
        self.delays.add(np.repeat(at, ours) - times, np.repeat(self.kind[feeds], ours))


class Fixed:
    """What a planner costs and misses that polls each feed at one interval."""

    def __init__(self, world: World, interval: float, seed: int = 1) -> None:
        self.world, self.interval = world, interval
        self._phase = np.random.default_rng([seed, 2**22]).random(world.feeds) * interval
        self._kind = np.digitize(-world.rate, (-24.0, -1.0)) + 1
        self.delays = Spread(len(CLASSES))
        self.polls = self.entries = self.missed = 0

    def live(self, day: Day, looked_at: bool) -> None:
        """One day, without limits; of those not looked at the polls alone are counted."""
        self.polls += round(self.world.feeds * DAY / self.interval)
        if not looked_at:
            return
        owners = np.repeat(np.arange(self.world.feeds), np.diff(day.starts))
        polled = self._next(owners, day.times.astype(np.float64))
        host = self.world.host[owners]
        down = (self.world.down_from[host] <= polled) & (polled < self.world.down_until[host])
        polled[down] = self._next(owners[down], self.world.down_until[host[down]])
        fresh = ranges(day.starts[1:] - day.fresh, day.fresh)
        pushed = fresh - self.world.window[owners[fresh]]
        missed = pushed[(polled[pushed] >= day.times[fresh]) & (day.times[pushed] >= 0)]
        for places, weight in ((fresh, 1), (missed, -1)):
            waited = polled[places] - day.times[places]
            self.delays.add(waited, self._kind[owners[places]], weight)
        self.entries += len(fresh) - len(missed)
        self.missed += len(missed)

    def _next(self, feeds: Integers, at: Floats) -> Floats:
        phase = self._phase[feeds]
        return np.ceil((at - phase) / self.interval) * self.interval + phase


class Year(NamedTuple):
    """All that a run of the bench knows."""

    planner: Planner
    days: list[Told]
    fixed: list[Fixed]
    peak: int
    """Bytes of the planner's state, at the end of the worst day."""


def simulate(feeds: int, days: int, *, seed: int = 1, plan: Plan | None = None,
             floods: int = 24, off_at: int = OFF_AT, fixed: tuple[int, ...] = FIXED,
             say: Any = None) -> Year:  # fmt: skip
    """So many feeds for so many days, then the planners with fixed intervals on the same."""
    share = feeds / 100_000
    plan = plan or Plan(round(POLLS * TICK * share), round(PAGES * TICK * share))
    world = World(feeds, seed, days, floods)
    planner = Planner(world, plan, seed)
    others = [Fixed(world, interval, seed) for interval in fixed]
    told, peak = [], 0
    for number in range(days):
        off = (number * DAY + OFF_HOURS * HOUR) if number == off_at else 0.0
        day = world.day(number)
        told.append(planner.live(day, off))
        peak = max(peak, planner.bytes)
        for other in others:
            other.live(day, number % LOOK_EACH == 0)
        if say and number % 10 == 9:
            say(f"day {number + 1}: {told[-1]}, {time.process_time():.0f} CPU s")
    return Year(planner, told, others, peak)


class Squeezed(NamedTuple):
    """Who waits for how long where there is time for a part of all polls only."""

    waits: Spread
    starving: float
    """Seconds that the feed which is still waiting at the end has waited for, at most."""


def squeeze(feeds: int, days: int, choose: Choice, share: float = 0.6, seed: int = 1) -> Squeezed:
    """Feeds that ask for more polls than there may be; the first half of the time is left out."""
    wanted = simulate(feeds, 7, seed=seed, floods=0, fixed=()).days[-1].polls
    few = round(share * wanted / TICKS)
    plan = Plan(few, feeds, of_host=feeds, feeds_by=choose)
    world = World(feeds, seed, days, floods=0)
    planner = Planner(world, plan, seed)
    for number in range(days):
        planner.live(world.day(number))
        if number == days // 2:
            planner.waits = Spread(len(HOSTS_OF))
    waiting = days * DAY - planner.due
    return Squeezed(planner.waits, float(waiting[np.isfinite(waiting)].max()))


def flood(feeds: int, days: int, choose: Choice, entries: int = FLOOD, seed: int = 1) -> Owed:
    """Pages from the second day on, where a feed of the largest host floods on the third."""
    world = World(feeds, seed, days, floods=0)
    published = world.rate.sum() / TICKS
    planner = Planner(world, Plan(feeds, round(3 * published), pages_by=choose), seed)
    if entries:
        feed = int(np.flatnonzero(world.host == 0)[0])
        planner.floods = [(2 * DAY + 9 * HOUR, feed)]
        planner.flooded[feed] = True
    for number in range(days):
        if number == 2:
            planner.owed.waits = Spread(len(PAGES_OF))
        planner.live(world.day(number))
    return planner.owed


# -- what is told ----------------------------------------------------------------------------------


def span(seconds: float) -> str:
    """A length of time for people."""
    for unit, size in (("d", DAY), ("h", HOUR), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{int(seconds < 10 * size)}f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s"


def table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """As Markdown."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


class Outcome(NamedTuple):
    """What a planner cost and brought; counts for a feed and a day."""

    name: str
    polls: float
    entries: float
    missed: float
    delays: Spread


def outcome(name: str, planner: Planner | Fixed, days: int) -> Outcome:
    """Of so many days."""
    feed_days = planner.world.feeds * days
    looked_at = -(-days // LOOK_EACH) if isinstance(planner, Fixed) else days
    published = planner.world.feeds * looked_at
    missed = int(np.sum(planner.missed)) / published
    return Outcome(name, planner.polls / feed_days, planner.entries / published, missed,
                   planner.delays)  # fmt: skip


def compared(outcomes: list[Outcome]) -> str:
    """What planners cost, how late they are, what they miss."""
    rows = []
    for name, polls, entries, missed, delays in outcomes:
        late = (span(delays.quantile(share)) for share in (0.5, 0.95, 0.99))
        lost = missed / (missed + entries)
        rows.append((name, f"{polls:.1f}", f"{polls / entries:.1f}", *late, f"{lost:.1%}"))
    heads = ("planner", "polls a feed a day", "polls an entry", "seen after, median", "p95", "p99",
             "missed")  # fmt: skip
    return table(heads, rows)


def variants(days: int) -> list[tuple[str, Planner]]:
    """The rules as they could be, on a small world."""
    share = SMALL / 100_000
    plan = Plan(round(POLLS * TICK * share), round(PAGES * TICK * share))
    tried = {
        "as it is": plan,
        "a rhythm counts for 4 h at most": plan._replace(longest_gap=4 * HOUR),
        "hints count until half the document is new": plan._replace(trust=0.5),
        "both": plan._replace(longest_gap=4 * HOUR, trust=0.5),
    }
    return [
        (name, simulate(SMALL, days, plan=plan, off_at=days, fixed=()).planner)
        for name, plan in tried.items()
    ]


def measured(calls: int = 20_000) -> float:
    """CPU seconds of one call of the planner's own `next_poll`."""
    now = datetime(2026, 1, 5, tzinfo=UTC)
    turns = [Turn(gap=60 * n, quiet=30 * n, max_age=n, jitter=0.5) for n in range(calls)]
    started = time.process_time()
    for turn in turns:
        next_poll(now, turn)
    return (time.process_time() - started) / calls


def told(year: Year) -> str:
    """Bounds, fairness and cost, as a list."""
    planner, days = year.planner, year.days
    n, count = planner.world.feeds, len(days)
    calm = sorted(day.longest for number, day in enumerate(days) if number not in (0, OFF_AT))
    asks = planner.world.least >= HOUR
    blamed = planner.missed[asks].sum() / max(1, planner.missed.sum())
    lines = [
        f"{planner.polls:,} polls in {count} days: {planner.polls / count / DAY:.1f} a second, "
        f"{max(day.busiest for day in days) / TICK:.1f} in the busiest five minutes; "
        f"{planner.empty / planner.polls:.0%} found nothing new, "
        f"{planner.failed / planner.polls:.1%} failed, "
        f"{planner.bodies / planner.polls:.0%} brought a body",
        f"{planner.entries:,} entries, {planner.entries / n / count:.1f} a feed a day; "
        f"{planner.missed.sum():,} missed, {blamed:.0%} of them by feeds that ask for an hour or "
        "more between two polls",
        f"past due, longest: {span(days[0].longest)} on the first day, when all are due"
        + (f", {span(days[OFF_AT].longest)} when the machine had been off for {OFF_HOURS} h"
           if count > OFF_AT else "")
        + f", {span(calm[-1])} on all other days",
        f"due and not polled at once: {max(day.overdue for day in days):,} feeds; "
        f"pages owed: {max(day.owed for day in days):,}, "
        f"{sorted(day.owed for day in days)[count // 2]:,} on half of the days",
        f"state of the planner: {year.peak / n:.0f} bytes a feed, pages owed included",
        f"choosing and deciding, in columns: {planner.planning / count:.2f} CPU s a day; by the "
        f"planner's own next_poll: {planner.polls / count * measured():.0f}",
    ]  # fmt: skip
    return "".join(f"- {line}.\n" for line in lines)


def fairness(squeezed: dict[str, Squeezed], floods: dict[str, Owed]) -> str:
    """Who waits where there is not enough for all."""
    rows = [
        (name, kind, *(span(found.waits.quantile(share, number)) for share in (0.5, 0.99, 1)),
         span(found.starving) if not number else "")
        for name, found in squeezed.items() for number, kind in enumerate(HOSTS_OF)
    ]  # fmt: skip
    heads = ("feeds are chosen", "whose", "past due, median", "p99", "longest", "still waiting")
    pages = [
        (name, kind, *(span(owed.waits.quantile(share, number)) for share in (0.5, 0.99, 1)))
        for name, owed in floods.items() for number, kind in enumerate(PAGES_OF)
        if owed.waits.counts[number].sum()
    ]  # fmt: skip
    return f"{table(heads, rows)}\n" + table(
        ("pages are chosen", "of", "fetched after, median", "p99", "longest"), pages
    )


def main() -> None:
    """Simulate, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--feeds", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--plot", type=Path, help="PNG to draw.")
    options = parser.parse_args()
    year = simulate(options.feeds, options.days, say=lambda text: print(text, file=sys.stderr))
    found = [outcome("newsbeam", year.planner, options.days)]
    found += [outcome(f"every {span(other.interval)}", other, options.days) for other in year.fixed]
    print(f"{options.feeds:,} feeds for {options.days} days\n\n{told(year)}\n{compared(found)}")
    tried = [outcome(name, planner, VARIANT_DAYS) for name, planner in variants(VARIANT_DAYS)]
    print(f"Rules as they could be, {SMALL:,} feeds, {VARIANT_DAYS} days\n\n{compared(tried)}")
    squeezed = {
        "in turn by host": squeeze(SMALL, 14, fair_feeds),
        "longest due first": squeeze(SMALL, 14, longest_due),
    }
    floods = {
        "no flood": flood(SMALL, 6, fair_pages, entries=0),
        "in turn by host and feed": flood(SMALL, 6, fair_pages),
        "oldest first": flood(SMALL, 6, oldest_pages),
    }
    print(f"With 60 % of the polls they need, and a flood of {FLOOD:,}, {SMALL:,} feeds\n")
    print(fairness(squeezed, floods))
    print(f"{time.process_time():.0f} CPU s", file=sys.stderr)
    if options.plot:
        from benchmarks.year_plot import draw

        draw(options.plot, year, found, squeezed, floods)


if __name__ == "__main__":
    main()
