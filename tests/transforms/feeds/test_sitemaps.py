"""News sitemaps, read as feeds."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.models import LONGEST_ADDRESS
from transforms.feeds.sitemaps import LARGEST, parse_sitemap
from transforms.records import Entry, FeedDocument, Unreadable
from transforms.urls import TOO_LONG

URL = "https://news.example/sitemaps/news.xml"
SITEMAP = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
        xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">
 <url><loc>https://news.example/crane</loc><lastmod>2026-01-05T12:00:00Z</lastmod>
  <news:news>
   <news:publication><news:name>Harbour Gazette</news:name><news:language>en</news:language>
   </news:publication>
   <news:publication_date>2026-01-05T10:00:00+01:00</news:publication_date>
   <news:title>A crane is &amp; stays late</news:title>
  </news:news></url>
 <url><loc> /pier?a=1&amp;b=2 </loc><lastmod>2026-01-04</lastmod></url>
 <url><lastmod>2026-01-04</lastmod></url>
</urlset>"""


def read(body: bytes) -> FeedDocument:
    document = parse_sitemap(body, {}, URL)
    assert isinstance(document, FeedDocument), document
    return document


def test_an_endless_address_is_refused_with_a_reason():
    entry = read(SITEMAP.replace(b"/crane<", b"/" + b"a" * LONGEST_ADDRESS + b"<")).entries[0]
    assert (entry.url, entry.refused) == (None, TOO_LONG)


def test_titles_in_utf8_whatever_is_declared():
    told = SITEMAP.replace(b"UTF-8", b"iso-8859-1", 1).replace(b"A crane is", "Кран —".encode())
    assert b"iso-8859-1" in told
    assert read(told).entries[0].title.startswith("Кран —")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_news_sitemap(pack):
    document = read(pack(SITEMAP))
    assert (document.format, document.title, document.language, document.warning) == (
        "sitemap", "Harbour Gazette", "en", None)  # fmt: skip
    first, second, third = document.entries
    assert first == Entry(
        "https://news.example/crane", None, "A crane is & stays late", None, None,
        datetime(2026, 1, 5, 9, tzinfo=UTC), "2026-01-05T10:00:00+01:00",
        "2026-01-05T12:00:00Z",
    )  # fmt: skip
    assert second.url == "https://news.example/pier?a=1&b=2"
    assert second.published_at == datetime(2026, 1, 4, tzinfo=UTC)
    assert third.url is None


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "no XML"),
        (b"<html><body>Welcome</body></html>", "no sitemap"),
        (b"<rss><channel/></rss>", "no sitemap"),
        (b"<urlset><url><loc>/a&#xD800;</loc></url></urlset>", "no XML"),  # half a character
        (b"\x1f\x8bnonsense", "not gzip"),
        (gzip.compress(SITEMAP)[:-9], "ends early"),
        (gzip.compress(b" " * (LARGEST + 1)), "too large"),
        (b"<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><sitemap><loc>"
         b"https://news.example/news.xml</loc></sitemap></sitemapindex>",
         "list the one with the news, such as https://news.example/news.xml"),
    ],
)  # fmt: skip
def test_what_is_no_news_sitemap(body, part):
    refused = parse_sitemap(body, {}, URL)
    assert isinstance(refused, Unreadable)
    assert part in refused.message


def test_a_sitemap_cut_off_keeps_what_came_and_says_so():
    document = read(SITEMAP[: SITEMAP.index(b"</urlset")])
    assert len(document.entries) == 3
    assert document.warning


def test_entities_are_not_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("https://news.example/secret")
    entity = f'<!DOCTYPE urlset [<!ENTITY x SYSTEM "{secret.as_uri()}">]><urlset'.encode()
    document = read(SITEMAP.replace(b"<urlset", entity, 1).replace(b"/crane", b"/&x;"))
    assert "secret" not in str(document.entries)


@given(st.integers(0, len(SITEMAP)), st.binary(max_size=20), st.integers(0, 50))
def test_spoilt_sitemaps_are_read_or_refused_but_never_raise(at, put, drop):
    spoilt = SITEMAP[:at] + put + SITEMAP[at + drop :]
    assert isinstance(parse_sitemap(spoilt, {}, URL), (FeedDocument, Unreadable))


def test_titles_and_dates_are_read_as_those_of_feeds():
    told = SITEMAP.replace(b"is &amp; stays", b"is &amp;amp; &lt;b&gt;stays&lt;/b&gt;")
    (entry, *_) = read(told.replace(b"2026-01-05T10:00:00+01:00", b"0001-01-01")).entries
    assert entry.title == "A crane is & stays late"
    assert entry.published_at == datetime(2026, 1, 5, 12, tzinfo=UTC), "that of the change"
    assert entry.published_raw == "0001-01-01"
