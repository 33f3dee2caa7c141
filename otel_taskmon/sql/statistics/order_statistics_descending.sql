sort_number DESC NULLS LAST, sort_text DESC, task_name ASC, app ASC
