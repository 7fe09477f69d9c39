"""`newsbeam doctor`: what an installation has, and what it lacks."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.commands.options import contact_option, database_option, json_option, option
from sinks.database.where import Where


@click.command(short_help="Look an installation over; each finding has its remedy.")
@database_option
@contact_option
@option(
    "--feeds",
    type=click.Path(path_type=Path),
    help="Look up hosts of this feeds file, too, and reach for one of them.",
)
@json_option
def doctor(database: Where, contact: str | None, feeds: Path | None, as_json: bool) -> None:
    """Look an installation over: versions, extensions, rights, locks, room, clock, engines.

    Nothing is changed, and the network is left alone unless a feeds file is given. Exit status 1
    if something must be mended; what is only noted may be as it should be.
    """
    from config.load import load_feeds
    from pipeline.show.words import dumps
    from pipeline.watch.doctor import examine, finding_lines

    findings = list(examine(database, contact, load_feeds(feeds) if feeds else ()))
    wrong = any(one.state == "wrong" for one in findings)
    if as_json:
        click.echo(dumps({"well": not wrong, "findings": [one._asdict() for one in findings]}))
    else:
        click.echo(finding_lines(findings))
    if wrong:
        sys.exit(1)
