-- Publishes of one cell that failed, as celery_task_sends has them.
SELECT task_id, task_name, exc_type, is_error, args
FROM otel.celery_task_sends FINAL
WHERE service = {service:String} AND is_error
ORDER BY sent_at
