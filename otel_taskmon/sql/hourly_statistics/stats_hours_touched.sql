-- Hours whose statistics count executions that a purge is about to delete, in seconds since the epoch.
SELECT DISTINCT toUnixTimestamp(toStartOfHour(toDateTime(started_at, 'UTC')))
FROM otel.celery_task_runs
WHERE
    --: doomed
