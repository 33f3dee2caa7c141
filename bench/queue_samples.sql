-- Lengths of six queues every ten seconds of the range, as the sampler sends them.
SELECT
    fromUnixTimestamp64Nano({range_start:Int64} + toInt64(number) * 10000000000) AS TimeUnix,
    metric AS MetricName,
    map('messaging.system', 'redis', 'messaging.destination.name', queue) AS Attributes,
    toFloat64(cityHash64(number, queue) % 500) AS Value
FROM numbers({samples:UInt64})
ARRAY JOIN ['celery', 'mails', 'slow', 'images', 'default', 'priority'] AS queue
ARRAY JOIN ['taskmon.queue.depth', 'taskmon.queue.unacked'] AS metric
