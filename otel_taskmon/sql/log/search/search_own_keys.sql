-- Rows of tasks, also those that a newer one replaced since, that say it of themselves; no more than a limit.
SELECT first_published_at, task_id
FROM otel.celery_tasks
WHERE
    (
        --: time_range
    )
    AND (
        --: search_own
    )
LIMIT {limit:UInt32}
