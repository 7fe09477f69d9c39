"""Pipelines that are killed at any moment and run again: every row once, all tables together."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest

from tests.kit.shop import PROCESSES, TABLES, held_rows, start, write_shop

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX"),
]
SEED = 20261124
PATIENCE = 60.0
"""Seconds after which a test gives up; none of them decides a result."""


@pytest.fixture(scope="module", params=["one", "two"])
def which(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def undisturbed(which: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    database = tmp_path_factory.mktemp("undisturbed") / "shop.duckdb"
    write_shop(which, str(database))
    return held_rows(database, which)


def shards(database: Path) -> set[Path]:
    """Those there are; read from outside, while the pipeline may sweep their folders."""
    folders = os.walk(f"{database}.shards")
    return {
        Path(at, name) for at, _, names in folders for name in names if name.endswith(".parquet")
    }


def written(database: Path) -> tuple[int, int] | None:
    """Size and time of the database, None where there is none."""
    status = database.stat() if database.exists() else None
    return status and (status.st_size, status.st_mtime_ns)


class Watched:
    """What a pipeline does, seen from outside."""

    def __init__(self, which: str, database: Path) -> None:
        self.database, self.tables = database, len(TABLES[which])
        self.before, self.written = shards(database), written(database)
        self.seen: set[Path] = set()

    def staged(self) -> int:
        now = shards(self.database) - self.before
        self.seen |= now
        return len(now)

    def opened(self) -> bool:
        return written(self.database) != self.written

    def tidied(self) -> bool:
        """Whether it removes its shards, which comes after the commit."""
        return self.staged() < len(self.seen)


# When to kill: once this is seen, after so many seconds more at most.
MOMENTS: dict[str, tuple[Callable[[Watched], bool], float]] = {
    "before staging": (lambda seen: True, 0.4),
    "staging": (lambda seen: seen.staged() > 0, 0.05),
    "between": (lambda seen: seen.staged() >= 2 * seen.tables, 0.2),
    "commit": (Watched.opened, 0.05),
    "after the commit": (Watched.tidied, 0.0),
}
DEATHS, TRIES = 5, 20


def killed(which: str, database: Path, phase: str, chance: random.Random, *more: Any) -> bool:
    """Start a pipeline and SIGKILL it in a phase, unless it ends before; whether it was killed."""
    happened, longest = MOMENTS[phase]
    seen = Watched(which, database)
    process = start(write_shop, which, str(database), *more)
    pause, looked = Event(), 0.0
    while process.is_alive() and not happened(seen):
        pause.wait(0.001)
        looked += 0.001
        assert looked < PATIENCE
    process.join(chance.uniform(0, longest))
    children = psutil.Process(process.pid).children(recursive=True) if process.is_alive() else []
    process.kill()
    process.join()
    assert psutil.wait_procs(children, timeout=PATIENCE)[1] == [], "processes outlive the pipeline"
    return process.exitcode == -signal.SIGKILL


def check(which: str, database: Path, undisturbed: dict[str, Any]) -> str:
    """After a death all rows are there or none; after another run all."""
    after = held_rows(database, which)
    assert after in ({}, undisturbed)
    write_shop(which, str(database))
    assert held_rows(database, which) == undisturbed
    return "all" if after else "none"


def deaths(
    which: str, phase: str, undisturbed: dict[str, Any], folder: Path, enough: int, *more: Any
) -> Counter[str]:
    """Kill so many pipelines, each with a database of its own; how much each one left there."""
    chance = random.Random(f"{SEED} {which} {phase} {more}")
    left: Counter[str] = Counter()
    for number in range(TRIES):
        if left.total() == enough:
            break
        database = folder / f"{number}.duckdb"
        died = killed(which, database, phase, chance, *more)
        after = check(which, database, undisturbed)
        left.update([after] if died else [])
    assert left.total() == enough, "too many came to their end"
    return left


# Together 68 deaths: for each `which` 25 in one process, 3 in several, 6 in a chain.


@pytest.mark.parametrize("phase", MOMENTS)
def test_killed_in_one_process(
    which: str, phase: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    left = deaths(which, phase, undisturbed, tmp_path, DEATHS)
    if phase == "after the commit":
        assert set(left) == {"all"}
    elif phase != "commit":  # of which none can be sure
        assert left["none"] > 0


@pytest.mark.parametrize("phase", ["staging", "between", "commit"])
def test_killed_in_several_processes(
    which: str, phase: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    deaths(which, phase, undisturbed, tmp_path, 1, None, PROCESSES)


def test_killed_again_and_again(which: str, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    chance = random.Random(SEED)
    database = tmp_path / "shop.duckdb"
    for phase in [*MOMENTS, "staging"]:
        tries = (killed(which, database, phase, chance) for _ in range(TRIES))
        assert any(tries), phase
    check(which, database, undisturbed)
