"""What people and programs see: tables, summaries, progress.

Rich on a terminal; plain text, as wide as it needs, when piped. Text of strangers loses its
control and direction characters before it reaches a terminal.
"""

from __future__ import annotations

import csv
import json
import math
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from time import monotonic
from typing import IO, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pipeline.run import RunResult, Watcher
from sinks.commit import Committed

PIPED_WIDTH = 10_000
PLAIN_EVERY = 5.0
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def safe(text: str) -> str:
    """Text without what could steer a terminal or turn the direction of writing."""
    return UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def shown(value: Any) -> str:
    """A value as a person reads it: times in UTC to the second, NULL as nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        at = value.astimezone(timezone.utc) if value.tzinfo else value
        return f"{at:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    return safe(str(value))


def console(file: IO[str] | None = None) -> Console:
    """A console on standard output, or on `file`."""
    target = file or sys.stdout
    width = None if target.isatty() else PIPED_WIDTH
    return Console(file=target, width=width, highlight=False, soft_wrap=False)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: IO[str]) -> None:
    """Columns aligned under their names; numbers to the right."""
    kept = [*rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        numeric = any(_is_number(row[index]) for row in kept)
        table.add_column(Text(safe(name)), justify="right" if numeric else "left", overflow="fold")
    for row in kept:
        table.add_row(*(Text(shown(value).replace("\n", " ")) for value in row))
    screen = console(out)
    if screen.is_terminal:
        screen.print(table)
        return
    with screen.capture() as captured:
        screen.print(table)
    out.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: IO[str]) -> None:
    """RFC 4180, with a header; times in ISO 8601, lists as JSON."""
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            [json.dumps(v, default=plain) if isinstance(v, (list, dict)) else plain(v) for v in row]
        )


def write_json(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: IO[str]) -> None:
    """An array of objects."""
    out.write("[")
    for number, row in enumerate(rows):
        out.write(",\n " if number else "\n ")
        out.write(
            json.dumps(
                {name: _finite(value) for name, value in zip(columns, row, strict=True)},
                default=plain,
                ensure_ascii=False,
            )
        )
    out.write("\n]\n")


def _finite(value: Any) -> Any:
    """JSON has no words for NaN and infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


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
    """A value as programs read it: times in ISO 8601."""
    if isinstance(value, datetime):
        return (value.astimezone(timezone.utc) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, (str, int, float, type(None))) else str(value)


def summary_json(result: RunResult) -> str:
    """A run's summary for programs."""
    document = {
        **_as_json(result.committed),
        "recovered": [_as_json(item) for item in result.recovered],
    }
    return json.dumps(document, default=plain, ensure_ascii=False, indent=1)


def _as_json(committed: Committed) -> dict[str, Any]:
    failures = [
        {"stage": stage, "error_type": kind, "count": count}
        for stage, kind, count in committed.failures
    ]
    return {"run": committed.run, "topics": dict(committed.topics), "failures": failures}


def summary(result: RunResult) -> str:
    """A run's summary for people."""
    lines = []
    for earlier in result.recovered:
        run = earlier.run
        lines.append(
            f"Took over {earlier.shards} staged files of run {run['run_id']} ({run['state']}): "
            f"{run['articles_new']} articles."
        )
    lines += _lines(result.committed)
    return "\n".join(lines)


def _lines(committed: Committed) -> Iterator[str]:
    run = committed.run
    ok = run["feeds_polled"] - run["feeds_unchanged"] - run["feeds_failed"]
    skipped = run["feeds_due"] - run["feeds_polled"]
    known = run["pages"] - run["articles_new"] - run["pages_failed"] - run["pages_pending"]
    took = (run["finished_at"] - run["started_at"]).total_seconds() + run["commit_seconds"]
    yield f"Run {run['run_id']} {run['state']} in {took:.1f} s."
    yield (
        f"  feeds     {run['feeds_polled']} polled: {ok} with news, "
        f"{run['feeds_unchanged']} unchanged, {run['feeds_failed']} failed"
        + (f"; {skipped} left for the next run" if skipped else "")
    )
    yield f"  entries   {run['entries_new']} new"
    yield (
        f"  articles  {run['articles_new']} new from {run['pages']} pages: "
        f"{known} known already, {run['pages_failed']} failed, "
        f"{run['pages_pending']} to be tried again"
    )
    yield from _list("topics", [f"{topic} {count}" for topic, count in committed.topics])
    stages = dict.fromkeys(stage for stage, _, _ in committed.failures)
    for number, stage in enumerate(stages):
        kinds = [f"{kind} {n}" for of, kind, n in committed.failures if of == stage]
        yield from _list("" if number else "failures", [f"{stage}: {kinds[0]}", *kinds[1:]])
    phases = (("plan", "plan"), ("poll", "poll"), ("pages", "page"), ("commit", "commit"))
    yield "  time      " + ", ".join(
        f"{name} {run[f'{key}_seconds'] or 0:.1f} s" for name, key in phases
    )


def _list(name: str, items: list[str]) -> Iterator[str]:
    """Items after a name, on as many lines as they need."""
    bound = [item.replace(" ", "\N{NO-BREAK SPACE}") for item in items] or ["none"]
    text = textwrap.fill(
        ", ".join(bound),
        98,
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
        if name == "run" and self._console.is_terminal:
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

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False)
