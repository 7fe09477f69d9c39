"""Queries: whatever is asked, the database and the machine stay as they are."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pytest

from config.errors import QueryError
from sinks.ask.query import _Worker, query
from sinks.connector.errors import DatabaseError, DatabaseLocked, SchemaMismatch
from tests.kit.program import newsbeam
from tests.kit.samples import FEED, article, commit, held, listed, page, poll

since_2_no_query = pytest.mark.skipif(
    duckdb.__version__ >= "2", reason="duckdb 2 does not tell which PRAGMA only reads"
)


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
    "merge": "MERGE INTO topics USING feeds ON true WHEN MATCHED THEN DELETE",
    "truncate": "TRUNCATE articles",
    "two": "SELECT 1; DELETE FROM articles",
    "two-hidden": "SELECT 1 /* ; */ ; -- no more\n DELETE FROM articles",
    "within-with": "WITH a AS (SELECT 1) INSERT INTO topics SELECT 'a', 'b', 'c', []",
    "within-query": "FROM query('DELETE FROM articles')",
    "explained": "EXPLAIN ANALYZE DELETE FROM articles",
    "prepared": "PREPARE p AS DELETE FROM articles; EXECUTE p",
    "table-in-temp": "CREATE TABLE temp.mine AS SELECT 1",
    "schema": "CREATE SCHEMA mine",
    "vacuum": "VACUUM",
    "analyze": "ANALYZE",
    "transaction": "BEGIN",
    "use": "USE temp",
    "detach": "DETACH news",
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
    "copy-from-temporary": "CREATE TEMP TABLE t AS SELECT 1; COPY t TO '{folder}/out.csv'",
    "copy-planned": "EXPLAIN COPY (SELECT 1) TO '{folder}/out.csv'",
    "copy-database": "COPY FROM DATABASE news TO temp",
    "copy-database-pragma": "PRAGMA copy_database('news', 'temp')",
    "import-pragma": "PRAGMA import_database('{folder}')",
    "read_json": "FROM read_json('/etc/passwd')",
    "read_parquet": "FROM read_parquet('{folder}/x.parquet')",
    "parquet-metadata": "FROM parquet_metadata('{folder}/x.parquet')",
    "sniff": "FROM sniff_csv('/etc/passwd')",
    "other-database": "FROM read_duckdb('{folder}/other.duckdb')",
    "standard-input": "FROM read_csv('/dev/stdin')",
    "globbed": "FROM '{folder}/*.csv'",
    "within-query-text": "FROM query('FROM read_text(''/etc/passwd'')')",
    "within-table": "CREATE TEMP TABLE t AS FROM read_text('/etc/passwd'); FROM t",
    "within-macro": "CREATE TEMP MACRO m() AS TABLE FROM read_text('/etc/passwd'); FROM m()",
    "environment": "SELECT getenv('HOME')",
    "log-of-all": "CALL enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "profile": "CALL enable_profiling(format = 'json', save_location = '{folder}/p.json')",
    "our-variables": "FROM statements",
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
    "update": "UPDATE EXTENSIONS",
    "loaded-already": "LOAD json",
    "extensions": "FROM duckdb_extensions()",
    "http-named": "FROM 'http://127.0.0.1:9/x.parquet'",
    "s3": "FROM 's3://bucket/x.parquet'",
    "autoload": "FROM sql_auto_complete('SEL')",
    "secret": "CREATE SECRET mine (TYPE s3)",
    "secret-kept": "CREATE PERSISTENT SECRET mine (TYPE http)",
    "secrets": "FROM duckdb_secrets()",
    "secret-for": "FROM which_secret('s3://bucket/x', 's3')",
}
SETTINGS = {
    "set": "SET threads = 1",
    "pragma": "PRAGMA memory_limit = '1GB'",
    "access": "SET enable_external_access = true",
    "reset-access": "RESET enable_external_access",
    "file-systems": "SET disabled_filesystems = ''",
    "lock": "SET lock_configuration = false",
    "zone": "SET TimeZone = 'Asia/Tokyo'",
    "variable": "SET VARIABLE mine = 1",
    "profiling": "PRAGMA enable_profiling",
    "profiling-file": "PRAGMA profiling_output = '{folder}/p.json'",
    "dot-shell": ".shell ls",
    "dot-open": ".open {folder}/x.duckdb",
    "dot-output": ".output {folder}/x",
}
ALL = CHANGES | FILES | EXTENSIONS | SETTINGS


@pytest.mark.parametrize("name", ALL)
def test_nothing_else_than_reading(database: Path, name: str) -> None:
    before = contents(database.parent)
    with pytest.raises(QueryError):
        ask(database, ALL[name].format(folder=database.parent, database=database))
    assert contents(database.parent) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "sql",
    [
        "CHECKPOINT",
        "FROM checkpoint()",
        "SELECT write_log('mine')",
        "FROM enable_logging(level = 'trace', storage = 'file', storage_path = '{database}.wal')",
        "FROM enable_logging(level = 'trace', storage = 'file', storage_path = '{folder}/log')",
        "FROM enable_profiling(format = 'json', save_location = '{database}.json'), articles",
        "FROM enable_profiling(format = 'json', save_location = '{folder}/p.json'), articles",
        "SELECT count(*) FROM read_blob('{database}')",
    ],
)
def test_what_is_answered_writes_nothing(database: Path, sql: str) -> None:
    before = contents(database.parent)
    with suppress(QueryError):  # duckdb 2 refuses them
        ask(database, sql.format(folder=database.parent, database=database))
    assert contents(database.parent) == before


def test_a_file_is_not_read_while_the_query_is_parsed(database: Path, tmp_path: Path) -> None:
    """IMPORT DATABASE becomes what stands in these files, and errors would quote it."""
    (tmp_path / "schema.sql").write_text("sesame is the password")
    (tmp_path / "load.sql").write_text("")
    with pytest.raises(QueryError) as caught:
        ask(database, f"IMPORT DATABASE '{tmp_path}'")
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("sql", ["COPY feeds TO 'x.csv'", "FROM 'x.csv'", "VACUUM"])
def test_a_refusal_names_the_way_out(database: Path, sql: str) -> None:
    with pytest.raises(QueryError, match="--unsafe lifts that"):
        ask(database, sql)


# Unsafe


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "news.duckdb"
    commit(path, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    return path


def do(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with query(database, sql, 0, unsafe=True) as result:
        return list(result.rows)


def test_unsafe_changes_and_answers_the_last_statement(own: Path) -> None:
    sql = "CREATE TABLE mine AS SELECT 1 AS a; INSERT INTO mine VALUES (2); FROM mine"
    assert do(own, sql) == [(1,), (2,)]
    assert ask(own, "SELECT sum(a) FROM mine") == [(3,)]


def test_unsafe_writes_reads_and_attaches_files(own: Path) -> None:
    folder = own.parent
    do(own, f"COPY (SELECT title FROM articles) TO '{folder}/out.csv'")
    assert do(own, f"FROM '{folder}/out.csv'") == [("Headline 1",)]
    do(own, f"ATTACH '{folder}/other.duckdb' AS other; CREATE TABLE other.a AS SELECT 1")
    assert (folder / "other.duckdb").exists()
    assert do(own, "SET threads = 1; SELECT current_setting('threads')") == [(1,)]


def test_unsafe_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"absent\.duckdb: no such database"):
        do(tmp_path / "absent.duckdb", "SELECT 1")
    assert list(tmp_path.iterdir()) == []


def test_unsafe_is_for_newsbeams_databases(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE mine (a INTEGER)")
    with pytest.raises(SchemaMismatch, match="not a newsbeam database"):
        do(tmp_path / "other.duckdb", "DROP TABLE mine")


# Parameters


def test_parameters_are_values_never_sql(database: Path) -> None:
    hostile = "'; DROP TABLE articles; --"
    with query(
        database, "SELECT $text, $n + 1, $nothing IS NULL", 0,
        parameters={"text": hostile, "n": 1, "nothing": None},
    ) as result:  # fmt: skip
        assert list(result.rows) == [(hostile, 2, True)]


def test_a_parameter_without_a_value_is_an_error(database: Path) -> None:
    with pytest.raises(QueryError, match="mine"):
        ask(database, "SELECT $mine")


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
        pytest.param("PRAGMA table_info('articles')", marks=since_2_no_query),
        "UNPIVOT (SELECT 1 AS a, 2 AS b) ON COLUMNS(*)",
        "FROM query('FROM articles')",
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


@pytest.mark.parametrize("value", ["INTERVAL 3000000 YEAR", "[INTERVAL 3000000 YEAR]"])
def test_a_value_that_python_cannot_hold_is_said(database: Path, value: str) -> None:
    with pytest.raises(QueryError, match=r"beyond what can be shown .*make it a text"):
        ask(database, f"SELECT {value}")
    assert ask(database, "SELECT (INTERVAL 3000000 YEAR)::VARCHAR") == [("3000000 years",)]


def test_a_damaged_file_is_named_and_no_fault_of_the_query(tmp_path: Path) -> None:
    path = tmp_path / "news.duckdb"
    texts = [article(n, text=f"{n} " * 3_000) for n in range(300)]
    commit(path, [poll(FEED, 0)], [page(n, found) for n, found in enumerate(texts)])
    content = bytearray(path.read_bytes())
    header = 3 * 4096
    content[header:] = bytes(byte ^ 0xFF for byte in content[header:])
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match=r"news\.duckdb: .*the file is damaged"):
        ask(path, "SELECT sum(length(text)) FROM articles")


def test_a_query_that_needs_too_much_memory_is_no_wrong_query(database: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from sinks.ask.query import query\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
        "with query(Path(sys.argv[1]), sys.argv[2], 0) as result: list(result.rows)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, database, "SELECT list_resize([0::HUGEINT], 4000000000, 0)"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "DatabaseError: " in done.stderr
    assert "news.duckdb: Out of Memory Error" in done.stderr


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


class Hurried(ThreadPoolExecutor):
    """Ctrl-C comes while a query is handed over."""

    def submit(self, *arguments: Any) -> Any:
        future = super().submit(*arguments)
        signal.raise_signal(signal.SIGINT)
        return future


def test_ctrl_c_while_a_query_begins_stops_it() -> None:
    endless = "SELECT count(*) FROM range(100000000000) t(n) WHERE sqrt(n) > 3"
    connection = duckdb.connect()
    with _Worker(connection) as worker:
        worker._thread = Hurried(1)
        with pytest.raises(KeyboardInterrupt):
            worker.do(lambda: connection.execute(endless))
    assert connection.execute("SELECT 42").fetchall() == [(42,)]
