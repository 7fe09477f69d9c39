"""The views, on small data whose answers are worked out by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    LATER,
    LATEST,
    OTHER,
    RUN,
    TAIWAN,
    THIRD,
    TOPICS,
    address,
    article,
    at,
    commit,
    failed_page,
    failed_poll,
    listed,
    page,
    poll,
)
from transforms.records import Evidence, Page, TopicMatch

LONE, GONE, NEVER = (f"https://{name}.example/feed" for name in ("lone", "gone", "never"))
DAWN, GAZETTE, HERALD = "The Dawn", "The Gazette", "The Herald"
OUTLETS = {FEED: DAWN, OTHER: GAZETTE, THIRD: HERALD}
TRADE = TopicMatch("trade", 0.5, (Evidence("text", 12, 17, "talks", "talks"),))
DAY = 24 * 60


def run_id(number: int) -> str:
    """Run ids that sort like their numbers."""
    return f"20260301T12{number:04}000000Z-aaaaaa"


def selected(database: Path, view: str, columns: str) -> list[tuple[Any, ...]]:
    """Some columns of all rows of a view, in its order."""
    return rows(database, f"SELECT {columns} FROM {view}")


# Topics in numbers. The Dawn has two feeds, one of which is down on 1 March; The Herald's only
# feed is down on 1 March and brings an article of that day on the next.


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("topics") / "news.duckdb"
    found = [
        page(1),
        page(2, topics=()),
        page(3, article(3, published_at=None, published_source=None)),
        page(4, article(4, published_at=at(-2 * DAY)), topics=()),
    ]
    late = article(5, feed_url=THIRD, outlet=HERALD, published_at=at(8 * 60))
    plan: dict[str, Any] = {
        "outlets": {FEED: DAWN, OTHER: DAWN, THIRD: HERALD},
        "topics": [*TOPICS, TOPICS[0] | {"topic": "trade"}],
    }
    polls = [poll(FEED, 0), failed_poll(OTHER, 0), failed_poll(THIRD, 0)]
    commit(path, polls, found, run_id=run_id(1), **plan)
    commit(path, [failed_poll(THIRD, 60, 2)], run_id=run_id(2), **plan)
    polls = [poll(FEED, DAY, status="unchanged"), poll(THIRD, DAY)]
    commit(path, polls, [page(5, late)], run_id=run_id(3), **plan)
    return path


EARLY, FIRST, SECOND = date(2026, 2, 27), date(2026, 3, 1), date(2026, 3, 2)


def test_topics_per_day_counts_undated_articles_too(topics: Path) -> None:
    assert rows(topics, "FROM topics_per_day") == [
        (FIRST, "taiwan", 2, 0.25, 3, 0.6667),
        (None, "taiwan", 1, 0.25, 1, 1.0),
    ]


def test_topics_per_outlet_have_the_outlets_total(topics: Path) -> None:
    assert rows(topics, "FROM topics_per_outlet") == [
        (DAWN, "taiwan", 2, 4, 0.5),
        (HERALD, "taiwan", 1, 1, 1.0),
    ]


def test_topic_share_tells_none_from_not_looking(topics: Path) -> None:
    """(day, outlet, topic, articles, of all, share, feeds polled, feeds up)"""
    assert rows(topics, "FROM topic_share") == [
        (EARLY, DAWN, "taiwan", 0, 1, 0.0, 0, 0),
        (EARLY, DAWN, "trade", 0, 1, 0.0, 0, 0),
        (FIRST, DAWN, "taiwan", 1, 2, 0.5, 2, 1),
        (FIRST, DAWN, "trade", 0, 2, 0.0, 2, 1),
        (FIRST, HERALD, "taiwan", 1, 1, 1.0, 1, 0),
        (FIRST, HERALD, "trade", 0, 1, 0.0, 1, 0),
        (SECOND, DAWN, "taiwan", 0, 0, None, 1, 1),
        (SECOND, DAWN, "trade", 0, 0, None, 1, 1),
        (SECOND, HERALD, "taiwan", 0, 0, None, 1, 1),
        (SECOND, HERALD, "trade", 0, 0, None, 1, 1),
    ]


def test_the_days_of_an_outlet_that_was_renamed_stay_together(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    for number, outlet in enumerate((DAWN, "Dawn Daily")):
        records = [poll(FEED, number, [listed(FEED, number)])], [page(number)]
        commit(database, *records, run_id=run_id(number), outlets={FEED: outlet})
    columns = "outlet, articles, outlet_articles, feeds, feeds_up"
    assert selected(database, "topic_share", columns) == [("Dawn Daily", 2, 2, 1, 1)]


@pytest.mark.parametrize("view", ["topics_per_day", "topic_share", "coverage"])
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns"])
def test_days_and_hours_are_those_of_utc_wherever_the_reader_sits(
    topics: Path, view: str, zone: str
) -> None:
    with duckdb.connect(str(topics), read_only=True) as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        found = connection.execute(f"FROM {view}").fetchall()
    assert found == rows(topics, f"FROM {view}")


# Evidence.

TEXTS = {
    "start": "Taiwan held talks on trade and the weather of the north.",
    "end": "x" * 200 + " Taiwan",
    "sixty": "y" * 60 + "Taiwan" + "z" * 60,
    "sixty-one": "ab" + "y" * 59 + "Taiwan" + "z" * 59 + "ab",
    "paragraphs": "One line.\nThen Taiwan\nand another line.",
    "chinese": "當天上午沿海峽中線以東水域北上，後駛離" * 4 + "Taiwan" + "雙方以無線電通話" * 8,
    "arabic": "قالت الوزارة إن السفن عبرت المضيق " * 3 + "Taiwan" + " وفق البيان مساء الأربعاء" * 3,
    "astral": "👩‍👩‍👧 e\u0301 𝔘" * 9 + "Taiwan" + "🇹🇼 a\u030a" * 20,
}  # fmt: skip


def match(text: str, field: str = "text") -> Evidence:
    start = text.index("Taiwan")
    return Evidence(field, start, start + 6, "Taiwan", "Taiwan")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evidence") / "news.duckdb"
    pages = [
        page(number, article(number, text=text, published_at=at(number)),
             topics=(TopicMatch("taiwan", 0.25, (match(text),)),))
        for number, text in enumerate(TEXTS.values())
    ]  # fmt: skip
    title, text = "Of Taiwan", "Talks in Taiwan, and again: Taiwan."
    again = Evidence("text", 28, 34, "Taiwan", "Taiwan")
    many = TopicMatch("taiwan", 0.6, (match(title, "title"), match(text), again))
    undated = article(100, title=title, text=text, published_at=None)
    untitled = article(101, title=None, text=TEXTS["start"], published_at=at(-1))
    pages += [page(100, undated, topics=(many, TRADE)), page(101, untitled)]
    commit(path, pages)
    return path


@pytest.mark.parametrize("name", TEXTS)
def test_context_is_sixty_characters_of_any_script(evidence: Path, name: str) -> None:
    text, number = TEXTS[name], list(TEXTS).index(name)
    start = text.index("Taiwan")
    before, after = text[max(0, start - 60) : start], text[start + 6 : start + 66]
    of_article = f"WHERE article_id = '{article(number).article_id}'"
    found = rows(evidence, f"SELECT before, matched, after FROM evidence_in_context {of_article}")
    assert found == [(before, "Taiwan", after)]
    found = rows(evidence, f"SELECT evidence FROM topic_articles {of_article}")
    assert found == [([f"{before}[Taiwan]{after}".strip()],)]


def test_topic_articles_come_newest_first_with_all_their_evidence(evidence: Path) -> None:
    found = rows(evidence, "SELECT topic, title FROM topic_articles")
    newest_first = [("taiwan", f"Headline {number}") for number in reversed(range(len(TEXTS)))]
    assert found == [
        *newest_first,
        ("taiwan", None),
        ("taiwan", "Of Taiwan"),
        ("trade", "Of Taiwan"),
    ]
    assert rows(evidence, "SELECT topic, title FROM topic_articles LIMIT 2") == found[:2]
    (places,) = rows(
        evidence,
        "SELECT evidence FROM topic_articles WHERE title = 'Of Taiwan' AND topic = 'taiwan'",
    )
    assert places == ([
        "Of [Taiwan]",
        "Talks in [Taiwan], and again: Taiwan.",
        "Talks in Taiwan, and again: [Taiwan].",
    ],)  # fmt: skip


# Who was first.


def printed(number: int, outlet: str, text: str, **changes: Any) -> Page:
    found = article(number, outlet=outlet, text=f"{text} " * 20, **changes)
    return page(number, found, topics=())


def test_first_to_report(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    by_page = {"published_source": "page", "published_at": at(-12 * 60)}
    undated: dict[str, Any] = {"published_source": None, "published_at": None}
    commit(database, [
        # Two at one moment; the third outlet prints it twice.
        printed(1, GAZETTE, "talks", published_at=at(-60)),
        printed(2, DAWN, "talks", published_at=at(-60)),
        printed(3, HERALD, "talks", published_at=at(-10)),
        printed(4, HERALD, "Talks!", published_at=at(-30)),
        # Midnight of a page that names but a day is no proof of being first.
        printed(5, DAWN, "ports", **by_page),
        printed(6, GAZETTE, "ports", published_at=at(-30)),
        # No date at all, and one from a clock that is wrong: both were there when listed.
        printed(7, GAZETTE, "ships", published_at=at(DAY), listed_at=at(10)),
        printed(8, DAWN, "ships", **undated),
        # Printed by one outlet only; too short to tell.
        printed(9, DAWN, "tariffs"),
        printed(10, DAWN, "tariffs"),
        page(11, article(11, text="Talks.")),
        page(12, article(12, text="Talks.", outlet=GAZETTE)),
    ])  # fmt: skip
    columns = "outlet, title, published_at, outlets, articles, followers"
    assert selected(database, "first_to_report", columns) == [
        (DAWN, "Headline 2", at(-60), 3, 4, [
            {"outlet": GAZETTE, "seconds": 0}, {"outlet": HERALD, "seconds": 30 * 60}]),
        (GAZETTE, "Headline 6", at(-30), 2, 2, [{"outlet": DAWN, "seconds": 30 * 60}]),
        (DAWN, "Headline 8", at(0), 2, 2, [{"outlet": GAZETTE, "seconds": 10 * 60}]),
    ]  # fmt: skip
    (first,) = rows(database, "SELECT article_id FROM first_to_report WHERE outlets = 3")
    assert first == (article(2).article_id,)


# Feeds.


def test_feed_health(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    quiet = "https://quiet.example/feed"
    feeds = [FEED, OTHER, THIRD, quiet, LONE, NEVER]
    names = {"outlets": {**OUTLETS, quiet: "Quiet", GONE: "Gone", LONE: "Lone", NEVER: "Never"}}
    found = [listed(FEED, number) for number in range(4)]
    polls = [
        poll(FEED, 0, [*found, listed(FEED, 4, state="skipped", reason="no address")]),
        poll(quiet, 0), failed_poll(OTHER, 0), failed_poll(THIRD, 0),
        poll(GONE, 0, [listed(GONE, 9)]),
        failed_poll(LONE, 0, state="retired", next_poll_at=None),
    ]  # fmt: skip
    pages = [page(0), page(1), failed_page(2), failed_page(3, "pending")]
    commit(database, polls, pages, run_id=RUN, feeds=[*feeds, GONE], **names)
    polls = [poll(FEED, 60, status="unchanged"), poll(OTHER, 60), failed_poll(THIRD, 60, 2)]
    commit(database, polls, run_id=LATER, feeds=feeds, **names)
    columns = (
        "outlet, health, failures, last_error, last_ok_at, last_entry_at, polls, failed_polls, "
        "new_entries, fetched, pending, failed"
    )
    assert selected(database, "feed_health", columns) == [
        (HERALD, "failing", 2, "Http500: the server failed", None, None, 2, 2, 0, 0, 0, 0),
        ("Lone", "retired", 1, "Http500: the server failed", None, None, 1, 1, 0, 0, 0, 0),
        ("Quiet", "silent", 0, None, at(0), None, 1, 0, 0, 0, 0, 0),
        (GAZETTE, "silent", 0, None, at(60), None, 2, 1, 0, 0, 0, 0),
        ("Never", "never polled", 0, None, None, None, 0, 0, 0, 0, 0, 0),
        (DAWN, "ok", 0, None, at(60), at(0), 2, 0, 5, 2, 1, 1),
        ("Gone", "not listed", 0, None, at(0), at(0), 1, 0, 1, 0, 1, 0),
    ]


def test_feeds_that_brought_less_than_they_should(tmp_path: Path) -> None:
    """Three in an hour are expected of each; one feed is too new to be judged."""
    database = tmp_path / "news.duckdb"
    plan: dict[str, Any] = {"outlets": OUTLETS, "expect": (3, 3600)}
    first = [poll(FEED, 0), poll(OTHER, 0, [listed(OTHER, n) for n in range(5)])]
    commit(database, first, run_id=RUN, **plan)
    second = [poll(FEED, 61, [listed(FEED, n) for n in range(10, 13)]),
              poll(OTHER, 61, [listed(OTHER, 20)]), poll(THIRD, 61)]  # fmt: skip
    told = commit(database, second, run_id=LATER, **plan)
    assert selected(database, "expectations", "outlet, met, entries, expect_entries") == [
        (GAZETTE, False, 1, 3),
        (DAWN, True, 3, 3),
        (HERALD, None, 0, 3),
    ]
    assert told.below == [(GAZETTE, 1, 3, 3600)]
    assert selected(database, "feed_health", "outlet, health")[0] == (GAZETTE, "below expectation")


def test_a_broken_feed_is_the_worst_of_all(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    broken = failed_poll(THIRD, 0, 30, state="broken", failing_since=at(-20_000))
    told = commit(database, [failed_poll(FEED, 0), poll(OTHER, 0, [listed(OTHER, 1)]), broken])
    assert selected(database, "feed_health", "feed_url, health, failing_since")[:2] == [
        (THIRD, "broken", at(-20_000)),
        (FEED, "failing", None),
    ]
    assert told.ill == [("broken", 1), ("failing", 1)]


def test_coverage(tmp_path: Path) -> None:
    """Polls of four feeds in five hours from noon; the feed of The Dawn overflows at 16:00."""
    database = tmp_path / "news.duckdb"
    news = [listed(OTHER, number) for number in (1, 2)]
    by_minute = [
        (0, [poll(FEED, 0), poll(OTHER, 0), poll(THIRD, 0)]),
        (30, [poll(FEED, 30, [listed(FEED, 1)])]),
        (60, [failed_poll(OTHER, 60), failed_poll(THIRD, 60)]),
        (100, [poll(THIRD, 100, status="unchanged")]),
        (120, [poll(FEED, 120), poll(OTHER, 125, news, overflow=True), failed_poll(THIRD, 120)]),
        (180, [poll(FEED, 180), failed_poll(THIRD, 180), poll(LONE, 190)]),
        (240, [poll(FEED, 240, [listed(FEED, 2)], overflow=True)]),
        (250, [poll(FEED, 250)]),
    ]
    feeds = [FEED, OTHER, THIRD, LONE]
    for minute, polls in by_minute:
        commit(database, polls, run_id=run_id(minute), feeds=feeds, outlets=OUTLETS)
    columns = "extract(hour FROM hour), polls, good_polls, new_entries, overflow, coverage"

    def of(feed: str) -> list[tuple[Any, ...]]:
        return rows(database, f"SELECT {columns} FROM coverage WHERE feed_url = '{feed}'")

    assert of(FEED) == [
        (12, 2, 2, 1, False, "polled"),
        (13, 0, 0, 0, False, "caught up"),
        (14, 1, 1, 0, False, "polled"),
        (15, 1, 1, 0, False, "overflow"),
        (16, 2, 2, 1, True, "overflow"),
    ]
    assert of(OTHER) == [
        (12, 1, 1, 0, False, "overflow"),
        (13, 1, 0, 0, False, "overflow"),
        (14, 1, 1, 2, True, "overflow"),
        (15, 0, 0, 0, False, "open"),
        (16, 0, 0, 0, False, "open"),
    ]
    assert of(THIRD) == [
        (12, 1, 1, 0, False, "polled"),
        (13, 2, 1, 0, False, "polled"),
        (14, 1, 0, 0, False, "open"),
        (15, 1, 0, 0, False, "open"),
        (16, 0, 0, 0, False, "open"),
    ]
    assert of(LONE) == [(15, 1, 1, 0, False, "polled"), (16, 0, 0, 0, False, "open")]
    outlets = rows(database, "SELECT DISTINCT outlet FROM coverage ORDER BY outlet")
    assert outlets == [("Outlet 3",), (DAWN,), (GAZETTE,), (HERALD,)]


def test_coverage_ends_with_feeds_that_are_polled_no_more(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    gone = failed_poll(OTHER, 60, state="retired")
    commit(database, [poll(FEED, 0), poll(OTHER, 0), poll(THIRD, 0)], run_id=run_id(0))
    commit(database, [poll(FEED, 60), gone, poll(THIRD, 60)], run_id=run_id(60))
    commit(database, [poll(FEED, 300)], run_id=run_id(300), feeds=[FEED, OTHER])
    hours = "SELECT feed_url, count(*) FROM coverage GROUP BY feed_url ORDER BY feed_url"
    assert dict(rows(database, hours)) == {FEED: 6, OTHER: 2, THIRD: 2}


# Articles that change.

TEXT_1 = "Taiwan held talks.\nThe minister agreed.\nTalks went on."
TEXT_2 = "Taiwan held talks.\nThe minister was not there.\nTalks went on.\nA date was set."


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions of article 1 (the third has another headline only), and one of article 2."""
    path = tmp_path_factory.mktemp("changed") / "news.duckdb"
    first = article(1, text=TEXT_1, text_hash="1", bytes=1000)
    second = first._replace(text=TEXT_2, text_hash="2", fetched_at=at(40), bytes=2000)
    third = second._replace(title="Another headline", fetched_at=at(80), bytes=3000)
    entries = [listed(FEED, 1), listed(FEED, 2)]
    commit(path, [poll(FEED, 0, entries)], [page(1, first), page(2)], run_id=run_id(1))
    commit(path, [poll(FEED, 30, [listed(FEED, 1, listing_id="b")])], run_id=run_id(2))
    commit(path, [page(1, second, fetched_at=at(40), topics=(TRADE, TAIWAN))], run_id=run_id(3))
    again = listed(FEED, 1, listing_id="c", title="Another headline")
    commit(path, [poll(FEED, 70, [again])], run_id=run_id(4))
    commit(path, [page(1, third, fetched_at=at(80), topics=())], run_id=run_id(5))
    return path


def test_article_history_has_every_version(changed: Path) -> None:
    columns = "article_id, version, current, title, text, topics, fetched_at, outlet, bytes, run_id"
    first, other = article(1).article_id, article(2).article_id
    assert sorted(selected(changed, "article_history", columns)) == sorted([
        (first, 1, False, "Headline 1", TEXT_1, ["taiwan"], at(1), DAWN, 1000, run_id(1)),
        (first, 2, False, "Headline 1", TEXT_2, ["taiwan", "trade"], at(40), DAWN, 2000, run_id(3)),
        (first, 3, True, "Another headline", TEXT_2, [], at(80), DAWN, 3000, run_id(5)),
        (other, 1, True, "Headline 2", article(2).text, ["taiwan"], at(1), DAWN, 9000, run_id(1)),
    ])  # fmt: skip


def test_article_changes_are_told_one_by_one(changed: Path) -> None:
    columns = (
        "article_id, version, unchanged_at, changed_at, title_before, title, removed, added, "
        "topics_before, topics, outlet, url"
    )
    assert selected(changed, "article_changes", columns) == [
        (article(1).article_id, 3, at(40), at(80), "Headline 1", "Another headline", [], [],
         ["taiwan", "trade"], [], DAWN, address(1)),
        (article(1).article_id, 2, at(1), at(40), "Headline 1", "Headline 1",
         ["The minister agreed."], ["The minister was not there.", "A date was set."],
         ["taiwan"], ["taiwan", "trade"], DAWN, address(1)),
    ]  # fmt: skip


# What went wrong, and what it cost.


def test_failure_causes_tell_what_is_solved(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    entries = [listed(FEED, number) for number in (1, 2, 3)]
    plan: dict[str, Any] = {"outlets": OUTLETS | {GONE: "Gone"}}
    busy = [failed_page(number, "pending", fetched_at=at(number)) for number in (1, 2, 3)]
    polls = [
        poll(FEED, 0, entries),
        failed_poll(OTHER, 0),
        failed_poll(THIRD, 0),
        failed_poll(GONE, 0),
    ]
    commit(database, polls, busy, run_id=RUN, feeds=[FEED, OTHER, THIRD, GONE], **plan)
    absent = failed_page(2, error_type="Http404", error="not there", attempts=2, fetched_at=at(65))
    polls = [failed_poll(OTHER, 60, 2, error="it failed again"), poll(THIRD, 60)]
    commit(database, polls, [page(1), absent], run_id=LATER, **plan)
    assert rows(database, "FROM failure_causes") == [
        ("fetch", "Http503", DAWN, 3, 3, 1, at(1), at(3), "the server is busy", address(3)),
        ("poll", "Http500", GAZETTE, 2, 1, 1, at(0), at(60), "it failed again", OTHER),
        ("fetch", "Http404", DAWN, 1, 1, 1, at(65), at(65), "not there", address(2)),
        ("poll", "Http500", "Gone", 1, 1, 0, at(0), at(0), "the server failed", GONE),
        ("poll", "Http500", HERALD, 1, 1, 0, at(0), at(0), "the server failed", THIRD),
    ]


def test_failures_of_a_feed_that_nobody_knows_are_told_too(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    commit(database, [failed_page(1, feed_url="https://unknown.example/feed")])
    columns = "stage, error_type, outlet, failures, unsolved"
    assert selected(database, "failure_causes", columns) == [("fetch", "Http503", None, 1, 0)]


def test_run_costs(tmp_path: Path) -> None:
    """A run that waited for the database, one that died, and one that found nothing to fetch."""
    database = tmp_path / "news.duckdb"
    commit(database, [poll(FEED, 0, [listed(FEED, 1)]), failed_poll(OTHER, 0)],
           [page(1), page(2), failed_page(3), failed_page(4, "pending")], run_id=RUN)  # fmt: skip
    commit(database, [poll(FEED, 60)], [page(5)], run_id=LATER, state=None)
    commit(database, [poll(FEED, 120, status="unchanged", bytes=200)], run_id=LATEST)
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "UPDATE runs SET lock_seconds = 30, commit_seconds = 1.5, cpu_seconds = 6"
        )
        connection.execute("UPDATE staged_shards SET bytes = 700")
    columns = (
        "run_id, state, seconds, plan_seconds, lock_seconds, commit_seconds, cpu_seconds, "
        "feeds_polled, pages, articles, cpu_seconds_per_page, feed_bytes, page_bytes, "
        "staged_bytes, failures"
    )
    assert selected(database, "run_costs", columns) == [
        (LATEST, "done", 331.5, 0.1, 30, 1.5, 6, 1, 0, 0, None, 200, 0, 700, 0),
        (LATER, "died", None, 0.1, 30, 1.5, 6, 1, 1, 1, 6, 4000, 9000, 1400, 0),
        (RUN, "done", 331.5, 0.1, 30, 1.5, 6, 2, 4, 2, 1.5, 8000, 18000, 1400, 3),
    ]


def test_run_costs_of_changed_articles_stay_with_their_runs(changed: Path) -> None:
    columns = "run_id, articles, page_bytes"
    assert selected(changed, "run_costs", columns) == [
        (run_id(5), 1, 3000), (run_id(4), 0, 0), (run_id(3), 1, 2000), (run_id(2), 0, 0),
        (run_id(1), 2, 10000),
    ]  # fmt: skip
