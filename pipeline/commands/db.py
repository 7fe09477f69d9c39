"""`newsbeam db`: look after a database."""

from __future__ import annotations

import sys

import click

from pipeline.commands.options import (
    beam_argument,
    check_reach,
    database_option,
    json_option,
    lock_option,
    option,
    staging_option,
)
from sinks.database.where import Where, as_file


@click.group(short_help="Look after a database: create, info, check, vacuum, migrate.")
def db() -> None:
    """Look after a database."""


@db.command(short_help="Make an empty database.")
@database_option
@option(
    "--data-path",
    metavar="FOLDER",
    help="Where a DuckLake keeps its Parquet files: a folder, or such as s3://bucket/news/; "
    "default: FILE.files beside a catalogue that is a file.",
)
@lock_option
@json_option
def create(database: Where, data_path: str | None, lock_timeout: float, as_json: bool) -> None:
    """Make an empty database, or leave one that is there as it is.

    Runs make what is absent by themselves, but for a DuckLake in Postgres, or one whose data is to
    lie elsewhere than beside its catalogue.
    """
    from pipeline.show.words import dumps
    from sinks.database.opening import create as make

    made = make(database, lock_timeout, data_path)
    if as_json:
        click.echo(dumps({"path": str(database), "made": made}))
    else:
        click.echo(f"{database}: {'made' if made else 'there already, left as it is'}.")


@db.command(short_help="Say what a database is.")
@database_option
@lock_option
@staging_option
@json_option
@beam_argument
def info(
    database: Where,
    lock_timeout: float,
    staging: str | None,
    as_json: bool,
    beam_options: tuple[str, ...],
) -> None:
    """Say what a database is: its size, versions, rows and runs, and what waits staged."""
    from pipeline.run.lock import is_active
    from pipeline.show.reports import info_lines
    from pipeline.show.words import dumps
    from sinks.keep.info import describe_database

    check_reach(staging, beam_options)
    found = describe_database(database, lock_timeout, staging, beam_options)
    found["active"] = is_active(database)
    click.echo(dumps(found) if as_json else info_lines(found))


@db.command(short_help="Hold a database against its own rules.")
@database_option
@lock_option
@json_option
def check(database: Where, lock_timeout: float, as_json: bool) -> None:
    """Hold a database against its own rules; exit status 1 if any is broken.

    Keys, references, evidence against the texts, counts against the rows and against the staged
    files that brought them; and each block of the file against its checksum. Nothing is changed.
    """
    from pipeline.show.reports import finding_lines
    from pipeline.show.words import dumps
    from sinks.keep.check import check_database

    findings = check_database(database, lock_timeout)
    if as_json:
        click.echo(dumps({"findings": [finding._asdict() for finding in findings]}))
    else:
        click.echo(finding_lines(database, findings))
    if not all(finding.warning for finding in findings):
        sys.exit(1)


@db.command(short_help="Give unused space back to the disk.")
@database_option
@lock_option
@json_option
def vacuum(database: Where, lock_timeout: float, as_json: bool) -> None:
    """Write the database anew, without what was deleted; needs as much room again meanwhile."""
    from pipeline.run.lock import only_one
    from pipeline.show.words import dumps, size
    from sinks.database.opening import must_exist
    from sinks.keep.vacuum import vacuum as write_anew

    path = as_file(database, "DuckDB itself tends it: see docs/operator/ducklake.md, Maintenance")
    must_exist(path)
    with only_one(path):
        result = write_anew(path, lock_timeout)
    if as_json:
        click.echo(dumps(result._asdict()))
    else:
        click.echo(
            f"{database}: {size(result.bytes_before)} before, {size(result.bytes_after)} now."
        )


@db.command(short_help="Bring a database of an earlier version up to date.")
@database_option
@lock_option
@json_option
def migrate(database: Where, lock_timeout: float, as_json: bool) -> None:
    """Bring a database of an earlier version up to date, in one transaction; runs do so as well."""
    from pipeline.run.lock import only_one
    from pipeline.show.words import dumps
    from sinks.database.opening import bring_up_to_date, must_exist
    from sinks.tables.tables import SCHEMA_VERSION

    must_exist(database)
    with only_one(database):
        found = bring_up_to_date(database, lock_timeout)
    if as_json:
        click.echo(dumps({"from": found, "to": SCHEMA_VERSION}))
    elif found == SCHEMA_VERSION:
        click.echo(f"{database}: schema {SCHEMA_VERSION}, which is up to date.")
    else:
        click.echo(f"{database}: from schema {found} to {SCHEMA_VERSION}.")
