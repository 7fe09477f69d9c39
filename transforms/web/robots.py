"""What sites ask of robots: robots.txt (RFC 9309)."""

from __future__ import annotations

import re
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
COMPILED = 200
"""Files whose rules are kept ready; the largest take 14 MB each, most some kB."""
MOST_STEPS = 20_000_000
"""Rules with a wildcard times letters of an address: 10 to 70 ms. The largest file there may be has
27,000 such rules, which lets addresses of 700 letters be held against them."""
AGENT = re.compile(r"user[-\s]?agent\s*[:\s]\s*(.*)", re.IGNORECASE)
SITE_WIDE = re.compile(r"(?:sitemaps?|site-map|host)\b", re.IGNORECASE)
RULE = re.compile(r"[^:]*:|(?:allow|di[a-z]+w|crawl[-\s]delay)\b", re.IGNORECASE)
"""What ends the names of a group; as for Protego, a rule may lack its colon, or be misspelt."""
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
        rules = compiled(self.text)
        if rules.wildcards * len(url) > MOST_STEPS:
            text = f"{robots_address(url)} has too many wildcards for an address of this length"
            return HttpFailure(Kind.ROBOTS_REFUSED, text, at, 0)
        if rules.protego.can_fetch(url, NAME):
            return None
        return HttpFailure(Kind.ROBOTS_REFUSED, f"{robots_address(url)} disallows it", at, 0)

    @property
    def delay(self) -> float:
        """Seconds between two requests that it asks for; 0 where it does not."""
        asked = compiled(self.text).protego.crawl_delay(NAME)
        return min(max(asked or 0.0, 0.0), LONGEST_DELAY)


class Compiled(NamedTuple):
    """The rules for us, ready to be held against addresses."""

    protego: Protego
    wildcards: int


@lru_cache(maxsize=COMPILED)
def compiled(text: str) -> Compiled:
    """The rules of a robots.txt; of its groups those alone that are for us."""
    rules = _rules_for_us(text)
    ours = "\n".join(["User-agent: *", *rules])
    return Compiled(Protego.parse(ours), sum("*" in rule for rule in rules))


def _rules_for_us(text: str) -> list[str]:
    """The lines of the groups that name us best (RFC 9309, section 2.2.1).

    Protego would hand each rule to each name of its group, so that a file of many names and many
    rules took gigabytes.
    """
    groups: dict[str, list[str]] = {}
    current: set[str] = set()
    in_names = False
    for line in (part.partition("#")[0].strip() for part in text.splitlines()):
        if named := AGENT.match(line):
            current = (current if in_names else set()) | _names_of_ours(named[1])
            in_names = True
            for name in current:
                groups.setdefault(name, [])
        elif not SITE_WIDE.match(line):
            in_names = in_names and not RULE.match(line)
            for name in current:
                groups[name].append(line)
    best = max(groups, key=lambda name: 0 if name == "*" else len(name), default=None)
    return groups[best] if best else []


def _names_of_ours(named: str) -> set[str]:
    """Those names of a line that mean us: ``*``, or what our name begins with."""
    name = named.strip().lower()
    names = {name, name.replace("*", "")} - {""}
    return {one for one in names if one == "*" or NAME.startswith(one)}


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
    lost = answer.temporary and answer.error_type != Kind.BAD_NOT_MODIFIED
    if lost or answer.error_type == Kind.TOO_LARGE:
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
