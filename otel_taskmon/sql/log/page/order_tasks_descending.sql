sort_value DESC, first_published_at DESC, task_id DESC
