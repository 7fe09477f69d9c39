-- Each feed of which so many entries are expected: did they come? Those that fell short come first.
--
-- outlet          Outlet.
-- met             Whether enough came; NULL until it has been polled for as long as the expectation spans.
-- entries         New entries in the last expect_seconds before the last poll of any feed.
-- expect_entries  How many should have come.
-- expect_seconds  In how long a time, in seconds.
-- feed_url        Feed.

WITH latest AS (SELECT max(last_polled_at) AS latest_at FROM feeds), expected AS (
    SELECT outlet, feed_url, expect_entries, expect_seconds,
           latest_at - to_seconds(expect_seconds) AS since,
           (SELECT min(polled_at) FROM feed_polls p WHERE p.feed_url = f.feed_url) AS first_at
    FROM feeds f, latest WHERE listed AND expect_entries IS NOT NULL
), came AS (
    SELECT feed_url, count(*) AS entries FROM entries JOIN expected x USING (feed_url)
    WHERE listed_at > x.since GROUP BY ALL
)
SELECT outlet,
       CASE WHEN first_at <= since THEN coalesce(entries, 0) >= expect_entries END AS met,
       coalesce(entries, 0) AS entries, expect_entries, expect_seconds, feed_url
FROM expected LEFT JOIN came USING (feed_url)
ORDER BY met NULLS LAST, outlet, feed_url
