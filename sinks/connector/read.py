"""Reading into a pipeline: a table or query, split by row group, in parallel."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import duckdb
from apache_beam.metrics import Metrics

from .connection import open_file
from .errors import DatabaseError
from .tables import described, identifier

NAMESPACE = "duckdb"
ROW_GROUP = 122_880
"""Rows of a row group of DuckDB: what it reads at once."""
BATCH = 1_000


class Split(NamedTuple):
    """A range of row ids, end excluded, of a file in a certain state."""

    start: int
    end: int
    state: tuple[int, ...]


class ReadFromDuckDB(beam.PTransform):
    """Rows of a table of a DuckDB file, as dictionaries, in no certain order.

    `columns` are those to read (all, where none is given), `where` a condition in SQL. Workers,
    which must see the file, read ranges of row groups in parallel. They need it as it is: a file
    that changes while it is read fails the pipeline. Read from a published copy where another
    process writes.

    Metrics, in the namespace duckdb: TABLE_read.

    Raises:
        DatabaseError: the file, the table or a column is not there, or it is a view.
    """

    def __init__(
        self,
        database: str,
        table: str,
        columns: Sequence[str] = (),
        where: str = "true",
        *,
        row_groups: int = 1,
        lock_timeout: float = 60.0,
    ) -> None:
        super().__init__()
        if row_groups < 1:
            raise ValueError(f"row_groups is {row_groups}, but a split needs one at least")
        chosen = ", ".join(map(identifier, columns)) or "*"
        # A split is a range of DuckDB's own row ids, which a view lacks and a column may hide.
        self.query = (
            f"SELECT {chosen} FROM {identifier(table)} WHERE ({where}\n) "
            "AND rowid >= ? AND rowid < ?"
        )
        self.database, self.table, self.lock_timeout = str(database), table, lock_timeout
        self.row_groups = row_groups
        with open_file(self.database, read_only=True, lock_timeout=lock_timeout) as opened:
            try:
                opened.connection.execute(f"EXPLAIN {self.query}", [0, 0])
                names = described(opened.connection, identifier(table))
            except duckdb.Error as error:
                raise DatabaseError(f"{database}: {error}") from error
        if "rowid" in map(str.lower, names):
            raise DatabaseError(f"{database}: table {table} cannot be split: it has a column rowid")

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Split, spread, read."""
        return (
            pipeline
            | "Once" >> beam.Create([None])
            | "Split" >> beam.FlatMap(
                lambda _, *where: splits(*where),
                self.database, self.table, self.row_groups, self.lock_timeout,
            )
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(_Read(self.database, self.table, self.query, self.lock_timeout))
        )  # fmt: skip


def splits(database: str, table: str, row_groups: int, lock_timeout: float) -> Iterator[Split]:
    """Ranges of so many row groups, which together hold every row."""
    state = state_of(database)
    with open_file(database, read_only=True, lock_timeout=lock_timeout) as opened:
        ((last,),) = opened.connection.execute(
            f"SELECT max(rowid) FROM {identifier(table)}"
        ).fetchall()
    size = ROW_GROUP * row_groups
    for start in range(0, 0 if last is None else last + 1, size):
        yield Split(start, start + size, state)


def state_of(database: str) -> tuple[int, ...]:
    """What differs once a file was written to: inode, size, time of change; of its log too.

    Of a link, those of the file that it leads to, beside which the log stands.
    """
    state, file = [], os.path.realpath(database)
    for path in (file, f"{file}.wal"):
        if os.path.exists(path):
            found = os.stat(path)
            state += [found.st_ino, found.st_size, found.st_mtime_ns]
    return tuple(state)


class _Read(beam.DoFn):
    def __init__(self, database: str, table: str, query: str, lock_timeout: float) -> None:
        self.database, self.query, self.lock_timeout = database, query, lock_timeout
        self.count = Metrics.counter(NAMESPACE, f"{table}_read")

    def process(self, split: Split) -> Iterator[dict[str, Any]]:
        with open_file(self.database, read_only=True, lock_timeout=self.lock_timeout) as opened:
            if state_of(self.database) != tuple(split.state):
                raise DatabaseError(f"{self.database}: it changed while it was read")
            result = opened.connection.execute(self.query, [split.start, split.end])
            names = [item[0] for item in result.description or []]
            while rows := result.fetchmany(BATCH):
                self.count.inc(len(rows))
                for row in rows:
                    yield dict(zip(names, row, strict=True))
