-- One row per task name and app.
task_name AS label, app AS its_app
