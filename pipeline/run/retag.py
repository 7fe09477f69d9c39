"""Tagging anew what is in the database, after the topics have changed."""

from __future__ import annotations

from typing import Any

from pipeline.run.again import Again, in_one_commit
from pipeline.run.batch import cpu_seconds
from sinks.connector.errors import StagingError
from sinks.connector.tables import Misfit
from sinks.database.opening import open_database
from sinks.database.where import DuckLake
from sinks.load.report import Committed
from sinks.staging.folder import RunFolder

SHARD_ROWS = 10_000


def retag(what: Again) -> Committed:
    """Tag every article by these topics; what earlier ones said is replaced, in one commit.

    Raises:
        RunActive, DatabaseLocked, RunFailed: as of `in_one_commit`.
    """
    _, committed = in_one_commit(
        what, "retagged", lambda folder, chosen: (None, _execute(what, folder, chosen))
    )
    assert committed is not None
    return committed


def _execute(what: Again, folder: RunFolder, chosen: Any) -> float:
    import apache_beam as beam

    from sinks.connector import ReadFromDuckDB
    from sinks.connector.write import MISFITS, StageRows
    from sinks.give.export import copy
    from sinks.staging.shards import TABLES
    from transforms.steps.topics import TagAgain

    database, lock_timeout = what.database, what.lock_timeout
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
        | "Tag" >> TagAgain(what.taxonomy)
        | "Stage"
        >> StageRows(
            TABLES["tags"], folder.address, folder.run_id, rows=SHARD_ROWS, namespace="newsbeam"
        )
    )
    staged[MISFITS] | "Refuse misfits" >> beam.Map(_refuse)
    result = pipeline.run()
    result.wait_until_finish()
    return cpu_seconds(result)


def _refuse(misfit: Misfit) -> None:
    raise StagingError(f"the topics of an article cannot be staged: {misfit.reason}: {misfit.row}")
