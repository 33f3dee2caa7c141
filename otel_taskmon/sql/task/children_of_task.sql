-- The tasks that a task started, oldest first.
SELECT task_id, task_name, state, started_at, duration_ns
FROM otel.celery_tasks_current
WHERE parent_id = {task_id:String} AND task_id != {task_id:String}
ORDER BY first_published_at, task_id
LIMIT {limit:UInt32}
