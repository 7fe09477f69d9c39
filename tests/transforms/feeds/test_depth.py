"""How deep elements lie in each other."""

from __future__ import annotations

import gzip

import pytest

from transforms.feeds.depth import DEEPEST, TOO_DEEP, is_too_deep
from transforms.feeds.documents import parse_feed
from transforms.feeds.sitemaps import parse_sitemap
from transforms.records import FeedDocument, Unreadable

URL = "https://news.example/feed"


def nested(levels: int, tag: str = "a", close: bool = True) -> str:
    return f"<{tag} b='1'>" * levels + f"</{tag}>" * levels * close


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        pytest.param("", False, id="nothing"),
        pytest.param("<", False, id="half a tag"),
        pytest.param(nested(DEEPEST), False, id="just not"),
        pytest.param(nested(DEEPEST + 1), True, id="just so"),
        pytest.param(nested(300_000), True, id="bottomless"),
        pytest.param(nested(DEEPEST + 1, close=False), True, id="never closed"),
        pytest.param("</a>" * 9_000 + nested(DEEPEST + 1), True, id="ends before beginnings"),
        pytest.param("<b/>" * 9_000 + "<b />" * 9_000, False, id="empty elements"),
        pytest.param("<b></b>" * 9_000, False, id="side by side"),
        pytest.param(f"<i>{'text<br>' * 500}</i>" * 9, False, id="HTML that is not escaped"),
        pytest.param(f"<i><![CDATA[{'<br>' * 9_000}]]></i>", False, id="CDATA"),
        pytest.param(f"<!--{nested(9_000, close=False)}-->", False, id="a comment"),
        pytest.param("<!--" * 9_000, False, id="comments without an end"),
        pytest.param(nested(DEEPEST + 1, "ä:é"), True, id="names in other letters"),
    ],
)
def test_what_is_too_deep(body, deep):
    assert is_too_deep(body.encode()) is deep
    assert is_too_deep(body.encode("utf-16")) is deep


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_bottomless_feeds_and_sitemaps_are_refused(encoding):
    for head, tail, parse in (
        (
            "<rss version='2.0'><channel><item><title>",
            "</title></item></channel></rss>",
            parse_feed,
        ),
        ("<urlset><url>", "</url></urlset>", parse_sitemap),
    ):
        body = (head + nested(300_000) + tail).encode(encoding)
        assert parse(body, {}, URL) == Unreadable("MalformedFeed", TOO_DEEP)
    assert parse_sitemap(gzip.compress(body), {}, URL) == Unreadable("MalformedFeed", TOO_DEEP)


def test_a_page_that_is_never_closed_is_a_page():
    body = b"<html><body>" + b"<p>line" * 2_000
    assert parse_feed(body, {}, URL) == Unreadable("NotAFeed", "the body is an HTML page")


def test_a_feed_of_many_entries_with_open_tags_is_read():
    item = f"<item><title>One</title><description>{'a<br>b' * 300}</description></item>"
    body = f"<rss version='2.0'><channel>{item * 9}</channel></rss>"
    document = parse_feed(body.encode(), {}, URL)
    assert isinstance(document, FeedDocument)
    assert len(document.entries) == 9
