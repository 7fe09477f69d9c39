"""What a database holds: rows, tables, and what two runs must have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from sinks.database.lake import open_at
from sinks.database.where import DuckLake, Where


@contextmanager
def reading(database: Where) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to read from, times in UTC."""
    if isinstance(database, DuckLake):
        with open_at(database, read_only=True, lock_timeout=60) as opened:
            yield opened.connection
    else:
        with duckdb.connect(str(database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


def rows(database: Where, query: str) -> list[tuple[Any, ...]]:
    """What a query finds, times in UTC."""
    with reading(database) as connection:
        return connection.execute(query).fetchall()


def tables(database: Where, wanted: dict[str, str]) -> dict[str, list[str]]:
    """The rows of tables, sorted: of each the columns that a SELECT list names."""
    with reading(database) as connection:
        return {
            table: sorted(
                map(repr, connection.execute(f"SELECT {columns} FROM {table}").fetchall())
            )
            for table, columns in wanted.items()
        }


SAME_ROWS = {
    "articles": "* EXCLUDE (listed_at, fetched_at, run_id, sequence)",
    "article_versions": "* EXCLUDE (fetched_at, run_id, replaced_run_id)",
    "article_topics": "*",
    "topic_evidence": "*",
    "topics": "*",
    "entries": """* EXCLUDE (listed_at, changed_at, run_id, next_attempt_at, recheck_at),
        changed_at IS NOT NULL, recheck_at IS NOT NULL""",
    "feeds": "feed_url, outlet, state, etag, last_modified, body_hash, last_error, failures",
}


def content(database: Where) -> dict[str, list[str]]:
    """All rows that two runs over the same news must have in common, sorted."""
    return tables(database, SAME_ROWS)


OBJECTS = (
    "SELECT table_name, comment, sql FROM duckdb_tables()",
    "SELECT table_name, column_name, column_index, data_type, is_nullable, comment "
    "FROM duckdb_columns() WHERE NOT internal",
    "SELECT view_name, comment, sql FROM duckdb_views() WHERE NOT internal",
    "SELECT table_name, constraint_text FROM duckdb_constraints()",
)
