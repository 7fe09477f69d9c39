"""What a run of an earlier version left staged is committed by today's, whole and once."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sinks.connector.files import parquet, write_shard
from sinks.keep.check import check_database
from sinks.load.run_commit import commit_run, recover
from sinks.staging.folder import Staging
from sinks.staging.shards import LAYOUT, LAYOUT_KEY, TABLES
from tests.kit.rows import rows
from tests.kit.samples import FEED, content, listed, new_run, page, poll

DATA = Path(__file__).parent / "data"


@pytest.fixture(params=["3"])
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database that is not there yet, beside what a run left staged when it could not commit."""
    with tarfile.open(DATA / f"layout-{request.param}.tar.xz") as archive:
        archive.extractall(tmp_path / "news.duckdb.staging", filter="data")
    return tmp_path / "news.duckdb"


def test_a_run_that_an_earlier_version_left_staged_is_committed(left: Path) -> None:
    shards = {
        kind: sum(pq.read_metadata(path).num_rows
                  for path in left.parent.glob(f"*.staging/*/{kind}-*.parquet"))
        for kind in ("polls", "pages", "robots")
    }  # fmt: skip
    assert min(shards.values()) > 0
    staging = Staging(left)
    (committed,) = recover(left, staging, 0)
    counted = committed.run["feeds_polled"], committed.run["pages"]
    assert counted == (shards["polls"], shards["pages"])
    assert rows(left, "SELECT count(*) FROM robots") == [(shards["robots"],)]
    assert rows(
        left, "SELECT count(*) > 5 FROM article_topics JOIN articles USING (article_id)"
    ) == [(True,)]
    for name in ("etag", "body_hash", "last_polled_at", "next_poll_at", "gap_seconds"):
        ((known,),) = rows(left, f"SELECT count({name}) FROM feeds")
        assert known > 0, name
    assert [item for item in check_database(left, 0) if not item.warning] == []
    assert recover(left, Staging(left), 0) == []


def test_what_an_earlier_layout_lacks_is_null(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    folder = new_run(database)
    polled = poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)])
    write_shard(folder.path, "polls", content("polls", [polled]))
    (old,) = pq.read_table(pa.BufferReader(content("pages", [page(1)]))).to_pylist()
    del old["article"]["robots"], old["article"]["text_source"]
    table = pa.Table.from_pylist([old])
    write_shard(folder.path, "pages", parquet(table.schema, table.to_batches()))
    write_shard(folder.path, "pages", content("pages", [page(2)]))
    commit_run(database, folder, 0)
    assert rows(database, "SELECT url, robots, text_source FROM articles ORDER BY url") == [
        (page(1).url, None, None), (page(2).url, [], "page")
    ]  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_each_shard_names_its_layout(kind: str) -> None:
    shard = pq.read_schema(pa.BufferReader(content(kind, [])))
    assert shard.metadata[LAYOUT_KEY] == LAYOUT.encode()
