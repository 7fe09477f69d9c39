"""`newsbeam search`: find articles by their words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.options import (
    Several,
    database_option,
    json_option,
    lock_option,
    moment,
    option,
)
from sinks.database.where import Where

if TYPE_CHECKING:
    from sinks.ask.search import Found, Hit, Passage
    from sinks.ask.search.index import Tell

COLUMNS = (
    "score", "published_at", "outlet", "country", "language", "title", "snippet", "url",
    "article_id", "topics",
)  # fmt: skip


@click.command(short_help="Find articles by their words.")
@click.argument("query")
@database_option
@option(
    "--topic",
    multiple=True,
    type=Several(),
    help="Only articles of this topic; repeatable: of one of them.",
)
@option(
    "--outlet",
    multiple=True,
    type=Several(),
    help="Only this outlet, by its whole name; repeatable.",
)
@option(
    "--country",
    multiple=True,
    type=Several(),
    help="Only outlets of this country, such as DE; repeatable.",
)
@option("--language", multiple=True, type=Several(),
        help="Only this language, such as ru or zh; repeatable.")  # fmt: skip
@option(
    "--since",
    type=moment,
    help="Published since: 12h, 7d or 2w ago, or a date or time such as 2026-03-01, in UTC.",
)
@option("--until", type=moment, help="Published before that; written like --since.")
@option(
    "--limit",
    type=click.IntRange(min=1, max=10_000),
    default=10,
    show_default=True,
    metavar="N",
    help="How many articles to show.",
)
@option(
    "--format",
    "form",
    type=click.Choice(["list", "table", "csv", "json", "markdown"]),
    default="list",
    show_default=True,
    help="How to print what was found; a table cuts long cells.",
)
@json_option
@lock_option
def search(
    query: str,
    database: Where,
    topic: tuple[str, ...],
    outlet: tuple[str, ...],
    country: tuple[str, ...],
    language: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    limit: int,
    form: str,
    as_json: bool,
    lock_timeout: float,
) -> None:
    """Find articles by their words, the best match first.

    \b
      sanctions iran          both words, in headline or text; other endings too
      "dual-use exports"      words that follow each other
      chips OR semiconductors one of its two neighbours
      -football               not this one
      (a OR b) c              groups

    A query that begins with - comes after --: newsbeam search -- "-football sanctions". In their
    variables several topics, outlets, countries or languages are separated by semicolons.

    The first search of a database makes its index, in NAME.search beside it; from then on runs
    keep it up to date.
    """
    from pipeline.show.tables import WRITERS
    from pipeline.show.words import warn
    from sinks.ask.search import Filters
    from sinks.ask.search import search as ask

    filters = Filters(topic, outlet, country, language, since, until)
    with _progress() as tell:
        found = ask(
            database, query, filters, limit=limit, lock_timeout=lock_timeout, tell=tell
        )  # fmt: skip
    warn(found.warning)
    if as_json or form != "list":
        WRITERS["json" if as_json else form](COLUMNS, map(_row, found.hits), sys.stdout)
    else:
        _write_list(found)


def _row(hit: Hit) -> tuple[Any, ...]:
    return hit._replace(title=hit.title.text, snippet=hit.snippet.marked())  # type: ignore[arg-type]


def _write_list(found: Found) -> None:
    """For people: matches are bold on a terminal, in brackets elsewhere."""
    from rich.text import Text

    from pipeline.show.words import console, safe, shown

    screen = console()
    for number, hit in enumerate(found.hits, 1):
        screen.print(Text(f"{number:>2}. ").append(_styled(hit.title, screen.is_terminal)))
        about = (shown(hit.published_at)[:16], hit.outlet, hit.language, ", ".join(hit.topics))
        for line in (
            Text(safe(" · ".join(filter(None, about)))),
            _styled(hit.snippet, screen.is_terminal),
            Text(safe(f"{hit.url}  {hit.article_id}"), style="dim"),
        ):
            screen.print(Text("    ").append(line), overflow="fold")
        screen.print()
    if found.total:
        click.echo(f"{len(found.hits)} of {found.total:,} articles that match, the best first")
    else:
        click.echo("no article matches")


def _styled(passage: Passage, bold: bool) -> Any:
    from rich.text import Text

    from pipeline.show.words import safe

    if not bold:
        return Text(safe(passage.marked()).replace("\n", " "))
    text = Text(safe(passage.text).replace("\n", " "))
    for mark in passage.marks:
        text.stylize("bold", mark.start, mark.end)
    return text


@contextmanager
def _progress() -> Iterator[Tell]:
    """How far the index is, on standard error: a bar on a terminal, else a line now and then."""
    from rich.progress import Progress

    from pipeline.show.progress import PLAIN_EVERY
    from pipeline.show.words import console

    screen = console(sys.stderr)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bars:
        bar, told = bars.add_task("indexing", total=None, visible=False), monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal told
            bars.update(bar, completed=done, total=total, visible=True)
            if not screen.is_terminal and monotonic() - told > PLAIN_EVERY:
                told = monotonic()
                screen.print(f"{done:,} of {total:,} articles indexed")

        yield tell
