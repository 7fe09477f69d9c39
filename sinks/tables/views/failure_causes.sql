-- Dead letters by cause: what keeps going wrong, where, and since when. The most frequent come first.
--
-- stage       poll, read feed, fetch, extract or stage.
-- error_type  Kind of failure.
-- outlet      Outlet of the feed.
-- failures    How often.
-- inputs      Feeds or pages that it befell.
-- unsolved    … of which this befell last, and which fail still: feeds that are polled in vain, pages that are owed or given up.
-- first_at    First time.
-- last_at     Last time.
-- message     What happened last.
-- last_input  To which address.

WITH open AS (
    SELECT feed_url AS input FROM feeds WHERE failures > 0 AND listed
    UNION SELECT url FROM entries WHERE state IN ('pending', 'failed')
), judged AS (
    SELECT *, input IN (FROM open) AND row_number() OVER (
                  PARTITION BY input ORDER BY failed_at DESC, failure_id DESC) = 1 AS unsolved
    FROM failures
)
SELECT stage, error_type, outlet, count(*) AS failures, count(DISTINCT input) AS inputs,
       count(*) FILTER (unsolved) AS unsolved,
       min(failed_at) AS first_at, max(failed_at) AS last_at,
       arg_max(message, (failed_at, failure_id)) AS message,
       arg_max(input, (failed_at, failure_id)) AS last_input
FROM judged LEFT JOIN (SELECT feed_url, outlet FROM feeds) USING (feed_url)
GROUP BY ALL ORDER BY failures DESC, last_at DESC, stage, error_type, outlet
