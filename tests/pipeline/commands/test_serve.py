"""`newsbeam serve`: DuckDB clients read the published copy, and can do nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import pytest

from sinks.ask.serve import EXTENSIONS, TABLE_FUNCTIONS, load_extension
from sinks.connector.errors import DatabaseError
from sinks.keep.publish import publish
from tests.kit.program import PROGRAM, newsbeam
from tests.kit.samples import FEED, LATER, commit, listed, page, poll

PATIENCE = 60.0
TOKEN = "correct horse battery staple"
needs_quack = pytest.mark.skipif(
    not all(importlib.util.find_spec(f"duckdb_extension_{name}") for name in EXTENSIONS),
    reason="needs the packages duckdb-extension-quack and duckdb-extension-httpfs",
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("serve") / "news.duckdb"
    commit(path, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    return path


@pytest.fixture(scope="module")
def copy(database: Path) -> Path:
    return publish(database, database.with_name("dash.duckdb"), 0).path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Start = Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Start servers; the process, and what it printed as JSON."""
    processes: list[subprocess.Popen[str]] = []

    def start(copy: Path, *more: object, **environment: str) -> Any:
        process = subprocess.Popen(
            [*PROGRAM, "serve", "--published", str(copy), "--port", str(free_port()), "--json",
             *map(str, more)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        return process, json.loads(line)

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def served(start: Start, copy: Path) -> str:
    """The address of a server whose token is TOKEN."""
    _, told = start(copy, NEWSBEAM_TOKEN=TOKEN)
    assert told["token"] is None
    return str(told["uri"])


def client(uri: str, token: str = TOKEN) -> duckdb.DuckDBPyConnection:
    """A client, in this process, that has attached the server as `news`."""
    connection = duckdb.connect()
    for name in EXTENSIONS:
        load_extension(connection, name)
    connection.execute(f"CREATE SECRET (TYPE quack, TOKEN '{token}')")
    connection.execute(f"ATTACH '{uri}' AS news")
    return connection


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """A query that the server runs."""
    return connection.execute(f"FROM news.query($query${query}$query$)").fetchall()


@needs_quack
def test_tables_and_views_can_be_read(served: str) -> None:
    with client(served) as connection:
        assert connection.execute("SELECT title FROM news.articles").fetchall() == [("Headline 1",)]
        assert connection.execute("SELECT health FROM news.feed_health LIMIT 1").fetchall()
        assert ask(
            connection,
            "SELECT title, matched FROM articles JOIN topic_evidence USING (article_id)",
        ) == [("Headline 1", "Taiwan")]
        assert ("articles",) in ask(connection, "SHOW TABLES")
        assert ask(connection, "SELECT sum(i) FROM range(4) t(i)") == [(6,)]


@needs_quack
@pytest.mark.parametrize("token", ["", "wrong token of some length"])
def test_without_the_token_there_is_nothing(served: str, token: str) -> None:
    with pytest.raises(duckdb.Error, match=r"(?i)authentication"):
        client(served, token or "none")


FORBIDDEN = [
    "DELETE FROM articles",
    "INSERT INTO feeds (feed_url) VALUES ('x')",
    "UPDATE runs SET state = 'died'",
    "CREATE TABLE mine (i INTEGER)",
    "CREATE TEMP TABLE mine (i INTEGER)",
    "DROP VIEW feed_health",
    "WITH x AS (SELECT 1) INSERT INTO runs (run_id) SELECT * FROM x",
    "SELECT 1; DROP TABLE articles",
    "COPY articles TO '{folder}/out.csv'",
    "COPY articles TO '{copy}'",
    "EXPORT DATABASE '{folder}/export'",
    "ATTACH '{folder}/other.duckdb'",
    "ATTACH ':memory:' AS other",
    "DETACH dash",
    "FROM read_text('{folder}/secret.txt')",
    "FROM '{folder}/secret.txt'",
    "FROM '{folder}/secret.csv'",
    "FROM read_csv('{folder}/secret.csv')",
    "FROM read_parquet('{folder}/*.parquet')",
    "FROM read_duckdb('{folder}/news.duckdb')",
    "FROM glob('{folder}/*')",
    "FROM sniff_csv('{folder}/secret.csv')",
    "FROM 'https://127.0.0.1:9/secret.csv'",
    "FROM read_text('http://127.0.0.1:9/')",
    "SELECT * FROM duckdb_secrets()",
    "SELECT getenv('HOME')",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET GLOBAL quack_authorization_function = 'quack_nop_authorization'",
    "RESET disabled_filesystems",
    "PRAGMA enable_profiling",
    "LOAD icu",
    "INSTALL httpfs",
    "CHECKPOINT",
    "CALL quack_stop('{uri}')",
    "FROM quack_stop('{uri}')",
    "FROM QUACK_STOP('{uri}')",
    "FROM \"quack_stop\"('{uri}')",
    "FROM main.quack_stop('{uri}')",
    "SELECT (FROM quack_stop('{uri}'))",
    "SELECT 1 WHERE EXISTS (FROM quack_stop('{uri}'))",
    "WITH x AS (FROM quack_stop('{uri}')) FROM x",
    'FROM range(1) AS "{{\\"}}", quack_stop(\'{uri}\')',
    "DESCRIBE (FROM quack_stop('{uri}'))",
    "FROM quack_serve('quack:127.0.0.1:{port}', token = 'abcdefgh')",
    "FROM quack_query('{uri}', 'SELECT 1')",
    "FROM quack_active_connections()",
    "FROM query('FROM quack_stop(''{uri}'')')",
    "FROM query_table('articles')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "FROM duckdb_logs()",
    "FROM enable_logging()",
    "FROM python_map_function()",
    "FROM pandas_scan(1, 2, 3)",
    "FROM connection",
    "FROM SELEC",
]


@needs_quack
def test_a_client_can_do_nothing_but_read(served: str, copy: Path) -> None:
    folder = copy.parent
    (folder / "secret.txt").write_text("the secret of this machine")
    (folder / "secret.csv").write_text("the,secret\n1,2\n")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    names = {"folder": folder, "copy": copy, "uri": served, "port": free_port()}
    with client(served) as connection:
        for query in FORBIDDEN:
            with pytest.raises(duckdb.Error) as error:
                ask(connection, query.format(**names))
            assert "the secret" not in str(error.value)
        with pytest.raises(duckdb.Error):
            connection.execute("INSERT INTO news.feeds (feed_url) VALUES ('x')")
        with pytest.raises(duckdb.Error):
            connection.execute("CREATE TABLE news.mine (i INTEGER)")
        assert connection.execute("SELECT count(*) FROM news.articles").fetchall() == [(1,)]
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert after == before


def test_what_may_be_called_is_there() -> None:
    with duckdb.connect() as connection:
        known = connection.execute("SELECT function_name FROM duckdb_functions()").fetchall()
    assert set(TABLE_FUNCTIONS) <= {name for (name,) in known}


@needs_quack
def test_a_new_copy_is_served_soon(start: Start, database: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.duckdb"
    own.write_bytes(database.read_bytes())
    copy = tmp_path / "dash.duckdb"
    publish(own, copy, 0)
    _, told = start(copy)
    assert len(told["token"]) > 20
    with client(told["uri"], told["token"]) as connection:
        assert ask(connection, "SELECT count(*) FROM articles") == [(1,)]
    commit(own, [poll(FEED, 60, [listed(FEED, 2)])], [page(2)], run_id=LATER)
    publish(own, copy, 0)
    assert eventually(lambda: attached_count(told) == 2)


def attached_count(told: dict[str, Any]) -> int | None:
    """Articles that a new client sees; None while the server changes over."""
    try:
        with client(told["uri"], told["token"]) as connection:
            ((count,),) = ask(connection, "SELECT count(*) FROM articles")
    except duckdb.Error:
        return None
    return int(count)


def eventually(happened: Callable[[], bool]) -> bool:
    pause, looked = Event(), 0.0
    while not happened() and looked < PATIENCE:
        pause.wait(0.1)
        looked += 0.1
    return looked < PATIENCE


@needs_quack
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_cleanly(start: Start, copy: Path, number: signal.Signals) -> None:
    process, told = start(copy)
    with client(told["uri"], told["token"]) as connection:
        assert ask(connection, "SELECT 1") == [(1,)]
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0


@needs_quack
def test_people_are_told_how_to_attach(copy: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--published", str(copy), "--port", str(port)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()
    process.terminate()
    text = first + process.stdout.read()
    assert process.wait(timeout=PATIENCE) == 0
    assert f"quack:127.0.0.1:{port}" in first
    assert "CREATE SECRET (TYPE quack, TOKEN '" in text
    assert "ATTACH 'quack:127.0.0.1:" in text


@needs_quack
def test_a_port_that_is_taken_is_1(copy: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = newsbeam("serve", "--published", copy, "--port", port, expect=1)
    assert f"cannot be served at quack:127.0.0.1:{port}" in result.stderr


@needs_quack
def test_a_token_from_a_file(start: Start, copy: Path, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    _, told = start(copy, "--token-file", path)
    with client(told["uri"]) as connection:
        assert ask(connection, "SELECT 1") == [(1,)]


def test_a_token_that_is_none_is_2(copy: Path, tmp_path: Path) -> None:
    short = newsbeam("serve", "--published", copy, expect=2, NEWSBEAM_TOKEN="short")
    assert "shorter than 16 characters" in short.stderr
    absent = newsbeam("serve", "--published", copy, "--token-file", tmp_path / "absent", expect=2)
    assert "absent" in absent.stderr


def test_the_database_itself_is_refused(database: Path) -> None:
    text = newsbeam("serve", "--published", database, expect=2).stderr
    assert "serving it would keep them out" in text
    assert "newsbeam run --publish PATH" in text


def test_a_copy_that_is_not_there_is_1(tmp_path: Path) -> None:
    text = newsbeam("serve", "--published", tmp_path / "absent.duckdb", expect=1).stderr
    assert "absent.duckdb: no such file; `newsbeam run --publish" in text


def test_an_extension_that_is_not_to_be_had_is_named() -> None:
    with (
        duckdb.connect() as connection,
        pytest.raises(DatabaseError, match=r"no extension nonsense here: `pip install duckdb-ext"),
    ):
        load_extension(connection, "nonsense")
