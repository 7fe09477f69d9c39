"""Beam's engines beside the local one: what they need, and that they write the same rows."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from apache_beam.options.pipeline_options import DirectOptions
from click.testing import CliRunner

from config.errors import ConfigError
from config.load import load_feeds, load_topics, shipped
from config.models import FetchSettings
from pipeline.cli import main
from pipeline.run import runners
from pipeline.run.batch import RunOptions, run_batch
from pipeline.run.runners import BEAM, ENGINES, engine
from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over
from tests.kit.program import KIND_TO_LOOPBACK, Program, newsbeam
from tests.kit.rows import content, rows

BINARY = ENGINES / f"prism-{BEAM}"
needs_prism = pytest.mark.skipif(
    not BINARY.is_file(), reason="no Prism here: `make prism` builds it, which needs Go"
)
FLINK_JAR = next(iter(sorted(ENGINES.glob(f"beam-runners-flink-*-job-server-{BEAM}.jar"))), None)
needs_flink = pytest.mark.skipif(
    not (FLINK_JAR and shutil.which("java")),
    reason="no job server for Flink here: `make flink` brings it, which needs Maven and Java",
)
ON_FLINK = ["--runner", "FlinkRunner", "--", "--flink_master=[local]",
            f"--flink_job_server_jar={FLINK_JAR}"]  # fmt: skip
ON_PRISM = ["--runner", "PrismRunner", "--", f"--prism_location={BINARY}"]
BIN = Path(sys.executable).parent
"""Beam's pool calls `python`, whichever comes first."""
PATIENCE = 180


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


class Pool(NamedTuple):
    """Beam's pool of external workers: a process that starts workers for an engine."""

    process: psutil.Popen
    options: list[str]

    def worker(self) -> psutil.Process | None:
        """The worker that runs, once the engine has asked for one."""
        return next(iter(self.process.children()), None)


@pytest.fixture
def pool() -> Iterator[Pool]:
    port = free_port()
    process = psutil.Popen(
        [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main",
         f"--service_port={port}"],
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    external = ["--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]
    yield Pool(process, external)
    for child in [*process.children(recursive=True), process]:
        child.kill()
    process.wait(PATIENCE)


@pytest.fixture(scope="module")
def local(newsroom: Newsroom, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the local run writes."""
    database = tmp_path_factory.mktemp("local") / "news.duckdb"
    run_over(newsroom, database)
    return content(database)


# What is not here, and what would lose data


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--", "--streaming"], "`newsbeam stream` goes on and on"),
        (["--runner", "PrismRunner", "--", "--streaming"], "--streaming is refused"),
        (["--", "--direct_runner_bundle_repeat=1"], "asks for each page again"),
        (["--", "--output_executable_path=a.jar"], "nothing fetched"),
        (["--runner", "apache_beam.runners.dask.dask_runner.DaskRunner"], "it gives wrong results"),
        (["--runner", "PrismRunner"], "`make prism` in a checkout builds it with Go"),
        (["--runner", "FlinkRunner"], "`make flink` in a checkout brings it"),
        (["--runner", "SparkRunner"], "`make spark` in a checkout brings it"),
        (["--runner", "FlinkRunner", "--", "--flink_job_server_jar=absent.jar"], "no file absent"),
        (["--runner", "PortableRunner"], "--job_endpoint=host:8099"),
        (["--runner", "DataflowRunner"], "pip install 'apache-beam[gcp]'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_an_engine_lacks_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.setattr(runners, "ENGINES", tmp_path / "absent")
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(main, ["run", *arguments])
    assert said.exit_code == 2, said.output
    assert words in said.output
    assert list(tmp_path.iterdir()) == []


def test_a_job_server_without_java_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "server.jar"
    jar.touch()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="no java here"):
        engine("FlinkRunner", [f"--flink_job_server_jar={jar}"])


@pytest.mark.parametrize(
    ("name", "options", "groups"),
    [
        ("FlinkRunner", ["--flink_master=host:8081", "--parallelism=6"], 6),
        ("FlinkRunner", ["--flink_master=host:8081"], 8),
        ("FlinkRunner", ["--flink_master=[local]"], 1),
        ("PrismRunner", ["--environment_type=EXTERNAL"], 1),
        ("SparkRunner", ["--spark_master_url=spark://host:7077", "--max_num_workers=20"], 20),
        ("PortableRunner", ["--num_workers=3"], 3),
    ],
)
def test_hosts_are_shared_by_the_workers_that_the_options_speak_of(
    name: str, options: list[str], groups: int
) -> None:
    assert engine(name, ["--job_endpoint=localhost:1", *options]).workers == groups


def test_options_of_a_job_server_pass_through() -> None:
    given = ["--job_endpoint=localhost:1", "--checkpointing_interval=60000", "--parallelism=2"]
    assert engine("FlinkRunner", given).options._flags == given


# The same rows


def test_bundles_that_an_engine_repeats_cost_no_row(
    newsroom: Newsroom,
    local: dict[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a worker's death: what was staged stays, and all is fetched and staged again."""
    chosen = engine("DirectRunner", [])
    chosen.options.view_as(DirectOptions).direct_runner_bundle_repeat = 1
    monkeypatch.setattr(runners, "engine", lambda *_: chosen)
    database = tmp_path / "news.duckdb"
    fetching = FetchSettings(allow_private_hosts=True, host_delay=0, host_concurrency=8)
    asked = len(newsroom.log())
    run_batch(
        RunOptions(
            database,
            load_feeds(newsroom.feeds),
            load_topics(shipped("topics.yaml")),
            fetching=fetching,
        )
    )
    assert content(database) == local
    paths = [(row["host"], row["path"]) for row in newsroom.log()[asked:]]
    assert len(paths) > 1.5 * len(set(paths))


@needs_prism
def test_prism_writes_the_rows_of_the_local_run(
    newsroom: Newsroom, local: dict[str, list[str]], tmp_path: Path
) -> None:
    database = tmp_path / "news.duckdb"
    run_over(newsroom, database, *ON_PRISM)
    assert content(database) == local
    assert rows(database, "SELECT runner, state FROM runs") == [("PrismRunner", "done")]


@needs_prism
def test_a_job_server_that_runs_takes_the_graph_and_external_workers_run_it(
    newsroom: Newsroom, local: dict[str, list[str]], tmp_path: Path, pool: Pool
) -> None:
    database, port = tmp_path / "news.duckdb", free_port()
    server = subprocess.Popen(
        [BINARY, "--job_port", str(port), "--serve_http=false"], stderr=subprocess.DEVNULL
    )
    try:
        endpoint = f"--job_endpoint=localhost:{port}"
        run_over(newsroom, database, "--runner", "PortableRunner", "--", endpoint, *pool.options)
    finally:
        server.terminate()
        server.wait(PATIENCE)
    assert content(database) == local


@needs_prism
def test_flink_hands_the_graph_to_the_job_server_that_it_starts(
    newsroom: Newsroom, local: dict[str, list[str]], tmp_path: Path
) -> None:
    """Prism stands for Flink's job server: it speaks the same protocol."""
    java, jar, told = tmp_path / "java", tmp_path / "server.jar", tmp_path / "arguments"
    jar.touch()
    java.write_text(
        f'#!/bin/sh\necho "$@" > {told}\n'
        "while [ $# -gt 0 ]; do [ $1 = --job-port ] && port=$2; shift; done\n"
        f"exec {BINARY} --job_port $port --serve_http=false\n"
    )
    java.chmod(0o755)
    database = tmp_path / "news.duckdb"
    run_over(
        newsroom, database, "--runner", "FlinkRunner", "--", "--flink_master=[local]",
        f"--flink_job_server_jar={jar}", f"--job_server_java_launcher={java}",
        "--number_of_execution_retries=3",
    )  # fmt: skip
    assert content(database) == local
    assert told.read_text().startswith(f"-jar {jar} --flink-master [local]")


@needs_prism
@pytest.mark.slow
def test_a_run_that_lost_its_worker_on_prism_is_mended_by_the_next(
    start_newsroom: StartNewsroom, tmp_path: Path, pool: Pool
) -> None:
    lose_a_worker(start_newsroom, tmp_path, pool, ON_PRISM)


@needs_flink
def test_flink_writes_the_rows_of_the_local_run(
    newsroom: Newsroom, local: dict[str, list[str]], tmp_path: Path
) -> None:
    database = tmp_path / "news.duckdb"
    run_over(newsroom, database, *ON_FLINK)
    assert content(database) == local


@needs_flink
@pytest.mark.slow
def test_a_worker_lost_on_flink_costs_no_row(
    start_newsroom: StartNewsroom, tmp_path: Path, pool: Pool
) -> None:
    lose_a_worker(start_newsroom, tmp_path, pool, ON_FLINK)


def lose_a_worker(
    start_newsroom: StartNewsroom, tmp_path: Path, pool: Pool, engine: list[str]
) -> None:
    """Kill a worker amid the pages: the engine, or the next run, must bring all rows."""
    room = start_newsroom("--latency-ms", "200")
    expected, database = tmp_path / "local.duckdb", tmp_path / "news.duckdb"
    run_over(room, expected)
    asked = len(room.log())
    run = Program(
        "run", "--feeds", room.feeds, "--database", database, *KIND_TO_LOOPBACK, "--json",
        *engine, *pool.options,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while len(room.log()) < asked + 60:
        assert run.poll() is None, run.communicate()
    worker = pool.worker()
    assert worker is not None
    worker.kill()
    out, err = run.communicate(timeout=PATIENCE)
    if run.returncode:
        assert (run.returncode, out) == (1, "")
        assert "the run failed, nothing is lost" in err
        assert "Traceback" not in err
        for child in pool.process.children(recursive=True):
            child.kill()
        again = newsbeam(
            "run", "--feeds", room.feeds, "--database", database, *KIND_TO_LOOPBACK, "--json",
            *engine, *pool.options,
        )  # fmt: skip
        out = again.stdout
    assert json.loads(out)["run"]["state"] == "done"
    assert content(database) == content(expected)
