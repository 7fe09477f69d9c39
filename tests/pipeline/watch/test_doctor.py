"""`newsbeam doctor`: what is wrong with an installation is named with its remedy."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.watch.doctor import contents, packages, python
from tests.kit.program import newsbeam
from tests.kit.samples import FEED, commit, held, page, poll


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "news.duckdb"
    commit(path, [poll(FEED, 0)], [page(1)])
    return path


def doctor(database: Path, *more: object, expect: int = 0, **environment: str) -> list[Any]:
    found = json.loads(
        newsbeam("doctor", "--database", database, "--json", *more, expect=expect,
                 **environment).stdout
    )  # fmt: skip
    assert found["well"] is (expect == 0)
    for one in found["findings"]:
        assert (one["remedy"] is None) <= (one["state"] != "wrong"), one
    return found["findings"]


def states(findings: list[Any], check: str) -> list[str]:
    return [one["state"] for one in findings if one["check"] == check]


def wrong(findings: list[Any]) -> list[tuple[str, str]]:
    return [(one["check"], one["message"]) for one in findings if one["state"] == "wrong"]


def test_this_installation_is_well(database: Path) -> None:
    before = sorted(os.listdir(database.parent))
    findings = doctor(database)
    assert wrong(findings) == []
    for check in ("python", "packages", "locks", "clock", "folder", "disk", "database"):
        assert "ok" in states(findings, check), check
    assert sorted(os.listdir(database.parent)) == before


def test_people_read_the_same(database: Path) -> None:
    told = newsbeam("doctor", "--database", database).stdout
    assert "note  contact" in told
    assert "→ set NEWSBEAM_CONTACT" in told
    assert told.splitlines()[-1] == "nothing to be mended"


def test_a_contact_is_noted_when_absent(database: Path) -> None:
    assert states(doctor(database), "contact") == ["note"]
    assert states(doctor(database, NEWSBEAM_CONTACT="news@example.org"), "contact") == ["ok"]


def test_a_database_that_is_not_there_yet_is_no_harm(tmp_path: Path) -> None:
    assert states(doctor(tmp_path / "none.duckdb"), "database") == ["note"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    findings = doctor(tmp_path / "none" / "news.duckdb", expect=1)
    assert wrong(findings) == [("folder", f"{tmp_path / 'none'}: no such folder")]


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="root may write all")
def test_a_folder_that_may_not_be_written(database: Path) -> None:
    database.parent.chmod(0o555)
    command = [sys.executable, "-m", "newsbeam", "doctor", "--database", database, "--json"]
    if os.getuid() == 0:  # without the rights that root has over all files
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
        database.parent.chmod(0o555)
        os.chown(database.parent, 1, 1)
    try:
        result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    finally:
        database.parent.chmod(0o755)
    assert result.returncode == 1, result.stderr
    assert "folder" in [check for check, _ in wrong(json.loads(result.stdout)["findings"])]


def test_what_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "news.duckdb"
    path.write_text("no database")
    ((check, message),) = wrong(doctor(path, expect=1))
    assert check == "database"
    assert str(path) in message


def test_a_database_of_a_later_version(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("UPDATE newsbeam_schema SET version = 99")
    ((check, message),) = wrong(doctor(database, expect=1))
    assert (check, "newer than newsbeam" in message) == ("database", True)


def test_a_database_in_use_is_no_harm(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.watch.doctor.PATIENCE", 0)
    with held(database):
        (found,) = contents(database)
    assert (found.state, "in use" in found.message) == ("note", True)


def test_a_clock_that_is_behind_the_newest_run(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("UPDATE runs SET committed_at = now() + INTERVAL 60 HOUR")
    ((check, message),) = wrong(doctor(database, expect=1))
    assert check == "clock"
    assert message.startswith("the newest run was committed 2.5 d from now")


def test_staged_by_another_version(database: Path) -> None:
    Path(f"{database}.staging/VERSION").write_text("99")
    assert [check for check, _ in wrong(doctor(database, expect=1))] == ["staging"]


def test_extensions_of_another_duckdb_are_not_here(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signed files of a package fit one version; the tests have duckdb 2 beside the other."""
    other = Path(__file__).parents[3] / ".venv" / "duckdb-2"
    if not other.exists():
        pytest.skip("duckdb 2 is not here")
    findings = doctor(database, PYTHONPATH=str(other))
    (quack,) = [one for one in findings if "quack" in one["message"]]
    assert quack["state"] == "note"
    assert "is for another DuckDB" in quack["message"]


def test_a_foreign_package_of_one_of_our_names_is_named(database: Path, tmp_path: Path) -> None:
    """As another distribution brings it, here from a place on the path."""
    place = tmp_path / "place"
    (place / "config").mkdir(parents=True)
    (place / "config" / "__init__.py").write_text("")
    (place / "settler-1.0.dist-info").mkdir()
    told = {"METADATA": "Metadata-Version: 2.1\nName: settler\nVersion: 1.0\n",
            "RECORD": "config/__init__.py,,\n", "top_level.txt": "config\n"}  # fmt: skip
    for name, text in told.items():
        (place / "settler-1.0.dist-info" / name).write_text(text)
    ((check, message),) = wrong(doctor(database, expect=1, PYTHONPATH=str(place)))
    assert check == "names"
    assert message.startswith("settler brings a package config, too")
    assert [one["state"] for one in doctor(database) if one["check"] == "names"] == ["ok"]


def test_packages_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.requires",
                        lambda _: ["duckdb>=99", "no-such-package", "click"])  # fmt: skip
    found = [one for one in packages() if one.state == "wrong"]
    assert [one.message.split(",")[0] for one in found] == [
        f"duckdb {duckdb.__version__}", "no-such-package is absent"
    ]  # fmt: skip


def test_a_python_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 9, 1))
    (found,) = python()
    assert (found.state, "3.9.1" in found.message) == ("wrong", True)


def feeds_file(folder: Path, *addresses: str) -> Path:
    path = folder / "feeds.yaml"
    path.write_text("feeds:\n" + "".join(f"  - url: {address}\n" for address in addresses))
    return path


def test_the_network_is_looked_at_where_a_feeds_file_is_given(database: Path) -> None:
    assert states(doctor(database), "network") == []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        feeds = feeds_file(database.parent, f"http://127.0.0.1:{port}/feed",
                           "http://no-such-host.invalid/feed")  # fmt: skip
        findings = doctor(database, "--feeds", feeds)
    assert states(findings, "network") == ["note", "ok", "ok"]
    findings = doctor(database, "--feeds", feeds, expect=1)  # nobody listens there now
    assert states(findings, "network") == ["note", "ok", "wrong"]


def test_engines_are_found_on_the_path(database: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("java", "prism"):
        program = tmp_path / "bin" / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    found = {one["message"] for one in doctor(database, PATH=str(tmp_path / "bin"))}
    assert f"java, for Flink and Spark: {tmp_path / 'bin' / 'java'}" in found
    assert any(message.startswith("no go") for message in found)


def test_a_wrong_feeds_file_is_2(database: Path) -> None:
    newsbeam("doctor", "--database", database, "--feeds", database.parent / "none", expect=2)
