"""Lists of feeds go to and fro between feed readers and feeds files."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.load import load_feeds, shipped
from config.models import Expectation, Feed
from config.opml import LARGEST, read_opml, write_feeds, write_opml

FULL = Feed(
    "https://news.example/rss?a=1&b=2", 'The "Harbour" <Gazette>', "NO", "no", 5400,
    ("wire", "weather & sea"), "sitemap", Expectation(5, 86_400), "ignore",
)  # fmt: skip
OPML = """\
<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.0"><head><title>Mine</title></head><body>
<outline text="News">
  <outline title="Harbour Gazette" type="rss" xmlUrl="https://news.example/rss" language="en-gb"/>
  <outline text="Wires">
    <outline text=" Pier  Wire " xmlUrl="http://pier.example/atom" category="/sea/tides,fast"/>
  </outline>
</outline>
<outline xmlUrl="https://plain.example/feed" language="klingon"/>
<outline text="A note without a feed"/>
<outline text="Bad" xmlUrl="feed:nonsense"/>
<outline text="Tides" ><outline text="Again" xmlUrl="https://news.example/rss"/></outline>
</body></opml>"""


@pytest.fixture
def opml(tmp_path: Path):
    def write(content: str | bytes) -> Path:
        path = tmp_path / "list.opml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_folders_and_categories_become_tags(opml):
    path = opml(OPML)
    found = read_opml(path)
    assert found.feeds == (
        Feed("https://news.example/rss", "Again", None, None, None, ("News", "Tides"))._replace(
            outlet="Harbour Gazette", language="en-GB"),
        Feed("http://pier.example/atom", "Pier Wire", tags=("News", "Wires", "sea/tides", "fast")),
        Feed("https://plain.example/feed"),
    )  # fmt: skip
    assert [note.removeprefix(f"{path}:") for note in found.notes] == [
        "11: left out: 'feed:nonsense' is no URL; valid: http://… or https://…",
        "12: https://news.example/rss is listed twice; its tags are joined",
    ]


@pytest.mark.parametrize("feeds", [(FULL,), load_feeds(shipped("feeds.yaml"))])
def test_what_is_exported_is_imported_as_it_was(opml, tmp_path, feeds):
    assert read_opml(opml(write_opml(feeds, "Mine"))).feeds == tuple(feeds)
    path = tmp_path / "feeds.yaml"
    path.write_text(write_feeds(feeds), encoding="utf-8")
    assert load_feeds(path) == tuple(feeds)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "not XML"),
        ("<opml><body>\n<outline>\n</body></opml>", ":3: not XML"),
        ("<html/>", "not OPML: its root element is html"),
        ("<opml version='2.0'><body><outline text='x'/></body></opml>", "lists no feed"),
        (b" " * (LARGEST + 1), "more than 10,000,000 bytes"),
        ("<opml><body>" + "<outline text='x'>" * 5_000, "not XML"),
    ],
)
def test_what_is_no_list_of_feeds_is_refused(opml, content, part):
    path = opml(content)
    with pytest.raises(ConfigError, match=part) as refused:
        read_opml(path)
    assert str(refused.value).startswith(str(path))


def test_files_are_not_read_through_entities(opml, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    document = OPML.replace(
        "<opml", f'<!DOCTYPE opml [<!ENTITY x SYSTEM "{secret.as_uri()}">]><opml'
    )
    with pytest.raises(ConfigError, match="external entity"):
        read_opml(opml(document.replace("Harbour Gazette", "&x; Gazette")))
