"""Opening a newsbeam database: made where it is absent, brought up to date where it is old."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from config.errors import DatabaseError, SchemaMismatch
from config.models import VERSION
from sinks.connector.commit import transaction
from sinks.connector.connection import Opened, open_file
from sinks.migrations import migrate
from sinks.schema import SCHEMA_VERSION, statements

ABSENT = "no such database; name one with --database, or let `newsbeam run` make it"


@contextmanager
def open_database(
    path: str | Path, *, read_only: bool, lock_timeout: float, any_version: bool = False
) -> Iterator[Opened]:
    """Open a newsbeam database, waiting so many seconds at most for other processes.

    Opened for writing, an absent file is created, and one of an earlier schema is migrated. Read,
    one of an earlier schema is refused, unless `any_version`.

    Raises:
        DatabaseLocked: another process held it all the time.
        SchemaMismatch: it is no newsbeam database, or one of another version.
        DatabaseError: anything else is wrong with the file.
    """
    if read_only:
        must_exist(path)
    with open_file(path, read_only=read_only, lock_timeout=lock_timeout) as opened:
        found = schema_version(opened.connection, str(path))
        if found > SCHEMA_VERSION:
            raise SchemaMismatch(
                f"{path}: schema version {found} is newer than newsbeam {VERSION}, which knows "
                f"{SCHEMA_VERSION}; use the version that wrote it, or a newer one"
            )
        if read_only:
            if found < SCHEMA_VERSION and not any_version:
                raise SchemaMismatch(
                    f"{path}: schema version {found}, but newsbeam {VERSION} reads "
                    f"{SCHEMA_VERSION}; `newsbeam db migrate` brings it up to date"
                )
        else:
            _update(opened.connection, str(path), found)
        yield opened


def must_exist(path: str | Path) -> None:
    """Refuse to go on without a file.

    Raises:
        DatabaseError: there is none.
    """
    if not Path(path).exists():
        raise DatabaseError(f"{path}: {ABSENT}")


def bring_up_to_date(path: str | Path, lock_timeout: float) -> int | None:
    """Migrate a database of an earlier schema; the version that it had, None without a file.

    Raises:
        DatabaseLocked, SchemaMismatch, DatabaseError: as of `open_database`.
    """
    if not Path(path).exists():
        return None
    with open_database(path, read_only=True, lock_timeout=lock_timeout, any_version=True) as opened:
        found = schema_version(opened.connection, str(path))
    if found < SCHEMA_VERSION:
        with open_database(path, read_only=False, lock_timeout=lock_timeout):
            pass
    return found


def database_id(path: str | Path, lock_timeout: float) -> str:
    """What tells a database from all others; it is made where it is absent.

    Raises:
        DatabaseLocked, SchemaMismatch, DatabaseError: as of `open_database`.
    """
    if bring_up_to_date(path, lock_timeout) is None:
        with open_database(path, read_only=False, lock_timeout=lock_timeout):
            pass
    with open_database(path, read_only=True, lock_timeout=lock_timeout) as opened:
        return str(one_row(opened.connection, "FROM newsbeam_schema LIMIT 1")["database_id"])


def schema_version(connection: duckdb.DuckDBPyConnection, path: str) -> int:
    """The version of a database's tables; 0 where there is none yet.

    Raises:
        SchemaMismatch: the tables are not newsbeam's.
    """
    tables = {name for (name,) in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()}  # fmt: skip
    if not tables:
        return 0
    if "newsbeam_schema" not in tables:
        raise SchemaMismatch(f"{path}: not a newsbeam database")
    ((version,),) = connection.execute("SELECT max(version) FROM newsbeam_schema").fetchall()
    return version or 0


def one_row(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Sequence[Any] | Mapping[str, Any] = (),
) -> dict[str, Any]:
    """The first row of a query's result by column; empty where there is no row."""
    found = connection.execute(query, parameters)
    names = [column[0] for column in found.description or []]
    row = found.fetchone()
    return dict(zip(names, row, strict=True)) if row else {}


def _update(connection: duckdb.DuckDBPyConnection, path: str, found: int) -> None:
    if found == SCHEMA_VERSION:
        return
    try:
        with transaction(connection):
            if found:
                migrate(connection, found)
            else:
                for statement in statements():
                    connection.execute(statement)
            connection.execute(
                "INSERT INTO newsbeam_schema SELECT ?, ?, now(), "
                "coalesce((SELECT any_value(database_id) FROM newsbeam_schema), uuid()::VARCHAR)",
                [SCHEMA_VERSION, VERSION],
            )
    except duckdb.Error as error:
        what = f"bring it from schema {found} to {SCHEMA_VERSION}" if found else "make its tables"
        raise DatabaseError(f"{path}: could not {what}: {error}") from error
