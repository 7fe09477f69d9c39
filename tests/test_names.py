"""The program runs where its user has modules and packages called as its own are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from newsbeam import HOME, PACKAGES, ours_first
from tests.kit.newsrooms import Newsroom, StartNewsroom
from tests.kit.program import KIND_TO_LOOPBACK, PROGRAM
from tests.kit.rows import rows

SCRIPT = Path(sys.executable).with_name("newsbeam")
MODES = ["in_memory", "multi_threading", "multi_processing"]
FOREIGN = "raise SystemExit(f'{__file__} is not of newsbeam')\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder, with modules and a package of names that we have too."""
    place = tmp_path / "project"
    (place / "pipeline").mkdir(parents=True)
    for name in ("config.py", "sinks.py", "transforms.py", "pipeline/__init__.py"):
        (place / name).write_text(FOREIGN)
    return place


@pytest.fixture(scope="module")
def room(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "8", "--outlets", "2", "--kind")


def called(folder: Path, *command: object, path: Path | None = None) -> str:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    if path:
        variables["PYTHONPATH"] = str(path)
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("on_path", [False, True], ids=["working folder", "PYTHONPATH"])
@pytest.mark.parametrize("program", [[SCRIPT], PROGRAM], ids=["newsbeam", "python -m newsbeam"])
def test_it_starts(folder: Path, program: list[str], on_path: bool) -> None:
    told = called(folder, *program, "check", path=folder if on_path else None)
    assert told.count("nothing wrong") == 2


@pytest.mark.parametrize("mode", MODES)
def test_a_run_and_its_processes(folder: Path, room: Newsroom, mode: str) -> None:
    """The workers of Beam and the parsers of the pool are processes of their own."""
    called(
        folder, SCRIPT, "run", "--feeds", room.feeds, "--database", "news.duckdb",
        *KIND_TO_LOOPBACK, "--", f"--direct_running_mode={mode}", path=folder,
    )  # fmt: skip
    assert rows(folder / "news.duckdb", "SELECT count(*) FROM articles") == [(8,)]
    called(folder, SCRIPT, "retag", "--database", "news.duckdb", "--",
           f"--direct_running_mode={mode}", path=folder)  # fmt: skip


def test_ours_go_before_the_first_that_has_one_of_their_names_and_before_no_other(
    folder: Path, tmp_path: Path
) -> None:
    """What lies beside our packages must not hide what comes with Python."""
    others, theirs = str(tmp_path), str(folder)
    assert ours_first([others, theirs, HOME]) == [others, HOME, theirs, HOME]
    assert ours_first([others, HOME, theirs]) == [others, HOME, theirs]
    assert ours_first([others]) == [others]
    assert {path.name for path in Path(HOME).iterdir()} >= set(PACKAGES)
