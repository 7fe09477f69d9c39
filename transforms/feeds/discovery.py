"""Where a site may have its feeds: what its page says, then the places where feeds often lie."""

from __future__ import annotations

import re
from itertools import islice
from urllib.parse import urljoin

from lxml import etree, html

from transforms.decoding import decode
from transforms.urls import absolute, host_of

FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/rdf+xml",
              "application/feed+json", "application/xml", "text/xml")  # fmt: skip
COMMON_PLACES = ("/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml",
                 "/feed.json", "/news-sitemap.xml", "/sitemap-news.xml")  # fmt: skip
LOOKS_LIKE_A_FEED = re.compile(r"(?:\b|_)(?:rss|atom|feeds?|rdf)(?:\b|_)", re.IGNORECASE)
LINK = re.compile(r"<([^<>]+)>\s*;([^<]*)")  # without the <, a row of them takes quadratic time
SITEMAP = re.compile(r"^[ \t]*sitemap[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
MOST = 20


def candidates(body: bytes, headers: dict[str, str], url: str) -> list[str]:
    """Addresses that may be feeds, the likeliest first, at most `MOST` of them.

    Those that the page declares may lie anywhere, the others on its own site alone.
    """
    links, anchors = _in_page(body, headers.get("content-type"), url)
    own = [link for link in anchors if host_of(link) == host_of(url)]
    common = [urljoin(url, place) for place in COMMON_PLACES]
    found = dict.fromkeys([*_in_headers(headers, url), *links, *own, *common])
    found.pop(url, None)
    return list(found)[:MOST]


def sitemaps(robots: str, url: str) -> list[str]:
    """Sitemaps that a robots.txt names and that look like news, at most `MOST` of them."""
    named = (found[1] for found in SITEMAP.finditer(robots))
    links = (absolute(link, url) for link in named if "news" in link.lower())
    return list(islice(dict.fromkeys(link for link in links if link), MOST))


def _in_headers(headers: dict[str, str], url: str) -> list[str]:
    """Link header (RFC 8288)."""
    links = LINK.findall(headers.get("link", ""))
    found = (absolute(link, url) for link, told in links if "alternate" in told and _is_feed(told))
    return [link for link in found if link]


def _is_feed(told: str) -> bool:
    return any(kind in told.lower() for kind in FEED_TYPES)


def _in_page(body: bytes, content_type: str | None, url: str) -> tuple[list[str], list[str]]:
    """Feeds that a page declares (HTML, rel=alternate), and links that look like feeds."""
    try:
        tree = html.fromstring(decode(body, content_type).encode(), parser=_PARSER)
    except (etree.LxmlError, ValueError):
        return [], []
    base = absolute(next(iter(tree.xpath("//base/@href")), None), url) or url
    links = [
        absolute(item.get("href"), base)
        for item in tree.iter("link")
        if "alternate" in item.get("rel", "").lower() and _is_feed(item.get("type", ""))
    ]
    anchors = [
        absolute(item.get("href"), base)
        for item in tree.iter("a")
        if LOOKS_LIKE_A_FEED.search(item.get("href", ""))
    ]
    return [link for link in links if link], [link for link in anchors if link]


_PARSER = html.HTMLParser(encoding="utf-8", no_network=True)
