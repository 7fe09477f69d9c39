"""The staged rows of newsbeam: a poll, a page, a robots.txt, a resting host, new topics."""

from __future__ import annotations

import pyarrow as pa

from sinks.connector.tables import Table

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
COUNT = pa.int64()


def _struct(**fields: pa.DataType) -> pa.DataType:
    return pa.struct([pa.field(name, kind) for name, kind in fields.items()])


_LISTED = _struct(
    entry_id=TEXT, listing_id=TEXT, url_id=TEXT, url=TEXT, guid=TEXT, title=TEXT, byline=TEXT,
    summary=TEXT, published_at=TIME, published_raw=TEXT, state=TEXT, reason=TEXT,
    content=TEXT,
)  # fmt: skip
_EVIDENCE = _struct(field=TEXT, start=COUNT, end=COUNT, matched=TEXT, phrase=TEXT)
_TOPIC = _struct(topic=TEXT, score=pa.float64(), evidence=pa.list_(_EVIDENCE))
_ARTICLE = _struct(
    article_id=TEXT, url_id=TEXT, url=TEXT, canonical_url=TEXT, feed_url=TEXT, outlet=TEXT,
    country=TEXT, title=TEXT, byline=TEXT, published_at=TIME, published_source=TEXT,
    listed_at=TIME, fetched_at=TIME, language=TEXT, text=TEXT, word_count=COUNT, text_hash=TEXT,
    body_hash=TEXT, bytes=COUNT, redirects=pa.list_(TEXT), extractor=TEXT,
    robots=pa.list_(TEXT), text_source=TEXT,
)  # fmt: skip
TABLES = {
    table.name: table
    for table in (
        Table("polls", "feed_url", pa.schema(_struct(
            feed_url=TEXT, polled_at=TIME, status=TEXT, http_status=COUNT, entries=COUNT,
            bytes=COUNT, milliseconds=COUNT, stage=TEXT, error_type=TEXT, error=TEXT, etag=TEXT,
            last_modified=TEXT, body_hash=TEXT, failures=COUNT, state=TEXT, next_poll_at=TIME,
            overflow=pa.bool_(), listed=pa.list_(_LISTED), redirected_to=TEXT, schedule=TEXT,
            failing_since=TIME, address=TEXT, moving_to=TEXT, moves_seen=COUNT, moving_since=TIME,
            gap_seconds=COUNT, newest_entry_at=TIME, hints=TEXT, false_304=pa.bool_(),
            last_body_at=TIME, lasting_since=TIME,
        ))),
        Table("pages", "url_id", pa.schema(_struct(
            url_id=TEXT, url=TEXT, feed_url=TEXT, feed_position=COUNT, fetched_at=TIME, state=TEXT,
            attempts=COUNT, next_attempt_at=TIME, stage=TEXT, error_type=TEXT, error=TEXT,
            http_status=COUNT, milliseconds=COUNT, article=_ARTICLE, topics=pa.list_(_TOPIC),
        ))),
        Table("robots", "origin", pa.schema(_struct(
            origin=TEXT, fetched_at=TIME, http_status=COUNT, body=TEXT, error=TEXT,
            expires_at=TIME,
        ))),
        Table("hosts", "host", pa.schema(_struct(
            host=TEXT, noted_at=TIME, resting_until=TIME, failures=COUNT, last_error=TEXT,
        ))),
        Table("tags", "article_id", pa.schema(_struct(
            article_id=TEXT, topics=pa.list_(_TOPIC),
        ))),
    )
}  # fmt: skip
"""The first four with the fields of `records.Poll`, `Page`, `RobotsFile` and `HostRest`."""
