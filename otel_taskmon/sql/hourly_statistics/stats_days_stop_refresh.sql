SYSTEM CANCEL VIEW otel.celery_task_stats_1d_mv
