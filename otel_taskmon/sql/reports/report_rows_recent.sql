-- What the hourly statistics do not say for certain yet, from the executions; grouped by hashes: as texts the four would
-- be put together as bytes for each row.
SELECT
    toDateTime64(toStartOfHour(min(ran.started_at)), 6, 'UTC') AS at,
    toDateTime64(toStartOfHour(max(ran.started_at)), 6, 'UTC') AS newest_at,
    any(ran.task_name) AS task_name,
    any(ran.app) AS app,
    any(ran.queue) AS queue,
    any(ran.state) AS state,
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
FROM
(
    SELECT started_at, task_name, app, queue, state, is_error, duration_ns, queue_wait_ns
    FROM otel.celery_task_runs FINAL
    WHERE
        started_at >= fromUnixTimestamp64Micro(greatest({since_us:Int64}, {recent_us:Int64}), 'UTC')
        AND started_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        AND (
            --: report_filter
        )
) AS ran
GROUP BY cityHash64(ran.task_name), cityHash64(ran.app), cityHash64(ran.queue), cityHash64(ran.state)
