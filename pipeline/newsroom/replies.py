"""Answering requests: every path of an edition, conditional requests, a cache of bodies."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple

from pipeline.newsroom import formats, unkind
from pipeline.newsroom.compose import EDITED_AT
from pipeline.newsroom.model import Article, Edition, Feed, Outlet
from pipeline.newsroom.pages import Renderer
from pipeline.newsroom.settings import NewsroomSettings
from pipeline.newsroom.site import Site
from pipeline.newsroom.unkind import Reply, text_reply

_CACHE_BYTES = 64 << 20


class Rendered(NamedTuple):
    """A body with what is needed to serve it conditionally."""

    body: bytes
    content_type: str
    etag: str
    modified: datetime


class _Cache:
    """Rendered bodies, the most recently used up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._held: OrderedDict[str, Rendered] = OrderedDict()

    def get(self, key: str, make: Callable[[], Rendered]) -> Rendered:
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        made = self._held[key] = make()
        self._size += len(made.body)
        while self._size > self._limit and len(self._held) > 1:
            self._size -= len(self._held.popitem(last=False)[1].body)
        return made


class Responder:
    """Knows every path of an edition and what to answer there; counts visits."""

    def __init__(self, edition: Edition, site: Site, settings: NewsroomSettings) -> None:
        self._edition = edition
        self._site = site
        self._settings = settings
        self._pages = Renderer(edition, site, settings)
        self._cache = _Cache(_CACHE_BYTES)
        self._visits: Counter[str] = Counter()
        self._feeds: dict[str, Feed] = {}
        self._articles: dict[str, Article] = {}
        self._moved: dict[str, tuple[int, str]] = {}
        self._edited = False
        self._held = deque(_by_time(edition)) if settings.held else deque[Article]()
        self._published: dict[int, datetime] = {}
        self._changed_at: datetime | None = None
        self._ill: dict[str, str] = {}
        for feed in edition.feeds:
            self._add_feed(feed)
        for article in edition.articles:
            self._add_article(article)

    def edit(self) -> None:
        """Publish the edits."""
        self._edited = True
        self._change()

    def publish(self, count: int) -> int:
        """Let feeds list so many of the articles that are held back; how many these were."""
        new = [self._held.popleft() for _ in range(min(count, len(self._held)))]
        self._change()
        now = datetime.now(UTC)  # the stamps of HTTP may run ahead of it
        self._published |= {article.number: now for article in new}
        return len(new)

    def published(self) -> dict[str, str]:
        """When each article that had been held back was published, by its canonical address."""
        articles = self._edition.articles
        return {
            self._site.base(articles[number].outlet) + articles[number].path: at.isoformat()
            for number, at in self._published.items()
        }

    def fall_ill(self, outlet: str, behaviour: str) -> bool:
        """Let all of an outlet behave so until it is well again; False: there is no such thing."""
        known = {outlet.slug for outlet in self._edition.outlets}
        if outlet not in known or behaviour.removeprefix("feeds-") not in unkind.ILLNESSES:
            return False
        self._ill[outlet] = behaviour
        return True

    def _change(self) -> None:
        """What is listed is another from now on; a stamp of HTTP has whole seconds."""
        now = datetime.now(UTC)
        if self._changed_at:
            now = max(now, self._changed_at + timedelta(seconds=1))
        self._changed_at = now
        self._cache = _Cache(_CACHE_BYTES)

    # -- routes --------------------------------------------------------------------------------

    def _add_feed(self, feed: Feed) -> None:
        path = feed.path
        if feed.plan.behaviour == "redirect_chain":
            path = self._add_hops(feed.path, "/moved")
        elif feed.plan.behaviour == "redirect_loop":
            self._add_loop(feed.path)
        self._feeds[path] = feed

    def _add_article(self, article: Article) -> None:
        outlet = self._edition.outlets[article.outlet].slug
        if article.kind == "redirect_chain":
            hops = [f"/{outlet}/hop/{n}/{article.number}" for n in (1, 2, 3)]
            self._chain([*hops, article.path])
        elif article.kind == "two_urls":
            for link in article.links:
                self._moved[link] = (302, article.path)
        elif article.kind == "redirect_loop":
            self._add_loop(article.path)
        self._articles[article.path] = article

    def _add_hops(self, path: str, ending: str) -> str:
        self._chain([path, f"{path}/2", f"{path}/3", path + ending])
        return path + ending

    def _chain(self, stations: list[str]) -> None:
        for status, here, there in zip((301, 302, 307), stations, stations[1:], strict=False):
            self._moved[here] = (status, there)

    def _add_loop(self, path: str) -> None:
        self._moved[path] = (302, path + "/again")
        self._moved[path + "/again"] = (302, path)

    # -- answers -------------------------------------------------------------------------------

    def answer(self, path: str, headers: Mapping[str, str]) -> Reply:
        """Answer a GET of a path (without query), given the request's headers in lower case."""
        if path in self._moved:
            status, there = self._moved[path]
            return Reply(status, (("location", there),))
        if path in self._feeds:
            feed = self._feeds[path]
            return self._unkind(feed.plan.behaviour, path, feed.outlet, headers)
        if path in self._articles:
            article = self._articles[path]
            return self._unkind(article.kind, path, article.outlet, headers)
        if path == "/robots.txt":
            return text_reply(200, "User-agent: *\nDisallow: /_control/\n")
        return text_reply(404, "There is nothing here.\n")

    def _unkind(self, kind: str, path: str, outlet: int, headers: Mapping[str, str]) -> Reply:
        """Let the behaviour of a feed or page decide, before anything good is served."""
        illness = self._ill.get(self._edition.outlets[outlet].slug, "ok")
        kind = unkind.worse(kind, illness, path in self._feeds)
        self._visits[path] += 1
        refusal = unkind.refusal(kind, self._visits[path], path in self._feeds)
        if refusal is not None:
            return refusal
        reply = self._good(path, self._edition.outlets[outlet], headers)
        return unkind.spoilt(reply, kind, path in self._feeds)

    def _good(self, path: str, outlet: Outlet, headers: Mapping[str, str]) -> Reply:
        packed = outlet.gzip and "gzip" in headers.get("accept-encoding", "")
        rendered = self._cache.get(f"{packed} {path}", lambda: self._render(path, packed))
        validators = _validators(rendered, outlet)
        if _unchanged(validators, headers):
            return Reply(304, tuple(validators.items()))
        fields = {"content-type": rendered.content_type, "vary": "Accept-Encoding", **validators}
        if packed:
            fields["content-encoding"] = "gzip"
        return Reply(200, tuple(fields.items()), rendered.body)

    def _render(self, path: str, packed: bool) -> Rendered:
        feed = self._feeds.get(path)
        if feed is not None:
            held = {article.number for article in self._held}
            listed = tuple(item for item in feed.listings if item.article not in held)
            document = formats.render(
                replace(feed, listings=listed), self._edition, self._site, self._edited
            )
            body, content_type, modified = document
            if self._settings.held and self._changed_at:
                modified = self._changed_at
        else:
            article = self._articles[path]
            body, content_type = self._pages.render(article, self._edited)
            changed = self._edited and article.edited is not None
            modified = EDITED_AT if changed else article.published
        # Weak, as the packed and the plain body share it.
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
        packed_body = gzip.compress(body, 1, mtime=0) if packed else body
        return Rendered(packed_body, content_type, etag, modified)


def _by_time(edition: Edition) -> list[Article]:
    return sorted(edition.articles, key=lambda article: (article.published, article.number))


# -- conditional requests --------------------------------------------------------------------------


def _validators(rendered: Rendered, outlet: Outlet) -> dict[str, str]:
    fields = {}
    if outlet.validators in ("etag", "both"):
        fields["etag"] = rendered.etag
    if outlet.validators in ("modified", "both"):
        fields["last-modified"] = format_datetime(rendered.modified, usegmt=True)
    return fields


def _unchanged(validators: dict[str, str], headers: Mapping[str, str]) -> bool:
    """Decide as RFC 9110 does: an entity tag, where one is sent, outranks a date."""
    tags, since = headers.get("if-none-match"), headers.get("if-modified-since")
    if tags is not None and "etag" in validators:
        return validators["etag"] in (tag.strip() for tag in tags.split(",")) or tags == "*"
    if tags is None and since is not None and "last-modified" in validators:
        return _moment(validators["last-modified"]) <= _moment(since)
    return False


def _moment(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
