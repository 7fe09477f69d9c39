"""What people and programs see: tables, summaries, progress.

Rich on a terminal; plain text, as wide as it needs, when piped. Text of strangers loses its
control and direction characters before it reaches a terminal.
"""

from __future__ import annotations

import csv
import json
import logging
import math
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count, islice
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

import click
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from config.moments import span_text
from pipeline.run import logs
from pipeline.run.batch import RunResult, Watcher
from pipeline.run.stream import StreamWatcher
from sinks.give.formulas import defused
from sinks.keep.publish import Published
from sinks.load.report import Committed

if TYPE_CHECKING:  # it needs packages that may be absent
    from pipeline.watch.metrics import Metrics

PIPED_WIDTH = 10_000
SUMMARY_WIDTH = 98
TABLE_ROWS = 10_000
TABLE_CELL = 100
"""Characters of a cell; csv, json and markdown show all."""
READABLE = 16
"""Characters to which a column of a table may be folded."""
PLAIN_EVERY = 5.0
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def safe(text: str) -> str:
    """Text without what could steer a terminal or turn the direction of writing."""
    return UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def warn(text: str | None) -> None:
    """Say on standard error what went wrong beside a command's own work, if anything did."""
    if text:
        logs.say(safe(text), logging.WARNING, "newsbeam: ")


def shown(value: Any) -> str:
    """A value as a person reads it: times in UTC to the second, NULL as nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        at = value.astimezone(UTC) if value.tzinfo else value
        return f"{at:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return safe(str(value))


def console(file: IO[str] | None = None) -> Console:
    """A console on standard output, or on `file`."""
    target = file or sys.stdout
    width = None if target.isatty() else PIPED_WIDTH
    return Console(file=target, width=width, highlight=False, soft_wrap=False)


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
        escaped = (
            cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells
        )
        return "| " + " | ".join(escaped) + " |\n"

    out.write(line(safe(name) for name in columns))
    out.write(line("---" for _ in columns))
    for row in rows:
        out.write(line(shown(value) for value in row))


Writer = Callable[[Sequence[str], Iterable[Sequence[Any]], IO[str]], None]
WRITERS: dict[str, Writer] = {
    "table": write_table,
    "csv": write_csv,
    "json": write_json,
    "markdown": write_markdown,
}


def plain(value: Any) -> Any:
    """A value in what JSON knows: times in ISO 8601, names as texts, NaN and infinity as null.

    A decimal is a number where that is exact, and a text elsewhere.
    """
    if isinstance(value, dict):
        return {_name(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else format(value, "f")
    return value if isinstance(value, (str, int, type(None))) else str(value)


def _name(key: Any) -> str:
    found = plain(key)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def summary_json(result: RunResult) -> str:
    """A run's summary for programs."""
    return dumps(_result_json(result))


def _result_json(result: RunResult) -> dict[str, Any]:
    return {
        **committed_json(result.committed),
        "recovered": [committed_json(item) for item in result.recovered],
        "published": published_json(result.published),
    }


def dumps(document: Any) -> str:
    """A document for programs."""
    return json.dumps(plain(document), ensure_ascii=False, indent=1)


def published_json(published: Published | None) -> dict[str, Any] | None:
    """What became of the copy for readers; None where none was asked for, or it failed."""
    return published and {**published._asdict(), "path": str(published.path)}


def committed_json(committed: Committed) -> dict[str, Any]:
    """What a commit brought, for programs."""
    failures = [
        {"stage": stage, "error_type": kind, "count": count}
        for stage, kind, count in committed.failures
    ]
    below = [
        {"outlet": outlet, "entries": entries, "expected": expected, "seconds": seconds}
        for outlet, entries, expected, seconds in committed.below
    ]
    return {
        "run": committed.run,
        "topics": dict(committed.topics),
        "failures": failures,
        "ill_feeds": dict(committed.ill),
        "below_expectation": below,
    }


def summary(result: RunResult) -> str:
    """A run's summary for people."""
    lines = [taken_over(earlier) for earlier in result.recovered]
    lines += _lines(result.committed)
    if result.published:
        lines.append(published_line(result.published))
    return "\n".join(lines)


def taken_over(earlier: Committed) -> str:
    """A line on a run that was left staged."""
    run = earlier.run
    name = f"run {run['run_id']} ({run['state']})"
    if not earlier.shards:
        return f"Nothing was left staged by {name}."
    return f"Took over {earlier.shards} staged files of {name}: {run['articles_new']} articles."


def published_line(published: Published) -> str:
    """A line on the copy for readers."""
    path = safe(str(published.path))
    if not published.written:
        return f"{path} is up to date."
    return f"Published {size(published.bytes)} to {path} in {published.seconds:.1f} s."


def size(count: int) -> str:
    """Bytes as a person reads them."""
    units = ("bytes", "kB", "MB", "GB", "TB")
    power = min(len(str(max(count, 1))) - 1, 14) // 3
    return f"{count / 1000**power:,.{1 if power else 0}f} {units[power]}"


def duration(seconds: float) -> str:
    """Seconds as a person reads them: 4.2 s, 12 min, 3.5 h, 2.0 d."""
    if abs(seconds) < 100:
        return f"{seconds:.1f} s"
    if abs(seconds) < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if abs(seconds) < 48 * 3600 else f"{seconds / 86400:.1f} d"


def _lines(committed: Committed) -> Iterator[str]:
    run = committed.run
    took = (run["finished_at"] - run["started_at"]).total_seconds() + run["commit_seconds"]
    yield f"Run {run['run_id']} {run['state']} in {took:.1f} s."
    yield f"  feeds     {_feeds(committed)}"
    if run["entries_new"] or run["feeds_polled"]:
        yield f"  entries   {run['entries_new']} new"
    if run["pages"]:
        yield f"  articles  {_articles(run)}"
        yield from folded("topics", [f"{topic} {count}" for topic, count in committed.topics])
    if committed.left:
        yield f"  left      {committed.left} page{'s'[: committed.left != 1]} for the next run"
    stages = dict.fromkeys(stage for stage, _, _ in committed.failures)
    for number, stage in enumerate(stages):
        kinds = [f"{kind} {n}" for of, kind, n in committed.failures if of == stage]
        yield from folded("" if number else "failures", [f"{stage}: {kinds[0]}", *kinds[1:]])
    if committed.ill:
        ill = ", ".join(f"{count} {health}" for health, count in committed.ill)
        yield f"  health    {ill}; `newsbeam feeds` names them"
    if committed.below:
        yield from folded("below", [shortfall(*item) for item in committed.below])
    if run["listed_lag_seconds"] is not None:
        yield f"  lag       {_lags(run)}"
    phases = (("plan", "plan"), ("poll", "poll"), ("pages", "page"), ("commit", "commit"))
    yield "  time      " + ", ".join(
        f"{name} {run[f'{key}_seconds'] or 0:.1f} s" for name, key in phases
    )
    if run["feeds_polled"] and run["feeds_polled"] == run["feeds_failed"]:
        yield f"No feed could be read; the first: {safe(committed.first_failure or '')}"


def _lags(run: dict[str, Any]) -> str:
    listed, published = run["listed_lag_seconds"], run["published_lag_seconds"]
    since = "" if published is None else f", {duration(published)} from publication"
    return f"{duration(listed)} from listing{since} to row (medians)"


def shortfall(outlet: str, entries: int, expected: int, seconds: int) -> str:
    """What a feed brought, and should have brought."""
    return f"{safe(outlet)} {entries} entries in {span_text(seconds)} instead of {expected}"


def _feeds(committed: Committed) -> str:
    run = committed.run
    if not run["feeds_due"]:
        when = f"; the next is at {shown(committed.next_due)} UTC" if committed.next_due else ""
        return f"none is due{when} (--now polls all)"
    ok = run["feeds_polled"] - run["feeds_unchanged"] - run["feeds_failed"]
    left = run["feeds_due"] - run["feeds_polled"]
    return (
        f"{run['feeds_polled']} polled: {ok} with news, {run['feeds_unchanged']} unchanged, "
        f"{run['feeds_failed']} failed" + (f"; {left} left for the next run" if left else "")
    )


def _articles(run: dict[str, Any]) -> str:
    told = ("articles_new", "articles_changed", "pages_failed", "pages_pending")
    known = run["pages"] - sum(run[name] for name in told)
    parts = (
        (run["articles_changed"], "changed"),
        (known, "known already"),
        (run["pages_failed"], "failed"),
        (run["pages_pending"], "to be tried again"),
    )
    others = ", ".join(f"{number} {what}" for number, what in parts if number)
    new = f"{run['articles_new']} new from {run['pages']} pages"
    return f"{new}: {others}" if others else new


def folded(name: str, items: list[str]) -> Iterator[str]:
    """Items after a name, on as many lines as they need."""
    bound = [item.replace(" ", "\N{NO-BREAK SPACE}") for item in items] or ["none"]
    text = textwrap.fill(
        ", ".join(bound),
        min(SUMMARY_WIDTH, console().width),
        initial_indent=f"  {name:8}  ",
        subsequent_indent=" " * 12,
        break_on_hyphens=False,
    )
    yield text.replace("\N{NO-BREAK SPACE}", " ")


class Screen(Watcher):
    """Progress on standard error: bars on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._console = console(sys.stderr)
        self._bars: Progress | None = None
        self._tasks: dict[str, Any] = {}
        self._told = monotonic()

    def phase(self, name: str) -> None:
        """Bars live while the graph runs."""
        if name == "run" and self._console.is_terminal and not logs.is_structured():
            self._bars = Progress(
                TextColumn("{task.description:6}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._bars.start()
        elif self._bars is not None:
            self._bars.stop()
            self._bars = None

    def progress(self, done: Counter[str]) -> None:
        """Show how far feeds and pages are."""
        if self._bars is not None:
            for what in ("feeds", "pages"):
                total = done[f"{what} found"]
                if total and what not in self._tasks:
                    self._tasks[what] = self._bars.add_task(what)
                if total:
                    self._bars.update(self._tasks[what], total=total, completed=done[what])
        elif monotonic() - self._told > PLAIN_EVERY:
            self._told = monotonic()
            self._say(
                f"{done['feeds']} of {done['feeds found']} feeds polled, "
                f"{done['pages']} of {done['pages found']} pages fetched"
            )

    def stopping(self) -> None:
        """Say that the signal was heard."""
        self._say("stopping: what is fetched will be committed (a second signal ends at once)")

    def warning(self, text: str) -> None:
        """Say what went wrong beside the run."""
        self._say(safe(text), logging.WARNING)

    def _say(self, text: str, level: int = logging.INFO) -> None:
        if logs.is_structured():
            logs.say(text, level)
        else:  # above the bars, where there are any
            self._console.print(text, markup=False)


class StreamScreen(StreamWatcher):
    """A line for each run on standard output, the rest on standard error."""

    def __init__(self, as_json: bool, metrics: Metrics | None = None) -> None:
        self._as_json, self._metrics = as_json, metrics

    def failed(self, error: Exception) -> None:
        """Count it; that it is tried again is a warning of its own."""
        if self._metrics:
            self._metrics.failed(error)

    def ran(self, result: RunResult) -> None:
        """Say what a run brought."""
        if self._metrics:
            self._metrics.ran(result)
        if self._as_json:
            click.echo(json.dumps(plain(_result_json(result)), ensure_ascii=False))
        else:
            click.echo("\n".join([*map(taken_over, result.recovered), run_line(result.committed)]))
        if logs.is_structured():
            logs.say(run_line(result.committed))
        sys.stdout.flush()

    def stopping(self) -> None:
        """Say that the signal was heard."""
        warn("stopping: what is fetched will be committed (a second signal ends at once)")

    def warning(self, text: str) -> None:
        """Say what went wrong beside a run."""
        warn(text)


def run_line(committed: Committed) -> str:
    """A run of a stream as one line for people."""
    run = committed.run
    parts = [f"{shown(run['finished_at'])}  {_feeds(committed)}"]
    if run["pages"]:
        parts.append(f"articles {_articles(run)}")
    if committed.left:
        parts.append(f"{committed.left} pages owed")
    return "; ".join(parts)
