"""Nothing lost, nothing doubled: runs that are killed, stopped or locked out, and run again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event

import duckdb
import psutil
import pytest

from tests.conftest import (
    KIND_TO_LOOPBACK,
    PROGRAM,
    Newsroom,
    StartNewsroom,
    content,
    newsbeam,
    rows,
    run_over,
)

SEED = 20261123
PROCESSES = ["--", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
PATIENCE = 60.0
"""Seconds after which a test gives up; none of them decides a result."""


@pytest.fixture(scope="module")
def room(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "48")


@pytest.fixture(scope="module")
def undisturbed(room: Newsroom, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The rows of a run that nobody disturbed."""
    database = tmp_path_factory.mktemp("undisturbed") / "news.duckdb"
    run_over(room, database)
    return content(database)


def start(room: Newsroom, database: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, "run", "--feeds", str(room.feeds), "--database", str(database),
         *KIND_TO_LOOPBACK, *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_until(process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    """Look often, until something happened or the process ended."""
    pause, looked = Event(), 0.0
    while process.poll() is None and not happened():
        pause.wait(0.002)
        looked += 0.002
        assert looked < PATIENCE


def staged(database: Path, pattern: str) -> bool:
    return any(Path(f"{database}.staging").glob(f"*/{pattern}"))


# When to kill: once this file is seen in the staging folder, after so many seconds more.
MOMENTS = {
    "before-the-plan": (".", 0.1),
    "plan": ("run.json", 2.0),
    "polling": ("signals/*.json", 1.5),
    "polls-staged": ("polls-*.parquet", 1.5),
    "fetching": ("polls-*.parquet", 1.5),
    "commit": ("finished.json", 0.15),
}
KILLS = [
    (number, phase, mode)
    for number, (phase, mode) in enumerate(
        [(phase, "memory") for phase in MOMENTS for _ in range(3)]
        + [(phase, "processes") for phase in MOMENTS]
    )
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "phase", "mode"), KILLS, ids=[f"{p}-{m}-{n}" for n, p, m in KILLS]
)
def test_a_killed_run_run_again_gives_the_same_rows(
    room: Newsroom,
    undisturbed: dict[str, list[str]],
    tmp_path: Path,
    number: int,
    phase: str,
    mode: str,
) -> None:
    database = tmp_path / "news.duckdb"
    sign, longest = MOMENTS[phase]
    more = PROCESSES if mode == "processes" else []
    process = start(room, database, *more)
    wait_until(process, lambda: staged(database, sign))
    delay = random.Random(SEED + number).uniform(0, longest)
    children = kill_after(process, delay)
    assert psutil.wait_procs(children, timeout=PATIENCE)[1] == [], "processes outlive the run"
    run_over(room, database)
    assert content(database) == undisturbed


def kill_after(process: subprocess.Popen[str], seconds: float) -> list[psutil.Process]:
    """SIGKILL, unless the process ends before; the processes that it leaves behind."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        return children
    return []


@pytest.mark.slow
def test_a_run_killed_again_and_again_gets_there(
    room: Newsroom, undisturbed: dict[str, list[str]], tmp_path: Path
) -> None:
    database = tmp_path / "news.duckdb"
    chance = random.Random(SEED)
    for _ in range(4):
        process = start(room, database)
        wait_until(process, lambda: staged(database, "run.json"))
        kill_after(process, chance.uniform(1.0, 3.0))
    run_over(room, database)
    assert content(database) == undisturbed
    ends = rows(database, "SELECT state, count(*) FROM runs GROUP BY 1")
    assert dict(ends)["done"] >= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_run_with_what_it_fetched(
    start_newsroom: StartNewsroom, tmp_path: Path, number: signal.Signals
) -> None:
    room = start_newsroom("--articles", "48", "--latency-ms", "300")
    whole, database = tmp_path / "whole.duckdb", tmp_path / "news.duckdb"
    process = start(room, database)
    wait_until(process, lambda: staged(database, "polls-*.parquet"))
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert "stopped" in output
    assert rows(database, "SELECT state FROM runs") == [("stopped",)]
    assert rows(database, "SELECT count(*) > 0 FROM entries WHERE state = 'pending'") == [(True,)]
    run_over(room, database)
    run_over(room, whole)
    assert content(database) == content(whole)


@pytest.mark.parametrize("mode", [[], PROCESSES], ids=["memory", "processes"])
def test_ctrl_c_in_a_terminal_ends_a_run_cleanly(
    start_newsroom: StartNewsroom, tmp_path: Path, mode: list[str]
) -> None:
    room = start_newsroom("--articles", "48", "--latency-ms", "300")
    database = tmp_path / "news.duckdb"
    process = subprocess.Popen(
        [*PROGRAM, "run", "--feeds", str(room.feeds), "--database", str(database),
         *KIND_TO_LOOPBACK, *mode],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_until(process, lambda: staged(database, "polls-*.parquet"))
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert "stopped" in output
    assert mode or "Traceback" not in errors  # Beam's own worker processes complain
    assert rows(database, "SELECT state, feeds_polled > 0 FROM runs") == [("stopped", True)]


def test_a_database_locked_at_the_end_leaves_the_run_staged(
    room: Newsroom, undisturbed: dict[str, list[str]], tmp_path: Path
) -> None:
    database = tmp_path / "news.duckdb"
    other = tmp_path / "empty.yaml"
    other.write_text("feeds:\n  - url: http://127.0.0.1:9/none.xml\n")
    newsbeam("run", "--feeds", other, "--database", database, *KIND_TO_LOOPBACK)
    process = start(room, database, "--lock-timeout", "1")
    wait_until(process, lambda: staged(database, "polls-*.parquet"))
    with duckdb.connect(str(database)):  # this process is the other one that holds the file
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 75, errors
        assert "lock" in errors
        assert "Traceback" not in errors
        refused = newsbeam(
            "run", "--feeds", room.feeds, "--database", database, "--lock-timeout", "0.2",
            *KIND_TO_LOOPBACK, expect=75,
        )  # fmt: skip
        assert "lock" in refused.stderr
    room.post("reset-log")
    result = newsbeam("run", "--feeds", room.feeds, "--database", database, *KIND_TO_LOOPBACK)
    assert "Took over" in result.stdout
    assert not [row for row in room.log() if "/2026/" in row["path"]]
    after = content(database)
    for table in ("articles", "article_topics", "topic_evidence"):
        assert after[table] == undisturbed[table]


def test_a_reader_that_lets_go_in_time_does_not_fail_the_run(
    room: Newsroom, tmp_path: Path
) -> None:
    database = tmp_path / "news.duckdb"
    run_over(room, database)
    process = start(room, database, "--now", "--lock-timeout", "60")
    with duckdb.connect(str(database), read_only=True):
        wait_until(process, lambda: staged(database, "finished.json"))
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_while_the_commit_waits_does_not_end_it(
    room: Newsroom, tmp_path: Path, number: signal.Signals
) -> None:
    database = tmp_path / "news.duckdb"
    run_over(room, database)
    process = start(room, database, "--now", "--lock-timeout", "60")
    wait_until(process, lambda: staged(database, "run.json"))
    with duckdb.connect(str(database), read_only=True):
        wait_until(process, lambda: staged(database, "finished.json"))
        process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert rows(database, "SELECT state FROM runs ORDER BY run_id") == [("done",), ("done",)]
