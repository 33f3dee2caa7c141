-- From when to when there are tasks at all; repeats have the same time, so nothing needs to be merged for it.
SELECT
    if(count() = 0, NULL, toNullable(min(first_published_at))) AS oldest,
    if(count() = 0, NULL, toNullable(max(first_published_at))) AS newest
FROM otel.celery_tasks
