"""A shop for the tests of the connector: its tables, a pipeline that writes them, a store."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import duckdb
from apache_beam.io.filesystem import CompressionTypes, FileMetadata, FileSystem
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from sinks.connector import Table, WriteToDuckDB
from sinks.connector.commit import CommittedRows, Shard, commit_shards
from sinks.connector.files import parquet, write_shard
from sinks.connector.remote import new_run_id
from sinks.connector.tables import batches

ORDERS = Table("orders", "order_id", {
    "order_id": "BIGINT", "placed_at": "TIMESTAMPTZ", "customer": "VARCHAR", "tags": "VARCHAR[]",
})  # fmt: skip
LINES = Table("lines", ["order_id", "line"], {
    "order_id": "BIGINT", "line": "INTEGER", "article": "VARCHAR", "price": "DECIMAL(9,2)",
})  # fmt: skip
TABLES = {"one": [ORDERS], "two": [ORDERS, LINES]}
MORNING = datetime(2026, 3, 1, 8, tzinfo=UTC)
THREADS = ["--direct_running_mode=multi_threading", "--direct_num_workers=3"]
PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
ROWS, BLOCK = 3_000, 100


class Order(NamedTuple):
    order_id: int
    placed_at: datetime
    customer: str
    tags: list[str]


def order(number: int) -> Order:
    return Order(number, MORNING + timedelta(seconds=number), f"Zoë {number % 7}", ["new"])


def lines(placed: Order) -> list[dict[str, Any]]:
    return [
        {"order_id": placed.order_id, "line": number, "article": "tea", "price": None}
        for number in range(placed.order_id % 3)
    ]


def block_of_orders(block: int) -> list[Order]:
    return [order(number) for number in range(block * BLOCK, (block + 1) * BLOCK)]


def write_shop(
    which: str, database: str, staging: str | None = None, options: Sequence[str] = THREADS
) -> dict[str, int]:
    """Write all rows into one table, or into two in one transaction; the counters.

    Each worker stages a shard of each table.
    """
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(options)))
    orders = (
        pipeline
        | "Blocks" >> beam.Create(range(ROWS // BLOCK), reshuffle=False)
        | "Spread" >> beam.Reshuffle()
        | "Orders" >> beam.FlatMap(block_of_orders)
    )
    streams = {"orders": orders, "lines": orders | "Lines" >> beam.FlatMap(lines)}
    tables = TABLES[which]
    write = WriteToDuckDB(database, tables, staging=staging)
    _ = {table.name: streams[table.name] for table in tables} | write
    return counters(pipeline)


def counters(pipeline: beam.Pipeline) -> dict[str, int]:
    """Run a pipeline; its counters."""
    result = pipeline.run()
    result.wait_until_finish()
    found = result.metrics().query()["counters"]
    return {counter.key.metric.name: counter.committed for counter in found}


def stage(folder: Path, table: Table, records: Sequence[Any]) -> Shard:
    """Stage records below a folder as the steps of a pipeline do, by a new run each time."""
    run_id = new_run_id()
    content = parquet(table.arrow, batches(table, records))
    return Shard(table.name, run_id, str(write_shard(folder / run_id, table.name, content)))


def put(database: Path, table: Table, records: Sequence[Any]) -> list[CommittedRows]:
    """Stage records and commit them."""
    return commit_shards(
        str(database), [table], [stage(Path(f"{database}.shards"), table, records)], 0
    )


def held_rows(database: Path, which: str = "two") -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables that have some, sorted."""
    if not database.exists():
        return {}
    with duckdb.connect(str(database)) as connection:
        there = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
        held = {
            table.name: connection.execute(f"FROM {table.name} ORDER BY ALL").fetchall()
            for table in TABLES[which]
            if table.name in there
        }
    return {name: found for name, found in held.items() if found}


FORKS = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
if os.name == "posix":
    FORKS.set_forkserver_preload(["tests.kit.shop"])


def start(target: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Run a function in a process of its own, which has Beam loaded already."""
    process = FORKS.Process(target=target, args=arguments)
    process.start()
    return process


# A file system as Beam's are, on which an object appears when it is closed.


class StoredFile:
    """What is written appears whole when it is closed, and not at all where that fails."""

    def __init__(self, path: Path) -> None:
        self.path, self.content = path, bytearray()

    def write(self, content: bytes) -> int:
        self.content += content
        return len(content)

    def __enter__(self) -> StoredFile:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(self.content)


class TestStore(FileSystem):
    """teststore://FOLDER/NAME, kept in a folder of this machine, so that processes share it.

    A file FOLDER/faults/METHOD makes the next call of that method fail, after it was done where
    the file says so, and is used up by it.
    """

    __test__ = False

    @classmethod
    def scheme(cls) -> str:
        return "teststore"

    def has_dirs(self) -> bool:
        return False

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        raise NotImplementedError

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        prefix = _local(dir_or_prefix)
        folder = prefix if prefix.is_dir() else prefix.parent
        for path in sorted(folder.rglob("*")) if folder.exists() else []:
            if path.is_file() and str(path).startswith(str(prefix)):
                status = path.stat()
                yield FileMetadata(f"{self.scheme()}://{path}", status.st_size, status.st_mtime)

    def create(self, path: str, mime_type: str = "", compression_type: str = "") -> StoredFile:
        with _fault(path, "create"):
            return StoredFile(_local(path))

    def open(
        self, path: str, mime_type: str = "", compression_type: str = CompressionTypes.AUTO
    ) -> Any:
        with _fault(path, "open"):
            return open(_local(path), "rb")

    def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            shutil.copyfile(_local(source), _local(target))

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        with _fault(source_file_names[0], "rename") as lost:
            if not lost:
                for source, target in zip(source_file_names, destination_file_names, strict=True):
                    os.replace(_local(source), _local(target))

    def exists(self, path: str) -> bool:
        return _local(path).is_file()

    def size(self, path: str) -> int:
        return _local(path).stat().st_size

    def last_updated(self, path: str) -> float:
        return _local(path).stat().st_mtime

    def checksum(self, path: str) -> str:
        return str(self.size(path))

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, self.size(path), self.last_updated(path))

    def delete(self, paths: list[str]) -> None:
        with _fault(paths[0], "delete"):
            for path in paths:
                _local(path).unlink()


def _local(address: str) -> Path:
    return Path(re.sub(r"^\w+://", "", address))


def _taken(fault: Path) -> str | None:
    """What a fault's file says, for the one of all threads and processes that takes it away."""
    try:
        told = fault.read_text()
        fault.unlink()
    except FileNotFoundError:
        return None
    return told


class _fault:
    """Fail as the file of the fault says: "before", "after", or "lost" (nothing done, no error)."""

    def __init__(self, address: str, method: str) -> None:
        found = (_taken(folder / "faults" / method) for folder in _local(address).parents)
        self.when = next(filter(None, found), "")

    def __enter__(self) -> bool:
        if self.when == "before":
            raise OSError("the store fails before")
        return self.when == "lost"

    def __exit__(self, *_: object) -> None:
        if self.when == "after":
            raise OSError("the store fails after")


assert FileSystems.get_filesystem("teststore://x")
