"""The commit: once, whole, in any order, and with everything that was known before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks.connector.errors import DatabaseError, DatabaseLocked
from sinks.connector.files import parquet
from sinks.database.opening import open_database
from sinks.keep.check import check_database
from sinks.load.run_commit import commit_run, recover
from sinks.staging.folder import Staging
from tests.kit.examples import examples
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    FEEDS,
    LATER,
    LATEST,
    OTHER,
    RUN,
    THIRD,
    address,
    article,
    at,
    commit,
    content,
    dump,
    failed_page,
    failed_poll,
    held,
    listed,
    new_run,
    page,
    poll,
    shard,
    url_id,
)
from transforms.hashing import digest
from transforms.records import Page, Poll


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "news.duckdb"


def entries(database: Path) -> list[tuple[Any, ...]]:
    return rows(
        database,
        "SELECT feed_url, url, state, attempts, article_id IS NOT NULL FROM entries ORDER BY ALL",
    )


def feed(database: Path, url: str = FEED) -> dict[str, Any]:
    names = [name for (name,) in rows(database, "SELECT column_name FROM (DESCRIBE feeds)")]
    (row,) = rows(database, f"FROM feeds WHERE feed_url = '{url}'")
    return dict(zip(names, row, strict=True))


NEWS: list[list[Poll] | list[Page]] = [
    [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)])],
    [poll(OTHER, 0, [listed(OTHER, 2), listed(OTHER, 3)]), failed_poll(THIRD, 0)],
    [page(1), failed_page(2)],
    [failed_page(3, "pending")],
]


# Once, twice, in other orders


def test_what_is_committed_is_removed_from_staging(database: Path) -> None:
    folder = new_run(database)
    for records in NEWS:
        shard(folder, *records)
    committed = commit_run(database, folder, 0)
    assert committed.shards == 4
    assert not folder.path.exists()
    recorded = rows(database, "SELECT shard, run_id, rows FROM staged_shards")
    assert sorted(n for *_, n in recorded) == [1, 1, 2, 2]
    assert all(name.startswith(f"{RUN}/p") and run == RUN for name, run, _ in recorded)


def test_committed_twice_changes_nothing(database: Path) -> None:
    commit(database, *NEWS)
    before = dump(database)
    assert commit(database, *NEWS).shards == 0
    assert dump(database) == before


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [2, 0, 3, 1]])
def test_the_order_of_shards_is_all_one(database: Path, tmp_path: Path, order: list[int]) -> None:
    commit(database, *NEWS)
    commit(tmp_path / "other.duckdb", *(NEWS[number] for number in order))
    assert dump(tmp_path / "other.duckdb") == dump(database)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_half_the_shards_first(database: Path, tmp_path: Path, first: int) -> None:
    commit(database, *NEWS)
    commit(tmp_path / "other.duckdb", *NEWS[:first])
    assert commit(tmp_path / "other.duckdb", *NEWS).shards == len(NEWS) - first
    assert dump(tmp_path / "other.duckdb") == dump(database)


@pytest.mark.parametrize("where", ["one shard", "two shards", "later"])
@pytest.mark.parametrize("second", ["same", "failed", "pending"])
def test_a_retried_bundle_gives_one_row(database: Path, where: str, second: str) -> None:
    """The same page again, also with another outcome: an article that was had is kept."""
    pages = [page(1), page(1) if second == "same" else failed_page(1, second, fetched_at=at(2))]
    polls = [poll(FEED, 0, [listed(FEED, 1)])]
    if where == "one shard":
        commit(database, polls, pages)
    elif where == "two shards":
        commit(database, polls, *([page] for page in pages))
    else:
        for record in pages:
            commit(database, polls, [record])
    assert entries(database) == [(FEED, address(1), "fetched", 1, True)]
    for table in ("articles", "article_topics", "topic_evidence"):
        assert rows(database, f"SELECT count(*) FROM {table}") == [(1,)]


def test_a_feed_polled_twice_by_a_retried_bundle_has_one_poll(database: Path) -> None:
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [poll(FEED, 1, [listed(FEED, 1)])])
    assert rows(database, "SELECT polled_at, new_entries FROM feed_polls") == [(at(0), 1)]
    assert len(entries(database)) == 1


# What is known of pages


def test_a_page_in_two_feeds_of_one_run(database: Path) -> None:
    commit(
        database, [poll(FEED, 0, [listed(FEED, 1)]), poll(OTHER, 0, [listed(OTHER, 1)])], [page(1)]
    )
    assert entries(database) == [
        (FEED, address(1), "fetched", 1, True),
        (OTHER, address(1), "fetched", 1, True),
    ]
    assert rows(database, "SELECT count(*) FROM articles") == [(1,)]


@pytest.mark.parametrize("outcome", ["fetched", "failed", "pending"])
def test_a_page_that_a_later_feed_lists_too(database: Path, outcome: str) -> None:
    """It is fetched, failed or owed at once, as its first entry is."""
    found = page(1) if outcome == "fetched" else failed_page(1, outcome)
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [found])
    commit(database, [poll(OTHER, 60, [listed(OTHER, 1)])], run_id=LATER)
    first, second = rows(
        database,
        "SELECT state, reason, attempts, next_attempt_at, article_id FROM entries ORDER BY run_id",
    )
    assert first == second
    assert first[0] == outcome


def test_two_addresses_of_one_article(database: Path) -> None:
    """The second one lists what is there, in the same run and in a later one."""
    one = article(1)
    for run_id, number, minute in ((RUN, 1, 0), (LATER, 2, 60)):
        shared = one._replace(url_id=url_id(number), url=address(number))
        commit(
            database, [poll(FEED, minute, [listed(FEED, number)])], [page(number, shared)],
            run_id=run_id,
        )  # fmt: skip
    assert rows(database, "SELECT url FROM articles") == [(address(1),)]
    assert {article_id for (article_id,) in rows(database, "SELECT article_id FROM entries")} == {
        one.article_id
    }
    assert [row[2] for row in entries(database)] == ["fetched", "fetched"]


def test_two_addresses_of_one_article_in_one_run(database: Path) -> None:
    shared = article(1, url_id=url_id(2), url=address(2))
    commit(
        database, [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)])],
        [page(2, shared, feed_position=1), page(1)],
    )  # fmt: skip
    assert rows(database, "SELECT url FROM articles") == [(address(1),)]
    assert [row[2:] for row in entries(database)] == [("fetched", 1, True)] * 2


def test_a_pending_entry_is_brought_up_to_date(database: Path) -> None:
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])])
    (first,) = rows(database, "SELECT state, reason, attempts, next_attempt_at FROM entries")
    assert first == ("pending", None, 0, at(0))
    commit(database, [failed_page(1, "pending", attempts=2)], run_id=LATER)
    (second,) = rows(database, "SELECT state, reason, attempts, next_attempt_at FROM entries")
    assert second == ("pending", "Http503: the server is busy", 2, at(11))


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_failed_then_fetched(database: Path, state: str) -> None:
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [failed_page(1, state)])
    commit(database, [page(1, attempts=2)], run_id=LATER)
    assert entries(database) == [(FEED, address(1), "fetched", 2, True)]
    assert rows(database, "SELECT reason, next_attempt_at FROM entries") == [(None, None)]
    assert rows(database, "SELECT run_id, stage, error_type FROM failures") == [
        (RUN, "fetch", "Http503")
    ]


def test_fetched_stays_fetched(database: Path) -> None:
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    edited = article(1, text="Another text", title="Another headline")
    commit(database, [page(1, edited)], run_id=LATER)
    commit(database, [failed_page(1)], run_id="20260301T140000000000Z-cccccc")
    assert entries(database) == [(FEED, address(1), "fetched", 1, True)]
    assert rows(database, "SELECT title, run_id FROM articles") == [("Headline 1", RUN)]


def test_an_entry_without_address_is_skipped_and_stays_so(database: Path) -> None:
    nowhere = listed(
        FEED, 1, entry_id=digest("nowhere"), url_id=None, url=None, state="skipped",
        reason="the entry has no link",
    )  # fmt: skip
    for run_id, minute in ((RUN, 0), (LATER, 60)):
        commit(database, [poll(FEED, minute, [nowhere, listed(FEED, 2)])], [page(2)], run_id=run_id)
    found = rows(database, "SELECT state, reason, next_attempt_at FROM entries WHERE url IS NULL")
    assert found == [("skipped", "the entry has no link", None)]
    assert rows(database, "SELECT new_entries FROM feed_polls ORDER BY run_id") == [(2,), (0,)]


# What is known of feeds


FEED_TEXT = "SELECT state, attempts, feed_text_at FROM entries ORDER BY url"


def test_a_page_that_cannot_be_had_gives_way_to_the_text_of_its_feed(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    whole = listed(FEED, 1, content="<p>All of it</p>")
    commit(database, [poll(FEED, 0, [whole, listed(FEED, 2)])], [failed_page(1), failed_page(2)])
    assert rows(database, FEED_TEXT) == [("failed", 1, at(0)), ("failed", 1, None)]
    found = article(1, text_source="feed")
    commit(database, [page(1, found, fetched_at=at(60), attempts=2)], run_id=LATER)
    assert rows(database, FEED_TEXT) == [("fetched", 2, None), ("failed", 1, None)]
    assert rows(database, "SELECT text_source FROM articles") == [("feed",)]


def test_the_text_of_a_feed_is_tried_once(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    whole = listed(FEED, 1, content="<p>All of it</p>")
    commit(database, [poll(FEED, 0, [whole])], [failed_page(1, "pending")])
    assert rows(database, FEED_TEXT) == [("pending", 1, None)], "its page may come back"
    commit(database, [failed_page(1, fetched_at=at(60), attempts=5)], run_id=LATER)
    assert rows(database, FEED_TEXT) == [("failed", 5, at(60))]
    commit(database, [failed_page(1, fetched_at=at(90), attempts=6)], run_id=LATEST)
    assert rows(database, FEED_TEXT) == [("failed", 6, None)]


def test_a_feed_that_takes_its_text_back_is_not_read(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    whole = listed(FEED, 1, content="<p>All of it</p>")
    commit(database, [poll(FEED, 0, [whole])], [failed_page(1)])
    cut = listed(FEED, 1, listing_id=digest("another"))
    commit(database, [poll(FEED, 60, [cut])], run_id=LATER)
    assert rows(database, FEED_TEXT) == [("failed", 1, None)]


def test_feed_state_never_goes_backwards(database: Path) -> None:
    commit(database, [poll(FEED, 60)], run_id=LATER)
    before = feed(database)
    commit(database, [failed_poll(FEED, 0), failed_poll(OTHER, 0)], run_id=RUN)
    assert feed(database) == before
    assert feed(database, OTHER)["failures"] == 1
    assert rows(database, "SELECT count(*) FROM feed_polls") == [(3,)]


def test_a_state_from_the_future_gives_way(database: Path) -> None:
    """A clock that ran ahead must not hold a feed's state for years."""
    ahead = datetime.now(UTC) + timedelta(days=1000)
    commit(database, [poll(FEED, 0, polled_at=ahead)])
    commit(database, [poll(FEED, 60)], run_id=LATER)
    assert (feed(database)["last_polled_at"], feed(database)["etag"]) == (at(60), '"60"')


def test_feeds_left_out_keep_their_state(database: Path) -> None:
    commit(database, [poll(FEED, 0), poll(OTHER, 0)])
    before = feed(database, OTHER)
    assert before["listed"] is True
    commit(database, [poll(FEED, 60)], run_id=LATER, feeds=[FEED])
    assert feed(database, OTHER) == {**before, "listed": False}
    assert feed(database)["listed"] is True
    commit(database, run_id="20260301T140000000000Z-cccccc")
    assert feed(database, OTHER) == before


def test_a_configured_feed_is_a_row_before_its_first_poll(database: Path) -> None:
    commit(database)
    found = feed(database, THIRD)
    assert (found["state"], found["failures"], found["next_poll_at"]) == ("active", 0, None)
    assert (found["outlet"], found["position"], found["tags"]) == ("Outlet 2", 2, ["press"])


def test_a_failure_keeps_when_it_last_went_well(database: Path) -> None:
    commit(database, [poll(FEED, 0)])
    commit(database, [failed_poll(FEED, 60)], run_id=LATER)
    found = feed(database)
    assert (found["last_ok_at"], found["last_polled_at"]) == (at(0), at(60))
    assert found["last_error"] == "Http500: the server failed"


def test_topics_are_kept_for_each_version(database: Path) -> None:
    commit(database)
    again = {"topic": "taiwan", "name": "Taiwan", "taxonomy_version": "v2", "definition": ["臺灣"]}
    for run_id in (LATER, "20260301T140000000000Z-cccccc"):
        commit(database, run_id=run_id, topics=[again], taxonomy_version="v2")
    found = rows(database, "SELECT taxonomy_version, definition FROM topics ORDER BY ALL")
    assert found == [("v1", ["Taiwan"]), ("v2", ["臺灣"])]


# Runs


def test_a_run_says_what_it_brought(database: Path) -> None:
    committed = commit(database, *NEWS)
    run = committed.run
    assert {name: run[name] for name in (
        "run_id", "state", "feeds_due", "feeds_polled", "feeds_unchanged", "feeds_failed",
        "entries_new", "pages", "pages_failed", "pages_pending", "articles_new",
    )} == {
        "run_id": RUN, "state": "done", "feeds_due": 3, "feeds_polled": 3, "feeds_unchanged": 0,
        "feeds_failed": 1, "entries_new": 4, "pages": 3, "pages_failed": 1, "pages_pending": 1,
        "articles_new": 1,
    }  # fmt: skip
    assert committed.topics == [("taiwan", 1)]
    assert committed.failures == [("fetch", "Http503", 2), ("poll", "Http500", 1)]


LAGS = "SELECT committed_at, listed_lag_seconds, published_lag_seconds FROM runs ORDER BY run_id"


def since(then: datetime, now: datetime) -> Any:
    return pytest.approx((now - then).total_seconds(), abs=0.001)


def test_a_run_says_how_late_its_rows_came(database: Path) -> None:
    """Medians; what was published days before it was listed is the past, and no delay."""
    before = datetime.now(UTC)
    commit(
        database,
        [page(1), page(2, article(2, listed_at=at(-10))), page(3, article(3, listed_at=at(-30)))],
        [page(4, article(4, published_at=at(-1500))),
         page(5, article(5, published_source="page", published_at=at(-90))),
         page(6, article(6, published_source=None, published_at=None))],
    )  # fmt: skip
    commit(database, run_id=LATER)
    commit(database, [page(1)], run_id=LATEST)  # known already
    (now, listed_lag, published_lag), *others = rows(database, LAGS)
    assert before <= now <= datetime.now(UTC)
    assert listed_lag == since(at(0), now)
    assert published_lag == since(at(-60), now)
    assert [lags for _, *lags in others] == [[None, None]] * 2


def test_lags_of_shards_that_come_later_are_the_latest(database: Path) -> None:
    commit(database, [page(1)])
    commit(database, [page(2, article(2, listed_at=at(-10), published_at=None))])
    ((now, listed_lag, published_lag),) = rows(database, LAGS)
    assert listed_lag == since(at(-10), now)
    assert published_lag == pytest.approx((now - at(-60)).total_seconds(), abs=60)


def test_a_run_that_died_gets_its_row(database: Path) -> None:
    folder = new_run(database, state=None)
    for records in NEWS:
        shard(folder, *records)
    (committed,) = recover(database, Staging(database), 0)
    assert committed.run["state"] == "died"
    assert rows(database, "SELECT run_id, state, finished_at, pages FROM runs") == [
        (RUN, "died", None, 3)
    ]
    assert Staging(database).runs() == []


def test_a_removal_cut_short_does_not_make_a_run_one_that_died(
    database: Path, tmp_path: Path
) -> None:
    """Behind a link the folder stays, as if the removal had been killed at its beginning."""
    folder = new_run(database)
    for records in NEWS:
        shard(folder, *records)
    folder.path.rename(tmp_path / "elsewhere")
    folder.path.symlink_to(tmp_path / "elsewhere")
    commit_run(database, folder, 0)
    before = dump(database)
    (folder.path / "finished.json").unlink()
    assert recover(database, Staging(database), 0) == []
    assert dump(database) == before


def test_recovery_goes_from_old_to_new(database: Path) -> None:
    shard(new_run(database, LATER), failed_poll(FEED, 60), failed_poll(OTHER, 60))
    shard(new_run(database, RUN), poll(FEED, 0, [listed(FEED, 1)]))
    Staging(database).new_run("20260301T110000000000Z-000000")  # died before it had a plan
    recovered = recover(database, Staging(database), 0)
    assert [item.run["run_id"] for item in recovered] == [RUN, LATER]
    assert feed(database)["last_polled_at"] == at(60)
    assert Staging(database).runs() == []


# When it fails


def out_of_range(good: bytes) -> bytes:
    """A shard of polls whose feed is said to bring an entry in a thousand years."""
    table = pq.read_table(pa.BufferReader(good))
    (row,) = table.to_pylist()
    row["after"]["gap_seconds"] = 2**40
    wider = pa.Table.from_pylist([row]).replace_schema_metadata(table.schema.metadata)
    return parquet(wider.schema, wider.to_batches())


BAD: dict[str, Callable[[bytes], bytes]] = {
    "garbage": lambda good: b"no parquet at all",
    "empty": lambda good: b"",
    "cut": lambda good: good[: len(good) // 2],
    "out of range": out_of_range,
}


@pytest.mark.parametrize("how", BAD)
def test_a_shard_that_cannot_be_loaded_is_set_aside_and_holds_nothing_up(
    database: Path, how: str
) -> None:
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    folder = new_run(database, LATER)
    good = content("polls", [poll(THIRD, 60, [listed(THIRD, 3)])])
    shard(folder, poll(OTHER, 60, [listed(OTHER, 2)]))
    shard(folder, page(2))
    bad = folder.path / f"polls-{'f' * 32}.parquet"
    bad.write_bytes(BAD[how](good))
    kept = bad.read_bytes()

    committed = commit_run(database, folder, 0)
    ((name, reason),) = committed.set_aside
    assert name == f"{LATER}/{bad.name}"
    assert committed.run["feeds_polled"] == 1
    assert rows(database, "SELECT count(*) FROM articles") == [(2,)]
    failed = "SELECT run_id, stage, input, error_type, message FROM failures"
    assert rows(database, failed) == [(LATER, "stage", name, "SetAside", reason)]
    assert [item for item in check_database(database, 0) if item.check != "text"] == []
    assert recover(database, Staging(database), 0) == []

    aside = folder.path.with_name(f"set-aside-{LATER}")
    assert (aside / bad.name).read_bytes() == kept
    assert json.loads((aside / "reasons.json").read_text()) == {bad.name: reason}

    (aside / bad.name).write_bytes(good)  # mended, it is staged again under its name
    aside.rename(folder.path)
    (again,) = recover(database, Staging(database), 0)
    assert (again.set_aside, again.run["feeds_polled"]) == ([], 2)
    assert rows(database, "SELECT count(*) FROM entries") == [(3,)]


def test_a_commit_that_fails_changes_nothing(database: Path) -> None:
    """A view of the user's own is in the way, which is no shard's fault."""
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    with duckdb.connect(str(database)) as connection:
        connection.execute("ALTER TABLE failures RENAME TO mine")
    before = rows(database, "FROM articles"), rows(database, "FROM entries")
    folder = new_run(database, LATER)
    shard(folder, poll(OTHER, 60, [listed(OTHER, 2)]))
    shard(folder, page(2))
    staged = sorted(folder.path.iterdir())
    with pytest.raises(DatabaseError) as error:
        commit_run(database, folder, 0)
    assert LATER in str(error.value)
    assert str(folder.path) in str(error.value)
    assert (rows(database, "FROM articles"), rows(database, "FROM entries")) == before
    assert sorted(folder.path.iterdir()) == staged
    with duckdb.connect(str(database)) as connection:
        connection.execute("ALTER TABLE mine RENAME TO failures")
    commit_run(database, folder, 0)
    assert rows(database, "SELECT count(*) FROM articles") == [(2,)]


def test_a_locked_database_leaves_all_staged(database: Path) -> None:
    commit(database)
    folder = new_run(database, LATER)
    path = shard(folder, poll(FEED, 60, [listed(FEED, 1)]))
    with held(database), pytest.raises(DatabaseLocked, match="the database is locked by"):
        commit_run(database, folder, 0.2)
    assert folder.shards() == [path]
    assert commit_run(database, folder, 0).run["entries_new"] == 1


def test_a_database_released_in_time_is_committed_to(database: Path) -> None:
    commit(database)
    folder = new_run(database, LATER)
    shard(folder, poll(FEED, 60, [listed(FEED, 1)]))
    with held(database) as holder:
        assert holder.stdin is not None
        Timer(0.2, holder.stdin.close).start()
        committed = commit_run(database, folder, 60)
    assert committed.run["entries_new"] == 1


@pytest.mark.parametrize(
    "name", ["it's.duckdb", "new s.duckdb", "a[1]*?.duckdb", "新聞.duckdb", "state=x/year=1/n.db"]
)
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    database = tmp_path / name
    database.parent.mkdir(parents=True, exist_ok=True)
    commit(database, *NEWS)
    assert rows(database, "SELECT count(*), count(*) FILTER (state = 'failed') FROM entries") == [
        (4, 2)
    ]


# Any split of the same records


class Sent(NamedTuple):
    """A record, the commit that it comes with, and its shards there (two: a retried bundle)."""

    record: Poll | Page
    commit: int
    shards: tuple[int, ...]


NUMBERS = range(3)
COMMITS = 3
shards_of = st.sampled_from([(0,), (1,), (0, 1), (0, 0)])


@st.composite
def news(draw: st.DrawFn, ordered: bool) -> list[Sent]:
    """Polls and the pages they list. Ordered: a page comes with a poll that lists it, or later."""
    sent: list[Sent] = []
    first: dict[int, int] = {}
    for minute, url in enumerate(FEEDS):
        when = draw(st.integers(0, COMMITS - 1))
        if draw(st.integers(0, 5)) == 5:
            record = failed_poll(url, minute)
        else:
            numbers = draw(st.lists(st.sampled_from(NUMBERS), min_size=1, unique=True))
            record = poll(url, minute, [listed(url, number) for number in numbers])
            first |= {number: min(when, first.get(number, COMMITS)) for number in numbers}
        sent.append(Sent(record, when, draw(shards_of)))
    for number, when in first.items():
        outcome = draw(st.sampled_from(["fetched", "failed", "fetched", "pending", "untried"]))
        if outcome != "untried":
            found = page(number) if outcome == "fetched" else failed_page(number, outcome)
            earliest = when if ordered else 0
            sent.append(Sent(found, draw(st.integers(earliest, COMMITS - 1)), draw(shards_of)))
    return draw(st.permutations(sent))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "news.duckdb"
    with open_database(path, read_only=False, lock_timeout=0):
        pass
    return path


def committed(empty: Path, path: Path, sent: list[Sent]) -> Path:
    """The records in a copy of an empty database, commit after commit, shard by shard."""
    shutil.copy(empty, path)
    for number in sorted({item.commit for item in sent}):
        shards: dict[tuple[type, int], list[Any]] = {}
        for item in sent:
            if item.commit == number:
                for name in item.shards:
                    shards.setdefault((type(item.record), name), []).append(item.record)
        commit(path, *shards.values())
    return path


TRIED = "* REPLACE (CASE WHEN attempts > 0 THEN next_attempt_at END AS next_attempt_at)"
few = settings(
    max_examples=examples(14), deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@few
@given(sent=news(ordered=True))
def test_any_split_gives_the_same_tables(empty: Path, sent: list[Sent]) -> None:
    whole = [item._replace(commit=0, shards=(0,)) for item in sent]
    with TemporaryDirectory() as folder:
        once = dump(
            committed(empty, Path(folder, "once"), whole), entries=TRIED, staged_shards=None
        )
        split = dump(
            committed(empty, Path(folder, "split"), sent), entries=TRIED, staged_shards=None
        )
    assert split == once


@few
@given(sent=news(ordered=False))
def test_even_pages_before_their_polls_lose_and_double_nothing(
    empty: Path, sent: list[Sent]
) -> None:
    """What a page's failure told is forgotten then, and the page is owed again."""
    whole = [item._replace(commit=0, shards=(0,)) for item in sent]
    which = {"entries": "entry_id, url_id, state = 'fetched', article_id", "staged_shards": None}
    with TemporaryDirectory() as folder:
        once = dump(committed(empty, Path(folder, "once"), whole), **which)
        split = dump(committed(empty, Path(folder, "split"), sent), **which)
    assert split == once
