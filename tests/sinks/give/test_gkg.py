"""Rows of GDELT's GKG 2.1, read by a reader that takes the codebook at its word."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

from config.models import Taxonomy, Topic
from sinks.ask.selection import Selection
from sinks.give.export import export_articles
from sinks.give.gkg import COLUMNS, Source, line, theme
from tests.kit.samples import FEED, NOON, article, at, commit, listed, page, poll
from transforms.records import Article, TopicMatch
from transforms.topics.tagger import Tagger

EMPTY = set(range(27)) - {0, 1, 2, 3, 4, 7, 8, 17, 25, 26}
TOPICS = (
    Topic("dual-use", "Dual use", ("dual-use goods", "centrifuge*")),
    Topic("taiwan", "Taiwan", ("Taiwan", "台湾")),
)


class Row(NamedTuple):
    """A row, as the codebook tells to read it."""

    record: str
    batch: datetime
    source: str
    document: str
    themes: list[str]
    places: list[tuple[str, int]]
    words: int
    language: str
    extras: dict[str, str]


def read(text: str) -> Row:
    """One line; whatever has not the form of the codebook fails."""
    fields = text.split("\t")
    assert len(fields) == len(COLUMNS) == 27
    assert all(fields[number] == "" for number in EMPTY)
    assert re.fullmatch(r"\d{14}-\d+", fields[0])
    assert fields[0].startswith(f"{fields[1]}-")
    assert fields[2] == "1"
    assert fields[4].startswith(("http://", "https://"))
    assert re.fullmatch(r"([A-Z0-9_]+;)*", fields[7])
    assert re.fullmatch(r"([A-Z0-9_]+,\d+;)*", fields[8])
    assert re.fullmatch(r"wc:\d+", fields[17])
    assert re.fullmatch(r"(srclc:[a-z]{3};)?", fields[25])
    pairs = [item.split(",") for item in fields[8].split(";")[:-1]]
    extras = ElementTree.fromstring(f"<extras>{fields[26]}</extras>")
    return Row(
        fields[0],
        datetime.strptime(fields[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC),
        fields[3],
        fields[4],
        fields[7].split(";")[:-1],
        [(name, int(offset)) for name, offset in pairs],
        int(fields[17].removeprefix("wc:")),
        fields[25],
        {item.tag: item.text or "" for item in extras},
    )


def tagged(number: int, **changes: Any) -> tuple[Article, tuple[TopicMatch, ...]]:
    found = article(number, **changes)
    return found, tuple(Tagger(Taxonomy(TOPICS)).tag(found.title or "", found.text))


ARTICLES = (
    tagged(1, title="Taiwan & <centrifuges>", text="Dual-use goods\nfor Taiwan; 😀 centrifuge."),
    tagged(2, title="A\ttab,\na line\u2028and\x0bmore", text="About Taiwan\tand Taiwan.",
           byline="A. Writer & B. <Other>", published_source="page"),
    tagged(3, title=None, text="今日台湾。", language="zh-Hant", word_count=5,
           canonical_url="https://www.news.dawn.co.uk/3?a=1&b=2"),
    tagged(4, text="Nothing of note.", language=None, published_at=None, word_count=None),
    tagged(5, language="de-AT", listed_at=at(0.5)),
)  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("gkg")
    found = [page(n, item, topics=topics) for n, (item, topics) in enumerate(ARTICLES, 1)]
    commit(folder / "news.duckdb", [poll(FEED, 0, [listed(FEED, n) for n in range(1, 6)])], found)
    export_articles(folder / "news.duckdb", "gkg", folder / "news.gkg", Selection())
    return (folder / "news.gkg").read_bytes().decode("utf-8")


@pytest.fixture(scope="module")
def found(exported: str) -> dict[int, Row]:
    """Rows by the number of the article."""
    return {int(row.document.split("/")[-1][0]): row for row in map(read, exported.splitlines())}


def test_a_line_is_a_row_for_every_reader(exported: str, found: dict[int, Row]) -> None:
    assert exported.endswith("\n")
    assert exported.count("\n") == len(exported.splitlines()) == len(ARTICLES) == len(found)


def test_offsets_point_at_the_matched_words(found: dict[int, Row]) -> None:
    checked = 0
    for number, (item, topics) in enumerate(ARTICLES, 1):
        document = "\n".join(part for part in (item.title, item.text) if part)
        words = {theme(topic.topic): {place.matched for place in topic.evidence}
                 for topic in topics}  # fmt: skip
        for name, offset in found[number].places:
            assert document.startswith(tuple(words[name]), offset)
            checked += 1
        assert len(found[number].places) == sum(len(topic.evidence) for topic in topics)
        assert [at for _, at in found[number].places] == sorted(
            at for _, at in found[number].places
        )
    assert checked >= 9


def test_themes_are_topics(found: dict[int, Row]) -> None:
    assert sorted(found[1].themes) == ["NEWSBEAM_DUAL_USE", "NEWSBEAM_TAIWAN"]
    assert found[3].themes == ["NEWSBEAM_TAIWAN"]
    assert found[4].themes == []


def test_a_document_is_its_address_and_its_source_the_registered_domain(
    found: dict[int, Row],
) -> None:
    assert found[3].document == "https://www.news.dawn.co.uk/3?a=1&b=2"
    assert found[3].source == "dawn.co.uk"
    assert found[1].source == "dawn.example"


def test_what_is_known_of_the_page_is_readable_xml(found: dict[int, Row]) -> None:
    assert found[1].extras == {
        "PAGE_PRECISEPUBTIMESTAMP": "20260301110000",
        "PAGE_TITLE": "Taiwan & <centrifuges>",
    }
    assert found[2].extras == {
        "PAGE_AUTHORS": "A. Writer & B. <Other>",
        "PAGE_TITLE": "A tab, a line and more",
    }
    assert "PAGE_TITLE" not in found[3].extras
    assert "PAGE_PRECISEPUBTIMESTAMP" not in found[4].extras


def test_languages_are_named_and_english_is_not(found: dict[int, Row]) -> None:
    told = {number: row.language for number, row in found.items()}
    assert told == {1: "", 2: "", 3: "srclc:zho;", 4: "srclc:und;", 5: "srclc:deu;"}


def test_words_are_counted(found: dict[int, Row]) -> None:
    assert [found[number].words for number in (1, 3, 4)] == [6, 5, 0]


def test_ids_are_unique_and_stay(found: dict[int, Row], exported: str, tmp_path: Path) -> None:
    ids = {row.record for row in found.values()}
    assert len(ids) == len(ARTICLES)
    commit(tmp_path / "other.duckdb", [poll(FEED, 0, [listed(FEED, 5)])],
           [page(5, ARTICLES[4][0], topics=ARTICLES[4][1])])  # fmt: skip
    export_articles(tmp_path / "other.duckdb", "gkg", tmp_path / "other.gkg", Selection())
    assert (tmp_path / "other.gkg").read_text("utf-8").rstrip("\n") in exported.split("\n")


@pytest.mark.parametrize(
    ("minutes", "batch"), [(0, 0), (0.01, 15), (14.99, 15), (15, 15), (15.01, 30), (59, 60)]
)
def test_a_batch_ends_with_its_quarter_of_an_hour(minutes: float, batch: int) -> None:
    source = Source(
        "0" * 32, "https://a.example/", None, None, "en", at(minutes), None, None, 1, []
    )
    assert read(line(source).rstrip("\n")).batch == NOON + timedelta(minutes=batch)
