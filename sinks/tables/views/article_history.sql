-- Every version of every article, earlier ones and the one of today.
--
-- article_id    Article.
-- version       1 for the first.
-- current       Whether it is the one of today.
-- outlet        Outlet.
-- url           Address as listed.
-- title         Headline.
-- byline        Authors.
-- published_at  Publication, as it was said then.
-- fetched_at    When the page was asked for.
-- language      Language of the text, BCP 47.
-- text          Article text.
-- topics        Topic ids.
-- text_hash     SHA-256 of the text.
-- body_hash     SHA-256 of the page's bytes, unpacked.
-- bytes         Size of the page, unpacked.
-- run_id        Run that brought it.
-- cause         What made it: first reading, edit, or another extractor.

SELECT article_id, version, true AS current, outlet, url, title, byline, published_at,
       fetched_at, language, text, coalesce(topics, []) AS topics, text_hash, body_hash,
       bytes, run_id, cause
FROM articles LEFT JOIN (
    SELECT article_id, list_sort(list(topic)) AS topics FROM article_topics GROUP BY ALL
) USING (article_id)
UNION ALL
SELECT article_id, v.version, false, outlet, url, v.title, v.byline, v.published_at,
       v.fetched_at, v.language, v.text,
       coalesce(topics, []), v.text_hash, v.body_hash, v.bytes, v.run_id, v.cause
FROM article_versions v JOIN articles USING (article_id) LEFT JOIN (
    SELECT article_id, version, replaced_run_id, list_sort(list(topic)) AS topics
    FROM article_topics_history GROUP BY ALL
) h ON h.article_id = v.article_id AND h.version = v.version
    AND h.replaced_run_id = v.replaced_run_id
