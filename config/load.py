"""Feeds and topics files, read and checked. See docs/operator/configuration.md for the formats."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import langcodes
import yaml

from config.checked import Document, load_list
from config.countries import CODES
from config.errors import ConfigError
from config.models import LONGEST_ADDRESS, Expectation, Feed, Taxonomy
from config.moments import span
from config.topics import read_topics

T = TypeVar("T")

FILE_KEYS = ("feeds", "topics")
FEED_KEYS = Feed._fields
KINDS = ("feed", "sitemap")
ROBOTS = ("obey", "ignore")
EXPECT_KEYS = Expectation._fields
PERIODS = {"hour": 3600, "day": 86_400, "week": 7 * 86_400}
REVISIT = "revisit"
"""The key of feeds and of the file that says when articles are looked at again."""
MOST_REVISITS = 8
LONGEST_REVISIT = 2 * 86_400
"""Seconds. Older articles are not looked at again."""
SHORTEST_INTERVAL = 1
LONGEST_INTERVAL = 7 * 86400


def shipped(name: str) -> Path:
    """Path of a shipped catalogue: ``feeds.yaml`` or ``topics.yaml``."""
    return Path(str(files("config") / "catalogue" / name))


def load_feeds(path: str | Path) -> tuple[Feed, ...]:
    """Feeds of a feeds file, in its order.

    Raises:
        ConfigError: naming file and line of every problem.
    """
    said: list[tuple[int, ...]] = []

    def for_all(document: Document, values: dict[str, yaml.Node]) -> None:
        found = _revisit(document, values.get(REVISIT))
        if found is not None:
            said.append(found)

    feeds = load_list(
        path, "feeds", FILE_KEYS, _feed, lambda feed: feed.url, besides={REVISIT: for_all}
    )
    if not said:
        return feeds
    return tuple(
        feed if feed.revisit is not None else feed._replace(revisit=said[0]) for feed in feeds
    )


def load_topics(path: str | Path) -> Taxonomy:
    """Topics of a topics file, in its order.

    Raises:
        ConfigError: naming file and line of every problem.
    """
    return read_topics(path).taxonomy


def parse_interval(text: str) -> int:
    """Seconds of ``90s``, ``15m``, ``6h``, ``1d`` or ``1w``, between 1 second and 7 days.

    Raises:
        ValueError: for anything else.
    """
    return _span_within(text, LONGEST_INTERVAL, "7d")


def parse_revisit(text: str) -> int:
    """Seconds of a span between 1 second and two days.

    Raises:
        ValueError: for anything else.
    """
    return _span_within(text, LONGEST_REVISIT, "2d")


def _span_within(text: str, longest: int, told: str) -> int:
    seconds = int(span(text).total_seconds())
    if not SHORTEST_INTERVAL <= seconds <= longest:
        raise ValueError(f"{text!r} is out of range; valid: 1s to {told}")
    return seconds


def _feed(document: Document, node: yaml.Node) -> Feed | None:
    values = document.mapping(node, "a feed", FEED_KEYS, ["url"])
    url = document.parsed(values.get("url"), "'url'", feed_url)
    country = document.parsed(values.get("country"), "'country'", _country)
    language = document.parsed(values.get("language"), "'language'", _language)
    interval = document.parsed(values.get("interval"), "'interval'", parse_interval)
    tags = tuple(
        tag
        for item in document.sequence(values.get("tags"), "'tags'")
        if (tag := document.text(item, "a tag"))
    )
    outlet = document.text(values.get("outlet"), "'outlet'")
    kind = document.parsed(values.get("kind"), "'kind'", _one_of(KINDS)) or KINDS[0]
    robots = document.parsed(values.get("robots"), "'robots'", _one_of(ROBOTS)) or ROBOTS[0]
    expect = _expectation(document, values.get("expect"))
    revisit = _revisit(document, values.get(REVISIT))
    if url is None:
        return None
    return Feed(
        cast(str, url),
        outlet,
        cast("str | None", country),
        cast("str | None", language),
        cast("int | None", interval),
        tags,
        cast(str, kind),
        expect,
        cast(str, robots),
        revisit,
    )


def _revisit(document: Document, node: yaml.Node | None) -> tuple[int, ...] | None:
    """``false``, a span, or a list of spans; None where it is not said, or wrong."""
    if node is None:
        return None
    if isinstance(node, yaml.ScalarNode):
        if node.value in ("false", "no"):
            return ()
        one = document.parsed(node, f"'{REVISIT}'", _revisit_or_false)
        return None if one is None else (cast(int, one),)
    items = list(document.sequence(node, f"'{REVISIT}'"))
    found = {document.parsed(item, f"'{REVISIT}'", parse_revisit) for item in items}
    if isinstance(node, yaml.SequenceNode) and not 1 <= len(items) <= MOST_REVISITS:
        document.complain(
            node, f"'{REVISIT}' lists 1 to {MOST_REVISITS} spans such as 6h, or is false"
        )
    return tuple(sorted(cast("set[int]", found - {None}))) or None


def _revisit_or_false(text: str) -> int:
    try:
        return parse_revisit(text)
    except ValueError as error:
        raise ValueError(f"{error}, a list of such, or false") from None


def _expectation(document: Document, node: yaml.Node | None) -> Expectation | None:
    if node is None:
        return None
    values = document.mapping(node, "'expect'", EXPECT_KEYS, EXPECT_KEYS)
    at_least = document.parsed(values.get("at_least"), "'at_least'", _count)
    per = document.parsed(values.get("per"), "'per'", _period)
    if at_least is None or per is None:
        return None
    return Expectation(cast(int, at_least), cast(int, per))


def feed_url(text: str) -> str:
    """The address of a feed, as it is.

    Raises:
        ValueError: it is no web address, carries credentials, or is longer than an address may be.
    """
    if len(text) > LONGEST_ADDRESS:
        raise ValueError(f"{text[:60]}… is longer than {LONGEST_ADDRESS:,} characters")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in text:
        hint = "" if "://" in text or "." not in text else f"; did you mean https://{text}?"
        raise ValueError(f"{text!r} is no URL; valid: http://… or https://…{hint}")
    if parts.username or parts.password:
        raise ValueError(f"the URL of {parts.hostname} carries credentials, which are refused")
    return text


def _country(text: str) -> str:
    if text.upper() not in CODES:
        hint = "; the United Kingdom is GB" if text.upper() == "UK" else ""
        raise ValueError(
            f"{text!r} is no ISO 3166-1 alpha-2 code; valid: two letters such as DE or TW{hint}"
        )
    return text.upper()


def _language(text: str) -> str:
    if not langcodes.tag_is_valid(text):
        raise ValueError(f"{text!r} is no BCP 47 tag; valid: such as en, pt-BR or zh-Hant")
    return langcodes.standardize_tag(text)


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def word(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r}; valid: {' or '.join(words)}")
        return text

    return word


def known_language(text: str) -> str | None:
    """A BCP 47 tag in its standard form; None for anything else."""
    try:
        return _language(text.strip())
    except ValueError:
        return None


def load_feed_values(feed: Feed, values: dict[str, str]) -> Feed:
    """A feed with values that are written as in a feeds file; wrong ones are left out.

    `at_least` and `per` stand for `expect`.
    """
    parsers: dict[str, Callable[[str], object]] = {
        "country": _country,
        "interval": parse_interval,
        "kind": _one_of(KINDS),
        "robots": _one_of(ROBOTS),
        "at_least": _count,
        "per": _period,
        REVISIT: _revisits,
    }
    read: dict[str, Any] = {}
    for key, parse in parsers.items():
        with contextlib.suppress(KeyError, ValueError):
            read[key] = parse(values[key])
    if "at_least" in read and "per" in read:
        read["expect"] = Expectation(read["at_least"], read["per"])
    return feed._replace(**{key: read[key] for key in read if key in Feed._fields})


def _revisits(text: str) -> tuple[int, ...]:
    """What an attribute says: spans between blanks, or false."""
    if text.strip() in ("false", "no"):
        return ()
    found = tuple(sorted({parse_revisit(part) for part in text.split()}))
    if not 1 <= len(found) <= MOST_REVISITS:
        raise ValueError(f"{text!r}; valid: 1 to {MOST_REVISITS} spans, or false")
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
        raise ValueError(f"{text!r}; valid: a number from 1 to 1,000,000")
    return int(text)


def _period(text: str) -> int:
    try:
        return PERIODS[text] if text in PERIODS else parse_interval(text)
    except ValueError:
        raise ValueError(f"{text!r}; valid: hour, day, week, or a time such as 12h") from None


def load_configuration(
    feeds: Path | None, topics: Path | None
) -> tuple[tuple[Feed, ...], Taxonomy]:
    """Both files, shipped ones where none is given.

    Raises:
        ConfigError: the complaints about both.
    """
    problems: list[str] = []
    catalogue = _complaining(problems, load_feeds, feeds or shipped("feeds.yaml"))
    taxonomy = _complaining(problems, load_topics, topics or shipped("topics.yaml"))
    if catalogue is None or taxonomy is None:
        raise ConfigError("the configuration is wrong\n" + "\n".join(problems))
    return catalogue, taxonomy


def _complaining(problems: list[str], load: Callable[[Path], T], path: Path) -> T | None:
    try:
        return load(path)
    except ConfigError as error:
        problems.append(str(error))
        return None
