-- The executions that ran in a range, each once, in the columns that the hourly statistics have too.
(
    SELECT
        started_at AS at,
        started_at AS newest_at,
        task_name,
        app,
        queue,
        worker,
        state,
        exc_type,
        1 AS runs,
        is_error AS errors,
        duration_ns IS NOT NULL AS started,
        duration_ns,
        ifNull(duration_ns, 0) AS duration_sum_ns,
        duration_ns AS duration_min_ns,
        duration_ns AS duration_max_ns,
        queue_wait_ns IS NOT NULL AS waited,
        queue_wait_ns
    FROM otel.celery_task_runs FINAL
    WHERE
        started_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
        AND started_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        AND (
            --: report_filter
        )
)
