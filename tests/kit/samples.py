"""Records for the tests of the sinks, and the way from them into a database."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sinks.connector.commit import Shard
from sinks.connector.files import parquet, write_shard
from sinks.connector.tables import batches
from sinks.database.where import Where
from sinks.keep.prune import prune
from sinks.load.report import Committed
from sinks.load.run_commit import commit_run
from sinks.staging.folder import RunFolder, Staging
from sinks.staging.shards import TABLES
from tests.kit.rows import tables
from transforms.hashing import digest
from transforms.records import Article, Evidence, FeedState, Listed, Page, Poll, TopicMatch

FEED, OTHER, THIRD = (f"https://{name}.example/feed" for name in ("dawn", "gazette", "herald"))
FEEDS = (FEED, OTHER, THIRD)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN, LATER = "20260301T120000000000Z-aaaaaa", "20260301T130000000000Z-bbbbbb"
LATEST = "20260301T140000000000Z-cccccc"
TOPICS = [{"topic": "taiwan", "name": "Taiwan", "taxonomy_version": "v1", "definition": ["Taiwan"]}]


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def address(number: int) -> str:
    return f"https://dawn.example/story/{number}"


def url_id(number: int) -> str:
    return digest(address(number))


def listed(feed: str, number: int, **changes: Any) -> Listed:
    entry = Listed(
        entry_id=digest(feed, url_id(number)),
        listing_id=digest(feed, url_id(number), f"Headline {number}"),
        url_id=url_id(number),
        url=address(number),
        guid=f"guid-{number}",
        title=f"Headline {number}",
        byline=None,
        summary="What the feed says of it",
        published_at=at(-60),
        published_raw="Sun, 01 Mar 2026 11:00:00 GMT",
        state="pending",
    )
    return entry._replace(**changes)


def poll(feed: str, minute: float, found: Sequence[Listed] = (), **changes: Any) -> Poll:
    """A poll; what of `changes` is of the feed's state after it goes there."""
    record = Poll(
        feed_url=feed,
        polled_at=at(minute),
        status="ok",
        http_status=200,
        entries=len(found),
        bytes=4000,
        milliseconds=12,
        after=FeedState(
            etag=f'"{minute}"',
            body_hash=hashlib.sha256(str(minute).encode()).hexdigest(),
            next_poll_at=at(minute + 30),
        ),
        listed=tuple(found),
    )
    return changed_poll(record, **changes)


def changed_poll(record: Poll, **changes: Any) -> Poll:
    """Another poll, by the fields of a poll or of the feed's state after it."""
    state = {name: changes.pop(name) for name in FeedState._fields if name in changes}
    record = record._replace(**changes)
    state.setdefault("last_polled_at", record.polled_at)
    return record._replace(after=record.after._replace(**state))


def failed_poll(feed: str, minute: float, failures: int = 1, **changes: Any) -> Poll:
    failed = poll(
        feed, minute, status="failed", http_status=500, entries=None, stage="poll",
        error_type="Http500", error="the server failed", failures=failures, etag=None,
        body_hash=None, next_poll_at=at(minute + 60),
    )  # fmt: skip
    return changed_poll(failed, **changes)


def article(number: int, **changes: Any) -> Article:
    record = Article(
        article_id=digest("article", address(number)),
        url_id=url_id(number),
        url=address(number),
        canonical_url=address(number),
        feed_url=FEED,
        outlet="The Dawn",
        country="NZ",
        title=f"Headline {number}",
        byline=None,
        published_at=at(-60),
        published_source="feed",
        listed_at=at(0),
        fetched_at=at(1),
        language="en",
        text="Taiwan held talks.\nTalks went on.",
        word_count=6,
        text_hash="t" * 64,
        body_hash="b" * 64,
        bytes=9000,
        redirects=(),
        extractor="trafilatura 2.3.1",
    )
    return record._replace(**changes)


TAIWAN = TopicMatch("taiwan", 0.25, (Evidence("text", 0, 6, "Taiwan", "Taiwan"),))


def page(number: int, found: Article | None = None, **changes: Any) -> Page:
    record = Page(
        url_id=url_id(number),
        url=address(number),
        feed_url=FEED,
        feed_position=0,
        fetched_at=at(1),
        state="fetched",
        attempts=1,
        next_attempt_at=None,
        stage=None,
        error_type=None,
        error=None,
        http_status=200,
        milliseconds=40,
        article=found or article(number),
        topics=(TAIWAN,),
    )
    return record._replace(**changes)


def failed_page(number: int, state: str = "failed", **changes: Any) -> Page:
    """A page that failed for good, or (pending) for now."""
    return page(
        number, state=state, article=None, topics=(), stage="fetch", http_status=503,
        error_type="Http503", error="the server is busy",
        next_attempt_at=at(11) if state == "pending" else None,
    )._replace(**changes)  # fmt: skip


def content(kind: str, records: Sequence[Any]) -> bytes:
    """A shard's bytes."""
    return parquet(TABLES[kind].arrow, batches(TABLES[kind], records))


def shard(folder: RunFolder, *records: Poll | Page) -> Shard:
    """A shard of records of one kind."""
    kind = "polls" if isinstance(records[0], Poll) else "pages"
    path = write_shard(folder.path, kind, content(kind, records))
    return Shard(kind, folder.run_id, str(path))


def new_run(
    database: Where,
    run_id: str = RUN,
    *,
    feeds: Sequence[str] = FEEDS,
    outlets: Mapping[str, str] | None = None,
    state: str | None = "done",
    expect: tuple[int, int] | None = None,
    **changes: Any,
) -> RunFolder:
    """The staging folder of a run; `state` is None for one that died.

    `outlets` names those of some feeds; the others are called after their place. `expect` is how
    many entries each should bring, in how many seconds.
    """
    names = {url: f"Outlet {position}" for position, url in enumerate(feeds)} | dict(outlets or {})
    folder = Staging(database).new_run(run_id)
    configured = [
        {"feed_url": url, "outlet": names[url], "country": "NZ", "language": "en",
         "tags": ["press"], "interval_seconds": 1800, "position": position, "kind": "feed",
         "robots": "obey", "expect_entries": expect and expect[0],
         "expect_seconds": expect and expect[1], "revisit_seconds": []}
        for position, url in enumerate(feeds)
    ]  # fmt: skip
    plan = {"started_at": NOON.isoformat(), "newsbeam_version": "0.1.0", "runner": "FnApiRunner",
            "taxonomy_version": "v1", "feeds_due": len(feeds), "plan_seconds": 0.1,
            "feeds": configured, "topics": TOPICS}  # fmt: skip
    folder.write_json("run.json", plan | changes)
    if state is not None:
        folder.write_json("finished.json", {"finished_at": at(5).isoformat(), "state": state})
    return folder


def commit(
    database: Where, *shards: Sequence[Poll | Page], run_id: str = RUN, **changes: Any
) -> Committed:
    """Stage a run of these shards, and commit it."""
    folder = new_run(database, run_id, **changes)
    for records in shards:
        shard(folder, *records)
    return commit_run(database, folder, 0)


ALL_TABLES = {
    "articles": "* EXCLUDE sequence",
    "article_versions": "*",
    "article_topics": "*",
    "topic_evidence": "*",
    "topics": "*",
    "feeds": "*",
    "feed_polls": "*",
    "entries": "*",
    "failures": "*",
    "runs": """* EXCLUDE (lock_seconds, commit_seconds, committed_at, listed_lag_seconds,
        published_lag_seconds)""",
    "staged_shards": "* EXCLUDE committed_at",
}


def dump(database: Where, **columns: str | None) -> dict[str, list[str]]:
    """All rows of all tables but clock times of the commit; `columns` replaces, None leaves out."""
    wanted = ALL_TABLES | columns
    return tables(database, {table: names for table, names in wanted.items() if names is not None})


@contextmanager
def held(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the database open for writing, until its input ends."""
    code = (
        "import duckdb, sys\n"
        "connection = duckdb.connect(sys.argv[1])\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(database)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.stdin.close()


OF_THE_USER = (
    "CREATE SCHEMA mine",
    "CREATE TABLE mine.notes (id INTEGER PRIMARY KEY, note VARCHAR)",
    "INSERT INTO mine.notes VALUES (1, 'call them')",
    "CREATE TABLE watchlist AS SELECT 'Taiwan' AS word",
    "CREATE VIEW mine.titles AS SELECT outlet, title FROM articles",
    "CREATE MACRO twice(x) AS 2 * x",
)


def sound(number: int, text: str = "Taiwan held talks.") -> Article:
    """An article whose hash is that of its text."""
    return article(number, text=text, text_hash=hashlib.sha256(text.encode()).hexdigest())


def fill(database: Path) -> Path:
    """Articles, one of them changed, one pruned; a page that failed, one that is owed."""
    commit(
        database,
        [poll(FEED, 0, [listed(FEED, n) for n in (1, 2, 3, 4)]), failed_poll(OTHER, 0)],
        [page(1, sound(1)), page(2, sound(2)), failed_page(3), failed_page(4, "pending")],
    )
    again = listed(FEED, 1, listing_id="another", title="Headline 1, corrected")
    commit(database, [poll(FEED, 60, [again])], run_id=LATER)
    changed = sound(1, "Taiwan held talks.\nMore.")._replace(title=again.title)
    commit(database, [page(1, changed, fetched_at=at(90))], run_id=LATEST)
    old = sound(5)._replace(published_at=at(-100_000))
    commit(database, [poll(FEED, 99, [listed(FEED, 5)])], [page(5, old)], run_id=f"{LATEST}d")
    assert prune(database, at(-50_000), "pruned", 0).articles == 1
    return database
