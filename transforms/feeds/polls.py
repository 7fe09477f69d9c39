"""From a feed's answer to its poll record: pure functions, no clock, no I/O."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from config.failures import Kind
from transforms.feeds.dates import first_believed
from transforms.feeds.identity import (
    EntryOf,
    Identified,
    Known,
    as_pages,
    identified,
    listing_id,
)
from transforms.feeds.schedule import (
    GONE,
    Turn,
    explained,
    freshness,
    median_gap,
    must_not_store,
    next_poll,
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
    PageTask,
    Poll,
    Response,
    Unreadable,
    unforeseen,
)

NOT_MODIFIED = 304
IM_USED = 226
"""Only what is new since the validators that were sent (RFC 3229)."""
MOST_LISTED = 2_000
"""Entries that one poll may bring; a feed that has more is read again for the others."""
FUTURE = timedelta(days=1)
"""A publication so much later than the poll is not believed."""
MOVES_NEEDED, MOVES_OVER = 3, timedelta(days=1)
"""So often, and so long, must permanent redirects lead to one place before a feed moves there."""


def is_unchanged(task: FeedTask, response: Response) -> bool:
    """Whether an answer says, or its body shows, that nothing is new (RFC 9110, 15.4.5)."""
    return response.status == NOT_MODIFIED or body_hash(response.body) == task.before.body_hash


def poll_record(
    task: FeedTask,
    answer: Response | HttpFailure,
    document: FeedDocument | Unreadable | None,
    known: Known,
    entry_of: EntryOf,
) -> Poll:
    """What a poll brought: only entries that are new or changed, and the feed's next state.

    `document` is None when the answer failed or is unchanged. A failed poll keeps the validators
    of the last good one, so that nothing it hid is taken for seen.
    """
    if isinstance(answer, HttpFailure):
        problem = answer.error_type, answer.message
        return _failed(task, answer, "poll", *problem, temporary=answer.temporary)
    if isinstance(document, Unreadable):
        problem = document.error_type, document.message
        return _failed(task, answer, "read feed", *problem, temporary=document.temporary)
    poll = _good(task, answer, "unchanged" if document is None else "ok")
    if document is not None:
        poll = _leaving(
            poll._replace(entries=len(document.entries), error=_told(document)),
            body_hash=body_hash(answer.body),
            **_rhythm(task, document, answer.fetched_at),
        )
        if task.kind == "feed":
            entries = identified(task.url, document.entries, known, entry_of)
        else:
            entries = as_pages(task.url, document.entries)
        poll = _listing(task, poll, entries, known, whole=answer.status != IM_USED)
    if answer.after_304 and poll.listed:
        poll = _leaving(poll, false_304=True)
    if task.kind == ARCHIVED:
        return poll._replace(schedule=json.dumps({"rule": "archive"}))
    return _scheduled(task, answer, poll)


def page_tasks(task: FeedTask, poll: Poll, known: Known) -> Iterator[PageTask]:
    """The pages that a poll's new entries owe, but for those that another feed brought before.

    A page of several entries has the headline of none of them.
    """
    entries = Counter(entry.url_id for entry in poll.listed)
    for entry in poll.listed:
        if entry.state == "pending" and _is_new(entry, known):
            owed = _page_task(task, poll, entry)
            if entries[entry.url_id] > 1:
                owed = owed._replace(title=None, byline=None, published_at=None)
            yield owed


def own_texts(task: FeedTask, poll: Poll, known: Known) -> Iterator[tuple[PageTask, Response]]:
    """The texts of a poll's new entries whose page is that of others, too."""
    for entry in poll.listed:
        if entry.state == "skipped" and entry.content and _is_new(entry, known):
            body = entry.content.encode(errors="replace")
            read = _page_task(task, poll, entry)._replace(text_span=(0, len(body)))
            yield read, Response(read.url, 200, {}, body, (), poll.polled_at, 0, 0)


def _is_new(entry: Listed, known: Known) -> bool:
    """Not so of an entry that is known, be it at another address, nor of a known page."""
    return not (entry.url_id is None or known(entry.url_id) or known(entry.entry_id))


def _page_task(task: FeedTask, poll: Poll, entry: Listed) -> PageTask:
    return PageTask(
        entry.url_id or "",
        entry.url or "",
        task.url,
        task.position,
        task.outlet,
        task.country,
        task.language,
        entry.title,
        entry.byline,
        entry.published_at,
        poll.polled_at,
        obeys_robots=task.robots == "obey",
    )


def _listing(
    task: FeedTask,
    poll: Poll,
    entries: list[Identified],
    known: Known,
    whole: bool,
) -> Poll:
    """The poll with its new and changed entries, and whether new ones are all that the feed has.

    A document that is not the whole feed shows new ones only, whatever there is. Where more are
    new than a poll may bring, the newest go first, and nothing is noted that would keep the next
    poll from reading the others.
    """
    listing = [_listed(one, poll.polled_at) for one in entries]
    news = [listed for listed in listing if not known(listed.listing_id)]
    new = sum(not known(listed.entry_id) for listed in news)
    read_before = task.before.last_body_at is not None
    poll = poll._replace(overflow=whole and read_before and 0 < new == len(listing))
    if len(news) <= MOST_LISTED or task.kind == ARCHIVED:
        return poll._replace(listed=tuple(news))
    taken = sorted(news, key=lambda listed: _rank(listed, known))[:MOST_LISTED]
    told = f"cut: {len(news):,} entries are new or changed, {MOST_LISTED:,} were taken"
    poll = poll._replace(listed=tuple(taken), error=f"{told}; {poll.error}" if poll.error else told)
    return _leaving(poll, etag=None, last_modified=None, body_hash=None)


def _told(document: FeedDocument) -> str | None:
    return document.warning and document.warning[:LONGEST_ERROR]


def _rank(listed: Listed, known: Known) -> tuple[bool, float]:
    """New entries go before changed ones, the newest first, the undated last."""
    at = listed.published_at
    return known(listed.entry_id), -at.timestamp() if at else math.inf


def _listed(one: Identified, now: datetime) -> Listed:
    entry = one.entry
    reason = (
        "its page has several entries"
        if one.has_own_text
        else entry.refused or "the entry has no link"
    )
    is_page = entry.url is not None and not one.has_own_text
    return Listed(
        entry_id=one.entry_id,
        listing_id=listing_id(one.entry_id, entry),
        url_id=one.url_id,
        url=entry.url,
        guid=entry.guid,
        title=entry.title,
        byline=entry.byline,
        summary=entry.summary,
        published_at=_believed(entry, now),
        published_raw=entry.published_raw,
        state="pending" if is_page else "skipped",
        reason=None if is_page else reason,
        content=entry.post if one.has_own_text else entry.content,
    )


def _believed(entry: Entry, now: datetime) -> datetime | None:
    """When an entry was published, or else changed, if that can be."""
    latest, published = now + FUTURE, entry.published_at
    if published and published > latest:
        published = first_believed([entry.updated_raw])
    return published if published and published <= latest else None


def _good(task: FeedTask, answer: Response, status: str) -> Poll:
    """A poll that went well: failures are forgotten, validators and moves noted."""
    etag, last_modified = answer.headers.get("etag"), answer.headers.get("last-modified")
    if must_not_store(answer.headers):
        etag = last_modified = None
    elif answer.status == NOT_MODIFIED:  # it need not repeat them (RFC 9110, 15.4.5)
        etag = etag or task.before.etag
        last_modified = last_modified or task.before.last_modified
    poll = _poll(task, answer, status)
    whole = answer.status != NOT_MODIFIED
    return _leaving(
        poll._replace(redirected_to=answer.url if answer.redirects else None),
        etag=etag,
        last_modified=last_modified,
        failures=0,
        failing_since=None,
        lasting_since=None,
        last_body_at=answer.fetched_at if whole else task.before.last_body_at,
        **_moves(task, answer),
    )


def _moves(task: FeedTask, answer: Response) -> dict[str, Any]:
    """Where permanent redirects lead, and since when; a feed moves when they have persisted."""
    to = answer.moved_to
    if to is None:
        return {"moving_to": None, "moves_seen": 0, "moving_since": None}
    before = task.before
    since = before.moving_since if to == before.moving_to else None
    seen = before.moves_seen + 1 if since else 1
    since = since or answer.fetched_at
    if seen >= MOVES_NEEDED and answer.fetched_at - since >= MOVES_OVER:
        address = None if to == task.url else to
        return {"address": address, "moving_to": None, "moves_seen": 0, "moving_since": None}
    return {"moving_to": to, "moves_seen": seen, "moving_since": since}


def _rhythm(task: FeedTask, document: FeedDocument, now: datetime) -> dict[str, Any]:
    """What decides when to ask again, and cannot be seen in an answer without a body."""
    times = [entry.published_at for entry in document.entries]
    past = [at for at in times if at is not None and at <= now]
    return {
        "gap_seconds": median_gap(times, now) or task.before.gap_seconds,
        "newest_entry_at": max(past, default=task.before.newest_entry_at),
        "hints": hints_json(document.hints),
    }


def _scheduled(task: FeedTask, answer: Response | HttpFailure, poll: Poll) -> Poll:
    """The poll with its feed's next state, and why."""
    now, after = poll.polled_at, poll.after
    headers = answer.headers if isinstance(answer, Response) else {}
    max_age, expires = freshness(headers, now)
    turn = Turn(
        interval=task.interval,
        gap=after.gap_seconds,
        quiet=_seconds(after.newest_entry_at, now),
        hints=hints_of(after.hints),
        max_age=max_age,
        expires=expires,
        overflow=poll.overflow,
        cut=poll.status == "ok" and after.body_hash is None,
        failures=after.failures,
        lasting=_seconds(after.lasting_since, now),
        gone=answer.status == GONE,
        retry_after=answer.retry_after if isinstance(answer, HttpFailure) else None,
        jitter=int(digest(task.url, now.isoformat())[:8], 16) / 2**32,
    )
    due = next_poll(now, turn)
    poll = poll._replace(schedule=explained(turn, due))
    return _leaving(poll, state=due.state, next_poll_at=due.at)


def hints_json(hints: Hints) -> str | None:
    """Those hints that there are, as a JSON object; None without any."""
    told = {name: value for name, value in hints._asdict().items() if value}
    return json.dumps(told) if told else None


def hints_of(text: str | None) -> Hints:
    """Hints from their JSON."""
    told = json.loads(text or "{}")
    lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
    return Hints(**told | lists)


def _seconds(since: datetime | None, now: datetime) -> int | None:
    return None if since is None else max(0, round((now - since).total_seconds()))


def poll_that_failed(task: FeedTask, answer: Response | HttpFailure, error: Exception) -> Poll:
    """The poll of a feed whose answer or document we have no way to deal with; it is our fault."""
    failure = unforeseen(error, answer.fetched_at, answer.milliseconds)
    problem = failure.error_type, failure.message
    return _failed(task, failure, "read feed", *problem, failure.temporary)


def _failed(
    task: FeedTask,
    answer: Response | HttpFailure,
    stage: str,
    error_type: str,
    error: str,
    temporary: bool = False,
) -> Poll:
    """A failed poll. Where a moved feed is not to be had, its own address is asked again."""
    if isinstance(answer, HttpFailure) and not answer.asked:
        return _left_alone(task, answer)
    poll = _poll(task, answer, "failed")._replace(
        stage=stage, error_type=error_type, error=error[:LONGEST_ERROR]
    )
    before = task.before
    poll = _leaving(
        poll,
        failures=before.failures + 1,
        failing_since=before.failing_since or answer.fetched_at,
        lasting_since=None if temporary else before.lasting_since or answer.fetched_at,
        address=before.address if temporary else None,
    )
    return _scheduled(task, answer, poll)


def _left_alone(task: FeedTask, answer: HttpFailure) -> Poll:
    """A poll that asked nobody: no failure of its feed, which is due when its host may be asked."""
    wait = answer.retry_after or 0
    poll = _poll(task, answer, "failed")._replace(
        stage="poll",
        error_type=answer.error_type,
        error=answer.message[:LONGEST_ERROR],
        schedule=json.dumps({"rule": "host-resting", "retry_after": wait}),
    )
    return _leaving(poll, next_poll_at=answer.fetched_at + timedelta(seconds=wait))


def refused_poll(poll: Poll, reason: str) -> Poll:
    """A failure in the place of a poll whose row does not fit; the feed is read again."""
    kept = poll.after
    return Poll(
        feed_url=poll.feed_url,
        polled_at=poll.polled_at,
        status="failed",
        http_status=None,
        entries=None,
        bytes=0,
        milliseconds=0,
        stage="stage",
        error_type=Kind.MISFIT,
        error=reason[:LONGEST_ERROR],
        schedule=poll.schedule,
        after=FeedState(
            failures=1,
            failing_since=poll.polled_at,
            moves_seen=kept.moves_seen,
            moving_since=kept.moving_since,
            false_304=kept.false_304,
            last_polled_at=poll.polled_at,
            next_poll_at=kept.next_poll_at,
        ),
    )


def _poll(task: FeedTask, answer: Response | HttpFailure, status: str) -> Poll:
    """A poll that brought nothing and leaves what is known of the feed as it was."""
    return Poll(
        feed_url=task.url,
        polled_at=answer.fetched_at,
        status=status,
        http_status=answer.status,
        entries=None,
        bytes=answer.received,
        milliseconds=answer.milliseconds,
        after=task.before._replace(
            state="active", next_poll_at=None, last_polled_at=answer.fetched_at
        ),
    )


def _leaving(poll: Poll, **changes: Any) -> Poll:
    """A poll that leaves something else of its feed."""
    return poll._replace(after=poll.after._replace(**changes))
