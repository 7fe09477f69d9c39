"""Feeds of many kinds, each held against what it must be read as, which lies beside it.

`NAME.golden.json` has the document of `NAME.xml` (or .rdf, .json), and the headers that came with
it, if any. The texts are written for these tests.
"""

from __future__ import annotations

import calendar
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest

from tests.kit.golden import CORPUS, FEEDS, GOLDEN, URL, expected
from transforms.feeds.documents import parse_feed
from transforms.feeds.sitemaps import parse_sitemap
from transforms.feeds.texts import plain
from transforms.records import Entry, FeedDocument, Hints

XML = [path for path in FEEDS if path.suffix != ".json" and "sitemap" not in path.name]
MISTAKEN = {
    "odd-dates.xml": {3, 6, 9, 10, 12, 14, 15},
    "shift-jis.xml": {0},
    "windows-1251.xml": {0},
    "windows-1251-by-header.xml": {0},
}
"""Places of dates that feedparser does not know, or takes for others, such as those of MSK."""


def read(path: Path) -> FeedDocument:
    parse = parse_sitemap if "sitemap" in path.name else parse_feed
    document = parse(path.read_bytes(), expected(path).get("headers", {}), URL)
    assert isinstance(document, FeedDocument), document
    return document


def entry(told: dict[str, Any]) -> Entry:
    at = told["published_at"]
    return Entry(**told)._replace(published_at=at and datetime.fromisoformat(at))


@pytest.mark.parametrize("path", FEEDS, ids=lambda path: path.name)
def test_a_feed_is_read_as_it_must_be(path: Path) -> None:
    wanted = expected(path)
    wanted.pop("headers", None)
    entries = tuple(map(entry, wanted.pop("entries")))
    hints = {name: tuple(v) if isinstance(v, list) else v for name, v in wanted["hints"].items()}
    warning = wanted.pop("warning")
    document = read(path)
    assert document.entries == entries
    assert document._replace(entries=(), warning=None) == FeedDocument(
        **{**wanted, "hints": Hints(**hints)}, entries=(), warning=None
    )
    assert bool(document.warning) is bool(warning), "its words are the parser's"


def test_every_feed_has_its_document_and_every_document_its_feed() -> None:
    documents = {path.name.removesuffix(GOLDEN) for path in CORPUS.glob("*" + GOLDEN)}
    assert {path.stem for path in FEEDS} == documents
    assert len(FEEDS) >= 24


@pytest.mark.parametrize("path", XML, ids=lambda path: path.name)
def test_what_is_left_out_for_speed_changes_no_link_title_or_date(path: Path) -> None:
    """feedparser with its defaults: links of texts resolved, and their markup cleaned."""
    body = path.read_bytes()
    headers = {"content-location": URL, **expected(path).get("headers", {})}
    marks = {b"\xef\xbb\xbf": "utf-8", b"\xfe\xff": "utf-16be"}  # it asks header and declaration
    for name in (name for mark, name in marks.items() if body.startswith(mark)):
        headers["content-type"] = f"application/xml; charset={name}"
    parsed = feedparser.parse(
        io.BytesIO(body), response_headers=headers, resolve_relative_uris=True, sanitize_html=True
    )
    ours = read(path)
    assert len(parsed.entries) == len(ours.entries)
    assert plain(parsed.feed.get("title")) == ours.title
    for place, (theirs, entry) in enumerate(zip(parsed.entries, ours.entries, strict=True)):
        address = theirs.get("link") or theirs.get("id") or ""
        assert entry.url == (address if address.startswith("http") else None)
        assert plain(theirs.get("title")) == entry.title
        raw = theirs.get("published") or theirs.get("updated") or theirs.get("created")
        assert raw == entry.published_raw
        if place not in MISTAKEN.get(path.name, ()):
            assert moment(theirs) == (
                entry.published_at and entry.published_at.replace(microsecond=0)
            )


def moment(entry: Any) -> datetime | None:
    parts = entry.get("published_parsed") or entry.get("updated_parsed")
    parts = parts or entry.get("created_parsed")
    return parts and datetime.fromtimestamp(calendar.timegm(parts), UTC)
