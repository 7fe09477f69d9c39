"""Retention: what goes, what stays, and that it does not come back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from config.errors import ConfigError
from sinks.connector.errors import DatabaseLocked
from sinks.keep.check import check_database
from sinks.keep.prune import prune
from sinks.load.run_commit import recover
from sinks.staging.folder import Staging
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    LATER,
    LATEST,
    OTHER,
    TAIWAN,
    TOPICS,
    address,
    at,
    commit,
    dump,
    failed_page,
    held,
    listed,
    new_run,
    page,
    poll,
    shard,
    sound,
)
from transforms.records import Page

DAYS = 24 * 60.0


def aged(number: int, days: float | None, *, tagged: bool = False) -> Page:
    """A page published so many days before noon; None: no one says when."""
    published = None if days is None else at(-days * DAYS)
    found = sound(number)._replace(published_at=published)
    return page(number, found, topics=(TAIWAN,) if tagged else ())


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Four articles: old and new, old and tagged, and one without a date, listed at noon."""
    path = tmp_path / "news.duckdb"
    pages = [aged(1, 200), aged(2, 10), aged(3, 300, tagged=True), aged(4, None)]
    topics = [*TOPICS, TOPICS[0] | {"topic": "cyber"}]
    commit(path, [poll(FEED, 0, [listed(FEED, n) for n in (1, 2, 3, 4)])], pages, topics=topics)
    return path


def there(database: Path) -> list[str]:
    return [url for (url,) in rows(database, "SELECT url FROM articles ORDER BY url")]


def urls(*numbers: int) -> list[str]:
    return [address(number) for number in numbers]


BEFORE = at(-180 * DAYS)


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, (2, 4)),
        ({"keep_tagged": True}, (2, 3, 4)),
        ({"keep_topics": ["taiwan"]}, (2, 3, 4)),
        ({"keep_topics": ["cyber"]}, (2, 4)),
    ],
    ids=str,
)
def test_what_is_old_goes_but_for_what_is_to_be_kept(
    database: Path, options: dict[str, object], left: tuple[int, ...]
) -> None:
    prune(database, BEFORE, "pruned", 0, **options)
    assert there(database) == urls(*left)
    assert check_database(database, 0) == []


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_topic_to_be_kept_that_is_unknown_stops_it(database: Path, dry_run: bool) -> None:
    before = dump(database)
    with pytest.raises(ConfigError, match=r"no topic 'tawian'; did you mean 'taiwan'\?"):
        prune(database, BEFORE, "pruned", 0, keep_topics=["tawian", "cyber"], dry_run=dry_run)
    assert dump(database) == before


def test_without_a_date_the_listing_counts(database: Path) -> None:
    prune(database, at(-1), "pruned", 0)
    assert there(database) == urls(4)
    prune(database, at(1), "pruned", 0)
    assert there(database) == []


def test_all_that_belongs_to_it_goes_and_its_ids_stay(database: Path) -> None:
    again = listed(FEED, 3, listing_id="other", title="Headline 3, corrected")
    commit(database, [poll(FEED, 60, [again])], run_id=LATER)
    edited = sound(3, "Taiwan held long talks.")._replace(published_at=at(-300 * DAYS))
    commit(database, [page(3, edited, fetched_at=at(61))], run_id=LATEST)
    assert rows(database, "SELECT count(*) FROM article_versions") == [(1,)]
    pruned = prune(database, BEFORE, "pruned: older than 180d", 0)
    assert (pruned.articles, pruned.outlets, pruned.topics) == (
        2, [("The Dawn", 2)], [("taiwan", 1)],
    )  # fmt: skip
    assert pruned.text_bytes == sum(
        map(len, ["Taiwan held talks.", "Taiwan held talks.", "Taiwan held long talks."])
    )
    for table in ("article_topics", "topic_evidence", "article_versions"):
        assert rows(database, f"SELECT count(*) FROM {table}") == [(0,)]
    assert rows(
        database,
        "SELECT url, state, reason, title, byline, summary, recheck_at FROM entries "
        "WHERE state = 'pruned' ORDER BY url",
    ) == [(url, "pruned", "pruned: older than 180d", None, None, None, None) for url in urls(1, 3)]
    remembered = rows(database, "SELECT outlet, published_at, sequence FROM pruned_articles")
    assert sorted(remembered) == [("The Dawn", at(-d * DAYS), 3) for d in (300, 200)]
    assert check_database(database, 0) == []


def test_a_dry_run_says_the_same_and_changes_nothing(database: Path) -> None:
    before = dump(database)
    told = prune(database, BEFORE, "pruned", 0, dry_run=True)
    assert dump(database) == before
    assert prune(database, BEFORE, "pruned", 0) == told


def test_pruning_again_finds_nothing(database: Path) -> None:
    prune(database, BEFORE, "pruned", 0)
    before = dump(database)
    assert prune(database, BEFORE, "pruned", 0).articles == 0
    assert dump(database) == before


def test_the_same_page_listed_by_another_feed_is_pruned_at_once(database: Path) -> None:
    prune(database, BEFORE, "pruned", 0)
    commit(database, [poll(OTHER, 60, [listed(OTHER, 1)])], run_id=LATER)
    found = rows(database, "SELECT feed_url, state, title FROM entries "
                 f"WHERE url = '{address(1)}' ORDER BY 1")  # fmt: skip
    assert found == [(FEED, "pruned", None), (OTHER, "pruned", None)]
    assert check_database(database, 0) == []


def test_the_same_article_at_another_address_does_not_come_back(database: Path) -> None:
    prune(database, BEFORE, "pruned", 0)
    elsewhere = sound(1)._replace(url=address(9), url_id=listed(OTHER, 9).url_id)
    commit(database, [poll(OTHER, 60, [listed(OTHER, 9)])], [page(9, elsewhere)], run_id=LATER)
    assert there(database) == urls(2, 4)
    assert rows(database, f"SELECT state FROM entries WHERE url = '{address(9)}'") == [("pruned",)]
    assert check_database(database, 0) == []


def test_an_entry_that_waited_for_a_pruned_article_keeps_no_words(database: Path) -> None:
    prune(database, BEFORE, "pruned", 0)
    elsewhere = sound(1)._replace(url=address(9), url_id=listed(OTHER, 9).url_id)
    for records in ([poll(OTHER, 60, [listed(OTHER, 9)])], [failed_page(9, "pending")],
                    [page(9, elsewhere)]):  # fmt: skip
        commit(database, records, run_id=LATER)
    found = rows(database, "SELECT state, title, byline, summary FROM entries "
                 f"WHERE url = '{address(9)}'")  # fmt: skip
    assert found == [("pruned", None, None, None)]


def test_a_feed_that_edits_a_pruned_entry_does_not_bring_its_words_back(database: Path) -> None:
    prune(database, BEFORE, "pruned", 0)
    again = listed(FEED, 1, listing_id="other", title="Headline 1, corrected")
    commit(database, [poll(FEED, 60, [again])], run_id=LATER)
    found = rows(database, "SELECT state, title, summary, recheck_at FROM entries "
                 f"WHERE url = '{address(1)}'")  # fmt: skip
    assert found == [("pruned", None, None, None)]


def test_a_page_that_waits_staged_meanwhile_does_not_come_back(database: Path) -> None:
    """Its listing changed, it was read again, and the run died before its commit."""
    again = listed(FEED, 1, listing_id="other", title="Headline 1, corrected")
    commit(database, [poll(FEED, 60, [again])], run_id=LATER)
    edited = sound(1, "Now it says more.")._replace(title=again.title)
    shard(new_run(database, LATEST, state=None), page(1, edited, fetched_at=at(61)))
    prune(database, BEFORE, "pruned", 0)
    recover(database, Staging(database), 0)
    assert there(database) == urls(2, 4)
    assert check_database(database, 0) == []


def test_a_held_database_is_not_pruned(database: Path) -> None:
    before = dump(database)
    with held(database), pytest.raises(DatabaseLocked):
        prune(database, BEFORE, "pruned", 0.1)
    assert dump(database) == before


def test_the_time_is_one_with_a_zone(database: Path) -> None:
    assert isinstance(BEFORE, datetime)
    assert BEFORE.tzinfo is not None
    told = prune(database, BEFORE, "pruned", 0, dry_run=True)
    assert (told.oldest, told.newest) == (at(-300 * DAYS), at(-200 * DAYS))
