-- One row per task as it is stored: for questions that neither show nor ask for a state that is made when it is read.
otel.celery_tasks FINAL
