"""Where a page sends its reader on by itself: the Refresh header, and meta elements for it.

It runs between requests, on what strangers wrote: all patterns here take linear time.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from w3lib.html import get_base_url

from transforms.headers import whole_number
from transforms.records import Response
from transforms.urls import absolute, canonical

SEARCHED = 100_000
"""Bytes of a page that are looked at; what sends on at once stands in its head."""
AT_ONCE = 2
"""Seconds of delay in which nobody reads a page."""
LONGEST_DELAY = 30
"""Seconds that a page without text of its own may wait; live reports reload after a minute."""
LEAST_TEXT = 400
"""Characters of a page that is there to be read; a note that one is led on has half as many."""
LONGEST_TAG = 4_096
PAGES = frozenset({"", "text/html", "application/xhtml+xml"})
FEED = re.compile(rb"<(?:rss|feed|rdf:RDF|urlset|sitemapindex)[\s>]")
SIGN = re.compile(rb"http-equiv\s*=\s*[\"']?\s*refresh", re.IGNORECASE)
"""Pages without it cost no more than the search for it."""
HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|textarea|template)\b.*?(?:</\1|\Z)",
    re.DOTALL | re.IGNORECASE,
)
# A quote opens a value right after its = alone, as HTML says.
TAG = re.compile(
    r"<(/?noscript|meta)\b"
    r"([^<>=]*+(?:(?:=\s*\"[^\"]*\"|=\s*'[^']*'|=(?!\s*[\"']))[^<>=]*+)*+)",
    re.IGNORECASE,
)
ATTRIBUTE = re.compile(
    r"([^\s<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]*)))?",
)
MARKUP = re.compile(r"<[^<>]*>")
# html.spec.whatwg.org, "shared declarative refresh steps"
PRAGMA = re.compile(
    r"\s*([0-9]*+)\.?[0-9.]*+\s*[;,]?\s*(?:url\s*=\s*)?(.*)", re.DOTALL | re.IGNORECASE
)


class _Refresh(NamedTuple):
    seconds: int
    target: str
    unscripted: bool = False
    """Whether it is for readers without scripts alone."""


def refresh_target(answer: Response) -> str | None:
    """The address that a page is only a step to; None for a page that is to be read.

    It is a step where it sends on at once, or soon and without text of its own; what it does for
    readers without scripts alone counts where there is no text. A page that reloads itself is none.
    """
    if "refresh" not in answer.headers and not SIGN.search(answer.body[:SEARCHED]):
        return None
    page = _page(answer)
    told = _pragma(answer.headers.get("refresh")) or _in_page(page)
    if told is None or told.seconds > LONGEST_DELAY:
        return None
    target = absolute(told.target, get_base_url(page, answer.url))
    if target is None or canonical(target) == canonical(answer.url):
        return None
    at_once = told.seconds <= AT_ONCE and not told.unscripted
    return target if at_once or not _has_text(page) else None


def _page(answer: Response) -> str:
    """What of a page its reader's browser reads; empty where it is none."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    start = answer.body[:SEARCHED]
    if kind not in PAGES or FEED.search(start[:1_000]):
        return ""
    return HIDDEN.sub(" ", start.decode("utf-8", "replace"))


def _in_page(page: str) -> _Refresh | None:
    """What the first meta element says, or the first one in a noscript."""
    unscripted = False
    found: list[_Refresh] = []
    for tag in TAG.finditer(page):
        name = tag[1].lower()
        if name != "meta":
            unscripted = name == "noscript"
        elif "refresh" in tag[2].lower() and (told := _meta(tag[2][:LONGEST_TAG])):
            found.append(told._replace(unscripted=unscripted))
    return min(found, key=lambda told: told.unscripted, default=None)


def _meta(attributes: str) -> _Refresh | None:
    told: dict[str, str] = {}
    for name, double, single, bare in ATTRIBUTE.findall(attributes):
        told.setdefault(name.lower(), html.unescape(double or single or bare))
    if told.get("http-equiv", "").strip().lower() != "refresh":
        return None
    return _pragma(told.get("content"))


def _pragma(value: str | None) -> _Refresh | None:
    """Seconds and address, as in ``5; url=/story``; None where the page reloads itself."""
    found = PRAGMA.match((value or "")[:LONGEST_TAG])
    if found is None or (value or "").lstrip()[:1] not in "0123456789.":
        return None
    target = found[2].strip()
    if target[:1] in ("'", '"'):
        target = target[1:].partition(target[0])[0]
    seconds = whole_number(found[1] or "0", LONGEST_DELAY + 1) or 0
    return _Refresh(seconds, target) if target else None


def _has_text(page: str) -> bool:
    return len(" ".join(html.unescape(MARKUP.sub(" ", page)).split())) >= LEAST_TEXT
