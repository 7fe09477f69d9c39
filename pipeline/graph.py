"""The graph: the whole way of the data, the same on every runner."""

from __future__ import annotations

from datetime import datetime, timezone

import apache_beam as beam

from config.models import ExtractSettings, FetchSettings, Taxonomy
from pipeline.plan import Plan, read_feed_tasks, read_page_tasks
from sinks.connector.tables import Misfit
from sinks.connector.write import MISFITS, StageRows
from sinks.shards import TABLES
from sinks.staging import RunFolder
from transforms.steps import (
    ByHost,
    ExtractText,
    FetchPages,
    FindNewEntries,
    OwePages,
    PollFeeds,
    ReadFeeds,
    TagTopics,
)

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
) -> None:
    """Poll the feeds that are due, fetch what they and earlier runs owe, stage every outcome.

    Each of the two halves is one fused stage after a grouping by host: bodies never cross a
    shuffle, and each host is one worker's, but for redirects from elsewhere.
    """
    known, signals = str(plan.known), str(folder.signals)

    polls = (
        pipeline
        | "Plan of feeds" >> beam.Create([str(plan.feeds)])
        | "Due feeds" >> beam.FlatMap(read_feed_tasks)
        | "Feeds by host" >> ByHost(workers)
        | "Poll feeds" >> PollFeeds(fetching, signals)
        | "Read feeds" >> ReadFeeds(extracting)
        | "Find new entries" >> FindNewEntries(known)
    )
    staged_polls = polls | "Polls" >> beam.Values() | "Stage polls" >> _stage("polls", folder)

    owed = (
        pipeline
        | "Plan of pages" >> beam.Create([str(plan.owed)])
        | "Owed pages" >> beam.FlatMap(read_page_tasks)
    )
    new = polls | "New pages" >> OwePages(known)
    staged_pages = (
        (owed, new)
        | "All pages" >> beam.Flatten()
        | "Pages by host" >> ByHost(workers)
        | "Fetch pages" >> FetchPages(fetching, signals)
        | "Extract text" >> ExtractText(extracting)
        | "Tag topics" >> TagTopics(taxonomy)
        | "Stage pages" >> _stage("pages", folder)
    )
    (
        (staged_polls[MISFITS], staged_pages[MISFITS])
        | "All misfits" >> beam.Flatten()
        | "Say why" >> beam.Map(_misfit)
        | "Stage misfits" >> _stage("misfits", folder)
    )


def _stage(kind: str, folder: RunFolder) -> StageRows:
    return StageRows(
        TABLES[kind],
        str(folder.path),
        folder.run_id,
        rows=SHARD_ROWS,
        seconds=SHARD_SECONDS,
        namespace="newsbeam",
    )


def _misfit(misfit: Misfit) -> dict[str, object]:
    """A failure for the database: a row of ours that its own table refuses."""
    address = misfit.row.feed_url if misfit.table == "polls" else misfit.row.url
    return {
        "input": address,
        "feed_url": misfit.row.feed_url,
        "reason": f"{misfit.table}: {misfit.reason}",
        "failed_at": datetime.now(timezone.utc),
    }
