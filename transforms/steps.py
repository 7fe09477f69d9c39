"""The steps of the graph: thin PTransforms over the plain functions beside this module.

Page bodies never cross a shuffle: what follows `FetchPages` is fused with it.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from functools import lru_cache
from time import time
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue
from pebble import ProcessFuture

from config.models import ExtractSettings, FetchSettings, Taxonomy
from transforms.feeds.documents import parse_feed
from transforms.feeds.polls import is_unchanged, page_tasks, poll_record
from transforms.feeds.sitemaps import parse_sitemap
from transforms.hashing import digest
from transforms.records import (
    ARCHIVED,
    Extraction,
    FeedDocument,
    FeedTask,
    HostRest,
    HttpFailure,
    Page,
    PageTask,
    Poll,
    Response,
    RobotsFile,
    Unreadable,
)
from transforms.shapes import line_of, read_lines, record_of
from transforms.text.extraction import extract_content, extract_page
from transforms.text.pages import page_record
from transforms.topics.tagger import Tagger
from transforms.urls import host_of
from transforms.web.archive import Archive, parse_listing
from transforms.web.fetch import FEED_TYPES, Books, Request
from transforms.web.service import fetch_all
from transforms.workers import pool
from transforms.workers.known_ids import KnownIds
from transforms.workers.plan_files import local_file
from transforms.workers.signals import Signals
from transforms.workers.streaming import what_lasts

NAMESPACE = "newsbeam"
AHEAD = 4
"""Documents handed to the pool before their turn, for each of its processes."""
ROBOTS = "robots"
HOSTS = "hosts"
TIMEOUTS = 3
"""Documents of one host that may take all the time there is; its further ones are left."""
LEFT = Unreadable("ParserTimeout", f"not read: {TIMEOUTS} others of its host took too long")
PARSERS = {"feed": parse_feed, "sitemap": parse_sitemap, ARCHIVED: parse_listing}
"""By the kind of a feed."""
PAGE_TYPES = "text/html, application/xhtml+xml, */*;q=0.5"

PolledFeed = tuple[FeedTask, Poll]
Answer = tuple[Any, "Response | HttpFailure"]


class Read(NamedTuple):
    """A task, what the server answered, and what its document says (None: nothing to read)."""

    task: Any
    answer: Response | HttpFailure
    document: FeedDocument | Extraction | Unreadable | None


class ByHost(beam.PTransform):
    """Tasks of one host end in one group, so that one worker alone speaks with it.

    There are as many groups as workers; the hosts of a group are fetched side by side.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        """Tasks to (group, tasks)."""
        return (
            tasks
            | "Find host" >> beam.Map(lambda task, n: (_group(task.target, n), task), self.groups)
            | "Group" >> beam.GroupByKey()
        )


def _group(url: str, groups: int) -> str:
    return str(int(digest(host_of(url)), 16) % groups)


class PollFeeds(beam.PTransform):
    """(group, feed tasks) to `answers` (task, answer): one conditional GET for each feed.

    `hosts` has every host that is left alone from now on; those in the file at `known_hosts` are
    not asked. With `archive`, the path of an index, what is there answers in the place of the web.
    """

    def __init__(
        self,
        settings: FetchSettings,
        signals: str,
        known_hosts: str,
        archive: str | None = None,
    ) -> None:
        super().__init__()
        self.settings, self.signals = settings, signals
        self.known_hosts, self.archive = known_hosts, archive

    def expand(self, groups: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        """Fetch."""
        fetch = _Fetch(
            _feed_request,
            self.settings.feed_bytes,
            self.settings,
            self.signals,
            "feeds",
            self.known_hosts,
            archive=self.archive,
        )
        return groups | beam.ParDo(fetch).with_outputs(HOSTS, main="answers")


class FetchPages(beam.PTransform):
    """(group, page tasks) to `answers` (task, answer): each page once, whoever listed it.

    `robots` has every robots.txt that was read on the way; those in the file at `known_robots`
    are not asked for again. `hosts` and `known_hosts` are as in `PollFeeds`. With `archive`, the
    path of an index, what is there answers in the place of the web.
    """

    def __init__(
        self,
        settings: FetchSettings,
        signals: str,
        known_hosts: str,
        known_robots: str,
        archive: str | None = None,
    ) -> None:
        super().__init__()
        self.settings, self.signals = settings, signals
        self.known_hosts, self.known_robots, self.archive = known_hosts, known_robots, archive

    def expand(self, groups: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        """Fetch."""
        fetch = _Fetch(
            _page_request,
            self.settings.page_bytes,
            self.settings,
            self.signals,
            "pages",
            self.known_hosts,
            self.known_robots,
            self.archive,
        )
        return (
            groups
            | "Drop repeats" >> beam.MapTuple(lambda group, tasks: (group, once(tasks)))
            | beam.ParDo(fetch).with_outputs(ROBOTS, HOSTS, main="answers")
        )


class ReadFeeds(beam.PTransform):
    """(task, answer) to Read, parsed in the pool; unchanged bodies are not parsed again."""

    def __init__(self, settings: ExtractSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        """Parse."""
        return answers | beam.ParDo(_InPool(_feed_job, self.settings))


class ExtractText(beam.PTransform):
    """(task, answer) to Read, extracted in the pool."""

    def __init__(self, settings: ExtractSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        """Extract."""
        return answers | beam.ParDo(_InPool(_page_job, self.settings))


class FindNewEntries(beam.PTransform):
    """Read to (task, Poll), with the entries that the database does not know yet."""

    def __init__(self, known: str) -> None:
        super().__init__()
        self.known = known

    def expand(self, read: beam.PCollection) -> beam.PCollection:
        """Compare."""
        return read | beam.ParDo(_FindNew(self.known))


class OwePages(beam.PTransform):
    """(task, Poll) to page tasks."""

    def __init__(self, known: str) -> None:
        super().__init__()
        self.known = known

    def expand(self, polls: beam.PCollection) -> beam.PCollection:
        """List."""
        return polls | beam.ParDo(_Owe(self.known))


class TagTopics(beam.PTransform):
    """Read to Page: an article with its topics and their evidence, or the reason why not."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.taxonomy = taxonomy

    def expand(self, read: beam.PCollection) -> beam.PCollection:
        """Tag."""
        return read | beam.ParDo(_Tag(self.taxonomy))


class TagAgain(beam.PTransform):
    """Articles of the database, as dictionaries, to their ids with their topics."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.taxonomy = taxonomy

    def expand(self, articles: beam.PCollection) -> beam.PCollection:
        """Tag."""
        return articles | beam.ParDo(_TagAgain(self.taxonomy))


def once(tasks: Iterable[PageTask]) -> list[PageTask]:
    """Each page once, for the first feed of the feeds file that lists it."""
    best: dict[str, PageTask] = {}
    for task in tasks:
        other = best.get(task.url_id)
        if other is None or _precedence(task) < _precedence(other):
            best[task.url_id] = task
    return list(best.values())


def _precedence(task: PageTask) -> tuple[int, int, str]:
    """An attempt already counted goes first; then the order of feeds, then the URL."""
    return -task.attempts, task.feed_position, task.url


def _feed_request(task: FeedTask, limit: int, archive: Archive | None) -> Request | Response:
    before = task.before
    if archive:
        return archive.listing(task.url)
    if before.false_304 or not (before.etag or before.last_modified):
        return Request(task.target, limit, FEED_TYPES)
    return Request(
        task.target,
        limit,
        FEED_TYPES,
        before.etag,
        before.last_modified,
        probe=task.probe,
        takes_difference=task.kind == "feed",
    )


def _page_request(
    task: PageTask, limit: int, archive: Archive | None
) -> Request | Response | HttpFailure:
    if task.content:
        body = task.content.encode(errors="replace")
        return Response(task.url, 200, {}, body, (), datetime.now(timezone.utc), 0, 0)
    if archive:
        return archive.answer(task.url, limit)
    return Request(task.url, limit, PAGE_TYPES, obeys_robots=task.obeys_robots)


def _feed_job(task: FeedTask, answer: Response) -> tuple[Any, ...] | None:
    if is_unchanged(task, answer):
        return None
    return PARSERS[task.kind], answer.body, answer.headers, answer.url


def _page_job(task: PageTask, answer: Response) -> tuple[Any, ...] | None:
    if task.content:
        return extract_content, answer.body, answer.url
    return extract_page, answer.body, answer.headers.get("content-type"), answer.url


class _Fetch(beam.DoFn):
    def __init__(
        self,
        request: Callable[[Any, int, Archive | None], Request | Response | HttpFailure],
        limit: int,
        settings: FetchSettings,
        signals: str,
        what: str,
        known_hosts: str,
        known_robots: str | None = None,
        archive: str | None = None,
    ) -> None:
        self.request, self.limit, self.settings = request, limit, settings
        self.signals_folder, self.what, self.known_robots = signals, what, known_robots
        self.known_hosts, self.archive_index = known_hosts, archive
        self.times = Metrics.distribution(NAMESPACE, f"{what}_epoch_ms")

    def setup(self) -> None:
        self.signals = Signals(self.signals_folder)
        self.lasting = what_lasts()
        self.robots, self.hosts = self.lasting.service.books if self.lasting else Books.empty()
        with local_file(self.known_hosts) as path:
            self.hosts.learn(read_lines(path, HostRest))
        with local_file(self.known_robots or os.devnull) as path:
            self.robots.learn(read_lines(path, RobotsFile))
        self.archive = Archive(self.archive_index) if self.archive_index else None

    def process(self, group: tuple[str, Iterable[Any]]) -> Iterator[Answer | TaggedOutput]:
        requests = []
        self.times.update(_now_ms())
        for task in group[1]:
            if self.archive and self.signals.stopped():
                break
            wanted = self.request(task, self.limit, self.archive)
            self.signals.count(f"{self.what} found")
            if isinstance(wanted, Request):
                requests.append((task, wanted))
            else:  # what it takes is here
                yield task, wanted
                self.signals.count(self.what)
        self.hosts.learn(record_of(line, HostRest) for line in self.signals.told_rests())
        for answer in self._answers(requests):
            yield answer
            yield from (TaggedOutput(ROBOTS, file) for file in self.robots.take())
            for rest in self.hosts.take():
                self.signals.rests(line_of(rest))
                yield TaggedOutput(HOSTS, rest)
            self.signals.count(self.what)
        self.times.update(_now_ms())
        self.signals.flush()

    def _answers(self, requests: list[tuple[Any, Request]]) -> Iterator[Answer]:
        if self.lasting:
            seconds = self.lasting.seconds[self.what]
            return self.lasting.service.fetch(
                requests, self.signals.stopped, seconds, lambda task: task.name
            )
        return fetch_all(requests, self.settings, self.signals.stopped, self.robots, self.hosts)


class _InPool(beam.DoFn):
    """Hands documents to the pool, and on what comes back, while further ones are under way.

    A host whose documents hang the parser again and again costs the run no more of its time.
    """

    def __init__(
        self,
        job: Callable[[Any, Response], tuple[Any, ...] | None],
        settings: ExtractSettings,
    ) -> None:
        self.job, self.settings = job, settings
        self.cpu = Metrics.counter(NAMESPACE, "parser_cpu_ms")

    def setup(self) -> None:
        self.timeouts: Counter[str] = Counter()

    def start_bundle(self) -> None:
        self.waiting: deque[tuple[Any, Any, ProcessFuture[Any] | Unreadable | None]] = deque()

    def process(self, answer: Answer) -> Iterator[Read]:
        task, response = answer
        job = self.job(task, response) if isinstance(response, Response) else None
        future: ProcessFuture[Any] | Unreadable | None = None
        if job is not None and self.timeouts[host_of(task.target)] >= TIMEOUTS:
            future = LEFT
        elif job is not None:
            future = pool.submit(self.settings.processes, self.settings.timeout, *job)
        self.waiting.append((task, response, future))
        while len(self.waiting) > AHEAD * self.settings.processes or self._ready():
            yield self._take()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        while self.waiting:
            yield GlobalWindows.windowed_value(self._take())
        self.cpu.inc(round(pool.take_cpu_seconds() * 1000))

    def _ready(self) -> bool:
        if not self.waiting:
            return False
        future = self.waiting[0][2]
        return not isinstance(future, ProcessFuture) or future.done()

    def _take(self) -> Read:
        task, response, future = self.waiting.popleft()
        if not isinstance(future, ProcessFuture):
            return Read(task, response, future)
        host = host_of(task.target)
        if self.timeouts[host] >= TIMEOUTS and not future.done():
            future.cancel()  # type: ignore[no-untyped-call]
            return Read(task, response, LEFT)
        document = pool.outcome(future, self.settings.timeout)
        if isinstance(document, Unreadable) and document.error_type == "ParserTimeout":
            self.timeouts[host] += 1
        return Read(task, response, document)


class _FindNew(beam.DoFn):
    def __init__(self, known: str) -> None:
        self.path = known

    def setup(self) -> None:
        self.known = _known(self.path)

    def process(self, read: Read) -> Iterator[PolledFeed]:
        yield (
            read.task,
            poll_record(read.task, read.answer, read.document, self.known.__contains__),  # type: ignore[arg-type]
        )


class _Owe(beam.DoFn):
    def __init__(self, known: str) -> None:
        self.path = known

    def setup(self) -> None:
        self.known = _known(self.path)

    def process(self, polled: PolledFeed) -> Iterator[PageTask]:
        yield from page_tasks(*polled, self.known.__contains__)


class _Tag(beam.DoFn):
    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.articles = Metrics.counter(NAMESPACE, "articles")
        self.failures = Metrics.counter(NAMESPACE, "page_failures")

    def setup(self) -> None:
        self.tagger = Tagger(self.taxonomy)

    def process(self, read: Read) -> Iterator[Page]:
        page = page_record(read.task, read.answer, read.document, self.tagger.tag)  # type: ignore[arg-type]
        (self.failures if page.article is None else self.articles).inc()
        yield page


class _TagAgain(beam.DoFn):
    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy

    def setup(self) -> None:
        self.tagger = Tagger(self.taxonomy)

    def process(self, article: dict[str, Any]) -> Iterator[dict[str, Any]]:
        topics = self.tagger.tag(article["title"], article["text"])
        yield {"article_id": article["article_id"], "topics": topics}


def _known(path: str) -> KnownIds:
    lasting = what_lasts()
    return lasting.known if lasting else _read_known(path)


@lru_cache(maxsize=1)
def _read_known(path: str) -> KnownIds:
    """Read once for all steps of a worker."""
    with local_file(path) as file:
        return KnownIds.read(file)


def _now_ms() -> int:
    return round(time() * 1000)
