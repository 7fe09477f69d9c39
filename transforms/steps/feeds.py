"""Reading feeds: documents, what is new in them, and the pages that it owes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from config.models import ExtractSettings
from transforms.feeds.documents import parse_feed
from transforms.feeds.polls import (
    is_unchanged,
    own_texts,
    page_tasks,
    poll_record,
    poll_that_failed,
)
from transforms.feeds.sitemaps import parse_sitemap
from transforms.records import (
    ARCHIVED,
    FeedDocument,
    FeedTask,
    HttpFailure,
    Poll,
    Response,
    Unreadable,
)
from transforms.steps import NAMESPACE
from transforms.urls import host_of
from transforms.web.archive import parse_listing
from transforms.workers import pool
from transforms.workers.known_ids import KnownIds
from transforms.workers.parsing import Job, Parsing
from transforms.workers.plan_files import local_file
from transforms.workers.streaming import what_lasts

PARSERS = {"sitemap": parse_sitemap, ARCHIVED: parse_listing}
"""By the kind of what is no feed."""

PolledFeed = tuple[FeedTask, Poll]


class Read(NamedTuple):
    """A feed, what its server answered, and what its document says (None: nothing to read)."""

    task: FeedTask
    answer: Response | HttpFailure
    document: FeedDocument | Unreadable | None


@dataclass
class ReadFeeds(beam.PTransform):
    """(task, answer) to Read, parsed in the pool; unchanged bodies are not parsed again."""

    settings: ExtractSettings

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        """Parse."""
        return answers | beam.ParDo(_Parse(self.settings))


@dataclass
class FindNewEntries(beam.PTransform):
    """Read to (task, Poll), with the entries that the ids in the file at `known` leave out."""

    known: str

    def expand(self, read: beam.PCollection) -> beam.PCollection:
        """Compare."""
        return read | beam.ParDo(_FindNew(self.known))


@dataclass
class OwePages(beam.PTransform):
    """(task, Poll) to page tasks."""

    known: str

    def expand(self, polls: beam.PCollection) -> beam.PCollection:
        """List."""
        return polls | beam.ParDo(_Owe(self.known, page_tasks))


@dataclass
class TakeTexts(beam.PTransform):
    """(task, Poll) to (page task, answer), where the text of a new entry is the feed's."""

    known: str

    def expand(self, polls: beam.PCollection) -> beam.PCollection:
        """Take."""
        return polls | beam.ParDo(_Owe(self.known, own_texts))


class _Parse(beam.DoFn):
    def __init__(self, settings: ExtractSettings) -> None:
        self.settings = settings
        self.cpu = Metrics.counter(NAMESPACE, "parser_cpu_ms")

    def setup(self) -> None:
        self.parsing: Parsing[tuple[FeedTask, Any]] = Parsing(self.settings)

    def start_bundle(self) -> None:
        self.parsing.forget()

    def process(self, answered: tuple[FeedTask, Response | HttpFailure]) -> Iterator[Read]:
        host, job = host_of(answered[0].target), _job(*answered)
        for key, document in self.parsing.hand_in(answered, host, job):
            yield Read(*key, document)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for key, document in self.parsing.rest():
            yield GlobalWindows.windowed_value(Read(*key, document))
        self.cpu.inc(round(pool.take_cpu_seconds() * 1000))


def _job(task: FeedTask, answer: Response | HttpFailure) -> Job | None:
    if isinstance(answer, HttpFailure) or is_unchanged(task, answer):
        return None
    document = answer.body, answer.headers, answer.url
    if task.kind == "feed":  # others write their dates as XML and HTTP do
        return parse_feed, (*document, task.language, task.country)
    return PARSERS[task.kind], document


class _FindNew(beam.DoFn):
    def __init__(self, known: str) -> None:
        self.path = known

    def setup(self) -> None:
        self.known = _known(self.path)

    def process(self, read: Read) -> Iterator[PolledFeed]:
        try:
            poll = poll_record(*read, self.known.__contains__, self.known.entry_of)
        except Exception as error:  # whatever it is, it is about this feed alone
            poll = poll_that_failed(read.task, read.answer, error)
        yield read.task, poll


class _Owe(beam.DoFn):
    def __init__(self, known: str, owed: Callable[..., Iterator[Any]]) -> None:
        self.path, self.owed = known, owed

    def setup(self) -> None:
        self.known = _known(self.path)

    def process(self, polled: PolledFeed) -> Iterator[Any]:
        yield from self.owed(*polled, self.known.__contains__)


def _known(path: str) -> KnownIds:
    lasting = what_lasts()
    return lasting.known if lasting else _read_known(path)


@lru_cache(maxsize=1)
def _read_known(path: str) -> KnownIds:
    """Read once for all steps of a worker."""
    with local_file(path) as file:
        return KnownIds.read(file)
