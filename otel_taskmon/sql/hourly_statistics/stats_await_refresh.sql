SYSTEM WAIT VIEW otel.celery_task_stats_1h_mv
