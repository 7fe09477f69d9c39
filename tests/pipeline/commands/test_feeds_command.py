"""`newsbeam feeds`, as a person uses it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.load import load_feeds
from tests.kit.program import PROGRAM, newsbeam
from tests.kit.samples import FEED, OTHER, THIRD, at, commit, failed_poll, listed, poll
from tests.kit.sites import Reply, Site, rss
from transforms.feeds.discovery import MOST


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "news.duckdb"
    names = {FEED: "Dawn\x1b[31m", OTHER: "Gazette", THIRD: "Herald"}
    broken = failed_poll(THIRD, 0, 30, state="broken", failing_since=at(-20_000))
    commit(path, [failed_poll(FEED, 0), poll(OTHER, 0, [listed(OTHER, 1)]), broken], outlets=names)
    return path


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def test_feeds_are_listed_the_worst_first(database: Path) -> None:
    told = newsbeam("feeds", "--database", database).stdout
    lines = told.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["broken", "failing", "ok"]
    assert "Http500: the server failed" in lines[2]
    assert lines[-1] == "3 feeds: 1 broken, 1 failing, 1 ok"
    assert "\x1b" not in told


def test_feeds_of_a_state_and_for_programs(database: Path) -> None:
    told = newsbeam("feeds", "--database", database, "--health", "broken", "--json")
    document = json.loads(told.stdout)
    assert [row["feed_url"] for row in document["feeds"]] == [THIRD]
    assert document["states"] == {"broken": 1, "failing": 1, "ok": 1}
    refused = newsbeam("feeds", "--database", database, "--health", "brocken", expect=2)
    assert "'brocken' is not one of 'broken', 'failing', 'retired'" in refused.stderr


def test_monitors_see_feeds_that_are_unwell_by_the_exit_status(database: Path) -> None:
    ask = ["feeds", "--database", database, "--check"]
    assert "1 broken" in newsbeam(*ask, expect=1).stdout
    newsbeam(*ask, "--health", "broken", expect=1)
    newsbeam(*ask, "--health", "retired", "--health", "ok")


def test_lists_go_to_and_fro(tmp_path: Path) -> None:
    feeds = tmp_path / "feeds.yaml"
    feeds.write_text("feeds:\n  - {url: https://news.example/rss, country: NO, interval: 90m}\n")
    newsbeam("feeds", "export", "--feeds", feeds, "--output", tmp_path / "list.opml")
    again = tmp_path / "again.yaml"
    again.write_text(newsbeam("feeds", "import", tmp_path / "list.opml").stdout)
    assert load_feeds(again) == load_feeds(feeds)
    refused = newsbeam("feeds", "export", "--feeds", feeds, "--output", again, expect=2)
    assert f"{again} exists; it is not replaced" in refused.stderr


def test_what_is_left_out_of_a_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "list.opml"
    path.write_text('<opml><body>\n<outline xmlUrl="mailto:x"/>\n<outline xmlUrl="https://a.example/f"/>'
                    "</body></opml>")  # fmt: skip
    told = newsbeam("feeds", "import", path)
    assert "url: https://a.example/f" in told.stdout
    assert f"{path}:2: left out: 'mailto:x' is no URL" in told.stderr
    newsbeam("feeds", "import", tmp_path / "absent.opml", expect=2)


def on_a_terminal(*arguments: object) -> str:
    """What the program shows there."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([*PROGRAM, *map(str, arguments)], stdout=follower)
    os.close(follower)
    seen = b""
    with contextlib.suppress(OSError):  # the end, on Linux
        while part := os.read(leader, 65_536):
            seen += part
    os.close(leader)
    assert process.wait() == 0
    return seen.decode().replace("\r\n", "\n")


def test_names_in_a_list_cannot_turn_what_a_terminal_shows(tmp_path: Path) -> None:
    path = tmp_path / "list.opml"
    path.write_text('<opml><body><outline text="Dawn \u202edeef" xmlUrl="https://a.example/f"/>'
                    "</body></opml>")  # fmt: skip
    piped = newsbeam("feeds", "import", path).stdout
    assert "\u202e" in piped, "a file keeps it"
    assert on_a_terminal("feeds", "import", path) == piped.replace("\u202e", "\ufffd")
    feeds = tmp_path / "feeds.yaml"
    feeds.write_text(piped)
    assert "Dawn \ufffddeef" in on_a_terminal("feeds", "export", "--feeds", feeds)


def test_a_site_whose_sitemaps_are_without_number(site: Site) -> None:
    site.at("/", Reply(200, b"<html><body>Welcome</body></html>"))
    named = "".join(f"Sitemap: {site.base}/news-{number}.xml\n" for number in range(100))
    site.at("/robots.txt", Reply(200, f"{chr(10) * 200_000}{named}".encode()))
    newsbeam("feeds", "find", f"{site.base}/", "--allow-private-hosts", expect=1)
    assert (
        sum(path.startswith("/news-") and path != "/news-sitemap.xml" for path in site.seen())
        == MOST
    )


def test_the_feeds_of_a_site_are_found_and_ready_for_a_feeds_file(
    site: Site, tmp_path: Path
) -> None:
    home = """<html><head><link rel="alternate" type="application/rss+xml" href="/all">
        <link rel="alternate" type="application/rss+xml" href="/broken"></head>
        <body><a href="/sport/feed">Sport</a></body></html>"""
    site.at("/", Reply(200, home.encode(), {"Content-Type": "text/html"}))
    site.at("/all", rss(5))
    site.at("/sport/feed", rss(2))
    site.at("/broken", Reply(200, b"<html><body>Nothing</body></html>"))
    told = newsbeam("feeds", "find", f"{site.base}/", "--allow-private-hosts").stdout
    assert "# 5 entries, the newest of 20" in told
    path = tmp_path / "feeds.yaml"
    path.write_text(told)
    assert [(feed.url, feed.outlet) for feed in load_feeds(path)] == [
        (f"{site.base}/all", "Quay"), (f"{site.base}/sport/feed", "Quay")]  # fmt: skip
    one = newsbeam("feeds", "find", f"{site.base}/all", "--allow-private-hosts", "--json")
    assert [(item["url"], item["entries"]) for item in json.loads(one.stdout)] == [
        (f"{site.base}/all", 5)]  # fmt: skip


def test_a_site_without_feeds_says_what_was_tried(site: Site) -> None:
    site.at("/", Reply(200, b"<html><body>Welcome</body></html>"))
    told = newsbeam("feeds", "find", f"{site.base}/", "--allow-private-hosts", expect=1)
    assert "no feed is declared or linked there, nor at any of the usual places" in told.stderr
    refused = newsbeam("feeds", "find", f"{site.base}/", expect=1)
    assert "AddressRefused" in refused.stderr
    wrong = newsbeam("feeds", "find", "ftp://news.example/", expect=2)
    assert "'ftp://news.example/' is no URL" in wrong.stderr
