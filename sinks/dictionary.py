"""The data dictionary, from the schema itself: `make docs` writes it to docs/."""

from __future__ import annotations

from collections.abc import Iterator

from sinks.schema import SCHEMA_VERSION, TABLES, VIEWS


def markdown() -> str:
    """The page docs/data-dictionary.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield f"Schema version {SCHEMA_VERSION}. Made from the schema by `make docs`; the same texts"
    yield "stand in the database as comments (`FROM duckdb_columns()`). Times are moments"
    yield "(TIMESTAMPTZ): `newsbeam sql` shows them in UTC, other clients in a zone of their own."
    for table in TABLES:
        yield ""
        yield f"## {table.name}"
        yield ""
        key = ", ".join(f"`{name}`" for name in table.key)
        yield f"{table.meaning} One row for each {key}."
        yield ""
        yield "| column | type | meaning |"
        yield "|---|---|---|"
        for column in table.columns:
            yield f"| {column.name} | {column.type} | {column.comment} |"
    yield ""
    yield "# Views"
    for view in VIEWS:
        yield ""
        yield f"## {view.name}"
        yield ""
        yield view.meaning
        yield ""
        yield "| column | meaning |"
        yield "|---|---|"
        for name, meaning in view.columns:
            yield f"| {name} | {meaning} |"


if __name__ == "__main__":
    print(markdown(), end="")
