-- The newest articles, of all topics or one.
-- :topic =  Only articles with this topic id.
-- :outlet =  Only articles of this outlet.
-- :language =  Only articles in this language (en, de; zh is zh-Hans and zh-Hant).
-- :limit INTEGER = 20  Rows at most.
SELECT published_at, outlet, language, title, url, article_id
FROM articles
WHERE ($topic IS NULL OR article_id IN (FROM article_topics SELECT article_id WHERE topic = $topic))
  AND ($outlet IS NULL OR outlet = $outlet)
  AND ($language IS NULL OR starts_with(lower(language || '-'), lower($language || '-')))
ORDER BY published_at DESC NULLS LAST, article_id
LIMIT $limit
