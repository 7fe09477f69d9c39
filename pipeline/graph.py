"""The graph: the whole way of the data, the same on every runner."""

from __future__ import annotations

import apache_beam as beam

from config.models import ExtractSettings, FetchSettings, Taxonomy
from pipeline.plan import Plan, read_feed_tasks, read_page_tasks
from sinks.staging import RunFolder
from sinks.write import WriteShards
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
    known, signals, shards = str(plan.known), str(folder.signals), str(folder.path)

    polls = (
        pipeline
        | "Plan of feeds" >> beam.Create([str(plan.feeds)])
        | "Due feeds" >> beam.FlatMap(read_feed_tasks)
        | "Feeds by host" >> ByHost(workers)
        | "Poll feeds" >> PollFeeds(fetching, signals)
        | "Read feeds" >> ReadFeeds(extracting)
        | "Find new entries" >> FindNewEntries(known)
    )
    polls | "Polls" >> beam.Values() | "Stage polls" >> WriteShards(shards, "polls")

    owed = (
        pipeline
        | "Plan of pages" >> beam.Create([str(plan.owed)])
        | "Owed pages" >> beam.FlatMap(read_page_tasks)
    )
    new = polls | "New pages" >> OwePages(known)
    (
        (owed, new)
        | "All pages" >> beam.Flatten()
        | "Pages by host" >> ByHost(workers)
        | "Fetch pages" >> FetchPages(fetching, signals)
        | "Extract text" >> ExtractText(extracting)
        | "Tag topics" >> TagTopics(taxonomy)
        | "Stage pages" >> WriteShards(shards, "pages")
    )
