-- Average queue length per queue and bucket, from the samples; a queue of the same name on two brokers counts twice.
SELECT
    queue,
    groupArray(bucket) AS buckets,
    groupArray(depth) AS depths,
    groupArray(samples) AS counts,
    sum(samples) AS samples_of_queue,
    min(oldest) AS oldest_of_queue,
    max(newest) AS newest_of_queue
FROM
(
    SELECT
        queue,
        bucket,
        sum(average) AS depth,
        sum(broker_samples) AS samples,
        min(broker_oldest) AS oldest,
        max(broker_newest) AS newest
    FROM
    (
        SELECT
            broker,
            queue,
            intDiv(toUnixTimestamp64Micro(ts), {bucket_us:Int64}) AS bucket,
            avg(depth) AS average,
            count() AS broker_samples,
            min(ts) AS broker_oldest,
            max(ts) AS broker_newest
        FROM otel.celery_queue_depth FINAL
        WHERE
            ts >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
            AND ts < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
            AND (empty({queues:Array(String)}) OR queue IN {queues:Array(String)})
        GROUP BY broker, queue, bucket
    )
    GROUP BY queue, bucket
)
GROUP BY queue
ORDER BY queue
