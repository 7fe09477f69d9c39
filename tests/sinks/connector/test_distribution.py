"""The connector is a distribution of its own: built, installed and run without newsbeam."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.kit.rows import rows

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
MODES = ["in_memory", "multi_threading", "multi_processing"]
FOREIGN = "WHOSE = 'the user'\n"
PROGRAM = """
import sys

import apache_beam as beam
import config
import sinks
from apache_beam.options.pipeline_options import PipelineOptions

from beam_duckdb import ReadFromDuckDB, WriteToDuckDB


def row(number):
    return {"id": number, "whose": f"{config.WHOSE} and {sinks.WHOSE}"}


if __name__ == "__main__":
    mode, database = sys.argv[1:]
    options = PipelineOptions(runner="DirectRunner", direct_running_mode=mode,
                              direct_num_workers=2, save_main_session=True)
    with beam.Pipeline(options=options) as pipeline:
        schema = {"id": "BIGINT", "whose": "VARCHAR"}
        rows = pipeline | beam.Create(range(50)) | beam.Map(row)
        rows | WriteToDuckDB(database, "numbers", key="id", schema=schema)
    with beam.Pipeline(options=options) as pipeline:
        copied = pipeline | ReadFromDuckDB(database, "numbers")
        copied | WriteToDuckDB(database, "copies", key="id", schema=schema)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make connector` builds it, in a copy, because building writes beside the sources."""
    source = tmp_path_factory.mktemp("source")
    for name in ("Makefile", "LICENSE", "requirements.lock"):
        shutil.copy(ROOT / name, source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sinks" / "connector", source / "sinks" / "connector", ignore=ignored)
    tools = Path(sys.executable).parent
    built = subprocess.run(
        ["make", "connector", f"BIN={tools}", "READY="], cwd=source, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert [path.name for path in (source / "dist").glob("*.tar.gz")] == [
        "beam_duckdb-0.1.0.tar.gz"
    ]
    (found,) = (source / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it needs, in which newsbeam cannot be imported.

    What it needs is shared with the environment of the tests, to install it again takes minutes;
    of that, what makes newsbeam importable is left out.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "newsbeam" not in path.name and path.name != "__pycache__":
            (packages / path.name).symlink_to(path)
    with ZipFile(wheel) as archive:
        archive.extractall(packages)
    return folder / "bin" / "python"


def test_it_holds_the_very_files_of_the_connector_and_its_type_marker(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = {
            name.removeprefix("beam_duckdb/"): archive.read(name)
            for name in archive.namelist()
            if name.startswith("beam_duckdb/")
        }
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        told = archive.read(metadata).decode()
    files = (ROOT / "sinks" / "connector").iterdir()
    ours = {file.name: file.read_bytes() for file in files if file.suffix in (".py", ".typed")}
    assert held == ours
    needed = [line for line in told.splitlines() if line.startswith("Requires-Dist: ")]
    names = [re.split(r"[<>=]", line.split()[1])[0] for line in needed]
    assert names == ["apache-beam", "duckdb", "pyarrow"]


def test_newsbeam_is_not_there(python: Path, tmp_path: Path) -> None:
    for name in ("newsbeam", "pipeline", "transforms", "sinks", "config"):
        tried = subprocess.run([python, "-c", f"import {name}"], cwd=tmp_path, capture_output=True)
        assert b"ModuleNotFoundError" in tried.stderr, name


@pytest.mark.parametrize("mode", MODES)
def test_it_runs_beside_modules_of_the_user_called_config_and_sinks(
    python: Path, tmp_path: Path, mode: str
) -> None:
    for name in ("config.py", "sinks.py"):
        (tmp_path / name).write_text(FOREIGN)
    (tmp_path / "program.py").write_text(PROGRAM)
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [python, "program.py", mode, "shop.duckdb"], cwd=tmp_path, env=variables,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = "SELECT count(*), min(id), max(id), any_value(whose) FROM {}"
    for table in ("numbers", "copies"):
        found = rows(tmp_path / "shop.duckdb", told.format(table))
        assert found == [(50, 0, 49, "the user and the user")]
