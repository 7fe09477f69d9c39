"""`newsbeam db` and `newsbeam prune`, as their users meet them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.run.lock import only_one
from sinks.keep.check import check_database
from sinks.staging.shards import LAYOUT
from sinks.tables.tables import SCHEMA_VERSION
from tests.kit.kills import kill_once
from tests.kit.newsrooms import StartNewsroom, run_over
from tests.kit.program import newsbeam
from tests.kit.rows import OBJECTS, rows
from tests.kit.samples import FEED, OF_THE_USER, at, fill, held, listed, new_run, poll, shard

SEED = 20261124
KILLS = 4


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return fill(tmp_path_factory.mktemp("db") / "news.duckdb").read_bytes()


@pytest.fixture
def database(filled: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "news.duckdb"
    path.write_bytes(filled)
    return path


def execute(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def whole(path: Path) -> list[Any]:
    """All definitions, and all rows of all tables."""
    found: list[Any] = [sorted(map(repr, rows(path, query))) for query in OBJECTS]
    names = rows(path, "SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL")
    for place in names:
        table = ".".join(f'"{name}"' for name in place)
        found.append((place, rows(path, f"FROM {table} ORDER BY ALL")))
    return found


# info


def test_info_says_what_a_database_is(database: Path) -> None:
    folder = new_run(database, "20260301T990000000000Z-ffffff")
    shard(folder, poll(FEED, 99, [listed(FEED, 9)]))
    found = json.loads(newsbeam("db", "info", "--database", database, "--json").stdout)
    assert found["path"] == str(database)
    assert found["bytes"] == database.stat().st_size
    assert found["schema_version"] == found["schema_known"] == SCHEMA_VERSION
    assert found["storage_version"] == "v1.2.0"
    assert found["database_id"] == rows(database, "SELECT database_id FROM newsbeam_schema")[0][0]
    assert (found["rows"]["articles"], found["rows"]["pruned_articles"]) == (2, 1)
    assert found["runs"] == found["rows"]["runs"] == 4
    assert found["last_state"] == "done"
    assert found["articles"]["oldest"] == at(-60).isoformat()
    assert [(run["run_id"], run["files"]) for run in found["staged"]] == [(folder.run_id, 1)]
    text = newsbeam("db", "info", "--database", database).stdout
    assert f"staged    {folder.run_id}: 1 files" in text
    assert "articles 2" in text


def test_info_does_not_promise_a_run_what_another_is_at(database: Path) -> None:
    folder = new_run(database)
    with only_one(database):
        text = newsbeam("db", "info", "--database", database).stdout
        found = json.loads(newsbeam("db", "info", "--database", database, "--json").stdout)
    assert f"staged    {folder.run_id}: 0 files, 0 bytes; in use by a run" in text
    assert found["active"] is True
    text = newsbeam("db", "info", "--database", database).stdout
    assert "the next run or `newsbeam commit` brings them in" in text


def test_info_names_a_staging_folder_of_another_version(database: Path) -> None:
    folder = new_run(database)
    (folder.path.parent / "VERSION").write_text("99")
    text = newsbeam("db", "info", "--database", database).stdout
    assert f"in layout 99, this program knows {LAYOUT}: `newsbeam commit` of the version" in text
    assert folder.run_id not in text


def test_info_changes_nothing(database: Path) -> None:
    before = database.read_bytes()
    newsbeam("db", "info", "--database", database)
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir()] == [database.name]


# check


def test_check_finds_nothing_wrong_with_what_runs_made(database: Path) -> None:
    result = newsbeam("db", "check", "--database", database)
    assert result.stdout == f"{database}: nothing wrong\n"
    assert json.loads(newsbeam("db", "check", "--database", database, "--json").stdout) == {
        "findings": []
    }


def test_what_check_finds_is_1_and_named(database: Path) -> None:
    execute(database, "UPDATE articles SET text = 'No talks.', fetched_at = now() + INTERVAL 9 DAY")
    result = newsbeam("db", "check", "--database", database, expect=1)
    assert (
        "wrong: articles: text_hash is the SHA-256 of the text: not so for 2 rows" in result.stdout
    )
    assert "warning: articles: fetched_at is not in the future" in result.stdout
    found = json.loads(newsbeam("db", "check", "--database", database, "--json", expect=1).stdout)
    assert {"check", "table", "rule", "rows", "example", "warning"} == set(found["findings"][0])


def test_a_clock_that_jumped_is_only_a_warning(database: Path) -> None:
    execute(database, "UPDATE articles SET fetched_at = now() + INTERVAL 9 DAY")
    assert "warning:" in newsbeam("db", "check", "--database", database).stdout


# vacuum


def test_vacuum_gives_space_back_and_keeps_all_else(database: Path) -> None:
    execute(
        database, *OF_THE_USER, "COMMENT ON TABLE watchlist IS 'words'",
        "CREATE INDEX by_word ON watchlist (word)",
        "CREATE TABLE bulk AS SELECT hash(i) AS h FROM range(400000) t(i)",
    )  # fmt: skip
    execute(database, "DROP TABLE bulk")
    database.chmod(0o640)
    before, size = whole(database), database.stat().st_size
    found = json.loads(newsbeam("db", "vacuum", "--database", database, "--json").stdout)
    assert (found["bytes_before"], found["bytes_after"]) == (size, database.stat().st_size)
    assert found["bytes_after"] < found["bytes_before"] - 2_000_000
    assert whole(database) == before
    assert database.stat().st_mode & 0o777 == 0o640
    assert rows(database, "SELECT tags['storage_version'] FROM duckdb_databases() "
                "WHERE NOT internal") == [("v1.2.0+",)]  # fmt: skip
    assert rows(database, "SELECT twice(3), count(*) FROM duckdb_indexes()") == [(6, 1)]
    assert check_database(database, 0) == []


def test_vacuum_follows_a_link(database: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.duckdb"
    link.symlink_to(database)
    assert " before, " in newsbeam("db", "vacuum", "--database", link).stdout
    assert link.is_symlink()
    assert check_database(link, 0) == []


@pytest.mark.slow
def test_vacuum_killed_at_any_time_leaves_a_whole_file(database: Path, tmp_path: Path) -> None:
    """Killed once the new file is begun; a vacuum that was faster does not count."""
    execute(database, "CREATE TABLE bulk AS SELECT hash(i) AS h FROM range(900000) t(i)")
    execute(database, "DELETE FROM bulk WHERE h % 2 = 0")
    before, chance, landed = whole(database), random.Random(SEED), 0
    command = ["db", "vacuum", "--database", database]
    for _ in range(5 * KILLS):
        there = set(parts(tmp_path))
        landed += kill_once(
            command,
            lambda _, there=there: bool(set(parts(tmp_path)) - there),
            chance.uniform(0, 0.3),
        )
        assert whole(database) == before
        if landed == KILLS:
            break
    assert landed == KILLS
    newsbeam("db", "vacuum", "--database", database)
    assert whole(database) == before
    assert parts(tmp_path) == []


def parts(folder: Path) -> list[Path]:
    """Folders of files that are being written anew, which a kill leaves behind."""
    return [path for path in folder.iterdir() if ".tmp" in path.name]


def test_a_held_database_is_75(database: Path) -> None:
    before = database.read_bytes()
    with held(database):
        for arguments in (["db", "vacuum"], ["db", "check"], ["db", "info"], ["db", "migrate"],
                          ["prune", "--older-than", "1d"]):  # fmt: skip
            text = newsbeam(
                *arguments, "--database", database, "--lock-timeout", "0.1", expect=75
            ).stderr
            assert "the database is locked by" in text
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [["db", "vacuum"], ["db", "check"], ["db", "info"], ["db", "migrate"],
     ["prune", "--older-than", "1d"]],
    ids=" ".join,
)  # fmt: skip
def test_a_missing_database_is_named_and_not_made(tmp_path: Path, arguments: list[str]) -> None:
    result = newsbeam(*arguments, "--database", tmp_path / "absent.duckdb", expect=1)
    assert "absent.duckdb: no such database" in result.stderr
    assert list(tmp_path.iterdir()) == []


# prune


def test_prune_says_what_would_go_and_what_went(database: Path) -> None:
    dry = newsbeam("prune", "--older-than", "1d", "--database", database, "--dry-run").stdout
    assert dry.startswith("2 articles with ")
    assert "would go." in dry
    assert rows(database, "SELECT count(*) FROM articles") == [(2,)]
    kept = newsbeam("prune", "--older-than", "1d", "--keep-tagged", "--database", database)
    assert kept.stdout == "No article is that old.\n"
    found = json.loads(
        newsbeam("prune", "--older-than", "1d", "--database", database, "--json").stdout
    )
    assert (found["articles"], found["outlets"], found["topics"]) == (
        2, {"The Dawn": 2}, {"taiwan": 2},
    )  # fmt: skip
    assert rows(database, "SELECT count(*) FROM articles") == [(0,)]
    assert check_database(database, 0) == []


@pytest.mark.parametrize("age", ["180", "d", "-1d", "999999d", "0d", "0s", "half a year", ""])
def test_an_age_that_is_none_is_2(database: Path, age: str) -> None:
    newsbeam("prune", "--older-than", age, "--database", database, expect=2)


def test_prune_keeps_topics_by_option_or_variable_and_knows_them(database: Path) -> None:
    asked = ("prune", "--older-than", "1w", "--database", database, "--dry-run", "--json")
    assert json.loads(newsbeam(*asked).stdout)["articles"] == 2
    assert json.loads(newsbeam(*asked, "--keep-topic", "taiwan").stdout)["articles"] == 0
    result = newsbeam(*asked, NEWSBEAM_KEEP_TOPIC="taiwan;tawian", expect=2)
    assert "no topic 'tawian'; did you mean 'taiwan'?" in result.stderr


def test_pruned_articles_are_not_fetched_again(
    start_newsroom: StartNewsroom, tmp_path: Path
) -> None:
    room = start_newsroom("--articles", "40", "--outlets", "5", "--kind")
    database = tmp_path / "news.duckdb"
    brought = run_over(room, database)["run"]["articles_new"]
    newsbeam("prune", "--older-than", "1s", "--database", database)
    ((left,),) = rows(database, "SELECT count(*) FROM articles")
    ((pruned,),) = rows(database, "SELECT count(*) FROM pruned_articles")
    assert (left + pruned, pruned > 10) == (brought, True)
    listed_again = {path for (path,) in rows(database, "SELECT url FROM entries")}
    room.post("reset-log")
    again = run_over(room, database, "--now")
    asked = [row["path"] for row in room.log() if "/2026/" in row["path"]]
    assert asked == []
    assert again["run"]["articles_new"] == 0
    assert listed_again == {path for (path,) in rows(database, "SELECT url FROM entries")}
    assert check_database(database, 0) == []
    newsbeam("db", "vacuum", "--database", database)
    assert run_over(room, database, "--now")["run"]["articles_new"] == 0
