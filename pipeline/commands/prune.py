"""`newsbeam prune`: remove old articles, and remember them."""

from __future__ import annotations

from datetime import UTC

import click

from pipeline.commands.options import (
    Several,
    Span,
    database_option,
    json_option,
    lock_option,
    option,
)
from sinks.database.where import Where


@click.command(short_help="Remove old articles; they are not fetched again.")
@option("--older-than", required=True, type=Span(), metavar="AGE",
        help="Remove what was published longer ago than this, such as 26w or 180d.")  # fmt: skip
@option("--keep-tagged", is_flag=True, help="Keep articles that have a topic.")
@option("--keep-topic", multiple=True, type=Several(), metavar="TOPIC",
        help="Keep articles that have this topic; may be given again.")  # fmt: skip
@option("--dry-run", is_flag=True, help="Only say what would go.")
@database_option
@lock_option
@json_option
def prune(
    older_than: tuple[str, int],
    keep_tagged: bool,
    keep_topic: tuple[str, ...],
    dry_run: bool,
    database: Where,
    lock_timeout: float,
    as_json: bool,
) -> None:
    """Remove articles that were published long ago (or listed, where no one says when).

    Their topics, evidence and earlier versions go along, their kept pages, and what feeds said of
    them. Their ids
    stay, so that no run fetches them again. Runs, polls and failures are kept. The file keeps its
    size until `newsbeam db vacuum`.
    """
    from datetime import datetime, timedelta

    from pipeline.run.lock import only_one
    from pipeline.show.reports import pruned_lines
    from pipeline.show.words import dumps, size, warn
    from sinks.database.opening import must_exist
    from sinks.keep.pages import Tidied, wipe_pages
    from sinks.keep.prune import prune as remove
    from sinks.load.follow import follow

    text, seconds = older_than
    before = datetime.now(UTC) - timedelta(seconds=seconds)
    must_exist(database)
    wiped = Tidied()
    with only_one(database):
        pruned = remove(
            database,
            before,
            f"pruned: older than {text}",
            lock_timeout,
            keep_tagged=keep_tagged,
            keep_topics=keep_topic,
            dry_run=dry_run,
        )
        if not dry_run:
            wiped = wipe_pages(database, lock_timeout)
            warn(follow(database, lock_timeout).warning)
    if as_json:
        document = pruned._asdict() | {
            "before": before, "dry_run": dry_run, "outlets": dict(pruned.outlets),
            "topics": dict(pruned.topics), "page_bytes": wiped.bytes,
        }  # fmt: skip
        click.echo(dumps(document))
    else:
        click.echo(pruned_lines(database, pruned, dry_run))
        if wiped.files:
            click.echo(f"{size(wiped.bytes)} of kept pages removed.")
