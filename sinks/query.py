"""Reading a database without being able to change anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from config.errors import QueryError
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
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise QueryError(f"the query is not UTF-8: {error}") from None
    with open_database(path, read_only=True, lock_timeout=lock_timeout, any_version=True) as opened:
        connection = opened.connection
        try:
            _close_off(connection, connection.extract_statements(sql))
            result = connection.execute(sql)
            columns = [item[0] for item in result.description or []]
            yield Rows(columns, _rows(result))
        except duckdb.Error as error:
            raise QueryError(str(error).strip()) from error


def _close_off(
    connection: duckdb.DuckDBPyConnection, statements: Sequence[duckdb.Statement]
) -> None:
    """Leave the query nothing but the database, which is open for reading only.

    Without external access DuckDB still lets the database's own files be named, and COPY writes
    over them. So only a SELECT keeps the file system, where large results spill; PIVOT is a
    CREATE and a SELECT to DuckDB.
    """
    kinds = [statement.type for statement in statements]
    if not kinds:
        raise QueryError("the query is empty")
    if len([kind for kind in kinds if kind != duckdb.StatementType.CREATE]) > 1:
        raise QueryError("this is more than one query; ask one at a time")
    connection.execute("SET enable_external_access = false")
    if kinds != [duckdb.StatementType.SELECT]:
        connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
    connection.execute("SET lock_configuration = true")


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := result.fetchmany(BATCH):
        yield from batch
