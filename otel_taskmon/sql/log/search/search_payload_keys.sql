-- Tasks by the arguments and exception text of any of their executions and publishes, in the same time range.
SELECT first_published_at, task_id
FROM otel.celery_task_runs FINAL
WHERE
    (
        --: time_range
    )
    AND (
        --: search_payload
        OR
        --: search_stacktrace
    )
UNION ALL
SELECT first_published_at, task_id
FROM otel.celery_task_sends FINAL
WHERE
    (
        --: time_range
    )
    AND (
        --: search_payload
    )
