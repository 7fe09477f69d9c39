"""Feeds that were never there, and what they publish: the world of `make bench-year`.

Measured on 134 real feeds: entries shown (median 12, a tenth 6 or fewer, a twentieth 50 or more),
the median gap of a feed beside its mean gap (0.57 in the median), hints (a tenth have ttl, a fifth
sy:update*, nearly all of an hour), feeds without dates (1 %) or with fewer than three (4 %), the
spread of rates (a standard deviation of 2.8 in the logarithm; those are mostly blogs). Assumed:
news feeds publish once a day in the median, with a spread of 2; rhythms; failures; headers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.rules import DAY, HOUR, Flags, Floats, Integers
from transforms.feeds.schedule import RHYTHM_ENTRIES

MEDIAN_RATE, SPREAD, MOST = 1.0, 2.0, 1_000.0
"""Entries a day: the median feed, the spread of the logarithm, the busiest feed."""
LARGEST_HOST = 0.03
"""Share of all feeds on the largest host; the second has half of that, and so on."""
WINDOW = (
    (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0),
    (1, 2, 3, 6, 10, 12, 20, 35, 50, 100),
)
"""Quantiles of the entries that a feed shows at once."""
FLAT, OFFICE, MORNING = range(3)
OUTAGES, OUTAGE_HOURS = 3 / 365, 6.0
"""Of a host: how many start a day, and their median length."""
SILENCES, SILENCE_DAYS = 0.5 / 365, 14.0
DEATHS, ENDS = 0.04 / 365, 0.01 / 365
"""Of a feed, a day: 404 from then on; 410."""
FLAKY = 0.005
"""Share of requests that fail for once."""
TICK = 300
TICKS = DAY // TICK
"""The world moves in steps of so many seconds; within one, each poll has its own time."""
FLOOD = 50_000
BATCH_SPACING = 15
EPOCH = 2**31
"""Added to times in keys, so that those before the start are positive too."""


class Day:
    """All entries that matter on one day, by feed and time: those of before that are still shown,
    then those of the day."""

    def __init__(self, start: int, times: npt.NDArray[np.int32], starts: Integers,
                 fresh: Integers, serials: Integers) -> None:  # fmt: skip
        self.start = start
        self.times = times
        self.starts = starts
        """Of each feed, where its entries begin; one more for the end."""
        self.fresh = fresh
        """Of each feed, how many are of this day."""
        self.serials = serials
        """Of each feed, the number of its first entry here; 0 is the first after the start."""
        self._until = starts[1:] - fresh
        """Of each feed, the end of what it showed at `_moved`."""
        owners = np.repeat(np.arange(len(fresh)), fresh)
        ticks = (times[ranges(self._until, fresh)] - start) // TICK
        order = np.argsort(ticks.astype(np.int16), kind="stable")
        self._owners = owners[order]
        self._bounds = np.searchsorted(ticks[order], np.arange(TICKS + 1))
        self._tick = 0

    def shown_until(self, feeds: Integers, at: Floats, tick: int) -> Integers:
        """Index behind the last entry that each feed shows at a time of a tick; ticks ascend."""
        for before in range(self._tick, tick):
            published = self._owners[self._bounds[before] : self._bounds[before + 1]]
            np.add.at(self._until, published, 1)
        self._tick = tick
        until, ends = self._until[feeds], self.starts[feeds + 1]
        rest = np.flatnonzero(until < ends)
        while len(rest := rest[self.times[until[rest]] <= at[rest]]):
            until[rest] += 1
            rest = rest[until[rest] < ends[rest]]
        return until


def keys_of(feeds: Integers, times: npt.NDArray[Any]) -> Integers:
    """Numbers that sort by feed, then by time."""
    return (feeds.astype(np.int64) << 33) | (times.astype(np.int64) + EPOCH)


class World:
    """So many feeds; `day` must be called for each day in turn."""

    def __init__(self, feeds: int, seed: int = 1, days: int = 365, floods: int = 24) -> None:
        self._seed = seed
        chance = np.random.default_rng([seed, 2**20])
        self.feeds = feeds
        self.rate = np.minimum(np.exp(chance.normal(np.log(MEDIAN_RATE), SPREAD, feeds)), MOST)
        self.window = np.interp(chance.random(feeds), *WINDOW).astype(np.int64)
        for rate, least in ((3, 10), (24, 20), (200, 50)):  # who publishes much shows more
            often = self.rate > rate
            self.window[often] = np.maximum(self.window[often], least)
        self.batch = chance.choice([1.0, 1.4, 2.5], feeds, p=[0.7, 0.25, 0.05])
        self.profile = chance.choice([FLAT, OFFICE, MORNING], feeds, p=[0.25, 0.6, 0.15])
        self.zone = chance.choice(24, feeds, p=_zones())
        self.host = _hosts(feeds, chance)
        self.hosts = int(self.host.max()) + 1
        self.dated = chance.random(feeds) >= 0.01
        self.knows_304 = chance.random(feeds) < 0.7
        self.least = np.zeros(feeds)
        for share, seconds in ((0.1, HOUR), (0.21, HOUR), (0.1, 300), (0.1, 900), (0.02, DAY)):
            asked = chance.random(feeds) < share
            self.least[asked] = np.maximum(self.least[asked], seconds)
        self.elsewhere = chance.random(feeds) < 0.02
        """Feeds that list pages of all hosts."""
        self.dies_at = chance.exponential(1 / DEATHS, feeds) * DAY
        self.ends_at = chance.exponential(1 / ENDS, feeds) * DAY
        self.silent_until = np.zeros(feeds)
        self.down_from, self.down_until = np.zeros(self.hosts), np.zeros(self.hosts)
        at = chance.integers(DAY, (days - 1) * DAY, floods)
        whom = chance.integers(0, feeds, floods)
        self.floods = sorted(zip(at.tolist(), whom.tolist(), strict=True))
        """When, and which feed."""
        self._kept = np.maximum(self.window, RHYTHM_ENTRIES)
        self._history(chance)

    def _history(self, chance: np.random.Generator) -> None:
        """What the feeds showed before the start."""
        feed = np.repeat(np.arange(self.feeds), self._kept)
        between = chance.exponential(DAY / self.rate[feed]).clip(1, 10 * DAY)
        between[chance.random(len(feed)) > 1 / self.batch[feed]] = BATCH_SPACING
        total = np.cumsum(between)
        ends = np.cumsum(self._kept)
        since = total[ends - 1][feed] - total + 1
        self._times = np.maximum(-since, -(2**31) + 1).astype(np.int32)
        self._starts = np.r_[0, ends]
        self._serials = -self._kept

    def day(self, number: int) -> Day:
        """What is published on a day, and what is still shown of before."""
        chance = np.random.default_rng([self._seed, number])
        start = number * DAY
        self._events(chance, start)
        feed, time = self._published(chance, number)
        fresh = np.bincount(feed, minlength=self.feeds)
        # The last ones of before, then the new ones, feed by feed.
        ends = self._starts[1:]
        old = ranges(ends - self._kept, self._kept)
        starts = np.r_[0, np.cumsum(self._kept + fresh)]
        times = np.empty(starts[-1], np.int32)
        times[ranges(starts[:-1], self._kept)] = self._times[old]
        times[ranges(starts[:-1] + self._kept, fresh)] = time
        owners = np.repeat(np.arange(self.feeds), self._kept + fresh)
        order = np.arange(len(times))
        keys = np.maximum.accumulate(keys_of(owners, times) - order) + order  # all different
        times = ((keys & (2**33 - 1)) - EPOCH).astype(np.int32)
        serials = self._serials + (ends - self._starts[:-1]) - self._kept
        self._times, self._starts, self._serials = times, starts, serials
        return Day(start, times, starts, fresh, serials)

    def _events(self, chance: np.random.Generator, start: float) -> None:
        """Who falls silent, and which hosts break down, on a day."""
        silent = chance.random(self.feeds) < SILENCES
        length = chance.lognormal(np.log(SILENCE_DAYS), 1.0, self.feeds) * DAY
        self.silent_until = np.where(silent, start + length, self.silent_until)
        down = (chance.random(self.hosts) < OUTAGES) & (self.down_until < start)
        begin = start + chance.random(self.hosts) * DAY
        hours = np.minimum(chance.lognormal(np.log(OUTAGE_HOURS), 1.3, self.hosts), 240)
        self.down_from = np.where(down, begin, self.down_from)
        self.down_until = np.where(down, begin + hours * HOUR, self.down_until)

    def _published(
        self, chance: np.random.Generator, number: int
    ) -> tuple[Integers, npt.NDArray[np.int32]]:
        """Feed and time of each entry of a day, by feed and time."""
        start = number * DAY
        weekly = np.where(self.profile == FLAT, 1.0, 0.45 if number % 7 > 4 else 1.22)
        alive = (self.silent_until < start) & (self.dies_at > start) & (self.ends_at > start)
        varied = chance.lognormal(-0.08, 0.4, self.feeds)
        events = chance.poisson(self.rate / self.batch * weekly * varied * alive)
        feed = np.repeat(np.arange(self.feeds), events)
        place = (chance.random(len(feed)) * 1440).astype(np.int64)
        local = _PROFILES[self.profile[feed], place] * 60 + chance.random(len(feed)) * 60
        time = (local + self.zone[feed] * HOUR) % DAY
        size = chance.geometric(1 / self.batch[feed])
        within = ranges(np.zeros(len(size), np.int64), size)
        feed = np.repeat(feed, size)
        time = np.minimum(np.repeat(time, size) + within * BATCH_SPACING, DAY - 1) + start
        keys = np.sort(keys_of(feed, time))
        return keys >> 33, ((keys & (2**33 - 1)) - EPOCH).astype(np.int32)

    def is_down(self, feeds: Integers, at: Floats) -> Flags:
        """Whether each feed's host is out of order at a time."""
        host = self.host[feeds]
        return (self.down_from[host] <= at) & (at < self.down_until[host])


def ranges(starts: Integers, lengths: Integers) -> Integers:
    """start, start + 1, … of each, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def _hosts(feeds: int, chance: np.random.Generator) -> Integers:
    sizes = np.maximum(1, feeds * LARGEST_HOST / np.arange(1, feeds + 1)).astype(np.int64)
    host = np.repeat(np.arange(feeds), sizes)[:feeds]
    return chance.permutation(host)


def _zones() -> Floats:
    """Shares of the time zones: Europe, the Americas, East Asia."""
    weights = np.ones(24)
    weights[[22, 23, 0]], weights[[4, 5, 6, 7]], weights[[15, 16]] = 12, 6, 5
    return weights / weights.sum()


def _profiles() -> npt.NDArray[np.int64]:
    """Minute of the day by its place among 1,440 equal shares of a day's entries."""
    hour = np.arange(1440) / 60
    office = 0.08 + np.exp(-(((hour - 13.5) / 4.5) ** 2))
    morning = (
        0.03 + np.exp(-(((hour - 6.5) / 0.6) ** 2)) * 3 + 0.2 * np.exp(-(((hour - 14) / 4) ** 2))
    )
    shares = [np.cumsum(weight) / weight.sum() for weight in (np.ones(1440), office, morning)]
    places = (np.arange(1440) + 0.5) / 1440
    return np.stack([np.searchsorted(share, places) for share in shares])


_PROFILES = _profiles()
