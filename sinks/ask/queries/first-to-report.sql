-- Texts that several outlets printed: who had each first, and how much later the others were.
-- :outlet =  Only texts that this outlet had first.
-- :since TIME = 30d  Only what was published since.
-- :limit INTEGER = 20  Rows at most.
SELECT published_at, outlet, title, outlets,
       list_transform(followers, lambda f:
           f.outlet || ' +' || to_seconds(f.seconds)::VARCHAR) AS followers
FROM first_to_report
WHERE published_at >= $since AND ($outlet IS NULL OR outlet = $outlet)
ORDER BY outlets DESC, published_at DESC, story_id
LIMIT $limit
