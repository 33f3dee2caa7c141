-- Of the hours computed again, what the computation replaced, and the zeros that stand for groups without executions.
hour IN (
    SELECT hour
    FROM otel.celery_task_stats_1h
    WHERE
        computed_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
        AND hour IN (SELECT toDateTime(arrayJoin({hours:Array(UInt32)}), 'UTC'))
)
AND (computed_at < fromUnixTimestamp64Micro({since_us:Int64}, 'UTC') OR runs = 0)
