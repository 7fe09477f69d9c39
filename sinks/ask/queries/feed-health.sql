-- Feeds that are unwell, the worst first, with what they said last.
-- :outlet =  Only feeds of this outlet; then the healthy ones too.
SELECT outlet, health, failures, failed_polls || ' of ' || polls AS failed_polls, last_ok_at,
       last_entry_at, pending, last_error, feed_url
FROM feed_health
WHERE CASE WHEN $outlet IS NULL THEN health NOT IN ('ok', 'not listed') ELSE outlet = $outlet END
