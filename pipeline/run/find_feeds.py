"""Finding the feeds of a site: candidates are fetched and read, and only what is a feed counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, TypeVar

from config.errors import FeedNotFound
from config.load import known_language
from config.models import ExtractSettings, Feed, FetchSettings
from transforms.feeds.discovery import candidates, sitemaps
from transforms.feeds.documents import parse_feed
from transforms.feeds.sitemaps import parse_sitemap
from transforms.records import FeedDocument, HttpFailure, Response, Unreadable
from transforms.web.asking import FEED_TYPES, Request
from transforms.web.robots import ROBOTS_BYTES, robots_address
from transforms.web.service import fetch_all
from transforms.workers import pool

T = TypeVar("T")
PARSE = ExtractSettings()


class Found(NamedTuple):
    """A feed of a site."""

    feed: Feed
    entries: int
    newest: datetime | None


def find_feeds(url: str, settings: FetchSettings) -> list[Found]:
    """The feeds of a site, or of the feed itself that lies at `url`; the fullest first.

    Raises:
        FeedNotFound: there is none, or the site cannot be had.
    """
    try:
        return _find(url, settings)
    finally:
        pool.close_pools()


def _find(url: str, settings: FetchSettings) -> list[Found]:
    (answer,) = _fetch([url], settings)
    if isinstance(answer, HttpFailure):
        raise FeedNotFound(f"{url}: {answer.error_type}: {answer.message}")
    if (itself := _read(answer)) is not None:
        return [itself]
    (robots,) = _fetch([robots_address(answer.url)], settings)
    told = robots.body[:ROBOTS_BYTES] if isinstance(robots, Response) else b""
    places = _parsed(candidates, answer.body, answer.headers, answer.url)
    if isinstance(places, Unreadable):
        raise FeedNotFound(f"{url}: {places.error_type}: {places.message}")
    places += sitemaps(told.decode(errors="replace"), answer.url)
    found: dict[str, Found] = {}
    for other in _fetch(places, settings):
        if isinstance(other, Response) and (read := _read(other)) is not None:
            found.setdefault(read.feed.url, read)
    if not found:
        raise FeedNotFound(
            f"{url}: no feed is declared or linked there, nor at any of the usual places "
            f"({len(places)} addresses tried)"
        )
    return sorted(found.values(), key=lambda item: (-item.entries, item.feed.url))


def _fetch(urls: Iterable[str], settings: FetchSettings) -> Iterator[Response | HttpFailure]:
    requests = [(url, Request(url, settings.feed_bytes, FEED_TYPES)) for url in urls]
    return (answer for _, answer in fetch_all(requests, settings))


def _read(answer: Response) -> Found | None:
    for kind, parse in (("feed", parse_feed), ("sitemap", parse_sitemap)):
        document = _parsed(parse, answer.body, answer.headers, answer.url)
        if isinstance(document, FeedDocument):
            return _found(document, answer.url, kind)
    return None


def _parsed(function: Callable[..., T], *args: object) -> T | Unreadable:
    """What strangers wrote is read in a process that may be ended."""
    return pool.outcome(pool.submit(1, PARSE.timeout, function, *args), PARSE.timeout)


def _found(document: FeedDocument, url: str, kind: str) -> Found:
    dates = [entry.published_at for entry in document.entries if entry.published_at]
    language = known_language(document.language or "")
    feed = Feed(url, document.title, language=language, kind=kind)
    return Found(feed, len(document.entries), max(dates, default=None))
