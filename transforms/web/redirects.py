"""The way of a request from address to address: redirects, and pages that only send on."""

from __future__ import annotations

from datetime import datetime

from config.failures import Kind
from transforms.headers import COOKIES
from transforms.records import HttpFailure, Response
from transforms.urls import TOO_LONG, absolute, is_too_long
from transforms.web.cookies import Cookies
from transforms.web.refresh import refresh_target

REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})


class Chain:
    """Where a request stands, what led there, and which cookies were set on the way."""

    def __init__(self, url: str, most: int) -> None:
        """No more than so many steps are taken."""
        self.url, self._most = url, most
        self.redirects: tuple[str, ...] = ()
        """Addresses that led on, first the one asked for."""
        self._permanent = True
        self._cookies = Cookies()
        self._seen: set[tuple[str, str | None]] = set()

    @property
    def cookies(self) -> str | None:
        """What the address is sent of what was set."""
        return self._cookies.header(self.url)

    def follow(self, answer: Response, at: datetime) -> Response | HttpFailure | None:
        """Go where an answer leads; the answer to give where it leads no further.

        Who comes back with another cookie may get another answer.
        """
        redirects, location = answer.status in REDIRECTS, answer.headers.get("location")
        target = absolute(location, self.url) if redirects else refresh_target(answer)
        if target is None and not redirects:
            moved_to = self.url if self.redirects and self._permanent else None
            return answer._replace(redirects=self.redirects, moved_to=moved_to)
        self._seen.add((self.url, self.cookies))
        self._cookies.take(answer.headers.get(COOKIES), self.url, at)
        self.redirects += (self.url,)
        self._permanent = self._permanent and answer.status in PERMANENT
        if problem := self._problem(target, location):
            return HttpFailure(*problem, at, 0, answer.status)
        self.url = target or ""
        return None

    def _problem(self, target: str | None, location: str | None) -> tuple[Kind, str] | None:
        """Kind and words, where a redirect is not followed."""
        if target is None and is_too_long(location, self.url):
            return Kind.BAD_REDIRECT, f"redirect that is not followed: {TOO_LONG}"
        if target is None:
            return Kind.BAD_REDIRECT, f"redirect to {location!r}"
        if (target, self._cookies.header(target)) in self._seen:
            return Kind.REDIRECT_LOOP, f"{target} redirects to itself"
        if len(self.redirects) > self._most:
            return Kind.TOO_MANY_REDIRECTS, f"more than {self._most} redirects"
        return None
