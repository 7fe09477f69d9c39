"""The data dictionary, from the schema itself: `make docs` writes it to docs/."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from sinks.tables.columns import Column, Table
from sinks.tables.ddl import statements
from sinks.tables.tables import SCHEMA_VERSION, TABLES
from sinks.tables.views import VIEWS, View

INTRODUCTION = f"""\
# Data dictionary

Schema version {SCHEMA_VERSION}. Made from the schema by `make docs`; the same texts stand in the
database as comments (`FROM duckdb_columns()`, `FROM duckdb_views()`). Times are moments
(TIMESTAMPTZ): `newsbeam sql` shows them in UTC, other clients in a zone of their own. Where all
values of a column are listed, the table refuses any other. What to ask of it all:
[questions and answers](sql.md)."""


def markdown() -> str:
    """The page docs/data-dictionary.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    for head, relations in (("| table | holds |", TABLES), ("| view | answers |", VIEWS)):
        yield f"\n{head}\n|---|---|"
        for relation in relations:
            yield f"| [{relation.name}](#{relation.name}) | {_first_sentence(relation.meaning)} |"
    yield "\n## Tables"
    for table in TABLES:
        yield from _table(table)
    yield "\n## Views"
    types = _types()
    for view in VIEWS:
        yield from _view(view, types)


def _table(table: Table) -> Iterator[str]:
    key = ", ".join(f"`{name}`" for name in table.key)
    yield from _heading(table, f" One row for each {key}.")
    for column in table.columns:
        yield f"| {column.name} | {column.type} | {_meaning(column)} |"


def _view(view: View, types: dict[tuple[str, str], str]) -> Iterator[str]:
    yield from _heading(view)
    for name, meaning in view.columns:
        yield f"| {name} | {types[view.name, name]} | {meaning} |"


def _heading(relation: Table | View, more: str = "") -> Iterator[str]:
    yield f"\n### {relation.name}\n\n{relation.meaning}{more}\n"
    yield "| column | type | meaning |\n|---|---|---|"


def _meaning(column: Column) -> str:
    """The column's comment, with its values as code and its reference as a link."""
    values = ", ".join(f"`{value}`" for value in column.values)
    table = column.references.split(".")[0]
    target = f"→ [{column.references}](#{table})" if table else ""
    return " ".join(filter(None, (values and f"One of {values}.", column.meaning, target)))


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".")


def _types() -> dict[tuple[str, str], str]:
    """The type of each column, by relation and name: what a view's are, only DuckDB knows."""
    with duckdb.connect() as connection:
        for statement in statements():
            connection.execute(statement)
        found = connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns()"
        ).fetchall()
    return {
        (relation, column): kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
        for relation, column, kind in found
    }


if __name__ == "__main__":
    print(markdown(), end="")
