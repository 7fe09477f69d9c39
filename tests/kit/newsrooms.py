"""A newsroom in a process of its own, and runs over it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sinks.database.where import Where
from tests.kit.program import KIND_TO_LOOPBACK, Program, newsbeam


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
    process = Program("newsroom", "--port", "0", "--json", *options, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        base_url = json.loads(process.stdout.readline())["base_url"]
        room = Newsroom(base_url, folder / "feeds.yaml")
        room.feeds.write_text(room.get("feeds.yaml").text, encoding="utf-8")
        yield room
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0, "the newsroom did not end cleanly"


def run_over(room: Newsroom, database: Where, *more: object) -> dict[str, Any]:
    """A run over a newsroom's feeds, politeness off; its summary."""
    result = newsbeam(
        "run", "--feeds", room.feeds, "--database", database, *KIND_TO_LOOPBACK, "--json", *more
    )
    return json.loads(result.stdout)


def start(room: Newsroom, database: Path, *more: str, **options: Any) -> subprocess.Popen[str]:
    return Program(
        "run", "--feeds", room.feeds, "--database", database, *KIND_TO_LOOPBACK, *more,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip
