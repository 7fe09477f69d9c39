"""Rendering an article page: what stands in its head, its layout, its weight. Pure."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from html import escape
from typing import NamedTuple

from pipeline.newsroom.layouts import LAYOUTS, Parts
from pipeline.newsroom.model import Article, Edition, Outlet
from pipeline.newsroom.padding import Padding, head_of, padding
from pipeline.newsroom.settings import NewsroomSettings
from pipeline.newsroom.site import Site


class Page(NamedTuple):
    """A page in its final bytes."""

    body: bytes
    content_type: str


class Renderer:
    """Renders the pages of an edition; keeps what the pages of one outlet have in common."""

    def __init__(self, edition: Edition, site: Site, settings: NewsroomSettings) -> None:
        self._edition = edition
        self._site = site
        self._settings = settings
        self._padding: dict[int, Padding] = {}

    def render(self, article: Article, edited: bool) -> Page:
        """Write the page of an article, before or after its edit."""
        outlet = self._edition.outlets[article.outlet]
        weight = self._weight(outlet)
        page = LAYOUTS[outlet.layout](self._parts(article, outlet, weight, edited))
        body = self._fill(page.encode(outlet.charset, "xmlcharrefreplace"), weight.script)
        header = f"; charset={outlet.charset}" if outlet.charset_in_header else ""
        return Page(body, f"text/html{header}")

    def _weight(self, outlet: Outlet) -> Padding:
        if outlet.number not in self._padding:
            furniture = self._edition.furniture[outlet.language]
            settings = self._settings
            self._padding[outlet.number] = padding(
                outlet, furniture, settings.page_kilobytes, settings.seed
            )
        return self._padding[outlet.number]

    def _parts(self, article: Article, outlet: Outlet, weight: Padding, edited: bool) -> Parts:
        furniture = self._edition.furniture[outlet.language]
        blocks = article.edited if edited and article.edited else article.blocks
        return Parts(
            outlet,
            article,
            blocks,
            furniture,
            weight,
            _dateline(article, outlet),
            self._head(article, outlet, weight),
        )

    def _head(self, article: Article, outlet: Outlet, weight: Padding) -> str:
        url = self._site.base(article.outlet) + article.path
        canonical = f'<link rel="canonical" href="{url}">\n' if outlet.canonical_link else ""
        graph = _opengraph(article, outlet, url) if outlet.meta in ("opengraph", "both") else ""
        data = _jsonld(article, outlet, url) if outlet.meta in ("jsonld", "both") else ""
        return (
            f'<meta charset="{outlet.charset}">\n'
            f"<title>{escape(article.title)} | {escape(outlet.name)}</title>\n"
            f"{canonical}{graph}{data}<style>\n{weight.style}</style>\n"
        )

    def _fill(self, body: bytes, script: bytes) -> bytes:
        """Add script before the end of the body until the page has its size."""
        filler = head_of(script, self._settings.page_kilobytes * 1024 - len(body) - 40)
        end = body.rfind(b"</body>")
        state = b"<script>\nvar w=window;\n%b</script>\n" % filler
        return b"".join((body[:end], state, body[end:]))


def _local(article: Article, outlet: Outlet) -> datetime:
    return article.published.astimezone(timezone(timedelta(hours=outlet.zone)))


def _dateline(article: Article, outlet: Outlet) -> str:
    """Write the day as readers of the language do."""
    day = _local(article, outlet)
    if outlet.language in ("ja", "zh-Hant", "zh-Hans"):
        return f"{day.year}年{day.month}月{day.day}日"
    if outlet.language == "en":
        return f"{day.day} November {day.year}"
    return f"{day:%d.%m.%Y}" if outlet.language in ("de", "ru") else f"{day:%d/%m/%Y}"


def _opengraph(article: Article, outlet: Outlet, url: str) -> str:
    properties = {
        "og:type": "article",
        "og:title": article.title,
        "og:url": url,
        "og:site_name": outlet.name,
        "article:published_time": _local(article, outlet).isoformat(),
        "article:author": article.byline,
    }
    return "".join(
        f'<meta property="{name}" content="{escape(value)}">\n'
        for name, value in properties.items()
    )


def _jsonld(article: Article, outlet: Outlet, url: str) -> str:
    data = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": article.title,
        "datePublished": _local(article, outlet).isoformat(),
        "author": {"@type": "Person", "name": article.byline},
        "publisher": {"@type": "Organization", "name": outlet.name},
        "inLanguage": outlet.language,
        "mainEntityOfPage": url,
    }
    text = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    return f'<script type="application/ld+json">{text}</script>\n'
