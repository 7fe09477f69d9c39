"""News sitemaps as feeds: sitemaps.org/protocol, and the news extension of 0.9."""

from __future__ import annotations

from lxml import etree

from config.failures import Kind
from transforms.bounds import bounded
from transforms.decoding import as_utf8, unpacked
from transforms.feeds.dates import first_believed
from transforms.feeds.depth import TOO_DEEP, is_too_deep
from transforms.feeds.texts import plain
from transforms.records import Entry, FeedDocument, Unreadable
from transforms.urls import TOO_LONG, absolute, is_too_long

LARGEST = 50 * 2**20
"""Bytes unpacked that a sitemap may have (sitemaps.org/protocol)."""


def parse_sitemap(body: bytes, headers: dict[str, str], url: str) -> FeedDocument | Unreadable:
    """Read a sitemap's bytes, packed or not; `url` is the base of its addresses.

    The publication of news goes before the last change of the page.
    """
    try:
        body = unpacked(body, LARGEST)
    except ValueError as error:
        return Unreadable(Kind.MALFORMED_FEED, str(error))
    if is_too_deep(body):
        return Unreadable(Kind.MALFORMED_FEED, TOO_DEEP)
    charset = "utf-8" if as_utf8(body) is not None else None
    parser = etree.XMLParser(
        encoding=charset, resolve_entities=False, no_network=True, recover=True
    )
    try:
        root = etree.fromstring(body, parser)
        return _document(root, parser, url)
    except (etree.XMLSyntaxError, ValueError) as error:  # or what it recovered is no text
        return Unreadable(Kind.MALFORMED_FEED, f"no XML: {error}")


def _document(
    root: etree._Element | None, parser: etree.XMLParser, url: str
) -> FeedDocument | Unreadable:
    name = None if root is None else str(root.tag).rpartition("}")[2]
    if name == "sitemapindex":
        first = _text(root, "{*}sitemap/{*}loc")
        return Unreadable(
            Kind.NOT_A_FEED, f"an index of sitemaps; list the one with the news, such as {first}"
        )
    if root is None or name != "urlset":
        return Unreadable(Kind.NOT_A_FEED, "the body is no sitemap")
    entries = tuple(bounded(_entry(item, url)) for item in root.iterfind("{*}url"))
    problem = parser.error_log.last_error
    languages = {text for item in root.iterfind("{*}url") if (text := _text(item, LANGUAGE))}
    return FeedDocument(
        "sitemap",
        _text(root, f"{{*}}url/{PUBLICATION}/{{*}}name"),
        languages.pop() if len(languages) == 1 else None,
        entries,
        str(problem.message) if problem else None,
    )


NEWS = "{*}news"
PUBLICATION = f"{NEWS}/{{*}}publication"
LANGUAGE = f"{PUBLICATION}/{{*}}language"


def _entry(item: etree._Element, base: str) -> Entry:
    changed = _text(item, "{*}lastmod")
    published = _text(item, f"{NEWS}/{{*}}publication_date")
    link = _text(item, "{*}loc")
    return Entry(
        absolute(link, base),
        None,
        plain(item.findtext(f"{NEWS}/{{*}}title")),
        None,
        None,
        first_believed([published, changed]),
        published or changed,
        changed,
        refused=TOO_LONG if is_too_long(link, base) else None,
    )


def _text(item: etree._Element, path: str) -> str | None:
    found = item.findtext(path)
    return " ".join(found.split()) or None if found else None
