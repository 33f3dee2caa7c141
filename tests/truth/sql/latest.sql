-- State of tasks whose execution nobody could report, as it is worked out when read.
SELECT task_id, task_name, state, retries, queue, worker, is_error, root_id, parent_id
FROM otel.celery_tasks_latest
WHERE task_id IN {ids:Array(String)}
