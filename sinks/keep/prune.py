"""Retention: removing old articles, and remembering them, so that they are not fetched again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from sinks.ask.selection import check, known
from sinks.connector.connection import Opened
from sinks.connector.errors import DatabaseError
from sinks.database.opening import change, must_exist, open_database
from sinks.database.sequence import next_sequence
from sinks.database.where import DuckLake, Where
from sinks.keep.pages import EXPIRED
from sinks.tables.tables import OF_ARTICLES

# $tagged: keep what has a topic; $topics: keep what has one of these.
CONDEMNED = """
CREATE OR REPLACE TEMP TABLE condemned AS
SELECT article_id, url_id, outlet, published_at, text_hash,
       strlen(text) + coalesce((SELECT sum(strlen(v.text)) FROM article_versions v
                                WHERE v.article_id = a.article_id), 0) AS bytes
FROM articles a
WHERE coalesce(published_at, listed_at) < $before
  AND NOT EXISTS (FROM article_topics t WHERE t.article_id = a.article_id
                  AND ($tagged OR list_contains($topics, t.topic)))
"""
REMEMBER = """
INSERT INTO pruned_articles BY NAME
SELECT * EXCLUDE bytes, now() AS pruned_at, $sequence AS sequence FROM condemned
"""
EMPTY = """
UPDATE entries
SET state = 'pruned', reason = $reason, title = NULL, byline = NULL, summary = NULL,
    content = NULL, feed_text_at = NULL,
    recheck_at = NULL
WHERE state = 'fetched' AND article_id IN (SELECT article_id FROM condemned)
"""


class Pruned(NamedTuple):
    """What was removed, or would be."""

    articles: int
    text_bytes: int
    outlets: list[tuple[str, int]]
    topics: list[tuple[str, int]]
    oldest: datetime | None
    newest: datetime | None


def prune(
    database: Where,
    before: datetime,
    reason: str,
    lock_timeout: float,
    *,
    keep_tagged: bool = False,
    keep_topics: Sequence[str] = (),
    dry_run: bool = False,
) -> Pruned:
    """Remove articles published before a time (listed, where no one says when), in one transaction.

    With them go their topics, evidence and earlier versions, what feeds said of them, and the rows
    of their kept pages, whose bytes `sinks.keep.pages.wipe_pages` removes. Their ids stay: of the
    article in `pruned_articles`, of the page in `entries`, in state pruned.

    Raises:
        ConfigError: a topic to be kept is none that the database knows; nothing is changed.
        DatabaseLocked: another process held the database; nothing is changed.
        DatabaseError: it could not be done; nothing is changed.
    """
    must_exist(database)
    chosen = {"before": before, "tagged": keep_tagged, "topics": list(keep_topics)}

    def work(opened: Opened) -> Pruned:
        pruned = _condemned(opened.connection, chosen)
        if pruned.articles:
            _remove(opened.connection, reason)
        opened.connection.execute(EXPIRED)
        return pruned

    with open_database(database, read_only=dry_run, lock_timeout=lock_timeout) as opened:
        connection = opened.connection
        try:
            check("topic", keep_topics, known(connection, "topic", "topics"))
            if dry_run:
                return _condemned(connection, chosen)
            pruned = change(opened, database, lock_timeout, work)
            if not isinstance(database, DuckLake):  # where it would do far more than that
                connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            raise DatabaseError(f"{database}: could not prune: {error}") from error
    return pruned


def _remove(connection: duckdb.DuckDBPyConnection, reason: str) -> None:
    connection.execute(REMEMBER, {"sequence": next_sequence(connection)})
    for table in OF_ARTICLES:
        connection.execute(
            f"DELETE FROM {table} WHERE article_id IN (SELECT article_id FROM condemned)"
        )
    connection.execute(EMPTY, {"reason": reason})


def _condemned(connection: duckdb.DuckDBPyConnection, chosen: dict[str, Any]) -> Pruned:
    connection.execute(CONDEMNED, chosen)
    ((articles, size, oldest, newest),) = connection.execute(
        "SELECT count(*), coalesce(sum(bytes), 0)::BIGINT, min(published_at), max(published_at) "
        "FROM condemned"
    ).fetchall()
    outlets = connection.execute(
        "SELECT outlet, count(*) AS n FROM condemned GROUP BY outlet ORDER BY n DESC, outlet"
    ).fetchall()
    topics = connection.execute(
        "SELECT topic, count(*) AS n FROM article_topics SEMI JOIN condemned USING (article_id) "
        "GROUP BY topic ORDER BY n DESC, topic"
    ).fetchall()
    return Pruned(articles, size, outlets, topics, oldest, newest)
