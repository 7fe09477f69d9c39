"""Writing from a pipeline: workers stage shards, one commit takes them over."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, NamedTuple

import apache_beam as beam
import duckdb
import pyarrow as pa
from apache_beam import pvalue
from apache_beam.metrics import Metrics
from apache_beam.transforms.trigger import AccumulationMode, AfterProcessingTime, AfterWatermark
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from .commit import LEDGER, CommittedRows, Shard, check_columns, commit_shards
from .connection import open_file
from .errors import DatabaseError, SchemaMismatch
from .files import parquet
from .remote import (
    check_staging,
    fetch_shards,
    new_run_id,
    remove_run,
    remove_shards,
    stale_runs,
    store_shard,
    sweep,
)
from .tables import Misfit, Schema, Table, batches

_LOGGER = logging.getLogger(__name__)
NAMESPACE = "duckdb"
SHARDS, MISFITS = "shards", "misfits"
CHUNK = 200
"""Rows that are converted together."""
LARGEST = 64 * 2**20
"""Bytes in memory after which a shard is written."""


class Written(NamedTuple):
    """What a write gives back, as PCollections."""

    committed: beam.PCollection
    """CommittedRows: one for each table and commit."""
    dead_letters: beam.PCollection
    """Misfit: rows that do not fit their table, or lack their key."""


class WriteToDuckDB(beam.PTransform):
    """Rows to one or several tables of a DuckDB file, each row once.

    Rows are mappings, NamedTuples, dataclasses or `beam.Row`. For one table give its name, key and
    schema, and apply this to a PCollection; for several that belong in one transaction give
    `Table` objects, and apply it to a dictionary of PCollections by their names:

        {"orders": orders, "lines": lines} | WriteToDuckDB("shop.duckdb", [ORDERS, LINES])

    Workers write immutable Parquet shards to `staging` (by default DATABASE.shards; any file
    system that Beam knows); one step, which must run where the database is, commits them: all of
    them when a bounded pipeline has staged its rows, or what there is every `commit_every` seconds
    in a streaming one. A retried bundle, a retried commit, and a pipeline that was killed and runs
    again add nothing twice, because shards are committed once and keys are written once. Tables
    that are absent are made, by a bounded pipeline without rows too.

    Gives `Written`. Metrics, in the namespace duckdb: TABLE_rows, TABLE_bytes, TABLE_misfits when
    staged; TABLE_added when committed.

    Raises:
        ValueError: a schema, key or staging folder is wrong, or a streaming write lacks
            `commit_every`.
        SchemaMismatch: the database has the table with other columns, or a view of its name.
    """

    def __init__(
        self,
        database: str,
        table: str | Sequence[Table],
        key: str | Sequence[str] = (),
        schema: Schema | None = None,
        staging: str | None = None,
        *,
        lock_timeout: float = 60.0,
        commit_every: float | None = None,
    ) -> None:
        super().__init__()
        self.database = str(database)
        self.tables = [Table(table, key, schema or {})] if isinstance(table, str) else list(table)
        names = [table.name for table in self.tables]
        if len({name.lower() for name in names}) != len(names) or not names:
            raise ValueError(f"tables need names of their own: {', '.join(names) or 'none given'}")
        if LEDGER in {name.lower() for name in names}:
            raise ValueError(f"{LEDGER} is the table of what was committed; choose another name")
        self.staging = (staging or f"{self.database}.shards").rstrip("/")
        self.lock_timeout, self.commit_every = lock_timeout, commit_every
        check_staging(self.staging)
        _compare(self.database, self.tables)

    def expand(self, rows: Any) -> Written:
        """Stage, gather, commit."""
        streams = rows if isinstance(rows, dict) else {self.tables[0].name: rows}
        names = [table.name for table in self.tables]
        if sorted(streams) != sorted(names):
            raise ValueError(f"tables {', '.join(names)}, but rows for {', '.join(streams)}")
        streaming = any(not stream.is_bounded for stream in streams.values())
        if streaming and not self.commit_every:
            raise ValueError("a streaming write needs commit_every, in seconds")
        run_id = new_run_id()
        folder = f"{self.staging}/{run_id}"
        staged = [
            streams[table.name]
            | f"Stage {table.name}" >> StageRows(table, folder, run_id, seconds=self.commit_every)
            for table in self.tables
        ]
        shards = [outputs[SHARDS] for outputs in staged] | "All shards" >> beam.Flatten()
        misfits = [outputs[MISFITS] for outputs in staged] | "All misfits" >> beam.Flatten()
        once = None if streaming else run_id
        commit = _Commit(self.database, self.tables, self.lock_timeout, self.staging, once)
        gathered = self._from_time_to_time(shards) if streaming else _all_at_once(shards)
        return Written(gathered | "Commit" >> beam.ParDo(commit), misfits)

    def _from_time_to_time(self, shards: beam.PCollection) -> beam.PCollection:
        return (
            shards
            | "Every now and then" >> beam.WindowInto(
                GlobalWindows(),
                trigger=AfterWatermark(early=AfterProcessingTime(self.commit_every)),
                accumulation_mode=AccumulationMode.DISCARDING,
            )
            | "To one place" >> beam.WithKeys("")
            | "Gather" >> beam.GroupByKey()
            | "Their shards" >> beam.Values()
        )  # fmt: skip


def _all_at_once(shards: beam.PCollection) -> beam.PCollection:
    """One list of shards, also where there are none."""
    return (
        shards.pipeline
        | "Once" >> beam.Create([None])
        | "Gather" >> beam.Map(lambda _, gathered: gathered, pvalue.AsList(shards))
    )


class StageRows(beam.PTransform):
    """Rows of one table to the shards that hold them: the first half of a write.

    Gives the outputs SHARDS (`Shard`) and MISFITS (`Misfit`). A shard is written when a bundle
    ends, or after so many rows or seconds: what a crash may cost.
    """

    def __init__(
        self,
        table: Table,
        folder: str,
        run_id: str,
        *,
        rows: int = 100_000,
        seconds: float | None = None,
        namespace: str = NAMESPACE,
    ) -> None:
        super().__init__()
        self.stage = _Stage(table, str(folder), run_id, rows, seconds, namespace)

    def expand(self, rows: beam.PCollection) -> pvalue.DoOutputsTuple:
        """Write."""
        return (
            rows
            | "No windows" >> beam.WindowInto(GlobalWindows())
            | "Write shards" >> beam.ParDo(self.stage).with_outputs(SHARDS, MISFITS)
        )


class _Stage(beam.DoFn):
    def __init__(
        self,
        table: Table,
        folder: str,
        run_id: str,
        rows: int,
        seconds: float | None,
        namespace: str,
    ) -> None:
        self.table, self.folder, self.run_id = table, folder, run_id
        self.most_rows, self.most_seconds = rows, seconds
        self.rows = Metrics.counter(namespace, f"{table.name}_rows")
        self.bytes = Metrics.counter(namespace, f"{table.name}_bytes")
        self.misfits = Metrics.counter(namespace, f"{table.name}_misfits")

    def start_bundle(self) -> None:
        self.waiting: list[Any] = []
        self.staged: list[pa.RecordBatch] = []
        self.count = self.size = 0
        self.since = monotonic()

    def process(self, row: Any) -> Iterator[pvalue.TaggedOutput]:
        self.waiting.append(row)
        self.count += 1
        late = self.most_seconds is not None and monotonic() - self.since > self.most_seconds
        if len(self.waiting) >= CHUNK:
            yield from self._convert()
        if late or self.count >= self.most_rows or self.size >= LARGEST:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for output in self._flush():
            value = GlobalWindows.windowed_value(output.value)
            yield pvalue.TaggedOutput(output.tag, value)

    def _convert(self) -> Iterator[pvalue.TaggedOutput]:
        for result in batches(self.table, self.waiting):
            if isinstance(result, Misfit):
                self.misfits.inc()
                yield pvalue.TaggedOutput(MISFITS, result)
            else:
                self.staged.append(result)
                self.size += result.nbytes
        self.waiting = []

    def _flush(self) -> Iterator[pvalue.TaggedOutput]:
        yield from self._convert()
        if self.staged:
            content = parquet(self.table.arrow, self.staged)
            address = store_shard(self.folder, self.table.name, content)
            self.rows.inc(sum(batch.num_rows for batch in self.staged))
            self.bytes.inc(len(content))
            yield pvalue.TaggedOutput(SHARDS, Shard(self.table.name, self.run_id, address))
        self.start_bundle()


class _Commit(beam.DoFn):
    """Commits lists of shards. `run_id` names the folder that may go then; None in streaming."""

    def __init__(
        self,
        database: str,
        tables: Sequence[Table],
        lock_timeout: float,
        staging: str,
        run_id: str | None,
    ) -> None:
        self.database, self.tables, self.lock_timeout = database, tables, lock_timeout
        self.staging, self.run_id = staging, run_id
        self.added = {
            table.name: Metrics.counter(NAMESPACE, f"{table.name}_added") for table in tables
        }

    def process(self, gathered: Iterable[Shard]) -> Iterator[CommittedRows]:
        shards = sorted(map(Shard._make, gathered))
        committed = commit_shards(
            self.database, self.tables, shards, self.lock_timeout, fetch_shards
        )
        try:
            self._tidy(shards)
        except Exception as error:  # the rows are committed; what stays is swept another time
            _LOGGER.warning("%s: could not remove committed shards: %s", self.staging, error)
        for outcome in committed:
            self.added[outcome.table].inc(outcome.added)
            yield outcome

    def _tidy(self, shards: Sequence[Shard]) -> None:
        stale = stale_runs(self.staging) - {shard.run_id for shard in shards}
        remove_shards([shard.address for shard in shards])
        if self.run_id:
            remove_run(self.staging, self.run_id)
        sweep(self.staging, stale)


def _compare(database: str, tables: Sequence[Table]) -> None:
    """Hold the schemas against a database that is here and free now; the commit does it again."""
    for table in tables:
        table.types  # noqa: B018 - to compute it is to check it
    try:
        with open_file(database, read_only=True, lock_timeout=0) as opened:
            for table in tables:
                with contextlib.suppress(duckdb.CatalogException):  # absent: it will be made
                    check_columns(opened.connection, database, table)
    except SchemaMismatch:
        raise
    except DatabaseError:
        pass  # absent, busy, or somewhere else
