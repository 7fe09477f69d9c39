"""Reading a database without being able to change anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from config.errors import DatabaseError, QueryError
from sinks.database import open_database

BATCH = 1_000


class Rows(NamedTuple):
    """A result: names of its columns, and its rows as they come."""

    columns: list[str]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def query(path: str | Path, sql: str, lock_timeout: float = 10.0) -> Iterator[Rows]:
    """Run one query, read-only: no writing, no attaching, no files, no extensions.

    Raises:
        QueryError: DuckDB refuses the query.
        DatabaseError: the database cannot be opened.
    """
    if not Path(path).exists():
        raise DatabaseError(f"{path}: no such database; `newsbeam run` makes one")
    with open_database(path, read_only=True, lock_timeout=lock_timeout) as opened:
        connection = opened.connection
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            result = connection.execute(sql)
            columns = [item[0] for item in result.description or []]
            yield Rows(columns, _rows(result))
        except duckdb.Error as error:
            raise QueryError(str(error).strip()) from error


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := result.fetchmany(BATCH):
        yield from batch
