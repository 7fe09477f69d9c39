"""What is due: decided by plain functions, and handed to the workers in files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.models import Feed
from pipeline.run.plan import (
    Bound,
    Plan,
    due_feeds,
    is_due,
    look_up,
    make_plan,
    outlet_of,
    read_known,
    read_known_since,
)
from sinks.connector.errors import DatabaseLocked
from sinks.keep.check import check_database
from tests.kit.rows import rows
from tests.kit.samples import (
    FEED,
    LATER,
    LATEST,
    NOON,
    OTHER,
    RUN,
    THIRD,
    address,
    article,
    at,
    commit,
    failed_page,
    failed_poll,
    held,
    listed,
    page,
    poll,
    url_id,
)
from transforms.feeds.polls import page_tasks, poll_record
from transforms.hashing import digest
from transforms.records import (
    Entry,
    FeedDocument,
    FeedState,
    FeedTask,
    Listed,
    PageTask,
    Poll,
    Response,
)
from transforms.shapes import read_lines
from transforms.steps.web import once
from transforms.workers.feed_texts import FeedTexts
from transforms.workers.known_ids import KnownIds

HOUR = 3600
POLLED = FeedState(etag='"v"', last_modified="then", body_hash="hash", last_polled_at=NOON,
                   next_poll_at=NOON + timedelta(hours=1))  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "interval", "minutes", "due"),
    [
        ({}, HOUR, 59, False),
        ({}, HOUR, 59.7, True),  # a schedule that is seconds early misses no turn
        ({}, HOUR, 60, True),
        ({}, HOUR, 61, True),
        ({}, 600, 9, False),
        ({}, 600, 10, True),  # a shorter interval counts at once
        ({}, 2 * HOUR, 60, True),  # a longer one after the next poll
        ({"failures": 2}, 600, 10, False),  # failures back off, whatever the interval
        ({"failures": 2}, 600, 60, True),
        ({"last_polled_at": None, "next_poll_at": None}, HOUR, 0, True),
        ({"next_poll_at": None}, HOUR, 0, True),
        ({}, HOUR, -1, True),  # polled by a clock that was ahead
        ({"state": "retired"}, HOUR, 10**6, False),
        ({"state": "retired", "next_poll_at": None, "last_polled_at": None}, HOUR, 0, False),
    ],
)
def test_is_due(changes: dict[str, Any], interval: int, minutes: float, due: bool) -> None:
    now = NOON + timedelta(minutes=minutes)
    assert is_due(POLLED._replace(**changes), interval, now) is due


CATALOGUE = (
    Feed(FEED, "The Dawn", "NZ", "en", 600),
    Feed(OTHER, interval=HOUR),
    Feed(THIRD),
)


def due(states: dict[str, FeedState], minutes: int, poll_all: bool = False) -> list[str]:
    now = NOON + timedelta(minutes=minutes)
    return [task.url for task in due_feeds(CATALOGUE, states, now, poll_all)]


def test_due_feeds_come_in_the_order_of_the_file() -> None:
    assert due({}, 0) == [FEED, OTHER, THIRD]
    states = {FEED: POLLED, OTHER: POLLED, THIRD: POLLED}
    assert due(states, 5) == []
    assert due(states, 10) == [FEED]
    assert due(states, 60) == [FEED, OTHER, THIRD]
    states[THIRD] = POLLED._replace(next_poll_at=NOON + timedelta(minutes=30))
    assert due(states, 30) == [FEED, THIRD]


def test_all_feeds_are_polled_on_request() -> None:
    states = {FEED: POLLED, OTHER: POLLED._replace(state="retired", next_poll_at=None)}
    assert due(states, 0, poll_all=True) == [FEED, OTHER, THIRD]


def test_a_task_carries_what_is_remembered() -> None:
    states = {FEED: POLLED._replace(failures=3, next_poll_at=NOON)}
    first, second, _ = due_feeds(CATALOGUE, states, NOON, False)
    assert first == FeedTask(FEED, "The Dawn", "NZ", "en", 0, 600, states[FEED])
    assert second == FeedTask(OTHER, "gazette.example", None, None, 1, HOUR)


def test_a_task_carries_where_a_feed_moves_and_what_it_asked_for() -> None:
    state = POLLED._replace(
        address="https://dawn.example/moved", gap_seconds=700, hints='{"ttl": 60}',
        newest_entry_at=NOON, last_body_at=NOON, false_304=True,
    )  # fmt: skip
    (task, *_) = due_feeds(CATALOGUE, {FEED: state}, NOON, True)
    assert task.target == "https://dawn.example/moved"
    assert task.before == state


@pytest.mark.parametrize(("hours", "probe"), [(23, False), (25, True)])
def test_a_day_of_304_is_put_to_the_test(hours: float, probe: bool) -> None:
    state = POLLED._replace(last_body_at=NOON)
    (task, *_) = due_feeds(CATALOGUE, {FEED: state}, NOON + timedelta(hours=hours), True)
    assert task.probe is probe


def test_defaults_of_a_feed() -> None:
    assert outlet_of(Feed("https://press.example/rss")) == "press.example"
    assert outlet_of(Feed("https://press.example/rss", "The Press")) == "The Press"


def plan(tmp_path: Path, minutes: float, **options: Any) -> Plan:
    folder = tmp_path / "plan"
    folder.mkdir(exist_ok=True)
    settings = {"now": at(minutes), "poll_all": False, "lock_timeout": 0.0, **options}
    return make_plan(tmp_path / "news.duckdb", CATALOGUE, folder, **settings)


def test_without_a_database_all_is_due_and_nothing_known(tmp_path: Path) -> None:
    made = plan(tmp_path, 0)
    assert (made.feeds_due, made.pages_owed) == (3, 0)
    assert [task.url for task in read_lines(made.feeds, FeedTask)] == [FEED, OTHER, THIRD]
    assert list(read_lines(made.owed, PageTask)) == []
    known = KnownIds.read(made.known)
    assert len(known) == 0
    assert url_id(1) not in known
    assert not (tmp_path / "news.duckdb").exists()


def test_plan_files_give_back_the_tasks(tmp_path: Path) -> None:
    entry = listed(FEED, 1, title="臺灣 – “talks”", byline="I. Varga")
    undated = listed(FEED, 2, published_at=None)
    commit(
        tmp_path / "news.duckdb",
        [poll(FEED, 0, [entry, undated], next_poll_at=at(30)), failed_poll(OTHER, 0)],
        [failed_page(2, "pending", next_attempt_at=at(20))],
        feeds=[FEED, OTHER],
    )
    made = plan(tmp_path, 25)
    tasks = list(read_lines(made.feeds, FeedTask))
    catalogue = {task.url: task for task in due_feeds(CATALOGUE, {}, at(25), True)}
    polled = poll(FEED, 0)
    assert tasks == [
        catalogue[FEED]._replace(before=polled.after._replace(next_poll_at=at(30))),
        catalogue[THIRD],
    ]
    owed = {task.url: task for task in read_lines(made.owed, PageTask)}
    assert made.pages_owed == len(owed) == 2
    first, second = owed[address(1)], owed[address(2)]
    assert (first.title, first.byline) == (entry.title, entry.byline)
    assert (first.published_at, first.listed_at) == (entry.published_at, at(0))
    assert (first.feed_url, first.outlet, first.feed_position) == (FEED, "Outlet 0", 0)
    assert (second.published_at, second.attempts) == (None, 1)


@pytest.mark.parametrize(("minutes", "owed"), [(10, 0), (11, 1), (60, 1)])
def test_a_pending_page_is_owed_when_its_time_comes(
    tmp_path: Path, minutes: float, owed: int
) -> None:
    commit(
        tmp_path / "news.duckdb",
        [poll(FEED, 0, [listed(FEED, 1)])],
        [failed_page(1, "pending", next_attempt_at=at(11))],
    )
    assert plan(tmp_path, minutes).pages_owed == owed


def test_a_page_that_could_not_be_had_is_owed_with_the_text_of_its_feed(tmp_path: Path) -> None:
    whole = listed(FEED, 1, content="<p>All of it</p>")
    found = [poll(FEED, 0, [whole, listed(FEED, 2)])]
    commit(tmp_path / "news.duckdb", found, [failed_page(1), failed_page(2)])
    made = plan(tmp_path, 1)
    (task,) = read_lines(made.owed, PageTask)
    assert (task.url, task.attempts) == (address(1), 1)
    assert FeedTexts(made.texts)[task.text_span] == b"<p>All of it</p>"


def test_a_page_put_off_by_a_wrong_clock_is_owed_at_once(tmp_path: Path) -> None:
    years_ahead = at(10**6)
    commit(
        tmp_path / "news.duckdb",
        [poll(FEED, 10**6, [listed(FEED, 1)])],
        [failed_page(1, "pending", fetched_at=years_ahead, next_attempt_at=years_ahead)],
    )
    assert plan(tmp_path, 0).pages_owed == 1


@pytest.mark.parametrize("outcome", ["fetched", "failed"])
def test_nothing_is_owed_that_came_to_an_end(tmp_path: Path, outcome: str) -> None:
    found = page(1) if outcome == "fetched" else failed_page(1)
    commit(tmp_path / "news.duckdb", [poll(FEED, 0, [listed(FEED, 1)])], [found])
    assert plan(tmp_path, 10**6).pages_owed == 0


def test_a_page_of_two_feeds_is_owed_once_in_the_name_of_the_first(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    commit(database, [poll(OTHER, 0, [listed(OTHER, 1)])])
    commit(database, [poll(FEED, 60, [listed(FEED, 1)])], run_id=LATER)
    made = plan(tmp_path, 90)
    (task,) = read_lines(made.owed, PageTask)
    assert (task.feed_url, task.listed_at) == (OTHER, at(0))


def changed(feed: str, number: int, title: str) -> Listed:
    return listed(feed, number, title=title, listing_id=digest(feed, title))


def test_an_article_whose_listing_changed_is_owed_again(tmp_path: Path) -> None:
    """In the name of the feed that it came from, whichever feed shows the edit."""
    database = tmp_path / "news.duckdb"
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    commit(database, [poll(OTHER, 60, [listed(OTHER, 1)])], run_id=LATER)
    assert plan(tmp_path, 61).pages_owed == 0
    commit(database, [poll(OTHER, 120, [changed(OTHER, 1, "Theirs")])], run_id=LATEST)
    assert plan(tmp_path, 119).pages_owed == 0
    (task,) = read_lines(plan(tmp_path, 120).owed, PageTask)
    assert (task.url, task.feed_url, task.title) == (address(1), FEED, "Headline 1")
    assert (task.listed_at, task.attempts) == (at(0), 0)
    commit(database, [poll(FEED, 130, [changed(FEED, 1, "Ours")])], run_id=f"{LATEST}d")
    (task,) = read_lines(plan(tmp_path, 130).owed, PageTask)
    assert (task.feed_url, task.title) == (FEED, "Ours")


def test_an_article_with_two_addresses_is_owed_once_at_its_own(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    shared = article(1, url_id=url_id(2), url=address(2))
    commit(
        database, [poll(FEED, 0, [listed(FEED, 1), listed(FEED, 2)])],
        [page(1), page(2, shared, feed_position=1)],
    )  # fmt: skip
    edits = [changed(FEED, 1, "One"), listed(FEED, 2, title="Two", listing_id=digest("two"))]
    for number, shown in enumerate((edits[1:], edits)):
        commit(database, [poll(FEED, 60 + number, shown)], run_id=f"{LATER}{number}")
        (task,) = read_lines(plan(tmp_path, 120).owed, PageTask)
        assert task.url == address(1)


def test_a_recheck_that_failed_counts_as_an_attempt(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    commit(database, [poll(FEED, 0, [listed(FEED, 1)])], [page(1)])
    tried = failed_page(1, "pending", fetched_at=at(61), next_attempt_at=at(71))
    commit(database, [poll(FEED, 60, [changed(FEED, 1, "Edited")])], run_id=LATER)
    commit(database, [tried], run_id=LATEST)
    assert plan(tmp_path, 70).pages_owed == 0
    (task,) = read_lines(plan(tmp_path, 71).owed, PageTask)
    assert task.attempts == 1


def test_known_ids_are_entries_their_listings_and_their_pages(tmp_path: Path) -> None:
    entry = listed(FEED, 1)
    commit(tmp_path / "news.duckdb", [poll(FEED, 0, [entry])])
    known = KnownIds.read(plan(tmp_path, 0).known)
    assert entry.listing_id in known
    assert url_id(1) in known
    assert entry.entry_id in known  # else a changed listing would look like a new entry
    assert len(known) == 3


def entry(number: int, url: str, **changes: Any) -> Entry:
    published = at(number)
    made = Entry(url, f"guid-{number}", f"Headline {number}", None, None, published, f"{published}")
    return made._replace(**changes)


def polled(tmp_path: Path, minute: int, entries: Sequence[Entry], feed: str = FEED) -> Poll:
    """A poll of a document, by what the plan of that minute knows."""
    known = KnownIds.read(plan(tmp_path, minute, poll_all=True).known)
    answer = Response(feed, 200, {}, str(minute).encode(), (), at(minute), 1, 1)
    document = FeedDocument("rss20", None, None, tuple(entries), None)
    task = FeedTask(feed, "The Dawn", "NZ", "en", 0, None)
    return poll_record(task, answer, document, known.__contains__, known.entry_of)


LIVE = "https://dawn.example/live"
DOCUMENTS = {
    "one live page": [
        [entry(0, LIVE)],
        [entry(1, LIVE), entry(0, LIVE)],
        [entry(2, f"{LIVE}#2"), entry(1, LIVE, title="Edited"), entry(0, LIVE)],
        [entry(3, LIVE, title=None), entry(1, LIVE, title="Edited")],
        [entry(3, LIVE, title=None)],
        [entry(4, LIVE)],
        [entry(4, LIVE, published_raw="as of now"), entry(0, LIVE)],
    ],
    "links of sessions": [
        [entry(0, "https://dawn.example/0?s=1"), entry(1, "https://dawn.example/1?s=1")],
        [entry(0, "https://dawn.example/0?s=2"), entry(1, "https://dawn.example/1?s=2")],
        [
            entry(0, "https://dawn.example/0?s=3", title="Edited"),
            entry(2, "https://dawn.example/2"),
        ],
        [entry(1, "https://dawn.example/1?s=4", published_raw=None)],
        [entry(3, "https://dawn.example/3?s=5", title="«Kräne»\\"), entry(4, LIVE)],
        [entry(3, "https://dawn.example/3;s=6", title="«Kräne»\\")],
    ],
    "links of sessions, no guids": [
        [entry(n, f"https://dawn.example/story?n={n}&s=1", guid=None) for n in (0, 1)],
        [entry(n, f"https://dawn.example/story?n={n}&s=2", guid=None) for n in (4, 3, 2, 1, 0)],
        [entry(n, f"https://dawn.example/story?n={n}&s=3", guid="dawn") for n in (4, 2)],
    ],
    "no links": [
        [entry(0, "")._replace(url=None), entry(1, "")._replace(url=None)],
        [entry(0, "", title="Edited")._replace(url=None)],
        [entry(number, "")._replace(url=None) for number in (2, 3, 4)],
    ],
}


@pytest.mark.parametrize("documents", DOCUMENTS.values(), ids=DOCUMENTS)
def test_poll_after_poll_each_entry_is_listed_once(
    tmp_path: Path, documents: list[list[Entry]]
) -> None:
    """There are five; what is edited stays what it was."""
    database = tmp_path / "news.duckdb"
    for minute, document in enumerate(documents):
        run = f"2026030{1 + minute}T120000000000Z-aaaaaa"
        commit(database, [polled(tmp_path, minute * HOUR, document)], run_id=run)
        assert polled(tmp_path, minute * HOUR, document).listed == (), "it is known now"
    published = rows(database, "SELECT epoch(published_at) FROM entries ORDER BY ALL")
    assert published == [(at(number).timestamp(),) for number in range(5)]


def test_what_a_run_has_made_known_is_what_the_next_plan_knows(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    entries = [entry(0, LIVE), entry(1, LIVE, title=None), entry(2, "https://dawn.example/2")]
    commit(database, [polled(tmp_path, 0, entries)])
    ids, marks = read_known_since(database, RUN, at(0), 0)
    known = read_known(database, 0)
    assert ids == {blob.hex() for blob in known.ids.to_pylist()}
    named = zip(known.marks.to_pylist(), known.entries.to_pylist(), strict=True)
    assert marks == {mark.hex(): entry_id.hex() for mark, entry_id in named}
    assert len(marks) == 3 + 1 + 3 + 2, "by guid, of one without a headline too, and on one page"
    late = [polled(tmp_path, 60, [entry(3, LIVE)], OTHER)]
    commit(database, late, run_id=LATER)
    ids, marks = read_known_since(database, LATER, at(60), 0)
    assert (len(ids), len(marks)) == (3, 3), "of that run alone"
    later = [polled(tmp_path, 90, [entry(4, LIVE), entry(3, LIVE)], OTHER)]
    commit(database, later, run_id=LATEST)
    ids, marks = read_known_since(database, LATEST, at(90), 0)
    assert set(marks.values()) == {one.entry_id for one in (*late[0].listed, *later[0].listed)}
    assert len(marks) == 2 * 4, "of the first entry of its page, too"


POST = "<p>The ferry is late by an hour, and so is the band, which plays on the quay.</p>"


def test_a_text_that_stands_for_its_page_is_owed_until_it_was_read(tmp_path: Path) -> None:
    """As after a run that died; and once more when it has changed, from what the feed says then."""
    database = tmp_path / "news.duckdb"
    entries = [entry(0, f"{LIVE}#0", post=POST), entry(1, f"{LIVE}#1", post=POST)]
    commit(database, [polled(tmp_path, 0, entries)], state=None)
    states = "SELECT DISTINCT state, reason, feed_text_at IS NOT NULL FROM entries"
    assert rows(database, states) == [("skipped", "its page has several entries", True)]
    first, second = look_up(database, (), now=at(1), lock_timeout=0).owed
    for task in (first, second):
        own = {"article_id": task.url_id, "url_id": task.url_id, "url": task.url}
        made = article(1, text_source="feed", **own)
        read = page(1, made, url_id=task.url_id, fetched_at=at(2))
        commit(database, [read], run_id=f"{LATER}{task.title}")
    assert rows(database, states) == [("fetched", None, False)]
    assert rows(database, "SELECT count(*) FROM articles") == [(2,)]
    edited = entry(1, f"{LIVE}#1", title="Edited", post=POST + "More")
    commit(database, [polled(tmp_path, 3, [edited, entries[0]])], run_id=LATEST)
    due = look_up(database, (), now=at(3), lock_timeout=0)
    (again,) = due.owed
    assert (again.title, due.texts) == ("Edited", {again.url_id: POST + "More"})
    assert [broken for broken in check_database(database, 0) if broken.table == "entries"] == []


def test_a_page_of_several_entries_is_asked_for_in_the_name_of_none(tmp_path: Path) -> None:
    entries = [entry(0, LIVE), entry(1, LIVE), entry(2, "https://dawn.example/2")]
    found = polled(tmp_path, 0, entries)
    commit(tmp_path / "news.duckdb", [found])
    task = FeedTask(FEED, "The Dawn", "NZ", "en", 0, None)
    new = once(page_tasks(task, found, lambda _: False))
    owed = look_up(tmp_path / "news.duckdb", (), now=at(1), lock_timeout=0).owed
    for tasks in (new, owed):
        assert {task.url: task.title for task in tasks} == {
            LIVE: None, "https://dawn.example/2": "Headline 2",
        }  # fmt: skip


def test_many_known_ids(tmp_path: Path) -> None:
    numbers = range(300)
    commit(tmp_path / "news.duckdb", [poll(FEED, 0, [listed(FEED, number) for number in numbers])])
    known = KnownIds.read(plan(tmp_path, 0).known)
    assert len(known) == 900
    assert all(url_id(number) in known for number in numbers)
    others = (hashlib.md5(str(number).encode()).hexdigest() for number in numbers)
    assert not any(other in known for other in others)
    assert "0" * 32 not in known
    assert "f" * 32 not in known


def test_a_held_database_stops_the_plan(tmp_path: Path) -> None:
    commit(tmp_path / "news.duckdb")
    with held(tmp_path / "news.duckdb"), pytest.raises(DatabaseLocked):
        plan(tmp_path, 0)


def test_a_page_read_again_for_another_feed_keeps_the_headline_of_its_article(
    tmp_path: Path,
) -> None:
    """Its topics are looked for in that headline, and evidence must stand where it says."""
    database = tmp_path / "news.duckdb"
    theirs = listed(OTHER, 1, title="Their headline")
    commit(database, [poll(FEED, 0, [listed(FEED, 1)]), poll(OTHER, 0, [theirs])], [page(1)])
    changed = theirs._replace(listing_id=digest("other"), title="Their other headline")
    commit(database, [poll(OTHER, 60, [changed])], run_id=LATER)
    plan = make_plan(
        database, CATALOGUE, tmp_path, now=at(70), poll_all=False, lock_timeout=0
    )  # fmt: skip
    (task,) = read_lines(plan.owed, PageTask)
    assert (task.feed_url, task.title) == (FEED, "Headline 1")


# -- bounded plans: fair to all --------------------------------------------------------------------


def bounded(database: Path, feeds: Sequence[Feed], bound: Bound) -> tuple[list[str], list[str]]:
    found = look_up(database, feeds, now=at(120), lock_timeout=1, bound=bound)
    return [task.url for task in found.feeds], [task.url for task in found.owed]


def page_of(feed: str, number: int, host: str) -> Listed:
    return listed(feed, number, url=f"https://{host}.example/{number}")


def test_a_flood_waits_behind_what_is_new_elsewhere(tmp_path: Path) -> None:
    """In turn for each feed and each host."""
    database = tmp_path / "news.duckdb"
    flood = [page_of(FEED, number, "flood") for number in range(50)]
    same_host = [page_of(OTHER, 60, "flood")]
    calm = [page_of(THIRD, number, "calm") for number in range(70, 73)]
    polls = [poll(FEED, 0, flood), poll(OTHER, 0, same_host), poll(THIRD, 0, calm)]
    commit(database, polls)
    _, pages = bounded(database, CATALOGUE, Bound(10, 8))
    assert len(pages) == 8
    assert {url for url in pages if "calm" in url} == {entry.url for entry in calm}
    assert same_host[0].url in pages, "nor does it wait behind a flood on its own host"
    assert len([url for url in pages[:2] if "calm" in url]) == 1
    _, rest = bounded(database, CATALOGUE, Bound(10, 100))
    assert len(rest) == 54


def test_what_is_under_way_is_left_out_and_what_has_arrived_goes_first(tmp_path: Path) -> None:
    database = tmp_path / "news.duckdb"
    entries = [page_of(FEED, number, "flood") for number in range(9)]
    commit(database, [poll(FEED, 0, entries)])
    bound = Bound(2, 3, [("page", url_id(8)), ("feed", THIRD)],
                  [("page", url_id(0)), ("feed", OTHER)])  # fmt: skip
    catalogue = (*CATALOGUE, Feed("https://a.example/rss"), Feed("https://b.example/rss"))
    feeds, pages = bounded(database, catalogue, bound)
    assert pages[0] == entries[8].url
    assert entries[0].url not in pages
    assert len(pages) == 3
    assert feeds[0] == THIRD
    assert OTHER not in feeds
    assert len(feeds) == 2


def test_feeds_of_one_host_take_turns_with_those_of_others(tmp_path: Path) -> None:
    many = [Feed(f"https://many.example/{number}.rss") for number in range(20)]
    few = [Feed("https://few.example/rss"), Feed("https://other.example/rss")]
    feeds, _ = bounded(tmp_path / "none.duckdb", [*many, *few], Bound(3, 1))
    assert feeds == [many[0].url, few[0].url, few[1].url]
