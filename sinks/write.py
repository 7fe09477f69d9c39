"""Writing shards from the graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from sinks.shards import SCHEMAS, parquet
from sinks.staging import write_shard

NAMESPACE = "newsbeam"
ROWS = 200
SECONDS = 10.0
"""A shard is written after so many rows, or so long: what a crash may cost to fetch again."""


class WriteShards(beam.PTransform):
    """Records of one kind to the paths of the shards that hold them."""

    def __init__(self, folder: str, kind: str) -> None:
        super().__init__()
        if kind not in SCHEMAS:
            raise ValueError(f"{kind!r} is no kind of shard; valid: {', '.join(SCHEMAS)}")
        self.folder, self.kind = folder, kind

    def expand(self, records: beam.PCollection) -> beam.PCollection:
        """Write."""
        return records | beam.ParDo(_Write(self.folder, self.kind))


class _Write(beam.DoFn):
    def __init__(self, folder: str, kind: str) -> None:
        self.folder, self.kind = Path(folder), kind
        self.rows = Metrics.counter(NAMESPACE, f"{kind}_rows")
        self.bytes = Metrics.counter(NAMESPACE, f"{kind}_bytes")

    def start_bundle(self) -> None:
        self.records: list[Any] = []
        self.since = monotonic()

    def process(self, record: Any) -> Iterator[str]:
        self.records.append(record)
        if len(self.records) >= ROWS or monotonic() - self.since > SECONDS:
            yield self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self.records:
            yield GlobalWindows.windowed_value(self._flush())

    def _flush(self) -> str:
        content = parquet(self.kind, self.records)
        path = write_shard(self.folder, self.kind, content)
        self.rows.inc(len(self.records))
        self.bytes.inc(len(content))
        self.records, self.since = [], monotonic()
        return str(path)
