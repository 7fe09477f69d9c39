-- Why an article has its topics: each match, with the words around it.
-- :article  Article id, or the address of the article.
-- :topic =  Only the evidence for this topic id.
SELECT topic, score, field, phrase, before || '[' || matched || ']' || after AS evidence
FROM evidence_in_context JOIN article_topics USING (article_id, topic)
WHERE article_id IN (
        SELECT article_id FROM articles WHERE $article IN (article_id, url, canonical_url))
  AND ($topic IS NULL OR topic = $topic)
ORDER BY score DESC, topic, field DESC, start
