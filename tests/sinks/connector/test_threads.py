"""Writers in threads of one process, which DuckDB's own lock does not keep apart: each row once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from sinks.connector import Table, WriteToDuckDB
from sinks.connector.commit import Shard, commit_shards
from sinks.connector.connection import open_file
from sinks.connector.errors import DatabaseLocked
from sinks.load.run_commit import commit_run
from tests.kit.rows import rows
from tests.kit.samples import FEED, RUN, listed, new_run, page, poll, shard
from tests.kit.shop import TestStore, stage

SCHEMA = {"article": "VARCHAR", "pieces": "BIGINT"}
STOCK = Table("stock", "article", SCHEMA)
ROWS, WRITERS = 20_000, 3
PATIENCE = 60.0
"""Seconds after which a test gives up; none of them decides a result."""


def pieces(number: int) -> dict[str, Any]:
    return {"article": f"tea {number}", "pieces": number}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A shop without a row, but with its tables: to make them at once would conflict."""
    path = tmp_path / "shop.duckdb"
    commit_shards(str(path), [STOCK], [], 0)
    return path


def staged(folder: Path) -> Shard:
    return stage(folder, STOCK, [pieces(number) for number in range(ROWS)])


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What threads give back that begin together."""
    barrier = Barrier(WRITERS)

    def begin(number: int) -> Any:
        barrier.wait(PATIENCE)
        return work(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(begin, range(WRITERS)))


def test_commits_of_the_same_keys_at_once_add_each_once(database: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.duckdb"
    link.symlink_to(database)
    shards = [staged(tmp_path) for _ in range(WRITERS)]
    names = [database, link, tmp_path / "." / ".." / tmp_path.name / database.name]
    brought = at_once(
        lambda number: commit_shards(str(names[number]), [STOCK], [shards[number]], PATIENCE)
    )
    assert sorted(done.added for (done,) in brought) == [0, 0, ROWS]
    assert rows(database, "SELECT count(*), count(DISTINCT article) FROM stock") == [(ROWS, ROWS)]


def test_one_shard_committed_at_once_is_named_and_loaded_once(
    database: Path, tmp_path: Path
) -> None:
    one = staged(tmp_path)
    brought = at_once(lambda _: commit_shards(str(database), [STOCK], [one], PATIENCE))
    assert [done.added for (done,) in brought] == [ROWS] * WRITERS
    assert rows(database, "SELECT count(*) FROM stock") == [(ROWS,)]
    assert rows(database, "SELECT count(*) FROM staged_shards") == [(1,)]


def test_an_absent_database_is_made_once(tmp_path: Path) -> None:
    database, shards = tmp_path / "new.duckdb", [staged(tmp_path) for _ in range(WRITERS)]
    at_once(lambda number: commit_shards(str(database), [STOCK], [shards[number]], PATIENCE))
    assert rows(database, "SELECT count(*) FROM stock") == [(ROWS,)]


MEETING = Barrier(WRITERS)


class MeetingStore(TestStore):
    """Hands out a shard once all writers have come for theirs: then they commit at once."""

    __test__ = False

    @classmethod
    def scheme(cls) -> str:
        return "meetingstore"

    def open(self, *arguments: Any, **more: Any) -> Any:
        MEETING.wait(PATIENCE)
        return super().open(*arguments, **more)


def test_pipelines_in_threads_add_each_row_once(database: Path, tmp_path: Path) -> None:
    def write(_: int) -> None:
        staging = f"meetingstore://{tmp_path}/store"
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            given = pipeline | beam.Create(range(ROWS), reshuffle=False) | beam.Map(pieces)
            _ = given | WriteToDuckDB(str(database), "stock", "article", SCHEMA, staging)

    at_once(write)
    assert rows(database, "SELECT count(*), count(DISTINCT article) FROM stock") == [(ROWS, ROWS)]
    assert rows(database, "SELECT count(*), sum(added) FROM staged_shards") == [(WRITERS, ROWS)]


def test_runs_of_newsbeam_committed_at_once_add_each_article_once(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    runs = [new_run(database, f"{RUN[:-1]}{number}") for number in range(WRITERS)]
    for run in runs:
        shard(run, poll(FEED, 0, [listed(FEED, 1)]))
        shard(run, page(1))
    at_once(lambda number: commit_run(database, runs[number], PATIENCE))
    counted = "(SELECT count(*) FROM entries), (SELECT count(*) FROM runs)"
    assert rows(database, f"SELECT count(*), {counted} FROM articles") == [(1, 1, WRITERS)]


def test_a_thread_that_writes_is_waited_for_so_long_and_no_longer(
    database: Path, tmp_path: Path
) -> None:
    one = staged(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        with open_file(database, read_only=False, lock_timeout=0):
            with pytest.raises(DatabaseLocked, match=r"locked by this process, .*; waited 0\.2 s"):
                commit_shards(str(database), [STOCK], [one], 0.2)
            began = Event()

            def commit() -> Any:
                began.set()
                return commit_shards(str(database), [STOCK], [one], PATIENCE)

            later = pool.submit(commit)
            assert began.wait(PATIENCE)
            assert not later.done()
        assert later.result(PATIENCE)[0].added == ROWS


def test_writers_of_other_files_are_not_waited_for(database: Path, tmp_path: Path) -> None:
    with open_file(database, read_only=False, lock_timeout=0):
        other = tmp_path / "other.duckdb"
        assert commit_shards(str(other), [STOCK], [staged(tmp_path)], 0)[0].added == ROWS
