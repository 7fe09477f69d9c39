"""Polling over several runs: what a feed's answers make of it, by real runs against a real server.

Days pass by moving what the database remembers into the past.
"""

from __future__ import annotations

import json
from calendar import day_name
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.kit.program import newsbeam
from tests.kit.rows import rows
from tests.kit.sites import NOW, Reply, Site, rss

SY = 'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'
TWICE_AN_HOUR = (
    f"<sy:updatePeriod {SY}>hourly</sy:updatePeriod><sy:updateFrequency {SY}>2</sy:updateFrequency>"
)


def newest(feed: Reply, count: int) -> Reply:
    """A feed that keeps so many entries only."""
    items = feed.body.split(b"<item>")
    body = b"<item>".join(items[: count + 1]).removesuffix(b"</channel></rss>")
    return feed._replace(body=body + b"</channel></rss>")


class Desk:
    """A site with one feed, a database, and runs over it."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.database = folder / "news.duckdb"

    def run(self, *options: str, feed: str = "") -> dict[str, Any]:
        feeds = self.folder / "feeds.yaml"
        feeds.write_text(f"feeds:\n  - url: {self.site.base}/feed\n    outlet: Quay\n{feed}")
        result = newsbeam(
            "run", "--feeds", feeds, "--database", self.database, "--allow-private-hosts",
            "--host-delay", "0", "--now", "--json", *options,
        )  # fmt: skip
        return json.loads(result.stdout)

    def feed(self, columns: str) -> tuple[Any, ...]:
        (row,) = rows(self.database, f"SELECT {columns} FROM feeds")
        return row

    def poll(self, columns: str) -> tuple[Any, ...]:
        """Of the last poll."""
        return rows(self.database, f"SELECT {columns} FROM feed_polls ORDER BY polled_at")[-1]

    def earlier(self, column: str, days: int) -> None:
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(f"UPDATE feeds SET {column} = {column} - to_days({days})")

    def asked(self, path: str = "/feed") -> list[dict[str, str]]:
        """Headers of the requests for a path."""
        return [headers for asked, headers in self.site.headers if asked == path]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    site = Site()
    yield Desk(site, tmp_path)
    site.close()


def test_permanent_redirects_move_a_feed(desk: Desk) -> None:
    desk.site.at("/feed", Reply(301, headers={"Location": "/there"}))
    desk.site.at("/there", rss(3))
    desk.run()
    assert desk.poll("redirected_to") == (f"{desk.site.base}/there",)
    desk.run()
    desk.earlier("moving_since", 1)
    assert desk.feed("address, moves_seen") == (None, 2)
    desk.run()
    assert desk.feed("address, moves_seen") == (f"{desk.site.base}/there", 0)
    desk.run()
    assert (len(desk.asked()), len(desk.asked("/there"))) == (3, 4)
    assert desk.poll("status, redirected_to") == ("unchanged", None)
    assert desk.feed("feed_url") == (f"{desk.site.base}/feed",)
    desk.site.at("/there", Reply(404))
    desk.site.at("/feed", rss(3))
    desk.run()
    desk.run()
    assert desk.feed("address, failures") == (None, 0), "it is asked at home again"


def test_a_temporary_redirect_moves_nothing(desk: Desk) -> None:
    desk.site.at("/feed", Reply(302, headers={"Location": "/there"}))
    desk.site.at("/there", rss(3))
    desk.run()
    assert desk.poll("redirected_to") == (f"{desk.site.base}/there",)
    assert desk.feed("moving_to, moves_seen") == (None, 0)


def test_a_false_304_is_found_out_and_remembered(desk: Desk) -> None:
    def liar(handler: BaseHTTPRequestHandler) -> None:
        known = "If-None-Match" in handler.headers
        handler.reply(Reply(304) if known else answers[-1])  # type: ignore[attr-defined]

    answers = [rss(3, ETag='"1"')]
    desk.site.at("/feed", liar)
    desk.run()
    answers.append(rss(4, ETag='"1"'))
    assert desk.run()["run"]["entries_new"] == 0
    desk.earlier("last_body_at", 2)
    assert desk.run()["run"]["entries_new"] == 1
    assert desk.feed("false_304") == (True,)
    answers.append(rss(5, ETag='"1"'))
    assert desk.run()["run"]["entries_new"] == 1
    assert "if-none-match" not in desk.asked()[-1]


def test_a_server_may_send_what_is_new_alone(desk: Desk) -> None:
    def versed(handler: BaseHTTPRequestHandler) -> None:
        asked = (handler.headers.get("A-IM"), handler.headers.get("If-None-Match"))
        handler.reply(replies[asked])  # type: ignore[attr-defined]

    new = rss(4, ETag='"4"')
    alone = new.body[: new.body.index(b"</item>") + 7] + b"</channel></rss>"
    replies = {
        (None, None): rss(3, ETag='"3"'),
        ("feed", '"3"'): new._replace(status=226, body=alone),
        ("feed", '"4"'): Reply(304),
    }
    desk.site.at("/feed", versed)
    told = [desk.run()["run"]["entries_new"] for _ in range(3)]
    assert told == [3, 1, 0]
    polls = "SELECT http_status, status, entries, new_entries, overflow FROM feed_polls ORDER BY 1"
    assert rows(desk.database, polls) == [
        (200, "ok", 3, 3, False), (226, "ok", 1, 1, False), (304, "unchanged", None, 0, False)
    ]  # fmt: skip
    assert rows(desk.database, "SELECT count(*) FROM entries") == [(4,)]
    assert desk.feed("etag") == ('"4"',)


@pytest.mark.parametrize("header", [{"Cache_Control": "no-store"}, {"Expires": "0"}])
def test_what_is_not_to_be_stored_is_not_sent_back(desk: Desk, header: dict[str, str]) -> None:
    desk.site.at("/feed", rss(2, ETag='"1"', **header))
    desk.run()
    desk.run()
    assert "if-none-match" not in desk.asked()[-1]
    assert desk.poll("status") == ("unchanged",), "the same body is unchanged all the same"


@pytest.mark.parametrize(
    ("reply", "feed", "rule", "wait"),
    [
        (rss(5), "", "rhythm", 1_200),
        (rss(5, minutes=1), "", "shortest", 300),
        (rss(1), "", "default", 1_800),
        (rss(5, channel="<ttl>60</ttl>"), "", "ttl", 3_600),
        (rss(5, channel=TWICE_AN_HOUR), "", "sy:update", 1_800),
        (rss(5, Cache_Control="max-age=7200"), "", "max-age", 7_200),
        (rss(5, Cache_Control="max-age=7200"), "    interval: 1s\n", "interval", 1),
        (Reply(503, headers={"Retry-After": "9000"}), "", "retry-after", 9_000),
        (Reply(404), "", "back-off", 3_600),
    ],
    ids=[
        "rhythm",
        "shortest",
        "default",
        "ttl",
        "sy:update",
        "max-age",
        "the user's",
        "retry-after",
        "404",
    ],
)
def test_every_poll_says_why_the_next_one_is_when_it_is(
    desk: Desk, reply: Reply, feed: str, rule: str, wait: int
) -> None:
    desk.site.at("/feed", reply)
    desk.run(feed=feed)
    found, seconds = desk.poll("schedule->>'rule', epoch(next_poll_at - polled_at)")
    assert found == rule
    assert wait <= seconds <= 1.1 * wait
    assert desk.feed("next_poll_at") == desk.poll("next_poll_at")


def test_a_poll_waits_until_expires(desk: Desk) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    desk.site.at("/feed", rss(5, Expires=soon))
    desk.run()
    rule, left = desk.poll("schedule->>'rule', (schedule->>'expires')::INT")
    (seconds,) = desk.poll("epoch(next_poll_at - polled_at)")
    assert rule == "expires"
    assert 1_200 < left <= 7_200
    assert left <= seconds <= 1.1 * left


def test_hours_and_days_to_be_skipped_are_not_polled_in(desk: Desk) -> None:
    hour, day = (NOW.hour + 5) % 24, (NOW.weekday() + 3) % 7
    hours = "".join(f"<hour>{n}</hour>" for n in range(24) if n != hour)
    days = "".join(f"<day>{name}</day>" for n, name in enumerate(day_name) if n != day)
    desk.site.at(
        "/feed",
        rss(5, channel=f"<skipHours>{hours}</skipHours>"),
        rss(5, channel=f"<skipDays>{days}</skipDays>"),
    )
    desk.run()
    rule = "schedule->>'rule'"
    assert desk.poll(f"{rule}, hour(next_poll_at AT TIME ZONE 'UTC')") == ("skip", hour)
    assert desk.poll("len((schedule->'skip_hours')::INT[])") == (23,)
    desk.run()
    assert desk.poll(f"{rule}, isodow(next_poll_at AT TIME ZONE 'UTC') - 1") == ("skip", day)


def test_a_feed_that_ran_over_is_asked_sooner_but_not_one_that_was_edited(desk: Desk) -> None:
    edited = rss(3, Cache_Control="max-age=60")
    edited = edited._replace(body=edited.body.replace(b"Tide table", b"Times of tides"))
    ran_over = newest(rss(6), 3)
    told = newest(rss(9, channel="<ttl>15</ttl>"), 3)
    desk.site.at("/feed", rss(3), edited, ran_over, told)
    for _ in range(4):
        desk.run()
    polls = rows(
        desk.database,
        "SELECT new_entries, changed_entries, overflow, schedule->>'rule', schedule->>'overflow' "
        "FROM feed_polls ORDER BY polled_at",
    )
    assert polls == [
        (3, 0, False, "rhythm", None),
        (0, 3, False, "rhythm", None),
        (3, 0, True, "overflow", "true"),
        (3, 0, True, "ttl", "true"),
    ]


def headlines(count: int, guid: str) -> Reply:
    """A feed of entries without pages, all of one day."""
    items = "".join(
        f"<item><title>Notice {n}</title><guid isPermaLink='false'>{guid}-{n}</guid>"
        "<pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate></item>"
        for n in range(count)
    )
    body = f'<rss version="2.0"><channel><title>Quay</title>{items}</channel></rss>'
    return Reply(200, body.encode(), {"Content-Type": "application/rss+xml", "ETag": '"n"'})


def test_entries_without_pages_do_not_grow_with_guids_that_change(desk: Desk) -> None:
    desk.site.at("/feed", *(headlines(3, guid) for guid in ("first", "second", "third")))
    told = [desk.run()["run"]["entries_new"] for _ in range(3)]
    assert told == [3, 0, 0]
    assert rows(desk.database, "SELECT count(*), count(DISTINCT entry_id) FROM entries") == [(3, 3)]


def test_a_feed_of_thousands_comes_in_over_several_polls_each_entry_once(desk: Desk) -> None:
    desk.site.at("/feed", headlines(5_000, "n"))
    told = [desk.run()["run"]["entries_new"] for _ in range(4)]
    assert told == [2_000, 2_000, 1_000, 0]
    entries = "SELECT count(*), count(DISTINCT entry_id), count(DISTINCT title) FROM entries"
    assert rows(desk.database, entries) == [(5_000, 5_000, 5_000)]
    polls = rows(
        desk.database,
        "SELECT status, entries, overflow, schedule->>'rule' = 'cut', error FROM feed_polls "
        "ORDER BY polled_at",
    )
    cut = "cut: {} entries are new or changed, 2,000 were taken"
    assert polls == [
        ("ok", 5_000, False, True, cut.format("5,000")),
        ("ok", 5_000, False, True, cut.format("3,000")),
        ("ok", 5_000, False, False, None),
        ("unchanged", None, False, False, None),
    ]
    sent = ["if-none-match" in headers for headers in desk.asked()]
    assert sent == [False, False, False, True]


def test_a_date_of_the_year_2099_is_kept_as_written_alone(desk: Desk) -> None:
    future = rss(1, minutes=-60 * 24 * 365 * 70)
    desk.site.at("/feed", future)
    desk.run()
    ((at, raw),) = rows(desk.database, "SELECT published_at, published_raw FROM entries")
    assert at is None
    assert raw.encode() in future.body


def test_a_page_is_tried_five_times_and_then_given_up(desk: Desk) -> None:
    desk.site.at("/feed", rss(1))
    desk.site.at("/story/1", Reply(500))
    told = []
    for _ in range(6):
        desk.run()
        told += rows(desk.database, "SELECT state, attempts, reason FROM entries")
        with duckdb.connect(str(desk.database)) as connection:
            connection.execute("UPDATE entries SET next_attempt_at = now() WHERE state = 'pending'")
    assert [(state, attempts) for state, attempts, _ in told] == [
        *(("pending", n) for n in range(1, 5)), ("failed", 5), ("failed", 5)]  # fmt: skip
    assert told[-1][2] == "Http500: the server answered 500"
    assert rows(desk.database, "SELECT count(*) FROM failures WHERE stage = 'fetch'") == [(5,)]


def test_ten_days_of_passing_failures_and_a_404_do_not_break_a_feed(desk: Desk) -> None:
    desk.site.at("/feed", *[Reply(500)] * 3, Reply(404))
    desk.run()
    desk.earlier("failing_since", 10)
    desk.run()
    assert desk.feed("state, failures, lasting_since IS NULL") == ("active", 2, False)
    desk.earlier("lasting_since", 10)
    desk.run()
    assert desk.feed("state, failures") == ("broken", 3)


def test_ten_days_without_a_feed_break_it_and_one_good_poll_mends_it(desk: Desk) -> None:
    desk.site.at("/feed", Reply(200, b"<html><body>Welcome</body></html>"))
    assert desk.run()["ill_feeds"] == {"failing": 1}
    desk.earlier("lasting_since", 10)
    assert desk.run()["ill_feeds"] == {"broken": 1}
    assert rows(desk.database, "SELECT health, failures FROM feed_health") == [("broken", 2)]
    desk.site.at("/feed", rss(3))
    assert desk.run()["ill_feeds"] == {}
    assert desk.feed("state, failures, failing_since") == ("active", 0, None)


def test_a_feed_below_its_expectation_is_named(desk: Desk) -> None:
    wanted = "    expect: {at_least: 4, per: hour}\n"
    desk.site.at("/feed", rss(2), rss(3))
    assert desk.run(feed=wanted)["below_expectation"] == [], "too early to tell"
    with duckdb.connect(str(desk.database)) as connection:
        connection.execute("UPDATE feed_polls SET polled_at = polled_at - INTERVAL 2 HOUR")
        connection.execute("UPDATE entries SET listed_at = listed_at - INTERVAL 2 HOUR")
    assert desk.run(feed=wanted)["below_expectation"] == [
        {"outlet": "Quay", "entries": 1, "expected": 4, "seconds": 3_600}
    ]
    told = newsbeam("run", "--feeds", desk.folder / "feeds.yaml", "--database", desk.database)
    assert "below     Quay 1 entries in 1h instead of 4" in told.stdout


def test_robots_txt_is_kept_for_a_day_and_named_as_the_reason(desk: Desk) -> None:
    desk.site.at("/feed", rss(2), rss(3), rss(4))
    desk.site.at("/robots.txt", Reply(200, b"User-agent: *\nDisallow: /story/2\n"))
    desk.run()
    told = rows(desk.database, "SELECT state, reason FROM entries ORDER BY url")
    refusal = f"RobotsRefused: {desk.site.base}/robots.txt disallows it"
    assert told == [("failed", "Http404: the server answered 404"), ("failed", refusal)]
    assert rows(desk.database, "SELECT origin, http_status FROM robots") == [(desk.site.base, 200)]
    desk.run()
    assert len(desk.asked("/robots.txt")) == 1
    with duckdb.connect(str(desk.database)) as connection:
        connection.execute("UPDATE robots SET expires_at = now()")
    desk.run()
    assert len(desk.asked("/robots.txt")) == 2


def test_robots_txt_can_be_ignored_by_feed(desk: Desk) -> None:
    desk.site.at("/feed", rss(1))
    desk.site.at("/robots.txt", Reply(200, b"User-agent: *\nDisallow: /\n"))
    desk.run(feed="    robots: ignore\n")
    assert (len(desk.asked("/story/1")), len(desk.asked("/robots.txt"))) == (1, 0)


def test_a_host_that_asks_for_time_gets_it_from_the_next_run_too(desk: Desk) -> None:
    desk.site.at("/feed", rss(1), rss(2))
    desk.site.at("/story/1", Reply(429, headers={"Retry-After": "3600"}), Reply(404))
    desk.run()
    told = "the server answered 429, with Retry-After"
    assert rows(desk.database, "SELECT host, last_error, resting_until > now() FROM hosts") == [
        ("127.0.0.1", told, True)
    ]
    assert desk.run()["run"]["feeds_failed"] == 1
    assert desk.poll("status, error_type") == ("failed", "HostResting")
    at_the_end = "next_poll_at - (SELECT resting_until FROM hosts) < INTERVAL 1 MINUTE"
    assert desk.feed(f"failures, failing_since, {at_the_end}") == (0, None, True)
    assert (len(desk.asked()), len(desk.asked("/story/1"))) == (1, 1)
    with duckdb.connect(str(desk.database)) as connection:
        connection.execute("UPDATE hosts SET resting_until = now()")
    assert desk.run()["run"]["feeds_failed"] == 0
    assert len(desk.asked()) == 2


WORDS = "The crane is late, and three ships wait at the old pier for better weather. " * 10


def test_what_an_answer_asks_of_robots_stands_in_the_row(desk: Desk) -> None:
    desk.site.at("/feed", rss(1))
    body = f"<html><head><meta name=robots content=noai></head><body><article><p>{WORDS}</p>"
    headers = {"Content-Type": "text/html", "X-Robots-Tag": "noarchive, otherbot: noindex"}
    desk.site.at("/story/1", Reply(200, body.encode(), headers))
    assert desk.run()["run"]["articles_new"] == 1
    ((robots,),) = rows(desk.database, "SELECT robots FROM articles")
    assert sorted(robots) == ["noai", "noarchive"]


def test_a_page_that_is_nested_to_hang_parsers_is_a_row_and_the_run_ends(desk: Desk) -> None:
    desk.site.at("/feed", rss(2))
    html = {"Content-Type": "text/html"}
    desk.site.at("/story/1", Reply(200, b"<html><body>" + b"<p><b>word " * 400_000, html))
    desk.site.at("/story/2", Reply(200, f"<html><body><p>{WORDS}</p>".encode(), html))
    run = desk.run()["run"]
    assert (run["state"], run["articles_new"], run["pages_pending"]) == ("done", 1, 0)
    assert rows(desk.database, "SELECT stage, error_type, input FROM failures") == [
        ("extract", "NoText", f"{desk.site.base}/story/1")
    ]
    assert rows(desk.database, "SELECT state FROM entries ORDER BY url") == [
        ("failed",), ("fetched",)
    ]  # fmt: skip


def test_a_page_that_is_gone_gives_way_to_the_whole_text_of_its_feed(desk: Desk) -> None:
    text = "The crane is late, and three ships wait at the old pier for better weather. " * 10
    whole = f"<content:encoded><![CDATA[<p>{text}</p>]]></content:encoded></item>"
    reply = rss(2)
    spaces = b'<rss xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    body = reply.body.replace(b"</item>", whole.encode(), 1).replace(b"<rss ", spaces)
    desk.site.at("/feed", reply._replace(body=body))
    assert desk.run()["run"]["articles_new"] == 0
    assert desk.run()["run"]["articles_new"] == 1
    found = rows(desk.database, "SELECT a.title, text, text_source, feed_text_at FROM articles a "
                 "JOIN entries USING (article_id)")  # fmt: skip
    assert found == [("Tide table 2", text.strip(), "feed", None)]
    assert desk.run()["run"]["pages"] == 0
    asked = [len(desk.asked(f"/story/{number}")) for number in (1, 2)]
    assert asked == [1, 1], "pages are not asked for again"


def test_a_news_sitemap_is_polled_like_a_feed(desk: Desk) -> None:
    sitemap = f"""<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
        xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>/story/1</loc><news:news>
        <news:publication_date>{NOW.isoformat()}</news:publication_date>
        <news:title>Tide table 1</news:title></news:news></url></urlset>"""
    desk.site.at("/feed", Reply(200, sitemap.encode(), {"Content-Type": "application/xml"}))
    desk.run()
    assert desk.poll("status, error_type") == ("failed", "NotAFeed"), "it is no RSS"
    desk.run(feed="    kind: sitemap\n")
    assert rows(desk.database, "SELECT title, url, published_at FROM entries") == [
        ("Tide table 1", f"{desk.site.base}/story/1", NOW)
    ]
    assert desk.feed("kind") == ("sitemap",)


def test_sites_are_told_whom_to_write_to(desk: Desk) -> None:
    desk.site.at("/feed", rss(1))
    desk.run("--contact", "news@example.org")
    told = {headers["user-agent"] for _, headers in desk.site.headers}
    assert len(told) == 1
    assert "(+news@example.org; " in told.pop()
    for wrong in ("somebody", "a\nb@c", "ü@example.org"):
        refused = newsbeam("run", "--contact", wrong, expect=2)
        assert "valid: such as news@example.org" in refused.stderr
