"""Streaming into DuckDB: commits from time to time, late rows, dead letters, retries.

Counters are not looked at here: of each step BundleBasedDirectRunner, the local runner that knows
TestStream, counts the first bundle only.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing.test_stream import TestStream as Stream  # pytest takes Test* for tests
from apache_beam.transforms.window import FixedWindows, TimestampedValue

from sinks.connector import WriteToDuckDB
from sinks.connector.commit import CommittedRows
from tests.kit.rows import rows
from tests.kit.shop import LINES, ORDERS, lines, order

STOCK = {"article": "VARCHAR", "pieces": "BIGINT"}
PERIOD = 10


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "shop.duckdb"


def at(second: int, article: str, pieces: Any = 1) -> TimestampedValue:
    return TimestampedValue({"article": article, "pieces": pieces}, second)


def write_stock(database: Path, staging: str | None = None) -> WriteToDuckDB:
    return WriteToDuckDB(
        str(database), "stock", "article", STOCK, staging, commit_every=PERIOD
    )  # fmt: skip


def streaming(runner: Any = None) -> beam.Pipeline:
    options = PipelineOptions(["--streaming"])
    return beam.Pipeline(runner=runner or BundleBasedDirectRunner(), options=options)


def run(stream: Stream, write: WriteToDuckDB, runner: Any = None) -> list[CommittedRows]:
    """Run a stream into a table; what was committed, in its order."""
    pipeline = streaming(runner)
    written = pipeline | stream | write
    kept = Path(f"{write.database}.committed")
    _ = written.committed | "Keep" >> beam.Map(keep, str(kept))
    pipeline.run().wait_until_finish()
    return list(kept_in(kept))


def keep(value: Any, path: str) -> None:
    with open(path, "ab") as file:
        pickle.dump(value, file)


def kept_in(path: Path) -> Iterator[Any]:
    if not path.exists():
        return
    with open(path, "rb") as file:
        while file.peek():
            yield pickle.load(file)


def staged(database: Path) -> list[Path]:
    return list(Path(f"{database}.shards").rglob("*.parquet"))


def goods() -> Stream:
    """Four times goods, of which two are late and one is there already."""
    return (
        Stream()
        .advance_watermark_to(0)
        .add_elements([at(1, "tea"), at(2, "rice")])
        .advance_processing_time(2 * PERIOD)
        .advance_watermark_to(100)
        .add_elements([at(101, "salt")])
        .advance_processing_time(2 * PERIOD)
        .advance_watermark_to(200)
        .add_elements([at(3, "late"), at(4, "tea", 9)])
        .advance_processing_time(2 * PERIOD)
        .add_elements([at(201, "rest")])
        .advance_watermark_to_infinity()
    )


GOODS = [(article, 1) for article in ("late", "rest", "rice", "salt", "tea")]


@pytest.mark.parametrize(
    "runner", [BundleBasedDirectRunner(), "DirectRunner"], ids=["bundles", "default"]
)
def test_rows_are_committed_again_and_again_each_once_late_ones_too(
    database: Path, runner: Any
) -> None:
    committed = run(goods(), write_stock(database), runner)
    assert committed == [
        CommittedRows("stock", 1, 2, 2),
        CommittedRows("stock", 1, 1, 1),
        CommittedRows("stock", 1, 2, 1),
        CommittedRows("stock", 1, 1, 1),
    ]
    assert rows(database, "FROM stock ORDER BY ALL") == GOODS
    assert rows(database, "SELECT count(DISTINCT committed_at) FROM staged_shards") == [(4,)]
    assert staged(database) == []


def test_what_comes_within_the_period_is_one_commit(database: Path) -> None:
    stream = Stream().advance_watermark_to(0)
    for number in range(3):
        stream.add_elements([at(number, f"tea {number}")]).advance_processing_time(PERIOD / 4)
    stream.advance_processing_time(PERIOD).add_elements([at(9, "rice")])
    committed = run(stream.advance_watermark_to_infinity(), write_stock(database))
    assert committed == [CommittedRows("stock", 3, 3, 3), CommittedRows("stock", 1, 1, 1)]


def test_another_pipeline_over_the_same_rows_adds_none(database: Path) -> None:
    run(goods(), write_stock(database))
    again = run(goods(), write_stock(database))[4:]
    assert [(one.rows, one.added) for one in again] == [(2, 0), (1, 0), (2, 0), (1, 0)]
    assert rows(database, "FROM stock ORDER BY ALL") == GOODS


def test_windows_of_the_pipeline_lose_no_late_row(database: Path) -> None:
    pipeline = streaming()
    _ = pipeline | goods() | beam.WindowInto(FixedWindows(5)) | write_stock(database)
    pipeline.run().wait_until_finish()
    assert rows(database, "FROM stock ORDER BY ALL") == GOODS


def test_rows_that_do_not_fit_are_dead_letters_and_keep_no_other_back(
    database: Path, tmp_path: Path
) -> None:
    pipeline = streaming()
    stream = Stream().advance_watermark_to(0)
    stream.add_elements([at(1, "tea"), at(2, "half", 1.5), at(3, "rice")])
    stream.advance_processing_time(2 * PERIOD).add_elements([at(4, "much", 2**64), at(5, "salt")])
    written = pipeline | stream.advance_watermark_to_infinity() | write_stock(database)
    _ = written.dead_letters | beam.Map(keep, str(tmp_path / "dead"))
    pipeline.run().wait_until_finish()
    half, much = kept_in(tmp_path / "dead")
    assert (half.table, half.row) == ("stock", {"article": "half", "pieces": 1.5})
    assert half.reason == "ValueError: 1.5 is not whole"
    assert much.row["article"] == "much"
    assert rows(database, "SELECT article FROM stock ORDER BY ALL") == [
        ("rice",), ("salt",), ("tea",)
    ]  # fmt: skip


def test_two_tables_are_committed_together(database: Path) -> None:
    pipeline = streaming()
    stream = Stream().advance_watermark_to(0)
    for block in (range(3), range(3, 6)):
        stream.add_elements([order(number) for number in block])
        stream.advance_processing_time(2 * PERIOD)
    orders = pipeline | stream.advance_watermark_to_infinity()
    streams = {"orders": orders, "lines": orders | beam.FlatMap(lines)}
    _ = streams | WriteToDuckDB(str(database), [ORDERS, LINES], commit_every=PERIOD)
    pipeline.run().wait_until_finish()
    assert rows(database, "SELECT count(*) FROM orders") == [(6,)]
    assert rows(database, "SELECT order_id, count(*) FROM lines GROUP BY ALL ORDER BY 1") == [
        (1, 1), (2, 2), (4, 1), (5, 2)
    ]  # fmt: skip
    together = "SELECT count(*) FROM staged_shards GROUP BY committed_at"
    assert rows(database, together) == [(2,), (2,)]


FAULTS = ["create before", "rename before", "rename after", "open before", "delete before",
          "delete after"]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_step_that_fails_once_is_tried_again_and_adds_nothing_twice(
    database: Path, tmp_path: Path, fault: str
) -> None:
    store = tmp_path / "store"
    method, when = fault.split()
    (store / "faults").mkdir(parents=True)
    (store / "faults" / method).write_text(when)
    run(goods(), write_stock(database, f"teststore://{store}"))
    assert list((store / "faults").iterdir()) == []
    assert rows(database, "FROM stock ORDER BY ALL") == GOODS
    assert rows(database, "SELECT count(*), sum(rows), sum(added) FROM staged_shards") == [
        (4, 6, 5)
    ]  # fmt: skip


@pytest.mark.parametrize("period", [None, 0])
def test_a_stream_without_a_period_is_refused_when_the_pipeline_is_built(
    database: Path, period: float | None
) -> None:
    write = WriteToDuckDB(str(database), "stock", "article", STOCK, commit_every=period)
    with pytest.raises(ValueError, match="a streaming write needs commit_every, in seconds"):
        _ = streaming() | goods() | write


def test_one_stream_among_the_tables_makes_the_write_a_streaming_one(database: Path) -> None:
    pipeline = streaming()
    some = {"orders": pipeline | beam.Create([order(1)]), "lines": pipeline | Stream()}
    with pytest.raises(ValueError, match="a streaming write needs commit_every"):
        _ = some | WriteToDuckDB(str(database), [ORDERS, LINES])
