"""DuckLakes: the rows that a file gets, turns between writers, addresses without passwords."""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from config.errors import ConfigError, QueryError
from sinks.ask.query import query
from sinks.ask.selection import Selection
from sinks.connector.connection import Opened
from sinks.connector.errors import DatabaseError, DatabaseLocked, SchemaMismatch
from sinks.connector.tables import described
from sinks.database.extensions import load_extension
from sinks.database.lake import EXTENSIONS, open_at
from sinks.database.opening import bring_up_to_date, change, create, open_database
from sinks.database.where import DuckLake, Where, local, parse_lake
from sinks.give.export import export_articles
from sinks.keep.check import check_database
from sinks.keep.info import describe_database
from sinks.keep.prune import prune
from sinks.keep.publish import check_target
from sinks.load.run_commit import commit_run, recover
from sinks.staging.folder import Staging, beside
from sinks.tables.tables import SCHEMA_VERSION, TABLES
from tests.kit.lakes import KINDS, PASSWORD, Postgres
from tests.kit.rows import reading, rows, tables
from tests.kit.samples import (
    FEED,
    LATER,
    LATEST,
    OTHER,
    RUN,
    THIRD,
    article,
    at,
    commit,
    dump,
    failed_page,
    failed_poll,
    listed,
    new_run,
    page,
    poll,
    shard,
)
from transforms.hashing import digest

DATA = Path(__file__).parent / "data"
# In another process: locks of POSIX do not keep two libraries of one process apart.
HOLD = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1])
other.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def edit(number: int) -> Any:
    """A listing of a known page with another headline."""
    entry = listed(FEED, number)
    return entry._replace(listing_id=digest(entry.entry_id, "later"), title="Another headline")


def bring_news(place: Where) -> None:
    """Runs with all that a commit knows: news, failures, an edit, another text, a late shard."""
    commit(
        place,
        [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)])],
        [poll(OTHER, 0, [listed(OTHER, 2), listed(OTHER, 3)]), failed_poll(THIRD, 0)],
        [page(1), failed_page(2)],
        [failed_page(3, "pending")],
    )
    commit(place, [poll(FEED, 60, [edit(1)])], [page(3)], run_id=LATER)
    again = article(1, text="Taiwan spoke again.", text_hash="u" * 64, fetched_at=at(121))
    commit(place, [page(1, again, fetched_at=at(121))], run_id=LATEST)
    late = new_run(place, LATEST)
    shard(late, poll(OTHER, 130, [listed(OTHER, 4)]))
    commit_run(place, late, 10)


def text_of_articles(place: Where) -> list[tuple[Any, ...]]:
    return rows(place, "SELECT title, text FROM articles ORDER BY ALL")


# The same rows


@pytest.mark.parametrize("lake", KINDS, indirect=True)
def test_commits_bring_a_lake_the_rows_of_a_file(lake: DuckLake, tmp_path: Path) -> None:
    file = tmp_path / "news.duckdb"
    for place in (file, lake):
        bring_news(place)
    assert rows(lake, "SELECT count(*) FROM article_versions") == [(1,)]
    assert dump(lake) == dump(file)


def test_a_lake_keeps_to_its_rules(lake: DuckLake) -> None:
    bring_news(lake)
    findings = check_database(lake, 10)
    # The texts of samples have made-up hashes; a file with them has these findings too.
    assert {finding.check for finding in findings} == {"text"}


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_check_finds_values_that_a_lake_does_not_refuse(lake: DuckLake) -> None:
    bring_news(lake)
    with open_database(lake, read_only=False, lock_timeout=10) as opened:
        opened.connection.execute("UPDATE feeds SET state = 'asleep' WHERE position = 0")
    found = [item for item in check_database(lake, 10) if item.check == "value"]
    assert [(item.table, item.rows) for item in found] == [("feeds", 1)]


def test_what_is_committed_twice_is_there_once(lake: DuckLake) -> None:
    bring_news(lake)
    before = dump(lake)
    bring_news(lake)
    assert dump(lake) == before


def test_prune_takes_from_a_lake_what_it_takes_from_a_file(lake: DuckLake, tmp_path: Path) -> None:
    file = tmp_path / "news.duckdb"
    for place in (file, lake):
        bring_news(place)
        pruned = prune(place, at(0) + timedelta(days=1), "pruned: old", 10)
        assert pruned.articles == 2
    assert dump(lake, failures=None) == dump(file, failures=None)
    assert text_of_articles(lake) == []


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_exports_of_a_lake_and_of_a_file_are_the_same(lake: DuckLake, tmp_path: Path) -> None:
    written = []
    for name, place in (("file", tmp_path / "news.duckdb"), ("lake", lake)):
        bring_news(place)
        output = tmp_path / f"{name}.csv"
        export_articles(place, "csv", output, Selection())
        written.append(output.read_text("utf-8"))
    assert written[0] == written[1]


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_a_lake_of_an_earlier_schema_is_brought_up_to_date(
    lake: DuckLake, tmp_path: Path, version: int
) -> None:
    file = tmp_path / "old.duckdb"
    file.write_bytes(lzma.decompress((DATA / f"schema-{version}.duckdb.xz").read_bytes()))
    with open_at(lake, read_only=False, lock_timeout=10) as opened:
        opened.connection.execute(f"ATTACH '{file}' AS old (READ_ONLY)")
        old = opened.connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'old'"
        ).fetchall()
        opened.connection.execute("BEGIN")
        for table in TABLES:
            opened.connection.execute(f"DROP TABLE {table.name}")
        for (name,) in old:
            opened.connection.execute(f"CREATE TABLE {name} AS FROM old.{name}")
        opened.connection.execute("COMMIT")
    with pytest.raises(SchemaMismatch, match="newsbeam db migrate"):
        check_database(lake, 10)
    assert bring_up_to_date(lake, 10) == bring_up_to_date(file, 10) == version
    assert not [item for item in check_database(lake, 10) if not item.warning]
    wanted = {table.name: "*" for table in TABLES if table.name != "newsbeam_schema"}
    assert tables(lake, wanted) == tables(file, wanted)
    with reading(lake) as ours, reading(file) as theirs:
        for table in TABLES:
            assert described(ours, table.name) == described(theirs, table.name)


# Turns


class Overtaken:
    """A commit of one run, which another commits while it is under way, so many times."""

    def __init__(self, lake: DuckLake, times: int) -> None:
        self.lake, self.times, self.tries = lake, times, 0

    def work(self, opened: Opened) -> int:
        self.tries += 1
        connection = opened.connection
        ((known,),) = connection.execute("SELECT count(*) FROM articles").fetchall()
        if self.tries <= self.times:
            number = 10 + self.tries
            run_id = f"20260301T15000{self.tries:07}Z-dddddd"
            commit(
                self.lake, [poll(FEED, 0, [listed(FEED, number)])], [page(number)], run_id=run_id
            )
        connection.execute(
            "INSERT INTO articles BY NAME SELECT 'mine' AS article_id, ? AS word_count", [known]
        )
        return int(known)


def test_who_is_overtaken_does_all_of_its_work_again(lake: DuckLake) -> None:
    overtaken = Overtaken(lake, times=2)
    with open_database(lake, read_only=False, lock_timeout=30) as opened:
        assert change(opened, lake, 30, overtaken.work) == 2
    assert overtaken.tries == 3
    assert rows(lake, "SELECT word_count FROM articles WHERE article_id = 'mine'") == [(2,)]


def test_who_is_overtaken_for_too_long_says_so_and_changes_nothing(lake: DuckLake) -> None:
    overtaken = Overtaken(lake, times=99)
    with (
        open_database(lake, read_only=False, lock_timeout=0) as opened,
        pytest.raises(DatabaseLocked, match="other writers were faster") as raised,
    ):
        change(opened, lake, 0, overtaken.work)
    assert raised.value.exit_status == 75
    assert rows(lake, "SELECT count(*) FROM articles WHERE article_id = 'mine'") == [(0,)]


def test_two_that_bring_the_same_article_leave_it_there_once(lake: DuckLake) -> None:
    """Plain inserts of two transactions do not conflict with each other in a DuckLake."""
    news = [poll(FEED, 0, [listed(FEED, 1)])], [page(1)]
    first, second = (new_run(lake, run_id) for run_id in (RUN, LATER))
    for folder in (first, second):
        for records in news:
            shard(folder, *records)

    def meanwhile(opened: Opened) -> None:
        if folders:
            commit_run(lake, folders.pop(), 30)
        opened.connection.execute("SELECT 1 FROM articles")

    folders = [first]
    with open_database(lake, read_only=False, lock_timeout=30) as opened:
        change(opened, lake, 30, meanwhile)
    commit_run(lake, second, 30)
    assert rows(lake, "SELECT count(*), count(DISTINCT article_id) FROM articles") == [(1, 1)]
    assert rows(lake, "SELECT count(*), count(DISTINCT entry_id) FROM entries") == [(1, 1)]


def test_a_reader_sees_one_state_and_holds_nobody_up(lake: DuckLake) -> None:
    with reading(lake) as connection:
        before = connection.execute("SELECT count(*) FROM articles").fetchall()
        commit(lake, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
        assert connection.execute("SELECT count(*) FROM articles").fetchall() == before == [(0,)]
    assert rows(lake, "SELECT count(*) FROM articles") == [(1,)]


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_a_locked_catalogue_is_waited_for_then_everything_stays_staged(lake: DuckLake) -> None:
    folder = new_run(lake)
    shard(folder, poll(FEED, 0, [listed(FEED, 1)]))
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lake.file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DatabaseLocked, match="database is locked"):
            commit_run(lake, folder, 0)
        other.stdin.close()
    assert recover(lake, Staging(lake), 30)
    assert rows(lake, "SELECT count(*) FROM entries") == [(1,)]


def test_an_older_program_leaves_alone_what_a_newer_one_has_changed(lake: DuckLake) -> None:
    with open_database(lake, read_only=False, lock_timeout=10) as opened:
        with open_database(lake, read_only=False, lock_timeout=10) as newer:
            newer.connection.execute("INSERT INTO newsbeam_schema (version) VALUES (99)")
        with pytest.raises(SchemaMismatch, match="99"):
            change(opened, lake, 10, lambda opened: opened.connection.execute("DELETE FROM feeds"))


# Addresses


@pytest.mark.parametrize(
    ("given", "address", "password"),
    [
        ("postgres:dbname=news", "postgres:dbname=news", None),
        ("postgres:dbname=news password=x host=db", "postgres:dbname=news host=db", "x"),
        (r"postgres:password = 'a b\'c' dbname=news", "postgres:dbname=news", "a b'c"),
        ("postgres:postgresql://me:p%40ss@db/news", "postgres:postgresql://me@db/news", "p@ss"),
        ("postgres:postgresql://db/news?password=x&sslmode=require",
         "postgres:postgresql://db/news?sslmode=require", "x"),
        ("postgres:postgresql://db/news", "postgres:postgresql://db/news", None),
        ("sqlite:/srv/news.sqlite", "sqlite:/srv/news.sqlite", None),
        ("/srv/news.ducklake", "/srv/news.ducklake", None),
        ("duckdb:/srv/news.ducklake", "/srv/news.ducklake", None),
    ],
)  # fmt: skip
def test_an_address_holds_no_password(given: str, address: str, password: str | None) -> None:
    lake = parse_lake(f"ducklake:{given}")
    assert lake.address == str(lake) == f"ducklake:{address}"
    assert lake.password == password
    assert not password or password not in repr(lake)


def test_paths_of_addresses_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_lake("ducklake:sqlite:x.sqlite").file == tmp_path / "x.sqlite"


@pytest.mark.parametrize("text", ["ducklake:", "ducklake:mysql:db=news", "ducklake:sqlite:"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="valid: ducklake:sqlite:FILE"):
        parse_lake(text)


def test_errors_quote_no_password(postgres: Postgres) -> None:
    lake = parse_lake(f"{postgres.new_database()} connect_timeout=5")
    with pytest.raises(DatabaseError, match="newsbeam db create --data-path") as raised:
        create(lake, 5)
    assert PASSWORD not in str(raised.value)
    wrong = parse_lake(lake.address + " password=guessed")
    with pytest.raises(DatabaseError, match="password authentication failed") as raised:
        create(wrong, 5)
    assert "guessed" not in f"{raised.value} {raised.value.__cause__}"


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_each_folder_has_a_staging_folder_of_its_own(
    lake: DuckLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = beside(lake).path
    assert here.parent == tmp_path
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert local(lake).parent == other
    assert beside(lake).path.name == here.name


# Making one


def test_the_data_lies_where_it_was_asked_for(lake: DuckLake, tmp_path: Path) -> None:
    commit(lake, [poll(FEED, 0, [listed(FEED, number) for number in range(20)])])
    assert list((tmp_path / "data").rglob("*.parquet"))
    found = describe_database(lake, 10)
    assert found["data_path"] == f"{tmp_path / 'data'}/"
    assert found["rows"]["entries"] == 20


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_to_make_it_again_changes_nothing(lake: DuckLake, tmp_path: Path) -> None:
    bring_news(lake)
    before = dump(lake)
    assert not create(lake, 10, str(tmp_path / "data"))
    with pytest.raises(DatabaseError, match="is there already, with its data in"):
        create(lake, 10, str(tmp_path / "elsewhere"))
    assert dump(lake) == before


def test_a_file_has_no_data_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a file has no data path"):
        create(tmp_path / "news.duckdb", 0, "data")


def test_a_half_made_catalogue_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news.sqlite").touch()
    commit(parse_lake("ducklake:sqlite:news.sqlite"), [poll(FEED, 0, [listed(FEED, 1)])])


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_what_is_no_newsbeam_database_is_refused(lake: DuckLake) -> None:
    with open_at(lake, read_only=False, lock_timeout=10) as opened:
        opened.connection.execute("DROP TABLE newsbeam_schema")
    with pytest.raises(SchemaMismatch, match="not a newsbeam database"):
        check_database(lake, 10)


# Asking


REFUSED = (
    "FROM ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "FROM ducklake_list_files('lake', 'articles')",
    "FROM sqlite_query('__ducklake_metadata_lake', 'SELECT 1')",
    "FROM postgres_query('__ducklake_metadata_lake', 'SELECT 1')",
    "COPY articles TO 'articles.csv'",
    "EXPLAIN ANALYZE COPY articles TO 'data/articles.csv'",
    "DELETE FROM articles",
    "FROM read_csv('secret.csv')",
    "CREATE TEMP TABLE mine AS FROM articles",
)


def test_a_query_reaches_the_rows_of_a_lake_and_nothing_else(
    lake: DuckLake, tmp_path: Path
) -> None:
    commit(lake, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    (tmp_path / "secret.csv").write_text("a\n1\n")
    before = dump(lake)
    for refused in REFUSED:
        with pytest.raises(QueryError), query(lake, refused) as found:
            list(found.rows)
    assert dump(lake) == before
    assert not list(tmp_path.rglob("articles.csv"))
    with query(lake, "SELECT count(*) FROM articles") as found:
        assert list(found.rows) == [(1,)]


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_a_large_query_may_spill_to_disk(lake: DuckLake, tmp_path: Path) -> None:
    text = "x" * 1000
    many = [listed(FEED, number, summary=f"{number} {text}") for number in range(3000)]
    commit(lake, [poll(FEED, 0, many)])
    sorted_twice = (
        "SELECT count(*) FROM (SELECT a.summary || b.summary AS s FROM entries a "
        "JOIN (FROM entries LIMIT 40) b ON true ORDER BY s)"
    )
    with query(lake, sorted_twice) as found:
        assert list(found.rows) == [(120_000,)]


def test_a_plain_client_reads_the_lake(lake: DuckLake) -> None:
    """As docs/operator/ducklake.md says; the extensions are loaded from their packages here."""
    bring_news(lake)
    os.environ["PGPASSWORD"] = lake.password or ""
    with duckdb.connect() as client:
        for name in filter(None, ("ducklake", EXTENSIONS[lake.kind])):
            load_extension(client, name)
        client.execute(f"ATTACH '{lake.address}' AS news (READ_ONLY)")
        found = client.execute("SELECT count(*) FROM news.topics_per_outlet").fetchall()
    assert found == rows(lake, "SELECT count(*) FROM topics_per_outlet")


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_a_lake_is_not_published(lake: DuckLake, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="let them attach it"):
        check_target(lake, tmp_path / "copy.duckdb", 0)
