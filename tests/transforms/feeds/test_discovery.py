"""Where a site may have its feeds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.feeds.discovery import COMMON_PLACES, MOST, candidates, sitemaps
from transforms.workers import pool

URL = "https://www.news.example/start/"
COMMON = ["https://www.news.example" + place for place in COMMON_PLACES]


def found(html: str, **headers: str) -> list[str]:
    links = candidates(html.encode(), headers, URL)
    assert links[len(links) - len(COMMON) :] == COMMON
    return links[: -len(COMMON)]


@pytest.mark.parametrize(
    ("html", "links"),
    [
        ('<link rel="alternate" type="application/rss+xml" href="/rss?a=1&amp;b=2">',
         ["https://www.news.example/rss?a=1&b=2"]),
        ('<link rel="Alternate home" type="application/atom+xml" href="https://cdn.example/a">',
         ["https://cdn.example/a"]),
        ('<link rel="stylesheet" type="text/css" href="/feed.css">', []),
        ('<link rel="alternate" hreflang="de" href="/de/">', []),
        ('<a href="world.rss">World</a>', ["https://www.news.example/start/world.rss"]),
        ('<a href="https://www.news.example/feeds/all">All</a>', ["https://www.news.example/feeds/all"]),
        ('<a href="https://reader.example/feed?u=news">Read</a>', []),
        ('<a href="/feedback">Write to us</a>', []),
        ('<base href="/x/"><link rel=alternate type=application/rss+xml href=a>',
         ["https://www.news.example/x/a"]),
        ('<link rel="alternate" type="application/rss+xml" href="javascript:void(0)">', []),
        ("", []),
        ("\x00\x01", []),
    ],
)  # fmt: skip
def test_what_a_page_says(html, links):
    assert found(html) == links


def test_what_an_answer_says():
    link = '</wire>; rel="alternate"; type="application/rss+xml", </style>; rel=preload'
    assert found("", link=link) == ["https://www.news.example/wire"]


def test_no_more_than_a_few_are_tried():
    html = "".join(f'<a href="/feed/{number}">x</a>' for number in range(500))
    assert len(candidates(html.encode(), {}, URL)) == MOST


def test_sitemaps_of_news_that_robots_txt_names():
    named = ("/sitemap-news.xml", "https://cdn.example/News.xml", "/all.xml")
    text = "User-agent: *\n" + "".join(f"sitemap:{link}\n" for link in named)
    assert sitemaps(text, URL) == [
        "https://www.news.example/sitemap-news.xml", "https://cdn.example/News.xml"]  # fmt: skip


def test_no_more_than_a_few_sitemaps_are_tried():
    text = "".join(f"Sitemap: /news-{number}.xml\n" for number in range(500))
    assert len(sitemaps(text, URL)) == MOST


@pytest.mark.parametrize(
    ("function", "args"),
    [
        pytest.param(sitemaps, ("\n" * 500_000, URL), id="a robots.txt of empty lines"),
        pytest.param(sitemaps, ("sitemap" + " " * 500_000, URL), id="one of spaces"),
        pytest.param(candidates, (b"", {"link": "<" * 500_000}, URL), id="a header of brackets"),
        pytest.param(candidates, (b"", {"link": "<a>;" * 200_000}, URL), id="one of links"),
        pytest.param(candidates, (b"<a href='" * 200_000, {}, URL), id="a page of open links"),
        pytest.param(candidates, (b"<div>" * 300_000, {}, URL), id="a page without a bottom"),
    ],
)
def test_what_would_make_a_careless_reader_slow(function, args):
    """In a process that ends after some seconds; a quadratic reader would need minutes."""
    future = pool.submit(1, 20, function, *args)
    assert isinstance(pool.outcome(future, 20), list)


@given(st.binary(max_size=300))
def test_no_page_is_too_odd(body):
    assert len(candidates(body, {}, URL)) >= len(COMMON)
