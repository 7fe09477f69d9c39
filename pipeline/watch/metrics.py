"""Metrics of runs, by OpenTelemetry: for Prometheus to fetch or to find in a file, and over OTLP.

All come from what a commit says of itself: nothing is looked up for them but the sizes of files.
docs/operator/monitoring.md names them all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from config.errors import MetricsError
from config.models import VERSION
from pipeline.run.batch import RunResult
from pipeline.watch.address import Address
from sinks.connector.files import write_whole
from sinks.database.errors import REPORTED
from sinks.database.where import Where, local
from sinks.load.report import LAG_BOUNDS, Committed

try:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
    from prometheus_client.exposition import generate_latest
    from prometheus_client.parser import text_string_to_metric_families
except ImportError as error:
    raise MetricsError(
        f"metrics need what is not installed ({error.name}): pip install 'newsbeam[metrics]'"
    ) from None

TIME_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
OTLP = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
LAST_WORDS_MS = 5_000
"""How long the end waits for a collector that does not answer."""
Labels = dict[str, str]


class Metrics:
    """Counts what commits bring; feed it each result."""

    def __init__(self, database: Where) -> None:
        self._file = local(database)
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        readers: list[MetricReader] = [
            PrometheusMetricReader(scope_info_enabled=False, registry=self._registry)
        ]
        if any(os.environ.get(name) for name in OTLP):
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        named = Resource.create({SERVICE_NAME: "newsbeam", SERVICE_VERSION: VERSION})
        self._provider = MeterProvider(readers, named, shutdown_on_exit=False)
        self._stop_serving: Callable[[], None] | None = None
        self._last: Committed | None = None
        self._make()

    def _make(self) -> None:
        meter = self._provider.get_meter("newsbeam", VERSION)

        def counter(name: str, unit: str, meaning: str, **known: Iterable[str]) -> Any:
            made = meter.create_counter(f"newsbeam.{name}", unit, meaning)
            for label, values in known.items():  # a counter that begins at 1 has no increase
                for value in values:
                    made.add(0, {label: value})
            if not known:
                made.add(0)
            return made

        def histogram(name: str, meaning: str, bounds: Iterable[float]) -> Any:
            return meter.create_histogram(
                f"newsbeam.{name}", "s", meaning, explicit_bucket_boundaries_advisory=[*bounds]
            )

        def gauge(
            name: str, unit: str, meaning: str, look: Callable[[Committed], Iterable[Any]]
        ) -> None:
            def observe(_options: CallbackOptions) -> Iterator[Observation]:
                if self._last is not None:
                    for value, labels in look(self._last):
                        yield Observation(value, labels)

            meter.create_observable_gauge(f"newsbeam.{name}", [observe], unit, meaning)

        self._runs = counter("runs", "{run}", "Runs that were committed, by how they ended.",
                             state=("done", "stopped", "failed", "died"))  # fmt: skip
        self._errors = meter.create_counter(
            "newsbeam.errors", "{error}", "Runs that ended with an error, by its kind."
        )
        self._polls = counter("polls", "{poll}", "Polls of feeds, by how they went.",
                              outcome=("read", "not_modified", "identical", "failed"))  # fmt: skip
        self._entries = counter("entries", "{entry}", "Entries seen for the first time.")
        self._pages = counter("pages", "{page}", "Pages tried, by what became of them.",
                              outcome=("read", "failed", "pending"))  # fmt: skip
        self._articles = counter("articles", "{article}", "Articles written.",
                                 change=("new", "changed"))  # fmt: skip
        self._topics = meter.create_counter(
            "newsbeam.topics", "{article}", "Articles written, by topic."
        )
        self._failures = meter.create_counter(
            "newsbeam.failures", "{failure}", "Failures of feeds and pages, by stage and kind."
        )
        self._run_seconds = histogram("run.duration", "Work of a run, before its commit.",
                                      TIME_BOUNDS)  # fmt: skip
        self._commit_seconds = histogram("commit.duration", "How long a commit held the database.",
                                         TIME_BOUNDS)  # fmt: skip
        self._lock_seconds = histogram("lock.wait", "How long a commit waited for the database.",
                                       TIME_BOUNDS)  # fmt: skip
        self._lags = {
            "listed": histogram("listed.lag", "From a feed's listing to the row.", LAG_BOUNDS),
            "published": histogram("published.lag", "From publication to the row.", LAG_BOUNDS),
        }
        gauge("feeds", "{feed}", "Feeds of the feeds file, by health.",
              lambda last: [(last.well, {"health": "ok"}),
                            *((count, {"health": word}) for word, count in last.ill)])  # fmt: skip
        gauge("feeds.due", "{feed}", "Feeds that were due when the last run was committed.",
              lambda last: [(last.due, {})])  # fmt: skip
        gauge("pages.owed", "{page}", "Pages that could be fetched when it was committed.",
              lambda last: [(last.left, {})])  # fmt: skip
        gauge("feed.shortfall", "{entry}", "Entries that a feed with an expectation lacks.",
              _shortfalls)  # fmt: skip
        gauge("last_commit.timestamp", "s", "When the last run was committed.",
              lambda last: _moment(last.run["committed_at"]))  # fmt: skip
        gauge("next_poll.timestamp", "s", "When the next feed is due, or since when.",
              lambda last: _moment(last.next_due))  # fmt: skip
        gauge("next_page.timestamp", "s", "When the next owed page is due, or since when.",
              lambda last: _moment(last.next_attempt))  # fmt: skip
        gauge("database.size", "By", "Size of the database file.", lambda _: self._size())
        gauge("disk.free", "By", "Room left on the disk of the database.", lambda _: self._free())

    def ran(self, result: RunResult) -> None:
        """Count what a run brought, and what it took over from earlier ones."""
        for committed in (*result.recovered, result.committed):
            self._count(committed)
        self._last = result.committed

    def failed(self, error: BaseException) -> None:
        """Count a run that ended with an error."""
        self._errors.add(1, {"error_type": type(error).__name__})

    def _count(self, committed: Committed) -> None:
        run = committed.run
        self._runs.add(1, {"state": run["state"]})
        if run["finished_at"] is not None:
            self._run_seconds.record((run["finished_at"] - run["started_at"]).total_seconds())
        self._commit_seconds.record(run["commit_seconds"])
        self._lock_seconds.record(run["lock_seconds"])
        if not committed.shards:  # nothing new: what the run's row says was counted before
            return
        known = run["pages_failed"] + run["pages_pending"]
        unchanged, failed = run["feeds_unchanged"], run["feeds_failed"]
        for counter, label, values in (
            (self._polls, "outcome", {
                "read": run["feeds_polled"] - unchanged - failed, "failed": failed,
                "not_modified": min(committed.not_modified, unchanged),
                "identical": max(unchanged - committed.not_modified, 0)}),
            (self._pages, "outcome", {
                "read": run["pages"] - known, "failed": run["pages_failed"],
                "pending": run["pages_pending"]}),
            (self._articles, "change", {
                "new": run["articles_new"], "changed": run["articles_changed"]}),
            (self._topics, "topic", dict(committed.topics)),
        ):  # fmt: skip
            for value, count in values.items():
                counter.add(count, {label: value})
        self._entries.add(run["entries_new"])
        for stage, kind, count in committed.failures:
            self._failures.add(count, {"stage": stage, "error_type": kind})
        for what, seconds, count in committed.lags:
            for _ in range(count):
                self._lags[what].record(seconds)

    def _size(self) -> Iterator[tuple[int, Labels]]:
        with suppress(OSError):
            yield self._file.stat().st_size, {}

    def _free(self) -> Iterator[tuple[int, Labels]]:
        with suppress(OSError):
            yield shutil.disk_usage(self._file.resolve().parent).free, {}

    def serve(self, address: Address) -> Address:
        """Let Prometheus ask there; see `start`."""
        try:
            server, thread = start_http_server(address.port, address.host, self._registry)
        except OSError as error:
            raise MetricsError(f"metrics at {address}: {error.strerror or error}") from error

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self._stop_serving = stop
        return address._replace(port=server.server_port)

    def write(self, path: Path) -> None:
        """Write them to a file for node_exporter, whole or not at all; counters go on from it.

        Raises:
            MetricsError: it cannot be written, or what is there is no such file.
        """
        try:
            earlier = path.read_text(encoding="utf-8") if path.exists() else ""
            families = _summed(self._registry.collect(), text_string_to_metric_families(earlier))
            told = generate_latest(SimpleNamespace(collect=lambda: families))
            write_whole(path, told)
        except OSError as error:
            raise MetricsError(f"{path}: {error.strerror or error}") from error
        except ValueError as error:
            raise MetricsError(f"{path}: no file of metrics: {error}") from error

    def close(self) -> None:
        """Send what a collector has not got yet, and serve no more."""
        if self._stop_serving:
            self._stop_serving()
        self._provider.shutdown(LAST_WORDS_MS)


def start(address: Address, database: Where) -> tuple[Metrics, Address]:
    """Metrics that Prometheus may ask for, and where; port 0 is any that is free.

    Raises:
        MetricsError: nobody can listen there.
    """
    metrics = Metrics(database)
    return metrics, metrics.serve(address)


@contextmanager
def written(path: Path, database: Where) -> Iterator[Metrics]:
    """Metrics that end in a file, however the run ends.

    Raises:
        MetricsError: as of `Metrics.write`.
    """
    metrics = Metrics(database)
    try:
        yield metrics
    except REPORTED as error:
        metrics.failed(error)
        raise
    finally:
        metrics.write(path)
        metrics.close()


def _shortfalls(committed: Committed) -> list[tuple[int, Labels]]:
    lacking: dict[str, int] = {}
    for outlet, entries, expected, _ in committed.below:
        lacking[outlet] = lacking.get(outlet, 0) + expected - entries
    return [(count, {"outlet": outlet}) for outlet, count in lacking.items()]


def _moment(at: datetime | None) -> list[tuple[float, Labels]]:
    return [] if at is None else [(at.timestamp(), {})]


def _summed(now: Iterable[Any], earlier: Iterable[Any]) -> list[Any]:
    """Our families of metrics, their counts with those of an earlier file."""
    families = {family.name: family for family in now if family.name.startswith("newsbeam_")}
    for before in earlier:
        if before.type not in ("counter", "histogram"):
            continue
        family = families.setdefault(before.name, before)
        if family is before:
            continue
        counts = {(one.name, tuple(sorted(one.labels.items()))): one for one in family.samples}
        for one in before.samples:
            key = one.name, tuple(sorted(one.labels.items()))
            old = counts.get(key)
            counts[key] = one if old is None else one._replace(value=one.value + old.value)
        family.samples[:] = counts.values()
    return list(families.values())
