"""The records of an edition: who publishes what, where, and what is true about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pipeline.newsroom.stories import Furniture


class Block(NamedTuple):
    """One line inside an article element. Only those of kind "text" are the article's own."""

    kind: str  # text, promo, caption, stamp, disclosure or paywall
    text: str


class FeedPlan(NamedTuple):
    """How an outlet writes one of its feeds."""

    name: str
    form: str = "rss20"  # rss091, rss10, rss20, atom, json or one of the broken forms
    residues: tuple[int, ...] = (0, 1, 2)  # lists the articles whose ordinal modulo 3 is one
    links: str = "absolute"  # absolute, relative, xmlbase
    guids: str = "all"  # all, some, none
    tracking: str = ""  # none, utm, fbclid, fragment
    declared: str = ""  # encoding named in the XML declaration, if another than the true one
    behaviour: str = "ok"


class Outlet(NamedTuple):
    """One outlet: an address of its own, a language, a look, habits of serving."""

    number: int
    slug: str
    name: str
    country: str
    language: str
    zone: int  # hours east of Greenwich
    layout: str
    meta: str  # jsonld, opengraph, both or none
    html_lang: str  # as its pages claim, rightly or wrongly; empty for no claim
    feeds: tuple[FeedPlan, ...]
    charset: str = "utf-8"
    charset_in_header: bool = True
    canonical_link: bool = True
    gzip: bool = True
    validators: str = "both"  # etag, modified, both or none
    dates: str = "plain"  # "odd": its feed writes dates as it likes
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Article:
    """One listed article: what its page shows and what is true about it."""

    number: int
    outlet: int
    kind: str
    path: str
    links: tuple[str, ...]  # what feeds link to: one for all, or one per feed; empty: no link
    title: str
    summary: str
    byline: str
    published: datetime
    date_form: str  # how feeds write the date: plain, none, nonsense, day, …
    blocks: tuple[Block, ...]
    topics: tuple[str, ...]
    edited: tuple[Block, ...] | None = None


class Listing(NamedTuple):
    """One entry of a feed."""

    article: int
    link: str  # path, with tracking; empty for none
    guid: str


@dataclass(frozen=True)
class Feed:
    """One feed document."""

    outlet: int
    path: str
    plan: FeedPlan
    listings: tuple[Listing, ...]


@dataclass(frozen=True)
class Edition:
    """All that a newsroom publishes."""

    outlets: tuple[Outlet, ...]
    feeds: tuple[Feed, ...]
    articles: tuple[Article, ...]
    furniture: dict[str, Furniture]


class Fate(NamedTuple):
    """What a reader of a feed or page of some kind must end with."""

    expect: str
    reason: str = ""


_FAILED = {
    "http_404": "http_404",
    "http_500": "http_500",
    "gone": "gone",
    "redirect_loop": "redirect_loop",
    "too_large": "too_large",
    "gzip_bomb": "too_large",
    "not_html": "not_html",
    "connect": "connect",
    "not_a_feed": "not_a_feed",
}
_PENDING = {"retry_later": "retry_later", "http_503": "http_503", "truncated": "truncated"}


def page_fate(kind: str) -> Fate:
    """Tell what must become of an article of this kind."""
    if kind in _FAILED:
        return Fate("failed", _FAILED[kind])
    if kind in _PENDING:
        return Fate("pending", _PENDING[kind])
    return Fate("skipped", "no_link") if kind == "no_link" else Fate("article")


def feed_fate(behaviour: str) -> Fate:
    """Tell what must become of a poll of a feed that behaves so: there is no "pending"."""
    reason = {**_FAILED, **_PENDING}.get(behaviour, "")
    return Fate("failed", reason) if reason else Fate("ok")
