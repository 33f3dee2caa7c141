-- Tasks that are lost now, of each task name and app; one whose worker is gone without a word has no execution that
-- ended. By the time they started, or were given up. Only a task with an execution that was lost, or that was told last
-- as started, can be lost: looking for those rows first, merged or not, leaves the view few tasks to judge.
-- By their time alone: with the ids, the index of ids would be asked for each id in each stretch of rows.
SELECT task_name, app, count() AS lost
FROM otel.celery_tasks_current
WHERE
    state = 'LOST'
    AND ifNull(started_at, ended_at) >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
    AND ifNull(started_at, ended_at) < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
    AND (
        --: report_filter
    )
    AND first_published_at IN
    (
        SELECT first_published_at
        FROM otel.celery_task_runs
        WHERE
            state = 'LOST'
            AND started_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
            AND started_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        UNION ALL
        SELECT first_published_at
        FROM otel.celery_tasks
        WHERE
            state = 'STARTED'
            AND started_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
            AND started_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
    )
    AND (positionCaseInsensitiveUTF8(task_name, {search:String}) > 0 OR empty({search:String}))
GROUP BY task_name, app
