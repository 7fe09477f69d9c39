"""What the graph stages."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam

from pipeline.run.graph import stage
from sinks.load.run_commit import commit_run
from tests.kit.rows import rows
from tests.kit.samples import FEED, OTHER, RUN, listed, new_run, page, poll
from transforms.feeds.polls import refused_poll
from transforms.text.pages import refused_page


def test_rows_that_do_not_fit_are_committed_as_failures(tmp_path: Path) -> None:
    database, large = tmp_path / "news.duckdb", 2**70
    folder = new_run(database, RUN)
    polls = [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)]), poll(OTHER, 0, entries=large)]
    pages = [page(1), page(2)._replace(http_status=large)]
    with beam.Pipeline() as pipeline:
        stage(pipeline | "polls" >> beam.Create(polls), "polls", folder, refused_poll)
        stage(pipeline | "pages" >> beam.Create(pages), "pages", folder, refused_page)
    committed = commit_run(database, folder, 0)
    assert committed.failures == [("stage", "Misfit", 2)]
    assert rows(database, "SELECT state FROM entries ORDER BY url") == [("fetched",), ("failed",)]
    polled = rows(database, "SELECT feed_url, status FROM feed_polls ORDER BY feed_url")
    assert polled == [(FEED, "ok"), (OTHER, "failed")]
