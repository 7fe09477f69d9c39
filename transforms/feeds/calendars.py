"""What the languages of the world call their months, and in which order they write dates.

From Unicode's CLDR, by way of Babel; names are folded, so that accents and capitals do not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from babel import Locale, UnknownLocaleError

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "ru", "uk", "pl", "cs", "sv", "da", "fi",
             "hu", "ro", "el", "tr", "ar", "ar-SY", "ar-DZ", "ar-MA", "zh", "id")  # fmt: skip
"""Those whose months are known also where a feed does not say its language."""
ALSO = {"de": {"mrz": 3, "jaenner": 1, "maerz": 3}, "en": {"sept": 9}}
"""Short forms that programs write and CLDR does not have."""
TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")


def folded(text: str) -> str:
    """A date in small letters and ASCII digits, without accents and marks of direction."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(_plain(char) for char in parts)
    return unicodedata.normalize("NFC", bare)


def _plain(char: str) -> str:
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return ""
    return str(unicodedata.digit(char)) if char.isdecimal() else char.replace("\u2212", "-")


def locale_of(listed: str | None, country: str | None, declared: str | None) -> str:
    """By whose customs a feed writes: its language in the feeds file, or else as it declares.

    Which country's, the file says, or else the feed.
    """
    tag = listed or declared or ("und" if country else "en")
    if len(tag) > 3:
        return tag
    if country:
        return f"{tag}-{country}"
    return declared if declared and declared.lower().startswith(tag.lower() + "-") else tag


@lru_cache(maxsize=100)
def months(tag: str) -> dict[str, int]:
    """Names of months to their numbers: those of a locale go before English ones, these before
    those of other languages."""
    return _anywhere() | _names("en") | _names(tag)


@lru_cache(maxsize=1)
def _anywhere() -> dict[str, int]:
    """Names in many languages, but for those on whose number two do not agree."""
    found: dict[str, set[int]] = {}
    for name, number in chain.from_iterable(_names(tag).items() for tag in LANGUAGES):
        found.setdefault(name, set()).add(number)
    return {name: numbers.pop() for name, numbers in found.items() if len(numbers) == 1}


@lru_cache(maxsize=100)
def month_first(tag: str) -> bool:
    """Whether 11/05/2026 is the fifth of November there."""
    pattern = str(_locale(tag).date_formats["short"].pattern)
    return pattern.index("M") < pattern.index("d")


def _names(tag: str) -> dict[str, int]:
    """Long and short names, and the first three letters where they tell months apart."""
    forms = _locale(tag).months
    told = [
        (folded(name).strip(". "), number)
        for form in ("stand-alone", "format")
        for width in ("abbreviated", "wide")
        for number, name in forms[form][width].items()
    ]
    names = {name: number for name, number in told if not re.search(r"\d", name)}
    short: dict[str, set[int]] = {}
    for name, number in names.items():
        short.setdefault(name[:3], set()).add(number)
    clear = {name: numbers.pop() for name, numbers in short.items() if len(numbers) == 1}
    return clear | names | ALSO.get(tag, {})


def _locale(tag: str) -> Locale:
    """The locale of a tag; of its language alone where there is no such; or that of English."""
    for known in _candidates(tag):
        try:
            return Locale.parse(known, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def _candidates(tag: str) -> Iterable[str]:
    """A tag; what its country mostly speaks, where it has no such locale; its language alone."""
    language, *rest = tag.strip().replace("_", "-").split("-")
    country = [f"und-{part}" for part in rest if len(part) == 2]
    return ("-".join((language, *rest)), *country, language) if TAG.fullmatch(tag) else ()
