"""Lists of feeds as OPML, the format in which feed readers exchange them (opml.org/spec2.opml)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from lxml import etree

from config.errors import ConfigError
from config.load import feed_url, known_language, load_feed_values
from config.models import Feed
from config.moments import span_text

LARGEST = 10_000_000
"""Bytes of an OPML file."""
OWN = "urn:newsbeam:opml"
"""Name space of what OPML has no word for."""
OWN_KEYS = ("country", "interval", "kind", "robots", "at_least", "per", "revisit")


class Outlines(NamedTuple):
    """What an OPML file lists, and what was left out of it, with file and line."""

    feeds: tuple[Feed, ...]
    notes: tuple[str, ...]


def read_opml(path: Path) -> Outlines:
    """Feeds of an OPML file: folders and categories become tags.

    Raises:
        ConfigError: it cannot be read, is no OPML, or lists no feed.
    """
    feeds: dict[str, Feed] = {}
    notes: list[str] = []
    for line, attributes, folders in _outlines(_root(path), ()):
        url = attributes.get("xmlUrl") or attributes.get("xmlurl")
        if not url:
            continue
        try:
            feed = _feed(feed_url(url.strip()), attributes, folders)
        except ValueError as error:
            notes.append(f"{path}:{line}: left out: {error}")
            continue
        if feed.url in feeds:
            notes.append(f"{path}:{line}: {feed.url} is listed twice; its tags are joined")
            tags = dict.fromkeys((*feeds[feed.url].tags, *feed.tags))
            feed = feeds[feed.url]._replace(tags=tuple(tags))
        feeds[feed.url] = feed
    if not feeds:
        raise ConfigError(
            "\n".join([*notes, f"{path}: no outline has an xmlUrl: it lists no feed"])
        )
    return Outlines(tuple(feeds.values()), tuple(notes))


def _root(path: Path) -> etree._Element:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    if len(body) > LARGEST:
        raise ConfigError(f"{path}: more than {LARGEST:,} bytes are no list of feeds")
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise ConfigError(f"{path}:{error.lineno or 1}: not XML: {error.msg}") from None
    if root.tag != "opml":
        raise ConfigError(f"{path}: not OPML: its root element is {root.tag}")
    return root


def _outlines(
    parent: etree._Element, folders: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str], tuple[str, ...]]]:
    """(line, attributes, names of the folders around it) of each outline."""
    for item in parent.iterfind("body/outline" if parent.tag == "opml" else "outline"):
        attributes = {str(name): str(value) for name, value in item.attrib.items()}
        yield item.sourceline or 1, attributes, folders
        name = " ".join((attributes.get("text") or attributes.get("title") or "").split())
        yield from _outlines(item, (*folders, name) if name else folders)


def _feed(url: str, attributes: dict[str, str], folders: tuple[str, ...]) -> Feed:
    own = {key: attributes[name] for key in OWN_KEYS if (name := f"{{{OWN}}}{key}") in attributes}
    name = attributes.get("text") or attributes.get("title") or ""
    categories = [part.strip().strip("/") for part in attributes.get("category", "").split(",")]
    tags = tuple(dict.fromkeys(tag for tag in (*folders, *categories) if tag))
    language = known_language(attributes.get("language", ""))
    outlet = " ".join(name.split()) or None
    return load_feed_values(Feed(url, outlet, language=language, tags=tags), own)


def write_opml(feeds: Iterable[Feed], title: str) -> bytes:
    """Feeds as OPML 2.0; tags become categories. `read_opml` gives them back."""
    root = etree.Element("opml", {"version": "2.0"}, nsmap={"newsbeam": OWN})
    etree.SubElement(etree.SubElement(root, "head"), "title").text = title
    body = etree.SubElement(root, "body")
    for feed in feeds:
        attributes = {"type": "rss", "text": feed.outlet or "", "xmlUrl": feed.url}
        if feed.language:
            attributes["language"] = feed.language
        if feed.tags:
            attributes["category"] = ",".join(tag.replace(",", " ") for tag in feed.tags)
        written = feed_values(feed)
        written |= written.pop("expect", {})
        if feed.revisit is not None:
            written["revisit"] = " ".join(map(span_text, feed.revisit)) or "false"
        own = {f"{{{OWN}}}{key}": str(written[key]) for key in OWN_KEYS if key in written}
        attributes |= own
        etree.SubElement(body, "outline", attributes)
    document: bytes = etree.tostring(
        root, encoding="UTF-8", xml_declaration=True, pretty_print=True
    )
    return document


def feed_values(feed: Feed) -> dict[str, Any]:
    """A feed as a feeds file says it: what is not said is left out."""
    values: dict[str, Any] = {"url": feed.url}
    for key in ("outlet", "country", "language"):
        if getattr(feed, key):
            values[key] = getattr(feed, key)
    if feed.interval is not None:
        values["interval"] = span_text(feed.interval)
    if feed.tags:
        values["tags"] = list(feed.tags)
    for key in ("kind", "robots"):
        if getattr(feed, key) != Feed._field_defaults[key]:
            values[key] = getattr(feed, key)
    if feed.expect:
        values["expect"] = {"at_least": feed.expect.at_least, "per": span_text(feed.expect.per)}
    if feed.revisit is not None:
        values["revisit"] = [*map(span_text, feed.revisit)] or False
    return values


def write_feeds(feeds: Iterable[Feed]) -> str:
    """A feeds file."""
    document = {"feeds": [feed_values(feed) for feed in feeds]}
    return str(yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=1_000))
