"""Bringing staged shards into the database: one transaction for each run, each shard once.

A shard that is recorded in `staged_shards` is never loaded again, and every insert leaves out what
the database has, by stable ids. So a commit may be repeated, or done by a later run, at will.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from config.errors import DatabaseError
from sinks.database import open_database
from sinks.schema import quoted
from sinks.shards import SCHEMAS
from sinks.staging import RunFolder, Staging

CONFIGURED = pa.schema([
    ("feed_url", pa.string()), ("outlet", pa.string()), ("country", pa.string()),
    ("language", pa.string()), ("tags", pa.list_(pa.string())), ("interval_seconds", pa.int32()),
    ("position", pa.int32()),
])  # fmt: skip
DEFINED = pa.schema([
    ("topic", pa.string()), ("name", pa.string()), ("taxonomy_version", pa.string()),
    ("definition", pa.list_(pa.string())),
])  # fmt: skip

# What staged rows become. In this order, inside one transaction; {run} is the run's id, quoted.
POLLS = """
CREATE OR REPLACE TEMP TABLE polls AS
SELECT * FROM staged_polls
QUALIFY row_number() OVER (PARTITION BY feed_url ORDER BY polled_at) = 1
"""
PAGES = """
CREATE OR REPLACE TEMP TABLE pages AS
SELECT * FROM staged_pages
QUALIFY row_number() OVER (PARTITION BY url_id ORDER BY article IS NULL, fetched_at, url) = 1
"""
LISTED = """
CREATE OR REPLACE TEMP TABLE listed AS
SELECT feed_url, polled_at AS listed_at, entry.*
FROM (SELECT feed_url, polled_at, unnest(listed) AS entry FROM polls)
WHERE entry.entry_id NOT IN (SELECT entry_id FROM entries)
QUALIFY row_number() OVER (PARTITION BY entry.entry_id ORDER BY polled_at) = 1
"""
TOUCHED = """
CREATE OR REPLACE TEMP TABLE touched AS
SELECT url_id FROM listed WHERE url_id IS NOT NULL UNION SELECT url_id FROM pages
"""
# What is known of each page that this commit touches: an article beats all, then what was just
# tried, then what another feed's entry says; the article alone does not know the attempts.
VERDICTS = """
CREATE OR REPLACE TEMP TABLE verdicts AS
SELECT * EXCLUDE source FROM (
    SELECT url_id, state, error_type || ': ' || error AS reason, attempts, next_attempt_at,
           article.article_id AS article_id, 1 AS source
    FROM pages
    UNION ALL
    SELECT url_id, state, reason, attempts, next_attempt_at, article_id, 2
    FROM entries SEMI JOIN touched USING (url_id)
    UNION ALL
    SELECT url_id, 'fetched', NULL, NULL, NULL, article_id, 3
    FROM articles SEMI JOIN touched USING (url_id)
)
QUALIFY row_number() OVER (PARTITION BY url_id ORDER BY state <> 'fetched', source, attempts DESC)
    = 1
"""
FRESH = """
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT article.*, topics FROM pages
WHERE article IS NOT NULL AND article.article_id NOT IN (SELECT article_id FROM articles)
QUALIFY row_number() OVER (PARTITION BY article.article_id ORDER BY feed_position, url) = 1
"""
ARTICLES = """
INSERT INTO articles BY NAME SELECT * EXCLUDE topics, {run} AS run_id FROM fresh
"""
ARTICLE_TOPICS = """
INSERT INTO article_topics BY NAME
SELECT article_id, topic.topic, topic.score, {taxonomy} AS taxonomy_version
FROM (SELECT article_id, unnest(topics) AS topic FROM fresh)
"""
TOPIC_EVIDENCE = """
INSERT INTO topic_evidence BY NAME
SELECT article_id, topic, place.*
FROM (SELECT article_id, topic.topic AS topic, unnest(topic.evidence) AS place
      FROM (SELECT article_id, unnest(topics) AS topic FROM fresh))
"""
KNOWN_ENTRIES = """
UPDATE entries
SET state = v.state, reason = v.reason, attempts = coalesce(v.attempts, entries.attempts),
    next_attempt_at = v.next_attempt_at, article_id = v.article_id
FROM verdicts v
WHERE entries.url_id = v.url_id
  AND (entries.state = 'pending' OR (entries.state = 'failed' AND v.state = 'fetched'))
"""
NEW_ENTRIES = """
INSERT INTO entries BY NAME
SELECT l.* REPLACE (coalesce(v.state, l.state) AS state, coalesce(v.reason, l.reason) AS reason),
       {run} AS run_id, coalesce(v.attempts, 0) AS attempts,
       CASE WHEN coalesce(v.state, l.state) = 'pending'
            THEN coalesce(v.next_attempt_at, l.listed_at) END AS next_attempt_at,
       v.article_id
FROM listed l LEFT JOIN verdicts v USING (url_id)
"""
FEEDS = """
CREATE OR REPLACE TEMP TABLE next_feeds AS
SELECT coalesce(c.feed_url, f.feed_url) AS feed_url,
       if(c.feed_url IS NULL, f.outlet, c.outlet) AS outlet,
       if(c.feed_url IS NULL, f.country, c.country) AS country,
       if(c.feed_url IS NULL, f.language, c.language) AS language,
       if(c.feed_url IS NULL, f.tags, c.tags) AS tags,
       coalesce(c.interval_seconds, f.interval_seconds) AS interval_seconds,
       coalesce(c.position, f.position) AS position,
       c.feed_url IS NOT NULL AS listed,
       coalesce(p.state, f.state, 'active') AS state,
       if(p.feed_url IS NULL, f.etag, p.etag) AS etag,
       if(p.feed_url IS NULL, f.last_modified, p.last_modified) AS last_modified,
       if(p.feed_url IS NULL, f.body_hash, p.body_hash) AS body_hash,
       coalesce(p.polled_at, f.last_polled_at) AS last_polled_at,
       if(p.status <> 'failed', p.polled_at, f.last_ok_at) AS last_ok_at,
       coalesce(p.failures, f.failures, 0) AS failures,
       CASE WHEN p.feed_url IS NULL THEN f.last_error
            WHEN p.status = 'failed' THEN p.error_type || ': ' || p.error END AS last_error,
       if(p.feed_url IS NULL, f.next_poll_at, p.next_poll_at) AS next_poll_at
FROM feeds f
FULL JOIN configured c ON c.feed_url = f.feed_url
LEFT JOIN polls p ON p.feed_url = coalesce(c.feed_url, f.feed_url)
    AND (p.polled_at > coalesce(f.last_polled_at, '-infinity'::TIMESTAMPTZ)
         OR f.last_polled_at > now())  -- put down by a clock that was wrong
"""
REPLACE_FEEDS = """
DELETE FROM feeds;
INSERT INTO feeds BY NAME SELECT * FROM next_feeds
"""
FEED_POLLS = """
INSERT INTO feed_polls BY NAME
SELECT {run} AS run_id, feed_url, polled_at, status, http_status, entries,
       (SELECT count(*) FROM listed l WHERE l.feed_url = p.feed_url) AS new_entries,
       bytes, milliseconds, error_type, error
FROM polls p
WHERE feed_url NOT IN (SELECT feed_url FROM feed_polls WHERE run_id = {run})
"""
FAILURES = """
INSERT INTO failures BY NAME
SELECT *, {run} AS run_id FROM (
    SELECT md5({run} || stage || feed_url) AS failure_id, stage, feed_url AS input, feed_url,
           error_type, error AS message, polled_at AS failed_at, failures AS attempts
    FROM polls WHERE status = 'failed'
    UNION ALL
    SELECT md5({run} || stage || url), stage, url, feed_url, error_type, error, fetched_at, attempts
    FROM pages WHERE error_type IS NOT NULL
)
WHERE failure_id NOT IN (SELECT failure_id FROM failures WHERE run_id = {run})
"""
TOPICS = """
INSERT INTO topics BY NAME SELECT * FROM defined ANTI JOIN topics USING (topic, taxonomy_version)
"""
LOAD = (
    POLLS, PAGES, LISTED, TOUCHED, VERDICTS, FRESH, ARTICLES, ARTICLE_TOPICS, TOPIC_EVIDENCE,
    KNOWN_ENTRIES, NEW_ENTRIES, FEEDS, REPLACE_FEEDS, FEED_POLLS, FAILURES, TOPICS,
)  # fmt: skip
# A late shard of the same run adds to what its row said before.
RUN_COUNTS = """
WITH before AS (
    SELECT max(pages) AS pages, max(pages_failed) AS failed, max(pages_pending) AS pending
    FROM runs WHERE run_id = {run}
), polled AS (
    SELECT count(*) AS feeds_polled,
           count(*) FILTER (status = 'unchanged') AS feeds_unchanged,
           count(*) FILTER (status = 'failed') AS feeds_failed
    FROM feed_polls WHERE run_id = {run}
), tried AS (
    SELECT count(*) AS pages, count(*) FILTER (state = 'failed') AS failed,
           count(*) FILTER (state = 'pending') AS pending
    FROM pages
)
SELECT polled.*,
       (SELECT count(*) FROM entries WHERE run_id = {run}) AS entries_new,
       tried.pages + coalesce(before.pages, 0) AS pages,
       tried.failed + coalesce(before.failed, 0) AS pages_failed,
       tried.pending + coalesce(before.pending, 0) AS pages_pending,
       (SELECT count(*) FROM articles WHERE run_id = {run}) AS articles_new
FROM polled, tried, before
"""


class Committed(NamedTuple):
    """What a commit brought: the run's row, and what it says of topics and failures."""

    run: dict[str, Any]
    topics: list[tuple[str, int]]
    failures: list[tuple[str, str, int]]
    """(stage, error type, count)"""
    first_failure: str | None
    """Message of the first feed that failed."""
    left: int
    """Pages that could be fetched at once, had the run not ended."""
    next_due: datetime | None
    """When the next feed is due."""
    shards: int


def commit_run(database: str | Path, folder: RunFolder, lock_timeout: float) -> Committed:
    """Commit a run's shards in one transaction, then remove its folder.

    Raises:
        DatabaseLocked: another process held the database; everything stays staged.
        DatabaseError: the database could not take the rows; everything stays staged.
    """
    plan = folder.read_json("run.json") or {}
    with open_database(database, read_only=False, lock_timeout=lock_timeout) as opened:
        connection, started = opened.connection, time.monotonic()
        try:
            connection.execute("BEGIN")
            shards = _new_shards(connection, folder)
            _load(connection, folder, plan, shards)
            _record(connection, folder, plan, shards, opened.waited, started)
            committed = _report(connection, folder, len(shards))
            connection.execute("COMMIT")
        except duckdb.Error as error:
            raise DatabaseError(
                f"{database}: could not commit run {folder.run_id}, "
                f"which stays staged in {folder.path}: {error}"
            ) from error
    folder.remove()
    return committed


def recover(database: str | Path, staging: Staging, lock_timeout: float) -> list[Committed]:
    """Commit what earlier runs left staged, oldest first.

    Raises:
        DatabaseLocked: another process held the database.
    """
    recovered = []
    for folder in staging.runs():
        if folder.read_json("run.json") is None:
            folder.remove()  # it died before it had anything to lose
        else:
            recovered.append(commit_run(database, folder, lock_timeout))
    return recovered


def _new_shards(connection: duckdb.DuckDBPyConnection, folder: RunFolder) -> list[Path]:
    recorded = connection.execute(
        "SELECT shard FROM staged_shards WHERE run_id = ?", [folder.run_id]
    )
    known = {name for (name,) in recorded.fetchall()}
    return [path for path in folder.shards() if _shard_name(folder, path) not in known]


def _shard_name(folder: RunFolder, path: Path) -> str:
    return f"{folder.run_id}/{path.name}"


def _load(
    connection: duckdb.DuckDBPyConnection,
    folder: RunFolder,
    plan: dict[str, Any],
    shards: Sequence[Path],
) -> None:
    for kind, schema in SCHEMAS.items():
        paths = [str(path) for path in shards if path.name.startswith(kind)]
        staged = (
            connection.read_parquet(paths) if paths else connection.from_arrow(schema.empty_table())
        )
        connection.register(f"staged_{kind}", staged)
    configured = pa.Table.from_pylist(plan.get("feeds", []), CONFIGURED)
    defined = pa.Table.from_pylist(plan.get("topics", []), DEFINED)
    connection.register("configured", configured)
    connection.register("defined", defined)
    names = {"run": quoted(folder.run_id), "taxonomy": quoted(plan["taxonomy_version"])}
    for statement in LOAD:
        connection.execute(statement.format(**names))


def _record(
    connection: duckdb.DuckDBPyConnection,
    folder: RunFolder,
    plan: dict[str, Any],
    shards: Sequence[Path],
    waited: float,
    started: float,
) -> None:
    for path in shards:
        rows = connection.execute(
            "SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]
        ).fetchone()
        connection.execute(
            "INSERT INTO staged_shards VALUES (?, ?, ?, ?, now())",
            [_shard_name(folder, path), folder.run_id, rows and rows[0], path.stat().st_size],
        )
    end = folder.read_json("finished.json") or {"state": "died"}
    row = {name: plan.get(name) for name in (
        "started_at", "newsbeam_version", "runner", "taxonomy_version", "feeds_due",
        "plan_seconds")}  # fmt: skip
    row |= {name: end.get(name) for name in (
        "finished_at", "state", "message", "poll_seconds", "page_seconds")}  # fmt: skip
    counts = connection.execute(RUN_COUNTS.format(run=quoted(folder.run_id)))
    names = [item[0] for item in counts.description or []]
    row |= dict(zip(names, counts.fetchone() or (), strict=True))
    row |= {
        "run_id": folder.run_id,
        "lock_seconds": round(waited, 3),
        "commit_seconds": round(time.monotonic() - started, 3),
    }
    connection.execute("DELETE FROM runs WHERE run_id = ?", [folder.run_id])
    columns = ", ".join(row)
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO runs ({columns}) VALUES ({marks})", list(row.values()))


def _report(connection: duckdb.DuckDBPyConnection, folder: RunFolder, shards: int) -> Committed:
    run_id = [folder.run_id]
    result = connection.execute("SELECT * FROM runs WHERE run_id = ?", run_id)
    names = [item[0] for item in result.description or []]
    run = dict(zip(names, result.fetchone() or (), strict=True))
    topics = connection.execute(
        "SELECT topic, count(*) AS n FROM article_topics SEMI JOIN "
        "(SELECT article_id FROM articles WHERE run_id = ?) USING (article_id) "
        "GROUP BY topic ORDER BY n DESC, topic", run_id).fetchall()  # fmt: skip
    failures = connection.execute(
        "SELECT stage, error_type, count(*) AS n FROM failures WHERE run_id = ? "
        "GROUP BY ALL ORDER BY stage, n DESC, error_type", run_id).fetchall()  # fmt: skip
    (first,) = connection.execute(
        "SELECT min_by(message, failed_at) FROM failures WHERE run_id = ? "
        "AND stage IN ('poll', 'read feed')", run_id).fetchone() or (None,)  # fmt: skip
    (left,) = connection.execute(
        "SELECT count(DISTINCT url_id) FROM entries "
        "WHERE state = 'pending' AND next_attempt_at <= now()").fetchone() or (0,)  # fmt: skip
    (next_due,) = connection.execute(
        "SELECT min(next_poll_at) FROM feeds WHERE listed").fetchone() or (None,)  # fmt: skip
    return Committed(run, topics, failures, first, left, next_due, shards)
