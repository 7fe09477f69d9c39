"""How a database fares: what ran last, what is late, what is owed, what fails. It is only read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sinks.database.opening import all_rows, one_row, open_database
from sinks.database.where import Where, shown
from sinks.keep.info import sizes
from sinks.staging.folder import layout_of, set_aside, store_of, waiting
from sinks.staging.shards import LAYOUTS
from sinks.tables.rules import HEALTH, TELLS_LAG, lag
from transforms.times import LONGEST_RETRY_AFTER
from transforms.web.pace import LONGEST_REST

LAST_RUN = """
SELECT run_id, state, message, started_at, finished_at, committed_at, listed_lag_seconds,
       published_lag_seconds
FROM runs ORDER BY run_id DESC LIMIT 1
"""
# A feed that was never polled is due since it is known, which is since the last commit at most.
FEEDS = f"""
WITH judged AS (
    SELECT *, {HEALTH} AS health,
           coalesce(next_poll_at, (SELECT max(committed_at) FROM runs)) AS due_at
    FROM feeds WHERE listed
)
SELECT count(*) AS listed, count(*) FILTER (health = 'ok') AS ok,
       count(*) FILTER (health = 'failing') AS failing,
       count(*) FILTER (health = 'broken') AS broken,
       count(*) FILTER (health = 'retired') AS retired,
       count(*) FILTER (last_polled_at IS NULL) AS never_polled,
       count(*) FILTER (health <> 'retired' AND due_at <= $now) AS due,
       count(*) FILTER (health <> 'retired' AND due_at <= $overdue) AS overdue,
       epoch($now - min(due_at) FILTER (health <> 'retired' AND due_at <= $now))
           AS longest_due_seconds,
       arg_min(outlet, due_at) FILTER (health <> 'retired' AND due_at <= $now) AS longest_due
FROM judged
"""
BELOW = """
SELECT outlet, entries, expect_entries, expect_seconds, feed_url FROM expectations WHERE NOT met
"""
# What is to wait longer than anything may was put down by a clock that was wrong: it is due.
PAGES = """
WITH owed AS (
    SELECT url_id, min(listed_at) AS listed_at, min(next_attempt_at) AS due_at
    FROM entries WHERE state = 'pending' GROUP BY url_id
)
SELECT count(*) AS owed, count(*) FILTER (due_at <= $now OR due_at > $latest) AS due,
       epoch($now - min(due_at) FILTER (due_at <= $now)) AS longest_due_seconds,
       epoch($now - min(listed_at)) AS oldest_seconds
FROM owed
"""
HOSTS = """
SELECT host, resting_until, failures, last_error FROM hosts
WHERE resting_until > $now AND resting_until <= $latest ORDER BY resting_until DESC, host
"""
DAY = """
SELECT count(*) AS runs, count(*) FILTER (state IN ('failed', 'died')) AS runs_failed,
       coalesce(sum(feeds_polled), 0)::BIGINT AS polls,
       coalesce(sum(feeds_failed), 0)::BIGINT AS polls_failed,
       coalesce(sum(pages), 0)::BIGINT AS pages,
       coalesce(sum(pages_failed + pages_pending), 0)::BIGINT AS pages_failed
FROM runs WHERE committed_at > $since
"""
# By hour of the commit, and with hour NULL over all of them.
LAGS = f"""
SELECT time_bucket(INTERVAL 1 HOUR, committed_at) AS hour, count(*) AS articles,
       round(median(listed), 3) AS listed_seconds,
       round(quantile_cont(listed, 0.95), 3) AS listed_seconds_p95,
       round(median(published), 3) AS published_seconds
FROM (
    SELECT committed_at, {lag("listed_at", "committed_at")} AS listed,
           CASE WHEN {TELLS_LAG} THEN {lag("published_at", "committed_at")} END AS published
    FROM articles JOIN runs USING (run_id)
    WHERE version = 1 AND committed_at > $since AND fetched_at > $fetched
)
GROUP BY GROUPING SETS ((), (time_bucket(INTERVAL 1 HOUR, committed_at)))
HAVING count(*) > 0 ORDER BY hour NULLS FIRST
"""
LONGEST_RUN = timedelta(days=2)
"""Pages fetched longer before a commit than this are left out, so that few articles are read."""


def read_status(
    path: Where, lock_timeout: float, *, overdue: float, staging: str | None = None
) -> dict[str, Any]:
    """All of it as one document; `overdue` is after how many seconds a feed is called so.

    Raises:
        DatabaseLocked, SchemaMismatch, DatabaseError: as of `open_database`.
        ConfigError, StagingError: the staging folder cannot be looked at.
    """
    with open_database(path, read_only=True, lock_timeout=lock_timeout) as opened:
        connection = opened.connection
        now = datetime.now(UTC)
        since = now - timedelta(days=1)
        lags = all_rows(connection, LAGS, {"since": since, "fetched": since - LONGEST_RUN})
        whole = [row for row in lags if row["hour"] is None]
        found = {
            "path": shown(path),
            "now": now,
            "last_run": one_row(connection, LAST_RUN) or None,
            "feeds": {
                **one_row(
                    connection, FEEDS, {"now": now, "overdue": now - timedelta(seconds=overdue)}
                ),
                "below_expectation": all_rows(connection, BELOW),
            },
            "pages": one_row(
                connection,
                PAGES,
                {"now": now, "latest": now + timedelta(seconds=LONGEST_RETRY_AFTER)},
            ),
            "resting_hosts": all_rows(
                connection,
                HOSTS,
                {"now": now, "latest": now + timedelta(seconds=LONGEST_REST)},
            ),
            "last_day": {
                **one_row(connection, DAY, {"since": since}),
                "lag": {name: value for name, value in whole[0].items() if name != "hour"}
                if whole
                else None,
                "lag_by_hour": [row for row in lags if row["hour"] is not None],
            },
            **sizes(connection, path),
        }
    with store_of(path, staging, (), lock_timeout) as place:
        return {
            **found,
            "staged": [run.run_id for run in waiting(place)],
            "set_aside": [f"{place.address}/{name}" for name in set_aside(place)],
            "staging_is_of_another_version": layout_of(place) not in (None, *LAYOUTS),
        }
