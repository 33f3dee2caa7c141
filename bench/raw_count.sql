SELECT count(), min(first_ns), max(first_ns) FROM tasks
