"""`newsbeam export`: articles and tables for other tools, and snapshots to be cited."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from pipeline.commands.options import (
    Several,
    database_option,
    json_option,
    lock_option,
    moment,
    option,
)
from sinks.database.where import DuckLake, Where

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sinks.ask.selection import Selection
    from sinks.give.export import Exported

SUFFIXES = {
    "": "parquet", ".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".gkg": "gkg",
}  # fmt: skip
TELL_EVERY = 5.0
STDOUT = "-"


@click.command(short_help="Write articles for other tools, or a snapshot to be cited.")
@database_option
@option(
    "--format",
    "form",
    type=click.Choice(list(dict.fromkeys(SUFFIXES.values()))),
    help="Format; default: by the ending of the output; without one, parquet.",
)
@option(
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File, or for parquet folder, to write; - is standard output.",
)
@option("--since", type=moment, metavar="MOMENT", help="Published then or later, such as 7d.")
@option("--until", type=moment, metavar="MOMENT", help="Published before.")
@option("--topic", "topics", multiple=True, type=Several(), help="With this topic.")
@option("--outlet", "outlets", multiple=True, type=Several(), help="Of this outlet.")
@option("--language", "languages", multiple=True, type=Several(), help="In this language.")
@option("--table", help="A table or view as it is, in place of articles.")
@option(
    "--snapshot",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for a snapshot: all tables, with hashes and a citation.",
)
@option(
    "--verify",
    "checked",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of a snapshot to be checked against its manifest.",
)
@option("--overwrite", is_flag=True, help="Replace a file, or an earlier snapshot.")
@lock_option
@json_option
def export(
    database: Where,
    form: str | None,
    output: Path | None,
    since: datetime | None,
    until: datetime | None,
    topics: tuple[str, ...],
    outlets: tuple[str, ...],
    languages: tuple[str, ...],
    table: str | None,
    snapshot: Path | None,
    checked: Path | None,
    overwrite: bool,
    lock_timeout: float,
    as_json: bool,
) -> None:
    """Write articles in a format that other tools read, or a snapshot that can be cited.

    \b
      newsbeam export --database news.duckdb --output taiwan.csv --topic taiwan --since 7d
      newsbeam export --database news.duckdb --snapshot study-2026

    A MOMENT is a date or time in UTC, or a span such as 12h, 7d or 4w before now. Of
    several topics, outlets or languages an article fits any; in their variables they are separated
    by semicolons.
    """
    from sinks.ask.selection import Selection

    ways = {"--output": output, "--snapshot": snapshot, "--verify": checked}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        wanted = f"{' and '.join(given)} were" if given else "nothing was"
        raise click.UsageError(f"one of {', '.join(ways)} is needed, {wanted} given")
    selection = Selection(since, until, topics, outlets, languages)
    if checked:
        if overwrite:
            raise click.UsageError("--verify writes nothing: leave out --overwrite")
        _verify(checked, as_json)
    elif snapshot:
        if form or table:
            raise click.UsageError("a snapshot holds all tables, as Parquet")
        _refuse_database(database, snapshot)
        _snapshot(database, snapshot, selection, overwrite, lock_timeout, as_json)
    elif output:
        form = form or _form_of(output)
        _check(form, table, selection, str(output) == STDOUT)
        _refuse_database(database, output)
        _export(database, form, output, selection, table, overwrite, lock_timeout, as_json)


def _form_of(output: Path) -> str:
    """The format that an ending stands for."""
    ending = output.suffix.lower()
    if ending not in SUFFIXES:
        known = ", ".join(filter(None, SUFFIXES))
        hint = "; JSON Lines end with .jsonl" if ending == ".json" else ""
        raise click.UsageError(
            f"{output}: {ending} is the ending of no format; there are {known}, "
            f"and none for a folder of parquet; --format overrides that{hint}"
        )
    return SUFFIXES[ending]


def _check(form: str, table: str | None, selection: Selection, to_stdout: bool) -> None:
    """Say what does not go together."""
    if table and selection.given:
        raise click.UsageError("a table is written as it is: leave out --table or the filters")
    if table and form == "gkg":
        raise click.UsageError("gkg has a row for each article: leave out --table")
    if to_stdout and form == "parquet":
        raise click.UsageError("parquet goes to disk only; csv, jsonl and gkg can be piped")


def _refuse_database(database: Where, output: Path) -> None:
    if isinstance(database, DuckLake):
        return
    if output.exists() and Path(database).exists() and output.samefile(database):
        raise click.UsageError(f"{output} is the database itself")


def _verify(folder: Path, as_json: bool) -> None:
    from pipeline.show.words import safe
    from sinks.give.snapshot import verify

    bundle_id, differences = verify(folder)
    if as_json:
        rows = [item._asdict() for item in differences]
        click.echo(json.dumps({"bundle_id": bundle_id, "differences": rows}, ensure_ascii=False))
    else:
        for item in differences:
            click.echo(f"{item.what:8} {safe(item.path)}")
        state = "all files are as its manifest says"
        if differences:
            are = "file is" if len(differences) == 1 else "files are"
            state = f"{len(differences):,} {are} not as its manifest says"
        click.echo(f"{folder}: {state}; bundle id {safe(bundle_id)}")
    if differences:
        click.get_current_context().exit(1)


def _snapshot(
    database: Where,
    folder: Path,
    selection: Selection,
    overwrite: bool,
    lock_timeout: float,
    as_json: bool,
) -> None:
    from pipeline.show.words import size
    from sinks.give.snapshot import write_snapshot

    done = write_snapshot(
        database,
        folder,
        selection,
        overwrite=overwrite,
        lock_timeout=lock_timeout,
        progress=_Progress("tables"),
    )
    if as_json:
        click.echo(json.dumps(done._asdict()))
        return
    click.echo(
        f"{folder}: {done.rows:,} rows in {done.files} files, {size(done.bytes)}. Cite it as:"
    )
    click.echo(f"  {done.citation}")


def _export(
    database: Where,
    form: str,
    output: Path,
    selection: Selection,
    table: str | None,
    overwrite: bool,
    lock_timeout: float,
    as_json: bool,
) -> None:
    from pipeline.show.words import size
    from sinks.give.export import export_articles, export_table

    def write(place: Path) -> Exported:
        if table:
            return export_table(
                database, form, place, table, overwrite=overwrite, lock_timeout=lock_timeout
            )
        return export_articles(
            database,
            form,
            place,
            selection,
            overwrite=overwrite,
            lock_timeout=lock_timeout,
            progress=_Progress("articles"),
        )

    to_stdout = str(output) == STDOUT
    done = _to_stdout(write) if to_stdout else write(output)
    what = "row" if table else "article"
    text = json.dumps(done._asdict()) if as_json else (
        f"{done.output}: {done.rows:,} {what}{'s'[: done.rows != 1]} as {form}, "
        f"{done.files:,} file{'s'[: done.files != 1]}, {size(done.bytes)}"
    )  # fmt: skip
    click.echo(text, err=to_stdout)


def _to_stdout(write: Callable[[Path], Exported]) -> Exported:
    """By way of a file: whoever reads slowly must not keep the database from others."""
    with tempfile.TemporaryDirectory(prefix="newsbeam-export-") as folder:
        path = Path(folder) / "export"
        done = write(path)
        with open(path, "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.flush()
    return done._replace(output=STDOUT)


class _Progress:
    """A line on standard error now and then."""

    def __init__(self, what: str) -> None:
        self._what, self._told = what, monotonic()

    def __call__(self, done: int, total: int) -> None:
        if monotonic() - self._told > TELL_EVERY:
            self._told = monotonic()
            click.echo(f"{done:,} of {total:,} {self._what} written", err=True)
