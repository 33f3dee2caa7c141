toNullable(toString(task_name))
