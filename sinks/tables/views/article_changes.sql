-- What an edit changed in an article: each that was seen, the newest first. What only another extractor reads otherwise is in article_history.
--
-- article_id     Article.
-- version        Version after the change.
-- changed_at     When the changed page was fetched.
-- unchanged_at   When the version before was fetched: the change came between the two.
-- outlet         Outlet.
-- title_before   Headline before.
-- title          Headline after.
-- removed        Paragraphs that are gone, in their order; empty where only the headline changed.
-- added          Paragraphs that are new, in their order.
-- topics_before  Topic ids before.
-- topics         Topic ids after.
-- url            Address as listed.

WITH versions AS (
    SELECT *, string_split(text, chr(10)) AS paragraphs
    FROM article_history SEMI JOIN article_versions USING (article_id)
)
SELECT after.article_id, after.version, after.fetched_at AS changed_at,
       before.fetched_at AS unchanged_at, after.outlet,
       before.title AS title_before, after.title,
       list_filter(before.paragraphs, lambda p: NOT list_contains(after.paragraphs, p)) AS removed,
       list_filter(after.paragraphs, lambda p: NOT list_contains(before.paragraphs, p)) AS added,
       before.topics AS topics_before, after.topics, after.url
FROM versions after
JOIN versions before ON before.article_id = after.article_id AND before.version = after.version - 1
WHERE after.cause = 'edit'
ORDER BY changed_at DESC, after.article_id, after.version DESC
