-- The last sample of each queue in the range.
SELECT queue, broker, argMax(depth, ts), argMax(tuple(unacked), ts).1, argMax(tuple(consumers), ts).1, max(ts)
FROM otel.celery_queue_depth FINAL
WHERE
    ts >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
    AND ts < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
    AND (empty({queues:Array(String)}) OR queue IN {queues:Array(String)})
GROUP BY queue, broker
ORDER BY queue, broker
