"""Rows as tables: on a terminal, and as CSV, JSON or Markdown."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import count, islice
from typing import IO, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.show.words import UNSAFE, console, plain, safe, shown
from sinks.give.formulas import defused
from sinks.give.marks import marked

TABLE_ROWS = 10_000
TABLE_CELL = 100
"""Characters of a cell; csv, json and markdown show all."""
READABLE = 16
"""Characters to which a column of a table may be folded."""


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], out: IO[str], most: int = TABLE_ROWS
) -> None:
    """Columns under their names, long cells cut; on a narrow terminal one line for each value.

    Shows so many rows at most, and says so: a table is for people.
    """
    kept = list(islice(iterator := iter(rows), most))
    screen = console(out)
    if kept and screen.is_terminal and _width(columns, kept) > screen.width:
        _write_records(columns, kept, screen)
    else:
        _write_columns(columns, kept, screen, out)
    if not kept:
        out.write("no rows\n")
    if next(iterator, None) is not None:
        print(f"only the first {most:,} rows are shown; csv and json show all", file=sys.stderr)


def _cell(value: Any) -> str:
    text = shown(value).replace("\n", " ")
    return text if len(text) <= TABLE_CELL else text[: TABLE_CELL - 1] + "…"


def _width(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Width of a table whose long cells may be folded to READABLE characters."""
    cells = [columns, *([_cell(value) for value in row] for row in rows)]
    widths = (min(max(map(cell_len, column)), READABLE) for column in zip(*cells, strict=True))
    return sum(width + 3 for width in widths)


def _write_records(columns: Sequence[str], rows: Sequence[Sequence[Any]], screen: Console) -> None:
    indent = max(map(cell_len, columns))
    for number, row in enumerate(rows, 1):
        screen.print(f"── {number} ──", markup=False)
        for name, value in zip(columns, row, strict=True):
            line = Text(f"{safe(name):{indent}}  ", style="bold")
            screen.print(line.append(_cell(value), style="not bold"), overflow="fold")


def _write_columns(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], screen: Console, out: IO[str]
) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        numeric = any(_is_number(row[index]) for row in rows)
        table.add_column(Text(safe(name)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    if screen.is_terminal:
        screen.print(table)
        return
    with screen.capture() as captured:
        screen.print(table)
    out.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: IO[str]) -> None:
    """RFC 4180, with a header; times in ISO 8601, lists as JSON, numbers exact, no formulas.

    What could steer a terminal does not reach one; files and pipes get texts as they are.
    """
    told = safe if out.isatty() else str
    writer = csv.writer(out)
    writer.writerow(map(told, columns))
    for row in rows:
        writer.writerow([told(_csv_cell(value)) for value in row])


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return defused(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return repr(value)
    found = plain(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def write_json(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: IO[str]) -> None:
    """An array of objects; of two columns with one name the second is called NAME_1."""
    names, told = _distinct(columns), _escaped if out.isatty() else str
    out.write("[")
    for number, row in enumerate(rows):
        out.write(",\n " if number else "\n ")
        found = plain(dict(zip(names, row, strict=True)))
        out.write(told(json.dumps(found, ensure_ascii=False)))
    out.write("\n]\n")


def _escaped(document: str) -> str:
    """JSON that steers no terminal, and says the same."""
    return UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def _distinct(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for name in columns:
        free = (f"{name}_{number}" if number else name for number in count())
        names.append(next(candidate for candidate in free if candidate not in names))
    return names


def write_markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: IO[str]) -> None:
    """A table of GitHub-flavoured Markdown."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |\n"

    out.write(line(marked(safe(name)) for name in columns))
    out.write(line("---" for _ in columns))
    for row in rows:
        out.write(line(marked(shown(value)) for value in row))


Writer = Callable[[Sequence[str], Iterable[Sequence[Any]], IO[str]], None]
WRITERS: dict[str, Writer] = {
    "table": write_table,
    "csv": write_csv,
    "json": write_json,
    "markdown": write_markdown,
}
