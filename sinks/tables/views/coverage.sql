-- Each feed and hour, from the feed's first poll to the last poll of any (of feeds that were retired or taken out of the feeds file: to their own last): can an entry of that hour have been missed?
--
-- feed_url     Feed.
-- outlet       Its outlet.
-- hour         Start of the hour; hours begin as in UTC.
-- polls        Polls in the hour.
-- good_polls   Those that went well.
-- new_entries  Entries that they brought.
-- overflow     Whether one of them found new entries only, so that older ones may have left the feed unseen.
-- coverage     polled (a good poll in the hour), caught up (none, but the next good one still saw what had been listed before), overflow (a poll of the hour, or the next good one after it, found new entries only: some of this hour may be missing), or open (no good poll in the hour or since).

WITH polled AS (
    SELECT feed_url, time_bucket(INTERVAL 1 HOUR, polled_at) AS hour, count(*) AS polls,
           count(*) FILTER (status <> 'failed') AS good_polls,
           coalesce(sum(new_entries), 0)::BIGINT AS new_entries,
           coalesce(bool_or(overflow), false) AS overflow,
           arg_min(coalesce(overflow, false), polled_at) FILTER (status <> 'failed')
               AS first_overflow
    FROM feed_polls GROUP BY ALL
), hours AS (
    SELECT feed_url, unnest(generate_series(
               min(hour),
               CASE WHEN any_value(listed AND state <> 'retired')
                    THEN (SELECT max(hour) FROM polled) ELSE max(hour) END,
               INTERVAL 1 HOUR)) AS hour
    FROM polled JOIN feeds USING (feed_url) GROUP BY feed_url
), judged AS (
    SELECT feed_url, hour, coalesce(polls, 0) AS polls, coalesce(good_polls, 0) AS good_polls,
           coalesce(new_entries, 0) AS new_entries, coalesce(overflow, false) AS overflow,
           lead(first_overflow IGNORE NULLS) OVER (PARTITION BY feed_url ORDER BY hour)
               AS next_overflow
    FROM hours LEFT JOIN polled USING (feed_url, hour)
)
SELECT feed_url, outlet, hour, polls, good_polls, new_entries, overflow,
       CASE WHEN overflow OR next_overflow THEN 'overflow'
            WHEN good_polls > 0 THEN 'polled'
            WHEN next_overflow IS NULL THEN 'open' ELSE 'caught up' END AS coverage
FROM judged JOIN feeds USING (feed_url)
ORDER BY feed_url, hour
