"""What sites ask of robots: robots.txt (RFC 9309)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from protego import Protego

from config.failures import Kind
from config.models import NAME
from transforms.records import LONGEST_ERROR, HttpFailure, Response, RobotsFile

ROBOTS_BYTES = 500 * 1024
"""So much of a robots.txt is read (RFC 9309, section 2.5)."""
KEPT = timedelta(days=1)
"""How long a robots.txt holds (RFC 9309, section 2.4)."""
KEPT_WHEN_LOST = timedelta(hours=1)
LONGEST_DELAY = 60.0
"""Seconds; a longer Crawl-delay would not be patience but a refusal, and that has its own word."""


class Rules(NamedTuple):
    """What a robots.txt asks of us."""

    text: str
    lost: str | None
    """Why it could not be had: then nothing may be asked for (RFC 9309, section 2.3.1.4)."""

    def refusal(self, url: str, at: datetime) -> HttpFailure | None:
        """Why a page may not be asked for; None where it may."""
        if self.lost is not None:
            text = f"robots.txt could not be had: {self.lost}"
            wait = KEPT_WHEN_LOST.total_seconds()
            return HttpFailure(Kind.ROBOTS_LOST, text, at, 0, temporary=True, retry_after=wait)
        if not self.text or _parsed(self.text).can_fetch(url, NAME):
            return None
        return HttpFailure(Kind.ROBOTS_REFUSED, f"{robots_address(url)} disallows it", at, 0)

    @property
    def delay(self) -> float:
        """Seconds between two requests that it asks for; 0 where it does not."""
        asked = _parsed(self.text).crawl_delay(NAME) if self.text else None
        return min(max(asked or 0.0, 0.0), LONGEST_DELAY)


@lru_cache(maxsize=1_000)
def _parsed(text: str) -> Protego:
    return Protego.parse(text)


def origin_of(url: str) -> str:
    """Scheme, host and port: what a robots.txt is for."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def robots_address(url: str) -> str:
    """Where the robots.txt of a page's origin lies."""
    return f"{origin_of(url)}/robots.txt"


def robots_file(origin: str, answer: Response | HttpFailure) -> RobotsFile:
    """What became of the request for a robots.txt, as it is kept.

    One that is not there allows all; one that cannot be had for now allows nothing (RFC 9309,
    section 2.3.1). Of one that is too long, the lines that came whole count; one that was packed
    to be a burden is none that could be had.
    """
    at, status = answer.fetched_at, answer.status
    if isinstance(answer, Response):
        text = _whole_lines(answer.body).decode("utf-8-sig", "replace")
        return RobotsFile(origin, at, status, text, None, at + KEPT)
    error = f"{answer.error_type}: {answer.message}"[:LONGEST_ERROR]
    if answer.temporary or answer.error_type == Kind.TOO_LARGE:
        return RobotsFile(origin, at, status, None, error, at + KEPT_WHEN_LOST)
    return RobotsFile(origin, at, status, "", error, at + KEPT)


def _whole_lines(body: bytes) -> bytes:
    """What is read of a robots.txt: half a rule might allow what the whole one forbids."""
    if len(body) <= ROBOTS_BYTES:
        return body
    start = body[:ROBOTS_BYTES]
    return start[: max(start.rfind(b"\n"), start.rfind(b"\r")) + 1]


def refused_robots(file: RobotsFile, reason: str) -> RobotsFile:
    """In the place of one whose row does not fit: it is read again."""
    return file._replace(body=None, error=reason[:LONGEST_ERROR], expires_at=file.fetched_at)


def rules_of(file: RobotsFile) -> Rules:
    """The rules of a robots.txt that was read now or earlier."""
    return Rules(file.body or "", file.error if file.body is None else None)


class RobotsBook:
    """The rules of origins: those that the database knew, and those that were read since."""

    def __init__(self, known: Iterable[RobotsFile] = ()) -> None:
        self._rules: dict[str, tuple[datetime, Rules]] = {}
        self._read: deque[RobotsFile] = deque()
        self.learn(known)

    def learn(self, files: Iterable[RobotsFile]) -> None:
        """Take over what others know."""
        for file in files:
            self._rules[file.origin] = file.expires_at, rules_of(file)

    def rules(self, origin: str, at: datetime) -> Rules | None:
        """What is known of an origin at a time."""
        expires_at, rules = self._rules.get(origin, (at, None))
        return rules if expires_at > at else None

    def keep(self, file: RobotsFile) -> Rules:
        """Note what was read."""
        self.learn([file])
        self._read.append(file)
        return self._rules[file.origin][1]

    def forget(self, now: datetime) -> None:
        """Drop what has expired."""
        self._rules = {origin: kept for origin, kept in self._rules.items() if kept[0] > now}

    def take(self) -> Iterator[RobotsFile]:
        """What was read since the last call; another thread may go on noting."""
        while self._read:
            yield self._read.popleft()
