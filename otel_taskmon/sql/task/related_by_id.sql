-- Enough of some tasks for a link to each; of an id that was published more than once, the newest.
SELECT task_id, task_name, state, started_at, duration_ns
FROM otel.celery_tasks_current
WHERE task_id IN {task_ids:Array(String)}
ORDER BY first_published_at DESC
LIMIT 1 BY task_id
