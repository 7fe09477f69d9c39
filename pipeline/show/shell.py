"""The SQL shell without its terminal: takes what was typed, writes answers."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import IO

from config.errors import QueryError
from pipeline.show.completion import COMMANDS
from pipeline.show.session import FORMATS, Session
from pipeline.show.tables import write_table
from pipeline.show.words import safe
from sinks.ask import named
from sinks.ask.relations import Relation, relations
from sinks.database.errors import REPORTED

HELP = """
A query of SQL may take several lines and ends with a semicolon: FROM feed_health;
@NAME asks a named query: @newest --topic taiwan
Tab completes and tells what tables and columns mean. Ctrl-C drops what is typed, or stops a query.
"""


def is_complete(text: str) -> bool:
    """Whether Enter sends it: a command, a named query, or SQL up to its semicolon."""
    text = text.strip()
    return not text or text[0] in ".@" or text.endswith(";")


class Shell:
    """A session that is asked line by line; errors are written, and it goes on.

    The database is open only while a query runs, so that the next run's commit finds it free.
    """

    def __init__(self, session: Session, out: IO[str]) -> None:
        self._session = replace(session, lenient=True)
        self._out = out
        self._commands: dict[str, Callable[[str], None]] = {
            ".help": self._help,
            ".tables": self._tables,
            ".schema": self._schema,
            ".queries": self._queries,
            ".format": self._format,
            ".plot": self._plot,
        }

    def handle(self, text: str) -> bool:
        """Do what was typed; False to leave."""
        text = text.strip()
        if text in (".quit", ".exit"):
            return False
        try:
            if text.startswith("."):
                self._command(text)
            elif text.startswith("@"):
                self._ask_named(*_split(text.rstrip("; ")))
            elif text:
                self._session.answer(text, (), self._out)
        except (*REPORTED, OSError) as error:
            self._say(str(error))
        except KeyboardInterrupt:
            self._say("interrupted")
        self._out.flush()
        return True

    def _say(self, text: str) -> None:
        self._out.write(safe(text).strip() + "\n")

    def _ask_named(self, name: str, *options: str) -> None:
        if name == "@":
            self._session.write_queries(self._out)
        else:
            self._session.answer(name, options, self._out)

    def _command(self, text: str) -> None:
        name, _, argument = text.partition(" ")
        if name not in self._commands:
            raise QueryError(f"no command {name}; .help lists them")
        self._commands[name](argument.strip())

    def _help(self, _: str) -> None:
        self._out.write(HELP.lstrip("\n"))
        for name, argument, meaning in COMMANDS:
            self._out.write(f"  {f'{name} {argument}':32}{meaning}\n")

    def _tables(self, _: str) -> None:
        rows = [(item.name, item.kind, item.meaning) for item in self._relations()]
        write_table(("name", "kind", "meaning"), rows, self._out)

    def _schema(self, name: str) -> None:
        for relation in self._relations():
            if relation.name == name:
                self._say(relation.meaning)
                write_table(("column", "type", "meaning"), relation.columns, self._out)
                return
        raise QueryError(f"no table or view {name}; .tables lists them")

    def _relations(self) -> list[Relation]:
        return relations(self._session.database, self._session.lock_timeout)

    def _queries(self, name: str) -> None:
        if name:
            self._say(named.load(name.removeprefix("@"), self._session.folders).sql)
        else:
            self._session.write_queries(self._out)

    def _format(self, form: str) -> None:
        if form not in FORMATS:
            raise QueryError(f"no format {form}; there are {', '.join(FORMATS)}")
        self._session.form, self._session.plot = form, False

    def _plot(self, state: str) -> None:
        if state not in ("on", "off"):
            raise QueryError("usage: .plot on|off")
        self._session.plot = state == "on"


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise QueryError(f"{text}: {error}") from None
