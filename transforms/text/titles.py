"""Headlines without the site's name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import unescape
from urllib.parse import urlsplit

from transforms.bounds import LONGEST_LINE, cut

INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
"""Soft hyphens, zero-width spaces, direction marks: they say nothing in a line of its own."""
DIVIDER = re.compile(r"\s*[|｜¦]\s*|\s+[-–—―·•»«~_/:]{1,2}\s+|\s*[_·»]\s*(?=\S+$)|(?<=\S)\s*—\s*")
MARKS = re.compile(r"[\W_]+")
MOST_CUT = 3
"""Names after a headline: of the section, of the desk, of the site."""


def line(value: object) -> str | None:
    """A value of metadata as one line: entities read, white space folded; None of what is empty."""
    if not isinstance(value, str):
        return None
    value = value[: 4 * LONGEST_LINE]
    if "&" in value:
        value = unescape(unescape(value))  # templates escape what is escaped
    return cut(" ".join(INVISIBLE.sub("", value).split()), LONGEST_LINE) or None


@lru_cache(maxsize=1_000)
def key(text: str) -> str:
    """What two ways to write a headline share: letters and digits."""
    return MARKS.sub("", unicodedata.normalize("NFKC", text).casefold())


def bare(title: str, others: Iterable[str], sites: Sequence[str]) -> str:
    """A headline without what is before or after a divider, where that is the site's name.

    That is so where the rest is what another place of the page (`others`) calls it, or where the
    part is one of the names of the site. A part is never cut for being short.
    """
    known = {key(other) for other in others} - {key(title), ""}
    names = {key(site) for site in sites} - {""}
    for _ in range(MOST_CUT):
        dividers = list(DIVIDER.finditer(title))
        for divider in dividers:
            if key(title[: divider.start()]) in known:
                return title[: divider.start()].strip()
            if key(title[divider.end() :]) in known:
                return title[divider.end() :].strip()
        if not dividers:
            break
        first, last = dividers[0], dividers[-1]
        if key(title[last.end() :]) in names and title[: last.start()].strip():
            title = title[: last.start()].strip()
        elif key(title[: first.start()]) in names and title[first.end() :].strip():
            title = title[first.end() :].strip()
        else:
            break
    return title


def names_of_host(url: str) -> list[str]:
    """What a site may be called after its host: ``www.the-echo.co.example`` → its parts, whole."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return [host, *(part for part in host.split(".") if len(part) > 3)]
