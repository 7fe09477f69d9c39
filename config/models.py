"""What a user configures, as plain records, and the settings of a run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import NamedTuple

from config.rules import Company, Example, Phrase, Rule, Weights

NAME = "newsbeam"
VERSION = "0.1.0"
LONGEST_ADDRESS = 8_192
"""Characters. RFC 9110 (4.1) asks all for 8,000; few servers take more than 8 KiB."""


DEFAULT_REVISIT = (6 * 3600,)
"""Seconds after which an article is looked at again, where nobody says otherwise: see
docs/engineer/decisions/0013-an-article-is-looked-at-once-more.md."""
LANGUAGE = 2
"""One more whenever the same rules come to find something else: part of each topic's version."""


class Expectation(NamedTuple):
    """How many entries a feed should bring."""

    at_least: int
    per: int
    """Seconds."""


class Feed(NamedTuple):
    """One feed of a feeds file."""

    url: str
    outlet: str | None = None
    country: str | None = None
    """ISO 3166-1 alpha-2 code of the outlet."""
    language: str | None = None
    """BCP 47 tag."""
    interval: int | None = None
    """Seconds between polls; None: the feed's own rhythm decides."""
    tags: tuple[str, ...] = ()
    kind: str = "feed"
    """feed, sitemap (a news sitemap), or warc (what a WARC file has of a site)."""
    expect: Expectation | None = None
    robots: str = "obey"
    """obey or ignore: whether robots.txt must allow its pages."""
    revisit: tuple[int, ...] | None = None
    """Seconds after the first reading at which its articles are looked at again, the shortest
    first; empty for never, None where the file does not say."""

    @property
    def revisits(self) -> tuple[int, ...]:
        """As of `revisit`, or else as usual."""
        return DEFAULT_REVISIT if self.revisit is None else self.revisit


class Topic(NamedTuple):
    """One topic of a topics file; docs/analyst/topics.md tells what its rules mean."""

    id: str
    name: str
    any: tuple[str | Rule, ...] = ()
    """A plain text is a phrase with nothing more to say."""
    all: tuple[tuple[Rule, ...], ...] = ()
    """One rule of each must be found."""
    none: tuple[Rule, ...] = ()
    mask: tuple[Phrase, ...] = ()
    not_near: Company | None = None
    weights: Weights = Weights()
    min_score: tuple[tuple[int, float], ...] = ()
    """(words of the text, least score from so many on), ascending."""
    languages: tuple[str, ...] = ()
    parent: str | None = None
    description: str | None = None
    see: tuple[str, ...] = ()
    examples_yes: tuple[Example, ...] = ()
    examples_no: tuple[Example, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those of `any`."""
        return tuple(Phrase(rule) if isinstance(rule, str) else rule for rule in self.any)

    @property
    def labels(self) -> tuple[str, ...]:
        """What evidence may name as its phrase: each rule that counts, once."""
        counting = (*self.rules, *(rule for group in self.all for rule in group))
        return tuple(dict.fromkeys(rule.label for rule in counting))

    @property
    def deciding(self) -> Topic:
        """Without what is for people alone."""
        return self._replace(
            name="", any=self.rules, description=None, see=(), examples_yes=(), examples_no=()
        )


class Taxonomy(NamedTuple):
    """All topics of a run."""

    topics: tuple[Topic, ...]

    @property
    def version(self) -> str:
        """The same topics give the same version, whatever the file looked like."""
        versions = self.topic_versions
        return _hash(sorted((one.id, one.name, versions[one.id]) for one in self.topics))

    @property
    def topic_versions(self) -> dict[str, str]:
        """The version of each topic: of all that decides on it, its children included."""
        own = {topic.id: _hash(_canonical(topic.deciding)) for topic in self.topics}
        below = self.families
        return {
            topic: _hash([LANGUAGE, own[topic], sorted(own[one] for one in below[topic])])
            for topic in own
        }

    @property
    def families(self) -> dict[str, tuple[str, ...]]:
        """By topic: those whose parent it is, and theirs."""
        parents = {topic.id: topic.parent for topic in self.topics}
        below: dict[str, dict[str, None]] = {topic: {} for topic in parents}
        for topic in parents:
            above = parents[topic]
            while above in below and topic not in below[above]:
                below[above][topic] = None
                above = parents[above]
        return {topic: tuple(found) for topic, found in below.items()}

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """By topic: what its evidence may name as its phrase, its children's included."""
        own = {topic.id: topic.labels for topic in self.topics}
        return {
            topic: tuple(dict.fromkeys(x for one in (topic, *below) for x in own[one]))
            for topic, below in self.families.items()
        }


def _canonical(topic: Topic) -> str:
    """The order in which rules stand decides nothing."""
    parts = {
        name: sorted(map(repr, value)) if name in ("any", "all", "none", "mask") else repr(value)
        for name, value in topic._asdict().items()
    }
    return json.dumps(parts, ensure_ascii=False, sort_keys=True)


def _hash(value: object) -> str:
    canonical = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True)
class FetchSettings:
    """How hosts are treated and what a response may cost. Times in seconds, sizes in bytes."""

    host_concurrency: int = 2
    host_delay: float = 1.0
    """Pause between the starts of two requests to one registered domain or address."""
    allow_private_hosts: bool = False
    in_flight: int = 200
    """Requests under way at once in one worker."""
    idle_hosts: int = 256
    """Hosts whose connections stay open while no request to them is under way."""
    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    total_timeout: float = 60.0
    least_speed: float = 1_000.0
    """Bytes a second; what is slower after `slow_grace` seconds is left."""
    slow_grace: float = 10.0
    feed_bytes: int = 10_000_000
    page_bytes: int = 5_000_000
    """Limits hold before and after decompression."""
    redirects: int = 10
    retries: int = 2
    """Further tries of a temporary failure within one run."""
    retry_wait: float = 0.5
    """Before the first retry; doubles with each."""
    retry_after_max: float = 5.0
    """A longer Retry-After is left to a later run, and the host is left alone."""
    archive: str | None = None
    """Folder in which all answers are kept, as WARC files."""
    contact: str | None = None
    """Mail or web address under which the people who are asked find those who ask."""

    @property
    def user_agent(self) -> str:
        """Who we are, and how to reach us (RFC 9110, section 10.1.5)."""
        whom = f"+{self.contact}; " if self.contact else ""
        return f"{NAME}/{VERSION} ({whom}news reader; feeds and the articles they list)"


@dataclass(frozen=True)
class KeepSettings:
    """Which pages are kept, and for how long."""

    folder: str
    seconds: int


@dataclass(frozen=True)
class ExtractSettings:
    """How pages and feeds are parsed, in processes that may be killed."""

    processes: int = 1
    timeout: float = 30.0
    """Seconds for one document, after which its process is ended."""
