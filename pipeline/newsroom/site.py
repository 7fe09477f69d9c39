"""Where everything is: absolute addresses, the truth, and the feeds file of an edition. Pure."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

import yaml

from pipeline.newsroom.model import (
    Article,
    Block,
    Edition,
    Feed,
    Outlet,
    feed_fate,
    page_fate,
)

CLOSED_PORT = 65_001  # above the ports that systems hand out: nothing listens there


class Site(NamedTuple):
    """The network places of an edition: one host per outlet, or one host for all."""

    hosts: tuple[str, ...]
    port: int

    def base(self, outlet: int) -> str:
        """Return scheme, host and port of an outlet."""
        return f"http://{self.hosts[outlet % len(self.hosts)]}:{self.port}"

    def feed_url(self, feed: Feed) -> str:
        """Return the address under which a feed is subscribed to."""
        if feed.plan.behaviour == "connect":
            return f"http://{self.hosts[feed.outlet % len(self.hosts)]}:{CLOSED_PORT}{feed.path}"
        return self.base(feed.outlet) + feed.path


def loopback_hosts(host_base: str, count: int) -> tuple[str, ...]:
    """Return one loopback address per outlet: 127.0.0.1 to 127.0.0.200, then 127.0.1.1 on."""
    base = int(ipaddress.IPv4Address(host_base))
    return tuple(
        str(ipaddress.IPv4Address(base + number // 200 * 256 + number % 200))
        for number in range(count)
    )


def truth(edition: Edition, site: Site) -> dict[str, Any]:
    """Return what a flawless reader of all feeds would know, as JSON-able data."""
    seen: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for feed in edition.feeds:
        if feed_fate(feed.plan.behaviour).expect == "ok":
            for listing in feed.listings:
                link = site.base(feed.outlet) + listing.link if listing.link else ""
                seen[listing.article].append((site.feed_url(feed), link))
    return {
        "feeds": [_feed(feed, edition, site) for feed in edition.feeds],
        "articles": [
            _article(article, edition, site, seen[article.number]) for article in edition.articles
        ],
    }


def _feed(feed: Feed, edition: Edition, site: Site) -> dict[str, Any]:
    outlet, fate = edition.outlets[feed.outlet], feed_fate(feed.plan.behaviour)
    return {
        "url": site.feed_url(feed),
        "outlet": outlet.name,
        "country": outlet.country,
        "language": outlet.language,
        "form": feed.plan.form,
        "expect": fate.expect,
        "kind": fate.reason or feed.plan.behaviour,
        "behaviour": feed.plan.behaviour,
        "entries": len(feed.listings) if fate.expect == "ok" else 0,
    }


def _article(
    article: Article, edition: Edition, site: Site, seen: list[tuple[str, str]]
) -> dict[str, Any]:
    outlet, fate = edition.outlets[article.outlet], page_fate(article.kind)
    readable = fate.expect == "article"
    published, precision = _published(article, outlet)
    return {
        "urls": list(dict.fromkeys(link for _, link in seen if link)),
        "canonical_url": site.base(article.outlet) + article.path if article.links else None,
        "outlet": outlet.name,
        "country": outlet.country,
        "feed_urls": list(dict.fromkeys(feed for feed, _ in seen)),
        "title": article.title,
        "byline": article.byline,
        "published_at": published,
        "published_precision": precision,
        "language": outlet.language,
        "paragraphs": _texts(article.blocks, own=True) if readable else [],
        "furniture": _texts(article.blocks, own=False) if readable else [],
        "topics": list(article.topics) if readable else [],
        "kind": article.kind,
        "expect": fate.expect,
        "reason": fate.reason or None,
        "edited": article.edited
        and {
            "paragraphs": _texts(article.edited, own=True),
            "furniture": _texts(article.edited, own=False),
        },
    }


def _texts(blocks: tuple[Block, ...], own: bool) -> list[str]:
    return [block.text for block in blocks if (block.kind == "text") is own]


def _published(article: Article, outlet: Outlet) -> tuple[str | None, str | None]:
    """Return what can be known: the feed's time, or else the time or the day of the page."""
    if article.date_form in ("none", "nonsense", "day"):
        if page_fate(article.kind).expect != "article" and article.date_form != "day":
            return None, None
        if outlet.meta != "none" and article.date_form != "day":
            return _iso(article.published), "second"
        return _iso(article.published.replace(hour=0, minute=0, second=0)), "day"
    return _iso(article.published), "second"


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def feeds_yaml(edition: Edition, site: Site, interval: str) -> str:
    """Return a feeds file that lists every feed, the misbehaving ones too."""
    feeds = []
    for feed in edition.feeds:
        outlet = edition.outlets[feed.outlet]
        feeds.append(
            {
                "url": site.feed_url(feed),
                "outlet": outlet.name,
                "country": outlet.country,
                "language": outlet.language,
                "interval": interval,
                "tags": ["newsroom", *outlet.tags],
            }
        )
    return str(yaml.safe_dump({"feeds": feeds}, allow_unicode=True, sort_keys=False, width=200))
