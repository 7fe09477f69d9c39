"""The SQL shell: what it answers, what it completes, and a session on a real terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from pipeline.show.completion import COMMANDS, suggest
from pipeline.show.session import Session
from pipeline.show.shell import Shell, is_complete
from sinks.ask.relations import Relation, relations
from tests.kit.program import PROGRAM
from tests.kit.samples import FEED, commit, held, listed, page, poll

PATIENCE = 60.0


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shell") / "news.duckdb"
    commit(path, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    return path


@pytest.fixture
def session(database: Path) -> Session:
    return Session(database, lock_timeout=0)


def typed(session: Session, *lines: str) -> str:
    """What the shell writes when these lines are typed."""
    out = io.StringIO()
    shell = Shell(session, out)
    for line in lines:
        assert shell.handle(line)
    return out.getvalue()


# Answers


def test_a_query_is_answered(session: Session) -> None:
    assert typed(session, "SELECT title\nFROM articles;\n").split() == [
        "title", "──────────", "Headline", "1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("SELEC 1;", "Parser Error"),
        ("FROM artikles;", "Catalog Error"),
        ("DELETE FROM articles;", "read-only"),
        ("SELECT INTERVAL 3000000 YEAR;", "make it a text"),
        ("SELECT 1; SELECT 2;", "more than one query"),
        ("@newst", "did you mean @newest?"),
        ("@newest --limit many", "--limit must be a whole number"),
        ("@newest --limit", "--limit needs a value"),
        ("@newest taiwan", "'taiwan' is no option"),
        ("@newest --topic 'taiwan", "No closing quotation"),
        (".nonsense", "no command .nonsense; .help lists them"),
        (".schema nonsense", "no table or view nonsense"),
        (".format xml", "no format xml; there are table, csv, json, markdown"),
        (".plot maybe", "usage: .plot on|off"),
        (".queries nonsense", "no query @nonsense"),
    ],
)
def test_errors_are_written_and_the_shell_goes_on(session: Session, line: str, words: str) -> None:
    text = typed(session, line, "SELECT 40 + 2 AS n;")
    assert words in text
    assert text.rstrip().endswith("42")


def test_empty_lines_say_nothing(session: Session) -> None:
    assert typed(session, "", "  \n") == ""


@pytest.mark.parametrize("line", [".quit", " .quit ", ".exit"])
def test_quit_leaves(session: Session, line: str) -> None:
    assert not Shell(session, io.StringIO()).handle(line)


def test_help_names_all_commands(session: Session) -> None:
    text = typed(session, ".help")
    assert all(command.name in text for command in COMMANDS)


def test_tables_and_columns_come_with_their_meanings(session: Session) -> None:
    text = typed(session, ".tables")
    assert re.search(r"feed_health +view +Each feed: is it alive", text)
    assert re.search(r"runs +table +One run\.", text)
    text = typed(session, ".schema articles")
    assert "One article, as it was last read" in text
    assert re.search(r"published_at +TIMESTAMP WITH TIME ZONE +Publication as the feed says", text)


def test_named_queries_are_listed_shown_and_asked(session: Session) -> None:
    assert re.search(r"@newest +The newest articles.* --topic", typed(session, ".queries"))
    assert typed(session, "@") == typed(session, ".queries")
    assert "LIMIT $limit" in typed(session, ".queries newest")
    text = typed(session, "@newest --topic taiwan --since;", "@newest --outlet='The Dawn';")
    assert "has no parameter --since" not in text
    assert "--since needs a value" in text
    assert "Headline 1" in text


def test_the_format_is_kept(session: Session) -> None:
    lines = typed(
        session, ".format csv", "SELECT 1 AS a, 2 AS b;", ".format json", "SELECT 1 AS a;"
    )
    assert lines.split() == ["a,b", "1,2", "[", '{"a":', "1}", "]"]


def test_plots_can_be_switched_on_and_off(session: Session) -> None:
    query = "SELECT polled_at, entries FROM feed_polls;"
    drawn, table = (typed(session, f".plot {state}", query) for state in ("on", "off"))
    assert "• entries   by polled_at, 2026-03-01 in UTC" in drawn
    assert "┤" not in table


def test_what_cannot_be_plotted_is_shown_as_a_table(session: Session) -> None:
    text = typed(session, ".plot on", "SELECT 40 + n AS n FROM range(3) t(n);")
    assert text.startswith("a plot needs a time and a number in each row")
    assert text.split()[-3:] == ["40", "41", "42"]
    text = typed(
        session, ".format json", ".plot on", "SELECT current_date AS day, n FROM range(3) t(n);"
    )
    assert text.startswith("a plot needs one value for each time")
    assert [line.split()[-1] for line in text.splitlines()[-3:]] == ["0", "1", "2"]


def test_long_tables_are_cut(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = typed(Session(database, most=3), "FROM range(9);")
    assert text.split()[-3:] == ["0", "1", "2"]
    assert "only the first 3 rows are shown" in capsys.readouterr().err


def test_titles_cannot_steer_the_terminal(session: Session) -> None:
    text = typed(session, "SELECT chr(27) || ']0;owned';", "SELECT (chr(27) || 'x')::INTEGER;")
    assert "owned" in text
    assert "Conversion Error" in text
    assert "\x1b" not in text


def test_the_database_is_free_between_queries(database: Path, session: Session) -> None:
    shell = Shell(session, io.StringIO())
    assert shell.handle("FROM articles;")
    assert shell.handle(".tables")
    duckdb.connect(str(database)).close()  # open for writing: nobody else has it


def test_a_locked_database_is_said(database: Path, session: Session) -> None:
    with held(database):
        assert "the database is locked by " in typed(session, "SELECT 1;", ".tables")
    assert "42" in typed(session, "SELECT 42;")


def test_unsafe_is_for_the_whole_session(tmp_path: Path) -> None:
    path = tmp_path / "news.duckdb"
    commit(path)
    session = Session(path, unsafe=True)
    assert "1" in typed(session, "CREATE TABLE mine AS SELECT 1 AS a;", "FROM mine;")
    assert "mine" in typed(session, ".tables")


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("", True), ("  ", True), (".help", True), ("@newest --topic x", True),
        ("SELECT 1;", True), ("SELECT 1 ; \n", True), ("SELECT 1", False), ("SELECT\n", False),
    ],
)  # fmt: skip
def test_enter_sends_what_is_complete(text: str, complete: bool) -> None:
    assert is_complete(text) is complete


# Completion


@pytest.fixture(scope="module")
def known(database: Path) -> list[Relation]:
    return relations(database, 0)


def offered(known: list[Relation], text: str, folder: Path | None = None) -> dict[str, str]:
    """What is offered at the bar in a text, with its meaning."""
    before, _, after = text.partition("|")
    found = suggest(before, after, known, [folder] if folder else [])
    typed = re.search(r"\S*$", before)
    assert typed is not None
    assert all(typed[0].endswith(before[len(before) - item.length :]) for item in found)
    return {item.text: item.meaning for item in found}


def test_after_from_come_tables_and_views(known: list[Relation]) -> None:
    found = offered(known, "SELECT title FROM article_t|")
    assert set(found) == {"article_topics", "article_topics_history"}
    assert {"articles", "article_changes"} <= set(offered(known, "SELECT title FROM art|"))
    assert found["article_topics"] == "One topic of an article."
    assert "feed_health" in offered(known, "FROM articles JOIN |")


def test_columns_are_those_of_the_tables_that_are_named(known: list[Relation]) -> None:
    found = offered(known, "SELECT p| FROM articles")
    assert found["published_at"].startswith(
        "TIMESTAMP WITH TIME ZONE  Publication as the feed says"
    )
    assert "polled_at" not in found
    assert "published_at" in offered(known, "SELECT p|")


@pytest.mark.parametrize("name", ["a", "A", "articles"])
def test_after_a_dot_come_the_columns_of_that_table(known: list[Relation], name: str) -> None:
    found = offered(known, f"SELECT {name}.| FROM feeds JOIN articles AS a USING (feed_url)")
    assert "word_count" in found
    assert "next_poll_at" not in found
    assert "SELECT" not in found


def test_a_column_that_is_a_word_of_sql_is_quoted(known: list[Relation]) -> None:
    assert '"end"' in offered(known, "SELECT en| FROM topic_evidence")


@pytest.mark.parametrize(
    ("typed", "word"), [("sel", "select"), ("SEL", "SELECT"), ("Sel", "SELECT")]
)
def test_words_of_sql_come_as_they_were_begun(known: list[Relation], typed: str, word: str) -> None:
    assert word in offered(known, f"{typed}|")


def test_named_queries_and_their_options(known: list[Relation], tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text("-- My own.\n-- :word  A word.\nSELECT $word")
    (tmp_path / "wrong.sql").write_text("SELECT 1")
    found = offered(known, "@|", tmp_path)
    assert found["@mine"] == "My own."
    assert "@newest" in found
    assert "@wrong" not in found
    assert offered(known, "@mine --|", tmp_path) == {"--word": "A word."}
    assert set(offered(known, "@newest --topic x --l|")) == {"--language", "--limit"}


def test_commands_and_their_arguments(known: list[Relation]) -> None:
    assert set(offered(known, ".|")) == {command.name for command in COMMANDS}
    assert set(offered(known, ".format |")) == {"table", "csv", "json", "markdown"}
    assert set(offered(known, ".plot o|")) == {"on", "off"}
    assert "feed_health" in offered(known, ".schema feed|")
    assert set(offered(known, ".queries new|")) == {"newest"}


# On a terminal


class Terminal:
    """A shell on a pseudo-terminal: what is typed, what is shown."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._seen = b""
        self._read = 0

    def type(self, keys: bytes) -> None:
        os.write(self._leader, keys)

    def wait(self, *texts: str) -> None:
        """Read on until these texts have come, in this order."""
        for text in texts:
            deadline = time.monotonic() + PATIENCE
            while (at := plain(self._seen).find(text, self._read)) < 0:
                left = max(deadline - time.monotonic(), 0)
                ready, _, _ = select.select([self._leader], [], [], left)
                assert ready, f"{text!r} did not come, but: {plain(self._seen)[self._read :]}"
                self._seen += os.read(self._leader, 65_536)
            self._read = at + len(text)


def plain(seen: bytes) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", seen.decode(errors="ignore"))


@contextmanager
def terminal(
    database: Path, *options: str, **environment: str
) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    """`newsbeam sql` as a user starts it, its prompt shown."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [*PROGRAM, "sql", "--database", str(database), *options],
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        preexec_fn=_as_a_terminal_does,
        env={**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", **environment},
    )  # fmt: skip
    os.close(follower)
    try:
        screen = Terminal(leader)
        screen.wait("sql>")
        yield screen, process
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def _as_a_terminal_does() -> None:
    """What starts the tests may ignore SIGINT, as jobs in the background do; so would the shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_session_on_a_terminal(database: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with terminal(database, XDG_STATE_HOME=str(state)) as (screen, process):
        screen.type(b"SELECT word_\t")
        screen.wait("count")
        screen.type(b" + 41994 AS more\r")
        screen.wait("...>")
        screen.type(b"FROM articles;\r")
        screen.wait("42000", "sql>")
        screen.type(b"FROM artikles;\r")
        screen.wait("Catalog Error", "sql>")
        screen.type(b"@newest --to\t")
        screen.wait("--topic")
        screen.type(b" taiwan\r")
        screen.wait("Headline 1", "sql>")
        screen.type(b"SELECT 'this is dropped'\x03")
        screen.wait("dropped", "sql>")
        screen.type(b"SELECT 6 * 7 AS answer;\r")
        screen.wait("42", "sql>")
        duckdb.connect(str(database)).close()  # free: the shell holds nothing
        screen.type(b"\x04")
        assert process.wait(PATIENCE) == 0
    history = state / "newsbeam" / "sql_history"
    assert "+FROM articles;" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_tab_shows_what_columns_mean(database: Path, tmp_path: Path) -> None:
    with terminal(database, XDG_STATE_HOME=str(tmp_path)) as (screen, _):
        screen.type(b"FROM feeds SELECT last_\t")
        screen.wait("Why the last poll failed.")


def test_the_history_of_earlier_sessions_is_there(database: Path, tmp_path: Path) -> None:
    for keys, shown in ((b"SELECT 6 * 7 AS answer;\r", "42"), (b"\x1b[A\r", "42")):
        with terminal(database, XDG_STATE_HOME=str(tmp_path)) as (screen, process):
            screen.type(keys)
            screen.wait(shown, "sql>")
            screen.type(b"\x04")
            assert process.wait(PATIENCE) == 0


def await_lock(database: Path) -> None:
    """Until another process holds the database."""
    for _ in iter(time.monotonic, time.monotonic() + PATIENCE):
        try:
            duckdb.connect(str(database)).close()
        except duckdb.IOException:
            return


def test_ctrl_c_stops_a_query(database: Path, tmp_path: Path) -> None:
    endless = b"SELECT count(*) FROM range(100000000000) t(n) WHERE sqrt(n) > 3;"
    with terminal(database, XDG_STATE_HOME=str(tmp_path)) as (screen, process):
        screen.type(endless + b"\r")
        await_lock(database)
        screen.type(b"\x03")
        screen.wait("interrupted", "sql>")
        screen.type(b"SELECT 6 * 7 AS answer;\r")
        screen.wait("42", "sql>")
        screen.type(b".quit\r")
        assert process.wait(PATIENCE) == 0


def test_a_history_that_cannot_be_kept_is_no_hindrance(database: Path, tmp_path: Path) -> None:
    (tmp_path / "newsbeam").write_text("a file, where the folder should be")
    with terminal(database, XDG_STATE_HOME=str(tmp_path)) as (screen, _):
        screen.type(b"SELECT 6 * 7 AS answer;\r")
        screen.wait("42")


def test_unsafe_reaches_the_shell(database: Path, tmp_path: Path) -> None:
    with terminal(database, "--unsafe", XDG_STATE_HOME=str(tmp_path)) as (screen, _):
        screen.type(
            b"CREATE TEMP TABLE t AS SELECT 6 * 7 AS n; INSERT INTO t VALUES (1); FROM t;\r"
        )
        screen.wait("42")
