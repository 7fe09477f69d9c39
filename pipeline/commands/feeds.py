"""`newsbeam feeds`: how feeds are, and where they come from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from pipeline.commands.options import (
    allow_private_option,
    database_option,
    feeds_option,
    json_option,
    lock_option,
    option,
)
from sinks.database.where import Where

HEALTH = "SELECT * FROM feed_health"
UNWELL = ("broken", "failing", "retired", "below expectation", "silent")
WORDS = (*UNWELL, "never polled", "ok", "not listed")
SHOWN = ("health", "outlet", "failures", "failing_since", "last_error", "next_poll_at", "feed_url")


@click.group(invoke_without_command=True, short_help="How feeds are; import, export, find.")
@database_option
@option(
    "--health",
    "wanted",
    type=click.Choice(WORDS),
    multiple=True,
    metavar="WORD",
    help="Only feeds in this state, such as broken, failing or silent; may be repeated.",
)
@option("--check", is_flag=True, help="For monitors: exit with 1 if one of these feeds is unwell.")
@lock_option
@json_option
@click.pass_context
def feeds(
    context: click.Context,
    database: Where,
    wanted: tuple[str, ...],
    check: bool,
    lock_timeout: float,
    as_json: bool,
) -> None:
    """Say how each feed is, the worst first; the view `feed_health` explains the words.

    A feed is unwell if it is broken, failing, retired, below expectation or silent.
    """
    if context.invoked_subcommand is not None:
        return
    from collections import Counter

    from pipeline.show.tables import write_table
    from pipeline.show.words import dumps
    from sinks.ask.query import query

    with query(database, HEALTH, lock_timeout) as found:
        every = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    states = Counter(row["health"] for row in every)
    chosen = [row for row in every if not wanted or row["health"] in wanted]
    if as_json:
        click.echo(dumps({"feeds": chosen, "states": states}))
    else:
        write_table(SHOWN, ([row.get(name) for name in SHOWN] for row in chosen), sys.stdout)
        counts = ", ".join(f"{count} {health}" for health, count in states.items())
        click.echo(f"{len(every)} feeds: {counts}")
    if check and any(row["health"] in UNWELL for row in chosen):
        context.exit(1)


@feeds.command("import", short_help="OPML to a feeds file.")
@click.argument("opml", type=click.Path(path_type=Path))
@option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A new feeds file.")
def import_(opml: Path, output: Path | None) -> None:
    """Turn an OPML file, as feed readers write it, into a feeds file; folders become tags."""
    from config.opml import read_opml, write_feeds
    from pipeline.show.words import warn

    found = read_opml(opml)
    for note in found.notes:
        warn(note)
    _write(write_feeds(found.feeds).encode(), output)


@feeds.command(short_help="A feeds file to OPML.")
@feeds_option
@option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A new OPML file.")
def export(feeds: Path | None, output: Path | None) -> None:
    """Turn a feeds file into OPML 2.0, for feed readers; `feeds import` gives it back."""
    from config.load import load_feeds, shipped
    from config.opml import write_opml

    listed = load_feeds(feeds or shipped("feeds.yaml"))
    _write(write_opml(listed, feeds.stem if feeds else "newsbeam"), output)


@feeds.command(short_help="Find the feeds of a site.")
@click.argument("url")
@allow_private_option
@json_option
def find(url: str, allow_private_hosts: bool, as_json: bool) -> None:
    """Find the feeds of a site, and print them as lines of a feeds file.

    What its page declares, links that look like feeds, sitemaps of news that its robots.txt names
    and the usual places are asked; only what can be read as a feed is printed.
    """
    from config.load import feed_url
    from config.models import FetchSettings
    from config.opml import feed_values, write_feeds
    from pipeline.run.find_feeds import find_feeds
    from pipeline.show.words import dumps, safe, shown

    try:
        address = feed_url(url if "://" in url else f"https://{url}")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="URL") from None
    found = find_feeds(address, FetchSettings(allow_private_hosts=allow_private_hosts))
    if as_json:
        told: list[dict[str, Any]] = [
            {**feed_values(item.feed), "entries": item.entries, "newest": item.newest}
            for item in found
        ]
        click.echo(dumps(told))
        return
    click.echo("feeds:")
    for item in found:
        newest = f", the newest of {shown(item.newest)} UTC" if item.newest else ""
        click.echo(f"# {item.entries} entries{newest}")
        click.echo(safe(write_feeds([item.feed]).removeprefix("feeds:\n").rstrip()))


def _write(content: bytes, output: Path | None) -> None:
    """To standard output, where a terminal is spared what could steer it, or to a new file."""
    from pipeline.show.words import safe

    if output is None:
        shown = safe(content.decode()) if sys.stdout.isatty() else content
        click.echo(shown, nl=False)
        return
    try:
        with open(output, "xb") as file:
            file.write(content)
    except FileExistsError:
        raise click.BadParameter(
            f"{output} exists; it is not replaced", param_hint="--output"
        ) from None
    click.echo(f"Wrote {output}.")
