-- Executions by the hour, for ranges that begin before the oldest execution that is kept: up to a point from the hourly
-- statistics, which are some minutes behind, and from there on from the executions themselves.
(
    SELECT
        toDateTime64(hour, 6, 'UTC') AS at,
        task_name,
        app,
        queue,
        worker,
        state,
        exc_type,
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
        AND (
            --: report_filter
        )
    UNION ALL
    SELECT
        toDateTime64(toStartOfHour(started_at), 6, 'UTC') AS at,
        task_name,
        app,
        queue,
        worker,
        state,
        exc_type,
        count() AS runs,
        countIf(is_error) AS errors,
        count(duration_ns) AS started,
        sum(ifNull(duration_ns, 0)) AS duration_sum_ns,
        min(duration_ns) AS duration_min_ns,
        max(duration_ns) AS duration_max_ns,
        quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(
            toFloat64(ifNull(duration_ns, 0)), duration_ns IS NOT NULL) AS duration_quantiles,
        count(queue_wait_ns) AS waited,
        quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(
            toFloat64(ifNull(queue_wait_ns, 0)), queue_wait_ns IS NOT NULL) AS wait_quantiles
    FROM otel.celery_task_runs FINAL
    WHERE
        started_at >= fromUnixTimestamp64Micro(greatest({since_us:Int64}, {recent_us:Int64}), 'UTC')
        AND started_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        AND (
            --: report_filter
        )
    GROUP BY at, task_name, app, queue, worker, state, exc_type
)
