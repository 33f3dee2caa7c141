-- Partitions that have more than one part.
SELECT table, partition_id
FROM system.parts
WHERE database = 'otel' AND active AND table IN ('celery_tasks', 'celery_task_runs', 'celery_task_sends')
GROUP BY table, partition, partition_id
HAVING count() > 1
ORDER BY table, partition_id
