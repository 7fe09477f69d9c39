"""Which story each page of a commit is: what one page cannot tell, several and the tables do.

Before the articles: a text that pages have under several headlines, none of them its own, is a
failure; and no page is taken for the article that another, different text is already. After the
entries: a page that is another's article says by what.
"""

from __future__ import annotations

import duckdb

from config.failures import Kind
from sinks.load.step import Step
from transforms.hashing import digest
from transforms.text.sameness import same_story

NEW = """
CREATE OR REPLACE TEMP TABLE new_pages AS
SELECT url_id, article.article_id AS article_id, article.title AS title,
       article.text_hash AS text_hash, split_part(article.canonical_url, '/', 3) AS host,
       article.text_source = 'page' AND NOT told AS untold,
       coalesce(own_url, article.canonical_url) AS own_url,
       coalesce(own_url = article.canonical_url, true) AS home
FROM pages ANTI JOIN had USING (url_id) WHERE article IS NOT NULL
"""
UNTOLD = "CREATE OR REPLACE TEMP TABLE untold AS FROM new_pages WHERE untold"
# Most pages of a text must not tell their headlines: a live page is listed under many, and does.
# Articles of the text are found by rowid, because a join would read the titles of all.
SAME_TEXT = f"""
CREATE OR REPLACE TEMP TABLE same_text AS
SELECT url_id FROM new_pages SEMI JOIN (
    SELECT host, text_hash FROM new_pages SEMI JOIN untold USING (host, text_hash)
    GROUP BY ALL
    HAVING count(DISTINCT title) > 1 AND 2 * count(*) FILTER (untold) > count(*)
) USING (host, text_hash)
UNION
SELECT u.url_id FROM untold u JOIN (
    SELECT text_hash, title, canonical_url FROM articles
    WHERE rowid IN (SELECT a.rowid FROM articles a SEMI JOIN untold USING (text_hash))
) a USING (text_hash)
WHERE a.title <> u.title AND split_part(a.canonical_url, '/', 3) = u.host
UNION
SELECT url_id FROM untold WHERE text_hash IN (
    SELECT message[-64:] FROM failures WHERE error_type = '{Kind.SAME_TEXT}')
"""
REFUSED = f"""
UPDATE pages
SET state = 'failed', stage = 'extract', error_type = '{Kind.SAME_TEXT}', article = NULL,
    error = 'other pages of its host have this text under other headlines, which it does not tell: '
            || article.text_hash
WHERE url_id IN (FROM same_text);
DELETE FROM new_pages WHERE url_id IN (FROM same_text)
"""
# Pages that lead to an article to which others lead, too; and the one that stands there. What is
# `home` was found at that address, the others only say that it is theirs. Of an article that
# redirects led to only that is known, and it is taken for home.
CLAIMS = """
CREATE OR REPLACE TEMP TABLE claims AS
SELECT n.*, p.article.text AS text, p.feed_position, p.url
FROM new_pages n JOIN pages p USING (url_id)
WHERE n.article_id IN (
    SELECT article_id FROM new_pages GROUP BY ALL HAVING count(*) > 1
    UNION ALL
    SELECT article_id FROM articles SEMI JOIN new_pages USING (article_id)
)
"""
STANDING = """
CREATE OR REPLACE TEMP TABLE standing AS
SELECT article_id, url_id, text, url_id = article_id OR len(redirects) > 0 AS home, true AS known
FROM articles SEMI JOIN claims USING (article_id)
UNION ALL
SELECT article_id, url_id, text, home, false FROM claims ANTI JOIN articles USING (article_id)
QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY NOT home, feed_position, url) = 1
"""
# Where none is at home and their texts differ, none is believed.
ASTRAY = """
CREATE OR REPLACE TEMP TABLE astray AS
WITH differing AS (
    SELECT c.*, s.home OR s.known AS rightly
    FROM claims c JOIN standing s USING (article_id)
    WHERE c.url_id <> s.url_id AND NOT (c.home AND s.home) AND NOT same_story(c.text, s.text)
)
SELECT url_id, own_url, text, text_hash FROM differing
UNION
SELECT url_id, own_url, text, text_hash FROM claims
WHERE NOT home AND article_id IN (SELECT article_id FROM differing WHERE NOT rightly)
"""
# Each goes to its own address. Where another story is taken for that one, a fragment with the hash
# of the text tells them apart: no address in normal form has one.
TAKEN = """
CREATE OR REPLACE TEMP TABLE taken AS
SELECT a.url_id FROM astray a JOIN articles other ON other.article_id = digest(a.own_url)
WHERE other.url_id <> other.article_id AND NOT same_story(a.text, other.text)
UNION
SELECT a.url_id FROM astray a
JOIN new_pages n ON n.article_id = digest(a.own_url) AND n.url_id <> a.url_id AND NOT n.home
JOIN pages p ON p.url_id = n.url_id
WHERE n.url_id NOT IN (SELECT url_id FROM astray) AND NOT same_story(a.text, p.article.text)
"""
MOVED = """
UPDATE pages
SET article = struct_update(article, article_id := digest(a.address), canonical_url := a.address)
FROM (
    SELECT url_id, own_url || if(url_id IN (FROM taken), '#' || text_hash[:12], '') AS address
    FROM astray
) a WHERE pages.url_id = a.url_id
"""
MERGED = """
CREATE OR REPLACE TEMP TABLE merged AS
SELECT url_id, article_id, home, p.article.canonical_url AS address,
       len(p.article.redirects) > 0 AS led
FROM new_pages n JOIN pages p USING (url_id) ANTI JOIN fresh USING (url_id)
"""
REASONS = """
UPDATE entries
SET reason = 'merged with ' || a.url || CASE
    WHEN NOT m.home THEN ': rel=canonical names ' || m.address
    WHEN m.led THEN ': redirects led to ' || m.address
    ELSE ', which is at ' || m.address END
FROM merged m JOIN articles a USING (article_id)
WHERE entries.url_id = m.url_id AND entries.state = 'fetched' AND a.url_id <> m.url_id
"""
FOUND = (
    Step(NEW),
    Step(UNTOLD),
    Step(SAME_TEXT, "untold"),
    Step(REFUSED, "same_text"),
    Step(CLAIMS),
    Step(STANDING, "claims"),
    Step(ASTRAY, "claims"),
    Step(TAKEN, "astray"),
    Step(MOVED, "astray"),
)
"""Once it is known which pages are new."""
WRITE = (Step(MERGED), Step(REASONS, "merged"))
"""Once the entries are there."""


def give_words(connection: duckdb.DuckDBPyConnection) -> None:
    """Let statements of a commit call what decides on ids and texts."""
    connection.create_function("digest", digest, ["VARCHAR"], "VARCHAR")
    connection.create_function("same_story", same_story, ["VARCHAR", "VARCHAR"], "BOOLEAN")
