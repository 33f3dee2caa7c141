otel.celery_tasks
