"""`newsbeam stream`: the main job, without end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from config.load import shipped
from config.models import FetchSettings
from pipeline.commands.options import (
    Span,
    database_option,
    feeds_option,
    fetching_options,
    keep_pages_option,
    metrics_option,
    option,
    publish_option,
    topics_option,
)
from pipeline.run import logs
from pipeline.watch.address import Address
from sinks.database.where import Where


@click.command(short_help="Go on polling and committing until told to stop.")
@feeds_option
@topics_option
@database_option
@option(
    "--commit-every",
    type=Span(),
    default="10s",
    show_default=True,
    metavar="SPAN",
    help="Time between two commits, while there is anything new.",
)
@fetching_options
@keep_pages_option
@publish_option
@option(
    "--publish-every",
    type=Span(),
    default="15m",
    show_default=True,
    metavar="SPAN",
    help="Time between two copies for readers.",
)
@metrics_option
@option("--json", "as_json", is_flag=True, help="Print each run as one line of JSON.")
def stream(
    feeds: Path | None,
    topics: Path | None,
    database: Where,
    commit_every: tuple[str, int],
    fetching: FetchSettings,
    keep_pages: tuple[str, int] | None,
    publish: Path | None,
    publish_every: tuple[str, int],
    metrics: Address | None,
    as_json: bool,
) -> None:
    """Poll each feed at its own pace, and commit what is new within seconds, until told to stop.

    It does what `newsbeam run` does, again and again in one warm process, over whatever is due;
    slow hosts are waited for while the rest is committed. SIGINT and SIGTERM end it within seconds,
    with what is fetched committed. Whatever else ends it, the next start goes on where it was.

    The feeds and topics files are read again when they change; a broken edit is refused, and the
    old files stay in force:

    \b
      newsbeam stream --feeds feeds.yaml --topics topics.yaml --database news.duckdb
    """
    from pipeline.run.stream import StreamOptions, run_stream
    from pipeline.show.progress import StreamScreen

    options = StreamOptions(
        database,
        feeds or shipped("feeds.yaml"),
        topics or shipped("topics.yaml"),
        commit_every[1],
        fetching,
        publish,
        publish_every[1],
        keep_pages[1] if keep_pages else None,
    )
    measured = None
    if metrics:
        from pipeline.watch.metrics import start

        measured, address = start(metrics, database)
        logs.say(f"Metrics at http://{address}/metrics")
    try:
        abandoned = run_stream(options, StreamScreen(as_json, measured))
    finally:
        if measured:
            measured.close()
    if abandoned:
        sys.stdout.flush()
        os._exit(0)  # a thread of the runner would keep it alive
