"""How far a run or a stream is, while it works."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from time import monotonic
from typing import Any, Protocol

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.run import logs
from pipeline.run.batch import RunResult, Watcher
from pipeline.run.stream import StreamWatcher
from pipeline.show.summaries import result_json, run_line, taken_over
from pipeline.show.words import console, plain, safe, warn

PLAIN_EVERY = 5.0


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


class Counting(Protocol):
    """What counts runs for others to see, such as `pipeline.watch.metrics`."""

    def ran(self, result: RunResult) -> None:
        """A run has ended."""

    def failed(self, error: Exception) -> None:
        """A run has failed."""


class StreamScreen(StreamWatcher):
    """A line for each run on standard output, the rest on standard error."""

    def __init__(self, as_json: bool, metrics: Counting | None = None) -> None:
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
            click.echo(json.dumps(plain(result_json(result)), ensure_ascii=False))
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
