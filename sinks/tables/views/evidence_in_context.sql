-- Each match with the words around it.
--
-- article_id  Article.
-- topic       Topic id.
-- field       Where: title or text.
-- phrase      The phrase of the topic.
-- start       Offset of the match in code points, from 0.
-- end         Offset after it.
-- before      Up to 60 characters before.
-- matched     The words that matched.
-- after       Up to 60 characters after.

SELECT article_id, topic, field, phrase, start, "end",
       substring(body, greatest(start - 59, 1), least(start, 60)) AS before,
       matched,
       substring(body, "end" + 1, 60) AS after
FROM (SELECT e.*, CASE field WHEN 'title' THEN a.title ELSE a.text END AS body
      FROM topic_evidence e JOIN articles a USING (article_id))
