-- The last sample of a queue before each given moment, unless it is older than some minutes.
SELECT given.execution_id AS execution_id, samples.depth AS depth, samples.unacked AS unacked, samples.ts AS sampled_at
FROM
(
    SELECT each.1 AS execution_id, each.2 AS queue, fromUnixTimestamp64Micro(each.3, 'UTC') AS at
    FROM
    (
        SELECT arrayJoin(arrayZip(
            {execution_ids:Array(String)}, {queues:Array(String)}, {moments_us:Array(Int64)})) AS each
    )
) AS given
ASOF INNER JOIN
(
    SELECT toString(queue) AS queue, ts, depth, unacked
    FROM otel.celery_queue_depth FINAL
    WHERE
        queue IN {queues:Array(String)}
        AND ts >= fromUnixTimestamp64Micro(arrayMin({moments_us:Array(Int64)}) - {oldest_us:Int64}, 'UTC')
        AND ts <= fromUnixTimestamp64Micro(arrayMax({moments_us:Array(Int64)}), 'UTC')
) AS samples
ON samples.queue = given.queue AND samples.ts <= given.at
WHERE samples.ts >= given.at - toIntervalMicrosecond({oldest_us:Int64})
