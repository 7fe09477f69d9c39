"""The newsroom on every engine that is here, against the local run, row by row.

    make prism flink engines    # a few minutes; renews the table of docs/engineer/trials.md

Each engine runs the graph with its worker in the launcher, with an external worker, and with an
external worker that is killed by SIGKILL amid the pages; Prism once more with itself killed. A run
that fails is followed by another, as on a schedule. FLINK_MASTER=host:port adds a Flink cluster.
Then two launchers at once bring the same news to a DuckLake, one of them killed amid the pages.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from apache_beam.options.pipeline_options import FlinkRunnerOptions
from apache_beam.version import __version__ as BEAM

from pipeline.run.runners import ENGINES
from sinks.database.opening import create
from sinks.database.where import DuckLake, Where, parse_lake
from tests.kit.lakes import Postgres, programs
from tests.kit.newsrooms import Newsroom, serving
from tests.kit.program import PROGRAM
from tests.kit.rows import content

LATENCY_MS, PAGES_BEFORE_KILL = 200, 60
MOST_RUNS = 3
RETRIES = "--number_of_execution_retries=3"
PRISM = ENGINES / f"prism-{BEAM}"
PAGE = Path(__file__).parent.parent / "docs" / "engineer" / "trials.md"


class Engine(NamedTuple):
    """A runner with its options; `local` says whether it can run the launcher's own worker."""

    name: str
    runner: str
    options: list[str]
    local: bool = True


def asked(room: Newsroom) -> int:
    """Requests answered so far."""
    return len(room.log())


@contextmanager
def worker_pool(log: Path | None = None) -> Iterator[tuple[psutil.Popen, list[str]]]:
    """Beam's pool of external workers, and the options that lead an engine to it."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    module = "apache_beam.runners.worker.worker_pool_main"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    pool = psutil.Popen(  # which calls `python`, whichever comes first
        [sys.executable, "-m", module, f"--service_port={port}"],
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=log.open("ab") if log else subprocess.DEVNULL,
    )
    try:
        while pool.poll() is None and not _listens(port):
            time.sleep(0.1)
        yield pool, ["--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]
    finally:
        for process in [*pool.children(recursive=True), pool]:
            process.kill()
        pool.wait()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def record(name: str, lines: Sequence[str]) -> None:
    """Put lines between the two marks of a name in docs/engineer/trials.md."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    text = f"{before}{begin}" + "".join(f"{line}\n" for line in lines) + f"{end}{after}"
    PAGE.write_text(text, encoding="utf-8")


def versions() -> str:
    """What a record was made with."""
    return (
        f"{date.today()}, Beam {BEAM}, Python {platform.python_version()}, {os.cpu_count()} cores"
    )


def engines() -> Iterator[Engine]:
    """Those that are here; the others are told."""
    if PRISM.is_file():
        yield Engine(f"Prism {BEAM}", "PrismRunner", [f"--prism_location={PRISM}"])
    else:
        print("Prism: not run, `make prism` builds it")
    found = [
        (version, ENGINES / f"beam-runners-flink-{version}-job-server-{BEAM}.jar")
        for version in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    ]
    jars = [(version, jar) for version, jar in found if jar.is_file()]
    if not jars or not shutil.which("java"):
        print("Flink: not run, no Java, or no job server: `make flink` brings it")
        return
    version, jar = jars[-1]
    flink = [f"--flink_job_server_jar={jar}", f"--flink_version={version}", RETRIES]
    yield Engine(f"Flink {version}, embedded", "FlinkRunner", ["--flink_master=[local]", *flink])
    if master := os.environ.get("FLINK_MASTER"):
        cluster = [f"--flink_master={master}", "--parallelism=2", *flink]
        yield Engine(f"Flink {version}, cluster", "FlinkRunner", cluster, local=False)


@contextmanager
def lakes(folder: Path) -> Iterator[Iterator[tuple[str, Where]]]:
    """A DuckLake for each kind of catalogue that is here, in turn."""
    with ExitStack() as stack:

        def each() -> Iterator[tuple[str, Where]]:
            yield "SQLite", parse_lake(f"ducklake:sqlite:{folder / 'lake.sqlite'}")
            if place := programs():
                server = Postgres(place)
                stack.callback(server.stop)
                lake = parse_lake(server.new_database())
                create(lake, 60, str(folder / "lake"))
                yield "Postgres", lake

        yield each()


def launch(room: Newsroom, database: Where, options: list[str], home: Path | None = None) -> Any:
    """Start a run, in a folder of its own where it shares a DuckLake."""
    address, environment = str(database), dict(os.environ)
    if isinstance(database, DuckLake):
        address = database.address
        environment["PGPASSWORD"] = database.password or ""
    return psutil.Popen(
        [*PROGRAM, "run", "--feeds", str(room.feeds), "--database", address, "--json",
         "--allow-private-hosts", "--host-delay", "0", "--host-concurrency", "8", *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=home, env=environment,
    )  # fmt: skip


def run_two(room: Newsroom, lake: Where, folder: Path) -> int:
    """Two launchers at once, of which the second is killed, and runs again; how many runs."""
    homes = [folder / "one", folder / "two"]
    for home in homes:
        home.mkdir(parents=True)
    before = asked(room)
    first, second = (launch(room, lake, [], home) for home in homes)
    while asked(room) < before + 2 * PAGES_BEFORE_KILL and second.poll() is None:
        time.sleep(0.05)
    second.kill()
    second.wait()
    for process in (first, launch(room, lake, ["--now"], homes[1])):
        _, err = process.communicate(timeout=300)
        if process.returncode:
            raise SystemExit(err)
    return 3


def run(
    room: Newsroom, database: Path, options: list[str], amid: Callable[[psutil.Popen], None] | None
) -> int:
    """Run until it is done; how many runs that took. `amid` is called once, amid the pages."""
    for number in range(1, MOST_RUNS + 1):
        before = asked(room)
        process = launch(room, database, options)
        if amid and number == 1:
            while asked(room) < before + PAGES_BEFORE_KILL and process.poll() is None:
                time.sleep(0.05)
            amid(process)
        _, err = process.communicate(timeout=300)
        if process.returncode == 0:
            return number
        print(f"  run {number}: {err.strip().splitlines()[-1][:160]}")
    raise SystemExit("it does not come to an end")


def kill_worker(pool: psutil.Popen) -> Callable[[psutil.Popen], None]:
    """SIGKILL for the workers that a pool has started."""

    def kill(_: psutil.Popen) -> None:
        for worker in pool.children():
            worker.kill()

    return kill


def kill_prism(launcher: psutil.Popen) -> None:
    """SIGKILL for the engine itself."""
    for process in launcher.children():
        if process.name().startswith("prism"):
            process.kill()


def main() -> None:
    """Run all, print a row for each, and fail where rows differ."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with serving(folder, "--latency-ms", str(LATENCY_MS)) as room, worker_pool() as there:
            differ = [name for name, same in _trials(room, folder, *there) if not same]
    sys.exit(f"rows differ: {', '.join(differ)}" if differ else 0)


def _trials(
    room: Newsroom, folder: Path, pool: psutil.Popen, external: list[str]
) -> Iterator[tuple[str, bool]]:
    table = [f"{versions()}:", ""]
    table += ["| engine | worker | killed amid the pages | runs | rows | same |"]
    table += ["|---|---|---|---|---|---|"]
    expected: dict[str, list[str]] = {}
    trials: list[tuple[str, str, str, list[str], Any]] = [("FnApiRunner", "launcher", "", [], None)]
    for engine in engines():
        base = ["--runner", engine.runner, "--", *engine.options]
        away = [*base, *external]
        if engine.local:
            trials.append((engine.name, "launcher", "", base, None))
        trials.append((engine.name, "external", "", away, None))
        trials.append((engine.name, "external", "the worker", away, kill_worker(pool)))
        if engine.runner == "PrismRunner":
            trials.append((engine.name, "external", "Prism", away, kill_prism))

    def compare(
        name: str, worker: str, killed: str, runs: int, database: Where, but: str = ""
    ) -> bool:
        found = content(database)
        expected.update(expected or found)
        wanted = {table: told for table, told in expected.items() if table != but}
        found.pop(but, None)
        rows = sum(map(len, found.values()))
        same = found == wanted
        said = "yes" if same else "NO"
        table.append(f"| {name} | {worker} | {killed} | {runs} | {rows:,} | {said} |")
        print(table[-1], flush=True)
        return same

    for number, (name, worker, killed, options, amid) in enumerate(trials):
        database = folder / f"{number}.duckdb"
        runs = run(room, database, options, amid)
        yield f"{name} {worker} {killed}", compare(name, worker, killed, runs, database)
        for child in pool.children(recursive=True):  # what a killed engine left behind
            child.kill()
    with lakes(folder) as found:
        for catalogue, lake in found:
            name = f"FnApiRunner, DuckLake in {catalogue}"
            runs = run_two(room, lake, folder / catalogue)
            # Feeds that fail have failed more often where two ask them.
            yield name, compare(name, "two launchers", "the second", runs, lake, but="feeds")
    record("engines", table)


if __name__ == "__main__":
    main()
