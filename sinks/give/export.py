"""Articles and tables in the formats that other tools read: Parquet, CSV, JSON Lines, GDELT's GKG.

Articles are read in portions of whole days, in order of publication, so that a large database
needs no more memory than a small one. DuckDB writes Parquet itself; of the text formats it makes
the cells or the lines.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import duckdb

from config.errors import ExportError
from config.models import VERSION
from sinks.ask.query import BATCH
from sinks.ask.selection import Portion, Selection, condition, portions, unknown
from sinks.connector.tables import identifier
from sinks.database.opening import open_database
from sinks.database.where import Where
from sinks.give import gkg
from sinks.give.formulas import defused_sql
from sinks.give.target import new_file, new_folder
from sinks.tables.ddl import quoted
from sinks.tables.tables import TABLES
from sinks.tables.views import VIEWS

MARKER = "_newsbeam.json"
"""Says that a folder is an export; readers of datasets pass over names that begin with _."""
EMPTY_DAY = "day=1970-01-01"
ROW_GROUP = 20_000
MEMORY = "1GB"
"""What DuckDB may use before it spills to disk."""
TIME = "TIMESTAMP WITH TIME ZONE"

# One row for each article of {where}, with its topics, each with its evidence.
ARTICLES = """
WITH places AS (
    SELECT article_id, topic,
           list({{'field': field, 'start': start, 'end': "end",
                  'matched': matched, 'phrase': phrase,
                  'weight': weight, 'part': part, 'child': child}}
                ORDER BY field DESC, start) AS evidence
    FROM topic_evidence WHERE article_id IN (SELECT article_id FROM articles WHERE {where})
    GROUP BY ALL
), tagged AS (
    SELECT article_id,
           list({{'topic': topic, 'score': score, 'taxonomy_version': taxonomy_version,
                 'matches': coalesce(matches, len(evidence), 0),
                 'evidence': coalesce(evidence, [])}} ORDER BY score DESC, topic) AS topics
    FROM article_topics LEFT JOIN places USING (article_id, topic)
    WHERE article_id IN (SELECT article_id FROM articles WHERE {where})
    GROUP BY article_id
)
SELECT articles.*, coalesce(topics, []) AS topics
FROM articles LEFT JOIN tagged USING (article_id)
WHERE {where} ORDER BY published_at, article_id
"""
BY_DAY = "SELECT *, (published_at AT TIME ZONE 'UTC')::DATE AS day FROM ({articles})"
SHEET = """
SELECT article_id, outlet, country, strftime(published_at, '%Y-%m-%dT%H:%M:%SZ') AS published_at,
       language, title, byline, canonical_url AS url,
       array_to_string(list_transform(topics, lambda t: t.topic), ';') AS topics,
       array_to_string(list_transform(topics, lambda t: t.score), ';') AS scores,
       array_to_string(list_transform(topics, lambda t: t.matches), ';') AS evidence,
       word_count, text
FROM ({articles})
"""


class Exported(NamedTuple):
    """What was written."""

    output: str
    format: str
    rows: int
    files: int
    bytes: int


Progress = Callable[[int, int], None]
"""Told how many rows are written, of how many."""


@contextmanager
def reading(database: Where, lock_timeout: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to read from, on a budget; what DuckDB cannot do becomes our error.

    One thread: as fast, as the disk and the compression go, and the files are always the same.

    Raises:
        ExportError: DuckDB could not read, or not write.
        DatabaseError: the database cannot be opened.
    """
    with open_database(database, read_only=True, lock_timeout=lock_timeout) as opened:
        try:
            opened.connection.execute(f"SET threads = 1; SET memory_limit = '{MEMORY}'")
            yield opened.connection
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise ExportError(f"{database}: could not be exported: {reason}") from error


def export_articles(
    database: Where,
    form: str,
    output: Path,
    selection: Selection,
    *,
    overwrite: bool = False,
    lock_timeout: float = 60.0,
    progress: Progress = lambda done, total: None,
) -> Exported:
    """Write articles to a file or, as Parquet, to a folder with one partition for each day.

    Raises:
        ExportError: `output` is there and may not be replaced, or cannot be written.
        ConfigError: the selection names what the database does not know.
        DatabaseError: the database cannot be opened.
    """
    if form == "parquet":
        with (
            new_folder(output, marker=MARKER, replace=True) as folder,
            reading(database, lock_timeout) as connection,
        ):
            rows = _dataset(connection, folder, selection, progress)
        files = list(output.rglob("*.parquet"))
        return Exported(str(output), form, rows, len(files), _size(files))
    with (
        new_file(output, replace=overwrite) as path,
        reading(database, lock_timeout) as connection,
        open(path, "w", encoding="utf-8", newline="") as file,
    ):
        where = condition(connection, selection)
        found = portions(connection, where)
        total = sum(portion.articles for portion in found)
        rows = 0
        for portion in found or [Portion("false", 0)]:
            query = QUERIES[form].format(articles=ARTICLES.format(where=portion.condition))
            rows += WRITERS[form](connection, query, file, rows == 0)
            progress(rows, total)
    return Exported(str(output), form, rows, 1, _size([output]))


def export_table(
    database: Where,
    form: str,
    output: Path,
    table: str,
    *,
    overwrite: bool = False,
    lock_timeout: float = 60.0,
) -> Exported:
    """Write a table or view as it is to a file.

    Raises:
        ExportError, ConfigError, DatabaseError: as of `export_articles`.
    """
    names = [*(known.name for known in TABLES), *(view.name for view in VIEWS)]
    if table not in names:
        raise unknown("table", table, names)
    query = f"FROM {identifier(table)}"
    with (
        new_file(output, replace=overwrite) as path,
        reading(database, lock_timeout) as connection,
    ):
        if form == "parquet":
            rows = copy(connection, query, path)
        else:
            with open(path, "w", encoding="utf-8", newline="") as file:
                rows = WRITERS[form](connection, query, file, True)
    return Exported(str(output), form, rows, 1, _size([output]))


def copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path, more: str = "") -> int:
    """Have DuckDB write Parquet; the number of rows."""
    ((rows,),) = connection.execute(
        f"COPY ({query}) TO {quoted(str(path))} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}{more})"
    ).fetchall()
    return int(rows)


def _dataset(
    connection: duckdb.DuckDBPyConnection, folder: Path, selection: Selection, progress: Progress
) -> int:
    """Partitions as Hive names them, at least one of them with a day."""
    found = portions(connection, condition(connection, selection))
    total, rows = sum(portion.articles for portion in found), 0
    for portion in found:
        query = BY_DAY.format(articles=ARTICLES.format(where=portion.condition))
        rows += copy(connection, query, folder, ", PARTITION_BY (day), OVERWRITE_OR_IGNORE")
        progress(rows, total)
    if not any(folder.glob("day=[0-9]*")):  # or pyarrow could not tell what a day is
        (folder / EMPTY_DAY).mkdir()
        copy(connection, ARTICLES.format(where="false"), folder / EMPTY_DAY / "data_0.parquet")
    note = {
        "exported_at": datetime.now(UTC).isoformat(),
        "newsbeam_version": VERSION,
        "filters": selection.given,
        "articles": rows,
    }
    (folder / MARKER).write_text(json.dumps(note, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return rows


def _size(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _write_csv(
    connection: duckdb.DuckDBPyConnection, query: str, file: IO[str], first: bool
) -> int:
    """RFC 4180, with a header; NULL is an empty cell."""
    columns = _columns(connection, query)
    cells = ", ".join(f"{_cell(name, kind)} AS {identifier(name)}" for name, kind in columns)
    writer = csv.writer(file)
    if first:
        writer.writerow(name for name, _ in columns)
    return _each(connection, f"SELECT {cells} FROM ({query})", writer.writerows)


def _cell(name: str, kind: str) -> str:
    column = identifier(name)
    if kind == "VARCHAR":
        return defused_sql(column)
    if kind == TIME:
        return _iso(column)
    if kind == "BOOLEAN":
        return f"{column}::VARCHAR"
    if kind == "JSON" or kind.endswith(("[]", ")")):
        return f"CASE WHEN {column} IS NOT NULL THEN to_json({column})::VARCHAR END"
    return column


def _write_lines(
    connection: duckdb.DuckDBPyConnection, query: str, file: IO[str], first: bool
) -> int:
    """JSON Lines: an object a line."""
    fields = ", ".join(
        f"{quoted(name)}: {_iso(identifier(name)) if kind == TIME else identifier(name)}"
        for name, kind in _columns(connection, query)
    )
    return _each(
        connection,
        f"SELECT to_json({{{fields}}}) FROM ({query})",
        lambda rows: file.writelines(f"{line}\n" for (line,) in rows),
    )


def _write_gkg(
    connection: duckdb.DuckDBPyConnection, query: str, file: IO[str], first: bool
) -> int:
    return _each(
        connection, query, lambda rows: file.writelines(gkg.line(gkg.Source(*row)) for row in rows)
    )


def _iso(column: str) -> str:
    """A moment with the microseconds that it has, so that all of a column look alike."""
    return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ')"


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, *_ in connection.execute(f"DESCRIBE {query}").fetchall()]


def _each(
    connection: duckdb.DuckDBPyConnection, query: str, take: Callable[[list[Any]], object]
) -> int:
    """Hand over the rows of a query, some at a time; how many there were."""
    result, count = connection.execute(query), 0
    while rows := result.fetchmany(BATCH):
        take(rows)
        count += len(rows)
    return count


QUERIES = {"csv": SHEET, "jsonl": "{articles}", "gkg": gkg.QUERY}
WRITERS = {"csv": _write_csv, "jsonl": _write_lines, "gkg": _write_gkg}
