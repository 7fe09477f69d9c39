"""No document stops a run: whatever one holds, it is a row, and the good ones beside it come in."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.models import Feed, FetchSettings, Taxonomy
from pipeline.run.batch import RunOptions, run_batch
from tests.kit.examples import examples
from tests.kit.program import KIND_TO_LOOPBACK, Program, newsbeam
from tests.kit.raising import BAD_HOST, judge_page, of_our_making, parse_feed
from tests.kit.rows import rows
from tests.kit.sites import Reply, Site
from transforms.steps import feeds as feed_steps
from transforms.steps import text as text_steps
from transforms.steps import web as web_steps
from transforms.web import permission
from transforms.web.fetcher import Fetcher
from transforms.web.robots import Rules

TEXT = "The ferry to the island was late again, and nobody on the quay could say why. " * 8
PAGE = f"<html><body><article><h1>Late ferry</h1><p>{TEXT}</p></article></body></html>"
NUMBERS = ("9" * 5_000, "-1", "1e999", "0x10", "٣", "NaN", "18446744073709551616", "2147483648", "")
DATES = (
    "Mon, 01 Jan 0001 00:00:00 GMT", "0001-01-01T00:00:00Z", "0000-00-00", "9999-12-31T23:59:59Z",
    "99999-01-01", "Mon, 32 Foo 2026", "-62135596800", "9" * 400, "2026-02-30T25:61:61+99:99",
    "yesterday", "Mon, 01 Jan 1 00:00:00 +9999", "1404/05/06",
)  # fmt: skip
TEXTS = ("\0", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "&#xD800;", "]]>", "<",
         "' OR 1=1 --", "\u202e", "a" * 70_000, "http://[", "//", "javascript:x", "http://a:99999/",
         "http://\x00/", "data:,", "&" * 500, "{}", "%", "http://xn--a/")  # fmt: skip
HEADERS = (
    "Cache-Control", "Expires", "Age", "Retry-After", "ETag", "Last-Modified", "Content-Type",
    "Content-Encoding", "Content-Language", "Date", "X-Robots-Tag", "Link", "Set-Cookie", "Refresh",
    "Location", "Vary", "IM", "Transfer-Encoding",
)  # fmt: skip
VALUES = st.one_of(st.sampled_from([*NUMBERS, *DATES, *TEXTS]), st.text(max_size=30))
HEADER_VALUES = st.one_of(
    VALUES,
    st.builds("max-age={}".format, st.sampled_from(NUMBERS)),
    st.builds("text/html; charset={}".format, VALUES),
)


def feed_of(values: Iterator[str], base: str, number: int) -> str:
    """A feed with something odd wherever a value may stand."""
    items = "".join(
        f"<item><title>{next(values)}</title><link>{base}/bad/page/{number}/{n}?{n}</link>"
        f"<guid isPermaLink='{next(values)}'>{next(values)}</guid><pubDate>{next(values)}</pubDate>"
        f"<author>{next(values)}</author><dc:date>{next(values)}</dc:date>"
        f"<dc:creator>{next(values)}</dc:creator><category>{next(values)}</category>"
        f"<media:content url='{next(values)}' width='{next(values)}'/></media:player>"
        f"<enclosure url='{next(values)}' length='{next(values)}'/>"
        f"<description>{next(values)}</description></item>"
        for n in range(3)
    )
    return (
        "<rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/' "
        "xmlns:media='http://search.yahoo.com/mrss/' "
        "xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'><channel>"
        f"<title>{next(values)}</title><ttl>{next(values)}</ttl><language>{next(values)}</language>"
        f"<skipHours><hour>{next(values)}</hour></skipHours><pubDate>{next(values)}</pubDate>"
        f"<sy:updatePeriod>{next(values)}</sy:updatePeriod>"
        f"<sy:updateFrequency>{next(values)}</sy:updateFrequency>{items}</channel></rss>"
    )


def page_of(values: Iterator[str]) -> str:
    """A page with something odd wherever a value may stand."""
    return (
        f"<html lang='{next(values)}'><head><title>{next(values)}</title>"
        f"<meta charset='{next(values)}'><base href='{next(values)}'>"
        f"<link rel=canonical href='{next(values)}'><meta name=author content='{next(values)}'>"
        f"<meta property='article:published_time' content='{next(values)}'>"
        f"<meta name=robots content='{next(values)}'>"
        f"<meta http-equiv=refresh content='{next(values)}'>"
        f'<script type=\'application/ld+json\'>{{"datePublished": "{next(values)}"}}</script>'
        f"</head><body><article><h1>{next(values)}</h1><p>{TEXT}{next(values)}</p></article>"
    )


def robots_of(values: Iterator[str]) -> str:
    lines = ("User-agent: *", "Crawl-delay: {}", "Disallow: {}", "Allow: /{}*$", "{}: {}", "{}")
    return "".join(f"{line.replace('{}', next(values))}\n" for line in lines)


def raw(body: str, headers: list[tuple[str, str]]) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer whose headers say what no library would send."""
    lines = [f"{name}: {' '.join(value.split())}" for name, value in headers]
    content = body.encode("utf-8", "surrogatepass")
    head = "\r\n".join(["HTTP/1.1 200 OK", *lines, f"Content-Length: {len(content)}", "", ""])

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(head.encode("utf-8", "surrogatepass") + content)

    return answer


def good(site: Site) -> Feed:
    """A feed with one article."""
    site.at("/robots.txt", Reply(404))
    site.at("/ferry", Reply(200, PAGE.encode(), {"Content-Type": "text/html; charset=utf-8"}))
    item = f"<item><title>Late ferry</title><link>{site.base}/ferry</link></item>"
    body = f"<rss version='2.0'><channel><title>Quay</title>{item}</channel></rss>"
    return Feed(site.at("/good", Reply(200, body.encode(), {"Content-Type": "text/xml"})))


def spread(site: Site, values: list[str], headers: list[tuple[str, str]], feeds: int) -> list[Feed]:
    """Feeds and pages of a site, and its robots.txt, with values and headers in turn."""
    turn = iter(values * 1_000)
    site.at("/robots.txt", raw(robots_of(turn), headers[:1]))
    for feed in range(feeds):
        some = headers[feed::feeds]
        site.at(f"/bad/{feed}", raw(feed_of(turn, site.base, feed), some))
        for page in range(3):
            site.at(f"/bad/page/{feed}/{page}?{page}", raw(page_of(turn), some))
    return [Feed(f"{site.base}/bad/{feed}") for feed in range(feeds)]


def options(database: Path, feeds: list[Feed]) -> RunOptions:
    fetching = FetchSettings(
        allow_private_hosts=True, host_delay=0, host_concurrency=8, retries=0, total_timeout=20
    )
    return RunOptions(database, feeds, Taxonomy(()), poll_all=True, fetching=fetching)


def holds(database: Path, feeds: list[Feed]) -> None:
    """The good article is there, and each feed that was asked has its row."""
    assert rows(database, "SELECT title FROM articles WHERE url LIKE '%/ferry'") == [
        ("Late ferry",)
    ]
    asked = [(feed.url,) for feed in sorted(feeds, key=lambda feed: feed.url)]
    assert rows(database, "SELECT DISTINCT feed_url FROM feed_polls ORDER BY 1") == asked
    assert rows(database, "SELECT DISTINCT state FROM runs") == [("done",)]
    newsbeam("db", "check", "--database", database)


@pytest.fixture
def two(sites: Callable[..., Site]) -> tuple[Site, Site]:
    """Sites of two hosts."""
    return sites(), sites(BAD_HOST)


FUNCTIONS: dict[str, tuple[Any, str, Any]] = {
    "the request of a feed": (web_steps, "_feed_request", None),
    "the request of a page": (web_steps, "_page_request", None),
    "fetching": (Fetcher, "fetch", None),
    "reading robots.txt": (permission, "robots_file", None),
    "asking robots.txt": (Rules, "refusal", None),
    "reading a feed": (feed_steps, "parse_feed", parse_feed),
    "comparing a feed": (feed_steps, "poll_record", None),
    "judging a page": (text_steps, "judge_page", judge_page),
}


@pytest.mark.parametrize("what", FUNCTIONS)
def test_a_function_that_fails_with_one_document_fails_with_that_one_alone(
    two: tuple[Site, Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    holder, name, instead = FUNCTIONS[what]
    original = getattr(holder, name)

    def failing(*arguments: Any, **named: Any) -> Any:
        of_our_making(*arguments)
        return original(*arguments, **named)

    monkeypatch.setattr(holder, name, instead or failing)
    kind, bad = two
    entry = f"<item><title>x</title><link>{bad.base}/bad/page</link></item>"
    body = f"<rss version='2.0'><channel><title>Bad</title>{entry}</channel></rss>"
    bad.at("/bad", Reply(200, body.encode(), {"Content-Type": "text/xml"}))
    bad.at("/bad/page", Reply(200, PAGE.encode(), {"Content-Type": "text/html"}))
    feeds = [Feed(f"{bad.base}/bad"), good(kind)]
    database = tmp_path / "news.duckdb"
    run_batch(options(database, feeds))
    holds(database, feeds)
    failed = rows(database, "SELECT DISTINCT error_type, message FROM failures")
    assert failed == [("RuntimeError", "of our making")]


@settings(
    max_examples=examples(4), deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    values=st.lists(VALUES, min_size=5, max_size=40),
    headers=st.lists(st.tuples(st.sampled_from(HEADERS), HEADER_VALUES), min_size=8, max_size=24),
)
def test_whatever_stands_in_feeds_pages_and_headers_the_good_ones_come_in(
    sites: Callable[..., Site], values: list[str], headers: list[tuple[str, str]]
) -> None:
    kind, bad = sites(), sites(BAD_HOST)
    feeds = [*spread(bad, values, headers, 4), good(kind)]
    with TemporaryDirectory() as folder:
        database = Path(folder, "news.duckdb")
        run_batch(options(database, feeds))
        holds(database, feeds)


@pytest.mark.parametrize("command", ["run", "stream"])
def test_the_worst_of_all_stops_neither_a_run_nor_a_stream(
    two: tuple[Site, Site], tmp_path: Path, command: str
) -> None:
    kind, bad = two
    headers = [(name, value) for name in HEADERS[:8] for value in (NUMBERS[0], DATES[0], "\0")]
    headers += [("Cache-Control", f"max-age={NUMBERS[0]}")] * 2
    feeds = [*spread(bad, [*DATES, *NUMBERS, *TEXTS], headers, 6), good(kind)]
    file, database = tmp_path / "feeds.yaml", tmp_path / "news.duckdb"
    file.write_text("feeds:\n" + "".join(f"  - url: {feed.url}\n" for feed in feeds))
    given = ["--feeds", file, "--database", database, *KIND_TO_LOOPBACK]
    if command == "run":
        newsbeam("run", *given)
    else:
        with Program("stream", *given, "--json", stdout=subprocess.PIPE) as stream:
            assert stream.stdout
            stream.stdout.readline()  # of the first run
            stream.send_signal(signal.SIGTERM)
            stream.communicate(timeout=120)
        assert stream.returncode == 0
    holds(database, feeds)
