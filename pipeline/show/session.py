"""Questions and answers: what `newsbeam sql` does with a query, in its shell and out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from config.errors import QueryError
from pipeline.show.plot import Chart, chart_of, draw
from pipeline.show.tables import TABLE_ROWS, WRITERS, write_table
from sinks.ask import named
from sinks.ask.query import Rows, query
from sinks.database.where import Where

FORMATS = tuple(WRITERS)


@dataclass
class Session:
    """Which database is asked, and how answers are written."""

    database: Where
    folders: Sequence[Path] = ()
    """Folders of named queries, before the shipped ones."""
    lock_timeout: float = 60.0
    unsafe: bool = False
    form: str = "table"
    plot: bool = False
    most: int = TABLE_ROWS
    """Rows of a table."""
    lenient: bool = False
    """Where there is nothing to plot, say why, and write a table."""

    def answer(self, text: str, options: Sequence[str], out: IO[str]) -> None:
        """Answer a query of SQL, or a named one, @NAME, with its options.

        The database is closed before a table or plot is written: whoever reads it slowly holds
        nothing up.

        Raises:
            QueryError, DatabaseError: as of `sinks.ask.query`; or there is no such named query.
        """
        values = {}
        if text.startswith("@"):
            asked = named.load(text[1:], self.folders)
            text, values = asked.sql, named.values(asked, _pairs(options))
        with query(
            self.database, text, self.lock_timeout, parameters=values, unsafe=self.unsafe
        ) as result:
            kept: list[tuple[Any, ...]] = []
            chart = self._chart(result, kept, out) if self.plot else None
            if not self.plot and self.form != "table":
                WRITERS[self.form](result.columns, result.rows, out)
                return
            kept += islice(result.rows, self.most + 1 - len(kept))
        if chart:
            draw(chart, out)
        else:
            write_table(result.columns, kept, out, self.most)

    def _chart(self, result: Rows, kept: list[tuple[Any, ...]], out: IO[str]) -> Chart | None:
        """What to draw; else the reason is written, and the rows that were looked at are kept."""

        def seen() -> Iterator[tuple[Any, ...]]:
            for row in result.rows:
                if len(kept) <= self.most:
                    kept.append(row)
                yield row

        try:
            return chart_of(result._replace(rows=seen()))
        except QueryError as error:
            if not self.lenient:
                raise
            out.write(f"{error}\n")
            return None

    def write_queries(self, out: IO[str]) -> None:
        """List the named queries."""
        write_table(("query", "answers", "options"), self._queries(), out)

    def _queries(self) -> Iterator[tuple[str, str, str]]:
        for name, path in named.files(self.folders).items():
            try:
                found = named.load(name, self.folders)
                yield f"@{name}", found.meaning, " ".join(p.option for p in found.parameters)
            except QueryError as error:
                yield f"@{name}", str(error).removeprefix(f"{path}: "), ""


def _pairs(options: Sequence[str]) -> dict[str, str]:
    """--NAME VALUE or --NAME=VALUE, by name of the parameter."""
    pairs: dict[str, str] = {}
    rest = iter(options)
    for word in rest:
        option = re.fullmatch(r"--([a-z][a-z0-9_-]*)(?:=(.*))?", word, re.DOTALL)
        if not option:
            raise QueryError(f"{word!r} is no option; parameters are given as --name value")
        value = option[2] if option[2] is not None else next(rest, None)
        if value is None:
            raise QueryError(f"--{option[1]} needs a value")
        pairs[option[1].replace("-", "_")] = value
    return pairs
