"""The data dictionary, from the tables and views themselves: `make docs` writes it to docs/."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import duckdb

from sinks.tables.columns import Column, Table
from sinks.tables.ddl import statements
from sinks.tables.tables import OF_ARTICLES, OF_PAGES, SCHEMA_VERSION, TABLES
from sinks.tables.views import VIEWS, View

Held = tuple[Table | View, ...]
INTRODUCTION = f"""\
Schema version {SCHEMA_VERSION}. Made from the schema by `make docs`; the same texts stand in the
database as comments (`FROM duckdb_columns()`, `FROM duckdb_views()`). Times are moments
(TIMESTAMPTZ): `newsbeam sql` shows them in UTC, other clients in a zone of their own. Where all
values of a column are listed, the table refuses any other."""
OF_TEXTS = tuple(f"article_{name}{suffix}" for name in ("blocks", "removals", "flags")
                 for suffix in ("", "_history"))  # fmt: skip
OF_FEEDS = ("feeds", "feed_polls", "entries", "failures")
WATCHING = ("expectations", "feed_health", "coverage", "failure_causes", "run_costs")


def _held(relations: Iterable[Table | View], names: Collection[str], are: bool = True) -> Held:
    return tuple(relation for relation in relations if (relation.name in names) is are)


_ARTICLES = (*(name for name in OF_ARTICLES if name not in (*OF_PAGES, *OF_TEXTS)), "topics")
PAGES: dict[str, tuple[str, Held]] = {
    "dictionary-articles": ("articles, and what belongs to them", _held(TABLES, _ARTICLES)),
    "dictionary-texts": ("the texts of articles", _held(TABLES, OF_TEXTS)),
    "dictionary-pages": ("the pages of articles", _held(TABLES, OF_PAGES)),
    "dictionary-feeds": ("feeds and their entries", _held(TABLES, OF_FEEDS)),
    "dictionary-runs": (
        "runs, and the rest",
        _held(TABLES, (*_ARTICLES, *OF_TEXTS, *OF_PAGES, *OF_FEEDS), are=False),
    ),
    "dictionary-views": ("views of articles", _held(VIEWS, WATCHING, are=False)),
    "dictionary-watching": ("views of feeds and runs", _held(VIEWS, WATCHING)),
}
"""The pages in docs/analyst: what they tell of. A table or view that comes later has its place."""


def pages() -> dict[str, str]:
    """The pages, by their names; their links lead to each other."""
    types = _types()
    homes = {relation.name: f"{page}.md" for page, (_, held) in PAGES.items() for relation in held}
    return {
        page: "\n".join(_page(f"Data dictionary: {title}", held, types, homes)) + "\n"
        for page, (title, held) in PAGES.items()
    }


def markdown() -> str:
    """All of it as one page."""
    held: Held = (*TABLES, *VIEWS)
    homes = {relation.name: "" for relation in held}
    return "\n".join(_page("Data dictionary", held, _types(), homes)) + "\n"


def _page(
    title: str, held: Held, types: dict[tuple[str, str], str], homes: dict[str, str]
) -> Iterator[str]:
    yield f"# {title}\n\n{INTRODUCTION}"
    home = homes[held[0].name]
    others = [f"[{told}]({page}.md)" for page, (told, _) in PAGES.items()
              if home not in ("", f"{page}.md")]  # fmt: skip
    if others:
        yield f"\nOther pages: {'; '.join(others)}."
    yield "\n| | holds |\n|---|---|"
    for relation in held:
        yield f"| [{relation.name}](#{relation.name}) | {_first_sentence(relation.meaning)} |"
    for relation in held:
        yield from _relation(relation, types, homes)


def _relation(
    relation: Table | View, types: dict[tuple[str, str], str], homes: dict[str, str]
) -> Iterator[str]:
    more = ""
    if isinstance(relation, Table):
        more = f" One row for each {', '.join(f'`{name}`' for name in relation.key)}."
    yield f"\n## {relation.name}\n\n{relation.meaning}{more}\n"
    yield "| column | type | meaning |\n|---|---|---|"
    if isinstance(relation, Table):
        for column in relation.columns:
            yield f"| {column.name} | {column.type} | {_meaning(column, homes)} |"
    else:
        for name, meaning in relation.columns:
            yield f"| {name} | {types[relation.name, name]} | {meaning} |"


def _meaning(column: Column, homes: dict[str, str]) -> str:
    """The column's comment, with its values as code and its reference as a link."""
    values = ", ".join(f"`{value}`" for value in column.values)
    table = column.references.split(".")[0]
    target = f"→ [{column.references}]({homes[table]}#{table})" if table else ""
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
    for name, text in pages().items():
        Path(sys.argv[1], f"{name}.md").write_text(text, encoding="utf-8")
