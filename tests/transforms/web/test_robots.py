"""What sites ask of robots."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from transforms.text.directives import LONGEST_DIRECTIVE, MOST_DIRECTIVES, directives
from transforms.web.robots import LONGEST_DELAY, Rules, compiled, origin_of, robots_address


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


def test_directives_without_end_are_cut_and_show_it():
    many = directives(",".join(f"no{n}" for n in range(100_000)))
    assert (len(many), many[0], many[-1]) == (MOST_DIRECTIVES, "no0", "…")
    assert directives(",".join(f"no{n}" for n in range(MOST_DIRECTIVES)))[-1] != "…"
    (long,) = directives("no" * 100_000)
    assert (len(long), long[-1]) == (LONGEST_DIRECTIVE, "…")


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
        ("User-agent: otherbot\nUser-agent: newsbeam\nDisallow: /", "/a", False),
        ("User-agent: newsbeam\nSitemap: /s\nUser-agent: other\nDisallow: /", "/a", False),
        ("User-agent: newsbeam\nnonsense\nUser-agent: other\nDisallow: /", "/a", False),
        ("User-agent: newsbeam\nAllow: /b\nUser-agent: other\nDisallow: /", "/a", True),
        ("User-agent: newsbeam\nAllow: /b\n\nUser-agent: newsbeam\nDisallow: /", "/a", False),
        ("User-agent: *\nAllow: /\nUser-agent: newsbeam*\nDisallow: /", "/a", False),
        ("user agent newsbeam # us\nDissallow /a", "/a", False),
        ("User-agent: *\nDisallow: /\nUser-agent: newsbeam", "/a", True),
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


WILDCARDS = "User-agent: *\n" + "".join(f"Disallow: /*a{n:05}\n" for n in range(27_000))
SHORT = "https://news.example/" + "b" * 100


def test_wildcards_are_held_against_addresses_for_so_many_steps():
    """What would take more is refused, for it might be disallowed."""
    rules = Rules(WILDCARDS, None)
    assert rules.refusal(SHORT, NOW) is None
    assert rules.refusal(f"{SHORT}a00007", NOW).message.endswith("disallows it")
    refusal = rules.refusal("https://news.example/" + "b" * 8_000, NOW)
    assert (refusal.error_type, refusal.temporary) == ("RobotsRefused", False)
    assert refusal.message.endswith("too many wildcards for an address of this length")


def test_a_file_is_compiled_once_and_others_rules_never():
    names = "".join(f"User-agent: a{n}\n" for n in range(17_000))
    text = names + "".join(f"Disallow: /*{n}\n" for n in range(17_000))
    assert compiled(text).wildcards == 0
    assert compiled(text) is compiled(text)
    assert compiled("User-agent: newsbeam\n" + text).wildcards == 17_000


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
