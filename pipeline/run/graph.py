"""The graph: the whole way of the data, the same on every runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam

from config.models import ExtractSettings, FetchSettings, KeepSettings, Taxonomy
from pipeline.run.plan import Plan
from sinks.connector.write import MISFITS, StageRows
from sinks.staging.folder import RunFolder
from sinks.staging.shards import TABLES
from transforms.feeds.polls import refused_poll
from transforms.records import FeedTask, PageTask
from transforms.shapes import read_lines
from transforms.steps.feeds import FindNewEntries, OwePages, ReadFeeds, TakeTexts
from transforms.steps.text import JudgePages
from transforms.steps.web import HOSTS, ROBOTS, ByHost, FetchPages, PlanFiles, PollFeeds
from transforms.text.pages import refused_page
from transforms.web.hosts import refused_rest
from transforms.web.robots import refused_robots
from transforms.workers.plan_files import local_file

SHARD_ROWS, SHARD_SECONDS = 200, 10.0
"""A shard is written after so many rows, or so long: what a crash may cost to fetch again."""


def ingest(
    pipeline: beam.Pipeline,
    plan: Plan,
    folder: RunFolder,
    taxonomy: Taxonomy,
    fetching: FetchSettings,
    extracting: ExtractSettings,
    workers: int,
    keeping: KeepSettings | None = None,
) -> None:
    """Poll the feeds that are due, fetch what they and earlier runs owe, stage every outcome.

    Each of the two halves is one fused stage after a grouping by host: bodies never cross a
    shuffle, and each host is one worker's, but for redirects from elsewhere.
    """
    known, signals = folder.shared(plan.known), str(folder.signals)
    files = PlanFiles(
        hosts=folder.shared(plan.hosts),
        robots=folder.shared(plan.robots),
        texts=folder.shared(plan.texts),
        archive=str(plan.archive) if plan.archive else None,
    )
    polled = (
        pipeline
        | "Plan of feeds" >> beam.Create([folder.shared(plan.feeds)])
        | "Due feeds" >> beam.FlatMap(_tasks, FeedTask)
        | "Feeds by host" >> ByHost(workers)
        | "Poll feeds" >> PollFeeds(fetching, signals, files)
    )
    polls = (
        polled["answers"]
        | "Read feeds" >> ReadFeeds(extracting)
        | "Find new entries" >> FindNewEntries(known)
    )
    stage(polls | "Polls" >> beam.Values(), "polls", folder, refused_poll)
    texts = polls | "Texts of feeds" >> TakeTexts(known)
    told = texts | "Judge texts" >> JudgePages(extracting, taxonomy)
    stage(told, "pages", folder, refused_page, label="texts")

    owed = (
        pipeline
        | "Plan of pages" >> beam.Create([folder.shared(plan.owed)])
        | "Owed pages" >> beam.FlatMap(_tasks, PageTask)
    )
    new = polls | "New pages" >> OwePages(known)
    fetched = (
        (owed, new)
        | "All pages" >> beam.Flatten()
        | "Pages by host" >> ByHost(workers)
        | "Fetch pages" >> FetchPages(fetching, signals, files)
    )
    stage(fetched[ROBOTS], "robots", folder, refused_robots)
    resting = (polled[HOSTS], fetched[HOSTS]) | "Resting hosts" >> beam.Flatten()
    stage(resting, "hosts", folder, refused_rest)
    judging = JudgePages(extracting, taxonomy, keeping)
    pages = fetched["answers"] | "Judge pages" >> judging
    stage(pages, "pages", folder, refused_page)


def _tasks(address: str, task: type[Any]) -> Iterator[Any]:
    with local_file(address) as path:
        yield from read_lines(path, task)


def stage(
    outcomes: beam.PCollection,
    kind: str,
    folder: RunFolder,
    refused: Callable[[Any, str], Any],
    label: str | None = None,
) -> None:
    """Stage outcomes of a kind; what a shard refuses goes there too, with the reason."""
    label = label or kind

    def shards() -> StageRows:
        return StageRows(
            TABLES[kind],
            folder.address,
            folder.run_id,
            rows=SHARD_ROWS,
            seconds=SHARD_SECONDS,
            namespace="newsbeam",
        )

    staged = outcomes | f"Stage {label}" >> shards()
    _ = (
        staged[MISFITS]
        | f"Refused {label}" >> beam.Map(lambda misfit: refused(misfit.row, misfit.reason))
        | f"Stage refused {label}" >> shards()
    )
