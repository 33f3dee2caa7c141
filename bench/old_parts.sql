-- Partitions of days that are over and have more than one part; the last two days are left as they came.
SELECT table, partition_id
FROM system.parts
WHERE database = 'otel' AND active AND table IN ('celery_tasks', 'celery_task_runs', 'celery_task_sends')
GROUP BY table, partition, partition_id
HAVING count() > 1 AND toDate(partition) < (
    SELECT max(toDate(partition)) - 1 FROM system.parts WHERE database = 'otel' AND active AND table = 'celery_tasks')
ORDER BY table, partition_id
