SELECT * FROM tasks WHERE positionCaseInsensitiveUTF8(args, 'customer-12345@') > 0
ORDER BY first_ns DESC, task_id DESC LIMIT 100
