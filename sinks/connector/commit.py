"""Committing shards: one transaction for all tables, each shard once.

The ledger, a table of the database itself, names the shards that were committed. It is written in
the same transaction as their rows, so a shard that is named there is never loaded again, and a
commit may be repeated at will.
"""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow.parquet as pq

from .connection import open_file
from .errors import DatabaseError, SchemaMismatch, StagingError
from .tables import Table, identifier

LEDGER = "staged_shards"
"""The table of the shards that were committed."""
CREATE_LEDGER = f"""
CREATE TABLE IF NOT EXISTS {LEDGER} (
    shard VARCHAR NOT NULL, run_id VARCHAR, rows BIGINT, bytes BIGINT, committed_at TIMESTAMPTZ
);
ALTER TABLE {LEDGER} ADD COLUMN IF NOT EXISTS added BIGINT
"""
GONE = "is gone, and was never committed; run the pipeline again"


class Shard(NamedTuple):
    """A staged file: which table its rows are for, which run wrote it, and where it is."""

    table: str
    run_id: str
    address: str

    @property
    def name(self) -> str:
        """By what the ledger knows it."""
        return f"{self.run_id}/{self.address.replace(chr(92), '/').rpartition('/')[2]}"


class CommittedRows(NamedTuple):
    """What one commit brought to one table; the same again when the commit is repeated."""

    table: str
    shards: int
    rows: int
    """Rows in them."""
    added: int
    """Rows whose key was not there yet."""


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # of a database that a fatal error has closed
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def unrecorded(connection: duckdb.DuckDBPyConnection, shards: Sequence[Shard]) -> list[Shard]:
    """Those shards that were never committed, each once."""
    runs = sorted({shard.run_id for shard in shards})
    found = connection.execute(
        f"SELECT shard FROM {LEDGER} WHERE run_id IN (SELECT unnest(?))", [runs]
    )
    known = {name for (name,) in found.fetchall()}
    return [shard for shard in dict.fromkeys(shards) if shard.name not in known]


def record(
    connection: duckdb.DuckDBPyConnection,
    shards: Iterable[Shard],
    paths: Iterable[Path],
    added: Mapping[str, int] | None = None,
) -> None:
    """Name the shards in the ledger, and how many rows each path added, where that was counted."""
    for shard, path in zip(shards, paths, strict=True):
        row = {
            "shard": shard.name,
            "run_id": shard.run_id,
            "rows": pq.read_metadata(path).num_rows,
            "bytes": path.stat().st_size,
        }
        if added is not None:
            row["added"] = added.get(str(path), 0)
        marks = ", ".join("?" * len(row))
        connection.execute(
            f"INSERT INTO {LEDGER} ({', '.join(row)}, committed_at) VALUES ({marks}, now())",
            list(row.values()),
        )


def _local(addresses: Sequence[str], _: Path) -> dict[str, Path]:
    return {address: Path(address) for address in addresses}


def commit_shards(
    database: str,
    tables: Sequence[Table],
    shards: Sequence[Shard],
    lock_timeout: float,
    fetch: Callable[[Sequence[str], Path], Mapping[str, Path]] = _local,
) -> list[CommittedRows]:
    """Add the rows of all shards to their tables, which are made where they are absent.

    `fetch` finds the local files of addresses, those of other file systems as copies in a folder.

    Raises:
        DatabaseLocked: another process held the database; the shards stay as they are.
        SchemaMismatch: a table is there with other columns, or it is a view.
        StagingError: a shard is gone that was not committed.
        DatabaseError: the database could not take the rows.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = fetch([shard.address for shard in shards], Path(folder))
        with open_file(database, read_only=False, lock_timeout=lock_timeout) as opened:
            connection = opened.connection
            try:
                # Of its own: rows go to the log and again to the file where their table is new.
                with transaction(connection):
                    _prepare(connection, database, tables)
                with transaction(connection):
                    fresh = unrecorded(connection, shards)
                    paths = [_there(files, shard) for shard in fresh]
                    added: dict[str, int] = {}
                    for table in tables:
                        mine = [str(path) for shard, path in zip(fresh, paths, strict=True)
                                if shard.table == table.name]  # fmt: skip
                        added |= _insert(connection, table, mine) if mine else {}
                    record(connection, fresh, paths, added)
                    committed = [_brought(connection, table.name, shards) for table in tables]
            except duckdb.Error as error:
                raise DatabaseError(
                    f"{database}: could not commit {len(shards)} shards, which stay staged: {error}"
                ) from error
    return committed


def _there(files: Mapping[str, Path], shard: Shard) -> Path:
    path = files.get(shard.address)
    if path is None or not path.exists():
        raise StagingError(f"{shard.address}: this shard {GONE}")
    return path


def _prepare(connection: duckdb.DuckDBPyConnection, database: str, tables: Sequence[Table]) -> None:
    connection.execute(CREATE_LEDGER)
    for table in tables:
        _refuse_view(connection, database, table)
        connection.execute(create_statement(table))
        check_columns(connection, database, table)


def create_statement(table: Table) -> str:
    """The SQL that makes a table, if it is absent."""
    columns = ", ".join(
        f"{identifier(name)} {kind}" + (" NOT NULL" if name in table.required else "")
        for name, kind in table.types.items()
    )
    return f"CREATE TABLE IF NOT EXISTS {identifier(table.name)} ({columns})"


def check_columns(connection: duckdb.DuckDBPyConnection, database: str, table: Table) -> None:
    """Hold a table that is there against the schema; it may have more columns, not others.

    Raises:
        SchemaMismatch: it is a view, a column is absent or of another type, or a further column
            must not be NULL and has no default.
    """
    _refuse_view(connection, database, table)
    found = connection.execute(f"DESCRIBE {identifier(table.name)}").fetchall()
    types = {name: kind for name, kind, *_ in found}
    wrong = [
        f"{name} is {types.get(name, 'absent')}, not {kind}"
        for name, kind in table.types.items()
        if types.get(name) != kind
    ]
    wrong += [
        f"{name} is NOT NULL without a default, but none of the columns to write"
        for name, _, nullable, _, default, _ in found
        if name not in table.types and nullable == "NO" and default in (None, "NULL")
    ]
    if wrong:
        raise SchemaMismatch(f"{database}: table {table.name}: {'; '.join(wrong)}")


def _refuse_view(connection: duckdb.DuckDBPyConnection, database: str, table: Table) -> None:
    """What has the table's name may be a view, which takes no rows."""
    found = connection.execute(
        "SELECT 1 FROM duckdb_views() WHERE lower(view_name) = lower(?) AND schema_name = "
        "current_schema() AND database_name = current_database()", [table.name]
    ).fetchone()  # fmt: skip
    if found:
        raise SchemaMismatch(f"{database}: {table.name} is a view, which takes no rows")


def _insert(
    connection: duckdb.DuckDBPyConnection, table: Table, paths: list[str]
) -> dict[str, int]:
    """Add rows whose key the table lacks; how many each file had.

    Of rows with one key, the first of the first file is taken.
    """
    keys, name = ", ".join(map(identifier, table.keys)), identifier(table.name)
    casts = ", ".join(
        f"CAST({identifier(column)} AS {kind}) AS {identifier(column)}"
        for column, kind in table.types.items()
    )
    source = "read_parquet($paths, filename = 'staged_file', file_row_number = true)"
    staged = f"(SELECT {casts}, staged_file, file_row_number FROM {source})"
    new = identifier(f"new_{uuid.uuid4().hex}")  # no table that a user has
    connection.execute(
        f"CREATE TEMP TABLE {new} AS SELECT staged_file, file_row_number FROM {staged} "
        f"ANTI JOIN {name} USING ({keys}) QUALIFY row_number() OVER "
        f"(PARTITION BY {keys} ORDER BY staged_file, file_row_number) = 1", {"paths": paths},
    )  # fmt: skip
    found = connection.execute(f"SELECT staged_file, count(*) FROM {new} GROUP BY ALL").fetchall()
    if sum(count for _, count in found) < sum(pq.read_metadata(path).num_rows for path in paths):
        staged += f" SEMI JOIN {new} USING (staged_file, file_row_number)"
    connection.execute(
        f"INSERT INTO {name} BY NAME SELECT * EXCLUDE (staged_file, file_row_number) FROM {staged}",
        {"paths": paths},
    )
    connection.execute(f"DROP TABLE {new}")
    return dict(found)


def _brought(
    connection: duckdb.DuckDBPyConnection, table: str, shards: Sequence[Shard]
) -> CommittedRows:
    """What the ledger knows of a table's shards, committed now or by an earlier try."""
    names = [shard.name for shard in set(shards) if shard.table == table]
    found = connection.execute(
        "SELECT count(*), coalesce(sum(rows), 0)::BIGINT, coalesce(sum(added), 0)::BIGINT "
        f"FROM {LEDGER} WHERE shard IN (SELECT unnest(?::VARCHAR[]))", [names],
    ).fetchone() or ()  # fmt: skip
    return CommittedRows(table, *found)
