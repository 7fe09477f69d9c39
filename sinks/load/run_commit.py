"""Bringing staged shards into the database: one transaction for each run, each shard once.

A shard that is recorded in `staged_shards` is never loaded again, and every insert leaves out what
the database has, by stable ids. So a commit may be repeated, or done by a later run, at will.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from config.errors import DatabaseError
from sinks.connector.commit import Shard, record, unrecorded
from sinks.connector.connection import Opened, is_damage, mend
from sinks.database.lake import is_lake
from sinks.database.opening import change, one_row, open_database
from sinks.database.sequence import next_sequence
from sinks.database.where import DuckLake, Where
from sinks.staging.folder import RunFolder, Staging
from sinks.staging.shards import TABLES
from sinks.tables.ddl import quoted

CONFIGURED = pa.schema([
    ("feed_url", pa.string()), ("outlet", pa.string()), ("country", pa.string()),
    ("language", pa.string()), ("tags", pa.list_(pa.string())), ("interval_seconds", pa.int32()),
    ("position", pa.int32()), ("kind", pa.string()), ("robots", pa.string()),
    ("expect_entries", pa.int32()), ("expect_seconds", pa.int32()),
])  # fmt: skip
DEFINED = pa.schema([
    ("topic", pa.string()), ("name", pa.string()), ("taxonomy_version", pa.string()),
    ("definition", pa.list_(pa.string())),
])  # fmt: skip

MOST_RECHECKS = 8
"""Times that a page is read again because its listing changed; each wait is twice the last."""
STORY = r"""md5(regexp_replace(lower(list_filter(
    string_split(text, chr(10)), lambda p: length(p) >= 40)[1]), '[^\p{{L}}\p{{N}}]', '', 'g'))"""
"""The story_id of a text; braces doubled for `format`."""

# What staged rows become. In this order, inside one transaction; {run} is the run's id, quoted,
# {sequence} the number of this commit.
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
SHOWN = """
CREATE OR REPLACE TEMP TABLE shown AS
SELECT feed_url, polled_at AS listed_at, entry.*
FROM (SELECT feed_url, polled_at, unnest(listed) AS entry FROM polls)
QUALIFY row_number() OVER (PARTITION BY entry.entry_id ORDER BY polled_at) = 1
"""
LISTED = """
CREATE OR REPLACE TEMP TABLE listed AS SELECT * FROM shown ANTI JOIN entries USING (entry_id)
"""
# Known entries with another headline or date of change; one whose listing was never noted, by an
# earlier version of the program, is only noted. A poll that comes late says nothing new.
CHANGED = """
CREATE OR REPLACE TEMP TABLE changed AS
SELECT s.*, e.listing_id IS NOT NULL AS told
FROM shown s JOIN entries e USING (entry_id)
WHERE e.listing_id IS DISTINCT FROM s.listing_id
  AND (s.listed_at > coalesce(e.changed_at, e.listed_at)
       OR coalesce(e.changed_at, e.listed_at) > now())  -- put down by a clock that was wrong
"""
# Pages that had led to an article before, wherever they lead now: read again because of a changed
# listing, or brought twice by a retried bundle.
HAD = """
CREATE OR REPLACE TEMP TABLE had AS
SELECT DISTINCT p.url_id, e.article_id FROM pages p JOIN entries e USING (url_id)
WHERE e.state IN ('fetched', 'pruned')
"""
# Articles that were read again after their listing had changed; what they said before, found by
# rowid because a join would read the texts of all articles; and what they say now, where that is
# something else.
RECHECKED = """
CREATE OR REPLACE TEMP TABLE rechecked AS
SELECT h.article_id, p.* FROM pages p JOIN had h USING (url_id) JOIN entries e USING (article_id)
WHERE e.state = 'fetched' AND e.recheck_at IS NOT NULL
  AND (coalesce(e.changed_at, e.listed_at) <= p.fetched_at
       OR coalesce(e.changed_at, e.listed_at) > now())  -- put down by a clock that was wrong
QUALIFY row_number() OVER (
    PARTITION BY h.article_id ORDER BY p.article IS NULL, p.fetched_at DESC, p.url_id
) = 1
"""
BEFORE = """
CREATE OR REPLACE TEMP TABLE before AS
SELECT * FROM articles
WHERE rowid IN (SELECT a.rowid FROM articles a SEMI JOIN rechecked USING (article_id))
"""
REVISED = """
CREATE OR REPLACE TEMP TABLE revised AS
SELECT a.* REPLACE (
           p.article.title AS title, p.article.byline AS byline,
           p.article.published_at AS published_at, p.article.published_source AS published_source,
           p.article.fetched_at AS fetched_at,
           p.article.language AS language, p.article.text AS text,
           p.article.word_count AS word_count, p.article.text_hash AS text_hash,
           p.article.body_hash AS body_hash, p.article.bytes AS bytes,
           p.article.redirects AS redirects, p.article.extractor AS extractor,
           p.article.robots AS robots, p.article.text_source AS text_source,
           {run} AS run_id, a.version + 1 AS version, {sequence} AS sequence
       ), p.topics
FROM rechecked p JOIN before a USING (article_id)
LEFT JOIN articles other
    ON other.article_id = p.article.article_id AND other.article_id <> a.article_id
WHERE p.article IS NOT NULL AND other.article_id IS NULL  -- it leads to no other article
  AND (a.text_hash <> p.article.text_hash OR a.title IS DISTINCT FROM p.article.title)
"""
KEEP_VERSIONS = """
INSERT INTO article_versions BY NAME
WITH places AS (
    SELECT article_id, topic, list({{
               'field': field, 'start': start, 'end': "end", 'matched': matched, 'phrase': phrase
           }} ORDER BY field DESC, start) AS evidence
    FROM topic_evidence SEMI JOIN revised USING (article_id) GROUP BY ALL
), tagged AS (
    SELECT article_id, to_json(list({{
               'topic': topic, 'score': score, 'taxonomy_version': taxonomy_version,
               'evidence': evidence
           }} ORDER BY topic)) AS topics
    FROM article_topics SEMI JOIN revised USING (article_id)
    LEFT JOIN places USING (article_id, topic) GROUP BY ALL
)
SELECT a.* EXCLUDE (url, canonical_url, feed_url, outlet, country, published_source, listed_at,
                    redirects, robots, text_source, url_id, story_id, sequence),
       topics, {run} AS replaced_run_id
FROM before a SEMI JOIN revised USING (article_id) LEFT JOIN tagged USING (article_id)
"""
MAKE_ROOM = """
DELETE FROM articles WHERE article_id IN (SELECT article_id FROM revised);
DELETE FROM article_topics WHERE article_id IN (SELECT article_id FROM revised);
DELETE FROM topic_evidence WHERE article_id IN (SELECT article_id FROM revised)
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
    SELECT url_id,
           if(article.article_id IN (SELECT article_id FROM pruned_articles), 'pruned', state)
               AS state,
           error_type || ': ' || error AS reason, attempts, next_attempt_at,
           article.article_id AS article_id, fetched_at, 1 AS source
    FROM pages ANTI JOIN had USING (url_id)
    UNION ALL
    SELECT url_id, state, reason, attempts, next_attempt_at, article_id, NULL, 2
    FROM entries SEMI JOIN touched USING (url_id)
    UNION ALL
    SELECT url_id, 'fetched', NULL, NULL, NULL, article_id, NULL, 3
    FROM articles SEMI JOIN touched USING (url_id)
)
QUALIFY row_number() OVER (PARTITION BY url_id ORDER BY state NOT IN ('fetched', 'pruned'),
                              source, attempts DESC) = 1
"""
FRESH = """
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT * EXCLUDE feed_position FROM (
    SELECT article.*, topics, feed_position
    FROM pages ANTI JOIN had USING (url_id) WHERE article IS NOT NULL
) ANTI JOIN articles USING (article_id) ANTI JOIN pruned_articles USING (article_id)
QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY feed_position, url) = 1
"""
WRITTEN = """
CREATE OR REPLACE TEMP TABLE written AS
SELECT *, {run} AS run_id, 1 AS version, {sequence} AS sequence FROM fresh
UNION ALL BY NAME SELECT * EXCLUDE story_id FROM revised
"""
ARTICLES = f"""
INSERT INTO articles BY NAME SELECT * EXCLUDE topics, {STORY} AS story_id FROM written
"""
# Articles that were tagged anew. Only those whose set of topics changed are news to readers.
RETAGGED = """
CREATE OR REPLACE TEMP TABLE retagged AS
SELECT article_id, topics FROM staged_tags SEMI JOIN articles USING (article_id)
ANTI JOIN written USING (article_id)
QUALIFY row_number() OVER (PARTITION BY article_id) = 1
"""
REPLACE_TOPICS = """
UPDATE articles SET sequence = {sequence} WHERE article_id IN (
    SELECT article_id FROM retagged LEFT JOIN (
        SELECT article_id, list(topic ORDER BY topic) AS before
        FROM article_topics SEMI JOIN retagged USING (article_id) GROUP BY article_id
    ) USING (article_id)
    WHERE coalesce(before, []) <> list_sort(list_transform(topics, lambda t: t.topic))
);
DELETE FROM article_topics WHERE article_id IN (SELECT article_id FROM retagged);
DELETE FROM topic_evidence WHERE article_id IN (SELECT article_id FROM retagged)
"""
TAGGED = """
CREATE OR REPLACE TEMP TABLE tagged AS
SELECT article_id, topics FROM written UNION ALL FROM retagged
"""
ARTICLE_TOPICS = """
INSERT INTO article_topics BY NAME
SELECT article_id, topic.topic, topic.score, {taxonomy} AS taxonomy_version
FROM (SELECT article_id, unnest(topics) AS topic FROM tagged)
"""
TOPIC_EVIDENCE = """
INSERT INTO topic_evidence BY NAME
SELECT article_id, topic, place.*
FROM (SELECT article_id, topic.topic AS topic, unnest(topic.evidence) AS place
      FROM (SELECT article_id, unnest(topics) AS topic FROM tagged))
"""
RECHECKED_ENTRIES = """
UPDATE entries
SET recheck_at = CASE WHEN p.state = 'pending' THEN p.next_attempt_at END, rechecks = rechecks + 1
FROM rechecked p
WHERE entries.article_id = p.article_id AND entries.recheck_at IS NOT NULL
  AND (coalesce(changed_at, listed_at) <= p.fetched_at
       OR coalesce(changed_at, listed_at) > now())
"""
CHANGED_ENTRIES = f"""
UPDATE entries
SET listing_id = c.listing_id,
    title = CASE WHEN entries.state <> 'pruned' THEN c.title END,
    byline = CASE WHEN entries.state <> 'pruned' THEN c.byline END,
    summary = CASE WHEN entries.state <> 'pruned' THEN c.summary END,
    content = CASE WHEN entries.state <> 'pruned' THEN c.content END,
    feed_text_at = CASE WHEN c.content IS NOT NULL THEN feed_text_at END,
    published_at = c.published_at, published_raw = c.published_raw,
    changed_at = if(c.told, c.listed_at, entries.changed_at),
    recheck_at = CASE WHEN c.told AND entries.state = 'fetched' AND rechecks < {MOST_RECHECKS}
                      THEN c.listed_at + to_hours(if(rechecks = 0, 0, (1 << (rechecks - 1))))
                      ELSE recheck_at END
FROM changed c
WHERE entries.entry_id = c.entry_id
"""
KNOWN_ENTRIES = """
UPDATE entries
SET state = v.state, reason = v.reason, attempts = coalesce(v.attempts, entries.attempts),
    next_attempt_at = v.next_attempt_at, article_id = v.article_id,
    title = CASE WHEN v.state <> 'pruned' THEN title END,
    byline = CASE WHEN v.state <> 'pruned' THEN byline END,
    summary = CASE WHEN v.state <> 'pruned' THEN summary END,
    content = CASE WHEN v.state <> 'pruned' THEN content END,
    feed_text_at = CASE WHEN v.state = 'failed' AND entries.state = 'pending'
                             AND content IS NOT NULL THEN v.fetched_at END
FROM verdicts v
WHERE entries.url_id = v.url_id
  AND (entries.state = 'pending'
       OR (entries.state = 'failed' AND v.state IN ('fetched', 'pruned'))
       OR (feed_text_at IS NOT NULL AND v.fetched_at IS NOT NULL))  -- the feed's text failed too
"""
NEW_ENTRIES = """
INSERT INTO entries BY NAME
SELECT l.* REPLACE (
           coalesce(v.state, l.state) AS state, coalesce(v.reason, l.reason) AS reason,
           CASE WHEN v.state IS DISTINCT FROM 'pruned' THEN l.title END AS title,
           CASE WHEN v.state IS DISTINCT FROM 'pruned' THEN l.byline END AS byline,
           CASE WHEN v.state IS DISTINCT FROM 'pruned' THEN l.summary END AS summary,
           CASE WHEN v.state IS DISTINCT FROM 'pruned' THEN l.content END AS content
       ),
       {run} AS run_id, coalesce(v.attempts, 0) AS attempts, 0 AS rechecks,
       CASE WHEN coalesce(v.state, l.state) = 'pending'
            THEN coalesce(v.next_attempt_at, l.listed_at) END AS next_attempt_at,
       CASE WHEN v.state = 'failed' AND l.content IS NOT NULL THEN l.listed_at END AS feed_text_at,
       v.article_id
FROM listed l LEFT JOIN verdicts v USING (url_id)
"""
# What the feeds file says of a feed, or else what it said last; what the last poll left, or else
# what was left before.
CONFIGURATION = ("outlet", "country", "language", "tags", "interval_seconds", "kind", "robots",
                 "expect_entries", "expect_seconds")  # fmt: skip
POLL_STATE = ("etag", "last_modified", "body_hash", "next_poll_at", "failing_since", "address",
              "moving_to", "moving_since", "gap_seconds", "newest_entry_at", "hints",
              "last_body_at", "lasting_since")  # fmt: skip
FEEDS = f"""
CREATE OR REPLACE TEMP TABLE next_feeds AS
WITH newer AS (  -- alone, because a join on more than equality compares each poll with each feed
    SELECT p.* FROM polls p LEFT JOIN feeds f USING (feed_url)
    WHERE p.polled_at > coalesce(f.last_polled_at, '-infinity'::TIMESTAMPTZ)
       OR f.last_polled_at > now()  -- put down by a clock that was wrong
)
SELECT coalesce(c.feed_url, f.feed_url) AS feed_url,
       {", ".join(f"if(c.feed_url IS NULL, f.{x}, c.{x}) AS {x}" for x in CONFIGURATION)},
       coalesce(c.position, f.position) AS position,
       c.feed_url IS NOT NULL AND c.kind IS DISTINCT FROM 'warc' AS listed,
       coalesce(p.state, f.state, 'active') AS state,
       {", ".join(f"if(p.feed_url IS NULL, f.{x}, p.{x}) AS {x}" for x in POLL_STATE)},
       coalesce(p.moves_seen, f.moves_seen, 0) AS moves_seen,
       coalesce(p.false_304, f.false_304, false) AS false_304,
       coalesce(p.polled_at, f.last_polled_at) AS last_polled_at,
       if(p.status <> 'failed', p.polled_at, f.last_ok_at) AS last_ok_at,
       coalesce(p.failures, f.failures, 0) AS failures,
       CASE WHEN p.feed_url IS NULL THEN f.last_error
            WHEN p.status = 'failed' THEN p.error_type || ': ' || p.error END AS last_error
FROM feeds f
FULL JOIN configured c ON c.feed_url = f.feed_url
LEFT JOIN newer p ON p.feed_url = coalesce(c.feed_url, f.feed_url)
"""
REPLACE_FEEDS = """
DELETE FROM feeds;
INSERT INTO feeds BY NAME SELECT * FROM next_feeds
"""
FEED_POLLS = """
INSERT INTO feed_polls BY NAME
SELECT {run} AS run_id, feed_url, polled_at, status, http_status, entries,
       (SELECT count(*) FROM listed l WHERE l.feed_url = p.feed_url) AS new_entries,
       (SELECT count(*) FROM changed c WHERE c.feed_url = p.feed_url AND c.told) AS changed_entries,
       overflow AND feed_url NOT IN (SELECT feed_url FROM changed) AS overflow,
       bytes, milliseconds, redirected_to, next_poll_at, schedule, error_type, error
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
QUALIFY row_number() OVER (PARTITION BY failure_id ORDER BY failed_at) = 1
"""
ROBOTS = """
CREATE OR REPLACE TEMP TABLE read_robots AS
SELECT *, {run} AS run_id FROM staged_robots
QUALIFY row_number() OVER (PARTITION BY origin ORDER BY fetched_at DESC) = 1
"""
REPLACE_ROBOTS = """
DELETE FROM robots WHERE origin IN (SELECT origin FROM read_robots);
INSERT INTO robots BY NAME SELECT * FROM read_robots
"""
HOSTS = """
CREATE OR REPLACE TEMP TABLE resting AS
SELECT *, {run} AS run_id FROM staged_hosts
QUALIFY row_number() OVER (PARTITION BY host ORDER BY resting_until DESC, noted_at DESC) = 1
"""
REPLACE_HOSTS = """
DELETE FROM hosts WHERE host IN (SELECT host FROM resting);
INSERT INTO hosts BY NAME SELECT * FROM resting
"""
TOPICS = """
INSERT INTO topics BY NAME SELECT * FROM defined ANTI JOIN topics USING (topic, taxonomy_version)
"""
LOAD = (
    POLLS, PAGES, SHOWN, LISTED, CHANGED, HAD, TOUCHED, VERDICTS, RECHECKED, BEFORE, REVISED,
    FRESH, WRITTEN, KEEP_VERSIONS, MAKE_ROOM, ARTICLES, RETAGGED, REPLACE_TOPICS, TAGGED,
    ARTICLE_TOPICS, TOPIC_EVIDENCE, KNOWN_ENTRIES, RECHECKED_ENTRIES, CHANGED_ENTRIES,
    NEW_ENTRIES, FEEDS, REPLACE_FEEDS, FEED_POLLS, FAILURES, ROBOTS, REPLACE_ROBOTS, HOSTS,
    REPLACE_HOSTS, TOPICS,
)  # fmt: skip
NEEDS = {
    KEEP_VERSIONS: "revised", MAKE_ROOM: "revised", ARTICLES: "written",
    REPLACE_TOPICS: "retagged", ARTICLE_TOPICS: "tagged", TOPIC_EVIDENCE: "tagged",
    KNOWN_ENTRIES: "verdicts", RECHECKED_ENTRIES: "rechecked", CHANGED_ENTRIES: "changed",
    NEW_ENTRIES: "listed", FEED_POLLS: "polls", REPLACE_ROBOTS: "read_robots",
    REPLACE_HOSTS: "resting",
}  # fmt: skip
"""Statements that do nothing where one of the tables made before is empty, and so are left out."""
MAKES = re.compile(r"\s*CREATE OR REPLACE TEMP TABLE (\w+)")
TOLD = "published_source = 'feed' AND epoch(published_at) > epoch(listed_at) - 86400"
"""Whether the time since publication tells how late an article was seen. By epoch, because to
reckon with moments themselves goes through calendars, and is twenty times as slow."""
# A late shard of the same run adds to what its row said before; its lags replace the earlier ones.
RUN_COUNTS = """
WITH before AS (
    SELECT max(pages) AS pages, max(pages_failed) AS failed, max(pages_pending) AS pending,
           max(entries_new) AS entries, max(articles_new) AS articles,
           max(articles_changed) AS changed, max(listed_lag_seconds) AS listed_lag,
           max(published_lag_seconds) AS published_lag
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
), lags AS (
    SELECT median(epoch($now) - epoch(listed_at)) AS listed,
           median(epoch($now) - epoch(published_at)) FILTER ({told}) AS published
    FROM fresh
)
SELECT polled.*,
       (SELECT count(*) FROM listed) + coalesce(before.entries, 0) AS entries_new,
       tried.pages + coalesce(before.pages, 0) AS pages,
       tried.failed + coalesce(before.failed, 0) AS pages_failed,
       tried.pending + coalesce(before.pending, 0) AS pages_pending,
       (SELECT count(*) FROM fresh) + coalesce(before.articles, 0) AS articles_new,
       (SELECT count(*) FROM revised) + coalesce(before.changed, 0) AS articles_changed,
       round(coalesce(lags.listed, before.listed_lag), 3) AS listed_lag_seconds,
       round(coalesce(lags.published, before.published_lag), 3) AS published_lag_seconds
FROM polled, tried, before, lags
"""


LAG_BOUNDS = (1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
              10800.0, 21600.0, 86400.0)  # fmt: skip
# What was listed or published after its commit was so by a clock that was wrong: that is no lag.
LAGS = f"""
WITH lags AS (
    SELECT 'listed' AS what, greatest(epoch($now) - epoch(listed_at), 0) AS seconds FROM fresh
    UNION ALL
    SELECT 'published', greatest(epoch($now) - epoch(published_at), 0) FROM fresh WHERE {{told}}
)
SELECT what, avg(seconds), count(*) FROM lags
GROUP BY what, {" + ".join(f"(seconds > {bound})::INTEGER" for bound in LAG_BOUNDS)} ORDER BY ALL
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
    ill: list[tuple[str, int]]
    """(broken, failing or retired, count) of all listed feeds, polled in this run or not."""
    below: list[tuple[str, int, int, int]]
    """(outlet, entries, entries expected, in so many seconds) of feeds that brought too little."""
    well: int
    """Listed feeds that are not ill."""
    due: int
    """Listed feeds that are due already."""
    next_attempt: datetime | None
    """When the next pending page is due, or since when."""
    not_modified: int
    """Polls of this commit that were answered 304."""
    lags: list[tuple[str, float, int]]
    """(listed or published, seconds, new articles): from there to the commit. Articles whose lags
    lie between the same two of LAG_BOUNDS stand together, with the mean of their lags."""


def commit_run(
    database: Where, folder: RunFolder, lock_timeout: float, asked_at: float | None = None
) -> Committed:
    """Commit a run's shards in one transaction, then remove its folder.

    With `asked_at`, by the monotonic clock, the wait for the database counts from then on.

    Raises:
        DatabaseLocked: another process held the database; everything stays staged.
        DatabaseError: the database could not take the rows, or its file is damaged; everything
            stays staged.
    """
    plan = folder.read_json("run.json") or {}
    with (
        folder.fetched() as files,  # first: nobody waits for the database meanwhile
        open_database(database, read_only=False, lock_timeout=lock_timeout) as opened,
    ):
        if asked_at is not None:
            opened = opened._replace(waited=opened.since - asked_at)
        try:
            committed = change(
                opened, database, lock_timeout, lambda opened: _bring(opened, folder, plan, files)
            )
            if not isinstance(database, DuckLake):
                held = _settle(opened.connection, database, folder, opened.since)
                committed = committed._replace(run=committed.run | {"commit_seconds": held})
        except duckdb.Error as error:
            advice = ""
            if is_damage(error) and not isinstance(database, DuckLake):
                advice = f"; the file is damaged: {mend(database)}"
            raise DatabaseError(
                f"{database}: could not commit run {folder.run_id}, "
                f"which stays staged in {folder.address}: {error}{advice}"
            ) from error
    folder.remove()
    return committed


def _bring(
    opened: Opened, folder: RunFolder, plan: dict[str, Any], files: Mapping[Shard, Path]
) -> Committed:
    """Write all that a run brought; the caller owns the transaction."""
    connection = opened.connection
    shards = unrecorded(connection, list(files))
    _load(connection, folder, plan, {shard: files[shard] for shard in shards})
    record(connection, shards, [files[shard] for shard in shards])
    _record_run(connection, folder, plan, opened)
    return _report(connection, folder, len(shards))


def _settle(
    connection: duckdb.DuckDBPyConnection, database: str | Path, folder: RunFolder, since: float
) -> float:
    """Bring what is committed from the log to the file, and note how long the file was held.

    On a full disk the rows stay in the log, where they are safe, until there is room.

    Raises:
        DatabaseError: the file is damaged.
    """
    held = 0.0
    try:
        connection.execute("CHECKPOINT")
        held = round(time.monotonic() - since, 3)
        connection.execute(
            "UPDATE runs SET commit_seconds = ? WHERE run_id = ?", [held, folder.run_id]
        )
    except duckdb.Error as error:
        if is_damage(error):
            raise DatabaseError(
                f"{database}: the file is damaged: {str(error).splitlines()[0]}; the rows of run "
                f"{folder.run_id} are safe in the log {os.path.realpath(database)}.wal, and stay "
                f"staged in {folder.address}: {mend(database)}, then `newsbeam commit`"
            ) from error
    return held


def recover(database: Where, staging: Staging, lock_timeout: float) -> list[Committed]:
    """Commit what earlier runs left staged, oldest first.

    Raises:
        DatabaseLocked: another process held the database.
    """
    recovered = []
    for folder in staging.runs():
        if _is_worth(folder):
            recovered.append(commit_run(database, folder, lock_timeout))
        else:
            folder.remove()
    return recovered


def _is_worth(folder: RunFolder) -> bool:
    """Not so of a run that died before it had a plan, nor of half a `retag`, which is no commit."""
    plan = folder.read_json("run.json")
    return plan is not None and ("feeds" in plan or folder.read_json("finished.json") is not None)


def _load(
    connection: duckdb.DuckDBPyConnection,
    folder: RunFolder,
    plan: dict[str, Any],
    shards: Mapping[Shard, Path],
) -> None:
    for kind, table in TABLES.items():
        paths = [str(path) for shard, path in shards.items() if shard.table == kind]
        nothing = table.arrow.empty_table()
        staged = connection.read_parquet(paths) if paths else connection.from_arrow(nothing)
        connection.register(f"staged_{kind}", staged)
    if "feeds" in plan:
        configured = connection.from_arrow(pa.Table.from_pylist(plan["feeds"], CONFIGURED))
    else:  # a run that looked at no feeds
        columns = ", ".join(CONFIGURED.names)
        configured = connection.sql(f"SELECT {columns} FROM feeds WHERE listed")
    defined = pa.Table.from_pylist(plan.get("topics", []), DEFINED)
    connection.register("configured", configured)
    connection.register("defined", defined)
    names = {
        "run": quoted(folder.run_id),
        "taxonomy": quoted(plan["taxonomy_version"]),
        "sequence": next_sequence(connection),
    }
    made: dict[str, int] = {}
    for statement in LOAD:
        if statement in NEEDS and not made[NEEDS[statement]]:
            continue
        result = connection.execute(statement.format(**names))
        if table_made := MAKES.match(statement):
            ((made[table_made[1]],),) = result.fetchall()


def _record_run(
    connection: duckdb.DuckDBPyConnection, folder: RunFolder, plan: dict[str, Any], opened: Opened
) -> None:
    end = folder.read_json("finished.json") or {"state": "died"}
    row = {name: plan.get(name) for name in (
        "started_at", "newsbeam_version", "runner", "taxonomy_version", "feeds_due",
        "plan_seconds")}  # fmt: skip
    row |= {name: end.get(name) for name in (
        "finished_at", "state", "message", "poll_seconds", "page_seconds",
        "cpu_seconds")}  # fmt: skip
    now = datetime.now(timezone.utc)
    row |= one_row(
        connection, RUN_COUNTS.format(run=quoted(folder.run_id), told=TOLD), {"now": now}
    )
    row |= {
        "run_id": folder.run_id,
        "lock_seconds": round(opened.waited, 3),
        "committed_at": now,
    }
    if is_lake(connection):  # where to note it later would be another commit
        row["commit_seconds"] = round(time.monotonic() - opened.since, 3)
    connection.execute("DELETE FROM runs WHERE run_id = ?", [folder.run_id])
    columns = ", ".join(row)
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO runs ({columns}) VALUES ({marks})", list(row.values()))


def _report(connection: duckdb.DuckDBPyConnection, folder: RunFolder, shards: int) -> Committed:
    run_id = [folder.run_id]
    run = one_row(connection, "FROM runs WHERE run_id = ?", run_id)
    topics = connection.execute(
        "SELECT topic.topic AS name, count(*) AS n "
        "FROM (SELECT unnest(topics) AS topic FROM tagged) GROUP BY ALL ORDER BY n DESC, name"
    ).fetchall()
    failures = connection.execute(
        "SELECT stage, error_type, count(*) AS n FROM failures WHERE run_id = ? "
        "GROUP BY ALL ORDER BY stage, n DESC, error_type", run_id).fetchall()  # fmt: skip
    (first,) = connection.execute(
        "SELECT min_by(message, failed_at) FROM failures WHERE run_id = ? "
        "AND stage IN ('poll', 'read feed')", run_id).fetchone() or (None,)  # fmt: skip
    left, next_attempt = connection.execute(
        "SELECT count(DISTINCT url_id) FILTER (next_attempt_at <= now()), min(next_attempt_at) "
        "FROM entries WHERE state = 'pending'").fetchone() or (0, None)  # fmt: skip
    due, next_due = connection.execute(
        "SELECT count(*) FILTER (next_poll_at <= now() OR last_polled_at IS NULL), "
        "min(next_poll_at) FROM feeds WHERE listed").fetchone() or (0, None)  # fmt: skip
    health = connection.execute(
        "SELECT CASE WHEN state <> 'active' THEN state WHEN failures > 0 THEN 'failing' "
        "ELSE 'ok' END AS health, count(*) FROM feeds WHERE listed GROUP BY ALL ORDER BY health"
    ).fetchall()
    below = connection.execute(
        "SELECT outlet, entries, expect_entries, expect_seconds FROM expectations WHERE NOT met"
    ).fetchall()
    (not_modified,) = connection.execute(
        "SELECT count(*) FROM polls WHERE http_status = 304").fetchone() or (0,)  # fmt: skip
    lags = connection.execute(LAGS.format(told=TOLD), {"now": run["committed_at"]}).fetchall()
    return Committed(
        run, topics, failures, first, left, next_due, shards,
        [(word, count) for word, count in health if word != "ok"], below,
        dict(health).get("ok", 0), due, next_attempt, not_modified, lags,
    )  # fmt: skip
