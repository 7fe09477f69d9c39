"""The shapes of records: what their fields are, and how they stand in files of lines."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

R = TypeVar("R", bound=NamedTuple)


@cache
def types_of(record: type) -> dict[str, Any]:
    """The fields of a NamedTuple and their types; that a field may be None is left out."""
    return {name: _present(hint) for name, hint in get_type_hints(record).items()}


def _present(hint: Any) -> Any:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    (kind,) = (kind for kind in get_args(hint) if kind is not type(None))
    return kind


def items_of(hint: Any) -> Any:
    """The type of the items of a ``tuple[X, ...]``; None of all else."""
    return get_args(hint)[0] if get_origin(hint) is tuple else None


def shared(record: Any, other: type) -> dict[str, Any]:
    """The values of a record by those of its fields that another type of records has as well."""
    return {name: getattr(record, name) for name in record._fields if name in types_of(other)}


def line_of(record: Any) -> str:
    """A record as a line of JSON: an array of its fields."""
    return json.dumps(record, default=datetime.isoformat)


def record_of(line: str, record: type[R]) -> R:
    """The record that `line_of` wrote."""
    found: R = _read(json.loads(line), record)
    return found


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """Write records to a file, a line each."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line_of(record)}\n" for record in records)


def read_lines(path: str | Path, record: type[R]) -> Iterator[R]:
    """The records that `write_lines` wrote."""
    with open(path, encoding="utf-8") as lines:
        yield from (record_of(line, record) for line in lines)


def _read(value: Any, hint: Any) -> Any:
    reads = None if value is None else _reader(hint)
    return reads(value) if reads else value


@cache
def _reader(hint: Any) -> Callable[[Any], Any] | None:
    """What makes of JSON a value of a type; None where it is one."""
    if hint is datetime:
        return datetime.fromisoformat
    if hasattr(hint, "_fields"):
        return _record_reader(hint)
    if item := items_of(hint):
        return lambda values: tuple(_read(one, item) for one in values)
    return None


def _record_reader(record: Any) -> Callable[[list[Any]], Any]:
    """Only the fields that need it are read anew: a plan has a record for each feed and page."""
    readers = ((place, _reader(hint)) for place, hint in enumerate(types_of(record).values()))
    needed = [(place, reads) for place, reads in readers if reads]

    def read(values: list[Any]) -> Any:
        for place, reads in needed:
            if values[place] is not None:
                values[place] = reads(values[place])
        return record(*values)

    return read
