-- Messages published to each queue, and executions of each that began and have ended, in a range.
SELECT queue, sum(ins) AS published, sum(outs) AS taken
FROM
(
    SELECT toString(queue) AS queue, count() AS ins, 0 AS outs
    FROM otel.celery_task_sends FINAL
    WHERE
        sent_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
        AND sent_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        AND is_error = 0
    GROUP BY queue
    UNION ALL
    SELECT toString(queue) AS queue, 0 AS ins, count() AS outs
    FROM otel.celery_task_runs FINAL
    WHERE
        started_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
        AND started_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        AND is_eager = 0
    GROUP BY queue
)
WHERE queue != ''
GROUP BY queue
ORDER BY queue
