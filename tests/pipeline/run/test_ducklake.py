"""Runs into DuckLakes: alone, two at once, killed; each time the rows of one undisturbed run."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sinks.database.where import DuckLake, parse_lake
from sinks.keep.check import check_database
from tests.kit.kills import kill_after
from tests.kit.lakes import KINDS, Postgres
from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over
from tests.kit.program import KIND_TO_LOOPBACK, Program, newsbeam
from tests.kit.rows import content, rows

SEED = 20261125
ROUNDS = 3
Rows = dict[str, list[str]]


def given(lake: DuckLake) -> str:
    """The address as a user writes it."""
    return lake.address + (f" password='{lake.password}'" if lake.password else "")


def start(room: Newsroom, lake: DuckLake, home: Path) -> subprocess.Popen[str]:
    """A launcher in a folder of its own."""
    home.mkdir(exist_ok=True)
    return Program(
        "run", "--feeds", room.feeds, "--database", given(lake), "--now", *KIND_TO_LOOPBACK,
        cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended_well(process: subprocess.Popen[str]) -> None:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, f"{output}\n{errors}"


def holds(lake: DuckLake, expected: Rows) -> None:
    assert not [item for item in check_database(lake, 60) if not item.warning]
    assert content(lake) == expected


@pytest.mark.parametrize("lake", KINDS, indirect=True)
def test_a_run_brings_a_lake_the_rows_of_a_file(
    room: Newsroom, undisturbed: Rows, lake: DuckLake, tmp_path: Path
) -> None:
    run = ["run", "--feeds", room.feeds, "--database", given(lake), *KIND_TO_LOOPBACK]
    newsbeam(*run)
    holds(lake, undisturbed)
    newsbeam(*run, "--now")
    brought = rows(lake, "SELECT entries_new, articles_new FROM runs ORDER BY run_id")
    assert brought[0] > (0, 0) == brought[1]
    holds(lake, undisturbed)
    assert lake.password is None or lake.password not in "".join(
        path.read_text(errors="replace") for path in tmp_path.rglob("*.json")
    )


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_commands_work_with_a_lake(room: Newsroom, lake: DuckLake, tmp_path: Path) -> None:
    address = given(lake)
    run_over(room, lake)
    found = json.loads(newsbeam("db", "info", "--database", address, "--json").stdout)
    assert found["storage_version"].startswith("DuckLake")
    assert "nothing wrong" in newsbeam("db", "check", "--database", address).stdout
    assert "up to date" in newsbeam("db", "migrate", "--database", address).stdout
    newsbeam("export", "--database", address, "--output", tmp_path / "articles.csv")
    newsbeam("sql", "--database", address, "@newest")
    newsbeam("feeds", "--database", address)
    before = content(lake)
    newsbeam("retag", "--database", address)
    assert content(lake) == before
    assert json.loads(newsbeam("search", "--database", address, "--json", "taiwan").stdout)
    newsbeam("prune", "--older-than", "1s", "--database", address)
    assert rows(lake, "SELECT count(*) FROM articles") == [(0,)]
    assert "nothing wrong" in newsbeam("db", "check", "--database", address).stdout


@pytest.mark.parametrize("lake", ["sqlite"], indirect=True)
def test_commands_for_files_say_what_to_do_instead(lake: DuckLake, tmp_path: Path) -> None:
    vacuum = newsbeam("db", "vacuum", "--database", given(lake), expect=2)
    assert "Maintenance" in vacuum.stderr
    publishing = newsbeam("commit", "--database", given(lake), "--publish", "x.duckdb", expect=2)
    assert "attach" in publishing.stderr
    other = newsbeam("db", "info", "--database", "ducklake:mysql:db=news", expect=2)
    assert "ducklake:sqlite:FILE" in other.stderr


def test_a_lake_in_postgres_is_made_once(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lake = parse_lake(postgres.new_database())
    missing = newsbeam("db", "info", "--database", given(lake), expect=1)
    assert "newsbeam db create --data-path" in missing.stderr
    make = ["db", "create", "--database", given(lake), "--data-path", "data"]
    assert "made" in newsbeam(*make).stdout
    assert "there already" in newsbeam(*make).stdout
    for result in (missing, newsbeam("db", "info", "--database", given(lake))):
        assert lake.password
        assert lake.password not in result.stdout + result.stderr


# Two at once


def test_two_launchers_at_once_bring_each_row_once(
    room: Newsroom, undisturbed: Rows, lake: DuckLake, tmp_path: Path
) -> None:
    for process in [start(room, lake, tmp_path / name) for name in ("one", "two")]:
        ended_well(process)
    assert rows(lake, "SELECT count(*) FROM runs") == [(2,)]
    holds(lake, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("lake", ["sqlite", "postgres"], indirect=True)
def test_launchers_that_are_killed_among_others_lose_and_double_nothing(
    room: Newsroom, undisturbed: Rows, lake: DuckLake, tmp_path: Path
) -> None:
    """Again and again three at once, of which one is killed wherever it is, and runs again."""
    chance, killed = random.Random(SEED), 0
    for number in range(ROUNDS):
        names = [f"{number}-{name}" for name in ("one", "two", "three")]
        begun = time.monotonic()
        processes = [start(room, lake, tmp_path / name) for name in names]
        victim = processes.pop()
        kill_after(victim, chance.uniform(2, 14))
        killed += victim.returncode == -signal.SIGKILL
        for process in processes:
            ended_well(process)
        ended_well(start(room, lake, tmp_path / names[-1]))
        assert not list(tmp_path.glob("*/*.staging/2*")), begun
        holds(lake, undisturbed)
    assert killed >= ROUNDS // 2
    ((runs,),) = rows(lake, "SELECT count(*) FROM runs WHERE state = 'done'")
    assert runs >= 3 * ROUNDS


@pytest.mark.slow
@pytest.mark.parametrize("lake", ["sqlite", "postgres"], indirect=True)
def test_launchers_bring_the_edits_of_articles_once(
    start_newsroom: StartNewsroom, lake: DuckLake, tmp_path: Path
) -> None:
    """The same articles changed at the same time by two: each gets one more version."""
    room, file = start_newsroom("--articles", "36", "--kind"), tmp_path / "news.duckdb"
    run_over(room, file)
    run_over(room, lake)
    room.post("edit")
    for _ in range(2):  # the first notes what is to be read again
        run_over(room, file, "--now")
        for process in [start(room, lake, tmp_path / name) for name in ("one", "two", "three")]:
            ended_well(process)
    assert rows(lake, "SELECT count(*) > 1 FROM article_versions") == [(True,)]
    holds(lake, content(file))
