-- Seconds that each run took, and for what. Try it with --plot.
-- :since TIME = 30d  Only runs that started since.
SELECT started_at, seconds, plan_seconds, poll_seconds, page_seconds, commit_seconds, cpu_seconds,
       state, run_id
FROM run_costs
WHERE started_at >= $since
ORDER BY started_at
