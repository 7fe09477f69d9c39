"""Kept pages: which, for how long, what extracting anew makes of them; causes of versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from warcio import ArchiveIterator

from sinks.keep.check import check_database
from tests.kit.newsrooms import StartNewsroom, run_over
from tests.kit.program import KIND_TO_LOOPBACK, newsbeam
from tests.kit.rows import content, rows
from tests.kit.sites import Reply, Site

SAID = (
    "The lamp of the outer beacon was changed on Monday, and the fishermen were told by radio.",
    "Its light reaches eleven miles now, two more than before, the office of the harbour says.",
    "The old lamp goes to the school on the hill, where a teacher has asked for it since autumn.",
)
HTML = {"Content-Type": "text/html"}
STORIES = 4
OLDER = """
UPDATE articles SET text = upper(text), text_hash = sha256(upper(text)), extractor = 'older 1.0'
"""
CAUSES = "SELECT version, cause, count(*) FROM article_history GROUP BY ALL ORDER BY ALL"


def story(number: int, more: str = "", head: str = "") -> bytes:
    text = "".join(f"<p>{said} Beacon {number}.{more}</p>" for said in SAID)
    return (f"<html><head>{head}</head><body><article><h1>Lamp {number}</h1>{text}</article>"
            "</body></html>").encode()  # fmt: skip


class Beacon:
    """A site with a feed, of whose pages one asks not to be kept; a database and runs over it."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.database, self.folder = site, folder / "news.duckdb", folder
        self.kept = folder / "news.duckdb.pages"
        for number in range(1, STORIES + 1):
            site.at(f"/{number}", Reply(200, story(number), HTML))
        site.at("/3", Reply(200, story(3, head='<meta name="robots" content="noarchive">'), HTML))
        self.list()
        self.feeds = folder / "feeds.yaml"
        self.feeds.write_text(f"feeds:\n  - url: {site.base}/feed\n")

    def list(self, **titles: str) -> None:
        items = "".join(
            f"<item><title>{titles.get(f'of_{n}', f'Lamp {n}')}</title>"
            f"<link>{self.site.base}/{n}</link></item>"
            for n in range(1, STORIES + 1)
        )
        body = f'<rss version="2.0"><channel><title>Beacon</title>{items}</channel></rss>'
        self.site.at("/feed", Reply(200, body.encode(), {"Content-Type": "application/rss+xml"}))

    def run(self, *more: object) -> dict[str, Any]:
        command = ["run", "--feeds", self.feeds, "--database", self.database, "--json", "--now"]
        run: dict[str, Any] = json.loads(newsbeam(*command, *KIND_TO_LOOPBACK, *more).stdout)["run"]
        return run

    def again(self, *more: object) -> dict[str, Any]:
        found = newsbeam("reextract", "--database", self.database, "--json", *more).stdout
        document: dict[str, Any] = json.loads(found)
        return document

    def execute(self, statement: str) -> None:
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.database, query)

    def read_again(self, **titles: str) -> None:
        """What a feed lists with another headline is read again by the next run but one."""
        self.list(**titles)
        self.run("--keep-pages", "30d")
        self.run("--keep-pages", "30d")


@pytest.fixture
def beacon(tmp_path: Path) -> Iterator[Beacon]:
    site = Site()
    try:
        beacon = Beacon(site, tmp_path)
        beacon.run("--keep-pages", "30d")
        yield beacon
        assert check_database(beacon.database, 0) == []
    finally:
        site.close()


def bodies(folder: Path) -> list[str]:
    """The addresses of the answers in the files of a folder, digests checked."""
    found = []
    for path in sorted(folder.glob("*.warc.gz")):
        with open(path, "rb") as file:
            for record in ArchiveIterator(file, check_digests="raise"):
                if record.rec_type == "response":
                    record.raw_stream.read()
                    found.append(record.rec_headers.get_header("WARC-Target-URI"))
    return found


# Kept


def test_pages_are_kept_but_those_that_ask_not_to_be(beacon: Beacon) -> None:
    kept = beacon.rows("SELECT url FROM kept_pages ORDER BY url")
    assert kept == [(f"{beacon.site.base}/{number}",) for number in (1, 2, 4)]
    assert sorted(bodies(beacon.kept)) == [url for (url,) in kept]
    assert beacon.rows(
        "SELECT count(*) FROM kept_pages JOIN articles USING (article_id, body_hash, fetched_at) "
        "WHERE until = fetched_at + INTERVAL 30 DAY"
    ) == [(3,)]


def test_without_the_option_nothing_is_kept(tmp_path: Path, start_newsroom: StartNewsroom) -> None:
    run_over(start_newsroom("--articles", "5", "--outlets", "2"), tmp_path / "news.duckdb")
    assert not (tmp_path / "news.duckdb.pages").exists()
    told = newsbeam("reextract", "--database", tmp_path / "news.duckdb").stdout
    assert "no page was kept" in told


def test_pages_go_when_their_time_is_over(beacon: Beacon) -> None:
    beacon.execute("UPDATE kept_pages SET until = now() - INTERVAL 1 HOUR")
    beacon.site.at("/1", Reply(200, story(1, " It is new."), HTML))
    beacon.read_again(of_1="The lamp")
    assert beacon.rows("SELECT url FROM kept_pages") == [(f"{beacon.site.base}/1",)]
    beacon.run("--keep-pages", "30d")
    assert bodies(beacon.kept) == [f"{beacon.site.base}/1"]


def test_the_pages_of_pruned_articles_are_wiped_from_their_files(beacon: Beacon) -> None:
    beacon.execute("UPDATE articles SET published_at = now() - INTERVAL 9 DAY WHERE url LIKE '%/2'")
    newsbeam("prune", "--older-than", "8d", "--database", beacon.database)
    assert [url[-2:] for url in bodies(beacon.kept)] == ["/1", "/4"]
    assert beacon.again("--dry-run")["read"] == 2, "the others are found at their new places"
    beacon.execute("UPDATE articles SET published_at = now() - INTERVAL 9 DAY")
    newsbeam("prune", "--older-than", "8d", "--database", beacon.database)
    assert list(beacon.kept.glob("*.warc.gz")) == []


# Extracted anew


def test_extracted_anew_by_the_same_program_nothing_changes(beacon: Beacon) -> None:
    before = content(beacon.database)
    news = beacon.rows("SELECT article_id, sequence FROM articles ORDER BY ALL")
    found = beacon.again()
    assert (found["articles"], found["pages"], found["read"]) == (4, 3, 3)
    assert (found["texts_changed"], found["titles_changed"], found["topics_changed"]) == (0, 0, 0)
    assert found["changed"]
    assert content(beacon.database) == before
    assert beacon.rows("SELECT article_id, sequence FROM articles ORDER BY ALL") == news


def test_another_extractor_makes_versions_that_are_no_edits(beacon: Beacon) -> None:
    before = content(beacon.database)["articles"]
    beacon.execute(OLDER)
    asked = sum(beacon.site.seen().values())
    told = beacon.again("--dry-run")
    assert (told["texts_changed"], told["changed"], len(told["examples"])) == (3, False, 3)
    assert beacon.rows(CAUSES) == [(1, "first", 4)], "a dry run changes nothing"
    assert beacon.again()["texts_changed"] == 3
    assert beacon.rows(CAUSES) == [(1, "first", 4), (2, "extractor", 3)]
    assert beacon.rows("FROM article_changes") == []
    texts = "SELECT text FROM articles WHERE version = 2 ORDER BY url"
    assert [text.isupper() for (text,) in beacon.rows(texts)] == [False] * 3
    assert len(before) == 4
    assert sum(beacon.site.seen().values()) == asked, "the web is not asked"
    assert beacon.again()["texts_changed"] == 0


def test_only_what_was_fetched_since_then_is_read(beacon: Beacon) -> None:
    beacon.execute(
        "UPDATE articles SET fetched_at = fetched_at - INTERVAL 3 DAY WHERE url LIKE '%1'"
    )
    assert beacon.again("--since", "2d", "--dry-run")["read"] == 2


def test_an_archive_serves_as_well_where_it_has_the_very_page(tmp_path: Path) -> None:
    site = Site()
    try:
        beacon = Beacon(site, tmp_path)
        beacon.run("--archive", tmp_path / "archive")
        files = [f"--from-warc={file}" for file in (tmp_path / "archive").glob("*.warc.gz")]
        beacon.execute(OLDER)
        beacon.execute("UPDATE articles SET body_hash = sha256('another') WHERE url LIKE '%/2'")
        found = beacon.again(*files)
        assert (found["pages"], found["read"], found["failed"]) == (4, 3, {"NotKept": 1})
        assert beacon.rows(CAUSES) == [(1, "first", 4), (2, "extractor", 3)]
        assert check_database(beacon.database, 0) == []
    finally:
        site.close()


def test_a_kept_page_that_is_gone_leaves_its_article_as_it_is(beacon: Beacon) -> None:
    for path in beacon.kept.iterdir():
        path.unlink()
    found = beacon.again()
    assert (found["read"], found["failed"]) == (0, {"NotKept": 3})
    assert beacon.rows(CAUSES) == [(1, "first", 4)]


# Causes


def test_read_again_by_another_extractor_the_kept_page_tells_whether_it_was_edited(
    beacon: Beacon,
) -> None:
    """One page was edited, one only has another advertisement; of the third nothing was kept."""
    beacon.execute(OLDER)
    beacon.site.at("/1", Reply(200, story(1, " It is new."), HTML))
    beacon.site.at("/2", Reply(200, story(2) + b"<!-- another day -->", HTML))
    beacon.site.at("/3", Reply(200, story(3, " It is new, too."), HTML))
    beacon.execute("UPDATE entries SET recheck_at = listed_at")
    beacon.run("--keep-pages", "30d")
    causes = beacon.rows("SELECT url[-1:], cause FROM articles WHERE version = 2 ORDER BY url")
    assert causes == [("1", "edit"), ("2", "extractor"), ("3", "extractor"), ("4", "extractor")]
    assert beacon.rows("SELECT url[-1:] FROM article_changes") == [("1",)]


def test_a_headline_that_a_feed_changes_is_an_edit_whoever_reads_it(beacon: Beacon) -> None:
    beacon.execute("UPDATE articles SET extractor = 'older 1.0'")
    beacon.read_again(of_4="The lamp is bright")
    assert beacon.rows("SELECT title, cause FROM articles WHERE version = 2") == [
        ("The lamp is bright", "edit")
    ]
