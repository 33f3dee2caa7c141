-- The beginning of the newest publish's arguments, for tasks whose newest retry has no execution yet.
-- PREWHERE with FINAL is exact here: all versions of a row have the same key.
SELECT
    first_published_at,
    task_id,
    argMax(substringUTF8(args, 1, 200), (retries, sent_at)) AS args_short,
    argMax(substringUTF8(kwargs, 1, 200), (retries, sent_at)) AS kwargs_short
FROM otel.celery_task_sends FINAL
PREWHERE (first_published_at, task_id) IN (
    --: given_keys
)
GROUP BY first_published_at, task_id
