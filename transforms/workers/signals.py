"""What launcher and workers tell each other while the graph runs, through files of the run.

Down: a file named ``stop`` asks every worker to finish what it has. Up: each worker counts what
it did in a file of its own, and which hosts rest, for the other workers and for the steps that come
later. All are hints; rows never depend on them.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections import Counter
from pathlib import Path
from time import monotonic

WRITE_EVERY = 0.3
RESTS = ".rests"


class Signals:
    """A worker's end. `folder` is the run's signal folder; nothing happens where it is absent."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._there = self._folder.is_dir()
        self._file = self._folder / f"{uuid.uuid4().hex}.json"
        self._counts: Counter[str] = Counter()
        self._written = 0.0

    def stopped(self) -> bool:
        """Whether the run was asked to stop, or is over: a worker may outlive its launcher."""
        return (self._folder / "stop").exists() or (self._there and not self._folder.exists())

    def count(self, what: str, number: int = 1) -> None:
        """Add to a count, and write it down now and then."""
        self._counts[what] += number
        if monotonic() - self._written > WRITE_EVERY:
            self.flush()

    def rests(self, line: str) -> None:
        """Tell the others of a host that rests."""
        with contextlib.suppress(OSError), open(self._file.with_suffix(RESTS), "a") as file:
            file.write(line + "\n")

    def told_rests(self) -> list[str]:
        """The hosts that rest, as all workers have told; a line that is being written is not."""
        lines: list[str] = []
        for path in self._folder.glob(f"*{RESTS}"):
            with contextlib.suppress(OSError):
                lines += path.read_text().rpartition("\n")[0].splitlines()
        return lines

    def flush(self) -> None:
        """Write the counts down."""
        self._written = monotonic()
        with contextlib.suppress(OSError):  # progress is a courtesy
            temporary = self._file.with_suffix(".tmp")
            temporary.write_text(json.dumps(self._counts))
            os.replace(temporary, self._file)


def ask_to_stop(folder: Path) -> None:
    """The launcher's end of `Signals.stopped`."""
    with contextlib.suppress(OSError):
        (folder / "stop").touch()


def counts(folder: Path) -> Counter[str]:
    """The sum of what all workers have counted so far."""
    total: Counter[str] = Counter()
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            total.update(json.loads(path.read_text()))
    return total
