-- Executions by the hour, for ranges that begin before the oldest execution that is kept: up to a point from the hourly
-- statistics, which are some minutes behind, and from there on from the executions themselves, one row each. For what
-- asks for hours, workers or exceptions, which are counts alone. A group that has no executions any more has a row that
-- says so; to a report it is nothing.
(
    SELECT
        toDateTime64(hour, 6, 'UTC') AS at,
        toDateTime64(hour, 6, 'UTC') AS newest_at,
        task_name,
        app,
        queue,
        worker,
        state,
        exc_type,
        runs,
        errors,
        started
    FROM otel.celery_task_stats_1h FINAL
    WHERE
        hour >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
        AND hour < fromUnixTimestamp64Micro(least({until_us:Int64}, {recent_us:Int64}), 'UTC')
        AND runs > 0
        AND (
            --: report_filter
        )
    UNION ALL
    SELECT
        toDateTime64(toStartOfHour(started_at), 6, 'UTC') AS at,
        toDateTime64(toStartOfHour(started_at), 6, 'UTC') AS newest_at,
        task_name,
        app,
        queue,
        worker,
        state,
        exc_type,
        toUInt64(1) AS runs,
        toUInt64(is_error) AS errors,
        toUInt64(duration_ns IS NOT NULL) AS started
    FROM otel.celery_task_runs FINAL
    WHERE
        started_at >= fromUnixTimestamp64Micro(greatest({since_us:Int64}, {recent_us:Int64}), 'UTC')
        AND started_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        AND (
            --: report_filter
        )
)
