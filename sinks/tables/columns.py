"""Columns and tables: names, types and meanings, as they are declared."""

from __future__ import annotations

import re
from typing import NamedTuple


class Column(NamedTuple):
    """A column, its SQL type and its meaning."""

    name: str
    type: str
    meaning: str
    values: tuple[str, ...] = ()
    """All values that it may have, where they are few; the table checks them."""
    references: str = ""
    """TABLE.COLUMN that holds each of its values; `newsbeam db check` verifies that."""

    @property
    def comment(self) -> str:
        """The meaning, with what may stand there, and where it leads."""
        values = f"{', '.join(self.values)}. " if self.values else ""
        target = f" References {self.references}." if self.references else ""
        return f"{values}{self.meaning}{target}"


class Table(NamedTuple):
    """A table, what one row of it is, and which columns name a row."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[str, ...] = ()
    """Of a table of an article: the way to its rows, from a staged page through lists in lists."""

    @property
    def history(self) -> Table:
        """What a table of an article said before, with the version that it said it of."""
        return Table(
            f"{self.name}_history",
            f"What {self.name} said of an article before its text or the rules changed.",
            (*self.key, *(column.name for column in HISTORY)),
            (*self.columns, *HISTORY),
        )


def table(name: str, meaning: str, key: str, columns: str, rows: str = "") -> Table:
    """A table from the names of its key, a line for each column, and the way to its rows."""
    lines = (line.split(maxsplit=2) for line in columns.strip().splitlines())
    return Table(
        name,
        meaning,
        tuple(key.split()),
        tuple(_column(*line) for line in lines),
        tuple(rows.split(".")) if rows else (),
    )


def _column(name: str, kind: str, meaning: str) -> Column:
    """NAME TYPE meaning, with `(one|two)` first where values are few, `->TABLE.COLUMN` last."""
    values = re.match(r"\(([^)]+)\) ", meaning)
    target = re.search(r" ->(\S+)$", meaning)
    text = meaning[values.end() if values else 0 : target.start() if target else None]
    return Column(
        name, kind, text, tuple(values[1].split("|")) if values else (), target[1] if target else ""
    )


HISTORY = (
    _column("version", "INTEGER", "Version of the article of which this was said."),
    _column("replaced_run_id", "VARCHAR", "Run that replaced it. ->runs.run_id"),
)
"""The columns of a history beside those of its table."""
