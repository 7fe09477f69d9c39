"""The staged rows of newsbeam: a poll, a page, a robots.txt, a resting host, new topics.

Each shard names the layout of its rows. A commit takes those of every earlier layout, so that an
upgrade strands nothing that a dead run left: what they lack is NULL.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sinks.connector.tables import Table
from sinks.staging.shapes import schema_of
from transforms.records import FeedState, HostRest, Page, Poll, RetaggedArticle, RobotsFile

LAYOUT = "6"
LAYOUTS = ("1", "2", "3", "4", "5", LAYOUT)
"""All that there ever were; shards name theirs since the fourth."""
LAYOUT_KEY = b"newsbeam_layout"


def _table(name: str, key: str, record: type) -> Table:
    return Table(name, key, schema_of(record).with_metadata({LAYOUT_KEY: LAYOUT.encode()}))


TABLES = {
    table.name: table
    for table in (
        _table("polls", "feed_url", Poll),
        _table("pages", "url_id", Page),
        _table("robots", "origin", RobotsFile),
        _table("hosts", "host", HostRest),
        _table("tags", "article_id", RetaggedArticle),
    )
}
"""By kind, which begins the names of its shards."""


def read_shards(
    connection: duckdb.DuckDBPyConnection, kind: str, paths: Sequence[Path]
) -> duckdb.DuckDBPyRelation:
    """The rows of shards of one kind, as today's records have them."""
    earlier = {path for path in paths if _layout(path) != LAYOUT}
    upgraded = [_upgraded(kind, path) for path in paths if path in earlier]
    nothing = TABLES[kind].arrow.empty_table()
    rows = connection.from_arrow(pa.concat_tables([nothing, *upgraded]))
    today = [str(path) for path in paths if path not in earlier]
    return rows.union(connection.read_parquet(today)) if today else rows


def _layout(path: Path) -> str | None:
    try:
        found = (pq.read_schema(path).metadata or {}).get(LAYOUT_KEY)
    except pa.ArrowInvalid:  # DuckDB will say what is wrong with the file
        return LAYOUT
    return found and found.decode()


def _upgraded(kind: str, path: Path) -> pa.Table:
    """The rows of a shard of an earlier layout; until the third, a poll was flat."""
    rows = pq.read_table(path).to_pylist()
    if kind == "polls":
        for row in rows:
            state = {name: row.get(name) for name in FeedState._fields}
            row["after"] = state | {"last_polled_at": row["polled_at"]}
    return pa.Table.from_pylist(rows, TABLES[kind].arrow)
