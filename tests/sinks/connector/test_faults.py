"""Faults of the disk, of the commit and of the runner: afterwards another run adds what lacks."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from sinks.connector import WriteToDuckDB
from sinks.connector.commit import CommittedRows
from sinks.connector.remote import new_run_id
from sinks.connector.write import SHARDS, StageRows, _all_at_once, _Commit, _Stage
from tests.kit.rows import rows
from tests.kit.shop import LINES, ORDERS, held_rows, lines, order, start

TABLES = [ORDERS, LINES]
PLACED = [order(number) for number in range(300)]
GIVEN = {"orders": PLACED, "lines": [line for placed in PLACED for line in lines(placed)]}
PATIENCE = 60.0
"""Seconds after which a test gives up; none of them decides a result."""


def stream(pipeline: beam.Pipeline, name: str) -> beam.PCollection:
    return pipeline | name >> beam.Create(GIVEN[name], reshuffle=False)


def write(database: Path | str) -> None:
    """An undisturbed run: a shard of each table, and their commit."""
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        streams = {table.name: stream(pipeline, table.name) for table in TABLES}
        _ = streams | WriteToDuckDB(str(database), TABLES)


def check_rerun(database: Path, undisturbed: dict[str, Any]) -> None:
    write(database)
    assert held_rows(database) == undisturbed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    database = tmp_path_factory.mktemp("undisturbed") / "shop.duckdb"
    write(database)
    found = held_rows(database)
    assert {name: len(some) for name, some in found.items()} == {"orders": 300, "lines": 300}
    return found


# Faults at the boundary of the system, in a process of their own: (what, how, at which call).


def disturbed(what: str, how: Any, nth: int, database: str, report: str) -> None:
    """Run the shop with a fault; what became of it goes to the file `report`."""
    if what == "size":
        import resource

        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (how, unlimited[1]))
    else:
        replace_call(what, how, nth)
    try:
        write(database)
        outcome = "done"
    except Exception:
        outcome = traceback.format_exc()
    if what == "size":
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    Path(report).write_text(outcome)


def replace_call(what: str, how: str, nth: int) -> None:
    """Make the nth call of os.fsync or os.replace fail, before or after it is done, or be lost."""
    real, calls = getattr(os, what), iter(range(1, 1_000_000))

    def call(*arguments: Any) -> Any:
        if next(calls) != nth:
            return real(*arguments)
        if how != "lost":
            if how == "after":
                real(*arguments)
            raise OSError(5, f"os.{what} fails at call {nth}")
        return None

    setattr(os, what, call)


FAULTS = {
    "no space for a shard": ("size", 1_000, 0, "File too large"),
    "a file is not synced": ("fsync", "before", 1, "os.fsync fails"),
    "a folder is not synced": ("fsync", "before", 2, "os.fsync fails"),
    "the last sync fails when done": ("fsync", "after", 4, "os.fsync fails"),
    "a rename fails": ("replace", "before", 1, "os.replace fails"),
    "the last rename fails when done": ("replace", "after", 2, "os.replace fails"),
    "a rename is lost": ("replace", "lost", 1, "is gone, and was never committed"),
    "the last rename is lost": ("replace", "lost", 2, "is gone, and was never committed"),
    "no space for a database": ("size", 10_000, 0, "File too large"),
    "no space within the commit": ("size", 14_000, 0, "could not commit 2 shards"),
}


@pytest.mark.skipif(os.name != "posix", reason="limits and syncs are those of POSIX")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_pipeline_and_a_rerun_adds_every_row_once(
    fault: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    *where, reason = FAULTS[fault]
    database, report = tmp_path / "shop.duckdb", tmp_path / "report"
    process = start(disturbed, *where, str(database), str(report))
    process.join(PATIENCE)
    assert process.exitcode == 0
    assert reason in report.read_text()
    assert held_rows(database) == {}
    check_rerun(database, undisturbed)


# Bundles that fail after their work was done, which the runner tries four times


def fails_again(marker: Path, times: int) -> None:
    """Fail the first so many times it is called, by all processes and tries."""
    calls = len(marker.read_bytes()) if marker.exists() else 0
    marker.write_bytes(b"." * (calls + 1))
    if calls < times:
        raise OSError("the output is lost")


class LosesShards(_Stage):
    """Stages, and fails when the shard is there and not yet told of."""

    marker: Path
    times: int

    def finish_bundle(self) -> Iterator[Any]:
        staged = list(super().finish_bundle())
        fails_again(self.marker, self.times)
        yield from staged


class LosesCommits(_Commit):
    """Commits, and fails when the transaction is done and not yet told of."""

    marker: Path
    times: int

    def process(self, gathered: Iterable[Any]) -> Iterator[CommittedRows]:
        committed = list(super().process(gathered))
        fails_again(self.marker, self.times)
        yield from committed


def write_with_losses(database: Path, runner: Any, losing: str, times: int) -> None:
    """WriteToDuckDB, whose stage or commit fails so many times after its work."""
    run_id, staging = new_run_id(), f"{database}.shards"
    commit = LosesCommits(str(database), TABLES, 60.0, staging, run_id)
    stages = {
        table.name: LosesShards(table, f"{staging}/{run_id}", run_id, 100_000, None, "duckdb")
        for table in TABLES
    }
    for step in (commit, *stages.values()):
        step.marker = Path(f"{database}.{'commit' if step is commit else step.table.name}")
        step.times = times if losing == ("commit" if step is commit else "shards") else 0
    with beam.Pipeline(runner=runner) as pipeline:
        shards = []
        for table in TABLES:
            transform = StageRows(table, f"{staging}/{run_id}", run_id)
            transform.stage = stages[table.name]
            shards.append(stream(pipeline, table.name) | f"Stage {table.name}" >> transform)
        gathered = [outputs[SHARDS] for outputs in shards] | beam.Flatten()
        _ = _all_at_once(gathered) | beam.ParDo(commit)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("losing", ["shards", "commit"])
def test_a_bundle_that_the_runner_retries_adds_nothing_twice(
    losing: str, times: int, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    database = tmp_path / "shop.duckdb"
    write_with_losses(database, BundleBasedDirectRunner(), losing, times)
    marker = Path(f"{database}.{'commit' if losing == 'commit' else 'orders'}")
    assert len(marker.read_bytes()) == times + 1
    assert held_rows(database) == undisturbed
    assert rows(database, "SELECT sum(rows), sum(added) FROM staged_shards") == [(600, 600)]
    check_rerun(database, undisturbed)


@pytest.mark.parametrize("runner", [FnApiRunner, BundleBasedDirectRunner])
@pytest.mark.parametrize("losing", ["shards", "commit"])
def test_a_pipeline_that_gives_up_is_completed_by_a_rerun(
    losing: str, runner: Any, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    database = tmp_path / "shop.duckdb"
    with pytest.raises(Exception, match="the output is lost"):
        write_with_losses(database, runner(), losing, 100)
    assert held_rows(database) == (undisturbed if losing == "commit" else {})
    check_rerun(database, undisturbed)
