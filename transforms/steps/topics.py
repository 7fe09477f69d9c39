"""Tagging anew what is in the database, in the pool of parsers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from config.models import ExtractSettings, Taxonomy
from transforms.records import RetaggedArticle, Unreadable
from transforms.workers.judging import hand_over, retag
from transforms.workers.parsing import Parsing

BATCH = 100
"""Articles a call: so many cost a process some 50 ms, against which the way to it is nothing."""


@dataclass
class TagAgain(beam.PTransform):
    """Articles of the database, as dictionaries, to `RetaggedArticle`."""

    taxonomy: Taxonomy
    settings: ExtractSettings = field(default_factory=ExtractSettings)

    def expand(self, articles: beam.PCollection) -> beam.PCollection:
        """Tag."""
        return articles | beam.ParDo(_TagAgain(self.taxonomy, self.settings))


class _TagAgain(beam.DoFn):
    def __init__(self, taxonomy: Taxonomy, settings: ExtractSettings) -> None:
        self.taxonomy, self.settings = taxonomy, settings

    def setup(self) -> None:
        self.parsing: Parsing[list[dict[str, Any]]] = Parsing(self.settings)
        self.topics = hand_over(self.taxonomy)

    def start_bundle(self) -> None:
        self.parsing.forget()
        self.batch: list[dict[str, Any]] = []

    def process(self, article: dict[str, Any]) -> Iterator[RetaggedArticle]:
        self.batch.append(article)
        if len(self.batch) >= BATCH:
            yield from self._hand_in()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from map(GlobalWindows.windowed_value, self._hand_in())
        for done in self.parsing.rest():
            yield from map(GlobalWindows.windowed_value, _tagged(*done))

    def _hand_in(self) -> Iterator[RetaggedArticle]:
        batch, self.batch = self.batch, []
        for done in self.parsing.hand_in(batch, "", (retag, (batch, self.topics))):
            yield from _tagged(*done)


def _tagged(batch: list[dict[str, Any]], outcome: Any) -> list[RetaggedArticle]:
    if isinstance(outcome, Unreadable):
        first = batch[0]["article_id"]
        raise RuntimeError(f"{outcome.error_type}: {outcome.message} (in articles from {first} on)")
    tagged: list[RetaggedArticle] = outcome
    return tagged
