is_error = 0
