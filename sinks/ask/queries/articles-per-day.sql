-- Articles per day of publication and language. Try it with --plot.
-- :outlet =  Only articles of this outlet.
-- :since TIME = 30d  First day.
SELECT (published_at AT TIME ZONE 'UTC')::DATE AS day, language, count(*) AS articles
FROM articles
WHERE published_at >= date_trunc('day', $since) AND ($outlet IS NULL OR outlet = $outlet)
GROUP BY ALL
ORDER BY day, language
