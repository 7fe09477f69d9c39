"""What people and programs read."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from pipeline.run.batch import RunResult
from pipeline.show.summaries import summary, summary_json
from pipeline.show.tables import TABLE_ROWS, WRITERS
from pipeline.show.words import duration, safe, shown
from tests.kit.formulas import FORMULAS, HARMLESS
from tests.kit.samples import (
    FEED,
    LATER,
    LATEST,
    OTHER,
    article,
    at,
    commit,
    digest,
    failed_page,
    failed_poll,
    listed,
    page,
)
from tests.kit.samples import poll as polled

BIDI = [chr(c) for c in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
CONTROL = [chr(c) for c in (*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)]
TIME = datetime(2026, 3, 1, 13, 0, 0, 999, timezone(timedelta(hours=1)))


def written(form: str, columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    out = io.StringIO(newline="")
    WRITERS[form](columns, rows, out)
    return out.getvalue()


@pytest.mark.parametrize("letter", BIDI + CONTROL, ids=lambda letter: f"U+{ord(letter):04X}")
def test_nothing_steers_a_terminal(letter: str) -> None:
    assert safe(f"a{letter}b") == "a\ufffdb"
    for form in ("table", "markdown"):
        assert letter not in written(form, [f"n{letter}"], [(f"a{letter}b",), ([f"c{letter}"],)])


@pytest.mark.parametrize("text", ["a b", "中央社", "تايوان", "e\u0301", "👩\u200d💻", "a\tb", "ẞ"])
def test_other_text_stays(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (False, "false"),
        (0.25, "0.25"),
        (TIME, "2026-03-01 12:00:00"),
        (datetime(2026, 3, 1, 12), "2026-03-01 12:00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (["a", None, "b"], "a, , b"),
        (("x\x1b",), "x\ufffd"),
    ],
)
def test_values_as_people_read_them(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_table_is_aligned_in_every_script() -> None:
    rows = [("中央社 CNA", 5), ("Dawn", 12345), ("産経", None), ("Größe", 7)]
    head, rule, *lines = written("table", ["outlet", "articles"], rows).splitlines()
    end = cell_len(head)
    assert cell_len(rule) == end
    assert head.startswith("outlet")
    assert [cell_len(line) for line, row in zip(lines, rows, strict=True) if row[1]] == [end] * 3
    assert [line.split()[-1] for line in lines] == ["5", "12345", "産経", "7"]


def test_text_is_left_and_long_cells_are_cut_but_in_tables_only() -> None:
    long = "word " * 400
    rows = [(1, long), (2, "two\nlines")]
    lines = written("table", ["id", "text"], rows).splitlines()
    assert len(lines) == 4
    assert lines[2].endswith(f"{long[:99]}…")
    assert lines[3].endswith("two lines")
    for form in ("csv", "json", "markdown"):
        assert long in written(form, ["id", "text"], rows)


def test_a_table_ends_where_people_stop_reading(capsys: pytest.CaptureFixture[str]) -> None:
    lines = written("table", ["n"], ((n,) for n in range(TABLE_ROWS + 1))).splitlines()
    assert len(lines) == 2 + TABLE_ROWS
    assert f"only the first {TABLE_ROWS:,} rows" in capsys.readouterr().err
    written("table", ["n"], ((n,) for n in range(TABLE_ROWS)))
    assert capsys.readouterr().err == ""


def test_json_keeps_two_columns_of_one_name() -> None:
    text = written("json", ["a", "a", "a_1"], [(1, 2, 3)])
    assert json.loads(text) == [{"a": 1, "a_1": 2, "a_1_1": 3}]


def test_brackets_are_no_markup() -> None:
    assert "[bold]x[/bold]" in written("table", ["[red]n"], [("[bold]x[/bold]",)])


def test_an_empty_result_has_its_head() -> None:
    assert written("table", ["a", "b"], []).split()[:2] == ["a", "b"]
    assert written("table", ["a", "b"], []).endswith("no rows\n")
    assert written("csv", ["a", "b"], []) == "a,b\r\n"
    assert json.loads(written("json", ["a"], [])) == []
    assert written("markdown", ["a", "b"], []) == "| a | b |\n| --- | --- |\n"


def test_csv_gives_back_what_went_in() -> None:
    row = ('say "x", y', "two\nlines", None, 1, 0.5, TIME, ["a", TIME], {"k": 1}, "中")
    text = written("csv", list("abcdefghi"), [row])
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == [
        'say "x", y', "two\nlines", "", "1", "0.5", "2026-03-01T12:00:00.000999+00:00",
        '["a", "2026-03-01T12:00:00.000999+00:00"]', '{"k": 1}', "中",
    ]  # fmt: skip


def test_values_of_csv_and_json_are_exact() -> None:
    big, small = Decimal("123456789012345678901234567890.12"), Decimal("0.10")
    row = (big, small, True, ["台湾", False], {"k": float("nan")}, {date(2026, 3, 1): 1, True: 2})
    text = written("csv", list("abcdef"), [row])
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == [
        "123456789012345678901234567890.12", "0.10", "true", '["台湾", false]', '{"k": null}',
        '{"2026-03-01": 1, "true": 2}',
    ]  # fmt: skip
    (found,) = json.loads(written("json", list("abcdef"), [row]))
    assert list(found.values()) == [
        "123456789012345678901234567890.12", 0.1, True, ["台湾", False], {"k": None},
        {"2026-03-01": 1, "true": 2},
    ]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_csv_is_a_formula(text: str) -> None:
    found = written("csv", ["a", "b"], [(text, -5)])
    assert list(csv.reader(io.StringIO(found, newline="")))[1] == [f"'{text}", "-5"]
    assert json.loads(written("json", ["a"], [(text,)])) == [{"a": text}]


def test_harmless_cells_stay() -> None:
    found = written("csv", ["a"], [(text,) for text in HARMLESS])
    assert [row[0] for row in csv.reader(io.StringIO(found, newline=""))][1:] == HARMLESS


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("letter", BIDI + CONTROL, ids=lambda letter: f"U+{ord(letter):04X}")
def test_csv_and_json_steer_no_terminal_and_leave_files_alone(letter: str) -> None:
    columns, row = [f"n{letter}"], (f"a{letter}b",)
    for form in ("csv", "json"):
        screen = Terminal(newline="")
        WRITERS[form](columns, [row], screen)
        assert letter not in screen.getvalue().replace("\r\n", "")
        if form == "json":
            assert json.loads(screen.getvalue()) == [{columns[0]: row[0]}]
    (found,) = json.loads(written("json", columns, [row]))
    assert found == {columns[0]: row[0]}
    assert letter in written("csv", columns, [row])


def test_json_is_json() -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    row = (None, 1, 0.5, "中\x1b", TIME, date(2026, 3, 1), [1, float("nan")], {"k": None})
    text = written("json", list("abcdefgh"), [row, (float("nan"), float("inf"), *row[2:])])
    first, second = json.loads(text, parse_constant=refuse)
    assert list(first.values()) == [
        None, 1, 0.5, "中\x1b", "2026-03-01T12:00:00.000999+00:00", "2026-03-01", [1, None],
        {"k": None},
    ]  # fmt: skip
    assert (second["a"], second["b"]) == (None, None)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("[here](http://x.example/)", r"\[here\](http://x.example/)"),
        ("*now* _now_ `now` ~~now~~ $now$", r"\*now\* \_now\_ \`now\` \~\~now\~\~ \$now\$"),
        ("article_id", "article_id"),
        ("one\ntwo", "one two"),
    ],
)
def test_markdown_says_what_a_cell_holds(text: str, cell: str) -> None:
    assert written("markdown", [text], [(text,)]) == f"| {cell} |\n| --- |\n| {cell} |\n"


def test_markdown_cells_cannot_end_early() -> None:
    text = written("markdown", ["a|b"], [("x|y",), ("x\\|y",), ("two\nlines",)])
    assert text.splitlines() == [
        "| a\\|b |", "| --- |", "| x\\|y |", "| x\\\\\\|y |", "| two lines |"
    ]  # fmt: skip


@pytest.fixture
def result(tmp_path: Path) -> RunResult:
    database = tmp_path / "news.duckdb"
    earlier = commit(database, [polled(OTHER, 0, [listed(OTHER, 9)])], [page(9)], state=None)
    committed = commit(
        database,
        [polled(FEED, 60, [listed(FEED, 1), listed(FEED, 2), listed(FEED, 3)]),
         failed_poll(OTHER, 60)],
        [page(1), failed_page(2), failed_page(3, "pending")],
        run_id=LATER,
    )  # fmt: skip
    run = committed.run | {"listed_lag_seconds": 4.24, "published_lag_seconds": 900.0}
    return RunResult(committed._replace(run=run), [earlier], False)


def test_summary_for_people(result: RunResult) -> None:
    took = 300 + result.committed.run["commit_seconds"]
    assert summary(result).splitlines()[:-1] == [
        "Took over 2 staged files of run 20260301T120000000000Z-aaaaaa (died): 1 articles.",
        f"Run {LATER} done in {took:.1f} s.",
        "  feeds     2 polled: 1 with news, 0 unchanged, 1 failed; 1 left for the next run",
        "  entries   3 new",
        "  articles  1 new from 3 pages: 1 failed, 1 to be tried again",
        "  topics    taiwan 1",
        "  left      1 page for the next run",
        "  failures  fetch: Http503 2",
        "            poll: Http500 1",
        "  health    1 failing; `newsbeam feeds` names them",
        "  lag       4.2 s from listing, 15 min from publication to row (medians)",
    ]
    assert summary(result).splitlines()[-1].startswith("  time      plan 0.1 s, poll 0.0 s, pages")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (99, "99.0 s"), (100, "2 min"), (5999, "100 min"), (6000, "1.7 h"),
     (172_799, "48.0 h"), (172_800, "2.0 d"), (-7.5, "-7.5 s")],
)  # fmt: skip
def test_durations_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_summary_counts_edits(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    commit(database, [polled(FEED, 0, [listed(FEED, 1)])], [page(1)])
    told = listed(FEED, 1, listing_id=digest("another"))
    commit(database, [polled(FEED, 60, [told])], run_id=LATER)
    again = page(1, article(1, text_hash="u" * 64), fetched_at=at(61))
    text = summary(RunResult(commit(database, [again], run_id=LATEST), [], False))
    assert "  articles  0 new from 1 pages: 1 changed\n" in text


def test_summary_of_nothing(tmp_path: Path) -> None:
    text = summary(RunResult(commit(tmp_path / "news.duckdb"), [], False))
    assert [line.split()[0] for line in text.splitlines()] == ["Run", "feeds", "time"]


def test_summary_when_no_feed_is_due(tmp_path: Path) -> None:
    committed = commit(tmp_path / "news.duckdb", [polled(FEED, 0)])
    nothing = committed._replace(run={**committed.run, "feeds_due": 0, "feeds_polled": 0})
    assert "none is due; the next is at " in summary(RunResult(nothing, [], False))


def test_summary_when_no_feed_could_be_read(tmp_path: Path) -> None:
    text = summary(RunResult(commit(tmp_path / "news.duckdb", [failed_poll(FEED, 0)]), [], False))
    assert text.splitlines()[-1].startswith("No feed could be read; the first: ")


def test_summary_for_programs(result: RunResult) -> None:
    document = json.loads(summary_json(result))
    assert document["run"]["run_id"] == LATER
    assert document["run"]["finished_at"] == "2026-03-01T12:05:00+00:00"
    assert document["topics"] == {"taiwan": 1}
    assert {"stage": "poll", "error_type": "Http500", "count": 1} in document["failures"]
    assert [item["run"]["state"] for item in document["recovered"]] == ["died"]
