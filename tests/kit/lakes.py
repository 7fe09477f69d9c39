"""DuckLakes for the tests: catalogues in SQLite, in a DuckDB file, and in a Postgres of its own."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sinks.database.opening import create
from sinks.database.where import DuckLake, parse_lake

KINDS = ("sqlite", "postgres", "duckdb")
PASSWORD = "a secret of the tests"
NAMED = re.compile(r"dbname=(\w+)")
MOVE = "UPDATE ducklake_metadata SET value = '{}/' WHERE key = 'data_path'"


class Postgres:
    """A private Postgres, on a socket in a folder of its own, reached by a password."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        # Not below pytest's folder, which only its owner may enter; and names of sockets are short.
        self.folder = Path(tempfile.mkdtemp(prefix="newsbeam-postgres-"))
        self.user: dict[str, Any] = {}
        if os.geteuid() == 0:  # as whom it refuses to run
            account = pwd.getpwnam("nobody")
            with suppress(KeyError):
                account = pwd.getpwnam("postgres")
            self.user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        (self.folder / "password").write_text(PASSWORD)
        self.numbers = count()
        self._do(
            "initdb", "-D", self.folder / "data", "-U", "news", "--auth=scram-sha-256",
            f"--pwfile={self.folder / 'password'}", "--no-sync", "--no-locale", "-E", "UTF8",
        )  # fmt: skip
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self._do("pg_ctl", "-D", self.folder / "data", "-l", self.folder / "log", "-o", options,
                 "-w", "start")  # fmt: skip

    def _do(self, program: str, *arguments: object) -> None:
        result = subprocess.run(
            [str(self.programs / program), *map(str, arguments)],
            cwd=self.folder, env={**os.environ, "PGPASSWORD": PASSWORD}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            timeout=120, **self.user,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr

    def new_database(self, like: str | None = None) -> str:
        """Make a database, empty or a copy of the one at an address; its address as a catalogue."""
        name = f"news{next(self.numbers)}"
        template = ["-T", NAMED.findall(like)[0]] if like else []
        self._do("createdb", "-h", self.folder, "-U", "news", *template, name)
        return f"ducklake:postgres:host={self.folder} user=news dbname={name} password='{PASSWORD}'"

    def execute(self, address: str, statement: str) -> None:
        """Run a statement in the database at an address."""
        name = NAMED.findall(address)[0]
        self._do("psql", "-h", self.folder, "-U", "news", "-d", name, "-qc", statement)

    def stop(self) -> None:
        self._do("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder)


def programs() -> Path | None:
    """Where Postgres has its programs; Debian keeps them out of the search path."""
    found = shutil.which("postgres")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "createdb").exists()), None)


def address_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """The address of a catalogue, the data of whose DuckLake is to lie in `folder`/data."""
    if kind == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        return server.new_database()
    return f"ducklake:{'sqlite:' * (kind == 'sqlite')}{folder / f'catalogue.{kind}'}"


class EmptyLakes:
    """Empty newsbeam databases in DuckLakes: of each kind one is made, the others are copies."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self.folder, self.request = folder, request
        self.made: dict[str, DuckLake] = {}

    def copy(self, kind: str, folder: Path) -> DuckLake:
        """One with its catalogue in a folder, or in Postgres, and its data in `folder`/data."""
        if kind == "duckdb":
            return _make(address_of(kind, folder, self.request), folder)
        home = self.folder / kind
        if kind not in self.made:
            home.mkdir()
            self.made[kind] = _make(address_of(kind, home, self.request), home)
        original = self.made[kind]
        shutil.copytree(home / "data", folder / "data")
        if kind == "postgres":
            server: Postgres = self.request.getfixturevalue("postgres")
            address = server.new_database(original.address)
            server.execute(address, MOVE.format(folder / "data"))
            return parse_lake(address)
        lake = parse_lake(address_of(kind, folder, self.request))
        assert original.file
        assert lake.file
        with (
            closing(sqlite3.connect(original.file)) as old,
            closing(sqlite3.connect(lake.file)) as new,
        ):
            old.backup(new)
            new.execute(MOVE.format(folder / "data"))
            new.commit()
        return lake


def _make(address: str, folder: Path) -> DuckLake:
    lake = parse_lake(address)
    create(lake, 30, str(folder / "data"))
    return lake
