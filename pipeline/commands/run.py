"""`newsbeam run`: the main job, once."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from config.load import load_configuration
from config.models import FetchSettings
from pipeline.commands.options import (
    Span,
    beam_argument,
    database_option,
    feeds_option,
    fetching_options,
    keep_pages_option,
    lock_option,
    option,
    publish_option,
    staging_option,
    topics_option,
)
from pipeline.run import logs
from sinks.database.where import Where


@click.command(short_help="Poll what is due, fetch, extract, tag, commit.")
@feeds_option
@topics_option
@database_option
@option("--now", is_flag=True, help="Poll all feeds, due or not.")
@fetching_options
@keep_pages_option
@lock_option
@staging_option
@publish_option
@option(
    "--from-warc",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE…",
    help="Take pages from WARC files; the web is not asked.",
)
@option(
    "--time-limit",
    type=Span(),
    metavar="SPAN",
    help="Ask nothing more after so long, such as 20m; the rest is left to the next run.",
)
@option(
    "--metrics-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Add metrics to this file, for node_exporter to find.",
)
@option("--runner", default="DirectRunner", show_default=True, help="Beam runner.")
@option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@beam_argument
def run(
    feeds: Path | None,
    topics: Path | None,
    database: Where,
    now: bool,
    fetching: FetchSettings,
    keep_pages: tuple[str, int] | None,
    lock_timeout: float,
    staging: str | None,
    publish: Path | None,
    from_warc: tuple[Path, ...],
    time_limit: tuple[str, int] | None,
    metrics_file: Path | None,
    runner: str,
    as_json: bool,
    beam_options: tuple[str, ...],
) -> None:
    """One scheduled run: poll the feeds that are due, fetch, extract, tag, commit.

    What earlier runs left staged is committed first. SIGINT and SIGTERM end the run early; what
    it fetched is committed. Options of Beam follow after two hyphens:

    \b
      newsbeam run --feeds feeds.yaml -- --direct_running_mode=multi_processing

    With --from-warc the pages of WARC files, such as Common Crawl's CC-NEWS or what --archive
    wrote, take the place of the web; a site that the feeds file knows keeps its outlet:

    \b
      newsbeam run --feeds feeds.yaml --from-warc first.warc.gz second.warc.gz
    """
    from pipeline.run.batch import RunOptions, run_batch
    from pipeline.show.progress import Screen
    from pipeline.show.summaries import run_line, summary, summary_json

    catalogue, taxonomy = load_configuration(feeds, topics)
    if from_warc:
        if now or fetching.archive:
            raise click.UsageError("--from-warc asks nothing of the web: no --now, no --archive")
        if staging and "://" in staging:
            raise click.UsageError("--from-warc takes files of this machine: --staging is a path")
        further, beam_options = _files_first(beam_options)
        from_warc += further
    options = RunOptions(
        database=database,
        feeds=catalogue,
        taxonomy=taxonomy,
        poll_all=now,
        lock_timeout=lock_timeout,
        runner=runner,
        beam_options=beam_options,
        fetching=fetching,
        publish=publish,
        from_warc=from_warc,
        time_limit=time_limit[1] if time_limit else None,
        staging=staging,
        keep_pages=keep_pages[1] if keep_pages else None,
    )
    with _metrics(metrics_file, database) as metrics:
        result = run_batch(options, Screen())
        if metrics:
            metrics.ran(result)
        click.echo(summary_json(result) if as_json else summary(result))
        if logs.is_structured():
            logs.say(run_line(result.committed))
    if result.unpublished and not result.abandoned:
        raise result.unpublished
    if result.abandoned:
        if result.unpublished:
            logs.say(str(result.unpublished), logging.ERROR, "newsbeam: ")
        sys.stdout.flush()
        os._exit(result.unpublished is not None)  # a thread of the runner would keep it alive


def _metrics(path: Path | None, database: Where) -> AbstractContextManager[Any]:
    """What counts for a file, if there is to be one."""
    if path is None:
        return nullcontext()
    from pipeline.watch.metrics import written

    return written(path, database)


def _files_first(words: tuple[str, ...]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Files, as a shell makes them of ``*.warc.gz``, and the options of Beam behind them."""
    files = tuple(takewhile(lambda word: not word.startswith("-"), words))
    for file in files:
        if not Path(file).is_file():
            raise click.BadParameter(f"no file {file!r}", param_hint="--from-warc")
    return tuple(map(Path, files)), words[len(files) :]
