"""`newsbeam sql`: ask the database."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from pipeline.commands.options import database_option, json_option, lock_option, option
from sinks.database.where import Where, local


@click.command(
    short_help="Ask the database in SQL.", context_settings={"ignore_unknown_options": True}
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[QUERY | - | @NAME …]")
@database_option
@option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "markdown"]),
    default="table",
    show_default=True,
    help="How to print the result; a table cuts long cells, the others show all.",
)
@json_option
@option("--plot", is_flag=True, help="Draw the result, as lines over its first time column.")
@option(
    "--queries",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of named queries of your own; default: queries/ beside the database.",
)
@option("--show", is_flag=True, help="Print the text of the named query instead of asking it.")
@click.option(  # by no variable: whoever lifts it is to see it
    "--unsafe",
    is_flag=True,
    help="Open the database for writing, and let DuckDB do what it can: change it, read and write "
    "files, attach databases, load extensions, run several statements.",
)
@lock_option
def sql(
    words: tuple[str, ...],
    database: Where,
    form: str,
    as_json: bool,
    plot: bool,
    queries: Path | None,
    show: bool,
    unsafe: bool,
    lock_timeout: float,
) -> None:
    """Ask the database a QUERY in SQL (- reads it from standard input).

    @NAME asks a named query; its parameters are options: newsbeam sql @newest --topic taiwan.
    @ alone lists them all. Without any, a shell opens on the terminal.

    Nothing can be changed, no file be read or written, unless --unsafe is given.
    """
    from pipeline.show.session import Session
    from sinks.ask import named

    _check_usage(words, plot, show, form, as_json)
    beside = local(database).parent / "queries"
    folders = [folder for folder in [queries or beside] if folder.is_dir()]
    session = Session(database, folders, lock_timeout, unsafe, "json" if as_json else form, plot)
    if not words:
        from pipeline.show.prompt import run_shell

        run_shell(session)
    elif show:
        click.echo(named.load(words[0][1:], folders).sql, nl=False)
    elif words[0] == "@":
        session.write_queries(sys.stdout)
    else:
        text = sys.stdin.read() if words[0] == "-" else words[0]
        session.answer(text, words[1:], sys.stdout)


def _check_usage(words: tuple[str, ...], plot: bool, show: bool, form: str, as_json: bool) -> None:
    """Complain about what click leaves to us: options that it does not know may be parameters."""
    if not words:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise click.UsageError(
                "the shell needs a terminal; give a QUERY, or - to read it from standard input"
            )
    elif not words[0].startswith("@") or words[0] == "@":
        for word in words:
            if word.startswith("--") and len(word.split()) == 1:
                context = click.get_current_context()
                known = [name for item in context.command.params for name in item.opts]
                close = difflib.get_close_matches(word.split("=")[0], known)
                raise click.NoSuchOption(word, possibilities=close)
        if len(words) > 1:
            raise click.UsageError(f"one QUERY is enough; what is {words[1]!r}? (mind the quotes)")
        if show:
            raise click.UsageError("--show prints a named query: name one as @NAME")
    if plot and (as_json or form != "table"):
        raise click.UsageError("--plot draws instead of printing; leave out --format and --json")
