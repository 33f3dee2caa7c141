-- Length of one queue by bucket, from the samples; a queue of the same name on two brokers counts twice.
SELECT bucket, sum(mean) AS depth, sum(longest) AS deepest, max(oldest_s) AS oldest_seconds, sum(broker_samples) AS samples
FROM
(
    SELECT
        broker,
        intDiv(toUnixTimestamp64Micro(ts), {bucket_us:Int64}) AS bucket,
        avg(depth) AS mean,
        max(depth) AS longest,
        max(greatest(dateDiff('second', oldest_at, ts), 0)) AS oldest_s,
        count() AS broker_samples
    FROM otel.celery_queue_depth FINAL
    WHERE
        ts >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
        AND ts < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        AND queue = {queue:String}
    GROUP BY broker, bucket
)
GROUP BY bucket
ORDER BY bucket
