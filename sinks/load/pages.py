"""Pages that were kept: which of them the texts are from, for how long, and how many."""

from __future__ import annotations

from sinks.keep.pages import EXPIRED
from sinks.load.step import Step

MOST_KEPT = 50_000_000_000
"""Bytes of all kept pages, packed; the files that go first are those that are kept least long."""
# Of a page that became no text of its article, for whatever reason, nothing is to be read anew.
KEPT = """
CREATE OR REPLACE TEMP TABLE kept AS
SELECT a.article_id, p.kept.file AS file, p.kept.at_byte AS at_byte, p.kept.length AS length,
       p.kept.until AS until, coalesce(p.own_url, p.url) AS url, a.body_hash, p.fetched_at
FROM (
    SELECT article.article_id AS article_id, * FROM pages ANTI JOIN had USING (url_id)
    UNION ALL SELECT * EXCLUDE cause FROM rechecked
) p JOIN articles a ON a.article_id = p.article_id AND a.body_hash = p.article.body_hash
WHERE p.kept IS NOT NULL
"""
KEPT_PAGES = """
INSERT INTO kept_pages BY NAME
SELECT *, {run} AS run_id FROM kept ANTI JOIN kept_pages USING (file, at_byte)
"""
TOO_MANY = f"""
DELETE FROM kept_pages WHERE file IN (
    SELECT file FROM (
        SELECT file, sum(sum(length)) OVER (ORDER BY max(until) DESC, file) AS so_far
        FROM kept_pages GROUP BY file
    ) WHERE so_far > {MOST_KEPT}
)
"""
WRITE = (Step(KEPT), Step(KEPT_PAGES, "kept"), Step(EXPIRED, "kept"), Step(TOO_MANY, "kept"))
"""Once the articles are there."""
