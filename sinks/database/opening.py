"""Opening a newsbeam database: made where it is absent, brought up to date where it is old."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import duckdb

from config.errors import ConfigError
from config.models import VERSION
from sinks.connector.commit import transaction
from sinks.connector.connection import Opened
from sinks.connector.errors import DatabaseError, SchemaMismatch
from sinks.database.lake import data_path_of, in_turn, is_lake, open_at
from sinks.database.migrations import migrate
from sinks.database.where import DuckLake, Where, folder_address, is_there
from sinks.tables.ddl import statements
from sinks.tables.rules import FILE_NAME
from sinks.tables.tables import SCHEMA_VERSION

T = TypeVar("T")
ABSENT = "no such database; name one with --database, or let `newsbeam run` make it"
SHARED_ROW = "UPDATE newsbeam_schema SET created_at = created_at"
"""What two writers of a DuckLake cannot both do: so one of two that overlap fails."""


@contextmanager
def open_database(
    path: Where,
    *,
    read_only: bool,
    lock_timeout: float,
    any_version: bool = False,
) -> Iterator[Opened]:
    """Open a newsbeam database, waiting so many seconds at most for other processes.

    Opened for writing, an absent one is created, and one of an earlier schema is migrated. Read,
    one of an earlier schema is refused, unless `any_version`.

    Raises:
        DatabaseLocked: another process held it all the time.
        SchemaMismatch: it is no newsbeam database, or one of another version.
        DatabaseError: anything else is wrong with it.
    """
    if read_only:
        must_exist(path)
    with open_at(path, read_only=read_only, lock_timeout=lock_timeout) as opened:
        found = schema_version(opened.connection, str(path))
        if found > SCHEMA_VERSION:
            raise _too_new(path, found)
        if read_only:
            if found < SCHEMA_VERSION and not any_version:
                raise SchemaMismatch(
                    f"{path}: schema version {found}, but newsbeam {VERSION} reads "
                    f"{SCHEMA_VERSION}; `newsbeam db migrate` brings it up to date"
                )
        elif found < SCHEMA_VERSION:
            try:
                change(opened, path, lock_timeout, _update)
            except duckdb.Error as error:
                step = f"from schema {found} to {SCHEMA_VERSION}"
                what = f"bring it {step}" if found else "make its tables"
                raise DatabaseError(f"{path}: could not {what}: {error}") from error
        yield opened


def change(opened: Opened, path: Where, lock_timeout: float, work: Callable[[Opened], T]) -> T:
    """Do work in one transaction; that of a DuckLake again, from its start, if it was forestalled.

    Raises:
        DatabaseLocked: other writers were faster all the time.
        SchemaMismatch: another version of the program has changed the tables meanwhile.
    """
    if not isinstance(path, DuckLake):
        with transaction(opened.connection):
            return work(opened)

    def alone(opened: Opened) -> T:
        found = schema_version(opened.connection, str(path))
        if found > SCHEMA_VERSION:
            raise _too_new(path, found)
        if found:
            opened.connection.execute(SHARED_ROW)
        return work(opened)

    return in_turn(path, opened, lock_timeout, alone)


def create(path: Where, lock_timeout: float, data_path: str | None = None) -> bool:
    """Make an empty database; whether it was not there yet.

    Raises:
        ConfigError: `data_path` is given for a file.
        DatabaseError: a DuckLake is there with another data path, or it needs one; or as of
            `open_database`.
    """
    if data_path is not None:
        if not isinstance(path, DuckLake):
            raise ConfigError(f"{path}: a file has no data path; that of a DuckLake may be named")
        data_path = folder_address(data_path)
    with open_at(path, read_only=False, lock_timeout=lock_timeout, data_path=data_path) as opened:
        made = schema_version(opened.connection, str(path)) == 0
        if data_path and (found := data_path_of(opened.connection)) != data_path:
            raise DatabaseError(f"{path}: is there already, with its data in {found}")
    with open_database(path, read_only=False, lock_timeout=lock_timeout):
        return made


def must_exist(path: Where) -> None:
    """Refuse to go on without a file.

    Raises:
        DatabaseError: there is none.
    """
    if not is_there(path):
        raise DatabaseError(f"{path}: {ABSENT}")


def bring_up_to_date(path: Where, lock_timeout: float) -> int | None:
    """Migrate a database of an earlier schema; the version that it had, None without a file.

    Raises:
        DatabaseLocked, SchemaMismatch, DatabaseError: as of `open_database`.
    """
    if not is_there(path):
        return None
    with open_database(path, read_only=True, lock_timeout=lock_timeout, any_version=True) as opened:
        found = schema_version(opened.connection, str(path))
    if found < SCHEMA_VERSION:
        with open_database(path, read_only=False, lock_timeout=lock_timeout):
            pass
    return found


def database_id(path: Where, lock_timeout: float) -> str:
    """What tells a database from all others; it is made where it is absent.

    Raises:
        DatabaseLocked, SchemaMismatch, DatabaseError: as of `open_database`.
    """
    if bring_up_to_date(path, lock_timeout) is None:
        with open_database(path, read_only=False, lock_timeout=lock_timeout):
            pass
    with open_database(path, read_only=True, lock_timeout=lock_timeout) as opened:
        found = str(one_row(opened.connection, "FROM newsbeam_schema LIMIT 1")["database_id"])
    if not re.fullmatch(FILE_NAME, found):
        raise DatabaseError(f"{path}: its id {found!r:.100} is none, and can name no folder")
    return found


def schema_version(connection: duckdb.DuckDBPyConnection, path: str) -> int:
    """The version of a database's tables; 0 where there is none yet.

    Raises:
        SchemaMismatch: the tables are not newsbeam's.
    """
    found = connection.execute(
        "SELECT table_name FROM duckdb_tables() "
        "WHERE NOT internal AND NOT temporary AND database_name = current_database()"
    ).fetchall()
    tables = {name for (name,) in found}
    if not tables:
        return 0
    if "newsbeam_schema" not in tables:
        raise SchemaMismatch(f"{path}: not a newsbeam database")
    ((version,),) = connection.execute("SELECT max(version) FROM newsbeam_schema").fetchall()
    return version or 0


def all_rows(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Sequence[Any] | Mapping[str, Any] = (),
) -> list[dict[str, Any]]:
    """The rows of a query's result by column."""
    found = connection.execute(query, parameters)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def one_row(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Sequence[Any] | Mapping[str, Any] = (),
) -> dict[str, Any]:
    """The first row of a query's result by column; empty where there is no row."""
    return next(iter(all_rows(connection, query, parameters)), {})


def _too_new(path: Where, found: int) -> SchemaMismatch:
    return SchemaMismatch(
        f"{path}: schema version {found} is newer than newsbeam {VERSION}, which knows "
        f"{SCHEMA_VERSION}; use the version that wrote it, or a newer one"
    )


def _update(opened: Opened) -> None:
    """Make the tables, or bring them up to date, unless somebody has just done so."""
    connection = opened.connection
    found = schema_version(connection, "the database")
    if found == SCHEMA_VERSION:
        return
    if found:
        migrate(connection, found)
    else:
        for statement in statements(in_lake=is_lake(connection)):
            connection.execute(statement)
    connection.execute(
        "INSERT INTO newsbeam_schema SELECT ?, ?, now(), "
        "coalesce((SELECT any_value(database_id) FROM newsbeam_schema), uuid()::VARCHAR)",
        [SCHEMA_VERSION, VERSION],
    )
