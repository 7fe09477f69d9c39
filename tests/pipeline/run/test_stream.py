"""`newsbeam stream`: run after run in one process, until it is told to stop."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import psutil
import pytest

from tests.kit.newsrooms import Newsroom, StartNewsroom, run_over
from tests.kit.program import KIND_TO_LOOPBACK, Program, newsbeam
from tests.kit.rows import content, rows
from tests.kit.sites import Gate, Reply, Site
from tests.kit.soak import SHORT, Soak, summary

PATIENCE = 90.0
"""Seconds after which a test gives up; none of them decides a result."""
MOST_MEMORY = 1.2e9
ONE_PAGE = "<html><body><article><h1>{0}</h1><p>{1}</p></article></body></html>"
TEXT = (
    "The harbour board met in the old customs house and spoke for two hours about the number {0} "
    "crane, which has stood idle since the spring and will be taken down before the winter."
)


class Stream:
    """A stream in a process of its own, and what it says."""

    def __init__(self, folder: Path, feeds: str, *more: object) -> None:
        self.folder, self.database = folder, folder / "news.duckdb"
        self.feeds, self.log = folder / "feeds.yaml", folder / "stream.log"
        self.feeds.write_text(feeds, encoding="utf-8")
        self.more = [*KIND_TO_LOOPBACK, "--commit-every", "2s", *map(str, more)]
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = Program(
                "stream", "--feeds", self.feeds, "--database", self.database, *self.more,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return self.process

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def until(self, happened: Callable[[], bool]) -> None:
        """Look often, until something has happened."""
        pause, looked = Event(), 0.0
        while not happened():
            assert self.process.poll() is None, self.said()
            assert looked < PATIENCE, self.said()
            pause.wait(0.05)
            looked += 0.05

    def finds(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds; nothing where the file is not there, or is written just now."""
        try:
            return rows(self.database, query)
        except duckdb.Error:
            return []

    def held(self) -> duckdb.DuckDBPyConnection:
        """A reader who holds the file, once it had its turn."""
        held: list[duckdb.DuckDBPyConnection] = []

        def hold() -> bool:
            with contextlib.suppress(duckdb.Error):
                held.append(duckdb.connect(str(self.database), read_only=True))
            return bool(held)

        self.until(hold)
        return held[0]

    def until_it_has(self, count: int, of: str = "articles") -> None:
        self.until(lambda: self.finds(f"SELECT count(*) FROM {of}") >= [(count,)])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Callable[..., Stream]]:
    """Starts streams; none outlives its test."""
    started: list[Stream] = []

    def start(feeds: str, *more: object) -> Stream:
        started.append(Stream(tmp_path, feeds, *more))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


@pytest.fixture
def publishing(
    start_newsroom: StartNewsroom, stream: Callable[..., Stream]
) -> tuple[Newsroom, Stream]:
    """A newsroom that has published one article, and a stream that has it."""
    room = start_newsroom("--articles", "12", "--kind", "--held", "--interval", "1s")
    running = stream(room.feeds.read_text(encoding="utf-8"))
    room.post("publish/1")
    running.until_it_has(1)
    return room, running


@pytest.fixture(scope="module")
def room(start_newsroom: StartNewsroom) -> Newsroom:
    return start_newsroom("--articles", "24", "--kind", "--interval", "2s")


def feeds_file(*urls: str, interval: str = "2s") -> str:
    return "feeds:\n" + "".join(f"  - url: {url}\n    interval: {interval}\n" for url in urls)


def rss(base: str, numbers: range) -> Reply:
    items = "".join(
        f"<item><title>Crane number {n}</title><link>{base}/crane/{n}</link></item>"
        for n in numbers
    )
    body = f"<rss version='2.0'><channel><title>Cranes</title>{items}</channel></rss>"
    return Reply(200, body.encode(), {"Content-Type": "application/rss+xml"})


def crane(number: int) -> Reply:
    page = ONE_PAGE.format(f"Crane number {number}", TEXT.format(number) * 3)
    return Reply(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


# -- what it brings, and how it ends ---------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_it_brings_what_a_run_brings_and_ends_at_a_signal(
    room: Newsroom, stream: Callable[..., Stream], tmp_path: Path, number: signal.Signals
) -> None:
    whole = tmp_path / "whole.duckdb"
    run_over(room, whole)
    running = stream(room.feeds.read_text(encoding="utf-8"))
    running.until_it_has(24)
    running.until(lambda: running.finds("SELECT count(*) >= 3 FROM runs") == [(True,)])
    assert running.end(number) == 0
    assert content(running.database) == content(whole)
    newsbeam("db", "check", "--database", running.database)
    assert "14 polled: 14 with news" in running.said()


def test_each_run_can_be_had_as_a_line_of_json(
    room: Newsroom, stream: Callable[..., Stream]
) -> None:
    running = stream(room.feeds.read_text(encoding="utf-8"), "--json")
    running.until_it_has(24)
    assert running.end() == 0
    lines = [line for line in running.said().splitlines() if line.startswith("{")]
    told = [json.loads(line)["run"] for line in lines]
    assert sum(run["articles_new"] for run in told) == 24
    assert max(run["listed_lag_seconds"] or 0 for run in told) > 0


def test_one_that_is_killed_goes_on_where_it_was(
    start_newsroom: StartNewsroom, stream: Callable[..., Stream], tmp_path: Path
) -> None:
    room = start_newsroom("--articles", "24", "--kind", "--interval", "2s", "--latency-ms", "200")
    whole = tmp_path / "whole.duckdb"
    run_over(room, whole)
    running = stream(room.feeds.read_text(encoding="utf-8"))
    staging = Path(f"{running.database}.staging")
    running.until(lambda: any(staging.glob("*/polls-*.parquet")))
    running.process.kill()
    running.process.wait()
    running.start()
    running.until_it_has(24)
    assert running.end() == 0
    assert content(running.database) == content(whole)
    assert "Took over" in running.said()


def test_a_second_one_on_the_same_database_does_nothing(
    room: Newsroom, stream: Callable[..., Stream]
) -> None:
    running = stream(room.feeds.read_text(encoding="utf-8"))
    running.until_it_has(1)
    second = newsbeam("stream", "--feeds", running.feeds, "--database", running.database, expect=75)
    assert "another run is active" in second.stderr
    assert running.end() == 0


def test_new_articles_are_there_while_it_runs(
    start_newsroom: StartNewsroom, stream: Callable[..., Stream]
) -> None:
    room = start_newsroom("--articles", "12", "--kind", "--held", "--interval", "1s")
    running = stream(room.feeds.read_text(encoding="utf-8"))
    for number in (1, 2, 3):
        room.post("publish/1")
        running.until_it_has(number)
    assert running.end() == 0
    assert rows(running.database, "SELECT count(*), max(version) FROM articles") == [(3, 1)]


# -- nobody holds up the others --------------------------------------------------------------------


def test_a_feed_that_takes_its_time_holds_up_no_other(
    site: Site,
    sites: Callable[..., Site],
    stream: Callable[..., Stream],
) -> None:
    gate, quick = Gate(), sites("127.0.0.2")
    slow = site.at("/feed.xml", gate)
    for number in range(1, 4):
        quick.at(f"/crane/{number}", crane(number))
    lists = [rss(quick.base, range(1, last)) for last in (2, 3, 4)]
    running = stream(feeds_file(slow, quick.at("/feed.xml", *lists)))
    running.until_it_has(3)
    assert rows(running.database, f"SELECT 1 FROM feed_polls WHERE feed_url = '{slow}'") == []
    gate.open_once_reached()
    running.until_it_has(1, f"feed_polls WHERE feed_url = '{slow}'")
    assert running.end() == 0
    error = f"SELECT error_type FROM feed_polls WHERE feed_url = '{slow}' ORDER BY run_id LIMIT 1"
    assert rows(running.database, error) == [("NotAFeed",)], "what came late counts"
    assert rows(running.database, "SELECT count(*) > 3 FROM runs") == [(True,)]


def test_a_page_that_takes_its_time_holds_up_no_other(
    site: Site,
    stream: Callable[..., Stream],
) -> None:
    gate = Gate()
    site.at("/crane/0", gate)
    for number in range(1, 4):
        site.at(f"/crane/{number}", crane(number))
    lists = [rss(site.base, range(last)) for last in (2, 3, 4)]
    running = stream(feeds_file(site.at("/feed.xml", *lists)))
    running.until_it_has(3)
    state = "SELECT state, attempts FROM entries WHERE url LIKE '%/crane/0'"
    assert rows(running.database, state) == [("pending", 0)]
    gate.open_once_reached()
    running.until(lambda: running.finds(state) not in ([], [("pending", 0)]))
    assert running.end() == 0
    assert rows(running.database, state)[0][1] == 1, "one attempt, however many runs it took"


@pytest.mark.slow
def test_a_flood_in_one_feed_starves_no_other_and_fills_no_memory(
    site: Site,
    sites: Callable[..., Site],
    stream: Callable[..., Stream],
) -> None:
    """50,000 entries, whose pages take their time: they are brought in turn with the others."""
    flooding, calm = site, sites("127.0.0.2")
    flood = flooding.at("/feed.xml", rss(flooding.base, range(50_000)))
    flooding.answers.update({f"/crane/{n}": [crane(n)] for n in range(50_000)})
    for number in range(5):
        calm.at(f"/crane/{number}", crane(number))
    lists = [rss(calm.base, range(last)) for last in range(1, 6)]
    running = stream(feeds_file(flood, calm.at("/feed.xml", *lists)), "--host-delay", "0.02")
    most = 0.0
    calm_ones = f"articles WHERE starts_with(url, '{calm.base}')"
    for number in range(1, 6):
        running.until_it_has(number, calm_ones)
        process = psutil.Process(running.process.pid)
        family = [process, *process.children(recursive=True)]
        most = max(most, sum(each.memory_info().rss for each in family))
    owed = f"SELECT count(*) FROM entries WHERE state = 'pending' AND feed_url = '{flood}'"
    assert rows(running.database, owed) > [(500,)], "the flood is not over"
    assert most < MOST_MEMORY
    assert running.end() == 0
    ended = rows(running.database, f"SELECT count(*) FROM articles WHERE feed_url = '{flood}'")
    assert ended > [(50,)], "it is not starved itself"


# -- its files ------------------------------------------------------------------------------------


def test_files_that_change_are_read_again_and_a_broken_edit_is_refused(
    site: Site,
    stream: Callable[..., Stream],
) -> None:
    first = site.at("/first.xml", rss(site.base, range(1)))
    second = site.at("/second.xml", rss(site.base, range(1, 2)))
    for number in range(2):
        site.at(f"/crane/{number}", crane(number))
    running = stream(feeds_file(first))
    running.until_it_has(1)
    running.feeds.write_text("feeds:\n  - url: ftp://nowhere\n", encoding="utf-8")
    running.until(lambda: "the old configuration stays in force" in running.said())
    assert "feeds.yaml:2" in running.said()
    polls = site.seen()["/first.xml"]
    running.until(lambda: site.seen()["/first.xml"] > polls)
    running.feeds.unlink()
    running.until(lambda: running.said().count("the old configuration stays in force") == 2)
    running.feeds.write_text(feeds_file(first, second), encoding="utf-8")
    running.until_it_has(2)
    assert running.end() == 0
    assert running.said().count("the old configuration stays in force") == 2


def test_a_file_that_is_wrong_from_the_start_ends_it_at_once(tmp_path: Path) -> None:
    feeds = tmp_path / "feeds.yaml"
    feeds.write_text("feeds:\n  - url: ftp://nowhere\n", encoding="utf-8")
    database = tmp_path / "news.duckdb"
    said = newsbeam("stream", "--feeds", feeds, "--database", database, expect=2).stderr
    assert "feeds.yaml:2" in said
    missing = newsbeam("stream", "--feeds", tmp_path / "no.yaml", "--database", database, expect=2)
    assert "no.yaml" in missing.stderr
    assert not database.exists()


def test_a_file_that_is_no_database_of_newsbeam_ends_it_at_once(
    room: Newsroom, tmp_path: Path
) -> None:
    database = tmp_path / "other.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE mine (n INTEGER)")
    said = newsbeam("stream", "--feeds", room.feeds, "--database", database, expect=1).stderr
    assert said.splitlines()[-1].endswith("not a newsbeam database")
    assert "trying again" not in said


# -- a database that others use --------------------------------------------------------------------


def test_a_reader_who_holds_the_file_is_waited_for(publishing: tuple[Newsroom, Stream]) -> None:
    room, running = publishing
    running.until(lambda: bool(running.finds("SELECT 1")))
    reader = running.held()
    room.post("publish/1")
    running.until(lambda: "waiting" in running.said())
    assert reader.execute("SELECT count(*) FROM articles").fetchall() == [(1,)]
    reader.close()
    running.until_it_has(2)
    assert running.end() == 0
    waited = "SELECT count(*) FROM runs WHERE lock_seconds >= 5"
    assert rows(running.database, waited) == [(1,)], "what was tried in vain counts"


def test_a_signal_while_the_file_is_held_leaves_what_is_fetched_staged(
    publishing: tuple[Newsroom, Stream],
) -> None:
    room, running = publishing
    reader = running.held()
    room.post("publish/1")
    running.until(lambda: "waiting" in running.said())
    assert running.end() == 75
    reader.close()
    assert "waits staged" in running.said()
    newsbeam("commit", "--database", running.database)
    assert rows(running.database, "SELECT count(*) FROM articles") == [(2,)]


# -- all at once -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_under_faults_it_ends_with_exactly_what_the_newsroom_has(tmp_path: Path) -> None:
    outcome = Soak(SHORT, tmp_path, print).run()
    assert outcome.wrong == []
    assert outcome.exit_status == 0
    assert outcome.ended_in < 20
    assert outcome.happened["kill"] == 5
    assert summary(outcome)["articles_with_lag"] == SHORT.articles
    assert max(sample.all for sample in outcome.samples) < 2e9
