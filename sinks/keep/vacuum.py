"""Giving space back: the database written anew, without what was deleted, in place of the old."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import duckdb

from sinks.connector.errors import DatabaseError
from sinks.connector.tables import identifier
from sinks.database.opening import must_exist, open_database
from sinks.database.replacing import replacing
from sinks.tables.ddl import quoted

COPY = "newsbeam_vacuum"
DEFINITIONS = """
SELECT schema_name, table_name, comment, sql FROM duckdb_tables() WHERE database_name = $name
UNION ALL
SELECT schema_name, view_name, comment, sql FROM duckdb_views()
WHERE database_name = $name AND NOT internal
UNION ALL
SELECT schema_name, table_name || '.' || column_name, comment, NULL FROM duckdb_columns()
WHERE database_name = $name AND NOT internal
UNION ALL
SELECT schema_name, index_name, comment, sql FROM duckdb_indexes() WHERE database_name = $name
UNION ALL
SELECT schema_name, function_name, comment, macro_definition FROM duckdb_functions()
WHERE database_name = $name AND NOT internal
ORDER BY ALL
"""


class Vacuumed(NamedTuple):
    """Size of the file before and after."""

    bytes_before: int
    bytes_after: int


def vacuum(database: Path, lock_timeout: float) -> Vacuumed:
    """Write the database anew and put it in the place of the old one, at once and whole.

    All tables and views go along, the user's own too, with comments, checks and storage version.
    It takes as much room again until it is done; killed at any time, it leaves one whole file.

    Raises:
        DatabaseLocked: another process held the database; nothing is changed.
        DatabaseError: it could not be done; nothing is changed.
    """
    database = database.resolve()
    must_exist(database)
    with open_database(database, read_only=False, lock_timeout=lock_timeout) as opened:
        before = database.stat().st_size
        try:
            opened.connection.execute("CHECKPOINT")
            with replacing(database) as temporary:
                _copy(opened.connection, temporary)
                _keep_rights(database, temporary)
                after = temporary.stat().st_size
        except (duckdb.Error, OSError) as error:
            raise DatabaseError(f"{database}: not vacuumed, nothing is changed: {error}") from error
    return Vacuumed(before, after)


def _copy(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    ((name, version),) = connection.execute(
        "SELECT database_name, rtrim(tags['storage_version'], '+') FROM duckdb_databases() "
        "WHERE database_name = current_database()"
    ).fetchall()
    connection.execute(
        f"ATTACH {quoted(str(target))} AS {COPY} (STORAGE_VERSION {quoted(version)})"
    )
    connection.execute(f"COPY FROM DATABASE {identifier(name)} TO {COPY}")
    if _content(connection, name) != _content(connection, COPY):
        raise DatabaseError(f"{target}: the new file is not what the old one is")
    connection.execute(f"DETACH {COPY}")


def _content(connection: duckdb.DuckDBPyConnection, name: str) -> list[object]:
    """All definitions of a database, and how many rows each table has."""
    found: list[object] = list(connection.execute(DEFINITIONS, {"name": name}).fetchall())
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL",
        [name],
    ).fetchall()
    for place in tables:
        table = ".".join(map(identifier, (name, *place)))
        found += connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return found


def _keep_rights(old: Path, new: Path) -> None:
    shutil.copymode(old, new)
    state = old.stat()
    with suppress(OSError, AttributeError):  # only root may give a file away; not on Windows
        os.chown(new, state.st_uid, state.st_gid)
