-- Articles by language: how many, from how many outlets, and about what most often.
-- :since TIME = 30d  Only articles published since.
WITH recent AS (FROM articles WHERE published_at >= $since),
     ranked AS (
         SELECT language, topic, count(*) AS articles
         FROM recent JOIN article_topics USING (article_id) GROUP BY ALL
     ), topics AS (
         SELECT language, list(topic ORDER BY articles DESC, topic)[:3] AS topics
         FROM ranked GROUP BY language
     )
SELECT recent.language, count(*) AS articles, count(DISTINCT outlet) AS outlets,
       any_value(topics) AS frequent_topics
FROM recent LEFT JOIN topics ON topics.language IS NOT DISTINCT FROM recent.language
GROUP BY recent.language
ORDER BY articles DESC, recent.language
