"""Staging on a file system of Beam's: rows arrive, nothing stays, a shard is whole or not there."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from sinks.connector.errors import StagingError
from sinks.connector.files import parquet
from sinks.connector.remote import (
    STALE,
    fetch_shards,
    new_run_id,
    remove_shards,
    stale_runs,
    store_shard,
    sweep,
)
from sinks.connector.tables import batches
from tests.kit.rows import rows
from tests.kit.shop import ORDERS, PROCESSES, ROWS, held_rows, lines, order, write_shop

MEMORY = ["--direct_running_mode=in_memory"]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "shop.duckdb"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where this machine keeps what is stored."""
    (tmp_path / "store" / "faults").mkdir(parents=True)
    return tmp_path / "store"


def staging(store: Path) -> str:
    return f"teststore://{store}"


def stored(store: Path) -> list[str]:
    """Names of all objects."""
    return sorted(path.name for path in store.rglob("*") if path.is_file())


def expected() -> dict[str, list[tuple[Any, ...]]]:
    orders = [order(number) for number in range(ROWS)]
    return {
        "orders": [tuple(one) for one in orders],
        "lines": [tuple(line.values()) for one in orders for line in lines(one)],
    }


def shard() -> bytes:
    content: bytes = parquet(ORDERS.arrow, batches(ORDERS, [order(1), order(2)]))
    return content


@pytest.mark.parametrize("options", [MEMORY, PROCESSES], ids=["in memory", "processes"])
def test_two_tables_arrive_and_nothing_stays_staged(
    database: Path, store: Path, options: list[str]
) -> None:
    counted = write_shop("two", str(database), staging(store), options)
    assert held_rows(database) == expected()
    assert (counted["orders_added"], counted["lines_added"]) == (ROWS, ROWS)
    assert rows(database, "SELECT count(DISTINCT committed_at) FROM staged_shards") == [(1,)]
    assert stored(store) == []
    assert not Path(f"{database}.shards").exists()


def test_another_run_adds_nothing(database: Path, store: Path) -> None:
    for added in (ROWS, 0):
        counted = write_shop("one", str(database), staging(store), MEMORY)
        assert counted["orders_added"] == added
    assert held_rows(database, "one") == {"orders": expected()["orders"]}


@pytest.mark.parametrize("fault", ["create before", "rename before", "rename lost"])
def test_what_was_not_stored_whole_is_no_shard(store: Path, fault: str) -> None:
    method, when = fault.split()
    (store / "faults" / method).write_text(when)
    folder = f"{staging(store)}/{new_run_id()}"
    with contextlib.suppress(OSError):
        store_shard(folder, "orders", shard())
    assert [name for name in stored(store) if not name.endswith(".tmp")] == []
    address = store_shard(folder, "orders", shard())
    assert Path(address.removeprefix("teststore://")).read_bytes() == shard()


def test_a_shard_that_is_stored_again_is_the_same_one(store: Path) -> None:
    folder = f"{staging(store)}/{new_run_id()}"
    assert store_shard(folder, "orders", shard()) == store_shard(folder, "orders", shard())
    assert len(stored(store)) == 1


FAILURES = {
    "create before": OSError,
    "rename before": OSError,
    "rename after": OSError,
    "rename lost": StagingError,
    "open before": OSError,
}


@pytest.mark.parametrize("fault", FAILURES)
def test_a_store_that_fails_leaves_the_database_without_a_row_and_a_rerun_brings_all(
    database: Path, store: Path, fault: str
) -> None:
    method, when = fault.split()
    (store / "faults" / method).write_text(when)
    with pytest.raises(FAILURES[fault]):
        write_shop("two", str(database), staging(store), MEMORY)
    assert [kept for kept in held_rows(database).values() if kept] == []
    write_shop("two", str(database), staging(store), MEMORY)
    assert held_rows(database) == expected()


@pytest.mark.parametrize("when", ["before", "after"])
def test_shards_that_cannot_be_removed_do_not_undo_the_commit(
    database: Path, store: Path, when: str
) -> None:
    (store / "faults" / "delete").write_text(when)
    counted = write_shop("one", str(database), staging(store), MEMORY)
    assert counted["orders_added"] == ROWS
    assert held_rows(database, "one") == {"orders": expected()["orders"]}
    assert (stored(store) == []) is (when == "after")


def test_shards_are_fetched_as_they_were_and_gone_ones_left_out(
    store: Path, tmp_path: Path
) -> None:
    folder = f"{staging(store)}/{new_run_id()}"
    remote = store_shard(folder, "orders", shard())
    local = store_shard(str(tmp_path / "local"), "orders", shard())
    gone = f"{folder}/orders-gone.parquet"
    found = fetch_shards([remote, local, gone], tmp_path)
    assert set(found) == {remote, local}
    assert {path.read_bytes() for path in found.values()} == {shard()}
    remove_shards([remote, local, gone])
    assert stored(store) == []
    assert not Path(local).exists()


def test_only_what_dead_pipelines_left_is_swept(store: Path) -> None:
    old, new = new_run_id(), new_run_id()
    kept = {name: store_shard(f"{staging(store)}/{name}", "orders", shard())
            for name in (old, new, "duckdb-of somebody else")}  # fmt: skip
    for name in (old, "duckdb-of somebody else"):
        set_age(kept[name], STALE + 60)
    assert stale_runs(staging(store)) == {old}
    sweep(staging(store), [old])
    assert {path.parent.name for path in store.rglob("*.parquet")} == {
        new, "duckdb-of somebody else"
    }  # fmt: skip


def set_age(address: str, seconds: float) -> None:
    """Make a shard older, as the clocks of the file system and of this machine see it."""
    path = Path(address.removeprefix("teststore://"))
    at = path.stat().st_mtime - seconds
    for each in (path, path.parent):
        os.utime(each, (at, at))


@pytest.mark.parametrize("remote", [False, True], ids=["folder", "store"])
def test_a_clock_that_is_ahead_makes_no_live_pipeline_stale(store: Path, remote: bool) -> None:
    """That all was staged by a clock far behind this one looks the same."""
    folder = staging(store) if remote else str(store)
    alive = [store_shard(f"{folder}/{new_run_id()}", "orders", shard()) for _ in range(2)]
    for address, days in zip(alive, (8, 8.1), strict=True):
        set_age(address, days * 86_400)
    assert stale_runs(folder) == set()


@pytest.mark.parametrize("remote", [False, True], ids=["folder", "store"])
def test_a_file_of_a_time_to_come_makes_no_live_pipeline_stale(store: Path, remote: bool) -> None:
    folder = staging(store) if remote else str(store)
    alive, ahead = (store_shard(f"{folder}/{new_run_id()}", "orders", shard()) for _ in range(2))
    set_age(alive, 60)
    set_age(ahead, -8 * 86_400)
    assert stale_runs(folder) == set()
