-- Queues that were counted in the last day or that tasks were published to in the last week, by name.
SELECT DISTINCT queue
FROM
(
    SELECT queue FROM otel.celery_queue_depth WHERE ts >= now64(6, 'UTC') - INTERVAL 1 DAY
    UNION ALL
    SELECT queue FROM otel.celery_task_sends WHERE sent_at >= now64(6, 'UTC') - INTERVAL 7 DAY
)
WHERE queue != ''
ORDER BY queue
LIMIT {limit:UInt32}
