"""Which story each page of a commit is: none hides another, and what is merged says by what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sinks.keep.check import check_database
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    LATER,
    LATEST,
    RUN,
    address,
    article,
    at,
    commit,
    listed,
    poll,
    url_id,
)
from tests.kit.samples import page as page_record
from transforms.hashing import body_hash, digest
from transforms.records import Page

PARAGRAPHS = (
    "The lighthouse keeper paints her door again, in the red that it had before the war.",
    "Two swans have moved into the lock, and barges wait until they please to leave.",
    "Nobody at the town hall can say who ordered four hundred left gloves in May.",
    "A baker from the hills sells bread by the metre, and the metre grows every week.",
    "The school orchestra lost its drum to the river and found it below the weir.",
)
WALL = "We and those with whom we work keep small files on your device. Agree, and go on."
SECTION = "https://dawn.example/story"
MERGED = (
    "SELECT url, reason FROM entries WHERE state = 'fetched' AND reason IS NOT NULL ORDER BY url"
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "news.duckdb"


def read(number: int, text: str | None = None, named: str | None = None, *,
         own: str | None = None, told: bool = True, **changes: Any) -> Page:  # fmt: skip
    """A page with this text, found at `own`, which names another address as its canonical one."""
    text, own = text or PARAGRAPHS[number], own or address(number)
    named = named or own
    found = article(
        number, text=text, text_hash=body_hash(text.encode()), article_id=digest(named),
        canonical_url=named, redirects=() if own == address(number) else (address(number),),
    )._replace(**changes)  # fmt: skip
    return page_record(number, found, own_url=own, told=told, topics=())


def bring(database: Path, *pages: Page, run: str = RUN, minute: float = 0) -> dict[str, Any]:
    """A run whose feed lists these pages and that reads them; its row."""
    numbers = [number for number in range(9) if any(p.url_id == url_id(number) for p in pages)]
    found = poll(FEED, minute, [listed(FEED, number) for number in numbers])
    return commit(database, [found], list(pages), run_id=run).run


def articles(database: Path) -> list[tuple[str, str]]:
    """Addresses as listed, and canonical ones; each entry leads to an article with its own text."""
    assert [one for one in check_database(database, 0) if not one.warning] == []
    assert rows(database, "SELECT count(*) FROM articles WHERE article_id IS NULL") == [(0,)]
    return rows(database, "SELECT url, canonical_url FROM articles ORDER BY url")


def own(*numbers: int) -> list[tuple[str, str]]:
    return [(address(number), address(number)) for number in numbers]


# Canonical addresses


def test_stories_that_all_name_one_address_stay_what_they_are(database: Path) -> None:
    bring(database, *(read(number, named=SECTION) for number in range(3)))
    assert articles(database) == own(0, 1, 2)
    assert rows(database, MERGED) == []


def test_a_template_that_names_the_first_story_hides_none(database: Path) -> None:
    bring(database, read(0), read(1, named=address(0)), read(2, named=address(0)))
    assert articles(database) == own(0, 1, 2)


def test_nor_in_later_runs(database: Path) -> None:
    bring(database, read(0))
    bring(database, read(1, named=address(0)), run=LATER)
    bring(database, read(2, named=address(0)), run=LATEST)
    assert articles(database) == own(0, 1, 2)


def test_the_first_of_a_run_may_be_believed_and_later_ones_are_not(database: Path) -> None:
    bring(database, read(0, named=SECTION))
    bring(database, read(1, named=SECTION), read(2, named=SECTION), run=LATER)
    assert articles(database) == [(address(0), SECTION), *own(1, 2)]


def test_a_story_whose_address_another_claims_is_there_all_the_same(database: Path) -> None:
    """Also where the other one came first and has its id."""
    bring(database, read(0, named=address(1)))
    bring(database, read(1), run=LATER)
    (_, first), (_, second) = articles(database)
    assert first == address(1)
    assert second == f"{address(1)}#{body_hash(PARAGRAPHS[1].encode())[:12]}"
    assert rows(database, "SELECT count(DISTINCT article_id) FROM entries") == [(2,)]


def test_one_that_goes_back_to_its_own_address_hides_behind_none_there(database: Path) -> None:
    bring(database, read(0, named=address(1)), read(1, named=SECTION), read(2, named=SECTION))
    assert len(articles(database)) == 3
    assert rows(database, "SELECT count(DISTINCT article_id) FROM entries") == [(3,)]


@pytest.mark.parametrize("later", [False, True], ids=["one run", "two runs"])
def test_a_print_version_is_the_story_and_says_so(database: Path, later: bool) -> None:
    story = read(0, "\n".join(PARAGRAPHS))
    printed = read(1, "Printed for you. " + " ".join(PARAGRAPHS[:4]), named=address(0))
    if later:
        bring(database, story)
        bring(database, printed, run=LATER)
    else:
        bring(database, story, printed)
    assert articles(database) == own(0)
    assert rows(database, MERGED) == [
        (address(1), f"merged with {address(0)}: rel=canonical names {address(0)}")
    ]
    assert rows(database, "SELECT count(*), count(DISTINCT article_id) FROM entries") == [(2, 1)]


def test_what_was_merged_says_so_also_in_another_feed_and_run(database: Path) -> None:
    bring(database, read(0), read(1, PARAGRAPHS[0], named=address(0)))
    other = "https://gazette.example/feed"
    commit(database, [poll(other, 60, [listed(other, 1)])], run_id=LATER)
    assert len(rows(database, MERGED)) == 2


def test_an_unspaced_script(database: Path) -> None:
    first = "港務局星期二表示新的起重機要到秋天才能交付在此之前三艘船隻只能在舊碼頭卸貨"
    second = "市立圖書館從下個月起出借工具從梯子到縫紉機居民只要出示借書證就可以帶回家"
    bring(database, read(0, first), read(1, f"列印版：{first}", named=address(0)),
          read(2, second, named=address(0)))  # fmt: skip
    assert articles(database) == own(0, 2)


# Redirects


def test_two_listed_addresses_of_one_page_are_one_article_whatever_it_says_by_then(
    database: Path,
) -> None:
    live = "https://dawn.example/live"
    bring(database, read(0, own=live))
    bring(database, read(1, own=live), run=LATER)
    assert articles(database) == [(address(0), live)]
    assert rows(database, MERGED) == [
        (address(1), f"merged with {address(0)}: redirects led to {live}")
    ]


# One text under many headlines


def states(database: Path) -> list[tuple[Any, ...]]:
    assert [one for one in check_database(database, 0) if not one.warning] == []
    return rows(database, "SELECT url, state FROM entries ORDER BY url")


def test_a_text_that_stands_under_headlines_that_it_does_not_tell_is_no_article(
    database: Path,
) -> None:
    pages = [read(number, WALL, told=number == 1) for number in range(3)]
    run = bring(database, *pages, read(3))
    assert states(database) == [
        *((address(number), "failed") for number in range(3)), (address(3), "fetched")
    ]  # fmt: skip
    assert articles(database) == own(3)
    assert (run["articles_new"], run["pages_failed"]) == (1, 3)
    failures = "SELECT stage, error_type, count(DISTINCT input) FROM failures GROUP BY ALL"
    assert rows(database, failures) == [("extract", "SameText", 3)]
    (reason,) = rows(database, "SELECT DISTINCT reason FROM entries WHERE state = 'failed'")
    assert reason[0].startswith("SameText: other pages of its host")


def test_it_is_seen_by_what_earlier_runs_brought(database: Path) -> None:
    bring(database, read(0, WALL, told=False))
    bring(database, read(1, WALL, told=False), run=LATER)
    assert states(database) == [(address(0), "fetched"), (address(1), "failed")]


def test_it_is_seen_by_what_failed_in_earlier_runs(database: Path) -> None:
    bring(database, read(0, WALL, told=False), read(1, WALL, told=False))
    bring(database, read(2, WALL, told=False), read(3, told=False), run=LATER)
    assert states(database) == [
        *((address(number), "failed") for number in range(3)), (address(3), "fetched")
    ]  # fmt: skip


def test_the_text_of_the_feed_takes_its_place(database: Path) -> None:
    found = [listed(FEED, number, content="<p>All of it.</p>") for number in range(2)]
    walls = [read(number, WALL, told=False) for number in range(2)]
    commit(database, [poll(FEED, 0, found)], walls)
    assert rows(database, "SELECT DISTINCT state, feed_text_at FROM entries") == [("failed", at(0))]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({}, {}, id="both tell their headlines"),
        pytest.param({}, {"told": False}, id="one of two does not"),
        pytest.param({"told": False}, {"told": False, "title": "Headline 0"}, id="one headline"),
        pytest.param({"told": False}, {"told": False, "own": "https://herald.example/story/1"},
                     id="two hosts"),
        pytest.param({"told": False}, {"told": False, "text": PARAGRAPHS[1]}, id="two texts"),
        pytest.param({"told": False, "text_source": "feed"}, {"told": False, "text_source": "feed"},
                     id="the text of a feed"),
    ],
)  # fmt: skip
def test_what_is_no_wall(database: Path, first: dict[str, Any], second: dict[str, Any]) -> None:
    bring(database, read(0, **first), read(1, **{"text": PARAGRAPHS[0]} | second))
    assert states(database) == [(address(0), "fetched"), (address(1), "fetched")]


def test_a_live_page_that_lists_many_headlines_stays(database: Path) -> None:
    bring(database, *(read(number, PARAGRAPHS[0], told=number > 1) for number in range(4)))
    assert {state for _, state in states(database)} == {"fetched"}


def test_once_more_changes_nothing(database: Path) -> None:
    pages = [read(0), read(1, named=address(0)), read(2, WALL, told=False),
             read(3, WALL, told=False)]  # fmt: skip
    bring(database, *pages)
    before = articles(database), states(database), rows(database, MERGED)
    bring(database, *pages)
    commit(database, pages, run_id=LATER)
    assert (articles(database), states(database), rows(database, MERGED)) == before
