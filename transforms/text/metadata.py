"""What a page says of itself beside its text, each value with its source, in one pass."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import htmldate

from transforms.bounds import LONGEST_LINE, cut
from transforms.feeds.dates import first_believed
from transforms.text import authors, head
from transforms.text.jsonld import objects, types_of
from transforms.text.titles import bare, key, line, names_of_host
from transforms.urls import absolute

JSON_LD, META, PAGE = "json-ld", "meta", "page"
ARTICLES = re.compile(r"\w*Article|\w*BlogPosting|Report|Review|LiveBlogPosting")
MOST_ELEMENTS = 15_000
"""Of a page that htmldate looks through, at some fifteen microseconds each."""
MOST_KEYWORDS = 50


class Metadata(NamedTuple):
    """What a page says of itself; a source is json-ld, meta or page (what readers see)."""

    title: str | None = None
    title_source: str | None = None
    subtitle: str | None = None
    subtitle_source: str | None = None
    byline: str | None = None
    """All authors, in their order."""
    byline_source: str | None = None
    authors: tuple[str, ...] = ()
    """Persons of the byline."""
    organisations: tuple[str, ...] = ()
    published_at: datetime | None = None
    """In UTC; midnight where only the day is told."""
    published_source: str | None = None
    modified_at: datetime | None = None
    modified_source: str | None = None
    section: str | None = None
    section_source: str | None = None
    keywords: tuple[str, ...] = ()
    keywords_source: str | None = None
    image: str | None = None
    image_source: str | None = None
    canonical_link: str | None = None
    robots: tuple[str, ...] = ()
    site: str | None = None
    titles: tuple[str, ...] = ()
    """All that the page calls itself, with and without the site's name."""
    descriptions: tuple[str, ...] = ()
    body: str | None = None
    """The text that JSON-LD carries, if it does."""


def metadata(tree: Any, url: str, things: list[dict[str, Any]] | None = None) -> Metadata:
    """What a parsed page says of itself; `things` are its JSON-LD, if at hand."""
    page = head.read_head(tree, url)
    things = objects(tree) if things is None else things
    article = _article(things, page, url)
    by_id = {str(thing["@id"]): thing for thing in things if "@id" in thing}
    publisher = _named(article.get("publisher"), by_id)
    sites = [*filter(None, [*head.values(page, head.SITES), publisher, *names_of_host(url)])]
    title, title_source, titles = _title(article, page, sites)
    people, byline_source = _authors(tree, article, by_id, page, sites)
    published, modified = _dates(tree, article, page, url)
    sections = line(_one(article.get("articleSection")))
    section = _first((JSON_LD, sections), (META, head.first(page, head.SECTIONS)))
    subtitle = _first((JSON_LD, line(_one(article.get("alternativeHeadline")))))
    if subtitle[0] and key(subtitle[0]) in {key(one) for one in titles}:
        subtitle = (None, None)
    image = _first(
        (JSON_LD, _address(article.get("image"), url)),
        (META, absolute(head.first(page, head.IMAGES) or "", url)),
    )
    body = article.get("articleBody") or article.get("text")
    return Metadata(
        title, title_source, *subtitle,
        cut(", ".join(one.name for one in people), LONGEST_LINE) or None, byline_source,
        tuple(one.name for one in people if one.person),
        tuple(one.name for one in people if not one.person),
        *published, *modified, *section, *_keywords(article, page), *image,
        canonical_link=page.canonical_link,
        robots=page.robots,
        site=next(iter(head.values(page, head.SITES)), publisher),
        titles=titles,
        descriptions=tuple(dict.fromkeys(filter(None, [
            line(article.get("description")), *head.values(page, head.DESCRIPTIONS)]))),
        body=body if isinstance(body, str) else None,
    )  # fmt: skip


def _article(things: list[dict[str, Any]], page: head.Page, url: str) -> dict[str, Any]:
    """The article among the objects: that of this address or headline, or else the first."""
    found = [one for one in things if any(map(ARTICLES.fullmatch, types_of(one)))]
    if len(found) < 2:
        return found[0] if found else {}
    titles = {key(one) for one in [*head.values(page, head.TITLES), *page.headings]}
    own = {url, page.canonical_link}
    for one in found:
        names = {one.get("url"), one.get("@id")} if isinstance(one.get("url"), str) else set()
        if own & names or key(line(one.get("headline")) or "") in titles:
            return one
    return found[0]


def _title(
    article: dict[str, Any], page: head.Page, sites: list[str]
) -> tuple[str | None, str | None, tuple[str, ...]]:
    told = [
        (JSON_LD, line(article.get("headline") or article.get("name"))),
        *((META, one) for one in head.values(page, head.TITLES)),
        *((PAGE, one) for one in page.headings),
        (PAGE, page.title),
    ]
    known = [(source, one) for source, one in told if one]
    whole = [one for _, one in known]
    names = {key(site) for site in sites}
    cleaned = [(source, bare(one, whole, sites)) for source, one in known]
    titles = tuple(dict.fromkeys([*(one for _, one in cleaned), *whole]))
    for source, one in cleaned:
        if key(one) not in names:
            return one, source, titles
    return None, None, titles


def _authors(
    tree: Any, article: dict[str, Any], by_id: dict[str, Any], page: head.Page, sites: list[str]
) -> tuple[list[authors.Author], str | None]:
    """Persons, wherever they are named; or else the organisations that are named first."""
    told = authors.of_objects(article, by_id, sites)
    bodies = (told, JSON_LD if told else None)
    if any(one.person for one in told):
        return bodies
    for name in head.AUTHORS:
        values = page.metas.get(name, [])[: authors.MOST]
        told = authors.once(chain.from_iterable(authors.of_text(one, sites) for one in values))
        if any(one.person for one in told):
            return told, META
        if told and not bodies[0]:
            bodies = told, META
    told = authors.of_page(tree, sites)
    if any(one.person for one in told) or not bodies[0]:
        return told, PAGE if told else None
    return bodies


Told = tuple[datetime | None, str | None]


def _dates(tree: Any, article: dict[str, Any], page: head.Page, url: str) -> tuple[Told, Told]:
    """Publication and last change; what is said of a change is never publication."""

    def first(*told: tuple[str, Any]) -> Told:
        dates = ((first_believed([line(one)]), source) for source, one in told)
        return next(((date, source) for date, source in dates if date), (None, None))

    modified = first(
        (JSON_LD, article.get("dateModified")),
        *((META, one) for one in head.values(page, head.MODIFIED)),
    )
    published = first(
        (JSON_LD, article.get("datePublished")),
        *((META, one) for one in head.values(page, head.PUBLISHED)),
        (JSON_LD, article.get("dateCreated")),
        *((PAGE, one) for one in page.times),
    )
    if published[0] is None and tree.xpath("count(//*)") <= MOST_ELEMENTS:
        found = first((PAGE, htmldate.find_date(tree, original_date=True, url=url)))
        if not (found[0] and modified[0] and found[0].date() == modified[0].date()):
            published = found
    return published, modified


def _keywords(article: dict[str, Any], page: head.Page) -> tuple[tuple[str, ...], str | None]:
    told = article.get("keywords")
    for source, several in (
        (JSON_LD, told if isinstance(told, list) else [told]),
        *((META, page.metas.get(name, [])) for name in head.KEYWORDS),
    ):
        values = [one for one in several if isinstance(one, str)]
        parts = values if len(values) > 1 else re.split(r"[,;、]", values[0]) if values else []
        words = tuple(dict.fromkeys(filter(None, map(line, parts))))[:MOST_KEYWORDS]
        if words:
            return words, source
    return (), None


def _first(*told: tuple[str, str | None]) -> tuple[str | None, str | None]:
    return next(((value, source) for source, value in told if value), (None, None))


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _named(thing: Any, by_id: dict[str, Any]) -> str | None:
    thing = _one(thing)
    if isinstance(thing, dict):
        return line(_one(by_id.get(str(thing.get("@id")), thing).get("name") or thing.get("name")))
    return line(thing)


def _address(thing: Any, url: str) -> str | None:
    thing = _one(thing)
    if isinstance(thing, dict):
        thing = _one(thing.get("url") or thing.get("contentUrl"))
    told = line(thing)
    return absolute(told, url) if told else None
