-- One row per task name.
task_name AS label, '' AS its_app
