-- Executions that came from one queue and have ended, by the bucket of their start, with how long they had waited.
SELECT
    intDiv(toUnixTimestamp64Micro(started_at), {bucket_us:Int64}) AS bucket,
    count() AS taken,
    countIf(queue_wait_ns IS NOT NULL) AS waited,
    quantilesTDigestIf(0.5, 0.95)(ifNull(queue_wait_ns, 0), queue_wait_ns IS NOT NULL) AS wait
FROM
(
    SELECT started_at, queue_wait_ns
    FROM otel.celery_task_runs FINAL
    WHERE
        started_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
        AND started_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        AND queue = {queue:String}
        AND is_eager = 0
)
GROUP BY bucket
ORDER BY bucket
