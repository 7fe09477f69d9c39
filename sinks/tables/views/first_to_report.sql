-- Each text that several outlets printed, and who had it first. What most outlets printed comes first.
--
-- story_id      Hash of the text's first paragraph.
-- outlet        Outlet that had it first; of several at one moment the first by name.
-- title         Its headline.
-- published_at  When, at the latest: its publication, or the end of the day where the page names but a day; never after a feed listed it to us.
-- article_id    That article.
-- outlets       Outlets that printed it.
-- articles      Articles that print it; an outlet may do so twice.
-- followers     The other outlets in their order, each with the seconds that it came later; 0 is a tie.

WITH printed AS (
    SELECT story_id, outlet, title, article_id,
           least(CASE WHEN published_source <> 'feed'
                       AND published_at = time_bucket(INTERVAL 24 HOUR, published_at)
                      THEN published_at + INTERVAL 24 HOUR
                      ELSE published_at END, listed_at) AS printed_at
    FROM articles WHERE story_id IN (
        SELECT story_id FROM articles GROUP BY story_id HAVING min(outlet) <> max(outlet))
), earliest AS (
    SELECT *, count(*) OVER (PARTITION BY story_id, outlet) AS articles
    FROM printed
    QUALIFY row_number() OVER (PARTITION BY story_id, outlet ORDER BY printed_at, article_id) = 1
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY story_id ORDER BY printed_at, outlet) AS place,
           epoch(printed_at - min(printed_at) OVER (PARTITION BY story_id))::BIGINT AS seconds
    FROM earliest
)
SELECT story_id,
       any_value(outlet) FILTER (place = 1) AS outlet,
       any_value(title) FILTER (place = 1) AS title,
       min(printed_at) AS published_at,
       any_value(article_id) FILTER (place = 1) AS article_id,
       count(*) AS outlets, sum(articles)::BIGINT AS articles,
       list({'outlet': outlet, 'seconds': seconds} ORDER BY place) FILTER (place > 1) AS followers
FROM ranked GROUP BY story_id
ORDER BY outlets DESC, published_at, story_id
