-- Rows of tasks, also those that a newer one replaced since, that say it of themselves; no more than a limit each. Asked
-- apart, because few texts can be part of an id (idx_letters), and fewer are part of a name (idx_says).
SELECT first_published_at, task_id
FROM otel.celery_tasks
WHERE
    (
        --: time_range
    )
    AND (
        --: search_names
    )
LIMIT {limit:UInt32}
UNION ALL
SELECT first_published_at, task_id
FROM otel.celery_tasks
WHERE
    (
        --: time_range
    )
    AND multiSearchAny(lowerUTF8(task_id), [lowerUTF8({search:String})])
    AND positionCaseInsensitiveUTF8(task_id, {search:String}) > 0
LIMIT {limit:UInt32}
