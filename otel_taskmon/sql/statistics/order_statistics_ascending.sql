sort_number ASC NULLS LAST, sort_text ASC, task_name ASC, app ASC
