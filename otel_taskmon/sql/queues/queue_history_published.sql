-- Messages published to one queue, by bucket.
SELECT intDiv(toUnixTimestamp64Micro(sent_at), {bucket_us:Int64}) AS bucket, count() AS published
FROM otel.celery_task_sends FINAL
WHERE
    sent_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
    AND sent_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
    AND queue = {queue:String}
    AND is_error = 0
GROUP BY bucket
ORDER BY bucket
