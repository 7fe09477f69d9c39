"""A table's schema, and rows that fit it or do not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

Schema = Any
"""A mapping of columns to types of DuckDB, or a pyarrow.Schema."""


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
    of pyarrow.

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
        if not self.keys:
            raise ValueError(f"table {self.name}: a key is needed, by which a row is written once")
        if strangers := [name for name in self.keys if name not in columns]:
            raise ValueError(
                f"table {self.name}: {', '.join(strangers)} of the key is none of its columns: "
                + ", ".join(columns)
            )

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of the key."""
        return (self.key,) if isinstance(self.key, str) else tuple(self.key)

    @cached_property
    def arrow(self) -> pa.Schema:
        """The schema of its shards."""
        if isinstance(self.schema, pa.Schema):
            return self.schema
        if not self.schema:
            raise ValueError(f"table {self.name}: no columns")
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            columns = ", ".join(f"{identifier(n)} {kind}" for n, kind in self.schema.items())
            try:
                connection.execute(f"CREATE TABLE empty ({columns})")
            except duckdb.Error as error:
                raise ValueError(f"table {self.name}: {error}") from error
            return connection.execute("FROM empty").to_arrow_table().schema

    @cached_property
    def types(self) -> dict[str, str]:
        """The columns and their types in DuckDB's words."""
        with duckdb.connect() as connection:
            connection.register("empty", self.arrow.empty_table())
            described = connection.execute("DESCRIBE empty").fetchall()
        return {name: kind for name, kind, *_ in described}

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, (self.name, self.key, self.schema)


def identifier(name: str) -> str:
    """A name of SQL, quoted."""
    return '"' + name.replace('"', '""') + '"'


def as_row(record: Any) -> Any:
    """A NamedTuple, dataclass or Beam row, with all that is in it, as a dictionary.

    Lone surrogates, which fit no file, become question marks.
    """
    if isinstance(record, str):
        return record if record.isascii() else record.encode("utf-8", "replace").decode()
    if isinstance(record, Mapping):
        return {name: as_row(value) for name, value in record.items()}
    if isinstance(record, tuple) and hasattr(record, "_fields"):
        return {name: as_row(value) for name, value in zip(record._fields, record, strict=True)}
    if isinstance(record, (list, tuple)):
        return [as_row(item) for item in record]
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        names = [field.name for field in dataclasses.fields(record)]
        return {name: as_row(getattr(record, name)) for name in names}
    if hasattr(record, "as_dict"):  # beam.Row, without importing Beam
        return as_row(record.as_dict())
    return record


def batches(table: Table, records: Sequence[Any]) -> Iterator[pa.RecordBatch | Misfit]:
    """Rows as one batch if they fit, and those that do not, one by one.

    A row fits with all columns of the key, none that the table lacks, and values of their types;
    other columns that it lacks become NULL.
    """
    good, rows = [], [as_row(record) for record in records]
    for record, row in zip(records, rows, strict=True):
        if reason := _misfit(table, row):
            yield Misfit(table.name, record, reason)
        else:
            good.append((record, row))
    try:
        fitting = [_batch(table, [row for _, row in good])]
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        fitting = []
        for record, row in good:
            try:
                fitting.append(_batch(table, [row]))
            except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
                yield Misfit(table.name, record, f"{type(error).__name__}: {error}")
    yield from (batch for batch in fitting if batch.num_rows)


def _misfit(table: Table, row: Any) -> str | None:
    if not isinstance(row, dict):
        return f"a {type(row).__name__} is no row"
    if strangers := [str(name) for name in row if name not in table.types]:
        return f"no such column: {', '.join(strangers)}"
    if missing := [name for name in table.keys if row.get(name) is None]:
        return f"no value for the key: {', '.join(missing)}"
    return None


def _batch(table: Table, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, table.arrow)
