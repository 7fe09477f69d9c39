"""Feeds and topics files: what is read, and how every mistake is told."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path

import pytest

from config import errors
from config.errors import ConfigError
from config.load import load_feeds, load_topics, parse_interval, shipped
from config.models import Expectation, Feed, Topic


@pytest.fixture
def write(tmp_path: Path):
    """Write a file, and give its path."""

    def write(content: str | bytes, name: str = "file.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def complaints(load, path: Path) -> list[str]:
    """The lines of the error, each without the path that it must begin with."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines), lines
    return [line.removeprefix(f"{path}:") for line in lines]


def one_feed(**values: str) -> str:
    values = {"url": "https://news.example/rss", **values}
    return "feeds:\n  - " + "\n    ".join(f"{key}: {value}" for key, value in values.items())


def one_topic(**values: str) -> str:
    values = {"id": "trade", "name": "Trade", "any": "[tariff]", **values}
    return "topics:\n  - " + "\n    ".join(f"{key}: {value}" for key, value in values.items())


# What is read


def test_a_full_and_a_bare_feed(write):
    path = write("""\
# Two feeds
feeds:
  - url: https://news.example/rss?section=world#top
    outlet:   The   Harbour
      Gazette
    country: tw
    language: zh-hant-tw
    interval: 15m
    tags: [wire, asia]
  - url: http://other.example:8080/atom
""")
    assert load_feeds(path) == (
        Feed("https://news.example/rss?section=world#top", "The Harbour Gazette", "TW",
             "zh-Hant-TW", 900, ("wire", "asia")),
        Feed("http://other.example:8080/atom", None, None, None, None, ()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "written", "read"),
    [
        pytest.param("country", "NO", "NO", id="Norway is no boolean"),
        pytest.param("country", "no", "NO", id="nor in lower case"),
        pytest.param("language", "no", "no", id="nor is Norwegian"),
        pytest.param("outlet", "1234", "1234", id="a name of digits"),
        pytest.param("outlet", "2026-01-05", "2026-01-05", id="a name like a date"),
        pytest.param("outlet", "null", "null", id="a name like nothing"),
        pytest.param("outlet", "0x1F", "0x1F", id="a name like a number"),
        pytest.param("language", "iw", "he", id="a retired language code"),
        pytest.param("language", "pt-br", "pt-BR", id="a region"),
        pytest.param("interval", "1s", 1, id="the shortest interval"),
        pytest.param("interval", "7d", 604_800, id="the longest interval"),
        pytest.param("kind", "sitemap", "sitemap", id="a sitemap"),
        pytest.param("expect", "{at_least: 5, per: day}", Expectation(5, 86_400), id="a day"),
        pytest.param("expect", "{per: 12h, at_least: 1}", Expectation(1, 43_200), id="12 hours"),
    ],
)
def test_values_are_taken_as_they_are_written(write, key, written, read):
    (feed,) = load_feeds(write(one_feed(**{key: written})))
    assert getattr(feed, key) == read


def test_tags_keep_what_looks_like_a_boolean(write):
    (feed,) = load_feeds(write(one_feed(tags="[yes, off, 1, ~x]")))
    assert feed.tags == ("yes", "off", "1", "~x")


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda text: b"\xef\xbb\xbf" + text.encode(), id="byte order mark"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="Windows line ends"),
        pytest.param(lambda text: b"---\n" + text.encode() + b"\n...\n", id="document marks"),
    ],
)
def test_files_of_other_editors(write, encode):
    (feed,) = load_feeds(write(encode(one_feed(outlet="Größe"))))
    assert feed.outlet == "Größe"


def test_topics_in_the_order_of_the_file(write):
    path = write("""\
topics:
  - id: us-china
    name: The US and China
    any: [U.S.-China, "C++", 中美, сан*]
  - {id: a1, name: Another, any: [one phrase]}
""")
    assert load_topics(path).topics == (
        Topic("us-china", "The US and China", ("U.S.-China", "C++", "中美", "сан*")),
        Topic("a1", "Another", ("one phrase",)),
    )


def test_one_phrase_may_stand_in_two_topics(write):
    text = "topics:\n  - {id: a, name: A, any: [chip]}\n  - {id: b, name: B, any: [chip]}"
    assert len(load_topics(write(text)).topics) == 2


def test_the_version_follows_the_topics_and_not_the_file(write):
    a, b = "{id: a, name: A, any: [x]}", "{id: b, name: B, any: [y]}"
    first = load_topics(write(f"topics: [{a}, {b}]", "1.yaml")).version
    same = load_topics(write(f"# moved\ntopics:\n  - {b}\n  - {a}\n", "2.yaml")).version
    other = load_topics(write(f"topics: [{a}, {b.replace('[y]', '[z]')}]", "3.yaml")).version
    assert first == same != other


def test_the_shipped_catalogues_are_valid():
    feeds, taxonomy = load_feeds(shipped("feeds.yaml")), load_topics(shipped("topics.yaml"))
    assert len(feeds) >= 50
    assert {"sanctions", "taiwan", "ukraine-war", "defence-industry"} <= {
        topic.id for topic in taxonomy.topics
    }


# What is wrong

NO_LIST = "1: 'feeds' lists no feed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ["1: the file is empty; it begins with 'feeds:'"], id="empty file"),
        pytest.param("# none\n", ["1: the file is empty; it begins with 'feeds:'"], id="comments"),
        pytest.param("topics: []", ["1: this is a file of topics, not of feeds; swapped?"],
                     id="the other file"),
        pytest.param("- a\n", ["1: the file must be a mapping with feeds, revisit"], id="a list"),
        pytest.param("feeds: []", [NO_LIST], id="no feeds"),
        pytest.param("feeds: x", ["1: 'feeds' must be a list"], id="no list"),
        pytest.param(
            "feed:\n  - url: http://x.example/",
            ["1: the file lacks 'feeds'",
             "1: unknown key 'feed' in the file; did you mean 'feeds'? (valid: feeds, revisit)"],
            id="a mistyped top key",
        ),
        pytest.param("feeds:\n  - http://x.example/",
                     ["2: a feed must be a mapping with url, outlet, country, language, interval, "
                      "tags, kind, expect, robots, revisit"],
                     id="a bare URL"),
        pytest.param("feeds:\n  - outlet: A", ["2: a feed lacks 'url'"], id="no URL"),
    ],
)  # fmt: skip
def test_shape_of_a_feeds_file(write, text, expected):
    assert complaints(load_feeds, write(text)) == expected


@pytest.mark.parametrize(
    ("values", "line", "parts"),
    [
        pytest.param({"langauge": "en"}, 3, ["'langauge'", "did you mean 'language'?", "interval"],
                     id="mistyped key"),
        pytest.param({"zzz": "en"}, 3, ["'zzz'", "valid: url, outlet, country"], id="unknown key"),
        pytest.param({"country": "UK"}, 3, ["'country'", "'UK'", "GB", "ISO 3166-1"], id="UK"),
        pytest.param({"country": "Germany"}, 3, ["'Germany'", "DE"], id="a country's name"),
        pytest.param({"country": "EU"}, 3, ["'EU'"], id="EU is no country"),
        pytest.param({"language": "english"}, 3, ["'language'", "'english'", "zh-Hant"],
                     id="a language's name"),
        pytest.param({"language": "[en, fr]"}, 3, ["'language' must be plain text"],
                     id="two languages"),
        pytest.param({"interval": "15"}, 3, ["'interval'", "'15'", "h, d or w"], id="no unit"),
        pytest.param({"interval": "0s"}, 3, ["'0s'", "1s to 7d"], id="too short"),
        pytest.param({"interval": "8d"}, 3, ["'8d'", "1s to 7d"], id="too long"),
        pytest.param({"interval": "-5m"}, 3, ["'-5m'"], id="negative"),
        pytest.param({"interval": "1.5h"}, 3, ["'1.5h'"], id="a fraction"),
        pytest.param({"kind": "newsletter"}, 3, ["'kind'", "feed or sitemap"], id="kind"),
        pytest.param({"robots": "no"}, 3, ["'robots'", "obey or ignore"], id="robots"),
        pytest.param({"expect": "5"}, 3, ["'expect' must be a mapping", "at_least"], id="bare"),
        pytest.param({"expect": "{at_least: 5}"}, 3, ["'expect' lacks 'per'"], id="no period"),
        pytest.param({"expect": "{at_least: 0, per: day}"}, 3, ["'0'", "from 1"], id="none"),
        pytest.param({"expect": "{at_least: 5, per: month}"}, 3, ["'month'", "week"], id="month"),
        pytest.param({"outlet": ""}, 3, ["'outlet' is empty"], id="empty outlet"),
        pytest.param({"outlet": "'  '"}, 3, ["'outlet' is empty"], id="blank outlet"),
        pytest.param({"tags": "wire"}, 3, ["'tags' must be a list"], id="tags without brackets"),
        pytest.param({"tags": "[{a: b}]"}, 3, ["a tag must be plain text"], id="a tag with parts"),
        pytest.param({"url": "ftp://x.example/"}, 2, ["'ftp://x.example/'", "https://"], id="ftp"),
        pytest.param({"url": "news.example/rss"}, 2, ["'news.example/rss'", "http://"],
                     id="URL without scheme"),
        pytest.param({"url": "https:///rss"}, 2, ["'https:///rss'"], id="URL without host"),
        pytest.param({"url": "http://x.example:99999/"}, 2, ["99999", "no URL"],
                     id="URL with a wild port"),
        pytest.param({"url": "'http://[::1/'"}, 2, ["no URL"], id="URL with half a bracket"),
        pytest.param({"url": f"http://x.example/{'a' * 8_192}"}, 2, ["longer than 8,192"],
                     id="URL without end"),
        pytest.param({"url": "http://x.example/a b"}, 2, ["no URL"], id="URL with a space"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_line_and_valid_choices(write, values, line, parts):
    (complaint,) = complaints(load_feeds, write(one_feed(**values)))
    assert complaint.startswith(f"{line}: ")
    assert [part for part in parts if part not in complaint] == []


def test_credentials_are_refused_and_not_repeated(write):
    (complaint,) = complaints(load_feeds, write(one_feed(url="https://me:hunter2@x.example/rss")))
    assert "credentials" in complaint
    assert "x.example" in complaint
    assert "hunter2" not in complaint


def test_several_problems_are_told_at_once_in_order(write):
    path = write("""\
feeds:
  - url: https://a.example/rss
    country: XX
  - url: nonsense
    interval: soon
  - outlet: Nowhere
  - url: https://a.example/rss
  - url: https://b.example/rss
    outlet: B
    outlet: C
""")
    lines = complaints(load_feeds, path)
    assert [line.partition(":")[0] for line in lines] == ["3", "4", "5", "6", "7", "10"]
    assert lines[4] == "7: feed https://a.example/rss stands already in line 2"
    assert lines[5] == "10: key 'outlet' stands twice in a feed"


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        pytest.param({"any": "[]"}, ["'trade'", "no phrase"], id="no phrases"),
        pytest.param({"any": "[tariff, TARIFF]"}, ["'TARIFF'", "twice", "'trade'"], id="case"),
        pytest.param({"any": "[Straße, STRASSE]"}, ["'STRASSE'", "twice"], id="sharp s"),
        pytest.param({"any": "['*']"}, ["valid: *", "3"], id="a star alone"),
        pytest.param({"any": "['ta*']"}, ["'ta*'", "3"], id="too short for a star"),
        pytest.param({"any": "['*tariff']"}, ["'*tariff'", "at the end"], id="star in front"),
        pytest.param({"any": "['tar*iff']"}, ["'tar*iff'", "at the end"], id="star inside"),
        pytest.param({"any": "['tariff**']"}, ["'tariff**'", "at the end"], id="two stars"),
        pytest.param({"any": "['...']"}, ["'...'", "no letter"], id="no letter"),
        pytest.param({"any": "['\u0640\u0640']"}, ["no letter"], id="stretched nothing"),
        pytest.param({"any": "['']"}, ["empty"], id="empty phrase"),
        pytest.param({"any": "tariff"}, ["'any' must be a list"], id="phrases without brackets"),
        pytest.param({"id": "Trade"}, ["'Trade'", "lower-case"], id="capital in an id"),
        pytest.param({"id": "trade--war"}, ["'trade--war'", "single hyphens"], id="two hyphens"),
        pytest.param({"every": "[x]"}, ["'every'", "valid: id, name"], id="unknown key"),
        pytest.param({"name": "''"}, ["'name' is empty"], id="empty name"),
    ],
)
def test_wrong_topics(write, values, parts):
    text = "; ".join(complaints(load_topics, write(one_topic(**values))))
    assert [part for part in parts if part not in text] == []


def test_topics_lack_keys_and_stand_twice(write):
    path = write("""\
topics:
  - {id: a, name: A, any: [x]}
  - {id: b, any: [y]}
  - {id: a, name: C, any: [z]}
""")
    assert complaints(load_topics, path) == [
        "3: a topic lacks 'name'",
        "4: topic 'a' stands already in line 2",
    ]


@pytest.mark.parametrize(
    ("content", "line", "part"),
    [
        pytest.param(b"feeds:\n  - url: [\n", 3, "not YAML", id="unclosed list"),
        pytest.param(b"feeds:\n\t- url: x\n", 2, "not YAML", id="tab"),
        pytest.param(b"feeds: []\n---\nfeeds: []\n", 2, "not YAML", id="two documents"),
        pytest.param(b"feeds:\n  - *nobody\n", 2, "not YAML", id="unknown alias"),
        pytest.param(b"feeds:\n\n  - url: \x07\n", 3, "not YAML", id="control character"),
        pytest.param(b"feeds:\n  - outlet: Gr\xf6\xdfe\n", 2, "not UTF-8", id="Latin-1"),
        pytest.param(b"[" * 5_000, 1, "not YAML", id="bottomless nesting"),
    ],
)
@pytest.mark.parametrize("load", [load_feeds, load_topics])
def test_what_is_no_yaml(write, load, content, line, part):
    (complaint,) = complaints(load, write(content))
    assert complaint.startswith(f"{line}: ")
    assert part in complaint


def test_a_list_that_holds_itself_is_refused(write):
    (complaint,) = complaints(load_feeds, write("feeds: &self\n  - *self\n"))
    assert "a feed must be a mapping" in complaint


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        load_feeds(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="directory"):
        load_topics(tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("6h", 21_600), ("1d", 86_400), ("2 h", 7_200)]
)
def test_intervals(text, seconds):
    assert parse_interval(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "15 minutes", "2w", "15M", "٣m²", "1h30m", "9999999s"])
def test_no_intervals(text):
    with pytest.raises(ValueError, match=r"span of time|range"):
        parse_interval(text)


# The error tree

ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_errors_survive_the_way_between_processes(kind, again):
    error = again(kind("feeds.yaml:3: wrong"))
    assert type(error) is kind
    assert str(error) == "feeds.yaml:3: wrong"
    assert isinstance(error, errors.NewsbeamError)
    assert error.exit_status in (1, 2, 75)
    assert kind.__name__ in (errors.__doc__ or ""), "the drawing of the tree lacks it"
