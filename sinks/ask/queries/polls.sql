-- Polls per hour, by how they went. Try it with --plot.
-- :outlet =  Only feeds of this outlet.
-- :since TIME = 7d  First hour.
SELECT date_trunc('hour', polled_at) AS hour, status, count(*) AS polls
FROM feed_polls JOIN feeds USING (feed_url)
WHERE polled_at >= $since AND ($outlet IS NULL OR outlet = $outlet)
GROUP BY ALL
ORDER BY hour, status
