-- How many publishes, executions, tasks and errors the tables hold since {since}, by task name and state.
-- The same cells as the demo's own counters (counters.py); FINAL, since a row that was sent twice counts once.
SELECT 'publishes' AS what, task_name, '' AS state, count() AS found
FROM otel.celery_task_sends FINAL
WHERE first_published_at >= {since:DateTime64(6, 'UTC')}
GROUP BY task_name
UNION ALL
SELECT 'executions' AS what, task_name, state, count() AS found
FROM otel.celery_task_runs FINAL
WHERE first_published_at >= {since:DateTime64(6, 'UTC')}
GROUP BY task_name, state
UNION ALL
SELECT 'tasks' AS what, task_name, state, count() AS found
FROM otel.celery_tasks_latest
WHERE first_published_at >= {since:DateTime64(6, 'UTC')}
GROUP BY task_name, state
UNION ALL
SELECT 'errors' AS what, task_name, '' AS state, count() AS found
FROM otel.celery_task_runs FINAL
WHERE first_published_at >= {since:DateTime64(6, 'UTC')} AND is_error = 1
GROUP BY task_name
