"""`newsbeam demo`: the main job on the embedded newsroom, then the questions asked first."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from config.errors import ConfigError
from config.load import load_feeds, load_topics, shipped
from config.models import FetchSettings
from pipeline.commands.options import option

if TYPE_CHECKING:
    from pipeline.run.batch import RunOptions


class Question(NamedTuple):
    """A question and the query that answers it."""

    text: str
    sql: str


QUESTIONS = (
    Question(
        "What is written about, in how many languages, and where?",
        """SELECT topic, count(*) AS articles, count(DISTINCT outlet) AS outlets,
       string_agg(DISTINCT language, ' ' ORDER BY language) AS languages
FROM article_topics JOIN articles USING (article_id)
GROUP BY topic ORDER BY articles DESC, topic LIMIT 6""",
    ),
    Question(
        "Why were these articles tagged with Taiwan?",
        """SELECT language, outlet, right(before, 24) || '[' || matched || ']' || left(after, 24) AS evidence
FROM evidence_in_context JOIN articles USING (article_id)
WHERE topic = 'taiwan' AND field = 'text'
QUALIFY row_number() OVER (PARTITION BY language ORDER BY outlet, published_at, start) = 1
ORDER BY language""",
    ),
    Question(
        "What was missed, and why?",
        """SELECT state, coalesce(split_part(reason, ': ', 1), '') AS reason, count(*) AS entries
FROM entries WHERE state <> 'fetched'
GROUP BY ALL ORDER BY ALL""",
    ),
    Question(
        "Which feeds are unwell?",
        """SELECT outlet, health, failures, left(last_error, 60) AS last_error
FROM feed_health WHERE health <> 'ok' LIMIT 6""",
    ),
)  # fmt: skip


def run_demo(directory: Path) -> None:
    """Fill `directory` with a feeds file and a new database, and answer the questions."""
    from pipeline.newsroom import NewsroomServer, NewsroomSettings
    from pipeline.run.batch import run_batch
    from pipeline.show.progress import Screen
    from pipeline.show.summaries import summary
    from pipeline.show.tables import write_table
    from sinks.ask.query import query

    _take(directory)
    database, feeds = directory / "news.duckdb", directory / "feeds.yaml"
    for old in (database, database.with_name(database.name + ".wal")):
        old.unlink(missing_ok=True)
    settings = NewsroomSettings()
    with NewsroomServer(settings) as newsroom:
        feeds.write_text(newsroom.feeds_yaml(), encoding="utf-8")
        click.echo("A newsroom of invented outlets serves feeds and articles on loopback.")
        for command in ("First run: everything is new.", "Second run: nothing is."):
            click.echo(f"\n{command}")
            click.echo(summary(run_batch(_options(database, feeds), Screen())))
    for number, question in enumerate(QUESTIONS, 1):
        click.echo(f"\n{number}. {question.text}\n")
        with query(database, question.sql) as result:
            write_table(result.columns, result.rows, sys.stdout)
    program = "newsbeam" if shutil.which("newsbeam") else ".venv/bin/newsbeam"
    click.echo(f'\nAsk on: {program} sql --database {database} "FROM topics_per_outlet"')


def _take(directory: Path) -> None:
    """Make the demo's folder, or make sure that it is one."""
    marker = directory / ".newsbeam-demo"
    if directory.exists() and any(directory.iterdir()) and not marker.exists():
        raise ConfigError(
            f"{directory}: holds files that the demo did not make, and it would overwrite "
            "feeds.yaml and news.duckdb there; name another --directory"
        )
    directory.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _options(database: Path, feeds: Path) -> RunOptions:
    from pipeline.run.batch import RunOptions

    return RunOptions(
        database,
        load_feeds(feeds),
        load_topics(shipped("topics.yaml")),
        poll_all=True,
        fetching=FetchSettings(host_concurrency=8, host_delay=0, allow_private_hosts=True),
    )


@click.command(short_help="Try it all on the embedded newsroom.")
@option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("newsbeam-demo"),
    show_default=True,
    help="Where the demo leaves its feeds file and database.",
)
def demo(directory: Path) -> None:
    """Run the whole thing on the embedded newsroom, and ask the database first questions."""
    run_demo(directory)
