"""Pipelines that are killed at any moment and run again: every row once, all tables together."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest

from tests.sinks.shop import PROCESSES, TABLES, held_rows, start, write_shop

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


def staged(database: Path) -> int:
    return len(list(Path(f"{database}.shards").rglob("*.parquet")))


# When to kill: once this is seen, after so many seconds more at most.
MOMENTS: dict[str, tuple[Callable[[Path, str], bool], float]] = {
    "before staging": (lambda database, which: True, 0.4),
    "staging": (lambda database, which: staged(database) > 0, 0.05),
    "between": (lambda database, which: staged(database) > 2 * len(TABLES[which]), 0.2),
    "commit": (lambda database, which: database.exists(), 0.05),
}


def kill(
    process: BaseProcess, database: Path, which: str, phase: str, chance: random.Random
) -> bool:
    """SIGKILL at a moment of a phase, unless the process ended before; whether it was killed."""
    happened, longest = MOMENTS[phase]
    pause, looked = Event(), 0.0
    while process.is_alive() and not happened(database, which):
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


@pytest.mark.parametrize("phase", MOMENTS)
def test_killed_in_one_process(
    which: str, phase: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    chance = random.Random(f"{SEED} {which} {phase}")
    deaths: Counter[tuple[bool, str]] = Counter()
    for number in range(8):
        database = tmp_path / f"{number}.duckdb"
        process = start(write_shop, which, str(database))
        killed = kill(process, database, which, phase, chance)
        deaths[killed, check(which, database, undisturbed)] += 1
    print(phase, deaths)
    assert sum(n for (killed, _), n in deaths.items() if killed) >= 4, deaths


@pytest.mark.parametrize("phase", ["staging", "between", "commit"])
def test_killed_in_several_processes(
    which: str, phase: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    chance = random.Random(f"{SEED} {which} {phase} processes")
    database = tmp_path / "shop.duckdb"
    process = start(write_shop, which, str(database), None, PROCESSES)
    kill(process, database, which, phase, chance)
    check(which, database, undisturbed)


def test_killed_again_and_again(which: str, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    chance = random.Random(SEED)
    database = tmp_path / "shop.duckdb"
    for phase in [*MOMENTS, "staging"]:
        kill(start(write_shop, which, str(database)), database, which, phase, chance)
    check(which, database, undisturbed)
