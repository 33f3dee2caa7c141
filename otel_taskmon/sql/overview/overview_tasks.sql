-- Tasks first published in a range (1) and in the one before it (0), and those that failed for now. What the tables say
-- is counted as it is; of what was told last as started, the view says whether its worker is gone: a task that is lost
-- without a word has no end.
SELECT is_now, sum(tasks) AS tasks, sum(failed) AS failed
FROM
(
    SELECT
        first_published_at >= fromUnixTimestamp64Micro({split_us:Int64}, 'UTC') AS is_now,
        count() AS tasks,
        countIf(is_error) AS failed
    FROM otel.celery_tasks FINAL
    WHERE
        (
            --: time_range
        )
        AND (
            --: report_filter
        )
    GROUP BY is_now
    UNION ALL
    SELECT
        first_published_at >= fromUnixTimestamp64Micro({split_us:Int64}, 'UTC') AS is_now,
        0 AS tasks,
        count() AS failed
    FROM otel.celery_tasks_current
    WHERE
        state = 'LOST'
        AND ended_at IS NULL
        AND (
            --: time_range
        )
        AND (
            --: report_filter
        )
        AND first_published_at IN
        (
            SELECT first_published_at
            FROM otel.celery_tasks
            WHERE
                state = 'STARTED'
                AND (
                    --: time_range
                )
        )
    GROUP BY is_now
)
GROUP BY is_now
ORDER BY is_now
