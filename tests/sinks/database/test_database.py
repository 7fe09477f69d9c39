"""Opening the database: what is refused, in which words, and what waits."""

from __future__ import annotations

from pathlib import Path
from threading import Timer

import duckdb
import pytest

from sinks.connector.connection import STORAGE_VERSION
from sinks.connector.errors import DatabaseError, DatabaseLocked, SchemaMismatch
from sinks.database.opening import open_database
from sinks.tables.columns import Column
from sinks.tables.tables import ARTICLE_TABLES, SCHEMA_VERSION, TABLES
from sinks.tables.views import VIEWS
from tests.kit.rows import rows
from tests.kit.samples import FEED, commit, failed_page, held, listed, page, poll
from transforms.records import Block, Flag, Removal

CHECKED = [(table.name, column) for table in TABLES for column in table.columns if column.values]


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
        columns = rows(
            database,
            "SELECT column_name, comment FROM duckdb_columns() "
            f"WHERE table_name = '{view.name}' ORDER BY column_index",
        )
        assert columns == list(view.columns)


def test_times_are_with_time_zone(database: Path) -> None:
    kinds = rows(
        database,
        "SELECT DISTINCT data_type FROM duckdb_columns() WHERE suffix(column_name, '_at')",
    )
    assert kinds == [("TIMESTAMP WITH TIME ZONE",)]


def test_the_key_columns_exist() -> None:
    for table in TABLES:
        assert set(table.key) <= {column.name for column in table.columns}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a row in each table that checks values."""
    path = tmp_path_factory.mktemp("filled") / "news.duckdb"
    found = [listed(FEED, number) for number in (1, 2)]
    full = page(
        1,
        blocks=(Block(0, "paragraph", 0, 6),),
        removals=(Removal("caption", "A crane.", 1, "caption"),),
        flags=(Flag("wire", "Reuters", "byline", "Reuters"),),
    )
    commit(path, [poll(FEED, 0, found)], [full, failed_page(2)])
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO article_versions (article_id, version) VALUES ('a', 1);"
            "INSERT INTO article_looks (article_id, looked_at) VALUES ('a', now())"
        )
        for table in ARTICLE_TABLES:
            connection.execute(
                f"INSERT INTO {table.history.name} SELECT *, 1, 'x' FROM {table.name}"
            )
    return path


@pytest.mark.parametrize(("table", "column"), CHECKED, ids=[f"{t}.{c.name}" for t, c in CHECKED])
def test_a_value_that_the_dictionary_does_not_name_is_refused(
    filled: Path, table: str, column: Column
) -> None:
    change = f"UPDATE {table} SET {column.name} = ? RETURNING {column.name}"
    with duckdb.connect(str(filled)) as connection:
        for value in column.values:
            connection.begin()
            assert connection.execute(change, [value]).fetchone() == (value,)
            connection.rollback()
        with pytest.raises(duckdb.ConstraintException, match=column.name):
            connection.execute(change, ["unheard of"])


def test_every_reference_names_a_column_that_helps_to_name_a_row() -> None:
    keys = {f"{table.name}.{column}" for table in TABLES for column in table.key}
    references = {column.references for table in TABLES for column in table.columns}
    assert references - {""} <= keys
    assert {"articles.article_id", "feeds.feed_url", "runs.run_id"} <= references


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
    words = r"notes\.txt.*not a valid DuckDB.*name another file, or, if it was a database, put"
    with pytest.raises(DatabaseError, match=words) as error:
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


@pytest.mark.parametrize("first", [False, True], ids=["writer first", "reader first"])
def test_a_connection_of_this_process_is_waited_for(database: Path, first: bool) -> None:
    with open_database(database, read_only=first, lock_timeout=0) as other:
        with pytest.raises(DatabaseLocked, match=r"locked by this process, .*; waited 0\.2 s"):
            opened(database, read_only=not first, lock_timeout=0.2)
        Timer(0.1, other.connection.close).start()
        opened(database, read_only=not first, lock_timeout=60)


@pytest.mark.parametrize("name", [":memory:", "md:news", ":memory:named"])
def test_a_path_is_that_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    opened(Path(name))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    opened(Path(name), read_only=True)


def test_a_link_is_the_file_that_it_leads_to(tmp_path: Path) -> None:
    """A log beside the link would be missed by who opens the file."""
    link, database = tmp_path / "link.duckdb", tmp_path / "news.duckdb"
    link.symlink_to(database)
    opened(link)
    assert link.is_symlink()
    with open_database(link, read_only=False, lock_timeout=0) as found:
        found.connection.execute("CREATE TABLE notes AS SELECT 1 AS n")
        assert Path(f"{database}.wal").exists()
        assert not Path(f"{link}.wal").exists()
