"""Opening the database file: who may, for how long, and what to say when it cannot be."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from config.errors import DatabaseError, DatabaseLocked, SchemaMismatch
from config.models import VERSION
from sinks.schema import SCHEMA_VERSION, statements

STORAGE_VERSION = "v1.2.0"
"""Files can be read by duckdb 1.2 and newer, whichever version writes them."""
LOCKED = ("Could not set lock on file", "being used by another process")
"""What DuckDB says of a file that another process holds, on POSIX and on Windows."""
ABSENT = "no such database; name one with --database, or let `newsbeam run` make it"
FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0


class Opened(NamedTuple):
    """A connection, and how many seconds it waited for the lock."""

    connection: duckdb.DuckDBPyConnection
    waited: float


@contextmanager
def open_database(path: str | Path, *, read_only: bool, lock_timeout: float) -> Iterator[Opened]:
    """Open a newsbeam database, waiting so many seconds at most for other processes.

    Opened for writing, an absent file is created.

    Raises:
        DatabaseLocked: another process held it all the time.
        SchemaMismatch: it is no newsbeam database, or one of another version.
        DatabaseError: anything else is wrong with the file.
    """
    opened = _connect(str(path), read_only, lock_timeout)
    try:
        opened.connection.execute("SET TimeZone = 'UTC'")
        _check_schema(opened.connection, str(path), create=not read_only)
        yield opened
    finally:
        opened.connection.close()


def _connect(path: str, read_only: bool, lock_timeout: float) -> Opened:
    started, wait = time.monotonic(), FIRST_WAIT
    config: dict[str, Any] = {} if read_only else {"storage_compatibility_version": STORAGE_VERSION}
    while True:
        try:
            connection = duckdb.connect(path, read_only=read_only, config=config)
            return Opened(connection, time.monotonic() - started)
        except duckdb.Error as error:
            waited = time.monotonic() - started
            if not any(sign in str(error) for sign in LOCKED):
                raise DatabaseError(_explain(path, error)) from error
            if waited >= lock_timeout:
                raise DatabaseLocked(_locked(path, lock_timeout, error)) from error
        time.sleep(min(wait * random.uniform(0.5, 1.5), max(lock_timeout - waited, 0.01)))
        wait = min(wait * 2, LONGEST_WAIT)


def _locked(path: str, lock_timeout: float, error: duckdb.Error) -> str:
    holder = re.search(r"Conflicting lock is held in (.*?)(?: by user [^.]*)?\. ", str(error))
    who = holder[1] if holder else "another process"
    return f"{path}: the database is locked by {who}; waited {lock_timeout:g} s"


def _explain(path: str, error: duckdb.Error) -> str:
    text = str(error).strip().splitlines()[0]
    if not Path(path).exists():
        return f"{path}: {ABSENT}"
    return f"{path}: {text}"


def _check_schema(connection: duckdb.DuckDBPyConnection, path: str, create: bool) -> None:
    tables = {name for (name,) in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()}  # fmt: skip
    if not tables and create:
        _create(connection)
        return
    if "newsbeam_schema" not in tables:
        raise SchemaMismatch(f"{path}: not a newsbeam database")
    row = connection.execute("SELECT max(version) FROM newsbeam_schema").fetchone()
    version = row[0] if row else None
    if version != SCHEMA_VERSION:
        raise SchemaMismatch(
            f"{path}: schema version {version}, but newsbeam {VERSION} reads {SCHEMA_VERSION}"
        )


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("BEGIN")
    for statement in statements():
        connection.execute(statement)
    connection.execute(
        "INSERT INTO newsbeam_schema VALUES (?, ?, now())", [SCHEMA_VERSION, VERSION]
    )
    connection.execute("COMMIT")
