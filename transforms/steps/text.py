"""From answers to judged articles: text and topics, in the pool of parsers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from config.models import ExtractSettings, KeepSettings, Taxonomy
from transforms.records import HttpFailure, Page, PageTask, Reread, Response, Unreadable
from transforms.steps import NAMESPACE
from transforms.text.pages import failed_page, unchanged_page
from transforms.urls import host_of
from transforms.web.kept import PageKeeper
from transforms.workers import pool
from transforms.workers.judging import hand_over, judge_page, not_read, reread_page
from transforms.workers.parsing import Parsing
from transforms.workers.streaming import what_lasts

Answered = tuple[PageTask, "Response | HttpFailure"]


@dataclass
class JudgePages(beam.PTransform):
    """(task, answer) to Page: an article with its topics and their evidence, or why there is none.

    One call in the pool does it all, from the bytes on.
    """

    settings: ExtractSettings
    taxonomy: Taxonomy
    keeping: KeepSettings | None = None
    """Where answers are kept that became articles, and for how long; None: they are not."""

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        """Extract and tag."""
        return answers | beam.ParDo(_Judge(self.settings, self.taxonomy, self.keeping))


@dataclass
class JudgeAgain(beam.PTransform):
    """`Reread` to Page: what `JudgePages` makes of a page, from where it was kept.

    The processes of the pool read the files themselves, so that no page goes from one to another.
    """

    settings: ExtractSettings
    taxonomy: Taxonomy

    def expand(self, pages: beam.PCollection) -> beam.PCollection:
        """Read, extract and tag."""
        return pages | beam.ParDo(_JudgeAgain(self.settings, self.taxonomy))


class _InPool(beam.DoFn):
    """Hands pages to the pool, and on what came of them."""

    def __init__(self, settings: ExtractSettings, taxonomy: Taxonomy) -> None:
        self.settings, self.taxonomy = settings, taxonomy
        self.cpu = Metrics.counter(NAMESPACE, "parser_cpu_ms")

    def setup(self) -> None:
        self.parsing: Parsing[Any] = Parsing(self.settings)
        self.topics = hand_over(self.taxonomy)

    def start_bundle(self) -> None:
        self.parsing.forget()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for key, outcome in self.parsing.rest():
            yield GlobalWindows.windowed_value(self._page(key, outcome))
        self.cpu.inc(round(pool.take_cpu_seconds() * 1000))

    def _page(self, key: Any, outcome: Any) -> Page:
        raise NotImplementedError


class _Judge(_InPool):
    def __init__(
        self, settings: ExtractSettings, taxonomy: Taxonomy, keeping: KeepSettings | None
    ) -> None:
        super().__init__(settings, taxonomy)
        self.keeping = keeping
        self.articles = Metrics.counter(NAMESPACE, "articles")
        self.failures = Metrics.counter(NAMESPACE, "page_failures")

    def setup(self) -> None:
        super().setup()
        self.lasting = what_lasts()
        self.keeper = self.lasting.keeper if self.lasting else None
        if self.keeping and not self.lasting:
            self.keeper = PageKeeper(self.keeping)

    def teardown(self) -> None:
        if self.keeper and not self.lasting:
            self.keeper.close()

    def process(self, answered: Answered) -> Iterator[Page]:
        task, answer = answered
        job = None
        if isinstance(answer, Response) and answer.status != 304:
            job = judge_page, (task, answer, self.topics)
        for key, outcome in self.parsing.hand_in(answered, host_of(task.target), job):
            yield self._page(key, outcome)

    def _page(self, key: Answered, outcome: Any) -> Page:
        page = outcome if isinstance(outcome, Page) else _without(*key, outcome)
        answer = key[1]
        if self.keeping and self.keeper and isinstance(answer, Response):
            page = self.keeper.keep(page, answer)
        if page.state != "unchanged":
            (self.failures if page.article is None else self.articles).inc()
        return page


class _JudgeAgain(_InPool):
    def process(self, reread: Reread) -> Iterator[Page]:
        job = reread_page, (reread, self.topics)
        for key, outcome in self.parsing.hand_in(reread, host_of(reread.task.url), job):
            yield self._page(key, outcome)

    def _page(self, key: Reread, outcome: Any) -> Page:
        if isinstance(outcome, Page):
            return outcome
        return failed_page(key.task, not_read(key.task), outcome)


def _without(task: PageTask, answer: Response | HttpFailure, problem: Unreadable | None) -> Page:
    """What comes of an answer that was not judged."""
    if isinstance(answer, Response) and answer.status == 304:
        return unchanged_page(task, answer)
    return failed_page(task, answer, problem)
