"""From a feed's answer to its poll record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from transforms.feeds.polls import (
    MOST_LISTED,
    hints_json,
    hints_of,
    is_unchanged,
    page_tasks,
    poll_record,
)
from transforms.hashing import body_hash, digest
from transforms.records import (
    ARCHIVED,
    LONGEST_ERROR,
    Entry,
    FeedDocument,
    FeedState,
    FeedTask,
    Hints,
    HttpFailure,
    Listed,
    Poll,
    Response,
    Unreadable,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
TASK = FeedTask("https://news.example/rss", "Gazette", "GB", "en", 3, 900, FeedState(
    etag='"old"', last_modified="Sunday", body_hash=body_hash(b"old"), failures=2,
    last_body_at=NOW,
))  # fmt: skip
BLANK = Entry(None, None, None, None, None, None, None)
A = BLANK._replace(url="https://news.example/a", guid="ga", title="A", byline="Ann Mole",
                   published_at=NOW - timedelta(hours=1), published_raw="an hour ago")  # fmt: skip


def feed_task(**changes: Any) -> FeedTask:
    """The task, by the fields of a task or of what is remembered."""
    state = {name: changes.pop(name) for name in FeedState._fields if name in changes}
    return TASK._replace(before=TASK.before._replace(**state), **changes)


def answer(body: bytes = b"new", status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(TASK.url, status, named, body, (), NOW, 7, len(body))


def poll(*entries: Entry, known: set[str] = frozenset(), warning: str | None = None) -> Poll:
    document = FeedDocument("rss20", "T", None, entries, warning)
    return poll_record(TASK, answer(etag='"new"'), document, known.__contains__, nobody)


def nothing(_: str) -> bool:
    return False


def test_an_entry_whose_link_is_not_taken_says_why():
    (listed,) = poll(BLANK._replace(title="A", refused="its address is too long")).listed
    assert (listed.state, listed.reason) == ("skipped", "its address is too long")


def nobody(_: str) -> None:
    return None


def test_a_good_poll():
    good = poll(A, BLANK._replace(title="B"), warning="a stray byte")
    assert (good.status, good.http_status, good.entries) == ("ok", 200, 2)
    assert (good.bytes, good.milliseconds) == (3, 7)
    assert (good.stage, good.error_type, good.error) == (None, None, "a stray byte")
    assert (good.after.etag, good.after.last_modified, good.after.body_hash) == (
        '"new"',
        None,
        body_hash(b"new"),
    )
    assert (good.after.failures, good.after.state) == (0, "active")
    assert good.after.next_poll_at == NOW + timedelta(seconds=900)
    assert [entry.title for entry in good.listed] == ["A", "B"]


@pytest.mark.parametrize(
    ("response", "unchanged"),
    [
        pytest.param(answer(b"", 304), True, id="304"),
        pytest.param(answer(b"old"), True, id="200 with the same body"),
        pytest.param(answer(b"new"), False, id="another body"),
        pytest.param(answer(b""), False, id="an empty body"),
    ],
)
def test_unchanged(response, unchanged):
    assert is_unchanged(TASK, response) == unchanged


def test_an_unchanged_feed_keeps_what_the_server_does_not_renew():
    same = poll_record(TASK, answer(b"", 304, last_modified="Monday"), None, nothing, nobody)
    assert (same.status, same.entries, same.listed) == ("unchanged", None, ())
    assert (same.after.etag, same.after.last_modified, same.after.body_hash) == (
        '"old"',
        "Monday",
        TASK.before.body_hash,
    )
    assert (same.after.failures, same.after.next_poll_at) == (0, NOW + timedelta(seconds=900))


@pytest.mark.parametrize(
    ("result", "document", "told", "wait"),
    [
        pytest.param(HttpFailure("Timeout", "too slow", NOW, 9, None, True), None,
                     ("poll", "Timeout", "too slow", None), 7_200, id="network"),
        pytest.param(HttpFailure("Http503", "the server answered 503", NOW, 9, 503, True, 50_000.0),
                     None, ("poll", "Http503", "the server answered 503", 503), 50_000,
                     id="Retry-After"),
        pytest.param(answer(b"<html>"), Unreadable("NotAFeed", "the body is an HTML page"),
                     ("read feed", "NotAFeed", "the body is an HTML page", 200), 7_200,
                     id="an HTML page"),
    ],
)  # fmt: skip
def test_a_failed_poll_forgets_nothing(result, document, told, wait):
    failed = poll_record(TASK, result, document, nothing, nobody)
    assert failed.status == "failed"
    assert (failed.stage, failed.error_type, failed.error, failed.http_status) == told
    assert (failed.after.etag, failed.after.last_modified) == ('"old"', "Sunday"), (
        "else entries are lost"
    )
    assert failed.after.body_hash == TASK.before.body_hash
    assert (failed.after.failures, failed.after.state) == (3, "active")
    assert wait <= (failed.after.next_poll_at - NOW).total_seconds() <= 1.1 * wait, (
        "with some jitter"
    )
    assert failed.listed == ()


def test_a_feed_that_is_gone():
    gone = poll_record(TASK, HttpFailure("Http410", "gone", NOW, 9, 410), None, nothing, nobody)
    assert (gone.status, gone.after.state, gone.after.next_poll_at) == ("failed", "retired", None)


@pytest.mark.parametrize(
    "headers", [{"cache_control": "no-store"}, {"expires": "0"}], ids=["no-store", "Expires of 0"]
)
@pytest.mark.parametrize("status", [200, 304])
def test_validators_that_are_not_to_be_kept_are_not(headers, status):
    document = FeedDocument("rss20", "T", None, (A,), None) if status == 200 else None
    poll = poll_record(
        TASK, answer(b"new", status, etag='"x"', **headers), document, nothing, nobody
    )
    assert (poll.after.etag, poll.after.last_modified) == (None, None)


@pytest.mark.parametrize(("status", "overflow"), [(200, True), (226, False)])
def test_a_difference_holds_new_entries_only_and_is_no_overflow(status, overflow):
    document = FeedDocument("rss20", "T", None, (A,), None)
    poll = poll_record(TASK, answer(b"new", status), document, nothing, nobody)
    assert (poll.status, poll.overflow, len(poll.listed)) == ("ok", overflow, 1)


def test_a_304_that_was_false_is_remembered():
    document = FeedDocument("rss20", "T", None, (A,), None)
    body = answer()._replace(after_304=True)
    assert poll_record(TASK, body, document, nothing, nobody).after.false_304
    nothing_new = poll_record(TASK, body, document, lambda _: True, nobody)
    assert not nothing_new.after.false_304, "only a date at its top may have changed"
    doubted = feed_task(false_304=True)
    assert poll_record(doubted, answer(), document, nothing, nobody).after.false_304


def moved(task: FeedTask, days: float, to: str | None = "https://new.example/rss") -> Poll:
    """A poll so many days later that permanent redirects led elsewhere."""
    at = NOW + timedelta(days=days)
    response = answer(b"", 304)._replace(moved_to=to, fetched_at=at)
    return poll_record(task, response, None, nothing, nobody)


def carried(poll: Poll) -> FeedTask:
    return TASK._replace(before=poll.after)


def test_a_feed_moves_after_three_permanent_redirects_over_a_day():
    first = moved(TASK, 0)
    assert (first.after.moving_to, first.after.moves_seen, first.after.address) == (
        "https://new.example/rss", 1, None)  # fmt: skip
    second = moved(carried(first), 0.3)
    third = moved(carried(second), 0.6)
    assert (third.after.moves_seen, third.after.address) == (3, None), "not yet a day"
    fourth = moved(carried(third), 1)
    assert (fourth.after.address, fourth.after.moves_seen) == ("https://new.example/rss", 0)
    assert carried(fourth).target == "https://new.example/rss"
    assert fourth.feed_url == TASK.url, "it keeps its name"


@pytest.mark.parametrize("to", [None, "https://other.example/rss"])
def test_a_poll_that_led_elsewhere_begins_anew(to):
    second = moved(carried(moved(TASK, 0)), 1)
    after = moved(carried(second), 2, to).after
    assert (after.moves_seen, after.address) == (0 if to is None else 1, None)


def test_a_moved_feed_that_is_gone_there_is_asked_at_home_again():
    task = feed_task(address="https://new.example/rss")
    lost = HttpFailure("Http404", "the server answered 404", NOW, 9, 404)
    assert poll_record(task, lost, None, nothing, nobody).after.address is None
    down = HttpFailure("Timeout", "too slow", NOW, 9, None, True)
    assert poll_record(task, down, None, nothing, nobody).after.address == "https://new.example/rss"


def test_failures_know_since_when_and_one_good_poll_clears_the_slate():
    lost = HttpFailure("Http404", "the server answered 404", NOW, 9, 404)
    task = feed_task(failures=0)
    first = poll_record(task, lost, None, nothing, nobody)
    later = lost._replace(fetched_at=NOW + timedelta(days=11))
    second = poll_record(carried(first), later, None, nothing, nobody)
    assert (first.after.failing_since, first.after.state) == (NOW, "active")
    assert (second.after.failing_since, second.after.failures, second.after.state) == (
        NOW,
        2,
        "broken",
    )
    good = moved(carried(second), 12, None)
    assert (good.after.failing_since, good.after.failures, good.after.state) == (None, 0, "active")


def test_only_failures_of_the_lasting_kind_break_a_feed():
    down = HttpFailure("Http503", "the server answered 503", NOW, 9, 503, True)
    first = poll_record(feed_task(failures=0), down, None, nothing, nobody)
    assert (first.after.failing_since, first.after.lasting_since) == (NOW, None)
    lost = HttpFailure("Http404", "gone", NOW + timedelta(days=11), 9, 404)
    second = poll_record(carried(first), lost, None, nothing, nobody)
    assert (second.after.failing_since, second.after.lasting_since) == (NOW, lost.fetched_at)
    assert second.after.state == "active", "one 404 after ten days of 503"
    third = poll_record(
        carried(second), lost._replace(fetched_at=NOW + timedelta(days=21)), None, nothing, nobody
    )
    assert (third.after.state, third.after.lasting_since) == ("broken", lost.fetched_at)
    again = poll_record(carried(third), down, None, nothing, nobody)
    assert (again.after.state, again.after.lasting_since) == ("active", None)
    assert moved(carried(third), 22).after.lasting_since is None


@pytest.mark.parametrize("error_type", ["ParserTimeout", "ParserLost"])
def test_a_parser_that_was_lost_says_nothing_against_a_feed(error_type):
    task = feed_task(address="https://new.example/rss", lasting_since=NOW - timedelta(days=20))
    failed = poll_record(task, answer(), Unreadable(error_type, "lost"), nothing, nobody)
    assert (failed.status, failed.stage, failed.after.state) == ("failed", "read feed", "active")
    assert failed.after.address == "https://new.example/rss"
    refused = poll_record(task, answer(), Unreadable("NotAFeed", "HTML"), nothing, nobody)
    assert (refused.after.state, refused.after.address) == ("broken", None)


def test_the_rhythm_of_a_feed_decides_and_is_kept_over_answers_without_a_body():
    task = feed_task(interval=None)
    entries = tuple(A._replace(url=f"https://news.example/{n}", guid=None,
                               published_at=NOW - timedelta(minutes=20 * n + 5))
                    for n in range(5))  # fmt: skip
    document = FeedDocument("rss20", "T", None, entries, None, Hints(ttl=600))
    good = poll_record(task, answer(), document, {digest("x")}.__contains__, nobody)
    assert (good.after.gap_seconds, good.after.newest_entry_at) == (
        1_200,
        NOW - timedelta(minutes=5),
    )
    assert hints_of(good.after.hints) == Hints(ttl=600)
    assert json.loads(good.schedule)["rule"] == "overflow", "all of it was new"
    known = poll_record(task, answer(), document, lambda _: True, nobody)
    assert json.loads(known.schedule).items() >= {"rule": "rhythm", "gap": 1_200}.items()
    assert 1_200 <= (known.after.next_poll_at - NOW).total_seconds() <= 1_320
    later = feed_task(
        interval=None, gap_seconds=1_200, newest_entry_at=NOW, hints=hints_json(Hints(ttl=3_600))
    )
    same = poll_record(later, answer(b"", 304), None, nothing, nobody)
    assert (same.after.gap_seconds, hints_of(same.after.hints)) == (1_200, Hints(ttl=3_600))
    assert json.loads(same.schedule)["rule"] == "ttl"


def test_a_long_error_is_cut():
    failed = poll_record(TASK, answer(), Unreadable("MalformedFeed", "x" * 9_999), nothing, nobody)
    assert len(failed.error) == LONGEST_ERROR


def ids(entry: Listed) -> set[str]:
    """What the database knows of an entry that it has."""
    return {entry.entry_id, entry.listing_id}


def test_only_new_entries_are_listed():
    (first,) = poll(A).listed
    b = A._replace(url="https://news.example/b")
    assert [entry.url for entry in poll(A, b, known=ids(first)).listed] == [b.url]


UPDATED = A._replace(updated_raw="2026-01-05T11:00:00Z")


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        pytest.param(A, A._replace(title="A, edited"), True, id="headline"),
        pytest.param(A, A._replace(title=None), True, id="no headline any more"),
        pytest.param(UPDATED, A._replace(updated_raw="an hour later"), True, id="date of change"),
        pytest.param(A, UPDATED, True, id="a date of change for the first time"),
        pytest.param(A, A._replace(summary="S", byline="B", guid="g", published_raw="now",
                                   published_at=NOW), False, id="what feeds write as they like"),
        pytest.param(A, A._replace(url=A.url + "?utm_source=rss"), False, id="tracking"),
        pytest.param(A, A, False, id="nothing"),
    ],
)  # fmt: skip
def test_a_known_entry_is_listed_again_when_its_headline_or_date_of_change_differs(
    before, after, changed
):
    (known,) = poll(before).listed
    again = poll(after, known=ids(known)).listed
    assert [entry.title for entry in again] == ([after.title] if changed else [])
    assert [entry.entry_id for entry in again] == ([known.entry_id] if changed else [])


def test_a_changed_entry_owes_no_page_of_its_own():
    """The page is read again when the change is in the database: by the next run."""
    (known,) = poll(A).listed
    brought = poll(A._replace(title="A, edited"), known=ids(known))
    assert list(page_tasks(TASK, brought, {known.url_id}.__contains__)) == []


@pytest.mark.parametrize(
    ("entries", "known", "read_before", "overflow"),
    [
        pytest.param(2, 0, True, True, id="all new"),
        pytest.param(2, 1, True, False, id="one was known"),
        pytest.param(2, 0, False, False, id="the first time"),
        pytest.param(0, 0, True, False, id="nothing in it"),
    ],
)
def test_a_feed_that_moved_on_past_all_that_was_known_says_so(
    entries, known, read_before, overflow
):
    shown = tuple(A._replace(url=f"https://news.example/{n}") for n in range(entries))
    had = {entry_id for entry in poll(*shown).listed[:known] for entry_id in ids(entry)}
    task = TASK if read_before else feed_task(last_body_at=None)
    document = FeedDocument("rss20", "T", None, shown, None)
    brought = poll_record(task, answer(), document, had.__contains__, nobody)
    assert brought.overflow is overflow
    assert len(brought.listed) == entries - known


def test_changed_entries_are_no_overflow():
    shown = tuple(A._replace(url=f"https://news.example/{n}") for n in range(3))
    had = {id for entry in poll(*shown).listed for id in ids(entry)}
    edited = tuple(entry._replace(title="Edited") for entry in shown)
    brought = poll(*edited, known=had)
    assert (len(brought.listed), brought.overflow) == (3, False)
    one_new = poll(*edited, A._replace(url="https://news.example/new"), known=had)
    assert (len(one_new.listed), one_new.overflow) == (4, False)


@pytest.mark.parametrize("dated", [True, False])
def test_a_feed_of_too_many_entries_comes_in_over_several_polls(dated):
    """The newest first, each once; nothing is noted that would keep the rest from being read."""
    count = 2 * MOST_LISTED + 1_000
    shown = tuple(
        A._replace(url=f"https://news.example/{n}", title=f"{n}",
                   published_at=NOW - timedelta(minutes=n) if dated else None)
        for n in range(count)
    )  # fmt: skip
    document = FeedDocument("rss20", "T", None, shown[::-1] if dated else shown, "a stray byte")
    task, had, came = feed_task(interval=None, last_body_at=None), set(), []
    for left in (count, count - MOST_LISTED):
        cut = poll_record(task, answer(etag='"new"'), document, had.__contains__, nobody)
        assert (cut.status, cut.entries, cut.overflow) == ("ok", count, False)
        assert (cut.after.etag, cut.after.last_modified, cut.after.body_hash) == (None, None, None)
        told = f"cut: {left:,} entries are new or changed, 2,000 were taken"
        assert cut.error == f"{told}; a stray byte"
        assert json.loads(cut.schedule)["rule"] == "cut"
        assert (cut.after.next_poll_at - NOW).total_seconds() <= 330
        came += [entry.title for entry in cut.listed]
        had |= {id for entry in cut.listed for id in ids(entry)}
        task = task._replace(before=cut.after)
    last = poll_record(task, answer(etag='"new"'), document, had.__contains__, nobody)
    came += [entry.title for entry in last.listed]
    assert (last.error, last.after.etag, last.after.body_hash) == (
        "a stray byte",
        '"new"',
        body_hash(b"new"),
    )
    assert json.loads(last.schedule)["rule"] != "cut"
    assert sorted(came) == sorted(entry.title for entry in shown)
    if dated:
        assert came[:MOST_LISTED] == [entry.title for entry in shown[:MOST_LISTED]]


def test_new_entries_go_before_changed_ones():
    old = tuple(A._replace(url=f"https://news.example/{n}") for n in range(MOST_LISTED))
    had = {id for entry in poll(*old).listed for id in ids(entry)}
    edited = tuple(entry._replace(title="Edited") for entry in old)
    new = A._replace(url="https://news.example/new", published_at=None)
    brought = poll(*edited, new, known=had)
    assert (len(brought.listed), brought.listed[0].url) == (MOST_LISTED, new.url)


def test_all_that_an_archive_lists_is_taken():
    task = feed_task(kind=ARCHIVED)
    shown = tuple(A._replace(url=f"https://news.example/{n}") for n in range(MOST_LISTED + 1))
    document = FeedDocument("warc", None, None, shown, None)
    brought = poll_record(task, answer(), document, nothing, nobody)
    assert (len(brought.listed), brought.error) == (MOST_LISTED + 1, None)


@pytest.mark.parametrize(
    ("hours", "believed"), [(-24 * 365, True), (0, True), (23, True), (25, False), (10**6, False)]
)
def test_dates_in_the_future_are_not_believed_but_kept_as_written(hours, believed):
    at = NOW + timedelta(hours=hours)
    (entry,) = poll(A._replace(published_at=at, published_raw="as written")).listed
    assert entry.published_at == (at if believed else None)
    assert entry.published_raw == "as written"
    (page,) = page_tasks(TASK, poll(A._replace(published_at=at)), nothing)
    assert page.published_at == entry.published_at, "so that the page may say when"


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        (NOW - timedelta(days=1), NOW - timedelta(days=1)),
        (NOW + timedelta(days=9), None),
        (NOW.replace(year=1970), None),
    ],
)
def test_a_date_in_the_future_gives_way_to_that_of_the_change(changed, at):
    future = NOW + timedelta(days=400)
    shown = A._replace(published_at=future, updated_raw=changed.isoformat())
    assert poll(shown).listed[0].published_at == at


def test_a_poll_that_failed_or_found_nothing_new_says_nothing_of_overflow():
    for result in (HttpFailure("Timeout", "too slow", NOW, 9), answer(b"", 304)):
        assert poll_record(TASK, result, None, nothing, nobody).overflow is False


@pytest.mark.parametrize(
    ("one", "other", "entries"),
    [
        pytest.param(A, A._replace(guid="other"), 1, id="same page, other guid"),
        pytest.param(A, A._replace(url=A.url + "?utm_source=rss"), 1, id="same page, tracked"),
        pytest.param(A, A._replace(url=A.url + "?id=2"), 2, id="same guid, other page"),
        pytest.param(BLANK._replace(guid="g", title="A", published_raw="today"),
                     BLANK._replace(guid="h", title="A", published_raw="today", summary="2 views"),
                     1, id="no page, a guid that changes"),
        pytest.param(BLANK._replace(guid="g", title="A", published_raw="today"),
                     BLANK._replace(guid="g", title="B", published_raw="today"), 2,
                     id="no page, a guid that is repeated"),
        pytest.param(BLANK._replace(guid="g", title="A", published_raw="today"),
                     BLANK._replace(title="A", published_raw="today"), 1,
                     id="no page, a guid that goes"),
        pytest.param(BLANK._replace(guid="g", published_raw="today"),
                     BLANK._replace(guid="h", published_raw="today"), 2,
                     id="no page, no headline"),
        pytest.param(BLANK._replace(title="A"), BLANK._replace(title="B"), 2,
                     id="no page, no guid, other title"),
        pytest.param(BLANK._replace(title="A"), BLANK._replace(title="A", published_raw="today"), 2,
                     id="no page, no guid, other date"),
        pytest.param(BLANK, BLANK, 1, id="nothing at all"),
    ],
)  # fmt: skip
def test_which_entries_are_the_same(one, other, entries):
    assert len(poll(one, other).listed) == entries
    (first,), (second,) = poll(one).listed, poll(other).listed
    assert (first.entry_id == second.entry_id) == (entries == 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(A, A._replace(guid="other", title="Edited"), id="same page, other guid"),
        pytest.param(BLANK._replace(guid="g", title="A"), BLANK._replace(guid="g", title="B"),
                     id="no page, same guid"),
    ],
)  # fmt: skip
def test_which_entries_are_the_same_one_after_the_other_but_not_side_by_side(one, other):
    (first,), (second,) = poll(one).listed, poll(other).listed
    assert first.entry_id == second.entry_id
    assert len(poll(one, other).listed) == 2


def test_the_same_page_in_two_feeds_is_two_entries_of_one_page():
    other = feed_task(url="https://news.example/other")
    document = FeedDocument("rss20", None, None, (A,), None)
    (one,), (two,) = (
        poll_record(task, answer(), document, nothing, nobody).listed for task in (TASK, other)
    )
    assert one.entry_id != two.entry_id
    assert one.url_id == two.url_id


def test_an_entry_without_a_page_is_skipped_and_says_why():
    (entry,) = poll(BLANK._replace(guid="g", title="A")).listed
    assert (entry.state, entry.reason) == ("skipped", "the entry has no link")
    assert (entry.url, entry.url_id, entry.guid) == (None, None, "g")


def test_new_entries_owe_their_pages():
    brought = poll(A, BLANK._replace(title="no page"))
    (owed,) = page_tasks(TASK, brought, nothing)
    assert (owed.url, owed.url_id) == (A.url, brought.listed[0].url_id)
    assert (owed.feed_url, owed.feed_position) == (TASK.url, 3)
    assert (owed.outlet, owed.country, owed.language) == ("Gazette", "GB", "en")
    assert (owed.title, owed.byline, owed.published_at) == ("A", "Ann Mole", A.published_at)
    assert (owed.listed_at, owed.attempts) == (NOW, 0)


def test_a_page_that_another_feed_brought_before_is_not_owed_again():
    brought = poll(A)
    assert list(page_tasks(TASK, brought, {brought.listed[0].url_id}.__contains__)) == []
