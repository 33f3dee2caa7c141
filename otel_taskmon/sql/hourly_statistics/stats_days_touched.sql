-- Days, since the epoch, whose statistics by the hour a purge is about to delete.
SELECT DISTINCT intDiv(toUnixTimestamp(hour), 86400)
FROM otel.celery_task_stats_1h
WHERE
    --: purge_doomed_stats
