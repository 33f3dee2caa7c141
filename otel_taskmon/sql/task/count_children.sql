-- How many tasks a task started.
SELECT count() AS children
FROM otel.celery_tasks_current
WHERE parent_id = {task_id:String} AND task_id != {task_id:String}
