"""`newsbeam commit`: bring in what earlier runs left staged."""

from __future__ import annotations

from pathlib import Path

import click

from config.errors import DatabaseError, PublishError
from pipeline.options import database_option, json_option, lock_option, publish_option

NOTHING = "no such database, and nothing is staged for it"


@click.command(short_help="Commit what earlier runs left staged.")
@database_option
@lock_option
@publish_option
@json_option
def commit(database: Path, lock_timeout: float, publish: Path | None, as_json: bool) -> None:
    """Commit what earlier runs left staged, oldest first, and fetch nothing.

    A run leaves its files staged when the database stayed locked, or when it died; the next run
    brings them in as well.
    """
    from pipeline.lock import only_one
    from pipeline.output import (
        committed_json,
        dumps,
        published_json,
        published_line,
        taken_over,
        warn,
    )  # fmt: skip
    from sinks.commit import recover
    from sinks.database import bring_up_to_date
    from sinks.publish import check_target
    from sinks.publish import publish as write_copy
    from sinks.search import keep_index
    from sinks.staging import open_staging

    if publish:
        check_target(database, publish, lock_timeout)
    if not database.exists() and not Path(f"{database}.staging").is_dir():
        raise DatabaseError(f"{database}: {NOTHING}")
    with only_one(database), open_staging(database) as staging:
        bring_up_to_date(database, lock_timeout)
        brought = recover(database, staging, lock_timeout)
        if not database.exists():
            raise DatabaseError(f"{database}: {NOTHING}")
        published, unpublished = None, None
        try:
            published = write_copy(database, publish, lock_timeout) if publish else None
        except PublishError as error:  # once what was brought is told
            unpublished = error
        warn(keep_index(database, lock_timeout))
    if as_json:
        recovered = [committed_json(item) for item in brought]
        click.echo(dumps({"recovered": recovered, "published": published_json(published)}))
    else:
        lines = [taken_over(item) for item in brought] or [f"Nothing is staged for {database}."]
        if published:
            lines.append(published_line(published))
        click.echo("\n".join(lines))
    if unpublished:
        raise unpublished
