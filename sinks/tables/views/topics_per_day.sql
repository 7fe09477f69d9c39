-- Articles by topic and day of publication, with all articles of the day.
--
-- day           Day of publication, in UTC; NULL where nobody said.
-- topic         Topic id.
-- articles      Articles with the topic.
-- mean_score    Mean of their scores.
-- day_articles  All articles of the day.
-- share         The first by the last, 0 to 1.

WITH days AS (SELECT (published_at AT TIME ZONE 'UTC')::DATE AS day, article_id FROM articles),
     totals AS (SELECT day, count(*) AS day_articles FROM days GROUP BY day)
SELECT d.day, topic, count(*) AS articles, round(avg(score), 3) AS mean_score,
       day_articles, round(count(*) / day_articles, 4) AS share
FROM article_topics JOIN days d USING (article_id)
JOIN totals t ON t.day IS NOT DISTINCT FROM d.day
GROUP BY d.day, topic, day_articles ORDER BY d.day, topic
