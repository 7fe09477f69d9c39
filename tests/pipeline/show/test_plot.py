"""Plots: the right points at the right dates, in plain characters."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.errors import QueryError
from pipeline.show.plot import Chart, chart_of, draw, time_ticks, value_ticks
from sinks.ask.query import query
from tests.kit.samples import commit

MARCH = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
DAY = 86_400


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plot") / "news.duckdb"
    commit(path)
    return path


def chart(database: Path, sql: str) -> Chart:
    with query(database, sql, 0) as result:
        return chart_of(result)


def drawn(database: Path, sql: str) -> list[str]:
    out = io.StringIO()
    draw(chart(database, sql), out)
    return out.getvalue().splitlines()


def days(value: str, number: int = 10) -> str:
    return f"SELECT DATE '2026-03-01' + i::INTEGER AS day, {value} AS n FROM range({number}) t(i)"


# Which columns are what


@pytest.mark.parametrize(
    "time",
    ["DATE '2026-03-01'", "TIMESTAMP '2026-03-01 00:00:00'", "TIMESTAMP_S '2026-03-01 00:00:00'",
     "TIMESTAMPTZ '2026-03-01 02:00:00+02:00'"],
)  # fmt: skip
@pytest.mark.parametrize("number", ["1", "1.0", "1.0::DOUBLE", "1::HUGEINT", "1::UTINYINT"])
def test_any_time_and_any_number_will_do(database: Path, time: str, number: str) -> None:
    assert chart(database, f"SELECT {time} AS at, {number} AS n") == Chart(
        "at", {"n": [(MARCH, 1.0)]}, 0
    )


def test_a_column_of_text_names_the_lines(database: Path) -> None:
    sql = """FROM (VALUES (DATE '2026-03-01', 'taiwan', 1), ('2026-03-01', 'cyber', 2),
                  ('2026-03-02', 'taiwan', 3)) t(day, topic, articles)"""
    assert chart(database, sql).series == {
        "taiwan": [(MARCH, 1.0), (MARCH + DAY, 3.0)], "cyber": [(MARCH, 2.0)],
    }  # fmt: skip


def test_several_columns_of_numbers_are_lines(database: Path) -> None:
    sql = "SELECT 'x' AS name, 1 AS a, 2 AS b, DATE '2026-03-01' AS day, true AS no, [1] AS nor"
    assert chart(database, sql).series == {"a": [(MARCH, 1.0)], "b": [(MARCH, 2.0)]}


def test_what_is_not_there_is_a_gap(database: Path) -> None:
    sql = days("CASE i WHEN 1 THEN NULL WHEN 2 THEN 'NaN'::DOUBLE ELSE i END", 4)
    (points,) = chart(database, sql).series.values()
    assert [value for _, value in points] == [0.0, None, None, 3.0]


def test_rows_without_a_time_are_counted(database: Path) -> None:
    lines = drawn(
        database, "SELECT unnest([NULL, DATE '2026-03-01']) AS day, unnest([1, 2]) AS articles"
    )
    assert lines[-1] == "1 rows without day are not drawn"


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT 1 AS n", "a plot needs a time and a number .* no column of dates or times"),
        ("SELECT now() AS at, 'x' AS name", "no column of numbers"),
        ("SELECT now() AS at, 1 AS n WHERE false", "nothing to plot"),
        ("SELECT now() AS at, NULL::INTEGER AS n", "nothing to plot"),
        ("SELECT NULL::DATE AS at, 1 AS n", "nothing to plot"),
        ("SELECT TIMESTAMPTZ 'infinity' AS at, 1 AS n", "nothing to plot"),
        ("SELECT now() AS at, 'topic ' || i AS topic, 1 AS n FROM range(9) t(i)", "8 lines"),
        ("SELECT DATE '2026-03-01' AS day, i FROM range(2) t(i)", "several of i for 2026-03-01"),
    ],
)
def test_what_cannot_be_drawn_is_said(database: Path, sql: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        chart(database, sql)


# The axes


@pytest.mark.parametrize(
    ("seconds", "first", "second"),
    [
        (10, "00:00:00", "00:00:05"),
        (3_600, "03-01 00:00", "03-01 00:15"),
        (DAY, "03-01 00:00", "03-01 06:00"),
        (5 * DAY, "2026-03-01", "2026-03-02"),
        (30 * DAY, "2026-03-01", "2026-03-08"),
        (300 * DAY, "2026-03-01", "2026-05-31"),
        (30 * 365 * DAY, "2026-03-01", "2031-02-23"),
    ],
)
def test_dates_on_the_axis_are_round(seconds: int, first: str, second: str) -> None:
    low, high, ticks = time_ticks(MARCH, MARCH + seconds, 6)
    assert (low, high) == (MARCH, MARCH + seconds)
    assert [text for _, text in ticks][:2] == [first, second]
    assert all(MARCH <= at <= high for at, _ in ticks)
    assert 2 <= len(ticks) <= 8


def test_dates_stand_at_their_moments() -> None:
    _, _, ticks = time_ticks(MARCH + 3_600, MARCH + 5 * DAY, 6)
    assert ticks[0] == (MARCH + DAY, "2026-03-02")


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 3, ["0", "1", "2", "3"]),
        (2, 7, ["0", "2", "4", "6", "8"]),
        (0, 0, ["0.0", "0.5", "1.0"]),
        (0.01, 0.05, ["0.00", "0.02", "0.04", "0.06"]),
        (-1, 1, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (0, 1_900_000, ["0", "500,000", "1,000,000", "1,500,000", "2,000,000"]),
    ],
)
def test_numbers_on_the_axis_are_round(low: float, high: float, texts: list[str]) -> None:
    bottom, top, ticks = value_ticks(low, high)
    assert [text for _, text in ticks] == texts
    assert bottom <= min(low, 0)
    assert top >= high


# What people see


def test_a_piped_plot_is_plain_and_a_hundred_wide(database: Path) -> None:
    lines = drawn(database, days("i"))
    assert lines[0] == "• n   by day, 2026-03-01 to 2026-03-10 in UTC"
    assert max(map(len, lines)) <= 100
    assert not any("\x1b" in line for line in lines)
    assert lines[-1].split() == [
        "2026-03-01",
        "2026-03-03",
        "2026-03-05",
        "2026-03-07",
        "2026-03-09",
    ]


def test_points_stand_over_their_dates_and_beside_their_values(database: Path) -> None:
    lines = drawn(database, days("i"))
    heights = []
    for column in (at for at, sign in enumerate(lines[-2]) if sign == "┬"):
        (height,) = [at for at, line in enumerate(lines) if line[column : column + 1] == "•"]
        heights.append(height)
    assert len(heights) == 5
    assert heights == sorted(heights, reverse=True), "it rises"
    assert lines[heights[0]].strip().startswith("0┤")


def test_a_single_day_is_a_point_in_the_middle(database: Path) -> None:
    lines = drawn(database, "SELECT DATE '2026-03-01' AS day, 3 AS n")
    assert lines[-1].strip() == "2026-03-01"
    (line,) = [line for line in lines[1:] if "•" in line]
    assert abs(line.index("•") - lines[-2].index("┬")) <= 1


def test_gaps_are_not_bridged(database: Path) -> None:
    """Where days 3 to 6 are missing, nothing is drawn between their neighbours."""
    whole, broken = (
        drawn(database, days(f"CASE WHEN i BETWEEN {first} AND 6 THEN NULL ELSE 5 END"))
        for first in (7, 3)
    )
    (full,) = [line for line in whole[1:] if "•" in line]
    (holed,) = [line for line in broken[1:] if "•" in line]
    inner = holed[holed.index("•") : holed.rindex("•")]
    assert " " * 40 in inner
    assert " " not in full[full.index("•") : full.rindex("•")]


def test_lines_are_told_apart_without_colours(database: Path) -> None:
    lines = drawn(database, "SELECT * FROM (" + days("i") + ") JOIN (SELECT 9 AS other) ON true")
    assert lines[0] == "• n   o other   by day, 2026-03-01 to 2026-03-10 in UTC"
    text = "".join(lines[1:])
    assert "•" in text
    assert "o" in text


def test_names_of_strangers_cannot_steer_the_terminal(database: Path) -> None:
    lines = drawn(
        database, "SELECT DATE '2026-03-01' AS day, chr(27) || ']0;owned' AS name, 1 AS n"
    )
    assert "owned" in lines[0]
    assert "\x1b" not in lines[0]
