"""What sites ask of robots."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from transforms.text.directives import directives
from transforms.web.robots import LONGEST_DELAY, Rules, origin_of, robots_address


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, ()),
        ("", ()),
        ("NoArchive,  noai, noarchive", ("noarchive", "noai")),
        ("index, max-snippet: -1", ("index", "max-snippet: -1")),
        (
            "unavailable_after: 25 Jun 2030 15:00:00 GMT",
            ("unavailable_after: 25 jun 2030 15:00:00 gmt",),
        ),
        ("otherbot: noindex, nofollow", ()),
        ("otherbot: noindex, newsbeam: noarchive", ("noarchive",)),
        ("noai, otherbot: max-snippet: 5", ("noai",)),
        ("no  archive", ("no archive",)),
    ],
)
def test_directives(text, found):
    assert directives(text) == found


NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/a", True),
        ("nonsense\x00 without: end", "/a", True),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow: /\nAllow: /a", "/a/b", True),
        ("User-agent: NewsBeam\nDisallow: /\n\nUser-agent: *\nAllow: /", "/a", False),
        ("User-agent: otherbot\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /*.html$", "/a.html", False),
        ("User-agent: *\nDisallow: /*.html$", "/a.html?x=1", True),
        ("User-agent: *\nDisallow: /%D0%B0", "/а", False),
    ],
)
def test_rules(text, path, allowed):
    refusal = Rules(text, None).refusal(f"https://news.example{path}", NOW)
    assert (refusal is None) == allowed
    if refusal:
        assert refusal.message == "https://news.example/robots.txt disallows it"
        assert not refusal.temporary


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("User-agent: *\nCrawl-delay: 2.5", 2.5),
        ("User-agent: *\nCrawl-delay: 86400", LONGEST_DELAY),
        ("User-agent: *\nCrawl-delay: -1", 0),
        ("User-agent: *\nCrawl-delay: soon", 0),
        ("User-agent: otherbot\nCrawl-delay: 9", 0),
        ("", 0),
    ],
)
def test_how_slowly(text, seconds):
    assert Rules(text, None).delay == seconds


def test_what_cannot_be_had_is_tried_again_in_an_hour():
    refusal = Rules("", "Timeout: too slow").refusal("https://news.example/a", NOW)
    assert (refusal.error_type, refusal.temporary, refusal.retry_after) == (
        "RobotsLost",
        True,
        3600,
    )


def test_origins_have_a_port():
    assert origin_of("HTTPS://News.Example:8443/a?b#c") == "https://news.example:8443"
    assert robots_address("http://news.example/a/b") == "http://news.example/robots.txt"
