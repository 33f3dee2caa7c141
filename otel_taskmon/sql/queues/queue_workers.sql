-- How many workers that are alive take from each queue, by what each said last; workers without otel-taskmon say nothing.
SELECT queue, count() AS workers
FROM
(
    SELECT boot_id, argMax(attrs['taskmon.worker.queues'], ts) AS queues
    FROM otel.celery_task_events
    WHERE
        event IN ('online', 'heartbeat')
        AND boot_id IN (SELECT boot_id FROM otel.celery_worker_boots_latest WHERE is_alive)
        AND ts >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
    GROUP BY boot_id
)
ARRAY JOIN JSONExtract(queues, 'Array(String)') AS queue
GROUP BY queue
ORDER BY queue
