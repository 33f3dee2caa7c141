-- One row per task, its honest state.
otel.celery_tasks_current
