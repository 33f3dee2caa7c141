-- Tasks whose newest execution has no row in celery_task_runs, so that only a publish knows its arguments: it has not
-- ended, or the publish itself failed.
SELECT first_published_at, task_id
FROM otel.celery_tasks FINAL
WHERE
    (
        --: time_range
    )
    AND (
        state IN ('SENT', 'RECEIVED', 'STARTED') OR (state = 'FAILURE' AND worker = '')
    )
