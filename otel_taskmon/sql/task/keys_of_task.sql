-- The keys of a task id, newest first. There is one, unless neither publisher nor main process stamped the message.
SELECT first_published_at, task_id
FROM otel.celery_tasks
WHERE task_id = {task_id:String}
ORDER BY first_published_at DESC
LIMIT 1 BY first_published_at, task_id
LIMIT 1
