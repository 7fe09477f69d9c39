"""Whether robots.txt allows an address: read once for an origin, and as far as it may be read."""

from __future__ import annotations

import asyncio
import gzip
import threading
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from tests.kit.fetching import fetch_in
from tests.kit.sites import Reply, Site
from transforms.decoding import MOST_PARTS
from transforms.records import HttpFailure, Response
from transforms.web.asking import Request, World
from transforms.web.permission import RobotsReader
from transforms.web.robots import KEPT, ROBOTS_BYTES, RobotsBook, Rules, robots_file

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def ask_robots(site: Site, text: bytes, **headers: str) -> dict[str, str | None]:
    site.at("/robots.txt", Reply(200, text, headers))
    urls = [site.at(path, Reply()) for path in ("/open", "/closed", "/late")]
    found = fetch_in(World(), urls, robots=True, retries=0)
    return {url.removeprefix(site.base): getattr(found[url], "error_type", None) for url in urls}


LONG = b"# a line about nothing much\n" * 250_000
"""Seven million bytes."""


def test_the_start_of_a_robots_txt_that_is_too_long_counts(site):
    text = b"User-agent: *\nDisallow: /closed\n" + LONG + b"Disallow: /late\n"
    assert ask_robots(site, text) == {"/open": None, "/closed": "RobotsRefused", "/late": None}


def test_a_packed_one_is_cut_too(site):
    text = gzip.compress(b"User-agent: *\nDisallow: /closed\n" + LONG)
    assert ask_robots(site, text, **{"Content-Encoding": "gzip"})["/closed"] == "RobotsRefused"


def test_half_a_rule_does_not_count(site):
    """Cut within its last rule, it would forbid all that begins alike."""
    start = b"User-agent: *\nDisallow: /closed\n"
    padding = b"#" * (ROBOTS_BYTES - len(start) - len(b"\nDisallow: /o")) + b"\n"
    text = start + padding + b"Disallow: /other\n"
    assert text[:ROBOTS_BYTES].endswith(b"Disallow: /o")
    assert ask_robots(site, text) == {"/open": None, "/closed": "RobotsRefused", "/late": None}


def test_one_that_is_packed_to_be_a_burden_allows_nothing(site):
    text = gzip.compress(b"") * (MOST_PARTS + 1)
    assert ask_robots(site, text, **{"Content-Encoding": "gzip"})["/open"] == "RobotsLost"


class Noting(Rules):
    """Rules that note in which thread they are held against an address."""

    threads: ClassVar[list[int]] = []

    def refusal(self, url: str, at: datetime) -> HttpFailure | None:
        self.threads.append(threading.get_ident())
        return super().refusal(url, at)


def test_rules_are_never_read_on_the_loop_that_serves_all_hosts():
    rules, url = Noting("User-agent: *\nDisallow: /a\nCrawl-delay: 2", None), "https://a.example/a"
    delay, refusal = asyncio.run(RobotsReader(RobotsBook()).judge(rules, url, NOW))
    assert (delay, refusal.error_type) == (2, "RobotsRefused")
    assert rules.threads not in ([], [threading.get_ident()])


# Who is asked, and how often: no socket


class Sites:
    """Stand for all sites: each has this answer for its robots.txt; who asked is kept."""

    def __init__(self, answer: Response | HttpFailure) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, request: Request) -> Response | HttpFailure:
        self.asked.append(request.url)
        await asyncio.sleep(0)  # as a request would, it lets others go on
        return self.answer


CLOSED = Response("", 200, {}, b"User-agent: *\nDisallow: /", (), NOW, 0, 0)
LEFT_ALONE = HttpFailure("HostResting", "left alone", NOW, 0, temporary=True, asked=False)
LOST = HttpFailure("Timeout", "took too long", NOW, 0, temporary=True)


def rules(
    reader: RobotsReader, sites: Sites, *urls: str, at: datetime = NOW
) -> list[Rules | HttpFailure]:
    """What is found for addresses that are asked for at the same time."""

    async def go() -> list[Rules | HttpFailure]:
        return await asyncio.gather(*(reader.rules(url, at, sites) for url in urls))

    return asyncio.run(go())


def test_many_who_ask_at_the_same_time_read_the_file_of_an_origin_once():
    sites, book = Sites(CLOSED), RobotsBook()
    urls = ["https://a.example/1", "https://a.example/2", "https://A.example/3"]
    found = rules(RobotsReader(book), sites, *urls, "http://a.example/4")
    assert sites.asked == ["https://a.example/robots.txt", "http://a.example/robots.txt"]
    assert [rule.refusal("https://a.example/1", NOW).error_type for rule in found] == [
        "RobotsRefused"
    ] * 4
    assert [file.origin for file in book.take()] == ["https://a.example", "http://a.example"]


def test_what_the_database_knows_is_not_read_again_before_its_time():
    book = RobotsBook([robots_file("https://a.example", CLOSED)])
    reader, sites = RobotsReader(book), Sites(CLOSED)
    rules(reader, sites, "https://a.example/1", at=NOW + KEPT - timedelta(seconds=1))
    assert sites.asked == []
    rules(reader, sites, "https://a.example/1", at=NOW + KEPT)
    assert sites.asked == ["https://a.example/robots.txt"]


def test_a_host_that_was_not_asked_has_said_nothing():
    sites, book = Sites(LEFT_ALONE), RobotsBook()
    urls = ["https://a.example/1", "https://a.example/2"]
    assert rules(RobotsReader(book), sites, *urls) == [LEFT_ALONE] * 2
    assert len(sites.asked) == 2
    assert list(book.take()) == []


def test_one_that_cannot_be_had_allows_nothing_for_an_hour():
    reader, sites = RobotsReader(RobotsBook()), Sites(LOST)
    (found,) = rules(reader, sites, "https://a.example/1")
    assert found.refusal("https://a.example/1", NOW).error_type == "RobotsLost"
    rules(reader, sites, "https://a.example/1", at=NOW + timedelta(minutes=59))
    assert len(sites.asked) == 1
    rules(reader, sites, "https://a.example/1", at=NOW + timedelta(hours=1))
    assert len(sites.asked) == 2


def test_what_is_forgotten_is_read_again():
    reader, sites = RobotsReader(RobotsBook()), Sites(CLOSED)
    rules(reader, sites, "https://a.example/1")
    reader.forget(NOW)
    rules(reader, sites, "https://a.example/1")
    assert len(sites.asked) == 1, "it holds for a day"
    reader.forget(NOW + KEPT)
    rules(reader, sites, "https://a.example/1")
    assert len(sites.asked) == 2
