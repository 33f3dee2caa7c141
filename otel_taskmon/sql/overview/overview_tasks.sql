-- Tasks first published in a range (1) and in the one before it (0), and those that failed for now.
SELECT
    first_published_at >= fromUnixTimestamp64Micro({split_us:Int64}, 'UTC') AS is_now,
    count() AS tasks,
    countIf(is_error) AS failed
FROM otel.celery_tasks_current
WHERE
    (
        --: time_range
    )
    AND (
        --: report_filter
    )
GROUP BY is_now
ORDER BY is_now
