-- Articles by topic, the newest first, each with its evidence in context.
--
-- topic         Topic id.
-- published_at  Publication.
-- outlet        Outlet.
-- language      Language of the text, BCP 47.
-- title         Headline.
-- score         Score of the topic.
-- evidence      The places that speak for it, the title's first, each as: up to 60 characters before [match] up to 60 after.
-- url           Address as listed.
-- article_id    Article.

SELECT topic, published_at, outlet, language, title, score,
       list_transform(list_sort(places), lambda p: trim(
           substring(CASE WHEN p.in_text THEN text ELSE title END,
                     greatest(p.start - 59, 1), least(p.start, 60))
           || '[' || p.matched || ']' ||
           substring(CASE WHEN p.in_text THEN text ELSE title END, p.end + 1, 60)
       )) AS evidence,
       url, article_id
FROM (  -- ordered inside, so that a LIMIT spares the rest its contexts
    SELECT * FROM article_topics JOIN articles USING (article_id) LEFT JOIN (
        SELECT article_id, topic, list({'in_text': field = 'text', 'start': start,
                                        'end': "end", 'matched': matched}) AS places
        FROM topic_evidence GROUP BY ALL) USING (article_id, topic)
    ORDER BY published_at DESC NULLS LAST, article_id, topic
)
