"""The command line."""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from config.errors import ConfigError
from config.load import load_feeds, load_topics, shipped
from config.models import VERSION, FetchSettings
from pipeline.commands.commit import commit
from pipeline.commands.db import db
from pipeline.commands.doctor import doctor
from pipeline.commands.export import export
from pipeline.commands.feeds import feeds as feeds_group
from pipeline.commands.options import (
    Span,
    beam_argument,
    database_option,
    feeds_option,
    fetching_options,
    lock_option,
    option,
    publish_option,
    staging_option,
    topics_option,
)
from pipeline.commands.prune import prune
from pipeline.commands.retag import retag
from pipeline.commands.search import search
from pipeline.commands.serve import serve
from pipeline.commands.sql import sql
from pipeline.commands.status import status
from pipeline.commands.stream import stream
from pipeline.run import logs
from sinks.database.errors import REPORTED
from sinks.database.where import Where

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Commands(click.Group):
    """Turns our errors into a message and their exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except REPORTED as error:
            from pipeline.show.output import safe

            logs.say(safe(str(error)), logging.ERROR, "newsbeam: ")  # may quote stored text
            ctx.exit(error.exit_status)
        except BrokenPipeError:  # `newsbeam sql … | head`
            sys.stderr.close()
            ctx.exit(0)
        except OSError as error:  # disk full, no rights: what is staged stays staged
            logs.say(str(error), logging.ERROR, "newsbeam: ")
            ctx.exit(1)


@click.group(cls=_Commands, context_settings=HELP)
@click.version_option(VERSION, prog_name="newsbeam")
@option("--verbose", is_flag=True, help="Show the log of Beam and of the libraries.")
@option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What standard error is: lines for people, or one JSON object a line.",
)
def main(verbose: bool, log_format: str) -> None:
    """Turn news feeds into a DuckDB database that people can query, trust and audit.

    \b
    Exit status:
      0   done, also when single feeds or articles failed: those are rows
      1   it failed; of a run nothing is lost. Or what was asked is not so: `status`,
          `doctor`, `db check`, `feeds --check`
      2   wrong usage or configuration
      75  another run is active, or the database stayed locked; what was
          fetched waits staged for the next run
    """
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):  # the news is wider than some terminals' charset
            output.reconfigure(errors="backslashreplace")
    logs.configure(log_format, verbose)


@main.command(short_help="Poll what is due, fetch, extract, tag, commit.")
@feeds_option
@topics_option
@database_option
@option("--now", is_flag=True, help="Poll all feeds, due or not.")
@fetching_options
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
    from pipeline.show.output import Screen, run_line, summary, summary_json

    catalogue, taxonomy = _load(feeds, topics)
    if from_warc:
        if now or fetching.archive:
            raise click.UsageError("--from-warc asks nothing of the web: no --now, no --archive")
        if staging and "://" in staging:
            raise click.UsageError("--from-warc takes files of this machine: --staging is a path")
        further, beam_options = _files_first(beam_options)
        from_warc += further
    options = RunOptions(
        database,
        catalogue,
        taxonomy,
        now,
        lock_timeout,
        runner,
        beam_options,
        fetching,
        publish,
        from_warc,
        time_limit[1] if time_limit else None,
        staging,
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


@main.command(short_help="Say what is wrong in a configuration.")
@feeds_option
@topics_option
@option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def check(feeds: Path | None, topics: Path | None, as_json: bool) -> None:
    """Say what is wrong in a configuration, with file and line; exit status 2 if anything is."""
    import json

    catalogue, taxonomy = _load(feeds, topics)
    phrases = sum(len(topic.any) for topic in taxonomy.topics)
    counts = {
        "feeds": len(catalogue),
        "topics": len(taxonomy.topics),
        "phrases": phrases,
        "taxonomy_version": taxonomy.version,
    }
    if as_json:
        click.echo(json.dumps(counts))
        return
    click.echo(f"{feeds or 'shipped feeds'}: {len(catalogue)} feeds, nothing wrong")
    click.echo(
        f"{topics or 'shipped topics'}: {len(taxonomy.topics)} topics with {phrases} phrases, "
        f"version {taxonomy.version}, nothing wrong"
    )


@main.command(short_help="Try it all on the embedded newsroom.")
@option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("newsbeam-demo"),
    show_default=True,
    help="Where the demo leaves its feeds file and database.",
)
def demo(directory: Path) -> None:
    """Run the whole thing on the embedded newsroom, and ask the database first questions."""
    from pipeline.commands.demo_run import run_demo

    run_demo(directory)


@main.command(short_help="Serve the embedded newsroom.")
@option("--port", type=click.IntRange(0, 65535), default=8750, show_default=True, help="0: any.")
@option("--outlets", type=int, default=12, show_default=True, help="Outlets that behave.")
@option("--articles", type=int, default=150, show_default=True, help="Articles in all.")
@option("--page-kilobytes", type=int, default=40, show_default=True, help="Weight of a page.")
@option("--latency-ms", type=int, default=0, show_default=True, help="Wait before each answer.")
@option("--seed", type=int, default=7, show_default=True, help="Another seed, other news.")
@option("--kind", is_flag=True, help="Leave out the outlets that misbehave.")
@option("--held", is_flag=True, help="List nothing until a POST to _control/publish/N.")
@option(
    "--publish-every",
    type=Span(),
    metavar="SPAN",
    help="List one article, and one more each so often; implies --held.",
)
@option("--interval", default="15m", show_default=True, help="Of its feeds.")
@option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON.")
def newsroom(
    port: int,
    outlets: int,
    articles: int,
    page_kilobytes: int,
    latency_ms: int,
    seed: int,
    kind: bool,
    held: bool,
    publish_every: tuple[str, int] | None,
    interval: str,
    as_json: bool,
) -> None:
    """Serve the embedded newsroom on loopback until it is stopped.

    To watch a stream, let it publish while it is read:

    \b
      newsbeam newsroom --publish-every 2s --interval 10s
    """
    import json

    from pipeline.newsroom import NewsroomServer, NewsroomSettings, serve

    def tell(server: NewsroomServer) -> None:
        feeds = f"{server.base_url}/_control/feeds.yaml"
        if as_json:
            click.echo(json.dumps({"base_url": server.base_url, "feeds": feeds}))
        else:
            click.echo(f"Newsroom at {server.base_url} until Ctrl-C. Read it with:")
            click.echo(f"  curl -o newsroom.yaml {feeds}")
            click.echo("  newsbeam run --feeds newsroom.yaml --allow-private-hosts --host-delay 0")
        sys.stdout.flush()

    every = publish_every[1] if publish_every else None
    settings = NewsroomSettings(
        outlets,
        articles,
        page_kilobytes,
        latency_ms,
        seed,
        not kind,
        held or every is not None,
        interval,
    )
    serve(settings, port, tell, every)


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


def _load(feeds: Path | None, topics: Path | None) -> tuple[Any, Any]:
    """Both files, or the complaints about both."""
    problems, loaded = [], []
    for load, path in ((load_feeds, feeds or shipped("feeds.yaml")),
                       (load_topics, topics or shipped("topics.yaml"))):  # fmt: skip
        try:
            loaded.append(load(path))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("the configuration is wrong\n" + "\n".join(problems))
    return loaded[0], loaded[1]


for command in (
    commit,
    db,
    doctor,
    export,
    feeds_group,
    prune,
    retag,
    search,
    serve,
    sql,
    status,
    stream,
):
    main.add_command(command)
