"""Committing shards: one transaction for all tables, each shard once.

The ledger, a table of the database itself, names the shards that were committed. It is written in
the same transaction as their rows, so a shard that is named there is never loaded again, and a
commit may be repeated at will.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow.parquet as pq

from config.errors import DatabaseError, SchemaMismatch
from sinks.connector.connection import open_file
from sinks.connector.tables import Table, identifier

LEDGER = """
CREATE TABLE IF NOT EXISTS staged_shards (
    shard VARCHAR NOT NULL, run_id VARCHAR, rows BIGINT, bytes BIGINT, committed_at TIMESTAMPTZ
)
"""


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
    """What one commit brought to one table."""

    table: str
    shards: int
    """Shards that were not committed before."""
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
        try:
            connection.execute("ROLLBACK")
        except duckdb.Error:
            pass  # a failed COMMIT has rolled back already
        raise
    connection.execute("COMMIT")


def unrecorded(connection: duckdb.DuckDBPyConnection, shards: Sequence[Shard]) -> list[Shard]:
    """Those shards that were never committed, each once."""
    runs = sorted({shard.run_id for shard in shards})
    found = connection.execute(
        "SELECT shard FROM staged_shards WHERE run_id IN (SELECT unnest(?))", [runs]
    )
    known = {name for (name,) in found.fetchall()}
    return [shard for shard in dict.fromkeys(shards) if shard.name not in known]


def record(
    connection: duckdb.DuckDBPyConnection, shards: Iterable[Shard], paths: Iterable[Path]
) -> None:
    """Name the shards in the ledger."""
    for shard, path in zip(shards, paths, strict=True):
        connection.execute(
            "INSERT INTO staged_shards VALUES (?, ?, ?, ?, now())",
            [shard.name, shard.run_id, pq.read_metadata(path).num_rows, path.stat().st_size],
        )


def _local(addresses: Sequence[str], _: Path) -> list[Path]:
    return [Path(address) for address in addresses]


def commit_shards(
    database: str,
    tables: Sequence[Table],
    shards: Sequence[Shard],
    lock_timeout: float,
    fetch: Callable[[Sequence[str], Path], list[Path]] = _local,
) -> list[CommittedRows]:
    """Add the rows of all shards to their tables, which are made where they are absent.

    `fetch` turns the addresses of shards into local files, in a folder where they are elsewhere.

    Raises:
        DatabaseLocked: another process held the database; the shards stay as they are.
        SchemaMismatch: a table is there with other columns.
        DatabaseError: the database could not take the rows.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        open_file(database, read_only=False, lock_timeout=lock_timeout) as opened,
    ):
        connection = opened.connection
        try:
            with transaction(connection):
                connection.execute(LEDGER)
                for table in tables:
                    connection.execute(create_statement(table))
                    check_columns(connection, database, table)
                fresh = unrecorded(connection, shards)
                paths = fetch([shard.address for shard in fresh], Path(folder))
                of_table = defaultdict(list)
                for shard, path in zip(fresh, paths, strict=True):
                    of_table[shard.table].append(str(path))
                committed = [_insert(connection, table, of_table[table.name]) for table in tables]
                record(connection, fresh, paths)
        except duckdb.Error as error:
            raise DatabaseError(
                f"{database}: could not commit {len(shards)} shards, which stay staged: {error}"
            ) from error
    return committed


def create_statement(table: Table) -> str:
    """The SQL that makes a table, if it is absent."""
    columns = ", ".join(
        f"{identifier(name)} {kind}" + (" NOT NULL" if name in table.keys else "")
        for name, kind in table.types.items()
    )
    return f"CREATE TABLE IF NOT EXISTS {identifier(table.name)} ({columns})"


def check_columns(connection: duckdb.DuckDBPyConnection, database: str, table: Table) -> None:
    """Hold a table that is there against the schema; it may have more columns, not others.

    Raises:
        SchemaMismatch: a column is absent or of another type.
    """
    found = {
        name: kind
        for name, kind, *_ in connection.execute(f"DESCRIBE {identifier(table.name)}").fetchall()
    }
    wrong = [
        f"{name} is {found.get(name, 'absent')}, not {kind}"
        for name, kind in table.types.items()
        if found.get(name) != kind
    ]
    if wrong:
        raise SchemaMismatch(f"{database}: table {table.name}: {'; '.join(wrong)}")


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, paths: list[str]) -> CommittedRows:
    """Rows whose key the table lacks; of rows with one key the first of the first shard."""
    if not paths:
        return CommittedRows(table.name, 0, 0, 0)
    keys = ", ".join(map(identifier, table.keys))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE staged_keys AS SELECT {keys}, filename, file_row_number "
        "FROM read_parquet(?, filename = true, file_row_number = true)", [paths]
    )  # fmt: skip
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE new_rows AS SELECT * FROM staged_keys "
        f"ANTI JOIN {identifier(table.name)} USING ({keys}) QUALIFY row_number() OVER "
        f"(PARTITION BY {keys} ORDER BY filename, file_row_number) = 1"
    )
    ((rows, fresh),) = connection.execute(
        "SELECT (SELECT count(*) FROM staged_keys), (SELECT count(*) FROM new_rows)"
    ).fetchall()
    columns = ", ".join(identifier(name) for name in table.types)
    chosen = (
        "read_parquet($paths)"
        if fresh == rows
        else "(SELECT * FROM read_parquet($paths, filename = true, file_row_number = true) "
        "SEMI JOIN new_rows USING (filename, file_row_number))"
    )
    connection.execute(
        f"INSERT INTO {identifier(table.name)} BY NAME SELECT {columns} FROM {chosen}",
        {"paths": paths},
    )
    return CommittedRows(table.name, len(paths), rows, fresh)
