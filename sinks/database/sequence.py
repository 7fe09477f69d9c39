"""The numbers of commits, by which readers ask for what is new."""

from __future__ import annotations

import duckdb


def next_sequence(connection: duckdb.DuckDBPyConnection) -> int:
    """The number of the commit that is under way: one more than any before."""
    ((last,),) = connection.execute(
        "SELECT max(last) FROM (SELECT max(sequence) AS last FROM articles "
        "UNION ALL SELECT max(sequence) FROM pruned_articles)").fetchall()  # fmt: skip
    return (last or 0) + 1
