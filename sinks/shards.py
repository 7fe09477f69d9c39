"""Records to Parquet shards."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
COUNT = pa.int64()


def _struct(**fields: pa.DataType) -> pa.DataType:
    return pa.struct([pa.field(name, kind) for name, kind in fields.items()])


_LISTED = _struct(
    entry_id=TEXT, url_id=TEXT, url=TEXT, guid=TEXT, title=TEXT, byline=TEXT, summary=TEXT,
    published_at=TIME, published_raw=TEXT, state=TEXT, reason=TEXT,
)  # fmt: skip
_EVIDENCE = _struct(field=TEXT, start=COUNT, end=COUNT, matched=TEXT, phrase=TEXT)
_TOPIC = _struct(topic=TEXT, score=pa.float64(), evidence=pa.list_(_EVIDENCE))
_ARTICLE = _struct(
    article_id=TEXT, url_id=TEXT, url=TEXT, canonical_url=TEXT, feed_url=TEXT, outlet=TEXT,
    country=TEXT, title=TEXT, byline=TEXT, published_at=TIME, published_source=TEXT,
    listed_at=TIME, fetched_at=TIME, language=TEXT, text=TEXT, word_count=COUNT, text_hash=TEXT,
    body_hash=TEXT, bytes=COUNT, redirects=pa.list_(TEXT), extractor=TEXT,
)  # fmt: skip
SCHEMAS: dict[str, pa.Schema] = {
    "polls": pa.schema(_struct(
        feed_url=TEXT, polled_at=TIME, status=TEXT, http_status=COUNT, entries=COUNT, bytes=COUNT,
        milliseconds=COUNT, stage=TEXT, error_type=TEXT, error=TEXT, etag=TEXT,
        last_modified=TEXT, body_hash=TEXT, failures=COUNT, state=TEXT, next_poll_at=TIME,
        listed=pa.list_(_LISTED),
    )),
    "pages": pa.schema(_struct(
        url_id=TEXT, url=TEXT, feed_url=TEXT, feed_position=COUNT, fetched_at=TIME, state=TEXT,
        attempts=COUNT, next_attempt_at=TIME, stage=TEXT, error_type=TEXT, error=TEXT,
        http_status=COUNT, milliseconds=COUNT, article=_ARTICLE, topics=pa.list_(_TOPIC),
    )),
}  # fmt: skip
"""Polls and pages with the fields of `records.Poll` and `records.Page`, in their order."""


def as_row(record: Any) -> Any:
    """A NamedTuple, with all that is in it, as a dictionary."""
    if isinstance(record, tuple):
        if hasattr(record, "_fields"):
            return {name: as_row(value) for name, value in zip(record._fields, record, strict=True)}
        return [as_row(item) for item in record]
    if isinstance(record, str):
        return record.encode("utf-8", "replace").decode()  # lone surrogates fit no file
    return record


def parquet(kind: str, records: Iterable[Any]) -> bytes:
    """A shard's bytes."""
    table = pa.Table.from_pylist([as_row(record) for record in records], SCHEMAS[kind])
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
