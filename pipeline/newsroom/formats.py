"""Rendering a feed as RSS 0.91, 1.0 or 2.0, Atom or JSON Feed, in good and in bad shape. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from pipeline.newsroom.compose import EDITED_AT
from pipeline.newsroom.model import Article, Edition, Feed, Outlet
from pipeline.newsroom.site import Site

_TYPES = {
    "rss091": "text/xml",
    "rss10": "application/rdf+xml",
    "atom": "application/atom+xml",
    "json": "application/feed+json",
    "html": "text/html",
}


class Entry(NamedTuple):
    """One entry, ready to be written in any form."""

    article: Article
    link: str
    guid: str
    updated: datetime


class Document(NamedTuple):
    """A feed in its final bytes."""

    body: bytes
    content_type: str
    modified: datetime


def render(feed: Feed, edition: Edition, site: Site, edited: bool) -> Document:
    """Write a feed; with `edited`, edited articles carry a later stamp where the form has one."""
    outlet = edition.outlets[feed.outlet]
    entries = _entries(feed, edition, site, edited)
    home = f"{site.base(feed.outlet)}/{outlet.slug}/"
    text = _FORMS[feed.plan.form](outlet, feed, home, entries)
    content_type = f"{_TYPES.get(feed.plan.form, 'application/rss+xml')}; charset={outlet.charset}"
    newest = max((entry.updated for entry in entries), default=_QUIET)
    return Document(text.encode(outlet.charset, "xmlcharrefreplace"), content_type, newest)


_QUIET = datetime(2026, 11, 9, tzinfo=UTC)


def _entries(feed: Feed, edition: Edition, site: Site, edited: bool) -> list[Entry]:
    entries = []
    for listing in feed.listings:
        article = edition.articles[listing.article]
        link = listing.link
        if link and feed.plan.links == "absolute":
            link = site.base(feed.outlet) + link
        elif link and feed.plan.links == "xmlbase":
            link = link.split("/", 2)[2]  # below the outlet's folder, which xml:base names
        changed = edited and article.edited is not None
        entries.append(
            Entry(article, link, listing.guid, EDITED_AT if changed else article.published)
        )
    return entries


# -- dates -----------------------------------------------------------------------------------------


def feed_date(article: Article, outlet: Outlet) -> str:
    """Write the date of an RSS 2.0 item, in the form that this article is given."""
    if article.date_form in _ODD:
        return _ODD[article.date_form](article.published)
    return _rfc822(article.published.astimezone(_zone(outlet)))


def _rfc822(moment: datetime) -> str:
    # Not strftime("%a, %d %b"): that follows the locale of the process.
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment:%Y %H:%M:%S %z}"


def _named_zone(moment: datetime) -> str:
    there = moment.astimezone(timezone(timedelta(hours=-5)))
    day, month = _DAYS[there.weekday()], _MONTHS[there.month - 1]
    return f"{day}, {there.day} {month} {there:%Y %H:%M} EST"


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_ODD: dict[str, Callable[[datetime], str]] = {
    "none": lambda moment: "",
    "nonsense": lambda moment: "sometime last week, we think",
    "day": lambda moment: f"{moment.day} November {moment.year}",
    "no_zone": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"),
    "named_zone": _named_zone,
}


def _zone(outlet: Outlet) -> timezone:
    return timezone(timedelta(hours=outlet.zone))


def _iso(moment: datetime, outlet: Outlet) -> str:
    return moment.astimezone(_zone(outlet)).isoformat()


# -- forms -----------------------------------------------------------------------------------------


def _declaration(outlet: Outlet, feed: Feed) -> str:
    return f'<?xml version="1.0" encoding="{feed.plan.declared or outlet.charset}"?>\n'


def _element(name: str, text: str, attributes: str = "") -> str:
    return f"<{name}{attributes}>{escape(text)}</{name}>\n" if text else ""


def _rss20(outlet: Outlet, feed: Feed, home: str, entries: list[Entry]) -> str:
    items = "".join(_rss20_item(entry, outlet) for entry in entries)
    return (
        f'{_declaration(outlet, feed)}<rss version="2.0"'
        ' xmlns:atom="http://www.w3.org/2005/Atom"><channel>\n'
        f"{_element('title', outlet.name)}{_element('link', home)}"
        f"{_element('description', outlet.name)}{_element('language', outlet.language)}"
        f"{items}</channel></rss>\n"
    )


def _rss20_item(entry: Entry, outlet: Outlet) -> str:
    article = entry.article
    edited = _iso(entry.updated, outlet) if entry.updated != article.published else ""
    return (
        f"<item>{_element('title', article.title)}{_element('link', entry.link)}"
        f"{_element('description', article.summary)}"
        + _element("guid", entry.guid, ' isPermaLink="false"')
        + f"{_element('pubDate', feed_date(article, outlet))}"
        f"{_element('atom:updated', edited)}</item>\n"
    )


def _rss091(outlet: Outlet, feed: Feed, home: str, entries: list[Entry]) -> str:
    items = "".join(
        f"<item>{_element('title', entry.article.title)}{_element('link', entry.link)}"
        f"{_element('description', entry.article.summary)}</item>\n"
        for entry in entries
    )
    return (
        f'{_declaration(outlet, feed)}<rss version="0.91"><channel>\n'
        f"{_element('title', outlet.name)}{_element('link', home)}"
        f"{_element('description', outlet.name)}{_element('language', outlet.language)}"
        f"{items}</channel></rss>\n"
    )


def _rss10(outlet: Outlet, feed: Feed, home: str, entries: list[Entry]) -> str:
    contents = "".join(f"<rdf:li rdf:resource={quoteattr(entry.link)}/>\n" for entry in entries)
    items = "".join(
        f"<item rdf:about={quoteattr(entry.link)}>{_element('title', entry.article.title)}"
        f"{_element('link', entry.link)}{_element('description', entry.article.summary)}"
        f"{_element('dc:date', _iso(entry.article.published, outlet))}</item>\n"
        for entry in entries
    )
    return (
        f'{_declaration(outlet, feed)}<rdf:RDF xmlns="http://purl.org/rss/1.0/"'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
        f"<channel rdf:about={quoteattr(home)}>{_element('title', outlet.name)}"
        f"{_element('link', home)}{_element('description', outlet.name)}"
        f"<items><rdf:Seq>{contents}</rdf:Seq></items></channel>\n{items}</rdf:RDF>\n"
    )


def _atom(outlet: Outlet, feed: Feed, home: str, entries: list[Entry]) -> str:
    base = f" xml:base={quoteattr(home)}" if feed.plan.links == "xmlbase" else ""
    items = "".join(_atom_entry(entry, outlet) for entry in entries)
    newest = max((entry.updated for entry in entries), default=_QUIET)
    return (
        f'{_declaration(outlet, feed)}<feed xmlns="http://www.w3.org/2005/Atom"{base}>\n'
        f"{_element('title', outlet.name)}{_element('id', home)}"
        f"{_element('updated', _iso(newest, outlet))}{items}</feed>\n"
    )


def _atom_entry(entry: Entry, outlet: Outlet) -> str:
    article = entry.article
    link = f'<link rel="alternate" href={quoteattr(entry.link)}/>\n' if entry.link else ""
    return (
        f"<entry>{_element('title', article.title)}{link}"
        f"{_element('id', f'tag:{outlet.slug}.example,2026:{article.number}')}"
        f"{_element('published', _iso(article.published, outlet))}"
        f"{_element('updated', _iso(entry.updated, outlet))}"
        f"<author>{_element('name', article.byline)}</author>"
        f"{_element('summary', article.summary)}</entry>\n"
    )


def _json(outlet: Outlet, feed: Feed, home: str, entries: list[Entry]) -> str:
    items = [
        {
            "id": entry.guid or entry.link,
            "url": entry.link,
            "title": entry.article.title,
            "summary": entry.article.summary,
            "date_published": _iso(entry.article.published, outlet),
            "date_modified": _iso(entry.updated, outlet),
            "authors": [{"name": entry.article.byline}],
        }
        for entry in entries
    ]
    top = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.name,
        "home_page_url": home,
        "language": outlet.language,
        "items": items,
    }
    return json.dumps(top, ensure_ascii=False, indent=1)


def _sloppy(outlet: Outlet, feed: Feed, home: str, entries: list[Entry]) -> str:
    """Write RSS 2.0 as a careless template does: bare ampersands, an element left open."""
    text = _rss20(outlet, feed, home, entries)
    text = text.replace("<description>", "<category>News & Views</category>\n<description>")
    return text.replace("</channel>", "<image><url>logo.png</url>\n</channel>")


def _broken(outlet: Outlet, feed: Feed, home: str, entries: list[Entry]) -> str:
    return '<?xml version="1.0"?>\n<rss version="2.0"><channel><tit\x00le>' + "<<]]>&&" * 40


def _html(outlet: Outlet, feed: Feed, home: str, entries: list[Entry]) -> str:
    return (
        f"<!DOCTYPE html><html><head><title>{escape(outlet.name)}</title></head><body>"
        "<h1>We have moved our feeds</h1><p>Please look for them in our new app.</p></body></html>"
    )


_FORMS: dict[str, Callable[[Outlet, Feed, str, list[Entry]], str]] = {
    "rss20": _rss20,
    "rss091": _rss091,
    "rss10": _rss10,
    "atom": _atom,
    "json": _json,
    "sloppy": _sloppy,
    "broken": _broken,
    "html": _html,
}
