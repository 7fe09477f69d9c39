"""`newsbeam commit`: what runs left staged is brought in, in order, and nothing is fetched."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.run.lock import only_one
from sinks.keep.check import check_database
from sinks.staging.folder import Staging
from tests.kit.program import newsbeam
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    LATER,
    LATEST,
    RUN,
    held,
    listed,
    new_run,
    page,
    poll,
    shard,
    sound,
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """No database yet: two runs wait, the later one died."""
    path = tmp_path / "news.duckdb"
    later = new_run(path, LATER, state=None)
    shard(later, poll(FEED, 60, [listed(FEED, 2)]))
    shard(later, page(2, sound(2)))
    first = new_run(path, RUN)
    shard(first, poll(FEED, 0, [listed(FEED, 1)]))
    shard(first, page(1, sound(1)))
    return path


def commit(database: Path, *more: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
    return newsbeam("commit", "--database", database, *more, expect=expect)


def test_it_brings_in_what_waits_oldest_first(database: Path) -> None:
    lines = commit(database).stdout.splitlines()
    assert lines == [
        f"Took over 2 staged files of run {RUN} (done): 1 articles.",
        f"Took over 2 staged files of run {LATER} (died): 1 articles.",
    ]
    assert rows(database, "SELECT run_id, state FROM runs ORDER BY run_id") == [
        (RUN, "done"), (LATER, "died"),
    ]  # fmt: skip
    assert rows(database, "SELECT list(title ORDER BY sequence) FROM articles") == [
        (["Headline 1", "Headline 2"],)
    ]
    assert check_database(database, 0) == []
    staging = Path(f"{database}.staging")
    assert [path.name for path in staging.iterdir()] == ["VERSION"]


def test_nothing_staged_is_said_and_no_error(database: Path) -> None:
    commit(database)
    before = database.read_bytes()
    assert commit(database).stdout == f"Nothing is staged for {database}.\n"
    assert database.read_bytes() == before


def test_json(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "dash.duckdb"
    found = json.loads(commit(database, "--json", "--publish", target).stdout)
    assert [item["run"]["run_id"] for item in found["recovered"]] == [RUN, LATER]
    assert found["recovered"][0]["topics"] == {"taiwan": 1}
    assert found["published"]["path"] == str(target)
    assert json.loads(commit(database, "--json").stdout) == {"recovered": [], "published": None}


def test_the_copy_is_written_where_it_is_absent_or_older(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "dash.duckdb"
    assert "Published " in commit(database, "--publish", target).stdout
    assert rows(target, "SELECT count(*) FROM articles") == [(2,)]
    assert f"{target} is up to date." in commit(database, "--publish", target).stdout
    target.unlink()
    assert "Published " in commit(database, "--publish", target).stdout


def test_a_copy_that_fails_is_1_and_the_rows_are_there(database: Path, tmp_path: Path) -> None:
    """The folder goes while the database is being waited for, so to say: it is a file."""
    target = tmp_path / "copies" / "dash.duckdb"
    target.parent.mkdir()
    (target.parent / f".{target.name}.1.tmp").touch()  # what should be removed first cannot be
    result = commit(database, "--publish", target, expect=1)
    assert "Took over 2 staged files" in result.stdout
    assert f"newsbeam: {target}: the copy could not be written" in result.stderr
    assert rows(database, "SELECT count(*) FROM articles") == [(2,)]


def test_a_place_that_is_none_is_2_and_nothing_is_done(database: Path) -> None:
    assert "the database itself" in commit(database, "--publish", database, expect=2).stderr
    assert not database.exists()


def test_a_file_that_is_no_copy_is_2_and_nothing_is_done(database: Path, tmp_path: Path) -> None:
    feeds = tmp_path / "feeds.yaml"
    feeds.write_text("feeds: []\n")
    assert "that is no copy of" in commit(database, "--publish", feeds, expect=2).stderr
    assert feeds.read_text() == "feeds: []\n"
    assert not database.exists()
    assert len(Staging(database).runs()) == 2


def test_folders_of_others_stay(database: Path) -> None:
    thesis = Path(f"{database}.staging") / "my-backup" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("all of it")
    commit(database)
    assert thesis.read_text() == "all of it"


def test_a_plan_that_is_damaged_is_named(database: Path) -> None:
    plan = Staging(database).runs()[0].path / "run.json"
    plan.write_bytes(b'{"feeds": [')
    text = commit(database, expect=1).stderr
    assert f"newsbeam: {plan}: damaged: " in text
    assert "Traceback" not in text


def test_half_a_retag_is_no_commit(database: Path) -> None:
    commit(database)
    folder = new_run(database, LATEST, state=None)
    plan = folder.read_json("run.json") or {}
    folder.write_json("run.json", {name: plan[name] for name in plan if name != "feeds"})
    assert commit(database).stdout == f"Nothing is staged for {database}.\n"
    assert not folder.path.exists()
    assert rows(database, "SELECT count(*) FROM runs") == [(2,)]


def test_a_link_has_the_lock_and_the_staging_folder_of_its_file(
    database: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.duckdb"
    link.symlink_to(database)
    with only_one(database):
        assert "another run is active" in commit(link, expect=75).stderr
    assert "Took over 2 staged files" in commit(link).stdout
    assert rows(database, "SELECT count(*) FROM runs") == [(2,)]
    assert sorted(path.name for path in tmp_path.glob("link*")) == ["link.duckdb"]


def test_a_held_database_is_75_and_all_stays_staged(database: Path, tmp_path: Path) -> None:
    commit(database)
    folder = new_run(database, "20260301T140000000000Z-cccccc")
    shard(folder, poll(FEED, 99, [listed(FEED, 3)]))
    with held(database):
        result = commit(database, "--lock-timeout", "0.1", expect=75)
    assert "locked by" in result.stderr
    staging = folder.path.parent
    assert f"what was fetched waits staged in {staging}: the next run or `newsbeam" in result.stderr
    assert len(folder.shards()) == 1
    commit(database)
    assert rows(database, "SELECT count(*) FROM runs") == [(3,)]


def test_an_active_run_is_75(database: Path) -> None:
    with only_one(database):
        result = commit(database, expect=75)
    assert "another run is active" in result.stderr
    assert not database.exists()


@pytest.mark.parametrize("staging", [False, True])
def test_no_database_and_nothing_staged_is_an_error(tmp_path: Path, staging: bool) -> None:
    database = tmp_path / "absent.duckdb"
    if staging:
        Path(f"{database}.staging").mkdir()
    text = commit(database, expect=1).stderr
    assert text == f"newsbeam: {database}: no such database, and nothing is staged for it\n"
    assert not database.exists()
