-- Each feed: is it alive, and what did it bring? The worst come first.
--
-- outlet          Outlet.
-- health          broken (failed for ten days), failing (the last poll failed), retired (410), below expectation (it brought less than it should), silent (polled, never an entry), never polled, not listed (no longer in the feeds file), or ok.
-- failures        Polls that failed in a row.
-- failing_since   First of these.
-- last_error      Why the last poll failed.
-- feed_url        Feed.
-- last_polled_at  Last poll.
-- last_ok_at      Last poll that went well.
-- last_entry_at   Last poll that brought a new entry.
-- polls           Polls so far.
-- failed_polls    Those that failed.
-- new_entries     Entries that it brought.
-- fetched         Those that led to an article.
-- pending         Those still owed.
-- failed          Those given up.
-- next_poll_at    When it is due again.

WITH polled AS (
    SELECT feed_url, count(*) AS polls,
           count(*) FILTER (status = 'failed') AS failed_polls,
           sum(new_entries)::BIGINT AS new_entries
    FROM feed_polls GROUP BY feed_url
), brought AS (
    SELECT feed_url, count(*) FILTER (state = 'fetched') AS fetched,
           count(*) FILTER (state = 'pending') AS pending,
           count(*) FILTER (state = 'failed') AS failed,
           max(listed_at) AS last_entry_at
    FROM entries GROUP BY feed_url
), judged AS (
    SELECT *, CASE WHEN NOT listed THEN 'not listed'
                   WHEN state <> 'active' THEN state
                   WHEN last_polled_at IS NULL THEN 'never polled'
                   WHEN failures > 0 THEN 'failing'
                   WHEN feed_url IN (SELECT feed_url FROM expectations WHERE NOT met)
                       THEN 'below expectation'
                   WHEN coalesce(new_entries, 0) = 0 THEN 'silent'
                   ELSE 'ok' END AS health
    FROM feeds LEFT JOIN polled USING (feed_url) LEFT JOIN brought USING (feed_url)
)
SELECT outlet, health, failures, failing_since, last_error, feed_url,
       last_polled_at, last_ok_at, last_entry_at,
       coalesce(polls, 0) AS polls, coalesce(failed_polls, 0) AS failed_polls,
       coalesce(new_entries, 0) AS new_entries, coalesce(fetched, 0) AS fetched,
       coalesce(pending, 0) AS pending, coalesce(failed, 0) AS failed, next_poll_at
FROM judged
ORDER BY list_position(
    ['broken', 'failing', 'retired', 'below expectation', 'silent', 'never polled', 'ok',
     'not listed'], health
), failures DESC, outlet, feed_url
