"""Composing an edition: which outlet tells which story, how, when and at which address. Pure."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.newsroom import draft, plan
from pipeline.newsroom.model import (
    Article,
    Block,
    Edition,
    Feed,
    FeedPlan,
    Listing,
    Outlet,
    page_fate,
)
from pipeline.newsroom.settings import NewsroomSettings
from pipeline.newsroom.stories import STORIES, Book, Story, load

FIRST_DAY = datetime(2026, 11, 9, tzinfo=UTC)
DAYS = 12
EDITED_AT = FIRST_DAY + timedelta(days=DAYS, hours=6)

_TRACKING = {
    "utm": "?utm_source=rss&utm_medium=feed&utm_campaign={name}",
    "fbclid": "?fbclid=IwAR{number:06d}x",
    "fragment": "#ref={name}",
}
_ARABIC_SECTION = "/%D8%A3%D8%AE%D8%A8%D8%A7%D8%B1/"  # "news"


def compose(settings: NewsroomSettings, stories: Path = STORIES) -> Edition:
    """Compose what the newsroom publishes. Equal settings give an equal edition."""
    return _Composer(settings, stories).edition()


class _Composer:
    """Hands out stories and numbers while an edition grows."""

    def __init__(self, settings: NewsroomSettings, stories: Path) -> None:
        self._settings = settings
        self._folder = stories
        self._good = plan.good_outlets(settings)
        self._misfits = plan.misfit_outlets(settings)
        self._turns: Counter[str] = Counter()  # stories told so far, by language
        self._articles: list[Article] = []

    def edition(self) -> Edition:
        self._write_good()
        if self._settings.unkind:
            self._write_dead_links()
            self._write_misfits()
        outlets = self._good + self._misfits
        feeds = tuple(feed for outlet in outlets for feed in self._feeds(outlet))
        furniture = {o.language: self._book(o.language).furniture for o in outlets}
        return Edition(outlets, feeds, tuple(self._articles), furniture)

    def _book(self, language: str) -> Book:
        return load(language, self._folder)

    # -- articles ------------------------------------------------------------------------------

    def _write_good(self) -> None:
        for number in range(self._settings.articles):
            ordinal, place = divmod(number, len(self._good))
            outlet = self._good[place]
            self._write(outlet, self._kind(outlet, ordinal), ordinal)

    def _kind(self, outlet: Outlet, ordinal: int) -> str:
        slug = plan.base_slug(outlet)
        specials = plan.SPECIALS.get(slug, ())
        first = specials[0] if specials else ""
        if first in ("wire", "reprint") and ordinal % plan.REPRINTS_EVERY == 0:
            return first
        kind = specials[ordinal] if ordinal < len(specials) else "plain"
        if kind in plan.UNKIND_SPECIALS and not self._settings.unkind:
            kind = "plain"
        if kind == "plain" and "machine-written" in outlet.tags:
            return "disclosure"
        in_all = all(ordinal % 3 in feed.residues for feed in outlet.feeds)
        return "two_feeds" if kind == "plain" and in_all and len(outlet.feeds) > 1 else kind

    def _write_dead_links(self) -> None:
        slugs = {outlet.slug: outlet for outlet in self._good}
        for slug, kind in plan.DEAD_LINKS:
            if slug in slugs:
                self._write(slugs[slug], kind, 0)

    def _write_misfits(self) -> None:
        for outlet, misfit in zip(self._misfits, plan.MISFITS, strict=True):
            for ordinal in range(misfit.articles):
                self._write(outlet, "plain", ordinal)

    def _write(self, outlet: Outlet, kind: str, ordinal: int) -> None:
        number = len(self._articles)
        book = self._book(outlet.language)
        telling = self._telling(book, outlet, kind, ordinal)
        date_form = self._date_form(outlet, kind, ordinal)
        published = self._published(number, date_form)
        title = draft.title(telling)
        path = _path(outlet, published, title, number)
        blocks = _blocks(telling, book, outlet, kind, number, published)
        edited = None
        if kind == "edited":
            edited = _blocks(draft.revised(telling), book, outlet, kind, number, published)
        bylines = book.furniture.bylines
        self._articles.append(
            Article(
                number,
                outlet.number,
                kind,
                path,
                _links(outlet, kind, path, number),
                title,
                draft.summary(draft.paragraphs(telling)[0]),
                bylines[number % len(bylines)],
                published,
                date_form,
                blocks,
                telling.story.topics,
                edited,
            )
        )

    def _telling(self, book: Book, outlet: Outlet, kind: str, ordinal: int) -> draft.Telling:
        seed = self._settings.seed
        order = _shuffled(book, seed)
        if kind in ("wire", "reprint"):
            # One draw for all copies; each outlet only writes its own headline.
            round_ = ordinal // plan.REPRINTS_EVERY
            story, use = order[round_ % len(order)], 1_000 + round_ // len(order)
            telling = draft.tell(book, story, use, seed)
            return telling._replace(title=telling.title + outlet.number)
        if kind == "paywall":
            # The two paragraphs of a teaser cannot be trusted to name several topics.
            order = [story for story in order if len(story.topics) == 1] or order
        turn = self._turns[book.language]
        self._turns[book.language] += 1
        return draft.tell(book, order[turn % len(order)], turn // len(order), seed)

    def _date_form(self, outlet: Outlet, kind: str, ordinal: int) -> str:
        if outlet.feeds[0].form == "rss091":
            return "none"  # RSS 0.91 has no dates on its items
        odd = outlet.dates == "odd" and page_fate(kind).expect == "article"
        return plan.ODD_DATES[ordinal % len(plan.ODD_DATES)] if odd else "plain"

    def _published(self, number: int, date_form: str) -> datetime:
        draw = random.Random(f"{self._settings.seed}/when/{number}")
        expected = self._settings.articles
        day = number * DAYS // expected if number < expected else draw.randrange(DAYS)
        seconds = draw.randrange(24 * 3600)
        if date_form in ("none", "nonsense", "day"):
            # Only a day will be known: it must be the same one here and in Greenwich.
            seconds = 10 * 3600 + seconds % (4 * 3600)
        if date_form == "named_zone":
            seconds -= seconds % 60  # that form has no seconds
        return FIRST_DAY + timedelta(days=day, seconds=seconds)

    # -- feeds ---------------------------------------------------------------------------------

    def _feeds(self, outlet: Outlet) -> list[Feed]:
        own = [article for article in self._articles if article.outlet == outlet.number]
        return [_feed(outlet, place, own) for place in range(len(outlet.feeds))]


def _shuffled(book: Book, seed: int) -> list[Story]:
    order = list(book.stories)
    random.Random(f"{seed}/order/{book.language}").shuffle(order)
    return order


def _blocks(
    telling: draft.Telling, book: Book, outlet: Outlet, kind: str, number: int, when: datetime
) -> tuple[Block, ...]:
    texts, furniture, drawn = draft.paragraphs(telling), book.furniture, draft.lot(number)
    if kind == "reprint":
        lines = furniture.attributions
        return draft.without_one(texts, lines[drawn % len(lines)].format(agency=plan.AGENCY))
    if kind == "paywall":
        return draft.teaser(texts, furniture)
    if kind == "live_blog":
        return draft.live(texts, furniture, when)
    if kind == "promos":
        blocks = draft.with_promos(texts, furniture, outlet.name, drawn)
    elif kind == "disclosure":
        blocks = draft.disclosed(texts, furniture, drawn)
    else:
        blocks = draft.plain(texts)
    caption = furniture.captions[drawn % len(furniture.captions)]
    return (Block("caption", caption), *blocks) if drawn % 2 else blocks


def _path(outlet: Outlet, published: datetime, title: str, number: int) -> str:
    words = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", words)[:8])
    if outlet.language == "ar":
        return f"/{outlet.slug}{_ARABIC_SECTION}{number}"
    if outlet.language in ("en", "de", "fr") and slug:
        return f"/{outlet.slug}/{published:%Y/%m/%d}/{slug}-{number}"
    return f"/{outlet.slug}/news/{published:%Y%m%d}/{number}.html"


def _links(outlet: Outlet, kind: str, path: str, number: int) -> tuple[str, ...]:
    """Return what the feeds link to, before any tracking is added."""
    if kind == "no_link":
        return ()
    if kind == "two_urls" and len(outlet.feeds) > 1:
        return tuple(f"/{outlet.slug}/go/{place}/{number}" for place in range(len(outlet.feeds)))
    return (f"/{outlet.slug}/hop/1/{number}",) if kind == "redirect_chain" else (path,)


def _feed(outlet: Outlet, place: int, own: list[Article]) -> Feed:
    plan_ = outlet.feeds[place]
    good = [article for article in own if page_fate(article.kind).expect == "article"]
    rest = [article for article in own if page_fate(article.kind).expect != "article"]
    listed = [a for n, a in enumerate(good) if n % 3 in plan_.residues] + rest
    listed.sort(key=lambda article: (article.published, article.number), reverse=True)
    listings = tuple(_listing(outlet, plan_, place, article) for article in listed)
    return Feed(outlet.number, f"/{outlet.slug}/{plan_.name}", plan_, listings)


def _listing(outlet: Outlet, plan_: FeedPlan, place: int, article: Article) -> Listing:
    link = ""
    if article.links:
        link = article.links[place % len(article.links)]
        # Half of the links carry no tracking, as where several systems feed one feed.
        if draft.lot(article.number) % 2 or "agency" in outlet.tags:
            tail = _TRACKING.get(plan_.tracking, "")
            link += tail.format(name=plan_.name.split(".")[0], number=article.number)
    guid = f"{outlet.slug}-{article.number}"
    some = plan_.guids == "some" and draft.lot(article.number) % 3 == 0
    without = plan_.guids == "none" or some
    return Listing(article.number, link, "" if without else guid)
