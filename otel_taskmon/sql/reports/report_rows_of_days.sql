-- Days whose hours were put together.
SELECT
    toDateTime64(first_hour, 6, 'UTC') AS at,
    toDateTime64(last_hour, 6, 'UTC') AS newest_at,
    --: report_statistics_columns
FROM otel.celery_task_stats_1d FINAL
WHERE
    toUnixTimestamp(day) IN {days:Array(UInt32)}
    AND runs > 0
    AND (empty({apps:Array(String)}) OR app IN {apps:Array(String)})
    AND (empty({queues:Array(String)}) OR queue IN {queues:Array(String)})
