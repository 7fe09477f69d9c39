"""From answers to judged articles: text and topics, in the pool of parsers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from config.models import ExtractSettings, Taxonomy
from transforms.records import HttpFailure, Page, PageTask, Response, Unreadable
from transforms.steps import NAMESPACE
from transforms.text.pages import failed_page, unchanged_page
from transforms.urls import host_of
from transforms.workers import pool
from transforms.workers.judging import hand_over, judge_page
from transforms.workers.parsing import Parsing

Answered = tuple[PageTask, "Response | HttpFailure"]


@dataclass
class JudgePages(beam.PTransform):
    """(task, answer) to Page: an article with its topics and their evidence, or why there is none.

    One call in the pool does it all, from the bytes on.
    """

    settings: ExtractSettings
    taxonomy: Taxonomy

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        """Extract and tag."""
        return answers | beam.ParDo(_Judge(self.settings, self.taxonomy))


class _Judge(beam.DoFn):
    def __init__(self, settings: ExtractSettings, taxonomy: Taxonomy) -> None:
        self.settings, self.taxonomy = settings, taxonomy
        self.cpu = Metrics.counter(NAMESPACE, "parser_cpu_ms")
        self.articles = Metrics.counter(NAMESPACE, "articles")
        self.failures = Metrics.counter(NAMESPACE, "page_failures")

    def setup(self) -> None:
        self.parsing: Parsing[Answered] = Parsing(self.settings)
        self.topics = hand_over(self.taxonomy)

    def start_bundle(self) -> None:
        self.parsing.forget()

    def process(self, answered: Answered) -> Iterator[Page]:
        task, answer = answered
        job = None
        if isinstance(answer, Response) and answer.status != 304:
            job = judge_page, (task, answer, self.topics)
        for key, outcome in self.parsing.hand_in(answered, host_of(task.target), job):
            yield self._page(key, outcome)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for key, outcome in self.parsing.rest():
            yield GlobalWindows.windowed_value(self._page(key, outcome))
        self.cpu.inc(round(pool.take_cpu_seconds() * 1000))

    def _page(self, answered: Answered, outcome: Any) -> Page:
        page = outcome if isinstance(outcome, Page) else _without(*answered, outcome)
        if page.state != "unchanged":
            (self.failures if page.article is None else self.articles).inc()
        return page


def _without(
    task: PageTask, answer: Response | HttpFailure, problem: Unreadable | None
) -> Page:
    """What comes of an answer that was not judged."""
    if isinstance(answer, Response) and answer.status == 304:
        return unchanged_page(task, answer)
    return failed_page(task, answer, problem)
