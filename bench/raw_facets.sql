SELECT state, app, task_name, exc_type, queue, worker, priority, count() FROM tasks
GROUP BY GROUPING SETS ((state), (app), (task_name), (exc_type), (queue), (worker), (priority))
