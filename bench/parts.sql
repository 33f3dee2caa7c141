SELECT table, count() FROM system.parts
WHERE database = 'otel' AND active AND table IN ('celery_tasks', 'celery_task_runs', 'celery_task_sends')
GROUP BY table ORDER BY table
