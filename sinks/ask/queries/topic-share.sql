-- Share of a topic per day and outlet, with the articles that it is a share of.
-- :topic  Topic id, as in the table topics.
-- :since TIME = 30d  Only days from then on.
-- :outlet =  Only this outlet.
SELECT day, outlet, articles, outlet_articles, share, feeds_up || ' of ' || feeds AS feeds_up
FROM topic_share
WHERE topic = (
        SELECT CASE WHEN count(*) > 0 THEN $topic
               ELSE error('no topic ' || $topic || '; the table topics lists them') END
        FROM topics WHERE topic = $topic)
  AND day >= ($since AT TIME ZONE 'UTC')::DATE
  AND ($outlet IS NULL OR outlet = $outlet)
  AND outlet_articles > 0
ORDER BY day DESC, share DESC, outlet
