"""Writing shards from the graph."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.metrics import MetricsFilter
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from sinks.write import ROWS, WriteShards

from sinks.staging import RunFolder
from tests.sinks.samples import FEED, failed_page, page, poll


def write(folder: Path, kind: str, records: list[object]) -> dict[str, int]:
    """Run the transform; its counters. The paths that it returns must be those it wrote."""
    pipeline = beam.Pipeline(runner=FnApiRunner())
    paths = pipeline | beam.Create(records, reshuffle=False) | WriteShards(str(folder), kind)
    names = paths | "Name" >> beam.Map(lambda path: Path(path).name[: len(kind)])
    number = -(-len(records) // ROWS)
    assert_that(names, equal_to([kind] * number))
    result = pipeline.run()
    result.wait_until_finish()
    found = result.metrics().query(MetricsFilter().with_namespace("newsbeam"))["counters"]
    return {counter.key.metric.name: counter.committed for counter in found}


def test_records_become_a_shard(tmp_path: Path) -> None:
    counters = write(tmp_path, "pages", [page(1), failed_page(2)])
    (path,) = RunFolder(tmp_path).shards()
    assert pq.read_table(path).column("state").to_pylist() == ["fetched", "failed"]
    assert counters == {"pages_rows": 2, "pages_bytes": path.stat().st_size}


def test_polls_have_shards_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, "polls", [poll(FEED, 0)])
    assert [path.name[:6] for path in RunFolder(tmp_path).shards()] == ["polls-"]


def test_many_records_become_several_shards(tmp_path: Path) -> None:
    records = [failed_page(number) for number in range(ROWS + 1)]
    counters = write(tmp_path, "pages", records)
    shards = RunFolder(tmp_path).shards()
    assert sorted(pq.read_metadata(path).num_rows for path in shards) == [1, ROWS]
    assert counters["pages_rows"] == ROWS + 1


def test_no_records_no_shard(tmp_path: Path) -> None:
    write(tmp_path, "pages", [])
    assert list(tmp_path.iterdir()) == []


def test_the_same_bundle_again_writes_the_same_files(tmp_path: Path) -> None:
    for _ in range(2):
        write(tmp_path, "pages", [page(1), page(2)])
    assert len(RunFolder(tmp_path).shards()) == 1


def test_a_wrong_kind_is_refused_when_the_graph_is_built() -> None:
    with pytest.raises(ValueError, match=r"'page' is no kind of shard; valid: polls, pages"):
        WriteShards("folder", "page")
