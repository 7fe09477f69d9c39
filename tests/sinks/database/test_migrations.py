"""Files of every earlier schema become what this program writes, or stay as they are."""

from __future__ import annotations

import json
import lzma
import random
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest

from sinks.connector import Table
from sinks.connector.errors import DatabaseError
from sinks.connector.tables import identifier
from sinks.database.opening import bring_up_to_date, open_database
from sinks.keep.check import check_database
from sinks.tables.tables import SCHEMA_VERSION
from sinks.tables.views import VIEWS
from tests.kit.kills import kill_once
from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over
from tests.kit.program import newsbeam
from tests.kit.rows import OBJECTS, rows
from tests.kit.samples import OF_THE_USER
from tests.kit.shop import put

DATA = Path(__file__).parent / "data"
EARLIER = range(1, SCHEMA_VERSION)
SEED = 20261124


def file_of(version: int, folder: Path) -> Path:
    path = folder / f"schema-{version}.duckdb"
    packed = DATA / f"{path.name}.xz"
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    return path


@pytest.fixture(params=EARLIER)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return file_of(request.param, tmp_path)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    path = tmp_path / "fresh.duckdb"
    with open_database(path, read_only=False, lock_timeout=0):
        pass
    return path


def execute(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def tables(path: Path) -> dict[str, list[str]]:
    """Columns of each table."""
    found = rows(
        path, "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "SEMI JOIN duckdb_tables() USING (table_name) GROUP BY ALL"
    )  # fmt: skip
    return dict(found)


def content(path: Path, columns: dict[str, list[str]]) -> dict[str, list[Any]]:
    chosen = {table: ", ".join(map(identifier, names)) for table, names in columns.items()}
    return {
        table: rows(path, f"SELECT {names} FROM {identifier(table)} ORDER BY ALL")
        for table, names in chosen.items()
        if table != "newsbeam_schema"
    }


def whole(path: Path) -> tuple[Any, ...]:
    """All definitions and rows of a file."""
    return (*(sorted(map(repr, rows(path, query))) for query in OBJECTS),
            content(path, tables(path)), rows(path, "FROM newsbeam_schema ORDER BY 1"))  # fmt: skip


def test_there_is_a_file_of_every_earlier_schema() -> None:
    assert sorted(path.name for path in DATA.glob("schema-*.duckdb.xz")) == [
        f"schema-{version}.duckdb.xz" for version in EARLIER
    ]


def test_a_migrated_file_is_defined_as_a_fresh_one(old: Path, fresh: Path) -> None:
    bring_up_to_date(old, 0)
    for query in OBJECTS:
        assert sorted(map(repr, rows(old, query))) == sorted(map(repr, rows(fresh, query)))


def test_every_row_is_kept_as_it_was(old: Path) -> None:
    columns = tables(old)
    said = topics_of_versions(old)
    if "topics" in columns.get("article_versions", []):
        columns["article_versions"].remove("topics")
    before = content(old, columns)
    assert len(before["articles"]) > 10
    bring_up_to_date(old, 0)
    assert content(old, columns) == before
    if "article_topics_history" in columns:
        return
    kept = "FROM {} JOIN article_versions USING (article_id, version, replaced_run_id)"
    topics = "article_id, version, topic, score, taxonomy_version"
    evidence = 'article_id, version, topic, field, start, "end", matched, phrase'
    assert set(rows(old, f"SELECT {topics} {kept.format('article_topics_history')}")) == {
        (*key, topic["topic"], topic["score"], topic["taxonomy_version"]) for key, topic in said
    }
    assert set(rows(old, f"SELECT {evidence} {kept.format('topic_evidence_history')}")) == {
        (*key, topic["topic"], *place.values())
        for key, topic in said
        for place in topic["evidence"]
    }


def topics_of_versions(path: Path) -> list[tuple[tuple[str, int], dict[str, Any]]]:
    """What earlier versions were about, as it stood with them until schema 4."""
    if "topics" not in tables(path).get("article_versions", []):
        return []
    found = rows(path, "SELECT article_id, version, topics FROM article_versions")
    return [((article_id, version), topic) for article_id, version, topics in found
            for topic in json.loads(topics or "[]")]  # fmt: skip


def test_a_migrated_file_is_sound_and_every_view_answers(old: Path) -> None:
    bring_up_to_date(old, 0)
    assert [item for item in check_database(old, 0) if not item.warning] == []
    for view in VIEWS:
        rows(old, f'FROM "{view.name}"')
    assert rows(old, "SELECT count(*) > 10 FROM topics_per_day") == [(True,)]


def test_what_speaks_for_a_topic_was_counted(old: Path) -> None:
    bring_up_to_date(old, 0)
    assert rows(old, "SELECT article_id, topic, matches FROM article_topics ORDER BY ALL") == rows(
        old, "SELECT article_id, topic, count(*) FROM topic_evidence GROUP BY ALL ORDER BY ALL"
    )


def test_runs_of_old_know_when_they_were_committed(old: Path) -> None:
    bring_up_to_date(old, 0)
    assert rows(old, "SELECT bool_and(committed_at BETWEEN finished_at AND finished_at + "
                "INTERVAL 1 MINUTE), count(*) > 1 FROM runs") == [(True, True)]  # fmt: skip
    if old.stem < "schema-4":  # which notes it
        assert rows(old, "SELECT run_id FROM runs WHERE listed_lag_seconds IS NOT NULL") == []


def test_what_users_made_stays(old: Path) -> None:
    execute(old, *OF_THE_USER)
    titles = rows(old, "FROM mine.titles ORDER BY ALL")
    bring_up_to_date(old, 0)
    assert rows(old, "FROM mine.titles ORDER BY ALL") == titles
    assert rows(old, "SELECT note, twice(id), word FROM mine.notes, watchlist") == [
        ("call them", 2, "Taiwan")
    ]
    with pytest.raises(duckdb.ConstraintException):
        execute(old, "INSERT INTO mine.notes VALUES (1, 'again')")


def test_a_table_that_the_connector_wrote_is_no_hindrance(old: Path, fresh: Path) -> None:
    """It adds a column to the ledger of files that know none."""
    notes = Table("notes", "id", {"id": "INTEGER"})
    put(old, notes, [{"id": 1}])
    bring_up_to_date(old, 0)
    put(old, notes, [{"id": 1}, {"id": 2}])
    assert rows(old, "FROM notes") == [(1,), (2,)]
    assert rows(old, "SELECT added FROM staged_shards WHERE added > 0") == [(1,), (1,)]
    assert definition_of_ledger(old) == definition_of_ledger(fresh)
    assert [item for item in check_database(old, 0) if not item.warning] == []


def definition_of_ledger(path: Path) -> list[tuple[Any, ...]]:
    return rows(path, "SELECT sql FROM duckdb_tables() WHERE table_name = 'staged_shards'")


def test_a_column_that_a_user_added_stays(old: Path) -> None:
    execute(old, 'ALTER TABLE articles ADD COLUMN "My mark" VARCHAR',
            """UPDATE articles SET "My mark" = 'read ' || article_id""",
            "ALTER TABLE staged_shards ADD COLUMN note INTEGER DEFAULT 7")  # fmt: skip
    bring_up_to_date(old, 0)
    ours = """SELECT bool_and("My mark" = 'read ' || article_id) FROM articles"""
    assert rows(old, ours) == [(True,)]
    assert rows(old, "SELECT DISTINCT note FROM staged_shards") == [(7,)]


def test_it_is_done_once_and_noted(old: Path) -> None:
    version = int(old.stem.removeprefix("schema-"))
    assert bring_up_to_date(old, 0) == version
    state = whole(old)
    assert bring_up_to_date(old, 0) == SCHEMA_VERSION
    assert whole(old) == state
    assert rows(old, "SELECT list(version ORDER BY version) FROM newsbeam_schema") == [
        ([version, SCHEMA_VERSION],)
    ]


def test_something_in_the_way_leaves_the_file_as_it_was(old: Path) -> None:
    name = VIEWS[-1].name
    execute(old, f'DROP VIEW IF EXISTS "{name}"', f'CREATE TABLE "{name}" (mine INTEGER)')
    before = whole(old)
    with pytest.raises(DatabaseError, match=rf"could not bring it from schema \d to .*{name}"):
        bring_up_to_date(old, 0)
    assert whole(old) == before
    execute(old, f'DROP TABLE "{name}"')
    bring_up_to_date(old, 0)


def test_a_kill_before_the_end_leaves_the_file_as_it_was(old: Path) -> None:
    before = whole(old)
    code = (
        "import os, signal, sys\n"
        "from sinks.connector.commit import transaction\n"
        "from sinks.connector.connection import open_file\n"
        "from sinks.database.migrations import migrate\n"
        "with open_file(sys.argv[1], read_only=False, lock_timeout=0) as opened:\n"
        "    with transaction(opened.connection):\n"
        "        migrate(opened.connection, int(sys.argv[2]))\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    version = old.stem.removeprefix("schema-")
    result = subprocess.run([sys.executable, "-c", code, old, version], capture_output=True)
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert whole(old) == before
    bring_up_to_date(old, 0)
    assert [item for item in check_database(old, 0) if not item.warning] == []


KILLS = 6


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks up how files are opened")
def test_a_kill_at_any_time_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """Killed once the file is open for writing; a migration that was faster does not count."""
    new = file_of(1, tmp_path)
    before = whole(new)
    bring_up_to_date(new, 0)
    after, chance, landed = whole(new), random.Random(SEED), 0
    for number in range(5 * KILLS):
        folder = tmp_path / str(number)  # of its own: a log may stay
        folder.mkdir()
        old = file_of(1, folder)
        command = ["db", "migrate", "--database", old]
        landed += kill_once(command, partial(written_by, old), chance.uniform(0, 0.3))
        found = whole(old)
        assert found == before or found[:-1] == after[:-1]
        if landed == KILLS:
            break
    assert landed == KILLS


def written_by(path: Path, process: subprocess.Popen[str]) -> bool:
    """Whether a process has a file open for writing."""
    with suppress(psutil.Error):
        found = psutil.Process(process.pid).open_files()
        return any(file.path == str(path) and file.mode != "r" for file in found)
    return False


def test_older_files_are_read_as_they_are(old: Path) -> None:
    before = old.read_bytes()
    for arguments in (["sql", "SELECT count(*) FROM articles"], ["db", "info"]):
        newsbeam(*arguments, "--database", old)
    refused = newsbeam("db", "check", "--database", old, expect=1)
    assert "`newsbeam db migrate` brings it up to date" in refused.stderr
    assert old.read_bytes() == before


def test_migrate_says_from_where_to_where(tmp_path: Path) -> None:
    old = file_of(1, tmp_path)
    assert (
        f"from schema 1 to {SCHEMA_VERSION}" in newsbeam("db", "migrate", "--database", old).stdout
    )
    assert "up to date" in newsbeam("db", "migrate", "--database", old).stdout


def test_a_run_goes_on_with_an_older_file(start_newsroom: StartNewsroom, tmp_path: Path) -> None:
    room: Newsroom = start_newsroom("--articles", "24", "--outlets", "4", "--kind")
    old = file_of(1, tmp_path)
    ((count,),) = rows(old, "SELECT count(*) FROM articles")
    brought = run_over(room, old)["run"]["articles_new"]
    assert brought > 10
    assert rows(old, "SELECT count(*) FROM articles") == [(count + brought,)]
    assert [item for item in check_database(old, 0) if not item.warning] == []


@pytest.mark.parametrize(
    "arguments",
    [["sql", "SELECT 1"], ["db", "info"], ["db", "check"], ["db", "migrate"], ["db", "vacuum"],
     ["prune", "--older-than", "1d"], ["commit"], ["run"]],
    ids=" ".join,
)  # fmt: skip
def test_a_newer_file_is_refused_by_every_command(fresh: Path, arguments: list[str]) -> None:
    execute(fresh, "UPDATE newsbeam_schema SET version = 99")
    before = fresh.read_bytes()
    feeds = fresh.with_name("feeds.yaml")
    feeds.write_text("feeds:\n  - url: http://127.9.9.9:9999/nothing-listens-here\n")
    result = newsbeam(*arguments, "--database", fresh, expect=1, NEWSBEAM_FEEDS=str(feeds))
    assert f"{fresh}: schema version 99 is newer than newsbeam" in result.stderr
    assert "use the version that wrote it, or a newer one" in result.stderr
    assert fresh.read_bytes() == before
