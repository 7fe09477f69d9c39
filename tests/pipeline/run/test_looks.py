"""Looking again: edits that no feed tells of are seen, at little cost to a host; a row a look."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sinks.keep.check import check_database
from tests.kit.program import KIND_TO_LOOPBACK, newsbeam
from tests.kit.rows import rows
from tests.kit.sites import Reply, Site

STORIES = 18
SAID = (
    "The keeper of the tide gauge wrote down {} metres at noon, and the ferry left a little late.",
    "Nobody on the quay had seen the water so high in a spring without wind, the keeper added.",
    "The next reading is due in the evening, when the second ferry is to come back from the isle.",
)
LOOKS = """SELECT status, http_status, l.cause, l.version, l.bytes > 0, error_type
    FROM article_looks l JOIN articles USING (article_id) ORDER BY url"""


def story(number: int, metres: str = "four") -> bytes:
    text = "".join(f"<p>{said.format(metres)} Gauge {number}.</p>" for said in SAID)
    return f"<html><body><article><h1>Tide {number}</h1>{text}</article></body></html>".encode()


class Quay:
    """A site with one feed, whose pages have validators; a database, and runs over them."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.database, self.folder = site, folder / "news.duckdb", folder
        self.pages = {number: story(number) for number in range(1, STORIES + 1)}
        items = "".join(
            f"<item><title>Tide {n}</title><link>{site.base}/{n}</link></item>" for n in self.pages
        )
        body = f'<rss version="2.0"><channel><title>Quay</title>{items}</channel></rss>'
        site.at("/feed", Reply(200, body.encode(), {"Content-Type": "application/rss+xml"}))
        for number in self.pages:
            site.at(f"/{number}", self.page(number))
        self.configure()

    def page(self, number: int) -> Any:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            body = self.pages[number]
            tag = f'"{hashlib.md5(body).hexdigest()}"'
            known = handler.headers.get("If-None-Match") == tag
            handler.send_response(304 if known else 200)
            handler.send_header("ETag", tag)
            handler.send_header("Content-Type", "text/html")
            handler.send_header("Content-Length", "0" if known else str(len(body)))
            handler.end_headers()
            if not known:
                handler.wfile.write(body)

        return answer

    def configure(self, more: str = "", of_feed: str = "") -> None:
        self.feeds = self.folder / "feeds.yaml"
        self.feeds.write_text(f"{more}feeds:\n  - url: {self.site.base}/feed\n{of_feed}")

    def run(self, *more: object) -> dict[str, Any]:
        command = ["run", "--feeds", self.feeds, "--database", self.database, "--json"]
        run: dict[str, Any] = json.loads(newsbeam(*command, *KIND_TO_LOOPBACK, *more).stdout)["run"]
        return run

    def pass_hours(self, hours: float) -> None:
        """All that the database knows becomes so much older."""
        with duckdb.connect(str(self.database)) as connection:
            for table, columns in {
                "articles": ("fetched_at", "listed_at"),
                "article_versions": ("fetched_at",),
                "article_looks": ("looked_at",),
                "entries": ("listed_at", "changed_at", "recheck_at"),
                "feed_polls": ("polled_at",),
            }.items():
                for column in columns:
                    connection.execute(
                        f"UPDATE {table} SET {column} = {column} - to_seconds(?)", [hours * 3600]
                    )

    def asked(self) -> list[str]:
        """Pages that were asked for since the last call, each as often as it was."""
        with self.site.lock:
            paths = [path for path, _ in self.site.headers if path[1:].isdigit()]
            self.site.headers.clear()
        return paths

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.database, query)


@pytest.fixture
def quay(tmp_path: Path) -> Iterator[Quay]:
    site = Site()
    try:
        quay = Quay(site, tmp_path)
        quay.run()
        assert len(quay.asked()) == STORIES
        yield quay
        assert check_database(quay.database, 0) == []
    finally:
        site.close()


def test_an_article_is_asked_for_once_more_after_six_hours(quay: Quay) -> None:
    quay.pass_hours(5.9)
    assert quay.run()["looks"] == 0
    assert quay.asked() == []
    quay.pass_hours(0.2)
    run = quay.run()
    assert (run["looks"], run["looks_changed"], run["looks_failed"], run["pages"]) == (2, 0, 0, 0)
    assert len(quay.asked()) == 2, "a tenth of what the host was asked for in a day"
    assert quay.rows(LOOKS) == [("unchanged", 304, "revisit", None, False, None)] * 2
    assert quay.rows("SELECT count(*), max(version) FROM articles") == [(STORIES, 1)]
    assert quay.rows("FROM failures") == []


def test_an_edit_that_no_feed_tells_of_is_a_version(quay: Quay) -> None:
    quay.pages = {number: story(number, "five") for number in quay.pages}
    quay.pass_hours(7)
    run = quay.run()
    assert (run["looks"], run["looks_changed"], run["articles_changed"]) == (2, 2, 2)
    assert quay.rows(LOOKS) == [("changed", 200, "revisit", 2, True, None)] * 2
    causes = quay.rows(
        "SELECT version, cause, count(*) FROM article_history GROUP BY ALL ORDER BY ALL"
    )
    assert causes == [(1, "first", STORIES), (2, "edit", 2)]
    (change,) = quay.rows("SELECT removed[1], added[1] FROM article_changes LIMIT 1")
    assert "four metres" in change[0]
    assert "five metres" in change[1]


def test_looks_stay_a_tenth_of_all_that_a_host_is_asked(quay: Quay) -> None:
    quay.pass_hours(7)
    for _ in range(4):
        quay.run("--now")
    assert len(quay.asked()) == 2
    for _ in range(4):
        quay.run("--now")
    asked = quay.rows("SELECT count(*) FROM feed_polls")[0][0] + STORIES
    looks = quay.rows("SELECT count(*) FROM article_looks")[0][0]
    assert 2 <= looks <= (asked + looks) / 10
    assert quay.rows("SELECT max(n) FROM (SELECT count(*) AS n FROM article_looks "
                     "GROUP BY article_id)") == [(1,)]  # fmt: skip


@pytest.mark.parametrize(
    ("for_all", "of_feed"),
    [
        ("revisit: false\n", ""),
        ("", "    revisit: false\n"),
        ("revisit: [1h]\n", "    revisit: no\n"),
    ],
    ids=["for all", "of a feed", "the feed's word counts"],
)
def test_who_wants_no_looks_gets_none(quay: Quay, for_all: str, of_feed: str) -> None:
    quay.configure(for_all, of_feed)
    quay.pass_hours(7)
    assert quay.run()["looks"] == 0
    assert quay.asked() == []
    assert quay.rows("SELECT revisit_seconds FROM feeds") == [([],)]


def test_a_feed_may_be_looked_at_more_often_and_one_look_does_for_several_times(quay: Quay) -> None:
    quay.configure("revisit: 12h\n", "    revisit: [1h, 2h, 24h]\n")
    quay.pass_hours(3)
    quay.run()
    first = quay.asked()
    assert len(first) == 2
    with duckdb.connect(str(quay.database)) as connection:  # of the others nobody knows any more
        connection.execute(
            "UPDATE articles SET listed_at = now() - INTERVAL 3 DAY WHERE article_id NOT IN "
            "(SELECT article_id FROM article_looks)"
        )
        connection.execute("UPDATE article_looks SET looked_at = now() - INTERVAL 40 MINUTE")
    assert quay.run()["looks"] == 0
    with duckdb.connect(str(quay.database)) as connection:
        connection.execute(
            "INSERT INTO feed_polls (run_id, feed_url, polled_at, status, milliseconds) "
            "SELECT run_id, feed_url || '?' || n, now() - INTERVAL 1 MINUTE, 'ok', 9 "
            "FROM feed_polls, range(60) r(n)"
        )
        connection.execute("UPDATE articles SET fetched_at = fetched_at - INTERVAL 1280 MINUTE")
    assert quay.run()["looks"] == 2
    assert sorted(quay.asked()) == sorted(first)
    with duckdb.connect(str(quay.database)) as connection:
        connection.execute("DELETE FROM feed_polls WHERE feed_url LIKE '%?%'")


def test_a_host_that_rests_or_is_slow_is_left_out(quay: Quay) -> None:
    quay.pass_hours(7)
    with duckdb.connect(str(quay.database)) as connection:
        connection.execute("UPDATE feed_polls SET milliseconds = 2500")
    assert quay.run()["looks"] == 0
    with duckdb.connect(str(quay.database)) as connection:
        connection.execute("UPDATE feed_polls SET milliseconds = 20")
        connection.execute(
            "INSERT INTO hosts SELECT '127.0.0.1', now(), now() + INTERVAL 1 HOUR, 5, 'Http503', "
            "run_id FROM runs LIMIT 1"
        )
    assert quay.run()["looks"] == 0
    assert quay.asked() == []


def test_old_articles_are_not_looked_at(quay: Quay) -> None:
    quay.pass_hours(49)
    assert quay.run()["looks"] == 0
    assert quay.asked() == []


def test_a_look_that_fails_is_a_row_and_the_article_stays(quay: Quay) -> None:
    for number in quay.pages:
        quay.site.at(f"/{number}", Reply(503 if number % 2 else 404))
    quay.pass_hours(7)
    run = quay.run()
    assert (run["looks"], run["looks_failed"], run["pages_failed"]) == (2, 2, 0)
    assert len(quay.asked()) == 2, "nobody asks twice"
    assert {kind for *_, kind in quay.rows(LOOKS)} <= {"Http503", "Http404"}
    assert quay.rows("SELECT state, count(*) FROM entries GROUP BY ALL") == [("fetched", STORIES)]
    assert quay.rows("SELECT count(*) FROM articles") == [(STORIES,)]


def test_a_page_without_validators_that_is_the_same_is_no_version(quay: Quay) -> None:
    for number, body in quay.pages.items():
        quay.site.at(f"/{number}", Reply(200, body, {"Content-Type": "text/html"}))
    quay.pass_hours(7)
    assert quay.run()["looks"] == 2
    assert quay.rows(LOOKS) == [("unchanged", 200, "revisit", None, True, None)] * 2


def test_what_a_listing_has_read_again_is_a_look_too(quay: Quay) -> None:
    feed = quay.site.answers["/feed"][0]
    assert isinstance(feed, Reply)
    quay.site.at("/feed", feed._replace(body=feed.body.replace(b"Tide 7<", b"High tide at 7<")))
    quay.run("--now")
    quay.run("--now")
    assert quay.asked() == ["/7"]
    assert quay.rows(LOOKS) == [("changed", 200, "listing", 2, True, None)]
    assert quay.rows("SELECT title, cause FROM articles WHERE version = 2") == [
        ("High tide at 7", "edit")
    ]
