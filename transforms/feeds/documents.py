"""Feed documents: RSS, RDF and Atom through feedparser, JSON Feed by ourselves."""

from __future__ import annotations

import codecs
import html
import io
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import feedparser
from feedparser.mixin import _FeedParserMixin

from config.failures import Kind
from transforms.bounds import LONGEST_LINE, bounded, cut
from transforms.decoding import as_utf8, unpacked
from transforms.feeds.calendars import locale_of
from transforms.feeds.dates import first_believed
from transforms.feeds.depth import TOO_DEEP, is_too_deep
from transforms.feeds.hints import hints_in
from transforms.feeds.links import first_address, links_of, web_address
from transforms.feeds.texts import byline, named, plain, without_markup
from transforms.records import Entry, FeedDocument, Unreadable

LEAST_CONTENT, LONGEST_CONTENT = 500, 200_000
"""Characters: what is shorter is a teaser, and no article is longer."""
LARGEST = 10_000_000
"""Bytes of a feed that is a packed file; as many as of one that is not."""
LEAST_POST = 100
"""Characters of an entry that shares its page with others, such as two sentences of a live blog."""
LARGEST_EXPANSION = 1_000_000
"""Characters that the entities of a document may become."""
LONGEST_PROLOG = 100_000
"""Bytes before the first element: a thousand entities and more."""
LONGEST_DECLARATION = 1_000
"""Bytes of the XML declaration."""
MOST_OPEN = 10
"""Declarations before the first element that do not end; one may be a comment with markup in it."""
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32le",  # begins like the next one
    codecs.BOM_UTF16_LE: "utf-16le",
    codecs.BOM_UTF16_BE: "utf-16be",
}
"""Byte order marks."""
ENTITY = re.compile(rb"""<!ENTITY\s+(\w+)\s+(?:"([^"]*)"|'([^']*)')""")
REFERENCE = re.compile(rb"&(\w+);")
ROOT = re.compile(rb"<\0*\w")
BLANKS = re.compile(rb"[\s\0]{200,}")
"""Also in UTF-16 and UTF-32. feedparser looks for declarations from each line break on."""
BASE = re.compile(rb"\bbase\s*=")
"""xml:base. A base costs feedparser a join for each element."""
REFERENCES = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")


def parse_feed(
    body: bytes,
    headers: dict[str, str],
    url: str,
    language: str | None = None,
    country: str | None = None,
) -> FeedDocument | Unreadable:
    """Read a feed's bytes, as the header, the XML declaration and the bytes argue their encoding.

    `url` is the base of relative links; dates are read by the customs of language and country, as
    the feeds file has them. A document with neither a feed's root element nor entries is no feed.
    """
    try:
        body = unpacked(body, LARGEST)
    except ValueError as error:
        return Unreadable(Kind.MALFORMED_FEED, str(error))
    if not body:
        return Unreadable(Kind.NOT_A_FEED, "the body is empty")
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _parse_json(body, url, language, country)
    return _parse_xml(body, headers, url, language, country)


def _parse_xml(
    body: bytes, headers: dict[str, str], url: str, language: str | None, country: str | None
) -> FeedDocument | Unreadable:
    body = _declaration_apart(_without_blanks(body))
    if problem := _burden(body):
        return Unreadable(Kind.MALFORMED_FEED, problem)
    if _expansion(body) > LARGEST_EXPANSION:
        return Unreadable(Kind.MALFORMED_FEED, "its entities would swell without measure")
    if is_too_deep(body):
        if _looks_like_html(body):
            return Unreadable(Kind.NOT_A_FEED, "the body is an HTML page")
        return Unreadable(Kind.MALFORMED_FEED, TOO_DEEP)
    kept = {name: headers[name] for name in ("content-type",) if name in headers}
    if b"\0" in body or BASE.search(body):  # else links are made absolute once, by ourselves
        kept["content-location"] = url
    charset = next((name for mark, name in MARKS.items() if body.startswith(mark)), None)
    if charset is None and as_utf8(body) is not None:
        charset = "utf-8"
    if charset:  # surer than header and declaration
        kept["content-type"] = f"application/xml; charset={charset}"
    try:
        parsed = _feedparser(body, kept)
    except (ValueError, OverflowError):  # it stumbles over references to no character
        try:
            parsed = _feedparser(REFERENCES.sub(_possible, body), kept)
        except (ValueError, OverflowError) as error:  # or over a space in a namespace
            return Unreadable(Kind.MALFORMED_FEED, str(error))
    problem = parsed.get("bozo_exception")
    if not parsed.version and not parsed.entries:
        told = problem and _broken(problem) and not _looks_like_html(body)
        reason = f": {problem}" if told else ""
        kind = "an HTML page" if _looks_like_html(body) else "no feed"
        return Unreadable(Kind.NOT_A_FEED, f"the body is {kind}{reason}")
    if parsed.bozo and not parsed.entries and _broken(problem):
        return Unreadable(Kind.MALFORMED_FEED, str(problem))
    channel = parsed.feed
    locale = locale_of(language, country, channel.get("language"))
    return FeedDocument(
        parsed.version or "unknown",
        plain(channel.get("title")),
        channel.get("language"),
        tuple(bounded(_xml_entry(item, url, locale)) for item in parsed.entries),
        str(problem) if parsed.bozo and _broken(problem) else None,
        hints_in(body, channel),
    )


def _expansion(body: bytes) -> int:
    """How much larger a document's own entities make it."""
    if b"<!ENTITY" not in body:
        return 0
    sizes = {name: len(double or single) for name, double, single in ENTITY.findall(body)}
    return sum(sizes.get(name, 0) for name in REFERENCE.findall(body))


def _without_blanks(body: bytes) -> bytes:
    """A document whose blanks before the first element are few; units of four bytes stay whole."""
    root = ROOT.search(body)
    prolog = root.start() if root else len(body)
    few = BLANKS.sub(lambda run: run[0][: 4 + len(run[0]) % 4], body[:prolog])
    return few + body[prolog:]


def _burden(body: bytes) -> str | None:
    """What makes the beginning of a document one that feedparser reads again and again."""
    root = ROOT.search(body)
    prolog = body[: root.start() if root else 0]
    if len(prolog) > LONGEST_PROLOG:
        return f"more than {LONGEST_PROLOG:,} bytes before its first element"
    if prolog[prolog.rfind(b">") + 1 :].count(b"<!") > MOST_OPEN:
        return "its declarations do not end"
    if b"?>" not in body[:LONGEST_DECLARATION] and _encodings(body, 0) > MOST_OPEN:
        return "its XML declaration does not end"
    return None


def _declaration_apart(body: bytes) -> bytes:
    """A document whose XML declaration is not followed in its line by what looks like its end."""
    end = body.find(b"?>", 0, LONGEST_DECLARATION) + 2
    if end < 2 or _encodings(body, end) <= MOST_OPEN:
        return body
    return body[:end] + b"\n" + body[end:]


def _encodings(body: bytes, start: int) -> int:
    line = body.find(b"\n", start)
    return body.count(b"encoding=", start, line if line >= 0 else len(body))


def _forgiving(handle: Callable[..., None]) -> Callable[..., None]:
    """An element that feedparser trips over, such as an end without a start, is left out alone."""

    def one(*given: Any) -> None:
        try:
            handle(*given)
        except MemoryError:
            raise
        except Exception:  # whatever a handler of an element raises
            pass

    return one


def _briefly(find_author: Callable[..., None]) -> Callable[..., None]:
    """feedparser looks for an address from each letter of an author on."""

    def one(parser: Any, key: str = "author") -> None:
        context = parser._get_context()
        if context.get(key):
            context[key] = cut(context[key], LONGEST_LINE)
        find_author(parser, key)

    return one


_FeedParserMixin._sync_author_detail = _briefly(_FeedParserMixin._sync_author_detail)
for _name in ("unknown_starttag", "unknown_endtag"):
    setattr(_FeedParserMixin, _name, _forgiving(getattr(_FeedParserMixin, _name)))


def _feedparser(body: bytes, headers: dict[str, str]) -> Any:
    # BytesIO, because feedparser opens a file when bytes happen to be a path.
    return feedparser.parse(
        io.BytesIO(body),
        response_headers=headers,
        resolve_relative_uris=False,
        sanitize_html=False,
    )


def _possible(reference: re.Match[bytes]) -> bytes:
    """A character reference, or one to U+FFFD where there is no such character."""
    digits, base = (reference[1], 16) if reference[1] else (reference[2], 10)
    code = int(digits, base) if len(digits) < 10 else -1
    valid = 0 <= code < 0xD800 or 0xE000 <= code <= 0x10FFFF
    return reference[0] if valid else b"&#xFFFD;"


def _broken(problem: object) -> bool:
    """Whether the parser lost its way, rather than only frowned at encoding or type."""
    mild = (feedparser.CharacterEncodingOverride, feedparser.NonXMLContentType)
    return not isinstance(problem, mild)


def _looks_like_html(body: bytes) -> bool:
    return bool(re.search(rb"<!doctype html|<html[\s>]", body[:2_000], re.IGNORECASE))


def _xml_entry(item: Any, base: str, locale: str) -> Entry:
    # feedparser's own `get` would give the publication for the change
    dates = [dict.get(item, name) for name in ("published", "updated", "created")]
    url, refused = first_address(links_of(item, base, locale))
    return Entry(
        url,
        item.get("id"),
        plain(item.get("title")),
        byline(map(named, item.get("authors", ()))),
        plain(item.get("summary")),
        first_believed(dates, locale),
        next(filter(None, dates), None),
        dates[1],
        *_texts([part.get("value") for part in item.get("content", ())], item.get("summary")),
        refused=refused,
    )


def _texts(parts: Iterable[object], summary: object) -> tuple[str | None, str | None]:
    """`Entry.content` and `Entry.post`; for the latter a long summary may be all that there is."""
    texts = [part for part in parts if isinstance(part, str)]
    longest = max(texts, key=len, default="")
    content = _unless_short(longest, LEAST_CONTENT)
    post = content or _unless_short(longest, LEAST_POST)
    return content, post or _unless_short(summary, LEAST_CONTENT)


def _unless_short(text: object, least: int) -> str | None:
    kept = cut(text, LONGEST_CONTENT) if isinstance(text, str) else ""
    return kept if len(without_markup(kept, least)) == least else None


def _parse_json(
    body: bytes, url: str, language: str | None, country: str | None
) -> FeedDocument | Unreadable:
    """JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1)."""
    try:
        feed = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return Unreadable(Kind.MALFORMED_FEED, f"no JSON: {error}")
    version = re.search(r"jsonfeed\.org/version/(1(?:\.1)?)/?$", str(feed.get("version", "")))
    if not version or not isinstance(feed.get("items"), list):
        return Unreadable(Kind.NOT_A_FEED, "JSON, but no JSON Feed")
    declared = _text(feed.get("language"))
    locale = locale_of(language, country, declared)
    items = [item for item in feed["items"] if isinstance(item, dict)]
    return FeedDocument(
        "json" + version[1].replace(".", ""),
        plain(feed.get("title")),
        declared,
        tuple(bounded(_json_entry(item, url, locale)) for item in items),
        None,
    )


def _json_entry(item: dict[str, Any], base: str, locale: str) -> Entry:
    guid = item.get("id")
    guid = None if guid is None else str(guid)
    links = _text(item.get("url")), _text(item.get("external_url")), web_address(guid)
    url, refused = first_address((link, base) for link in links)
    modified = _text(item.get("date_modified"))
    dates = [_date_text(item.get("date_published")), modified]
    return Entry(
        url,
        guid,
        plain(item.get("title")),
        byline(_author_names(item)),
        plain(item.get("summary")),
        first_believed(dates, locale),
        next(filter(None, dates), None),
        modified,
        *_texts([item.get("content_html"), _paragraphs(item)], item.get("summary")),
        refused=refused,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _date_text(value: object) -> str | None:
    """A date as text, also where it is a number of seconds since 1970."""
    seconds = isinstance(value, int | float) and value >= 10**8
    return str(value) if seconds else _text(value)


def _paragraphs(item: dict[str, Any]) -> str | None:
    """content_text as HTML."""
    text = item.get("content_text")
    lines = text.splitlines() if isinstance(text, str) else []
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines if line.strip())


def _author_names(item: dict[str, Any]) -> Iterable[object]:
    """Names of `authors` (1.1) or `author` (1.0), objects as they should be or bare names."""
    authors = item.get("authors") or item.get("author")
    for author in authors if isinstance(authors, list) else [authors]:
        yield author.get("name") if isinstance(author, dict) else author
