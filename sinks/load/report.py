"""What a commit brought: the run's row, and what is said of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import duckdb

from sinks.connector.connection import Opened
from sinks.database.lake import is_lake
from sinks.database.opening import one_row
from sinks.staging.folder import RunFolder
from sinks.tables.ddl import quoted
from sinks.tables.rules import HEALTH, TELLS_LAG, lag

# A late shard of the same run adds to what its row said before; its lags replace the earlier ones.
RUN_COUNTS = f"""
WITH before AS (
    SELECT max(pages) AS pages, max(pages_failed) AS failed, max(pages_pending) AS pending,
           max(entries_new) AS entries, max(articles_new) AS articles,
           max(articles_changed) AS changed, max(listed_lag_seconds) AS listed_lag,
           max(published_lag_seconds) AS published_lag
    FROM runs WHERE run_id = {{run}}
), polled AS (
    SELECT count(*) AS feeds_polled,
           count(*) FILTER (status = 'unchanged') AS feeds_unchanged,
           count(*) FILTER (status = 'failed') AS feeds_failed
    FROM feed_polls WHERE run_id = {{run}}
), tried AS (
    SELECT count(*) AS pages, count(*) FILTER (state = 'failed') AS failed,
           count(*) FILTER (state = 'pending') AS pending
    FROM pages
), looks_of AS (
    SELECT count(*) AS looks, count(*) FILTER (status = 'changed') AS changed,
           count(*) FILTER (status = 'failed') AS failed, sum(bytes)::BIGINT AS bytes
    FROM article_looks WHERE run_id = {{run}} AND cause = 'revisit'
), lags AS (
    SELECT median({lag("listed_at", "$now")}) AS listed,
           median({lag("published_at", "$now")}) FILTER ({TELLS_LAG}) AS published
    FROM fresh
)
SELECT polled.*,
       (SELECT count(*) FROM listed) + coalesce(before.entries, 0) AS entries_new,
       tried.pages + coalesce(before.pages, 0) AS pages,
       tried.failed + coalesce(before.failed, 0) AS pages_failed,
       tried.pending + coalesce(before.pending, 0) AS pages_pending,
       (SELECT count(*) FROM fresh) + coalesce(before.articles, 0) AS articles_new,
       (SELECT count(*) FROM revised WHERE changed) + coalesce(before.changed, 0)
           AS articles_changed,
       looks_of.looks, looks_of.changed AS looks_changed, looks_of.failed AS looks_failed,
       coalesce(looks_of.bytes, 0) AS look_bytes,
       round(coalesce(lags.listed, before.listed_lag), 3) AS listed_lag_seconds,
       round(coalesce(lags.published, before.published_lag), 3) AS published_lag_seconds
FROM polled, tried, looks_of, before, lags
"""


LAG_BOUNDS = (1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
              10800.0, 21600.0, 86400.0)  # fmt: skip
# What was listed or published after its commit was so by a clock that was wrong: that is no lag.
LAGS = f"""
WITH lags AS (
    SELECT 'listed' AS what, greatest({lag("listed_at", "$now")}, 0) AS seconds FROM fresh
    UNION ALL
    SELECT 'published', greatest({lag("published_at", "$now")}, 0) FROM fresh WHERE {TELLS_LAG}
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
    set_aside: list[tuple[str, str]]
    """(staged file that could not be loaded, why)"""


def record_run(
    connection: duckdb.DuckDBPyConnection, folder: RunFolder, plan: dict[str, Any], opened: Opened
) -> None:
    """Write the run's row anew: a late shard adds to what it said."""
    end = folder.read_json("finished.json") or {"state": "died"}
    row = {name: plan.get(name) for name in (
        "started_at", "newsbeam_version", "runner", "taxonomy_version", "feeds_due",
        "plan_seconds")}  # fmt: skip
    row |= {name: end.get(name) for name in (
        "finished_at", "state", "message", "poll_seconds", "page_seconds",
        "cpu_seconds")}  # fmt: skip
    now = datetime.now(UTC)
    row |= one_row(connection, RUN_COUNTS.format(run=quoted(folder.run_id)), {"now": now})
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


def report(
    connection: duckdb.DuckDBPyConnection,
    folder: RunFolder,
    shards: int,
    set_aside: list[tuple[str, str]],
) -> Committed:
    """What is told of a commit, from the tables that it left."""
    run_id = [folder.run_id]
    run = one_row(connection, "FROM runs WHERE run_id = ?", run_id)
    topics = connection.execute(
        "SELECT topic.topic AS name, count(*) AS n "
        "FROM (SELECT unnest(topics) AS topic FROM said) GROUP BY ALL ORDER BY n DESC, name"
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
        f"SELECT {HEALTH} AS health, count(*) FROM feeds WHERE listed GROUP BY ALL ORDER BY health"
    ).fetchall()
    below = connection.execute(
        "SELECT outlet, entries, expect_entries, expect_seconds FROM expectations WHERE NOT met"
    ).fetchall()
    (not_modified,) = connection.execute(
        "SELECT count(*) FROM polls WHERE http_status = 304").fetchone() or (0,)  # fmt: skip
    lags = connection.execute(LAGS, {"now": run["committed_at"]}).fetchall()
    return Committed(
        run=run,
        topics=topics,
        failures=failures,
        first_failure=first,
        left=left,
        next_due=next_due,
        shards=shards,
        ill=[(word, count) for word, count in health if word != "ok"],
        below=below,
        well=dict(health).get("ok", 0),
        due=due,
        next_attempt=next_attempt,
        not_modified=not_modified,
        lags=lags,
        set_aside=set_aside,
    )
