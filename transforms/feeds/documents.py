"""Feed documents: RSS, RDF and Atom through feedparser, JSON Feed by ourselves."""

from __future__ import annotations

import calendar
import codecs
import html
import io
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from time import struct_time
from typing import Any

import feedparser
from feedparser.mixin import _FeedParserMixin

from config.failures import Kind
from transforms.decoding import as_utf8, unpacked
from transforms.feeds.depth import TOO_DEEP, is_too_deep
from transforms.feeds.hints import hints_in
from transforms.records import Entry, FeedDocument, Unreadable
from transforms.times import parse_date
from transforms.urls import TOO_LONG, absolute, is_too_long

LONGEST_SUMMARY = 2_000
LEAST_CONTENT, LONGEST_CONTENT = 500, 200_000
"""Characters: what is shorter is a teaser, and no article is longer."""
LARGEST = 10_000_000
"""Bytes of a feed that is a packed file; as many as of one that is not."""
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
TAGS = re.compile(r"<[^<>]*>")  # without the second <, a row of them takes quadratic time
REFERENCES = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")


def parse_feed(body: bytes, headers: dict[str, str], url: str) -> FeedDocument | Unreadable:
    """Read a feed's bytes, as the header, the XML declaration and the bytes argue their encoding.

    `url` is the base of relative links. A document with neither a feed's root element nor
    entries is no feed.
    """
    try:
        body = unpacked(body, LARGEST)
    except ValueError as error:
        return Unreadable(Kind.MALFORMED_FEED, str(error))
    if not body:
        return Unreadable(Kind.NOT_A_FEED, "the body is empty")
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _parse_json(body, url)
    return _parse_xml(body, headers, url)


def _parse_xml(body: bytes, headers: dict[str, str], url: str) -> FeedDocument | Unreadable:
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
    return FeedDocument(
        parsed.version or "unknown",
        _plain(channel.get("title")),
        channel.get("language"),
        tuple(_xml_entry(item, url) for item in parsed.entries),
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


def _xml_entry(item: Any, base: str) -> Entry:
    raw = item.get("published") or item.get("updated") or item.get("created")
    parsed = (
        item.get("published_parsed") or item.get("updated_parsed") or item.get("created_parsed")
    )
    link = _xml_link(item)
    return Entry(
        absolute(link, base),
        item.get("id"),
        _plain(item.get("title")),
        _plain(item.get("author")),
        _plain(item.get("summary")),
        parse_date(raw) or _foreign_date(raw, parsed),
        raw,
        dict.get(item, "updated"),  # feedparser's own `get` would give the publication for it
        _content(part.get("value") for part in item.get("content", ())),
        refused=TOO_LONG if is_too_long(link, base) else None,
    )


def _content(parts: Iterable[object]) -> str | None:
    """The longest part, unless it is a teaser."""
    texts = [part for part in parts if isinstance(part, str)]
    longest = max(texts, key=len, default="")[:LONGEST_CONTENT]
    return longest if len(_without_markup(longest)) >= LEAST_CONTENT else None


def _xml_link(item: Any) -> str | None:
    """The entry's page: its link, or else a guid that is a web address."""
    if item.get("link"):
        return str(item.link)
    guid = item.get("id") or ""
    return guid if guid.startswith(("http://", "https://")) else None


def _foreign_date(raw: str | None, parsed: struct_time | None) -> datetime | None:
    """What feedparser makes of a date with a month in words, such as Greek ones.

    Of others it makes too much: it takes 10:00 for this morning and 30 February for 2 March.
    """
    if parsed is None or not re.search(r"[^\W\d_]{3}", raw or ""):
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _parse_json(body: bytes, url: str) -> FeedDocument | Unreadable:
    """JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1)."""
    try:
        feed = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return Unreadable(Kind.MALFORMED_FEED, f"no JSON: {error}")
    version = re.search(r"jsonfeed\.org/version/(1(?:\.1)?)$", str(feed.get("version", "")))
    if not version or not isinstance(feed.get("items"), list):
        return Unreadable(Kind.NOT_A_FEED, "JSON, but no JSON Feed")
    items = [item for item in feed["items"] if isinstance(item, dict)]
    return FeedDocument(
        "json" + version[1].replace(".", ""),
        _plain(feed.get("title")),
        feed.get("language") if isinstance(feed.get("language"), str) else None,
        tuple(_json_entry(item, url) for item in items),
        None,
    )


def _json_entry(item: dict[str, Any], base: str) -> Entry:
    modified = item.get("date_modified")
    raw = item.get("date_published") or modified
    link = item.get("url") or item.get("external_url")
    guid = item.get("id")
    return Entry(
        absolute(str(link), base) if link else None,
        None if guid is None else str(guid),
        _plain(item.get("title")),
        _plain(", ".join(_author_names(item))),
        _plain(item.get("summary")),
        parse_date(raw if isinstance(raw, str) else None),
        raw if isinstance(raw, str) else None,
        modified if isinstance(modified, str) else None,
        _content([item.get("content_html"), _paragraphs(item)]),
        refused=TOO_LONG if link and is_too_long(str(link), base) else None,
    )


def _paragraphs(item: dict[str, Any]) -> str | None:
    """content_text as HTML."""
    text = item.get("content_text")
    lines = text.splitlines() if isinstance(text, str) else []
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines if line.strip())


def _author_names(item: dict[str, Any]) -> Iterable[str]:
    authors = item.get("authors") or [item.get("author")]
    for author in authors if isinstance(authors, list) else []:
        if isinstance(author, dict) and isinstance(author.get("name"), str):
            yield author["name"]


def _plain(value: object) -> str | None:
    """Text without markup, on one line; None when nothing is left."""
    return _without_markup(value)[:LONGEST_SUMMARY] or None


def _without_markup(value: object) -> str:
    if not isinstance(value, str):
        return ""
    if "<" in value:
        value = TAGS.sub(" ", value)
    return " ".join(html.unescape(value).split())
