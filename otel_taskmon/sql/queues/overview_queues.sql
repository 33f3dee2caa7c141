-- The last sample of each queue in the range. When that was is found without merging, which reads three columns; then
-- what the rows of that moment say together, as merging would put them together: the largest of each value.
SELECT queue, broker, max(depth), max(unacked), max(consumers), ts
FROM otel.celery_queue_depth
WHERE (broker, queue, ts) IN (
    SELECT broker, queue, max(ts)
    FROM otel.celery_queue_depth
    WHERE
        ts >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
        AND ts < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        AND (empty({queues:Array(String)}) OR queue IN {queues:Array(String)})
    GROUP BY broker, queue
)
GROUP BY queue, broker, ts
ORDER BY queue, broker
