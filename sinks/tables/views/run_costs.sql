-- What each run cost and brought, the newest first.
--
-- run_id                Run.
-- started_at            Start.
-- state                 How it ended.
-- seconds               Time of its work, of waiting for the database, and of its commit; NULL for a run that died.
-- plan_seconds          … of which for finding out what is due.
-- poll_seconds          … for polling and reading feeds.
-- page_seconds          … for fetching, extracting and tagging pages.
-- lock_seconds          … for waiting until the database was free.
-- commit_seconds        … for the commit, when no one else can use the database; see runs.commit_seconds.
-- cpu_seconds           CPU time of its processes, before the commit.
-- feeds_polled          Feeds polled.
-- pages                 Pages tried.
-- articles              Articles added or changed.
-- cpu_seconds_per_page  CPU seconds by pages, polling included; NULL without pages.
-- feed_bytes            Bytes received for feeds.
-- page_bytes            Size of the pages of its articles, unpacked.
-- staged_bytes          Size of its staged files.
-- failures              Failures of feeds and pages.

WITH polls AS (SELECT run_id, sum(bytes)::BIGINT AS feed_bytes FROM feed_polls GROUP BY ALL),
     brought AS (
         SELECT run_id, sum(bytes)::BIGINT AS page_bytes
         FROM (SELECT run_id, bytes FROM articles
               UNION ALL SELECT run_id, bytes FROM article_versions)
         GROUP BY ALL),
     staged AS (SELECT run_id, sum(bytes)::BIGINT AS staged_bytes FROM staged_shards GROUP BY ALL),
     wrong AS (SELECT run_id, count(*) AS failures FROM failures GROUP BY ALL)
SELECT run_id, started_at, state,
       round(epoch(finished_at - started_at) + lock_seconds + commit_seconds, 3) AS seconds,
       plan_seconds, poll_seconds, page_seconds, lock_seconds, commit_seconds, cpu_seconds,
       feeds_polled, pages, articles_new + coalesce(articles_changed, 0) AS articles,
       round(cpu_seconds / nullif(pages, 0), 4) AS cpu_seconds_per_page,
       coalesce(feed_bytes, 0) AS feed_bytes, coalesce(page_bytes, 0) AS page_bytes,
       coalesce(staged_bytes, 0) AS staged_bytes, coalesce(failures, 0) AS failures
FROM runs LEFT JOIN polls USING (run_id) LEFT JOIN brought USING (run_id)
LEFT JOIN staged USING (run_id) LEFT JOIN wrong USING (run_id)
ORDER BY run_id DESC
