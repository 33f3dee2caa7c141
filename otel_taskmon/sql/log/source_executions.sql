-- One row per execution, the newest report of each.
otel.celery_task_runs FINAL
