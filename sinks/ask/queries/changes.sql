-- Articles whose headline or text changed after they were first read, the latest change first.
-- :outlet =  Only articles of this outlet.
-- :since TIME = 30d  Only changes seen since.
-- :limit INTEGER = 20  Rows at most.
SELECT changed_at, outlet, title_before, nullif(title, title_before) AS title_after,
       removed, added, url
FROM article_changes
WHERE changed_at >= $since AND ($outlet IS NULL OR outlet = $outlet)
ORDER BY changed_at DESC, article_id, version DESC
LIMIT $limit
