"""`--log-format json`: standard error as one JSON object a line."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.kit.newsrooms import Newsroom, StartNewsroom
from tests.kit.program import KIND_TO_LOOPBACK, Program, newsbeam


@pytest.fixture(scope="module")
def room(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "12", "--outlets", "3", "--kind")


def lines(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    for line in found:
        assert {"time", "level", "logger", "message"} <= set(line)
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
    return found


def test_a_run_is_told_with_its_id(room: Newsroom, tmp_path: Path) -> None:
    result = newsbeam("--log-format", "json", "run", "--feeds", room.feeds, "--database",
                      tmp_path / "news.duckdb", "--json", *KIND_TO_LOOPBACK)  # fmt: skip
    run_id = json.loads(result.stdout)["run"]["run_id"]
    last = lines(result.stderr)[-1]
    assert (last["level"], last["logger"], last["run_id"]) == ("info", "newsbeam", run_id)
    assert "articles 12 new from" in last["message"]


def test_errors_are_objects_too(tmp_path: Path) -> None:
    result = newsbeam("sql", "SELECT 1", "--database", tmp_path / "none.duckdb", expect=1,
                      NEWSBEAM_LOG_FORMAT="json")  # fmt: skip
    (error,) = lines(result.stderr)
    assert error["level"] == "error"
    assert "no such database" in error["message"]
    assert "run_id" not in error


def test_the_log_of_the_libraries_follows(room: Newsroom, tmp_path: Path) -> None:
    result = newsbeam("--log-format", "json", "--verbose", "run", "--feeds", room.feeds,
                      "--database", tmp_path / "news.duckdb", *KIND_TO_LOOPBACK)  # fmt: skip
    assert any(line["logger"].startswith("apache_beam") for line in lines(result.stderr))


def test_a_stream_tells_of_each_run_and_of_its_end(room: Newsroom, tmp_path: Path) -> None:
    command = ["--log-format", "json", "stream", "--feeds", room.feeds, "--database",
               tmp_path / "news.duckdb", "--json", *KIND_TO_LOOPBACK]  # fmt: skip
    with Program(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as stream:
        assert stream.stdout is not None
        run_id = json.loads(stream.stdout.readline())["run"]["run_id"]
        stream.send_signal(signal.SIGTERM)
        _, told = stream.communicate(timeout=60)
    found = lines(told)
    assert run_id in [line.get("run_id") for line in found]
    assert any(line["message"].startswith("stopping") for line in found)
