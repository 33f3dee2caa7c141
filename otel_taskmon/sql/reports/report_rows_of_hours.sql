-- Hours from the statistics, without those of the days that are taken as a whole.
SELECT
    toDateTime64(hour, 6, 'UTC') AS at,
    toDateTime64(hour, 6, 'UTC') AS newest_at,
    task_name,
    app,
    queue,
    state,
    runs,
    errors,
    started,
    duration_sum_ns,
    duration_min_ns,
    duration_max_ns,
    duration_quantiles,
    waited,
    wait_quantiles
FROM otel.celery_task_stats_1h FINAL
WHERE
    hour >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
    AND hour < fromUnixTimestamp64Micro(least({until_us:Int64}, {recent_us:Int64}), 'UTC')
    AND toUnixTimestamp(toStartOfDay(hour)) NOT IN {days:Array(UInt32)}
    AND (
        --: report_filter
    )
