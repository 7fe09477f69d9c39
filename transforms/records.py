"""The records that travel through the pipeline. Times are timezone-aware and in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from config.failures import PASSING

ARCHIVED = "warc"
"""Kind of what a WARC file lists, which is never due again."""
LISTING, REVISIT, REEXTRACT = "listing", "revisit", "reextract"
"""Why the page of an article is read again: a feed listed it with another headline or date of
change; it may have been edited; or what was kept is extracted anew, and the web is not asked."""
LONGEST_ERROR = 500
"""Characters of an error that are kept."""


class Hints(NamedTuple):
    """What a feed says about when to ask again."""

    ttl: int | None = None
    """Seconds, of RSS's ttl."""
    update_seconds: int | None = None
    """Seconds between updates, of sy:updatePeriod and sy:updateFrequency."""
    skip_hours: tuple[int, ...] = ()
    """0 to 23, in UTC."""
    skip_days: tuple[int, ...] = ()
    """0 for Monday, in UTC."""


class FeedState(NamedTuple):
    """What is remembered of a feed from one poll to the next."""

    state: str = "active"
    """active, broken or retired."""
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    failures: int = 0
    """Polls that failed in a row."""
    failing_since: datetime | None = None
    lasting_since: datetime | None = None
    """Since when the failures have been of the kind that does not pass by itself."""
    address: str | None = None
    """Where it is polled, if permanent redirects have moved it."""
    moving_to: str | None = None
    """Where permanent redirects led at the last polls, if not there."""
    moves_seen: int = 0
    moving_since: datetime | None = None
    gap_seconds: int | None = None
    newest_entry_at: datetime | None = None
    hints: str | None = None
    """JSON of Hints."""
    false_304: bool = False
    """It once said 304 though it had changed."""
    last_polled_at: datetime | None = None
    last_body_at: datetime | None = None
    next_poll_at: datetime | None = None


class FeedTask(NamedTuple):
    """A feed that is due, with what the database remembers of it."""

    url: str
    outlet: str
    country: str | None
    language: str | None
    position: int
    """Its place in the feeds file; earlier feeds win a tie for an article."""
    interval: int | None
    """Seconds, as the feeds file says; None: its own rhythm decides."""
    before: FeedState = FeedState()
    kind: str = "feed"
    """feed, sitemap or warc."""
    probe: bool = False
    """Whether a 304 is to be put to the test."""
    robots: str = "obey"
    """obey or ignore: whether robots.txt must allow its pages."""

    @property
    def target(self) -> str:
        """The address to ask."""
        return self.before.address or self.url

    @property
    def name(self) -> tuple[str, str]:
        """The same in each run that polls the feed."""
        return "feed", self.url


class Kept(NamedTuple):
    """Where a page was kept: in a WARC file of the folder for kept pages."""

    file: str
    """Name of the file."""
    at_byte: int
    """Where its record begins."""
    length: int
    until: datetime
    """It may be removed after this."""


class Look(NamedTuple):
    """That the page of an article is read again, why, and what is known of it."""

    article_id: str
    cause: str
    """LISTING, REVISIT or REEXTRACT."""
    extractor: str
    """What found the text that the article has."""
    text_hash: str
    body_hash: str
    """Of the bytes that were had last."""
    etag: str | None = None
    last_modified: str | None = None
    kept: str | None = None
    """Path of the WARC file that has the page which the text is from, where there is one."""
    kept_at: int = 0
    """Offset of its record."""


class PageTask(NamedTuple):
    """An entry whose page is owed, with what its feed told of it."""

    url_id: str
    url: str
    feed_url: str
    feed_position: int
    outlet: str
    country: str | None
    language: str | None
    title: str | None
    byline: str | None
    published_at: datetime | None
    listed_at: datetime
    attempts: int = 0
    obeys_robots: bool = True
    """Whether robots.txt must allow it."""
    text_span: tuple[int, ...] | None = None
    """Where the text of the feed stands, first byte and the byte after the last, that is read in
    the place of the page: in a file of the plan, where the page could not be had, or in what is
    handed on with this, where the page is that of several entries."""
    look: Look | None = None
    """Set where it is the page of an article that is there."""

    @property
    def target(self) -> str:
        """The address to ask."""
        return self.url

    @property
    def name(self) -> tuple[str, str]:
        """The same in each run that owes the page."""
        return "page", self.url_id


class Reread(NamedTuple):
    """A page that is read again from where it was kept."""

    task: PageTask
    redirects: tuple[str, ...] = ()
    """Those that led to it when it was asked for."""
    archive: str | None = None
    """The index of WARC files that may have it."""


class Response(NamedTuple):
    """What a server answered with status 200 or 304, whole and unpacked."""

    url: str
    """After redirects."""
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    redirects: tuple[str, ...]
    """URLs that led here, first the one asked for; empty without a redirect."""
    fetched_at: datetime
    milliseconds: int
    received: int
    """Bytes on the wire."""
    moved_to: str | None = None
    """Where permanent redirects (301, 308) lead, all of them; None without one, and where one of
    the redirects is temporary."""
    after_304: bool = False
    """Whether this is the answer to a request without validators, right after a 304."""


class HttpFailure(NamedTuple):
    """Why there is no usable answer. Expected kinds travel as values, never as exceptions."""

    error_type: str
    """One of `config.failures.Kind`, or `http_kind` of a status."""
    message: str
    fetched_at: datetime
    milliseconds: int
    status: int | None = None
    temporary: bool = False
    retry_after: float | None = None
    """Seconds that the server asked to wait."""
    received: int = 0
    asked: bool = True
    """Whether the server was asked at all."""


def unforeseen(error: Exception, at: datetime, milliseconds: int = 0) -> HttpFailure:
    """What we have no way to deal with; another version of the program may have one."""
    kind, message = type(error).__name__, str(error)[:LONGEST_ERROR]
    return HttpFailure(kind, message, at, milliseconds, temporary=True)


class RobotsFile(NamedTuple):
    """The robots.txt of an origin, as it was when it was read."""

    origin: str
    """Scheme, host and port."""
    fetched_at: datetime
    http_status: int | None
    body: str | None
    """None where it could not be had, empty where there is none."""
    error: str | None
    expires_at: datetime
    """It is read again after this."""


class HostRest(NamedTuple):
    """That a host is left alone for a while."""

    host: str
    """Registered domain, or address."""
    noted_at: datetime
    resting_until: datetime
    failures: int
    """Requests that failed in a row."""
    last_error: str
    """Why: what the last of them came to."""


class Entry(NamedTuple):
    """One entry of a feed document."""

    url: str | None
    guid: str | None
    title: str | None
    byline: str | None
    summary: str | None
    published_at: datetime | None
    published_raw: str | None
    """The date as written, where there is one."""
    updated_raw: str | None = None
    """The date of the last change as written, where there is one."""
    content: str | None = None
    """The whole text in the feed, as HTML, where it carries more than a summary."""
    post: str | None = None
    """The same, but where an entry shares its page with others: then a short text is whole, too."""
    refused: str | None = None
    """Why its link is not taken, where it has one."""


class FeedDocument(NamedTuple):
    """What a feed's body says."""

    format: str
    """Such as rss20, atom10 or json11."""
    title: str | None
    language: str | None
    entries: tuple[Entry, ...]
    warning: str | None
    """What the parser stumbled over, when it could read on."""
    hints: Hints = Hints()


class Unreadable(NamedTuple):
    """Why a document could not be parsed or extracted."""

    error_type: str
    """One of `config.failures.Kind`, or the class of what a parser raised."""
    message: str

    @property
    def temporary(self) -> bool:
        """Whether another try may go well."""
        return self.error_type in PASSING


class Evidence(NamedTuple):
    """One place where a phrase matched: ``getattr(article, field)[start:end] == matched``."""

    field: str
    start: int
    """Offset in code points."""
    end: int
    matched: str
    phrase: str
    """The rule of the topic, as `config.rules` labels it."""
    weight: float | None = None
    """What it counts; None where an earlier version of the program did not say."""
    part: str | None = None
    """title, lead, text, dateline or last (`transforms.topics.parts`)."""
    child: str | None = None
    """The topic whose rule it is, where it counts for a parent."""


class TopicMatch(NamedTuple):
    """A topic of a text, with the places that speak for it."""

    topic: str
    score: float
    evidence: tuple[Evidence, ...]
    """The first `topics.score.MOST_EVIDENCE` of them."""
    matches: int | None = None
    """All of them; None where an earlier version of the program did not count."""


class Line(NamedTuple):
    """A line of what was extracted of a page, before anything is removed."""

    text: str
    kind: str = "paragraph"
    """paragraph, subhead, list, quote or table."""


class Block(NamedTuple):
    """A line of an article's text: ``text[start:end]``."""

    position: int
    """Its place among all lines that were found, those removed counted, from 0."""
    kind: str
    """As of `Line`."""
    start: int
    """Offset in code points."""
    end: int


class Removal(NamedTuple):
    """A line that was found with an article's text, and is none of it."""

    kind: str
    """Such as read_also, newsletter or caption."""
    text: str
    position: int
    """As of `Block`; -1 where it was taken out before lines were told apart."""
    rule: str
    """Name of the rule that decided."""


class Flag(NamedTuple):
    """Something to know of an article before it is trusted, with what speaks for it."""

    flag: str
    """Such as disclosure, wire, dateline, paywall or opinion."""
    value: str
    """What was found: the tool, the agency, the place, the degree."""
    field: str
    """Where: title, text, removed, byline, json-ld, meta or page."""
    evidence: str
    """The words that say so, as they stand there."""
    start: int | None = None
    """Offset in the title or the text, in code points; None elsewhere."""
    end: int | None = None


class Extraction(NamedTuple):
    """What a page says, furniture left out."""

    title: str | None
    byline: str | None
    published_at: datetime | None
    language: str | None
    canonical_link: str | None
    text: str
    extractor: str
    robots: tuple[str, ...] = ()
    """What the page asks of robots (meta elements), such as noarchive or noai, in lower case."""
    title_source: str | None = None
    """json-ld, meta or page; the same for the further sources."""
    byline_source: str | None = None
    published_source: str | None = None
    subtitle: str | None = None
    subtitle_source: str | None = None
    authors: tuple[str, ...] = ()
    """Persons of the byline, in their order."""
    organisations: tuple[str, ...] = ()
    """Organisations of the byline."""
    modified_at: datetime | None = None
    modified_source: str | None = None
    section: str | None = None
    section_source: str | None = None
    keywords: tuple[str, ...] = ()
    keywords_source: str | None = None
    image: str | None = None
    image_source: str | None = None
    blocks: tuple[Block, ...] = ()
    removals: tuple[Removal, ...] = ()
    flags: tuple[Flag, ...] = ()


class Listed(NamedTuple):
    """An entry that a poll brought for the first time, or changed, as it goes to the database."""

    entry_id: str
    listing_id: str
    """Another one for each headline and date of change."""
    url_id: str | None
    url: str | None
    guid: str | None
    title: str | None
    byline: str | None
    summary: str | None
    published_at: datetime | None
    published_raw: str | None
    state: str
    """pending, or skipped when there is no page to fetch, or its text is the feed's."""
    reason: str | None = None
    content: str | None = None


class Poll(NamedTuple):
    """What one poll brought, and the feed's state after it: one whole, committed together."""

    feed_url: str
    polled_at: datetime
    status: str
    """ok, unchanged or failed."""
    http_status: int | None
    entries: int | None
    """Entries in the document; None when it was not read."""
    bytes: int
    milliseconds: int
    after: FeedState
    stage: str | None = None
    """Where it failed: poll, read feed, or stage."""
    error_type: str | None = None
    error: str | None = None
    overflow: bool = False
    """Every entry is new, though the feed was read before."""
    listed: tuple[Listed, ...] = ()
    redirected_to: str | None = None
    schedule: str | None = None
    """JSON: the rule that gave next_poll_at, and its inputs."""


class Article(NamedTuple):
    """An article as it goes to the database; its columns are documented in the schema."""

    article_id: str
    url_id: str
    url: str
    canonical_url: str
    feed_url: str
    outlet: str
    country: str | None
    title: str | None
    byline: str | None
    published_at: datetime | None
    published_source: str | None
    listed_at: datetime
    fetched_at: datetime
    language: str | None
    text: str
    word_count: int
    text_hash: str
    body_hash: str
    bytes: int
    redirects: tuple[str, ...]
    extractor: str
    robots: tuple[str, ...] = ()
    text_source: str = "page"
    """page, or feed where the page could not be had."""
    title_source: str | None = None
    """feed, json-ld, meta or page; the same for the further sources."""
    subtitle: str | None = None
    subtitle_source: str | None = None
    byline_source: str | None = None
    authors: tuple[str, ...] = ()
    """Persons of the byline, in their order."""
    organisations: tuple[str, ...] = ()
    """Organisations of the byline."""
    modified_at: datetime | None = None
    modified_source: str | None = None
    section: str | None = None
    section_source: str | None = None
    keywords: tuple[str, ...] = ()
    keywords_source: str | None = None
    image: str | None = None
    image_source: str | None = None
    disclosure: str | None = None
    wire: str | None = None
    dateline: str | None = None
    paywall: str | None = None
    flagged: tuple[str, ...] = ()
    """Those of `Page.flags`, each once."""
    etag: str | None = None
    """Validators of the page."""
    last_modified: str | None = None


class Page(NamedTuple):
    """What became of one page: an article with its topics, or the reason why not."""

    url_id: str
    url: str
    feed_url: str
    feed_position: int
    fetched_at: datetime
    state: str
    """fetched, pending, failed, or unchanged (of an article that is there)."""
    attempts: int
    next_attempt_at: datetime | None
    stage: str | None
    """Where it failed: fetch, extract, or stage."""
    error_type: str | None
    error: str | None
    http_status: int | None
    milliseconds: int
    own_url: str | None = None
    """Where it was found, in normal form; its article may name another address."""
    told: bool = True
    """Whether its text tells its headline (`transforms.text.walls.tells`), if it has one."""
    article: Article | None = None
    topics: tuple[TopicMatch, ...] = ()
    blocks: tuple[Block, ...] = ()
    removals: tuple[Removal, ...] = ()
    flags: tuple[Flag, ...] = ()
    look: Look | None = None
    """Set where it is the page of an article that is there."""
    text_before: str | None = None
    """SHA-256 of what today's extractor finds in the page that the article's text is from; None
    where that was not kept, or another extractor has no part in it."""
    received: int = 0
    """Bytes on the wire."""
    kept: Kept | None = None
    """Where the page was kept, if it was."""


class RetaggedArticle(NamedTuple):
    """An article of the database with its topics by another taxonomy."""

    article_id: str
    topics: tuple[TopicMatch, ...]


class ConfiguredFeed(NamedTuple):
    """A feed as the feeds file has it, for the database."""

    feed_url: str
    outlet: str
    country: str | None
    language: str | None
    tags: tuple[str, ...]
    interval_seconds: int | None
    position: int
    kind: str
    robots: str
    expect_entries: int | None
    expect_seconds: int | None
    revisit_seconds: tuple[int, ...] = ()


class DefinedTopic(NamedTuple):
    """A topic as the topics file has it, for the database."""

    topic: str
    name: str
    taxonomy_version: str
    definition: tuple[str, ...]
    """What its evidence may name as its phrase."""
    rules: str | None = None
    """JSON of the topic, as a topics file has it."""
