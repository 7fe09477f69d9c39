-- Articles by outlet and topic, with the outlet's total.
--
-- outlet           Outlet.
-- topic            Topic id.
-- articles         Its articles with the topic.
-- outlet_articles  All of its articles.
-- share            The first by the second, 0 to 1.

WITH totals AS (SELECT outlet, count(*) AS outlet_articles FROM articles GROUP BY outlet)
SELECT outlet, topic, count(*) AS articles, outlet_articles,
       round(count(*) / outlet_articles, 4) AS share
FROM article_topics JOIN articles USING (article_id) JOIN totals USING (outlet)
GROUP BY outlet, topic, outlet_articles ORDER BY outlet, topic
