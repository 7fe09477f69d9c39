"""`newsbeam search` as its user meets it, and runs that keep its index up to date."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from sinks.ask.search import has_index, update_index
from sinks.ask.search.index import is_current, reading
from tests.kit.newsrooms import Newsroom, run_over
from tests.kit.program import PROGRAM, newsbeam
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    LATER,
    article,
    at,
    commit,
    held,
    listed,
    new_run,
    page,
    poll,
    shard,
)

HOSTILE = "Talks \x1b]0;owned\x07 go on \u202etxet | pipe \x9b2J\u2066"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "news.duckdb"
    articles = [
        article(1, title="Quiet seas", text="Taiwan held talks.\nTalks went on.",
                published_at=at(-60)),
        article(2, title=HOSTILE, text=f"{HOSTILE} and on", published_at=at(-60 * 24 * 30)),
    ]  # fmt: skip
    commit(
        path,
        [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)])],
        [page(number, found) for number, found in enumerate(articles, 1)],
    )
    return path


def found(database: Path, *arguments: object, expect: int = 0) -> str:
    return newsbeam("search", "--database", database, *arguments, expect=expect).stdout


def test_people_get_a_list_with_marked_matches(database: Path) -> None:
    text = found(database, "taiwan talks")
    assert " 1. Quiet seas\n" in text
    assert "2026-03-01 11:00 · The Dawn · en · taiwan" in text
    assert "    [Taiwan] held [talks]. [Talks] went on.\n" in text
    assert "https://dawn.example/story/1" in text
    assert text.endswith("1 of 1 articles that match, the best first\n")


def test_the_limit_is_kept_and_told(database: Path) -> None:
    assert "1 of 2 articles" in found(database, "talks", "--limit", 1)


def test_no_hit_is_said_and_0(database: Path) -> None:
    assert found(database, "nowhere") == "no article matches\n"


def test_json(database: Path) -> None:
    (hit,) = json.loads(found(database, "taiwan", "--json"))
    assert hit["score"] > 0
    assert hit["published_at"] == "2026-03-01T11:00:00+00:00"
    assert (hit["title"], hit["snippet"]) == (
        "Quiet seas", "[Taiwan] held talks. Talks went on.")  # fmt: skip
    assert hit["topics"] == ["taiwan"]
    assert len(hit["article_id"]) == 32
    assert json.loads(found(database, "nowhere", "--json")) == []


def test_csv_and_markdown_and_table(database: Path) -> None:
    (row,) = csv.DictReader(io.StringIO(found(database, "taiwan", "--format", "csv")))
    assert row["url"] == "https://dawn.example/story/1"
    assert r"| \[Taiwan\] held talks." in found(database, "taiwan", "--format", "markdown")
    assert "[Taiwan] held talks." in found(database, "taiwan", "--format", "table")


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--since", "2026-02-20"], 1),
        (["--until", "2026-02-20"], 1),
        (["--since", "2026-01-01T00:00:00Z"], 2),
        (["--since", "5200w"], 2),
        (["--until", "5200w"], 0),
        (["--since", "2026-02-20", "--until", "2026-03-01T11:00:00+00:00"], 0),
        (["--topic", "taiwan"], 2),
        (["--topic", "taiwan", "--topic", "taiwan"], 2),
        (["--outlet", "the dawn", "--country", "NZ", "--language", "en"], 2),
    ],
)
def test_filters(database: Path, options: list[str], count: int) -> None:
    assert len(json.loads(found(database, "talks", "--json", *options))) == count


def test_an_outlet_in_a_variable_may_hold_spaces(database: Path) -> None:
    for outlets in ("The Dawn", "The Dawn;the dawn"):
        result = newsbeam("search", "talks", "--database", database, NEWSBEAM_OUTLET=outlets)
        assert result.stdout.endswith("2 of 2 articles that match, the best first\n")


def test_a_query_may_begin_with_what_must_not_be_there(database: Path) -> None:
    result = newsbeam("search", "--database", database, "--json", "--", "-taiwan talks")
    assert [hit["outlet"] for hit in json.loads(result.stdout)] == ["The Dawn"]


@pytest.mark.parametrize(
    "arguments",
    [
        ['"open'],
        [""],
        ["a OR"],
        ["talk*"],
        ["-talks"],
        ["talks", "--topic", "cyber"],
        ["talks", "--outlet", "The Dawm"],
        ["talks", "--language", "ru"],
        ["talks", "--since", "yesterday"],
        ["talks", "--limit", "0"],
    ],
)
def test_wrong_usage_is_2_and_says_what(database: Path, arguments: list[str]) -> None:
    result = newsbeam("search", "--database", database, *arguments, expect=2)
    assert result.stdout == ""
    assert result.stderr.strip()
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("form", ["list", "table", "markdown"])
def test_what_titles_hide_does_not_reach_people(database: Path, form: str) -> None:
    text = found(database, "talks owned", "--format", form)
    assert "Talks" in text
    assert not set("\x1b\x07\x9b\u202e\u2066") & set(text)


def test_a_terminal_gets_bold_matches_and_nothing_else(database: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "search", "talks", "--database", str(database)],
        stdout=follower, env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(follower)
    seen = b""
    while chunk := _read(leader):
        seen += chunk
    os.close(leader)
    assert process.wait(timeout=PATIENCE) == 0
    assert b"\x1b[1mtalks\x1b[0m" in seen
    assert b"[talks]" not in seen
    assert b"\x1b]" not in seen
    assert b"\x07" not in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the last writer has gone
        return b""


def test_a_locked_database_is_75(database: Path) -> None:
    with held(database):
        result = newsbeam(
            "search", "talks", "--database", database, "--lock-timeout", 0.1, expect=75
        )
    assert "locked" in result.stderr


def test_a_missing_database_is_named(tmp_path: Path) -> None:
    result = newsbeam("search", "talks", "--database", tmp_path / "no.duckdb", expect=1)
    assert "no such database" in result.stderr


def test_runs_keep_an_index_that_is_there_and_make_none(newsroom: Newsroom, tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    run_over(newsroom, database)
    assert not has_index(database)
    searched = tmp_path / "searched.duckdb"
    commit(searched, [poll(FEED, 0)])
    assert update_index(searched, 0) == 0
    run_over(newsroom, searched)
    ((articles,),) = rows(searched, "SELECT count(*) FROM articles")
    assert articles > 0
    assert update_index(searched, 0) == 0, "the run has indexed what it brought"
    assert "[Taiwan]" in found(searched, "taiwan")


def test_a_run_does_not_fail_for_its_index(newsroom: Newsroom, tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    commit(database, [poll(FEED, 0)])
    update_index(database, 0)
    with FileLock(f"{database}.search/lock"):
        result = newsbeam(
            "run", "--feeds", newsroom.feeds, "--database", database,
            "--allow-private-hosts", "--host-delay", 0, "--host-concurrency", 8,
        )  # fmt: skip
    assert "articles" in result.stdout
    assert "brings its index up to date" in result.stderr
    assert "[Taiwan]" in found(database, "taiwan")


def current(database: Path) -> bool:
    with reading(database, 0) as connection:
        return is_current(connection, database)


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    """A database that was searched, and a run that waits staged for it."""
    path = tmp_path / "news.duckdb"
    old = article(3, published_at=at(-60 * 24 * 400))
    commit(path, [poll(FEED, 0, [listed(FEED, 3)])], [page(3, old)])
    update_index(path, 0)
    later = new_run(path, LATER)
    shard(later, poll(FEED, 60, [listed(FEED, 1)]))
    shard(later, page(1))
    return path


# Each is a commit of its own: of what was staged, of other tags, of what went.
COMMANDS = {
    "commit": (["commit"], "[Taiwan]"),
    "retag": (["retag"], "[Taiwan]"),
    "prune": (["prune", "--older-than", "1s"], "no article matches"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_changes_articles_keeps_the_index(searched: Path, name: str) -> None:
    arguments, answer = COMMANDS[name]
    newsbeam(*arguments, "--database", searched)
    assert current(searched)
    assert answer in found(searched, "taiwan")


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_makes_an_index_or_fails_for_one(searched: Path, name: str) -> None:
    arguments, _ = COMMANDS[name]
    with FileLock(f"{searched}.search/lock"):
        result = newsbeam(*arguments, "--database", searched)
    assert "brings its index up to date" in result.stderr
    assert not current(searched)
    shutil.rmtree(f"{searched}.search")
    assert newsbeam(*arguments, "--database", searched).stderr == ""
    assert not has_index(searched)
