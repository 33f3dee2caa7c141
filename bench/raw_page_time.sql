SELECT * FROM tasks ORDER BY first_ns DESC, task_id DESC LIMIT 100
