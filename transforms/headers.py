"""Header fields of an answer, read as browsers read them: given twice, joined, or absurd. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

ONCE = frozenset({
    "age", "content-length", "content-range", "date", "etag", "expires", "last-modified",
    "location", "refresh", "retry-after",
})  # fmt: skip
"""What has one value; of several the first counts."""
COOKIES = "set-cookie"
"""What may not be joined by commas (RFC 9110, section 5.3): its values stand on lines."""
VALUES = re.compile(r'(?:[^,"]|"[^"]*"?)+')
"""Between commas, but for those in quotes."""
TOKEN = r"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
MEDIA_TYPE = re.compile(rf"\s*({TOKEN}/{TOKEN})\s*(?:;|$)")
CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([-\w.:+]+)", re.IGNORECASE)
SAYS_NOTHING = frozenset({"*/*", "unknown/unknown", "application/unknown"})
"""Types that leave it to the body (mimesniff.spec.whatwg.org, section 7)."""


def by_name(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Fields by their names in lower case; lists that came in parts are joined by commas."""
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name.lower(), []).append(value.strip())
    return {name: _value(name, values) for name, values in found.items()}


def _value(name: str, values: list[str]) -> str:
    if name in ONCE:
        return values[0]
    if name == COOKIES:
        return "\n".join(values)
    joined = ", ".join(values)
    return media_type(joined) if name == "content-type" else joined


def media_type(value: str) -> str:
    """A Content-Type that is one: the last of several that says something, and its charset.

    The type is left out where none does, as in ``html; charset=utf-8``
    (fetch.spec.whatwg.org, "extract a MIME type").
    """
    told = [part for part in VALUES.findall(value) if _tells(part)]
    charsets = CHARSET.findall(told[-1]) if told else []
    if told and (charsets or not CHARSET.search(value)):
        return str(told[-1]).strip()
    essence = told[-1].partition(";")[0].strip() if told else ""
    charsets = CHARSET.findall(value)
    return f"{essence}; charset={charsets[-1]}" if charsets else essence


def _tells(part: str) -> bool:
    found = MEDIA_TYPE.match(part)
    return found is not None and found[1].lower() not in SAYS_NOTHING


def whole_number(text: str | None, most: int) -> int | None:
    """A number of digits alone, but no more than `most`; None for anything else.

    Python refuses to read numbers of more than 4,300 digits, which headers may have.
    """
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.lstrip("0")
    return most if len(digits) > len(str(most)) else min(int(digits or "0"), most)
