"""What a database holds: its tables and views, with the meanings that they carry as comments."""

from __future__ import annotations

from typing import NamedTuple

from sinks.ask.query import query
from sinks.database.where import Where

SQL = """
SELECT kind, name, meaning,
       list({'name': column_name, 'type': data_type, 'meaning': coalesce(c.comment, '')}
            ORDER BY column_index) AS columns
FROM (SELECT 'table' AS kind, table_oid AS oid, table_name AS name, coalesce(comment, '') AS meaning
      FROM duckdb_tables() WHERE NOT internal
      UNION ALL
      SELECT 'view', view_oid, view_name, coalesce(comment, '')
      FROM duckdb_views() WHERE NOT internal)
JOIN duckdb_columns() c ON c.table_oid = oid AND c.table_name = name
GROUP BY ALL ORDER BY kind, name
"""


class Field(NamedTuple):
    """A column of a table or view; its meaning is empty where nobody gave one."""

    name: str
    type: str
    meaning: str


class Relation(NamedTuple):
    """A table or a view."""

    kind: str
    name: str
    meaning: str
    columns: tuple[Field, ...]


def relations(database: Where, lock_timeout: float) -> list[Relation]:
    """Tables first, then views, by name.

    Raises:
        DatabaseError: the database cannot be opened.
    """
    with query(database, SQL, lock_timeout) as found:
        return [
            Relation(kind, name, meaning, tuple(Field(**column) for column in columns))
            for kind, name, meaning, columns in found.rows
        ]
