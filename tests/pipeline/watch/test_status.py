"""`newsbeam status`: healthy or not, and why, by text, JSON and exit status."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over
from tests.kit.program import KIND_TO_LOOPBACK, Program, newsbeam
from tests.kit.rows import rows
from tests.kit.samples import RUN, held, new_run


@pytest.fixture(scope="module")
def room(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "60", "--outlets", "24", "--kind")


@pytest.fixture(scope="module")
def good(room: Newsroom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("status") / "news.duckdb"
    run_over(room, path)
    return path


@pytest.fixture
def database(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(good, tmp_path / "news.duckdb"))


def execute(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def status(path: Path, *more: object, expect: int = 0) -> dict[str, Any]:
    found = json.loads(
        newsbeam("status", "--database", path, "--json", *more, expect=expect).stdout
    )
    assert found["healthy"] is (expect == 0)
    return found


def reasons(path: Path, *more: object) -> list[str]:
    return [item["what"] for item in status(path, *more, expect=1)["reasons"]]


def test_after_a_good_run_it_is_healthy(good: Path) -> None:
    found = status(good)
    ((run_id, listed_lag),) = rows(good, "SELECT run_id, listed_lag_seconds FROM runs")
    ((articles,),) = rows(good, "SELECT count(*) FROM articles")
    assert found["reasons"] == []
    assert found["last_run"]["run_id"] == run_id
    assert found["last_day"]["lag"]["articles"] == articles
    assert found["last_day"]["lag"]["listed_seconds"] == pytest.approx(listed_lag, abs=0.002)
    assert [hour["articles"] for hour in found["last_day"]["lag_by_hour"]] == [articles]
    assert found["feeds"]["ok"] == found["feeds"]["listed"] > 10
    assert (found["active"], found["staged"]) == (False, [])


def test_people_read_the_same(good: Path) -> None:
    told = newsbeam("status", "--database", good).stdout
    assert told.splitlines()[0] == f"{good}: healthy"
    assert "from listing to row" in told
    assert "no program is" in told


@pytest.mark.parametrize(
    ("statement", "what", "words"),
    [
        ("UPDATE feeds SET next_poll_at = now() - INTERVAL 90 MINUTE WHERE position < 2",
         "overdue", "2 feeds are overdue by more than 30m, "),
        ("""UPDATE feeds SET next_poll_at = NULL, last_polled_at = NULL WHERE position = 0;
            UPDATE runs SET committed_at = now() - INTERVAL 40 MINUTE""",
         "overdue", "1 feed is overdue"),
        ("""UPDATE feeds SET expect_entries = 5000, expect_seconds = 60 WHERE position = 0;
            UPDATE feed_polls SET polled_at = polled_at - INTERVAL 1 HOUR""",
         "silent", "in 1m instead of 5000"),
        ("""UPDATE entries SET state = 'pending', next_attempt_at = now() - INTERVAL 2 HOUR
            WHERE url_id = (SELECT min(url_id) FROM entries)""", "owed", "one for 2.0 h"),
        ("UPDATE articles SET listed_at = listed_at - INTERVAL 3 HOUR", "lag", "it took 3.0 h"),
        ("UPDATE runs SET feeds_failed = 10", "failures", " polls of the last day failed"),
        ("UPDATE runs SET pages_pending = 15, pages_failed = 5", "failures",
         " pages of the last day failed; the limit is 25%"),
        ("UPDATE feeds SET state = 'broken' WHERE position < 10", "failures", "fail or are broken"),
        ("UPDATE runs SET state = 'failed', message = 'out of paper'", "run",
         "failed: out of paper"),
        ("UPDATE runs SET state = 'died', finished_at = NULL", "run", "died"),
        ("DELETE FROM runs", "run", "no run has been committed yet"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(database: Path, statement: str, what: str, words: str) -> None:
    execute(database, statement)
    found = status(database, expect=1)
    assert [item["what"] for item in found["reasons"]] == [what]
    assert words in found["reasons"][0]["message"]
    told = newsbeam("status", "--database", database, expect=1).stdout
    assert f"{database}: not healthy" in told
    assert words.split()[-1] in told


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE feeds SET next_poll_at = now() - INTERVAL 20 MINUTE",
        "UPDATE feeds SET state = 'retired', next_poll_at = NULL WHERE position = 0",
        "UPDATE feeds SET listed = false, next_poll_at = now() - INTERVAL 9 DAY WHERE position = 0",
        "UPDATE feeds SET next_poll_at = NULL, last_polled_at = NULL WHERE position = 0",
        "UPDATE runs SET state = 'stopped', message = 'SIGTERM'",
        "UPDATE runs SET feeds_polled = 19, feeds_failed = 19",  # few
    ],
)
def test_what_is_no_harm_is_not_complained_about(database: Path, statement: str) -> None:
    execute(database, statement)
    assert status(database)["reasons"] == []


@pytest.mark.parametrize(
    ("statement", "option"),
    [
        ("UPDATE feeds SET next_poll_at = now() - INTERVAL 2 HOUR", ["--most-overdue", "3h"]),
        ("""UPDATE entries SET state = 'pending', next_attempt_at = now() - INTERVAL 2 HOUR
            WHERE url_id = (SELECT min(url_id) FROM entries)""", ["--most-owed", "3h"]),
        ("UPDATE articles SET listed_at = listed_at - INTERVAL 3 HOUR", ["--most-lag", "4h"]),
        ("UPDATE feeds SET failures = 1", ["--most-failures", "1"]),
    ],
)  # fmt: skip
def test_limits_are_options(database: Path, statement: str, option: list[str]) -> None:
    execute(database, statement)
    status(database, expect=1)
    status(database, *option)


def test_a_disk_that_fills_up(good: Path) -> None:
    assert reasons(good, "--least-free", 1e9) == ["disk"]


def test_a_run_that_waits_staged_for_long(database: Path) -> None:
    new_run(database, RUN)
    assert reasons(database) == ["staged"]
    newsbeam("commit", "--database", database)
    assert status(database)["staged"] == []


def test_resting_hosts_are_named_and_no_harm(database: Path) -> None:
    execute(database, """INSERT INTO hosts VALUES
        ('slow.example', now(), now() + INTERVAL 10 MINUTE, 5, 'Timeout', 'x'),
        ('back.example', now(), now() - INTERVAL 1 MINUTE, 5, 'Timeout', 'x'),
        ('odd.example', now(), now() + INTERVAL 900 DAY, 5, 'a wrong clock', 'x')""")  # fmt: skip
    assert [item["host"] for item in status(database)["resting_hosts"]] == ["slow.example"]


def test_what_cannot_be_read_is_not_called_healthy(database: Path, tmp_path: Path) -> None:
    assert "no such database" in newsbeam(
        "status", "--database", tmp_path / "none.duckdb", expect=1
    ).stderr  # fmt: skip
    with held(database):
        newsbeam("status", "--database", database, "--lock-timeout", "0", expect=75)


def test_it_answers_while_a_stream_works(start_newsroom: StartNewsroom, tmp_path: Path) -> None:
    room = start_newsroom("--articles", "24", "--outlets", "4", "--kind")
    database = tmp_path / "news.duckdb"
    command = ["stream", "--feeds", room.feeds, "--database", database, "--json",
               "--commit-every", "1s", *KIND_TO_LOOPBACK]  # fmt: skip
    with Program(*command, stdout=subprocess.PIPE) as stream:
        assert stream.stdout is not None
        brought = json.loads(stream.stdout.readline())["run"]
        found = status(database)
        assert found["active"] is True
        assert found["last_run"]["run_id"] >= brought["run_id"]
        stream.send_signal(signal.SIGTERM)
        stream.communicate(timeout=60)
    assert status(database)["active"] is False
