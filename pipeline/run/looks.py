"""Which articles are looked at again: edits that no listing tells of, within what a host is spared.

See docs/engineer/decisions/0013-an-article-is-looked-at-once-more.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from config.failures import NOT_THE_HOSTS
from config.load import LONGEST_REVISIT
from config.models import Feed
from transforms.records import Look, PageTask
from transforms.urls import host_of
from transforms.web.kept import path_of
from transforms.web.pace import SLOW

OF_REQUESTS = 10
"""One request of so many to a host, counted over a day, may be a look."""
DAY = timedelta(days=1)
MOST_LOOKS = 10_000
"""Looks of one run."""
HOST = "regexp_extract({}, '^[^/]*//([^/?#]*)', 1)"
UNASKED = ", ".join(f"'{kind}'" for kind in sorted(NOT_THE_HOSTS))
# Young articles whose time has come since their pages were asked for last. Of several times that
# have passed, one look is enough. What a listing is to have read again is not looked at besides.
# Validators and bytes are those of the last look that brought any, or else of the article.
DUE = """
WITH spans AS (
    SELECT unnest($feeds) AS feed_url, unnest($positions) AS position, unnest($spans) AS span
), young AS (
    SELECT a.* FROM (
        SELECT article_id, url_id, url, feed_url, outlet, country, title, listed_at, fetched_at,
               published_at, extractor, text_hash, body_hash, etag, last_modified
        FROM articles
        WHERE listed_at > $since AND listed_at <= $now AND text_source = 'page'
          AND coalesce(published_at, listed_at) > $since
    ) a ANTI JOIN (SELECT article_id FROM entries WHERE recheck_at IS NOT NULL) USING (article_id)
), earlier AS (
    SELECT article_id, fetched_at FROM article_versions WHERE version = 1 AND fetched_at > $since
), looked AS (
    SELECT article_id, max(looked_at) AS last,
           arg_max({'body_hash': body_hash, 'etag': etag, 'last_modified': last_modified},
                   looked_at) FILTER (body_hash IS NOT NULL) AS seen
    FROM article_looks WHERE looked_at > $since GROUP BY ALL
), due AS (
    SELECT y.article_id, any_value(position) AS position, any_value(seen) AS seen
    FROM young y JOIN spans USING (feed_url)
    LEFT JOIN earlier v ON v.article_id = y.article_id
    LEFT JOIN looked l ON l.article_id = y.article_id
    WHERE coalesce(v.fetched_at, y.fetched_at) + to_seconds(span) <= $now
    GROUP BY y.article_id
    HAVING max(coalesce(v.fetched_at, y.fetched_at) + to_seconds(span))
           > any_value(greatest(y.fetched_at, l.last))
), listed AS (
    SELECT *, count(*) OVER (PARTITION BY feed_url, url_id) AS of_page
    FROM entries WHERE state = 'fetched' AND listed_at > $since
)
SELECT y.url_id, y.url, y.feed_url, d.position, y.outlet, y.country, f.language,
       CASE WHEN of_page = 1 THEN e.title END, CASE WHEN of_page = 1 THEN e.byline END,
       CASE WHEN of_page = 1 THEN e.published_at END, y.listed_at, 0,
       f.robots IS DISTINCT FROM 'ignore',
       [y.article_id, 'revisit', y.extractor, y.text_hash,
        if(seen IS NULL, y.body_hash, seen.body_hash), if(seen IS NULL, y.etag, seen.etag),
        if(seen IS NULL, y.last_modified, seen.last_modified)],
       k.file, k.at_byte
FROM due d JOIN young y USING (article_id) LEFT JOIN feeds f ON f.feed_url = y.feed_url
JOIN listed e ON e.url_id = y.url_id AND e.feed_url = y.feed_url
LEFT JOIN kept_pages k ON k.article_id = y.article_id AND k.body_hash = y.body_hash
QUALIFY row_number() OVER (PARTITION BY y.article_id ORDER BY e.run_id, e.url) = 1
ORDER BY list_contains($first, y.url_id) DESC, y.listed_at DESC, y.url_id
"""
# What was asked of each host in a day, as far as rows tell: polls, pages, what failed; and looks.
# Redirects and robots.txt are not counted, which spares the host.
ASKED = f"""
SELECT host, sum(others)::BIGINT, sum(looks)::BIGINT, avg(milliseconds) FROM (
    SELECT {HOST.format("coalesce(address, feed_url)")} AS host, count(*) AS others, 0 AS looks,
           avg(milliseconds) FILTER (status <> 'failed') AS milliseconds
    FROM feed_polls LEFT JOIN feeds USING (feed_url)
    WHERE polled_at > $since AND polled_at <= $now
      AND coalesce(feed_polls.error_type, '') NOT IN ({UNASKED})
    GROUP BY ALL
    UNION ALL
    SELECT {HOST.format("url")}, count(*), 0, NULL FROM articles
    WHERE version = 1 AND fetched_at > $since AND fetched_at <= $now GROUP BY ALL
    UNION ALL
    SELECT {HOST.format("input")}, count(*), 0, NULL FROM failures
    WHERE stage IN ('fetch', 'extract') AND failed_at > $since AND failed_at <= $now
      AND error_type NOT IN ({UNASKED}) GROUP BY ALL
    UNION ALL
    SELECT {HOST.format("url")}, count(*) FILTER (l.cause <> 'revisit'),
           count(*) FILTER (l.cause = 'revisit'), NULL
    FROM article_looks l JOIN articles USING (article_id)
    WHERE looked_at > $since GROUP BY ALL
) GROUP BY host
"""
RESTING = "SELECT host FROM hosts WHERE resting_until > $now"


def due_looks(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Sequence[Feed],
    folder: Path,
    now: datetime,
    room: int,
    besides: Collection[str] = (),
    arrived: Collection[str] = (),
) -> list[PageTask]:
    """The articles to look at now, `room` at most: the newest first, because they are edited most.

    Pages that were kept are in `folder`. Left out are pages that are asked for `besides`, by the
    ids of their addresses; those that have `arrived` already cost no host anything more.
    """
    spans = [
        (feed.url, position, span)
        for position, feed in enumerate(catalogue)
        for span in feed.revisits
    ]
    if not spans or room <= 0:
        return []
    feeds, positions, seconds = map(list, zip(*spans, strict=True))
    asked = {
        "feeds": feeds, "positions": positions, "spans": seconds, "now": now,
        "since": now - timedelta(seconds=LONGEST_REVISIT), "first": list(arrived),
    }  # fmt: skip
    rows = connection.execute(DUE, asked).fetchall()
    if not rows:
        return []
    purse, here = _purse(connection, now), set(arrived)
    tasks: list[PageTask] = []
    for *row, look, file, at_byte in rows:
        task = PageTask(*row)._replace(look=look_of(look, folder, file, at_byte))
        host = host_of(task.url)
        if task.url_id in besides or (purse[host] < 1 and task.url_id not in here):
            continue
        purse[host] -= 1
        tasks.append(task)
        if len(tasks) == room:
            break
    return tasks


def look_of(
    told: Sequence[Any] | None, folder: Path, file: str | None, at_byte: int | None
) -> Look | None:
    """What is known of a page that is read again, and where it was kept, if it was."""
    if told is None:
        return None
    kept = str(path_of(folder, file)) if file else None
    return Look(*told)._replace(kept=kept, kept_at=at_byte or 0)


def _purse(connection: duckdb.DuckDBPyConnection, now: datetime) -> dict[str, int]:
    """How many looks each host has left: of one that is slow, or rests, none."""
    others: dict[str, int] = defaultdict(int)
    looks: dict[str, int] = defaultdict(int)
    shut = {host for (host,) in connection.execute(RESTING, {"now": now}).fetchall()}
    for name, other, look, milliseconds in connection.execute(
        ASKED, {"since": now - DAY, "now": now}
    ).fetchall():
        host = host_of(f"//{name}")
        others[host] += other
        looks[host] += look
        if milliseconds is not None and milliseconds > SLOW * 1000:
            shut.add(host)
    left = {
        host: 0 if host in shut else count // (OF_REQUESTS - 1) - looks[host]
        for host, count in others.items()
    }
    return defaultdict(int, left)
