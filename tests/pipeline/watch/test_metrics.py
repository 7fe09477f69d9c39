"""Metrics: scraped, written to a file, sent to a collector; true to what is in the database."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.run.batch import RunResult
from pipeline.watch.address import Address
from pipeline.watch.metrics import Metrics, start
from sinks.load.report import LAG_BOUNDS
from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over
from tests.kit.program import KIND_TO_LOOPBACK, Program, newsbeam
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    LATER,
    OTHER,
    article,
    at,
    commit,
    failed_page,
    failed_poll,
    listed,
    page,
    poll,
)

Samples = dict[tuple[str, tuple[str, ...]], float]
"""By name and label values."""


def parsed(text: str) -> Samples:
    return {
        (one.name, tuple(one.labels[name] for name in sorted(one.labels))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


@contextmanager
def scraped(metrics_and_address: tuple[Metrics, Address]) -> Iterator[Any]:
    """What Prometheus finds, whenever called."""
    metrics, address = metrics_and_address
    try:
        yield lambda: parsed(httpx.get(f"http://{address}/metrics").text)
    finally:
        metrics.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "news.duckdb"


def of(name: str, found: Samples) -> dict[str, float]:
    """Values of a metric with one label."""
    return {labels[0]: value for (key, labels), value in found.items() if key == name}


ANY = Address("127.0.0.1", 0)


def one_run(database: Path) -> RunResult:
    committed = commit(
        database,
        [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)]), failed_poll(OTHER, 0)],
        [page(1), failed_page(2), failed_page(3, "pending")],
    )
    return RunResult(committed, [], False)


def test_what_a_run_brought_is_counted(database: Path) -> None:
    metrics, address = start(ANY, database)
    with scraped((metrics, address)) as look:
        metrics.ran(one_run(database))
        found = look()
    assert of("newsbeam_polls_total", found) == {
        "read": 1, "failed": 1, "not_modified": 0, "identical": 0
    }  # fmt: skip
    assert of("newsbeam_pages_total", found) == {"read": 1, "failed": 1, "pending": 1}
    assert of("newsbeam_articles_total", found) == {"new": 1, "changed": 0}
    assert of("newsbeam_runs_total", found) == {"done": 1, "stopped": 0, "failed": 0, "died": 0}
    assert of("newsbeam_topics_total", found) == {"taiwan": 1}
    assert of("newsbeam_feeds", found) == {"ok": 2, "failing": 1}
    assert found["newsbeam_entries_total", ()] == 2
    assert found["newsbeam_failures_total", ("Http503", "fetch")] == 2
    assert found["newsbeam_failures_total", ("Http500", "poll")] == 1
    assert found["newsbeam_feeds_due", ()] == 3
    assert found["newsbeam_pages_owed", ()] == 0  # the pending one was listed by no feed
    assert found["newsbeam_commit_duration_seconds_count", ()] == 1
    assert found["newsbeam_lock_wait_seconds_count", ()] == 1
    assert found["newsbeam_next_poll_timestamp_seconds", ()] == at(30).timestamp()
    assert found["newsbeam_database_size_bytes", ()] == database.stat().st_size


def test_answers_304_are_told_from_bodies_that_are_the_same(database: Path) -> None:
    first = commit(database, [poll(FEED, 0), poll(OTHER, 0)])
    second = commit(
        database,
        [poll(FEED, 60, status="unchanged", http_status=304, entries=None),
         poll(OTHER, 60, status="unchanged", entries=None)],
        run_id=LATER,
    )  # fmt: skip
    metrics, address = start(ANY, database)
    with scraped((metrics, address)) as look:
        metrics.ran(RunResult(second, [first], False))
        found = of("newsbeam_polls_total", look())
    assert found == {"read": 2, "failed": 0, "not_modified": 1, "identical": 1}


def test_lags_are_spread_over_their_bounds_and_add_up(database: Path) -> None:
    pages = [page(number, article(number, listed_at=at(-number))) for number in range(1, 6)]
    committed = commit(database, [*pages, page(9, article(9, listed_at=at(60 * 24 * 9000)))])
    lags = [(committed.run["committed_at"] - at(-number)).total_seconds() for number in range(1, 6)]
    metrics, address = start(ANY, database)
    with scraped((metrics, address)) as look:
        metrics.ran(RunResult(committed, [], False))
        found = look()
    assert found["newsbeam_listed_lag_seconds_count", ()] == 6
    assert found["newsbeam_listed_lag_seconds_sum", ()] == pytest.approx(sum(lags), abs=0.01)
    buckets = of("newsbeam_listed_lag_seconds_bucket", found)
    assert {float(bound): count for bound, count in buckets.items()} == {
        **dict.fromkeys(LAG_BOUNDS, 1),  # listed in days to come: no lag
        float("inf"): 6,
    }
    assert found["newsbeam_published_lag_seconds_count", ()] == 5


def test_a_commit_that_is_repeated_counts_once(database: Path) -> None:
    first = one_run(database)
    again = commit(database, [page(1), failed_page(2), failed_page(3, "pending")])
    assert again.shards == 0
    metrics, address = start(ANY, database)
    with scraped((metrics, address)) as look:
        metrics.ran(RunResult(again, [first.committed], False))
        found = look()
    assert of("newsbeam_articles_total", found) == {"new": 1, "changed": 0}
    assert found["newsbeam_entries_total", ()] == 2


def test_feeds_that_fall_short_are_named_until_they_do_not(database: Path) -> None:
    expect: tuple[int, int] = (3, 3600)
    names = {FEED: "The Dawn"}
    commit(database, [poll(FEED, 0)], feeds=[FEED], outlets=names, expect=expect)
    short = commit(database, [poll(FEED, 90, [listed(FEED, 1)])], run_id=LATER, feeds=[FEED],
                   outlets=names, expect=expect)  # fmt: skip
    metrics, address = start(ANY, database)
    with scraped((metrics, address)) as look:
        metrics.ran(RunResult(short, [], False))
        assert of("newsbeam_feed_shortfall", look()) == {"The Dawn": 2}
        metrics.ran(RunResult(short._replace(below=[]), [], False))
        assert of("newsbeam_feed_shortfall", look()) == {}


def test_errors_are_counted_by_kind(database: Path) -> None:
    metrics, address = start(ANY, database)
    with scraped((metrics, address)) as look:
        metrics.failed(OSError("no room"))
        metrics.failed(OSError("no room"))
        assert of("newsbeam_errors_total", look()) == {"OSError": 2}


def test_it_serves_no_more_once_closed(database: Path) -> None:
    metrics, address = start(ANY, database)
    metrics.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{address}/metrics")


@pytest.fixture(scope="module")
def room(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "40", "--outlets", "6")


def test_a_stream_is_scraped_while_it_works(room: Newsroom, tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    command = ["stream", "--feeds", room.feeds, "--database", database, "--json",
               "--commit-every", "1s", "--metrics", "127.0.0.1:0", *KIND_TO_LOOPBACK]  # fmt: skip
    with Program(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as stream:
        assert stream.stdout is not None
        assert stream.stderr is not None
        told = re.fullmatch(r"Metrics at (http://\S+/metrics)\n", stream.stderr.readline())
        assert told
        told_runs = map(json.loads, stream.stdout)
        assert any(one["run"]["articles_new"] for one in told_runs)
        found = parsed(httpx.get(told[1]).text)
        stream.send_signal(signal.SIGTERM)
        stream.communicate(timeout=60)
    assert stream.returncode == 0
    runs = int(of("newsbeam_runs_total", found)["done"])
    assert runs >= 1
    ((polled, failed, entries, articles),) = rows(database, f"""
        SELECT sum(feeds_polled), sum(feeds_failed), sum(entries_new), sum(articles_new)
        FROM (FROM runs ORDER BY run_id LIMIT {runs})""")  # fmt: skip
    polls = of("newsbeam_polls_total", found)
    assert sum(polls.values()) == polled > 0
    assert polls["failed"] == failed
    assert found["newsbeam_entries_total", ()] == entries > 0
    assert of("newsbeam_articles_total", found)["new"] == articles > 0
    assert found["newsbeam_listed_lag_seconds_count", ()] == articles
    failures = sum(n for (name, _), n in found.items() if name == "newsbeam_failures_total")
    assert [(failures,)] == rows(database, f"""SELECT count(*) FROM failures SEMI JOIN
        (FROM runs ORDER BY run_id LIMIT {runs}) USING (run_id)""")  # fmt: skip


def test_a_file_goes_on_from_run_to_run(room: Newsroom, tmp_path: Path) -> None:
    database, file = tmp_path / "news.duckdb", tmp_path / "newsbeam.prom"
    run_over(room, database, "--metrics-file", file)
    first = parsed(file.read_text())
    run_over(room, database, "--now", "--metrics-file", file)
    found = parsed(file.read_text())
    assert os.listdir(tmp_path).count("newsbeam.prom") == 1
    assert of("newsbeam_runs_total", found)["done"] == 2
    ((polled, articles),) = rows(database, "SELECT sum(feeds_polled), sum(articles_new) FROM runs")
    assert sum(of("newsbeam_polls_total", found).values()) == polled
    assert of("newsbeam_articles_total", found)["new"] == articles
    lags = "newsbeam_listed_lag_seconds_bucket", ("+Inf",)
    assert first[lags] == found[lags] == articles
    assert found["newsbeam_last_commit_timestamp_seconds", ()] > first[
        "newsbeam_last_commit_timestamp_seconds", ()]  # fmt: skip
    assert {name for name, _ in found if not name.startswith("newsbeam_")} == set()


def test_a_file_tells_of_a_run_that_failed(room: Newsroom, tmp_path: Path) -> None:
    database, file = tmp_path / "news.duckdb", tmp_path / "newsbeam.prom"
    database.write_text("no database")
    newsbeam("run", "--feeds", room.feeds, "--database", database, "--metrics-file", file, expect=1)
    assert of("newsbeam_errors_total", parsed(file.read_text())) == {"DatabaseError": 1}


def test_a_file_of_something_else_is_kept(room: Newsroom, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("call {them\n")
    result = newsbeam("run", "--feeds", room.feeds, "--database", tmp_path / "news.duckdb",
                      *KIND_TO_LOOPBACK, "--metrics-file", file, expect=1)  # fmt: skip
    assert f"{file}: no file of metrics" in result.stderr
    assert "Run 2" in result.stdout  # what the run brought is there, and told
    assert file.read_text() == "call {them\n"


def test_an_address_that_is_taken_is_named(tmp_path: Path, room: Newsroom) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = newsbeam("stream", "--feeds", room.feeds, "--database", tmp_path / "n.duckdb",
                          "--metrics", port, expect=1)  # fmt: skip
    assert f"metrics at 127.0.0.1:{port}: " in result.stderr
    assert not (tmp_path / "n.duckdb").exists()


@pytest.mark.parametrize("value", ["", "here", "127.0.0.1:", "127.0.0.1:99999", "http://x:1"])
def test_what_is_no_address_is_2(value: str) -> None:
    assert "9464" in newsbeam("stream", "--metrics", value, expect=2).stderr


def test_without_the_packages_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['opentelemetry.exporter.prometheus'] = None\n"
        "from pipeline.cli import main\n"
        "main()\n"
    )
    arguments = ["stream", "--database", tmp_path / "news.duckdb", "--metrics", "0"]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "pip install 'newsbeam[metrics]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_collector_of_the_environment_gets_them_too(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    received: list[tuple[str, ExportMetricsServiceRequest]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, ExportMetricsServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        metrics = Metrics(database)
        metrics.ran(one_run(database))
        metrics.close()
        server.shutdown()
        thread.join()
    path, request = received[-1]
    assert path == "/v1/metrics"
    (resource,) = request.resource_metrics
    assert "newsbeam" in {item.value.string_value for item in resource.resource.attributes}
    sums = {metric.name: sum(point.as_int for point in metric.sum.data_points)
            for scope in resource.scope_metrics for metric in scope.metrics}  # fmt: skip
    assert (sums["newsbeam.polls"], sums["newsbeam.articles"]) == (2, 1)
