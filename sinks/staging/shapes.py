"""The shapes of staged rows in Arrow's words, derived from the records themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from sinks.tables.tables import TABLES
from transforms.shapes import items_of, types_of

WIDE = {column.name for table in TABLES for column in table.columns if column.type == "BIGINT"}
"""Columns of numbers that may be larger than those of an INTEGER."""
PLAIN = {
    str: pa.string(),
    int: pa.int32(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


def schema_of(record: type) -> pa.Schema:
    """The schema of rows that are such records: NamedTuples of what Arrow knows.

    Raises:
        TypeError: a field is of a type that no column has.
    """
    return pa.schema([(name, _arrow(hint, name)) for name, hint in types_of(record).items()])


def _arrow(hint: Any, name: str) -> pa.DataType:
    """A column takes what that of its name in the tables takes, so that no commit fails at it."""
    if hint is int and name in WIDE:
        return pa.int64()
    if hint in PLAIN:
        return PLAIN[hint]
    if item := items_of(hint):
        return pa.list_(_arrow(item, name))
    if hasattr(hint, "_fields"):
        return pa.struct(list(schema_of(hint)))
    raise TypeError(f"no column is of type {hint}")
