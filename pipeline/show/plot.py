"""Results with a time axis, drawn in the terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import IO, Any, NamedTuple

from rich.text import Text

from config.errors import QueryError
from pipeline.show.words import console, safe, shown
from sinks.ask.query import Rows

MOST_SERIES = 8
PIPED_WIDTH, HEIGHT = 100, 20
TICK_SPACE, DOT_SPACE = 16, 3
"""Characters for a date on the axis; for a point, or else only lines are drawn."""
MARKERS = "•o+x*#@%"
"""Where there are no colours, a character tells each series."""
COLOURS = (12, 10, 9, 14, 13, 11, 8, 15)
"""The terminal's own palette."""
NUMBERS = {
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
}
HOUR, DAY = 3_600, 86_400
STEPS = (
    *(1, 5, 15, 30, 60, 300, 900, 1_800, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY * days for days in (1, 2, 7, 14, 28, 91, 182, 364, 1_820)),
)
"""Seconds that may lie between two dates on the axis."""


class Chart(NamedTuple):
    """What to draw: series of points, (seconds since 1970 in UTC, value), None for a gap."""

    axis: str
    series: dict[str, list[tuple[float, float | None]]]
    undated: int
    """Rows that have no time."""


def chart_of(result: Rows) -> Chart:
    """Find the axis and the series in a result.

    The first column of dates or times is the axis. Each column of numbers is a series; where
    there is one, the first column of text tells series apart.

    Raises:
        QueryError: there are none, or too many; says what is needed.
    """
    times, numbers, names = _columns(result.types)
    if not times or not numbers:
        missing = "no column of dates or times" if not times else "no column of numbers"
        raise QueryError(
            f"a plot needs a time and a number in each row, and the result has {missing}"
        )
    series: dict[str, dict[float, float | None]] = {}
    undated = 0
    for row in result.rows:
        if not _is_dated(row[times[0]]):
            undated += 1
            continue
        for at in numbers:
            by_name = len(numbers) == 1 and names
            name = shown(row[names[0]]) if by_name else result.columns[at]
            _add(series, name, row[times[0]], row[at])
    if not any(y is not None for points in series.values() for y in points.values()):
        raise QueryError("there is nothing to plot: no row has both a time and a number")
    return Chart(
        result.columns[times[0]],
        {name: sorted(points.items()) for name, points in series.items()},
        undated,
    )


def _columns(types: Sequence[str]) -> tuple[list[int], list[int], list[int]]:
    """Which columns are times, numbers and texts."""
    plain = [(at, re.sub(r"\(.*\)", "", kind)) for at, kind in enumerate(types)]
    times = [at for at, kind in plain if re.fullmatch(r"DATE|TIMESTAMP[^\[]*", kind)]
    numbers = [at for at, kind in plain if kind in NUMBERS]
    return times, numbers, [at for at, kind in plain if kind == "VARCHAR"]


def _add(series: dict[str, dict[float, float | None]], name: str, at: date, value: Any) -> None:
    points = series.setdefault(name, {})
    if len(series) > MOST_SERIES:
        raise QueryError(
            f"a plot shows {MOST_SERIES} lines at most, and the result has more; "
            "choose some with WHERE, or sum them up"
        )
    seconds = _seconds(at)
    if seconds in points:
        raise QueryError(
            f"a plot needs one value for each time, and the result has several of {name} for "
            f"{shown(at)}; GROUP BY the time, or select fewer columns"
        )
    finite = value is not None and math.isfinite(value)
    points[seconds] = float(value) if finite else None


def draw(chart: Chart, out: IO[str]) -> None:
    """Draw lines over time: as wide as the terminal, without colours when piped."""
    screen = console(out)
    coloured = screen.is_terminal and screen.color_system is not None
    screen.print(_legend(chart, coloured), soft_wrap=True)
    out.write(_drawn(chart, screen.width if screen.is_terminal else PIPED_WIDTH, coloured))
    if chart.undated:
        out.write(f"{chart.undated} rows without {safe(chart.axis)} are not drawn\n")


def _is_dated(at: Any) -> bool:
    """Not so for NULL, infinity, and years that Python does not know."""
    return isinstance(at, date) and at.year < date.max.year


def _seconds(at: date) -> float:
    moment = at if isinstance(at, datetime) else datetime(at.year, at.month, at.day)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _legend(chart: Chart, coloured: bool) -> Text:
    text = Text()
    for number, name in enumerate(chart.series):
        text.append("   " if number else "")
        style = f"color({COLOURS[number]})" if coloured else ""
        text.append(f"{'•' if coloured else MARKERS[number]} {safe(name)}", style)
    moments = [at for points in chart.series.values() for at, _ in points]
    days = sorted({_written(at, "%Y-%m-%d") for at in (min(moments), max(moments))})
    return text.append(f"   by {safe(chart.axis)}, {' to '.join(days)} in UTC")


def _drawn(chart: Chart, width: int, coloured: bool) -> str:
    import plotext

    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear()
    figure.theme("simple")
    for number, points in enumerate(chart.series.values()):
        pixel = plotext.pixel(COLOURS[number] if coloured else None)
        dot = plotext.marker("•" if coloured else MARKERS[number], pixel)
        line = plotext.marker("braille", pixel) if coloured or len(chart.series) == 1 else dot
        figure.draw(_signal(figure, points, line, True))
        if len(points) * DOT_SPACE <= width:
            figure.draw(_signal(figure, points, dot, False))
    _rule(figure, chart, width)
    drawn = figure.build().string(colorless=not coloured)
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())


def _rule(figure: Any, chart: Chart, width: int) -> None:
    """Set size and axes."""
    moments = [at for points in chart.series.values() for at, _ in points]
    values = [y for points in chart.series.values() for _, y in points if y is not None]
    for axis, (low, high, ticks) in (
        ("x", time_ticks(min(moments), max(moments), width // TICK_SPACE)),
        ("y", value_ticks(min(values), max(values))),
    ):
        figure.ruler(axis).lim(low, high)
        figure.ruler(axis).ticks([at for at, _ in ticks], [text for _, text in ticks])
    figure.plot_size(width, HEIGHT)


def _signal(
    figure: Any, points: Sequence[tuple[float, float | None]], marker: Any, joined: bool
) -> Any:
    """The points that have values, joined where nothing is missing between."""
    known = [(at, y) for at, y in points if y is not None]
    signal = figure.signal([at for at, _ in known], [y for _, y in known], marker=marker)
    gaps = {at for (_, before), (at, _) in pairwise(points) if before is None}
    signal.lines(joined)
    for index, (at, _) in enumerate(known):
        if at in gaps:
            signal.line(index, False)
    return signal


Ticks = tuple[float, float, list[tuple[float, str]]]
"""Both ends of an axis, and what is written where."""


def time_ticks(first: float, last: float, most: int) -> Ticks:
    """An axis of time, in seconds since 1970 in UTC, with round dates on it."""
    if first == last:
        form = "%Y-%m-%d" if first % DAY == 0 else "%m-%d %H:%M"
        return first - HOUR, first + HOUR, [(first, _written(first, form))]
    step = next((step for step in STEPS if (last - first) / step <= most), STEPS[-1])
    form = "%Y-%m-%d" if step >= DAY else "%m-%d %H:%M" if step >= 60 else "%H:%M:%S"
    start = math.ceil(first / min(step, DAY)) * min(step, DAY)
    at = [start + number * step for number in range(int((last - start) // step) + 1)]
    return first, last, [(moment, _written(moment, form)) for moment in at]


def _written(moment: float, form: str) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime(form)


def value_ticks(low: float, high: float) -> Ticks:
    """An axis of values that begins at zero, or holds it, with about four round numbers on it."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    numbers = range(math.floor(low / step), math.ceil(high / step) + 1)
    ticks = [(number * step, f"{number * step:,.{digits}f}") for number in numbers]
    return ticks[0][0], ticks[-1][0], ticks
