"""A table's schema, and rows that fit it or do not."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from .values import array, fields_of

Schema = Any
"""A mapping of columns to types of DuckDB, or a pyarrow.Schema."""
RESERVED = {"file_row_number", "staged_file"}
"""Columns that a shard has beside those of its table."""
UNFIT = (pa.ArrowException, duckdb.Error, TypeError, ValueError, OverflowError)
"""What a row that does not fit raises."""


class Misfit(NamedTuple):
    """A row that does not fit its table, and why: a dead letter."""

    table: str
    row: Any
    reason: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table to write: its name, the columns that name a row, and its columns.

    `key` is a column or several; of rows with equal keys the first committed stays. `schema` maps
    columns to types of DuckDB, such as ``{"id": "VARCHAR", "tags": "VARCHAR[]"}``, or is a schema
    of pyarrow, whose fields may be declared not nullable.

    Raises:
        ValueError: no column, an unknown type, or a key that is no column.
    """

    name: str
    key: str | Sequence[str]
    schema: Schema

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a table needs a name")
        columns = self.arrow.names
        given = self.schema.names if isinstance(self.schema, pa.Schema) else self.schema
        if len({name.lower() for name in given}) < len(columns):
            raise ValueError(f"table {self.name}: two columns have one name: {', '.join(columns)}")
        if not self.keys:
            raise ValueError(f"table {self.name}: a key is needed, by which a row is written once")
        if strangers := [name for name in self.keys if name not in columns]:
            raise ValueError(
                f"table {self.name}: {', '.join(strangers)} of the key is none of its columns: "
                + ", ".join(columns)
            )
        if reserved := [name for name in columns if name.lower() in RESERVED]:
            raise ValueError(f"table {self.name}: no column may be named {', '.join(reserved)}")

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of the key."""
        return (self.key,) if isinstance(self.key, str) else tuple(self.key)

    @property
    def required(self) -> list[str]:
        """The columns that are never NULL."""
        return [field.name for field in self.arrow if field.name in self.keys or not field.nullable]

    @cached_property
    def arrow(self) -> pa.Schema:
        """The schema of its shards."""
        if isinstance(self.schema, pa.Schema):
            return self.schema
        with self._declared() as connection:
            carriers = ", ".join(
                f"CAST({identifier(name)} AS {_carrier(kind)}) AS {identifier(name)}"
                for name, kind in described(connection, "declared").items()
            )
            try:
                return connection.sql(f"SELECT {carriers} FROM declared").to_arrow_table().schema
            except duckdb.Error as error:
                raise ValueError(f"table {self.name}: {error}") from error

    @cached_property
    def types(self) -> dict[str, str]:
        """The columns and their types in DuckDB's words.

        Raises:
            ValueError: a type that a shard does not bring back as it was.
        """
        with self._declared() as connection, tempfile.TemporaryDirectory() as folder:
            types = described(connection, "declared")
            path = Path(folder, "empty.parquet")
            try:
                pq.write_table(self.arrow.empty_table(), path)
                found = connection.read_parquet(str(path))
                carried = dict(zip(found.columns, map(str, found.types), strict=True))
            except (pa.ArrowException, duckdb.Error) as error:
                raise ValueError(f"table {self.name}: no shard can hold it: {error}") from error
        if lost := [f"{n} {t}" for n, t in types.items() if _carrier(t) != _carrier(carried[n])]:
            raise ValueError(f"table {self.name}: no shard can hold {', '.join(lost)}")
        return types

    @cached_property
    def judged(self) -> str:
        """Casts of the columns whose values only DuckDB can judge: UUID, JSON, ENUM."""
        if isinstance(self.schema, pa.Schema):
            return ""
        return ", ".join(
            f"CAST({identifier(name)} AS {kind})"
            for name, kind in self.types.items()
            if _carrier(kind) != kind
        )

    @cached_property
    def judge(self) -> duckdb.DuckDBPyConnection:
        """A database in memory."""
        return duckdb.connect()

    @contextmanager
    def _declared(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A database in memory that has the table as `declared`."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            try:
                if isinstance(self.schema, pa.Schema):
                    connection.register("given", self.schema.empty_table())
                    connection.execute("CREATE TABLE declared AS FROM given")
                else:
                    columns = ", ".join(
                        f"CAST(NULL AS {kind}) AS {identifier(name)}"
                        for name, kind in (self.schema or {}).items()
                    )
                    connection.execute(f"CREATE TABLE declared AS SELECT {columns} LIMIT 0")
            except (duckdb.Error, pa.ArrowException) as error:
                raise ValueError(f"table {self.name}: {error}") from error
            yield connection

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, (self.name, self.key, self.schema)


def described(connection: duckdb.DuckDBPyConnection, what: str) -> dict[str, str]:
    """Columns of a table or query, and their types."""
    found = connection.execute(f"DESCRIBE {what}").fetchall()
    return {name: kind for name, kind, *_ in found}


def _carrier(kind: str) -> str:
    """The type as which a shard carries one: some are text there, and cast when committed."""
    kind = re.sub(r"\bENUM\((?:'(?:[^']|'')*'(?:, )?)*\)", "VARCHAR", kind)
    kind = re.sub(r"\b(UUID|JSON)\b", "VARCHAR", kind)
    return re.sub(r"\[\d+\]", "[]", re.sub(r"\bHUGEINT\b", "DECIMAL(38,0)", kind))


def identifier(name: str) -> str:
    """A name of SQL, quoted."""
    return '"' + name.replace('"', '""') + '"'


def batches(table: Table, records: Sequence[Any]) -> Iterator[pa.RecordBatch | Misfit]:
    """Rows in batches, and those that do not fit one by one.

    A row fits with all columns of the key, none that the table lacks, and values of their types;
    other columns that it lacks become NULL.
    """
    try:
        batch = _batch(table, records)
    except UNFIT as error:
        if len(records) == 1:
            yield Misfit(table.name, records[0], f"{type(error).__name__}: {error}")
        else:
            half = len(records) // 2
            yield from batches(table, records[:half])
            yield from batches(table, records[half:])
    else:
        if batch.num_rows:
            yield batch


def _batch(table: Table, records: Sequence[Any]) -> pa.RecordBatch:
    rows = [fields_of(record) for record in records]
    names = set(table.arrow.names)
    for row in rows:
        if not names.issuperset(row):
            raise ValueError(f"no such column: {', '.join(str(n) for n in row if n not in names)}")
    columns = [array(field.type, [row.get(field.name) for row in rows]) for field in table.arrow]
    batch = pa.RecordBatch.from_arrays(columns, schema=table.arrow)
    if missing := [name for name in table.required if batch.column(name).null_count]:
        raise ValueError(f"no value for {', '.join(missing)}")
    if table.judged:
        table.judge.register("batch", batch)
        table.judge.execute(f"CREATE OR REPLACE TABLE judged AS SELECT {table.judged} FROM batch")
    return batch
