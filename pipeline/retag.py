"""Tagging anew what is in the database, after the topics have changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from config.models import VERSION, Taxonomy
from pipeline.lock import only_one
from pipeline.run import defined, new_run_id
from sinks.commit import Committed, commit_run, recover
from sinks.database import bring_up_to_date
from sinks.staging import RunFolder, Staging

SHARD_ROWS = 10_000


def retag(
    database: Path,
    taxonomy: Taxonomy,
    lock_timeout: float = 60.0,
    runner: str = "DirectRunner",
    beam_options: Sequence[str] = (),
) -> Committed:
    """Tag every article by these topics; what earlier ones said is replaced, in one commit.

    Killed, it has changed nothing, or what it staged: run it again, or let the next run take over.

    Raises:
        RunActive: another run works on this database.
        DatabaseLocked: the database stayed locked; what was tagged waits staged.
    """
    from pipeline.runners import engine

    chosen = engine(runner, beam_options)
    with only_one(database):
        bring_up_to_date(database, lock_timeout)
        staging = Staging(database)
        recover(database, staging, lock_timeout)
        folder = staging.new_run(new_run_id())
        folder.write_json(
            "run.json",
            {
                "started_at": datetime.now(timezone.utc).isoformat(),
                "newsbeam_version": VERSION,
                "runner": chosen.name,
                "feeds_due": 0,
                **defined(taxonomy),
            },
        )
        _execute(database, taxonomy, lock_timeout, chosen, folder)
        folder.write_json(
            "finished.json",
            {"finished_at": datetime.now(timezone.utc).isoformat(), "state": "done"},
        )
        return commit_run(database, folder, lock_timeout)


def _execute(
    database: Path, taxonomy: Taxonomy, lock_timeout: float, chosen: Any, folder: RunFolder
) -> None:
    import apache_beam as beam

    from sinks.connector import ReadFromDuckDB
    from sinks.connector.write import StageRows
    from sinks.shards import TABLES
    from transforms.steps import TagAgain

    pipeline = beam.Pipeline(runner=chosen.runner, options=chosen.options)
    (
        pipeline
        | "Articles"
        >> ReadFromDuckDB(
            str(database), "articles", ["article_id", "title", "text"], lock_timeout=lock_timeout
        )
        | "Tag" >> TagAgain(taxonomy)
        | "Stage"
        >> StageRows(
            TABLES["tags"], str(folder.path), folder.run_id, rows=SHARD_ROWS, namespace="newsbeam"
        )
    )
    pipeline.run().wait_until_finish()
