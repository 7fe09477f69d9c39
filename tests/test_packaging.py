"""The wheel, away from the checkout: what is in it, and that workers could run from it."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import apache_beam as beam
import pytest
from apache_beam.internal import cloudpickle_pickler

import sinks.connector.read
import sinks.connector.write
from config.models import ExtractSettings, FetchSettings, Taxonomy, Topic
from sinks.connector import Table
from transforms.feeds.polls import page_tasks
from transforms.steps import feeds, text, topics, web

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parent.parent
PACKAGES = ("config", "transforms", "sinks", "pipeline")
FETCHING, EXTRACTING = FetchSettings(host_delay=0.5), ExtractSettings(2)
TAXONOMY = Taxonomy((Topic("taiwan", "Taiwan", ("Taiwan*", "臺灣")),))
TABLE = Table("orders", "id", {"id": "BIGINT"})
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "ByHost": (2,),
    "PollFeeds": (FETCHING, "signals"),
    "FetchPages": (FETCHING, "signals"),
    "ReadFeeds": (EXTRACTING,),
    "JudgePages": (EXTRACTING, TAXONOMY),
    "JudgeAgain": (EXTRACTING, TAXONOMY),
    "FindNewEntries": ("known.npy",),
    "OwePages": ("known.npy",),
    "TakeTexts": ("known.npy",),
    "TagAgain": (TAXONOMY,),
    "StageRows": (TABLE, "folder", "run"),
    "WriteToDuckDB": ("shop.duckdb", [TABLE]),
    "_Fetch": (web._feed_request, 100, FETCHING, "signals", "feeds", web.PlanFiles()),
    "_Parse": (EXTRACTING,),
    "_InPool": (EXTRACTING, TAXONOMY),
    "_Judge": (EXTRACTING, TAXONOMY, None),
    "_JudgeAgain": (EXTRACTING, TAXONOMY),
    "_FindNew": ("known.npy",),
    "_Owe": ("known.npy", page_tasks),
    "_TagAgain": (TAXONOMY, EXTRACTING),
    "_Stage": (TABLE, "folder", "run", 100, None, "newsbeam"),
    "_Commit": ("shop.duckdb", [TABLE], 1.0, "staging", "run"),
    "_Read": ("shop.duckdb", "orders", "FROM orders", 1.0),
}
STEPS = {
    name: kind
    for module in (web, feeds, text, topics, sinks.connector.read, sinks.connector.write)
    for name, kind in vars(module).items()
    if isinstance(kind, type)
    and issubclass(kind, (beam.DoFn, beam.PTransform))
    and kind.__module__ == module.__name__
    and name != "ReadFromDuckDB"  # is built where the database is; only its step travels
}
# What a worker does: read steps pickled elsewhere, and (the second half) pickle its own.
UNPICKLE = """
import pickle, sys
from pathlib import Path
from apache_beam.internal import cloudpickle_pickler

target, pickled = Path(sys.argv[1]), Path(sys.argv[2])
for path in sorted(pickled.iterdir()):
    loads = pickle.loads if path.suffix == ".pickle" else cloudpickle_pickler.loads
    dumps = pickle.dumps if path.suffix == ".pickle" else cloudpickle_pickler.dumps
    step = loads(path.read_bytes())
    again = loads(dumps(step))
    assert type(step).__name__ == type(again).__name__ == path.stem, path
    for kind in (type(step), type(again)):
        home = Path(sys.modules[kind.__module__].__file__)
        assert target in home.parents, home
    print(path.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because building writes beside the sources."""
    source = tmp_path_factory.mktemp("source") / "newsbeam"
    source.mkdir()
    for name in (*PACKAGES, "tests"):
        shutil.copytree(
            CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("newsbeam.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def target(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("target")
    pip("install", "--no-deps", "--no-index", "--target", folder, wheel)
    return folder


def pip(*arguments: object) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


def outside(target: Path, cwd: Path, *arguments: object) -> str:
    """Run Python outside the checkout, with the installed wheel before all else."""
    result = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(target), "PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_wheel_has_the_program_and_no_tests(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {*PACKAGES, "newsbeam.py"}
    modules = {
        path.relative_to(CHECKOUT).as_posix()
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*")
        if path.suffix in (".py", ".sql", ".yaml", ".json", ".typed")
    } | {"newsbeam.py"}
    assert {name for name in names if ".dist-info/" not in name} == modules
    assert {"config/catalogue/feeds.yaml", "config/catalogue/topics.yaml"} <= names
    assert any(name.startswith("pipeline/newsroom/stories/") for name in names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_every_step_is_listed_here() -> None:
    assert set(STEPS) == set(ARGUMENTS)


def test_steps_pickled_here_are_unpickled_there(target: Path, tmp_path: Path) -> None:
    pickled, elsewhere = tmp_path / "pickled", tmp_path / "elsewhere"
    pickled.mkdir()
    elsewhere.mkdir()
    for name, kind in STEPS.items():
        step = kind(*ARGUMENTS[name])
        (pickled / f"{name}.pickle").write_bytes(pickle.dumps(step))
        (pickled / f"{name}.cloudpickle").write_bytes(cloudpickle_pickler.dumps(step))
    told = outside(target, elsewhere, "-c", UNPICKLE, target, pickled).split()
    assert len(told) == 2 * len(STEPS)


def test_the_program_runs_from_the_wheel(target: Path, tmp_path: Path) -> None:
    told = outside(target, tmp_path, "-m", "newsbeam", "check")
    assert told.count("nothing wrong") == 2
    where = outside(target, tmp_path, "-c", "import newsbeam; print(newsbeam.__file__)")
    assert Path(where.strip()) == target / "newsbeam.py"


def test_the_newsroom_has_its_stories_in_the_wheel(target: Path, tmp_path: Path) -> None:
    code = (
        "from pipeline.newsroom import NewsroomServer, NewsroomSettings\n"
        "with NewsroomServer(NewsroomSettings()) as room: print(len(room.truth()['articles']))\n"
    )
    assert int(outside(target, tmp_path, "-c", code)) > 140


def test_the_console_script_is_declared(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "newsbeam = newsbeam:main" in archive.read(name).decode()
