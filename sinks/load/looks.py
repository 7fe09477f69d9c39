"""What was asked for again, and what came of it: a row each, also where nothing changed."""

from __future__ import annotations

from config.failures import UNASKED
from sinks.load.step import Step

# A host that was not asked was not looked at.
NOTED = f"""
CREATE OR REPLACE TEMP TABLE looked AS
SELECT p.article_id, p.fetched_at AS looked_at, p.cause, p.http_status, v.version,
       p.article.body_hash AS body_hash, p.article.etag AS etag,
       p.article.last_modified AS last_modified, p.received AS bytes, p.milliseconds,
       p.error_type, p.error,
       CASE WHEN p.error_type IS NOT NULL THEN 'failed' WHEN v.version IS NOT NULL THEN 'changed'
            ELSE 'unchanged' END AS status
FROM rechecked p SEMI JOIN articles USING (article_id)
LEFT JOIN (FROM revised WHERE changed) v USING (article_id)
WHERE p.cause <> 'reextract'
  AND coalesce(p.error_type, '') NOT IN ({", ".join(f"'{kind}'" for kind in sorted(UNASKED))})
"""
LOOKS = """
INSERT INTO article_looks BY NAME
SELECT *, {run} AS run_id FROM looked ANTI JOIN article_looks USING (article_id, looked_at)
"""
WRITE = (Step(NOTED, "rechecked"), Step(LOOKS, "looked"))
"""Once the articles are there."""
