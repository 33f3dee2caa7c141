-- Tasks in the store.
SELECT uniqExact(task_id) FROM otel.celery_tasks
