"""The program as its user meets it: words, formats, exit statuses."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import click
import duckdb
import pytest

from pipeline.cli import main
from pipeline.commands.db import db
from pipeline.commands.run import run
from tests.kit.newsrooms import StartNewsroom
from tests.kit.program import KIND_TO_LOOPBACK, PROGRAM, newsbeam
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    LATER,
    article,
    commit,
    held,
    listed,
    new_run,
    page,
    poll,
    shard,
)

PATIENCE = 60.0
NO_FEED = "feeds:\n  - url: http://127.9.9.9:9999/nothing-listens-here\n"
HOSTILE = "Talks \x1b]0;owned\x07 go on \u202etxet | pipe \\| \x9b2J\u2066"
FEEDS_WITH_ERRORS = """feeds:
  - url: https://dawn.example/feed
    county: NZ
  - url: https://dawn.example/feed
    country: UK
"""
TOPICS_WITH_ERRORS = """topics:
  - id: taiwan
    name: Taiwan
    any: [Taiwan]
  - id: taiwan
    name: Again
    every: [Taipei]
"""


def options_of(command: click.Command) -> list[click.Option]:
    return [item for item in command.params if isinstance(item, click.Option)]


COMMANDS: dict[str, click.Command] = {
    "": main, **main.commands, **{f"db {name}": item for name, item in db.commands.items()},
}  # fmt: skip


def complained(result: subprocess.CompletedProcess[str]) -> str:
    """The message of a failure, which must be one for people."""
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()
    return result.stderr


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "news.duckdb"
    hostile = article(2, title=HOSTILE, redirects=("https://a.example/1", "https://a.example/2"))
    commit(path, [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)])], [page(1), page(2, hostile)])
    return path


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    path = tmp_path / "feeds.yaml"
    path.write_text(NO_FEED)
    return path


# Help and options


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_command_and_option(name: str) -> None:
    text = newsbeam(*name.split(), "--help").stdout
    for option in options_of(COMMANDS[name]):
        assert option.opts[0] in text
    if name == "":
        assert all(command in text for command in main.commands)
    assert COMMANDS[name].help


def test_the_contract_is_there() -> None:
    assert {"run", "sql", "demo", "newsroom", "check"} <= set(main.commands)
    assert {name for option in options_of(run) for name in option.opts} >= {
        "--feeds", "--topics", "--database", "--now", "--allow-private-hosts",
        "--host-concurrency", "--host-delay", "--lock-timeout", "--publish", "--runner",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_its_variable_and_shows_it(name: str) -> None:
    text = newsbeam(*name.split(), "--help", COLUMNS="200").stdout
    for option in options_of(COMMANDS[name]):
        if option.name == "unsafe":  # what it lifts is not to be lifted unseen
            assert "NEWSBEAM_UNSAFE" not in text
        elif option.name not in ("help", "version"):
            variable = "NEWSBEAM_" + option.opts[0].removeprefix("--").replace("-", "_").upper()
            assert option.envvar == variable
            assert variable in text
            assert option.help


def test_variables_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {
        "NEWSBEAM_FEEDS": "f.yaml", "NEWSBEAM_TOPICS": "t.yaml", "NEWSBEAM_DATABASE": "n.duckdb",
        "NEWSBEAM_NOW": "1", "NEWSBEAM_ALLOW_PRIVATE_HOSTS": "true",
        "NEWSBEAM_HOST_CONCURRENCY": "7", "NEWSBEAM_HOST_DELAY": "0.25",
        "NEWSBEAM_LOCK_TIMEOUT": "3", "NEWSBEAM_RUNNER": "FnApiRunner", "NEWSBEAM_JSON": "1",
        "NEWSBEAM_PUBLISH": "p.duckdb", "NEWSBEAM_CONTACT": "news@example.org",
        "NEWSBEAM_ARCHIVE": "kept", "NEWSBEAM_TIME_LIMIT": "20m",
        "NEWSBEAM_METRICS_FILE": "m.prom", "NEWSBEAM_STAGING": "s3://bucket/folder",
        "NEWSBEAM_KEEP_PAGES": "30d",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert run.make_context("run", []).params == {
        "feeds": Path("f.yaml"), "topics": Path("t.yaml"), "database": Path("n.duckdb").resolve(),
        "now": True, "allow_private_hosts": True, "contact": "news@example.org",
        "host_concurrency": 7, "host_delay": 0.25,
        "lock_timeout": 3.0, "publish": Path("p.duckdb"), "runner": "FnApiRunner", "as_json": True,
        "beam_options": (), "archive": Path("kept"), "from_warc": (), "time_limit": ("20m", 1200),
        "metrics_file": Path("m.prom"), "staging": "s3://bucket/folder",
        "keep_pages": ("30d", 30 * 86_400),
    }  # fmt: skip


def test_an_option_goes_before_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSBEAM_HOST_DELAY", "0.25")
    assert run.make_context("run", ["--host-delay", "2"]).params["host_delay"] == 2


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    text = complained(newsbeam("run", expect=2, cwd=tmp_path, NEWSBEAM_HOST_DELAY="soon"))
    assert "NEWSBEAM_HOST_DELAY" in text
    assert "soon" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run", "--nonsense"],
        ["run", "--host-concurrency", "0"],
        ["run", "--host-delay", "-1"],
        ["run", "--lock-timeout", "-1"],
        ["run", "--database", "."],
        ["run", "--publish", "absent/copy.duckdb"],
        ["commit", "--publish", "newsbeam.duckdb"],
        ["prune"],
        ["db", "nonsense"],
        ["serve"],
        ["sql"],
        ["sql", "SELECT 1", "--format", "xml"],
        ["newsroom", "--port", "70000"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(tmp_path: Path, arguments: list[str]) -> None:
    complained(newsbeam(*arguments, expect=2, cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []


# check


def test_check_names_file_line_and_choices_of_both_files(tmp_path: Path) -> None:
    feeds, topics = tmp_path / "f.yaml", tmp_path / "t.yaml"
    feeds.write_text(FEEDS_WITH_ERRORS)
    topics.write_text(TOPICS_WITH_ERRORS)
    text = complained(newsbeam("check", "--feeds", feeds, "--topics", topics, expect=2))
    assert f"{feeds}:3: unknown key 'county'" in text
    assert "did you mean 'country'?" in text
    assert "valid: url, outlet, country, language, interval, tags" in text
    assert f"{feeds}:4: feed https://dawn.example/feed stands already in line 2" in text
    assert f"{feeds}:5:" in text
    assert "the United Kingdom is GB" in text
    assert f"{topics}:5:" in text
    assert f"{topics}:7: unknown key 'every'" in text
    assert "valid: id, name, description" in text


def test_check_finds_nothing_wrong_with_what_is_shipped() -> None:
    assert newsbeam("check").stdout.count("nothing wrong") == 2
    counts = json.loads(newsbeam("check", "--json").stdout)
    assert counts["feeds"] > 40
    assert counts["topics"] > 20


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("option", ["--feeds", "--topics"])
def test_a_missing_file_is_2(tmp_path: Path, command: str, option: str) -> None:
    text = complained(newsbeam(command, option, "absent.yaml", expect=2, cwd=tmp_path))
    assert "absent.yaml: no such file" in text
    assert list(tmp_path.iterdir()) == []


# sql


def sql(database: Path, query: str, *more: object, expect: int = 0) -> str:
    result = newsbeam("sql", query, "--database", database, *more, expect=expect)
    return complained(result) if expect else result.stdout


VALUES = """SELECT NULL AS nothing, 'a|b' AS pipe, 'x, "y"' AS quotes, polled_at AS at,
['p', 'q'] AS list, 'two' || chr(10) || 'lines' AS lines FROM feed_polls"""


def test_a_table_is_plain_when_piped(database: Path) -> None:
    head, rule, line = sql(database, VALUES).splitlines()
    assert head.split() == ["nothing", "pipe", "quotes", "at", "list", "lines"]
    assert set(rule) <= {"─", " "}
    cells = re.split(" {2,}", line.strip())
    assert cells == ["a|b", 'x, "y"', "2026-03-01 12:00:00", "p, q", "two lines"]


def test_csv(database: Path) -> None:
    text = sql(database, VALUES, "--format", "csv")
    head, row = csv.reader(io.StringIO(text, newline=""))
    assert head[:3] == ["nothing", "pipe", "quotes"]
    assert row == ["", "a|b", 'x, "y"', "2026-03-01T12:00:00+00:00", '["p", "q"]', "two\nlines"]


@pytest.mark.parametrize("how", [["--format", "json"], ["--json"]])
def test_json(database: Path, how: list[str]) -> None:
    assert json.loads(sql(database, VALUES, *how)) == [
        {"nothing": None, "pipe": "a|b", "quotes": 'x, "y"', "at": "2026-03-01T12:00:00+00:00",
         "list": ["p", "q"], "lines": "two\nlines"}
    ]  # fmt: skip


def test_markdown(database: Path) -> None:
    head, rule, line = sql(database, VALUES, "--format", "markdown").splitlines()
    assert head == "| nothing | pipe | quotes | at | list | lines |"
    assert rule == "| --- | --- | --- | --- | --- | --- |"
    assert line == '|  | a\\|b | x, "y" | 2026-03-01 12:00:00 | p, q | two lines |'


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_what_titles_hide_does_not_reach_people(database: Path, form: str) -> None:
    text = sql(database, "SELECT title FROM articles ORDER BY title", "--format", form)
    assert "Talks" in text
    assert not set("\x1b\x07\x9b\u202e\u2066") & set(text)


def test_programs_get_titles_as_they_are(database: Path) -> None:
    query = "SELECT title FROM articles WHERE title LIKE 'Talks%'"
    assert json.loads(sql(database, query, "--json")) == [{"title": HOSTILE}]


def test_what_titles_hide_does_not_reach_people_in_errors(database: Path) -> None:
    text = sql(database, "SELECT title::INTEGER FROM articles WHERE title LIKE 'T%'", expect=2)
    assert "Could not convert string" in text
    assert not set("\x1b\x07\x9b\u202e\u2066") & set(text)


def test_what_titles_hide_does_not_reach_a_terminal(database: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "sql", "SELECT title FROM articles ORDER BY 1", "--database", str(database)],
        stdout=follower, env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(follower)
    seen = b""
    while chunk := read(leader):
        seen += chunk
    os.close(leader)
    assert process.wait(timeout=PATIENCE) == 0
    assert b"Talks" in seen
    assert b"\x1b[1m" in seen, "a terminal gets bold heads"
    assert b"\x1b]" not in seen
    assert b"\x07" not in seen


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the last writer has gone
        return b""


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELEC 1", "Parser Error: syntax error at or near"),
        ("SELECT titel FROM articles", "Binder Error"),
        ("FROM artikles", "Catalog Error"),
        ("SELECT 'x'::INTEGER", "Conversion Error"),
        ("DELETE FROM articles", "read-only"),
        ("COPY articles TO 'out.csv'", "read-only (--unsafe lifts that)"),
        ("", "the query is empty"),
        ("SELECT 1; SELECT 2", "more than one query"),
    ],
)
def test_a_bad_query_is_2_in_duckdbs_words(database: Path, query: str, words: str) -> None:
    assert words in sql(database, query, expect=2)


def test_a_query_from_standard_input(database: Path) -> None:
    for query, status in (("SELECT 40 + 2 AS n", 0), ("SELECT '\udcff'", 2)):
        result = subprocess.run(
            [*PROGRAM, "sql", "-", "--database", str(database), "--format", "csv"],
            input=query.encode(errors="surrogateescape"), capture_output=True,
        )  # fmt: skip
        assert result.returncode == status
        assert b"Traceback" not in result.stderr
        assert status or result.stdout.split() == [b"n", b"42"]


def test_a_missing_database_is_named_and_not_made(tmp_path: Path) -> None:
    text = sql(tmp_path / "absent.duckdb", "SELECT 1", expect=1)
    assert "absent.duckdb: no such database; name one with --database" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["table", "csv", "json", "markdown"])
def test_a_reader_that_leaves_early_is_no_error(database: Path, form: str) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "sql", "FROM range(9000)", "--database", str(database), "--format", form],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=PATIENCE) == 0


@pytest.mark.parametrize("arguments", [["sql", "SELECT 1"], ["check"], ["run", "--help"]])
def test_a_reader_that_has_left_is_no_traceback(database: Path, arguments: list[str]) -> None:
    source, target = os.pipe()
    os.close(source)
    result = subprocess.run(
        [*PROGRAM, *arguments], stdout=target, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "NEWSBEAM_DATABASE": str(database)},
    )  # fmt: skip
    os.close(target)
    assert result.stderr == ""


def test_a_narrow_charset_is_no_traceback(database: Path) -> None:
    result = newsbeam(
        "sql", "SELECT '中央社 é' AS t", "--database", database, "--format", "csv",
        PYTHONIOENCODING="ascii:strict",
    )  # fmt: skip
    assert result.stdout.splitlines()[1].startswith("\\u4e2d\\u592e\\u793e")


# newsroom


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_newsroom_serves_and_ends_when_told(number: int) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "newsroom", "--port", "0", "--articles", "20", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    places = json.loads(process.stdout.readline())
    import httpx

    assert httpx.get(places["feeds"]).text.startswith("feeds:")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "")


# run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--", "--no_such_option=1"], "Beam does not know --no_such_option=1"),
        (["--", "stray"], "Beam does not know stray"),
        (["--", "--direct_num_workers=many"], "--direct_num_workers: invalid int value: 'many'"),
        (["--", "--streaming"], "--streaming is refused"),
        (["--", "--runner=FlinkRunner"], "--runner stands before the two hyphens"),
        (["--runner", "DaskRunner"], "DaskRunner is refused: it gives wrong results"),
        (["--runner", "dask"], "dask is refused: it gives wrong results"),
        (["--runner", "NoSuchRunner"], "no runner 'NoSuchRunner'"),
        (["--runner", "no.such.Runner"], "no runner 'no.such.Runner'"),
        (["--runner", "json.NoRunner"], "no runner 'json.NoRunner'"),
        (["--runner", "json.JSONEncoder"], "it is no PipelineRunner"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_beam_does_not_take_is_2(
    tmp_path: Path, feeds: Path, arguments: list[str], words: str
) -> None:
    text = complained(newsbeam("run", "--feeds", feeds, *arguments, expect=2, cwd=tmp_path))
    assert words in text
    assert len(text.splitlines()) < 5
    assert list(tmp_path.iterdir()) == [feeds]


def test_a_database_in_no_folder_fails_with_its_name(tmp_path: Path, feeds: Path) -> None:
    database = tmp_path / "absent" / "news.duckdb"
    text = complained(newsbeam("run", "--feeds", feeds, "--database", database, expect=1))
    assert f"{database}: no such folder" in text
    assert not database.parent.exists()


def test_failing_feeds_are_rows_and_0(tmp_path: Path, feeds: Path) -> None:
    database = tmp_path / "news.duckdb"
    result = newsbeam("run", "--feeds", feeds, "--database", database, *KIND_TO_LOOPBACK)
    assert "1 polled: 0 with news, 0 unchanged, 1 failed" in result.stdout
    assert "Traceback" not in result.stderr
    assert rows(database, "SELECT stage, error_type FROM failures") == [("poll", "ConnectError")]


def test_private_hosts_are_refused_unless_allowed(tmp_path: Path, feeds: Path) -> None:
    database = tmp_path / "news.duckdb"
    newsbeam("run", "--feeds", feeds, "--database", database)
    ((error_type, message),) = rows(database, "SELECT error_type, message FROM failures")
    assert error_type != "ConnectError"
    assert "127.9.9.9" in message


def test_a_file_that_is_no_database_is_1_and_kept(tmp_path: Path, feeds: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Dear diary,\n" * 100)
    text = complained(newsbeam("run", "--feeds", feeds, "--database", notes, expect=1))
    assert "not a valid DuckDB database" in text
    assert notes.read_text() == "Dear diary,\n" * 100


def test_a_staged_file_that_cannot_be_loaded_is_set_aside_and_named(
    tmp_path: Path, feeds: Path
) -> None:
    database = tmp_path / "news.duckdb"
    folder, name = new_run(database), f"pages-{'0' * 32}.parquet"
    (folder.path / name).write_bytes(b"no parquet")
    told = newsbeam("run", "--feeds", feeds, "--database", database).stdout
    assert f"Set aside {folder.run_id}/{name}, which cannot be loaded: " in told
    aside = folder.path.with_name(f"set-aside-{folder.run_id}")
    assert (aside / name).read_bytes() == b"no parquet"
    told = newsbeam("status", "--database", database, "--json", expect=1).stdout
    assert f"{aside}/reasons.json" in told


def test_a_commit_that_fails_is_1_and_keeps_what_was_fetched(tmp_path: Path, feeds: Path) -> None:
    database = tmp_path / "news.duckdb"
    commit(database)
    with duckdb.connect(str(database)) as connection:
        connection.execute("ALTER TABLE failures RENAME TO mine")
    folder = new_run(database, LATER)
    shard(folder, page(1))
    text = complained(newsbeam("run", "--feeds", feeds, "--database", database, expect=1))
    assert f"could not commit run {folder.run_id}, which stays staged in {folder.path}" in text
    assert len(folder.shards()) == 1


@pytest.mark.parametrize("command", ["run", "sql"])
def test_a_database_that_stays_locked_is_75(tmp_path: Path, feeds: Path, command: str) -> None:
    database = tmp_path / "news.duckdb"
    commit(database)
    arguments = ["--feeds", str(feeds)] if command == "run" else ["SELECT 1"]
    with held(database):
        result = newsbeam(
            command, *arguments, "--database", database, "--lock-timeout", "0.1", expect=75
        )
    assert "the database is locked by " in complained(result)
    assert "(PID " in complained(result)
    assert "waited 0.1 s" in complained(result)


@contextmanager
def running(feeds: Path, database: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that is under way."""
    process = subprocess.Popen(
        [*PROGRAM, "run", "--feeds", str(feeds), "--database", str(database), *KIND_TO_LOOPBACK],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    pause, looked = Event(), 0.0
    while not any(Path(f"{database}.staging").glob("*/run.json")):
        assert process.poll() is None
        pause.wait(0.01)
        looked += 0.01
        assert looked < PATIENCE
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_run_is_75_and_does_nothing(start_newsroom: StartNewsroom, tmp_path: Path) -> None:
    room = start_newsroom("--articles", "24", "--kind", "--latency-ms", "8000")
    database = tmp_path / "news.duckdb"
    with running(room.feeds, database) as first:
        second = newsbeam("run", "--feeds", room.feeds, "--database", database, expect=75)
        assert first.poll() is None, "the first run must have been active all the time"
        assert "another run is active; this one did nothing" in complained(second)
        first.send_signal(signal.SIGTERM)
        _, err = first.communicate(timeout=PATIENCE)
        assert first.returncode == 0, err
    assert rows(database, "SELECT count(*) FROM runs") == [(1,)]


def test_the_default_database_lies_in_the_current_folder(tmp_path: Path, feeds: Path) -> None:
    newsbeam("run", "--feeds", feeds, *KIND_TO_LOOPBACK, cwd=tmp_path, PYTHONPATH=os.getcwd())
    with duckdb.connect(str(tmp_path / "newsbeam.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]


def test_version() -> None:
    assert newsbeam("--version").stdout.startswith("newsbeam, version ")


def test_the_program_starts_without_beam() -> None:
    """Which takes seconds to load: not for a query or a wrong option."""
    code = "import sys, pipeline.cli; sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_demo_does_not_touch_folders_of_others(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "feeds.yaml").write_text("my own")
    result = newsbeam("demo", "--directory", mine, expect=2)
    assert "name another --directory" in result.stderr
    assert [path.name for path in mine.iterdir()] == ["feeds.yaml"]
    assert (mine / "feeds.yaml").read_text() == "my own"


def test_a_time_limit_leaves_the_rest_to_the_next_run(
    start_newsroom: StartNewsroom, tmp_path: Path
) -> None:
    room = start_newsroom("--kind")
    database = tmp_path / "news.duckdb"
    ask = ["run", "--feeds", room.feeds, "--database", database, "--allow-private-hosts"]
    told = newsbeam(*ask, "--host-delay", "600", "--time-limit", "10s")
    assert "for the next run" in told.stdout
    assert rows(database, "SELECT state, message FROM runs") == [("stopped", "time limit")]
    pending = "SELECT count(*) FROM entries WHERE state = 'pending'"
    assert rows(database, pending) > [(0,)]
    newsbeam(*ask, "--host-delay", "0", "--host-concurrency", "8", "--time-limit", "1h")
    assert rows(database, pending) == [(0,)]
    refused = newsbeam(*ask, "--time-limit", "soon", expect=2)
    assert "'soon' is no span of time" in refused.stderr
