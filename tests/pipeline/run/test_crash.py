"""Nothing lost, nothing doubled: runs that are killed, stopped or locked out, and run again."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import chain, count, cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import psutil
import pytest

from sinks.database.opening import open_database
from tests.kit.kills import PATIENCE, kill_after, wait_until
from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over, start
from tests.kit.program import KIND_TO_LOOPBACK, UNMEASURED, newsbeam
from tests.kit.rows import content, rows
from transforms.workers.signals import counts

SEED = 20261123
PROCESSES = ["--", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
Rows = dict[str, list[str]]


@pytest.fixture(scope="module")
def unkind(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "12")


class Edited(NamedTuple):
    """A newsroom after its edits; databases that have not heard of them, and that owe the pages."""

    room: Newsroom
    before: Path
    noted: Path
    after: Rows


@pytest.fixture(scope="module")
def edited(start_newsroom: StartNewsroom, tmp_path_factory: pytest.TempPathFactory) -> Edited:
    room, folder = start_newsroom("--articles", "36", "--kind"), tmp_path_factory.mktemp("edited")
    before, noted, after = (folder / f"{name}.duckdb" for name in ("before", "noted", "after"))
    run_over(room, before)
    room.post("edit")
    run_over(room, Path(shutil.copy(before, noted)), "--now")
    run_over(room, Path(shutil.copy(noted, after)))
    assert rows(after, "SELECT count(*) > 1 FROM article_versions") == [(True,)]
    return Edited(room, before, noted, content(after))


def run_folders(database: Path) -> set[Path]:
    return set(Path(f"{database}.staging").glob("*/"))


def staged(database: Path, pattern: str) -> bool:
    return any(Path(f"{database}.staging").glob(f"*/{pattern}"))


def files(database: Path) -> list[tuple[int, int]]:
    """Size and time of the database and of its log, as far as they are there."""
    found = []
    for path in (database, Path(f"{database}.wal")):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((status.st_size, status.st_mtime_ns))
    return found


class Started(NamedTuple):
    """A run, and what was there before it."""

    process: subprocess.Popen[str]
    database: Path
    folders: set[Path]
    files: list[tuple[int, int]]

    def has(self, reached: Callable[[Path], bool]) -> bool:
        """Whether this is seen of the run's own folder."""
        return any(map(reached, run_folders(self.database) - self.folders))

    def opened(self) -> bool:
        with contextlib.suppress(psutil.Error):
            open_files = psutil.Process(self.process.pid).open_files()
            return str(self.database) in {file.path for file in open_files}
        return False

    def written(self) -> bool:
        return files(self.database) != self.files


Moments = dict[str, tuple[Callable[[Started], bool], float]]
# When to kill: once this is seen, after so many seconds more at most.
EARLY: Moments = {
    "start": (lambda run: True, 2.0),
    "plan": (lambda run: run.has(lambda folder: (folder / "plan").exists()), 0.2),
    "polling": (
        lambda run: run.has(lambda folder: counts(folder / "signals")["feeds found"] > 0), 0.4,
    ),
    "fetching": (
        lambda run: run.has(lambda folder: counts(folder / "signals")["pages found"] > 0), 0.4,
    ),
}  # fmt: skip
POLLED: Moments = {
    "polled": (lambda run: run.has(lambda folder: any(folder.glob("polls-*"))), 0.05),
}
LATE: Moments = {
    "staging": (lambda run: run.has(lambda folder: any(folder.glob("pages-*"))), 0.05),
    "commit": (lambda run: run.has(lambda folder: (folder / "finished.json").exists()), 0.2),
}
TAKEOVER: Moments = {
    "taking over": (Started.opened, 0.3),
    "written": (Started.written, 0.05),
}
"""Of a run that finds shards of an earlier one, and commits them first."""
MOMENTS = EARLY | POLLED | LATE | TAKEOVER


def kill_at(
    room: Newsroom, database: Path, phase: str, chance: random.Random, *more: str
) -> list[psutil.Process] | None:
    """Start a run and kill it in a phase; what outlives it, None when it ended before."""
    folders, before = run_folders(database), files(database)
    run = Started(start(room, database, *more), database, folders, before)
    reached, longest = MOMENTS[phase]
    wait_until(run.process, lambda: reached(run))
    orphans = kill_after(run.process, chance.uniform(0, longest))
    return orphans if run.process.returncode == -signal.SIGKILL else None


KILLS = 6
"""Runs of one database that are killed before one may come to its end; there are ten chains."""


def chains(first: int, memory: int, processes: int) -> Any:
    """So many databases for each mode, each with a seed of its own."""
    modes = [("memory", [])] * memory + [("processes", PROCESSES)] * processes
    return pytest.mark.parametrize(
        ("seed", "mode"),
        [
            pytest.param(SEED + number, mode, id=f"{name}-{number}")
            for number, (name, mode) in enumerate(modes, first)
        ],
    )


def kill_again_and_again(
    room: Newsroom, make: Callable[[], Path], check: Callable[[Path], None], seed: int, *more: str
) -> None:
    """Kill runs of a database, early phases first, then let one come to its end, and check it.

    Twice a run is killed while it takes over what another left staged. The next run starts at
    once, while workers of the killed one may still live. A run that ended before it was killed is
    checked too, and another database made.
    """
    chance = random.Random(seed)
    first, second = chance.sample(list(TAKEOVER), k=2)
    early = sorted(chance.choices(list(EARLY), k=KILLS - 4), key=list(EARLY).index)
    ahead = [*early, *POLLED, first, chance.choice(list(LATE)), second]
    database, killed = make(), []
    for _ in range(5 * KILLS):
        if not ahead:
            break
        if ahead[0] in TAKEOVER and not staged(database, "*.parquet"):
            ahead[:0] = POLLED  # the kill before came after the end of the commit
        orphans = kill_at(room, database, ahead[0], chance, *more)
        if orphans is not None:
            killed.append(orphans)
            del ahead[0]
        else:
            check(database)
            database = make()
    assert ahead == []
    assert len(killed) >= KILLS
    check(database)
    alive = psutil.wait_procs(chain.from_iterable(killed), timeout=PATIENCE)[1]
    assert alive == [], "processes outlive their run for good"


@pytest.mark.slow
@chains(0, memory=5, processes=1)
def test_a_run_killed_again_and_again_gives_the_same_rows(
    room: Newsroom, undisturbed: Rows, tmp_path: Path, seed: int, mode: list[str]
) -> None:
    names = (tmp_path / f"{number}.duckdb" for number in count())

    def check(database: Path) -> None:
        run_over(room, database)
        assert content(database) == undisturbed

    kill_again_and_again(room, names.__next__, check, seed, *mode)


@pytest.mark.slow
@chains(20, memory=1, processes=0)
def test_failures_are_the_same_too_after_runs_that_were_killed(
    unkind: Newsroom, tmp_path: Path, seed: int, mode: list[str]
) -> None:
    whole, names = tmp_path / "whole.duckdb", (tmp_path / f"{number}.duckdb" for number in count())
    run_over(unkind, whole)
    said = "SELECT DISTINCT stage, input, error_type FROM failures ORDER BY ALL"

    def check(database: Path) -> None:
        run_over(unkind, database)
        assert content(database) == content(whole)
        assert rows(database, said) == rows(whole, said)

    kill_again_and_again(unkind, names.__next__, check, seed, *mode)


@pytest.mark.slow
@chains(10, memory=2, processes=1)
def test_edits_are_read_once_however_often_the_runs_are_killed(
    edited: Edited, tmp_path: Path, seed: int, mode: list[str]
) -> None:
    copies = (
        Path(shutil.copy(path, tmp_path / f"{number}.duckdb"))
        for number, path in enumerate(islice(cycle([edited.before, edited.noted]), seed % 2, None))
    )

    def check(database: Path) -> None:
        run_over(edited.room, database, "--now")
        if rows(database, "SELECT 1 FROM entries WHERE recheck_at IS NOT NULL"):
            run_over(edited.room, database)
        assert content(database) == edited.after

    kill_again_and_again(edited.room, copies.__next__, check, seed, "--now", *mode)


@pytest.mark.slow
def test_workers_that_outlive_a_killed_run_do_no_harm_to_the_next_one(
    room: Newsroom, undisturbed: Rows, tmp_path: Path
) -> None:
    database = tmp_path / "news.duckdb"
    process = start(room, database, *PROCESSES)
    wait_until(process, lambda: staged(database, "polls-*.parquet"))
    orphans = kill_after(process, 0.0)
    after = start(room, database)
    assert any(orphan.is_running() for orphan in orphans)
    _, errors = after.communicate(timeout=PATIENCE)
    assert after.returncode == 0, errors
    assert content(database) == undisturbed
    assert psutil.wait_procs(orphans, timeout=PATIENCE)[1] == []
    run_over(room, database)  # what they left staged meanwhile
    assert content(database) == undisturbed


# When the disk fails


def strike(room: Newsroom, database: Path, fault: str, name: str) -> tuple[int, str]:
    """A run in which the disk fails: its exit status, and what it says last."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.kit.faults", fault, name, "run",
         "--feeds", str(room.feeds), "--database", str(database), *KIND_TO_LOOPBACK],
        capture_output=True, text=True, timeout=PATIENCE, env=UNMEASURED,
    )  # fmt: skip
    assert "Traceback" not in result.stderr
    return result.returncode, (result.stderr.splitlines() or [""])[-1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks up files by their handles")
def test_a_disk_that_fails_at_each_staged_file_in_turn_loses_nothing(
    room: Newsroom, undisturbed: Rows, tmp_path: Path
) -> None:
    """One database all the while: fsync raises, then the power goes before the file is renamed."""
    database = tmp_path / "news.duckdb"
    for name in ("run.json", "polls-", "pages-", "finished.json"):
        status, message = strike(room, database, "fsync", name)
        assert (status, message.startswith("newsbeam: ")) == (1, True), message
        assert os.strerror(errno.EIO) in message
        assert strike(room, database, "rename", name)[0] == -signal.SIGKILL
    run_over(room, database)
    assert content(database) == undisturbed


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
def test_a_disk_that_is_full_from_some_file_on_loses_nothing(
    room: Newsroom, undisturbed: Rows, tmp_path: Path
) -> None:
    """There is no room for the database, nor then for the rows: the COMMIT fails."""
    database = tmp_path / "news.duckdb"
    for name, problem in (("polls-", "Could not write"), ("pages-", "could not commit run")):
        status, message = strike(room, database, "full", name)
        assert (status, message.startswith("newsbeam: ")) == (1, True), message
        assert problem in message
        assert os.strerror(errno.EFBIG) in message
        with open_database(database, read_only=False, lock_timeout=0):
            pass  # there is room again
    assert rows(database, "SELECT count(*) FROM articles") == [(0,)]
    run_over(room, database)
    assert content(database) == undisturbed


# Signals and locks


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_run_with_what_it_fetched(
    start_newsroom: StartNewsroom, tmp_path: Path, number: signal.Signals
) -> None:
    room = start_newsroom("--articles", "24", "--kind", "--latency-ms", "300")
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
    room = start_newsroom("--articles", "24", "--kind", "--latency-ms", "300")
    database = tmp_path / "news.duckdb"
    process = start(room, database, *mode, start_new_session=True)
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
