"""Real parts for the tests: a newsroom in a process of its own, and the installed program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from sinks.database.lake import open_at
from sinks.database.where import DuckLake, Where
from tests.lakes import lake, postgres  # noqa: F401 -- fixtures

PROGRAM = [sys.executable, "-m", "pipeline.cli"]
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
"""For processes on a full disk, where coverage could not write, and would say so."""
KIND_TO_LOOPBACK = ["--allow-private-hosts", "--host-delay", "0", "--host-concurrency", "8"]


@dataclass(frozen=True)
class Newsroom:
    """A running newsroom: its address, its feeds file, and what it knows."""

    base_url: str
    feeds: Path

    def get(self, path: str) -> httpx.Response:
        answer = httpx.get(f"{self.base_url}/_control/{path}", timeout=60)
        answer.raise_for_status()
        return answer

    def post(self, path: str) -> None:
        httpx.post(f"{self.base_url}/_control/{path}", timeout=60).raise_for_status()

    def truth(self) -> dict[str, Any]:
        return self.get("truth").json()

    def log(self) -> list[dict[str, Any]]:
        return self.get("log").json()


StartNewsroom = Callable[..., Newsroom]


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Newsroom]:
    """A newsroom in a process of its own, with its feeds file in a folder."""
    process = subprocess.Popen(
        [*PROGRAM, "newsroom", "--port", "0", "--json", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        base_url = json.loads(process.stdout.readline())["base_url"]
        room = Newsroom(base_url, folder / "feeds.yaml")
        room.feeds.write_text(room.get("feeds.yaml").text, encoding="utf-8")
        yield room
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0, "the newsroom did not end cleanly"


@pytest.fixture(scope="session")
def start_newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNewsroom]:
    """Start newsrooms with options of `newsbeam newsroom`; all end with the session."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(
            serving(tmp_path_factory.mktemp("newsroom"), *options)
        )


@pytest.fixture(scope="session")
def newsroom(start_newsroom: StartNewsroom) -> Newsroom:
    """The default newsroom, shared; tests that change it start their own."""
    return start_newsroom()


def newsbeam(
    *arguments: object, expect: int | None = 0, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would, and hold it to an exit status (None: any)."""
    result = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env={**os.environ, **environment},
    )
    if expect is not None:
        assert result.returncode == expect, f"{result.stdout}\n{result.stderr}"
    return result


def run_over(room: Newsroom, database: Where, *more: object) -> dict[str, Any]:
    """A run over a newsroom's feeds, politeness off; its summary."""
    result = newsbeam(
        "run", "--feeds", room.feeds, "--database", database, *KIND_TO_LOOPBACK, "--json", *more
    )
    return json.loads(result.stdout)


@contextmanager
def reading(database: Where) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to read from, times in UTC."""
    if isinstance(database, DuckLake):
        with open_at(database, read_only=True, lock_timeout=60) as opened:
            yield opened.connection
    else:
        with duckdb.connect(str(database), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


def rows(database: Where, query: str) -> list[tuple[Any, ...]]:
    """What a query finds, times in UTC."""
    with reading(database) as connection:
        return connection.execute(query).fetchall()


def tables(database: Where, wanted: dict[str, str]) -> dict[str, list[str]]:
    """The rows of tables, sorted: of each the columns that a SELECT list names."""
    with reading(database) as connection:
        return {
            table: sorted(
                map(repr, connection.execute(f"SELECT {columns} FROM {table}").fetchall())
            )
            for table, columns in wanted.items()
        }


SAME_ROWS = {
    "articles": "* EXCLUDE (listed_at, fetched_at, run_id, sequence)",
    "article_versions": "* EXCLUDE (fetched_at, run_id, replaced_run_id)",
    "article_topics": "*",
    "topic_evidence": "*",
    "topics": "*",
    "entries": """* EXCLUDE (listed_at, changed_at, run_id, next_attempt_at, recheck_at),
        changed_at IS NOT NULL, recheck_at IS NOT NULL""",
    "feeds": "feed_url, outlet, state, etag, last_modified, body_hash, last_error, failures",
}


def content(database: Where) -> dict[str, list[str]]:
    """All rows that two runs over the same news must have in common, sorted."""
    return tables(database, SAME_ROWS)
