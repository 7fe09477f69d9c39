"""duckdb 1.5, which is locked, and 2.0: the same tests pass, each reads what the other wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sinks.keep.check import check_database
from sinks.tables.views import VIEWS
from tests.kit.newsrooms import StartNewsroom, run_over
from tests.kit.program import KIND_TO_LOOPBACK
from tests.kit.rows import content, rows
from tests.kit.samples import FEED, LATER, LATEST, commit, listed, page, poll

ROOT = Path(__file__).parents[3]
SINKS = ROOT / "tests" / "sinks"
OTHER = ROOT / ".venv" / "duckdb-2"
"""Where the Makefile installs the other version."""
ELSEWHERE = {
    "connector/test_crash.py",  # slow
    "connector/test_distribution.py",  # slow
    "connector/test_docs.py",  # about texts
    "connector/test_remote.py",  # about staging
    "connector/test_stream.py",  # about windows
    "database/test_duckdb_versions.py",  # this file
    "database/test_lake.py",  # its extensions are there for the locked version alone
    "staging/test_remote.py",  # no database in it
}
ROOMS = sorted({path.parent.name for path in SINKS.glob("*/test_*.py")})
SPLITS = "not any_split and not even_pages"
"""Leaves out the two tests that take longest; the models of the protocols go further."""
pytestmark = pytest.mark.slow
COMMIT = """
import sys
from pathlib import Path
from tests.kit.samples import FEED, commit, listed, page, poll
number = int(sys.argv[2])
commit(Path(sys.argv[1]), [poll(FEED, number, [listed(FEED, number)])], [page(number)],
       run_id=sys.argv[3])
"""


def with_other(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python with duckdb 2 in the place of the locked one."""
    environment = {**os.environ, "PYTHONPATH": f"{OTHER}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip


def test_the_other_version_is_the_other_version() -> None:
    version = with_other("-c", "import duckdb; print(duckdb.__version__)")
    assert version.stdout.startswith("2."), version.stderr


@pytest.mark.parametrize("room", ROOMS)
def test_the_tests_of_the_sink_pass_on_the_other_version(room: str, tmp_path: Path) -> None:
    found = {f"{room}/{path.name}" for path in (SINKS / room).glob("test_*.py")}
    files = [SINKS / name for name in sorted(found - ELSEWHERE)]
    result = with_other(
        "-m", "pytest", "-q", "-m", "not slow", "-k", SPLITS, "-p", "no:cacheprovider",
        "-p", "no:warnings", "--tb=short", f"--basetemp={tmp_path / 'base'}", *files,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-1000:]


def test_a_file_goes_to_and_fro(tmp_path: Path) -> None:
    for order in ("this first", "other first"):
        database = tmp_path / f"{order}.duckdb"
        runs = [(1, "20260301T110000000000Z-000000"), (2, LATER), (3, LATEST)]
        for step, (number, run_id) in enumerate(runs):
            if (step % 2 == 0) == (order == "this first"):
                commit(database, [poll(FEED, number, [listed(FEED, number)])], [page(number)],
                       run_id=run_id)  # fmt: skip
            else:
                done = with_other("-c", COMMIT, database, number, run_id)
                assert done.returncode == 0, done.stderr
        assert rows(database, "SELECT count(*), max(sequence) FROM articles") == [(3, 3)]
        for view in VIEWS:
            rows(database, f'FROM "{view.name}"')


def test_a_whole_run_on_the_other_version(start_newsroom: StartNewsroom, tmp_path: Path) -> None:
    """Fetched, committed, asked and checked by the program itself; the rows are those of this."""
    room = start_newsroom("--articles", "24", "--kind")
    database, here = tmp_path / "news.duckdb", tmp_path / "here.duckdb"

    def newsbeam(*arguments: object) -> str:
        done = with_other("-m", "newsbeam", *arguments, "--database", database)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run = json.loads(newsbeam("run", "--feeds", room.feeds, *KIND_TO_LOOPBACK, "--json"))["run"]
    assert run["articles_new"] > 10
    told = newsbeam("sql", "--format", "json", "SELECT version() AS v, count(*) AS n FROM articles")
    (answer,) = json.loads(told)
    assert (answer["v"].startswith("v2."), answer["n"]) == (True, run["articles_new"])
    newsbeam("run", "--now", "--feeds", room.feeds, *KIND_TO_LOOPBACK)
    newsbeam("db", "check")
    run_over(room, here)
    assert content(database) == content(here)
    assert [item for item in check_database(database, 0) if not item.warning] == []
