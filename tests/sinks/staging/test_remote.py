"""A staging folder on file systems that know folders, as HDFS does, and on those that do not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.io.filesystem import BeamIOError, FileMetadata

from config.errors import ConfigError
from sinks.connector.errors import StagingError
from sinks.connector.remote import store_shard
from sinks.staging.folder import Staging, Store, waiting
from sinks.staging.remote import reach, remote_store
from tests.kit.samples import FEED, LATER, RUN, content, poll
from tests.kit.shop import TestStore, _fault, _local


class FolderStore(TestStore):
    """The same with folders: they are listed, one at a time, and removed with all in them."""

    @classmethod
    def scheme(cls) -> str:
        return "testfolders"

    def has_dirs(self) -> bool:
        return True

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        try:
            paths = sorted(_local(dir_or_prefix).iterdir())
        except FileNotFoundError as error:
            raise BeamIOError("List operation failed", {dir_or_prefix: error}) from None
        for path in paths:
            yield FileMetadata(f"{self.scheme()}://{path}", path.stat().st_size * path.is_file())

    def exists(self, path: str) -> bool:
        return _local(path).exists()

    def delete(self, paths: list[str]) -> None:
        with _fault(paths[0], "delete"):
            for path in map(_local, paths):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(params=[TestStore, FolderStore])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param.scheme()}://{tmp_path}/staging"


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    reach(address, ())
    with remote_store(f"{address}/id") as store:
        yield store


def stored(store: Store) -> list[str]:
    folder = _local(store.address)
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )  # fmt: skip


def test_runs_are_staged_found_and_removed(store: Store) -> None:
    staging = Staging("news.duckdb", store)
    assert (staging.runs(), waiting(store)) == ([], [])
    later, first = staging.new_run(LATER), staging.new_run(RUN)
    for folder in (later, first):
        (folder.plan / "feeds.jsonl").touch()
        folder.share_plan()
    assert waiting(store) == []
    shards = []
    for folder in (later, first):
        folder.write_json("run.json", {"outlet": "中央社"})
        body = content("polls", [poll(FEED, 0)])
        shards.append(store_shard(folder.address, "polls", body))
    _local(f"{first.address}/polls-0.parquet.5.tmp").write_bytes(b"half")
    assert [run.run_id for run in Staging("news.duckdb", store).runs()] == [RUN, LATER]
    assert [run.run_id for run in waiting(store)] == [RUN, LATER]
    assert first.read_json("run.json") == {"outlet": "中央社"}
    assert first.read_json("finished.json") is None
    assert [(shard.table, shard.address) for shard in first.shards()] == [("polls", shards[1])]
    with first.fetched() as files:
        assert [path.read_bytes() for path in files.values()] == [content("polls", [poll(FEED, 0)])]
        copies = list(files.values())
    assert not any(path.exists() for path in copies)
    first.remove()
    first.remove()
    assert [run.run_id for run in staging.runs()] == [LATER]
    later.remove()
    assert stored(store) == ["VERSION"]


def test_what_others_keep_is_no_run_and_stays(store: Store) -> None:
    staging = Staging("news.duckdb", store)
    store.write("my-backup/thesis.txt", b"all of it")
    assert staging.runs() == []
    assert stored(store) == ["VERSION", "my-backup/thesis.txt"]


def test_what_a_file_system_refuses_names_the_address(store: Store, tmp_path: Path) -> None:
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "create").write_text("before")
    with pytest.raises(StagingError, match=f"{store.address}: the store fails before; nothing is"):
        Staging("news.duckdb", store)
    assert Staging("news.duckdb", store).runs() == []


def test_a_run_that_cannot_be_removed_is_removed_by_the_next_commit(
    store: Store, tmp_path: Path
) -> None:
    run = Staging("news.duckdb", store).new_run(RUN)
    run.write_json("run.json", {})
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "delete").write_text("before")
    run.remove()
    assert [left.run_id for left in waiting(store)] == [RUN]
    run.remove()
    assert stored(store) == ["VERSION"]


def test_an_unknown_scheme_says_which_there_are() -> None:
    with pytest.raises(ConfigError, match=r"ftp://x: no file system .* valid: a path, .*s3://"):
        reach("ftp://x", ())
