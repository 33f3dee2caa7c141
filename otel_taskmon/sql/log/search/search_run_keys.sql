-- Tasks by the arguments and exception text of any of their executions.
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
