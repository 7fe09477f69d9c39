"""What went wrong with feeds and pages: dead letters, a row each."""

from __future__ import annotations

from config.failures import Kind
from sinks.load.step import Step

FAILURES = """
INSERT INTO failures BY NAME
SELECT *, {run} AS run_id FROM (
    SELECT md5({run} || stage || feed_url) AS failure_id, stage, feed_url AS input, feed_url,
           error_type, error AS message, polled_at AS failed_at, after.failures AS attempts
    FROM polls WHERE status = 'failed'
    UNION ALL
    SELECT md5({run} || stage || url), stage, url, feed_url, error_type, error, fetched_at, attempts
    FROM pages WHERE error_type IS NOT NULL
)
WHERE failure_id NOT IN (SELECT failure_id FROM failures WHERE run_id = {run})
QUALIFY row_number() OVER (PARTITION BY failure_id ORDER BY failed_at) = 1
"""
WRITE = (Step(FAILURES),)
UNFIT_SHARD = f"""
INSERT INTO failures (failure_id, run_id, stage, input, error_type, message, failed_at, attempts)
SELECT id, $1, 'stage', $2, '{Kind.SET_ASIDE}', $3, now(), 1
FROM (SELECT md5($1 || 'stage' || $2) AS id)
WHERE id NOT IN (SELECT failure_id FROM failures WHERE run_id = $1)
"""
"""A staged file that cannot be loaded: run, name of the file, reason."""
