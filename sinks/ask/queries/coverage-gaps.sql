-- Stretches of time in which entries of a feed may have been missed, the longest first.
-- :outlet =  Only feeds of this outlet.
-- :since TIME = 7d  Only hours since.
-- :limit INTEGER = 50  Rows at most.
WITH gaps AS (
    SELECT outlet, feed_url, coverage, hour,
           hour - to_hours(row_number() OVER (PARTITION BY feed_url, coverage ORDER BY hour)) AS stretch
    FROM coverage
    WHERE coverage IN ('open', 'overflow') AND hour >= $since
      AND ($outlet IS NULL OR outlet = $outlet)
)
SELECT outlet, coverage, min(hour) AS from_hour, max(hour) + INTERVAL 1 HOUR AS to_hour,
       count(*) AS hours, feed_url
FROM gaps
GROUP BY outlet, feed_url, coverage, stretch
ORDER BY hours DESC, outlet, feed_url, from_hour
LIMIT $limit
