"""From a page's bytes to its text and what it says of itself.

Imports neither Beam nor anything that does, because the processes of the pool load it.
"""

from __future__ import annotations

from typing import Any

import trafilatura

from config.failures import Kind
from transforms.decoding import decode, unpacked
from transforms.records import Extraction, Line, Removal, Unreadable
from transforms.shapes import shared
from transforms.text import structure
from transforms.text.article import article
from transforms.text.flags import flags
from transforms.text.hygiene import Facts, clean
from transforms.text.jsonld import objects
from transforms.text.language import language_of
from transforms.text.lines import laid, lines_of, tidy
from transforms.text.metadata import metadata
from transforms.text.parsing import parse
from transforms.text.signals import signals_of

TEXT = 2
"""Version of what makes a text here; raised where the same page would come to another one."""
EXTRACTOR = f"trafilatura {trafilatura.__version__}, newsbeam text {TEXT}"
PAGE_TYPES = ("text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml")
LARGEST = 5_000_000
"""Bytes of a page that is a packed file; as many as of one that is not."""


def extract_page(
    body: bytes, content_type: str | None, url: str, headline: str | None = None
) -> Extraction | Unreadable:
    """The article of a page, and nothing else; the headline is that of its listing."""
    kind = (content_type or "").partition(";")[0].strip().lower() or "text/html"
    if kind not in PAGE_TYPES:
        return Unreadable(Kind.NOT_A_PAGE, f"content type {kind!r}")
    try:
        source = decode(unpacked(body, LARGEST), content_type)
        tree = parse(source)
    except ValueError as error:
        return Unreadable(Kind.NOT_A_PAGE, str(error))
    declared, things = tree.get("lang"), objects(tree)
    told, signals = metadata(tree, url, things), signals_of(tree, things)
    found = article(tree, source, told)
    kept, furniture = clean(found.lines, Facts(told.titles, told.authors, None, told.site))
    kept, structural = structure.clean(kept, told, [headline] if headline else [])
    text, blocks = laid(kept)
    if not text:
        return Unreadable(Kind.NO_TEXT, "no article text found")
    removals = tuple(sorted([*found.removals, *furniture, *structural], key=_place))
    if not told.subtitle and found.standfirst:
        told = told._replace(subtitle=found.standfirst, subtitle_source="page")
    return Extraction(
        **shared(told, Extraction),
        language=language_of(text, declared),
        text=text,
        extractor=EXTRACTOR,
        blocks=blocks,
        removals=removals,
        flags=flags(headline or told.title, text, removals, told.byline, signals, url),
    )


def _place(removal: Removal) -> int:
    return removal.position


def extract_content(body: bytes, url: str, headline: str | None = None) -> Extraction | Unreadable:
    """The text of an entry that its feed carries whole, as HTML in UTF-8."""
    html = f"<html><body><article>{body.decode(errors='replace')}</article></body></html>"
    found: Any = trafilatura.bare_extraction(
        html, url=url, include_comments=False, favor_recall=True
    )
    lines = lines_of(found.body) if found else []
    if not lines:
        lines = [Line(line) for line in map(tidy, trafilatura.html2txt(html).split("\n")) if line]
    kept, removals = clean(lines, Facts((headline,) if headline else ()))
    text, blocks = laid(kept)
    if not text:
        return Unreadable(Kind.NO_TEXT, "no text in what the feed carries")
    return Extraction(
        title=None,
        byline=None,
        published_at=None,
        language=language_of(text, None),
        canonical_link=None,
        text=text,
        extractor=EXTRACTOR,
        blocks=blocks,
        removals=tuple(removals),
        flags=flags(headline, text, removals),
    )
