"""The shapes of records: what their fields are, and how they stand in files of lines."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Iterator
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
    if value is None:
        return None
    if hint is datetime:
        return datetime.fromisoformat(value)
    if hasattr(hint, "_fields"):
        return hint(*map(_read, value, types_of(hint).values()))
    if item := items_of(hint):
        return tuple(_read(one, item) for one in value)
    return value
