SELECT * FROM tasks ORDER BY duration_ns DESC, first_ns DESC, task_id DESC LIMIT 100
