"""Which of an entry's links is the page, in whatever way its address is written."""

from __future__ import annotations

import json

import pytest

from transforms.feeds.documents import parse_feed
from transforms.feeds.links import first_address
from transforms.records import Entry, FeedDocument

URL = "http://127.0.0.1:8000/world/feed.xml"
SITE = "https://news.garrow.co.uk/feeds/all.xml"


def entry(body: str, language: str | None = None) -> Entry:
    document = parse_feed(body.encode(), {}, URL, language)
    assert isinstance(document, FeedDocument), document
    (found,) = document.entries
    return found


def atom(links: str, language: str = "en", attributes: str = "") -> str:
    return f"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{language}" {attributes}>
        <title>T</title><entry><title>One</title><id>tag:1</id>{links}</entry></feed>"""


def rss(elements: str, attributes: str = "") -> str:
    return f"""<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" {attributes}>
        <channel><title>T</title><item><title>One</title>{elements}</item></channel></rss>"""


HERE = "https://garrow.example/en/owl"
OTHER = "https://garrow.example/de/eule"


@pytest.mark.parametrize(
    "others",
    [
        f'<link rel="replies" type="text/html" href="{OTHER}"/>',
        f'<link rel="enclosure" type="text/html" href="{OTHER}"/>',
        f'<link rel="related" href="{OTHER}"/><link rel="via" href="{OTHER}"/>',
        f'<link rel="self" href="{OTHER}"/><link rel="edit" href="{OTHER}"/>',
        f'<link rel="alternate" type="application/json" href="{OTHER}"/>',
        f'<link rel="alternate" type="application/atom+xml" href="{OTHER}"/>',
        f'<link rel="alternate" type="audio/mpeg" href="{OTHER}"/>',
        f'<link rel="alternate" hreflang="de" href="{OTHER}"/>',
        f'<link rel="alternate" hreflang="de-AT" type="text/html" href="{OTHER}"/>',
        f'<content type="text/html" src="{OTHER}"/>',
    ],
)
@pytest.mark.parametrize(
    "page",
    [
        f'<link href="{HERE}"/>',
        f'<link rel="alternate" href="{HERE}"/>',
        f'<link rel="alternate" type="text/html; charset=utf-8" hreflang="en" href="{HERE}"/>',
        f'<link rel="alternate" type="application/xhtml+xml" hreflang="EN-gb" href="{HERE}"/>',
        f'<link rel="http://www.iana.org/assignments/relation/alternate" href="{HERE}"/>',
    ],
)
def test_the_alternate_of_the_feed_is_the_page(page, others):
    assert entry(atom(page + others)).url == HERE
    assert entry(atom(others + page)).url == HERE


def test_the_language_of_the_feeds_file_goes_before_that_of_the_feed():
    links = f'<link hreflang="en" href="{HERE}"/><link hreflang="de" href="{OTHER}"/>'
    assert entry(atom(links)).url == HERE
    assert entry(atom(links), "de").url == OTHER
    assert entry(atom(links, "en-US")).url == HERE
    assert entry(atom(links, "fr")).url == HERE, "the first, where none is the feed's"


def test_the_first_of_equals_is_the_page():
    remark = f'<link rel="alternate" title="Remarks" href="{OTHER}"/>'
    assert entry(atom(f'<link href="{HERE}"/>{remark}')).url == HERE


@pytest.mark.parametrize("kind", ['type="text/html"', 'type="application/xhtml+xml"', ""])
def test_content_elsewhere_is_the_page_where_there_is_no_link(kind):
    assert entry(atom(f'<content {kind} src="{HERE}"/>')).url == HERE
    based = f'<content {kind} src="owl" xml:base="https://garrow.example/en/"/>'
    assert entry(atom(based)).url == HERE
    assert entry(atom(f'<content {kind} src="http://[" xml:base="http://["/>')).url is None
    assert entry(atom(f'<content type="video/mp4" src="{HERE}"/>')).url is None


@pytest.mark.parametrize(
    ("body", "url"),
    [
        (atom('<link href="owl"/>', attributes='xml:base="https://garrow.example/en/"'), HERE),
        (atom('<link href="owl" xml:base="/en/"/>', attributes='xml:base="https://garrow.example"'),
         HERE),
        (rss("<link>owl</link>", 'xml:base="https://garrow.example/en/"'), HERE),
        (rss('<link xml:base="https://garrow.example/en/">owl</link>'), HERE),
        (atom('<link href="owl"/>'), "http://127.0.0.1:8000/world/owl"),
        (rss("<link>/en/owl</link>"), "http://127.0.0.1:8000/en/owl"),
        (rss(f"<link>{HERE}</link><atom:link rel='replies' href='{OTHER}'/>"), HERE),
        (rss(f"<atom:link rel='self' href='{OTHER}'/><link>{HERE}</link>"), HERE),
        (rss(f"<enclosure url='{OTHER}' type='text/html'/><link>{HERE}</link>"), HERE),
        (rss(f"<guid>{HERE}</guid><enclosure url='{OTHER}' type='image/png' length='1'/>"), HERE),
        (rss(f"<link>&quot;{HERE}&quot;</link>"), HERE),
        (rss(f"<link>{HERE}?a=1&amp;amp;b=2</link>"), f"{HERE}?a=1&b=2"),
        (rss("<link>127.0.0.1:8000/en/owl</link>"), "http://127.0.0.1:8000/en/owl"),
    ],
)  # fmt: skip
def test_where_a_link_leads(body, url):
    assert entry(body).url == url


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("//news.garrow.co.uk/a", "https://news.garrow.co.uk/a"),
        ("www.garrow.co.uk/a", "https://www.garrow.co.uk/a"),
        ("WWW.Elsewhere.com", "https://WWW.Elsewhere.com"),
        ("news.garrow.co.uk/a?b=1", "https://news.garrow.co.uk/a?b=1"),
        ("garrow.co.uk:8443/a", "https://garrow.co.uk:8443/a"),
        ("index.html", "https://news.garrow.co.uk/feeds/index.html"),
        ("v1.2/a", "https://news.garrow.co.uk/feeds/v1.2/a"),
        ("story.php?id=1", "https://news.garrow.co.uk/feeds/story.php?id=1"),
        ('"https://x.com/a"', "https://x.com/a"),
        ("'https://x.com/a' ", "https://x.com/a"),
        ("<https://x.com/a>", "https://x.com/a"),
        ("“https://x.com/a”", "https://x.com/a"),
        ("&quot;https://x.com/a&quot;", "https://x.com/a"),
        ("&#39;https://x.com/a&#039;", "https://x.com/a"),
        ("https://x.com/?a=1&amp;b=2", "https://x.com/?a=1&b=2"),
        ("https://x.com/?a=1&amp;amp;b=2&#38;c=3", "https://x.com/?a=1&b=2&c=3"),
        ("https://x.com/?a=1&copy=2&lt=3", "https://x.com/?a=1&copy=2&lt=3"),
        ("https://x.com/\n      a?b=1", "https://x.com/a?b=1"),
        ("https%3A%2F%2Fx.com%2Fa%3Fb%3D1", "https://x.com/a?b=1"),
        ("https://x.com/a%2Fb", "https://x.com/a%2Fb"),
        ("mailto:desk@x.com", None),
        ('""', None),
        ("", None),
        (None, None),
    ],
)
def test_addresses(written, url):
    assert first_address([(written, SITE)]) == (url, None)


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        ({"url": HERE, "external_url": OTHER}, (HERE, None, None)),
        ({"url": "", "external_url": OTHER}, (OTHER, None, None)),
        ({"url": 7, "external_url": OTHER}, (OTHER, None, None)),
        ({"url": "mailto:a@x.example", "external_url": OTHER}, (OTHER, None, None)),
        ({"id": HERE}, (HERE, HERE, None)),
        ({"id": 7}, (None, "7", None)),
        ({"id": 7.5, "url": "owl"}, ("http://127.0.0.1:8000/world/owl", "7.5", None)),
        ({"authors": [{"name": "Nell"}, {"url": "/ivo"}, {"name": "Ivo"}]},
         (None, None, "Nell, Ivo")),
        ({"authors": ["Nell", "Ivo"]}, (None, None, "Nell, Ivo")),
        ({"authors": {"name": "Nell"}}, (None, None, "Nell")),
        ({"authors": [], "author": {"name": "Nell"}}, (None, None, "Nell")),
        ({"author": "Nell"}, (None, None, "Nell")),
        ({"author": [{"name": "Nell"}, {"name": "Ivo"}]}, (None, None, "Nell, Ivo")),
        ({"authors": 7, "author": None}, (None, None, None)),
    ],
)  # fmt: skip
def test_the_corners_of_json_feed(item, wanted):
    feed = {"version": "https://jsonfeed.org/version/1.1/", "title": "T", "items": [item]}
    found = entry(json.dumps(feed))
    assert (found.url, found.guid, found.byline) == wanted
