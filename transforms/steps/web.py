"""Asking hosts: feeds that are due, pages that are owed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from config.models import FetchSettings
from transforms.hashing import digest
from transforms.records import (
    REVISIT,
    FeedTask,
    HostRest,
    HttpFailure,
    PageTask,
    Response,
    RobotsFile,
    unforeseen,
)
from transforms.shapes import line_of, read_lines, record_of
from transforms.steps import NAMESPACE
from transforms.urls import host_of
from transforms.web.archive import Archive
from transforms.web.asking import FEED_TYPES, Books, Request
from transforms.web.service import fetch_all
from transforms.workers.feed_texts import FeedTexts
from transforms.workers.plan_files import local_file
from transforms.workers.signals import Signals
from transforms.workers.streaming import what_lasts

ROBOTS = "robots"
HOSTS = "hosts"
PAGE_TYPES = "text/html, application/xhtml+xml, */*;q=0.5"

Answer = tuple[Any, "Response | HttpFailure"]


@dataclass
class ByHost(beam.PTransform):
    """Tasks to (group, tasks): those of one host in one group, so that one worker alone asks it.

    There are as many groups as workers; the hosts of a group are fetched side by side.
    """

    groups: int

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        """Group."""
        return (
            tasks
            | "Find host" >> beam.Map(lambda task, n: (_group(task.target, n), task), self.groups)
            | "Group" >> beam.GroupByKey()
        )


def _group(url: str, groups: int) -> str:
    return str(int(digest(host_of(url)), 16) % groups)


@dataclass(frozen=True)
class PlanFiles:
    """Where the files of a plan are that a fetching worker reads; None where there is none."""

    hosts: str | None = None
    """Hosts that are left alone."""
    robots: str | None = None
    """The robots.txt that are known."""
    texts: str | None = None
    """Texts of feeds, in the place of pages that could not be had."""
    archive: str | None = None
    """The index of what answers in the place of the web."""


class Given(NamedTuple):
    """What need not be asked of the web."""

    texts: FeedTexts | None
    archive: Archive | None


@dataclass
class PollFeeds(beam.PTransform):
    """(group, feed tasks) to `answers` (task, answer): one conditional GET for each feed.

    `hosts` has every host that is left alone from now on.
    """

    settings: FetchSettings
    signals: str
    plan: PlanFiles = PlanFiles()

    def expand(self, groups: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        """Fetch."""
        limit = self.settings.feed_bytes
        fetch = _Fetch(_feed_request, limit, self.settings, self.signals, "feeds", self.plan)
        return groups | beam.ParDo(fetch).with_outputs(HOSTS, main="answers")


@dataclass
class FetchPages(beam.PTransform):
    """(group, page tasks) to `answers` (task, answer): each page once, whoever listed it.

    `robots` has every robots.txt that was read on the way, `hosts` is as in `PollFeeds`.
    """

    settings: FetchSettings
    signals: str
    plan: PlanFiles = PlanFiles()

    def expand(self, groups: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        """Fetch."""
        limit = self.settings.page_bytes
        fetch = _Fetch(_page_request, limit, self.settings, self.signals, "pages", self.plan)
        return (
            groups
            | "Drop repeats" >> beam.MapTuple(lambda group, tasks: (group, once(tasks)))
            | beam.ParDo(fetch).with_outputs(ROBOTS, HOSTS, main="answers")
        )


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


def _feed_request(task: FeedTask, limit: int, given: Given) -> Request | Response:
    before = task.before
    if given.archive:
        return given.archive.listing(task.url)
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


def _page_request(task: PageTask, limit: int, given: Given) -> Request | Response | HttpFailure:
    if task.text_span and given.texts:
        body = given.texts[task.text_span]
        return Response(task.url, 200, {}, body, (), datetime.now(UTC), 0, 0)
    if given.archive:
        return given.archive.answer(task.url, limit)
    wanted = Request(task.url, limit, PAGE_TYPES, obeys_robots=task.obeys_robots)
    look = task.look
    if look is None or look.cause != REVISIT:
        return wanted
    return wanted._replace(etag=look.etag, last_modified=look.last_modified, spare=True)


class _Fetch(beam.DoFn):
    def __init__(
        self,
        request: Callable[[Any, int, Given], Request | Response | HttpFailure],
        limit: int,
        settings: FetchSettings,
        signals: str,
        what: str,
        plan: PlanFiles,
    ) -> None:
        self.request, self.limit, self.settings = request, limit, settings
        self.signals_folder, self.what, self.plan = signals, what, plan
        self.times = Metrics.distribution(NAMESPACE, f"{what}_epoch_ms")

    def setup(self) -> None:
        plan = self.plan
        self.signals = Signals(self.signals_folder)
        self.lasting = what_lasts()
        self.robots, self.hosts = self.lasting.service.books if self.lasting else Books.empty()
        with local_file(plan.hosts or os.devnull) as path:
            self.hosts.learn(read_lines(path, HostRest))
        with local_file(plan.robots or os.devnull) as path:
            self.robots.learn(read_lines(path, RobotsFile))
        with local_file(plan.texts or os.devnull) as path:
            texts = FeedTexts(path)
        self.given = Given(texts, Archive(plan.archive) if plan.archive else None)

    def process(self, group: tuple[str, Iterable[Any]]) -> Iterator[Answer | TaggedOutput]:
        requests = []
        limit, given = self.limit, self.given
        self.times.update(_now_ms())
        for task in group[1]:
            if given.archive and self.signals.stopped():
                break
            try:
                wanted = self.request(task, limit, given)
            except Exception as error:  # of a record of an archive, say: about this task alone
                wanted = unforeseen(error, datetime.now(UTC))
            self.signals.count(f"{self.what} found")
            if isinstance(wanted, Request):
                requests.append((task, wanted))
            else:  # what it takes is here
                yield task, wanted
                self.signals.count(self.what)
        requests.sort(key=lambda asked: asked[1].spare)  # of a host, what is new goes first
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


def _now_ms() -> int:
    return round(time() * 1000)
