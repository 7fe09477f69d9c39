"""Bringing staged shards into the database: one transaction for each run, each shard once.

A shard that is recorded in `staged_shards` is never loaded again, and every insert leaves out what
the database has, by stable ids. So a commit may be repeated, or done by a later run, at will.

A shard that cannot be loaded holds nothing else up: it is set aside, with its reason, and is a row
of `failures`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from config.errors import first_line
from sinks.connector.commit import Shard, record, unrecorded
from sinks.connector.connection import Opened, is_damage, mend
from sinks.connector.errors import DatabaseError
from sinks.database.opening import change, open_database
from sinks.database.sequence import next_sequence
from sinks.database.where import DuckLake, Where
from sinks.load import articles, entries, failures, hosts, identity, looks, pages, polls
from sinks.load.report import Committed, record_run, report
from sinks.staging.folder import RunFolder, Staging
from sinks.staging.shapes import schema_of
from sinks.staging.shards import TABLES, read_shards
from sinks.tables.ddl import quoted
from transforms.records import ConfiguredFeed, DefinedTopic

UNFIT = (duckdb.Error, pa.ArrowException)
"""What is raised where a shard cannot be loaded, whatever the reason."""
OF_VALUES = (
    duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException, pa.ArrowException
)  # fmt: skip
"""What is raised because of the values of rows."""
# What staged rows become, in this order, inside one transaction.
STEPS = (
    *entries.PAGES_FOUND,
    *identity.FOUND,
    *entries.FOUND,
    *articles.WRITE,
    *looks.WRITE,
    *pages.WRITE,
    *entries.WRITE,
    *identity.WRITE,
    *polls.WRITE,
    *failures.WRITE,
    *hosts.WRITE,
)


def commit_run(
    database: Where, folder: RunFolder, lock_timeout: float, asked_at: float | None = None
) -> Committed:
    """Commit a run's shards in one transaction, then remove its folder.

    With `asked_at`, by the monotonic clock, the wait for the database counts from then on.

    Shards whose rows no database could take are set aside.

    Raises:
        DatabaseLocked: another process held the database; everything stays staged.
        DatabaseError: the database could not take the rows, or its file is damaged; everything
            stays staged.
    """
    plan = folder.read_json("run.json") or {}
    with (
        folder.fetched() as files,  # first: nobody waits for the database meanwhile
        open_database(database, read_only=False, lock_timeout=lock_timeout) as opened,
    ):
        if asked_at is not None:
            opened = opened._replace(waited=opened.since - asked_at)
        identity.give_words(opened.connection)

        def bring(unfit: Mapping[Shard, str]) -> Committed:
            work = partial(_bring, folder=folder, plan=plan, files=files, unfit=unfit)
            return change(opened, database, lock_timeout, work)

        try:
            try:
                committed = bring({})
            except UNFIT as error:
                unfit = {} if _is_damage(error) else _unfit(opened, folder, plan, files)
                if not unfit:
                    raise
                committed = bring(unfit)
            if not isinstance(database, DuckLake):
                held = _settle(opened.connection, database, folder, opened.since)
                committed = committed._replace(run=committed.run | {"commit_seconds": held})
        except UNFIT as error:
            advice = ""
            if _is_damage(error) and not isinstance(database, DuckLake):
                advice = f"; the file is damaged: {mend(database)}"
            raise DatabaseError(
                f"{database}: could not commit run {folder.run_id}, "
                f"which stays staged in {folder.address}: {error}{advice}"
            ) from error
    if committed.set_aside:
        folder.set_aside(committed.set_aside)
    folder.remove()
    return committed


def _bring(
    opened: Opened,
    folder: RunFolder,
    plan: dict[str, Any],
    files: Mapping[Shard, Path],
    unfit: Mapping[Shard, str],
) -> Committed:
    """Write all that a run brought but for what is unfit; the caller owns the transaction."""
    connection = opened.connection
    shards = [shard for shard in unrecorded(connection, list(files)) if shard not in unfit]
    _load(connection, folder, plan, {shard: files[shard] for shard in shards})
    record(connection, shards, [files[shard] for shard in shards])
    for shard, reason in unfit.items():
        connection.execute(failures.UNFIT_SHARD, [folder.run_id, shard.name, reason])
    record_run(connection, folder, plan, opened)
    set_aside = [(shard.name, reason) for shard, reason in unfit.items()]
    return report(connection, folder, len(shards), set_aside)


def _unfit(
    opened: Opened, folder: RunFolder, plan: dict[str, Any], files: Mapping[Shard, Path]
) -> dict[Shard, str]:
    """Those shards that cannot be read, or whose rows do not fit, each tried by itself; and why.

    What is tried is rolled back. That a disk is full, or a database locked, is no shard's fault.
    """
    connection, found = opened.connection, {}
    for shard in unrecorded(connection, list(files)):
        path = files[shard]
        try:
            columns = ", ".join(TABLES[shard.table].arrow.names)
            read_shards(connection, shard.table, [path]).select(columns).to_arrow_table()
        except UNFIT as error:
            found[shard] = first_line(error)
            continue
        connection.execute("BEGIN")
        try:
            _load(connection, folder, plan, {shard: path})
        except OF_VALUES as error:
            found[shard] = first_line(error)
        except duckdb.Error:
            pass
        finally:
            connection.execute("ROLLBACK")
    return found


def _is_damage(error: Exception) -> bool:
    """Whether it is the database's own file that is damaged."""
    return isinstance(error, duckdb.Error) and is_damage(error)


def _settle(
    connection: duckdb.DuckDBPyConnection, database: str | Path, folder: RunFolder, since: float
) -> float:
    """Bring what is committed from the log to the file, and note how long the file was held.

    On a full disk the rows stay in the log, where they are safe, until there is room.

    Raises:
        DatabaseError: the file is damaged.
    """
    held = 0.0
    try:
        connection.execute("CHECKPOINT")
        held = round(time.monotonic() - since, 3)
        connection.execute(
            "UPDATE runs SET commit_seconds = ? WHERE run_id = ?", [held, folder.run_id]
        )
    except duckdb.Error as error:
        if is_damage(error):
            raise DatabaseError(
                f"{database}: the file is damaged: {str(error).splitlines()[0]}; the rows of run "
                f"{folder.run_id} are safe in the log {os.path.realpath(database)}.wal, and stay "
                f"staged in {folder.address}: {mend(database)}, then `newsbeam commit`"
            ) from error
    return held


def recover(database: Where, staging: Staging, lock_timeout: float) -> list[Committed]:
    """Commit what earlier runs left staged, oldest first.

    Raises:
        DatabaseLocked: another process held the database.
    """
    recovered = []
    for folder in staging.runs():
        if _is_worth(folder):
            recovered.append(commit_run(database, folder, lock_timeout))
        else:
            folder.remove()
    return recovered


def _is_worth(folder: RunFolder) -> bool:
    """Not so of a run that died before it had a plan, nor of half a `retag`, which is no commit."""
    plan = folder.read_json("run.json")
    return plan is not None and ("feeds" in plan or folder.read_json("finished.json") is not None)


def _load(
    connection: duckdb.DuckDBPyConnection,
    folder: RunFolder,
    plan: dict[str, Any],
    shards: Mapping[Shard, Path],
) -> None:
    for kind in TABLES:
        paths = [path for shard, path in shards.items() if shard.table == kind]
        connection.register(f"staged_{kind}", read_shards(connection, kind, paths))
    if "feeds" in plan:
        configured = connection.from_arrow(_rows(plan["feeds"], ConfiguredFeed))
    else:  # a run that looked at no feeds
        columns = ", ".join(ConfiguredFeed._fields)
        configured = connection.sql(f"SELECT {columns} FROM feeds WHERE listed")
    connection.register("configured", configured)
    connection.register("defined", _rows(plan.get("topics", []), DefinedTopic))
    names = {
        "run": quoted(folder.run_id),
        "taxonomy": quoted(plan["taxonomy_version"]),
        "sequence": next_sequence(connection),
    }
    made: dict[str, int] = {}
    for step in STEPS:
        if step.needs and not made.get(step.needs):
            continue
        result = connection.execute(step.sql.format(**names))
        if step.makes:
            ((made[step.makes],),) = result.fetchall()


def _rows(rows: list[dict[str, Any]], record: type) -> pa.Table:
    """What a run's plan notes of the configuration, as a table."""
    return pa.Table.from_pylist(rows, schema_of(record))
