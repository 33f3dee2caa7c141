sort_value ASC, first_published_at ASC, task_id ASC
