"""The staging folder: what workers wrote and the database has not taken over yet.

    NAME.staging/
      VERSION                  layout of this folder
      RUN_ID/
        run.json               what the run is: times, versions, feeds, topics
        finished.json          how it ended; absent when it died
        plan/                  what is due, for the workers
        signals/               progress and the request to stop
        polls-HASH.parquet     shards: complete or invisible, named by content
        pages-HASH.parquet

A shard is one file, and each of its rows is whole: a poll with its entries and the feed's next
state, or a page with its article, topics and evidence. So any set of shards may be committed.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from config.errors import DatabaseLocked, StagingError
from sinks.connector.commit import Shard
from sinks.connector.files import write_whole
from sinks.shards import TABLES

LAYOUT = "3"
RUN_ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{6}")


class RunFolder(NamedTuple):
    """The staging folder of one run."""

    path: Path

    @property
    def run_id(self) -> str:
        """The run's id, by which run folders sort in time."""
        return self.path.name

    @property
    def plan(self) -> Path:
        """Where the launcher writes what is due."""
        return self.path / "plan"

    @property
    def signals(self) -> Path:
        """Where launcher and workers leave each other signs."""
        return self.path / "signals"

    def shards(self) -> list[Shard]:
        """All complete shards, by name."""
        return sorted(
            Shard(kind, self.run_id, str(path))
            for kind in TABLES
            for path in self.path.glob(f"{kind}-*.parquet")
        )

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a small file whole or not at all."""
        write_whole(self.path / name, json.dumps(content, ensure_ascii=False).encode())

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read a small file; None where there is none.

        Raises:
            StagingError: it is damaged.
        """
        try:
            content: dict[str, Any] = json.loads((self.path / name).read_bytes())
            if not isinstance(content, dict):
                raise ValueError("not an object")
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StagingError(
                f"{self.path / name}: damaged: {error}; move the folder {self.path} away: "
                "what it held is fetched again"
            ) from error
        return content

    def remove(self) -> None:
        """Remove the folder, which is committed or empty.

        First what names it a run: half removed, it must not be taken for one that died.
        """
        with contextlib.suppress(OSError):
            (self.path / "run.json").unlink()
        shutil.rmtree(self.path, ignore_errors=True)


class Staging:
    """The staging folder of a database: NAME.staging beside NAME.

    Raises:
        StagingError: it cannot be made or written, or a program of another version made it.
    """

    def __init__(self, database: str | Path) -> None:
        self.path = Path(f"{database}.staging")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not layout_of(database) and not self._has_content():
                write_whole(self.path / "VERSION", LAYOUT.encode())
            found = layout_of(database) or "none"
        except OSError as error:
            raise StagingError(f"{self.path}: {error.strerror or error}") from error
        if found != LAYOUT:
            raise StagingError(
                f"{self.path}: staging layout {found!r}, but this program knows {LAYOUT!r}; "
                "commit it with the version that wrote it"
            )

    def _has_content(self) -> bool:
        """Whether anything is there but what a death during `write_whole` left behind."""
        return any(not path.name.startswith(".") for path in self.path.iterdir())

    def runs(self) -> list[RunFolder]:
        """Folders of runs, oldest first."""
        return _runs(self.path)

    def new_run(self, run_id: str) -> RunFolder:
        """Make the folder of a run."""
        folder = RunFolder(self.path / run_id)
        for path in (folder.path, folder.plan, folder.signals):
            path.mkdir()
        return folder


def _runs(folder: Path) -> list[RunFolder]:
    """Those of other names are not ours."""
    return [
        RunFolder(path)
        for path in sorted(folder.iterdir())
        if path.is_dir() and RUN_ID.fullmatch(path.name)
    ]


def layout_of(database: str | Path) -> str | None:
    """The layout of a database's staging folder; None where there is none, or it is unmarked."""
    try:
        return Path(f"{database}.staging/VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def waiting(database: str | Path) -> list[RunFolder]:
    """Runs that wait staged for a database, oldest first; nothing is made or changed."""
    if layout_of(database) != LAYOUT:
        return []
    return [run for run in _runs(Path(f"{database}.staging")) if (run.path / "run.json").exists()]


@contextlib.contextmanager
def open_staging(database: str | Path) -> Iterator[Staging]:
    """The staging folder, for as long as a command works with it and the database.

    Raises:
        StagingError: the system refuses something there; the error names the folder.
        DatabaseLocked: the database stayed locked; the error says what waits staged.
    """
    staging = Staging(database)
    try:
        yield staging
    except OSError as error:
        raise StagingError(
            f"{staging.path}: {error.strerror or error}; nothing is lost: mend it and run again"
        ) from error
    except DatabaseLocked as error:
        if not waiting(database):
            raise
        raise DatabaseLocked(
            f"{error}; what was fetched waits staged in {staging.path}: "
            "the next run or `newsbeam commit` brings it in"
        ) from error
