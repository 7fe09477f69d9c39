"""Entries over several runs: none is lost, none is doubled, each has the text that is its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.keep.check import check_database
from tests.kit.program import newsbeam
from tests.kit.rows import rows
from tests.kit.sites import Reply, Site

SAID = (
    "The harbour master has closed the eastern lock for the day, and three barges wait outside.",
    "A choir of ferrymen sings on the quay until the water is high enough for them to leave.",
    "The lock is open again, the barges are in, and the choir has gone home without a word.",
)
STORY = "<html><body><article><h1>{}</h1>{}</article></body></html>"


def item(number: int, link: str, **parts: str) -> str:
    told = {"title": f"Headline {number}", "guid": f"q-{number}"} | parts
    said = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in told.items() if value)
    date = f"Mon, 02 Mar 2026 0{number}:00:00 GMT"
    return f"<item><link>{link}</link><pubDate>{date}</pubDate>{said}</item>"


def feed(*items: str) -> Reply:
    space = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    body = (
        f'<rss version="2.0" {space}><channel><title>Quay</title>{"".join(items)}</channel></rss>'
    )
    return Reply(200, body.encode(), {"Content-Type": "application/rss+xml"})


def story(headline: str) -> Reply:
    text = "".join(f"<p>{headline}: {said} {said}</p>" for said in SAID)
    return Reply(200, STORY.format(headline, text).encode(), {"Content-Type": "text/html"})


class Desk:
    """A site with three feeds, a database, and runs over them."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.database = site, folder / "news.duckdb"
        self.feeds = folder / "feeds.yaml"
        urls = "".join(f"  - url: {site.base}/{name}.rss\n" for name in ("live", "board", "tide"))
        self.feeds.write_text(f"feeds:\n{urls}")

    def run(self, live: Reply, board: Reply, tide: Reply) -> tuple[int, int, int]:
        """How many entries and articles are new, and how many articles have changed."""
        for name, reply in (("live", live), ("board", board), ("tide", tide)):
            self.site.at(f"/{name}.rss", reply)
        result = newsbeam(
            "run", "--feeds", self.feeds, "--database", self.database, "--allow-private-hosts",
            "--host-delay", "0", "--now", "--json",
        )  # fmt: skip
        run = json.loads(result.stdout)["run"]
        return run["entries_new"], run["articles_new"], run["articles_changed"]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return rows(self.database, query)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    site = Site()
    yield Desk(site, tmp_path)
    site.close()


def post(number: int, text: str, **parts: str) -> str:
    """A post of a live blog, which is one page."""
    html = f"<p>{text} {text}</p>"
    return item(number, f"/live#post-{number}", **{"content:encoded": html}, **parts)


def notice(number: int) -> str:
    """A notice on a board, which is one page, with no text of its own."""
    return item(number, "/board", description="Pinned to the board", guid="board")


def tale(number: int, poll: int) -> str:
    return item(number, f"/tale-{number}?session={poll}0{number}&amp;t={poll}")


def test_entries_of_one_page_and_links_that_change(desk: Desk) -> None:
    for page in ("/live", "/board", "/tale-1", "/tale-2"):
        desk.site.at(page, story(f"The page {page[1:]}"))
        for poll in "123":
            desk.site.at(f"{page}?session={poll}0{page[-1]}&t={poll}", story(f"The {page[1:]}"))
    first, second, third = SAID
    old = [post(2, second), post(1, first)]
    board = feed(notice(3), notice(2), notice(1))
    assert desk.run(feed(*old), board, feed(tale(2, 1), tale(1, 1))) == (7, 5, 0)
    assert desk.rows("SELECT title, text FROM articles WHERE text_source = 'feed' ORDER BY 1") == [
        ("Headline 1", f"{first} {first}"), ("Headline 2", f"{second} {second}"),
    ]  # fmt: skip
    assert desk.rows("SELECT count(*), any_value(title) FROM articles WHERE url LIKE '%board'") == [
        (1, "The page board")
    ], "what several entries share has the headline of none"

    new = [post(3, third), *old]
    assert desk.run(feed(*new), feed(notice(4), notice(3)), feed(tale(2, 2), tale(1, 2))) == (
        2,
        1,
        0,
    )

    edited = [post(3, third), post(2, second + " More.", title="Corrected"), old[1]]
    told = feed(*edited), feed(notice(4)), feed(tale(2, 3), tale(1, 3))
    assert desk.run(*told) == (0, 0, 0)
    assert desk.run(*told) == (0, 0, 1)
    assert desk.rows("SELECT text, version FROM articles WHERE title = 'Corrected'") == [
        (f"{second} More. {second} More.", 2)
    ]
    fates = "SELECT feed_url LIKE '%tide%', state, count(*) FROM entries GROUP BY ALL ORDER BY 1"
    assert desk.rows(fates) == [(False, "fetched", 7), (True, "fetched", 2)]
    asked = desk.site.seen()
    assert (asked["/live"], asked["/board"], asked["/tale-1?session=301&t=3"]) == (0, 1, 0)
    assert check_database(desk.database, 0) == []
