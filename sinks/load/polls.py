"""What polls leave: a row of each, and the next state of their feeds."""

from __future__ import annotations

from typing import Any

from sinks.load.step import Step
from transforms.records import ConfiguredFeed, FeedState

CONFIGURED = [x for x in ConfiguredFeed._fields if x not in ("feed_url", "position")]
"""What the feeds file says of a feed, or else what it said last."""


def _left(name: str, default: Any) -> str:
    """What the last poll left of a feed, or else what was left before."""
    if default is None:
        return f"if(p.feed_url IS NULL, f.{name}, p.after.{name}) AS {name}"
    return f"coalesce(p.after.{name}, f.{name}, {default!r}) AS {name}"


FEEDS = f"""
CREATE OR REPLACE TEMP TABLE next_feeds AS
WITH newer AS (  -- alone, because a join on more than equality compares each poll with each feed
    SELECT p.* FROM polls p LEFT JOIN feeds f USING (feed_url)
    WHERE p.polled_at > coalesce(f.last_polled_at, '-infinity'::TIMESTAMPTZ)
       OR f.last_polled_at > now()  -- put down by a clock that was wrong
)
SELECT coalesce(c.feed_url, f.feed_url) AS feed_url,
       {", ".join(f"if(c.feed_url IS NULL, f.{x}, c.{x}) AS {x}" for x in CONFIGURED)},
       coalesce(c.position, f.position) AS position,
       c.feed_url IS NOT NULL AND c.kind IS DISTINCT FROM 'warc' AS listed,
       {", ".join(_left(*item) for item in FeedState()._asdict().items())},
       if(p.status <> 'failed', p.polled_at, f.last_ok_at) AS last_ok_at,
       CASE WHEN p.feed_url IS NULL THEN f.last_error
            WHEN p.status = 'failed' THEN p.error_type || ': ' || p.error END AS last_error
FROM feeds f
FULL JOIN configured c ON c.feed_url = f.feed_url
LEFT JOIN newer p ON p.feed_url = coalesce(c.feed_url, f.feed_url)
"""
REPLACE_FEEDS = """
DELETE FROM feeds;
INSERT INTO feeds BY NAME SELECT * FROM next_feeds
"""
FEED_POLLS = """
INSERT INTO feed_polls BY NAME
SELECT {run} AS run_id, feed_url, polled_at, status, http_status, entries,
       (SELECT count(*) FROM listed l WHERE l.feed_url = p.feed_url) AS new_entries,
       (SELECT count(*) FROM changed c WHERE c.feed_url = p.feed_url AND c.told) AS changed_entries,
       overflow AND feed_url NOT IN (SELECT feed_url FROM changed) AS overflow,
       bytes, milliseconds, redirected_to, after.next_poll_at, schedule, error_type, error
FROM polls p
WHERE feed_url NOT IN (SELECT feed_url FROM feed_polls WHERE run_id = {run})
"""
WRITE = (Step(FEEDS), Step(REPLACE_FEEDS), Step(FEED_POLLS, "polls"))
