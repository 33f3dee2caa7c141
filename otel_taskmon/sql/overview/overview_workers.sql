-- Workers by their signs of life in the range, which come every few seconds: when, how many lives, the last number of
-- executions that were running, and whether a goodbye is the last thing that was heard.
SELECT
    worker,
    toNullable(min(ts)) AS first_seen,
    toNullable(max(ts)) AS last_seen,
    uniqExactIf(boot_id, boot_id != '') AS boots,
    argMaxIf(
        toUInt32OrNull(attrs['taskmon.worker.running_count']),
        ts,
        event = 'heartbeat' AND toUInt32OrNull(attrs['taskmon.worker.running_count']) IS NOT NULL) AS running,
    argMax(event, ts) = 'offline' AS said_goodbye
FROM otel.celery_task_events FINAL
WHERE
    ts >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
    AND ts < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
    AND event IN ('online', 'heartbeat', 'offline')
    AND worker != ''
    AND (empty({workers:Array(String)}) OR worker IN {workers:Array(String)})
GROUP BY worker
ORDER BY worker
