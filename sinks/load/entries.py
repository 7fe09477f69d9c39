"""What polls listed, and what became of each entry's page."""

from __future__ import annotations

from sinks.load.step import Step

MOST_RECHECKS = 8
"""Times that a page is read again because its listing changed; each wait is twice the last."""
POLLS = """
CREATE OR REPLACE TEMP TABLE polls AS
SELECT * FROM staged_polls
QUALIFY row_number() OVER (PARTITION BY feed_url ORDER BY polled_at) = 1
"""
# What was read because an entry asked for it; and what was read again though no listing told of
# an edit, which touches the article alone.
PAGES = """
CREATE OR REPLACE TEMP TABLE pages AS
SELECT * FROM staged_pages WHERE coalesce(look.cause, 'listing') = 'listing'
QUALIFY row_number() OVER (PARTITION BY url_id ORDER BY article IS NULL, fetched_at, url) = 1
"""
LOOKS = """
CREATE OR REPLACE TEMP TABLE looks AS
SELECT * FROM staged_pages WHERE look.cause <> 'listing'
QUALIFY row_number() OVER (PARTITION BY look.article_id ORDER BY article IS NULL, fetched_at) = 1
"""
SHOWN = """
CREATE OR REPLACE TEMP TABLE shown AS
SELECT feed_url, polled_at AS listed_at, entry.*
FROM (SELECT feed_url, polled_at, unnest(listed) AS entry FROM polls)
QUALIFY row_number() OVER (PARTITION BY entry.entry_id ORDER BY polled_at) = 1
"""
LISTED = """
CREATE OR REPLACE TEMP TABLE listed AS SELECT * FROM shown ANTI JOIN entries USING (entry_id)
"""
# Known entries with another headline or date of change; one whose listing was never noted, by an
# earlier version of the program, is only noted. A poll that comes late says nothing new.
CHANGED = """
CREATE OR REPLACE TEMP TABLE changed AS
SELECT s.*, e.listing_id IS NOT NULL AS told
FROM shown s JOIN entries e USING (entry_id)
WHERE e.listing_id IS DISTINCT FROM s.listing_id
  AND (s.listed_at > coalesce(e.changed_at, e.listed_at)
       OR coalesce(e.changed_at, e.listed_at) > now())  -- put down by a clock that was wrong
"""
# Pages that had led to an article before, wherever they lead now: read again because of a changed
# listing, or brought twice by a retried bundle.
HAD = """
CREATE OR REPLACE TEMP TABLE had AS
SELECT DISTINCT p.url_id, e.article_id FROM pages p JOIN entries e USING (url_id)
WHERE e.state IN ('fetched', 'pruned')
"""
TOUCHED = """
CREATE OR REPLACE TEMP TABLE touched AS
SELECT url_id FROM listed WHERE url_id IS NOT NULL UNION SELECT url_id FROM pages
"""
# What is known of each page that this commit touches: an article beats all, then what was just
# tried, then what another feed's entry says; the article alone does not know the attempts.
VERDICTS = """
CREATE OR REPLACE TEMP TABLE verdicts AS
SELECT * EXCLUDE source FROM (
    SELECT url_id,
           if(article.article_id IN (SELECT article_id FROM pruned_articles), 'pruned', state)
               AS state,
           error_type || ': ' || error AS reason, attempts, next_attempt_at,
           article.article_id AS article_id, fetched_at, 1 AS source
    FROM pages ANTI JOIN had USING (url_id)
    UNION ALL
    SELECT url_id, state, reason, attempts, next_attempt_at, article_id, NULL, 2
    FROM entries SEMI JOIN touched USING (url_id)
    UNION ALL
    SELECT url_id, 'fetched', NULL, NULL, NULL, article_id, NULL, 3
    FROM articles SEMI JOIN touched USING (url_id)
)
QUALIFY row_number() OVER (PARTITION BY url_id ORDER BY state NOT IN ('fetched', 'pruned'),
                              source, attempts DESC) = 1
"""
RECHECKED_ENTRIES = """
UPDATE entries
SET recheck_at = CASE WHEN p.state = 'pending' THEN p.next_attempt_at END, rechecks = rechecks + 1
FROM rechecked p
WHERE p.cause = 'listing' AND entries.article_id = p.article_id AND entries.recheck_at IS NOT NULL
  AND (coalesce(changed_at, listed_at) <= p.fetched_at
       OR coalesce(changed_at, listed_at) > now())
"""
CHANGED_ENTRIES = f"""
UPDATE entries
SET listing_id = c.listing_id, guid = c.guid,
    title = CASE WHEN entries.state <> 'pruned' THEN c.title END,
    byline = CASE WHEN entries.state <> 'pruned' THEN c.byline END,
    summary = CASE WHEN entries.state <> 'pruned' THEN c.summary END,
    content = CASE WHEN entries.state <> 'pruned' THEN c.content END,
    feed_text_at = CASE WHEN c.content IS NOT NULL THEN feed_text_at END,
    published_at = c.published_at, published_raw = c.published_raw,
    changed_at = if(c.told, c.listed_at, entries.changed_at),
    recheck_at = CASE WHEN c.told AND entries.state = 'fetched' AND rechecks < {MOST_RECHECKS}
                      THEN c.listed_at + to_hours(if(rechecks = 0, 0, (1 << (rechecks - 1))))
                      ELSE recheck_at END
FROM changed c
WHERE entries.entry_id = c.entry_id
"""
KNOWN_ENTRIES = """
UPDATE entries
SET state = v.state, reason = v.reason, attempts = coalesce(v.attempts, entries.attempts),
    next_attempt_at = v.next_attempt_at, article_id = v.article_id,
    title = CASE WHEN v.state <> 'pruned' THEN title END,
    byline = CASE WHEN v.state <> 'pruned' THEN byline END,
    summary = CASE WHEN v.state <> 'pruned' THEN summary END,
    content = CASE WHEN v.state <> 'pruned' THEN content END,
    feed_text_at = CASE WHEN v.state = 'failed' AND entries.state = 'pending'
                             AND content IS NOT NULL THEN v.fetched_at END
FROM verdicts v
WHERE entries.url_id = v.url_id
  AND (entries.state = 'pending'
       OR (entries.state = 'failed' AND v.state IN ('fetched', 'pruned'))
       OR (feed_text_at IS NOT NULL AND v.fetched_at IS NOT NULL))  -- the feed's text failed too
"""
NEW_ENTRIES = """
INSERT INTO entries BY NAME
SELECT l.* REPLACE (
           coalesce(v.state, l.state) AS state,
           if(v.state IS NULL, l.reason, v.reason) AS reason,
           CASE WHEN v.state IS DISTINCT FROM 'pruned' THEN l.title END AS title,
           CASE WHEN v.state IS DISTINCT FROM 'pruned' THEN l.byline END AS byline,
           CASE WHEN v.state IS DISTINCT FROM 'pruned' THEN l.summary END AS summary,
           CASE WHEN v.state IS DISTINCT FROM 'pruned' THEN l.content END AS content
       ),
       {run} AS run_id, coalesce(v.attempts, 0) AS attempts, 0 AS rechecks,
       CASE WHEN coalesce(v.state, l.state) = 'pending'
            THEN coalesce(v.next_attempt_at, l.listed_at) END AS next_attempt_at,
       CASE WHEN coalesce(v.state, l.state) IN ('failed', 'skipped')
                 AND l.url_id IS NOT NULL AND l.content IS NOT NULL
            THEN l.listed_at END AS feed_text_at,
       v.article_id
FROM listed l LEFT JOIN verdicts v USING (url_id)
"""
PAGES_FOUND = tuple(map(Step, (PAGES, LOOKS, HAD)))
FOUND = tuple(map(Step, (POLLS, SHOWN, LISTED, CHANGED, TOUCHED, VERDICTS)))
"""What was staged, once each, beside what the tables say; before the articles change."""
WRITE = (
    Step(KNOWN_ENTRIES, "verdicts"),
    Step(RECHECKED_ENTRIES, "rechecked"),
    Step(CHANGED_ENTRIES, "changed"),
    Step(NEW_ENTRIES, "listed"),
)
