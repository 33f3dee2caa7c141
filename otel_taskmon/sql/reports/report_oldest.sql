-- When the oldest execution that is kept ran; repeats have nearly the same time, so nothing needs to be merged for it.
SELECT if(count() = 0, NULL, toNullable(min(started_at))) AS oldest
FROM otel.celery_task_runs
