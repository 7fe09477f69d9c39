-- Each topic's share of what an outlet published on a day, and how much of the outlet was looked at. A row for each topic where the outlet was polled or has an article, also if no article has the topic; articles without a date are left out.
--
-- day              Day of publication, in UTC.
-- outlet           Outlet, by the name that its feeds have now.
-- topic            Topic id, of every taxonomy that ever decided; a day before a topic was defined has 0 of it.
-- articles         Its articles of the day with the topic.
-- outlet_articles  All of its articles of the day: the denominator.
-- share            The first by the second, 0 to 1; NULL where there was no article.
-- feeds            Its feeds that were polled on the day.
-- feeds_up         … and answered well at least once.

WITH published AS (
    SELECT (published_at AT TIME ZONE 'UTC')::DATE AS day,
           coalesce(f.outlet, a.outlet) AS outlet, article_id
    FROM articles a LEFT JOIN feeds f USING (feed_url) WHERE published_at IS NOT NULL
), totals AS (
    SELECT day, outlet, count(*) AS outlet_articles FROM published GROUP BY ALL
), feed_days AS (
    SELECT (polled_at AT TIME ZONE 'UTC')::DATE AS day, feed_url,
           bool_or(status <> 'failed') AS up
    FROM feed_polls GROUP BY ALL
), polled AS (
    SELECT day, outlet, count(*) AS feeds, count(*) FILTER (up) AS feeds_up
    FROM feed_days JOIN feeds USING (feed_url) GROUP BY ALL
), days AS (
    SELECT day, outlet, coalesce(outlet_articles, 0) AS outlet_articles,
           coalesce(feeds, 0) AS feeds, coalesce(feeds_up, 0) AS feeds_up
    FROM totals FULL JOIN polled USING (day, outlet)
), tagged AS (
    SELECT day, outlet, topic, count(*) AS articles
    FROM published JOIN article_topics USING (article_id) GROUP BY ALL
)
SELECT day, outlet, topic, coalesce(articles, 0) AS articles, outlet_articles,
       round(coalesce(articles, 0) / nullif(outlet_articles, 0), 4) AS share,
       feeds, feeds_up
FROM days CROSS JOIN (SELECT DISTINCT topic FROM topics)
LEFT JOIN tagged USING (day, outlet, topic)
ORDER BY day, outlet, topic
