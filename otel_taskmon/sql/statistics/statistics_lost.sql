-- Tasks that are lost now, of each task name and app; one whose worker is gone without a word has no execution that
-- ended. By the time they started, or were given up. Only what was told last as lost or as started can be lost: looking
-- for those rows first, merged or not, leaves the view few tasks to judge.
SELECT task_name, app, count() AS lost
FROM otel.celery_tasks_current
WHERE
    state = 'LOST'
    AND ifNull(started_at, ended_at) >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
    AND ifNull(started_at, ended_at) < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
    AND (
        --: report_filter
    )
    AND (first_published_at, task_id) IN
    (
        SELECT first_published_at, task_id
        FROM otel.celery_tasks
        WHERE
            state IN ('LOST', 'STARTED')
            AND ifNull(started_at, ended_at) >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
            AND ifNull(started_at, ended_at) < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
    )
    AND (positionCaseInsensitiveUTF8(task_name, {search:String}) > 0 OR empty({search:String}))
GROUP BY task_name, app
