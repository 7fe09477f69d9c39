"""Which of an entry's links is its page, and what its address is, however it was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from config.models import LONGEST_ADDRESS
from transforms.urls import TOO_LONG, absolute, host_of, is_too_long

PAGES = ("text/html", "application/xhtml+xml")
READABLE = (*PAGES, "text/plain")
"""Of content elsewhere; text/plain is feedparser's word for no type at all."""
QUOTES = " \t\r\n\"'`<>“”„‘’«»"
AMPERSAND = re.compile(r"&(?:amp|#0*38|#[xX]0*26);")
QUOTE = re.compile(r"^(?:&quot;|&#0*3[49];|&apos;)+|(?:&quot;|&#0*3[49];|&apos;)+$")
ESCAPED_SCHEME = re.compile(r"https?%3a%2f%2f", re.IGNORECASE)
HOST = re.compile(r"(?:[\w-]+\.)+[\w-]+(?::\d{1,5})?(?=[/?#]|$)")


def links_of(item: Any, base: str, locale: str) -> Iterator[tuple[str | None, str]]:
    """What may be the page of an entry that feedparser has read, each link with its base.

    Its alternate link, or else a guid that is a web address, or where its content is said to be.
    """
    links = [link for link in item.get("links", ()) if link.get("href") and _is_page(link)]
    best = min(links, key=lambda link: _strangeness(link, locale), default=None)
    yield best and best["href"], base
    yield item.get("link"), base
    yield web_address(item.get("id")), base
    for part in item.get("content", ()):
        if part.get("src") and part.get("type") in READABLE:  # which feedparser does not resolve
            yield part["src"], absolute(part.get("base"), base) or base


def first_address(links: Iterable[tuple[str | None, str]]) -> tuple[str | None, str | None]:
    """The first of some links that is an address, or else why none is."""
    refused = None
    for written, base in links:
        link = _meant(written, base)
        if url := absolute(link, base):
            return url, None
        if is_too_long(link, base):
            refused = TOO_LONG
    return None, refused


def web_address(guid: str | None) -> str | None:
    """A guid that is one."""
    return guid if guid and guid.startswith(("http://", "https://")) else None


def _meant(written: str | None, base: str) -> str:
    """A link without quotes and a second escape, and with its host known for one."""
    link = (written or "").strip(QUOTES)
    if len(link) > LONGEST_ADDRESS:
        return link
    link = QUOTE.sub("", "".join(map(str.strip, link.splitlines()))).strip(QUOTES)
    while (plain := AMPERSAND.sub("&", link)) != link:
        link = plain
    if ESCAPED_SCHEME.match(link):
        link = unquote(link)
    host = HOST.match(link)
    return f"//{link}" if host and _is_host(host[0], base) else link


def _is_page(link: Any) -> bool:
    relation = (link.get("rel") or "alternate").lower().rpartition("/")[2].split()
    kind = (link.get("type") or PAGES[0]).partition(";")[0].strip().lower()
    return "alternate" in relation and kind in PAGES


def _strangeness(link: Any, locale: str) -> int:
    """In the language of the feed, or in none; in its language elsewhere; in another one."""
    tag = (link.get("hreflang") or locale).lower().replace("_", "-")
    own = locale.lower().replace("_", "-")
    return 0 if tag in (own, _primary(own)) else 1 if _primary(tag) == _primary(own) else 2


def _primary(tag: str) -> str:
    """The language of a tag, without country and script."""
    return tag.partition("-")[0]


def _is_host(name: str, base: str) -> bool:
    """Whether what stands before the first slash is a host: www, or one of the feed's own."""
    return name.lower().startswith("www.") or (
        name == urlsplit(base).netloc or host_of(f"//{name}") == host_of(base)
    )
