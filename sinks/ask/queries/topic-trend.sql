-- Articles per day of one topic or several, days without any included. Try it with --plot.
-- :topic  Topic id, or several with commas between.
-- :since TIME = 30d  First day.
WITH dated AS (
    SELECT (published_at AT TIME ZONE 'UTC')::DATE AS day, article_id
    FROM articles WHERE published_at >= date_trunc('day', $since)
), days AS (
    SELECT unnest(generate_series(min(day), max(day), INTERVAL 1 DAY))::DATE AS day FROM dated
), tagged AS (
    SELECT day, topic, count(*) AS articles
    FROM dated JOIN article_topics USING (article_id) GROUP BY ALL
), asked AS (
    SELECT CASE WHEN name IN (SELECT topic FROM topics) THEN name
           ELSE error('no topic ' || name || '; the table topics lists them') END AS topic
    FROM (SELECT unnest(string_split(replace($topic, ' ', ''), ',')) AS name)
)
SELECT day, topic, coalesce(articles, 0) AS articles
FROM days CROSS JOIN asked
LEFT JOIN tagged USING (day, topic)
ORDER BY day, topic
