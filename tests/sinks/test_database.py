"""Opening the database: what is refused, in which words, and what waits."""

from __future__ import annotations

from pathlib import Path
from threading import Timer

import duckdb
import pytest

from config.errors import DatabaseError, DatabaseLocked, SchemaMismatch
from sinks.connector.connection import STORAGE_VERSION
from sinks.database import open_database
from sinks.schema import SCHEMA_VERSION, TABLES, VIEWS
from tests.conftest import rows
from tests.sinks.samples import (
    FEED,
    LATER,
    LATEST,
    OTHER,
    article,
    at,
    commit,
    failed_page,
    held,
    listed,
    page,
    poll,
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "news.duckdb"
    with open_database(path, read_only=False, lock_timeout=0):
        pass
    return path


def opened(path: Path, *, read_only: bool = False, lock_timeout: float = 0) -> None:
    with open_database(path, read_only=read_only, lock_timeout=lock_timeout) as found:
        found.connection.execute("SELECT 1 FROM articles").fetchall()


def test_every_table_and_column_has_its_comment(database: Path) -> None:
    tables = dict(rows(database, "SELECT table_name, comment FROM duckdb_tables()"))
    assert tables == {table.name: table.meaning for table in TABLES}
    columns = rows(
        database,
        "SELECT table_name, column_name, comment FROM duckdb_columns() SEMI JOIN duckdb_tables() "
        "USING (table_name)",
    )
    assert sorted(columns) == sorted(
        (table.name, column.name, column.comment) for table in TABLES for column in table.columns
    )
    assert all(meaning for *_, meaning in columns)


def test_every_view_has_its_comment_and_runs(database: Path) -> None:
    views = dict(rows(database, "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"))
    assert views == {view.name: view.meaning for view in VIEWS}
    for view in VIEWS:
        assert rows(database, f'FROM "{view.name}"') == []


@pytest.mark.parametrize("view", [view.name for view in VIEWS])
def test_every_view_answers(tmp_path: Path, view: str) -> None:
    """A story that two outlets print, one of them with an edit, and a page that failed."""
    database = tmp_path / "news.duckdb"
    text = "Taiwan held talks on trade and on the ports of the north."
    other = article(2, outlet="The Gazette", text=text, feed_url=OTHER)
    first = article(1, text=text, text_hash="1")
    commit(
        database,
        [poll(FEED, 0, [listed(FEED, n) for n in (1, 2, 3)])],
        [page(1, first), page(2, other), failed_page(3)],
    )
    again = listed(FEED, 1, listing_id="another", title="Headline 1, corrected")
    commit(database, [poll(FEED, 60, [again])], run_id=LATER)
    changed = first._replace(title=again.title, text=text + "\nMore.", text_hash="2")
    commit(database, [page(1, changed, fetched_at=at(90))], run_id=LATEST)
    assert rows(database, f'FROM "{view}"')


def test_times_are_with_time_zone(database: Path) -> None:
    kinds = rows(
        database,
        "SELECT DISTINCT data_type FROM duckdb_columns() WHERE suffix(column_name, '_at')",
    )
    assert kinds == [("TIMESTAMP WITH TIME ZONE",)]


def test_the_key_columns_exist() -> None:
    for table in TABLES:
        assert set(table.key) <= {column.name for column in table.columns}


def test_the_storage_version_is_set(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        (tags,) = connection.execute(
            "SELECT tags FROM duckdb_databases() WHERE NOT internal"
        ).fetchone()
    assert STORAGE_VERSION.removesuffix(".0") in tags["storage_version"]


def test_opening_again_keeps_the_schema(database: Path) -> None:
    opened(database)
    assert rows(database, "SELECT version FROM newsbeam_schema") == [(SCHEMA_VERSION,)]


def test_reading_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no such database"):
        opened(tmp_path / "absent.duckdb", read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [False, True])
def test_another_schema_version_is_refused(database: Path, read_only: bool) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("UPDATE newsbeam_schema SET version = 99")
    with pytest.raises(SchemaMismatch, match=f"schema version 99 is newer .*{SCHEMA_VERSION}"):
        opened(database, read_only=read_only)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_foreign_database_is_refused_and_kept(tmp_path: Path, read_only: bool) -> None:
    foreign = tmp_path / "shop.duckdb"
    with duckdb.connect(str(foreign)) as connection:
        connection.execute("CREATE TABLE articles (price INTEGER)")
    before = foreign.read_bytes()
    with pytest.raises(SchemaMismatch, match=r"shop\.duckdb: not a newsbeam database"):
        opened(foreign, read_only=read_only)
    assert foreign.read_bytes() == before


# A name with "lock" in it: DuckDB's message repeats it.
@pytest.mark.parametrize("folder", [".", "clock"])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_text_file_is_refused_and_kept(tmp_path: Path, folder: str, read_only: bool) -> None:
    path = tmp_path / folder / "notes.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("Dear diary,\n" * 100)
    with pytest.raises(DatabaseError, match=r"notes\.txt.*not a valid DuckDB") as error:
        opened(path, read_only=read_only, lock_timeout=60)
    assert not isinstance(error.value, DatabaseLocked)
    assert path.read_text() == "Dear diary,\n" * 100


@pytest.mark.parametrize("read_only", [False, True])
def test_a_held_database_is_locked_after_the_timeout(database: Path, read_only: bool) -> None:
    with (
        held(database),
        pytest.raises(DatabaseLocked, match=r"locked by .*\(PID \d+\); waited 0\.2 s"),
    ):
        opened(database, read_only=read_only, lock_timeout=0.2)
    opened(database, read_only=read_only)


def test_a_released_database_is_had_in_time(database: Path) -> None:
    with held(database) as holder:
        with pytest.raises(DatabaseLocked):
            opened(database)
        assert holder.stdin is not None
        Timer(0.1, holder.stdin.close).start()
        opened(database, lock_timeout=60)
