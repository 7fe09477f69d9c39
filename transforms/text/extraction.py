"""From a page's bytes to its text and what it says of itself, with trafilatura.

Imports neither Beam nor anything that does, because the processes of the pool load it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import trafilatura

from config.failures import Kind
from transforms.bounds import LONGEST_LINE, LONGEST_TEXT, cut
from transforms.decoding import decode, unpacked
from transforms.records import Extraction, Unreadable
from transforms.text.directives import directives
from transforms.text.language import language_of
from transforms.urls import absolute

EXTRACTOR = f"trafilatura {trafilatura.__version__}"
PAGE_TYPES = ("text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml")
LARGEST = 5_000_000
"""Bytes of a page that is a packed file; as many as of one that is not."""
ROBOTS = '//meta[translate(@name, "ROBTSN", "robtsn") = "robots"]/@content'
LINKS, BASE = "//link[@rel and @href]", "string(//base/@href)"
MOST_CANONICAL = 4
"""Declared addresses that are looked at; two that differ are one too many."""

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what fails is said by a value
logging.getLogger("htmldate").setLevel(logging.CRITICAL)


def extract_page(body: bytes, content_type: str | None, url: str) -> Extraction | Unreadable:
    """The article of a page; comments, navigation and the like left out."""
    kind = (content_type or "").partition(";")[0].strip().lower() or "text/html"
    if kind not in PAGE_TYPES:
        return Unreadable(Kind.NOT_A_PAGE, f"content type {kind!r}")
    try:
        body = unpacked(body, LARGEST)
    except ValueError as error:
        return Unreadable(Kind.NOT_A_PAGE, str(error))
    tree = trafilatura.load_html(decode(body, content_type))
    if tree is None:
        return Unreadable(Kind.NOT_A_PAGE, "the body is no HTML")
    declared, canonical_link = tree.get("lang"), _canonical_link(tree, url)
    robots = directives(", ".join(tree.xpath(ROBOTS)))
    found: Any = trafilatura.bare_extraction(
        tree, url=url, with_metadata=True, include_comments=False
    )
    text = cut((found.text or "").strip(), LONGEST_TEXT) if found else ""
    if not text:
        return Unreadable(Kind.NO_TEXT, "no article text found")
    return Extraction(
        title=_line(found.title),
        byline=_line(found.author),
        published_at=_day(found.date),
        language=language_of(text, declared),
        canonical_link=canonical_link,
        text=text,
        extractor=EXTRACTOR,
        robots=robots,
    )


def _canonical_link(tree: Any, url: str) -> str | None:
    """What a page declares as its address (rel=canonical); None where it names several."""
    base = absolute(tree.xpath(BASE), url) or url
    declared = dict.fromkeys(
        link.get("href")
        for link in tree.xpath(LINKS)
        if "canonical" in link.get("rel").lower().split()
    )
    links = {absolute(link, base) for link in islice(declared, MOST_CANONICAL)} - {None}
    return links.pop() if len(links) == 1 else None


def extract_content(body: bytes, url: str) -> Extraction | Unreadable:
    """The text of an entry that its feed carries whole, as HTML in UTF-8."""
    html = f"<html><body><article>{body.decode(errors='replace')}</article></body></html>"
    found: Any = trafilatura.bare_extraction(
        html, url=url, include_comments=False, favor_recall=True
    )
    text = ((found.text if found else "") or trafilatura.html2txt(html)).strip()
    text = cut(text, LONGEST_TEXT)
    if not text:
        return Unreadable(Kind.NO_TEXT, "no text in what the feed carries")
    return Extraction(None, None, None, language_of(text, None), None, text, EXTRACTOR)


def _day(date: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(date).replace(tzinfo=UTC) if date else None
    except ValueError:
        return None


def _line(value: str | None) -> str | None:
    return cut(" ".join(value.split()), LONGEST_LINE) or None if value else None
