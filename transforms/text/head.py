"""The head of a page, its headlines and times: one pass over the tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from transforms.text.directives import directives
from transforms.text.titles import line
from transforms.urls import absolute

MOST_METAS, MOST_LINKS, MOST_TIMES = 2_000, 2_000, 200
MOST_CANONICAL = 4
"""Declared addresses that are looked at; two that differ are one too many."""
NAMES = re.compile(r"[^a-z0-9]+")


# Names of meta elements, letters and digits alone: article:published_time, article.published and
# the like are one. Those that say the most come first.
PUBLISHED = (
    "articlepublishedtime ogarticlepublishedtime httpogpmensarticlepublishedtime articlepublished "
    "datepublished publisheddate publishedtime publishdate publicationdate pubdate publishedat "
    "parselypubdate sailthrudate cxenseparserecspublishtime cxenseparsepublishtime dcdateissued "
    "dctermsissued dcissued articledateoriginal originalpublicationdate firstpublished published "
    "releasedate citationpublicationdate displaydate datecreated dcdatecreated dctermscreated "
    "dccreated pdate date dcdate dctermsdate"
).split()
MODIFIED = (
    "articlemodifiedtime httpogpmensarticlemodifiedtime articlemodified datemodified "
    "ogupdatedtime articleupdated modifiedtime dctermsmodified dcdatemodified articledateupdated "
    "articleupdatetime lastupdateddate dateupdated updatedtime cxenseparsemodifiedtime lastmodified"
).split()
TITLES = ("ogtitle", "twittertitle", "parselytitle", "sailthrutitle", "dctitle", "title",
          "headline")  # fmt: skip
AUTHORS = ("author", "articleauthor", "parselyauthor", "sailthruauthor", "dccreator", "byl",
           "httpogpmensarticleauthor", "dctermscreator", "cxenseparseauthor")  # fmt: skip
SECTIONS = ("articlesection", "ogsection", "parselysection", "section", "cxenseparsesection")
KEYWORDS = ("articletag", "newskeywords", "keywords", "parselytags", "sailthrutags")
IMAGES = ("ogimage", "ogimageurl", "ogimagesecureurl", "twitterimage", "twitterimagesrc", "image")
DESCRIPTIONS = ("description", "ogdescription", "twitterdescription", "dcdescription")
SITES = ("ogsitename", "applicationname", "applemobilewebapptitle", "dcpublisher", "publisher")
UPDATES = re.compile(r"modif|updat|aktualis", re.IGNORECASE)


class Page(NamedTuple):
    """What one pass over a tree collects."""

    metas: dict[str, list[str]]
    title: str | None
    headings: list[str]
    times: list[str]
    """The day that is marked as that of publication, or else the first below the headline."""
    canonical_link: str | None
    robots: tuple[str, ...]


def read_head(tree: Any, url: str) -> Page:
    """What the head, the headlines and the times of a page say."""
    metas: dict[str, list[str]] = {}
    links: dict[str, None] = {}
    headings: list[str] = []
    marked: list[str] = []
    below: list[str] = []
    robots: list[str] = []
    title = base = None
    counts = {"meta": MOST_METAS, "link": MOST_LINKS, "time": MOST_TIMES, "h1": 5}
    for element in tree.iter("meta", "link", "title", "h1", "time", "base"):
        tag = element.tag
        counts[tag] = counts.get(tag, 5) - 1
        if counts[tag] < 0:
            continue
        if tag == "meta":
            value = element.get("content")
            for name in ("property", "name", "itemprop"):
                if value and (named := element.get(name)):
                    metas.setdefault(_short(named), []).append(value)
                    if name == "name" and named.lower() == "robots":
                        robots.append(value)
        elif tag == "link":
            if "canonical" in (element.get("rel") or "").lower().split() and element.get("href"):
                links[element.get("href")] = None
        elif tag == "title":
            title = title or line(element.text)
        elif tag == "h1":
            headings += filter(None, [line(" ".join(element.itertext()))])
        elif tag == "time":
            told = f"{element.get('itemprop')} {element.get('class')}"
            if UPDATES.search(told):
                continue
            stamp = element.get("datetime") or ""
            if "datePublished" in told or element.get("pubdate") is not None:
                marked.append(stamp)
            elif headings:
                below.append(stamp)
        elif base is None:
            base = element.get("href")
    canonical = _canonical(list(links), absolute(base or "", url) or url)
    asked = directives(", ".join(robots))
    return Page(metas, title, headings, marked + below[:1], canonical, asked)


@lru_cache(maxsize=2_000)
def _short(name: str) -> str:
    return NAMES.sub("", name[:100].lower())


def _canonical(links: list[str], base: str) -> str | None:
    """What a page declares as its address (rel=canonical); None where it names several."""
    found = {absolute(link, base) for link in islice(links, MOST_CANONICAL)} - {None}
    return found.pop() if len(found) == 1 else None


def values(page: Page, names: Sequence[str]) -> list[str]:
    """The values of meta elements, in the order of the names."""
    found = (line(value) for name in names for value in page.metas.get(name, [])[:10])
    return list(filter(None, found))


def first(page: Page, names: Sequence[str]) -> str | None:
    """The first value of meta elements, in the order of the names."""
    return next(iter(values(page, names)), None)
