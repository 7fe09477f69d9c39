"""DuckLakes for the tests: catalogues in SQLite, in a DuckDB file, and in a Postgres of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

KINDS = ("sqlite", "postgres", "duckdb")
PASSWORD = "a secret of the tests"


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

    def new_database(self) -> str:
        """Make an empty database; its address as a catalogue."""
        name = f"news{next(self.numbers)}"
        self._do("createdb", "-h", self.folder, "-U", "news", name)
        return f"ducklake:postgres:host={self.folder} user=news dbname={name} password='{PASSWORD}'"

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
