"""The shapes of staged rows in Arrow's words, derived from the records themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from transforms.shapes import items_of, types_of

PLAIN = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


def schema_of(record: type) -> pa.Schema:
    """The schema of rows that are such records: NamedTuples of what Arrow knows.

    Raises:
        TypeError: a field is of a type that no column has.
    """
    return pa.schema([(name, _arrow(hint)) for name, hint in types_of(record).items()])


def _arrow(hint: Any) -> pa.DataType:
    if hint in PLAIN:
        return PLAIN[hint]
    if item := items_of(hint):
        return pa.list_(_arrow(item))
    if hasattr(hint, "_fields"):
        return pa.struct(list(schema_of(hint)))
    raise TypeError(f"no column is of type {hint}")
