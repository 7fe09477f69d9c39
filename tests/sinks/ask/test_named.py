"""Named queries: what their files say, what is wrong there, and what the shipped ones answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.errors import QueryError
from sinks.ask import named
from sinks.ask.query import query
from tests.kit.samples import (  # fmt: skip
    FEED,
    LATER,
    LATEST,
    OTHER,
    RUN,
    TAIWAN,
    TOPICS,
    article,
    at,
    commit,
    digest,
    failed_page,
    failed_poll,
    listed,
    page,
    poll,
)

SQL = "SELECT $topic AS topic, $since AS since, $limit AS n, $outlet AS outlet"
GOOD = f"""-- What is asked here,
-- in two lines.
-- :topic  Topic id.
-- :since TIME = 30d  Only since.
-- :limit INTEGER = 20  Rows at most.
-- :outlet =  Only this outlet.
{SQL}
"""


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.sql"
    path.write_text(text, encoding="utf-8")
    return path


# Files


def test_a_header_says_what_is_answered_and_what_is_asked(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    found = named.load("mine", [tmp_path])
    assert found.meaning == "What is asked here, in two lines."
    assert [(p.option, p.type, p.required, p.default, p.meaning) for p in found.parameters] == [
        ("--topic", "TEXT", True, None, "Topic id."),
        ("--since", "TIME", False, "30d", "Only since."),
        ("--limit", "INTEGER", False, "20", "Rows at most."),
        ("--outlet", "TEXT", False, None, "Only this outlet."),
    ]


BAD = {
    "no comment": ("SELECT 1", 1, "must begin with a comment"),
    "only parameters": ("-- :a  A.\nSELECT $a", 1, "must begin with a comment"),
    "one space": ("-- Mine.\n-- :a A.\nSELECT $a", 2, "two spaces before the meaning"),
    "no meaning": ("-- Mine.\n-- :a = 1\nSELECT $a", 2, "is no parameter"),
    "capitals": ("-- Mine.\n-- :Topic  A.\nSELECT $Topic", 2, "is no parameter"),
    "unknown type": ("-- Mine.\n-- :a FLOAT = 1  A.\nSELECT $a", 2, "TEXT, INTEGER, TIME"),
    "bad default": ("-- Mine.\n-- :a INTEGER = many  A.\nSELECT $a", 2, "whole number, not 'many'"),
    "twice": ("-- Mine.\n-- :a  A.\n-- :a  A.\nSELECT $a", 3, "declared twice"),
    "reserved": ("-- Mine.\n-- :format  A.\nSELECT $format", 2, "option of newsbeam sql"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_header_is_named_with_file_and_line(tmp_path: Path, name: str) -> None:
    text, line, words = BAD[name]
    path = write(tmp_path, text)
    with pytest.raises(QueryError, match=words) as caught:
        named.load("mine", [tmp_path])
    assert str(caught.value).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-- Mine.\n-- :a  A.\nSELECT 1", r"declares :a, but the query has no \$a"),
        ("-- Mine.\nSELECT $b", r"the query has \$b, but the header declares no :b"),
        ("-- Mine.\nSELEC 1", "Parser Error"),
        ("-- Mine.\n", ""),
    ],
)
def test_header_and_query_must_agree(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)
    if not words:  # an empty query is refused when it is asked
        assert named.load("mine", [tmp_path]).parameters == ()
        return
    with pytest.raises(QueryError, match=words) as caught:
        named.load("mine", [tmp_path])
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_bytes(b"-- \xff\nSELECT 1")
    with pytest.raises(QueryError, match=r"mine\.sql"):
        named.load("mine", [tmp_path])


def test_ones_own_win_over_shipped_ones(tmp_path: Path) -> None:
    path = write(tmp_path, "-- My own.\nSELECT 1", "newest")
    assert named.load("newest", [tmp_path]).path == path
    assert named.load("newest", []).path.parent == named.SHIPPED
    assert set(named.files([tmp_path])) == set(named.files([]))


def test_an_unknown_name_gets_a_guess() -> None:
    with pytest.raises(QueryError, match=r"no query @newst; did you mean @newest\?"):
        named.load("newst", [])


@pytest.mark.parametrize("name", ["../schema", "/etc/passwd", "newest.sql", ""])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(QueryError, match="no query"):
        named.load(name, [])


# Values

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def values(tmp_path: Path, **given: str) -> dict[str, Any]:
    write(tmp_path, GOOD)
    return named.values(named.load("mine", [tmp_path]), given, NOW)


def test_defaults_stand_for_what_is_not_given(tmp_path: Path) -> None:
    assert values(tmp_path, topic="7d") == {
        "topic": "7d", "since": NOW - timedelta(days=30), "limit": 20, "outlet": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", NOW - timedelta(hours=24)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(weeks=2)),
        ("90m", NOW - timedelta(minutes=90)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T08:30:00+02:00", datetime(2026, 3, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_times_are_dates_or_how_long_ago(tmp_path: Path, text: str, moment: datetime) -> None:
    assert values(tmp_path, topic="x", since=text)["since"] == moment


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "@mine needs --topic: Topic id."),
        ({"topic": "x", "sinse": "1d"}, "@mine has no parameter --sinse; did you mean --since?"),
        ({"topic": "x", "limit": "ten"}, "--limit must be a whole number, not 'ten'"),
        ({"topic": "x", "since": "yesterday"}, "--since must be a date or time of ISO 8601"),
        ({"topic": "x", "since": "999999w"}, "--since must be"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, given: dict[str, str], words: str) -> None:
    with pytest.raises(QueryError) as caught:
        values(tmp_path, **given)
    assert words in str(caught.value)


# The shipped ones, on a small database that is known to the last row


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three articles of two outlets, one of them changed; a page and a feed that fail."""
    path = tmp_path_factory.mktemp("named") / "news.duckdb"
    text = "The same first paragraph, printed by two outlets of the land.\nTaiwan."
    second = article(
        2, feed_url=OTHER, outlet="Gazette", published_at=at(-30), language="de", text=text,
    )  # fmt: skip
    third = article(3, published_at=at(-2 * 24 * 60), text=text)
    commit(
        path,
        [poll(FEED, 0, [listed(FEED, n) for n in (1, 3, 4)]), poll(OTHER, 0, [listed(OTHER, 2)])],
        [page(1), page(2, second, topics=()), page(3, third), failed_page(4)],
        topics=[*TOPICS, TOPICS[0] | {"topic": "cyber"}],
    )
    right = {"title": "Headline 1, put right"}
    told = listed(FEED, 1, listing_id=digest("another"), published_at=at(50), **right)
    commit(
        path, [failed_poll(OTHER, 60), poll(FEED, 60, [told])], run_id=LATER,
        started_at=at(60).isoformat(),
    )  # fmt: skip
    changed = article(1, fetched_at=at(61), text_hash="u" * 64, **right)
    again = page(1, changed, fetched_at=at(61))
    commit(path, [again], run_id=LATEST, started_at=at(61).isoformat())
    return path


def ask(database: Path, name: str, **given: str) -> list[dict[str, Any]]:
    found = named.load(name, [])
    values = named.values(found, given, at(2 * 60))
    with query(database, found.sql, 0, parameters=values) as result:
        return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


def column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def test_all_shipped_queries_are_tested_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in named.files([]) if f'"{name}"' not in text] == []
    assert len(named.files([])) >= 12


@pytest.mark.parametrize("name", named.files([]))
def test_shipped_queries_say_in_one_line_what_they_answer(name: str) -> None:
    meaning = named.load(name, []).meaning
    assert len(meaning) <= 100
    assert meaning.endswith(".")


def test_newest(database: Path) -> None:
    assert column(ask(database, "newest"), "url") == [
        f"https://dawn.example/story/{n}" for n in (2, 1, 3)
    ]
    assert len(ask(database, "newest", limit="1")) == 1
    assert column(ask(database, "newest", topic="taiwan"), "title") == [
        "Headline 1, put right", "Headline 3",
    ]  # fmt: skip
    assert column(ask(database, "newest", language="de"), "outlet") == ["Gazette"]
    assert column(ask(database, "newest", outlet="Gazette"), "language") == ["de"]


def test_topic_share(database: Path) -> None:
    rows = ask(database, "topic-share", topic="taiwan")
    assert [(row["day"], row["outlet"], row["articles"], row["outlet_articles"], row["share"])
            for row in rows] == [
        (date(2026, 3, 1), "Outlet 0", 1, 1, 1.0),
        (date(2026, 3, 1), "Outlet 1", 0, 1, 0.0),
        (date(2026, 2, 27), "Outlet 0", 1, 1, 1.0),
    ]  # fmt: skip
    assert len(ask(database, "topic-share", topic="taiwan", since="1d")) == 2


@pytest.mark.parametrize("name", ["topic-share", "topic-trend"])
@pytest.mark.parametrize("topic", ["tawian", "taiwan,tawian"])
def test_an_unknown_topic_is_no_silence(database: Path, name: str, topic: str) -> None:
    with pytest.raises(QueryError, match=r"no topic (taiwan,)?tawian; the table topics lists them"):
        ask(database, name, topic=topic)


def test_topic_trend_has_days_without_any(database: Path) -> None:
    rows = ask(database, "topic-trend", topic="taiwan, cyber")
    assert [(str(row["day"]), row["topic"], row["articles"]) for row in rows] == [
        ("2026-02-27", "cyber", 0), ("2026-02-27", "taiwan", 1),
        ("2026-02-28", "cyber", 0), ("2026-02-28", "taiwan", 0),
        ("2026-03-01", "cyber", 0), ("2026-03-01", "taiwan", 1),
    ]  # fmt: skip


def test_articles_per_day(database: Path) -> None:
    rows = ask(database, "articles-per-day", since="2026-03-01")
    assert [(row["language"], row["articles"]) for row in rows] == [("de", 1), ("en", 1)]


def test_first_to_report(database: Path) -> None:
    (row,) = ask(database, "first-to-report")
    assert (row["outlet"], row["outlets"], row["followers"]) == (
        "The Dawn", 2, ["Gazette +47:30:00"],
    )  # fmt: skip
    assert ask(database, "first-to-report", outlet="Gazette") == []


def test_coverage_gaps(database: Path) -> None:
    (row,) = ask(database, "coverage-gaps")
    assert (row["coverage"], row["hours"], row["from_hour"]) == ("open", 1, at(60))
    assert row["to_hour"] == at(120)


def test_feed_health(database: Path) -> None:
    rows = ask(database, "feed-health")
    assert column(rows, "health") == ["failing", "never polled"]
    assert rows[0]["failed_polls"] == "1 of 2"
    assert column(ask(database, "feed-health", outlet="Outlet 0"), "health") == ["ok"]


def test_changes(database: Path) -> None:
    (row,) = ask(database, "changes")
    assert (row["title_before"], row["title_after"]) == ("Headline 1", "Headline 1, put right")
    assert ask(database, "changes", since="30h", outlet="Gazette") == []


def test_dead_letters(database: Path) -> None:
    rows = ask(database, "dead-letters")
    assert {(row["stage"], row["error_type"]) for row in rows} == {
        ("fetch", "Http503"), ("poll", "Http500"),
    }  # fmt: skip
    assert column(ask(database, "dead-letters", stage="poll"), "error_type") == ["Http500"]


def test_run_costs(database: Path) -> None:
    assert column(ask(database, "run-costs"), "run_id") == [RUN, LATER, LATEST]


def test_polls(database: Path) -> None:
    rows = ask(database, "polls")
    assert [(row["hour"], row["status"], row["polls"]) for row in rows] == [
        (at(0), "ok", 2), (at(60), "failed", 1), (at(60), "ok", 1),
    ]  # fmt: skip


def test_evidence(database: Path) -> None:
    by_id = ask(database, "evidence", article=digest("article", "https://dawn.example/story/3"))
    assert by_id == ask(database, "evidence", article="https://dawn.example/story/3")
    assert column(by_id, "phrase") == [TAIWAN.evidence[0].phrase]
    assert ask(database, "evidence", article="https://dawn.example/story/3", topic="cyber") == []


def test_languages_are_found_as_in_searches_and_none_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "news.duckdb"
    tags = ["zh-Hans", "zh-Hant", "zho", None]
    commit(
        path,
        [poll(FEED, 0, [listed(FEED, n) for n, _ in enumerate(tags)])],
        [page(n, article(n, language=tag)) for n, tag in enumerate(tags)],
    )
    assert set(column(ask(path, "newest", language="ZH"), "language")) == {"zh-Hans", "zh-Hant"}
    assert column(ask(path, "newest", language="zh-hant"), "language") == ["zh-Hant"]
    topics = {row["language"]: row["frequent_topics"] for row in ask(path, "languages")}
    assert topics == {tag: ["taiwan"] for tag in tags}


def test_outlets_and_languages(database: Path) -> None:
    rows = ask(database, "outlets")
    assert [(row["outlet"], row["articles"], row["frequent_topics"]) for row in rows] == [
        ("The Dawn", 2, ["taiwan"]), ("Gazette", 1, None),
    ]  # fmt: skip
    assert [(row["language"], row["outlets"]) for row in ask(database, "languages")] == [
        ("en", 1), ("de", 1),
    ]  # fmt: skip
