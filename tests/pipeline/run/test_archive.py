"""Keeping what servers answered, and ingesting it in the place of the web: whole runs."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.kit.newsrooms import StartNewsroom, run_over
from tests.kit.program import KIND_TO_LOOPBACK, newsbeam
from tests.kit.rows import rows
from tests.kit.sites import Reply, Site
from tests.kit.warcs import HTML, MONDAY, warc

SAME = """article_id, canonical_url, outlet, country, text, text_hash, body_hash, bytes, redirects,
    byline, robots"""


@pytest.fixture
def archived(start_newsroom: StartNewsroom, tmp_path: Path) -> tuple[Path, Path, list[Path]]:
    """A feeds file, the database of a run over it, and what that run kept."""
    room = start_newsroom("--articles", "40", "--outlets", "4")
    database = tmp_path / "web.duckdb"
    run_over(room, database, "--archive", tmp_path / "kept")
    return room.feeds, database, sorted((tmp_path / "kept").glob("*.warc.gz"))


def test_an_archive_brings_the_articles_of_the_run_that_kept_it(
    archived: tuple[Path, Path, list[Path]], tmp_path: Path
) -> None:
    feeds, web, files = archived
    other = tmp_path / "other.duckdb"
    command = ["run", "--feeds", feeds, "--database", other, "--from-warc", *files]
    newsbeam(*command, "--", "--direct_running_mode=multi_threading")
    query = f"SELECT {SAME} FROM articles ORDER BY ALL"
    assert len(rows(web, query)) > 30
    assert rows(other, query) == rows(web, query)
    assert rows(
        other, "SELECT DISTINCT kind, listed, next_poll_at FROM feeds WHERE kind = 'warc'"
    ) == [("warc", False, None)]
    fetched = "SELECT article_id, fetched_at FROM articles ORDER BY ALL"
    assert rows(other, fetched) == rows(web, fetched), "the time is that of the capture"
    newsbeam("db", "check", "--database", other)
    before = rows(other, "SELECT count(*) FROM articles")
    newsbeam(*command)
    assert rows(other, "SELECT count(*) FROM articles") == before
    assert rows(other, "SELECT entries_new FROM runs ORDER BY run_id") == [(before[0][0],), (0,)]


def test_pages_that_are_owed_are_taken_from_an_archive_that_has_them(tmp_path: Path) -> None:
    site = Site()
    base, database = site.base, tmp_path / "news.duckdb"
    items = "".join(f"<item><title>Tide {n}</title><link>{base}/{n}</link></item>" for n in (1, 2))
    site.at("/feed", Reply(200, f'<rss version="2.0"><channel>{items}</channel></rss>'.encode()))
    site.at("/1", Reply(503))
    site.at("/2", Reply(503))
    feeds = tmp_path / "feeds.yaml"
    feeds.write_text(f"feeds:\n  - url: {base}/feed\n    outlet: Quay\n")
    newsbeam("run", "--feeds", feeds, "--database", database, *KIND_TO_LOOPBACK)
    story = b"<html><body><article>%s</article></body></html>" % (
        b"<p>The tide table of the harbour was printed with the wrong month, the office said.</p>"
        * 5
    )
    file = warc(tmp_path / "quay.warc.gz", (f"{base}/1", MONDAY, "200 OK", HTML, story))
    asked = sum(site.seen().values())
    newsbeam("run", "--feeds", feeds, "--database", database, "--from-warc", file)
    assert sum(site.seen().values()) == asked, "the web was not asked"
    state = "SELECT url, feed_url LIKE 'warc:%', state FROM entries ORDER BY ALL"
    assert rows(database, state) == [
        (f"{base}/1", False, "fetched"), (f"{base}/1", True, "fetched"),
        (f"{base}/2", False, "pending"),
    ]  # fmt: skip
    assert rows(database, "SELECT feed_url, title FROM articles") == [(f"{base}/feed", "Tide 1")]
    site.close()


def test_what_an_archive_still_owes_is_not_asked_of_the_web(
    archived: tuple[Path, Path, list[Path]], tmp_path: Path
) -> None:
    """As after a run over an archive that was stopped."""
    feeds, _, files = archived
    other = tmp_path / "other.duckdb"
    newsbeam("run", "--feeds", feeds, "--database", other, "--from-warc", *files)
    with duckdb.connect(str(other)) as connection:
        connection.execute("DELETE FROM articles; DELETE FROM article_topics")
        connection.execute("DELETE FROM topic_evidence")
        connection.execute(
            "UPDATE entries SET state = 'pending', next_attempt_at = now(), article_id = NULL"
        )
        connection.execute("UPDATE feeds SET next_poll_at = now() + INTERVAL 1 DAY")
    nothing = tmp_path / "nothing.yaml"
    nothing.write_text("feeds:\n  - url: http://127.9.9.9:9999/\n")
    newsbeam("run", "--feeds", nothing, "--database", other, *KIND_TO_LOOPBACK)
    assert rows(other, "SELECT count(*) FROM articles") == [(0,)]
    newsbeam("run", "--feeds", feeds, "--database", other, "--from-warc", *files)
    assert rows(other, "SELECT DISTINCT state FROM entries") == [("fetched",)]


def test_wrong_archives_are_refused(tmp_path: Path) -> None:
    no = tmp_path / "no.warc.gz"
    no.write_bytes(b"nothing of the kind")
    database = ["--database", tmp_path / "news.duckdb"]
    result = newsbeam("run", *database, "--from-warc", no, expect=1)
    assert "no.warc.gz" in result.stderr
    assert "Traceback" not in result.stderr
    result = newsbeam("run", *database, "--from-warc", no, "absent.warc.gz", expect=2)
    assert "absent.warc.gz" in result.stderr
    result = newsbeam("run", *database, "--from-warc", no, "--now", expect=2)
    assert "--now" in result.stderr
    result = newsbeam("run", *database, "--archive", no, expect=2)
    assert "no.warc.gz" in result.stderr
