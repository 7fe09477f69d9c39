"""The plot of `make bench-year`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, PercentFormatter

from benchmarks.rules import DAY, HOUR
from benchmarks.world import TICK
from benchmarks.year import (
    BUCKETS,
    OFF_AT,
    OFF_HOURS,
    PAGES_OF,
    Outcome,
    Owed,
    Squeezed,
    Year,
    span,
)

OURS, REST = "#c1272d", ("#9ecae1", "#6baed6", "#3182bd", "#08519c")
TIMES = (60, 5 * 60, 15 * 60, HOUR, 4 * HOUR, DAY)


def draw(path: Path, year: Year, outcomes: list[Outcome], squeezed: dict[str, Squeezed],
         floods: dict[str, Owed]) -> None:  # fmt: skip
    """Write a PNG; `squeezed` in turn by host first, then by who is due for longest."""
    mpl.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
                         "axes.titlesize": 11, "axes.titleweight": "bold",
                         "axes.titlelocation": "left", "legend.frameon": False})  # fmt: skip
    figure = plt.figure(figsize=(12, 12.5), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0.062, 1, 0.938))
    grid = figure.add_gridspec(4, 2, height_ratios=(4, 2.4, 2.4, 3.4))
    _delays(figure.add_subplot(grid[0, 0]), outcomes)
    _costs(figure.add_subplot(grid[0, 1]), outcomes)
    first = figure.add_subplot(grid[1, :])
    _polls(first, year)
    _waits(figure.add_subplot(grid[2, :], sharex=first), year)
    _squeezed(figure.add_subplot(grid[3, 0]), squeezed)
    _floods(figure.add_subplot(grid[3, 1]), floods)
    feeds, days = year.planner.world.feeds, len(year.days)
    figure.suptitle(f"A simulated year: {feeds:,} feeds, {days} days, "
                    f"{year.planner.entries / 1e6:,.0f} million entries", fontsize=14)  # fmt: skip
    figure.savefig(path, dpi=110)


def _times(axis: Any, ticks: tuple[int, ...] = TIMES) -> None:
    names = {"60 s": "1 min", "60 min": "1 h", "24 h": "1 d"}
    axis.set_ticks(ticks, [names.get(span(tick), span(tick)) for tick in ticks])
    axis.set_ticks([], minor=True)


def _delays(axes: Any, outcomes: list[Outcome]) -> None:
    for found, colour in zip(outcomes, (OURS, *REST), strict=True):
        axes.plot(BUCKETS[1:], found.delays.shares[:-1], color=colour, label=found.name,
                  linewidth=2.6 if colour == OURS else 1.6)  # fmt: skip
    axes.set(xscale="log", xlim=(30, 1.3 * DAY), ylim=(0, 1.01),
             title="How soon an entry is seen", ylabel="share of entries seen")  # fmt: skip
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    _times(axes.xaxis)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")


def _costs(axes: Any, outcomes: list[Outcome]) -> None:
    for found, colour in zip(outcomes, (OURS, *REST), strict=True):
        median, late = (found.delays.quantile(share) for share in (0.5, 0.95))
        axes.plot([found.polls] * 2, [median, late], color=colour, linewidth=3)
        axes.plot(found.polls, median, "o", color=colour, markersize=9)
        axes.plot(found.polls, late, "_", color=colour, markersize=14, markeredgewidth=3)
        lost = found.missed / (found.missed + found.entries)
        left = 10 < found.polls < 20  # than the next one stands close by
        axes.annotate(f"{found.name}\n{lost:.1%} missed", (found.polls, median),
                      xytext=(-10 if left else 10, -4), textcoords="offset points", color=colour,
                      ha="right" if left else "left", va="center",
                      fontweight="bold" if colour == OURS else "normal")  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=(2.5, 300), ylim=(5 * 60, 12 * HOUR),
             title="What that costs (dot: median, bar: 95th percentile)",
             xlabel="polls of a feed a day", ylabel="entry is seen after")  # fmt: skip
    _times(axes.yaxis, (5 * 60, 15 * 60, 30 * 60, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR))
    axes.xaxis.set_ticks([4, 10, 24, 96], ["4", "10", "24", "96"])
    axes.xaxis.set_ticks([], minor=True)
    axes.grid(alpha=0.3)


def _polls(axes: Any, year: Year) -> None:
    days = np.arange(len(year.days))
    limit = year.planner.plan.polls / TICK
    axes.fill_between(days, [day.polls / DAY for day in year.days], color=OURS, alpha=0.25,
                      label="mean of the day")  # fmt: skip
    axes.plot(days, [day.busiest / TICK for day in year.days], color=OURS, linewidth=1.2,
              label="busiest five minutes")  # fmt: skip
    axes.axhline(limit, color="black", linestyle="--", linewidth=1, label="limit")
    axes.set(ylim=(0, 1.25 * limit), title="Polls a second", xlim=(-3, len(days) + 2))
    axes.legend(loc="upper right", ncols=3)


def _waits(axes: Any, year: Year) -> None:
    days = np.arange(len(year.days))
    axes.plot(days, [max(1, day.longest) for day in year.days], color=OURS, linewidth=1.4)
    axes.set(yscale="log", ylim=(10, 4 * DAY), xlabel="day",
             title="Longest that a feed was past due (red), and pages owed (grey)")  # fmt: skip
    _times(axes.yaxis, (30, 5 * 60, HOUR, 12 * HOUR))
    axes.grid(alpha=0.3, axis="y")
    notes = [(0, "first day:\nall are due", 14, "left")]
    if len(days) > OFF_AT:
        notes.append((OFF_AT, f"machine off for {OFF_HOURS} h", 10, "left"))
    for day, text, right, side in notes:
        axes.annotate(text, (day, year.days[day].longest), xytext=(right, 2), va="center",
                      textcoords="offset points", ha=side)  # fmt: skip
    owed = axes.twinx()
    owed.fill_between(days, [day.owed for day in year.days], color="grey", alpha=0.35, step="mid")
    owed.set(yscale="log", ylim=(1_000, 10**7))
    owed.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:,.0f}k"))
    owed.set_ylabel("pages owed")
    owed.spines["right"].set_visible(True)


def _squeezed(axes: Any, squeezed: dict[str, Squeezed]) -> None:
    turns, longest = squeezed.values()
    lines = (
        (turns.waits.counts[0], REST[1], "-", "in turn by host: feeds alone on theirs"),
        (turns.waits.counts[2], OURS, "-", "in turn by host: feeds on a host of 100 and more"),
        (longest.waits.counts.sum(axis=0), "black", "--", "longest due first: all feeds"),
    )
    for counts, colour, style, label in lines:
        axes.plot(BUCKETS[1:], np.cumsum(counts)[:-1] / counts.sum(), style, color=colour,
                  label=label, linewidth=2)  # fmt: skip
    axes.set(xscale="log", xlim=(5 * 60, DAY), ylim=(0, 1.01), xlabel="past due",
             title="Time for 60 % of the polls: who waits", ylabel="share of polls")  # fmt: skip
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    _times(axes.xaxis, (5 * 60, 15 * 60, HOUR, 4 * HOUR, DAY))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.1, -0.2), ncols=1, fontsize=9,
                columnspacing=1.0, handlelength=1.4).set_in_layout(False)  # fmt: skip


def _floods(axes: Any, floods: dict[str, Owed]) -> None:
    names = list(floods)
    for kind, (whose, colour) in enumerate(zip(PAGES_OF, (REST[1], REST[3], OURS), strict=True)):
        late = [owed.waits.quantile(0.99, kind) for owed in floods.values()]
        places = np.arange(len(names)) + 0.26 * (1 - kind)
        axes.barh(places, np.nan_to_num(np.array(late)), 0.24, color=colour, label=whose)
        for place, value in zip(places, late, strict=True):
            if value == value:
                axes.text(value * 1.1, place, span(value), va="center", fontsize=9)
    axes.set(xscale="log", xlim=(60, 3 * DAY), xlabel="a page is fetched after (99th percentile)",
             title="A feed lists 50,000 entries at once: whose pages wait")  # fmt: skip
    axes.set_yticks(np.arange(len(names)), [name.replace(", ", ",\n") for name in names])
    axes.invert_yaxis()
    _times(axes.xaxis, (5 * 60, 15 * 60, HOUR, 4 * HOUR, DAY))
    axes.legend(loc="upper left", bbox_to_anchor=(-0.3, -0.2), ncols=3, fontsize=9,
                columnspacing=1.0, handlelength=1.4).set_in_layout(False)  # fmt: skip
