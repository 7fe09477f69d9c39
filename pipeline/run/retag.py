"""Tagging anew what is in the database, after the topics have changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from config.errors import NewsbeamError, first_line
from config.models import VERSION, Taxonomy
from pipeline.run.batch import RunFailed, defined, new_run_id
from pipeline.run.lock import only_one
from sinks.connector.errors import ConnectorError, DatabaseLocked, StagingError
from sinks.connector.tables import Misfit
from sinks.database.errors import REPORTED
from sinks.database.opening import bring_up_to_date, open_database
from sinks.database.where import DuckLake, Where
from sinks.load.report import Committed
from sinks.load.run_commit import commit_run, recover
from sinks.staging.folder import RunFolder, open_staging

SHARD_ROWS = 10_000


def retag(
    database: Where,
    taxonomy: Taxonomy,
    lock_timeout: float = 60.0,
    runner: str = "DirectRunner",
    beam_options: Sequence[str] = (),
    staging_address: str | None = None,
) -> Committed:
    """Tag every article by these topics; what earlier ones said is replaced, in one commit.

    Killed before all are tagged, it has changed nothing; after that, the next run commits them.

    Raises:
        RunActive: another run works on this database.
        DatabaseLocked: the database stayed locked; if all were tagged, that waits staged.
        RunFailed: the graph failed; nothing is changed.
    """
    from pipeline.run.runners import engine

    chosen = engine(runner, beam_options)
    opened = open_staging(
        database, staging_address, beam_options=beam_options, lock_timeout=lock_timeout
    )
    with only_one(database), opened as staging:
        bring_up_to_date(database, lock_timeout)
        recover(database, staging, lock_timeout)
        folder = staging.new_run(new_run_id())
        folder.write_json(
            "run.json",
            {
                "started_at": datetime.now(UTC).isoformat(),
                "newsbeam_version": VERSION,
                "runner": chosen.name,
                "feeds_due": 0,
                **defined(taxonomy),
            },
        )
        try:
            _execute(database, taxonomy, lock_timeout, chosen, folder)
        except Exception as error:  # of any runner, about anything
            folder.remove()
            raise failure_of(error) from error
        folder.write_json(
            "finished.json",
            {"finished_at": datetime.now(UTC).isoformat(), "state": "done"},
        )
        return commit_run(database, folder, lock_timeout)


def failure_of(error: Exception) -> NewsbeamError | ConnectorError:
    """What a graph that failed is to its user; some workers hand errors on as texts."""
    if isinstance(error, REPORTED):
        return error
    text = first_line(error)
    if locked := re.search(r"\bDatabaseLocked: (.*)", text):
        return DatabaseLocked(locked[1])
    return RunFailed(f"not retagged, nothing is changed: {text}")


def _execute(
    database: Where, taxonomy: Taxonomy, lock_timeout: float, chosen: Any, folder: RunFolder
) -> None:
    import apache_beam as beam

    from sinks.connector import ReadFromDuckDB
    from sinks.connector.write import MISFITS, StageRows
    from sinks.give.export import copy
    from sinks.staging.shards import TABLES
    from transforms.steps.topics import TagAgain

    pipeline = beam.Pipeline(runner=chosen.runner, options=chosen.options)
    columns = ["article_id", "title", "text", "language"]
    if isinstance(database, DuckLake):  # which workers cannot split, and whose state may move on
        articles = folder.path / "articles.parquet"
        with open_database(database, read_only=True, lock_timeout=lock_timeout) as opened:
            copy(opened.connection, f"SELECT {', '.join(columns)} FROM articles", articles)
        read: beam.PTransform = beam.io.ReadFromParquet(str(articles))
    else:
        read = ReadFromDuckDB(str(database), "articles", columns, lock_timeout=lock_timeout)
    staged = (
        pipeline
        | "Articles" >> read
        | "Tag" >> TagAgain(taxonomy)
        | "Stage"
        >> StageRows(
            TABLES["tags"], folder.address, folder.run_id, rows=SHARD_ROWS, namespace="newsbeam"
        )
    )
    staged[MISFITS] | "Refuse misfits" >> beam.Map(_refuse)
    pipeline.run().wait_until_finish()


def _refuse(misfit: Misfit) -> None:
    raise StagingError(f"the topics of an article cannot be staged: {misfit.reason}: {misfit.row}")
