-- Hours from the statistics, without those of the days that are taken as a whole. A group that has no executions any
-- more has a row that says so; to a report it is nothing.
SELECT
    toDateTime64(hour, 6, 'UTC') AS at,
    toDateTime64(hour, 6, 'UTC') AS newest_at,
    --: report_statistics_columns
FROM otel.celery_task_stats_1h FINAL
WHERE
    hour >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
    AND hour < fromUnixTimestamp64Micro(least({until_us:Int64}, {recent_us:Int64}), 'UTC')
    AND runs > 0
    AND toUnixTimestamp(toStartOfDay(hour)) NOT IN {days:Array(UInt32)}
    AND (
        --: report_filter
    )
