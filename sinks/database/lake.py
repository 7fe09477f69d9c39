"""Opening a DuckLake, which many processes write at once, and taking turns in it.

A DuckLake is a catalogue (in Postgres, SQLite or a DuckDB file) and a folder of Parquet files,
which may be one of an object store. Each transaction sees the state that it began with. Two that
only insert do not conflict with each other, so each writer here changes one shared row first:
then of two that overlap one fails, and does all of its work again on what the other left.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import duckdb

from sinks.connector.commit import transaction
from sinks.connector.connection import FIRST_WAIT, LOCKED, LONGEST_WAIT, Opened, open_file
from sinks.connector.errors import DatabaseError, DatabaseLocked
from sinks.database.extensions import load_extension
from sinks.database.where import DuckLake, Where, local
from sinks.tables.ddl import quoted

T = TypeVar("T")
EXTENSIONS = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner", "duckdb": ""}
"""What DuckLake needs besides for each kind of catalogue."""
NAME = "lake"
"""By what the catalogue is attached."""
BUSY_MILLISECONDS = 1000
"""How long SQLite waits for a lock before it says so."""
BUSY = (
    "transaction conflict", "database is locked", "database table is locked",
    "database schema is locked", "could not serialize access", "deadlock detected",
    "duplicate key", "unique constraint failed", "exceeded the maximum retry count",
    'ducklake_metadata" already exists',  # two that make the same one
    *map(str.lower, LOCKED),
)  # fmt: skip
"""What is said of a writer whom another one forestalled."""
ABSENT = "creating a new DuckLake is explicitly disabled"


def is_lake(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a connection is one to a DuckLake."""
    found = connection.execute(
        "SELECT type FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchone()
    return found == ("ducklake",)


def data_path_of(connection: duckdb.DuckDBPyConnection) -> str:
    """Where a DuckLake keeps its Parquet files."""
    ((place,),) = connection.execute(
        "SELECT tags['data_path'] FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    return str(place)


@contextmanager
def open_at(
    place: Where, *, read_only: bool, lock_timeout: float, data_path: str | None = None
) -> Iterator[Opened]:
    """Open a DuckDB file or a DuckLake, waiting so many seconds at most for others that hold it.

    Opened for writing, what is absent is made; a DuckLake with its Parquet files in `data_path`,
    by default in FILE.files beside a catalogue that is a file. Read, a DuckLake is seen as it is
    now until it is closed.

    Raises:
        DatabaseLocked: another process held it all the time.
        DatabaseError: anything else is wrong with it.
    """
    if not isinstance(place, DuckLake):
        with open_file(place, read_only=read_only, lock_timeout=lock_timeout) as opened:
            yield opened
        return
    started = time.monotonic()
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = {quoted(f'{local(place)}.tmp')}")
        for extension in filter(None, ("ducklake", EXTENSIONS[place.kind])):
            load_extension(connection, extension)
        _again(place, lock_timeout, lambda: _attach(connection, place, read_only, data_path))
        connection.execute(f"USE {NAME}")
        if read_only:  # all queries are to see one state
            connection.execute("BEGIN")
        now = time.monotonic()
        yield Opened(connection, now - started, now)
    except duckdb.Error as error:
        raise DatabaseError(_explain(place, error)) from error
    finally:
        connection.close()


def _attach(
    connection: duckdb.DuckDBPyConnection, lake: DuckLake, read_only: bool, data_path: str | None
) -> None:
    if lake.password is not None:
        os.environ["PGPASSWORD"] = lake.password
    options = ["READ_ONLY"] if read_only else []
    if lake.kind == "sqlite":
        options.append(f"META_BUSY_TIMEOUT {BUSY_MILLISECONDS}")
        if not read_only:  # readers and writers do not wait for each other then
            options.append("META_JOURNAL_MODE 'WAL'")
    place = data_path or (lake.file and f"{lake.file}.files/")
    try:
        _attach_with(connection, lake, [*options, "CREATE_IF_NOT_EXISTS false"])
    except duckdb.Error as error:
        if ABSENT not in str(error) or read_only or not place:
            raise
        _attach_with(connection, lake, [*options, f"DATA_PATH {quoted(place)}"])


def _attach_with(connection: duckdb.DuckDBPyConnection, lake: DuckLake, options: list[str]) -> None:
    connection.execute(f"ATTACH {quoted(lake.address)} AS {NAME} ({', '.join(options)})")


def in_turn(lake: DuckLake, opened: Opened, lock_timeout: float, work: Callable[[Opened], T]) -> T:
    """Do work in one transaction, anew whenever another writer was faster.

    Raises:
        DatabaseLocked: others were faster all the time.
    """

    def once() -> T:
        begun = time.monotonic()
        with transaction(opened.connection):
            return work(opened._replace(waited=opened.waited + begun - opened.since, since=begun))

    return _again(lake, lock_timeout, once)


def _again(lake: DuckLake, lock_timeout: float, work: Callable[[], T]) -> T:
    """Try until no other writer is in the way."""
    started, wait = time.monotonic(), FIRST_WAIT
    while True:
        try:
            return work()
        except duckdb.Error as error:
            waited = time.monotonic() - started
            if not is_busy(error):
                raise
            if waited >= lock_timeout:
                raise DatabaseLocked(
                    f"{lake}: other writers were faster all the time; waited {lock_timeout:g} s "
                    f"({str(error).strip().splitlines()[-1]})"
                ) from error
        time.sleep(min(wait * random.uniform(0.5, 1.5), max(lock_timeout - waited, 0.01)))
        wait = min(wait * 2, LONGEST_WAIT)


def is_busy(error: duckdb.Error) -> bool:
    """Whether another writer is in the way, so that the same work may succeed later."""
    return any(sign in str(error).lower() for sign in BUSY)


def _explain(lake: DuckLake, error: duckdb.Error) -> str:
    if ABSENT in str(error):
        return f"{lake}: there is no DuckLake yet; `newsbeam db create --data-path` makes one"
    return f"{lake}: {str(error).strip().splitlines()[0]}"
