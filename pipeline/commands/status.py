"""`newsbeam status`: is it healthy?"""

from __future__ import annotations

import sys

import click

from pipeline.commands.options import (
    Span,
    database_option,
    json_option,
    lock_option,
    option,
    staging_option,
)
from sinks.database.where import Where


@click.command(short_help="Is it healthy? For people, and for monitors.")
@database_option
@option(
    "--most-overdue",
    type=Span(),
    default="30m",
    show_default=True,
    metavar="SPAN",
    help="How long a feed may be due, and a staged run wait.",
)
@option(
    "--most-owed",
    type=Span(),
    default="1h",
    show_default=True,
    metavar="SPAN",
    help="How long a page may be due.",
)
@option(
    "--most-lag",
    type=Span(),
    default="30m",
    show_default=True,
    metavar="SPAN",
    help="From a feed's listing to the row: the median of a day.",
)
@option(
    "--most-failures",
    type=click.FloatRange(0, 1),
    default=0.25,
    show_default=True,
    metavar="SHARE",
    help="Share of the polls and pages of a day, and of feeds, that may fail.",
)
@option(
    "--least-free",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    metavar="GB",
    help="Room that must be left on the disk.",
)
@lock_option
@staging_option
@json_option
def status(
    database: Where,
    most_overdue: tuple[str, int],
    most_owed: tuple[str, int],
    most_lag: tuple[str, int],
    most_failures: float,
    least_free: float,
    lock_timeout: float,
    staging: str | None,
    as_json: bool,
) -> None:
    """Say whether all goes well, and if not, why: what ran last, what is late, owed or failing.

    The database is only read, between two commits of whatever is at work.

    \b
    Exit status:
      0   healthy
      1   not healthy, with the reasons; also if the database cannot be read
      75  the database stayed locked, so that nobody can tell
    """
    from pipeline.run.lock import is_active
    from pipeline.show.words import dumps
    from pipeline.watch.health import Limits, reasons, status_lines
    from sinks.keep.status import read_status

    limits = Limits(
        most_overdue[1], most_owed[1], most_lag[1], most_failures, int(least_free * 1e9)
    )
    found = read_status(database, lock_timeout, overdue=limits.overdue, staging=staging)
    found["active"] = is_active(database)
    because = reasons(found, limits)
    if as_json:
        told = [reason._asdict() for reason in because]
        click.echo(dumps({"healthy": not because, "reasons": told, **found}))
    else:
        click.echo(status_lines(found, because))
    if because:
        sys.exit(1)
