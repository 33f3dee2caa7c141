-- One row per task, of those whose newest execution ran in a range of its own time, failed, or has a runtime (1) or
-- ended without one (0). Without any bound a task that never ran is left out only where a runtime is asked for.
(
    SELECT *
    FROM otel.celery_tasks_current
    WHERE
        (
            NOT {ran_bounded:UInt8}
            OR (
                ifNull(started_at, ended_at) >= fromUnixTimestamp64Micro({ran_since_us:Int64}, 'UTC')
                AND ifNull(started_at, ended_at) < fromUnixTimestamp64Micro({ran_until_us:Int64}, 'UTC'))
        )
        AND (NOT {failed_only:UInt8} OR is_error)
        AND ({ran:Int8} = -1 OR if({ran:Int8} = 1, duration_ns IS NOT NULL, duration_ns IS NULL AND ended_at IS NOT NULL))
)
