"""Queries: whatever is asked, the database and the machine stay as they are."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from config.errors import DatabaseError, DatabaseLocked, QueryError
from sinks.query import query
from tests.conftest import newsbeam
from tests.sinks.samples import FEED, commit, held, listed, page, poll


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("query") / "news.duckdb"
    commit(path, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    return path


def ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with query(database, sql, 0) as result:
        return list(result.rows)


CHANGES = {
    "create": "CREATE TABLE mine (a INTEGER)",
    "insert": "INSERT INTO topics VALUES ('a', 'b', 'c', [])",
    "update": "UPDATE feeds SET state = 'retired'",
    "delete": "DELETE FROM articles",
    "drop": "DROP TABLE articles",
    "comment": "COMMENT ON TABLE feeds IS 'mine'",
    "macro": "CREATE MACRO one() AS 1",
    "two": "SELECT 1; DELETE FROM articles",
}
FILES = {
    "read_csv": "FROM read_csv('/etc/passwd')",
    "read_text": "FROM read_text('/etc/passwd')",
    "read_blob": "FROM read_blob('/etc/passwd')",
    "replacement": "FROM '/etc/passwd'",
    "glob": "FROM glob('/etc/*')",
    "attach": "ATTACH '{folder}/other.duckdb' AS other",
    "attach-memory": "ATTACH ':memory:' AS other",
    "attach-itself": "ATTACH '{database}' AS other",
    "copy": "COPY (SELECT 1) TO '{folder}/out.csv'",
    "copy-over": "COPY (SELECT 1) TO '{database}' (USE_TMP_FILE false)",
    "copy-wal": "COPY (SELECT 1) TO '{database}.wal'",
    "copy-spill": "COPY (SELECT 1) TO '{database}.tmp/x'",
    "copy-explained": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{database}.wal'",
    "copy-prepared": "PREPARE p AS COPY (SELECT 1) TO '{database}.wal'; EXECUTE p",
    "copy-from": "COPY topics FROM '/etc/passwd'",
    "export": "EXPORT DATABASE '{folder}/out'",
    "import": "IMPORT DATABASE '{folder}'",
    "log": "CALL enable_logging(storage = 'file', storage_config = {{'path': '{folder}/log'}})",
}
EXTENSIONS = {
    "install": "INSTALL fts",
    "force-install": "FORCE INSTALL fts FROM community",
    "load": "LOAD httpfs",
    "load-file": "LOAD '{folder}/x.duckdb_extension'",
    "http": "FROM read_csv('http://127.0.0.1:9/x.csv')",
    "secret": "CREATE SECRET mine (TYPE s3)",
}
SETTINGS = {
    "set": "SET threads = 1",
    "pragma": "PRAGMA memory_limit = '1GB'",
    "access": "SET enable_external_access = true",
    "reset-access": "RESET enable_external_access",
    "file-systems": "SET disabled_filesystems = ''",
    "lock": "SET lock_configuration = false",
    "zone": "SET TimeZone = 'Asia/Tokyo'",
}
ALL = CHANGES | FILES | EXTENSIONS | SETTINGS


@pytest.mark.parametrize("name", ALL)
def test_nothing_else_than_reading(database: Path, name: str) -> None:
    before = {path: path.read_bytes() for path in database.parent.rglob("*") if path.is_file()}
    with pytest.raises(QueryError):
        ask(database, ALL[name].format(folder=database.parent, database=database))
    after = {path: path.read_bytes() for path in database.parent.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT title FROM articles",
        "FROM articles SELECT title",
        "WITH a AS (FROM articles) SELECT title FROM a;",
        "(SELECT title FROM articles) -- ; and no more",
        "FROM feed_health",
        "VALUES (1)",
        "SHOW TABLES",
        "DESCRIBE articles",
        "SUMMARIZE articles",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "PIVOT entries ON state USING count(*)",
        "PRAGMA table_info('articles')",
        "CALL pragma_version()",
        "CREATE TEMP TABLE t AS SELECT 1; FROM t",
    ],
)
def test_what_only_reads_is_answered(database: Path, sql: str) -> None:
    assert ask(database, sql)


@pytest.mark.parametrize("sql", ["", "  ;", "-- nothing\n"])
def test_an_empty_query_is_refused(database: Path, sql: str) -> None:
    with pytest.raises(QueryError, match="empty"):
        ask(database, sql)


def test_a_second_query_is_not_left_out_in_silence(database: Path) -> None:
    with pytest.raises(QueryError, match="more than one query"):
        ask(database, "SELECT 1; SELECT 2")


def test_a_query_that_is_no_text_is_refused(database: Path) -> None:
    with pytest.raises(QueryError, match="not UTF-8"):
        ask(database, "SELECT '\udcff'")


def test_errors_are_duckdbs(database: Path) -> None:
    with pytest.raises(QueryError, match=r"Parser Error: syntax error at or near"):
        ask(database, "SELEC 1")
    with pytest.raises(QueryError, match=r"Catalog Error.*artikles.*\n.*articles"):
        ask(database, "FROM artikles")


def test_an_error_after_the_first_rows_is_an_error(database: Path) -> None:
    sql = "SELECT error('too far') FROM range(1000000) t(n) WHERE n > 999998"
    with pytest.raises(QueryError, match="too far"):
        ask(database, sql)


def test_long_results_stream(database: Path) -> None:
    """A million million rows would never come whole."""
    with query(database, "FROM range(1000000000000) t(n)", 0) as result:
        assert result.columns == ["n"]
        assert list(islice(result.rows, 2500)) == [(n,) for n in range(2500)]


def test_large_results_may_spill(database: Path) -> None:
    """A SELECT keeps the folder for what does not fit into memory."""
    with query(database, "SELECT current_setting('disabled_filesystems')", 0) as result:
        assert list(result.rows) == [("",)]


def test_times_are_in_utc(database: Path) -> None:
    assert ask(database, "SELECT polled_at::VARCHAR FROM feed_polls") == [
        ("2026-03-01 12:00:00+00",)
    ]


def test_columns_have_their_names(database: Path) -> None:
    with query(database, 'SELECT 1 AS "a|b", 2 AS "é"', 0) as result:
        assert result.columns == ["a|b", "é"]


def test_a_missing_database_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"absent\.duckdb: no such database"):
        ask(tmp_path / "absent.duckdb", "SELECT 1")
    assert list(tmp_path.iterdir()) == []


def test_a_held_database_is_locked(database: Path) -> None:
    with held(database), pytest.raises(DatabaseLocked):
        ask(database, "SELECT 1")


def test_two_programs_may_read(database: Path) -> None:
    with query(database, "FROM articles", 0) as mine:
        assert newsbeam("sql", "FROM feeds", "--database", database, "--lock-timeout", 0).stdout
        assert list(mine.rows)
