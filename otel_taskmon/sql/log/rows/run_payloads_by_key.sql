-- How many executions each task of a page has, and the beginning of the newest one's arguments.
-- PREWHERE with FINAL is exact here: all versions of a row have the same key.
SELECT
    first_published_at,
    task_id,
    count() AS executions,
    max(runs.retries) AS newest_retries,
    argMax(substringUTF8(args, 1, 200), (runs.retries, ifNull(received_at, started_at))) AS args_short,
    argMax(substringUTF8(kwargs, 1, 200), (runs.retries, ifNull(received_at, started_at))) AS kwargs_short
FROM otel.celery_task_runs AS runs FINAL
PREWHERE (first_published_at, task_id) IN (
    --: given_keys
)
GROUP BY first_published_at, task_id
