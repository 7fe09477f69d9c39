"""What is due: the feeds to poll, the pages still owed, and the ids that are known already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from config.models import Feed
from pipeline.run.looks import MOST_LOOKS, due_looks, look_of
from sinks.database.opening import open_database
from sinks.database.where import Where, is_there
from sinks.keep.pages import pages_folder
from transforms.feeds.identity import marks_of, name_of, shared_mark
from transforms.records import ARCHIVED, Entry, FeedState, FeedTask, HostRest, PageTask, RobotsFile
from transforms.shapes import write_lines
from transforms.times import LONGEST_RETRY_AFTER
from transforms.urls import host_of, page_id
from transforms.web.archive import Archive
from transforms.web.pace import LONGEST_REST
from transforms.workers.feed_texts import write_texts
from transforms.workers.known_ids import NOTHING, Known, write_known

EARLY = 30.0
"""Seconds that a poll may be early, so that a feed of 30m is not missed every other time by a
schedule of 30 minutes."""
MOST_SHOWN = 200
"""The newest entries of a feed, by when they were listed, are looked for where their names do not
tell. Feeds seldom show more, and so the room that this takes grows with the feeds alone."""
SHOWN = f"""
SELECT e.*, split_part(url, '#', 1) AS page,
       split_part(split_part(split_part(url, '#', 1), '?', 1), ';', 1) AS lasting
FROM entries e JOIN (
    SELECT feed_url, max(listed_at, {MOST_SHOWN})[-1] AS since FROM entries
    WHERE feed_url IN (SELECT feed_url FROM feeds WHERE kind = 'feed') GROUP BY feed_url
) USING (feed_url)
WHERE listed_at >= since
"""
SHARED = f"""
SELECT feed_url, page FROM ({SHOWN}) WHERE page <> '' GROUP BY ALL HAVING count(*) > 1
"""
"""Pages of which a feed has listed several entries."""
KNOWN = f"""
SELECT unhex(id) AS id FROM (
    SELECT listing_id AS id FROM entries WHERE listing_id IS NOT NULL
    UNION ALL SELECT entry_id FROM entries
    UNION ALL SELECT url_id FROM entries WHERE url_id IS NOT NULL
    UNION ALL SELECT md5(concat_ws(chr(10), feed_url, page)) FROM ({SHARED})
)
"""
# By what entries are known whose names do not tell, as transforms.feeds.identity makes it. A guid
# that is the address changes with it.
MARKS = f"""
WITH shown AS ({SHOWN}), marked AS (
    SELECT entry_id, feed_url, url, title, published_raw, coalesce(lasting, '') AS lasting,
           CASE WHEN guid <> url OR page <> url OR url IS NULL
                THEN feed_url || chr(10) || guid END AS name
    FROM shown
), marks AS (
    SELECT entry_id, [name, 'headline, date', title, coalesce(published_raw, '')] AS mark
    FROM marked WHERE name IS NOT NULL AND title <> ''
    UNION ALL
    SELECT entry_id, [name, 'headline, page', title, lasting]
    FROM marked WHERE name IS NOT NULL AND title <> ''
    UNION ALL
    SELECT entry_id, [name, 'date, page', published_raw, lasting]
    FROM marked WHERE name IS NOT NULL AND published_raw <> ''
    UNION ALL
    SELECT entry_id, [feed_url, 'headline, date, page', title, published_raw, lasting]
    FROM marked WHERE lasting <> url AND title <> '' AND published_raw <> ''
    UNION ALL
    SELECT entry_id, [feed_url, page, coalesce(title, ''), coalesce(published_raw, '')]
    FROM shown JOIN ({SHARED}) USING (feed_url, page)
)
SELECT unhex(md5(array_to_string(mark, chr(10)))) AS mark, unhex(entry_id) FROM marks
"""
SINCE = """
SELECT entry_id, listing_id, url_id, feed_url, url, guid, title, published_raw FROM entries
"""
EVER = datetime.min.replace(tzinfo=UTC)
"""Since when a feed is due that was never polled."""
PROBE_AFTER = timedelta(days=1)
"""A feed that has said nothing but 304 for so long has it put to the test."""
STATES = f"SELECT feed_url, {', '.join(FeedState._fields)} FROM feeds"
# One task for a page that is pending, in the name of the feed that listed it first, and with its
# headline, unless the page has several entries; one for a page
# that could not be had, with the text of its feed; and one for an article whose listing, by
# whichever feed, has changed since: then the page is read again as it was at first, so that two
# feeds with two headlines do not make a change of each poll. What is to wait longer than anything
# may was put down by a clock that was wrong. In turn for each host and each feed, so that a flood
# from one waits behind what is new elsewhere.
OWED = """
WITH changed AS (
    SELECT article_id, max(rechecks) AS rechecks FROM entries
    WHERE state = 'fetched' AND (recheck_at <= $now OR recheck_at > $latest) GROUP BY ALL
), owed AS (
    SELECT *, url_id AS what, false AS other, attempts AS tries, false AS was_told, NULL AS look,
           NULL AS file, NULL AS at_byte FROM entries
    WHERE state = 'pending' AND (next_attempt_at <= $now OR next_attempt_at > $latest)
      AND ($archived OR NOT starts_with(feed_url, 'warc:'))
    UNION ALL
    SELECT *, url_id, false, attempts, false, NULL, NULL, NULL FROM entries
    WHERE feed_text_at <= $now OR feed_text_at > $latest
    UNION ALL
    SELECT e.*, article_id, (e.feed_url, e.url_id) <> (a.feed_url, a.url_id), c.rechecks,
           a.text_source = 'feed',
           [a.article_id, 'listing', a.extractor, a.text_hash, a.body_hash], k.file, k.at_byte
    FROM changed c JOIN articles a USING (article_id) JOIN entries e USING (article_id)
    LEFT JOIN kept_pages k ON k.article_id = a.article_id AND k.body_hash = a.body_hash
    WHERE e.state = 'fetched'
), tasks AS (
    SELECT e.* REPLACE (
               CASE WHEN of_page = 1 THEN title END AS title,
               CASE WHEN of_page = 1 THEN byline END AS byline,
               CASE WHEN of_page = 1 THEN published_at END AS published_at
           ), f.position, coalesce(f.outlet, e.feed_url) AS outlet_or_url, f.country, f.language,
           f.robots IS DISTINCT FROM 'ignore' AS obeys_robots,
           regexp_extract(e.url, '^[^/]*//([^/?#]*)', 1) AS host
    FROM (SELECT *, count(*) OVER (PARTITION BY feed_url, url_id) AS of_page FROM owed) e
    LEFT JOIN feeds f USING (feed_url)
    QUALIFY row_number() OVER (PARTITION BY what ORDER BY other, e.run_id, f.position, e.url) = 1
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY feed_url ORDER BY tries, listed_at, url_id) AS of_feed
    FROM tasks WHERE NOT list_contains($without, url_id)
)
SELECT url_id, url, feed_url, position, outlet_or_url, country, language, title, byline,
       published_at, listed_at, tries, obeys_robots,
       look, file, at_byte,
       CASE WHEN feed_text_at IS NOT NULL OR was_told THEN content END, was_told
FROM ranked
ORDER BY list_contains($first, url_id) DESC, greatest(
    of_feed, row_number() OVER (PARTITION BY host ORDER BY of_feed, tries, listed_at, url_id)
), url_id
LIMIT $most
"""


ROBOTS = """
SELECT origin, fetched_at, http_status, body, error, expires_at FROM robots
WHERE fetched_at <= $now AND expires_at > $now
"""
# A longer rest was put down by a clock that was wrong.
HOSTS = """
SELECT host, noted_at, resting_until, failures, last_error FROM hosts
WHERE resting_until > $now AND resting_until <= $latest
"""


NEW = FeedState()


class Plan(NamedTuple):
    """The files of a plan, for the workers, and how much stands in them."""

    feeds: Path
    owed: Path
    known: Path
    robots: Path
    hosts: Path
    texts: Path
    feeds_due: int
    pages_owed: int
    archive: Path | None = None
    """The index of what answers in the place of the web."""


class Due(NamedTuple):
    """What is due, as far as the database knows."""

    feeds: list[FeedTask]
    owed: list[PageTask]
    robots: Sequence[RobotsFile] = ()
    hosts: Sequence[HostRest] = ()
    texts: Mapping[str, str] = {}
    """Texts of feeds, by the page's id, in the place of pages that could not be had."""

    def names(self) -> set[tuple[str, str]]:
        """The names of all tasks."""
        return {task.name for task in self.feeds} | {task.name for task in self.owed}


class Row(NamedTuple):
    """What of an entry tells it from others."""

    entry_id: str
    listing_id: str | None
    url_id: str | None
    feed_url: str
    url: str | None
    guid: str | None
    title: str | None
    published_raw: str | None

    @property
    def entry(self) -> Entry:
        """As a feed would list it."""
        return Entry(self.url, self.guid, self.title, None, None, None, self.published_raw)

    @property
    def name(self) -> str:
        """Its id, had it a page alone."""
        return name_of(self.feed_url, self.entry)


class Bound(NamedTuple):
    """How much one plan may hold, and what goes first."""

    feeds: int
    pages: int
    first: Collection[tuple[str, str]] = ()
    """Names of tasks whose answers are here."""
    without: Collection[tuple[str, str]] = ()
    """Names of tasks that are under way already."""


def make_plan(
    database: Where,
    catalogue: Sequence[Feed],
    folder: Path,
    *,
    now: datetime,
    poll_all: bool,
    lock_timeout: float,
    archive: Path | None = None,
) -> Plan:
    """Look up what is due, and write it to files in `folder`; the database is only read.

    With `archive`, an index of WARC files, these are all that is due: what they list, and those
    pages owed that they have.

    Raises:
        DatabaseLocked: another process held the database.
    """
    due = look_up(
        database, catalogue, now=now, poll_all=poll_all, lock_timeout=lock_timeout, archive=archive
    )
    known = read_known(database, lock_timeout) if due.feeds or due.owed else NOTHING
    return write_plan(due, known, folder, archive)


def look_up(
    database: Where,
    catalogue: Sequence[Feed],
    *,
    now: datetime,
    lock_timeout: float,
    poll_all: bool = False,
    archive: Path | None = None,
    bound: Bound | None = None,
) -> Due:
    """What is due; with `bound`, so much of it as a short run may take on, fair to all.

    Raises:
        DatabaseLocked: another process held the database.
    """
    states: dict[str, FeedState] = {}
    due = Due([], [])
    if is_there(database):
        with open_database(database, read_only=True, lock_timeout=lock_timeout) as opened:
            rows = opened.connection.execute(STATES).fetchall()
            states = {url: FeedState(*state) for url, *state in rows}
            latest = now + timedelta(seconds=LONGEST_RETRY_AFTER)
            first = [key for _, key in bound.first] if bound else []
            without = [key for _, key in bound.without] if bound else []
            asked = {"now": latest if archive else now, "latest": latest,
                     "archived": archive is not None, "most": bound.pages if bound else None,
                     "first": first, "without": without}  # fmt: skip
            owed = opened.connection.execute(OWED, asked).fetchall()
            robots = opened.connection.execute(ROBOTS, {"now": now}).fetchall()
            rests = {"now": now, "latest": now + timedelta(seconds=LONGEST_REST)}
            hosts = opened.connection.execute(HOSTS, rests).fetchall()
            folder = pages_folder(database)
            tasks, texts = _owed(owed, folder)
            if archive is None:
                room = bound.pages - len(tasks) if bound else MOST_LOOKS
                besides = {*without, *(task.url_id for task in tasks)}
                tasks += due_looks(opened.connection, catalogue, folder, now, room, besides, first)
            due = Due(
                feeds=[],
                owed=tasks,
                robots=[RobotsFile(*row) for row in robots],
                hosts=[HostRest(*row) for row in hosts],
                texts=texts,
            )
    if archive:
        pages_there = Archive(archive)
        feeds = list(archived_feeds(pages_there, catalogue, states))
        pages = [task for task in due.owed if task.url_id in due.texts or pages_there.has(task.url)]
        pages_there.close()
        return due._replace(feeds=feeds, owed=pages)
    feeds = list(due_feeds(catalogue, states, now, poll_all))
    if bound:
        waits = {url: state.next_poll_at or EVER for url, state in states.items()}
        free = [task for task in feeds if task.name not in bound.without]
        feeds = fair(free, bound.first, lambda task: waits.get(task.url, EVER))[: bound.feeds]
    return due._replace(feeds=feeds)


def _owed(rows: Iterable[Sequence[Any]], folder: Path) -> tuple[list[PageTask], dict[str, str]]:
    """Pages that are owed, and texts of feeds, by the page's id, in their place.

    An article that is the feed's, because its page is that of other entries too, stays so when it
    is read again.
    """
    tasks: list[PageTask] = []
    texts: dict[str, str] = {}
    for *row, look, file, at_byte, text, was_told in rows:
        task = PageTask(*row)._replace(look=look_of(look, folder, file, at_byte))
        if was_told and task.url_id == page_id(task.url):  # the page may be there now
            text = None
        elif was_told and text is None:
            continue
        tasks.append(task)
        if text is not None:
            texts[task.url_id] = text
    return tasks, texts


def fair(
    tasks: Sequence[FeedTask],
    first: Collection[tuple[str, str]],
    due_at: Callable[[FeedTask], datetime],
) -> list[FeedTask]:
    """Tasks in turn for each host, of a host the one that has waited longest first."""
    ranks: Counter[str] = Counter()
    ordered: list[tuple[bool, int, datetime, FeedTask]] = []
    for task in sorted(tasks, key=due_at):
        host = host_of(task.target)
        ordered.append((task.name not in first, ranks[host], due_at(task), task))
        ranks[host] += 1
    return [task for *_, task in sorted(ordered, key=lambda turn: turn[:3])]


def read_known(database: Where, lock_timeout: float) -> Known:
    """All that is known: ids of entries, of their listings and pages, and what else tells of them.

    Raises:
        DatabaseLocked: another process held the database.
    """
    if not is_there(database):
        return NOTHING
    with open_database(database, read_only=True, lock_timeout=lock_timeout) as opened:
        ids, marks = (opened.connection.sql(query).to_arrow_table() for query in (KNOWN, MARKS))
        return Known(ids.column(0), *marks.columns)


def read_known_since(
    database: Where, run_id: str, since: datetime, lock_timeout: float
) -> tuple[set[str], dict[str, str]]:
    """What a run has made known, whose polls were made since some time: ids, entries by marks.

    Raises:
        DatabaseLocked: another process held the database.
    """
    with open_database(database, read_only=True, lock_timeout=lock_timeout) as opened:
        asked = {"run": run_id, "since": since}
        new = f"{SINCE} WHERE run_id = $run OR changed_at >= $since"
        rows = [Row(*row) for row in opened.connection.execute(new, asked).fetchall()]
        names = {row.name for row in rows if row.name != row.entry_id}
        if names:
            first = f"{SINCE} WHERE entry_id IN (SELECT unnest($names))"
            found = opened.connection.execute(first, {"names": list(names)}).fetchall()
            rows += [Row(*row) for row in found]
    ids = {id_ for row in rows for id_ in (row.entry_id, row.listing_id, row.url_id) if id_}
    ids |= {shared_mark(row.feed_url, row.entry) for row in rows if row.name in names and row.url}
    return ids, {
        mark: row.entry_id
        for row in rows
        for mark in marks_of(row.feed_url, row.entry, row.name in names)
    }


def write_plan(due: Due, known: Known, folder: Path, archive: Path | None = None) -> Plan:
    """Write what is due, and the ids that are known, to files in `folder`, for the workers."""
    ids = folder / "known.npy"
    write_known(ids, known)
    feeds, pages, rules, resting = (
        folder / f"{name}.jsonl" for name in ("feeds", "owed", "robots", "hosts")
    )
    texts = folder / "texts"
    spans = dict(zip(due.texts, write_texts(texts, due.texts.values()), strict=True))
    owed = [task._replace(text_span=spans.get(task.url_id)) for task in due.owed]
    plan = Plan(feeds, pages, ids, rules, resting, texts, len(due.feeds), len(owed), archive)
    write_lines(plan.feeds, due.feeds)
    write_lines(plan.owed, owed)
    write_lines(plan.robots, due.robots)
    write_lines(plan.hosts, due.hosts)
    return plan


def due_feeds(
    catalogue: Sequence[Feed], states: dict[str, FeedState], now: datetime, poll_all: bool
) -> Iterator[FeedTask]:
    """The feeds to poll now, in the order of the feeds file."""
    for position, feed in enumerate(catalogue):
        state = states.get(feed.url, NEW)
        if poll_all or is_due(state, feed.interval, now):
            yield FeedTask(
                url=feed.url,
                outlet=outlet_of(feed),
                country=feed.country,
                language=feed.language,
                position=position,
                interval=feed.interval,
                before=state,
                kind=feed.kind,
                robots=feed.robots,
                probe=state.last_body_at is not None and now - state.last_body_at > PROBE_AFTER,
            )


def archived_feeds(
    archive: Archive, catalogue: Sequence[Feed], states: dict[str, FeedState]
) -> Iterator[FeedTask]:
    """What WARC files list, by site; of a site of the feeds file, outlet and all are known."""
    outlets: dict[str, Feed] = {}
    for listed in catalogue:
        outlets.setdefault(host_of(listed.url), listed)
    for position, site in enumerate(archive.sites(), start=len(catalogue)):
        feed = outlets.get(site.site)
        yield FeedTask(
            url=site.feed_url,
            outlet=outlet_of(feed) if feed else site.site,
            country=feed.country if feed else None,
            language=feed.language if feed else None,
            position=position,
            interval=None,
            before=FeedState(body_hash=states.get(site.feed_url, NEW).body_hash),
            kind=ARCHIVED,
        )


def is_due(state: FeedState, interval: int | None, now: datetime) -> bool:
    """Whether a feed is due; a shorter interval in the feeds file counts at once."""
    if state.state == "retired":
        return False
    if state.last_polled_at is None or state.next_poll_at is None:
        return True
    if state.last_polled_at > now:  # the clock was wrong then, or is now
        return True
    if state.failures:
        return state.next_poll_at <= now
    due = state.next_poll_at
    if interval is not None:
        due = min(due, state.last_polled_at + timedelta(seconds=interval))
    wait = (due - state.last_polled_at).total_seconds()
    return due <= now + timedelta(seconds=min(EARLY, wait / 10))


def outlet_of(feed: Feed) -> str:
    """Name of a feed's outlet: its host, where none is configured."""
    return feed.outlet or urlsplit(feed.url).hostname or feed.url
