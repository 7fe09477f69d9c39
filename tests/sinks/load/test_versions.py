"""Edits: a changed listing has its page read again, and what the article said before is kept."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sinks.load.run_commit import commit_run
from sinks.staging.folder import RunFolder
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    OTHER,
    address,
    article,
    at,
    commit,
    dump,
    failed_page,
    listed,
    new_run,
    page,
    poll,
    shard,
    url_id,
)
from transforms.feeds.polls import refused_poll
from transforms.hashing import digest
from transforms.records import Evidence, Listed, Page, Poll, TopicMatch
from transforms.text.pages import refused_page

IRAN = TopicMatch("iran", 0.4, (Evidence("title", 0, 4, "Iran", "Iran"),))
DUE = "SELECT feed_url, recheck_at, rechecks FROM entries WHERE url_id = '{}' ORDER BY ALL"
VERSIONS = "SELECT version, title, text, current FROM article_history ORDER BY article_id, version"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("first") / "news.duckdb"
    commit(path, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)], run_id=run(0))
    return path


@pytest.fixture
def database(first: Path, tmp_path: Path) -> Path:
    """One article, listed by FEED at minute 0, read at minute 1."""
    return Path(shutil.copy(first, tmp_path))


def run(minute: float) -> str:
    return f"20260301T120000{int(minute):06}Z-aaaaaa"


def edited(feed: str = FEED, number: int = 1, title: str = "Iran, later") -> Listed:
    """An entry whose headline is another now."""
    return listed(feed, number, title=title, listing_id=digest(feed, url_id(number), title))


def read_again(minute: float, title: str = "Iran, later", text: str = "Iran held talks.",
               number: int = 1, **changes: Any) -> Page:  # fmt: skip
    found = article(
        number, title=title, text=text, text_hash=digest(text), fetched_at=at(minute), **changes
    )
    return page(number, found, fetched_at=at(minute), topics=(IRAN,))


def change(database: Path, minute: float, *found: Listed, **changes: Any) -> None:
    """A run whose polls show these entries, each feed its own."""
    by_feed = {entry.entry_id: entry for entry in found}
    polls = [
        poll(feed, minute, [entry for entry in by_feed.values() if entry.entry_id in owned])
        for feed in (FEED, OTHER)
        if (owned := {digest(feed, entry.url_id or "") for entry in found} & set(by_feed))
    ]
    commit(database, polls, run_id=run(minute), **changes)


def recheck(database: Path, minute: float, *pages: Page) -> dict[str, Any]:
    """A run that read these pages again; its row."""
    return commit(database, list(pages), run_id=run(minute)).run


def due(database: Path, number: int = 1) -> list[tuple[Any, ...]]:
    return rows(database, DUE.format(url_id(number)))


def said(database: Path) -> dict[str, list[str]]:
    """What is said of articles, whoever read them when."""
    everything = dump(database)
    return {name: everything[name] for name in everything if name.startswith(("article", "topic"))}


# What a changed listing does


def test_a_changed_listing_is_noted_and_has_the_page_read_again(database: Path) -> None:
    before = said(database)
    change(database, 60, edited())
    assert rows(database, "SELECT title, changed_at, state FROM entries") == [
        ("Iran, later", at(60), "fetched")
    ]
    assert due(database) == [(FEED, at(60), 0)]
    polls = rows(database, "SELECT new_entries, changed_entries FROM feed_polls ORDER BY run_id")
    assert polls == [(1, 0), (0, 1)]
    assert said(database) == before


def test_a_page_full_of_edits_and_news_has_lost_nothing_between(database: Path) -> None:
    """An entry that was there before shows that the feed still reaches back to it."""
    commit(database, [poll(FEED, 60, [edited(), listed(FEED, 2)], overflow=True)], run_id=run(60))
    commit(database, [poll(FEED, 120, [listed(FEED, 3)], overflow=True)], run_id=run(120))
    polls = rows(database, "SELECT overflow FROM feed_polls ORDER BY polled_at")
    assert polls == [(False,), (False,), (True,)]


def test_an_entry_that_is_still_owed_only_takes_the_new_headline(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    commit(database, [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)])],
           [failed_page(1, "pending"), failed_page(2)], run_id=run(0))  # fmt: skip
    change(database, 60, edited(), edited(number=2))
    found = rows(database, "SELECT state, title, recheck_at FROM entries ORDER BY state")
    assert found == [("failed", "Iran, later", None), ("pending", "Iran, later", None)]


def test_entries_of_an_earlier_program_are_noted_and_not_read_again(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("UPDATE entries SET listing_id = NULL")
    change(database, 60, edited())
    assert due(database) == [(FEED, None, 0)]
    assert rows(database, "SELECT title, changed_at FROM entries") == [("Iran, later", None)]
    assert rows(database, "SELECT sum(changed_entries) FROM feed_polls") == [(0,)]
    change(database, 120, edited(title="Iran, at last"))
    assert due(database) == [(FEED, at(120), 0)]


def test_a_poll_that_comes_late_turns_nothing_back(database: Path) -> None:
    change(database, 60, edited())
    commit(database, [poll(FEED, 30, [listed(FEED, 1)])], run_id=run(30))
    assert rows(database, "SELECT title, changed_at FROM entries") == [("Iran, later", at(60))]


def test_a_listing_from_the_future_does_not_hide_changes(tmp_path: Path) -> None:
    """A clock that ran ahead must not hold an entry for years."""
    database, ahead = tmp_path / "news.duckdb", datetime.now(UTC) + timedelta(days=1000)
    first = poll(FEED, 0, [listed(FEED, 1)], polled_at=ahead)
    commit(database, [first], [page(1)], run_id=run(0))
    change(database, 60, edited())
    assert due(database) == [(FEED, at(60), 0)]


# What a page says when it is read again


def test_a_changed_text_makes_a_version_and_keeps_the_old_one(database: Path) -> None:
    change(database, 60, edited())
    counted = recheck(database, 61, read_again(61))
    assert (counted["articles_new"], counted["articles_changed"], counted["pages"]) == (0, 1, 1)
    assert rows(database, VERSIONS) == [
        (1, "Headline 1", "Taiwan held talks.\nTalks went on.", False),
        (2, "Iran, later", "Iran held talks.", True),
    ]
    assert rows(database, "SELECT topic FROM article_topics") == [("iran",)]
    assert rows(database, "SELECT topic, field, matched FROM topic_evidence") == [
        ("iran", "title", "Iran")
    ]
    kept = "SELECT run_id, replaced_run_id FROM article_versions"
    assert rows(database, kept) == [(run(0), run(61))]
    assert rows(database, "SELECT * EXCLUDE article_id FROM article_topics_history") == [
        ("taiwan", 0.25, "v1", None, 1, run(61))
    ]
    evidence = "SELECT * EXCLUDE (article_id, weight, part, child) FROM topic_evidence_history"
    assert rows(database, evidence) == [("taiwan", "text", 0, 6, "Taiwan", "Taiwan", 1, run(61))]
    assert rows(database, "SELECT run_id, listed_at, fetched_at, feed_url FROM articles") == [
        (run(61), at(0), at(61), FEED)
    ]
    assert due(database) == [(FEED, None, 1)]


def test_what_changed_can_be_asked(database: Path) -> None:
    change(database, 60, edited())
    recheck(database, 61, read_again(61, text="Iran held talks.\nTalks went on."))
    assert rows(
        database,
        "SELECT version, title_before, title, removed, added, topics_before, topics, "
        "unchanged_at, changed_at FROM article_changes",
    ) == [
        (2, "Headline 1", "Iran, later", ["Taiwan held talks."], ["Iran held talks."],
         ["taiwan"], ["iran"], at(1), at(61))
    ]  # fmt: skip


def test_a_changed_headline_alone_makes_a_version(database: Path) -> None:
    change(database, 60, edited())
    same = page(1, article(1, title="Iran, later", fetched_at=at(61)), fetched_at=at(61))
    assert recheck(database, 61, same)["articles_changed"] == 1
    assert [row[:2] for row in rows(database, VERSIONS)] == [(1, "Headline 1"), (2, "Iran, later")]


def test_a_page_that_says_the_same_makes_no_version(database: Path) -> None:
    """A feed may change the date alone; and the page is not read for ever."""
    before = said(database)
    change(database, 60, listed(FEED, 1, listing_id=digest("another date")))
    counted = recheck(database, 61, page(1, article(1, fetched_at=at(61)), fetched_at=at(61)))
    assert (counted["articles_new"], counted["articles_changed"]) == (0, 0)
    assert said(database) == before
    assert due(database) == [(FEED, None, 1)]


def test_two_feeds_that_show_one_edit_make_one_version(database: Path) -> None:
    commit(database, [poll(OTHER, 30, [listed(OTHER, 1)])], run_id=run(30))
    change(database, 60, edited(FEED), edited(OTHER, title="Their own headline"))
    assert due(database) == [(FEED, at(60), 0), (OTHER, at(60), 0)]
    assert recheck(database, 61, read_again(61))["articles_changed"] == 1
    assert due(database) == [(FEED, None, 1), (OTHER, None, 1)]


def test_a_second_address_of_an_article_shows_the_edit_of_the_article(database: Path) -> None:
    """The article is read again at its own address, whichever entry has changed."""
    second = article(1, url_id=url_id(2), url=address(2))
    commit(database, [poll(OTHER, 30, [listed(OTHER, 2)])], [page(2, second)], run_id=run(30))
    change(database, 60, edited(OTHER, 2))
    assert recheck(database, 61, read_again(61, title="Headline 1"))["articles_changed"] == 1
    assert due(database, 2) == [(OTHER, None, 1)]
    assert due(database, 1) == [(FEED, None, 0)]


def test_two_edits_are_three_versions(database: Path) -> None:
    for minute, title in ((60, "Iran, later"), (120, "Iran, at last")):
        change(database, minute, edited(title=title))
        recheck(database, minute + 61, read_again(minute + 61, title, title))
    assert [row[:2] for row in rows(database, VERSIONS)] == [
        (1, "Headline 1"), (2, "Iran, later"), (3, "Iran, at last"),
    ]  # fmt: skip
    assert rows(database, "SELECT version, topics_before, topics FROM article_changes") == [
        (3, ["iran"], ["iran"]), (2, ["taiwan"], ["iran"]),
    ]  # fmt: skip


def test_an_edit_seen_while_the_page_was_read_has_it_read_once_more(database: Path) -> None:
    change(database, 60, edited())
    commit(
        database, [poll(FEED, 90, [edited(title="Iran, at last")])], [read_again(89)],
        run_id=run(90),
    )  # fmt: skip
    assert due(database) == [(FEED, at(90 + 60), 1)]
    assert rows(database, "SELECT title FROM articles") == [("Iran, later",)]


def test_waits_double_and_come_to_an_end(database: Path) -> None:
    waits = []
    for minute in range(60, 1000, 100):
        poll_again = poll(FEED, minute, [edited(title=f"Iran, {minute}")])
        commit(database, [poll_again], [read_again(minute - 1)], run_id=run(minute))
        ((_, when, _),) = due(database)
        waits.append(when and (when - at(minute)) / timedelta(hours=1))
    assert waits == [0, 1, 2, 4, 8, 16, 32, 64, None, None]
    assert rows(database, "SELECT title FROM entries") == [("Iran, 960",)]


# When it cannot be read again


def test_a_page_that_cannot_be_read_again_for_now_is_tried_again(database: Path) -> None:
    before = said(database)
    change(database, 60, edited())
    counted = recheck(database, 61, failed_page(1, "pending", fetched_at=at(61), article=None,
                                                next_attempt_at=at(71)))  # fmt: skip
    assert (counted["pages_pending"], counted["pages_failed"]) == (1, 0)
    assert due(database) == [(FEED, at(71), 1)]
    assert said(database) == before
    assert rows(database, "SELECT state, reason FROM entries") == [("fetched", None)]
    assert rows(database, "SELECT stage, error_type FROM failures") == [("fetch", "Http503")]
    assert recheck(database, 72, read_again(72))["articles_changed"] == 1
    assert due(database) == [(FEED, None, 2)]


def test_an_article_whose_page_is_gone_stays_as_it_was(database: Path) -> None:
    before = said(database)
    change(database, 60, edited())
    recheck(database, 61, failed_page(1, "failed", fetched_at=at(61), error_type="Http404"))
    assert due(database) == [(FEED, None, 1)]
    assert said(database) == before
    assert rows(database, "SELECT state, reason FROM entries") == [("fetched", None)]
    assert rows(database, "SELECT error_type FROM failures") == [("Http404",)]


def test_a_page_that_moved_stays_the_article_that_it_was(database: Path) -> None:
    """Some sites put the headline into the address that a page redirects to."""
    change(database, 60, edited())
    moved = "https://dawn.example/iran-later"
    found = read_again(61, article_id=digest(moved), canonical_url=moved)
    counted = recheck(database, 61, found)
    assert (counted["articles_new"], counted["articles_changed"]) == (0, 1)
    assert rows(database, "SELECT article_id, canonical_url, version FROM articles") == [
        (article(1).article_id, address(1), 2)
    ]


def test_a_page_that_leads_to_another_article_now_changes_neither(database: Path) -> None:
    commit(database, [poll(OTHER, 30, [listed(OTHER, 2)])], [page(2)], run_id=run(30))
    before = said(database)
    change(database, 60, edited())
    other = article(2).article_id
    recheck(database, 61, read_again(61, article_id=other, canonical_url=address(2)))
    assert said(database) == before
    assert due(database) == [(FEED, None, 1)]


# Crashes and retries


def test_a_page_read_before_the_edit_was_seen_does_not_count(database: Path) -> None:
    """The late shard of a run that was killed: the page as it was then."""
    change(database, 60, edited())
    recheck(database, 59, read_again(59, text="As it was a minute before."))
    assert due(database) == [(FEED, at(60), 0)]
    assert rows(database, "SELECT version FROM articles") == [(1,)]
    assert recheck(database, 61, read_again(61))["articles_changed"] == 1


def test_late_shards_of_the_same_edit_make_no_further_version(database: Path) -> None:
    change(database, 60, edited())
    first = recheck(database, 61, read_again(61))
    before = said(database)
    again = recheck(database, 61, read_again(62), read_again(62, text="Other words."))
    assert said(database) == before
    assert (first["articles_changed"], again["articles_changed"]) == (1, 1)
    assert (first["articles_new"], again["articles_new"]) == (0, 0)


def test_a_run_whose_article_was_edited_still_brought_it(database: Path) -> None:
    change(database, 60, edited())
    recheck(database, 61, read_again(61))
    late = commit(database, [page(2)], run_id=run(0)).run
    assert (late["articles_new"], late["entries_new"], late["pages"]) == (2, 1, 2)


def test_pages_of_one_edit_in_two_shards_make_one_version(database: Path) -> None:
    change(database, 60, edited())
    commit(database, [read_again(61)], [read_again(62, text="Iran held no talks.")], run_id=run(61))
    assert [row[:2] for row in rows(database, VERSIONS)] == [(1, "Headline 1"), (2, "Iran, later")]


# What readers of new rows rely on


def test_sequence_grows_with_every_commit_and_edits_get_a_new_one(database: Path) -> None:
    numbers = "SELECT article_id, sequence FROM articles"
    first = dict(rows(database, numbers))[article(1).article_id]
    commit(database, [poll(OTHER, 30, [listed(OTHER, 2)])], [page(2)], run_id=run(30))
    second = dict(rows(database, numbers))[article(2).article_id]
    change(database, 60, edited())
    recheck(database, 61, read_again(61))
    third = dict(rows(database, numbers))
    assert first < second == third[article(2).article_id] < third[article(1).article_id]


def prune(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "INSERT INTO pruned_articles BY NAME SELECT article_id, url_id, outlet, published_at, "
            "text_hash, now() AS pruned_at, sequence + 1 AS sequence FROM articles"
        )
        for table in ("articles", "article_topics", "topic_evidence"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE entries SET state = 'pruned', recheck_at = NULL")


def states(database: Path) -> list[tuple[Any, ...]]:
    return rows(database, "SELECT url, state, recheck_at FROM entries ORDER BY url, feed_url")


def test_a_pruned_article_stays_away_whoever_lists_it(database: Path) -> None:
    prune(database)
    second = article(1, url_id=url_id(2), url=address(2))
    commit(database, [poll(OTHER, 30, [listed(OTHER, 1), listed(OTHER, 2)])], [page(2, second)],
           run_id=run(30))  # fmt: skip
    change(database, 60, edited())
    assert states(database) == [
        (address(1), "pruned", None), (address(1), "pruned", None), (address(2), "pruned", None),
    ]  # fmt: skip
    assert rows(database, "SELECT * FROM articles") == []


def test_an_article_pruned_while_it_was_read_again_stays_away(database: Path) -> None:
    change(database, 60, edited())
    prune(database)
    recheck(database, 61, read_again(61, article_id=digest("elsewhere"), canonical_url="elsewhere"))
    assert rows(database, "SELECT * FROM articles") == []
    assert states(database) == [(address(1), "pruned", None)]


def test_a_number_is_never_given_twice_though_the_newest_article_was_pruned(
    database: Path,
) -> None:
    prune(database)
    ((gone,),) = rows(database, "SELECT sequence FROM pruned_articles")
    commit(database, [poll(OTHER, 30, [listed(OTHER, 2)])], [page(2)], run_id=run(30))
    assert rows(database, f"SELECT sequence > {gone} FROM articles") == [(True,)]


# What a run says of itself


def test_rows_that_do_not_fit_are_failures_and_are_not_owed_again(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    large = 2**70
    read = poll(FEED, 0, [listed(FEED, 1)])
    refused = [
        refused_poll(poll(OTHER, 0, [listed(OTHER, 2)], milliseconds=large), "too large"),
        refused_page(page(1)._replace(http_status=large), "too large"),
    ]
    committed = commit(database, [read, refused[0]], [refused[1]], run_id=run(0))
    assert committed.failures == [("stage", "Misfit", 2)]
    assert rows(database, "SELECT state, reason, next_attempt_at FROM entries") == [
        ("failed", "Misfit: too large", None)
    ]
    failed = rows(database, "SELECT feed_url, error FROM feed_polls WHERE status = 'failed'")
    assert failed == [(OTHER, "too large")]


def timed(folder: RunFolder, *records: Poll | Page) -> RunFolder:
    shard(folder, *records)
    end = {"finished_at": at(5).isoformat(), "state": "done", "cpu_seconds": 3.25}
    folder.write_json("finished.json", end)
    return folder


def test_a_run_says_what_it_cost(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    committed = commit_run(database, timed(new_run(database, run(0)), page(1)), 0)
    ((cpu, held),) = rows(database, "SELECT cpu_seconds, commit_seconds FROM runs")
    assert (cpu, held) == (3.25, committed.run["commit_seconds"])
    assert held > 0
