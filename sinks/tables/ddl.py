"""The SQL that makes tables and views, with their comments."""

from __future__ import annotations

from collections.abc import Iterator

from sinks.tables.columns import Table
from sinks.tables.tables import TABLES
from sinks.tables.views import VIEWS


def statements(in_lake: bool = False) -> Iterator[str]:
    """The SQL that makes an empty database, or the tables of a DuckLake, comments included."""
    for table in TABLES:
        yield create_table(table, in_lake)
    yield from describe(in_lake)


def create_table(table: Table, in_lake: bool = False) -> str:
    """Its key must not be NULL, and columns of few values are checked: not by a DuckLake."""
    parts = [
        f'"{column.name}" {column.type}' + (" NOT NULL" if column.name in table.key else "")
        for column in table.columns
    ]
    parts += [
        f'CHECK ("{column.name}" IN ({", ".join(map(quoted, column.values))}))'
        for column in table.columns
        if column.values and not in_lake
    ]
    return f'CREATE TABLE "{table.name}" ({", ".join(parts)})'


def describe(in_lake: bool = False) -> Iterator[str]:
    """The SQL that makes the views anew, and all comments; a DuckLake has none on their columns."""
    for table in TABLES:
        yield f'COMMENT ON TABLE "{table.name}" IS {quoted(table.meaning)}'
        for column in table.columns:
            place = f'"{table.name}"."{column.name}"'
            yield f"COMMENT ON COLUMN {place} IS {quoted(column.comment)}"
    for view in VIEWS:
        yield f'CREATE OR REPLACE VIEW "{view.name}" AS {view.query}'
        yield f'COMMENT ON VIEW "{view.name}" IS {quoted(view.meaning)}'
        for name, meaning in view.columns if not in_lake else ():
            yield f'COMMENT ON COLUMN "{view.name}"."{name}" IS {quoted(meaning)}'


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
