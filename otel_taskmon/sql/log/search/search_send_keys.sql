-- Tasks by the arguments and exception text of any of their publishes.
SELECT first_published_at, task_id
FROM otel.celery_task_sends FINAL
WHERE
    (
        --: time_range
    )
    AND (
        --: search_payload
    )
