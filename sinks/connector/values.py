"""Values of Python for the types of Arrow: taken as they are, or refused, never bent.

Arrow by itself would cut 1.5 to 1 and a time to its date, take a text for a list of its letters,
and drop what a struct has no field for.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

import pyarrow as pa

Fit = Callable[[Any], Any]
LARGEST_FLOAT = 3.4028235677973366e38


def array(kind: pa.DataType, values: Sequence[Any]) -> pa.Array:
    """A column of values, which are taken as they are or refused.

    Raises:
        ValueError, TypeError, OverflowError, pyarrow.ArrowException: one of them does not fit.
    """
    if _is_plain(kind, values):
        with contextlib.suppress(UnicodeError):  # a text that `fit` mends
            return pa.array(values, kind)
    one = fit(kind)
    return pa.array([None if value is None else one(value) for value in values], kind)


def _is_plain(kind: pa.DataType, values: Iterable[Any]) -> bool:
    """Whether Arrow takes the values as they are, which spares most columns a look at each."""
    if pa.types.is_list(kind):
        lists = [value for value in values if value is not None]
        return set(map(type, lists)) <= {list, tuple} and _is_plain(
            kind.value_type, chain.from_iterable(lists)
        )
    return any(
        is_kind(kind) and set(map(type, values)) <= {plain, type(None)} for is_kind, plain in _PLAIN
    )


def fit(kind: pa.DataType) -> Fit:
    """A function that makes values (but None) ones that Arrow takes for this type, or refuses.

    Values of another type altogether are left for Arrow to refuse. The function raises ValueError
    or TypeError.
    """
    if pa.types.is_struct(kind):
        return partial(_struct, {field.name: fit(field.type) for field in kind})
    if pa.types.is_map(kind):
        return partial(_map, fit(kind.key_type), fit(kind.item_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return partial(_list, fit(kind.value_type))
    for is_kind, function in _SCALARS:
        if is_kind(kind):
            return function
    return _as_it_is


def _struct(fits: dict[str, Fit], record: Any) -> dict[str, Any]:
    fields = fields_of(record)
    if strangers := [str(name) for name in fields if name not in fits]:
        raise ValueError(f"no such column: {', '.join(strangers)}")
    return {n: None if value is None else fits[n](value) for n, value in fields.items()}


def fields_of(record: Any) -> Mapping[str, Any]:
    """What a mapping, NamedTuple, dataclass or `beam.Row` (known without importing Beam) holds.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(record, Mapping):
        return record
    if isinstance(record, tuple) and hasattr(record, "_fields"):
        return dict(zip(record._fields, record, strict=True))
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {item.name: getattr(record, item.name) for item in dataclasses.fields(record)}
    if hasattr(record, "as_dict"):
        fields: Mapping[str, Any] = record.as_dict()
        return fields
    raise TypeError(f"a {type(record).__name__} is no row")


def _map(key: Fit, item: Fit, value: Any) -> list[tuple[Any, Any]]:
    return [(key(k), None if v is None else item(v)) for k, v in dict(value).items()]


def _list(item: Fit, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)):
        raise TypeError(f"a {type(value).__name__} is no list")
    return [None if one is None else item(one) for one in value]


def _text(value: Any) -> Any:
    """Lone surrogates, which fit no file, become question marks."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    return str(value) if isinstance(value, UUID) else value


def _integer(value: Any) -> Any:
    if isinstance(value, int):
        return value
    if (whole := int(value)) != value:
        raise ValueError(f"{value!r} is not whole")
    return whole


def _float(value: Any) -> Any:
    if isinstance(value, (int, float)) and LARGEST_FLOAT <= abs(value) < float("inf"):
        raise ValueError(f"{value!r} is too large")
    return value


def _date(value: Any) -> Any:
    if isinstance(value, datetime):
        raise TypeError("a time is no date")
    return _temporal(value)


def _temporal(value: Any) -> Any:
    if isinstance(value, int):
        raise TypeError(f"{value!r} is no time")
    return value


def _as_it_is(value: Any) -> Any:
    return value


_PLAIN: list[tuple[Callable[[pa.DataType], bool], type]] = [
    (pa.types.is_string, str),
    (pa.types.is_integer, int),
    (pa.types.is_timestamp, datetime),
]
_SCALARS: list[tuple[Callable[[pa.DataType], bool], Fit]] = [
    (pa.types.is_string, _text),
    (pa.types.is_large_string, _text),
    (pa.types.is_dictionary, _text),
    (pa.types.is_integer, _integer),
    (pa.types.is_float32, _float),
    (pa.types.is_date, _date),
    (pa.types.is_temporal, _temporal),
]
