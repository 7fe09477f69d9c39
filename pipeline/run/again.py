"""What is made anew of what the database has: staged by a graph, then brought in in one commit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from config.errors import NewsbeamError, first_line
from config.models import VERSION, Taxonomy
from pipeline.run.batch import RunFailed, defined, new_run_id
from pipeline.run.lock import only_one
from sinks.connector.errors import ConnectorError, DatabaseLocked
from sinks.database.errors import REPORTED
from sinks.database.opening import bring_up_to_date
from sinks.database.where import Where
from sinks.load.report import Committed
from sinks.load.run_commit import commit_run, recover
from sinks.staging.folder import RunFolder, open_staging

R = TypeVar("R")


@dataclass(frozen=True)
class Again:
    """What is worked on, and how."""

    database: Where
    taxonomy: Taxonomy
    lock_timeout: float = 60.0
    runner: str = "DirectRunner"
    beam_options: Sequence[str] = ()
    staging: str | None = None
    """Where the staging folder lies, if not beside the database."""


def in_one_commit(
    what: Again,
    done: str,
    stage: Callable[[RunFolder, Any], tuple[R, float]],
    commit: bool = True,
) -> tuple[R, Committed | None]:
    """Stage rows by a graph on an engine, and commit them; what `stage` found, and the commit.

    It returns what it found, and the CPU seconds of the graph.

    Killed before all are staged, it has changed nothing; after that, the next run commits them.
    Without `commit` nothing is changed in any case; `done` is the word for what would be.

    Raises:
        RunActive: another run works on this database.
        DatabaseLocked: the database stayed locked; if all were staged, that waits.
        RunFailed: the graph failed; nothing is changed.
    """
    from pipeline.run.runners import engine

    chosen = engine(what.runner, what.beam_options)
    opened = open_staging(
        what.database, what.staging, beam_options=what.beam_options, lock_timeout=what.lock_timeout
    )
    with only_one(what.database), opened as staging:
        bring_up_to_date(what.database, what.lock_timeout)
        recover(what.database, staging, what.lock_timeout)
        folder = staging.new_run(new_run_id())
        try:
            folder.write_json("run.json", _plan(what, chosen.name))
            found, cpu = stage(folder, chosen)
        except Exception as error:  # of any runner, about anything
            folder.remove()
            raise failure_of(error, done) from error
        if not commit:
            folder.remove()
            return found, None
        now = datetime.now(UTC).isoformat()
        end = {"finished_at": now, "state": "done", "cpu_seconds": cpu}
        folder.write_json("finished.json", end)
        return found, commit_run(what.database, folder, what.lock_timeout)


def _plan(what: Again, runner: str) -> dict[str, Any]:
    return {
        "started_at": datetime.now(UTC).isoformat(),
        "newsbeam_version": VERSION,
        "runner": runner,
        "feeds_due": 0,
        **defined(what.taxonomy),
    }


def failure_of(error: Exception, done: str) -> NewsbeamError | ConnectorError:
    """What a graph that failed is to its user; some workers hand errors on as texts."""
    if isinstance(error, REPORTED):
        return error
    text = first_line(error)
    if locked := re.search(r"\bDatabaseLocked: (.*)", text):
        return DatabaseLocked(locked[1])
    return RunFailed(f"not {done}, nothing is changed: {text}")
