"""The staging folder: complete or invisible, named by content, and never misread."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.run.batch import new_run_id
from sinks.connector.errors import StagingError
from sinks.connector.files import write_shard, write_whole
from sinks.staging.folder import Staging, beside, waiting
from sinks.staging.shards import LAYOUT
from tests.kit.samples import LATER, LATEST, RUN, new_run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_shard_is_named_by_its_content(tmp_path: Path) -> None:
    first = write_shard(tmp_path, "pages", b"one")
    assert first.read_bytes() == b"one"
    assert first.name.startswith("pages-")
    assert write_shard(tmp_path, "pages", b"two") != first
    assert write_shard(tmp_path, "polls", b"one") != first


def test_writing_the_same_twice_changes_nothing(tmp_path: Path) -> None:
    assert write_shard(tmp_path, "pages", b"one") == write_shard(tmp_path, "pages", b"one")
    assert len(names(tmp_path)) == 1


def test_only_complete_shards_are_listed_and_in_order(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "news.duckdb")
    (folder.path / ".pages-0.parquet.17.tmp").write_bytes(b"half")
    (folder.path / "other.parquet").write_bytes(b"")
    written = {write_shard(folder.path, kind, b"x") for kind in ("pages", "polls")}
    assert {Path(shard.address) for shard in folder.shards()} == written
    assert [shard.table for shard in folder.shards()] == ["pages", "polls"]


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
def test_a_write_that_fails_midway_leaves_no_shard(tmp_path: Path) -> None:
    """The limit on the size of files stands in for a full disk."""
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from sinks.connector.files import write_shard\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_shard(Path(sys.argv[1]), 'pages', b'x' * 5000)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert "OSError" in result.stderr
    assert names(tmp_path) == []


def test_write_whole_replaces(tmp_path: Path) -> None:
    for content in (b"long content", b"short"):
        write_whole(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert names(tmp_path) == ["file"]


def test_json_files(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "news.duckdb")
    folder.write_json("note.json", {"outlet": "中央社", "n": [1, None]})
    assert folder.read_json("note.json") == {"outlet": "中央社", "n": [1, None]}
    assert folder.read_json("absent.json") is None


def test_runs_come_oldest_first_and_can_be_removed(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "news.duckdb")
    made = [staging.new_run(name) for name in (LATER, RUN, LATEST)]
    assert [folder.run_id for folder in staging.runs()] == sorted(f.run_id for f in made)
    made[0].remove()
    made[0].remove()
    assert len(Staging(tmp_path / "news.duckdb").runs()) == 2


def test_folders_of_others_are_no_runs(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    run = new_run(database)
    for name in ("my-backup", f"{RUN}.old", RUN[:-1], ".hidden"):
        (Path(f"{database}.staging") / name).mkdir()
    assert Staging(database).runs() == waiting(beside(database)) == [run]


def test_the_ids_of_runs_are_known_as_such(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "news.duckdb")
    made = staging.new_run(new_run_id())
    assert staging.runs() == [made]


@pytest.mark.parametrize("content", [b"", b'{"feeds": [', b"\xff\xfe", b"[]"])
def test_a_file_that_is_damaged_is_named_with_advice(tmp_path: Path, content: bytes) -> None:
    folder = new_run(tmp_path / "news.duckdb")
    (folder.path / "run.json").write_bytes(content)
    words = f"{folder.path / 'run.json'}: damaged: .*; move the folder {folder.path} away"
    with pytest.raises(StagingError, match=words):
        folder.read_json("run.json")


def test_an_empty_folder_is_taken_and_marked(tmp_path: Path) -> None:
    Path(tmp_path / "news.duckdb.staging").mkdir()
    assert Staging(tmp_path / "news.duckdb").address == str(tmp_path / "news.duckdb.staging")
    assert names(tmp_path / "news.duckdb.staging") == ["VERSION"]


def test_a_death_while_the_folder_was_made_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "news.duckdb.staging"
    path.mkdir()
    (path / ".VERSION.4711.tmp").write_bytes(b"")
    assert Staging(tmp_path / "news.duckdb").runs() == []


@pytest.mark.parametrize("version", ["99", "", None])
def test_an_unknown_layout_is_refused_and_not_eaten(tmp_path: Path, version: str | None) -> None:
    path = tmp_path / "news.duckdb.staging"
    (path / RUN).mkdir(parents=True)
    (path / RUN / "pages-1.parquet").write_bytes(b"of another program")
    if version is not None:
        (path / "VERSION").write_text(version)
    before = sorted(path.rglob("*"))
    with pytest.raises(StagingError, match=rf"staging layout .* knows '{LAYOUT}'") as error:
        Staging(tmp_path / "news.duckdb")
    assert str(path) in str(error.value)
    assert sorted(path.rglob("*")) == before


@pytest.mark.parametrize("place", ["file/news.duckdb", "taken"])
def test_an_impossible_place_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "taken.staging").write_text("no folder")
    with pytest.raises(StagingError) as error:
        Staging(tmp_path / place)
    assert str(tmp_path / place) in str(error.value)
