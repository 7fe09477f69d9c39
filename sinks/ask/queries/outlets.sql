-- Each outlet: articles, languages, words, and its most frequent topics.
-- :since TIME = 30d  Only articles published since.
WITH recent AS (FROM articles WHERE published_at >= $since),
     ranked AS (
         SELECT outlet, topic, count(*) AS articles
         FROM recent JOIN article_topics USING (article_id) GROUP BY ALL
     ), topics AS (
         SELECT outlet, list(topic ORDER BY articles DESC, topic)[:3] AS topics
         FROM ranked GROUP BY outlet
     )
SELECT outlet, count(*) AS articles, list(DISTINCT language ORDER BY language) AS languages,
       median(word_count)::INTEGER AS median_words, max(published_at) AS newest_at,
       any_value(topics) AS frequent_topics
FROM recent LEFT JOIN topics USING (outlet)
GROUP BY outlet
ORDER BY articles DESC, outlet
