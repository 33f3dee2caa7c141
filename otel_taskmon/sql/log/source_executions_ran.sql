-- One row per execution, of those that ran in a range of their own time, failed, or have a runtime (1) or none (0).
(
    SELECT *
    FROM otel.celery_task_runs FINAL
    WHERE
        started_at >= fromUnixTimestamp64Micro({ran_since_us:Int64}, 'UTC')
        AND started_at < fromUnixTimestamp64Micro({ran_until_us:Int64}, 'UTC')
        AND (NOT {failed_only:UInt8} OR is_error)
        AND ({ran:Int8} = -1 OR (duration_ns IS NOT NULL) = {ran:Int8})
)
