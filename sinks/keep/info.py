"""What a database is: its files, versions, rows and runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from config.models import VERSION
from sinks.database.lake import data_path_of
from sinks.database.migrations import definition_of
from sinks.database.opening import one_row, open_database, schema_version
from sinks.database.where import DuckLake, Where, local, shown
from sinks.staging.folder import RunFolder, layout_of, store_of, waiting
from sinks.staging.shards import LAYOUT
from sinks.tables.tables import SCHEMA_VERSION, TABLES

RUNS = """
SELECT count(*) AS runs, min(started_at) AS first_run, max(started_at) AS last_run,
       arg_max(state, run_id) AS last_state
FROM runs
"""
ARTICLES = """
SELECT min(published_at) AS oldest, max(published_at) AS newest,
       count(DISTINCT outlet) AS outlets, count(DISTINCT language) AS languages
FROM articles
"""

STORAGE = """
SELECT rtrim(tags['storage_version'], '+') FROM duckdb_databases()
WHERE database_name = current_database()
"""
STORAGE_OF_LAKE = """
SELECT 'DuckLake ' || value FROM ducklake_options(current_database()) WHERE option_name = 'version'
"""


def describe_database(
    path: Where,
    lock_timeout: float,
    staging: str | None = None,
    beam_options: Sequence[str] = (),
) -> dict[str, Any]:
    """All of it as one document; a database of an earlier schema is described as it is.

    `staging` is the address of its staging folder, if that is not beside it.

    Raises:
        DatabaseLocked, SchemaMismatch, DatabaseError: as of `open_database`.
        ConfigError, StagingError: the staging folder cannot be looked at.
    """
    with open_database(path, read_only=True, lock_timeout=lock_timeout, any_version=True) as opened:
        connection = opened.connection
        found = {
            "path": shown(path),
            **sizes(connection, path),
            **_versions(connection, path),
            "rows": _rows(connection),
            **one_row(connection, RUNS),
            "articles": one_row(connection, ARTICLES),
        }
    with store_of(path, staging, beam_options, lock_timeout) as store:
        return {
            **found,
            "staging": store.address,
            "staging_layout": layout_of(store),
            "staging_known": LAYOUT,
            "staged": [_staged(run) for run in waiting(store)],
        }


def _staged(run: RunFolder) -> dict[str, Any]:
    """What a run has staged."""
    sizes = run.sizes().values()
    return {"run_id": run.run_id, "files": len(sizes), "bytes": sum(sizes)}


def sizes(connection: duckdb.DuckDBPyConnection, where: Where) -> dict[str, Any]:
    """Sizes of the file, of its unused part and of its log, and the room left on its disk.

    Of a DuckLake, how much Parquet it has, and the room left on the disk of the launcher.
    """
    if isinstance(where, DuckLake):
        return _sizes_of_lake(connection, where)
    path = Path(where)
    ((free, block),) = connection.execute(
        "SELECT free_blocks, block_size FROM pragma_database_size() "
        "WHERE database_name = current_database()"
    ).fetchall()
    log = Path(f"{path.resolve()}.wal")
    return {
        "bytes": path.stat().st_size,
        "reclaimable_bytes": free * block,
        "wal_bytes": log.stat().st_size if log.exists() else 0,
        "disk_free_bytes": shutil.disk_usage(path.resolve().parent).free,
    }


def _sizes_of_lake(connection: duckdb.DuckDBPyConnection, lake: DuckLake) -> dict[str, Any]:
    found = one_row(
        connection,
        """
        SELECT sum(file_size_bytes + delete_file_size_bytes)::BIGINT AS bytes,
               sum(file_count + delete_file_count)::BIGINT AS data_files,
               (SELECT count(*) FROM ducklake_snapshots(current_database())) AS snapshots
        FROM ducklake_table_info(current_database())
        """,
    )
    free = shutil.disk_usage(local(lake).parent).free
    return found | {"data_path": data_path_of(connection), "disk_free_bytes": free}


def _versions(connection: duckdb.DuckDBPyConnection, path: Where) -> dict[str, Any]:
    storage = STORAGE_OF_LAKE if isinstance(path, DuckLake) else STORAGE
    ((version,),) = connection.execute(storage).fetchall()
    made = one_row(connection, "FROM newsbeam_schema ORDER BY version DESC LIMIT 1")
    return {
        "schema_version": schema_version(connection, str(path)),
        "schema_known": SCHEMA_VERSION,
        "schema_since": made["created_at"],
        "database_id": made.get("database_id"),
        "storage_version": version,
        "newsbeam_version": VERSION,
        "duckdb_version": duckdb.__version__,
    }


def _rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = {}
    for table in TABLES:
        if definition_of(connection, table.name):
            ((counts[table.name],),) = connection.execute(
                f'SELECT count(*) FROM "{table.name}"'
            ).fetchall()
    return counts
