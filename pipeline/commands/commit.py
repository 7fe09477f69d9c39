"""`newsbeam commit`: bring in what earlier runs left staged."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands.options import (
    beam_argument,
    check_reach,
    database_option,
    json_option,
    lock_option,
    publish_option,
    staging_option,
)
from sinks.connector.errors import DatabaseError
from sinks.database.where import Where, is_there, local

NOTHING = "no such database, and nothing is staged for it"


@click.command(short_help="Commit what earlier runs left staged.")
@database_option
@lock_option
@staging_option
@publish_option
@json_option
@beam_argument
def commit(
    database: Where,
    lock_timeout: float,
    staging: str | None,
    publish: Path | None,
    as_json: bool,
    beam_options: tuple[str, ...],
) -> None:
    """Commit what earlier runs left staged, oldest first, and fetch nothing.

    A run leaves its files staged when the database stayed locked, or when it died; the next run
    brings them in as well. With --staging, options of Beam for that file system may follow:

    \b
      newsbeam commit --staging s3://news/staging -- --s3_endpoint_url=https://s3.example.org
    """
    from pipeline.run.lock import only_one
    from pipeline.show.summaries import committed_json, published_json, published_line, taken_over
    from pipeline.show.words import dumps, warn
    from sinks.database.opening import bring_up_to_date
    from sinks.keep.publish import check_target
    from sinks.load.follow import follow
    from sinks.load.run_commit import recover
    from sinks.staging.folder import open_staging

    check_reach(staging, beam_options)
    if publish:
        check_target(database, publish, lock_timeout)
    if not is_there(database) and (staging or not Path(f"{local(database)}.staging").is_dir()):
        raise DatabaseError(f"{database}: {NOTHING}")
    opened = open_staging(database, staging, beam_options=beam_options, lock_timeout=lock_timeout)
    with only_one(database), opened as staged:
        bring_up_to_date(database, lock_timeout)
        brought = recover(database, staged, lock_timeout)
        if not is_there(database):
            raise DatabaseError(f"{database}: {NOTHING}")
        published, unpublished, warning = follow(database, lock_timeout, publish)
        warn(warning)
    if as_json:
        recovered = [committed_json(item) for item in brought]
        click.echo(dumps({"recovered": recovered, "published": published_json(published)}))
    else:
        of = f" in {staged.address}" if staging else ""
        lines = [taken_over(item) for item in brought] or [f"Nothing is staged for {database}{of}."]
        if published:
            lines.append(published_line(published))
        click.echo("\n".join(lines))
    if unpublished:
        raise unpublished
