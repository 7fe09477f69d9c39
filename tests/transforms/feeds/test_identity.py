"""Which entries of documents are one, poll after poll."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from transforms.feeds.identity import (
    Identified,
    as_pages,
    identified,
    listing_id,
    marks_of,
    shared_mark,
)
from transforms.hashing import digest
from transforms.records import Entry
from transforms.urls import page_id

FEED = "https://news.example/rss"
PAGE = "https://news.example/live"
MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
POST = "<p>The ferry is late by an hour, and so is the band.</p>"


class Database:
    """What a database remembers of a feed: its entries as last listed."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def poll(self, *entries: Entry) -> list[str]:
        """The ids of a document's entries, in its order; from now on they are known."""
        found = self.identify(*entries)
        for one in found:
            at = self.entries.get(one.entry_id, one.entry)
            self.entries[one.entry_id] = one.entry._replace(url=at.url)
        return [one.entry_id for one in found]

    def identify(self, *entries: Entry) -> list[Identified]:
        known = {*self.entries, *(listing_id(*item) for item in self.entries.items())}
        pages = Counter(shared_mark(FEED, entry) for entry in self.entries.values() if entry.url)
        shared = {page for page, count in pages.items() if count > 1}
        marks = {}
        for entry_id, entry in self.entries.items():
            shares = shared_mark(FEED, entry) in shared
            marks |= dict.fromkeys(marks_of(FEED, entry, shares), entry_id)
        return identified(FEED, entries, (known | shared).__contains__, marks.get)


def entry(number: int, url: str | None = PAGE, **changes: object) -> Entry:
    at = MONDAY + timedelta(hours=number)
    made = Entry(url, f"guid-{number}", f"Headline {number}", None, None, at, at.isoformat())
    return made._replace(**changes)


def several(count: int, **changes: object) -> list[Entry]:
    """Entries of one page, the newest first."""
    return [entry(number, **changes) for number in reversed(range(count))]


def undated(one: Entry) -> Entry:
    return one._replace(published_at=None, published_raw=None)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(several(3), id="all differs"),
        pytest.param(several(3, guid=None), id="no guids"),
        pytest.param(several(3, guid="site"), id="a guid for all"),
        pytest.param(several(3, title="Update"), id="a headline for all"),
        pytest.param([undated(one) for one in several(3)], id="no dates"),
        pytest.param([undated(one) for one in several(3, title="Update")], id="guids alone"),
        pytest.param([undated(entry(0, f"{PAGE}#{n}", guid=None)) for n in range(3)],
                     id="fragments alone"),
        pytest.param([undated(entry(0, guid=None, title=None, summary=f"{n}")) for n in range(3)],
                     id="summaries alone"),
        pytest.param([entry(0, guid=f"{n}", summary=f"{n}") for n in range(3)],
                     id="a headline and a date for all, guids and summaries"),
        pytest.param([entry(n, f"{PAGE}?utm_source={n}") for n in range(3)], id="tracked"),
        pytest.param([entry(n, None, guid="site", published_raw=None) for n in range(3)],
                     id="no page, a guid for all"),
    ],
)  # fmt: skip
def test_entries_of_one_page_are_several_and_stay_so(entries):
    database = Database()
    ids = database.poll(*entries)
    assert len(set(ids)) == 3
    assert database.poll(*entries) == ids
    assert database.poll(*entries[1:]) == ids[1:], "one has gone"
    assert database.poll(entries[2]) == ids[2:], "it is alone"
    assert database.poll(*entries[::-1]) == ids[::-1], "another order"


@pytest.mark.parametrize(
    "twice",
    [
        pytest.param([entry(0), entry(0)], id="the same"),
        pytest.param([entry(0), entry(0, guid="other")], id="another guid"),
        pytest.param([entry(0), entry(0, guid=None)], id="no guid"),
        pytest.param([entry(0), entry(0, f"{PAGE}?utm_source=mail")], id="tracked"),
        pytest.param([entry(0), entry(0, summary="Now with one")], id="another summary"),
        pytest.param([entry(0), entry(0, byline="Ann Mole")], id="another author"),
    ],
)
def test_an_entry_that_stands_there_twice_is_one(twice):
    database = Database()
    assert database.poll(*twice) == [digest(FEED, page_id(PAGE))]
    assert database.poll(*twice[::-1]) == [digest(FEED, page_id(PAGE))]


def test_the_first_entry_of_a_live_page_keeps_its_id_when_others_join_it():
    database = Database()
    (first,) = database.poll(entry(0))
    assert first == digest(FEED, page_id(PAGE))
    second, same = database.poll(entry(1), entry(0))
    assert same == first
    assert database.poll(entry(2), entry(1), entry(0))[1:] == [second, first]
    assert database.poll(entry(1)) == [second]
    assert database.poll(entry(3)) not in ([first], [second]), "new, though it is alone"


def test_one_headline_again_and_again_is_a_new_entry_each_time():
    """A feed of warnings, of which there is seldom more than one at a time."""
    database = Database()
    ids = database.poll(entry(0, title="Frost"))
    ids += database.poll(entry(1, title="Frost"), entry(0, title="Frost"))[:1]
    ids += database.poll(entry(2, title="Frost"))
    ids += database.poll(entry(3, title="Frost"))
    assert len(set(ids)) == 4
    assert database.poll(entry(0, title="Frost")) == ids[:1]


def test_a_page_that_is_one_entry_may_change_its_headline_and_date():
    database = Database()
    (first,) = database.poll(entry(0))
    assert database.poll(entry(1, guid="new at each poll")) == [first]


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(lambda one: one._replace(title="Edited"), id="headline"),
        pytest.param(lambda one: one._replace(published_raw="now", published_at=MONDAY), id="date"),
        pytest.param(lambda one: one._replace(url=f"{PAGE}#there"), id="fragment"),
        pytest.param(lambda one: one._replace(summary="More"), id="summary"),
    ],
)
def test_a_guid_that_stays_names_an_entry_of_a_shared_page_that_is_edited(again):
    database = Database()
    ids = database.poll(*several(3))
    newest, *others = several(3)
    assert database.poll(again(newest), *others) == ids
    assert database.poll(again(newest)) == ids[:1], "what it says now is known"


SESSIONS = [
    pytest.param("https://news.example/{page}?sid={poll}&t=17{poll}", id="query"),
    pytest.param("https://news.example/{page};jsessionid={poll}", id="path"),
    pytest.param("https://news.example/s{poll}/{page}", id="folder"),
]


def session(poll: int, link: str, **changes: object) -> list[Entry]:
    return [entry(n, link.format(page=f"story-{n}", poll=poll), **changes) for n in (1, 0)]


@pytest.mark.parametrize("link", SESSIONS)
def test_where_links_change_at_each_poll_the_guid_decides(link):
    database = Database()
    ids = database.poll(*session(1, link))
    assert database.poll(*session(2, link)) == ids
    assert database.poll(*session(3, link)[::-1]) == ids[::-1]
    assert len(database.entries) == 2


@pytest.mark.parametrize("guid", ["none", "the link", "one for all"])
@pytest.mark.parametrize("link", SESSIONS[:2])
def test_where_guids_tell_nothing_of_links_that_change_headline_date_and_page_do(link, guid):
    database = Database()
    for poll in range(3):
        shown = session(poll, link)
        guids = {"none": None, "one for all": "site"}
        shown = [one._replace(guid=guids.get(guid, one.url)) for one in shown]
        ids = database.poll(*shown)
        assert len(set(ids)) == len(database.entries) == 2
    other = entry(7, link.format(page="story-0", poll=7), guid=None)
    assert database.poll(other)[0] not in ids, "another headline"


@pytest.mark.parametrize(
    ("link", "changes"),
    [
        ("https://news.example/{page}?sid={poll}", {"title": "Edited"}),
        ("https://news.example/{page}?sid={poll}", {"published_raw": "now"}),
        ("https://news.example/s{poll}/{page}", {"summary": "More"}),
    ],
)
def test_what_changes_beside_a_link_is_a_change_of_the_entry(link, changes):
    database = Database()
    ids = database.poll(*session(1, link))
    assert database.poll(*session(2, link, **changes)) == ids
    assert database.poll(*session(3, link, **changes)) == ids


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(
            [entry(n, f"https://news.example/{n}", guid=f"top-{n}") for n in (0, 1)],
            [entry(n, f"https://news.example/{n}", guid=f"top-{n - 2}") for n in (2, 3)],
            id="guids are places in the feed",
        ),
        pytest.param(
            [entry(n, f"https://news.example/{n}", guid="site") for n in (0, 1)],
            [entry(n, f"https://news.example/{n}", guid="site") for n in (2, 3)],
            id="one guid for all",
        ),
        pytest.param(
            [entry(0, "https://news.example/0", guid="site")],
            [entry(1, "https://news.example/1", guid="site")],
            id="one guid for all, one by one",
        ),
        pytest.param(
            [entry(0, f"{PAGE}?id=0", guid="top", published_raw="Monday")],
            [entry(1, "https://news.example/1", guid="top", published_raw="Monday")],
            id="a place in the feed, and a date without an hour",
        ),
        pytest.param(
            [entry(n, guid=f"top-{n}", published_raw="Monday") for n in (0, 1)],
            [entry(2, guid="top-0", published_raw="Monday"),
             entry(0, guid="top-1", published_raw="Monday"),
             entry(3, guid="top-2", published_raw="Monday"),
             entry(1, guid="top-3", published_raw="Monday")],
            id="places in a feed of one page",
        ),
    ],
)  # fmt: skip
def test_a_guid_that_says_nothing_hides_no_entry(first, then):
    database = Database()
    database.poll(*first)
    database.poll(*then)
    titles = {one.title for one in (*first, *then)}
    assert {one.title for one in database.entries.values()} == titles


def test_where_guids_change_at_each_poll_the_page_decides():
    database = Database()
    for poll in range(3):
        alone = entry(9, "https://news.example/9", guid=f"9-{poll}")
        shared = [one._replace(guid=f"{one.guid}-{poll}") for one in several(3)]
        ids = database.poll(alone, *shared)
    assert len(set(ids)) == len(database.entries) == 4


def test_what_earlier_versions_called_by_its_page_alone_keeps_that_name():
    """They took the first entry of a page for all of them."""
    plain = digest(FEED, page_id(PAGE))
    for known in (entry(2), entry(1)):
        database = Database()
        database.entries = {plain: known}
        ids = database.poll(*several(3))
        assert [id_ == plain for id_ in ids] == [one.title == known.title for one in several(3)]
        assert database.poll(*several(3)) == ids
    edited = Database()
    edited.entries = {plain: entry(1, title="Before the edit")}
    assert edited.poll(*several(3))[1] == plain


def test_entries_of_one_page_have_their_own_text_where_the_feed_carries_it():
    database = Database()
    shown = [entry(2, post=POST), entry(1, f"{PAGE}#1", post=POST + "!"), entry(0)]
    posts = database.identify(*shown, entry(9, "https://news.example/9", post=POST))
    assert [one.has_own_text for one in posts] == [True, True, False, False]
    assert len({one.url_id for one in posts}) == 4
    assert posts[2].url_id == page_id(PAGE), "its text is that of the page"
    elsewhere = identified("https://news.example/other", shown, lambda _: False, lambda _: None)
    assert [one.url_id for one in elsewhere] == [one.url_id for one in posts[:3]]
    assert not {one.entry_id for one in elsewhere} & {one.entry_id for one in posts}


def test_a_list_of_pages_has_one_entry_for_each():
    found = as_pages(FEED, [entry(1), entry(0), entry(2, "https://news.example/2")])
    assert [one.entry.title for one in found] == ["Headline 1", "Headline 2"]
    assert [one.entry_id for one in found] == [digest(FEED, one.url_id) for one in found]
