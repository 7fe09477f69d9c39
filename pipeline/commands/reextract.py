"""newsbeam reextract"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from config.load import load_topics, shipped
from pipeline.commands.options import (
    beam_argument,
    database_option,
    json_option,
    lock_option,
    moment,
    option,
    staging_option,
    topics_option,
)
from sinks.database.where import Where


@click.command(short_help="Extract all texts anew, from pages that were kept.")
@topics_option
@database_option
@option("--since", type=moment, metavar="MOMENT", help="Fetched then or later, such as 7d.")
@option(
    "--from-warc",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Take pages from this WARC file, too; may be given again.",
)
@option("--dry-run", is_flag=True, help="Only say what would change.")
@lock_option
@staging_option
@option("--runner", default="DirectRunner", show_default=True, help="Beam runner.")
@json_option
@beam_argument
def reextract(
    topics: Path | None,
    database: Where,
    since: datetime | None,
    from_warc: tuple[Path, ...],
    dry_run: bool,
    lock_timeout: float,
    staging: str | None,
    runner: str,
    as_json: bool,
    beam_options: tuple[str, ...],
) -> None:
    """Make the texts of articles anew, and all that is made of them, without asking the web.

    Pages are those that `newsbeam run --keep-pages` kept, and those of WARC files, such as
    --archive wrote. What the articles said before is kept as an earlier version, and the cause of
    the new one is the extractor: no edit is seen where there was none. All is one commit.
    """
    from pipeline.run.again import Again
    from pipeline.run.reextract import reextract as extract_again
    from pipeline.show.reports import reextracted_lines
    from pipeline.show.summaries import reextracted_json
    from pipeline.show.words import dumps, warn
    from sinks.database.opening import must_exist
    from sinks.load.follow import follow

    must_exist(database)
    taxonomy = load_topics(topics or shipped("topics.yaml"))
    what = Again(database, taxonomy, lock_timeout, runner, beam_options, staging)
    found = extract_again(what, since, from_warc, dry_run)
    for damage in found.damage:
        warn(f"the rest of a WARC file cannot be read: {damage}")
    if not dry_run:
        warn(follow(database, lock_timeout).warning)
    click.echo(dumps(reextracted_json(found)) if as_json else reextracted_lines(found))
