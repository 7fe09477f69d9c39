"""From a feed's answer to its poll record: pure functions, no clock, no I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from transforms.records import (
    Entry,
    FeedDocument,
    FeedTask,
    HttpFailure,
    Listed,
    PageTask,
    Poll,
    Response,
    Unreadable,
)
from transforms.schedule import next_poll
from transforms.urls import canonical, digest

NOT_MODIFIED = 304
LONGEST_ERROR = 500


def is_unchanged(task: FeedTask, response: Response) -> bool:
    """Whether an answer says, or its body shows, that nothing is new (RFC 9110, 15.4.5)."""
    return response.status == NOT_MODIFIED or body_hash(response.body) == task.body_hash


def body_hash(body: bytes) -> str:
    """SHA-256 of a body, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def poll_record(
    task: FeedTask,
    answer: Response | HttpFailure,
    document: FeedDocument | Unreadable | None,
    known: Callable[[str], bool],
) -> Poll:
    """What a poll brought: only entries that are new or changed, and the feed's next state.

    `document` is None when the answer failed or is unchanged. A failed poll keeps the validators
    of the last good one, so that nothing it hid is taken for seen.
    """
    if isinstance(answer, HttpFailure):
        return _failed(task, answer, "poll", answer.error_type, answer.message)
    if isinstance(document, Unreadable):
        return _failed(task, answer, "read feed", document.error_type, document.message)
    if answer.status == NOT_MODIFIED and not (task.etag or task.last_modified):
        return _failed(task, answer, "poll", "BadNotModified", "304 where nothing was known")
    poll = _poll(task, answer, "unchanged" if document is None else "ok", failures=0)
    etag, last_modified = answer.headers.get("etag"), answer.headers.get("last-modified")
    if document is None:
        return poll._replace(
            etag=etag or task.etag, last_modified=last_modified or task.last_modified
        )
    return poll._replace(
        entries=len(document.entries),
        error=document.warning,
        etag=etag,
        last_modified=last_modified,
        body_hash=body_hash(answer.body),
        **_listing(task, document.entries, known),
    )


def page_tasks(task: FeedTask, poll: Poll, known: Callable[[str], bool]) -> Iterator[PageTask]:
    """The pages that a poll's new entries owe, but for those that another feed brought before."""
    for entry in poll.listed:
        if entry.state == "pending" and entry.url and entry.url_id and not known(entry.url_id):
            yield PageTask(
                entry.url_id,
                entry.url,
                task.url,
                task.position,
                task.outlet,
                task.country,
                task.language,
                entry.title,
                entry.byline,
                entry.published_at,
                poll.polled_at,
            )


def _listing(
    task: FeedTask, entries: tuple[Entry, ...], known: Callable[[str], bool]
) -> dict[str, Any]:
    """Entries that are new or changed, and whether they are all that the feed has now."""
    found: dict[str, Listed] = {}
    for entry in entries:
        listed = _listed(task, entry)
        found.setdefault(listed.entry_id, listed)
    news = tuple(listed for listed in found.values() if not known(listed.listing_id))
    moved_on = bool(news) and len(news) == len(found) and task.body_hash is not None
    return {"overflow": moved_on, "listed": news}


def _listed(task: FeedTask, entry: Entry) -> Listed:
    """An entry is that a feed listed a page; without a page, its guid or title stands for it.

    Guids are no help for the others: some change with each poll, some are all the same.
    """
    url_id = digest(canonical(entry.url)) if entry.url else None
    identity = url_id or entry.guid or f"{entry.title}\n{entry.published_raw}\n{entry.summary}"
    entry_id = digest(task.url, identity)
    return Listed(
        entry_id=entry_id,
        listing_id=digest(entry_id, f"{entry.title}\n{entry.updated_raw}"),
        url_id=url_id,
        url=entry.url,
        guid=entry.guid,
        title=entry.title,
        byline=entry.byline,
        summary=entry.summary,
        published_at=entry.published_at,
        published_raw=entry.published_raw,
        state="pending" if entry.url else "skipped",
        reason=None if entry.url else "the entry has no link",
    )


def _failed(
    task: FeedTask, answer: Response | HttpFailure, stage: str, error_type: str, error: str
) -> Poll:
    poll = _poll(task, answer, "failed", task.failures + 1)
    return poll._replace(stage=stage, error_type=error_type, error=error[:LONGEST_ERROR])


def refused_poll(poll: Poll, reason: str) -> Poll:
    """A failure in the place of a poll whose row does not fit; the feed is read again."""
    return poll._replace(
        status="failed",
        http_status=None,
        entries=None,
        bytes=0,
        milliseconds=0,
        stage="stage",
        error_type="Misfit",
        error=reason[:LONGEST_ERROR],
        etag=None,
        last_modified=None,
        body_hash=None,
        failures=1,
        state="active",
        overflow=False,
        listed=(),
    )


def _poll(task: FeedTask, answer: Response | HttpFailure, status: str, failures: int) -> Poll:
    """A poll that brought nothing and leaves what is known of the feed as it was."""
    wait = answer.retry_after if isinstance(answer, HttpFailure) else None
    due = next_poll(answer.fetched_at, task.interval, failures, answer.status, wait)
    return Poll(
        feed_url=task.url,
        polled_at=answer.fetched_at,
        status=status,
        http_status=answer.status,
        entries=None,
        bytes=answer.received,
        milliseconds=answer.milliseconds,
        stage=None,
        error_type=None,
        error=None,
        etag=task.etag,
        last_modified=task.last_modified,
        body_hash=task.body_hash,
        failures=failures,
        state=due.state,
        next_poll_at=due.at,
        overflow=False,
        listed=(),
    )
