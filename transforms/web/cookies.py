"""Cookies that the answers of one chain of redirects set: they hold for that chain alone.

Some sites lead a reader through a door that sets a cookie and back; without it they do so for ever.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from transforms.headers import whole_number
from transforms.times import http_date
from transforms.urls import host_of

MOST = 50
"""Cookies of a chain; what browsers keep for a site (RFC 6265, section 6.1)."""
LONGEST = 4_096
"""Characters of one."""


class _Cookie(NamedTuple):
    domain: str
    path: str
    name: str
    value: str
    exact: bool
    """Whether it is for one name alone, rather than for those below it too."""
    secure: bool

    def is_for(self, scheme: str, name: str, path: str) -> bool:
        """Whether a request gets it (RFC 6265, section 5.4)."""
        below = not self.exact and name.endswith(f".{self.domain}")
        inside = path == self.path or path.startswith(self.path.rstrip("/") + "/")
        return (name == self.domain or below) and inside and (scheme == "https" or not self.secure)


class Cookies:
    """What was set so far, and which of it an address gets; never that of another host."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], _Cookie] = {}

    def take(self, lines: str | None, url: str, now: datetime) -> None:
        """Note what the answer of an address sets, each on a line of its own."""
        for line in (lines or "").split("\n"):
            pair, *attributes = line.split(";")
            told = {name.strip().lower(): value.strip() for name, _, value in
                    (attribute.partition("=") for attribute in attributes)}  # fmt: skip
            if cookie := _cookie(pair, told, url):
                key = cookie.domain, cookie.path, cookie.name
                self._kept.pop(key, None)
                if not _is_over(told, now) and len(self._kept) < MOST:
                    self._kept[key] = cookie

    def header(self, url: str) -> str | None:
        """What goes with a request to an address; what is for fewer paths goes first."""
        if not self._kept:  # as of nearly all
            return None
        parts = urlsplit(url)
        at = parts.scheme, parts.hostname or "", parts.path or "/"
        sent = sorted((c for c in self._kept.values() if c.is_for(*at)), key=lambda c: -len(c.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in sent) or None


def _cookie(pair: str, told: dict[str, str], url: str) -> _Cookie | None:
    """A cookie, unless it is none, or for others than the host that sets it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    name, equals, value = (part.strip() for part in pair.partition("="))
    if not (equals and name and pair.isprintable() and len(pair) <= LONGEST):
        return None
    domain = told.get("domain", "").lstrip(".").lower() or host
    if domain != host and not (host.endswith(f".{domain}") and _is_one_hosts(domain, url)):
        return None
    path = told.get("path", "")
    if not path.startswith("/"):
        path = parts.path.rpartition("/")[0] or "/"
    return _Cookie(domain, path, name, value, not told.get("domain"), "secure" in told)


def _is_one_hosts(domain: str, url: str) -> bool:
    """Whether a domain lies within the host of an address; ``co.uk`` is nobody's."""
    return host_of(f"http://{domain}/") == host_of(url)


def _is_over(told: dict[str, str], now: datetime) -> bool:
    if (age := told.get("max-age")) and (age.startswith("-") or age.isdigit()):
        return not whole_number(age, 1)
    expires = http_date(told.get("expires"))
    return expires is not None and expires <= now
