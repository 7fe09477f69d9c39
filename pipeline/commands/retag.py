"""newsbeam retag"""

from __future__ import annotations

from pathlib import Path

import click

from config.load import load_topics, shipped
from pipeline.commands.options import (
    beam_argument,
    database_option,
    json_option,
    lock_option,
    option,
    staging_option,
    topics_option,
)
from sinks.database.where import Where


@click.command(short_help="Tag all articles anew, after the topics have changed.")
@topics_option
@database_option
@lock_option
@staging_option
@option("--runner", default="DirectRunner", show_default=True, help="Beam runner.")
@json_option
@beam_argument
def retag(
    topics: Path | None,
    database: Where,
    lock_timeout: float,
    staging: str | None,
    runner: str,
    as_json: bool,
    beam_options: tuple[str, ...],
) -> None:
    """Tag all articles of the database by the topics of a file, without fetching anything.

    What earlier topics said of them is replaced, in one commit; their definitions stay in the
    table topics. Articles that come later are tagged by the file that `newsbeam run` is given.
    """
    from pipeline.run.again import Again
    from pipeline.run.retag import retag as tag_again
    from pipeline.show.summaries import committed_json
    from pipeline.show.words import dumps, warn
    from sinks.load.follow import follow

    taxonomy = load_topics(topics or shipped("topics.yaml"))
    what = Again(database, taxonomy, lock_timeout, runner, beam_options, staging)
    committed = tag_again(what)
    warn(follow(database, lock_timeout).warning)
    if as_json:
        click.echo(dumps(committed_json(committed)))
        return
    found = ", ".join(f"{topic} {count}" for topic, count in committed.topics)
    click.echo(f"Tagged by version {taxonomy.version} of the topics: {found or 'no article'}.")
